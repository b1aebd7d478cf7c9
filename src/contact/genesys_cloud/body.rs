//! JSON of contact lists and contacts.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{ErrorCode, ListLimits};
use crate::contact::phone::PhoneReader;
use crate::contact::{
    CallingList, Contact, Draft, FieldKind, FieldRule, ImportProfile, Phone, PhoneColumn, apply_phone, policy,
};

/// A contact list, as a request gives it. What decides nothing here is kept as it came, in `rest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListBody {
    /// Its name.
    pub name: String,
    /// Columns, in order.
    pub column_names: Vec<String>,
    /// Columns of phones.
    pub phone_columns: Vec<PhoneBody>,
    /// Columns of mail addresses: `{columnName, type}`.
    pub email_columns: Vec<PhoneBody>,
    /// Zones are found by number and postal code.
    pub automatic_time_zone_mapping: bool,
    /// The column of the postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_code_column_name: Option<String>,
    /// Types of columns.
    pub column_data_type_specifications: Vec<ColumnSpec>,
    /// Blanks at both ends go; `None` = true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_whitespace: Option<bool>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The last version that the client has seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// All else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// A column of phones or mail addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PhoneBody {
    /// Its name.
    pub column_name: String,
    /// `cell`, `home`, ...
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The column of the contact's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callable_time_column: Option<String>,
}

/// Type of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnSpec {
    /// Its name.
    pub column_name: String,
    /// NUMERIC, TEXT, TIMESTAMP or DATETIME.
    pub column_data_type: String,
    /// Smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
}

/// A contact on the wire. Keys stand in the order of the documents' example: id, data, callable.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactBody {
    /// Absent = the server gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The list, when it is said again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_list_id: Option<String>,
    /// Column and text; numbers and booleans are taken as their text.
    #[serde(deserialize_with = "texts")]
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Whether it may be dialed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callable: Option<bool>,
    /// By column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_status: Option<BTreeMap<String, PhoneStatus>>,
    /// When it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_created: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_uri: Option<String>,
}

impl std::fmt::Debug for ContactBody {
    /// Nobody stands in it, so that no log can hold them.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = out.debug_struct("ContactBody");
        shown.field("columns", &self.data.len()).field("callable", &self.callable).finish_non_exhaustive()
    }
}

/// Whether a phone may be dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneStatus {
    /// It may.
    pub callable: bool,
}

fn texts<'de, D: serde::Deserializer<'de>>(input: D) -> Result<serde_json::Map<String, serde_json::Value>, D::Error> {
    use serde_json::Value;
    let mut all = serde_json::Map::<String, Value>::deserialize(input)?;
    for (name, value) in &mut all {
        *value = match value {
            Value::String(_) => continue,
            Value::Null => Value::String(String::new()),
            Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                return Err(serde::de::Error::custom(format!("data.{name}: expected text")));
            }
        };
    }
    Ok(all)
}

/// The body of every error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    /// For people.
    pub message: String,
    /// For programs.
    pub code: String,
    /// HTTP.
    pub status: u16,
    /// Its parts, not filled in.
    pub message_with_params: String,
    /// What belongs there.
    pub message_params: BTreeMap<String, String>,
    /// Names the request in logs.
    pub context_id: String,
    /// One for each thing that is wrong.
    pub details: Vec<Detail>,
    /// Always empty here.
    pub errors: Vec<ErrorBody>,
    /// Which bound was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<ErrorLimit>,
}

/// A bound that was met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLimit {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Detail {
    /// An [`ErrorCode`].
    pub error_code: String,
    /// `[3].data.city`
    pub field_name: String,
    /// What it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_name: Option<String>,
}

/// How far an upload is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportStatus {
    /// IN_PROGRESS, COMPLETED, FAILED; absent = none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Data records.
    pub total_records: u64,
    /// Of which are done.
    pub completed_records: u64,
    /// Of a hundred.
    pub percent_complete: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// The lists.
    pub target_contact_list_ids: Vec<String>,
}

