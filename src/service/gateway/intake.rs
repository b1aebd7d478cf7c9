//! From a caller's order to an accepted request: checks, the caller's own key for it, the rows of the journal.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::core::{Core, Open, encode};
use super::pass::{Followed, Follower};
use super::stage::Effect;
use super::{Accepted, Asker, GivenKey, Order, OrderError, Prepared, Site, Standing};
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::message::{AppDbid, ChainAttr, CommDnMessage, Message, RequestKind, Target};
use crate::protocol::requester::{Input, RequestId, RequestPhase, Submission, WaitsFor};
use crate::store::{Accept, DncEntry, IdempotencyKey, KeyHeld, StopWish, StoreError, Write};
use crate::wire::Dialect;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::logtext;

type Name = (String, String);
type Reply = oneshot::Sender<Result<Accepted, OrderError>>;
/// What the store knows of a key.
pub(super) type KeyLookup = BoxFuture<'static, (Name, Result<Option<KeyHeld>, StoreError>)>;

/// Keys of callers whose request is not on the disk yet, or that are being looked up there: equal ones that come
/// together become one request. Every other key is found in the store.
#[derive(Default)]
pub(super) struct Keys {
    slots: BTreeMap<Name, Slot>,
    of: BTreeMap<RequestNumber, Name>,
}

enum Slot {
    /// Those who wait for the store's answer, in order.
    Looking(Vec<Waiting>),
    /// Taken by a request.
    Held(KeyHeld),
}

struct Waiting {
    /// `None`: only asks whether the key is held.
    order: Option<Order>,
    asker: Asker,
    reply: WaitingReply,
}

enum WaitingReply {
    Order(Reply),
    Question(oneshot::Sender<Option<Result<Accepted, OrderError>>>),
}

impl Keys {
    fn hold(&mut self, name: Name, held: KeyHeld) {
        self.of.insert(held.number, name.clone());
        self.slots.insert(name, Slot::Held(held));
    }

    /// From now on the store knows the key, or nobody does.
    pub(super) fn durable(&mut self, number: RequestNumber) {
        if let Some(name) = self.of.remove(&number) {
            self.slots.remove(&name);
        }
    }
}

impl Core {
    /// An order with a key waits until it is known whether the key was used before.
    pub(super) fn take_order(&mut self, order: Order, asker: Asker, follower: Option<Follower>, reply: Reply) {
        if asker.key.is_none() {
            self.submit(&order, asker, follower, reply);
            return;
        }
        self.take_keyed(Waiting { order: Some(order), asker, reply: WaitingReply::Order(reply) });
    }

    /// Which request a key stands for, without an order.
    pub(super) fn take_question(&mut self, asker: Asker, reply: oneshot::Sender<Option<Result<Accepted, OrderError>>>) {
        self.take_keyed(Waiting { order: None, asker, reply: WaitingReply::Question(reply) });
    }

    fn take_keyed(&mut self, waiting: Waiting) {
        let Some(key) = &waiting.asker.key else { return self.answer_keyed(waiting, None) };
        let name = (waiting.asker.by.clone(), key.key.clone());
        match self.keys.slots.get_mut(&name) {
            Some(Slot::Looking(queue)) => queue.push(waiting),
            Some(Slot::Held(held)) => {
                let held = *held;
                self.answer_keyed(waiting, Some(held));
            }
            None => {
                let found = self.stage.store().key_held(&name.0, &name.1);
                self.keys.slots.insert(name.clone(), Slot::Looking(vec![waiting]));
                self.lookups.push(found.map(move |found| (name, found)).boxed());
            }
        }
    }

    pub(super) fn key_found(&mut self, (name, found): (Name, Result<Option<KeyHeld>, StoreError>)) {
        let Some(Slot::Looking(queue)) = self.keys.slots.remove(&name) else { return };
        for waiting in queue {
            let held = match (self.keys.slots.get(&name), &found) {
                (Some(Slot::Held(held)), _) => Some(*held), // the one before it has just taken the key
                (_, Ok(held)) => *held,
                (_, Err(error)) => {
                    let error = OrderError::Store(error.to_string());
                    match waiting.reply {
                        WaitingReply::Order(reply) => drop(reply.send(Err(error))),
                        WaitingReply::Question(reply) => drop(reply.send(Some(Err(error)))),
                    }
                    continue;
                }
            };
            self.answer_keyed(waiting, held);
        }
    }

    fn answer_keyed(&mut self, waiting: Waiting, held: Option<KeyHeld>) {
        let Waiting { order, asker, reply } = waiting;
        let other_body = |held: &KeyHeld| asker.key.as_ref().is_some_and(|key| key.body_sha256 != held.body_sha256);
        match (held, reply, order) {
            (Some(held), WaitingReply::Order(reply), _) if other_body(&held) => {
                let _ = reply.send(Err(OrderError::KeyConflict(held.number)));
            }
            (Some(held), WaitingReply::Question(reply), _) if other_body(&held) => {
                let _ = reply.send(Some(Err(OrderError::KeyConflict(held.number))));
            }
            (Some(held), WaitingReply::Order(reply), _) => {
                let accepted = self.await_end(held.number);
                self.then(Some(held.number), Effect::Reply { reply, accepted });
            }
            (Some(held), WaitingReply::Question(reply), _) => {
                let _ = reply.send(Some(Ok(self.await_end(held.number))));
            }
            (None, WaitingReply::Order(reply), Some(order)) => self.submit(&order, asker, None, reply),
            (None, WaitingReply::Question(reply), _) => drop(reply.send(None)),
            (None, WaitingReply::Order(_), None) => {}
        }
    }

