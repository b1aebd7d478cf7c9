//! `dnc`: the do-not-call list and its evidence, by a gateway or in the store of a folder while no gateway has it.

mod export;
mod import;
mod source;
mod table;

use reqwest::Method;

use crate::cli::args::{DncAddArgs, DncFindArgs, DncReportArgs, DncVerb, DncVerifyArgs};
use crate::cli::campaign::word;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::expiry;
use crate::http::dto::{DncBody, DncDeliveryDto, DncEvidenceDto, DncReportDto, DncVerdictDto};
use crate::service::access::now;
use crate::store::{Chain, Head};
use source::Source;

/// Runs a verb of `dnc`.
///
/// # Errors
/// What the gateway, OCS or the store refused, or why none can be reached.
pub(super) async fn run(verb: DncVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        DncVerb::Add(args) => {
            let client = Client::new(&ctx.global)?;
            client.submit(&ctx.out, Method::POST, &["v1", "dnc"], &body(args)?).await
        }
        DncVerb::Find(args) => find(args, ctx).await,
        DncVerb::Verify(args) => verify(args, ctx).await,
        DncVerb::Report(args) => report(args, ctx).await,
        DncVerb::Export(args) => export::run(args, ctx).await,
        DncVerb::Import(args) => import::run(args, ctx).await,
    }
}

fn body(args: DncAddArgs) -> Result<DncBody, CliError> {
    let expires_at = args.expires.as_deref().map(|text| expiry::end(text, now())).transpose()?;
    Ok(DncBody {
        phone: args.phone.or(args.phone_flag),
        customer_id: args.customer_id,
        scope: args.scope.map(crate::cli::args::Scope::word),
        ocs: args.ocs.as_deref().map(word),
        reason: args.reason,
        expires_at: expires_at.map(expiry::rfc3339).transpose()?,
    })
}

async fn find(args: DncFindArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let source = Source::open(&args.data, ctx).await?;
    let page = source.find(args.phone.as_deref(), args.customer_id.as_deref(), args.show_numbers).await?;
    source.close().await?;
    ctx.out.either(&page, || match page.items.as_slice() {
        [] => "no entry".to_owned(),
        items => items.iter().map(words).collect::<Vec<_>>().join("\n\n"),
    })?;
    Ok(if page.items.is_empty() { Exit::NotFound } else { Exit::Done })
}

/// An entry, its proof, and one line for each OCS.
fn words(entry: &DncEvidenceDto) -> String {
    let state = if entry.confirmed { "confirmed" } else { "not confirmed" };
    let over = if entry.expired { ", expired" } else { "" };
    let mut lines = vec![format!("{}  {}  {state}{over}", entry.request_id, entry.at)];
    let mut line = |name: &str, value: Option<&str>| {
        lines.extend(value.map(|value| format!("  {name:<11} {value}")));
    };
    line("phone", entry.phone.as_deref());
    line("as given", entry.as_given.as_deref().filter(|given| Some(*given) != entry.phone.as_deref()));
    line("normalised", entry.normalised.as_deref().filter(|one| Some(*one) != entry.phone.as_deref()));
    line("customer", entry.customer_id.as_deref());
    line("scope", entry.scope.as_deref());
    line("asked by", Some(&format!("{} ({})", entry.who, entry.channel)));
    line("reason", entry.reason.as_deref());
    for delivery in &entry.deliveries {
        line(&format!("OCS {}", delivery.ocs), Some(&delivered(delivery)));
    }
    line("expires", entry.expires_at.as_deref());
    if !entry.confirmed && !entry.expired {
        line("due", entry.deadline_at.as_deref());
    }
    line("evidence", Some(&format!("row {} {}", entry.row, entry.hash)));
    lines.join("\n")
}

fn delivered(delivery: &DncDeliveryDto) -> String {
    match (&delivery.confirmed_at, delivery.latency_ms, delivery.code) {
        (Some(at), Some(latency), _) => format!("confirmed {at} after {latency} ms"),
        (Some(at), None, _) => format!("confirmed {at}"),
        (None, _, Some(code)) => format!("refused: {code} {}", delivery.name.as_deref().unwrap_or_default()),
        (None, _, None) => "not confirmed".to_owned(),
    }
}

async fn verify(args: DncVerifyArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let head = args.head.as_deref().map(read_head).transpose()?;
    let source = Source::open(&args.data, ctx).await?;
    let verdict = source.verify(head).await?;
    let exit = match &args.table {
        None => {
            ctx.out.either(&verdict, || verdict_words(&verdict))?;
            Exit::Done
        }
        Some(file) => table::compare(&source, file, args.resend, &verdict, ctx).await?,
    };
    source.close().await?;
    Ok(if verdict.whole { exit } else { Exit::Missed })
}

fn verdict_words(verdict: &DncVerdictDto) -> String {
    match &verdict.fault {
        Some(fault) => fault.clone(),
        None => {
            let compared = if verdict.compared { "" } else { " (there is no head to compare its end with)" };
            format!("{} rows, nothing is wrong{compared}; head {}", verdict.rows, verdict.head)
        }
    }
}

/// The line about this chain in a file of heads.
fn read_head(file: &std::path::Path) -> Result<Head, CliError> {
    let wrong = |why: &str| CliError::usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let head = text.lines().filter_map(Head::parse).find(|head| head.chain == Chain::Dnc);
    head.ok_or_else(|| wrong("expected a line `dnc COUNT HASH`").hint("`dnc export --head FILE` writes one"))
}

async fn report(args: DncReportArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let source = Source::open(&args.data, ctx).await?;
    let report = source.report(args.since.as_deref()).await?;
    source.close().await?;
    ctx.out.either(&report, || report_words(&report, ctx))?;
    Ok(if report.overdue == 0 { Exit::Done } else { Exit::Missed })
}

fn report_words(report: &DncReportDto, ctx: &Ctx) -> String {
    let channels: Vec<String> = report.channels.iter().map(|(name, entries)| format!("{name} {entries}")).collect();
    let mut lines = vec![
        format!("entries      {}  {}", report.entries, channels.join(", ")).trim_end().to_owned(),
        format!("confirmed    {}", report.confirmed),
        format!("unconfirmed  {}", report.unconfirmed),
        format!(
            "overdue      {}  after {} {}",
            report.overdue,
            report.deadline_days,
            report.deadline_profile.replace('_', " ")
        ),
    ];
    lines.extend(report.overdue_requests.iter().map(|request| format!("  {request}")));
    if !report.ocs.is_empty() {
        let row = |ocs: &crate::http::dto::DncOcsDto| {
            [u64::from(ocs.ocs.unsigned_abs()), ocs.confirmed, ocs.unconfirmed, ocs.slowest_ms]
                .map(|it| it.to_string())
                .to_vec()
        };
        let head = ["OCS", "CONFIRMED", "UNCONFIRMED", "SLOWEST MS"];
        lines.push(ctx.out.table(&head, report.ocs.iter().map(row).collect()));
    }
    lines.join("\n")
}
