//! `bench`: a stated load on a gateway or a T-Server, and what came of it.
//!
//! Arrivals are open-loop: a schedule says when each request leaves, and no late answer delays the next one. Without an
//! address a bench starts a site of its own: T-Server, OCSs and gateway in this process, on loopback, with a store in a
//! temporary folder.

mod dnc;
mod load;
mod own;
mod report;
mod schedule;
mod threshold;
mod web;

pub use threshold::{Figure, Threshold, Verdict};

use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchVerb;
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::cli::run::interrupted;

/// Runs `bench`. Ctrl-C ends the load, and what was measured is still printed; once more ends at once.
///
/// # Errors
/// Words that do not fit, or a target that cannot be reached.
pub(super) async fn run(verb: BenchVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let stop = CancellationToken::new();
    let bench = async {
        match verb {
            BenchVerb::Dnc(args) => dnc::run(&args, ctx, &stop).await,
        }
    };
    let twice = async {
        interrupted().await;
        stop.cancel();
        interrupted().await;
    };
    tokio::select! {
        exit = bench => exit,
        () = twice => Ok(Exit::Interrupted),
    }
}
