//! The one task that runs sequences: it owns lease and machines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::act::{self, Told};
use super::{SequenceNews, Shared, decoded, now_ms, runnable};
use crate::engine::PairState;
use crate::engine::sequence::{Act, Entry, Input, Keeper, LeaseAnswer, LeaseOutput, Machine, Output, Terms};
use crate::message::{AppDbid, GroupCampStatus, Pair};
use crate::protocol::Time;
use crate::service::Numbered;
use crate::service::gateway::{Asker, GatewayEvent};
use crate::store::sequences::{Fence, StoredSequence, TakeLease};
use crate::store::{StoreError, StoreErrorKind};

/// The lease of whoever runs sequences.
const LEASE: &str = "sequencer";
/// How often another node's news are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A wait that is longer is looked at again now and then: the wall clock may be set.
const WALL_LOOK: Duration = Duration::from_secs(60);
/// Open sequences that are taken up.
const OPEN_MAX: usize = 1_024;

pub(super) enum Command {
    /// The store has news.
    Look,
}

/// A machine with what is known of its sequence.
struct Run {
    stored: StoredSequence,
    machine: Machine,
}

enum Done {
    Lease(LeaseAnswer),
    Outcome { term: u64, number: i64, act: Act, attempt: u32, place: (AppDbid, Pair), told: Option<Told> },
    Asked { term: u64, number: i64, status: Option<GroupCampStatus> },
}

