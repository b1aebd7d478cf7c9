//! `campaign`: load, start, stop, ... and the states of campaign groups.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::args::{CampaignVerb, DialingArgs, PairArgs, Share, StatusArgs, WatchArgs};
use crate::cli::client::{self, Client, Ctx};
use crate::cli::exit::{CliError, Exit, exit_of_outcome};
use crate::cli::output::confirm;
use crate::cli::request::outcome_text;
use crate::cli::stream::{Follow, follow};
use crate::http::dto::{DialingBody, Page, PriorityBody, RequestDto, ShareBody, SnapshotDto, StateDto, Word};

/// Runs a verb of `campaign`.
///
/// # Errors
/// What the gateway or OCS refused, or why neither can be reached.
pub(super) async fn run(verb: CampaignVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    match verb {
        CampaignVerb::List => list(&client, ctx).await,
        CampaignVerb::Status(args) => status(args, &client, ctx).await,
        CampaignVerb::Load(args) => dialing(Method::POST, "load", &args, &client, ctx).await,
        CampaignVerb::Start(args) => dialing(Method::POST, "start", &args, &client, ctx).await,
        CampaignVerb::SetMode(args) => dialing(Method::PUT, "mode", &args, &client, ctx).await,
        CampaignVerb::Unload(args) if args.force => {
            let PairArgs { campaign, group } = &args.pair;
            let question = format!("force the unload of campaign {campaign} on group {group}?");
            confirm(&ctx.global, &ctx.out, &question)?;
            control("force-unload", &args.pair, &client, ctx).await
        }
        CampaignVerb::Unload(args) => control("unload", &args.pair, &client, ctx).await,
        CampaignVerb::Stop(pair) => control("stop", &pair, &client, ctx).await,
        CampaignVerb::Complete(pair) => control("complete", &pair, &client, ctx).await,
        CampaignVerb::Watch(args) => watch(args, &client, ctx).await,
    }
}

fn path<'a>(pair: &'a PairArgs, verb: &'a str) -> [&'a str; 6] {
    ["v1", "campaigns", &pair.campaign, "groups", &pair.group, verb]
}

async fn control(verb: &str, pair: &PairArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    client.submit(&ctx.out, Method::POST, &path(pair, verb), &json!({})).await
}

async fn dialing(method: Method, verb: &str, args: &DialingArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    client.submit(&ctx.out, method, &path(&args.pair, verb), &dialing_body(args)).await
}

fn dialing_body(args: &DialingArgs) -> DialingBody {
    DialingBody {
        mode: args.mode.as_deref().map(word),
        optimize_by: args.optimize_by.as_deref().map(word),
        goal: args.goal,
        auto_completion: args.auto_completion,
        dialing_priority: (!args.priority.is_empty()).then(|| priority(&args.priority)),
        allow_undocumented: args.allow_undocumented,
    }
}

fn priority(shares: &[Share]) -> PriorityBody {
    let mut body = PriorityBody::default();
    for share in shares {
        let place = match share.kind {
            "general" => &mut body.general,
            "campaign_rescheduled" => &mut body.campaign_rescheduled,
            _ => &mut body.campaign_call_back, // the reader of --priority knows three kinds
        };
        *place = Some(ShareBody { priority: share.priority, n_records: share.n_records });
    }
    body
}

/// A name, or a number when it is one.
pub(crate) fn word(text: &str) -> Word {
    text.parse().map_or_else(|_| Word::Name(text.to_owned()), Word::Number)
}

async fn list(client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let mut all: Page<StateDto> = client.get(&["v1", "campaigns"], &[]).await?;
    while let Some(after) = all.next.take() {
        let page: Page<StateDto> = client.get(&["v1", "campaigns"], &[("after", &after)]).await?;
        if page.items.is_empty() {
            break;
        }
        all.items.extend(page.items);
        all.next = page.next;
    }
    ctx.out.either(&all, || table(&all.items, ctx))?;
    Ok(Exit::Done)
}

async fn status(args: StatusArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let (Some(campaign), Some(group)) = (&args.campaign, &args.group) else { return list(client, ctx).await };
    let wait = client.wait();
    let mut query = Vec::new();
    if ctx.global.dry_run {
        ctx.out.note("dry run: the last known state, OCS is not asked");
    } else if !args.cached {
        query = vec![("refresh", "true"), ("wait", wait.as_str())];
    }
    let answer: Value = client.get(&["v1", "campaigns", campaign, "groups", group], &query).await?;
    if answer.get("schema").is_some_and(|schema| schema == "commdn.request.v1") {
        // OCS has not answered yet: the gateway tells of the request instead of the state.
        let request: RequestDto = client::read(answer)?;
        ctx.out.either(&request, || outcome_text(&request))?;
        return Ok(exit_of_outcome(&request, !ctx.global.no_wait));
    }
    let state: StateDto = client::read(answer)?;
    ctx.out.either(&state, || table(std::slice::from_ref(&state), ctx))?;
    Ok(Exit::Done)
}

