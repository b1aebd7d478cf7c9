//! Between the correlator and the world: what must be on the disk first, and what waits for it.
//!
//! ```text
//! write, effect, write, effect ... -> gathered -> commit (one at a time) -> its effects, in their order
//! nothing gathered, nothing in flight: an effect happens at once
//! ```
//!
//! Whatever gathers while a commit is in flight is the next commit: under load many callers share one sync.

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Accepted, OrderError};
use crate::engine::Ended;
use crate::engine::RequestNumber;
use crate::message::{AppDbid, CommDnMessage, Pair};
use crate::protocol::Time;
use crate::protocol::requester::{DnAddress, SendId};
use crate::store::{Pending, StopWish, Store, StoreError, Write};

/// Pause before a store that refused is tried again, at first and at most.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What happens once everything that was written before it is on the disk.
pub(super) enum Effect {
    /// A frame goes out, if that is not too late by then.
    Send { send: SendId, address: DnAddress, message: Box<CommDnMessage>, by: Option<Time> },
    /// A caller hears of its request.
    Reply { reply: oneshot::Sender<Result<Accepted, OrderError>>, accepted: Accepted },
    /// Subscribers hear that a request was accepted.
    Accepted(RequestNumber),
    /// A request has ended.
    End(RequestNumber, Box<Ended>),
    /// A pair is to stop.
    Wish(StopWish),
    /// It may run again.
    Unwish(AppDbid, Pair),
}

/// What belongs together: durable together, and then done.
#[derive(Default)]
pub(super) struct Batch {
    /// Each with the request that it is of.
    pub(super) writes: Vec<(Option<RequestNumber>, Arc<Write>)>,
    pub(super) effects: Vec<(Option<RequestNumber>, Effect)>,
}

/// What a batch that the store refused leaves behind.
#[derive(Default)]
pub(super) struct Refused {
    /// Requests that were never acknowledged: as if they had not come.
    pub(super) requests: BTreeSet<RequestNumber>,
    /// Their callers.
    pub(super) replies: Vec<oneshot::Sender<Result<Accepted, OrderError>>>,
    /// Frames that did not go out.
    pub(super) sends: Vec<SendId>,
}

/// Gathers writes and holds back what has to wait for them.
pub(super) struct Stage {
    store: Arc<dyn Store>,
    gathered: Batch,
    flying: Option<(Pending<()>, Batch)>,
    /// Effects are being done: what they bring about comes after them.
    pub(super) busy: bool,
    trouble: Option<StoreError>,
    pause: Duration,
    retry_at: Option<Instant>,
    /// One write to a commit: one of them is refused for a reason of its own, and must not take others with it.
    singly: bool,
}

