//! Words of `contacts` for our own calling lists.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::contacts::{MaxErrors, ReportArgs, phone_column};
use crate::http::dto::{ImportSettings, PhoneColumnDto};

/// Where contacts are kept.
#[derive(Clone, Debug, Default, Args)]
pub struct WhereArgs {
    /// Open the store of this folder instead of asking a gateway; refused while one has it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// How a file becomes contacts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "From cells to contacts")]
pub struct MappingArgs {
    /// Saved profile: flags go over it
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Column of ids
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of 0 (not callable) and 1
    #[arg(long, value_name = "COLUMN")]
    pub callable_column: Option<String>,
    /// A column with phones and their type, for instance phone_number:cell; may be given again
    #[arg(long, value_name = "COLUMN:TYPE", value_parser = phone_column)]
    pub phone_column: Vec<(String, String)>,
    /// A column with mail addresses; may be given again
    #[arg(long, value_name = "COLUMN")]
    pub email_column: Vec<String>,
    /// Column of the contact's time zone
    #[arg(long, value_name = "COLUMN")]
    pub tz_column: Option<String>,
    /// Column of the file and the attribute it goes to; may be given again [default: equal names]
    #[arg(long, value_name = "COLUMN=ATTRIBUTE", value_parser = pair)]
    pub map: Vec<(String, String)>,
    /// A column that is not read; may be given again
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// What contacts are found by, in order: id, external_id:SOURCE, email, phone, customer, key:NAME=A+B
    /// [default: id with an id column]
    #[arg(long = "match", value_name = "KEYS", value_delimiter = ',')]
    pub match_keys: Option<Vec<String>>,
    /// create_always, skip, overwrite, update_first or merge_all [default: overwrite with keys, else create_always]
    #[arg(long, value_name = "MODE", value_parser = ["create_always", "skip", "overwrite", "update_first", "merge_all"])]
    pub on_match: Option<String>,
    /// What an empty cell does to a value that is there [default: keep]
    #[arg(long, value_name = "POLICY", value_parser = ["keep", "clear"])]
    pub empty: Option<String>,
    /// Whether blanks at both ends of a value go [default: on]
    #[arg(long, value_enum, value_name = "SWITCH")]
    pub trim: Option<Switch>,
    /// Phones that are no E.164: fail, warn, or take as they are [default: require]
    #[arg(long, value_name = "POLICY", value_parser = ["require", "warn", "asis"])]
    pub phone_policy: Option<String>,
    /// Country of national phones, for instance CZ
    #[arg(long, value_name = "COUNTRY")]
    pub default_country: Option<String>,
    /// Who must not be called: stored and never dialed, passed over, or an error [default: nocall]
    #[arg(long, value_name = "POLICY", value_parser = ["nocall", "skip", "error"])]
    pub dnc: Option<String>,
    /// Characters of the file: auto or a name such as windows-1250 [default: auto]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What stands between cells: auto, tab or a character [default: auto]
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<String>,
    /// Records with more or fewer cells than the header: fail, or are filled with empty cells [default: error]
    #[arg(long, value_name = "POLICY", value_parser = ["error", "pad"])]
    pub ragged: Option<String>,
    /// The file is an export of ours: one leading ' of a marked cell goes
    #[arg(long)]
    pub from_export: bool,
}

impl MappingArgs {
    /// What was given, for the one place that knows the defaults.
    #[must_use]
    pub fn settings(&self, report: Option<&ReportArgs>) -> ImportSettings {
        let some = |all: &Vec<String>| (!all.is_empty()).then(|| all.clone());
        let phone = |(column, kind): &(String, String)| PhoneColumnDto {
            column: column.clone(),
            kind: kind.clone(),
            time_zone_column: None,
        };
        ImportSettings {
            id_column: self.id_column.clone(),
            callable_column: self.callable_column.clone(),
            phone_columns: (!self.phone_column.is_empty()).then(|| self.phone_column.iter().map(phone).collect()),
            email_columns: some(&self.email_column),
            tz_column: self.tz_column.clone(),
            map: (!self.map.is_empty()).then(|| self.map.iter().cloned().collect()),
            ignore: some(&self.ignore),
            match_keys: self.match_keys.clone(),
            on_match: self.on_match.clone(),
            empty: self.empty.clone(),
            trim: self.trim.map(|switch| switch == Switch::On),
            phone_policy: self.phone_policy.clone(),
            default_country: self.default_country.clone(),
            dnc: self.dnc.clone(),
            encoding: self.encoding.clone(),
            delimiter: self.delimiter.clone(),
            ragged: self.ragged.clone(),
            from_export: self.from_export.then_some(true),
            max_errors: report.and_then(|report| report.max_errors).map(|most| match most {
                MaxErrors::Records(most) => most.to_string(),
                MaxErrors::Share(share) => format!("{}.{:02}%", share / 100, share % 100),
            }),
            start_from: report.map(|report| report.start_from).filter(|from| *from != 1),
            atomic: report.filter(|report| report.atomic).map(|_| true),
            ..ImportSettings::default()
        }
    }
}

/// `contacts import`
#[derive(Clone, Debug, Args)]
pub struct ContactsImportArgs {
    /// CSV with a header; - reads stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Name of the calling list
    #[arg(long, value_name = "NAME")]
    pub list: String,
    /// Make the list of the file's columns when it is not there
    #[arg(long)]
    pub create: bool,
    /// Ask before going on, once the whole file is validated
    #[arg(long)]
    pub confirm: bool,
    /// Mapping.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// Reports.
    #[command(flatten)]
    pub report: ReportArgs,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts preview`
#[derive(Clone, Debug, Args)]
pub struct ContactsPreviewArgs {
    /// CSV with a header; - reads stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Rows that are shown
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub rows: usize,
    /// Compare its columns with this calling list's
    #[arg(long, value_name = "NAME")]
    pub list: Option<String>,
    /// Mapping.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts create`
#[derive(Clone, Debug, Args)]
pub struct ContactsCreateArgs {
    /// Name of the new calling list
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Its attributes, in order; they are fixed then
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', required = true)]
    pub columns: Vec<String>,
    /// One of them that holds phones, and their type, for instance phone_number:cell; may be given again
    #[arg(long, value_name = "COLUMN:TYPE", value_parser = phone_column)]
    pub phone_column: Vec<(String, String)>,
    /// One of them that holds mail addresses; may be given again
    #[arg(long, value_name = "COLUMN")]
    pub email_column: Vec<String>,
    /// The attribute that is the customer id [default: the contact's id]
    #[arg(long, value_name = "COLUMN")]
    pub customer_column: Option<String>,
    /// Phones that are no E.164: fail, warn, or take as they are [default: as the import says]
    #[arg(long, value_name = "POLICY", value_parser = ["require", "warn", "asis"])]
    pub phone_policy: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts export`
#[derive(Clone, Debug, Args)]
pub struct ContactsExportArgs {
    /// Name of the calling list
    #[arg(long, value_name = "NAME")]
    pub list: String,
    /// A new file, for its owner only [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Cells that a spreadsheet would run stay as they are
    #[arg(long)]
    pub raw: bool,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts jobs`
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("act"))]
pub struct ContactsJobsArgs {
    /// One job, or the file of a push that was interrupted [default: all, the newest first]
    #[arg(value_name = "JOB")]
    pub job: Option<String>,
    /// Let it go on, once it is validated
    #[arg(long = "continue", group = "act", requires = "job")]
    pub go_on: bool,
    /// Stop it; what is committed stays
    #[arg(long, group = "act", requires = "job")]
    pub cancel: bool,
    /// Try again what has failed
    #[arg(long, group = "act", requires = "job")]
    pub retry: bool,
    /// Most jobs that are listed
    #[arg(long, value_name = "N", default_value = "50")]
    pub limit: usize,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts undo`
#[derive(Clone, Debug, Args)]
pub struct ContactsUndoArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: String,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts presets`
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value a run")]
pub enum PresetsVerb {
    /// Saved profiles
    List(WhereArgs),
    /// All choices of one
    Show(PresetArgs),
    /// Save the choices of the flags under a name; one that is there is replaced
    Save(PresetSaveArgs),
    /// Remove one
    Delete(PresetArgs),
}

/// `contacts presets show`, `delete`
#[derive(Clone, Debug, Args)]
pub struct PresetArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `contacts presets save`
#[derive(Clone, Debug, Args)]
pub struct PresetSaveArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Mapping.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err(format!("expected COLUMN=ATTRIBUTE, found '{text}'")),
    }
}
