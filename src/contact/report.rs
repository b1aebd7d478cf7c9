//! What became of each record, and the law of their numbers (specification 1.3 and 4.3).

use super::words::words;

words! {
    /// What became of a record.
    Outcome {
        /// A contact came.
        Created = "created",
        /// A contact changed.
        Updated = "updated",
        /// It was there already, all of it.
        Unchanged = "unchanged",
        /// It was there and is left.
        Skipped = "skipped",
        /// A contact went.
        Deleted = "deleted",
        /// Nothing of it is stored.
        Failed = "failed",
        /// Behind a stop.
        NotReached = "not-reached",
    }
}

words! {
    /// Which rule a record met.
    Code {
        Ragged = "ragged",
        BadEncoding = "bad-encoding",
        NulByte = "nul-byte",
        FieldTooLong = "field-too-long",
        RecordTooLong = "record-too-long",
        UnterminatedQuote = "unterminated-quote",
        MissingRequired = "missing-required",
        MissingKey = "missing-key",
        TooLong = "too-long",
        BadPhone = "bad-phone",
        NoPhone = "no-phone",
        BadEmail = "bad-email",
        BadCallable = "bad-callable",
        BadNumber = "bad-number",
        BadDate = "bad-date",
        BadUrl = "bad-url",
        OrgWithoutId = "org-without-id",
        Ambiguous = "ambiguous",
        InUse = "in-use",
        UnknownId = "unknown-id",
        Dnc = "dnc",
        Type = "type",
        Remote = "remote",
        OutcomeUnknown = "outcome-unknown",
        /// A warning:
        DncPhone = "dnc-phone",
        /// A warning:
        DncCustomer = "dnc-customer",
        /// A warning:
        BothListIds = "both-list-ids",
        /// A warning:
        IgnoredColumn = "ignored-column",
        /// A warning:
        EncodingGuessed = "encoding-guessed",
    }
}

/// Whether a remark ends its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The record fails.
    Error,
    /// It is told, and goes on.
    Warning,
}

/// One thing that is to be said about a record. The message holds no value of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Whether the record fails for it.
    pub severity: Severity,
    /// Which rule.
    pub code: Code,
    /// Header or attribute; empty = the record.
    pub column: String,
    /// What was found, what was wanted.
    pub message: String,
}

impl Remark {
    /// One that fails its record.
    #[must_use]
    pub fn error(code: Code, column: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, column: column.to_owned(), message: message.into() }
    }

    /// One that does not.
    #[must_use]
    pub fn warning(code: Code, column: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, column, message) }
    }
}

/// A record's row in the outcome file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordReport {
    /// From 1, the first behind the header.
    pub record: u64,
    /// Physical line of its first byte; the header's is 1.
    pub line: u64,
    /// The id or key that it came with; empty = none.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The contact's id, when there is one.
    pub contact_id: String,
    /// In the order in which they were found.
    pub remarks: Vec<Remark>,
}

/// How many records became what. `records` is the sum of the first eight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(default))]
pub struct Counts {
    /// In front of the first that was to be read.
    pub before_start: u64,
    /// Contacts that came.
    pub created: u64,
    /// Contacts that changed.
    pub updated: u64,
    /// Contacts that were so already.
    pub unchanged: u64,
    /// Passed over.
    pub skipped: u64,
    /// Contacts that went.
    pub deleted: u64,
    /// Failed.
    pub failed: u64,
    /// Behind a stop.
    pub not_reached: u64,
    /// Outside of the law: remarks that fail nothing.
    pub warnings: u64,
    /// Lines without a byte.
    pub blank_lines: u64,
    /// Contacts that went into others.
    pub merged_away: u64,
    /// Phones or customers on the do-not-call list.
    pub dnc_hits: u64,
    /// Verdicts of the import that differ from the validation's.
    pub drift: u64,
}

impl Counts {
    /// Data records of the file.
    #[must_use]
    pub fn records(&self) -> u64 {
        let all = [
            self.before_start,
            self.created,
            self.updated,
            self.unchanged,
            self.skipped,
            self.deleted,
            self.failed,
            self.not_reached,
        ];
        all.into_iter().fold(0, u64::saturating_add)
    }

    /// Counts one record, and its warnings.
    pub fn add(&mut self, outcome: Outcome, remarks: &[Remark]) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Failed => &mut self.failed,
            Outcome::NotReached => &mut self.not_reached,
        };
        *count = count.saturating_add(1);
        let warnings = remarks.iter().filter(|remark| remark.severity == Severity::Warning);
        self.warnings = self.warnings.saturating_add(u64::try_from(warnings.count()).unwrap_or(u64::MAX));
    }

    /// What B calls imported: created, updated and unchanged.
    #[must_use]
    pub fn imported(&self) -> u64 {
        self.created.saturating_add(self.updated).saturating_add(self.unchanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for code in Code::ALL {
            assert_eq!(code.to_string().parse(), Ok(*code));
        }
        for outcome in Outcome::ALL {
            assert_eq!(outcome.to_string().parse(), Ok(*outcome));
        }
        let error = "gone".parse::<Outcome>().unwrap_err().to_string();
        assert!(error.starts_with("expected one of created, updated,") && error.ends_with("found \"gone\""), "{error}");
    }

    #[test]
    fn every_outcome_counts_as_one_record() {
        let mut counts = Counts::default();
        for outcome in Outcome::ALL {
            counts.add(*outcome, &[Remark::warning(Code::NoPhone, "", "no phone")]);
        }
        assert_eq!((counts.records(), counts.imported(), counts.warnings), (7, 3, 7));
    }
}
