//! I6, I7, I10, I12 and what of I1, I13 and I14 shows when all has come to rest.

use std::collections::BTreeMap;

use commdn::{message::*, protocol::requester::*};

use super::{
    laws::{SENDS_MAX, TIMEOUT},
    plan::{B, BUSY, D},
    records::Item,
    run::World,
    site,
};

/// Questions that settling may ask for one submission: after 1, 2, 4 ... seconds, until sent + B, and as often again
/// when its link was lost.
const QUESTIONS_MAX: usize = 12;

impl World<'_> {
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
    pub(super) fn check_questions(&mut self) {
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
    pub(super) fn check_lanes_held(&mut self) {
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
    pub(super) fn turns(&self, item: &Item) -> u64 {
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
        let noticed = |of: Counters| of.late + of.unasked + of.ambiguous + of.answers;
        if noticed(now) == noticed(before) {
            let text = format!("the answer to send {ix} came after another had ended its request, and no counter rose");
            self.fail("I12", text);
        }
    }
}
