//! I1 and I2: what each answer of each OCS is held against.

use commdn::{
    message::*,
    protocol::{correlate::Subject, requester::*},
};

use super::{
    plan::D,
    records::{Cause, Item, Sent, Told},
    run::World,
    show::show,
    site,
};

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

    pub(super) fn count(&mut self, id: u64, outcome: &Outcome) {
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
    pub(super) fn sends_at(&self, id: u64, ocs: usize) -> Vec<usize> {
        let Some(item) = self.items.get(&id) else { return Vec::new() };
        let mut sends = item.sends.as_slice();
        if sends.is_empty() && item.kind == RequestKind::DoNotCall {
            let same = |sent: &&Sent| {
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
    pub(super) fn judge(
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

    pub(super) fn pool_of(&self, gateway: usize) -> u64 {
        if gateway == 0 { self.plan.settings.origins } else { 2 }
    }

    pub(super) fn is_own(&self, item: &Item, cause: Cause) -> bool {
        let Cause::Send(ix) = cause else { return false };
        let sent = &self.sends[ix];
        let joins = matches!(item.kind, RequestKind::DoNotCall | RequestKind::Status);
        let joined = joins && !sent.settling && sent.message.body == item.body;
        item.sends.contains(&ix) || (joined && sent.gateway == item.gateway)
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
