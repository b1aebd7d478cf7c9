//! The simulated OCS: takes user events, time and triggers; gives back user events, trace lines and do-not-call rows.
//!
//! A request changes the state when it comes in; only its answer may leave later.

mod campaign;
mod config;
pub mod dialer;
mod lists;
mod modes;
mod outbox;
mod people;
pub mod record;
mod sequence;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

pub use config::{Campaign, Group, OcsConfig, Origin, OriginKind, PairConfig};
pub use outbox::{Output, WAITING_MAX};
pub use record::{CallingList, Held, Record, RecordChange};

use crate::engine::dnc::DncSet;
use crate::message::AppDbid;
use crate::message::CustomerId;
use crate::message::ErrorEvent;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::Pair;
use crate::message::Phone;
use crate::message::RequestKind;
use crate::protocol::Time;
use crate::protocol::UtcSeconds;
use crate::protocol::lifecycle::PairState;
use crate::protocol::responder::{Ignored, Requester, Responder, Verdict};
use campaign::{Alarm, PairRuntime};
use dialer::{Book, Dialer};
use lists::Parked;
use outbox::Outbox;
use sequence::Sequence;

/// What happens to an OCS.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A user event on a DN.
    UserEvent {
        /// The CommDN.
        dn: &'a str,
        /// The packed list.
        user_data: &'a [u8],
    },
    /// Time has passed.
    Tick,
    /// Something inside.
    Internal(Internal),
    /// Calling lists as the host has them now: at start, and as the answer to [`Output::ReadLists`].
    Lists(Vec<CallingList>),
}

/// What happens without a user event: faults, and what dialing will report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Internal {
    /// Licence or T-Server link of the pair is lost.
    SetInactive(Pair),
    /// It is back.
    ClearInactive(Pair),
    /// The last reading of the calling lists gave no record.
    Depleted(Pair),
    /// A call of the pair has ended.
    CallEnded(Pair),
    /// A pair takes a record, into a call or onto an agent's desktop.
    RecordTaken {
        /// Name of the calling list.
        list: String,
        /// Which record.
        record_id: i32,
        /// Who takes it.
        pair: Pair,
        /// Where to.
        held: Held,
    },
    /// A record comes back from a call or an agent's desktop.
    RecordBack {
        /// Name of the calling list.
        list: String,
        /// Which record.
        record_id: i32,
    },
    /// The running item has reached its end: it is stopped and unloaded, the next one is in turn.
    ItemEnd(GroupDbid),
    /// OCS starts anew; calling lists and do-not-call entries are kept.
    Restart,
}

/// Who asked, and on which DN the answer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asker {
    requester: Requester,
    dn: String,
}

/// One simulated OCS.
#[derive(Clone, Debug)]
pub struct Ocs {
    config: OcsConfig,
    responder: Responder,
    /// The CommDNs it is registered on.
    dns: Vec<String>,
    pairs: BTreeMap<Pair, PairRuntime>,
    /// Sequences that are loaded or running; one a group.
    sequences: BTreeMap<GroupDbid, Sequence>,
    dnc: DncSet,
    /// One index a calling list.
    books: Vec<Book>,
    /// Absent: nothing is dialed.
    dialer: Option<Box<Dialer>>,
    /// The first timer of pairs and sequences; absent when it has to be looked for.
    alarm: Option<Option<(Time, Alarm)>>,
    /// Loads that wait for their calling lists.
    parked: VecDeque<Parked>,
    outbox: Outbox,
    ignored: BTreeMap<Ignored, u64>,
    /// The time of the input, or of the timer that is being worked off.
    now: Time,
    utc: UtcSeconds,
    /// The time at which that was the calendar's.
    utc_at: Time,
}

