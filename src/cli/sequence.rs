//! `sequence`: plan, run, submit, list, show, stop.

use std::path::Path;

use reqwest::Method;

use crate::cli::args::{SequenceFileArgs, SequenceListArgs, SequenceVerb};
use crate::cli::client::{Client, Ctx, print_dry_run};
use crate::cli::config::read_text;
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{DryRunDto, FlawDto, Page, SequenceDto, SequencePlanDto, SequenceStepDto};

/// Runs a verb of `sequence`.
///
/// # Errors
/// What is wrong with the file, what the gateway refused, or why it cannot be reached.
pub(super) async fn run(verb: SequenceVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    match verb {
        SequenceVerb::Plan(args) => plan(&args, &client, ctx).await,
        SequenceVerb::Run(args) => create(&args, "gateway", &client, ctx).await,
        SequenceVerb::Submit(args) => create(&args, "ocs", &client, ctx).await,
        SequenceVerb::List(args) => list(&args, &client, ctx).await,
        SequenceVerb::Show(args) => {
            let sequence: SequenceDto = client.get(&["v1", "sequences", &args.id], &[]).await?;
            ctx.out.either(&sequence, || show_text(&sequence, ctx))?;
            Ok(Exit::Done)
        }
        SequenceVerb::Stop(args) => {
            let path = ["v1", "sequences", args.id.as_str()];
            let query: &[(&str, &str)] = if ctx.global.dry_run { &[("dry_run", "true")] } else { &[] };
            let sequence: SequenceDto = client.delete(&path, query).await?;
            ctx.out.either(&sequence, || headline(&sequence))?;
            Ok(Exit::Done)
        }
    }
}

fn kind_of(file: &Path) -> &'static str {
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json { "application/json" } else { "application/toml" }
}

async fn planned(args: &SequenceFileArgs, client: &Client) -> Result<(String, SequencePlanDto), CliError> {
    let text = read_text(&args.file)?;
    let path = ["v1", "sequences", "plan"];
    let plan = client.send(Method::POST, &path, &[], kind_of(&args.file), text.clone()).await?;
    Ok((text, plan))
}

async fn plan(args: &SequenceFileArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let (_, plan) = planned(args, client).await?;
    ctx.out.either(&plan, || plan_text(&plan, ctx))?;
    if !ctx.out.json {
        told(&plan.flaws, &args.file, ctx);
    }
    if plan.ok { Ok(Exit::Done) } else { Ok(Exit::Usage) }
}

async fn create(args: &SequenceFileArgs, by: &str, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let (text, plan) = planned(args, client).await?;
    if !plan.ok {
        let first = plan.flaws.iter().find(|flaw| flaw.severity == "error").cloned().unwrap_or_default();
        if !ctx.out.json {
            told(plan.flaws.get(1..).unwrap_or_default(), &args.file, ctx);
        }
        let error = CliError::usage(line_of(&first, &args.file));
        return Err(match first.hint {
            Some(hint) => error.hint(hint),
            None => error.hint("see `commdn sequence plan FILE`"),
        });
    }
    if !ctx.out.json {
        told(&plan.flaws, &args.file, ctx);
    }
    let path = ["v1", "sequences"];
    let mut query = vec![("by", by)];
    if ctx.global.dry_run {
        if by == "gateway" {
            ctx.out.either(&plan, || plan_text(&plan, ctx))?;
            return Ok(Exit::Done);
        }
        query.push(("dry_run", "true"));
        let dry: DryRunDto = client.send(Method::POST, &path, &query, kind_of(&args.file), text).await?;
        print_dry_run(&ctx.out, &dry)?;
        return Ok(Exit::Done);
    }
    let sequence: SequenceDto = client.send(Method::POST, &path, &query, kind_of(&args.file), text).await?;
    ctx.out.either(&sequence, || headline(&sequence))?;
    if !ctx.out.json {
        ctx.out.hint(&format!("see `commdn sequence show {}`", sequence.id));
    }
    Ok(Exit::Done)
}

async fn list(args: &SequenceListArgs, client: &Client, ctx: &Ctx) -> Result<Exit, CliError> {
    let limit = args.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    if let Some(after) = &args.after {
        query.push(("after", after));
    }
    let page: Page<SequenceDto> = client.get(&["v1", "sequences"], &query).await?;
    ctx.out.either(&page, || {
        let row = |it: &SequenceDto| {
            let step = it
                .step
                .map_or_else(|| "-".to_owned(), |step| format!("{} of {}", step.min(it.steps.len()), it.steps.len()));
            let ended = it.ended_at.clone().unwrap_or_else(|| "-".into());
            vec![
                it.id.clone(),
                it.name.clone(),
                it.state.clone(),
                it.run_by.clone(),
                step,
                it.phase.clone(),
                it.created_at.clone(),
                ended,
            ]
        };
        let head = ["ID", "NAME", "STATE", "RUN BY", "STEP", "PHASE", "CREATED", "ENDED"];
        ctx.out.table(&head, page.items.iter().map(row).collect())
    })?;
    if let Some(next) = page.next.filter(|_| !ctx.out.json) {
        ctx.out.hint(&format!("there is more: --after {next}"));
    }
    Ok(Exit::Done)
}

