//! `doctor`: the usual mistakes, found from outside, and what to change.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

use crate::cli::args::DoctorArgs;
use crate::cli::client::{Client, Ctx};
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{DiagnosisDto, OcsDto, Page, StateDto};
use crate::service::{Config, Severity};

/// Clocks further apart than this are worth a word: an agent's report and the gateway's evidence would not agree.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5);
/// Longest time for one question to an OCS: the gateway's own verdict comes after ten seconds.
const ASK_MAX: Duration = Duration::from_secs(12);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    hint: Option<String>,
}

fn finding(check: &'static str, verdict: Verdict, message: impl Into<String>, hint: &str) -> Finding {
    Finding { check, verdict, message: message.into(), hint: (!hint.is_empty()).then(|| hint.to_owned()) }
}

fn good(check: &'static str, message: impl Into<String>) -> Finding {
    finding(check, Verdict::Ok, message, "")
}

/// What an OCS did when it was asked for the state of a campaign group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// Or said no: it talks to us all the same.
    Answered,
    Silent,
    /// It could not be sent.
    NotSent(String),
    /// The configuration knows no campaign group of this OCS.
    NothingToAsk,
}

/// Runs `doctor`.
///
/// # Errors
/// Exit 3 when the gateway cannot be reached, exit 2 for a configuration that cannot be read.
pub(super) async fn run(args: DoctorArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let mut findings = Vec::new();
    if let Some(file) = &args.config {
        findings.extend(of_config(file)?);
    }
    let client = Client::new(&ctx.global)?;
    if let Some(origin) = args.clear_alarm {
        let path = ["v1", "alarms", &origin.to_string()];
        client.change::<DiagnosisDto>(Method::DELETE, &path, None::<&()>).await?;
    }
    let before = Timestamp::now();
    let facts: DiagnosisDto = client.get(&["v1", "diagnosis"], &[]).await?;
    let after = Timestamp::now();
    findings.extend(of_gateway(&facts, before, after));
    let states: Page<StateDto> = client.get(&["v1", "campaigns"], &[("limit", "500")]).await?;
    let mut asked = Vec::new();
    for ocs in &facts.ocs {
        asked.push(ask(&client, ctx, ocs.dbid, &states.items).await?);
    }
    // Asking may have made an OCS speak that was not heard before.
    let facts: DiagnosisDto = client.get(&["v1", "diagnosis"], &[]).await?;
    findings.extend(facts.ocs.iter().zip(&asked).map(|(ocs, asked)| of_ocs(ocs, asked, &facts.origins)));
    report(&findings, ctx)
}

fn report(findings: &[Finding], ctx: &Ctx) -> Result<Exit, CliError> {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (errors, warnings) = (count(Verdict::Error), count(Verdict::Warning));
    let document = serde_json::json!({
        "schema": "commdn.doctor.v1", "ok": errors == 0, "errors": errors, "warnings": warnings, "findings": findings,
    });
    ctx.out.either(&document, || {
        let mut lines = Vec::new();
        for finding in findings {
            let mark = match finding.verdict {
                Verdict::Ok => "ok     ",
                Verdict::Warning => "warning",
                Verdict::Error => "ERROR  ",
            };
            lines.push(format!("{mark} {:<8} {}", finding.check, finding.message));
            lines.extend(finding.hint.iter().map(|hint| format!("                 -> {hint}")));
        }
        lines.push(format!("errors {errors}, warnings {warnings}"));
        lines.join("\n")
    })?;
    Ok(if errors == 0 { Exit::Done } else { Exit::Missed })
}

fn of_config(file: &Path) -> Result<Vec<Finding>, CliError> {
    let config = config::load(&Config::default(), Some(file))?;
    let mut findings: Vec<Finding> = config
        .check()
        .into_iter()
        .map(|it| {
            let verdict = if it.severity == Severity::Error { Verdict::Error } else { Verdict::Warning };
            finding("config", verdict, it.to_string(), it.hint.as_deref().unwrap_or_default())
        })
        .collect();
    if findings.is_empty() {
        findings.push(good("config", format!("{} has nothing wrong", file.display())));
    }
    Ok(findings)
}