impl Ocs {
    /// An OCS that is registered on the CommDNs `used` (specification 3.8), with nothing loaded.
    #[must_use]
    pub fn new(config: OcsConfig, used: Vec<String>) -> Self {
        let responder = Responder {
            dbid: config.dbid,
            backup: config.backup,
            origins: config.origins.iter().map(|origin| origin.dbid).collect(),
            rows: config.profile.rows,
        };
        let pairs = config.pairs.iter().map(|pair| (pair.pair, PairRuntime::new(pair.dialing))).collect();
        let dialer = config.dialing.clone().map(|model| Box::new(Dialer::new(model, &config)));
        let mut ocs = Self {
            outbox: Outbox::new(config.seed),
            config,
            responder,
            dns: used,
            pairs,
            sequences: BTreeMap::new(),
            dnc: DncSet::default(),
            books: Vec::new(),
            dialer,
            alarm: None,
            parked: VecDeque::new(),
            ignored: BTreeMap::new(),
            now: Time::ZERO,
            utc: UtcSeconds::default(),
            utc_at: Time::ZERO,
        };
        ocs.index_lists();
        ocs
    }

    /// One input. Timers that are due are worked off first. Drain [`Ocs::poll`] after every call.
    pub fn handle(&mut self, now: Time, utc: UtcSeconds, input: Input<'_>) {
        (self.utc, self.utc_at) = (utc, now);
        self.run_timers(now);
        self.now = now;
        match input {
            Input::UserEvent { dn, user_data } => self.user_event(dn, user_data),
            Input::Internal(internal) => self.internal(internal),
            Input::Lists(lists) => self.lists_read(lists),
            Input::Tick => {}
        }
        self.run_timers(now);
        self.outbox.release(now);
    }

    /// The calendar's seconds at the time being worked on, which a late timer puts before the input's.
    fn utc_now(&self) -> i64 {
        let behind = i64::try_from(self.utc_at.saturating_sub(self.now).as_secs()).unwrap_or(i64::MAX);
        self.utc.0.saturating_sub(behind)
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let alarm = self.alarm.flatten().map(|(at, _)| at);
        let dial = self.dialer.as_ref().and_then(|dialer| dialer.next_due());
        alarm.into_iter().chain(dial).chain(self.outbox.next_due()).min()
    }

    /// What it is configured with, calling lists as they are now.
    #[must_use]
    pub fn config(&self) -> &OcsConfig {
        &self.config
    }

    /// The CommDNs it is registered on.
    #[must_use]
    pub fn dns(&self) -> &[String] {
        &self.dns
    }

    /// State of a pair, `None` when it is not configured.
    #[must_use]
    pub fn state(&self, pair: Pair) -> Option<PairState> {
        self.pairs.get(&pair).map(|runtime| runtime.state)
    }

    /// How often the pair has been loaded.
    #[must_use]
    pub fn session(&self, pair: Pair) -> Option<u64> {
        self.pairs.get(&pair).map(|runtime| runtime.session)
    }

    /// The do-not-call entries.
    #[must_use]
    pub fn dnc(&self) -> &DncSet {
        &self.dnc
    }

    /// A row that the host has kept from an earlier run; read before the first input.
    pub fn restore_dnc(&mut self, phone: Option<&Phone>, customer: Option<&CustomerId>) {
        self.dnc.add(phone, customer);
    }

