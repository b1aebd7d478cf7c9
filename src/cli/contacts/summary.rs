//! What a job came to: one document for stdout, `--json` and `--summary`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::exit::{CliError, Exit};
use crate::http::shown;
use crate::service::push::{Finished, PushError};

/// The exit code of a job.
pub(super) fn exit(finished: &Finished) -> Exit {
    let task = &finished.state.task;
    match &finished.error {
        None if finished.state.sums.failed > 0 && !task.allow_rejects => Exit::Partial,
        None => Exit::Done,
        Some(error) => match error {
            PushError::Settings(_)
            | PushError::Parameters(_)
            | PushError::File(_)
            | PushError::Mapping(_)
            | PushError::BadRecords { .. } => Exit::Usage,
            PushError::TooManyBad { .. } => Exit::Missed,
            PushError::Disk(_) => Exit::Internal,
            PushError::Unreachable { .. } => Exit::Unreachable,
            PushError::Unknown { .. } => Exit::Unknown,
            PushError::Refused { .. } => Exit::Refused,
            PushError::Credentials { .. } => Exit::NotAuthorised,
            PushError::NoList(_) => Exit::NotFound,
            PushError::Interrupted => Exit::Interrupted,
        },
    }
}

/// The document.
pub(super) fn document(finished: &Finished, seconds: f64, exit: Exit) -> Value {
    let (state, task) = (&finished.state, &finished.state.task);
    let rate = if seconds > 0.0 { state.sums.records() as f64 / seconds } else { 0.0 };
    let warnings = finished.warnings.iter();
    json!({
        "schema": "commdn.contacts_summary.v1",
        "job": state.id,
        "kind": task.kind.word(),
        "to": "genesys-cloud",
        "list_id": state.list_id,
        "file": task.file,
        "bytes": state.size,
        "sha256": state.sha256,
        "encoding": "UTF-8",
        "delimiter": ",",
        "dry_run": task.dry_run,
        "counts": shown::counts(&state.sums),
        "warnings": warnings.map(|it| json!({"code": it.code.word(), "message": it.message})).collect::<Vec<_>>(),
        "outcome": task.outcome,
        "reject": task.reject,
        "seconds": (seconds * 1_000.0).round() / 1_000.0,
        "records_per_second": rate.round(),
        "exit": exit.code(),
        "error": finished.error.as_ref().map(ToString::to_string),
    })
}

/// The same in words.
pub(super) fn words(finished: &Finished) -> String {
    let (sums, task) = (&finished.state.sums, &finished.state.task);
    let list = finished.state.list_id.as_deref().unwrap_or("-");
    let dry = if task.dry_run { " (dry run, nothing was sent)" } else { "" };
    if task.file.is_none() {
        return format!("list {list}: cleared{dry}");
    }
    let mut parts = Vec::new();
    for (count, word) in [
        (sums.before_start, "in front of the first"),
        (sums.created, "created"),
        (sums.updated, "updated"),
        (sums.deleted, "deleted"),
        (sums.failed, "failed"),
        (sums.not_reached, "not reached"),
        (sums.warnings, if sums.warnings == 1 { "warning" } else { "warnings" }),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    format!("list {list}: {} records: {parts}{dry}", sums.records())
}

/// Writes the document where `--summary` wants it, for its owner only.
pub(super) fn write(path: &Path, document: &Value) -> Result<(), CliError> {
    let wrong = |error: std::io::Error| CliError::internal(format!("{}: {error}", path.display()));
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(wrong)?;
    std::io::Write::write_all(&mut file, format!("{document:#}\n").as_bytes()).map_err(wrong)
}
