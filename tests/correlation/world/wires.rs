//! The T-Server and the network: every frame has its way, and every way may have its fault.

use std::borrow::Cow;

use bytes::Bytes;
use commdn::engine::Filtered;
use commdn::engine::fault::{self, Fate, Faults, Passing, Verdict};
use commdn::protocol::Time;
use commdn::{message::*, protocol::requester::*};

use super::{
    dice::mix,
    plan::{B, BUSY, D, Fault, Leg, Settings, Way},
    records::{Cause, Happening},
    run::World,
    site,
};

impl World<'_> {
    pub(super) fn travel(&mut self, gateway: usize, ix: usize, item: u64, message: CommDnMessage) {
        let (id, life, ocss) = (self.sends[ix].id, self.sends[ix].life, self.sends[ix].ocss.clone());
        let link = self.link_of(ocss[0]);
        let number = message.body.message_type().0 as u64;
        let (ack, fault) = self.way(Leg::Ack, gateway, ocss[0], number, (item, 0), Some(&message));
        match fault {
            Some(Fault::Drop) => {}
            Some(Fault::Fail(code)) => {
                self.push(ack, Happening::Ack { gateway, life, send: id, code: Some(code) });
                if code != 57 {
                    return; // it did not leave the T-Server
                }
            }
            Some(Fault::Late { late, .. }) => {
                self.push(ack + late, Happening::Ack { gateway, life, send: id, code: None });
            }
            _ => self.push(ack.min(5), Happening::Ack { gateway, life, send: id, code: None }),
        }
        self.seen_by_all(ocss[0], &message, Some(gateway));
        for ocs in ocss {
            if self.link_of(ocs) != link {
                continue; // the other T-Server carries its own frame
            }
            let (way, fault) = self.way(Leg::Up, gateway, ocs, number, (item, 0), Some(&message));
            let (late, refuse) = match fault {
                Some(Fault::Drop) => continue,
                Some(Fault::Late { late, .. }) => (late, None),
                Some(Fault::Refuse(code)) => (0, Some(code)),
                _ => (0, None),
            };
            let request = Happening::Request { cause: Cause::Send(ix), ocs, message: message.clone(), refuse };
            self.push(way + late, request);
        }
    }

    /// Everybody on the DN hears every request; its sender only with copies on.
    pub(super) fn seen_by_all(&mut self, ocs: usize, message: &CommDnMessage, sender: Option<usize>) {
        let link = self.link_of(ocs) as u32;
        for gateway in 0..self.gateways.len() {
            if sender != Some(gateway) || self.plan.settings.copies == 1 {
                self.push(1, Happening::Seen { gateway, link, message: message.clone() });
            }
        }
    }

    pub(super) fn double_most(&self) -> u64 {
        if self.plan.settings.beyond == 1 { 10_000 } else { D - self.plan.settings.steps }
    }

    /// How long a frame takes without its fault, and its fault.
    /// `age`: how long ago the request behind it was sent.
    pub(super) fn way(
        &mut self,
        leg: Leg,
        gateway: usize,
        ocs: usize,
        number: u64,
        (item, age): (u64, u64),
        message: Option<&CommDnMessage>,
    ) -> (u64, Option<Fault>) {
        let settings: &Settings = &self.plan.settings;
        let mut way = Way { leg, gateway: gateway as u64, ocs: ocs as u64, number, item, nth: 0 };
        let nth = self.nth.entry(way).or_default();
        way.nth = *nth;
        *nth += 1;
        let leg_number = leg as u64;
        let place = [leg_number, way.gateway, way.ocs, number, item, way.nth];
        let dice = |what: u64| mix(settings.seed, &[what, place[0], place[1], place[2], place[3], place[4], place[5]]);
        // What an OCS does hangs on the order in which it is asked, with and without us.
        let salt = if leg == Leg::Down { self.how.salt } else { 0 };
        let usual = if self.how.way > 0 { self.how.way } else { 2 + mix(dice(1), &[salt]) % settings.way };
        let scripted = self.faults.as_mut().map(|faults| judged(faults, self.now, &way, message));
        let fault = match scripted {
            Some(fault) => fault,
            None if self.how.double && leg == Leg::Down => {
                Some(Fault::Late { late: 0, double: Some(1 + dice(3) % self.double_most()) })
            }
            None if settings.faults == 0 || self.now > BUSY || dice(2) % settings.faults != 0 => None,
            None => {
                let gap = 1 + dice(3) % self.double_most();
                let late = if settings.beyond == 1 { dice(4) % 60_000 } else { dice(4) % 12_000 };
                // As late as it can be: the answer comes right before B.
                let edge = B.saturating_sub(age + settings.way + settings.steps + dice(5) % 2_000);
                Some(match (leg, dice(6) % 8) {
                    (Leg::Up, 0..=2) => Fault::Drop,
                    (Leg::Up, 3 | 4) => Fault::Late { late, double: None },
                    (Leg::Up, pick) => Fault::Refuse([10, 16, 2][(pick - 5) as usize]),
                    (Leg::Ack, 0..=4) => Fault::Drop,
                    (Leg::Ack, 5) => Fault::Late { late: late.min(12_000), double: None },
                    (Leg::Ack, 6) => Fault::Fail(54),
                    (Leg::Ack, _) => Fault::Fail(57),
                    (Leg::Down, 0..=1) => Fault::Drop,
                    (Leg::Down, 2) => Fault::Late { late, double: None },
                    (Leg::Down, 3) => Fault::Late { late: edge, double: None },
                    (Leg::Down, 4 | 5) => Fault::Late { late: 0, double: Some(gap) },
                    (Leg::Down, 6) => Fault::Late { late, double: Some(gap) },
                    (Leg::Down, _) => Fault::Late { late: edge, double: Some(gap) },
                })
            }
        };
        if let Some(fault) = fault {
            self.applied.insert(way, fault);
        }
        (usual, fault)
    }

    pub(super) fn deliver(&mut self, gateway: usize, told: usize) {
        let (ocs, message, cause) = (self.told[told].ocs, self.told[told].message.clone(), self.told[told].cause);
        let link = self.link_of(ocs);
        let there = &self.gateways[gateway];
        if !there.alive || !there.up[link] {
            return;
        }
        let ours = self.origin(gateway, 0).0;
        let count = if gateway == 0 { self.plan.settings.origins as i32 } else { 2 };
        let for_us = matches!(message.target, Target::One(AppDbid(dbid)) if (ours..ours + count).contains(&dbid));
        let from_ocs = site::OCS.contains(&message.origin) || message.origin == site::BACKUP;
        if let Cause::Send(ix) = cause
            && for_us
        {
            self.sends[ix].arrived = true;
        }
        let evidence = if self.evidence { Bytes::copy_from_slice(&(told as u64).to_be_bytes()) } else { Bytes::new() };
        let link = LinkId(link as u32);
        let event = Input::Event { link, dn: site::DN.into(), message, user_data: evidence };
        self.delivering = Some(told);
        let before = self.gateways[gateway].machine.counters();
        self.input(gateway, event, for_us && from_ocs);
        self.delivering = None;
        if let Cause::Send(ix) = cause
            && for_us
            && self.plan.settings.beyond == 1
        {
            self.check_counted(ix, ocs, before);
        }
    }
}

