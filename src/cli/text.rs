//! Lists out of files, `encode` and `kvcheck`.

use serde_json::json;

use crate::cli::args::{EncodeArgs, EncodeOutput, KvcheckArgs};
use crate::cli::client::Ctx;
use crate::cli::config::read_bytes;
use crate::cli::decode::hex;
use crate::cli::exit::{CliError, Exit};
use crate::engine::conversation::{Step, parse_step};
use crate::http::dto::TapDto;
use crate::wire::logtext::{COMMDN_HEADER, Reader, Verdict, check, read_tree};
use crate::wire::{Dialect, Reading, TkvList};

/// A list of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it starts, from 1.
    pub(crate) line: usize,
    /// Its attribute, and the message that has it.
    pub(crate) place: Option<(String, String)>,
    /// What packing it again says, for a printed list.
    pub(crate) verdict: Option<Verdict>,
    /// The pairs.
    pub(crate) tree: TkvList,
}

type Read = Result<Found, CliError>;

/// The bytes of one list.
pub(crate) fn read_raw(bytes: &[u8], line: usize, dialect: &Dialect, reading: Reading) -> Read {
    match TkvList::decode(bytes, dialect, reading) {
        Ok(tree) => Ok(Found { line, place: None, verdict: None, tree }),
        Err(error) => Err(CliError::usage(format!("line {line}: {error}"))
            .hint("is the dialect right? see --list-prefix, --int-order and --charset")),
    }
}

/// Hexadecimal digits. Lines up to an empty one belong together, unless the first of them is a whole list by itself.
pub(crate) fn read_hex(text: &[u8], dialect: &Dialect, reading: Reading) -> Vec<Read> {
    let mut found = Vec::new();
    let mut paragraph: Vec<(usize, Result<Vec<u8>, CliError>)> = Vec::new();
    let lines = text.split(|byte| *byte == b'\n').chain(std::iter::once(&b""[..]));
    for (at, line) in lines.enumerate() {
        let line = line.trim_ascii();
        if line.starts_with(b"#") {
            continue;
        }
        if !line.is_empty() {
            paragraph.push((at + 1, digits(line, at + 1)));
            continue;
        }
        let whole = |bytes: &Result<Vec<u8>, CliError>| {
            bytes.as_ref().is_ok_and(|bytes| TkvList::decode(bytes, dialect, Reading::Tolerant).is_ok())
        };
        let paragraph = std::mem::take(&mut paragraph);
        if paragraph.len() > 1 && paragraph.first().is_some_and(|(_, bytes)| whole(bytes)) {
            found.extend(paragraph.into_iter().map(|(line, bytes)| read_raw(&bytes?, line, dialect, reading)));
        } else if let Some((line, _)) = paragraph.first() {
            let line = *line;
            let parts: Result<Vec<Vec<u8>>, CliError> = paragraph.into_iter().map(|(_, bytes)| bytes).collect();
            found.push(parts.and_then(|parts| read_raw(&parts.concat(), line, dialect, reading)));
        }
    }
    found
}

fn digits(text: &[u8], line: usize) -> Result<Vec<u8>, CliError> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if let Some(at) = digits.iter().position(|digit| value(*digit).is_none()) {
        let found = char::from(digits[at]).escape_debug();
        return Err(CliError::usage(format!("line {line}: expected a hexadecimal digit, found '{found}'")));
    }
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(CliError::usage(format!("line {line}: expected two digits a byte, found {} digits", digits.len())));
    }
    Ok(pairs.iter().filter_map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect())
}

/// The printed lists of a log; lines that could not be read are told on stderr.
pub(crate) fn read_log(bytes: &[u8], dialect: &Dialect, lenient: bool, ctx: &Ctx) -> Vec<Read> {
    let mut reader = Reader::new(bytes, dialect, lenient);
    let mut found = Vec::new();
    for block in reader.by_ref() {
        for (attribute, list) in block.lists() {
            let place = Some((attribute.to_owned(), block.head.name.clone()));
            let (line, verdict, tree) = (list.line, Some(list.verdict.clone()), list.tree.clone());
            found.push(Ok(Found { line, place, verdict, tree }));
        }
    }
    reader.problems().iter().for_each(|problem| ctx.out.note(&problem.to_string()));
    found
}

