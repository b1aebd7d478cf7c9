//! Do-not-call as evidence: find, evidence of one request, export, report, verify.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::page_limit;
use super::people::note;
use super::requests::number;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{DncEvidenceDto, DncExportDto, DncReportDto, DncVerdictDto, DncVerifyBody, Page, ProblemDto};
use crate::http::evidence::{self, Shown};
use crate::http::extract::{Asked, JsonBody, Place};
use crate::http::problem::Problem;
use crate::message::{CustomerId, Phone};
use crate::protocol::{UtcSeconds, UtcTime};
use crate::service::access::{Object, Verb, now};
use crate::service::dnc;
use crate::store::{Chain, DncQuery, Head, Verify};

pub(super) fn routes() -> Routes {
    const READ: &[Verb] = &[Verb::DncRead];
    Routes::new()
        .guarded(READ, routes!(find))
        .guarded(READ, routes!(show))
        .guarded(READ, routes!(export))
        .guarded(READ, routes!(report))
        .guarded(READ, routes!(verify))
}

/// Most entries of one page.
const PAGE_MAX: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
struct FindQuery {
    /// The phone, in any spelling: as it was given, as it was sent, or in its one spelling.
    phone: Option<String>,
    /// The customer id.
    customer_id: Option<String>,
    /// Everybody's numbers as they are; needs `numbers:show`.
    #[serde(default)]
    show_numbers: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
struct EvidenceQuery {
    /// Numbers as they are; needs `numbers:show`.
    #[serde(default)]
    show_numbers: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
struct ExportQuery {
    /// Entries of a page, 1 to 1,000.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
    /// Only those accepted at that time or later, RFC 3339.
    since: Option<String>,
    /// Only those that an OCS has not confirmed.
    #[serde(default)]
    unconfirmed: bool,
    /// Numbers as they are; needs `numbers:show`.
    #[serde(default)]
    show_numbers: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
struct ReportQuery {
    /// Only those accepted at that time or later, RFC 3339.
    since: Option<String>,
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new("invalid-parameter", 422, detail)
}

fn since(text: Option<&str>) -> Result<Option<UtcTime>, Problem> {
    let time = |text: &str| {
        let at: Timestamp = text.parse().map_err(|_| wrong("since: expected a time such as 2026-12-31T00:00:00Z"))?;
        Ok(UtcTime { seconds: UtcSeconds(at.as_second()), micros: 0 })
    };
    text.map(time).transpose()
}

/// What this caller sees. Whom the caller has named, the caller knows.
fn shown<'a>(door: &'a Door, caller: &Caller, show: bool, phone: bool, customer: bool) -> Result<Shown<'a>, Problem> {
    if show {
        caller.need(Verb::NumbersShow, Object::default())?;
    }
    let deadline = Some(door.gateway.dnc_deadline());
    Ok(Shown { pseudonyms: door.gateway.pseudonyms(), phone: show || phone, customer: show || customer, deadline })
}

/// Who asked not to be called, when, how, and which OCS has confirmed it. The phone or customer that the caller names is
/// shown as it is; whatever else is known of that person has a stand-in.
#[utoipa::path(get, path = "/v1/dnc", tag = "people", params(FindQuery),
    responses((status = 200, body = Page<DncEvidenceDto>), (status = 422, body = ProblemDto)))]
async fn find(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<FindQuery>,
) -> Result<Json<Page<DncEvidenceDto>>, Problem> {
    if query.phone.is_none() && query.customer_id.is_none() {
        return Err(wrong("expected phone or customer_id, found neither").hint("all entries are at /v1/dnc/export"));
    }
    // A plus that was not percent-encoded comes as a space.
    let phone = query.phone.map(|phone| phone.strip_prefix(' ').map_or(phone.clone(), |rest| format!("+{rest}")));
    note(&door, &caller, phone.as_deref(), query.customer_id.as_deref());
    let shown = shown(&door, &caller, query.show_numbers, phone.is_some(), query.customer_id.is_some())?;
    let ask = DncQuery {
        phone: phone.as_deref().map(Phone::from),
        customer: query.customer_id.as_deref().map(CustomerId::from),
        most: PAGE_MAX,
        ..DncQuery::default()
    };
    let found = dnc::find(&**door.gateway.store(), door.gateway.phones(), ask).await?;
    let items = found.iter().map(|evidence| shown.evidence(evidence)).collect();
    Ok(Json(Page { schema: "commdn.dnc_evidences.v1".into(), items, next: None }))
}

