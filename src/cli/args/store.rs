//! Words of `store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `store`
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// Read a store through: its pages, its references, its chains of evidence
    Check(DataArgs),
    /// Copy a store into a new file
    Backup(StoreBackupArgs),
    /// Put a copy in the place of a store; what was there is kept under another name
    Restore(StoreRestoreArgs),
}

/// Where a store lies.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Folder of a store that nobody runs, or its file *.sqlite
    #[arg(long, env = "COMMDN_STORE__PATH", value_name = "DIR")]
    pub data: PathBuf,
}

/// `store backup`
#[derive(Clone, Debug, Args)]
pub struct StoreBackupArgs {
    /// Folder of a store that nobody runs, or its file *.sqlite [default: the running gateway's, by --url]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The new file
    #[arg(value_name = "FILE")]
    pub to: PathBuf,
}

/// `store restore`
#[derive(Clone, Debug, Args)]
pub struct StoreRestoreArgs {
    /// Where the store lies, or is to lie.
    #[command(flatten)]
    pub data: DataArgs,
    /// A file that `store backup` wrote
    #[arg(value_name = "FILE")]
    pub from: PathBuf,
}
