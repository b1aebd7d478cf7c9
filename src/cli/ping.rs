//! `ping`: how long the way to the gateway takes, and the way to OCS and back.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::cli::args::PingArgs;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{Page, StateDto};

/// Round trips to one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Trips {
    to: String,
    answered: usize,
    lost: usize,
    min_ms: Option<f64>,
    p50_ms: Option<f64>,
    max_ms: Option<f64>,
}

impl Trips {
    fn of(to: String, mut took: Vec<Duration>, lost: usize) -> Self {
        took.sort_unstable();
        let ms = |took: Option<&Duration>| took.map(|took| (took.as_secs_f64() * 1e6).round() / 1e3);
        let middle = took.get(took.len().saturating_sub(1) / 2);
        Self { to, answered: took.len(), lost, min_ms: ms(took.first()), p50_ms: ms(middle), max_ms: ms(took.last()) }
    }

    fn row(&self) -> Vec<String> {
        let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3}"));
        let counts = [self.answered.to_string(), self.lost.to_string()];
        let times = [ms(self.min_ms), ms(self.p50_ms), ms(self.max_ms)];
        [self.to.clone()].into_iter().chain(counts).chain(times).collect()
    }
}

/// Runs `ping`.
///
/// # Errors
/// Exit 3 when the gateway cannot be reached.
pub(super) async fn run(args: PingArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    let mut took = Vec::new();
    for _ in 0..args.count {
        let started = Instant::now();
        let _: Value = client.get(&["version"], &[]).await?;
        took.push(started.elapsed());
    }
    let mut trips = vec![Trips::of("gateway".into(), took, 0)];
    for (ocs, campaign, group) in pairs(&args, &client).await? {
        trips.push(status(&client, ctx, args.count, ocs, &campaign, &group).await?);
    }
    let lost = trips.iter().any(|trips| trips.lost > 0);
    ctx.out.either(&serde_json::json!({ "schema": "commdn.ping.v1", "trips": trips }), || {
        let head = ["TO", "ANSWERED", "LOST", "MIN MS", "P50 MS", "MAX MS"];
        ctx.out.table(&head, trips.iter().map(Trips::row).collect())
    })?;
    Ok(if lost { Exit::Unknown } else { Exit::Done })
}

/// The pair that was named, or the first known pair of each OCS.
async fn pairs(args: &PingArgs, client: &Client) -> Result<Vec<(i32, String, String)>, CliError> {
    if let (Some(campaign), Some(group)) = (&args.campaign, &args.group) {
        let state: StateDto = client.get(&["v1", "campaigns", campaign, "groups", group], &[]).await?;
        return Ok(vec![(state.ocs, campaign.clone(), group.clone())]);
    }
    let states: Page<StateDto> = client.get(&["v1", "campaigns"], &[("limit", "500")]).await?;
    let mut pairs: Vec<(i32, String, String)> = Vec::new();
    for state in states.items {
        if pairs.iter().all(|(ocs, ..)| *ocs != state.ocs) {
            pairs.push((state.ocs, state.campaign.to_string(), state.group.to_string()));
        }
    }
    Ok(pairs)
}

async fn status(
    client: &Client,
    ctx: &Ctx,
    count: usize,
    ocs: i32,
    campaign: &str,
    group: &str,
) -> Result<Trips, CliError> {
    let wait = client.wait();
    let (mut took, mut lost) = (Vec::new(), 0);
    for _ in 0..count {
        let started = Instant::now();
        let path = ["v1", "campaigns", campaign, "groups", group];
        let answer: Result<Value, CliError> = client.get(&path, &[("refresh", "true"), ("wait", &wait)]).await;
        match answer {
            Ok(answer) if answer["schema"] == "commdn.campaign.v1" => took.push(started.elapsed()),
            // OCS said no: the way there and back is the same.
            Err(error) if error.exit == Exit::Refused => took.push(started.elapsed()),
            Ok(_) => lost += 1,
            Err(error) if error.problem.is_some() => {
                ctx.out.note(&format!("OCS {ocs}: {}", error.message));
                lost += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Trips::of(format!("OCS {ocs}"), took, lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_are_told_by_their_shortest_middle_and_longest() {
        let trips = Trips::of("gateway".into(), [3, 1, 2].map(Duration::from_millis).to_vec(), 1);
        assert_eq!((trips.min_ms, trips.p50_ms, trips.max_ms), (Some(1.0), Some(2.0), Some(3.0)));
        assert_eq!(trips.row(), ["gateway", "3", "1", "1.000", "2.000", "3.000"]);
        assert_eq!(Trips::of("OCS 301".into(), Vec::new(), 2).row(), ["OCS 301", "0", "2", "-", "-", "-"]);
    }
}