/// What the gateway itself tells.
fn of_gateway(facts: &DiagnosisDto, before: Timestamp, after: Timestamp) -> Vec<Finding> {
    let mut findings = vec![of_clock(&facts.now, before, after)];
    findings.push(match &facts.journal_fault {
        Some(why) => {
            let hint = "requests are refused until it can: free the disk, or give [store] a place that can be written";
            finding("journal", Verdict::Error, format!("the journal cannot be written: {why}"), hint)
        }
        None => good("journal", "the journal can be written"),
    });
    if !facts.core_answers {
        let hint = "its queue is full or it hangs: see commdn_core_turns_total and commdn_commands_waiting at /metrics";
        findings.push(finding("gateway", Verdict::Error, "the core task does not answer", hint));
    }
    if facts.draining {
        let message = "the gateway was told to stop and takes nothing new";
        findings.push(finding("gateway", Verdict::Warning, message, "start it again, or ask another node"));
    }
    findings.push(of_origins(facts));
    for origin in &facts.origins_alarmed {
        let message = format!("somebody else sends as application {origin}, which is ours");
        let hint = "give each program its own application DBIDs in [origin] pool, then doctor --clear-alarm DBID";
        findings.push(finding("origin", Verdict::Error, message, hint));
    }
    for link in &facts.links {
        if link.state != "up" && link.refused_dns.is_empty() {
            let why = link.reason.as_deref().unwrap_or("no session was made yet");
            let message = format!("{} is {}: {why}", link.name, link.state);
            let hint = "check primary and backup of this [[tserver]], the application name and the T-Server itself";
            findings.push(finding("link", Verdict::Error, message, hint));
        } else if link.state == "up" {
            findings.push(good("link", format!("{} is up with {}", link.name, link.dns.join(", "))));
        }
        for refused in &link.refused_dns {
            let message = format!("{} refuses the CommDN '{}': {}", link.name, refused.dn, refused.reason);
            let hint = "name in [[dn]] a DN that this T-Server has, of a type that can be registered";
            findings.push(finding("dn", Verdict::Error, message, hint));
        }
    }
    if facts.links.is_empty() {
        findings.push(finding("link", Verdict::Error, "no T-Server is configured", "add a [[tserver]], or --tserver"));
    }
    if facts.core_answers && facts.ocs.is_empty() {
        findings.push(finding("ocs", Verdict::Error, "no OCS is configured", "add an [[ocs]] with dbid and name"));
    }
    findings
}

fn of_clock(gateway: &str, before: Timestamp, after: Timestamp) -> Finding {
    let Ok(gateway) = gateway.parse::<Timestamp>() else {
        return finding("clock", Verdict::Warning, format!("the gateway's time '{gateway}' cannot be read"), "");
    };
    let early = before.as_millisecond().saturating_sub(gateway.as_millisecond());
    let late = gateway.as_millisecond().saturating_sub(after.as_millisecond());
    let apart = Duration::from_millis(u64::try_from(early.max(late)).unwrap_or(0));
    if apart <= CLOCKS_APART_MAX {
        return good("clock", "the gateway's clock and ours agree");
    }
    let side = if early > 0 { "behind" } else { "ahead of" };
    let message = format!("the gateway's clock is {:.0} s {side} ours", apart.as_secs_f64());
    finding("clock", Verdict::Warning, message, "run NTP on both; deadlines do not hang on it, evidence does")
}

fn of_origins(facts: &DiagnosisDto) -> Finding {
    let (origins, advised) = (facts.origins.len(), facts.origins_advised);
    if origins >= advised {
        return good("origin", format!("{origins} application DBIDs"));
    }
    let message = format!("{origins} application DBIDs of our own, {advised} or more keep requests from waiting");
    finding("origin", Verdict::Warning, message, "add DBIDs that OCS knows to [origin] pool")
}

async fn ask(client: &Client, ctx: &Ctx, ocs: i32, states: &[StateDto]) -> Result<Asked, CliError> {
    let Some(state) = states.iter().find(|state| state.ocs == ocs) else { return Ok(Asked::NothingToAsk) };
    let (campaign, group) = (state.campaign.to_string(), state.group.to_string());
    let wait = format!("{}ms", ctx.global.timeout.min(ASK_MAX).as_millis());
    let path = ["v1", "campaigns", &campaign, "groups", &group];
    let answer: Result<serde_json::Value, CliError> = client.get(&path, &[("refresh", "true"), ("wait", &wait)]).await;
    match answer {
        Ok(answer) if answer["schema"] == "commdn.campaign.v1" => Ok(Asked::Answered),
        Ok(open) => Ok(Asked::NotSent(open["hint"].as_str().unwrap_or("it still waits to be sent").to_owned())),
        Err(error) if error.exit == Exit::Refused => Ok(Asked::Answered),
        Err(error) if error.exit == Exit::Unknown => Ok(Asked::Silent),
        Err(error) if error.problem.is_some() => Ok(Asked::NotSent(error.message)),
        Err(error) => Err(error),
    }
}

