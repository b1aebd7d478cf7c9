//! Shapes of keys and audit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// Whom or what it is for, 1 to 64 characters.
    pub name: String,
    /// What it may do, for instance `dnc:add` or `campaign:*@campaign=101,group=732`.
    pub scopes: Vec<String>,
    /// When it ends by itself, RFC 3339.
    pub expires_at: Option<String>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyDto {
    /// `commdn.key.v1`.
    pub schema: String,
    /// Names it in every other call.
    pub id: String,
    /// Whom or what it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// `active`, `revoked` or `expired`.
    pub state: String,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// When it was used last, to about a minute.
    #[serde(default)]
    pub used_at: Option<String>,
    /// The key itself: in the answer that makes it, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A row of the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditDto {
    /// `commdn.audit.v1`.
    pub schema: String,
    /// Number of the row.
    pub row: u64,
    /// When.
    pub at: String,
    /// Who.
    pub subject: String,
    /// From where.
    pub client: Option<String>,
    /// What: the scope that it needed.
    pub action: String,
    /// To what.
    pub object: Option<String>,
    /// `done`, `accepted`, `dry_run` or the slug of the problem.
    pub outcome: String,
    /// The request it became.
    pub request_id: Option<String>,
    /// Hash of the chain up to this row, hex.
    pub hash: String,
}

/// Answer of `GET /v1/audit/verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdictDto {
    /// `commdn.audit_verdict.v1`.
    pub schema: String,
    /// Nothing is wrong.
    pub whole: bool,
    /// Rows that were read.
    pub rows: u64,
    /// The first row that is wrong.
    pub row: Option<u64>,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// Hash of the last row, hex.
    pub head: String,
}
