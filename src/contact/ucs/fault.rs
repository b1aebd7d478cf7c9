//! What C says when it does not do what it was asked for.

use serde_json::{Value, json};

/// A code of HTTP with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// 400, 401, 403, 404, 405, 415; 500 and 503 where the fault is ours.
    pub code: u16,
    /// What was found, what was wanted. No value of a cell.
    pub message: String,
}

impl Fault {
    /// Any of them.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A parameter, a header, a file that cannot be used.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"code": self.code, "message": self.message})
    }
}
