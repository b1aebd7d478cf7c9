//! What travels as JSON to and from B. Keys that are not named here are ignored when they come.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Criterion, FieldMapping, ImportField, Settings, target};
use crate::contact::genesys_cloud::{Detail, ErrorCode};
use crate::contact::policy;

/// Most characters of the name of settings.
const NAME_CHARS: u32 = 200;

/// Announces a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UploadRequest {
    /// What the file is called: a label, never a path.
    pub file_name: Option<String>,
    /// Its bytes; others are refused.
    pub file_size: Option<u64>,
}

/// Where a file is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadAnswer {
    /// Name of the upload.
    pub upload_id: String,
    /// PUT it there, once.
    pub upload_url: String,
    /// To be sent with the file.
    pub upload_headers: Vec<Header>,
}

/// A header of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What is to be said about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileVerdict {
    /// Commas are between its cells.
    pub separator_valid: bool,
    /// It is UTF-8.
    pub file_encoding_valid: bool,
    /// Lines that cannot be read, from the first on.
    pub errors: Vec<LineError>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LineError {
    /// Physical line; the header's is 1.
    pub line_number: u64,
    /// What was found, what was wanted; no cell of the file.
    pub message: String,
}

/// An upload and its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadDetails {
    /// Name of the upload.
    pub upload_id: String,
    /// As it was announced.
    pub file_name: String,
    /// Absent until the file has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_result: Option<FileVerdict>,
}

/// The first rows of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadPreview {
    /// Name of the upload.
    pub upload_id: String,
    /// Names of columns.
    pub headers: Vec<String>,
    /// Cells as text.
    pub entries: Vec<Vec<String>>,
}

/// Settings as a request gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SettingsRequest {
    /// Their name.
    pub name: Option<String>,
    /// `Email`, `Phone`, in order.
    pub matching_criteria: Vec<String>,
    /// All that match become one.
    pub merge_contacts: Option<bool>,
    /// The source of the external ids.
    pub external_source_id: Option<String>,
    /// Fields that are read, or not.
    pub import_fields: Vec<ImportField>,
}

/// Where columns go, as a request gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsvSettings {
    /// The settings that they belong to.
    pub external_settings_id: Option<String>,
    /// Column and field.
    pub mappings: Vec<FieldMapping>,
}

/// Asks for a job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobRequest {
    /// The file.
    pub upload_id: Option<String>,
    /// Of csv settings, or of settings.
    pub settings_id: Option<String>,
    /// Kept with the contacts: an id, or an object with one.
    pub division: Option<Value>,
}

impl JobRequest {
    /// The division's id.
    #[must_use]
    pub fn division_id(&self) -> Option<&str> {
        let id = |value: &'_ Value| value.get("id").is_some();
        let division = self.division.as_ref()?;
        let text = if id(division) { division.get("id") } else { Some(division) };
        text.and_then(Value::as_str).filter(|id| !id.is_empty())
    }
}

/// Moves a job on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobChange {
    /// The job; it stands in the address too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// `Continue`, `Cancel`, `Retry`.
    pub status: Option<String>,
}

/// An external source as a request gives it, and as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceBody {
    /// Its name.
    pub name: Option<String>,
    /// It may be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Where its own system shows a contact; kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_configuration: Option<Value>,
    /// The last version that the client has seen; none = whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

fn wrong(field: impl Into<String>) -> Detail {
    Detail::new(ErrorCode::InvalidValue, field)
}

/// A name without blanks at its ends, or what is wrong with it.
///
/// # Errors
/// None, or too long.
pub fn checked_name(name: Option<&str>) -> Result<String, Detail> {
    let name = name.unwrap_or_default().trim();
    let fits = !name.is_empty() && policy::longer_than(name, NAME_CHARS).is_none();
    if fits { Ok(name.to_owned()) } else { Err(wrong("name")) }
}

