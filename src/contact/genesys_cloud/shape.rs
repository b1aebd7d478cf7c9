//! What travels as JSON. Keys that are not named here are ignored when they come, and absent values are left out.

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

/// An object that is named by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

/// A contact list, asked for and answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactList {
    /// Opaque id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Unique.
    pub name: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_created: Option<String>,
    /// When its settings changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_modified: Option<String>,
    /// Goes up with every change of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Kept, and decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub division: Option<Reference>,
    /// In order.
    pub column_names: Vec<String>,
    /// Columns that hold phones.
    pub phone_columns: Vec<ContactPhoneColumn>,
    /// Columns that hold mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email_columns: Vec<ContactTypedColumn>,
    /// Columns that hold WhatsApp numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub whats_app_columns: Vec<ContactTypedColumn>,
    /// State of the last import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_status: Option<ImportStatus>,
    /// Column that decides whether a contact is previewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_mode_column_name: Option<String>,
    /// Its values that say yes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preview_mode_accepted_values: Vec<String>,
    /// Contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Kept, and decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_limits: Option<Reference>,
    /// Zones come from phones and zip codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic_time_zone_mapping: Option<bool>,
    /// Column with zip codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_code_column_name: Option<String>,
    /// Types of columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub column_data_type_specifications: Vec<ColumnDataType>,
    /// Blanks at both ends of a value go; on when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_whitespace: Option<bool>,
    /// `Never`, `Today`, `RetentionDays`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_type: Option<String>,
    /// With `RetentionDays`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i64>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

/// One of `phoneColumns`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactPhoneColumn {
    /// One of `columnNames`.
    pub column_name: String,
    /// `cell`, `home`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Column with the zone of the phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callable_time_column: Option<String>,
}

/// One of `emailColumns` or `whatsAppColumns`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactTypedColumn {
    /// One of `columnNames`.
    pub column_name: String,
    /// Kind of address.
    #[serde(rename = "type")]
    pub kind: String,
    /// Column with the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contactable_time_column: Option<String>,
}

/// One of `columnDataTypeSpecifications`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnDataType {
    /// One of `columnNames`.
    pub column_name: String,
    /// `NUMERIC`, `TEXT`, `TIMESTAMP`, `DATETIME`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_data_type: Option<String>,
    /// Least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Most characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
}

/// A contact, asked for and answered. Its `Debug` text holds nobody.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Absent = a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The list of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_list_id: Option<String>,
    /// Text by column.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// Absent = as it is; a new one may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callable: Option<bool>,
    /// Verdict of each phone column.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub phone_number_status: Map<String, Value>,
    /// Verdict of each medium; kept, and decides nothing.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub contactable_status: Map<String, Value>,
    /// As that of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_type: Option<String>,
    /// With `RetentionDays`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i64>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_created: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = out.debug_struct("Contact");
        shown.field("columns", &self.data.len()).field("callable", &self.callable).finish_non_exhaustive()
    }
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

/// Body of every refusal but that of the token call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    /// Words.
    pub message: String,
    /// One of [`super::ErrorCode`], or another server's.
    pub code: String,
    /// The status.
    pub status: u16,
    /// The same words with names in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_with_params: Option<String>,
    /// What the names in braces stand for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub message_params: Map<String, Value>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// One for each thing that is wrong.
    pub details: Vec<ErrorDetail>,
    /// Refusals inside of this one.
    pub errors: Vec<ErrorBody>,
    /// Which limit was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// One of `details`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorDetail {
    /// Which rule.
    pub error_code: String,
    /// Where: `[3].data.city`.
    pub field_name: String,
    /// Id of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Name of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_name: Option<String>,
}

/// A limit that was met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limit {
    /// Its name.
    pub key: String,
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its value.
    pub value: u64,
}

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportStatus {
    /// `IN_PROGRESS`, `FAILED`, `COMPLETED`; absent before the first import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Records of the file.
    pub total_records: u64,
    /// Those that are done.
    pub completed_records: u64,
    /// 0 to 100.
    pub percent_complete: u8,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Lists that it fills.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_contact_list_ids: Vec<String>,
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
    pub contact: Option<Contact>,
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_that_is_asked_for_has_no_more_than_was_said() {
        let asked = json!({
            "name": "L",
            "columnNames": ["first_name", "phone_number"],
            "phoneColumns": [{"columnName": "phone_number", "type": "cell"}],
        });
        let list: ContactList = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(serde_json::to_value(&list).unwrap(), asked);
    }

    #[test]
    fn a_contact_keeps_the_order_of_its_columns_and_shows_nobody() {
        let text = r#"{"id":"42","data":{"z":"john","a":"+420777888777"},"callable":true}"#;
        let contact: Contact = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&contact).unwrap(), text);
        assert_eq!(format!("{contact:?}"), "Contact { columns: 2, callable: Some(true), .. }");
    }

    #[test]
    fn an_error_of_another_server_is_read_whatever_it_lacks() {
        let error: ErrorBody = serde_json::from_str(r#"{"code":"x","unknown":1}"#).unwrap();
        assert_eq!((error.code.as_str(), error.status), ("x", 0));
    }
}
