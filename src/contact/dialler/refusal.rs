//! What D says when it does not do what it was asked for.

use serde_json::{Value, json};

/// A code of HTTP with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// 400, 401, 404, 409, 500.
    pub status: u16,
    /// What was found, what was wanted. No value of a field.
    pub error: String,
}

impl Refusal {
    /// Any of them.
    pub fn new(status: u16, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }

    /// A request that cannot be used.
    pub fn bad(error: impl Into<String>) -> Self {
        Self::new(400, error)
    }

    /// An id or a name of no campaign.
    #[must_use]
    pub fn no_campaign() -> Self {
        Self::new(404, "Dialler campaign not found")
    }

    /// An id or user data of no contact.
    #[must_use]
    pub fn no_contact() -> Self {
        Self::new(404, "Dialler contact not found")
    }

    /// User data that stands at several contacts.
    #[must_use]
    pub fn ambiguous(found: usize) -> Self {
        Self::new(409, format!("UserData matches {found} dialler contacts"))
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"status": self.status, "error": self.error})
    }
}
