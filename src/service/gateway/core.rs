//! The gateway's one task: it owns correlator, mirror and journal, so that nothing of the protocol needs a lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream::FuturesUnordered, stream::SelectAll};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::errand::Errands;
use super::intake::{KeyLookup, Keys};
use super::pass::{Followed, Overhearer};
use super::sight::Ears;
use super::stage::{Effect, Stage};
use super::watch::Watch;
use super::wishes::Wishes;
use super::{Command, OrderError, Shared, TapEvent, raw};
use crate::engine::ChangedBy;
use crate::engine::Journal;
use crate::engine::RequestNumber;
use crate::engine::StatusMirror;
use crate::message::{AppDbid, AutoCompletionPlace, CommDnMessage, Pair, RequestKind};
use crate::net::client::{LinkEvent, LinkHandle};
use crate::protocol::Time;
use crate::protocol::UtcTime;
use crate::protocol::link::Tag;
use crate::protocol::requester::{
    Alarm, DnAddress, Input, JournalMark, LinkId, OcsPeer, Output, RequestId, Requester, SendId,
};
use crate::service::wall;
use crate::store::{Mark, StoreError, Write};
use crate::wire::Dialect;
use crate::wire::EncodeError;
use crate::wire::Text;

/// Events of links, and commands of callers, that are taken before others have their turn again.
const IN_A_ROW: usize = 256;

/// The same for callers who can wait.
const QUESTIONS_IN_A_ROW: usize = 16;

/// The T-Server's code for "not possible now"; a frame with it did not go out.
const NOT_NOW: i32 = 54;

/// A load or a start that has waited for this much longer than it may, between its lane and the socket, does not go out:
/// whoever takes over a sequence counts on it (G4).
pub(in crate::service) const SEND_SLACK: Duration = Duration::from_secs(5);

/// A task with nothing to do goes round all the same, so that one that hangs is told from it.
const BEAT: Duration = Duration::from_millis(500);

pub(super) type LinkEvents = SelectAll<Pin<Box<dyn Stream<Item = (LinkId, LinkEvent)> + Send>>>;

/// One link with what its messages must look like.
pub(super) struct Line {
    pub(super) handle: LinkHandle,
    pub(super) dialect: Dialect,
    pub(super) list_bytes_max: usize,
}

/// Settings of the task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) auto_completion_place: AutoCompletionPlace,
    pub(super) answer: Duration,
    pub(super) lane_wait: Duration,
    /// A cancel that is older is given up.
    pub(super) cancel_expires: Duration,
    /// Open requests; one more is refused before the journal.
    pub(super) open_max: usize,
}

/// What is known of an open request beside its row.
pub(super) struct Open {
    pub(super) kind: RequestKind,
    /// When it was accepted, on the clock of the machines.
    pub(super) since: Time,
    /// How old it was by then: it comes from an earlier run.
    pub(super) before: Duration,
    /// Told when it has ended.
    pub(super) waiters: Vec<oneshot::Sender<()>>,
}

impl Open {
    pub(super) fn age(&self, now: Time) -> Duration {
        now.saturating_sub(self.since).saturating_add(self.before)
    }
}

pub(super) struct Core {
    pub(super) requester: Requester,
    pub(super) mirror: StatusMirror,
    pub(super) journal: Journal,
    pub(super) lines: BTreeMap<LinkId, Line>,
    pub(super) up: BTreeSet<LinkId>,
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Vec<AppDbid>,
    pub(super) ocss: Vec<OcsPeer>,
    pub(super) rules: Rules,
    pub(super) start: Instant,
    pub(super) last_number: Option<RequestNumber>,
    pub(super) open: BTreeMap<RequestNumber, Open>,
    pub(super) stage: Stage,
    pub(super) keys: Keys,
    pub(super) lookups: FuturesUnordered<KeyLookup>,
    pub(super) errands: Errands,
    pub(super) wishes: Wishes,
    /// Frames for callers who were told that their request was not taken.
    pub(super) unsent: BTreeSet<SendId>,
    pub(super) raw: raw::RawDesk,
    /// Requests whose answers are passed on.
    pub(super) followed: BTreeMap<RequestNumber, Followed>,
    /// Those who hear what answers no such request.
    pub(super) overhearers: Vec<Overhearer>,
    /// The event that is being worked on was passed to a follower.
    pub(super) passed_now: bool,
    pub(super) ears: Ears,
    pub(super) watch: Watch,
    /// Of the frame that comes next: it does not go out after that.
    pub(super) send_by: Option<(SendId, Time)>,
}

