//! `dnc`: the do-not-call list.

use reqwest::Method;

use crate::cli::args::{DncAddArgs, DncVerb};
use crate::cli::campaign::word;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::DncBody;

/// Runs a verb of `dnc`.
///
/// # Errors
/// What the gateway or OCS refused, or why neither can be reached.
pub(super) async fn run(verb: DncVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let DncVerb::Add(args) = verb;
    let client = Client::new(&ctx.global)?;
    client.submit(&ctx.out, Method::POST, &["v1", "dnc"], &body(args)).await
}

fn body(args: DncAddArgs) -> DncBody {
    DncBody {
        phone: args.phone.or(args.phone_flag),
        customer_id: args.customer_id,
        scope: args.scope.map(crate::cli::args::Scope::word),
        ocs: args.ocs.as_deref().map(word),
        reason: args.reason,
    }
}
