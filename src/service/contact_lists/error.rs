//! Refusals in the words of A.

use crate::contact::genesys_cloud::{Detail, ErrorBody, ErrorCode, ErrorLimit};
use crate::service::import::ImportError;
use crate::service::signed::Denied;

/// What is answered instead of what was asked for. Nobody's number or name stands in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal(pub Box<ErrorBody>);

/// What a function of this room answers.
pub type Answer<T> = Result<T, Refusal>;

impl Refusal {
    /// With a code and words.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorBody::new(code, message)))
    }

    /// One field has a value that cannot be.
    #[must_use]
    pub fn invalid(field: &str) -> Self {
        Self::of(vec![Detail::new(ErrorCode::InvalidValue, field)])
    }

    /// All that is wrong.
    #[must_use]
    pub fn of(details: Vec<Detail>) -> Self {
        let more = if details.len() > 1 { format!(" and {} more", details.len() - 1) } else { String::new() };
        let first = details.first().map(|detail| detail.field_name.clone()).unwrap_or_default();
        let mut body = ErrorBody::new(ErrorCode::InvalidValue, format!("cannot be: {first}{more}"));
        body.details = details;
        Self(Box::new(body))
    }

    /// A bound was met.
    #[must_use]
    pub fn beyond(code: ErrorCode, key: &str, value: usize) -> Self {
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        let mut body = ErrorBody::new(code, format!("more {key} than {value}"));
        body.message_with_params = format!("more {key} than {{limit}}");
        body.message_params.insert("limit".to_owned(), value.to_string());
        body.limit = Some(ErrorLimit { key: key.to_owned(), value });
        Self(Box::new(body))
    }

    /// There is no such thing.
    #[must_use]
    pub fn unknown(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    /// Nothing that the caller could put right.
    #[must_use]
    pub fn ours(status: u16, code: &str, message: &str) -> Self {
        let body = ErrorBody::new(ErrorCode::BadRequest, message);
        Self(Box::new(ErrorBody { code: code.to_owned(), status, ..body }))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorCode::NotAuthorized, denied.to_string())
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let code = match &error {
            // A name may be the id of a person.
            ImportError::Unknown { what, .. } => return Self::unknown(what),
            ImportError::Taken { what, .. } => {
                return Self::new(ErrorCode::DuplicateName, format!("there is a {what} of that name already"));
            }
            ImportError::Io(_) | ImportError::Store(_) => {
                tracing::error!(%error, "a call about contact lists");
                return Self::ours(503, "service.unavailable", "the store cannot be used");
            }
            ImportError::Stale { .. } => ErrorCode::VersionMismatch,
            ImportError::InUse(_) => ErrorCode::InUse,
            ImportError::State { .. } => ErrorCode::WrongState,
            ImportError::Busy(_) => ErrorCode::TooManyRequests,
            ImportError::File(_)
            | ImportError::Mapping(_)
            | ImportError::Settings(_)
            | ImportError::FileChanged(_)
            | ImportError::Refused(_) => ErrorCode::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}
