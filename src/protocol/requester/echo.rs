//! What is known about the echoes of one OCS (rule 15). Nothing is assumed until it is proved.

use crate::message::RequestKind;
use crate::protocol::requester::config::ECHO_PROOFS;

/// What an OCS may or may not put into its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EchoFact {
    /// CM_EvDoNotCallProcessed repeats the whole entry.
    DoNotCall,
    /// CM_EvRecordCanceled repeats the whole cancel.
    Cancel,
    /// CM_EvError carries campaign and group.
    ErrorIds,
    /// CM_EvError repeats what a person was asked for.
    ErrorSubject,
    /// `GSW_CM_AttrReferenceID` comes back: a true request id.
    Reference,
}

impl EchoFact {
    /// Every fact.
    pub const ALL: [Self; 5] = [Self::DoNotCall, Self::Cancel, Self::ErrorIds, Self::ErrorSubject, Self::Reference];

    /// The short name.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::DoNotCall => "do_not_call",
            Self::Cancel => "cancel_record",
            Self::ErrorIds => "error_ids",
            Self::ErrorSubject => "error_subject",
            Self::Reference => "reference_id",
        }
    }
}

/// How sure one fact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// Seen so often in clean exchanges, not often enough.
    #[default]
    Unknown,
    /// Seen in some clean exchanges.
    Seen(u8),
    /// Relied upon.
    Proved,
    /// Contradicted; not learned again by this machine.
    // Assumed: an OCS that echoes now and then is worse than one that never does.
    Withdrawn,
}

/// What is known about one OCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EchoKnowledge {
    /// See [`EchoFact::DoNotCall`].
    pub do_not_call: Proof,
    /// See [`EchoFact::Cancel`].
    pub cancel: Proof,
    /// See [`EchoFact::ErrorIds`].
    pub error_ids: Proof,
    /// See [`EchoFact::ErrorSubject`].
    pub error_subject: Proof,
    /// See [`EchoFact::Reference`].
    pub reference: Proof,
}

impl EchoKnowledge {
    /// Everything proved but the reference id: what the documented profile of the simulator does.
    #[must_use]
    pub fn proved() -> Self {
        Self {
            do_not_call: Proof::Proved,
            cancel: Proof::Proved,
            error_ids: Proof::Proved,
            error_subject: Proof::Proved,
            reference: Proof::Unknown,
        }
    }

    /// Whether the answers to this kind of request name their subject.
    #[must_use]
    pub fn names_subject(&self, kind: RequestKind) -> bool {
        match kind {
            RequestKind::DoNotCall => self.do_not_call == Proof::Proved,
            RequestKind::CancelRecord => self.cancel == Proof::Proved,
            _ => true,
        }
    }

    /// Notes one clean exchange; the answer is the new standing when it changed.
    pub(super) fn note(&mut self, fact: EchoFact, seen: bool) -> Option<bool> {
        let proof = match fact {
            EchoFact::DoNotCall => &mut self.do_not_call,
            EchoFact::Cancel => &mut self.cancel,
            EchoFact::ErrorIds => &mut self.error_ids,
            EchoFact::ErrorSubject => &mut self.error_subject,
            EchoFact::Reference => &mut self.reference,
        };
        let before = *proof;
        *proof = match (before, seen) {
            (Proof::Withdrawn, _) | (Proof::Unknown | Proof::Seen(_) | Proof::Proved, false) => Proof::Withdrawn,
            (Proof::Unknown, true) if ECHO_PROOFS <= 1 => Proof::Proved,
            (Proof::Unknown, true) => Proof::Seen(1),
            (Proof::Seen(times), true) if times.saturating_add(1) < ECHO_PROOFS => Proof::Seen(times.saturating_add(1)),
            (Proof::Seen(_) | Proof::Proved, true) => Proof::Proved,
        };
        match (before, *proof) {
            (Proof::Proved, Proof::Withdrawn) => Some(false),
            (Proof::Unknown | Proof::Seen(_), Proof::Proved) => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_proved_by_clean_exchanges_and_withdrawn_for_good() {
        let mut echo = EchoKnowledge::default();
        assert_eq!(echo.note(EchoFact::DoNotCall, true), None);
        assert!(!echo.names_subject(RequestKind::DoNotCall));
        assert_eq!(echo.note(EchoFact::DoNotCall, true), Some(true));
        assert!(echo.names_subject(RequestKind::DoNotCall) && !echo.names_subject(RequestKind::CancelRecord));
        assert_eq!(echo.note(EchoFact::DoNotCall, false), Some(false));
        assert_eq!(echo.note(EchoFact::DoNotCall, true), None);
        assert!(!echo.names_subject(RequestKind::DoNotCall));
    }
}
