//! What is said of an import: the body of the answer, and the lines of the log. Both are made of the outcome file.

use serde_json::{Value, json};

use super::IdKey;
use crate::contact::{Code, Counts, Outcome};

/// Entries of both lists together.
pub const ENTRIES_MAX: usize = 10_000;

/// One record of the outcome file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// From 1.
    pub record: u64,
    /// Physical line.
    pub line: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The profile's id, when there is one.
    pub contact_id: &'a str,
    /// Of the first error, else of the first warning.
    pub code: Option<Code>,
    /// Header or attribute.
    pub column: &'a str,
    /// Holds no value of a cell.
    pub message: &'a str,
}

/// The word of C for a code of ours.
fn word(code: Code) -> &'static str {
    match code {
        Code::Type | Code::BadNumber | Code::BadDate | Code::BadEmail | Code::BadUrl | Code::BadCallable => "type",
        Code::Ragged => "ragged",
        Code::Ambiguous => "ambiguous",
        Code::TooLong | Code::FieldTooLong | Code::RecordTooLong => "too-long",
        Code::BadEncoding => "bad-encoding",
        Code::NulByte => "nul-byte",
        _ => "parse",
    }
}

impl Entry<'_> {
    /// In the words of C: code, attribute, message.
    fn words(&self, key: Option<&IdKey>) -> (&'static str, String, String) {
        let Some(code) = self.code else { return ("", String::new(), String::new()) };
        match (code, key) {
            (Code::Ambiguous, Some(key)) => {
                let digits: String = self.message.chars().take_while(char::is_ascii_digit).collect();
                let found = if digits.is_empty() { "several" } else { &digits };
                (word(code), key.paths().join(","), format!("{found} profiles match id-key {}", key.name))
            }
            _ => (word(code), self.column.to_owned(), self.message.to_owned()),
        }
    }
}

/// The body of the answer, filled record by record.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    errors: Vec<Value>,
    skipped: Vec<Value>,
    truncated: bool,
}

impl Answer {
    /// Looks at one record.
    pub fn add(&mut self, entry: &Entry<'_>, key: Option<&IdKey>) {
        let list = match entry.outcome {
            Outcome::Failed => &self.errors,
            Outcome::Skipped => &self.skipped,
            Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::Deleted | Outcome::NotReached => return,
        };
        let other = if entry.outcome == Outcome::Failed { &self.skipped } else { &self.errors };
        if list.len().saturating_add(other.len()) >= ENTRIES_MAX {
            self.truncated = true;
            return;
        }
        let (index, line) = (entry.record, entry.line);
        if entry.outcome == Outcome::Skipped {
            self.skipped.push(json!({"index": index, "line": line, "customer-id": entry.contact_id}));
            return;
        }
        let (code, attribute, message) = entry.words(key);
        let error = json!({"index": index, "line": line, "code": code, "attribute": attribute, "message": message});
        self.errors.push(error);
    }

    /// The whole body. `last` is the last record that was looked at.
    #[must_use]
    pub fn body(self, counts: &Counts, last: u64) -> Value {
        json!({
            "imported": counts.created.saturating_add(counts.updated).saturating_add(counts.unchanged),
            "skipped": counts.skipped,
            "failed": counts.failed,
            "not-reached": counts.not_reached,
            "last-index": last,
            "truncated": self.truncated,
            "errors": self.errors,
            "skipped-records": self.skipped,
        })
    }
}

/// The first line of a log, without what marks it as ours: `mark` is `# <file> sha256=`.
#[must_use]
pub fn log_first(mark: &str, sha256: &str, started: &str) -> String {
    format!("{mark}{sha256} started={started}\n")
}

/// The line of one record.
#[must_use]
pub fn log_line(time: &str, entry: &Entry<'_>, key: Option<&IdKey>) -> String {
    let (code, attribute, message) = entry.words(key);
    let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let (record, line, outcome) = (entry.record, entry.line, entry.outcome.word());
    format!("{time}\t{record}\t{line}\t{outcome}\t{code}\t{}\t{}\n", plain(&attribute), plain(&message))
}