/// The evidence of one do-not-call request.
#[utoipa::path(get, path = "/v1/dnc/{id}/evidence", tag = "people",
    params(("id" = String, Path, description = "request_id"), EvidenceQuery),
    responses((status = 200, body = DncEvidenceDto), (status = 404, body = ProblemDto)))]
async fn show(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(query): Asked<EvidenceQuery>,
) -> Result<Json<DncEvidenceDto>, Problem> {
    let shown = shown(&door, &caller, query.show_numbers, false, false)?;
    let found = door.gateway.store().dnc(number(&id, 404)?).await?;
    let unknown = || {
        Problem::new("evidence-not-found", 404, "there is no evidence of a do-not-call with this id")
            .hint("it was no do-not-call, or its evidence was removed by age")
    };
    Ok(Json(shown.evidence(&found.ok_or_else(unknown)?)))
}

/// All evidence, page by page, from the oldest on, with the end of its chain.
#[utoipa::path(get, path = "/v1/dnc/export", tag = "people", params(ExportQuery),
    responses((status = 200, body = DncExportDto), (status = 422, body = ProblemDto)))]
async fn export(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<ExportQuery>,
) -> Result<Json<DncExportDto>, Problem> {
    let shown = shown(&door, &caller, query.show_numbers, false, false)?;
    let ask = DncQuery {
        since: since(query.since.as_deref())?,
        after: query.after.as_deref().map(|text| number(text, 422)).transpose()?,
        unconfirmed: query.unconfirmed,
        most: page_limit(query.limit, PAGE_MAX),
        ..DncQuery::default()
    };
    let (page, next) = dnc::report_page(&**door.gateway.store(), ask).await?;
    let heads = door.gateway.store().heads().await?;
    let head = heads.into_iter().find(|head| head.chain == Chain::Dnc).unwrap_or(Head::empty(Chain::Dnc));
    Ok(Json(shown.page(&page, next.map(|next| next.to_string()), head)))
}

/// What was asked for, added up: confirmed, not confirmed, and late by the deadline of the configuration.
#[utoipa::path(get, path = "/v1/dnc/report", tag = "people", params(ReportQuery),
    responses((status = 200, body = DncReportDto), (status = 422, body = ProblemDto)))]
async fn report(State(door): State<Door>, Asked(query): Asked<ReportQuery>) -> Result<Json<DncReportDto>, Problem> {
    let deadline = door.gateway.dnc_deadline();
    let report = dnc::report(&**door.gateway.store(), deadline, since(query.since.as_deref())?, now()).await?;
    Ok(Json(evidence::report(&report, deadline)))
}

/// Walk along the chain of the evidence: the first row that was changed, removed or swapped is named, and with a head
/// what was cut off.
#[utoipa::path(post, path = "/v1/dnc/verify", tag = "people", request_body = DncVerifyBody,
    responses((status = 200, body = DncVerdictDto), (status = 422, body = ProblemDto)))]
async fn verify(
    State(door): State<Door>,
    JsonBody(body): JsonBody<DncVerifyBody>,
) -> Result<Json<DncVerdictDto>, Problem> {
    let read = |line: &str| {
        let head = Head::parse(line).filter(|head| head.chain == Chain::Dnc);
        head.ok_or_else(|| wrong("head: expected `dnc COUNT HASH` as the export writes it"))
    };
    let head = body.head.as_deref().map(read).transpose()?;
    let report = door.gateway.store().verify(Verify { chain: Chain::Dnc, head }).await?;
    Ok(Json(evidence::verdict(&report)))
}