impl SettingsRequest {
    /// The settings, or every field that cannot be. The external source is as it was given.
    ///
    /// # Errors
    /// One detail each.
    pub fn checked(&self) -> Result<Settings, Vec<Detail>> {
        let mut all_wrong = Vec::new();
        let name = checked_name(self.name.as_deref()).map_err(|it| all_wrong.push(it)).unwrap_or_default();
        let mut matching_criteria = Vec::new();
        for (n, word) in self.matching_criteria.iter().enumerate() {
            match Criterion::ALL.iter().find(|it| it.word().eq_ignore_ascii_case(word)) {
                Some(criterion) if !matching_criteria.contains(criterion) => matching_criteria.push(*criterion),
                _ => all_wrong.push(wrong(format!("matchingCriteria[{n}]"))),
            }
        }
        for (n, field) in self.import_fields.iter().enumerate() {
            if field.name.trim().is_empty() {
                all_wrong.push(wrong(format!("importFields[{n}].name")));
            }
        }
        let settings = Settings {
            name,
            matching_criteria,
            merge_contacts: self.merge_contacts.unwrap_or(false),
            external_source_id: self.external_source_id.clone().filter(|id| !id.trim().is_empty()),
            import_fields: self.import_fields.clone(),
        };
        if all_wrong.is_empty() { Ok(settings) } else { Err(all_wrong) }
    }
}

impl CsvSettings {
    /// Every field that cannot be; whether the settings exist is for others to say.
    #[must_use]
    pub fn wrong(&self) -> Vec<Detail> {
        let mut all_wrong = Vec::new();
        if self.external_settings_id.as_deref().is_none_or(str::is_empty) {
            all_wrong.push(wrong("externalSettingsId"));
        }
        let (mut columns, mut targets) = (Vec::new(), Vec::new());
        for (n, mapping) in self.mappings.iter().enumerate() {
            let column = mapping.source_field.trim().to_lowercase();
            if column.is_empty() || columns.contains(&column) {
                all_wrong.push(wrong(format!("mappings[{n}].sourceField")));
            }
            columns.push(column);
            match target(&mapping.target_field) {
                Ok(target) if !targets.contains(&target) => targets.push(target),
                _ => all_wrong.push(wrong(format!("mappings[{n}].targetField"))),
            }
        }
        all_wrong
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(details: Vec<Detail>) -> Vec<String> {
        details.into_iter().map(|detail| detail.field_name).collect()
    }

    #[test]
    fn settings_name_each_field_that_cannot_be() {
        let read = |body: Value| serde_json::from_value::<SettingsRequest>(body).unwrap().checked();
        let good = json!({"name": " S ", "matchingCriteria": ["Phone", "email"], "unheard": 1});
        let settings = read(good).unwrap();
        assert_eq!((settings.name.as_str(), settings.merge_contacts), ("S", false));
        assert_eq!(settings.matching_criteria, [Criterion::Phone, Criterion::Email]);
        let bad = json!({"matchingCriteria": ["Email", "Name", "Email"], "importFields": [{"included": true}]});
        let wanted = ["name", "matchingCriteria[1]", "matchingCriteria[2]", "importFields[0].name"];
        assert_eq!(fields(read(bad).unwrap_err()), wanted);
        assert_eq!(fields(read(json!({"name": "n".repeat(201)})).unwrap_err()), ["name"]);
    }

    #[test]
    fn a_column_and_a_field_are_mapped_once() {
        let map = |from: &str, to: &str| json!({"sourceField": from, "targetField": to});
        let body = json!({"mappings": [map("Mail", "$.contact.workEmail"), map("mail", "contact.workEmail"),
            map("", "$.contact.title"), map("X", "workEmail")]});
        let body: CsvSettings = serde_json::from_value(body).unwrap();
        let wanted = [
            "externalSettingsId",
            "mappings[1].sourceField",
            "mappings[1].targetField",
            "mappings[2].sourceField",
            "mappings[3].targetField",
        ];
        assert_eq!(fields(body.wrong()), wanted);
    }

    #[test]
    fn a_division_is_an_id_or_has_one() {
        let of = |division: Value| JobRequest { division: Some(division), ..JobRequest::default() };
        assert_eq!(of(json!("d1")).division_id(), Some("d1"));
        assert_eq!(of(json!({"id": "d1", "name": "x"})).division_id(), Some("d1"));
        assert_eq!((of(json!({})).division_id(), of(json!("")).division_id()), (None, None));
    }
}
