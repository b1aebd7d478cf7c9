//! `dnc import`: each phone of a file becomes a request of its own. Every request has a key made of the file and the
//! line, so that a file which is imported again asks for nothing twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::args::{DncImportArgs, Scope};
use crate::cli::campaign::word;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::expiry;
use crate::http::dto::{DncBody, RequestDto};
use crate::store::hex;

/// The column with the end of an entry.
const EXPIRES: &str = "expires_at";
/// Requests under way at a time.
const AT_ONCE: usize = 32;
/// A gateway that is busy is asked again so often.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);
/// Longest file.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A phone and the line it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    line: u64,
    phone: String,
    expires: Option<String>,
}

pub(super) async fn run(args: DncImportArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let bytes = read(&args.file)?;
    // A file that is imported again must ask for the same: a time that runs on would make it another request.
    if let Some(text) = args.expires.as_deref().filter(|text| expiry::fixed(text).is_none()) {
        let what = format!("--expires: expected 2027-01-31 or 2027-01-31T00:00:00Z, found '{text}'");
        return Err(CliError::usage(what));
    }
    let all = phones(&bytes, &args.column).map_err(|why| CliError::usage(format!("{}: {why}", args.file.display())))?;
    let lines = all.len();
    let mut seen = BTreeSet::new();
    let mut rejects: Vec<(u64, String)> = Vec::new();
    let mut wanted = Vec::new();
    for given in all {
        if given.phone.is_empty() {
            rejects.push((given.line, "expected a phone, found nothing".into()));
        } else if given.expires.as_deref().is_some_and(|text| expiry::fixed(text).is_none()) {
            rejects.push((given.line, format!("{EXPIRES}: expected 2027-01-31 or 2027-01-31T00:00:00Z")));
        } else if seen.insert(given.phone.clone()) {
            wanted.push(given);
        }
    }
    let repeated = lines - wanted.len() - rejects.len();
    if ctx.global.dry_run {
        let document = json!({
            "schema": "commdn.dnc_import.v1", "dry_run": true, "lines": lines, "accepted": 0, "repeated": repeated,
            "rejects": shown(&rejects),
        });
        ctx.out.either(&document, || format!("{} phones would be asked for, {repeated} repeated", wanted.len()))?;
        return Ok(if rejects.is_empty() { Exit::Done } else { Exit::Partial });
    }
    let name = name(&bytes, &args);
    let client = Client::new(&ctx.global)?;
    let bar = ctx.out.bar(wanted.len());
    let (mut accepted, mut fatal) = (0_usize, None);
    {
        let (client, name, args) = (&client, &name, &args);
        let mut answers = stream::iter(&wanted)
            .map(|given| async move { (given.line, post(client, name, args, given).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((line, answer)) = answers.next().await {
            bar.inc(1);
            match answer {
                Ok(_) => accepted += 1,
                Err(error) if of_this_line(&error) => rejects.push((line, error.message)),
                Err(error) => {
                    fatal = Some((line, error));
                    break;
                }
            }
        }
    }
    bar.finish_and_clear();
    if let Some((line, error)) = fatal {
        let message = format!("line {line}: {}; {accepted} of {} were accepted", error.message, wanted.len());
        let hint = "import the same file again: what was accepted is not asked for twice";
        return Err(CliError { message, ..error }.hint(hint));
    }
    rejects.sort_unstable();
    let document = json!({
        "schema": "commdn.dnc_import.v1", "dry_run": false, "lines": lines, "accepted": accepted,
        "repeated": repeated, "rejects": shown(&rejects),
    });
    ctx.out.either(&document, || {
        let counts = format!("{lines} lines: {accepted} accepted, {repeated} repeated, {} rejected", rejects.len());
        let rejects = rejects.iter().map(|(line, why)| format!("\nline {line}: {why}"));
        counts + &rejects.collect::<String>()
    })?;
    Ok(match (accepted, rejects.is_empty()) {
        (_, true) => Exit::Done,
        (0, false) => Exit::Refused,
        (_, false) => Exit::Partial,
    })
}

fn shown(rejects: &[(u64, String)]) -> Vec<serde_json::Value> {
    rejects.iter().map(|(line, message)| json!({"line": line, "message": message})).collect()
}

/// A refusal that is about this phone, not about us or the gateway.
fn of_this_line(error: &CliError) -> bool {
    error.problem.as_ref().is_some_and(|problem| matches!(problem.status, 400 | 409 | 413 | 422))
}

async fn post(client: &Client, name: &str, args: &DncImportArgs, given: &Given) -> Result<RequestDto, CliError> {
    let expires = given.expires.as_deref().or(args.expires.as_deref()).and_then(expiry::fixed);
    let body = DncBody {
        expires_at: expires.map(expiry::rfc3339).transpose()?,
        phone: Some(given.phone.clone()),
        customer_id: None,
        scope: args.scope.map(Scope::word),
        ocs: args.ocs.as_deref().map(word),
        reason: args.reason.clone(),
    };
    let key = format!("import-{name}-{}", given.line);
    let mut tries = 0;
    loop {
        let error = match client.post_keyed(&["v1", "dnc"], &body, &key).await {
            Ok(request) => return Ok(request),
            Err(error) => error,
        };
        let is_busy = error.problem.as_ref().is_some_and(|problem| matches!(problem.status, 429 | 503));
        tries += 1;
        if !is_busy || tries == TRIES {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let wrong = |why: String| CliError::usage(format!("{}: {why}", file.display()));
    let found = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?;
    if found.len() > BYTES_MAX {
        return Err(wrong(format!("expected {BYTES_MAX} bytes at most, found {}", found.len())));
    }
    std::fs::read(file).map_err(|error| wrong(error.to_string()))
}

/// Names this import of this file: another reason makes another import.
fn name(bytes: &[u8], args: &DncImportArgs) -> String {
    let mut hash = Sha256::new();
    hash.update(bytes);
    for word in [Some(args.column.as_str()), args.ocs.as_deref(), args.reason.as_deref(), args.scope.map(scope)] {
        hash.update([0]);
        hash.update(word.unwrap_or_default());
    }
    if let Some(expires) = &args.expires {
        hash.update([1]);
        hash.update(expires);
    }
    hex(&hash.finalize().into()).chars().take(24).collect()
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::AllChain => "all_chain",
        Scope::RecordOnly => "record_only",
    }
}

/// Counts lines. The reader's own count is one too low after each end of line that has two bytes, and after empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.at);
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// The phones of a file: of a column when the first line names it, else one a line.
fn phones(bytes: &[u8], column: &str) -> Result<Vec<Given>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let (mut found, mut at, mut expires) = (Vec::new(), None, None);
    let mut lines = Lines { bytes, at: 0, line: 1 };
    for record in reader.records() {
        let record = record.map_err(|error| match error.position() {
            Some(position) => format!("line {}: no CSV in UTF-8", position.line()),
            None => "no CSV in UTF-8".to_owned(),
        })?;
        let line = lines.of(record.position());
        let at = match at {
            Some(at) => at,
            None => {
                let named = record.iter().position(|name| name.trim().eq_ignore_ascii_case(column));
                at = Some(named.unwrap_or(0));
                expires = record.iter().position(|name| name.trim().eq_ignore_ascii_case(EXPIRES));
                match (named, record.len()) {
                    (Some(_), _) => continue,
                    (None, 1) => 0,
                    (None, _) => return Err(format!("expected a column '{column}' in the first line, found none")),
                }
            }
        };
        let end = expires.and_then(|at| record.get(at)).map(str::trim).filter(|end| !end.is_empty());
        let phone = record.get(at).unwrap_or_default().trim().to_owned();
        found.push(Given { line, phone, expires: end.map(str::to_owned) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, String)>, String> {
        Ok(phones(text.as_bytes(), "phone")?.into_iter().map(|given| (given.line, given.phone)).collect())
    }

    #[test]
    fn phones_stand_in_a_column_or_one_a_line() {
        let plain = vec![(1, "+420777888777".to_owned()), (2, "5551234".to_owned())];
        assert_eq!(read("+420777888777\n5551234\n").unwrap(), plain);
        assert_eq!(read("+420777888777\r\n 5551234").unwrap(), plain);
        let column = vec![(2, "+420777888777".to_owned()), (3, String::new())];
        assert_eq!(read("\u{feff}name,Phone\nZoë,+420777888777\nBo,\n").unwrap(), column);
        assert_eq!(read("5551234\n\n\r\n5551235\r\n").unwrap()[1], (4, "5551235".to_owned()));
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("phone\n5551234\n").unwrap(), [(2, "5551234".to_owned())]);
    }

    #[test]
    fn a_column_tells_when_an_entry_ends() {
        let found = phones(b"phone,Expires_At\n5551234,2027-01-31\n5551235,\n5551236\n", "phone").unwrap();
        let ends: Vec<_> = found.iter().map(|given| given.expires.as_deref()).collect();
        assert_eq!(ends, [Some("2027-01-31"), None, None]);
    }

    #[test]
    fn a_file_without_that_column_is_refused_without_its_contents() {
        let error = read("+420777888777,x\n").unwrap_err();
        assert_eq!(error, "expected a column 'phone' in the first line, found none");
    }
}