pub(super) struct Task {
    shared: Arc<Shared>,
    holder: String,
    keeper: Keeper,
    terms: Terms,
    begun: Instant,
    fence: Option<Fence>,
    runs: BTreeMap<i64, Run>,
    /// Goes up whenever the runs are dropped: what was asked for earlier ones counts no more.
    term: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, holder: &str, terms: Terms) -> Self {
        Self {
            shared,
            holder: holder.to_owned(),
            keeper: Keeper::new(terms),
            terms,
            begun: Instant::now(),
            fence: None,
            runs: BTreeMap::new(),
            term: 0,
            under_way: FuturesUnordered::new(),
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut events = self.shared.gateway.events().subscribe(None).live;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            self.keep_lease();
            let due = self.next_due();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = inbox.recv() => match command {
                    Command::Look => self.look().await,
                },
                event = events.recv() => self.event(event).await,
                Some(done) = self.under_way.next(), if !self.under_way.is_empty() => self.done(done).await,
                () = sleep_until(due) => self.tick().await,
                _ = look.tick() => self.look().await,
            }
        }
        if let Some(fence) = self.fence.take() {
            // A lease that is not given back ends by itself.
            let _ = self.shared.store.release_lease(fence).await;
        }
    }

    fn now(&self) -> Time {
        Time(self.begun.elapsed())
    }

    // --- the lease

    fn keep_lease(&mut self) {
        let now = self.now();
        let output = self.keeper.tick(now);
        if self.fence.is_some() && self.keeper.epoch(now).is_none() {
            self.lose("it has ended");
        }
        let Some(LeaseOutput::Take { epoch }) = output else { return };
        let take = TakeLease {
            name: LEASE.into(),
            holder: self.holder.clone(),
            epoch,
            ttl: self.terms.ttl,
            grace: self.terms.grace,
            others_are_gone: self.shared.store.is_sole(),
        };
        let answer = self.shared.store.take_lease(take);
        self.under_way.push(Box::pin(async move {
            Done::Lease(match answer.await {
                Ok(Some(epoch)) => LeaseAnswer::Granted { epoch },
                Ok(None) => LeaseAnswer::Refused,
                Err(error) => {
                    tracing::warn!(%error, "no answer about the lease of sequences");
                    LeaseAnswer::Failed
                }
            })
        }));
    }

    async fn lease_answered(&mut self, answer: LeaseAnswer) {
        self.keeper.answered(self.now(), answer);
        match (self.keeper.epoch(self.now()), &self.fence) {
            (Some(epoch), Some(fence)) if fence.epoch == epoch => {}
            (Some(epoch), _) => {
                self.lose("another epoch");
                self.fence = Some(Fence { lease: LEASE.into(), holder: self.holder.clone(), epoch });
                self.look().await;
            }
            (None, _) => self.lose("another has it"),
        }
    }

    /// Nothing more is done for any sequence; the store knows where each stands.
    fn lose(&mut self, why: &str) {
        if self.fence.take().is_some() {
            tracing::warn!(why, sequences = self.runs.len(), "the lease of sequences is lost");
        }
        for number in std::mem::take(&mut self.runs).into_keys() {
            self.shared.set_live(number, None);
        }
        self.term += 1;
    }

    // --- time

    fn next_due(&self) -> Instant {
        let now_ms = now_ms();
        let wait = |due: i64| Duration::from_millis(u64::try_from(due.saturating_sub(now_ms)).unwrap_or(0));
        let machines = self.runs.values().filter_map(|run| run.machine.next_due()).map(wait).min();
        let machines = machines.map(|wait| Instant::now() + wait.min(WALL_LOOK));
        let lease = self.keeper.next_due().map(|due| self.begun + due.0);
        machines.into_iter().chain(lease).min().unwrap_or_else(|| Instant::now() + WALL_LOOK)
    }

    async fn tick(&mut self) {
        let now = now_ms();
        let due = |run: &Run| run.machine.next_due().is_some_and(|due| due <= now);
        let numbers: Vec<i64> = self.runs.iter().filter(|(_, run)| due(run)).map(|(number, _)| *number).collect();
        for number in numbers {
            self.give(number, Input::Tick).await;
        }
    }

    // --- what happens

    /// Takes up what is open, and what is to stop.
    async fn look(&mut self) {
        if self.fence.is_none() {
            return;
        }
        let open = match self.shared.store.sequences(None, OPEN_MAX, true).await {
            Ok(open) => open,
            Err(error) => return tracing::error!(%error, "sequences are not read"),
        };
        for stored in open.into_iter().rev() {
            let number = stored.number;
            match self.runs.get(&number) {
                None => self.take_up(number).await,
                Some(run) if stored.stop_asked.is_some() && run.stored.stop_asked.is_none() => {
                    if let Some(run) = self.runs.get_mut(&number) {
                        run.stored.stop_asked = stored.stop_asked;
                    }
                    self.give(number, Input::Stop).await;
                }
                Some(_) => {}
            }
        }
    }

    async fn take_up(&mut self, number: i64) {
        let found = self.shared.store.sequence(number).await;
        let (stored, log) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, sequence = number, "not read"),
        };
        let sequence = match decoded(&stored) {
            Ok(sequence) => runnable(&sequence, &stored),
            Err(error) => return tracing::error!(%error, sequence = number, "cannot be run"),
        };
        if !log.is_empty() {
            tracing::info!(sequence = number, entries = log.len(), "taken up again");
        }
        let machine = Machine::resume(sequence, &log, stored.stop_asked.is_some());
        let watched = watched(&machine);
        self.runs.insert(number, Run { stored, machine });
        for state in self.shared.gateway.states().await {
            if watched.contains(&(state.ocs, state.pair)) {
                self.told_state(number, &state).await;
            }
        }
        self.give(number, Input::Tick).await;
    }

    async fn told_state(&mut self, number: i64, state: &PairState) {
        if let Some(status) = act::mirrored(state) {
            self.give(number, Input::Status { ocs: state.ocs, pair: state.pair, status }).await;
        }
    }

    async fn event(&mut self, event: Result<Numbered<GatewayEvent>, broadcast::error::RecvError>) {
        match event {
            Ok((_, event)) => {
                if let GatewayEvent::State(state) = &**event {
                    self.state_changed(state.ocs, state.pair).await;
                }
            }
            Err(_) => {
                // Some were missed: whatever they said, the mirror knows it.
                for state in self.shared.gateway.states().await {
                    self.state_changed(state.ocs, state.pair).await;
                }
            }
        }
    }

    /// The event is old news by now: what the mirror says counts.
    async fn state_changed(&mut self, ocs: AppDbid, pair: Pair) {
        let watches = |run: &Run| watched(&run.machine).contains(&(ocs, pair));
        let numbers: Vec<i64> = self.runs.iter().filter(|(_, run)| watches(run)).map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return;
        }
        if let Some(state) = self.shared.gateway.state(ocs, pair).await {
            for number in numbers {
                self.told_state(number, &state).await;
            }
        }
    }

    async fn done(&mut self, done: Done) {
        match done {
            Done::Lease(answer) => self.lease_answered(answer).await,
            Done::Asked { term, number, status } if term == self.term => {
                self.give(number, Input::Asked(status)).await;
            }
            Done::Outcome { term, number, act, attempt, place: (ocs, pair), told: Some(told) } if term == self.term => {
                let Told { outcome, request, detail } = told;
                self.give(number, Input::Outcome { act, attempt, outcome, request, detail }).await;
                self.state_changed(ocs, pair).await;
            }
            Done::Asked { .. } | Done::Outcome { .. } => {} // of a term that is over, or the gateway stops
        }
    }

    // --- machines

    async fn give(&mut self, number: i64, input: Input) {
        let Some(run) = self.runs.get_mut(&number) else { return };
        run.machine.handle(now_ms(), input);
        let mut entries = Vec::new();
        while let Some(output) = self.runs.get_mut(&number).and_then(|run| run.machine.poll()) {
            match output {
                Output::Journal(entry) => entries.push(entry),
                output => {
                    if !self.write(number, std::mem::take(&mut entries)).await {
                        return;
                    }
                    self.perform(number, output);
                }
            }
        }
        if self.write(number, entries).await
            && let Some(run) = self.runs.get(&number)
        {
            self.shared.set_live(number, Some(run.machine.standing()));
        }
    }

    /// Synced when it returns true; else the lease is gone, and with it all that was to follow.
    async fn write(&mut self, number: i64, entries: Vec<Entry>) -> bool {
        if entries.is_empty() {
            return true;
        }
        let Some(fence) = self.fence.clone() else { return false };
        match self.shared.store.append_log(fence, number, entries.clone()).await {
            Ok(()) => {
                self.tell(number, entries);
                true
            }
            Err(error) => {
                self.refused(&error);
                false
            }
        }
    }

    fn refused(&mut self, error: &StoreError) {
        tracing::error!(%error, "the log of a sequence is not written");
        self.keeper.lost(self.now());
        self.lose(if error.kind == StoreErrorKind::Fenced { "another has it" } else { "the store refuses" });
    }

    fn tell(&self, number: i64, entries: Vec<Entry>) {
        let Some(run) = self.runs.get(&number) else { return };
        let pairs = run.machine.sequence().steps.iter().map(|step| step.pair).collect();
        let news = SequenceNews { number, name: run.stored.new.name.clone(), entries, pairs };
        self.shared.gateway.events().publish(GatewayEvent::Sequence(Arc::new(news)));
    }

    fn perform(&mut self, number: i64, output: Output) {
        let now = self.now();
        let (Some(_), Some(until)) = (self.keeper.epoch(now), self.keeper.hands_over_until()) else {
            return self.lose("it has ended");
        };
        let Some(run) = self.runs.get(&number) else { return };
        let (gateway, term, name) = (self.shared.gateway.clone(), self.term, run.stored.new.name.clone());
        match output {
            Output::Journal(_) => {}
            Output::Ask { step } => {
                let Some(step) = run.machine.sequence().steps.get(step).cloned() else { return };
                let asker = Asker::new(&act::asker_name(number, &name), "sequencer");
                self.under_way.push(Box::pin(async move {
                    Done::Asked { term, number, status: act::ask(gateway, step, asker).await }
                }));
            }
            Output::Submit { step: at, act, attempt } => {
                let Some(step) = run.machine.sequence().steps.get(at) else { return };
                let (order, place) = (act::order(step, act), (step.ocs, step.pair));
                let asker = act::asker(number, &name, at, act, attempt).not_after(self.begun + until.0);
                tracing::info!(sequence = number, step = at + 1, act = act.slug(), attempt, "asked for");
                self.under_way.push(Box::pin(async move {
                    let told = act::submit(gateway, order, asker).await;
                    Done::Outcome { term, number, act, attempt, place, told }
                }));
            }
            Output::Done(result) => {
                tracing::info!(sequence = number, result = result.slug(), "the sequence is over");
                self.runs.remove(&number);
                self.shared.set_live(number, None);
            }
        }
    }
}

/// The campaigns whose states a machine wants to hear of.
fn watched(machine: &Machine) -> Vec<(AppDbid, Pair)> {
    let of_steps = machine.sequence().steps.iter().flat_map(|step| {
        let conditions = step.when.iter().map(|condition| (condition.ocs, condition.pair));
        conditions.chain([(step.ocs, step.pair)])
    });
    of_steps.collect()
}