impl Core {
    pub(super) async fn run(
        mut self,
        mut urgent: mpsc::Receiver<Command>,
        mut normal: mpsc::Receiver<Command>,
        mut links: LinkEvents,
        stop: CancellationToken,
    ) {
        let mut beat = tokio::time::interval(BEAT);
        let timer = sleep_until(self.start);
        let stopped = stop.cancelled();
        tokio::pin!(timer, stopped);
        loop {
            self.shared.health.turned();
            self.stage.kick();
            let due = self.next_deadline();
            // A timer that comes too early only looks; moving it with every request would cost more.
            if let Some(due) = due.filter(|due| *due < timer.deadline() || timer.is_elapsed()) {
                timer.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                () = &mut stopped => break,
                (result, batch) = self.stage.landed() => self.landed(result, batch),
                Some((link, event)) = links.next() => {
                    self.link_event(link, event);
                    for _ in 1..IN_A_ROW {
                        let Some(Some((link, event))) = links.next().now_or_never() else { break };
                        self.link_event(link, event);
                    }
                }
                Some(command) = urgent.recv() => {
                    self.command(command);
                    // Whoever came together shares a sync.
                    for _ in 1..IN_A_ROW {
                        let Ok(command) = urgent.try_recv() else { break };
                        self.command(command);
                    }
                }
                Some(found) = self.lookups.next(), if !self.lookups.is_empty() => self.key_found(found),
                Some(command) = normal.recv() => {
                    self.command(command);
                    for _ in 1..QUESTIONS_IN_A_ROW {
                        let Ok(command) = normal.try_recv() else { break };
                        self.command(command);
                    }
                }
                () = &mut timer, if due.is_some() => {
                    if self.next_deadline().is_some_and(|due| due <= Instant::now()) {
                        self.give(Input::Timer);
                        self.errands_due();
                        self.wishes_due();
                        self.ask_due();
                    }
                }
                _ = beat.tick() => {} // a turn for the watchdog, when there is nothing else to do
                else => break,
            }
        }
        self.flush().await;
    }

