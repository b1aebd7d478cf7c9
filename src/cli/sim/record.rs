//! `sim record` and `sim replay`.

use std::pin::Pin;
use std::time::Instant;

use futures_util::StreamExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::scenario::{draw, write};
use crate::cli::args::{SimRecordArgs, SimReplayArgs};
use crate::cli::client::{Client, Ctx};
use crate::cli::config::read_bytes;
use crate::cli::exit::{CliError, Exit};
use crate::cli::ladder;
use crate::cli::log;
use crate::cli::run::interrupted;
use crate::cli::sse::SseParser;
use crate::engine::conversation::Mask;
use crate::engine::scenario::{
    Import, Recorded, Replay, START, Setting, Severity, Stage, check, import_log, parse, read_lines, write_scenario,
};
use crate::http::dto::TapDto;
use crate::message::CommDnMessage;
use crate::net::client::LinkEvent;
use crate::net::driver::{AddpTrace, LinkSettings, start_link};
use crate::net::registry::LinkDirectory;
use crate::protocol::Time;
use crate::protocol::link::LinkConfig;
use crate::protocol::profile::{PROFILES, Profile};
use crate::service::sim_clock::run_world;
use crate::service::{Pseudonyms, fill_zones};
use crate::wire::limits::FRAME_BYTES_MAX;
use crate::wire::{Dialect, Reading};

/// Makes a scenario of a log or of what passes a gateway.
///
/// # Errors
/// A file that cannot be read or written, a gateway that cannot be reached.
pub(crate) async fn record(args: SimRecordArgs, ctx: &Ctx) -> Result<(), CliError> {
    log::start_brief(ctx);
    let (import, title) = match (&args.from_log, &args.tserver) {
        (None, Some(addr)) => (listen(addr, &args, ctx).await?, format!("recorded from {addr}")),
        (Some(file), _) => {
            let import = import_log(&read_bytes(file)?, &Dialect::default(), args.lenient);
            let name = file.file_name().map_or_else(|| "a log".to_owned(), |name| name.to_string_lossy().into_owned());
            (import, format!("recorded from {name}"))
        }
        (None, None) => (tap(&args, ctx).await?, "recorded from a gateway".to_owned()),
    };
    for (line, why) in &import.left_out {
        ctx.out.note(&format!("line {line} is left out: {why}"));
    }
    if import.messages.is_empty() {
        return Err(CliError::usage("there is no message of the CommDN in it").hint(
            "expected messages with GSW_CM_MessageType in their UserData; a log copied from a web page may need --lenient",
        ));
    }
    // What a gateway shows is veiled by the gateway, under its own key.
    let veiled = args.from_log.is_none() && args.tserver.is_none() && args.key.is_none();
    let text = match args.show_numbers || veiled {
        true => write_scenario(&title, &import.messages, Mask::Show),
        false => {
            let pseudonyms = match &args.key {
                Some(key) => {
                    Pseudonyms::of_file(key).map_err(|error| CliError::usage(format!("{}: {error}", key.display())))?
                }
                None => Pseudonyms::random().map_err(|error| CliError::internal(error.to_string()))?,
            };
            write_scenario(&title, &import.messages, Mask::Veil(&pseudonyms))
        }
    };
    write(ctx, &args.output, &text)?;
    if args.output.as_os_str() != "-" {
        let document = json!({
            "schema": "commdn.sim.record.v1", "file": args.output.display().to_string(),
            "messages": import.messages.len(), "copies": import.copies, "left_out": import.left_out.len(),
        });
        ctx.out.either(&document, || {
            let (messages, copies) = (import.messages.len(), import.copies);
            format!("{}: {messages} messages, {copies} copies for other clients", args.output.display())
        })?;
    }
    Ok(())
}