/// The last line of a log.
#[must_use]
pub fn log_last(counts: &Counts) -> String {
    let imported = counts.created.saturating_add(counts.updated).saturating_add(counts.unchanged);
    let (skipped, failed, not_reached) = (counts.skipped, counts.failed, counts.not_reached);
    format!("# imported={imported} skipped={skipped} failed={failed} not-reached={not_reached}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> IdKey {
        IdKey { name: "Email".into(), source: "profile".into(), attributes: vec!["EmailAddress".into()], unique: false }
    }

    fn entry(record: u64, outcome: Outcome, code: Option<Code>) -> Entry<'static> {
        let message = "2 contacts match";
        Entry { record, line: record + 1, outcome, contact_id: "00009Q", code, column: "City", message }
    }

    #[test]
    fn the_body_is_that_of_the_specification() {
        let mut answer = Answer::default();
        answer.add(&entry(1, Outcome::Created, None), Some(&key()));
        answer.add(&entry(2, Outcome::Skipped, None), Some(&key()));
        answer.add(&Entry { line: 6, ..entry(4, Outcome::Failed, Some(Code::Ambiguous)) }, Some(&key()));
        let counts = Counts { created: 3, skipped: 1, failed: 1, ..Counts::default() };
        let wanted = r#"{"imported":3,"skipped":1,"failed":1,"not-reached":0,"last-index":5,"truncated":false,
            "errors":[{"index":4,"line":6,"code":"ambiguous","attribute":"EmailAddress",
                "message":"2 profiles match id-key Email"}],
            "skipped-records":[{"index":2,"line":3,"customer-id":"00009Q"}]}"#;
        assert_eq!(answer.body(&counts, 5), serde_json::from_str::<Value>(wanted).unwrap());
    }

    #[test]
    fn both_lists_end_together_and_say_so() {
        let mut answer = Answer::default();
        for record in 1..=ENTRIES_MAX as u64 {
            let outcome = if record % 2 == 0 { Outcome::Skipped } else { Outcome::Failed };
            answer.add(&entry(record, outcome, Some(Code::Ragged)), None);
        }
        assert_eq!(answer.clone().body(&Counts::default(), 0)["truncated"], false);
        answer.add(&entry(10_001, Outcome::Created, None), None);
        assert_eq!(answer.clone().body(&Counts::default(), 0)["truncated"], false);
        answer.add(&entry(10_002, Outcome::Failed, Some(Code::Ragged)), None);
        let body = answer.body(&Counts::default(), 0);
        let lengths = ["errors", "skipped-records"].map(|list| body[list].as_array().unwrap().len());
        assert_eq!((lengths, &body["truncated"]), ([5_000, 5_000], &json!(true)));
    }

    #[test]
    fn codes_are_the_seven_of_c() {
        let words = ["parse", "type", "ragged", "ambiguous", "too-long", "bad-encoding", "nul-byte"];
        for code in Code::ALL {
            assert!(words.contains(&word(*code)), "{code}");
        }
        assert_eq!(word(Code::UnterminatedQuote), "parse");
    }

    #[test]
    fn a_log_has_a_line_for_each_record_and_none_for_a_tab() {
        let counts = Counts { created: 3, skipped: 1, failed: 1, ..Counts::default() };
        let failed = Entry { column: "a\tb", message: "x\ny", ..entry(4, Outcome::Failed, Some(Code::BadNumber)) };
        let log = log_first("# profiles.csv sha256=", "00ff", "2026-01-02T03:04:05Z")
            + &log_line("t", &entry(1, Outcome::Created, None), None)
            + &log_line("t", &failed, None)
            + &log_last(&counts);
        let wanted = "# profiles.csv sha256=00ff started=2026-01-02T03:04:05Z\nt\t1\t2\tcreated\t\t\t\n\
            t\t4\t5\tfailed\ttype\ta b\tx y\n# imported=3 skipped=1 failed=1 not-reached=0\n";
        assert_eq!(log, wanted);
    }
}