fn table(states: &[StateDto], ctx: &Ctx) -> String {
    let row = |state: &StateDto| {
        vec![
            named(state.campaign, state.campaign_name.as_deref()),
            named(state.group, state.group_name.as_deref()),
            state.ocs.to_string(),
            shown(state.status.as_deref(), state.status_id),
            shown(state.mode.as_deref(), state.mode_id),
            shown(state.optimize_by.as_deref(), state.optimize_by_id),
            state.goal.map_or_else(|| "-".to_owned(), |goal| goal.to_string()),
            state.changed_at.clone().unwrap_or_else(|| "-".to_owned()),
            state.changed_by.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let head = ["CAMPAIGN", "GROUP", "OCS", "STATUS", "MODE", "OPTIMIZE BY", "GOAL", "CHANGED", "BY"];
    ctx.out.table(&head, states.iter().map(row).collect())
}

fn named(dbid: i32, name: Option<&str>) -> String {
    name.map_or_else(|| dbid.to_string(), |name| format!("{dbid} {name}"))
}

fn shown(name: Option<&str>, number: Option<i32>) -> String {
    match (name, number) {
        (Some(name), _) => name.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// One line about a state: `101 Renewals on 732 Team A: running, predict, busy_factor 80 (by request)`.
pub(crate) fn state_line(state: &StateDto) -> String {
    let mut line = format!(
        "{} on {}: {}",
        named(state.campaign, state.campaign_name.as_deref()),
        named(state.group, state.group_name.as_deref()),
        shown(state.status.as_deref(), state.status_id),
    );
    if state.mode_id.is_some() || state.mode.is_some() {
        line.push_str(&format!(", {}", shown(state.mode.as_deref(), state.mode_id)));
    }
    if state.optimize_by_id.is_some() || state.optimize_by.is_some() {
        line.push_str(&format!(", {}", shown(state.optimize_by.as_deref(), state.optimize_by_id)));
        if let Some(goal) = state.goal {
            line.push_str(&format!(" {goal}"));
        }
    }
    if let Some(by) = &state.changed_by {
        line.push_str(&format!(" (by {by})"));
    }
    line
}

async fn watch(args: WatchArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let names = |wanted: &Option<String>, dbid: i32, name: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| wanted == dbid.to_string() || Some(wanted) == name)
    };
    let wanted = |state: &StateDto| {
        names(&args.campaign, state.campaign, state.campaign_name.as_deref())
            && names(&args.group, state.group, state.group_name.as_deref())
    };
    let follow_events = Follow { path: &["v1", "events"], query: &[], resume: true, count: args.count };
    follow(client, ctx, follow_events, |event| {
        let states: Vec<StateDto> = match event.event.as_str() {
            "snapshot" => serde_json::from_str::<SnapshotDto>(&event.data).map(|snapshot| snapshot.campaigns),
            "state" => serde_json::from_str(&event.data).map(|state| vec![state]),
            _ => Ok(Vec::new()),
        }
        .map_err(|error| CliError::internal(format!("event {}: {error}", event.event)))?;
        let mut lines = Vec::new();
        for state in states.iter().filter(|state| wanted(state)) {
            lines.push(if ctx.out.json {
                serde_json::to_string(state).map_err(|error| CliError::internal(error.to_string()))?
            } else {
                format!("{}  {}", state.observed_at.as_deref().unwrap_or("-"), state_line(state))
            });
        }
        Ok(lines)
    })
    .await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Verb};

    #[test]
    fn the_flags_become_the_body() {
        let words = "commdn campaign load 101 732 --mode predict --optimize-by busy_factor --goal 80 --auto-completion \
            --priority general=1:2 --priority campaign_call_back=3 --allow-undocumented";
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Verb::Campaign(CampaignVerb::Load(args)) = cli.verb else { panic!("another verb") };
        let body = serde_json::to_value(dialing_body(&args)).unwrap();
        let wanted = json!({
            "mode": "predict", "optimize_by": "busy_factor", "goal": 80, "auto_completion": true,
            "dialing_priority": {
                "general": {"priority": 1, "n_records": 2},
                "campaign_rescheduled": null,
                "campaign_call_back": {"priority": 3, "n_records": null},
            },
            "allow_undocumented": true,
        });
        assert_eq!(body, wanted);
    }

    #[test]
    fn words_that_are_numbers_are_sent_as_numbers() {
        assert_eq!(word("6"), Word::Number(6));
        assert_eq!(word("power"), Word::Name("power".into()));
    }

    #[test]
    fn a_state_is_one_readable_line() {
        let state = StateDto {
            campaign: 101,
            campaign_name: Some("Renewals".into()),
            group: 732,
            status: Some("running".into()),
            mode_id: Some(77),
            optimize_by: Some("busy_factor".into()),
            goal: Some(80),
            changed_by: Some("request".into()),
            ..StateDto::default()
        };
        assert_eq!(state_line(&state), "101 Renewals on 732: running, 77, busy_factor 80 (by request)");
    }
}