/// `evening.toml:5: step[0].mode: expected ...`
fn line_of(flaw: &FlawDto, file: &Path) -> String {
    let place = flaw.line.map_or_else(String::new, |line| format!(":{line}"));
    let path = if flaw.path.is_empty() { String::new() } else { format!("{}: ", flaw.path) };
    format!("{}{place}: {path}{}", file.display(), flaw.message)
}

fn told(flaws: &[FlawDto], file: &Path, ctx: &Ctx) {
    for flaw in flaws {
        let text = format!("{}: {}", flaw.severity, line_of(flaw, file));
        if flaw.severity == "error" {
            ctx.out.stderr(&format!("{text}\n"));
        } else {
            ctx.out.note(&text);
        }
        if let Some(hint) = &flaw.hint {
            ctx.out.hint(hint);
        }
    }
}

fn named(dbid: i32, name: Option<&str>) -> String {
    name.map_or_else(|| dbid.to_string(), |name| format!("{dbid} {name}"))
}

/// `2026-12-01T16:00:00Z`, or `A .. B` where it is not certain.
fn span(from: &str, until: Option<&str>) -> String {
    match until {
        Some(until) if until == from => from.to_owned(),
        Some(until) => format!("{from} .. {until}"),
        None => format!("{from} .. ?"),
    }
}

fn plan_text(plan: &SequencePlanDto, ctx: &Ctx) -> String {
    let row = |step: &SequenceStepDto| {
        let by = step.why.as_ref().map_or_else(|| step.by.clone(), |why| format!("{}: {why}", step.by));
        let skipped = step.skipped.then(|| "never".to_owned());
        vec![
            step.step.to_string(),
            named(step.campaign, step.campaign_name.as_deref()),
            named(step.group, step.group_name.as_deref()),
            skipped.clone().unwrap_or_else(|| span(&step.begins_from, step.begins_until.as_deref())),
            skipped.unwrap_or_else(|| span(&step.ends_from, step.ends_until.as_deref())),
            step.ends.clone(),
            by,
        ]
    };
    if plan.steps.is_empty() {
        return "no timeline".into();
    }
    let head = ["STEP", "CAMPAIGN", "GROUP", "BEGINS", "ENDS", "ENDS BY", "RUN BY"];
    let table = ctx.out.table(&head, plan.steps.iter().map(row).collect());
    let who = match (plan.ok, plan.native) {
        (true, true) => "OCS can run all of it: `sequence submit`; the gateway can as well: `sequence run`",
        (true, false) => "the gateway runs it: `sequence run`",
        (false, _) => "it cannot be run like this",
    };
    format!("{table}\n{}: {who}", plan.name)
}

fn headline(sequence: &SequenceDto) -> String {
    let step = sequence.step.filter(|step| *step <= sequence.steps.len());
    let step = step.map(|step| format!(", step {step} of {}: {}", sequence.steps.len(), sequence.phase));
    format!("{} {}: {}{}", sequence.id, sequence.name, sequence.state, step.unwrap_or_default())
}

fn show_text(sequence: &SequenceDto, ctx: &Ctx) -> String {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let row = |step: &SequenceStepDto| {
        vec![
            step.step.to_string(),
            named(step.campaign, step.campaign_name.as_deref()),
            named(step.group, step.group_name.as_deref()),
            span(&step.begins_from, step.begins_until.as_deref()),
            dash(&step.dialing_at),
            dash(&step.ended_at),
            dash(&step.result),
            dash(&step.detail),
        ]
    };
    let head = ["STEP", "CAMPAIGN", "GROUP", "PLANNED", "DIALING", "ENDED", "RESULT", "DETAIL"];
    let steps = ctx.out.table(&head, sequence.steps.iter().map(row).collect());
    let mut text = format!("{}\n{steps}", headline(sequence));
    for entry in &sequence.log {
        let words = [
            Some(entry.what.clone()),
            entry.act.clone(),
            entry.result.clone(),
            entry.request_id.clone(),
            entry.detail.clone(),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        let step = if entry.what == "ended" { String::new() } else { format!("step {}  ", entry.step) };
        text.push_str(&format!("\n{}  {step}{}", entry.at, words.join(" ")));
    }
    text
}