/// What an OCS does, with what it was heard to say to others.
fn of_ocs(ocs: &OcsDto, asked: &Asked, origins: &[i32]) -> Finding {
    let name = ocs.name.as_deref().map_or_else(|| ocs.dbid.to_string(), |name| format!("{} {name}", ocs.dbid));
    let pool = origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match asked {
        Asked::Answered => good("ocs", format!("OCS {name} answers on {}", ocs.dn)),
        Asked::NotSent(why) => {
            let hint = "see the findings about links above";
            finding("ocs", Verdict::Error, format!("OCS {name} could not be asked: {why}"), hint)
        }
        Asked::NothingToAsk if ocs.events > 0 => good("ocs", format!("OCS {name} was heard on {}", ocs.dn)),
        Asked::NothingToAsk => {
            let message = format!("OCS {name} was not heard yet, and no campaign of it is configured to ask about");
            finding("ocs", Verdict::Warning, message, "add a [[pair]] of one of its campaigns")
        }
        Asked::Silent if ocs.events > 0 => {
            let message = format!("OCS {name} is heard on {} but does not answer application {pool}", ocs.dn);
            let hint = "unknown origin: OCS answers only applications that it knows; put the applications of [origin] \
                pool into the Connections of OCS, or OCS into theirs";
            finding("ocs", Verdict::Error, message, hint)
        }
        Asked::Silent => {
            let message = format!("nothing was ever heard of OCS {name} on {}", ocs.dn);
            let hint = "check that OCS runs and has this T-Server in its Connections, that this is its CommDN (option \
                outbound_contact_server), its DBID in [[ocs]], and that it knows our application DBIDs";
            finding("ocs", Verdict::Error, message, hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::dto::{LinkDto, RefusedDnDto};

    fn facts() -> DiagnosisDto {
        let link = LinkDto { name: "TS_1".into(), state: "up".into(), dns: vec!["9001".into()], ..LinkDto::default() };
        let ocs = OcsDto { dbid: 301, dn: "9001".into(), ..OcsDto::default() };
        DiagnosisDto {
            now: "2026-12-01T16:00:00Z".into(),
            ready: true,
            core_answers: true,
            origins: (201..=208).collect(),
            origins_advised: 8,
            links: vec![link],
            ocs: vec![ocs],
            ..DiagnosisDto::default()
        }
    }

    fn found(facts: &DiagnosisDto) -> Vec<(&'static str, Verdict)> {
        let at = facts.now.parse().unwrap();
        let bad = of_gateway(facts, at, at).into_iter().filter(|finding| finding.verdict != Verdict::Ok);
        bad.inspect(|finding| assert!(finding.hint.is_some(), "{finding:?}"))
            .map(|finding| (finding.check, finding.verdict))
            .collect()
    }

    #[test]
    fn a_gateway_in_order_has_nothing_wrong() {
        assert_eq!(found(&facts()), []);
    }

    #[test]
    fn each_usual_mistake_is_named_with_a_hint() {
        type Break = fn(&mut DiagnosisDto);
        let table: [(Break, &str, Verdict); 8] = [
            (|it| it.journal_fault = Some("disk full".into()), "journal", Verdict::Error),
            (|it| it.origins = vec![201], "origin", Verdict::Warning),
            (|it| it.origins_alarmed = vec![201], "origin", Verdict::Error),
            (|it| it.links[0].state = "down".into(), "link", Verdict::Error),
            (|it| it.links.clear(), "link", Verdict::Error),
            (|it| it.core_answers = false, "gateway", Verdict::Error),
            (|it| it.draining = true, "gateway", Verdict::Warning),
            (|it| it.ocs.clear(), "ocs", Verdict::Error),
        ];
        for (change, check, verdict) in table {
            let mut facts = facts();
            change(&mut facts);
            assert_eq!(found(&facts), [(check, verdict)]);
        }
        let mut refused = facts();
        refused.links[0].state = "connecting".into();
        refused.links[0].refused_dns = vec![RefusedDnDto { dn: "9002".into(), reason: "no such DN".into() }];
        assert_eq!(found(&refused), [("dn", Verdict::Error)]);
    }

    #[test]
    fn clocks_are_compared_with_both_ends_of_the_question() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let clock = |gateway| of_clock(gateway, at("2026-12-01T16:00:00Z"), at("2026-12-01T16:00:20Z"));
        assert_eq!(clock("2026-12-01T16:00:24Z").verdict, Verdict::Ok);
        assert_eq!(clock("2026-12-01T15:59:56Z").verdict, Verdict::Ok);
        assert!(clock("2026-12-01T16:01:20Z").message.contains("60 s ahead"));
        assert!(clock("2026-12-01T15:00:00Z").message.contains("3600 s behind"));
        assert_eq!(clock("yesterday").verdict, Verdict::Warning);
    }

    #[test]
    fn silence_is_told_apart_by_what_others_hear() {
        let silent = OcsDto { dbid: 301, dn: "9001".into(), ..OcsDto::default() };
        let heard = OcsDto { events: 3, ..silent.clone() };
        let hint = |ocs: &OcsDto, asked| of_ocs(ocs, &asked, &[201]).hint.unwrap_or_default();
        assert!(hint(&heard, Asked::Silent).starts_with("unknown origin"));
        assert!(hint(&silent, Asked::Silent).contains("outbound_contact_server"));
        assert_eq!(of_ocs(&heard, &Asked::NothingToAsk, &[201]).verdict, Verdict::Ok);
        assert_eq!(of_ocs(&silent, &Asked::NothingToAsk, &[201]).verdict, Verdict::Warning);
        assert_eq!(of_ocs(&silent, &Asked::Answered, &[201]).verdict, Verdict::Ok);
        assert_eq!(of_ocs(&silent, &Asked::NotSent("link down".into()), &[201]).verdict, Verdict::Error);
    }
}
