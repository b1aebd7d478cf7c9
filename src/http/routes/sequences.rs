//! Sequences: plan, run, submit, stop.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{page_limit, page_of};
use crate::engine::sequence::Sequence;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{DryRunDto, Page, ProblemDto, SequenceDto, SequencePlanDto};
use crate::http::extract::{Asked, Manner, Place, text_body};
use crate::http::problem::Problem;
use crate::http::shown_sequences as shown;
use crate::service::access::{Object, Verb};
use crate::service::sequence_file::Format;
use crate::service::sequencer::{PlannedSequence, RunBy, SequenceError, SequenceView, id_of, number_of};
use crate::store::StoreErrorKind;

pub(super) fn routes() -> Routes {
    const READ: &[Verb] = &[Verb::SequenceRead];
    const RUN: &[Verb] = &[Verb::SequenceRun];
    const STOP: &[Verb] = &[Verb::SequenceStop];
    Routes::new()
        .guarded_within(READ, routes!(list))
        .guarded_within(READ, routes!(show))
        .guarded_within(RUN, routes!(create))
        .guarded_within(READ, routes!(plan))
        .guarded_within(STOP, routes!(stop))
}

/// Most sequences on one page.
const PAGE_MAX: usize = 200;

impl From<SequenceError> for Problem {
    fn from(error: SequenceError) -> Self {
        let detail = error.to_string();
        match error {
            SequenceError::Flaws(flaws) => {
                let errors = flaws.iter().filter(|flaw| flaw.is_error);
                let all: Vec<String> = errors.map(ToString::to_string).collect();
                let hint = flaws.iter().find_map(|flaw| flaw.hint.as_deref());
                let problem = Self::new("invalid-sequence-file", 422, all.join("; "));
                problem.hint(hint.unwrap_or("POST it to /v1/sequences/plan to see all of it"))
            }
            SequenceError::NotNative { .. } => Self::new("not-native", 422, detail)
                .hint("run it by the gateway, or see which steps OCS can run with a plan"),
            SequenceError::TooMany => Self::new("overloaded", 503, detail).retry_after(60),
            SequenceError::Store(error) if error.kind == StoreErrorKind::KeyUsed => {
                Self::new("idempotency-conflict", 422, detail).hint("use a new key for a new sequence")
            }
            SequenceError::Store(error) => error.into(),
        }
    }
}

/// Every step's campaign and group must fit.
fn may_all(caller: &Caller, verb: Verb, sequence: &Sequence) -> bool {
    sequence.steps.iter().all(|step| caller.may(verb, Object::pair(step.pair.campaign.0, step.pair.group.0)))
}

fn need_all(caller: &Caller, verb: Verb, sequence: &Sequence) -> Result<(), Problem> {
    let pairs = sequence.steps.iter().map(|step| Object::pair(step.pair.campaign.0, step.pair.group.0));
    pairs.into_iter().try_for_each(|object| caller.need(verb, object))
}

/// TOML or JSON, by the content type.
async fn file(request: Request) -> Result<(String, Format), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let format = match essence.as_str() {
        "application/toml" => Format::Toml,
        "application/json" => Format::Json,
        other => {
            let hint = "a sequence is application/toml or application/json";
            return Err(Problem::media_type(other).hint(hint));
        }
    };
    Ok((text_body(request).await?, format))
}

async fn planned(door: &Door, request: Request) -> Result<(PlannedSequence, String), Problem> {
    let (text, format) = file(request).await?;
    let planned = door.sequencer.plan(door.sequencer.read(&text, format)?).await?;
    Ok((planned, text))
}

/// The timeline of a sequence: who runs each step, when, and what is odd. Nothing is kept.
#[utoipa::path(post, path = "/v1/sequences/plan", tag = "sequences",
    request_body(content = String, content_type = "application/toml", description = "TOML, or JSON of the same keys"),
    responses((status = 200, body = SequencePlanDto), (status = 415, body = ProblemDto)))]
async fn plan(State(door): State<Door>, caller: Caller, request: Request) -> Result<Json<SequencePlanDto>, Problem> {
    let (text, format) = file(request).await?;
    let file = match door.sequencer.read(&text, format) {
        Ok(file) => file,
        Err(SequenceError::Flaws(flaws)) => return Ok(Json(shown::unread(&flaws))),
        Err(error) => return Err(error.into()),
    };
    need_all(&caller, Verb::SequenceRead, &file.sequence)?;
    let planned = door.sequencer.plan(file).await?;
    Ok(Json(shown::planned(door.gateway.router(), &planned)))
}

#[derive(Debug, Deserialize, IntoParams)]
struct RunQuery {
    /// `gateway` (default) runs it step by step, `ocs` gives it to OCS as a schedule.
    by: Option<String>,
}

