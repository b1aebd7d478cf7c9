//! `sim fault`: a running simulator is controlled through its HTTP door.

use reqwest::Method;

use crate::cli::args::SimFaultVerb;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::engine::words::quote;
use crate::http::dto::{Page, SimClockBody, SimClockDto, SimFaultBody, SimFaultDto, SimStateDto, SimTriggerBody};

/// No body.
const NOTHING: Option<&()> = None;

/// Runs a verb.
///
/// # Errors
/// What the simulator refuses, or why it cannot be reached.
pub(super) async fn run(verb: SimFaultVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    match verb {
        SimFaultVerb::Add(args) => {
            let body = SimFaultBody { fault: line(&args.words) };
            let fault: SimFaultDto = client.change(Method::POST, &["v1", "sim", "faults"], Some(&body)).await?;
            ctx.out.either(&fault, || format!("fault {}: {}", fault.id, fault.fault))?;
        }
        SimFaultVerb::List => {
            let page: Page<SimFaultDto> = client.get(&["v1", "sim", "faults"], &[]).await?;
            faults(ctx, &page)?;
        }
        SimFaultVerb::Remove(args) => {
            let id = args.id.map(|id| id.to_string());
            let path: Vec<&str> = ["v1", "sim", "faults"].into_iter().chain(id.as_deref()).collect();
            let page: Page<SimFaultDto> = client.change(Method::DELETE, &path, NOTHING).await?;
            faults(ctx, &page)?;
        }
        SimFaultVerb::Trigger(args) => {
            let body = SimTriggerBody { trigger: line(&args.words), ocs: args.ocs };
            let state: SimStateDto = client.change(Method::POST, &["v1", "sim", "triggers"], Some(&body)).await?;
            ctx.out.either(&state, || states(ctx, &state))?;
        }
        SimFaultVerb::Clock(args) => {
            let path = ["v1", "sim", "clock"];
            let turns = args.times.is_some() || args.leap.is_some();
            let body = SimClockBody { times: args.times, leap: args.leap };
            let clock: SimClockDto = match turns {
                true => client.change(Method::PUT, &path, Some(&body)).await?,
                false => client.get(&path, &[]).await?,
            };
            ctx.out.either(&clock, || face(&clock))?;
        }
        SimFaultVerb::State => {
            let state: SimStateDto = client.get(&["v1", "sim", "state"], &[]).await?;
            ctx.out.either(&state, || states(ctx, &state))?;
        }
    }
    Ok(Exit::Done)
}

/// The shell has taken the quotes off: a word with blanks gets them back.
fn line(words: &[String]) -> String {
    let quoted = |word: &String| if word.contains(char::is_whitespace) { quote(word) } else { word.clone() };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn faults(ctx: &Ctx, page: &Page<SimFaultDto>) -> Result<(), CliError> {
    ctx.out.either(page, || {
        let row = |fault: &SimFaultDto| {
            let over = if fault.over { "over" } else { "" };
            let (id, struck, matched) = (fault.id.to_string(), fault.struck.to_string(), fault.matched.to_string());
            vec![id, struck, matched, over.to_owned(), fault.fault.clone()]
        };
        ctx.out.table(&["FAULT", "STRUCK", "MATCHED", "", "WORDS"], page.items.iter().map(row).collect())
    })
}

fn face(clock: &SimClockDto) -> String {
    format!("{} x{}", clock.at, clock.times)
}

fn states(ctx: &Ctx, state: &SimStateDto) -> String {
    let mut rows = Vec::new();
    for ocs in &state.ocs {
        for group in &ocs.groups {
            let records = ocs.campaigns.iter().find(|campaign| campaign.campaign == group.campaign);
            let number = |of: fn(&crate::http::dto::SimCampaignDto) -> u64| records.map_or(0, of).to_string();
            rows.push(vec![
                format!("{} {}", ocs.ocs, ocs.name),
                group.campaign.to_string(),
                group.group.to_string(),
                group.status.clone(),
                number(|campaign| campaign.records),
                number(|campaign| campaign.finals),
                number(|campaign| campaign.open),
                number(|campaign| campaign.dials),
            ]);
        }
    }
    let head = ["OCS", "CAMPAIGN", "GROUP", "STATUS", "RECORDS", "FINAL", "OPEN", "DIALS"];
    format!("{}\n{}", ctx.out.table(&head, rows), face(&state.clock))
}
