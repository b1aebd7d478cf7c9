//! The properties I1 to I14, and the rules about addresses, held against what the oracle knows.

use std::collections::BTreeMap;

use commdn::{
    message::*,
    protocol::{correlate::Subject, requester::*},
};

use super::{
    plan::{B, BUSY, D},
    run::{Cause, Item, Sent, Told, World, show},
    site,
};

/// Sends that one submission may cause at one OCS within one life of its gateway.
const SENDS_MAX: usize = 4;
/// Questions that settling may ask for one submission: after 1, 2, 4 ... seconds, until sent + B, and as often again
/// when its link was lost.
const QUESTIONS_MAX: usize = 12;
/// Wait for an answer.
const TIMEOUT: u64 = 10_000;

impl World<'_> {
    /// I1 and I2.
    pub fn check_outcome(&mut self, id: u64, outcome: Outcome) {
        self.count(id, &outcome);
        for answer in outcome.answers() {
            self.check_answer(id, answer);
        }
        let now = self.now;
        self.last_outcome = now;
        let Some(item) = self.items.get_mut(&id) else {
            return self.fail("I1", format!("request {id} was never submitted"));
        };
        if item.ended.replace(now).is_some() || item.gone {
            return self.fail("I1", format!("request {id} ended twice"));
        }
        item.outcome = Some(outcome);
        let gateway = item.gateway;
        if let Some(row) = self.gateways[gateway].journal.get_mut(&id) {
            row.ended = true;
        }
    }

    fn count(&mut self, id: u64, outcome: &Outcome) {
        let Some(item) = self.items.get(&id) else { return };
        let waited = (self.now + self.gateways[item.gateway].ahead).saturating_sub(item.submitted);
        self.tally.longest_wait = self.tally.longest_wait.max(waited);
        match outcome {
            Outcome::Unknown { .. } => self.tally.unknown += 1,
            Outcome::Refused { by: RefusedBy::Ocs { .. }, .. } => self.tally.resolved += 1,
            Outcome::Refused { .. } => self.tally.unsent += 1,
            Outcome::Answered { .. } | Outcome::Partial { .. } | Outcome::Mixed { .. } => {
                self.tally.resolved += 1;
                self.tally.dnc += u64::from(item.kind == RequestKind::DoNotCall);
            }
        }
    }

    /// I2: one answer of one OCS, held against the event that decided it.
    pub fn check_answer(&mut self, id: u64, answer: &OcsAnswer) {
        if matches!(answer.result, AnswerResult::Silent | AnswerResult::NotSent) || answer.why == Why::Expired {
            return;
        }
        let Some(told) = answer.frame.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes) as usize) else {
            return;
        };
        let Some(item) = self.items.get(&id) else { return };
        let ocs = usize::from(answer.ocs == site::OCS[1]);
        let last = self.sends_at(id, ocs).last().copied();
        let verdict = self.judge(item, answer, ocs, last, &self.told[told]);
        let cause = self.told[told].cause;
        // What the answer leaves behind on its address.
        if let Some(last) = last
            && matches!(answer.why, Why::Exact | Why::SoleCandidate)
            && !self.sends[last].answered[ocs]
        {
            let now = self.now + self.gateways[self.sends[last].gateway].ahead;
            let alone = self.sends_at(id, ocs).len() <= 1;
            let covered = match (&self.told[told].message.body, &self.sends[last].message.body) {
                (Message::DoNotCallProcessed(answer), Message::DoNotCall(entry)) => {
                    answer.do_not_call.as_ref().is_some_and(|told| Subject::of_entry(told) == Subject::of_entry(entry))
                }
                _ => false,
            };
            let echo = self.gateways[self.sends[last].gateway].machine.echo_of(answer.ocs).unwrap_or_default();
            let named = echo.names_subject(RequestKind::DoNotCall);
            let sent = &mut self.sends[last];
            sent.answered[ocs] = true;
            sent.free[ocs] = if covered && alone && named { now } else { now + D };
        }
        if answer.why == Why::DncProof
            && self.sends_at(id, ocs).len() <= 1
            && let Some(last) = last
        {
            self.sends[last].free[ocs] = self.now + self.gateways[self.sends[last].gateway].ahead;
        }
        if cause == Cause::Nobody {
            let known = self.items.get(&id).and_then(|item| self.gateways[item.gateway].notified[ocs]);
            if let Some(last) = last.filter(|_| answer.why != Why::ByStatus) {
                // It took the place of the answer to the request.
                self.sends[last].looked_alike |= known.is_none_or(|known| self.sends[last].world_at < known);
            }
        }
        if let (Cause::Send(ix), Some(last)) = (cause, last)
            && self.sends[ix].looked_alike
            && !self.items.get(&id).is_some_and(|item| self.is_own(item, cause))
        {
            // The answer that the look-alike has set free took the place of the next one.
            self.sends[last].looked_alike = true;
        }
        match verdict {
            Ok(false) => {}
            Ok(true) => self.tally.look_alikes += 1,
            Err(why) => {
                let told = &self.told[told];
                let text = format!(
                    "request {id} was taken as {} ({}) by {}, told because of {:?}: {why}",
                    answer.result.slug(),
                    answer.why.slug(),
                    show(&told.message),
                    told.cause
                );
                if self.plan.settings.beyond == 1 {
                    self.tally.misattributed += 1;
                    if let Some(item) = self.items.get_mut(&id) {
                        item.misattributed_at[ocs] = true;
                    }
                } else {
                    self.tally.misattributed += 1;
                    self.fail("I2", text);
                }
            }
        }
    }

    /// The question that this status could answer.
    pub fn question(&self, ocs: usize, told: &CommDnMessage) -> Option<usize> {
        self.sends.iter().rposition(|sent| {
            sent.kind == RequestKind::Status
                && sent.ocss.contains(&ocs)
                && Target::One(sent.message.origin) == told.target
                && sent.message.body.pair() == told.body.pair()
        })
    }

    /// The sends of a submission to one OCS; who joined on the wire shares those of the first.
    fn sends_at(&self, id: u64, ocs: usize) -> Vec<usize> {
        let Some(item) = self.items.get(&id) else { return Vec::new() };
        let mut sends = item.sends.as_slice();
        if sends.is_empty() && item.kind == RequestKind::DoNotCall {
            let same = |sent: &&super::run::Sent| {
                let first = sent.items.first().and_then(|first| self.items.get(first));
                sent.gateway == item.gateway
                    && sent.message.body == item.body
                    && first.is_some_and(|first| first.target == item.target)
            };
            let first = self.sends.iter().rev().find(same).and_then(|sent| sent.items.first());
            sends = first.and_then(|first| self.items.get(first)).map_or(sends, |first| first.sends.as_slice());
        }
        sends.iter().copied().filter(|ix| self.sends[*ix].ocss.contains(&ocs)).collect()
    }

    /// `Ok(true)`: by a look-alike.
    fn judge(
        &self,
        item: &Item,
        answer: &OcsAnswer,
        ocs: usize,
        last: Option<usize>,
        told: &Told,
    ) -> Result<bool, &'static str> {
        let event = &told.message.body;
        let refused = answer.result == AnswerResult::Refused;
        if told.ocs != ocs {
            return Err("another OCS told it");
        }
        if told.cause == Cause::Stray {
            return Err("no OCS told us that");
        }
        let same_pair = event.pair().is_some() && event.pair() == item.body.pair();
        match answer.why {
            Why::Expired => return Ok(false),
            Why::ByState => {
                let unloads = matches!(item.kind, RequestKind::Unload | RequestKind::ForceUnload);
                let gone = event.pair_event().is_some_and(|event| event.status == Some(GroupCampStatus::NOT_LOADED));
                return if same_pair && unloads && gone { Ok(false) } else { Err("it is not true of the state") };
            }
            Why::ByStatus => {
                let sent = last.map_or(0, |last| self.sends[last].world_at);
                if !same_pair || !in_effect(&item.body, event) {
                    return Err("that status is not what was asked for");
                }
                if told.at < sent {
                    // I2: "or why = by status (true of the state)": OCS did say so. Only of the first look-alike, which
                    // nothing tells from an answer; once it is known to do so no older status may settle (rule 10).
                    let known = self.gateways[item.gateway].notified[ocs];
                    let first = match told.cause {
                        Cause::Nobody => known.is_none_or(|known| {
                            self.question(told.ocs, &told.message).is_none_or(|ix| self.sends[ix].world_at < known)
                        }),
                        Cause::Send(ix) => self.sends[ix].looked_alike,
                        _ => false,
                    };
                    return if first { Ok(true) } else { Err("that status is older than the request") };
                }
                return Ok(false);
            }
            Why::DncProof => {
                let listed = Subject::of(&item.body).is_some_and(|subject| self.listed.contains(&(ocs, subject)));
                return if listed { Ok(false) } else { Err("the entry is in no list") };
            }
            Why::Exact | Why::SoleCandidate | Why::ByRepeat => {}
        }
        // I2: "or the first look-alike of an OCS at N = 1": it ended a request whose own CM_EvError was still to come. With
        // N > 1 that one has left a shadow for it (rule 6), so there it is wrong.
        if let Cause::Send(ix) = told.cause
            && refused
            && self.sends[ix].looked_alike
            && self.pool_of(item.gateway) == 1
            && !self.is_own(item, told.cause)
        {
            return Ok(true);
        }
        if item.kind == RequestKind::Status {
            let fits = same_pair && matches!(event, Message::CampaignStatus(_) | Message::ErrorEvent(_));
            // What is observed is true of the pair, whoever asked; an error must be its own.
            if !fits || (refused && !self.is_own(item, told.cause) && !is_fact(event)) {
                let own = self.is_own(item, told.cause);
                return if own { Ok(false) } else { Err("a read of another pair, or another's error") };
            }
            return Ok(false);
        }
        if event.message_type() != item.kind.answer() && event.message_type() != MessageType(27) {
            return Err("such an event never answers it");
        }
        if self.is_own(item, told.cause) {
            if let (Cause::Send(ix), Some(last), true) = (told.cause, last, refused)
                && item.kind == RequestKind::DoNotCall
                && ix != last
                && item.sends.contains(&last)
            {
                return Err("the refusal of an earlier send");
            }
            return Ok(false);
        }
        if is_fact(event) && same_pair {
            return Ok(false);
        }
        let true_of_state = !refused && same_pair && is_true_of_state(&item.body, event);
        match told.cause {
            Cause::Nobody if true_of_state => Ok(true),
            Cause::Send(ix) if true_of_state && self.sends[ix].looked_alike && self.pool_of(item.gateway) == 1 => {
                Ok(true)
            }
            _ if event.do_not_call().is_some()
                && event.message_type() == MessageType(33)
                && Subject::of(&item.body) == event.do_not_call().map(Subject::of_entry)
                && !refused =>
            {
                Ok(false) // as good as a proof: the entry is in the list
            }
            Cause::Nobody => Err("nobody had asked, and it is not true of the state"),
            Cause::Send(_) => Err("it answers another request"),
            Cause::Foreign => Err("it answers another application"),
            Cause::Forged => Err("it answers a forged request"),
            Cause::Stray => Err("no OCS told us that"),
        }
    }

    fn pool_of(&self, gateway: usize) -> u64 {
        if gateway == 0 { self.plan.settings.origins } else { 2 }
    }

    fn is_own(&self, item: &Item, cause: Cause) -> bool {
        let Cause::Send(ix) = cause else { return false };
        let sent = &self.sends[ix];
        let joins = matches!(item.kind, RequestKind::DoNotCall | RequestKind::Status);
        let joined = joins && !sent.settling && sent.message.body == item.body;
        item.sends.contains(&ix) || (joined && sent.gateway == item.gateway)
    }

    /// Rules 6, 12, 13 and properties I5, I11, I14, at every send.
    pub fn check_send(&mut self, ix: usize) {
        let sent = &self.sends[ix];
        let (gateway, kind, at) = (sent.gateway, sent.kind, sent.at);
        let origin = sent.message.origin;
        if !kind.is_mutating() {
            return;
        }
        let mut wrong: Option<(&'static str, String)> = None;
        if kind != RequestKind::DoNotCall && self.gateways[gateway].alarmed.contains(&origin) {
            wrong = Some(("I3", format!("{kind:?} goes out with the alarmed DBID {origin}")));
        }
        if let Some(id) = self.overtaken(sent) {
            wrong = Some(("I13", format!("{kind:?} of {:?} leaves before stop {id}", sent.items)));
        }
        let urgent = matches!(kind, RequestKind::Stop | RequestKind::ForceUnload);
        for ocs in &sent.ocss {
            let echo = self.gateways[gateway].machine.echo_of(site::OCS[*ocs]).unwrap_or_default();
            for other in self.at_place.get(&(gateway, origin, *ocs)).into_iter().flatten() {
                let earlier = &self.sends[*other];
                if urgent || at >= earlier.free[*ocs] || echo.reference == Proof::Proved {
                    continue;
                }
                let confusable = if !kind.is_campaign_control() {
                    earlier.kind == kind && (!echo.names_subject(kind) || earlier.subject == sent.subject)
                } else if earlier.subject != sent.subject {
                    false
                } else {
                    let same = earlier.message.body.dialing().agrees(&sent.message.body.dialing());
                    !earlier.answered[*ocs] || (earlier.kind.answer() == kind.answer() && same)
                };
                if confusable {
                    let text = format!(
                        "send {} ({kind:?}) goes out on {origin} where events of send {} ({:?}) may come for {} ms more",
                        sent.id.0,
                        earlier.id.0,
                        earlier.kind,
                        earlier.free[*ocs] - at
                    );
                    wrong = wrong.or(Some(("rule 12", text)));
                }
            }
            // I5.
            let live = self.items.iter().filter(|(id, other)| {
                other.gateway == gateway
                    && other.ended.is_none()
                    && other.kind == kind
                    && !sent.items.contains(id)
                    && Subject::of(&other.body).as_ref() == Some(&sent.subject)
            });
            for (id, other) in live {
                let on_wire = other.sends.iter().rev().find(|ix| self.sends[**ix].ocss.contains(ocs));
                if let Some(wire) = on_wire
                    && !self.sends[*wire].items.iter().any(|item| sent.items.contains(item))
                    && !self.sends[*wire].answered[*ocs]
                {
                    wrong = wrong.or(Some(("I5", format!("{kind:?} of {id} is live in the lane of {:?}", sent.items))));
                }
            }
            for id in &sent.items {
                let Some(item) = self.items.get(id) else { continue };
                let before: Vec<usize> =
                    item.sends.iter().copied().filter(|ix| self.sends[*ix].ocss.contains(ocs)).collect();
                let once = matches!(kind, RequestKind::Load | RequestKind::Start);
                if before.iter().any(|ix| once && self.sends[*ix].free[*ocs] > self.sends[*ix].at) {
                    wrong = wrong.or(Some(("I11", format!("{kind:?} of {id} is sent twice"))));
                }
                if kind == RequestKind::CancelRecord && !before.is_empty() {
                    wrong = wrong.or(Some(("rule 10", format!("the cancel of {id} is sent twice"))));
                }
                let same_life = before.iter().filter(|ix| self.sends[**ix].life == sent.life);
                let gap = before.last().map(|ix| at - self.sends[*ix].at);
                if gap.is_some_and(|gap| gap < TIMEOUT) || same_life.count() >= SENDS_MAX {
                    wrong = wrong.or(Some(("I14", format!("{kind:?} of {id} is repeated after {gap:?} ms"))));
                }
                if matches!(kind, RequestKind::Load | RequestKind::Start | RequestKind::SetMode) {
                    let later = self.items.iter().find(|(other, it)| {
                        *other != id
                            && it.gateway == gateway
                            && it.target == item.target
                            && it.life == item.life
                            && matches!(it.kind, RequestKind::Stop | RequestKind::ForceUnload)
                            && it.body.pair() == item.body.pair()
                            && self.is_later(**other, *id)
                            && it
                                .outcome
                                .as_ref()
                                .is_none_or(|end| !matches!(end, Outcome::Refused { by: RefusedBy::Overloaded(_), .. }))
                    });
                    if let Some((other, _)) = later {
                        wrong = wrong.or(Some(("rule 5", format!("{kind:?} of {id} goes out behind stop {other}"))));
                    }
                }
            }
        }
        if let Some((property, text)) = wrong {
            self.fail(property, text);
        }
    }

    /// Submitted later; of the same moment, what the schedule names later.
    fn is_later(&self, one: u64, other: u64) -> bool {
        let order =
            |id: u64| self.plan.acts.iter().position(|act| act.verb == super::plan::Verb::Submit && act.args[0] == id);
        order(one) > order(other)
    }

    /// Whether this stop or force unload has to wait for that request (rule 5), which is in its lane and has no outcome.
    fn keeps_back(stop: &Item, other: &Item) -> bool {
        match stop.kind {
            RequestKind::ForceUnload => other.kind == RequestKind::ForceUnload,
            _ => matches!(other.kind, RequestKind::Stop | RequestKind::Unload | RequestKind::ForceUnload),
        }
    }

    /// I13, second half: while the link is up a stop or force unload has left, or a request of the kinds that it waits
    /// for is on the wire.
    fn check_stops(&mut self, gateway: usize) {
        let there = &self.gateways[gateway];
        if !there.alive || !there.alarmed.is_empty() || self.plan.settings.small == 1 {
            return;
        }
        let stuck = self.urgent.iter().copied().find(|id| {
            let Some(item) = self.items.get(id) else { return false };
            let Target::One(ocs) = item.target else { return false };
            let up = there.up[self.link_of(usize::from(ocs == site::OCS[1]))];
            let waits = item.gateway == gateway && item.ended.is_none() && item.sends.is_empty() && up;
            let live = |(other, it): (&u64, &Item)| {
                other != id && it.ended.is_none() && !it.sends.is_empty() && self.same_lane(item, it)
            };
            waits && !self.items.iter().any(|it| live(it) && Self::keeps_back(item, it.1))
        });
        if let Some(id) = stuck {
            self.fail("I13", format!("nothing is in the way of stop {id}, but it did not leave"));
        }
        let items = &self.items;
        self.urgent.retain(|id| items.get(id).is_some_and(|item| item.ended.is_none() && item.sends.is_empty()));
    }

    fn same_lane(&self, one: &Item, other: &Item) -> bool {
        one.gateway == other.gateway && one.target == other.target && one.body.pair() == other.body.pair()
    }

    /// I13: at most one request is in its way, so nothing that it waits for may leave before it; but a force unload goes
    /// before a stop.
    fn overtaken(&self, sent: &Sent) -> Option<u64> {
        let items = || sent.items.iter().filter_map(|id| self.items.get(id));
        self.urgent.iter().copied().find(|id| {
            let Some(item) = self.items.get(id) else { return false };
            let waits = item.ended.is_none() && item.sends.is_empty() && !sent.items.contains(id);
            let first = sent.kind == RequestKind::ForceUnload || sent.kind == item.kind;
            waits && !first && items().any(|it| self.same_lane(item, it) && Self::keeps_back(item, it))
        })
    }

    /// I7, I10, I13 and the counters, after every input.
    pub fn check_step(&mut self, gateway: usize, ended: &[u64]) {
        if !self.urgent.is_empty() {
            self.check_stops(gateway);
        }
        let machine = &self.gateways[gateway].machine;
        let (sizes, settings) = (machine.sizes(), &self.plan.settings);
        let (shadows, requests, own) = if settings.small == 1 { (24, 12, 6) } else { (10_000, 1_000, 10_000) };
        // What the journal held is no orphan: its shadows are laid whatever the limit, and nothing is sent beyond it.
        let shadows = shadows.max(self.gateways[gateway].restored);
        if sizes.shadows > shadows || sizes.requests > requests || sizes.own_frames > own {
            self.fail("I7", format!("beyond the limits: {sizes:?}"));
        }
        let counters = self.gateways[gateway].machine.counters();
        let sum = counters.answers
            + counters.unasked
            + counters.late
            + counters.ambiguous
            + counters.not_addressed
            + counters.own_copies
            + counters.forged
            + counters.foreign;
        if sum != counters.events {
            self.fail("I12", format!("an event was not counted: {counters:?}"));
        }
        for (n, one) in ended.iter().enumerate() {
            for other in &ended[n + 1..] {
                let (Some(a), Some(b)) = (self.items.get(one), self.items.get(other)) else { continue };
                let shared = a.sends.last().is_some() && a.sends.last() == b.sends.last() && a.kind == b.kind;
                let left = |item: &Item| {
                    matches!(
                        item.outcome,
                        Some(
                            Outcome::Unknown { reason: UnknownReason::Deadline, .. }
                                | Outcome::Refused { by: RefusedBy::NotSent(_), .. }
                        )
                    )
                };
                if shared && !left(a) && !left(b) && a.outcome != b.outcome {
                    let text = format!("{one} and {other} shared a request but not its outcome");
                    return self.fail("I10", text);
                }
            }
        }
    }

    /// I1, I6, I13 and I14 when everything has come to rest.
    pub fn check_end(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let open: Vec<u64> =
            self.items.iter().filter(|(_, item)| item.ended.is_none() && !item.gone).map(|(id, _)| *id).collect();
        if !open.is_empty() {
            return self.fail("I1", format!("requests without an outcome: {open:?}"));
        }
        for gateway in 0..self.gateways.len() {
            let sizes = self.gateways[gateway].machine.sizes();
            if self.gateways[gateway].alive && sizes != Sizes::default() {
                return self.fail("I6", format!("something is left: {sizes:?}"));
            }
        }
        self.check_questions();
        self.check_lanes_held();
    }

    /// I14: settling asks more and more seldom, and no longer than its request is settled.
    fn check_questions(&mut self) {
        let mut asked: BTreeMap<(usize, u32, usize, Option<Pair>), usize> = BTreeMap::new();
        for sent in self.sends.iter().filter(|sent| sent.settling) {
            *asked.entry((sent.gateway, sent.life, sent.ocss[0], sent.message.body.pair())).or_default() += 1;
        }
        for ((gateway, life, ocs, pair), questions) in asked {
            let target = Target::One(site::OCS[ocs]);
            let settled = self.items.values().filter(|item| {
                let there = item.gateway == gateway && item.life <= life && item.target == target;
                there && item.kind.is_mutating() && item.body.pair() == pair
            });
            let most: usize = settled
                .map(|item| if item.kind == RequestKind::Unload { 2 * QUESTIONS_MAX } else { QUESTIONS_MAX })
                .sum();
            if questions > most {
                return self.fail("I14", format!("{questions} questions about {pair:?}, {most} at most were expected"));
            }
        }
    }

    /// I13, first half: its kind's deadline and B from the first send on, or from when the faults are healed; where rule
    /// 10 does not believe a status before B and D, that, and time for one question. A do-not-call may have all its
    /// repeats before it, each of which may have to wait for the shadow of the one before, and where the echo is not
    /// proved (rule 12) for its turn among the others of its kind.
    fn check_lanes_held(&mut self) {
        let healed = BUSY + B + D + if self.plan.settings.beyond == 1 { 60_000 } else { 0 };
        let held = self.items.iter().find(|(_, item)| {
            let Some(first) = item.sends.first().map(|ix| &self.sends[*ix]) else { return false };
            let Some(ended) = item.ended else { return false };
            let limit = match item.kind {
                RequestKind::Unload => 2 * 330_000,
                RequestKind::DoNotCall => SENDS_MAX as u64 * (TIMEOUT + B + D) * self.turns(item),
                _ => TIMEOUT + B + D,
            };
            ended > first.world_at.max(healed) + limit + 1
        });
        if let Some((id, item)) = held {
            let text = format!("request {id} ({:?}) held its lane until {:?}", item.kind, item.ended);
            self.fail("I13", text);
        }
    }

    /// How many do-not-calls share the addresses of this one.
    fn turns(&self, item: &Item) -> u64 {
        let ocss: Vec<usize> =
            (0..2).filter(|ocs| [Target::Every, site::OCS[*ocs].into()].contains(&item.target)).collect();
        let machine = &self.gateways[item.gateway].machine;
        let named = |ocs: &usize| {
            machine.echo_of(site::OCS[*ocs]).is_some_and(|echo| echo.names_subject(RequestKind::DoNotCall))
        };
        if ocss.iter().all(named) {
            return 1;
        }
        let beside = |it: &&Item| {
            let same = it.gateway == item.gateway && it.kind == RequestKind::DoNotCall && !it.sends.is_empty();
            same && it.ended.is_none_or(|ended| Some(ended) > item.sends.first().map(|ix| self.sends[*ix].world_at))
        };
        self.items.values().filter(beside).count().max(1) as u64
    }

    /// I12: another's frame has ended a request; now comes its own. Either that is counted, or it is taken in turn for
    /// the answer to a third one, and the same holds for that.
    pub fn check_counted(&mut self, ix: usize, ocs: usize, before: Counters) {
        let sent = &self.sends[ix];
        let wrong = |id: &u64| self.items.get(id).is_some_and(|item| item.misattributed_at[ocs]);
        if !sent.items.iter().any(wrong) || self.gateways[sent.gateway].life != sent.life {
            return;
        }
        let now = self.gateways[sent.gateway].machine.counters();
        let noticed = |of: Counters| of.late + of.unasked + of.ambiguous;
        if noticed(now) == noticed(before) && now.outcomes == before.outcomes && now.sends == before.sends {
            let text =
                format!("the answer to send {} came after another had ended its request, and no counter rose", ix);
            self.fail("I12", text);
        }
    }
}

