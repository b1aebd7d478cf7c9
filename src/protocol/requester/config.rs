//! Settings and limits of the requester, each named once.

use std::{sync::Arc, time::Duration};

use crate::message::AppDbid;
use crate::message::RequestKind;
use crate::protocol::requester::echo::EchoKnowledge;

/// Most candidates that are looked at one by one for an event; more make it ambiguous.
pub(super) const CANDIDATES_MAX: usize = 8;
/// Repeats of a do-not-call after its first send.
pub(super) const REPEATS_MAX: u32 = 3;
/// Most shadows that one live send may leave behind.
pub(super) const SHADOWS_PER_SEND: usize = 3;
/// Clean exchanges after which an echo counts as proved.
pub(super) const ECHO_PROOFS: u8 = 2;
/// Longest pause between two questions of settling.
pub(super) const SETTLE_PAUSE_MAX: Duration = Duration::from_secs(32);
/// Pause before settling looks again for a free DBID.
pub(super) const SETTLE_RETRY: Duration = Duration::from_secs(1);
/// From this many origins on the last one is kept for settling.
pub(super) const SETTLING_POOL_MIN: usize = 3;
/// Pools smaller than this are worth a warning at start-up.
pub const POOL_ADVISED_MIN: usize = 8;

/// One primary/backup pair of T-Servers, as the caller numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A DN of one T-Server pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnAddress {
    /// The T-Server pair.
    pub link: LinkId,
    /// Name of the DN.
    pub dn: Arc<str>,
}

/// One OCS, a primary/backup pair counting as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcsPeer {
    /// DBID that requests are sent to.
    pub dbid: AppDbid,
    /// The other member of the pair; its answers count as well.
    pub backup: Option<AppDbid>,
    /// Where it listens.
    pub address: DnAddress,
    /// What is known about its echoes, from the store; nothing by default.
    pub echo: EchoKnowledge,
}

/// When a request to every OCS counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetZeroPolicy {
    /// Every expected OCS has answered.
    #[default]
    All,
    /// One OCS has done it.
    Any,
    /// More than half have done it.
    Quorum,
}

/// Settings of one requester; the defaults are those of the specification.
#[derive(Clone, Debug)]
pub struct RequesterConfig {
    /// Our application DBIDs (the origin pool), at least one.
    pub pool: Vec<AppDbid>,
    /// The OCSs we talk to.
    pub ocss: Vec<OcsPeer>,
    /// Wait for an answer.
    pub answer: Duration,
    /// Wait for the answer to an unload.
    pub unload: Duration,
    /// Wait in a lane, for an address or for a link, before anything is sent.
    pub lane_wait: Duration,
    /// Most requests waiting in one lane.
    pub lane_length: usize,
    /// B: longest life of an answer.
    pub b: Duration,
    /// B of an unload: its longest drain and B.
    pub b_unload: Duration,
    /// D: longest gap between an answer and its double.
    pub d: Duration,
    /// When settling starts to ask for the state of a pair that is being unloaded.
    pub unload_asked_after: Duration,
    /// Most shadows; at the limit new mutating requests are refused, shadows are never dropped.
    pub shadows_max: usize,
    /// Most submissions without an outcome.
    pub requests_max: usize,
    /// Most of our own frames remembered, to know our copies from forgeries. Of those beyond them the EventACK is not
    /// heard either: their waits count from when they were given out.
    pub own_frames_max: usize,
    /// When a do-not-call to every OCS is done.
    pub do_not_call_policy: TargetZeroPolicy,
    /// When a cancel to every OCS is done.
    pub cancel_policy: TargetZeroPolicy,
    /// Send `GSW_CM_AttrReferenceID` with every request.
    pub send_reference_id: bool,
    /// Number of the first send; a restart must go on above what was used before.
    pub first_send: u64,
    /// A rule to break, for the proof that the suite would notice.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub mutant: Option<crate::protocol::requester::Mutant>,
}

impl RequesterConfig {
    /// The defaults for this pool and these OCSs.
    #[must_use]
    pub fn new(pool: Vec<AppDbid>, ocss: Vec<OcsPeer>) -> Self {
        Self { pool, ocss, ..Self::default() }
    }

    /// Wait for an answer to a request of this kind.
    #[must_use]
    pub fn answer_of(&self, kind: RequestKind) -> Duration {
        if kind == RequestKind::Unload { self.unload } else { self.answer }
    }

    /// B for a request of this kind.
    #[must_use]
    pub fn b_of(&self, kind: RequestKind) -> Duration {
        if kind == RequestKind::Unload { self.b_unload } else { self.b }
    }

    /// What a start-up message should say about the pool.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let origins = self.pool.len();
        (origins < POOL_ADVISED_MIN).then(|| {
            format!("{origins} origin DBIDs configured, {POOL_ADVISED_MIN} or more keep requests from waiting for each other")
        })
    }
}

impl Default for RequesterConfig {
    fn default() -> Self {
        Self {
            pool: Vec::new(),
            ocss: Vec::new(),
            answer: Duration::from_secs(10),
            unload: Duration::from_secs(330),
            lane_wait: Duration::from_secs(30),
            lane_length: 64,
            b: Duration::from_secs(30),
            b_unload: Duration::from_secs(330),
            d: Duration::from_secs(2),
            unload_asked_after: Duration::from_secs(10),
            shadows_max: 1_000_000,
            requests_max: 1_000_000,
            own_frames_max: 262_144,
            do_not_call_policy: TargetZeroPolicy::All,
            cancel_policy: TargetZeroPolicy::All,
            send_reference_id: false,
            first_send: 1,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}
