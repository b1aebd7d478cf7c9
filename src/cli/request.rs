//! `request`: what was asked, and what became of it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::cli::args::{RequestListArgs, RequestState, RequestVerb};
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit, exit_of_outcome};
use crate::http::dto::{AnswerDto, ExplainDto, Page, RequestDto};

/// Runs a verb of `request`.
///
/// # Errors
/// What the gateway refused, or why it cannot be reached.
pub(super) async fn run(verb: RequestVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    match verb {
        RequestVerb::List(args) => list(args, &client, ctx).await?,
        RequestVerb::Show(args) => {
            let request: RequestDto = client.get(&["v1", "requests", &args.id], &[]).await?;
            ctx.out.either(&request, || show_text(&request))?;
        }
        RequestVerb::Wait(args) => return wait(&args.id, &client, ctx).await,
        RequestVerb::Retry(args) => {
            let path = ["v1", "requests", args.id.as_str(), "retry"];
            return client.submit(&ctx.out, Method::POST, &path, &json!({})).await;
        }
        RequestVerb::Explain(args) => {
            let explain: ExplainDto = client.get(&["v1", "requests", &args.id, "explain"], &[]).await?;
            ctx.out.either(&explain, || explain_text(&explain))?;
        }
    }
    Ok(Exit::Done)
}

