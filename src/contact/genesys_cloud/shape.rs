//! What travels as JSON besides lists, contacts and errors. Keys that are not named here are ignored when they come, and
//! absent values are left out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Answer of the token call.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// The token.
    pub access_token: String,
    /// `bearer`
    #[serde(default)]
    pub token_type: String,
    /// Seconds for which it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// Refusal of the token call, after RFC 6749.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenError {
    /// `invalid_client`, `unsupported_grant_type`
    pub error: String,
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TokenAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// One page of many.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on it.
    pub entities: Vec<T>,
    /// Most entities of a page.
    pub page_size: u64,
    /// From 1.
    pub page_number: u64,
    /// Entities of all pages.
    pub total: u64,
    /// Pages.
    pub page_count: u64,
    /// In a search for contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts_count: Option<u64>,
    /// The first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_uri: Option<String>,
    /// The last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_uri: Option<String>,
    /// Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_uri: Option<String>,
    /// Absent on the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_uri: Option<String>,
    /// This page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

/// A bulk removal or update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BulkJob {
    /// Its id.
    pub id: String,
    /// `InProgress`, `Complete`, `Failed`
    pub state: String,
    /// `BulkDelete`, `BulkEdit`
    #[serde(rename = "type")]
    pub kind: String,
    /// Contacts that it is about.
    pub total_records: u64,
    /// Those that are done.
    pub completed_records: u64,
    /// 0 to 100.
    pub percent_complete: u8,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// The backup.
    #[serde(rename = "downloadURI", skip_serializing_if = "Option::is_none")]
    pub download_uri: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

/// Asks for an address to send a file to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UploadRequest {
    /// The list.
    pub id: Option<String>,
    /// The column of the contact's id.
    pub contact_id_name: Option<String>,
    /// Of the file.
    pub content_type: Option<String>,
    /// 1 to 604,800; 600 when it is not said.
    pub signed_url_timeout_seconds: Option<i64>,
    /// Attempts and results go back.
    pub clear_system_data: Option<bool>,
    /// Workbooks: refused.
    pub import_template_id: Option<String>,
    /// Name of the file: a label.
    pub file_name: Option<String>,
    /// Bytes that it will have (ours): others are refused.
    pub content_length: Option<u64>,
}

/// Where a file is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UploadAnswer {
    /// PUT it there, once.
    pub url: String,
    /// Name of the upload.
    pub upload_key: String,
    /// To be sent with the file.
    pub headers: Map<String, Value>,
}

/// Asks for an export.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportRequest {
    /// Which contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criteria: Option<Criteria>,
    /// Only these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_ids: Option<Vec<String>>,
}

/// An export that is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportAnswer {
    /// Where the file is.
    pub uri: String,
    /// When it was made.
    pub export_timestamp: String,
}

/// Searches for contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SearchRequest {
    /// Which contacts.
    pub criteria: Option<Criteria>,
    /// A stored filter: not offered.
    pub contact_list_filter_id: Option<String>,
    /// From 1.
    pub page_number: Option<u64>,
    /// Most contacts of a page.
    pub page_size: Option<u64>,
    /// In which order.
    pub contact_sorts: Vec<ContactSort>,
}

/// `contacts/bulk/remove` and `contacts/bulk/update`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BulkRequest {
    /// Which contacts.
    pub criteria: Option<Criteria>,
    /// A stored filter: not offered.
    pub contact_list_filter_id: Option<String>,
    /// Only these (update).
    pub contact_ids: Option<Vec<String>>,
    /// What they become (update).
    pub contact: Option<super::ContactBody>,
    /// A backup first; yes when it is not said.
    #[serde(rename = "generateDownloadURI")]
    pub generate_download_uri: Option<bool>,
}

/// Clauses, joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Criteria {
    /// `AND`, `OR`
    pub filter_type: Option<String>,
    /// What is joined.
    pub clauses: Vec<Clause>,
}

/// Predicates, joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Clause {
    /// `AND`, `OR`
    pub filter_type: Option<String>,
    /// What is joined.
    pub predicates: Vec<Predicate>,
}

/// One comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Predicate {
    /// A column.
    pub column: Option<String>,
    /// `numeric`, `alphabetic`
    pub column_type: Option<String>,
    /// `EQUALS`, `LESS_THAN`, ...
    pub operator: Option<String>,
    /// With what.
    pub value: Option<String>,
    /// With what `BETWEEN` and `IN` compare.
    pub range: Option<PredicateRange>,
    /// What does not match is wanted.
    pub inverted: Option<bool>,
}

/// Bounds or members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PredicateRange {
    /// Lower bound.
    pub min: Option<String>,
    /// Upper bound.
    pub max: Option<String>,
    /// The lower bound counts.
    pub min_inclusive: Option<bool>,
    /// The upper bound counts.
    pub max_inclusive: Option<bool>,
    /// Members.
    pub in_set: Vec<String>,
}

/// One step of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactSort {
    /// A column.
    pub field_name: Option<String>,
    /// `ASC`, `DESC`
    pub direction: Option<String>,
    /// Values are numbers.
    pub numeric: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_left_out_and_what_is_unknown_is_ignored() {
        let job = BulkJob { id: "j".to_owned(), state: "InProgress".to_owned(), ..BulkJob::default() };
        let text = serde_json::to_string(&job).unwrap();
        assert!(text.contains("percentComplete") && !text.contains("downloadURI"), "{text}");
        let search: SearchRequest = serde_json::from_str(r#"{"pageSize":5,"unheard":1}"#).unwrap();
        assert_eq!((search.page_size, search.criteria), (Some(5), None));
    }

    #[test]
    fn a_token_is_not_shown() {
        let token: TokenAnswer = serde_json::from_str(r#"{"access_token":"t0ken","expires_in":5}"#).unwrap();
        assert_eq!(format!("{token:?}"), "TokenAnswer { expires_in: Some(5), .. }");
    }
}
