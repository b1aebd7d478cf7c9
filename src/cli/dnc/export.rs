//! `dnc export`: CSV, or with `--json` one document a line; the end of the chain goes with it.

use serde_json::json;

use super::source::{Source, Wanted};
use crate::cli::args::DncExportArgs;
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::DncEvidenceDto;

const COLUMNS: [&str; 15] = [
    "row",
    "request_id",
    "at",
    "who",
    "channel",
    "phone",
    "as_given",
    "normalised",
    "customer_id",
    "scope",
    "reason",
    "confirmed",
    "deliveries",
    "hash",
    "expires_at",
];

pub(super) async fn run(args: DncExportArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let source = Source::open(&args.data, ctx).await?;
    let wanted =
        Wanted { since: args.since.as_deref(), unconfirmed: args.unconfirmed, show_numbers: args.show_numbers };
    if !ctx.out.json {
        ctx.out.bytes(&line(COLUMNS.map(str::to_owned))?)?;
    }
    let (mut entries, mut after) = (0, None);
    let last = loop {
        let page = source.page(wanted, after.as_deref()).await?;
        for entry in &page.items {
            if ctx.out.json { ctx.out.document(entry)? } else { ctx.out.bytes(&line(cells(entry))?)? }
        }
        entries += page.items.len();
        match &page.next {
            Some(next) => after = Some(next.clone()),
            None => break page,
        }
    };
    source.close().await?;
    if let Some(file) = &args.head {
        let written = std::fs::write(file, format!("{}\n", last.head));
        written.map_err(|error| CliError::usage(format!("{}: {error}", file.display())))?;
    }
    if ctx.out.json {
        let end = json!({"schema": "commdn.dnc_head.v1", "entries": entries, "head": last.head, "count": last.count});
        ctx.out.document(&end)?;
    } else {
        ctx.out.note(&format!("{entries} entries; head {}", last.head));
    }
    Ok(Exit::Done)
}

fn cells(entry: &DncEvidenceDto) -> [String; 15] {
    let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    let deliveries = entry.deliveries.iter().map(|it| match (&it.confirmed_at, it.latency_ms) {
        (Some(at), latency) => format!("{} {at} {} ms", it.ocs, latency.unwrap_or_default()),
        (None, _) => format!("{} not confirmed", it.ocs),
    });
    [
        entry.row.to_string(),
        entry.request_id.clone(),
        entry.at.clone(),
        cell(&entry.who),
        cell(&entry.channel),
        text(&entry.phone),
        text(&entry.as_given),
        text(&entry.normalised),
        text(&entry.customer_id),
        text(&entry.scope),
        text(&entry.reason),
        entry.confirmed.to_string(),
        deliveries.collect::<Vec<_>>().join("; "),
        entry.hash.clone(),
        entry.expires_at.clone().unwrap_or_default(),
    ]
}

/// A cell that no spreadsheet takes for a formula. A phone with its plus stays as it is.
fn cell(text: &str) -> String {
    let is_phone =
        text.strip_prefix('+').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_phone { format!("'{text}") } else { text.to_owned() }
}

fn line(cells: [String; 15]) -> Result<Vec<u8>, CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(cells);
    written.map_err(|error| CliError::internal(error.to_string()))?;
    writer.into_inner().map_err(|error| CliError::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_phones_stay_as_they_are() {
        for (given, wanted) in [
            ("+420777888777", "+420777888777"),
            ("=1+1", "'=1+1"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2", "'-2"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+", "'+"),
            ("asked on call", "asked on call"),
            ("", ""),
        ] {
            assert_eq!(cell(given), wanted);
        }
    }
}