/// How often a request is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits as long as `--timeout` says; the exit code is the one that the request itself would have had.
async fn wait(id: &str, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let until = Instant::now() + ctx.global.timeout;
    loop {
        let request: RequestDto = client.get(&["v1", "requests", id], &[]).await?;
        let open = request.ended_at.is_none();
        if !open || Instant::now() >= until {
            ctx.out.either(&request, || outcome_text(&request))?;
            return Ok(exit_of_outcome(&request, true));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn list(args: RequestListArgs, client: &Client, ctx: &Ctx) -> Result<(), CliError> {
    let limit = args.limit.to_string();
    let state = match args.state {
        _ if args.dead => "dead",
        _ if args.open => "open",
        RequestState::Dead => "dead",
        RequestState::Open => "open",
        RequestState::Ended => "ended",
        RequestState::All => "all",
    };
    let mut query = vec![("limit", limit.as_str()), ("state", state)];
    if let Some(after) = &args.after {
        query.push(("after", after));
    }
    let page: Page<RequestDto> = client.get(&["v1", "requests"], &query).await?;
    ctx.out.either(&page, || {
        let row = |request: &RequestDto| {
            vec![
                request.request_id.clone(),
                request.accepted_at.clone(),
                request.kind.clone(),
                pair(request),
                target(request.target),
                request.outcome.clone(),
                request.why.clone().unwrap_or_else(|| "-".into()),
                request.took_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms")),
                request.asked_by.clone(),
                request.dead.clone().unwrap_or_else(|| "-".into()),
            ]
        };
        let head = ["REQUEST", "ACCEPTED", "KIND", "PAIR", "OCS", "OUTCOME", "WHY", "TOOK", "ASKED BY", "GIVEN UP"];
        // Only dead letters have been given up.
        let columns = head.len() - usize::from(state != "dead");
        let rows = page.items.iter().map(row).map(|mut row| {
            row.truncate(columns);
            row
        });
        ctx.out.table(&head[..columns], rows.collect())
    })?;
    if let (Some(next), false) = (&page.next, ctx.out.json) {
        ctx.out.hint(&format!("the next page: --after {next}"));
    }
    Ok(())
}

fn pair(request: &RequestDto) -> String {
    match (request.campaign, request.group) {
        (Some(campaign), Some(group)) => format!("{campaign}-{group}"),
        (Some(campaign), None) => campaign.to_string(),
        _ => "-".into(),
    }
}

fn target(dbid: i32) -> String {
    if dbid == 0 { "every".into() } else { dbid.to_string() }
}

/// What a verb prints about its request: one line, and one for each OCS.
pub(crate) fn outcome_text(request: &RequestDto) -> String {
    let mut lines = vec![request_line(request)];
    lines.extend(request.answers.iter().map(|answer| format!("  {}", answer_line(answer))));
    lines.join("\n")
}

/// `do_not_call answered in 12 ms, request 0192...`
pub(crate) fn request_line(request: &RequestDto) -> String {
    let mut line = request.kind.clone();
    if request.campaign.is_some() {
        line.push_str(&format!(" {}", pair(request)));
    }
    line.push_str(&format!(" {}", request.outcome));
    if let Some(ms) = request.took_ms {
        line.push_str(&format!(" in {ms} ms"));
    }
    let refused = request.answers.iter().find_map(|answer| (answer.result == "refused").then(|| error_of(answer))?);
    if let Some(reason) = refused.or(request.detail.clone()).or(request.reason.clone()) {
        line.push_str(&format!(": {reason}"));
    }
    line.push_str(&format!(", request {}", request.request_id));
    line
}

fn answer_line(answer: &AnswerDto) -> String {
    let mut line = format!("OCS {}", answer.ocs);
    if let Some(name) = &answer.ocs_name {
        line.push_str(&format!(" {name}"));
    }
    line.push_str(&format!(": {}", answer.result));
    if let Some(event) = &answer.event {
        line.push_str(&format!(", {event}"));
        if let Some(number) = answer.message_type {
            line.push_str(&format!(" ({number})"));
        }
    }
    if let Some(status) = &answer.status {
        line.push_str(&format!(", {status}"));
    }
    if let Some(error) = error_of(answer) {
        line.push_str(&format!(", {error}"));
    }
    if let Some(message) = &answer.message {
        line.push_str(&format!(", \"{message}\""));
    }
    line
}

/// `OCS error 7, CM_ERROR_CAMPAIGN_ALREADY_STARTED`
fn error_of(answer: &AnswerDto) -> Option<String> {
    let code = answer.code.filter(|code| *code != 0)?;
    let name = answer.name.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
    Some(format!("OCS error {code}{name}"))
}

fn show_text(request: &RequestDto) -> String {
    let mut lines = vec![outcome_text(request)];
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            lines.push(format!("  {name}: {value}"));
        }
    };
    fact("why", request.why.as_deref());
    fact("for OCS", Some(&target(request.target)));
    fact("asked by", Some(&request.asked_by));
    fact("note", request.note.as_deref());
    fact("accepted at", Some(&request.accepted_at));
    fact("ended at", request.ended_at.as_deref());
    for warning in &request.warnings {
        fact("warning", Some(warning));
    }
    let attempts = (request.attempts > 0).then(|| request.attempts.to_string());
    fact("attempts that came to nothing", attempts.as_deref());
    fact("next attempt at", request.next_try_at.as_deref());
    fact("given up", request.dead.as_deref());
    fact("hint", request.hint.as_deref());
    lines.join("\n")
}

fn explain_text(explain: &ExplainDto) -> String {
    let mut lines = vec![show_text(&explain.request), format!("  phase: {}", explain.phase)];
    lines.extend(explain.rule.iter().map(|rule| format!("  rule: {rule}")));
    lines.extend(explain.steps.iter().enumerate().map(|(at, step)| format!("{:>3}. {step}", at + 1)));
    if !explain.frames.is_empty() {
        lines.push("UserEvents:".into());
        lines.extend(explain.frames.iter().map(|frame| format!("  {frame}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ocs_has_its_line() {
        let answered = AnswerDto {
            ocs: 301,
            ocs_name: Some("OCS_A".into()),
            result: "answered".into(),
            event: Some("CM_EvDoNotCallProcessed".into()),
            message_type: Some(33),
            code: Some(0),
            ..AnswerDto::default()
        };
        let refused = AnswerDto {
            ocs: 302,
            result: "refused".into(),
            code: Some(10),
            name: Some("CM_ERROR_INVALID_PARAMETER".into()),
            ..AnswerDto::default()
        };
        let request = RequestDto {
            request_id: "r1".into(),
            kind: "do_not_call".into(),
            outcome: "mixed".into(),
            took_ms: Some(12),
            answers: vec![answered, refused],
            ..RequestDto::default()
        };
        let wanted = "do_not_call mixed in 12 ms: OCS error 10, CM_ERROR_INVALID_PARAMETER, request r1\n  \
            OCS 301 OCS_A: answered, CM_EvDoNotCallProcessed (33)\n  \
            OCS 302: refused, OCS error 10, CM_ERROR_INVALID_PARAMETER";
        assert_eq!(outcome_text(&request), wanted);
    }
}
