//! Keys and audit.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{page_limit, page_of};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert::rfc3339;
use crate::http::dto::{AuditDto, AuditVerdictDto, KeyBody, KeyDto, Page, ProblemDto};
use crate::http::extract::{Asked, JsonBody, Place};
use crate::http::problem::Problem;
use crate::protocol::{UtcSeconds, UtcTime};
use crate::service::access::{KeyChangeError, KeyRecord, KeyWish, Verb, now};
use crate::store::{AuditQuery, Audited, Chain, Report, StoreError, Verify, hex};

pub(super) fn routes() -> Routes {
    const ADMIN: &[Verb] = &[Verb::Admin];
    Routes::new()
        .guarded(ADMIN, routes!(list_keys, create_key))
        .guarded(ADMIN, routes!(revoke_key))
        .guarded(ADMIN, routes!(list_audit))
        .guarded(ADMIN, routes!(verify_audit))
}

/// Most rows on one page.
const PAGE_MAX: usize = 500;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new("store-unavailable", 503, error.to_string()).retry_after(5)
    }
}

impl From<KeyChangeError> for Problem {
    fn from(error: KeyChangeError) -> Self {
        let detail = error.to_string();
        match error {
            KeyChangeError::Wish(_) => {
                Self::new("invalid-parameter", 422, detail).hint("the scopes are in docs/access.md")
            }
            KeyChangeError::Store(error) => error.into(),
            KeyChangeError::Unknown(_) => Self::new("key-not-found", 404, detail).hint("keys are listed at /v1/keys"),
        }
    }
}

/// Every API key, without its secret.
#[utoipa::path(get, path = "/v1/keys", tag = "access", responses((status = 200, body = Page<KeyDto>)))]
async fn list_keys(State(door): State<Door>) -> Json<Page<KeyDto>> {
    let items = door.access.keys().iter().map(|record| key(record, None)).collect();
    Json(Page { schema: "commdn.keys.v1".into(), items, next: None })
}

/// Make an API key. The answer is the only place where it is shown.
#[utoipa::path(post, path = "/v1/keys", tag = "access", request_body = KeyBody,
    responses((status = 201, body = KeyDto), (status = 422, body = ProblemDto)))]
async fn create_key(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(body): JsonBody<KeyBody>,
) -> Result<Response, Problem> {
    let expires_at = body.expires_at.as_deref().map(time).transpose()?;
    let wish = KeyWish { name: body.name, scopes: body.scopes, expires_at };
    let (record, token) = door.access.create_key(&wish, caller.subject()).await?;
    caller.note(format!("key {} {}", record.id, record.grants.words().join(" ")));
    let made = key(&record, Some(token.expose_secret().to_owned()));
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Revoke an API key: it is good for nothing from now on.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "access", params(("id" = String, Path, description = "id of the key")),
    responses((status = 200, body = KeyDto), (status = 404, body = ProblemDto)))]
async fn revoke_key(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<KeyDto>, Problem> {
    let record = door.access.revoke_key(&id).await?;
    caller.note(format!("key {}", record.id));
    Ok(Json(key(&record, None)))
}

#[derive(Debug, Deserialize, IntoParams)]
struct RowsQuery {
    /// Rows of a page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<u64>,
    /// Only of this subject, for instance `key/0123456789abcdef`.
    subject: Option<String>,
    /// Only this action, for instance `dnc:add`.
    action: Option<String>,
}

/// Who did what, from the newest on.
#[utoipa::path(get, path = "/v1/audit", tag = "access", params(RowsQuery),
    responses((status = 200, body = Page<AuditDto>), (status = 422, body = ProblemDto)))]
async fn list_audit(State(door): State<Door>, Asked(query): Asked<RowsQuery>) -> Result<Json<Page<AuditDto>>, Problem> {
    let limit = page_limit(query.limit, PAGE_MAX);
    let ask = AuditQuery { subject: query.subject, action: query.action, after: query.after, most: limit + 1 };
    let (rows, next) = page_of(door.access.store().audit(ask).await?, limit, |last| last.row.to_string());
    Ok(Json(Page { schema: "commdn.audits.v1".into(), items: rows.into_iter().map(audited).collect(), next }))
}

/// Walk along the chain of the audit: the first row that was changed, removed or swapped is named.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "access", responses((status = 200, body = AuditVerdictDto)))]
async fn verify_audit(State(door): State<Door>) -> Result<Json<AuditVerdictDto>, Problem> {
    let report = door.access.store().verify(Verify { chain: Chain::Audit, head: None }).await?;
    Ok(Json(verdict(&report)))
}

fn time(text: &str) -> Result<UtcTime, Problem> {
    let wrong = |_| Problem::new("invalid-parameter", 422, "expires_at: expected a time such as 2027-01-31T00:00:00Z");
    let at: Timestamp = text.parse().map_err(wrong)?;
    Ok(UtcTime { seconds: UtcSeconds(at.as_second()), micros: 0 })
}

/// A key as it is shown.
pub(crate) fn key(record: &KeyRecord, token: Option<String>) -> KeyDto {
    KeyDto {
        schema: "commdn.key.v1".into(),
        id: record.id.clone(),
        name: record.name.clone(),
        scopes: record.grants.words(),
        state: record.state(now()).into(),
        created_at: rfc3339(record.created_at),
        created_by: record.created_by.clone(),
        expires_at: record.expires_at.map(rfc3339),
        revoked_at: record.revoked_at.map(rfc3339),
        used_at: record.used_at.map(rfc3339),
        token,
    }
}

/// A row as it is shown.
pub(crate) fn audited(row: Audited) -> AuditDto {
    let entry = row.audit;
    AuditDto {
        schema: "commdn.audit.v1".into(),
        row: row.row,
        at: rfc3339(entry.at),
        subject: entry.subject,
        client: entry.client,
        action: entry.action,
        object: entry.object,
        outcome: entry.outcome,
        request_id: entry.request.map(|request| request.to_string()),
        hash: hex(&row.hash),
    }
}

/// What the walk found, as it is shown.
pub(crate) fn verdict(report: &Report) -> AuditVerdictDto {
    AuditVerdictDto {
        schema: "commdn.audit_verdict.v1".into(),
        whole: report.is_whole(),
        rows: report.rows,
        row: report.fault.map(|fault| fault.row),
        fault: report.fault.map(|fault| fault.to_string()),
        head: hex(&report.head.hash),
    }
}
