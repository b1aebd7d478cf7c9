//! `bench control`: requests about campaigns on groups.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchControlArgs;
use crate::cli::bench::aim::{Aim, Way};
use crate::cli::bench::load::{Work, bar, drive};
use crate::cli::bench::own;
use crate::cli::bench::report::Report;
use crate::cli::bench::schedule::Schedule;
use crate::cli::bench::web;
use crate::cli::client::{self, Asked, Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{Page, RequestDto, StateDto};
use crate::message::{
    AppDbid, DialMode, Dialing, GetCampaignStatus, LoadCampaign, OptimizeBy, Pair, StartDialing, StopDialing,
    UnloadCampaign,
};

/// Runs `bench control`.
///
/// # Errors
/// Words that do not fit, or a target that cannot be reached.
pub(super) async fn run(args: &BenchControlArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let schedule = Arc::new(Schedule::new(&args.pace)?);
    let question = args.cycle.then(|| "load, start, stop and unload campaigns".to_owned());
    let (aim, way) = Aim::take(ctx, &args.tserver, args.pairs.get(), question).await?;
    let pairs = pairs(args, &way, aim.target.own).await?;
    let count = pairs.len();
    let turns = pairs.into_iter().map(|(pair, ocs)| Turn { pair, ocs, next: Mutex::new(Step::Load) }).collect();
    let work = Arc::new(Control { way, turns, cycles: args.cycle });
    let bar = bar(&ctx.out, &schedule);
    let tally = drive(&schedule, args.pace.in_flight.get(), &work, &bar, stop).await;
    bar.finish_and_clear();
    if args.cycle && !aim.target.own {
        work.tidy().await;
    }
    let target = aim.end().await;
    let what = if args.cycle { "load, start, stop, unload" } else { "status reads" };
    let report = Report::new(("control", format!("{what} of {count} pairs")), target, &args.pace, &schedule, &tally);
    report.print(ctx, &tally.latency, &args.fail.fail_if)
}

/// The pairs and their OCSs.
async fn pairs(args: &BenchControlArgs, way: &Way, is_own: bool) -> Result<Vec<(Pair, AppDbid)>, CliError> {
    if is_own {
        return Ok(own::pairs(args.pairs.get()).collect());
    }
    match way {
        Way::Tserver(_, ocss) if !args.pair.is_empty() => Ok(args.pair.iter().map(|pair| (*pair, ocss[0])).collect()),
        Way::Tserver(..) => Err(CliError::usage("--pair is missing: which campaign on which group is asked about")
            .hint("for instance --pair 101-732, as often as there are pairs")),
        Way::Http(client) => {
            let known = known(client).await?;
            let is_meant = |pair: &Pair| args.pair.is_empty() || args.pair.contains(pair);
            let meant: Vec<_> = known.into_iter().filter(|(pair, _)| is_meant(pair)).collect();
            let all_known = args.pair.iter().all(|pair| meant.iter().any(|(known, _)| known == pair));
            if meant.is_empty() || !all_known {
                return Err(CliError::new(Exit::NotFound, "the gateway does not know the pairs, or none at all")
                    .hint("see `commdn campaign list`"));
            }
            Ok(meant)
        }
    }
}

async fn known(client: &Client) -> Result<Vec<(Pair, AppDbid)>, CliError> {
    let (mut pairs, mut after) = (Vec::new(), None::<String>);
    loop {
        let query: Vec<(&str, &str)> = after.iter().map(|after| ("after", after.as_str())).collect();
        let page: Page<StateDto> = client.get(&["v1", "campaigns"], &query).await?;
        let is_last = page.next.is_none() || page.items.is_empty();
        pairs.extend(page.items.iter().map(|state| (Pair::new(state.campaign, state.group), AppDbid(state.ocs))));
        if is_last {
            return Ok(pairs);
        }
        after = page.next;
    }
}

/// A campaign's round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Load,
    Start,
    Stop,
    Unload,
}

impl Step {
    fn next(self) -> Self {
        match self {
            Self::Load => Self::Start,
            Self::Start => Self::Stop,
            Self::Stop => Self::Unload,
            Self::Unload => Self::Load,
        }
    }

