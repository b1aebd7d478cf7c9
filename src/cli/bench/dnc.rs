//! `bench dnc`: do-not-calls, each about another phone.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchDncArgs;
use crate::cli::bench::load::{Work, drive};
use crate::cli::bench::own::{Own, site};
use crate::cli::bench::report::{Report, Target};
use crate::cli::bench::schedule::Schedule;
use crate::cli::bench::web;
use crate::cli::client::{Asked, Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::confirm;
use crate::http::dto::{RequestDto, VersionDto};

/// Runs `bench dnc`.
///
/// # Errors
/// Words that do not fit, or a gateway that cannot be reached.
pub(super) async fn run(args: &BenchDncArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let schedule = Arc::new(Schedule::new(&args.pace)?);
    let mut global = ctx.global.clone();
    let own = match &global.url {
        Some(url) => {
            let count = schedule.times().len();
            confirm(&global, &ctx.out, &format!("put {count} made-up phones on the do-not-call list by {url}?"))?;
            None
        }
        None => Some(Own::start(site(1, 0)?).await?),
    };
    if let Some(own) = &own {
        global.url = Some(format!("http://{}", own.at.http));
    }
    let client = Client::new(&global)?;
    let _: VersionDto = client.get(&["version"], &[]).await?;
    let work = Arc::new(ByHttp { client, first: first_phone(), waits: !global.no_wait });
    let bar = ctx.out.bar(schedule.times().len());
    let tally = drive(&schedule, args.pace.in_flight.get(), &work, &bar, stop).await;
    bar.finish_and_clear();
    let target = Target { via: "http", address: global.url().to_owned(), own: own.is_some() };
    if let Some(own) = own {
        own.end().await;
    }
    let what =
        if global.no_wait { "do-not-calls to their durable acceptance" } else { "do-not-calls to their outcome" };
    let report = Report::new(("dnc", what.into()), target, &args.pace, &schedule, &tally);
    report.print(ctx, &tally.latency, &args.fail.fail_if)
}

/// Phones that no run before has used: an unused country code, then the time, then room to count.
fn first_phone() -> u64 {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    999_000_000_000_000 + seconds % 100_000 * 10_000_000
}

struct ByHttp {
    client: Client,
    first: u64,
    waits: bool,
}

impl Work for ByHttp {
    async fn one(&self, number: usize) -> Result<(), String> {
        let phone = format!("+{}", self.first + number as u64);
        let asked = self.client.ask::<RequestDto>(Method::POST, &["v1", "dnc"], &json!({ "phone": phone })).await;
        match asked {
            Ok(Asked::Done(request)) => web::came(&request, self.waits),
            Ok(Asked::Dry(_)) => Ok(()),
            Err(error) => Err(web::code(&error)),
        }
    }
}
