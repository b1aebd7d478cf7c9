//! `contacts`: people in and out of calling lists.

mod genesys_cloud;
mod import;
mod lists;
mod parameters;
mod place;
mod presets;
mod progress;
mod rows;
mod spool;
mod summary;

pub(super) use place::error as import_error;

use std::sync::Arc;

use tokio::signal;
use tokio_util::sync::CancellationToken;

use crate::cli::args::ContactsVerb;
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::service::push::{Outside, ThisMachine};

/// Runs a verb.
///
/// # Errors
/// Why it was not done.
pub async fn run(verb: ContactsVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    run_with(verb, ctx, Arc::new(ThisMachine)).await
}

/// Runs a verb with a clock of the caller's. The first Ctrl-C ends it after the request in hand, the second at once.
///
/// # Errors
/// As [`run`].
pub async fn run_with(verb: ContactsVerb, ctx: &Ctx, outside: Arc<dyn Outside>) -> Result<Exit, CliError> {
    let stop = CancellationToken::new();
    let work = dispatch(verb, ctx, outside, stop.clone());
    tokio::pin!(work);
    tokio::select! {
        exit = &mut work => return exit,
        _ = signal::ctrl_c() => {
            ctx.out.note("ending behind the batch in hand; Ctrl-C again ends at once");
            stop.cancel();
        }
    }
    tokio::select! {
        exit = &mut work => exit,
        _ = signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

async fn dispatch(
    verb: ContactsVerb,
    ctx: &Ctx,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    match verb {
        ContactsVerb::Push(args) => genesys_cloud::push(args, ctx, outside, stop).await,
        ContactsVerb::Delete(args) if args.other.to.is_some() => genesys_cloud::delete(args, ctx, outside, stop).await,
        ContactsVerb::Delete(args) => import::delete(args, ctx, &stop).await,
        ContactsVerb::Clear(args) if args.other.to.is_some() => genesys_cloud::clear(args, ctx, outside, stop).await,
        ContactsVerb::Clear(args) => lists::clear(args, ctx).await,
        // What a push leaves is a file; an import is kept in a store.
        ContactsVerb::Resume(args) if args.place.data.is_none() && !import::is_id(&args.job) => {
            genesys_cloud::resume(args, ctx, outside, stop).await
        }
        ContactsVerb::Resume(args) => import::resume(args, ctx, &stop).await,
        ContactsVerb::Import(args) => import::import(args, ctx, &stop).await,
        ContactsVerb::Preview(args) => lists::preview(args, ctx).await,
        ContactsVerb::Lists(args) => lists::lists(args, ctx).await,
        ContactsVerb::Create(args) => lists::create(args, ctx).await,
        ContactsVerb::Export(args) => lists::export(args, ctx).await,
        ContactsVerb::Jobs(args) if args.place.data.is_none() && genesys_cloud::file_of(&args).is_some() => {
            genesys_cloud::show(&args, ctx)
        }
        ContactsVerb::Jobs(args) => import::jobs(args, ctx, &stop).await,
        ContactsVerb::Undo(args) => import::undo(args, ctx).await,
        ContactsVerb::Presets(verb) => presets::run(verb, ctx).await,
    }
}