/// When a recording ends: enough messages, the time is up, or somebody interrupts.
struct End {
    left: u64,
    when: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl End {
    fn new(args: &SimRecordArgs) -> Self {
        let length = args.length;
        let when = async move {
            let time = async {
                match length {
                    Some(length) => tokio::time::sleep(length).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time => {}
                () = interrupted() => {}
            }
        };
        Self { left: args.count.unwrap_or(u64::MAX), when: Box::pin(when) }
    }
}

/// Lines of a gateway's tap.
async fn tap(args: &SimRecordArgs, ctx: &Ctx) -> Result<Import, CliError> {
    let query: &[(&str, &str)] = if args.show_numbers { &[("show_numbers", "true")] } else { &[] };
    let response = Client::new(&ctx.global)?.stream(&["v1", "tap"], query, None).await?;
    let (mut bytes, mut parser, mut text) = (response.bytes_stream(), SseParser::default(), String::new());
    let mut end = End::new(args);
    ctx.out.note("recording; Ctrl-C ends it");
    while end.left > 0 {
        let part = tokio::select! {
            part = bytes.next() => part,
            () = &mut end.when => break,
        };
        let Some(Ok(part)) = part else {
            ctx.out.note("the gateway has ended the stream");
            break;
        };
        for event in parser.push(&part).map_err(|error| CliError::internal(error.to_string()))? {
            if event.event == "cut" {
                ctx.out.note(&event.data);
                continue;
            }
            let passed: TapDto =
                serde_json::from_str(&event.data).map_err(|error| CliError::internal(format!("tap: {error}")))?;
            if end.left > 0 && passed.message_type.is_some() {
                end.left -= 1;
                text.push_str(&passed.step);
                text.push('\n');
            }
        }
    }
    Ok(read_lines(&text))
}

/// User events of a T-Server's CommDNs.
async fn listen(addr: &str, args: &SimRecordArgs, ctx: &Ctx) -> Result<Import, CliError> {
    let dns: Vec<&str> = args.dn.iter().map(String::as_str).collect();
    let settings = LinkSettings {
        name: "recorder".to_owned(),
        primary: addr.to_owned(),
        backup: None,
        link: LinkConfig::new("Recorder", &dns),
        frame_bytes_max: FRAME_BYTES_MAX,
        addp_trace: AddpTrace::Off,
        tls: None,
    };
    let stop = CancellationToken::new();
    let (_handle, mut events) = start_link(settings, &LinkDirectory::new(), stop.clone());
    let (mut import, mut end, dialect) = (Import::default(), End::new(args), Dialect::default());
    let mut begun: Option<Instant> = None;
    while end.left > 0 {
        let event = tokio::select! {
            event = events.recv() => event,
            () = &mut end.when => break,
        };
        match event {
            Some(LinkEvent::Up(dns)) if begun.is_none() => {
                let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
                ctx.out.note(&format!("recording {}; Ctrl-C ends it", dns.join(", ")));
                begun = Some(Instant::now());
            }
            Some(LinkEvent::UserEvent { user_data, .. }) => {
                let at = begun.and_then(|begun| i64::try_from(begun.elapsed().as_millis()).ok());
                match CommDnMessage::decode(&user_data, &dialect, Reading::Tolerant) {
                    Ok(decoded) => {
                        end.left -= 1;
                        import.messages.push(Recorded { at, message: decoded.message });
                    }
                    Err(error) => import.left_out.push((0, error.to_string())),
                }
            }
            Some(LinkEvent::AttemptFailed(_, reason)) if begun.is_none() => {
                return Err(CliError::new(Exit::Unreachable, format!("{addr}: {reason}")));
            }
            Some(LinkEvent::NotRegistered(dn, failure)) => {
                return Err(CliError::new(Exit::Unreachable, format!("{addr}: {dn} is not registered: {failure}")));
            }
            Some(_) => {}
            None => break,
        }
    }
    stop.cancel();
    Ok(import)
}

/// Asks a simulated site what was asked in a recording.
///
/// # Errors
/// A file that cannot be used; exit 10 when the site goes another way.
pub(crate) async fn replay(args: SimReplayArgs, ctx: &Ctx) -> Result<(), CliError> {
    log::start_brief(ctx);
    let (file, text) = (args.file.display().to_string(), ladder::read_lines(&args.file)?);
    let parsed = parse(&text);
    let (mut site, findings) = check(&parsed, &text);
    if let Some(error) = findings.iter().find(|finding| finding.severity == Severity::Error) {
        let hint = "a printed log becomes a recording with commdn sim record --from-log FILE";
        return Err(CliError::usage(format!("{file}:{error}")).hint(hint));
    }
    let profile = match &args.profile {
        None => None,
        Some(name) => Some(Profile::shipped(name).ok_or_else(|| {
            let names: Vec<&str> = PROFILES.iter().map(|(name, _)| *name).collect();
            CliError::usage(format!("profile: expected one of {}, found '{name}'", names.join(", ")))
        })?),
    };
    fill_zones(&mut site, parsed.scenario.start.unwrap_or(START))
        .map_err(|error| CliError::usage(error.to_string()))?;
    let replay = Replay::new(&parsed.scenario);
    let act = (replay.scenario.profile.clone(), replay.scenario.steps.clone());
    let setting = Setting { profile, ..Setting::default() };
    let stage = Stage::new(&replay.scenario, act, site, &setting);
    let mut stage = stage.map_err(|error| CliError::usage(error.to_string()))?;
    stage.keep_log();
    let (begun, stop) = (Instant::now(), CancellationToken::new());
    let length = replay.scenario.length.unwrap_or_default();
    tokio::select! {
        () = run_world(&mut stage, Time(length), args.clock, &stop) => {}
        () = interrupted() => return Err(CliError::new(Exit::Interrupted, "interrupted")),
    }
    ctx.out.note(&format!("{} requests in {:?}", replay.requests(), begun.elapsed()));
    let report = stage.report();
    let divergence = replay.divergence(stage.log());
    let ladder = args.ladder.map(|form| draw(&report.ladder, form));
    let document = json!({
        "schema": "commdn.sim.replay.v1", "file": file, "requests": replay.requests(), "events": replay.events(),
        "verdict": if divergence.is_none() { "same" } else { "different" }, "trace": report.trace.to_string(),
        "divergence": divergence.as_ref().map(|it| json!({
            "line": it.line, "recorded": it.recorded, "simulated": it.simulated, "differences": it.differences,
            "request_line": it.request.as_ref().map(|(line, _)| line),
        })),
        "ladder": ladder,
    });
    ctx.out.either(&document, || {
        let ladder = ladder.clone().unwrap_or_default();
        match &divergence {
            Some(divergence) => format!("{ladder}{}", divergence.text(&file).trim_end()),
            None => format!("{ladder}same: {} requests, {} events", replay.requests(), replay.events()),
        }
    })?;
    if divergence.is_none() { Ok(()) } else { Err(CliError::new(Exit::Missed, "")) }
}