    /// What is still to do for a campaign whose next step this is, so that it is left unloaded.
    fn rest(self) -> &'static [Self] {
        match self {
            Self::Load => &[],
            Self::Start | Self::Unload => &[Self::Unload],
            Self::Stop => &[Self::Stop, Self::Unload],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Unload => "unload",
        }
    }
}

/// A pair; its requests come one after the other.
#[derive(Debug)]
struct Turn {
    pair: Pair,
    ocs: AppDbid,
    next: Mutex<Step>,
}

struct Control {
    way: Way,
    turns: Vec<Turn>,
    cycles: bool,
}

impl Work for Control {
    async fn one(&self, number: usize) -> Result<(), String> {
        let turn = &self.turns[number % self.turns.len()];
        if !self.cycles {
            return self.status(turn, number).await;
        }
        let mut next = turn.next.lock().await;
        let came = self.step(turn, *next, number).await;
        // After a refusal too: the next one finds out where the campaign is.
        *next = next.next();
        came
    }
}

impl Control {
    async fn status(&self, turn: &Turn, number: usize) -> Result<(), String> {
        let (campaign, group) = (turn.pair.campaign.0.to_string(), turn.pair.group.0.to_string());
        match &self.way {
            Way::Http(client) => {
                let path = ["v1", "campaigns", &campaign, "groups", &group];
                let wait = client.wait();
                let answer: Result<Value, CliError> = client.get(&path, &[("refresh", "true"), ("wait", &wait)]).await;
                match answer {
                    Ok(answer) if answer["schema"] == "commdn.campaign.v1" => Ok(()),
                    // OCS has not answered in time: the gateway tells of the request instead of the state.
                    Ok(answer) => client::read::<RequestDto>(answer)
                        .map_err(|error| web::code(&error))
                        .and_then(|request| web::came(&request, true)),
                    Err(error) => Err(web::code(&error)),
                }
            }
            Way::Tserver(sessions, _) => {
                sessions[number % sessions.len()].ask(turn.ocs, GetCampaignStatus::new(turn.pair)).await
            }
        }
    }

    async fn step(&self, turn: &Turn, step: Step, number: usize) -> Result<(), String> {
        let (campaign, group) = (turn.pair.campaign.0.to_string(), turn.pair.group.0.to_string());
        match &self.way {
            Way::Http(client) => {
                let path = ["v1", "campaigns", &campaign, "groups", &group, step.word()];
                let body = match step {
                    Step::Load | Step::Start => json!({"mode": "predict", "optimize_by": "busy_factor", "goal": 80}),
                    Step::Stop | Step::Unload => json!({}),
                };
                match client.ask::<RequestDto>(Method::POST, &path, &body).await {
                    Ok(Asked::Done(request)) => web::came(&request, true),
                    Ok(Asked::Dry(_)) => Ok(()),
                    Err(error) => Err(web::code(&error)),
                }
            }
            Way::Tserver(sessions, _) => {
                let session = &sessions[number % sessions.len()];
                let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
                match step {
                    Step::Load => session.ask(turn.ocs, LoadCampaign::new(turn.pair, dialing)).await,
                    Step::Start => session.ask(turn.ocs, StartDialing::new(turn.pair, dialing)).await,
                    Step::Stop => session.ask(turn.ocs, StopDialing::new(turn.pair)).await,
                    Step::Unload => session.ask(turn.ocs, UnloadCampaign::new(turn.pair)).await,
                }
            }
        }
    }

    /// Leaves no campaign loaded or dialing that the run has loaded or started.
    async fn tidy(&self) {
        for turn in &self.turns {
            let next = *turn.next.lock().await;
            for step in next.rest() {
                if let Err(code) = self.step(turn, *step, 0).await {
                    tracing::warn!(pair = %turn.pair, step = step.word(), code, "not left as it was found");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_where_it_began_and_can_be_cut_short_anywhere() {
        let round = [Step::Load, Step::Start, Step::Stop, Step::Unload];
        for (step, next) in round.into_iter().zip(round.into_iter().cycle().skip(1)) {
            assert_eq!(step.next(), next);
        }
        // What the next step is tells what was done before.
        assert_eq!(Step::Load.rest(), []);
        assert_eq!(Step::Start.rest(), [Step::Unload]);
        assert_eq!(Step::Stop.rest(), [Step::Stop, Step::Unload]);
        assert_eq!(Step::Unload.rest(), [Step::Unload]);
    }
}