    /// How many user events were ignored for a reason.
    #[must_use]
    pub fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored.get(&reason).copied().unwrap_or(0)
    }

    fn user_event(&mut self, dn: &str, user_data: &[u8]) {
        if !self.dns.iter().any(|used| used == dn) {
            return; // not registered there, so it does not hear it
        }
        match self.responder.judge(user_data, &self.config.dialect) {
            Verdict::Ignore(reason) => {
                *self.ignored.entry(reason).or_default() += 1;
                self.outbox.push(Output::Ignored(reason));
            }
            Verdict::Refuse { requester, mut error } => {
                error.status = error.pair().map(|pair| self.status_for_error(pair));
                self.answer(&Asker { requester, dn: dn.to_owned() }, error);
            }
            Verdict::Serve { requester, kind, message, warnings } => {
                for warning in warnings {
                    self.outbox.push(Output::Warned { origin: requester.origin, warning });
                }
                self.serve(&Asker { requester, dn: dn.to_owned() }, kind, message.body);
            }
        }
    }

    fn serve(&mut self, asker: &Asker, kind: RequestKind, body: Message) {
        match (body.pair(), body) {
            (_, Message::CancelRecord(request)) => self.cancel(asker, request),
            (_, Message::DoNotCall(request)) => self.do_not_call(asker, request),
            (Some(pair), body) => {
                if !self.read_before(asker, kind, pair, &body) {
                    self.serve_pair(asker, kind, pair, &body);
                }
            }
            (None, _) => {} // every request but these two names a pair
        }
    }

    fn serve_pair(&mut self, asker: &Asker, kind: RequestKind, pair: Pair, body: &Message) {
        let request = campaign::Request::new(kind, pair, body, &self.responder.rows);
        let result = if pair.campaign.is_sequence() {
            self.sequence_request(asker, &request, body.schedule())
        } else {
            self.campaign_request(asker, &request)
        };
        if let Err(code) = result {
            let (campaign, group) = (Some(pair.campaign), Some(pair.group));
            let status = Some(self.status_for_error(pair));
            self.answer(asker, ErrorEvent { campaign, group, status, error: Some(code), ..ErrorEvent::default() });
        }
    }

    fn internal(&mut self, internal: Internal) {
        use crate::protocol::lifecycle::Trigger;
        match internal {
            Internal::SetInactive(pair) => self.trigger(pair, Trigger::SetInactive),
            Internal::ClearInactive(pair) => self.trigger(pair, Trigger::ClearInactive),
            Internal::Depleted(pair) => self.complete(pair),
            Internal::CallEnded(pair) => self.call_ended(pair),
            Internal::RecordTaken { list, record_id, pair, held } => self.record_taken(&list, record_id, pair, held),
            Internal::RecordBack { list, record_id } => self.record_back(&list, record_id),
            Internal::ItemEnd(group) => self.item_end(group),
            Internal::Restart => {
                self.alarm = None;
                self.sequences.clear();
                self.parked.clear();
                self.outbox.clear();
                for config in &self.config.pairs {
                    let session = self.pairs.get(&config.pair).map_or(0, |runtime| runtime.session);
                    let fresh = PairRuntime { session, ..PairRuntime::new(config.dialing) };
                    self.pairs.insert(config.pair, fresh);
                }
                self.dialing_restarted();
            }
        }
    }

    /// What an error tells of a pair; what is not configured is not loaded.
    fn status_for_error(&self, pair: Pair) -> GroupCampStatus {
        if pair.campaign.is_sequence() {
            return self.item_status(pair.group);
        }
        self.state(pair).unwrap_or(PairState::NotLoaded).status()
    }

    /// Sends an answer, with what the switches do to it.
    fn answer(&mut self, asker: &Asker, body: impl Into<Message>) {
        let rows = self.config.profile.rows;
        let message = self.responder.answer(asker.requester, body);
        let due = self.now + self.outbox.delay(&rows);
        let send = |message| Output::Send { dn: asker.dn.clone(), message: Box::new(message) };
        if rows.look_alike_before_answer && message.body.pair_event().is_some() {
            let mut look_alike = message.clone();
            look_alike.origin = self.config.dbid;
            self.outbox.push_at(self.now, due, send(look_alike));
        }
        if rows.answer_twice {
            let again = due + std::time::Duration::from_millis(u64::from(rows.answer_twice_gap_ms));
            self.outbox.push_at(self.now, due, send(message.clone()));
            self.outbox.push_at(self.now, again, send(message));
        } else {
            self.outbox.push_at(self.now, due, send(message));
        }
    }

    /// Tells everybody on every used DN what nobody asked for.
    fn notify(&mut self, last_requester: Option<AppDbid>, body: impl Into<Message>) {
        let Some(message) = self.responder.notification(last_requester, body) else { return };
        for dn in &self.dns {
            self.outbox.push(Output::Send { dn: dn.clone(), message: Box::new(message.clone()) });
        }
    }
}