/// List text; a line `# commdn-text 1` starts the next list.
pub(crate) fn read_trees(bytes: &[u8], dialect: &Dialect) -> Vec<Read> {
    let mut parts: Vec<(usize, Vec<u8>)> = vec![(1, Vec::new())];
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii() == COMMDN_HEADER.as_bytes() {
            parts.push((at + 1, Vec::new()));
        }
        if let Some((_, part)) = parts.last_mut() {
            part.extend_from_slice(line);
        }
    }
    let blank = |part: &[u8]| {
        part.split(|byte| *byte == b'\n')
            .all(|line| line.trim_ascii().is_empty() || line.trim_ascii().starts_with(b"#"))
    };
    if parts.len() > 1 && parts.first().is_some_and(|(_, part)| blank(part)) {
        parts.remove(0);
    }
    let read = |(line, part): (usize, Vec<u8>)| match read_tree(&part, dialect) {
        Ok(tree) => Ok(Found { line, place: None, verdict: None, tree }),
        Err(problem) => {
            let message = format!("line {}: {}", problem.line + line - 1, problem.kind);
            Err(CliError::usage(message).hint("a pair is written as 'key'<TAB>'text', 'key'<TAB>5 or 'key'(list) "))
        }
    };
    parts.into_iter().map(read).collect()
}

/// What `tap` wrote: conversation steps, as text or as NDJSON.
pub(crate) fn read_tap(bytes: &[u8], dialect: &Dialect) -> Vec<Read> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let step = if line.starts_with('{') {
            serde_json::from_str::<TapDto>(line).map(|passed| passed.step).map_err(|error| error.to_string())
        } else {
            Ok(line.to_owned())
        };
        match step.and_then(|step| read_step(&step, dialect)) {
            Ok(Some(tree)) => found.push(Ok(Found { line: at + 1, place: None, verdict: None, tree })),
            Ok(None) => {} // an empty line, a comment, or a step without message
            Err(why) => found.push(Err(CliError::usage(format!("line {}: {why}", at + 1)))),
        }
    }
    found
}

/// The message of a step, packed as its sender would. A tap without `--show-numbers` hides phones: they stay hidden.
fn read_step(step: &str, dialect: &Dialect) -> Result<Option<TkvList>, String> {
    let message = match parse_step(step).map_err(|error| error.to_string())? {
        Some(Step::Message(step)) => step.message,
        Some(Step::Wait(_) | Step::Trigger(..) | Step::Profile(_)) | None => return Ok(None),
    };
    let packed = message.encode(dialect).map_err(|error| error.to_string())?;
    TkvList::decode(&packed, dialect, Reading::Tolerant).map(Some).map_err(|error| error.to_string())
}

/// Runs `encode`.
///
/// # Errors
/// Exit 2 with the line that cannot be read, or the limit that a list exceeds.
pub(super) fn encode(args: &EncodeArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let bytes = read_bytes(&args.file)?;
    let dialect = args.dialect.dialect();
    let is_log = Reader::new(&bytes, &dialect, args.lenient).next().is_some();
    let found = if is_log { read_log(&bytes, &dialect, args.lenient, ctx) } else { read_trees(&bytes, &dialect) };
    // All or nothing: who reads the bytes must not take the half for the whole.
    let lists: Vec<Found> = found.into_iter().collect::<Result<_, _>>()?;
    if lists.is_empty() {
        return Err(CliError::usage(format!("{}: no list found", args.file.display())));
    }
    let mut packed = Vec::new();
    for list in &lists {
        if list.verdict == Some(Verdict::Filtered) {
            let message =
                format!("line {}: a value was hidden by the log filter, so that the bytes are not known", list.line);
            return Err(CliError::usage(message));
        }
        let bytes = list.tree.encode(&dialect);
        packed.push((list.line, bytes.map_err(|error| CliError::usage(format!("line {}: {error}", list.line)))?));
    }
    for (line, bytes) in packed {
        match (ctx.out.json, args.output) {
            (true, _) => {
                let document =
                    json!({ "schema": "commdn.encoded.v1", "line": line, "bytes": bytes.len(), "hex": hex(&bytes) });
                ctx.out.document(&document)?;
            }
            (false, EncodeOutput::Hex) => ctx.out.line(&hex(&bytes))?,
            (false, EncodeOutput::Raw) => ctx.out.bytes(&bytes)?,
        }
    }
    Ok(Exit::Done)
}