impl Detail {
    /// A field, and what is wrong with it.
    #[must_use]
    pub fn new(code: ErrorCode, field_name: impl Into<String>) -> Self {
        Self { error_code: code.word().to_owned(), field_name: field_name.into(), ..Self::default() }
    }
}

impl ErrorBody {
    /// A body with its code and status.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            message_with_params: message.clone(),
            message,
            code: code.word().to_owned(),
            status: code.status(),
            ..Self::default()
        }
    }
}

impl ListBody {
    /// What is wrong with it, by field.
    #[must_use]
    pub fn check(&self, limits: &ListLimits) -> Vec<Detail> {
        let mut wrong = Vec::new();
        let mut add = |is_wrong: bool, field: String| {
            if is_wrong {
                wrong.push(Detail::new(ErrorCode::InvalidValue, field));
            }
        };
        add(self.name.trim().is_empty(), "name".to_owned());
        add(self.column_names.is_empty() || self.column_names.len() > limits.columns, "columnNames".to_owned());
        let mut seen = HashSet::new();
        for (n, name) in self.column_names.iter().enumerate() {
            let long = policy::longer_than(name, limits.name_chars).is_some();
            let bad = name.trim().is_empty() || name.contains('\\') || long || !seen.insert(name);
            add(bad, format!("columnNames[{n}]"));
        }
        let phones = self.phone_columns.len();
        add(phones == 0 || phones > limits.phone_columns, "phoneColumns".to_owned());
        let zones = self.automatic_time_zone_mapping;
        let mut phone_names = HashSet::new();
        for (n, phone) in self.phone_columns.iter().enumerate() {
            let name = &phone.column_name;
            add(!self.has(name) || !phone_names.insert(name), format!("phoneColumns[{n}].columnName"));
            let zone = phone.callable_time_column.as_ref();
            let bad_zone = zone.is_some_and(|column| zones || !self.has(column));
            add(bad_zone, format!("phoneColumns[{n}].callableTimeColumn"));
        }
        for (n, email) in self.email_columns.iter().enumerate() {
            add(!self.has(&email.column_name), format!("emailColumns[{n}].columnName"));
        }
        let zip = self.zip_code_column_name.as_ref();
        add(zip.is_some_and(|column| !zones || !self.has(column)), "zipCodeColumnName".to_owned());
        for (n, spec) in self.column_data_type_specifications.iter().enumerate() {
            add(!self.has(&spec.column_name), format!("columnDataTypeSpecifications[{n}].columnName"));
            add(spec.kind().is_none(), format!("columnDataTypeSpecifications[{n}].columnDataType"));
        }
        wrong
    }

    fn has(&self, column: &str) -> bool {
        self.column_names.iter().any(|name| name == column)
    }

    /// A stored list: what was given with it, and over that all that decides something as it stands now.
    #[must_use]
    pub fn of(list: &CallingList) -> Self {
        let given = serde_json::from_str::<Self>(&list.extra).ok().filter(|given| !given.name.is_empty());
        let mut given = given.unwrap_or_default();
        for server_set in ["id", "size", "importStatus", "dateCreated", "dateModified", "selfUri"] {
            given.rest.remove(server_set);
        }
        let phone = |phone: &PhoneColumn| PhoneBody {
            column_name: phone.column.clone(),
            kind: Some(phone.kind.clone()),
            callable_time_column: phone.time_zone_column.clone(),
        };
        let email = |name: &String| {
            let known = given.email_columns.iter().find(|email| email.column_name == *name);
            known.cloned().unwrap_or_else(|| PhoneBody { column_name: name.clone(), ..PhoneBody::default() })
        };
        Self {
            name: list.name.clone(),
            column_names: list.columns.clone(),
            phone_columns: list.phone_columns.iter().map(phone).collect(),
            email_columns: list.email_columns.iter().map(email).collect(),
            trim_whitespace: Some(list.trim),
            time_zone: Some(list.time_zone.clone()).filter(|zone| !zone.is_empty()),
            version: Some(list.version),
            ..given
        }
    }

