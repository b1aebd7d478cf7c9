//! Who asks, and what operators are told.

use std::sync::atomic::AtomicU64;

use tokio::time::Instant;

use crate::engine::RequestNumber;
use crate::message::{AppDbid, Pair};
use crate::protocol::UtcTime;

/// Something that does not heal by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// When.
    pub at: UtcTime,
    /// A slug: `stop` = a campaign does not stand still although it was told to; `forged_origin` = somebody else sends
    /// with one of our DBIDs.
    pub kind: &'static str,
    /// Which OCS.
    pub ocs: Option<AppDbid>,
    /// Which of our DBIDs.
    pub origin: Option<AppDbid>,
    /// Which campaign on which group.
    pub pair: Option<Pair>,
    /// The request that it is about.
    pub request: Option<RequestNumber>,
    /// In words.
    pub text: String,
}

/// Who asks, how, and under which name of their own.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// Who; owns the key.
    pub by: String,
    /// `http`, `cli`, `import`, `tserver`.
    pub channel: String,
    /// Makes repeating harmless (G2).
    pub key: Option<GivenKey>,
    /// Who may ask until then and no longer: an order that comes later is refused.
    pub not_after: Option<Instant>,
    /// The gateway itself: its stops are no new wishes.
    pub(super) by_gateway: bool,
}

/// A caller's own name for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenKey {
    /// The key.
    pub key: String,
    /// SHA-256 of what was asked with it.
    pub body_sha256: [u8; 32],
}

impl Asker {
    /// Somebody without a key.
    #[must_use]
    pub fn new(by: &str, channel: &str) -> Self {
        Self { by: by.to_owned(), channel: channel.to_owned(), ..Self::default() }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(mut self, key: Option<GivenKey>) -> Self {
        self.key = key;
        self
    }

    /// The same, for orders that are taken until then.
    #[must_use]
    pub fn not_after(mut self, moment: Instant) -> Self {
        self.not_after = Some(moment);
        self
    }

    pub(super) fn gateway() -> Self {
        Self { by_gateway: true, ..Self::new("gateway", "gateway") }
    }
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Do-not-calls that were given up.
    pub dead_letters: AtomicU64,
    /// Attempts at a do-not-call that came to nothing and are followed by another.
    pub retries: AtomicU64,
    /// Campaigns that did not stop although they were told to again and again.
    pub stop_alarms: AtomicU64,
    /// Commits that the store refused.
    pub store_refusals: AtomicU64,
}
