//! `bench`: what the program does, measured beside something that does the same.

mod import;

use crate::cli::args::BenchVerb;
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};

/// Runs a bench.
pub(super) async fn run(verb: BenchVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        BenchVerb::Import(args) => import::run(args, ctx).await,
    }
}
