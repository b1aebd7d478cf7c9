//! Shapes of calling lists, import profiles, uploads and import jobs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A column of phones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneColumnDto {
    /// Its name.
    pub column: String,
    /// `home`, `work`, `cell`, or any other word.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The column that holds the contact's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone_column: Option<String>,
}

/// How a file becomes contacts; what is absent keeps the value of the profile, or the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImportSettings {
    /// Whose rules apply where systems differ: `native` (default), `genesys_cloud`, `external`, `classic`, `ucs`, `jtel`.
    /// Where no profile is named, what is absent here has the value of that system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Column of the contact's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Column of 0 (not callable) and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callable_column: Option<String>,
    /// Columns of phones, in the order of the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_columns: Option<Vec<PhoneColumnDto>>,
    /// Columns of mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_columns: Option<Vec<String>>,
    /// Column of the contact's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz_column: Option<String>,
    /// Column of the country of national phones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_column: Option<String>,
    /// Header in the file and attribute; headers that are not named keep their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<BTreeMap<String, String>>,
    /// Headers that are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Vec<String>>,
    /// Headers that `map` does not name are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_mapped: Option<bool>,
    /// What contacts are found by, in order: `id`, `external_id:SOURCE`, `email`, `phone`, `customer`, `key:NAME=A+B`.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_keys: Option<Vec<String>>,
    /// `create_always`, `skip`, `overwrite`, `update_first`, `merge_all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_match: Option<String>,
    /// `list` or `tenant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `keep` or `clear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<String>,
    /// Blanks at both ends go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<bool>,
    /// `require`, `warn` or `asis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_policy: Option<String>,
    /// A contact without a phone fails [default: with `require`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_required: Option<bool>,
    /// ISO 3166.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_country: Option<String>,
    /// Digits without plus are E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plusless: Option<bool>,
    /// `nocall`, `skip` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnc: Option<String>,
    /// `auto` or a label of WHATWG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// `auto`, `tab` or one character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// `error` or `pad`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ragged: Option<String>,
    /// The file is an export of ours: one leading `'` of a marked cell goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_export: Option<bool>,
    /// Errors that are allowed: `15` or `0.5%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<String>,
    /// First record that is read, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_from: Option<u64>,
    /// An update sets attempts, results and times back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_system_data: Option<bool>,
    /// Nothing is imported when a record fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
}

/// Settings of a calling list: body of `POST` and `PUT /v1/lists`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListBody {
    /// Unique.
    pub name: String,
    /// Attributes in order; fixed once the list is made.
    pub columns: Vec<String>,
    /// Which of them hold phones, in the order of the chain.
    pub phone_columns: Vec<PhoneColumnDto>,
    /// Which of them hold mail addresses.
    pub email_columns: Vec<String>,
    /// The attribute that is the customer id; absent = the contact's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_column: Option<String>,
    /// `require`, `warn` or `asis`; overrides that of an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_policy: Option<String>,
    /// Blanks at both ends of a value go [default: true].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<bool>,
    /// Seconds since midnight [default: 28800].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_from: Option<i32>,
    /// Seconds since midnight [default: 75600].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_till: Option<i32>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// DBID of the time zone in records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz_dbid: Option<i32>,
    /// `PUT`: the version that is to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A calling list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListDto {
    /// `commdn.list.v1`.
    pub schema: String,
    /// Opaque.
    pub id: String,
    /// Store-wide integer.
    pub number: i64,
    /// Unique.
    pub name: String,
    /// Attributes in order.
    pub columns: Vec<String>,
    /// Which of them hold phones.
    pub phone_columns: Vec<PhoneColumnDto>,
    /// Which of them hold mail addresses.
    pub email_columns: Vec<String>,
    /// The attribute that is the customer id.
    pub customer_column: Option<String>,
    /// Overrides that of an import.
    pub phone_policy: Option<String>,
    /// Blanks at both ends of a value go.
    pub trim: bool,
    /// Seconds since midnight.
    pub daily_from: i32,
    /// Seconds since midnight.
    pub daily_till: i32,
    /// IANA name, or empty.
    pub time_zone: String,
    /// DBID of the time zone in records.
    pub tz_dbid: i32,
    /// Goes up with every change.
    pub version: i64,
    /// Contacts in it.
    pub size: u64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub modified_at: String,
    /// The job that wrote it last.
    pub last_job: Option<String>,
}

/// What a clear did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClearedDto {
    /// `commdn.list_cleared.v1`.
    pub schema: String,
    /// The list.
    pub list: String,
    /// Contacts that are gone.
    pub deleted: u64,
    /// Their records that were cancelled: they can be imported and dialed again.
    pub cancellations: u64,
    /// Contacts that stay because they are being dialed.
    pub in_use: u64,
    /// Ids of the first 100 of those.
    pub in_use_ids: Vec<String>,
    /// The job that did it; undone it brings the contacts back. None for a list that is gone itself.
    pub job: Option<String>,
}

/// A saved profile: body of `POST` and `PUT /v1/import-profiles`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileBody {
    /// Unique.
    pub name: String,
    /// The choices.
    pub settings: ImportSettings,
    /// `PUT`: the version that is to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A saved profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileDto {
    /// `commdn.import_profile.v1`.
    pub schema: String,
    /// Opaque.
    pub id: String,
    /// Unique.
    pub name: String,
    /// Which interface made it.
    pub kind: String,
    /// Who made it.
    pub owner: String,
    /// Goes up with every change.
    pub version: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub modified_at: String,
    /// All choices.
    pub settings: ImportSettings,
}

/// An upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadDto {
    /// `commdn.import_upload.v1`.
    pub schema: String,
    /// Opaque.
    pub upload_id: String,
    /// Its size.
    pub bytes: u64,
    /// In hex.
    pub sha256: String,
    /// What its user calls it.
    pub file_name: String,
}

