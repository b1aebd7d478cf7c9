//! `record`: records of calling lists.

use reqwest::Method;

use crate::cli::args::{RecordCancelArgs, RecordVerb};
use crate::cli::campaign::word;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::confirm;
use crate::http::dto::CancelBody;

/// Runs a verb of `record`.
///
/// # Errors
/// What the gateway or OCS refused, or why neither can be reached.
pub(super) async fn run(verb: RecordVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let RecordVerb::Cancel(args) = verb;
    let client = Client::new(&ctx.global)?;
    if reaches_every_ocs(&args) {
        confirm(&ctx.global, &ctx.out, "cancel the records of this phone on every OCS?")?;
    }
    client.submit(&ctx.out, Method::POST, &["v1", "records", "cancel"], &body(args)).await
}

fn reaches_every_ocs(args: &RecordCancelArgs) -> bool {
    match args.ocs.as_deref() {
        Some(ocs) => ocs == "0",
        None => args.campaign.is_none(),
    }
}

fn body(args: RecordCancelArgs) -> CancelBody {
    CancelBody {
        phone: args.phone.or(args.phone_flag),
        customer_id: args.customer_id,
        campaign: args.campaign.as_deref().map(word),
        scope: args.scope.map(crate::cli::args::Scope::word),
        ocs: args.ocs.as_deref().map(word),
    }
}