/// Run a sequence. It goes on after a restart of the gateway.
#[utoipa::path(post, path = "/v1/sequences", tag = "sequences", params(RunQuery),
    request_body(content = String, content_type = "application/toml", description = "TOML, or JSON of the same keys"),
    responses((status = 201, body = SequenceDto), (status = 422, body = ProblemDto)))]
async fn create(
    State(door): State<Door>,
    caller: Caller,
    manner: Manner,
    Asked(query): Asked<RunQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let by = match query.by.as_deref() {
        None => RunBy::Gateway,
        Some(word) => RunBy::from_slug(word).ok_or_else(|| {
            Problem::new("invalid-parameter", 422, format!("by: expected gateway or ocs, found '{word}'"))
        })?,
    };
    let (planned, source) = planned(&door, request).await?;
    need_all(&caller, Verb::SequenceRun, &planned.sequence)?;
    if manner.dry_run {
        let text = match by {
            RunBy::Ocs => door.sequencer.dry_run(&planned).await?,
            RunBy::Gateway => String::new(),
        };
        return Ok(Json(DryRunDto { schema: "commdn.dry_run.v1".into(), text }).into_response());
    }
    let key = manner.asker.key.map(|key| (key.key, key.body_sha256));
    let stored = door.sequencer.run(&planned, by, &manner.asker.by, &source, key).await?;
    let id = id_of(stored.number);
    caller.note(format!("sequence {id} '{}'", stored.new.name));
    let view = find(&door, &caller, Verb::SequenceRun, &id).await?;
    let mut response = (StatusCode::CREATED, Json(shown::sequence(door.gateway.router(), &view, true))).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/sequences/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn not_found(id: &str) -> Problem {
    Problem::new("no-such-sequence", 404, format!("there is no sequence '{id}'"))
        .hint("they are listed at /v1/sequences")
}

/// One that the caller may not see is not there.
async fn find(door: &Door, caller: &Caller, verb: Verb, id: &str) -> Result<SequenceView, Problem> {
    let number = number_of(id).ok_or_else(|| not_found(id))?;
    let view = door.sequencer.show(number).await?;
    view.filter(|view| may_all(caller, verb, &view.sequence)).ok_or_else(|| not_found(id))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// Most entries of a page.
    limit: Option<usize>,
    /// Where the page before this one ended.
    after: Option<String>,
}

/// Sequences, the newest first, without their logs.
#[utoipa::path(get, path = "/v1/sequences", tag = "sequences", params(ListQuery),
    responses((status = 200, body = Page<SequenceDto>)))]
async fn list(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<SequenceDto>>, Problem> {
    let limit = page_limit(query.limit, PAGE_MAX);
    let after = query.after.as_deref().map(|id| number_of(id).ok_or_else(|| not_found(id))).transpose()?;
    let views = door.sequencer.list(after, limit + 1).await?;
    let (views, next) = page_of(views, limit, |view| id_of(view.stored.number));
    let seen = views.iter().filter(|view| may_all(&caller, Verb::SequenceRead, &view.sequence));
    let items = seen.map(|view| shown::sequence(door.gateway.router(), view, false)).collect();
    Ok(Json(Page { schema: "commdn.sequences.v1".into(), items, next }))
}

/// One sequence: planned and actual, and everything that happened.
#[utoipa::path(get, path = "/v1/sequences/{id}", tag = "sequences", params(("id" = String, Path)),
    responses((status = 200, body = SequenceDto), (status = 404, body = ProblemDto)))]
async fn show(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<SequenceDto>, Problem> {
    let view = find(&door, &caller, Verb::SequenceRead, &id).await?;
    Ok(Json(shown::sequence(door.gateway.router(), &view, true)))
}

/// Stop a sequence: the step in turn is stopped and unloaded, no other follows. One that has ended stays as it is.
#[utoipa::path(delete, path = "/v1/sequences/{id}", tag = "sequences", params(("id" = String, Path)),
    responses((status = 200, body = SequenceDto), (status = 404, body = ProblemDto)))]
async fn stop(
    State(door): State<Door>,
    caller: Caller,
    manner: Manner,
    Place(id): Place<String>,
) -> Result<Json<SequenceDto>, Problem> {
    let view = find(&door, &caller, Verb::SequenceStop, &id).await?;
    let stopped = match manner.dry_run {
        true => Some(view),
        false => door.sequencer.stop(view.stored.number, &manner.asker.by).await?,
    };
    let view = stopped.ok_or_else(|| not_found(&id))?;
    Ok(Json(shown::sequence(door.gateway.router(), &view, true)))
}
