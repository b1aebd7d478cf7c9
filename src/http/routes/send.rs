//! One raw request under another application's DBID, for trying things out.

use std::time::{Duration, Instant};

use axum::{Json, extract::State};
use utoipa_axum::routes;

use crate::engine::conversation::{Mask, Step, parse_step, print_step};
use crate::http::Door;
use crate::http::access::Routes;
use crate::http::dto::{ProblemDto, SendBody, SendDto};
use crate::http::extract::{JsonBody, Manner};
use crate::http::problem::Problem;
use crate::message::{AppDbid, Target};
use crate::service::access::Verb;
use crate::service::gateway::{RawAnswer, RawError, RawRequest};

pub(super) fn routes() -> Routes {
    Routes::new().guarded(&[Verb::Admin], routes!(send))
}

/// How long more events are waited for once one has come: two OCSs answer one after the other.
const MORE: Duration = Duration::from_millis(200);

impl From<RawError> for Problem {
    fn from(error: RawError) -> Self {
        let detail = error.to_string();
        match error {
            RawError::Origin(_) | RawError::Unknown(_) | RawError::NoSuchDn(_) | RawError::Encode(_) => {
                Self::new("invalid-parameter", 422, detail)
            }
            RawError::Link(_) => Self::new("link-down", 502, detail),
            RawError::Busy => Self::new("overloaded", 503, detail).retry_after(1),
            RawError::Stopping => Self::new("stopping", 503, detail).retry_after(5),
        }
    }
}

/// Send one request as another application and hand back what comes to that application's DBID.
#[utoipa::path(post, path = "/v1/send", tag = "operations", request_body = SendBody,
    responses((status = 200, body = SendDto), (status = 422, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn send(
    State(door): State<Door>,
    manner: Manner,
    JsonBody(body): JsonBody<SendBody>,
) -> Result<Json<SendDto>, Problem> {
    let line = format!("app {} -> {} {}", body.origin, body.target, body.message);
    let invalid = |detail: String| Problem::new("invalid-parameter", 422, format!("message: {detail}"));
    let step = match parse_step(&line) {
        Ok(Some(Step::Message(step))) => step,
        Ok(_) => return Err(invalid("expected a message such as 'CM_ReqStopDialing campaign=101 group=732'".into())),
        Err(error) => return Err(invalid(error.to_string())),
    };
    let request = RawRequest {
        origin: AppDbid(body.origin),
        target: Target::from(body.target),
        body: step.message.body,
        dn: body.dn,
    };
    let sent = Instant::now();
    let mut answers = door.gateway.send_raw(request).await?;
    let wait = manner.wait.unwrap_or_else(|| door.gateway.default_wait());
    let mut found = SendDto { schema: "commdn.send.v1".into(), ..SendDto::default() };
    let mut until = sent + wait;
    while let Ok(Some(answer)) = tokio::time::timeout_at(until.into(), answers.recv()).await {
        match answer {
            RawAnswer::Failed(reason) => return Err(Problem::new("link-down", 502, reason)),
            RawAnswer::Event(message) => {
                if found.events.is_empty() {
                    found.took_ms = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
                    until = until.min(Instant::now() + MORE);
                }
                found.events.push(print_step(None, None, &message, Mask::Show));
            }
        }
    }
    if found.events.is_empty() && !wait.is_zero() {
        return Err(Problem::silent(format!(
            "no answer to application {} within {:.1} s",
            body.origin,
            wait.as_secs_f64()
        )));
    }
    Ok(Json(found))
}
