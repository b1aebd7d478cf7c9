//! System A: contact lists in the shape of Genesys Cloud, for the server that has that shape and the client that calls
//! it (specification 3.A).

use super::words::words;
use super::{EmptyPolicy, ImportProfile, MatchKey, OnMatch, PhonePolicy, SourceKind};

#[cfg(feature = "app")]
mod body;
#[cfg(feature = "app")]
mod parameters;
#[cfg(feature = "app")]
pub mod shape;
#[cfg(feature = "app")]
mod time;

#[cfg(feature = "app")]
pub use body::{
    ColumnSpec, ContactBody, Detail, ErrorBody, ErrorLimit, ImportStatus, ListBody, PhoneBody, PhoneStatus, draft_of,
    rules_of_specs,
};
#[cfg(feature = "app")]
pub use parameters::{ParameterError, Parameters, PhoneColumnParameter};
#[cfg(feature = "app")]
pub use time::{read_time, write_time};

/// Sizes; the documents say all of them, an operator may say others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// Columns of a list.
    pub columns: usize,
    /// Of which hold phones.
    pub phone_columns: usize,
    /// Characters of a column's name.
    pub name_chars: u32,
    /// Characters of a value.
    pub value_chars: u32,
    /// Contacts in one request.
    pub contacts: usize,
}

impl ListLimits {
    /// 50, 10, 128, 512, 1,000 [G1, G5, G6].
    pub const DOCUMENTED: Self =
        Self { columns: 50, phone_columns: 10, name_chars: 128, value_chars: 512, contacts: 1000 };
}

impl Default for ListLimits {
    fn default() -> Self {
        Self::DOCUMENTED
    }
}

words! {
    /// `code` of an error body.
    ErrorCode {
        /// Not what was wanted.
        BadRequest = "bad.request",
        /// A value that cannot be.
        InvalidValue = "invalid.value",
        /// No such object.
        NotFound = "not.found",
        /// Who?
        AuthenticationRequired = "authentication.required",
        /// Not you.
        NotAuthorized = "not.authorized",
        /// Somebody changed it in between.
        VersionMismatch = "version.mismatch",
        /// A campaign has it.
        InUse = "in.use",
        /// A job is not where this could be done to it.
        WrongState = "wrong.state",
        /// The name is taken.
        DuplicateName = "duplicate.name",
        /// Above [`ListLimits::contacts`].
        TooManyContacts = "too.many.contacts",
        /// Slow down.
        TooManyRequests = "too.many.requests",
        /// Not offered.
        NotSupported = "not.supported",
    }
}

impl ErrorCode {
    /// Its HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidValue | Self::TooManyContacts | Self::NotSupported => 400,
            Self::AuthenticationRequired => 401,
            Self::NotAuthorized => 403,
            Self::NotFound => 404,
            Self::VersionMismatch | Self::InUse | Self::WrongState | Self::DuplicateName => 409,
            Self::TooManyRequests => 429,
        }
    }
}

/// Regions by their AWS name and domain [sdk P].
pub const REGIONS: &[(&str, &str)] = &[
    ("us-east-1", "mypurecloud.com"),
    ("eu-west-1", "mypurecloud.ie"),
    ("ap-southeast-2", "mypurecloud.com.au"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("eu-central-1", "mypurecloud.de"),
    ("us-west-2", "usw2.pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
];

/// Where a client sends its calls; no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Base of the API.
    pub api: String,
    /// Base of the token call.
    pub login: String,
}

/// A region that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// Neither name nor domain nor address.
    #[error("expected a region such as eu-central-1 or mypurecloud.de, or an https address, found {0:?}")]
    Unknown(String),
    /// A token would travel in the clear.
    #[error("http goes to this machine only, expected https in {0:?}")]
    Clear(String),
}

impl Hosts {
    /// Of a region: its AWS name, its domain, or an address that is taken for both, as it is.
    ///
    /// # Errors
    /// [`RegionError`]
    pub fn of(region: &str) -> Result<Self, RegionError> {
        let address = region.trim().trim_end_matches('/');
        let both = || Self { api: address.to_owned(), login: address.to_owned() };
        if let Some(rest) = address.strip_prefix("https://") {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let plain = !host.is_empty() && !rest.contains(['@', ' ']);
            return if plain { Ok(both()) } else { Err(RegionError::Unknown(region.to_owned())) };
        }
        if let Some(rest) = address.strip_prefix("http://") {
            return if is_loopback(rest) { Ok(both()) } else { Err(RegionError::Clear(region.to_owned())) };
        }
        let found = REGIONS
            .iter()
            .find(|(name, domain)| address.eq_ignore_ascii_case(name) || address.eq_ignore_ascii_case(domain));
        let (_, domain) = found.ok_or_else(|| RegionError::Unknown(region.to_owned()))?;
        Ok(Self { api: format!("https://api.{domain}"), login: format!("https://login.{domain}") })
    }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return false; // what looks like host and port may be name and password
    }
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Bounds of one add request of the client (A.2, wire 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Contacts.
    pub contacts: usize,
    /// Bytes of JSON, brackets and commas included.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { contacts: 1000, bytes: 2 << 20 }
    }
}

/// Says where one batch ends and the next begins.
#[derive(Clone, Debug, Default)]
pub struct Batcher {
    limits: BatchLimits,
    ids: std::collections::HashSet<String>,
    contacts: usize,
    bytes: usize,
}