    /// One more who is told when a request ends; at once when it has.
    pub(super) fn await_end(&mut self, number: RequestNumber) -> Accepted {
        let (told, ended) = oneshot::channel();
        match self.open.get_mut(&number) {
            Some(open) => open.waiters.push(told),
            None => drop(told.send(())),
        }
        Accepted { number, ended }
    }

    fn submit(&mut self, order: &Order, asker: Asker, follower: Option<Follower>, reply: Reply) {
        let refused = match self.prepare(order) {
            Err(error) => Err(error),
            Ok(_) if asker.not_after.is_some_and(|until| until < Instant::now()) => Err(OrderError::TooLate),
            Ok(_) if self.open.len() >= self.rules.open_max => Err(OrderError::Overloaded),
            Ok(prepared) => match self.stage.trouble() {
                Some(error) => Err(OrderError::Store(error.to_string())),
                None => Ok(prepared),
            },
        };
        match refused.and_then(|prepared| self.accept(prepared, asker, follower, order.given_phone())) {
            Ok(number) => {
                let accepted = self.await_end(number);
                self.then(Some(number), Effect::Reply { reply, accepted });
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn prepare(&self, order: &Order) -> Result<Prepared, OrderError> {
        let origin = self.pool.first().copied().unwrap_or(AppDbid(0));
        let site = Site {
            router: &self.shared.router,
            mirror: &self.mirror,
            auto_completion_place: self.rules.auto_completion_place,
            origin,
        };
        let prepared = order.prepare(site)?;
        let message = CommDnMessage::new(origin, prepared.target, prepared.body.clone());
        for line in self.lines.values() {
            encode(&message, line)?;
        }
        Ok(prepared)
    }

    /// Takes up a request, writes its rows and gives it to the correlator. Whoever asked hears of it, and it goes out,
    /// once the rows are on the disk.
    pub(super) fn accept(
        &mut self,
        prepared: Prepared,
        asker: Asker,
        follower: Option<Follower>,
        raw: Option<&str>,
    ) -> Result<RequestNumber, OrderError> {
        let Prepared { body, target, advice, note, expires_at } = prepared;
        let kind = body.request_kind().unwrap_or(RequestKind::Status);
        let number = self.next_number();
        let (by_gateway, channel) = (asker.by_gateway, asker.channel);
        let record = RequestRecord {
            number,
            kind,
            pair: body.pair(),
            target,
            asked_by: asker.by.clone(),
            note,
            warnings: advice.iter().map(ToString::to_string).collect(),
            accepted_at: Self::utc(),
            steps: Vec::new(),
            draining: false,
            ended: None,
        };
        let durable = kind == RequestKind::DoNotCall;
        let deadline = match kind {
            RequestKind::DoNotCall | RequestKind::Status => None,
            RequestKind::CancelRecord => Some(self.rules.cancel_expires),
            _ => Some(self.rules.lane_wait),
        };
        if kind.is_mutating() {
            let origin = self.pool.first().copied().unwrap_or(AppDbid(0));
            let packed = CommDnMessage::new(origin, target, body.clone()).encode(&Dialect::default())?;
            let key = asker.key.map(|GivenKey { key, body_sha256 }| {
                self.keys.hold((asker.by.clone(), key.clone()), KeyHeld { number, body_sha256 });
                IdempotencyKey { subject: asker.by, key, body_sha256 }
            });
            let accept = Accept { record: record.clone(), body: packed, deadline, durable, key };
            self.stage.write(Some(number), Write::Accept(Box::new(accept)));
        }
        let open = Open { kind, since: self.now(), before: Duration::ZERO, waiters: Vec::new() };
        self.open.insert(number, open);
        self.followed.extend(follower.map(|follower| (number, Followed::new(follower))));
        tracing::debug!(request = %number, kind = kind.slug(), %target, "accepted");
        self.shared.metrics.accepted(kind);
        if let Message::DoNotCall(entry) = &body {
            self.shared.dnc.add(entry, expires_at);
            let entry = DncEntry {
                request: number,
                at: record.accepted_at,
                who: record.asked_by.clone(),
                channel,
                phone: entry.phone.clone(),
                customer: entry.customer_id.clone(),
                normalised: raw
                    .or_else(|| entry.phone.as_ref()?.reveal().as_str())
                    .and_then(|given| self.shared.phones.normalise(given)),
                raw: raw.map(Into::into).or_else(|| entry.phone.clone()),
                scope: entry.scope.as_ref().map(|scope| ChainAttr::to_text(scope).to_string()),
                note: record.note.clone(),
                message: None,
                tenant: None,
                campaign: None,
                list: None,
                expires_at,
                expected: self.expected(target),
            };
            self.stage.write(Some(number), Write::Dnc(Box::new(entry)));
            self.errands.begin(number, body.clone(), target, self.expected(target));
        }
        self.journal.accept(record);
        if !by_gateway {
            self.write_wish(number, kind);
        }
        self.wishes.opened(kind, number, self.place_of(number));
        self.then(Some(number), Effect::Accepted(number));
        // A cancel is not worth anything after its time; campaign requests have the correlator's own deadlines.
        let deadline = deadline.filter(|_| kind == RequestKind::CancelRecord);
        self.give(Input::Submit(Submission { id: RequestId(number.0), target, body, deadline, durable }));
        Ok(number)
    }

    /// A stop is wished until it is done; who starts or loads the pair again takes the wish back.
    fn write_wish(&mut self, number: RequestNumber, kind: RequestKind) {
        let Some((ocs, pair)) = self.place_of(number) else { return };
        match kind {
            RequestKind::Stop => {
                let wish = StopWish { ocs, pair, request: number, at: Self::utc() };
                self.stage.write(Some(number), Write::StopWished(wish));
                self.then(Some(number), Effect::Wish(wish));
            }
            RequestKind::Load | RequestKind::Start => {
                self.stage.write(Some(number), Write::StopDone { ocs, pair });
                self.then(Some(number), Effect::Unwish(ocs, pair));
            }
            _ => {}
        }
    }

    /// The OCSs that are to confirm a request for this target.
    pub(super) fn expected(&self, target: Target) -> Vec<AppDbid> {
        match target {
            Target::One(ocs) => vec![self.shared.router.ocs_of_member(ocs)],
            Target::Every => self.ocss.iter().map(|peer| peer.dbid).collect(),
        }
    }

    pub(super) fn dry_run(&self, order: &Order) -> Result<String, OrderError> {
        let prepared = self.prepare(order)?;
        let origin = self.pool.first().copied().unwrap_or(AppDbid(0));
        let message = CommDnMessage::new(origin, prepared.target, prepared.body);
        let ocss = &self.ocss;
        let peer = ocss.iter().find(|peer| prepared.target == Target::One(peer.dbid)).or(ocss.first());
        let Some((line, dn)) = peer.and_then(|peer| Some((self.lines.get(&peer.address.link)?, &peer.address.dn)))
        else {
            return Err(OrderError::Stopping);
        };
        let packed: Bytes = encode(&message, line)?;
        let tree = crate::wire::TkvList::decode(&packed, &line.dialect, Reading::Tolerant).unwrap_or_default();
        let block = logtext::Block::new(logtext::Head::tserver_request("RequestDistributeUserEvent"))
            .with("CommunicationDN", logtext::AttributeValue::Text(Text::from(&**dn)))
            .with("UserData", logtext::AttributeValue::list(tree));
        let mut text = Vec::new();
        logtext::write_block(&mut text, &block, &line.dialect, logtext::Style::Vendor)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    pub(super) fn standing(&self, number: RequestNumber) -> Option<Standing> {
        let record = self.journal.share(number)?;
        let mut standing = Standing { phase: "ended", ..Standing::of(record) };
        let record = &standing.record;
        if record.ended.is_some() {
            return Some(standing);
        }
        let view = self.requester.inspect(RequestId(number.0));
        // Without a view it has just ended, and its row is on its way to the disk.
        let (phase, waits_for) = view.as_ref().map_or(("settling", None), |view| phase_words(view.phase));
        let waited = self.open.get(&number).map_or(Duration::ZERO, |open| open.age(self.now()));
        let legs = || view.iter().flat_map(|view| &view.legs);
        let expects =
            view.as_ref().is_some_and(|view| matches!(view.phase, RequestPhase::Live | RequestPhase::Settling));
        let silent = expects && legs().all(|leg| leg.answer.is_none());
        standing.overdue = silent && record.kind != RequestKind::Unload && waited >= self.rules.answer;
        standing.suspect = legs().any(|leg| leg.suspect);
        standing.phase = phase;
        standing.waits_for = waits_for.map(str::to_owned);
        self.errand_standing(number, &mut standing);
        Some(standing)
    }
}

/// The name of a phase, and what a waiting request waits for.
fn phase_words(phase: RequestPhase) -> (&'static str, Option<&'static str>) {
    match phase {
        RequestPhase::Waiting(WaitsFor::Lane) => ("waiting", Some("an earlier request about the same subject")),
        RequestPhase::Waiting(WaitsFor::Address) => {
            ("waiting", Some("an application DBID on which it cannot be confused"))
        }
        RequestPhase::Waiting(WaitsFor::Link) => ("waiting", Some("the link to the T-Server")),
        RequestPhase::Live => ("live", None),
        RequestPhase::Checking => ("checking", None),
        RequestPhase::Settling => ("settling", None),
    }
}
