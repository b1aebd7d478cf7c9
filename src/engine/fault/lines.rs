//! Faults done to the frames between clients and one T-Server.
//!
//! ```text
//! client --frames--> Lines --bytes--> T-Server      whoever holds both gives frames in, and takes bytes and
//!        <--bytes--        <--frames--              other deeds out; what is held back comes out at its time
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::edit::{self, Look};
use super::held::{Held, Line};
use super::judge::{Fate, Faults, Passing, RuleId, TooMany, Verdict, is_meant};
use super::{Rule, Spoiled, Way, What};
use crate::engine::tserver::SessionId;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::MessageType;
use crate::message::Target;
use crate::protocol::Time;
use crate::wire::{Dialect, Reading, ReferenceId, next_frame};

/// Most pieces of one frame; the last is the rest.
const PIECES_MAX: usize = 256;
/// From one piece to the next.
const PIECE_GAP: Duration = Duration::from_millis(1);
/// Most applications that one client is known to be.
const DBIDS_MAX: usize = 64;
/// References of what is sent in a client's name; clients count from 1.
const REFERENCE_FIRST: u32 = 0xf000_0000;

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Its session at the T-Server.
    pub session: SessionId,
    /// Its ApplicationName; empty before it has said so.
    pub name: &'a str,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Bytes for the T-Server as if this client had sent them: a frame, a piece of one, or nonsense.
    Up(SessionId, Bytes),
    /// Bytes for the client.
    Down(SessionId, Bytes),
    /// Close the connection, and tell both ends.
    Close(SessionId),
    /// The T-Server changes its role: true = primary.
    Role(bool),
    /// The clock leaps forward.
    Jump(Duration),
    /// For whoever looks on: a rule struck.
    Struck {
        /// Which one.
        rule: RuleId,
        /// On whose connection; empty for what concerns the site.
        client: String,
        /// Which way.
        way: Way,
        /// The message that it struck.
        message: Option<MessageType>,
    },
}

/// What is known of a client.
#[derive(Debug, Default)]
pub(super) struct Known {
    name: String,
    dbids: Vec<AppDbid>,
    is_ocs: bool,
    /// Struck by this half-open fault.
    pub(super) dead: Option<RuleId>,
}

/// The machine. Give it frames while [`Lines::is_idle`] is false; take everything [`Lines::poll`] gives after each input.
#[derive(Debug)]
pub struct Lines {
    pub(super) faults: Faults,
    dialect: Dialect,
    /// OCSs by their ApplicationName.
    ocss: BTreeMap<String, AppDbid>,
    pub(super) clients: BTreeMap<SessionId, Known>,
    pub(super) lines: BTreeMap<(SessionId, Way), Line>,
    pub(super) held: BTreeMap<(Time, u64), Held>,
    pub(super) held_bytes: usize,
    pub(super) serial: u64,
    reference: u32,
    pub(super) out: VecDeque<Given>,
}

impl Lines {
    /// Without faults. `ocss` are the OCSs by the names under which they log in.
    #[must_use]
    pub fn new(dialect: Dialect, seed: u64, ocss: impl IntoIterator<Item = (String, AppDbid)>) -> Self {
        Self {
            faults: Faults::new(seed),
            dialect,
            ocss: ocss.into_iter().collect(),
            clients: BTreeMap::new(),
            lines: BTreeMap::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            serial: 0,
            reference: REFERENCE_FIRST,
            out: VecDeque::new(),
        }
    }

    /// An OCS is known by the name under which it logs in.
    pub fn name(&mut self, name: String, ocs: AppDbid) {
        // It may have logged in before it was named.
        for known in self.clients.values_mut().filter(|known| known.name == name) {
            known.is_ocs = true;
            known.dbids.push(ocs);
        }
        self.ocss.insert(name, ocs);
    }