    /// What is gathered is written before the task ends; a store that refuses now has no other chance.
    async fn flush(&mut self) {
        while !self.stage.is_empty() && self.stage.trouble().is_none() {
            self.stage.kick();
            let (result, batch) = self.stage.landed().await;
            self.landed(result, batch);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let own = [self.errands.next_due(), self.wishes.next_due(), self.watch.next_deadline()];
        let machines = own.into_iter().chain([self.requester.next_deadline()]);
        let first = machines.flatten().min().map(|due| self.start + due.0);
        first.into_iter().chain(self.stage.retry_at()).min()
    }

    pub(super) fn now(&self) -> Time {
        Time(self.start.elapsed())
    }

    pub(super) fn is_up(&self, link: LinkId) -> bool {
        self.up.contains(&link)
    }

    pub(super) fn utc() -> UtcTime {
        UtcTime::from(wall::now())
    }

    fn command(&mut self, command: Command) {
        // A caller that has gone is no error anywhere below.
        match command {
            Command::Submit { order, asker, follower, reply } => self.take_order(order, asker, follower, reply),
            Command::Overhear { overhearer } => self.overhearers.push(overhearer),
            Command::Observe { ocs, event, reply } => {
                self.observe(ocs, &event, ChangedBy::Notification);
                let state = event.pair().and_then(|pair| self.mirror.pair(ocs, pair).cloned());
                let _ = reply.send(state);
            }
            Command::State { ocs, pair, reply } => {
                let _ = reply.send(self.mirror.pair(ocs, pair).cloned());
            }
            Command::Held { asker, reply } => self.take_question(asker, reply),
            Command::Retry { stored, confirmed, reply } => self.retry(*stored, &confirmed, reply),
            Command::DryRun { order, reply } => {
                let _ = reply.send(self.dry_run(&order));
            }
            Command::Standing { number, reply } => {
                let _ = reply.send(self.standing(number));
            }
            Command::List { which, after, most, reply } => {
                let _ = reply.send(self.journal.list(which, after).take(most).cloned().collect());
            }
            Command::States { reply } => {
                let _ = reply.send(self.mirror.iter().cloned().collect());
            }
            Command::Sight { reply } => {
                let _ = reply.send(self.sight());
            }
            Command::ClearAlarm { origin, reply } => {
                let _ = reply.send(self.clear_alarm(origin));
            }
            Command::Wishes { reply } => {
                let _ = reply.send(self.wishes.all());
            }
            Command::Raw { request, reply } => {
                let result = self.raw.prepare(&request, &self.pool, &self.ocss, &self.lines);
                let _ = reply.send(result.and_then(|prepared| {
                    self.tap(prepared.link, false, &prepared.dn, &prepared.user_data, Some(prepared.message.clone()));
                    self.raw.send(prepared, &self.lines)
                }));
            }
        }
    }

    pub(super) fn next_number(&mut self) -> RequestNumber {
        let number = RequestNumber::next(Self::utc(), self.last_number);
        self.last_number = Some(number);
        number
    }

    /// One input for the correlator, and everything it wants done.
    pub(super) fn give(&mut self, input: Input) {
        self.requester.handle(self.now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.requester.poll() {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Journal(mark) => self.mark(mark),
            Output::Send { send, address, message } => {
                let by = self.send_by.take().filter(|(of, _)| *of == send).map(|(_, by)| by);
                self.then(None, Effect::Send { send, address, message: Box::new(message), by });
            }
            Output::Outcome { id, outcome } => match self.errands.parent(id) {
                Some(number) => self.errand_outcome(number, id, &outcome),
                None => self.ended(RequestNumber(id.0), &outcome),
            },
            Output::Progress { id, progress } => {
                let number = self.errands.parent(id).unwrap_or(RequestNumber(id.0));
                self.progress(number, progress);
            }
            Output::Mirror { message, standing, .. } => self.mirror(&message, standing),
            Output::Alarm(Alarm::ForgedOrigin { origin, address }) => self.forged(origin, &address.dn),
            Output::Alarm(Alarm::ShadowsFull) => tracing::error!("the table of shadows is full"),
            Output::Echo { ocs, fact, proved } => {
                tracing::info!(%ocs, fact = fact.slug(), proved, "what this OCS echoes");
                self.stage.write(None, Write::Echo { ocs, fact, proved, at: Self::utc() });
            }
        }
    }

    /// Rule 16. The frame that follows waits for it.
    fn mark(&mut self, mark: JournalMark) {
        let JournalMark { send, requests, ocss, address, origin, .. } = mark;
        let number = |id: &RequestId| self.errands.parent(*id).unwrap_or(RequestNumber(id.0));
        let mut requests: Vec<RequestNumber> =
            requests.iter().map(number).filter(|number| self.open.contains_key(number)).collect();
        requests.sort_unstable();
        requests.dedup();
        if requests.is_empty() {
            // Its callers were told that it was not taken: the next output, its frame, stays here.
            self.unsent.insert(send);
            return;
        }
        let dials =
            |number| self.open.get(number).filter(|it| matches!(it.kind, RequestKind::Load | RequestKind::Start));
        let since = requests.iter().filter_map(dials).map(|open| open.since).min();
        self.send_by = since.map(|since| (send, since + self.rules.lane_wait.saturating_add(SEND_SLACK)));
        let link = self.lines.get(&address.link).map(|line| line.handle.name().to_owned()).unwrap_or_default();
        let dn = address.dn.to_string();
        self.stage.write(None, Write::Mark(Mark { requests, send, ocss, link, dn, origin, at: Self::utc() }));
    }

    /// Does it now, or once what was written before is on the disk.
    pub(super) fn then(&mut self, of: Option<RequestNumber>, effect: Effect) {
        if let Some(effect) = self.stage.then(of, effect) {
            self.happen(effect);
        }
    }

    fn happen(&mut self, effect: Effect) {
        match effect {
            Effect::Send { send, by: Some(by), .. } if by < self.now() => {
                tracing::warn!("a load or start has waited for too long, and is not sent");
                self.requester.handle(self.now(), Input::SendFailed { send, tserver_code: Some(NOT_NOW) });
            }
            Effect::Send { send, address, message, by: _ } => self.send(send, &address, &message),
            Effect::Reply { reply, accepted } => {
                let _ = reply.send(Ok(accepted)); // a caller that has gone is no error
            }
            Effect::Accepted(number) => {
                self.keys.durable(number);
                self.publish_request(number);
            }
            Effect::End(number, ended) => self.end(number, *ended),
            Effect::Wish(wish) => self.wishes.add(wish),
            Effect::Unwish(ocs, pair) => self.wishes.forget(ocs, pair),
        }
    }

    fn landed(&mut self, result: Result<(), StoreError>, batch: super::stage::Batch) {
        match result {
            Ok(()) => {
                self.stage.succeeded();
                let rows = batch.writes.len();
                self.shared.metrics.journal().committed(rows, self.stage.store().stats().last_commit);
                self.shared.health.journal_works();
                self.stage.busy = true;
                let mut effects = batch.effects;
                loop {
                    for (_, effect) in effects {
                        self.happen(effect);
                    }
                    self.drain();
                    // What came without a write of its own while this commit was in flight waits for no other.
                    effects = self.stage.ripe();
                    if effects.is_empty() {
                        break;
                    }
                }
                self.stage.busy = false;
            }
            Err(error) => {
                self.shared.health.journal_failed(error.to_string());
                self.shared.metrics.journal().failed();
                self.shared.tally.store_refusals.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let refused = self.stage.failed(error.clone(), batch);
                for number in refused.requests {
                    self.forget(number);
                }
                for reply in refused.replies {
                    let _ = reply.send(Err(OrderError::Store(error.to_string())));
                }
                for send in refused.sends {
                    self.give(Input::SendFailed { send, tserver_code: Some(NOT_NOW) });
                }
            }
        }
    }

    /// A request that was not acknowledged is taken back. What the correlator still does with it meets nobody.
    fn forget(&mut self, number: RequestNumber) {
        self.journal.remove(number);
        self.open.remove(&number);
        self.errands.forget(number);
        self.wishes.closed(number);
        self.keys.durable(number);
        self.followed.remove(&number);
    }

    fn send(&mut self, send: SendId, address: &DnAddress, message: &CommDnMessage) {
        let failed = |code| Input::SendFailed { send, tserver_code: code };
        if self.unsent.remove(&send) {
            self.requester.handle(self.now(), failed(Some(NOT_NOW)));
            return;
        }
        let (link, dn) = (address.link, &*address.dn);
        let Some(line) = self.lines.get(&link) else { return };
        match encode(message, line) {
            Ok(packed) => {
                self.tap(link, false, dn, &packed, Some(message.clone()));
                let Some(line) = self.lines.get(&link) else { return };
                if let Err(error) = line.handle.distribute(Text::from(dn), packed, Tag(send.0)) {
                    tracing::warn!(%error, "not sent");
                    self.requester.handle(self.now(), failed(Some(NOT_NOW)));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a checked request cannot be packed");
                self.requester.handle(self.now(), failed(Some(53)));
            }
        }
    }

    pub(super) fn tap(
        &self,
        link: LinkId,
        incoming: bool,
        dn: &str,
        user_data: &Bytes,
        message: Option<CommDnMessage>,
    ) {
        if !self.shared.tap.is_heard() {
            return;
        }
        let Some(line) = self.lines.get(&link) else { return };
        self.shared.tap.publish(TapEvent {
            at: Self::utc(),
            link: line.handle.name().into(),
            incoming,
            dn: dn.to_owned(),
            user_data: user_data.clone(),
            dialect: line.dialect,
            message,
        });
    }

    /// The OCS and pair of a campaign request.
    pub(super) fn place_of(&self, number: RequestNumber) -> Option<(AppDbid, Pair)> {
        let record = self.journal.get(number)?;
        match record.target {
            crate::message::Target::One(ocs) => Some((ocs, record.pair?)),
            crate::message::Target::Every => None,
        }
    }
}

/// Packs a message for a link, within what its T-Server takes.
pub(super) fn encode(message: &CommDnMessage, line: &Line) -> Result<Bytes, EncodeError> {
    let packed = message.encode(&line.dialect)?;
    if packed.len() > line.list_bytes_max {
        return Err(EncodeError::ListBytes { bytes: packed.len(), limit: line.list_bytes_max });
    }
    Ok(packed)
}
