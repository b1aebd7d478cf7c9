//! How submissions end, and why.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::MessageType;

use crate::wire::Text;

/// How an outcome was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The event names the request's subject in full, and nothing else could be meant.
    Exact,
    /// The event does not name the subject, but only one request could be meant.
    SoleCandidate,
    /// A do-not-call answer that echoes the whole entry: the entry is in the list, whichever send put it there.
    DncProof,
    /// The event tells the state that was asked for.
    ByState,
    /// The state was asked for and is the one that was wanted.
    ByStatus,
    /// A repeat was answered.
    ByRepeat,
    /// Time ran out.
    Expired,
}

impl Why {
    /// The short name of journals, logs and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::SoleCandidate => "sole_candidate",
            Self::DncProof => "dnc_proof",
            Self::ByState => "by_state",
            Self::ByStatus => "by_status",
            Self::ByRepeat => "by_repeat",
            Self::Expired => "expired",
        }
    }

    /// Every way.
    pub const ALL: [Self; 7] = [
        Self::Exact,
        Self::SoleCandidate,
        Self::DncProof,
        Self::ByState,
        Self::ByStatus,
        Self::ByRepeat,
        Self::Expired,
    ];

    /// Reads what [`Why::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.slug() == slug)
    }

    /// The rule of docs/correlation.md behind it, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Exact => {
                "exact, rules 2 to 4 and 7: the event came to our DBID from that OCS, names the subject in full, and \
                 fits no other request"
            }
            Self::SoleCandidate => {
                "sole_candidate, rule 7: the event does not name its subject, and only this request could be meant"
            }
            Self::DncProof => {
                "dnc_proof, rule 7: the event repeats the whole entry without an error, so the entry is in the list, \
                 whichever send put it there"
            }
            Self::ByState => "by_state, rule 3: the event tells the state that was asked for",
            Self::ByStatus => "by_status, rule 10: the state was asked for, and it is the one that was wanted",
            Self::ByRepeat => "by_repeat, rule 10: a repeat was answered",
            Self::Expired => "expired, rules 10 and 13: no event decided it in time",
        }
    }
}

/// What one OCS said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnswerResult {
    /// Done.
    Answered,
    /// A status event for a read: what was observed, whoever asked for it.
    Observed,
    /// An error.
    Refused,
    /// Done but for the records on a desktop.
    Partial,
    /// It did not go out to this OCS.
    NotSent,
    /// Nothing that can be told for sure.
    Silent,
}

impl AnswerResult {
    /// The short name.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Observed => "observed",
            Self::Refused => "refused",
            Self::Partial => "partial",
            Self::NotSent => "not_sent",
            Self::Silent => "silent",
        }
    }
}

/// What one OCS said, with the frame that decided.
#[derive(Clone, Debug, PartialEq)]
pub struct OcsAnswer {
    /// The OCS that was asked (the DBID of its primary).
    pub ocs: AppDbid,
    /// The member that answered, when one did.
    pub answered_by: Option<AppDbid>,
    /// What it comes to.
    pub result: AnswerResult,
    /// How that was decided.
    pub why: Why,
    /// Type of the event that decided.
    pub message_type: Option<MessageType>,
    /// `GSW_CM_AttrError` of a refusal; `None` when it carried none.
    pub code: Option<ErrorCode>,
    /// `GSW_CM_AttrErrorMessage`, or `GSW_MESSAGE` of a partial answer, verbatim.
    pub text: Option<Text>,
    /// State of the pair, when told.
    pub status: Option<GroupCampStatus>,
    /// Why nothing is known, for [`AnswerResult::Silent`].
    pub unknown: Option<UnknownReason>,
    /// The message that decided.
    pub message: Option<Arc<CommDnMessage>>,
    /// UserData of that message.
    pub frame: Bytes,
    /// From the (last) send to this.
    pub took: Duration,
}