/// CM_EvError with ids and code 3, 8 or 9: true of the pair, whoever asked.
fn is_fact(event: &Message) -> bool {
    matches!(event, Message::ErrorEvent(error)
        if error.pair().is_some() && error.error.is_some_and(|code| matches!(code.0, 3 | 8 | 9)))
}

/// The table of rule 3, written down a second time.
fn is_true_of_state(request: &Message, event: &Message) -> bool {
    let (Some(kind), Some(told)) = (request.request_kind(), event.pair_event()) else { return false };
    let status = told.status.map(|status| status.0);
    let state = match kind {
        RequestKind::Load => matches!(status, None | Some(3 | 4)),
        RequestKind::Unload | RequestKind::ForceUnload => matches!(status, None | Some(0)),
        RequestKind::Start | RequestKind::SetMode => matches!(status, None | Some(5)),
        RequestKind::Stop => matches!(status, None | Some(3 | 4)),
        _ => false,
    };
    kind.answer() == event.message_type() && state && request.dialing().agrees(&told.dialing)
}

/// The table of rule 10, written down a second time.
fn in_effect(request: &Message, event: &Message) -> bool {
    let (Some(kind), Message::CampaignStatus(told)) = (request.request_kind(), event) else { return false };
    let Some(status) = told.0.status.map(|status| status.0) else { return false };
    match kind {
        RequestKind::Load => (3..=5).contains(&status),
        RequestKind::Start | RequestKind::SetMode => status == 5 && request.dialing().agrees(&told.0.dialing),
        RequestKind::Stop => matches!(status, 0 | 3 | 4),
        RequestKind::Unload | RequestKind::ForceUnload => status == 0,
        _ => false,
    }
}
