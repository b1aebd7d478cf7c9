//! Words of `bench import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `bench import`
#[derive(Clone, Debug, Args)]
pub struct BenchImportArgs {
    /// Rows of the made-up file
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    pub rows: u64,
    /// Turns of each contender; medians are compared
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Other sizes, one turn each, for the curve of time and memory
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "10000,100000")]
    pub curve: Vec<u64>,
    /// Folder for the files, about 2 KiB a row; they go at the end [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The sqlite3 shell; without it an import is measured beside nothing
    #[arg(long, value_name = "PROGRAM", default_value = "sqlite3")]
    pub sqlite3: PathBuf,
    /// One measurement in a process of its own, of the file and folder given
    #[arg(long, hide = true, value_enum, value_name = "STEP", requires = "dir")]
    pub step: Option<BenchImportStep>,
}

/// What one process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchImportStep {
    /// Records are read, checked and hashed; no store.
    Read,
    /// A dry run.
    DryRun,
    /// A validation, and an import.
    Import,
}