/// How a submission ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done, by every OCS that was asked (or by as many as the policy wants).
    Answered {
        /// How the answer that completed it was decided.
        why: Why,
        /// One for each OCS that was asked.
        answers: Vec<OcsAnswer>,
    },
    /// Not done.
    Refused {
        /// Who refused.
        by: RefusedBy,
        /// What the OCSs said, if anything was sent.
        answers: Vec<OcsAnswer>,
    },
    /// Done but for the records on a desktop.
    Partial {
        /// One for each OCS that was asked.
        answers: Vec<OcsAnswer>,
    },
    /// Different results.
    Mixed {
        /// One for each OCS that was asked.
        answers: Vec<OcsAnswer>,
    },
    /// What became of it cannot be told.
    Unknown {
        /// Why not.
        reason: UnknownReason,
        /// What the OCSs said.
        answers: Vec<OcsAnswer>,
    },
}

/// Who refused a submission.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RefusedBy {
    /// An OCS.
    #[error("OCS {ocs} refused: {}{}", .code.map_or_else(|| "no code".to_owned(), |code| format!("{} ({code})", code.0)), .text.as_ref().map(|text| format!(", {text}")).unwrap_or_default())]
    Ocs {
        /// Which.
        ocs: AppDbid,
        /// Its code.
        code: Option<ErrorCode>,
        /// Its words.
        text: Option<Text>,
    },
    /// A stop or force unload of the same pair came while it was waiting.
    #[error("superseded by a stop or force unload before it was sent")]
    Superseded,
    /// A limit was reached; nothing was sent.
    #[error("overloaded: {0}")]
    Overloaded(Limit),
    /// Nothing was sent.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The request cannot be sent as it is.
    #[error("refused before sending: {0}")]
    Local(#[from] LocalRefusal),
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// The lane is full.
    #[error("too many requests wait for the same subject")]
    Lane,
    /// Too many submissions.
    #[error("too many requests are open")]
    Requests,
    /// Too many shadows.
    #[error("too many ended requests can still be confused with new ones")]
    Shadows,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Another request of the subject was live all the time.
    #[error("the requests before it in its lane did not end in time")]
    Lane,
    /// No origin DBID was free.
    #[error("no origin DBID was free of requests that it could be confused with")]
    Address,
    /// No link.
    #[error("the T-Server link was down")]
    LinkDown,
    /// The T-Server refused the frame.
    #[error("the T-Server refused it with error {0}")]
    TServer(i32),
    /// A restart came between, and its time had passed.
    #[error("its time passed during a restart")]
    Overdue,
}

/// A request that cannot be sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalRefusal {
    /// It is no request.
    #[error("expected a request, found {0}")]
    NotARequest(MessageType),
    /// Target 0 with a request that only one OCS can serve.
    #[error("target 0 is for cancel and do-not-call only, name one OCS")]
    TargetZero,
    /// An OCS that is not configured.
    #[error("OCS {0} is not configured")]
    UnknownOcs(AppDbid),
    /// Target 0 without an OCS.
    #[error("no OCS is configured")]
    NoOcs,
    /// No origin.
    #[error("no origin DBID is configured")]
    NoOrigin,
}

/// Why nothing can be told for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownReason {
    /// No answer.
    Silent,
    /// The link was lost and did not come back in time.
    LinkDown,
    /// The state was asked for and was not the one that was wanted.
    NotInEffect,
    /// The caller's own deadline.
    Deadline,
    /// Answers came that could have been for another request.
    Ambiguous,
}

impl UnknownReason {
    /// The short name.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::LinkDown => "link_down",
            Self::NotInEffect => "not_in_effect",
            Self::Deadline => "deadline",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => {
                "no answer: OCS is silent towards applications that are not on its Connections list; check the \
                 Connections of OCS or of the application, outbound_contact_server on the DN, and both DBIDs"
            }
            Self::LinkDown => {
                "the T-Server link was lost and did not come back in time; the request may have reached OCS"
            }
            Self::NotInEffect => {
                "OCS did not answer the request, and the state it reports is not the one that was wanted"
            }
            Self::Deadline => "the caller's deadline has passed; the request may still take effect",
            Self::Ambiguous => "an answer came that could have been for another request as well",
        })
    }
}

impl Outcome {
    /// The short name.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Refused { .. } => "refused",
            Self::Partial { .. } => "partial",
            Self::Mixed { .. } => "mixed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What the OCSs said.
    #[must_use]
    pub fn answers(&self) -> &[OcsAnswer] {
        match self {
            Self::Answered { answers, .. }
            | Self::Refused { answers, .. }
            | Self::Partial { answers }
            | Self::Mixed { answers }
            | Self::Unknown { answers, .. } => answers,
        }
    }

