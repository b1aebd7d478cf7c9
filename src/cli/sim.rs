//! `sim run --for`: a site that works by itself, on whatever clock, and what came out of it.

pub(super) mod record;
pub(super) mod scenario;

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::cli::args::SimRunArgs;
use crate::cli::client::Ctx;
use crate::cli::exit::CliError;
use crate::cli::run::{interrupted, profile, topology};
use crate::engine::ocs::dialer::{CallResult, CampaignCounts, PairCounts};
use crate::engine::scenario::{START, print_utc};
use crate::engine::topology::Topology;
use crate::engine::world::{Operator, TraceHash, World, WorldConfig};
use crate::message::AppDbid;
use crate::protocol::{Time, UtcSeconds};
use crate::service::sim_clock::{Speed, run_world};
use crate::service::{Config, fill_zones};

/// Runs a site for so long.
///
/// # Errors
/// A topology, profile or zone that cannot be used; counts that do not add up.
pub(super) async fn run(args: &SimRunArgs, settings: &Config, length: Duration, ctx: &Ctx) -> Result<(), CliError> {
    let mut site = topology(settings, Topology::shift)?;
    let start = args.start.map_or(START, |start| UtcSeconds(start.as_second()));
    fill_zones(&mut site, start).map_err(|error| CliError::usage(error.to_string()))?;
    if site.dialing.is_none() {
        ctx.out.hint("the topology has no lines about dialing, so nothing will be dialed; see docs/simulator.md");
    }
    let operator = Operator::new(&site, length.as_secs());
    let config = WorldConfig { profile: profile(settings)?, seed: args.seed, ..WorldConfig::new(site.clone(), start) };
    let mut world = World::new(config).map_err(|error| CliError::usage(error.to_string()))?;
    world.add(Box::new(operator));
    let (begun, stop) = (Instant::now(), CancellationToken::new());
    tokio::select! {
        () = run_world(&mut world, Time(length), args.clock.unwrap_or(Speed::Times(1)), &stop) => {}
        () = interrupted() => {}
    }
    ctx.out.note(&format!("{} of the site's time in {:?}", human(world.now().0), begun.elapsed()));
    let counts = world.counts();
    let millis = u64::try_from(world.now().0.as_millis()).unwrap_or(u64::MAX);
    let document = json!({
        "schema": "commdn.sim.run.v1", "seed": args.seed, "start": print_utc(start), "ran_ms": millis,
        "trace": world.trace().to_string(), "campaigns": campaigns(&site, &counts),
    });
    ctx.out.either(&document, || words(ctx, &site, world.trace(), world.now().0, &counts))?;
    match counts.iter().find(|(_, counts)| !counts.is_whole()) {
        None => Ok(()),
        Some((_, counts)) => Err(CliError::internal(format!("campaign {}: its counts do not add up", counts.campaign))),
    }
}

fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn name(site: &Topology, counts: &CampaignCounts) -> String {
    let known = site.campaigns.iter().find(|(campaign, _)| campaign.dbid == counts.campaign);
    known.map_or_else(String::new, |(campaign, _)| campaign.name.clone())
}

fn by_word<'a>(counts: impl IntoIterator<Item = (&'a CallResult, &'a u64)>) -> Value {
    Value::Object(counts.into_iter().map(|(result, count)| (result.to_string(), json!(count))).collect::<Map<_, _>>())
}

/// Records and calls of every campaign.
fn campaigns(site: &Topology, all: &[(AppDbid, CampaignCounts)]) -> Vec<Value> {
    let campaigns = all.iter().map(|(ocs, counts)| {
        let pairs = counts.pairs.iter().map(|(pair, calls)| {
            let PairCounts { dials, ringing, cut, answers, waiting, contacts, abandoned, dropped, .. } = calls;
            json!({
                "group": pair.group.0, "dials": dials, "ringing": ringing, "cut": cut, "answers": answers,
                "waiting": waiting, "answers_cut": calls.answers_cut, "contacts": contacts, "abandoned": abandoned,
                "dropped": dropped, "do_not_call": calls.do_not_call, "talk_ms": calls.talk_ms,
                "outcomes": by_word(&calls.outcomes),
            })
        });
        json!({
            "campaign": counts.campaign.0, "campaign_name": name(site, counts), "ocs": ocs.0,
            "records": counts.records, "final": counts.finals, "open": counts.open,
            "results": by_word(&counts.results), "pairs": pairs.collect::<Vec<_>>(),
        })
    });
    campaigns.collect()
}

fn words(ctx: &Ctx, site: &Topology, trace: TraceHash, ran: Duration, all: &[(AppDbid, CampaignCounts)]) -> String {
    let mut rows = Vec::new();
    for (ocs, counts) in all {
        let sum = |of: fn(&PairCounts) -> u64| counts.pairs.iter().map(|(_, calls)| of(calls)).sum::<u64>().to_string();
        rows.push(vec![
            format!("{} {}", counts.campaign, name(site, counts)),
            ocs.to_string(),
            counts.records.to_string(),
            counts.finals.to_string(),
            counts.open.to_string(),
            sum(|calls| calls.dials),
            sum(|calls| calls.answers),
            sum(|calls| calls.contacts),
            sum(|calls| calls.abandoned + calls.dropped),
        ]);
    }
    let head = ["CAMPAIGN", "OCS", "RECORDS", "FINAL", "OPEN", "DIALS", "ANSWERS", "CONTACTS", "LOST"];
    format!("{}\ntrace {} after {}", ctx.out.table(&head, rows), trace, human(ran))
}
