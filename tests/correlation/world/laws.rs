//! Rules 6, 10, 12, 13 and properties I3, I5, I11, I13, I14: what every frame that leaves is held against.

use commdn::{
    message::*,
    protocol::{correlate::Subject, requester::*},
};

use super::{
    plan::Verb,
    records::{Item, Sent},
    run::World,
    site,
};

/// Sends that one submission may cause at one OCS within one life of its gateway.
pub(super) const SENDS_MAX: usize = 4;
/// Wait for an answer.
pub(super) const TIMEOUT: u64 = 10_000;

impl World<'_> {
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
    pub(super) fn is_later(&self, one: u64, other: u64) -> bool {
        let order = |id: u64| self.plan.acts.iter().position(|act| act.verb == Verb::Submit && act.args[0] == id);
        order(one) > order(other)
    }

    /// Whether this stop or force unload has to wait for that request (rule 5), which is in its lane and has no outcome.
    pub(super) fn keeps_back(stop: &Item, other: &Item) -> bool {
        match stop.kind {
            RequestKind::ForceUnload => other.kind == RequestKind::ForceUnload,
            _ => matches!(other.kind, RequestKind::Stop | RequestKind::Unload | RequestKind::ForceUnload),
        }
    }

    /// I13, second half: while the link is up a stop or force unload has left, or a request of the kinds that it waits
    /// for is on the wire.
    pub(super) fn check_stops(&mut self, gateway: usize) {
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

    pub(super) fn same_lane(&self, one: &Item, other: &Item) -> bool {
        one.gateway == other.gateway && one.target == other.target && one.body.pair() == other.body.pair()
    }

    /// I13: at most one request is in its way, so nothing that it waits for may leave before it; but a force unload goes
    /// before a stop.
    pub(super) fn overtaken(&self, sent: &Sent) -> Option<u64> {
        let items = || sent.items.iter().filter_map(|id| self.items.get(id));
        self.urgent.iter().copied().find(|id| {
            let Some(item) = self.items.get(id) else { return false };
            let waits = item.ended.is_none() && item.sends.is_empty() && !sent.items.contains(id);
            let first = sent.kind == RequestKind::ForceUnload || sent.kind == item.kind;
            waits && !first && items().any(|it| self.same_lane(item, it) && Self::keeps_back(item, it))
        })
    }
}