/// One frame on its way, as far as faults ask.
struct OnWay<'a> {
    way: &'a Way,
    gateway: String,
    ocs: AppDbid,
    is_ack: bool,
}

impl Filtered for OnWay<'_> {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "link" => vec![Cow::from(&self.gateway)],
            "ocs" => vec![Cow::from(self.ocs.to_string())],
            "request" => vec![Cow::from(self.way.item.to_string())],
            "type" => {
                let kind = MessageType(self.way.number as i32);
                let ack = self.is_ack.then_some(Cow::from("EventACK"));
                [Cow::from(kind.to_string())].into_iter().chain(ack).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What the rules of a plan do on a way.
fn judged(faults: &mut Faults, now: u64, way: &Way, message: Option<&CommDnMessage>) -> Option<Fault> {
    let ocs = site::OCS[way.ocs as usize];
    let on_way = |is_ack| OnWay { way, gateway: format!("gateway{}", way.gateway), ocs, is_ack };
    let mut judge = |frame: &OnWay<'_>, client: &str, dbids: &[AppDbid], to: fault::Way| {
        let is_ocs = !dbids.is_empty();
        let passing = Passing { client, dbids, is_ocs, way: to, message, fields: frame };
        faults.judge(Time::from_millis(now), &passing)
    };
    let frame = on_way(way.leg == Leg::Ack);
    let verdict = match way.leg {
        Leg::Up => judge(&frame, "ocs", &[ocs, site::BACKUP], fault::Way::Down),
        Leg::Down => judge(&frame, &frame.gateway, &[], fault::Way::Down),
        Leg::Ack => {
            let refused = judge(&on_way(false), &frame.gateway, &[], fault::Way::Up);
            let acked = judge(&frame, &frame.gateway, &[], fault::Way::Down);
            if refused == Verdict::default() { acked } else { refused }
        }
    };
    match verdict {
        Verdict { fate: Fate::Drop, .. } => Some(Fault::Drop),
        Verdict { fate: Fate::Refuse(code), .. } => Some(Fault::Refuse(code.0 as u64)),
        Verdict { fate: Fate::Fail(code), .. } => Some(Fault::Fail(code.0 as u64)),
        Verdict { struck, .. } if struck.is_empty() => None,
        Verdict { delay, copies, .. } => {
            let millis = |length: &std::time::Duration| length.as_millis() as u64;
            Some(Fault::Late { late: millis(&delay), double: copies.first().map(millis) })
        }
    }
}