impl Stage {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            gathered: Batch::default(),
            flying: None,
            busy: false,
            trouble: None,
            pause: PAUSE_FIRST,
            retry_at: None,
            singly: false,
        }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Why nothing is acknowledged at the moment.
    pub(super) fn trouble(&self) -> Option<&StoreError> {
        self.trouble.as_ref()
    }

    /// When a store that refused is to be tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.flying.is_none())
    }

    /// To be written with the next commit.
    pub(super) fn write(&mut self, of: Option<RequestNumber>, write: Write) {
        if let (Write::State(state), Some(_)) = (&write, &self.trouble) {
            // A store that is away for hours must not cost memory for every event.
            let same =
                |write: &Write| matches!(write, Write::State(old) if (old.ocs, old.pair) == (state.ocs, state.pair));
            self.gathered.writes.retain(|(_, write)| !same(write.as_ref()));
        }
        self.gathered.writes.push((of, Arc::new(write)));
    }

    /// To be done after what was written before it; given back when that is now.
    #[must_use]
    pub(super) fn then(&mut self, of: Option<RequestNumber>, effect: Effect) -> Option<Effect> {
        let idle = !self.busy && self.flying.is_none() && self.trouble.is_none();
        if idle && self.gathered.writes.is_empty() && self.gathered.effects.is_empty() {
            return Some(effect);
        }
        self.gathered.effects.push((of, effect));
        None
    }

    /// Starts a commit when there is something to write and none is in flight.
    pub(super) fn kick(&mut self) {
        if self.flying.is_some() || self.busy {
            return;
        }
        let due = match self.retry_at {
            Some(at) => at <= Instant::now(), // no writes at all are a probe
            None => !self.gathered.writes.is_empty(),
        };
        if !due {
            return;
        }
        let batch = std::mem::take(&mut self.gathered);
        let writes: Vec<Arc<Write>> = batch.writes.iter().map(|(_, write)| Arc::clone(write)).collect();
        self.flying = Some((self.commit(writes), batch));
    }

    fn commit(&self, writes: Vec<Arc<Write>>) -> Pending<()> {
        let store = Arc::clone(&self.store);
        if !self.singly || writes.len() < 2 {
            let receipt = store.commit_shared(writes);
            return Box::pin(async move { receipt.await.map(drop) });
        }
        Box::pin(async move {
            for write in writes {
                match store.commit_shared(vec![write]).await {
                    Err(error) if error.kind.is_of_the_writes() => tracing::error!(%error, "a row is given up"),
                    other => drop(other?),
                }
            }
            Ok(())
        })
    }

    /// The commit in flight, once it is over; forever when there is none.
    pub(super) async fn landed(&mut self) -> (Result<(), StoreError>, Batch) {
        let result = match &mut self.flying {
            Some((commit, _)) => commit.await,
            None => pending().await,
        };
        let batch = self.flying.take().map(|(_, batch)| batch).unwrap_or_default();
        (result, batch)
    }

    /// Everything up to here is on the disk.
    pub(super) fn succeeded(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!("the store takes writes again");
        }
        (self.retry_at, self.pause, self.singly) = (None, PAUSE_FIRST, false);
    }

    /// Effects that wait for nothing any more.
    pub(super) fn ripe(&mut self) -> Vec<(Option<RequestNumber>, Effect)> {
        if self.gathered.writes.is_empty() && self.flying.is_none() {
            return std::mem::take(&mut self.gathered.effects);
        }
        Vec::new()
    }

    /// Nothing of a batch is on the disk. What was acknowledged before is kept for another try; requests that were not
    /// are refused, and no frame of the batch goes out, however late.
    pub(super) fn failed(&mut self, error: StoreError, batch: Batch) -> Refused {
        // A single row that no store would take is dropped, not tried for ever.
        let given_up = error.kind.is_of_the_writes() && batch.writes.len() < 2;
        self.singly = error.kind.is_of_the_writes();
        tracing::error!(%error, rows = batch.writes.len(), "not written");
        let later = std::mem::take(&mut self.gathered);
        let mut refused = Refused::default();
        for (_, write) in batch.writes.iter().chain(&later.writes) {
            if let Write::Accept(accept) = write.as_ref() {
                refused.requests.insert(accept.record.number);
            }
        }
        let writes: Vec<_> = batch.writes.into_iter().filter(|_| !given_up).chain(later.writes).collect();
        let is_refused = |of: &Option<RequestNumber>| of.is_some_and(|of| refused.requests.contains(&of));
        let kept = |(of, write): &(_, Arc<Write>)| !is_refused(of) && !matches!(write.as_ref(), Write::Mark(_));
        self.gathered.writes = writes.into_iter().filter(kept).collect();
        for (of, effect) in batch.effects.into_iter().chain(later.effects) {
            let of_refused = is_refused(&of);
            match effect {
                Effect::Send { send, .. } => refused.sends.push(send),
                Effect::Reply { reply, accepted } if refused.requests.contains(&accepted.number) => {
                    refused.replies.push(reply);
                }
                _ if of_refused => {}
                effect => self.gathered.effects.push((of, effect)),
            }
        }
        self.trouble = Some(error);
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        refused
    }

    /// Whether nothing is gathered and nothing in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.flying.is_none() && self.gathered.writes.is_empty() && self.gathered.effects.is_empty()
    }
}
