//! `bench dnc`: do-not-calls, each about another phone.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchDncArgs;
use crate::cli::bench::aim::{Aim, Way};
use crate::cli::bench::load::{Work, bar, drive};
use crate::cli::bench::report::Report;
use crate::cli::bench::schedule::Schedule;
use crate::cli::bench::web;
use crate::cli::client::{Asked, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::RequestDto;
use crate::message::{ChainScope, DoNotCall, Phone};
use crate::wire::Text;

/// Runs `bench dnc`.
///
/// # Errors
/// Words that do not fit, or a target that cannot be reached.
pub(super) async fn run(args: &BenchDncArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let schedule = Arc::new(Schedule::new(&args.pace)?);
    let question = format!("put {} made-up phones on the do-not-call list", schedule.times().len());
    let (aim, way) = Aim::take(ctx, &args.tserver, 1, Some(question)).await?;
    let waits = !ctx.global.no_wait || matches!(way, Way::Tserver(..));
    let work = Arc::new(DoNotCalls { way, first: first_phone(), waits });
    let bar = bar(&ctx.out, &schedule);
    let tally = drive(&schedule, args.pace.in_flight.get(), &work, &bar, stop).await;
    bar.finish_and_clear();
    let what = if waits {
        "distinct do-not-calls to their answer"
    } else {
        "distinct do-not-calls to their durable acceptance"
    };
    let target = aim.end().await;
    let report = Report::new(("dnc", what.into()), target, &args.pace, &schedule, &tally);
    report.print(ctx, &tally.latency, &args.fail.fail_if)
}

/// Phones that no run before has used: an unused country code, then the time, then room to count.
fn first_phone() -> u64 {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    999_000_000_000_000 + seconds % 100_000 * 10_000_000
}

struct DoNotCalls {
    way: Way,
    first: u64,
    waits: bool,
}

impl Work for DoNotCalls {
    async fn one(&self, number: usize) -> Result<(), String> {
        let phone = format!("+{}", self.first + number as u64);
        match &self.way {
            Way::Http(client) => {
                let body = json!({ "phone": phone });
                match client.ask::<RequestDto>(Method::POST, &["v1", "dnc"], &body).await {
                    Ok(Asked::Done(request)) => web::came(&request, self.waits),
                    Ok(Asked::Dry(_)) => Ok(()),
                    Err(error) => Err(web::code(&error)),
                }
            }
            Way::Tserver(sessions, ocss) => {
                let phone = Some(Phone::from(Text::from(phone)));
                let entry = DoNotCall { phone, customer_id: None, scope: Some(ChainScope::AllChain.into()) };
                // Each OCS in turn of its own, so that every session comes to ask every OCS.
                let ocs = ocss[number / sessions.len() % ocss.len()];
                sessions[number % sessions.len()].ask(ocs, entry).await
            }
        }
    }
}