    /// How it was decided: by the answer that decided, else because time ran out.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        match self {
            Self::Answered { why, .. } => Some(*why),
            Self::Refused { by: RefusedBy::Ocs { .. }, answers }
            | Self::Partial { answers }
            | Self::Mixed { answers } => {
                answers.iter().find(|answer| answer.why != Why::Expired).map(|answer| answer.why)
            }
            Self::Unknown { .. } => Some(Why::Expired),
            Self::Refused { .. } => None,
        }
    }

    /// Puts the answers of all OCSs together (rule 13).
    pub(super) fn of_answers(answers: Vec<OcsAnswer>, enough: bool) -> Self {
        use AnswerResult::{Answered, NotSent as Unsent, Observed, Partial, Refused, Silent};
        let is_good = |answer: &OcsAnswer| matches!(answer.result, Answered | Observed | Partial);
        let good = answers.iter().filter(|answer| is_good(answer)).count();
        if good == answers.len() || enough {
            if answers.iter().any(|answer| answer.result == Partial) {
                return Self::Partial { answers };
            }
            let why = answers.iter().filter(|answer| is_good(answer)).map(|answer| answer.why).next_back();
            return Self::Answered { why: why.unwrap_or(Why::Expired), answers };
        }
        if good > 0 {
            return Self::Mixed { answers };
        }
        let silent = answers.iter().find(|answer| answer.result == Silent).and_then(|answer| answer.unknown);
        let refused = answers.iter().filter(|answer| answer.result == Refused);
        let first = refused.min_by_key(|answer| answer.took).map(|answer| RefusedBy::Ocs {
            ocs: answer.ocs,
            code: answer.code,
            text: answer.text.clone(),
        });
        match (first, silent) {
            (Some(_), Some(_)) => Self::Mixed { answers },
            (Some(by), None) if answers.iter().all(|answer| answer.result != Unsent) => Self::Refused { by, answers },
            (Some(_), None) => Self::Mixed { answers },
            (None, Some(reason)) => Self::Unknown { reason, answers },
            (None, None) => {
                let code = answers.iter().find_map(|answer| answer.code).map_or(0, |code| code.0);
                Self::Refused { by: RefusedBy::NotSent(NotSent::TServer(code)), answers }
            }
        }
    }
}

impl OcsAnswer {
    /// An OCS of which nothing is known for sure.
    pub(super) fn silent(ocs: AppDbid, reason: UnknownReason, took: Duration) -> Self {
        Self {
            ocs,
            answered_by: None,
            result: AnswerResult::Silent,
            why: Why::Expired,
            message_type: None,
            code: None,
            text: None,
            status: None,
            unknown: Some(reason),
            message: None,
            frame: Bytes::new(),
            took,
        }
    }

    /// What an event says.
    pub(super) fn of_event(
        ocs: AppDbid,
        why: Why,
        message: &Arc<CommDnMessage>,
        frame: &Bytes,
        took: Duration,
    ) -> Self {
        use crate::message::Message;
        let body = &message.body;
        let error = body.error().filter(|code| *code != ErrorCode::NO);
        let partial = match body {
            Message::RecordCanceled(answer) => answer.partial(),
            _ => None,
        };
        let refused = error.is_some() || matches!(body, Message::ErrorEvent(_));
        let (result, text) = match (refused, partial) {
            (true, _) => (AnswerResult::Refused, body.error_message()),
            (false, Some(text)) => (AnswerResult::Partial, Some(text)),
            (false, None) if matches!(body, Message::CampaignStatus(_)) => (AnswerResult::Observed, None),
            (false, None) => (AnswerResult::Answered, None),
        };
        let status = match body {
            Message::ErrorEvent(event) => event.status,
            other => other.pair_event().and_then(|event| event.status),
        };
        Self {
            ocs,
            answered_by: Some(message.origin),
            result,
            why,
            message_type: Some(body.message_type()),
            code: body.error(),
            text: text.cloned(),
            status,
            unknown: None,
            message: Some(Arc::clone(message)),
            frame: frame.clone(),
            took,
        }
    }
}
