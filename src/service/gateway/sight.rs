//! What the core task sees of itself, for metrics, `doctor` and those who wait for it to come to rest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Gateway, core::Core};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Target;
use crate::protocol::requester::{Counters, OcsPeer, Queues, Sizes};
use crate::service::metrics::Metrics;

/// The core task is asked no longer than this; what is counted without it is told all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// A look at the core task.
#[derive(Clone, Debug)]
pub struct Sight {
    /// What the correlator has counted.
    pub counters: Counters,
    /// How much it holds.
    pub sizes: Sizes,
    /// What its requests wait for.
    pub queues: Queues,
    /// Own DBIDs that somebody else has used.
    pub alarmed: Vec<AppDbid>,
    /// Requests without an outcome.
    pub journal_open: usize,
    /// Requests in memory.
    pub journal_kept: usize,
    /// The OCSs.
    pub ocss: Vec<OcsSight>,
}

/// What was heard of an OCS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcsSight {
    /// Its DBID.
    pub dbid: AppDbid,
    /// The CommDN on which it is spoken to.
    pub dn: String,
    /// Events it sent, whoever they were for.
    pub events: u64,
    /// Those of them that were for us.
    pub for_us: u64,
    /// Since the last one; `None` when there was none.
    pub silence: Option<Duration>,
}

/// Who was heard: one entry for each OCS of the configuration, so that strangers make it no longer.
#[derive(Debug, Default)]
pub(super) struct Ears {
    primary: BTreeMap<AppDbid, AppDbid>,
    heard: BTreeMap<AppDbid, Heard>,
}

#[derive(Debug)]
struct Heard {
    dn: String,
    events: u64,
    for_us: u64,
}

impl Ears {
    pub(super) fn new(ocss: &[OcsPeer]) -> Self {
        let members = ocss.iter().flat_map(|peer| [Some(peer.dbid), peer.backup].map(|member| (member, peer.dbid)));
        let heard = |peer: &OcsPeer| Heard { dn: peer.address.dn.to_string(), events: 0, for_us: 0 };
        Self {
            primary: members.filter_map(|(member, primary)| Some((member?, primary))).collect(),
            heard: ocss.iter().map(|peer| (peer.dbid, heard(peer))).collect(),
        }
    }

    pub(super) fn hear(&mut self, message: &CommDnMessage, pool: &[AppDbid]) {
        let primary = self.primary.get(&message.origin);
        let Some(heard) = primary.and_then(|primary| self.heard.get_mut(primary)) else { return };
        heard.events += 1;
        heard.for_us += u64::from(pool.iter().any(|own| message.target == Target::One(*own)));
    }

    /// `last` tells when a member of a pair was heard.
    fn look(&self, last: impl Fn(AppDbid) -> Option<Instant>) -> Vec<OcsSight> {
        let of = |dbid: AppDbid| self.primary.iter().filter(move |(_, primary)| **primary == dbid);
        let look = |(dbid, heard): (&AppDbid, &Heard)| OcsSight {
            dbid: *dbid,
            dn: heard.dn.clone(),
            events: heard.events,
            for_us: heard.for_us,
            silence: of(*dbid).filter_map(|(member, _)| last(*member)).max().map(|last| last.elapsed()),
        };
        self.heard.iter().map(look).collect()
    }
}

impl Core {
    pub(super) fn sight(&self) -> Sight {
        let (journal_open, journal_kept) = self.journal.counts();
        Sight {
            counters: self.requester.counters(),
            sizes: self.requester.sizes(),
            queues: self.requester.queues(),
            alarmed: self.requester.alarmed_origins().collect(),
            journal_open,
            journal_kept,
            ocss: self.ears.look(|member| self.shared.last_heard(member).map(|heard| heard.moment)),
        }
    }
}

impl Gateway {
    /// A look at the core task; `None` when it does not answer.
    pub async fn sight(&self) -> Option<Sight> {
        let asked = self.ask(|reply| super::Command::Sight { reply });
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Everything that is counted, as text, as it stands now.
    pub async fn exposition(&self) -> String {
        let metrics = self.metrics();
        if let Some(sight) = self.sight().await {
            metrics.read_off(&sight);
        }
        for name in self.link_names() {
            let entry = self.links().find(name);
            metrics.read_link(name, entry.as_ref().map(|entry| &entry.snapshot));
        }
        let waiting = |queue: &tokio::sync::mpsc::Sender<_>| queue.max_capacity() - queue.capacity();
        let health = self.health();
        metrics.read_gateway(health.is_ready(), health.turns(), waiting(&self.urgent), waiting(&self.normal));
        metrics.exposition()
    }

    /// Waits until nothing that was sent is without an outcome. What waits for a link is not waited for.
    pub async fn at_rest(&self) {
        /// Often enough for a stop that nobody watches.
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        while let Some(sight) = self.sight().await {
            let queues = sight.queues;
            if queues.under_way + queues.lane + queues.address == 0 {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
