//! `store`: check, backup and restore of a store that nobody runs; backup of one that a gateway runs.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::StoreVerb;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::store::sqlite::{backup_offline, check_copy, check_offline, restore};
use crate::store::{CheckReport, StoreError, StoreErrorKind, hex};

/// Runs a verb of `store`.
///
/// # Errors
/// The store is in use, is not there, or cannot be read.
pub(super) async fn run(verb: StoreVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        StoreVerb::Check(args) => {
            let report = check_offline(&args.data).map_err(error)?;
            ctx.out.either(&document("commdn.store_check.v1", &report), || words(&report))?;
            Ok(if report.is_whole() { Exit::Done } else { Exit::Missed })
        }
        StoreVerb::Backup(args) => {
            let report = match &args.data {
                Some(data) => backup_offline(data, &args.to).map_err(|why| {
                    let is_run = why.kind == StoreErrorKind::InUse;
                    let error = error(why);
                    if is_run {
                        error.hint("leave --data out: the gateway that has it makes a copy itself")
                    } else {
                        error
                    }
                })?,
                None => fetch(&args.to, ctx).await?,
            };
            let mut told = document("commdn.store_backup.v1", &report);
            told["file"] = json!(args.to.display().to_string());
            ctx.out.either(&told, || format!("{}\ncopied to {}", words(&report), args.to.display()))?;
            Ok(Exit::Done)
        }
        StoreVerb::Restore(args) => {
            let done = restore(&args.from, &args.data.data, ctx.global.yes).map_err(|why| {
                let is_there = why.kind == StoreErrorKind::Refused;
                let error = error(why);
                if is_there { error.hint("--yes puts the copy in its place and keeps the old one") } else { error }
            })?;
            let before = done.before.map(|before| before.display().to_string());
            let mut told = document("commdn.store_restore.v1", &done.report);
            told["before"] = json!(before);
            ctx.out.either(&told, || {
                let kept = before.map(|before| format!("\nwhat was there before is {before}")).unwrap_or_default();
                format!("{}\nrestored{kept}", words(&done.report))
            })?;
            Ok(Exit::Done)
        }
    }
}

/// A copy that the running gateway makes; nothing stays behind when it is not whole.
async fn fetch(to: &Path, ctx: &Ctx) -> Result<CheckReport, CliError> {
    let here = |error: std::io::Error| CliError::usage(format!("{}: {error}", to.display()));
    let client = Client::new(&ctx.global)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(to).map_err(here)?;
    let mut take = async || {
        let mut response = client.fetch(&["v1", "store", "backup"]).await?;
        while let Some(part) = client.part(&mut response).await? {
            file.write_all(&part).map_err(here)?;
        }
        file.sync_all().map_err(here)?;
        check_copy(to).map_err(error)
    };
    let taken = take().await;
    if taken.is_err() {
        // It is ours: it was not there before.
        let _ = std::fs::remove_file(to);
    }
    taken
}

fn document(schema: &str, report: &CheckReport) -> Value {
    let counts = report.counts;
    let chains: Vec<Value> = report
        .chains
        .iter()
        .map(|chain| {
            json!({
                "chain": chain.chain.slug(), "rows": chain.rows, "purged_to": chain.purged_to,
                "head": {"count": chain.head.count, "hash": hex(&chain.head.hash)}, "compared": chain.compared,
                "row": chain.fault.map(|fault| fault.row), "fault": chain.fault.map(|fault| fault.to_string()),
            })
        })
        .collect();
    json!({
        "schema": schema, "ok": report.is_whole(), "store_schema": report.schema, "damage": report.damage,
        "chains": chains,
        "counts": {
            "requests": counts.requests, "open": counts.open, "unsent": counts.unsent, "dead": counts.dead,
            "dnc": counts.dnc, "dnc_unconfirmed": counts.dnc_unconfirmed, "audit": counts.audit,
        },
    })
}

fn words(report: &CheckReport) -> String {
    let counts = report.counts;
    let mut lines = vec![format!(
        "requests {} (open {}, dead letters {}), do-not-call {} (unconfirmed {}), audit {}",
        counts.requests, counts.open, counts.dead, counts.dnc, counts.dnc_unconfirmed, counts.audit
    )];
    lines.extend(report.damage.iter().map(|damage| format!("damage: {damage}")));
    for chain in &report.chains {
        let state = match (chain.fault, chain.compared) {
            (Some(fault), _) => fault.to_string(),
            (None, true) => "whole".to_owned(),
            (None, false) => "whole; there is no head to compare its end with".to_owned(),
        };
        lines.push(format!("chain {}: {} rows, {state}", chain.chain.slug(), chain.rows));
    }
    lines.join("\n")
}

/// What a store refuses, as the end of a verb.
pub(super) fn error(error: StoreError) -> CliError {
    let exit = match error.kind {
        StoreErrorKind::InUse => Exit::Conflict,
        StoreErrorKind::Missing => Exit::NotFound,
        StoreErrorKind::Damaged => Exit::Missed,
        StoreErrorKind::Newer | StoreErrorKind::Refused | StoreErrorKind::KeyUsed => Exit::Usage,
        StoreErrorKind::Fenced => Exit::Conflict,
        StoreErrorKind::Full | StoreErrorKind::Io | StoreErrorKind::Closed | StoreErrorKind::Internal => Exit::Internal,
    };
    let told = CliError::new(exit, error.what);
    if error.remedy.is_empty() { told } else { told.hint(error.remedy) }
}
