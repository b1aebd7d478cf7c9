//! Planted faults for the proof: each breaks one rule of the correlation specification, and the suite of
//! `tests/correlation` must notice each. Without the feature `mutants` none can be chosen and nothing of this is left.

use crate::protocol::requester::Requester;

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The first pending request that fits is answered; no lanes, no addresses, no shadows.
    FirstFit,
    /// One request in flight for each subject, but nothing stands for what has ended.
    OneInFlight,
    /// An answered request leaves nothing behind, so its double fits the next.
    NoQuarantine,
    /// An event for target 0 counts as if it were for us.
    AcceptsTargetZero,
    /// An event of an application that is no OCS counts.
    AcceptsForeignOrigin,
    /// An event of another OCS counts.
    AcceptsOtherOcs,
    /// A CM_EvError without ids resolves the first of two live requests.
    ResolvesErrorAmongTwo,
    /// Code 3 is taken to mean no cancel.
    FiltersCancelOnCode3,
    /// A reconnect forgets all shadows.
    ForgetsShadowsOnReconnect,
    /// A restart lays no shadows.
    ForgetsShadowsOnRestart,
    /// A do-not-call is repeated on an address where its own earlier send may still be answered.
    RepeatsIntoOwnShadow,
    /// A stop joins a waiting stop although a start was submitted in between.
    JoinsStopOverStart,
    /// The stop on the way of an unload answers a stop.
    TakesDrainingForStop,
    /// Settling asks where an older status may still come.
    SettlesFromOlderStatus,
    /// A status event answers a force unload.
    StatusAnswersForceUnload,
    /// A shadow ends at sent + B.
    ShadowWithoutD,
    /// A do-not-call that was proved after two sends leaves nothing behind.
    NoShadowAfterProof,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 17] = [
        Self::FirstFit,
        Self::OneInFlight,
        Self::NoQuarantine,
        Self::AcceptsTargetZero,
        Self::AcceptsForeignOrigin,
        Self::AcceptsOtherOcs,
        Self::ResolvesErrorAmongTwo,
        Self::FiltersCancelOnCode3,
        Self::ForgetsShadowsOnReconnect,
        Self::ForgetsShadowsOnRestart,
        Self::RepeatsIntoOwnShadow,
        Self::JoinsStopOverStart,
        Self::TakesDrainingForStop,
        Self::SettlesFromOlderStatus,
        Self::StatusAnswersForceUnload,
        Self::ShadowWithoutD,
        Self::NoShadowAfterProof,
    ];
}

impl Requester {
    /// Whether this rule is broken on purpose.
    #[cfg(feature = "mutants")]
    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.config.mutant == Some(mutant)
    }

    /// Never: the rules hold.
    #[cfg(not(feature = "mutants"))]
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(super) const fn is(&self, _mutant: Mutant) -> bool {
        false
    }
}
