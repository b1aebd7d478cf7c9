//! Words of `sequence`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `sequence`
#[derive(Debug, Subcommand)]
pub enum SequenceVerb {
    /// Print the timeline, who runs each step, and what is odd; exit 2 when it cannot be run
    Plan(SequenceFileArgs),
    /// Have the gateway run it step by step; it survives restarts
    Run(SequenceFileArgs),
    /// Give it to OCS as a schedule
    Submit(SequenceFileArgs),
    /// Sequences, the newest first
    List(SequenceListArgs),
    /// One sequence: planned and actual, and what happened
    Show(SequenceIdArgs),
    /// Stop and unload the campaign in turn; no other follows
    Stop(SequenceIdArgs),
}

/// `sequence plan`, `run`, `submit`
#[derive(Clone, Debug, Args)]
pub struct SequenceFileArgs {
    /// TOML, or JSON when its name ends in .json; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `sequence list`
#[derive(Clone, Debug, Args)]
pub struct SequenceListArgs {
    /// Most entries of one page
    #[arg(long, default_value = "50", value_name = "N")]
    pub limit: u32,
    /// Where the page before this one ended
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

/// `sequence show`, `stop`
#[derive(Clone, Debug, Args)]
pub struct SequenceIdArgs {
    /// The id, for instance q12
    #[arg(value_name = "ID")]
    pub id: String,
}