    /// The list that it describes, not stored yet. `extra` keeps the body for the answer.
    #[must_use]
    pub fn to_list(&self, id: &str) -> CallingList {
        let phone = |phone: &PhoneBody| PhoneColumn {
            column: phone.column_name.clone(),
            kind: phone.kind.clone().unwrap_or_default(),
            time_zone_column: phone.callable_time_column.clone(),
        };
        CallingList {
            id: id.to_owned(),
            name: self.name.clone(),
            columns: self.column_names.clone(),
            phone_columns: self.phone_columns.iter().map(phone).collect(),
            email_columns: self.email_columns.iter().map(|email| email.column_name.clone()).collect(),
            trim: self.trim_whitespace.unwrap_or(true),
            time_zone: self.time_zone.clone().unwrap_or_default(),
            rules: rules_of_specs(&self.column_data_type_specifications),
            extra: serde_json::to_string(self).unwrap_or_default(),
            ..CallingList::default()
        }
    }
}

impl ColumnSpec {
    fn kind(&self) -> Option<FieldKind> {
        match self.column_data_type.as_str() {
            "NUMERIC" => Some(FieldKind::Number),
            "TEXT" => Some(FieldKind::Text),
            "TIMESTAMP" => Some(FieldKind::Timestamp),
            "DATETIME" => Some(FieldKind::DateTime),
            _ => None,
        }
    }
}

/// Rules of values for types of columns.
#[must_use]
pub fn rules_of_specs(specs: &[ColumnSpec]) -> Vec<FieldRule> {
    let rule = |spec: &ColumnSpec| {
        let rule = FieldRule::text(&spec.column_name, 0).of(spec.kind()?);
        Some(FieldRule { max_chars: spec.max_length, min: spec.min, max: spec.max, ..rule })
    };
    specs.iter().filter_map(rule).collect()
}

impl ContactBody {
    /// One to send: columns that go as data, in their order.
    #[must_use]
    pub fn to_send<'a>(
        id: Option<&str>,
        data: impl IntoIterator<Item = (&'a str, &'a str)>,
        callable: Option<bool>,
    ) -> Self {
        let text = |(name, value): (&str, &str)| (name.to_owned(), serde_json::Value::String(value.to_owned()));
        Self { id: id.map(str::to_owned), data: data.into_iter().map(text).collect(), callable, ..Self::default() }
    }

    /// The answer: all columns of the list, and whether each phone may be dialed. Times and address are the server's.
    #[must_use]
    pub fn of(contact: &Contact, list: &CallingList) -> Self {
        let value = |name: &String| contact.value(name).unwrap_or_default();
        let data = list.columns.iter().map(|name| (name.as_str(), value(name)));
        let status = list.phone_columns.iter().map(|column| {
            let phone = contact.phones.iter().find(|phone| phone.column == column.column);
            (column.column.clone(), PhoneStatus { callable: phone.is_none_or(|phone| phone.callable) })
        });
        Self {
            contact_list_id: Some(list.id.clone()),
            phone_number_status: Some(status.collect()),
            ..Self::to_send(Some(&contact.id), data, Some(contact.callable))
        }
    }
}

