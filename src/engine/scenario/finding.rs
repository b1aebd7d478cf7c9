//! What is wrong with a text: line, column, and the word that was probably meant.

use std::fmt;

use crate::engine::conversation::StepError;
use crate::engine::fault::FaultError;
use crate::engine::words::nearest;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but hardly as it was meant.
    Warning,
}

/// Something about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column, in letters from 1.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What was found and what was wanted.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}: {severity}: {}", self.line, self.column, self.message)
    }
}

/// Why a line cannot be read, and the word that is to blame.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) found: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, found: &str) -> Self {
        Self { message: message.into(), found: found.to_owned() }
    }

    pub(super) fn expected(wanted: &str, found: &str) -> Self {
        Self::new(format!("expected {wanted}, found '{found}'"), found)
    }

    pub(super) fn near<'a>(wanted: &str, found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        let hint = nearest(found, candidates).map(|near| format!(", did you mean '{near}'")).unwrap_or_default();
        Self::new(format!("expected {wanted}, found '{found}'{hint}"), found)
    }
}

impl From<StepError> for Wrong {
    fn from(error: StepError) -> Self {
        let found = match &error {
            StepError::Expected { found, .. } => found.clone(),
            StepError::NotOfMessage { attribute, .. } => attribute.clone(),
            StepError::Words(_) | StepError::Message(_) | StepError::Encode(_) => String::new(),
        };
        Self { message: error.to_string(), found }
    }
}

impl From<FaultError> for Wrong {
    fn from(error: FaultError) -> Self {
        let found = match &error {
            FaultError::Expected { found, .. } => found.clone(),
            FaultError::Filter { error, .. } => error.term.clone(),
            _ => String::new(),
        };
        Self { message: error.to_string(), found }
    }
}

/// Where a word stands, in letters from 1: by preference as a whole word, a key or a value.
pub(super) fn column(content: &str, found: &str) -> usize {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "=.,@$'\"".contains(c));
    let begin = content.len() - content.trim_start().len();
    let hits = content.match_indices(found).map(|(at, _)| at).filter(|_| !found.is_empty());
    let whole =
        |at: &usize| edge(content[..*at].chars().next_back()) && edge(content[*at + found.len()..].chars().next());
    let at = hits.clone().find(whole).or_else(|| hits.clone().next()).unwrap_or(begin);
    content[..at].chars().count() + 1
}
