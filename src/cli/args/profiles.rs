//! Words of `profiles`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `profiles`
#[derive(Debug, Subcommand)]
pub enum ProfilesVerb {
    /// Copy a CSV file into the import folder of the gateway and have it imported
    Import(ProfilesImportArgs),
}

/// `profiles import`
#[derive(Clone, Debug, Args)]
pub struct ProfilesImportArgs {
    /// CSV with a header; a file that lies in the import folder is not copied
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The gateway's configuration, for its import folder and its base
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The import folder [default: ucs.import_folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub import_folder: Option<PathBuf>,
    /// Identification key: profiles that exist are skipped
    #[arg(long, value_name = "KEY")]
    pub id_key: Option<String>,
    /// One character, or \t
    #[arg(long, default_value = ",", value_name = "CHAR")]
    pub delimiter: String,
    /// Name of the characters
    #[arg(long, default_value = "UTF-8", value_name = "NAME")]
    pub encoding: String,
    /// Errors that are allowed [default: any number]
    #[arg(long, value_name = "N")]
    pub max_errors: Option<u64>,
    /// First record to import
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub start_from: u64,
    /// Have FILE.log written in the import folder
    #[arg(long)]
    pub create_log: bool,
    /// Tenant of records that name none [default: ucs.tenant_id]
    #[arg(long, value_name = "N")]
    pub tenant: Option<i64>,
    /// Segment of records that name none [default: ucs.segment]
    #[arg(long, value_name = "NAME")]
    pub segment: Option<String>,
    /// Leave the copy in the import folder
    #[arg(long)]
    pub keep: bool,
    /// Exit 0 although records failed
    #[arg(long)]
    pub allow_rejects: bool,
}
