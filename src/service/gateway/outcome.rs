//! From the correlator's outcome to the journal's row.

use std::time::Duration;

use crate::engine::Ended;
use crate::engine::RecordedAnswer;
use crate::engine::RequestResult;
use crate::protocol::UtcTime;
use crate::protocol::requester::{AnswerResult, NotSent, OcsAnswer, Outcome, RefusedBy};

/// Code of a T-Server's "no answer in time", which a client library uses for its own deadline.
const TSERVER_TIMEOUT: i32 = 57;

/// The end of a request as the journal keeps it.
pub(super) fn ended(outcome: &Outcome, at: UtcTime, took: Duration) -> Ended {
    let (result, reason, detail) = match outcome {
        Outcome::Answered { .. } => (RequestResult::Answered, None, None),
        Outcome::Partial { .. } => (RequestResult::Partial, None, None),
        Outcome::Mixed { .. } => (RequestResult::Mixed, None, None),
        Outcome::Unknown { reason, .. } => {
            (RequestResult::Unknown, Some(reason.slug().into()), Some(reason.to_string()))
        }
        Outcome::Refused { by, .. } => (RequestResult::Refused, Some(reason_of(by).into()), Some(by.to_string())),
    };
    Ended {
        at,
        took,
        result,
        why: outcome.why().map(|why| why.slug().into()),
        reason,
        detail,
        tserver_code: tserver_code(outcome),
        answers: outcome.answers().iter().map(recorded).collect(),
    }
}

fn tserver_code(outcome: &Outcome) -> Option<i32> {
    match outcome {
        Outcome::Refused { by: RefusedBy::NotSent(NotSent::TServer(code)), .. } => Some(*code),
        _ => None,
    }
}

fn reason_of(by: &RefusedBy) -> &'static str {
    match by {
        RefusedBy::Ocs { .. } => "ocs_error",
        RefusedBy::Superseded => "superseded",
        RefusedBy::Overloaded(_) => "overloaded",
        RefusedBy::NotSent(NotSent::LinkDown) => "link_down",
        RefusedBy::NotSent(NotSent::TServer(TSERVER_TIMEOUT)) => "link_timeout",
        RefusedBy::NotSent(NotSent::TServer(_)) => "link_down",
        RefusedBy::NotSent(_) => "not_sent",
        RefusedBy::Local(_) => "invalid_parameter",
    }
}

pub(super) fn recorded(answer: &OcsAnswer) -> RecordedAnswer {
    let result = match answer.result {
        AnswerResult::Observed => AnswerResult::Answered.slug(),
        other => other.slug(),
    };
    RecordedAnswer {
        ocs: answer.ocs,
        result: result.into(),
        event: answer.message_type,
        code: answer.code,
        text: answer.text.as_ref().map(ToString::to_string),
        status: answer.status,
        why: Some(answer.why.slug().into()),
        took: answer.took,
    }
}

/// What an OCS said, in words.
pub(super) fn describe(answer: &OcsAnswer) -> String {
    let ocs = answer.ocs;
    match (answer.result, answer.message_type) {
        (AnswerResult::Silent, _) => {
            let reason = answer.unknown.map_or_else(|| "no answer".to_owned(), |reason| reason.to_string());
            format!("OCS {ocs}: {reason}")
        }
        (AnswerResult::NotSent, _) => format!("OCS {ocs}: nothing was sent"),
        (result, event) => {
            let event = event.map_or_else(|| "an event".to_owned(), |event| event.to_string());
            let code = answer.code.filter(|code| code.0 != 0).map(|code| format!(", error {} {code}", code.0));
            let state = answer.status.map(|status| format!(", state {status}"));
            format!(
                "OCS {ocs} {}: {event}{}{} ({})",
                result.slug(),
                code.unwrap_or_default(),
                state.unwrap_or_default(),
                answer.why.slug()
            )
        }
    }
}
