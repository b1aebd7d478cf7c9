//! Words of `contacts`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::imports::{
    ContactsCreateArgs, ContactsExportArgs, ContactsImportArgs, ContactsJobsArgs, ContactsPreviewArgs,
    ContactsUndoArgs, PresetsVerb, WhereArgs,
};

/// `contacts`
#[derive(Debug, Subcommand)]
pub enum ContactsVerb {
    /// Load a file of contacts into a calling list
    Import(ContactsImportArgs),
    /// Show the first rows of a file, and what an import would make of them
    Preview(ContactsPreviewArgs),
    /// Calling lists
    Lists(WhereArgs),
    /// Make a calling list
    Create(ContactsCreateArgs),
    /// Write a calling list as CSV
    Export(ContactsExportArgs),
    /// Import jobs; one can be moved on
    Jobs(ContactsJobsArgs),
    /// Take back what a job did
    Undo(ContactsUndoArgs),
    /// Saved import profiles
    #[command(subcommand)]
    Presets(PresetsVerb),
    /// Send the contacts of a file to another system
    Push(ContactsPushArgs),
    /// Delete the contacts whose ids stand in a file
    Delete(ContactsDeleteArgs),
    /// Delete all contacts of a list; asks first
    Clear(ContactsClearArgs),
    /// Go on with a job that was interrupted
    Resume(ContactsResumeArgs),
}

/// Another system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OtherSystem {
    /// Contact lists of Genesys Cloud, or of a gateway that speaks like it.
    GenesysCloud,
}

/// When to show progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressWhen {
    /// A bar on a terminal, else a line every 5 s.
    #[default]
    Auto,
    /// The same, whatever else is asked for.
    Always,
    /// Nothing.
    Never,
}

/// Errors that are allowed: `N` or `N%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxErrors {
    /// So many.
    Records(u64),
    /// In hundredths of a percent.
    Share(u32),
}

/// Where to, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The other system")]
pub struct OtherSystemArgs {
    /// The other system [delete and clear, default: our own calling list]
    #[arg(long, value_enum, value_name = "SYSTEM")]
    pub to: Option<OtherSystem>,
    /// Region: AWS name, domain, or an https address (http to this machine only)
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Name of the client
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// File with the client's secret [else: COMMDN_GC_CLIENT_SECRET]
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// Parameters from a file, JSON or TOML: region, client_id, id_column, contact_list_id, column_names, ...
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Id of an existing list
    #[arg(long, value_name = "ID")]
    pub list_id: Option<String>,
}

/// What is done with bad records, and where it is told.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Records and reports")]
pub struct ReportArgs {
    /// Outcome of each record; - for stdout [default: FILE.outcome.csv]
    #[arg(long, value_name = "FILE")]
    pub outcome: Option<PathBuf>,
    /// Failed records, to be corrected and given again; - for stdout [default: FILE.reject.csv]
    #[arg(long, value_name = "FILE")]
    pub reject: Option<PathBuf>,
    /// What the job came to, as JSON; - for stdout
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Bad records that are allowed, N or N%; above that nothing is done
    #[arg(long, value_name = "N", value_parser = max_errors)]
    pub max_errors: Option<MaxErrors>,
    /// First record that is read
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    pub start_from: u64,
    /// End with 0 although records failed
    #[arg(long)]
    pub allow_rejects: bool,
    /// Do nothing unless all records are good
    #[arg(long)]
    pub atomic: bool,
    /// Progress on stderr
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    pub progress: ProgressWhen,
}

/// How batches are sent.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// A batch that is refused fails as a whole, instead of being sent again in halves
    #[arg(long)]
    pub no_split: bool,
    /// Go on behind a batch of which nobody knows whether it was done
    #[arg(long)]
    pub continue_unknown: bool,
    /// What the job needs to go on after an interruption [default: FILE.job.json]
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
}

