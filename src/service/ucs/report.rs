//! What became of an import: its answer and its log, both read from the outcome file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};
use jiff::Timestamp;
use serde_json::Value;

use super::import::has_answer;
use crate::contact::Outcome;
use crate::contact::formula::unmark;
use crate::contact::ucs::{Answer, Entry, Fault, IdKey, log_first, log_last, log_line};
use crate::service::confined::LogPlace;
use crate::store::contacts::{ImportJob, StopReason};

/// The body of the answer, when the log is written too.
pub(super) fn report(job: &ImportJob, key: Option<&IdKey>, log: Option<&LogPlace>) -> Result<Value, Fault> {
    if !has_answer(job) {
        let why = job.progress.failure.clone();
        return Err(Fault::new(500, why.unwrap_or_else(|| format!("the import was {}", job.state.slug()))));
    }
    let outcome = job.spec.outcome.as_deref().ok_or_else(|| Fault::new(500, "the import has no outcome file"))?;
    let answer = answer(job, outcome, key).map_err(unreadable)?;
    if let Some(place) = log {
        place.write(&job.id, |out| write_log(job, outcome, key, place, out))?;
    }
    Ok(answer)
}

fn unreadable(error: io::Error) -> Fault {
    tracing::error!(%error, "the outcome of an import");
    Fault::new(500, "the outcome of the import cannot be read")
}

fn answer(job: &ImportJob, outcome: &Path, key: Option<&IdKey>) -> io::Result<Value> {
    let mut answer = Answer::default();
    each(outcome, |entry| {
        answer.add(entry, key);
        Ok(())
    })?;
    let counts = &job.progress.counts;
    let stopped = job.progress.stopped.filter(|stop| stop.reason == StopReason::MaxErrors);
    let last = stopped.map_or(counts.records(), |stop| stop.last_record);
    Ok(answer.body(counts, last))
}

fn write_log(
    job: &ImportJob,
    outcome: &Path,
    key: Option<&IdKey>,
    place: &LogPlace,
    out: &mut dyn Write,
) -> io::Result<()> {
    let progress = &job.progress;
    let time = |ms: Option<i64>| {
        let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let (started, ended) = (time(progress.started_at), time(progress.ended_at));
    let sha256 = progress.sha256.as_deref().unwrap_or_default();
    out.write_all(log_first(&place.mark(), sha256, &started).as_bytes())?;
    each(outcome, |entry| out.write_all(log_line(&ended, entry, key).as_bytes()))?;
    out.write_all(log_last(&progress.counts).as_bytes())
}

/// Reads an outcome file record by record.
fn each(outcome: &Path, mut take: impl FnMut(&Entry<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut reader: Reader<File> = ReaderBuilder::new().from_path(outcome).map_err(io::Error::other)?;
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(io::Error::other)? {
        let cell = |n: usize| row.get(n).unwrap_or_default();
        let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
        let number = |n: usize| cell(n).parse::<u64>().map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        let code = cell(5);
        take(&Entry {
            record: number(0)?,
            line: number(1)?,
            outcome: cell(3).parse::<Outcome>().map_err(wrong)?,
            contact_id: unmark(cell(4)),
            code: if code.is_empty() { None } else { code.parse().ok() },
            column: unmark(cell(6)),
            message: unmark(cell(7)),
        })?;
    }
    Ok(())
}