/// The draft of the n-th contact of an add request, or all that is wrong with it: a batch is atomic.
///
/// # Errors
/// One detail for each field that cannot be stored.
pub fn draft_of(
    body: &ContactBody,
    n: usize,
    list: &CallingList,
    limits: &ListLimits,
    profile: &ImportProfile,
    reader: &PhoneReader<'_>,
) -> Result<Draft, Vec<Detail>> {
    let mut wrong = Vec::new();
    let mut draft = Draft { has_contact: true, callable: body.callable, ..Draft::default() };
    draft.record = u64::try_from(n).unwrap_or(0).saturating_add(1);
    let mut refuse = |field: String| wrong.push(Detail::new(ErrorCode::InvalidValue, field));
    if body.contact_list_id.as_ref().is_some_and(|id| *id != list.id) {
        refuse(format!("[{n}].contactListId"));
    }
    if let Some(id) = &body.id {
        if id.is_empty() || policy::longer_than(id, 255).is_some() || id.contains('\0') {
            refuse(format!("[{n}].id"));
        }
        draft.id.clone_from(id);
    }
    for (name, value) in &body.data {
        let field = || format!("[{n}].data.{name}");
        let value = value.as_str().unwrap_or_default();
        let value = if list.trim && profile.trim { value.trim() } else { value };
        let rule = list.rules.iter().find(|rule| rule.attribute == *name);
        let broken = rule.and_then(|rule| rule.check(name, value)).is_some();
        let long = policy::longer_than(value, limits.value_chars).is_some();
        if !list.columns.contains(name) || value.contains('\0') || long || broken {
            refuse(field());
            continue;
        }
        match list.phone_columns.iter().find(|column| column.column == *name) {
            None => draft.attributes.push((name.clone(), value.to_owned())),
            Some(column) => {
                let (column, kind) = (column.column.clone(), column.kind.clone());
                let mut phone = Phone { column, kind, ..Phone::default() };
                let policy = list.phone_policy.unwrap_or(profile.phones);
                apply_phone(&mut phone, value, "", reader, policy, name, &mut draft.remarks);
                draft.phones.push(phone);
            }
        }
    }
    for (column, status) in body.phone_number_status.iter().flatten() {
        match list.phone_columns.iter().any(|known| known.column == *column) {
            true => draft.phone_callable.push((column.clone(), status.callable)),
            false => refuse(format!("[{n}].phoneNumberStatus.{column}")),
        }
    }
    if let Some(column) = &list.customer_column {
        draft.customer_id = Some(draft.value(column).unwrap_or_default().to_owned());
    }
    let failed = draft.error().map(|error| format!("[{n}].data.{}", error.column));
    failed.into_iter().for_each(&mut refuse);
    draft.find_keys(&profile.match_keys, &list.email_columns);
    if wrong.is_empty() { Ok(draft) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::rest_profile;
    use super::*;
    use crate::contact::phone::PlainOnly;
    use crate::contact::{Decision, Rules, decide};

    fn body(json: &str) -> ListBody {
        serde_json::from_str(json).unwrap()
    }

    const L: &str = r#"{"name":"L","columnNames":["first_name","phone_number"],"phoneColumns":[{"columnName":"phone_number","type":"cell"}],"unknown":{"a":1}}"#;

    fn draft(json: &str) -> Result<Draft, Vec<String>> {
        let reader = PhoneReader { library: &PlainOnly, default_country: "", plusless: false };
        let contact: ContactBody = serde_json::from_str(json).unwrap();
        let found = draft_of(&contact, 3, &body(L).to_list("l"), &ListLimits::DOCUMENTED, &rest_profile(), &reader);
        found.map_err(|details| details.into_iter().map(|detail| detail.field_name).collect())
    }

    #[test]
    fn the_list_of_the_example_is_good_and_comes_back_as_it_came() {
        // Example A1.
        let body = body(L);
        assert_eq!(body.check(&ListLimits::DOCUMENTED), []);
        let list = body.to_list("id");
        assert_eq!((list.trim, list.phone_columns[0].kind.as_str(), list.version), (true, "cell", 1));
        assert_eq!(serde_json::from_str::<ListBody>(&list.extra).unwrap(), body);
    }

    #[test]
    fn limits_of_lists_are_named_by_field() {
        for (json, field) in [
            (r#"{"name":"","columnNames":["a"],"phoneColumns":[{"columnName":"a"}]}"#, "name"),
            (r#"{"name":"L","columnNames":["a"]}"#, "phoneColumns"),
            (r#"{"name":"L","columnNames":["a","a"],"phoneColumns":[{"columnName":"a"}]}"#, "columnNames[1]"),
            (r#"{"name":"L","columnNames":["a","b\\c"],"phoneColumns":[{"columnName":"a"}]}"#, "columnNames[1]"),
            (r#"{"name":"L","columnNames":["a"],"phoneColumns":[{"columnName":"b"}]}"#, "phoneColumns[0].columnName"),
            (
                r#"{"name":"L","columnNames":["a","z"],"automaticTimeZoneMapping":true,"phoneColumns":[{"columnName":"a","callableTimeColumn":"z"}]}"#,
                "phoneColumns[0].callableTimeColumn",
            ),
            (
                r#"{"name":"L","columnNames":["a"],"zipCodeColumnName":"a","phoneColumns":[{"columnName":"a"}]}"#,
                "zipCodeColumnName",
            ),
            (
                r#"{"name":"L","columnNames":["a"],"columnDataTypeSpecifications":[{"columnName":"a","columnDataType":"ODD"}],"phoneColumns":[{"columnName":"a"}]}"#,
                "columnDataTypeSpecifications[0].columnDataType",
            ),
        ] {
            let fields: Vec<_> =
                body(json).check(&ListLimits::DOCUMENTED).into_iter().map(|detail| detail.field_name).collect();
            assert_eq!(fields, [field], "{json}");
        }
    }

    #[test]
    fn what_is_sent_is_the_documents_example() {
        // Example A7.
        let john =
            ContactBody::to_send(Some("42"), [("first_name", "john"), ("phone_number", "+420777888777")], Some(true));
        let wanted = r#"{"id":"42","data":{"first_name":"john","phone_number":"+420777888777"},"callable":true}"#;
        assert_eq!(serde_json::to_string(&john).unwrap(), wanted);
    }

    #[test]
    fn bad_items_are_named_and_a_bad_phone_is_stored_and_not_dialed() {
        let wrong = draft(
            r#"{"id":"","contactListId":"x","data":{"city":"a"},"phoneNumberStatus":{"first_name":{"callable":true}}}"#,
        );
        assert_eq!(
            wrong.unwrap_err(),
            ["[3].contactListId", "[3].id", "[3].data.city", "[3].phoneNumberStatus.first_name"]
        );
        let long = format!(r#"{{"data":{{"first_name":"{}"}}}}"#, "x".repeat(513));
        assert_eq!(draft(&long).unwrap_err(), ["[3].data.first_name"]);
        let bad = draft(r#"{"data":{"phone_number":"nobody","first_name":7}}"#).unwrap();
        assert_eq!((bad.phones[0].callable, bad.phones[0].raw.as_str(), bad.record), (false, "nobody", 4));
        assert_eq!(bad.attributes, [("first_name".to_owned(), "7".to_owned())]);
        assert!(serde_json::from_str::<ContactBody>(r#"{"data":{"a":[1]}}"#).is_err());
    }

    #[test]
    fn the_answer_has_all_columns_of_the_list() {
        let list = body(L).to_list("l");
        let draft = draft(r#"{"id":"42","data":{"phone_number":"+420777888777"},"callable":false,"phoneNumberStatus":{"phone_number":{"callable":false}}}"#).unwrap();
        let profile = rest_profile();
        let rules = Rules { profile: &profile, list: Some(&list), organisation: None };
        let Decision::Create(contact) = decide(&draft, &[], rules, &mut String::new, None) else { panic!("not made") };
        let wanted = r#"{"id":"42","contactListId":"l","data":{"first_name":"","phone_number":"+420777888777"},"callable":false,"phoneNumberStatus":{"phone_number":{"callable":false}}}"#;
        assert_eq!(serde_json::to_string(&ContactBody::of(&contact, &list)).unwrap(), wanted);
        assert_eq!(contact.customer_id, "42");
    }
}
