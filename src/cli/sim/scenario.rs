//! `sim run --scenario` and `sim scenarios`.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{campaigns, human, words};
use crate::cli::args::{LadderForm, ResultsForm, ScenariosVerb, SimRunArgs};
use crate::cli::client::Ctx;
use crate::cli::config::read_text;
use crate::cli::exit::{CliError, Exit};
use crate::cli::run::{interrupted, profile};
use crate::engine::scenario::{
    ActReport, Finding, Given, Ladder, Parsed, Report, SHIPPED, START, Setting, Severity, Shipped, Stage, check, parse,
    parse_with, print_span, print_utc,
};
use crate::engine::topology::Topology;
use crate::protocol::{Time, UtcSeconds};
use crate::service::sim_clock::{Speed, run_world};
use crate::service::{Config, fill_zones};

/// Longer than any scenario.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A file, or a shipped scenario when there is no such file.
fn open(scenario: &Path) -> Result<(String, String), CliError> {
    let name = scenario.display().to_string();
    match Shipped::find(&name) {
        Some(shipped) if !scenario.exists() => Ok((format!("{}.scn", shipped.name), shipped.text.to_owned())),
        _ => match read_text(scenario) {
            Ok(text) => Ok((name, text)),
            Err(error) => Err(error.hint("expected a file or a name of commdn sim scenarios list")),
        },
    }
}

/// The site of a file without mistakes; warnings go to stderr.
fn site(ctx: &Ctx, file: &str, text: &str, parsed: &Parsed) -> Result<Topology, CliError> {
    let (site, findings) = check(parsed, text);
    let (errors, warnings): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.severity == Severity::Error);
    warnings.iter().for_each(|finding| ctx.out.note(&format!("{file}:{finding}")));
    let Some((last, before)) = errors.split_last() else { return Ok(site) };
    if !ctx.out.json {
        before.iter().for_each(|finding| ctx.out.stderr(&format!("{file}:{finding}\n")));
    }
    Err(CliError::usage(format!("{file}:{last}")).hint("the lines of a scenario are in docs/scenarios.md"))
}

/// Plays a scenario and tells what came out.
///
/// # Errors
/// A file that cannot be used; exit 10 when something did not go as it is written.
pub(crate) async fn play(args: &SimRunArgs, settings: &Config, scenario: &Path, ctx: &Ctx) -> Result<(), CliError> {
    let (file, text) = open(scenario)?;
    let start = args.start.map(|start| UtcSeconds(start.as_second()));
    let given = Given { variables: args.play.set.clone(), start, length: args.length };
    let parsed = parse_with(&text, &given);
    for (name, _) in &args.play.set {
        if !parsed.scenario.variables.iter().any(|(known, _)| known == name) {
            return Err(
                CliError::usage(format!("{file} has no variable {name}")).hint("it needs a line: let NAME = VALUE")
            );
        }
    }
    let mut site = site(ctx, &file, &text, &parsed)?;
    let scenario = parsed.scenario;
    fill_zones(&mut site, scenario.start.unwrap_or(START)).map_err(|error| CliError::usage(error.to_string()))?;
    let setting = Setting { seed: args.seed, profile: profile(settings)?, ..Setting::default() };
    let (begun, stop) = (Instant::now(), CancellationToken::new());
    let clock = args.clock.unwrap_or(Speed::Virtual);
    let mut acts = Vec::new();
    for act in scenario.acts() {
        let stage = Stage::new(&scenario, act, site.clone(), &setting);
        let mut stage = stage.map_err(|error| CliError::usage(error.to_string()))?;
        tokio::select! {
            () = run_world(&mut stage, Time(LONGEST), clock, &stop) => {}
            () = interrupted() => return Err(CliError::new(Exit::Interrupted, "interrupted")),
        }
        acts.push(stage.report());
    }
    let report = Report { title: scenario.title.clone(), acts };
    let ran: Duration = report.acts.iter().map(|act| act.ran).sum();
    ctx.out.note(&format!("{} of the site's time in {:?}", human(ran), begun.elapsed()));
    let seed = args.seed.or(scenario.seed);
    let document = document(&file, seed, &site, &report, args.play.ladder);
    for (form, path) in &args.play.results {
        let text = match form {
            ResultsForm::Junit => report.junit(&file),
            ResultsForm::Json => format!("{document:#}\n"),
        };
        write(ctx, path, &text)?;
    }
    ctx.out.either(&document, || in_words(ctx, &file, &site, &report, args.play.ladder))?;
    if report.is_good() { Ok(()) } else { Err(CliError::new(Exit::Missed, "")) }
}

/// Writes a file; `-` is stdout.
pub(super) fn write(ctx: &Ctx, path: &Path, text: &str) -> Result<(), CliError> {
    if path.as_os_str() == "-" {
        return ctx.out.bytes(text.as_bytes());
    }
    std::fs::write(path, text).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
}

pub(super) fn draw(ladder: &Ladder, form: LadderForm) -> String {
    match form {
        LadderForm::Text => ladder.text(),
        LadderForm::Mermaid => ladder.mermaid(),
    }
}

