//! Codes of refusals.

use crate::contact::words::words;

words! {
    /// The `code` of an error body.
    ErrorCode {
        /// The request cannot be read.
        BadRequest = "bad.request",
        /// A value is not what it may be.
        InvalidValue = "invalid.value",
        /// There is no such list, contact or job.
        NotFound = "not.found",
        /// No token, or one that counts no more.
        AuthenticationRequired = "authentication.required",
        /// The token does not reach that far.
        NotAuthorized = "not.authorized",
        /// The list has changed since it was read.
        VersionMismatch = "version.mismatch",
        /// A campaign has the list loaded.
        InUse = "in.use",
        /// There is a list of that name.
        DuplicateName = "duplicate.name",
        /// More than [`super::CONTACTS_MAX`] in one request.
        TooManyContacts = "too.many.contacts",
        /// The client is to wait.
        TooManyRequests = "too.many.requests",
        /// This is not offered.
        NotSupported = "not.supported",
    }
}

impl ErrorCode {
    /// The status that goes with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidValue | Self::TooManyContacts | Self::NotSupported => 400,
            Self::AuthenticationRequired => 401,
            Self::NotAuthorized => 403,
            Self::NotFound => 404,
            Self::VersionMismatch | Self::InUse | Self::DuplicateName => 409,
            Self::TooManyRequests => 429,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_from_their_words() {
        for code in ErrorCode::ALL {
            assert_eq!(code.word().parse(), Ok(*code));
            assert!((400..500).contains(&code.status()), "{code}");
        }
    }
}
