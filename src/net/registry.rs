//! The directory of live links: who is connected where, for whoever asks.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use dashmap::DashMap;

use crate::net::client::LinkHandle;
use crate::protocol::link::Endpoint;

/// What is known of a link at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSnapshot {
    /// Address of the primary, as configured.
    pub primary: String,
    /// That of the backup.
    pub backup: Option<String>,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Our idle time before we poll; zero = never.
    pub heartbeat: Duration,
    /// User events can be sent.
    pub up: bool,
    /// The server accepted the login, whatever its switch does.
    pub logged_in: bool,
    /// Which of the pair is used, or was last.
    pub endpoint: Option<Endpoint>,
    /// Its address as configured.
    pub peer: Option<String>,
    /// Registered DNs.
    pub registered: Vec<String>,
    /// Since when it is logged in, or was lost.
    pub since: Option<SystemTime>,
    /// When bytes came last, to a tenth of a second.
    pub last_heard: Option<SystemTime>,
    /// DNs that the T-Server refuses, each with its words.
    pub refused: Vec<(String, String)>,
    /// The same by a clock that only goes forward.
    pub heard_moment: Option<Instant>,
    /// Sessions that were lost, and attempts that came to nothing, since the start.
    pub failures: u64,
    /// Why the last session or attempt ended.
    pub last_loss: Option<String>,
}

/// A link and what is known of it.
#[derive(Clone, Debug)]
pub struct LinkEntry {
    /// The way to it.
    pub handle: LinkHandle,
    /// Its state.
    pub snapshot: LinkSnapshot,
}

/// All links of a process by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LinkDirectory {
    links: Arc<DashMap<String, LinkEntry>>,
}

impl LinkDirectory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A link by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<LinkEntry> {
        self.links.get(name).map(|entry| entry.value().clone())
    }

    /// All links, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(String, LinkEntry)> {
        let mut all: Vec<_> = self.links.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    pub(crate) fn add(&self, name: &str, handle: LinkHandle, snapshot: LinkSnapshot) {
        self.links.insert(name.to_owned(), LinkEntry { handle, snapshot });
    }

    pub(crate) fn remove(&self, name: &str) {
        self.links.remove(name);
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut LinkSnapshot)) {
        if let Some(mut entry) = self.links.get_mut(name) {
            change(&mut entry.snapshot);
        }
    }
}
