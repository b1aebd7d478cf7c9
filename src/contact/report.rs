//! What became of each record, and the law of their numbers (specification 1.3 and 4.3).

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A contact came.
    Created,
    /// A contact changed.
    Updated,
    /// It was there already, all of it.
    Unchanged,
    /// It was there and is left.
    Skipped,
    /// A contact went.
    Deleted,
    /// Nothing of it is stored.
    Failed,
    /// Behind a stop.
    NotReached,
}

/// Which rule a record met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// `ragged`
    Ragged,
    /// `bad-encoding`
    BadEncoding,
    /// `nul-byte`
    NulByte,
    /// `field-too-long`
    FieldTooLong,
    /// `record-too-long`
    RecordTooLong,
    /// `unterminated-quote`
    UnterminatedQuote,
    /// `missing-required`
    MissingRequired,
    /// `missing-key`
    MissingKey,
    /// `too-long`
    TooLong,
    /// `bad-phone`
    BadPhone,
    /// `no-phone`
    NoPhone,
    /// `bad-email`
    BadEmail,
    /// `bad-callable`
    BadCallable,
    /// `bad-number`
    BadNumber,
    /// `bad-date`
    BadDate,
    /// `bad-url`
    BadUrl,
    /// `org-without-id`
    OrgWithoutId,
    /// `ambiguous`
    Ambiguous,
    /// `in-use`
    InUse,
    /// `unknown-id`
    UnknownId,
    /// `dnc`
    Dnc,
    /// `type`
    Type,
    /// `remote`
    Remote,
    /// `outcome-unknown`
    OutcomeUnknown,
    /// `dnc-phone`, a warning
    DncPhone,
    /// `dnc-customer`, a warning
    DncCustomer,
    /// `both-list-ids`, a warning
    BothListIds,
    /// `ignored-column`, a warning
    IgnoredColumn,
    /// `encoding-guessed`, a warning
    EncodingGuessed,
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
}