/// `contacts push`
#[derive(Clone, Debug, Args)]
pub struct ContactsPushArgs {
    /// CSV in UTF-8 with commas and a header; - reads stdin
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub other: OtherSystemArgs,
    /// Name of a list that is made
    #[arg(long, value_name = "NAME")]
    pub list_name: Option<String>,
    /// Empty the list first, once the whole file is checked
    #[arg(long)]
    pub clear_first: bool,
    /// Column of ids: contacts with a known id are changed
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of 0 (not callable) and 1
    #[arg(long, value_name = "COLUMN")]
    pub callable_column: Option<String>,
    /// Columns of the file that are sent, id and callable column among them
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// A column with phones and their type, for instance phone_number:cell; may be given again
    #[arg(long, value_name = "COLUMN:TYPE", value_parser = phone_column)]
    pub phone_column: Vec<(String, String)>,
    /// Phones that are no E.164: fail, warn, or send as they are
    #[arg(long, value_name = "POLICY", default_value = "asis", value_parser = ["require", "warn", "asis"])]
    pub phone_policy: String,
    /// Country of national phones, for instance CZ; only with another policy than asis
    #[arg(long, value_name = "COUNTRY", default_value = "", hide_default_value = true)]
    pub default_country: String,
    /// Most characters of a value
    #[arg(long, value_name = "N", default_value = "512")]
    pub value_chars: u32,
    /// Reports.
    #[command(flatten)]
    pub report: ReportArgs,
    /// Batches.
    #[command(flatten)]
    pub batch: BatchArgs,
}

/// `contacts delete`
#[derive(Clone, Debug, Args)]
pub struct ContactsDeleteArgs {
    /// CSV in UTF-8 with commas and a header; - reads stdin
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub other: OtherSystemArgs,
    /// Name of our own calling list
    #[arg(long, value_name = "NAME", conflicts_with = "to")]
    pub list: Option<String>,
    /// Column of ids
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
    /// Reports.
    #[command(flatten)]
    pub report: ReportArgs,
    /// Batches.
    #[command(flatten)]
    pub batch: BatchArgs,
}

/// `contacts clear`
#[derive(Clone, Debug, Args)]
pub struct ContactsClearArgs {
    /// Where to.
    #[command(flatten)]
    pub other: OtherSystemArgs,
    /// Name of our own calling list
    #[arg(long, value_name = "NAME", conflicts_with = "to")]
    pub list: Option<String>,
    /// Write the list into this new file first
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub backup: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
    /// What the job came to, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// `contacts resume`
#[derive(Clone, Debug, Args)]
pub struct ContactsResumeArgs {
    /// Id of an import, or the file that a push left, for instance upload_contacts.csv.job.json
    #[arg(value_name = "JOB")]
    pub job: PathBuf,
    /// Where an import's store lies.
    #[command(flatten)]
    pub place: WhereArgs,
    /// Where the outcome of each record of an import goes [with --data: where it was to go at first]
    #[arg(long, value_name = "FILE")]
    pub outcome: Option<PathBuf>,
    /// Where failed records of an import go [as --outcome]
    #[arg(long, value_name = "FILE")]
    pub reject: Option<PathBuf>,
    /// End with 0 although records of an import failed
    #[arg(long)]
    pub allow_rejects: bool,
    /// File with the client's secret [else: that of the job, or COMMDN_GC_CLIENT_SECRET]
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// The configuration file that the job was started with, when the secret stands in it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What the job came to, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Progress on stderr
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    pub progress: ProgressWhen,
}

pub(super) fn phone_column(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once(':') {
        Some((column, kind)) if !column.is_empty() && !kind.is_empty() => Ok((column.to_owned(), kind.to_owned())),
        _ => Err(format!("expected COLUMN:TYPE such as phone_number:cell, found '{text}'")),
    }
}

fn max_errors(text: &str) -> Result<MaxErrors, String> {
    match crate::http::shown::max_errors(text) {
        Ok((Some(most), _)) => Ok(MaxErrors::Records(most)),
        Ok((None, Some(share))) => Ok(MaxErrors::Share(share)),
        Ok((None, None)) | Err(_) => Err(format!("expected a number or a percentage such as 0.5%, found '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_or_are_a_share() {
        assert_eq!(max_errors("15"), Ok(MaxErrors::Records(15)));
        assert_eq!(max_errors("0.5%"), Ok(MaxErrors::Share(50)));
        assert_eq!(max_errors("100%"), Ok(MaxErrors::Share(10_000)));
        for wrong in ["", "%", "-1", "101%", "0.555%", "x%", "1e2"] {
            assert!(max_errors(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_phone_column_has_a_type() {
        assert_eq!(phone_column("a:b:cell"), Ok(("a:b".to_owned(), "cell".to_owned())));
        assert!(phone_column("phone_number").is_err());
    }
}