/// Runs `kvcheck`.
///
/// # Errors
/// The file cannot be read.
pub(super) fn kvcheck(args: &KvcheckArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let bytes = read_bytes(&args.file)?;
    let report = check(&bytes, &args.dialect.dialect(), args.lenient);
    let why = |verdict: &Verdict| match verdict {
        Verdict::Disagree { why } => Some(why.clone()),
        _ => None,
    };
    if ctx.out.json {
        let detail = |detail: &crate::wire::logtext::KvDetail| {
            json!({
                "line": detail.line, "attribute": detail.attribute, "verdict": detail.verdict.name(),
                "printed": detail.printed, "packed": detail.packed, "why": why(&detail.verdict),
            })
        };
        ctx.out.document(&json!({
            "schema": "commdn.kvcheck.v1",
            "lists": report.lists,
            "agree": report.agree,
            "filtered": report.filtered,
            "ambiguous": report.ambiguous,
            "disagree": report.disagree,
            "details": report.details.iter().map(detail).collect::<Vec<_>>(),
            "problems": report.problems.iter().map(|problem| {
                json!({ "line": problem.line, "message": problem.kind.to_string() })
            }).collect::<Vec<_>>(),
        }))?;
    } else {
        ctx.out.line(&format!(
            "lists {}, agree {}, filtered {}, ambiguous {}, disagree {}",
            report.lists, report.agree, report.filtered, report.ambiguous, report.disagree
        ))?;
        for detail in report.details.iter().filter(|detail| detail.verdict != Verdict::Agree) {
            let why = why(&detail.verdict).map(|why| format!(": {why}")).unwrap_or_default();
            let packed = detail.packed.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string());
            let (line, attribute, verdict) = (detail.line, &detail.attribute, detail.verdict.name());
            ctx.out.line(&format!(
                "line {line} {attribute}: {verdict}, printed {}, packed {packed}{why}",
                detail.printed
            ))?;
        }
        report.problems.iter().for_each(|problem| ctx.out.note(&problem.to_string()));
    }
    if report.lists == 0 {
        ctx.out.note("no printed list that states its length was found; a copy of a web page may need --lenient");
    }
    if !args.lenient && report.agree < report.lists {
        let more = check(&bytes, &args.dialect.dialect(), true).agree.saturating_sub(report.agree);
        if more > 0 {
            ctx.out
                .hint(&format!("{more} more lists agree with --lenient, which undoes what a web page did to quotes"));
        }
    }
    Ok(if report.disagree == 0 { Exit::Done } else { Exit::Missed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trees(text: &str) -> Vec<Result<TkvList, String>> {
        let read = read_trees(text.as_bytes(), &Dialect::default());
        read.into_iter().map(|found| found.map(|found| found.tree).map_err(|error| error.message)).collect()
    }

    fn lists(text: &str) -> Vec<Result<(usize, usize), String>> {
        let read = read_hex(text.as_bytes(), &Dialect::default(), Reading::Tolerant);
        let short = |found: Found| (found.line, found.tree.len());
        read.into_iter().map(|found| found.map(short).map_err(|error| error.message)).collect()
    }

    #[test]
    fn hex_is_one_list_a_line_or_a_paragraph() {
        assert_eq!(lists("0000\n"), [Ok((1, 0))]);
        assert_eq!(lists("0000\n0000\n"), [Ok((1, 0)), Ok((2, 0))]);
        assert_eq!(lists("# n = 5\n00 01\n01 00 01 6e\n00 04 00 00 00 05\n\n0000"), [Ok((2, 1)), Ok((6, 0))]);
    }

    #[test]
    fn hex_errors_name_line_and_offset() {
        assert!(lists("\n00x0")[0].as_ref().unwrap_err().contains("line 2: expected a hexadecimal digit, found 'x'"));
        assert!(lists("000")[0].as_ref().unwrap_err().contains("3 digits"));
        assert!(lists("0001")[0].as_ref().unwrap_err().contains("truncated"), "{:?}", lists("0001"));
    }

    #[test]
    fn a_header_line_starts_the_next_list() {
        let one = TkvList::new().int("a", 1);
        assert_eq!(trees("'a'\t1\n"), [Ok(one.clone())]);
        assert_eq!(trees("# commdn-text 1\n'a'\t1\n# commdn-text 1\n"), [Ok(one), Ok(TkvList::new())]);
    }

    #[test]
    fn a_line_that_is_no_pair_is_named() {
        let read = trees("# commdn-text 1\n'a'\t1\n# commdn-text 1\nnonsense\n");
        assert!(read[1].as_ref().unwrap_err().starts_with("line 4:"), "{read:?}");
    }
}