    /// The rules.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// One more rule.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn add(&mut self, now: Time, rule: Rule) -> Result<RuleId, TooMany> {
        let id = self.faults.add(now, rule)?;
        self.strike_due(now);
        Ok(id)
    }

    /// One rule less; what it holds back still comes at its time, a half-open connection is closed.
    pub fn remove(&mut self, now: Time, id: RuleId) -> bool {
        let removed = self.faults.remove(id);
        self.close_healed(now);
        removed
    }

    /// No rule any more.
    pub fn clear(&mut self, now: Time) {
        self.faults.clear();
        self.close_healed(now);
    }

    /// Whether frames may pass by it: there is no rule and nothing is held back.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.faults.is_empty() && self.lines.is_empty() && self.held.is_empty()
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether a connection is open to the eye only.
    #[must_use]
    pub fn is_dead(&self, session: SessionId) -> bool {
        self.clients.get(&session).is_some_and(|known| known.dead.is_some())
    }

    /// What to do next, in order.
    pub fn poll(&mut self) -> Option<Given> {
        self.out.pop_front()
    }

    /// When a tick is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let held = self.held.first_key_value().map(|((at, _), _)| *at);
        let behind = self.lines.values().flat_map(|line| &line.behind).map(|(at, _)| *at);
        let dead = self.clients.values().filter_map(|known| self.faults.end(known.dead?));
        behind.chain(held).chain(dead).chain(self.faults.next_due()).min()
    }

    /// A deadline may be over.
    pub fn tick(&mut self, now: Time) {
        self.strike_due(now);
        self.close_healed(now);
        self.let_go(now);
        self.tidy(now);
    }

    /// A connection has ended: what was on its way is gone.
    pub fn closed(&mut self, session: SessionId) {
        self.clients.remove(&session);
        self.lines.retain(|(of, _), _| *of != session);
        self.held.retain(|_, held| match held {
            Held::Bytes(of, _, bytes, _) if *of == session => {
                self.held_bytes -= bytes.len();
                false
            }
            Held::Bytes(..) | Held::Role => true,
        });
    }

    /// A client that is here, so that what happens by itself finds it before it has said anything.
    pub fn here(&mut self, client: Client<'_>) {
        self.know(client);
    }

    /// Whole frames, one behind the other.
    pub fn frames(&mut self, now: Time, client: Client<'_>, way: Way, mut frames: Bytes) {
        self.know(client);
        self.let_go(now);
        while !frames.is_empty() {
            let mut rest = &frames[..];
            let taken = match next_frame(&mut rest, usize::MAX, Reading::Tolerant) {
                Ok(Some(_)) => frames.len() - rest.len(),
                Ok(None) | Err(_) => frames.len(), // what is no frame goes as it is
            };
            let frame = frames.split_to(taken);
            self.frame(now, client, way, &frame);
        }
        self.tidy(now);
    }

    fn know(&mut self, client: Client<'_>) {
        let known = self.clients.entry(client.session).or_default();
        if known.name != client.name {
            client.name.clone_into(&mut known.name);
            if let Some(dbid) = self.ocss.get(client.name) {
                known.is_ocs = true;
                known.dbids.push(*dbid);
            }
        }
    }

    /// Who it is that sends with such an origin.
    fn learn(&mut self, session: SessionId, look: &Look<'_>) {
        let (Some(known), Some(message), Way::Up) = (self.clients.get_mut(&session), &look.message, look.way) else {
            return;
        };
        if !known.dbids.contains(&message.origin) && known.dbids.len() < DBIDS_MAX {
            known.dbids.push(message.origin);
        }
        let direction = message.body.message_type().row().map(|row| row.direction);
        known.is_ocs |= direction == Some(Direction::FromOcs);
    }

    fn frame(&mut self, now: Time, client: Client<'_>, way: Way, frame: &Bytes) {
        let session = client.session;
        let look = Look::at(frame, client.name, way, &self.dialect);
        self.learn(session, &look);
        let Some(known) = self.clients.get(&session) else { return };
        if known.dead.is_some() {
            return;
        }
        let passing = Passing {
            client: client.name,
            dbids: &known.dbids,
            is_ocs: known.is_ocs,
            way,
            message: look.message.as_ref(),
            fields: &look,
        };
        let verdict = self.faults.judge(now, &passing);
        for rule in &verdict.struck {
            let message = look.message.as_ref().map(|message| message.body.message_type());
            self.out.push_back(Given::Struck { rule: *rule, client: client.name.to_owned(), way, message });
        }
        if let Some(backup) = verdict.switchover {
            self.switch_over(now, backup);
        }
        if verdict.jump > Duration::ZERO {
            self.out.push_back(Given::Jump(verdict.jump));
        }
        match &verdict.fate {
            Fate::Pass => self.pass(now, session, &look, frame, &verdict),
            Fate::Drop => {}
            Fate::Cut => self.cut(session),
            Fate::HalfOpen(rule) => self.kill(session, *rule),
            Fate::Refuse(code) => self.answer(now, session, &look, |request, ocs| edit::refuse(request, ocs, *code)),
            Fate::Answer(answer) => self
                .answer(now, session, &look, |request, ocs| edit::answer(request, ocs, answer.message().body.clone())),
            Fate::Fail(code) => {
                let refusal = edit::refusal(look.reference, look.dn.clone(), *code, &self.dialect);
                if let Some(refusal) = refusal {
                    self.emit(now, session, Way::Down, refusal);
                }
                if *code == crate::wire::ErrorCode::TIMEOUT {
                    self.again(now, now, session, &look, frame);
                }
            }
        }
    }

    fn pass(&mut self, now: Time, session: SessionId, look: &Look<'_>, frame: &Bytes, verdict: &Verdict) {
        let mut frame = frame.clone();
        if let Some(message) = look.message.as_ref().filter(|_| verdict.without_ids) {
            frame = edit::without_ids(&frame, &self.dialect, message).unwrap_or(frame);
        }
        let due = now + verdict.delay;
        if verdict.look_alike {
            self.again(now, due, session, look, &frame);
        }
        let whole = frame.clone();
        if let Some((how, chance)) = verdict.spoiled {
            // The place of the list is told by its address, so the frame is taken as it came.
            let user_data = if how == Spoiled::List { look.user_data.as_ref() } else { None };
            frame = edit::spoil(&frame, how, chance, user_data.filter(|_| !verdict.without_ids));
        }
        let line = self.lines.entry((session, look.way)).or_default();
        match verdict.behind.filter(|_| line.behind.is_empty()) {
            Some(most) => line.behind.push((due + most, frame)),
            None => {
                self.send(now, due, (session, look.way), frame, verdict);
                self.let_follow(now, session, look.way);
            }
        }
        for after in &verdict.copies {
            self.again(now, due + *after, session, look, &whole);
        }
    }

    /// Slowly or in pieces, which holds the line; or as it is.
    fn send(&mut self, now: Time, due: Time, (session, way): (SessionId, Way), frame: Bytes, verdict: &Verdict) {
        if verdict.pieces.is_none() && verdict.bytes_per_second.is_none() {
            return self.emit_at(now, due, session, way, frame);
        }
        let line = self.lines.entry((session, way)).or_default();
        let mut at = line.busy_until.max(due);
        if let Some(rate) = verdict.bytes_per_second {
            let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            let micros = bytes.saturating_mul(1_000_000).checked_div(u64::from(rate)).unwrap_or(0);
            at = at + Duration::from_micros(micros);
        }
        let mut rest = frame;
        let piece_bytes = verdict.pieces.unwrap_or(usize::MAX).max(1);
        for piece in 1.. {
            let is_last = rest.len() <= piece_bytes || piece == PIECES_MAX;
            let bytes = if is_last { rest.split_to(rest.len()) } else { rest.split_to(piece_bytes) };
            self.lines.entry((session, way)).or_default().busy_until = at;
            self.hold(at, Held::Bytes(session, way, bytes, true));
            if is_last {
                break;
            }
            at = at + PIECE_GAP;
        }
        self.let_go(now);
    }

    /// The same user event once more. What a client says again is another request of it.
    fn again(&mut self, now: Time, due: Time, session: SessionId, look: &Look<'_>, frame: &Bytes) {
        let copy = match (look.way, &look.user_data) {
            (Way::Up, Some(_)) => {
                let reference = self.reference();
                edit::with_reference(frame, &self.dialect, reference)
            }
            (Way::Up, None) | (Way::Down, _) => Some(frame.clone()),
        };
        if let Some(copy) = copy {
            self.emit_at(now, due, session, look.way, copy);
        }
    }

    fn reference(&mut self) -> ReferenceId {
        self.reference = self.reference.checked_add(1).filter(|next| *next < u32::MAX).unwrap_or(REFERENCE_FIRST);
        ReferenceId(self.reference)
    }

    /// The OCS behind a connection says this instead of hearing the request.
    fn answer(
        &mut self,
        now: Time,
        session: SessionId,
        look: &Look<'_>,
        make: impl FnOnce(&CommDnMessage, AppDbid) -> CommDnMessage,
    ) {
        let (Some(request), Some(dn)) = (&look.message, &look.dn) else { return };
        let known = self.clients.get(&session).and_then(|known| known.dbids.first().copied());
        let ocs = match request.target {
            Target::One(dbid) => Some(dbid),
            Target::Every => known,
        };
        let Some(ocs) = ocs else { return };
        let reference = self.reference();
        if let Some(frame) = edit::distribute(reference, dn, &make(request, ocs), &self.dialect) {
            self.emit(now, session, Way::Up, frame);
        }
    }

    fn cut(&mut self, session: SessionId) {
        self.closed(session);
        self.out.push_back(Given::Close(session));
    }

    fn kill(&mut self, session: SessionId, rule: RuleId) {
        if let Some(known) = self.clients.get_mut(&session) {
            known.dead = Some(rule);
        }
        self.lines.retain(|(of, _), _| *of != session);
    }

    fn switch_over(&mut self, now: Time, backup: Duration) {
        self.out.push_back(Given::Role(false));
        self.hold(now + backup, Held::Role);
    }

    /// What happens by itself.
    fn strike_due(&mut self, now: Time) {
        for (id, Rule { what, when }) in self.faults.due(now) {
            let mut struck = |client: &str| {
                let way = when.way.unwrap_or(Way::Up);
                self.out.push_back(Given::Struck { rule: id, client: client.to_owned(), way, message: None });
            };
            match what {
                What::Switchover(backup) => {
                    struck("");
                    self.switch_over(now, backup);
                }
                What::Jump(leap) => {
                    struck("");
                    self.out.push_back(Given::Jump(leap));
                }
                What::Cut | What::HalfOpen => {
                    let meant = self.clients.iter().filter(|(_, known)| {
                        known.dead.is_none() && is_meant(when.peer.as_ref(), &known.name, &known.dbids)
                    });
                    let meant: Vec<(SessionId, String)> =
                        meant.map(|(session, known)| (*session, known.name.clone())).collect();
                    for (session, name) in meant {
                        let way = when.way.unwrap_or(Way::Up);
                        self.out.push_back(Given::Struck { rule: id, client: name, way, message: None });
                        if what == What::Cut { self.cut(session) } else { self.kill(session, id) }
                    }
                }
                _ => {} // nothing else has a time of its own
            }
        }
    }

    /// A half-open connection does not come to life again: its ends find it closed.
    fn close_healed(&mut self, now: Time) {
        let healed = |known: &Known| known.dead.is_some_and(|rule| !self.faults.lives(rule, now));
        let healed: BTreeSet<SessionId> =
            self.clients.iter().filter(|(_, known)| healed(known)).map(|(session, _)| *session).collect();
        for session in healed {
            self.cut(session);
        }
    }
}
