//! Words of `bench`.

use clap::Subcommand;

use super::BenchImportArgs;

/// `bench`
#[derive(Clone, Debug, Subcommand)]
pub enum BenchVerb {
    /// Load made-up contacts into a store, beside the bare csv crate and the sqlite3 shell
    Import(BenchImportArgs),
}