impl Batcher {
    /// With these bounds.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a contact of so many bytes. True = the batch ends in front of it, and it is the first of the next.
    pub fn add(&mut self, id: Option<&str>, bytes: usize) -> bool {
        let bytes = bytes.saturating_add(1); // its comma
        let repeats = id.is_some_and(|id| self.ids.contains(id));
        let full = self.contacts >= self.limits.contacts
            || self.bytes.saturating_add(bytes).saturating_add(1) > self.limits.bytes;
        let ends = self.contacts > 0 && (repeats || full);
        if ends {
            self.ids.clear();
            (self.contacts, self.bytes) = (0, 0);
        }
        self.ids.extend(id.map(str::to_owned));
        self.contacts = self.contacts.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        ends
    }
}

/// Bounds of one delete request of the client (A.2, wire 5): ids, and bytes of the address.
pub const DELETE_IDS: usize = 100;
/// See [`DELETE_IDS`].
pub const DELETE_URL_BYTES: usize = 4000;

/// `contactIds=42%2C84`: as many ids as fit behind an address of so many bytes, and how many they are. One id always
/// goes, so that nothing waits for ever.
#[must_use]
pub fn delete_query<'a>(address_bytes: usize, ids: impl IntoIterator<Item = &'a str>) -> (String, usize) {
    let mut query = "contactIds=".to_owned();
    let mut count = 0_usize;
    for id in ids.into_iter().take(DELETE_IDS) {
        let id = percent_encoded(id);
        let len = address_bytes.saturating_add(query.len()).saturating_add(id.len()).saturating_add(4);
        if count > 0 && len > DELETE_URL_BYTES {
            break;
        }
        query.push_str(if count > 0 { "%2C" } else { "" });
        query.push_str(&id);
        count = count.saturating_add(1);
    }
    (query, count)
}

/// Text in an address: all but letters, digits and `-._~` as `%XX`.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Rules of contacts that come by REST: an id that is known updates, empty clears, absent keeps, bad phones warn.
#[must_use]
pub fn rest_profile() -> ImportProfile {
    ImportProfile {
        source: SourceKind::GenesysCloud,
        match_keys: vec![MatchKey::Id],
        on_match: OnMatch::Overwrite,
        empty: EmptyPolicy::Clear,
        phones: PhonePolicy::Warn,
        phone_required: false,
        ..ImportProfile::default()
    }
}

/// Rules of an uploaded file: UTF-8, comma, phones must be readable; `id_column` is `contactIdName`.
#[must_use]
pub fn upload_profile(id_column: Option<&str>) -> ImportProfile {
    ImportProfile {
        id_column: id_column.map(str::to_owned),
        match_keys: id_column.map(|_| MatchKey::Id).into_iter().collect(),
        on_match: if id_column.is_some() { OnMatch::Overwrite } else { OnMatch::CreateAlways },
        phones: PhonePolicy::Require,
        phone_required: true,
        encoding: "utf-8".to_owned(),
        delimiter: Some(','),
        max_value_chars: Some(ListLimits::DOCUMENTED.value_chars),
        ..rest_profile()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_name_a_domain_or_an_address() {
        for given in ["eu-central-1", "mypurecloud.de", "MyPureCloud.DE", " eu-central-1 "] {
            let hosts = Hosts::of(given).unwrap();
            assert_eq!(
                (hosts.api.as_str(), hosts.login.as_str()),
                ("https://api.mypurecloud.de", "https://login.mypurecloud.de")
            );
        }
        for address in
            ["https://host.example:8443/base", "http://127.0.0.1:9000", "http://localhost:1", "http://[::1]:80"]
        {
            let hosts = Hosts::of(&format!("{address}/")).unwrap();
            assert_eq!((hosts.api.as_str(), hosts.login.as_str()), (address, address));
        }
        for clear in [
            "http://host.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://127.0.0.1:80@host.example",
        ] {
            assert_eq!(Hosts::of(clear), Err(RegionError::Clear(clear.to_owned())));
        }
        for unknown in ["", "eu-central-9", "ftp://x", "https://", "https://user@host"] {
            assert!(matches!(Hosts::of(unknown), Err(RegionError::Unknown(_))), "{unknown}");
        }
    }

    #[test]
    fn a_batch_ends_at_its_rows_its_bytes_or_an_id_that_it_holds() {
        let mut rows = Batcher::new(BatchLimits { contacts: 2, bytes: 1000 });
        assert_eq!([rows.add(None, 1), rows.add(None, 1), rows.add(None, 1)], [false, false, true]);
        let mut bytes = Batcher::new(BatchLimits { contacts: 9, bytes: 22 });
        assert_eq!([bytes.add(None, 10), bytes.add(None, 9), bytes.add(None, 1)], [false, false, true]);
        assert!(!Batcher::new(BatchLimits { contacts: 9, bytes: 5 }).add(None, 10), "a large one goes alone");
        let mut ids = Batcher::new(BatchLimits::default());
        assert_eq!(
            [ids.add(Some("1"), 1), ids.add(Some("2"), 1), ids.add(Some("1"), 1), ids.add(Some("2"), 1)],
            [false, false, true, false]
        );
    }

    #[test]
    fn ids_to_delete_are_joined_in_one_value() {
        assert_eq!(delete_query(50, ["42", "84"]), ("contactIds=42%2C84".to_owned(), 2));
        assert_eq!(delete_query(50, ["a,b é"]).0, "contactIds=a%2Cb%20%C3%A9");
        let many: Vec<_> = (0..300).map(|n| n.to_string()).collect();
        assert_eq!(delete_query(50, many.iter().map(String::as_str)).1, 100);
        let long = "x".repeat(250);
        let (query, count) = delete_query(60, [long.as_str(); 90]);
        assert!(query.len() + 60 <= DELETE_URL_BYTES && count == 15, "{count}");
        assert_eq!(delete_query(5000, ["x"]).1, 1);
    }

    #[test]
    fn every_code_has_a_status() {
        assert!(ErrorCode::ALL.iter().all(|code| (400..500).contains(&code.status())));
    }
}