/// The first rows of a file, and what was found out about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewDto {
    /// `commdn.import_preview.v1`.
    pub schema: String,
    /// Its characters, by WHATWG.
    pub encoding: String,
    /// Nothing in the file says so.
    pub encoding_guessed: bool,
    /// Between cells.
    pub delimiter: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its columns.
    pub columns: Vec<PreviewColumnDto>,
    /// Cells as text; a row that cannot be read is an empty one.
    pub rows: Vec<Vec<String>>,
    /// Columns of the file that are not read.
    pub unmatched_in_file: Vec<String>,
    /// Columns of the list that the file lacks.
    pub unmatched_in_list: Vec<String>,
    /// Why settings, file and list do not fit.
    pub mismatch: Option<String>,
}

/// A column of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewColumnDto {
    /// Its header.
    pub name: String,
    /// What the first rows look like: `empty integer number phone email date text`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it goes: an attribute, `(id)`, `(callable)`; absent = it is not read.
    pub target: Option<String>,
}

/// Body of `POST /v1/import-jobs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobBody {
    /// The file.
    pub upload_id: String,
    /// Name of the calling list; absent = contacts outside of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The list is made of the file's columns when it is not there.
    pub create: bool,
    /// `import` (default) or `delete`: contacts whose ids stand in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name or id of a saved profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Choices, over those of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<ImportSettings>,
    /// Goes on by itself when it is validated [default: true].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_continue: Option<bool>,
    /// Ends when it is validated; nothing is stored.
    pub dry_run: bool,
}

/// What became of the records: `records` is the sum of the first eight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountsDto {
    /// Data records.
    pub records: u64,
    /// In front of the first that was to be read.
    pub before_start: u64,
    /// Contacts that came.
    pub created: u64,
    /// Contacts that changed.
    pub updated: u64,
    /// Contacts that were so already.
    pub unchanged: u64,
    /// Passed over.
    pub skipped: u64,
    /// Contacts that went.
    pub deleted: u64,
    /// Failed.
    pub failed: u64,
    /// Behind a stop.
    pub not_reached: u64,
    /// Remarks that fail nothing.
    pub warnings: u64,
    /// Lines without a byte.
    pub blank_lines: u64,
    /// Contacts that went into others.
    pub merged_away: u64,
    /// Phones or customers on the do-not-call list.
    pub dnc_hits: u64,
    /// Verdicts of the import that differ from the validation's.
    pub drift: u64,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CursorDto {
    /// Byte behind the last record that is stored.
    pub offset: u64,
    /// Number of that record.
    pub record: u64,
    /// Line on which the next record begins.
    pub line: u64,
}

/// What undoing a job did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UndoneDto {
    /// Contacts that the job had made and that are gone.
    pub deleted: u64,
    /// Contacts that are as they were before the job.
    pub restored: u64,
    /// Contacts that stay, because somebody else has changed or dialed them since.
    pub kept: u64,
    /// Numbers of the first of those.
    pub kept_numbers: Vec<i64>,
    /// All of it is done.
    pub finished: bool,
}

/// An import job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDto {
    /// `commdn.import_job.v1`.
    pub schema: String,
    /// Opaque.
    pub id: String,
    /// In the order of creation.
    pub number: i64,
    /// `import`, `delete`, `clear` or `push`.
    pub kind: String,
    /// `created`, `validating`, `validated`, `importing`, `completed`, `failed`, `cancelled`.
    pub state: String,
    /// `validating` or `importing`: the last step that it reached.
    pub step: Option<String>,
    /// Name of its list.
    pub list: Option<String>,
    /// What its user calls the file.
    pub file_name: String,
    /// The upload that it reads.
    pub upload_id: Option<String>,
    /// Name of the saved profile, or empty.
    pub profile: String,
    /// All choices.
    pub settings: ImportSettings,
    /// Goes on by itself when it is validated.
    pub auto_continue: bool,
    /// Ends when it is validated.
    pub dry_run: bool,
    /// Bytes that were read in this step.
    pub bytes: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Of the file, in hex.
    pub sha256: Option<String>,
    /// Verdict on its characters.
    pub encoding: String,
    /// Verdict on what stands between cells.
    pub delimiter: Option<String>,
    /// What became of the records: of the import once it has begun, else of the validation.
    pub counts: CountsDto,
    /// What the validation found.
    pub validation: CountsDto,
    /// How far the import has come.
    pub cursor: CursorDto,
    /// Records a second in this step.
    pub rate: f64,
    /// Until the end of this step.
    pub seconds_left: Option<f64>,
    /// `max_errors` or `cancelled`.
    pub stopped: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Who started it.
    pub owner: String,
    /// Who let it go on.
    pub continued_by: Option<String>,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub validated_at: Option<String>,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// How often it was taken up again after an interruption.
    pub resumes: u32,
    /// Cancellations that went with deleted contacts.
    pub cancellations: u64,
    /// What undoing it did.
    pub undone: Option<UndoneDto>,
    /// Where to go on: `self`, `events`, `outcome`, `reject`, `log`, and what may be done now.
    pub links: BTreeMap<String, String>,
    /// Anything that the interface which made it keeps with it.
    #[schema(value_type = Object)]
    pub extra: Option<Value>,
}

/// How a job goes, as it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobProgressDto {
    /// `commdn.import_progress.v1`.
    pub schema: String,
    /// The job.
    pub id: String,
    /// Where it is.
    pub state: String,
    /// Which step.
    pub step: Option<String>,
    /// Bytes that were read in this step.
    pub bytes: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Sums of this step.
    pub counts: CountsDto,
    /// Records a second.
    pub rate: f64,
    /// Until the end of this step.
    pub seconds_left: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
}