fn in_words(ctx: &Ctx, file: &str, site: &Topology, report: &Report, ladder: Option<LadderForm>) -> String {
    let mut text = String::new();
    for act in &report.acts {
        if let Some(form) = ladder {
            text.push_str(&draw(&act.ladder, form));
        }
        if report.acts.len() > 1 {
            let _ = writeln!(text, "profile {}", act.profile.as_deref().unwrap_or("of the site"));
        }
        // In a site that does not dial there is nothing to be counted.
        match act.counts.iter().any(|(_, counts)| counts.finals > 0 || counts.pairs.iter().any(|(_, it)| it.dials > 0))
        {
            true => drop(writeln!(text, "{}", words(ctx, site, act.trace, act.ran, &act.counts))),
            false => drop(writeln!(text, "trace {} after {}", act.trace, human(act.ran))),
        }
    }
    text.push_str(&report.text(file));
    text
}

fn document(file: &str, seed: Option<u64>, site: &Topology, report: &Report, ladder: Option<LadderForm>) -> Value {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let act = |act: &ActReport| {
        let passed = act.passed.iter().map(|passed| {
            json!({ "line": passed.line, "at_ms": millis(passed.at.0), "text": passed.text, "result": "passed" })
        });
        let failed = act.failure.iter().map(|failure| {
            json!({
                "line": failure.line, "at_ms": millis(failure.at.0), "text": failure.text, "result": "failed",
                "why": failure.kind.word(), "details": failure.details,
            })
        });
        let skipped = act.skipped.iter().map(|(line, text)| json!({ "line": line, "text": text, "result": "skipped" }));
        json!({
            "profile": act.profile, "start": print_utc(act.start), "ran_ms": millis(act.ran),
            "trace": act.trace.to_string(), "expectations": passed.chain(failed).chain(skipped).collect::<Vec<_>>(),
            "campaigns": campaigns(site, &act.counts), "ladder": ladder.map(|form| draw(&act.ladder, form)),
        })
    };
    let coverage = report.coverage();
    let counted = |counts: &std::collections::BTreeMap<i32, u64>| {
        counts.iter().map(|(number, count)| (number.to_string(), json!(count))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "schema": "commdn.sim.scenario.v1", "file": file, "title": report.title, "seed": seed,
        "verdict": if report.is_good() { "passed" } else { "failed" }, "passed": report.passed(),
        "failed": report.failures().count(), "acts": report.acts.iter().map(act).collect::<Vec<_>>(),
        "coverage": {
            "messages": counted(&coverage.messages), "errors": counted(&coverage.errors),
            "states": counted(&coverage.states),
        },
    })
}

/// Runs `sim scenarios`.
///
/// # Errors
/// A scenario that is not there; exit 2 when `check` finds a mistake.
pub(crate) fn run(verb: ScenariosVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        ScenariosVerb::List => {
            let all: Vec<(&Shipped, Parsed)> = SHIPPED.iter().map(|shipped| (shipped, parse(shipped.text))).collect();
            let length = |parsed: &Parsed| parsed.scenario.length.map(print_span).unwrap_or_default();
            let items = all.iter().map(|(shipped, parsed)| {
                json!({ "name": shipped.name, "title": parsed.scenario.title, "for": parsed.scenario.length.map(print_span) })
            });
            let document = json!({ "schema": "commdn.sim.scenarios.v1", "items": items.collect::<Vec<_>>() });
            ctx.out.either(&document, || {
                let row = |(shipped, parsed): &(&Shipped, Parsed)| {
                    vec![shipped.name.to_owned(), length(parsed), parsed.scenario.title.clone()]
                };
                ctx.out.table(&["NAME", "FOR", "WHAT HAPPENS"], all.iter().map(row).collect())
            })?;
        }
        ScenariosVerb::Show(args) => {
            let (file, text) = open(&args.scenario)?;
            let title = parse(&text).scenario.title;
            let document =
                json!({ "schema": "commdn.sim.scenario_text.v1", "file": file, "title": title, "text": text });
            match ctx.out.json {
                true => ctx.out.document(&document)?,
                false => ctx.out.bytes(text.as_bytes())?,
            }
        }
        ScenariosVerb::Check(args) => {
            let (file, text) = open(&args.scenario)?;
            let (_, findings) = check(&parse(&text), &text);
            let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            let items = findings.iter().map(|it| {
                let severity = if it.severity == Severity::Error { "error" } else { "warning" };
                json!({ "line": it.line, "column": it.column, "severity": severity, "message": it.message })
            });
            let document = json!({
                "schema": "commdn.sim.check.v1", "file": file, "errors": errors, "findings": items.collect::<Vec<_>>(),
            });
            ctx.out.either(&document, || {
                let lines: String = findings.iter().map(|finding| format!("{file}:{finding}\n")).collect();
                format!("{lines}{file}: {errors} errors, {} warnings", findings.len() - errors)
            })?;
            if errors > 0 {
                return Ok(Exit::Usage);
            }
        }
    }
    Ok(Exit::Done)
}
