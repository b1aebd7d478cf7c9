//! What happens from outside: submissions, mishaps, other applications.

use std::time::Duration;

use commdn::{engine::ocs, message::*, protocol::requester::*};

use super::{
    dice::mix,
    plan::{Act, B, D, Verb},
    records::{Cause, Happening, Item, Row, Told},
    run::World,
    site,
};

impl World<'_> {
    pub(super) fn act(&mut self, act: &Act) {
        self.note(|| format!("act  {:?} {:?}", act.verb, act.args));
        let a = &act.args;
        let size = |n: u64| n as usize;
        match act.verb {
            Verb::Submit => self.submit(a),
            Verb::Cut => self.cut(size(a[0]), size(a[1]), a[2]),
            Verb::Switchover => {
                let most = self.double_most();
                let link = size(a[0]);
                let on_way: Vec<_> = self
                    .queue
                    .iter()
                    .filter_map(|((at, _), happening)| match happening {
                        Happening::Event { gateway, told, single: true } => Some((*at, *gateway, *told)),
                        _ => None,
                    })
                    .filter(|(_, _, told)| self.link_of(self.told[*told].ocs) == link)
                    .collect();
                for happening in self.queue.values_mut() {
                    if let Happening::Event { single, .. } = happening {
                        *single = false;
                    }
                }
                for (at, gateway, told) in on_way {
                    let gap = 1 + mix(self.plan.settings.seed, &[5, at, told as u64]) % most;
                    self.push(at - self.now + gap, Happening::Event { gateway, told, single: false });
                }
                for gateway in 0..self.gateways.len() {
                    self.cut(gateway, link, 1);
                }
            }
            Verb::Restart => self.restart(size(a[0]), a[1]),
            Verb::Step => {
                self.gateways[size(a[0])].ahead += a[1];
                if self.gateways[size(a[0])].alive {
                    self.input(size(a[0]), Input::Timer, true);
                }
            }
            Verb::Foreign => {
                let message = CommDnMessage::new(site::FOREIGN, site::OCS[size(a[0])], site::request(a[1], a[2], a[3]));
                self.seen_by_all(size(a[0]), &message, None);
                self.push(5, Happening::Request { cause: Cause::Foreign, ocs: size(a[0]), message, refuse: None });
            }
            Verb::Forge => {
                let origin = self.origin(size(a[0]), a[1]);
                let ocs = size(a[2]);
                // A forgery that is not heard cannot be told from an answer.
                let there = &self.gateways[size(a[0])];
                let message = CommDnMessage::new(origin, site::OCS[ocs], site::request(a[3], a[4], a[5]));
                // Nor can one that repeats a frame of ours to the letter: it passes for the copy of that.
                let life = if message.body.request_kind() == Some(RequestKind::Unload) { 332_000 } else { B + D };
                let ours = self.sends.iter().any(|sent| {
                    (sent.message.origin, sent.message.target) == (origin, message.target)
                        && sent.message.body == message.body
                        && sent.at + life >= self.now
                });
                if there.alive && there.up[self.link_of(ocs)] && self.plan.settings.small == 0 && !ours {
                    self.seen_by_all(ocs, &message, None);
                    self.push(5, Happening::Request { cause: Cause::Forged, ocs, message, refuse: None });
                }
            }
            Verb::Stranger => {
                let origin = self.origin(size(a[0]), a[1]);
                let body = site::answer_like(a[3], a[4], a[5]);
                let message = match a[2] {
                    0 => CommDnMessage::new(site::STRANGER, origin, body),
                    1 => CommDnMessage::new(site::OCS[0], Target::Every, body),
                    _ => CommDnMessage::new(site::OCS[0], site::FOREIGN, body),
                };
                let at = self.now;
                self.told.push(Told { cause: Cause::Stray, ocs: 0, at, message });
                self.push(1, Happening::Event { gateway: size(a[0]), told: self.told.len() - 1, single: true });
            }
            Verb::Inside => {
                let pair = site::pair(a[2]);
                let inside = match a[1] {
                    0 => ocs::Internal::SetInactive(pair),
                    1 => ocs::Internal::ClearInactive(pair),
                    2 => ocs::Internal::Restart,
                    3 => ocs::Internal::RecordTaken {
                        list: "people".to_owned(),
                        record_id: 1,
                        pair,
                        held: ocs::Held::Call,
                    },
                    _ => ocs::Internal::Depleted(pair),
                };
                let which = size(a[0]);
                if inside == ocs::Internal::Restart {
                    self.unloads.retain(|(ocs, _), _| *ocs != which);
                }
                self.at_ocs(which, ocs::Input::Internal(inside), None);
            }
            Verb::Operator => {
                let ocs = size(a[0]);
                let to = self.origin(size(a[1]), a[2]);
                let message = CommDnMessage::new(site::FOREIGN, site::OCS[ocs], site::request(a[3], a[4], 0));
                let from = self.told.len();
                self.serve(Cause::Foreign, ocs, &message, None);
                for told in from..self.told.len() {
                    let message = self.told[told].message.clone();
                    if message.target == Target::One(site::FOREIGN) && message.body.pair_event().is_some() {
                        self.tell(Cause::Nobody, ocs, CommDnMessage { target: to.into(), ..message });
                    }
                }
            }
            Verb::Backup => self.backup = true,
            Verb::Clear => {
                let now = self.now;
                for cleared in self.gateways[size(a[0])].forged.values_mut() {
                    cleared.get_or_insert(now);
                }
                for origin in std::mem::take(&mut self.gateways[size(a[0])].alarmed) {
                    if self.gateways[size(a[0])].alive {
                        self.input(size(a[0]), Input::ClearAlarm { origin }, true);
                    }
                }
            }
        }
    }

    pub(super) fn origin(&self, gateway: usize, nth: u64) -> AppDbid {
        let count = if gateway == 0 { self.plan.settings.origins } else { 2 };
        AppDbid(if gateway == 0 { 201 } else { 221 } + (nth % count) as i32)
    }

    pub(super) fn submit(&mut self, a: &[u64]) {
        let (id, gateway) = (a[0], a[1] as usize);
        if !self.gateways[gateway].alive {
            return;
        }
        let body = site::request(a[3], a[4], a[5]);
        let Some(kind) = body.request_kind() else { return };
        let target = match a[2] {
            0 => Target::Every,
            n => Target::One(site::OCS[(n - 1) as usize]),
        };
        let deadline = (a[6] > 0).then(|| Duration::from_secs(a[6]));
        let submission = Submission { id: RequestId(id), target, body: body.clone(), deadline, durable: a[7] == 1 };
        let submitted = self.now + self.gateways[gateway].ahead;
        self.tally.submissions += 1;
        self.items.insert(
            id,
            Item {
                gateway,
                body,
                kind,
                target,
                submitted,
                life: self.gateways[gateway].life,
                sends: Vec::new(),
                ended: None,
                gone: false,
                outcome: None,
                misattributed_at: [false; 2],
            },
        );
        if kind.is_mutating() {
            let row = Row { submission: submission.clone(), submitted, marks: Vec::new(), ended: false };
            self.gateways[gateway].journal.insert(id, row);
        }
        if matches!(kind, RequestKind::Stop | RequestKind::ForceUnload) {
            self.urgent.push(id);
        }
        self.input(gateway, Input::Submit(submission), true);
    }

    pub(super) fn restart(&mut self, gateway: usize, millis: u64) {
        if !std::mem::replace(&mut self.gateways[gateway].alive, false) {
            return;
        }
        let there = &mut self.gateways[gateway];
        there.up = [false; 2];
        there.copy = None;
        for item in self.items.values_mut().filter(|item| item.gateway == gateway && item.ended.is_none()) {
            item.gone |= item.kind == RequestKind::Status;
        }
        self.push(millis, Happening::Boot(gateway));
    }

    pub(super) fn boot(&mut self, gateway: usize) {
        let there = &self.gateways[gateway];
        let now = self.now + there.ahead;
        let config = self.config(gateway, there.echo, there.next_send);
        let wait = config.lane_wait.as_millis() as u64;
        let rows = there
            .journal
            .values()
            .filter(|row| !row.ended || row.marks.iter().any(|(_, at)| now.saturating_sub(*at) < 400_000));
        let rows = rows.map(|row| {
            let mut submission = row.submission.clone();
            let gone = Duration::from_millis(now - row.submitted);
            submission.deadline = submission.deadline.map(|wait| wait.saturating_sub(gone));
            let marks = row.marks.iter().map(|(mark, at)| (mark.clone(), Duration::from_millis(now - at))).collect();
            JournalRow { submission, ended: row.ended, overdue: row.submitted + wait < now, marks }
        });
        let rows: Vec<JournalRow> = rows.collect();
        let there = &mut self.gateways[gateway];
        there.machine = Requester::new(config);
        there.alive = true;
        there.life += 1;
        there.notified = [None; 2];
        there.restored = usize::MAX;
        self.input(gateway, Input::Restored(rows), true);
        let sizes = self.gateways[gateway].machine.sizes();
        self.gateways[gateway].restored = sizes.shadows + 3 * sizes.live;
        for (origin, cleared) in self.gateways[gateway].forged.clone() {
            if cleared.is_none_or(|at| at + 332_000 >= self.now) {
                self.input(gateway, Input::Alarmed { origin }, true);
            }
            if cleared.is_some() {
                self.input(gateway, Input::ClearAlarm { origin }, true);
            }
        }
        for link in 0..self.plan.settings.links as usize {
            if self.gateways[gateway].down_until[link] <= self.now {
                self.link_up(gateway, link);
            }
        }
    }
}
