//! `bench`: a stated load on a gateway or a T-Server, and what came of it.
//!
//! Arrivals are open-loop: a schedule says when each request leaves, and no late answer delays the next one. Without an
//! address a bench starts a site of its own: T-Server, OCSs and gateway in this process, on loopback, with a store in a
//! temporary folder.

mod aim;
mod control;
mod dnc;
mod fanout;
mod import;
mod load;
mod own;
mod report;
mod schedule;
mod session;
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
    if ctx.global.dry_run {
        return Err(CliError::usage("--dry-run: a bench measures what it sends")
            .hint("without an address it sends to a site of its own, which is gone afterwards"));
    }
    let stop = CancellationToken::new();
    let bench = async {
        match verb {
            BenchVerb::Control(args) => control::run(&args, ctx, &stop).await,
            BenchVerb::Fanout(args) => fanout::run(&args, ctx, &stop).await,
            BenchVerb::Dnc(args) => dnc::run(&args, ctx, &stop).await,
            BenchVerb::Import(args) => import::run(args, ctx, &stop).await,
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
