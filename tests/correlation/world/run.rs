//! Runs one schedule.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use commdn::{
    engine::ocs::{self, Ocs},
    message::*,
    protocol::{Time, UtcSeconds, correlate::Subject, requester::*},
};

use super::{
    dice::mix,
    plan::{Act, B, BUSY, D, Fault, Leg, Plan, Settings, Verb, Way},
    site,
};

/// A property that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    pub property: &'static str,
    pub step: u64,
    pub text: String,
}

/// What came of one schedule or of many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub schedules: u64,
    pub steps: u64,
    pub submissions: u64,
    pub resolved: u64,
    pub unknown: u64,
    /// Refused without being sent: superseded, overloaded, waited too long.
    pub unsent: u64,
    pub misattributed: u64,
    /// Resolved by an unasked event that is true of the state, or by the true answer after such a look-alike.
    pub look_alikes: u64,
    pub sends: u64,
    pub longest_wait: u64,
    pub millis: u64,
    pub dnc: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.submissions += other.submissions;
        self.resolved += other.resolved;
        self.unknown += other.unknown;
        self.unsent += other.unsent;
        self.misattributed += other.misattributed;
        self.look_alikes += other.look_alikes;
        self.sends += other.sends;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.millis += other.millis;
        self.dnc += other.dnc;
    }
}

/// Why an event was told. This is the oracle: it never travels in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It answers this send.
    Send(usize),
    /// Nobody asked: a notification.
    Nobody,
    /// Another application asked.
    Foreign,
    /// Somebody asked with a DBID of ours.
    Forged,
    /// No OCS told it, or not to us.
    Stray,
}

/// An event as an OCS told it.
#[derive(Debug)]
pub struct Told {
    pub cause: Cause,
    pub ocs: usize,
    pub at: u64,
    pub message: CommDnMessage,
}

/// A frame that a gateway gave out.
#[derive(Debug)]
pub struct Sent {
    pub gateway: usize,
    pub life: u32,
    pub id: SendId,
    pub message: CommDnMessage,
    pub kind: RequestKind,
    pub subject: Subject,
    pub ocss: Vec<usize>,
    pub items: Vec<u64>,
    pub settling: bool,
    /// By the gateway's clock, and by the world's.
    pub at: u64,
    pub world_at: u64,
    /// From when on nothing of it may come any more, by the gateway's clock; one for each OCS.
    pub free: [u64; 2],
    /// Its answer was delivered or its leg decided by an answer.
    pub answered: [bool; 2],
    /// An unasked event was taken for its answer.
    pub looked_alike: bool,
    /// Its own answer has arrived.
    pub arrived: bool,
}

#[derive(Debug)]
pub struct Item {
    pub gateway: usize,
    pub body: Message,
    pub kind: RequestKind,
    pub target: Target,
    pub submitted: u64,
    pub life: u32,
    pub sends: Vec<usize>,
    pub ended: Option<u64>,
    /// Its caller is gone with the gateway's memory.
    pub gone: bool,
    pub outcome: Option<Outcome>,
    /// Ended by another's frame, at each OCS.
    pub misattributed_at: [bool; 2],
}

pub struct Row {
    pub submission: Submission,
    pub submitted: u64,
    pub marks: Vec<(JournalMark, u64)>,
    pub ended: bool,
}

pub struct Gateway {
    pub machine: Requester,
    /// A snapshot that gets the same inputs (I8).
    pub copy: Option<Requester>,
    pub alive: bool,
    pub life: u32,
    /// How far its clock is ahead.
    pub ahead: u64,
    pub down_until: [u64; 2],
    pub up: [bool; 2],
    pub journal: BTreeMap<u64, Row>,
    pub echo: [EchoKnowledge; 2],
    pub next_send: u64,
    pub alarmed: BTreeSet<AppDbid>,
    /// Alarms that a restart has to be told of, and when they were cleared.
    pub forged: BTreeMap<AppDbid, Option<u64>>,
    /// Shadows that came, or may come, of what was restored.
    pub restored: usize,
    /// When each OCS was first seen to address notifications to it.
    pub notified: [Option<u64>; 2],
    pub sends: BTreeMap<SendId, usize>,
}

enum Happening {
    Act(usize),
    Request { cause: Cause, ocs: usize, message: CommDnMessage, refuse: Option<u64> },
    Event { gateway: usize, told: usize, single: bool },
    Seen { gateway: usize, link: u32, message: CommDnMessage },
    Ack { gateway: usize, life: u32, send: SendId, code: Option<u64> },
    LinkUp { gateway: usize, link: usize },
    Boot(usize),
}

pub struct World<'p> {
    pub plan: &'p Plan,
    pub applied: BTreeMap<Way, Fault>,
    pub now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    pub gateways: Vec<Gateway>,
    pub ocs: [Ocs; 2],
    backup: bool,
    /// Who waits for an unload to be done.
    unloads: BTreeMap<(usize, Pair), Cause>,
    pub told: Vec<Told>,
    pub sends: Vec<Sent>,
    pub at_place: BTreeMap<(usize, AppDbid, usize), Vec<usize>>,
    pub items: BTreeMap<u64, Item>,
    nth: BTreeMap<Way, u64>,
    pub listed: BTreeSet<(usize, Subject)>,
    pub trace: Option<Vec<String>>,
    pub failure: Option<Failure>,
    pub tally: Tally,
    pub how: How,
    pub last_outcome: u64,
    /// Stops and force unloads that have not left yet.
    pub urgent: Vec<u64>,
    delivering: Option<usize>,
    /// When the snapshot is taken; 0 = never.
    snapshot: u64,
    #[cfg(feature = "mutants")]
    pub mutant: Option<Mutant>,
    /// Whether evidence bytes name the event: the machine must not care.
    pub evidence: bool,
}

/// How a schedule is run.
#[derive(Clone, Copy, Default)]
pub struct How {
    pub trace: bool,
    pub snapshot: bool,
    /// Broken properties are counted, not failed: for the table of policies.
    pub tolerant: bool,
    /// Every event comes twice.
    pub double: bool,
    /// Other delays for the same schedule.
    pub salt: u64,
    /// Milliseconds that every way takes; 0 = by the schedule.
    pub way: u64,
    #[cfg(feature = "mutants")]
    pub mutant: Option<Mutant>,
}

/// Runs a schedule to its end or to its first failure.
pub fn play(plan: &Plan, how: How) -> World<'_> {
    let mut world = World::new(plan, how);
    world.run();
    world
}

impl<'p> World<'p> {
    pub fn new(plan: &'p Plan, how: How) -> Self {
        let settings = &plan.settings;
        let mut world = Self {
            plan,
            applied: BTreeMap::new(),
            now: 1_000,
            queue: BTreeMap::new(),
            serial: 0,
            gateways: Vec::new(),
            ocs: [site::ocs(0, settings.profile_a), site::ocs(1, settings.profile_b)],
            backup: false,
            unloads: BTreeMap::new(),
            told: Vec::new(),
            sends: Vec::new(),
            at_place: BTreeMap::new(),
            items: BTreeMap::new(),
            nth: BTreeMap::new(),
            listed: BTreeSet::new(),
            trace: how.trace.then(Vec::new),
            failure: None,
            tally: Tally { schedules: 1, ..Tally::default() },
            how,
            last_outcome: 0,
            urgent: Vec::new(),
            delivering: None,
            snapshot: if how.snapshot { 20 + mix(settings.seed, &[77]) % 100 } else { 0 },
            #[cfg(feature = "mutants")]
            mutant: how.mutant,
            evidence: true,
        };
        let echoes = |ocs: usize| {
            let echoes = world.ocs[ocs].config().profile.rows.answer_echo && settings.proved == 1;
            if echoes { EchoKnowledge::proved() } else { EchoKnowledge::default() }
        };
        let echo = [echoes(0), echoes(1)];
        for gateway in 0..settings.gateways as usize {
            let machine = Requester::new(world.config(gateway, echo, 1));
            world.gateways.push(Gateway {
                machine,
                copy: None,
                alive: true,
                life: 0,
                ahead: 0,
                down_until: [0; 2],
                up: [false; 2],
                journal: BTreeMap::new(),
                echo,
                next_send: 1,
                alarmed: BTreeSet::new(),
                forged: BTreeMap::new(),
                restored: 0,
                notified: [None; 2],
                sends: BTreeMap::new(),
            });
        }
        for (ix, act) in plan.acts.iter().enumerate() {
            world.serial += 1;
            world.queue.insert((1_000 + act.at, world.serial), Happening::Act(ix));
        }
        world
    }

    fn config(&self, gateway: usize, echo: [EchoKnowledge; 2], first_send: u64) -> RequesterConfig {
        let settings = &self.plan.settings;
        let (first, count) = if gateway == 0 { (201, settings.origins as i32) } else { (221, 2) };
        let pool = (first..first + count).map(AppDbid).collect();
        let peer = |ocs: usize, backup| OcsPeer {
            dbid: site::OCS[ocs],
            backup,
            address: site::address(settings.links, ocs),
            echo: echo[ocs],
        };
        let mut config = RequesterConfig::new(pool, vec![peer(0, Some(site::BACKUP)), peer(1, None)]);
        config.first_send = first_send;
        config.send_reference_id = settings.reference == 1;
        if settings.small == 1 {
            (config.shadows_max, config.requests_max) = (24, 12);
            (config.own_frames_max, config.lane_length) = (6, 3);
        }
        #[cfg(feature = "mutants")]
        {
            config.mutant = self.mutant;
        }
        config
    }

    fn sent_for_nothing(&mut self, gateway: usize, send: SendId, code: u64) {
        if code != 57
            && let Some(ix) = self.gateways[gateway].sends.get(&send)
        {
            let sent = &mut self.sends[*ix];
            sent.free = [sent.at; 2];
        }
    }

    pub fn fail(&mut self, property: &'static str, text: impl Into<String>) {
        if self.failure.is_none() && !self.how.tolerant {
            self.failure = Some(Failure { property, step: self.tally.steps, text: text.into() });
        }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>8} {}", line()));
        }
    }

    fn push(&mut self, after: u64, happening: Happening) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), happening);
    }

    pub fn run(&mut self) {
        for gateway in 0..self.gateways.len() {
            for link in 0..self.plan.settings.links as usize {
                self.link_up(gateway, link);
            }
        }
        while self.failure.is_none() {
            self.tally.steps += 1;
            if self.tally.steps > 60_000 {
                self.fail("I13", "the world never rests");
                break;
            }
            if self.tally.steps == self.snapshot {
                for gateway in &mut self.gateways {
                    gateway.copy = gateway.alive.then(|| gateway.machine.clone());
                }
            }
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let due = |gateway: &Gateway| {
                let due = gateway.machine.next_deadline().filter(|_| gateway.alive)?;
                Some((due.0.as_millis() as u64).saturating_sub(gateway.ahead))
            };
            let dues = self.gateways.iter().enumerate().filter_map(|(ix, gateway)| Some((due(gateway)?, ix)));
            let timer = dues.min();
            let ocs = (0..2).filter_map(|ix| Some((self.ocs[ix].next_deadline()?.0.as_millis() as u64, ix))).min();
            let first = [queued, timer.map(|it| it.0), ocs.map(|it| it.0)].into_iter().flatten().min();
            let Some(first) = first else { break };
            self.now = self.now.max(first);
            if queued == Some(first) {
                let (_, happening) = self.queue.pop_first().unwrap();
                self.happen(happening);
            } else if let Some((_, ocs)) = ocs.filter(|it| it.0 == first) {
                self.tick(ocs);
            } else if let Some((_, gateway)) = timer {
                self.input(gateway, Input::Timer, true);
            }
        }
        self.tally.millis = self.now;
        self.check_end();
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Act(ix) => {
                let plan = self.plan;
                self.act(&plan.acts[ix]);
            }
            Happening::Request { cause, ocs, message, refuse } => self.serve(cause, ocs, &message, refuse),
            Happening::Event { gateway, told, .. } => self.deliver(gateway, told),
            Happening::Seen { gateway, link, message } => {
                if self.gateways[gateway].alive && self.gateways[gateway].up[link as usize] {
                    let link = LinkId(link);
                    let event = Input::Event { link, dn: site::DN.into(), message, user_data: Bytes::new() };
                    self.input(gateway, event, false);
                }
            }
            Happening::Ack { gateway, life, send, code } => {
                let there = &self.gateways[gateway];
                let link = there.sends.get(&send).map_or(0, |ix| self.link_of(self.sends[*ix].ocss[0]));
                if there.alive && there.life == life && there.up[link] {
                    let input = match code {
                        None => Input::Acked { send },
                        Some(code) => {
                            self.sent_for_nothing(gateway, send, code);
                            Input::SendFailed { send, tserver_code: Some(code as i32) }
                        }
                    };
                    self.input(gateway, input, true);
                }
            }
            Happening::LinkUp { gateway, link } => {
                if self.gateways[gateway].down_until[link] <= self.now && self.gateways[gateway].alive {
                    self.link_up(gateway, link);
                }
            }
            Happening::Boot(gateway) => self.boot(gateway),
        }
    }

    pub fn link_of(&self, ocs: usize) -> usize {
        if self.plan.settings.links == 2 { ocs } else { 0 }
    }

    fn link_up(&mut self, gateway: usize, link: usize) {
        if !std::mem::replace(&mut self.gateways[gateway].up[link], true) {
            self.input(gateway, Input::LinkUp { link: LinkId(link as u32) }, true);
        }
    }

    fn cut(&mut self, gateway: usize, link: usize, millis: u64) {
        let until = self.now + millis;
        let there = &mut self.gateways[gateway];
        there.down_until[link] = there.down_until[link].max(until);
        self.push(millis, Happening::LinkUp { gateway, link });
        if std::mem::replace(&mut self.gateways[gateway].up[link], false) && self.gateways[gateway].alive {
            self.input(gateway, Input::LinkDown { link: LinkId(link as u32) }, true);
        }
    }

    fn act(&mut self, act: &Act) {
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

    fn origin(&self, gateway: usize, nth: u64) -> AppDbid {
        let count = if gateway == 0 { self.plan.settings.origins } else { 2 };
        AppDbid(if gateway == 0 { 201 } else { 221 } + (nth % count) as i32)
    }

    fn submit(&mut self, a: &[u64]) {
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

    fn restart(&mut self, gateway: usize, millis: u64) {
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

    fn boot(&mut self, gateway: usize) {
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

    /// One input for one gateway, and all that comes of it. `concerned`: it may change requests.
    pub fn input(&mut self, gateway: usize, input: Input, concerned: bool) {
        self.note(|| format!("g{gateway}   in  {}", show_input(&input)));
        let there = &mut self.gateways[gateway];
        let now = Time::from_millis(self.now + there.ahead);
        if let Some(copy) = &mut there.copy {
            copy.handle(now, input.clone());
        }
        there.machine.handle(now, input);
        let mut mark: Option<JournalMark> = None;
        let mut waiting: Option<(SendId, CommDnMessage)> = None;
        let mut ended: Vec<u64> = Vec::new();
        while let Some(output) = self.gateways[gateway].machine.poll() {
            if let Some(copy) = &mut self.gateways[gateway].copy
                && copy.poll().as_ref() != Some(&output)
            {
                self.fail("I8", format!("a snapshot does not go on alike: {output:?}"));
            }
            self.note(|| format!("g{gateway}   out {}", show_output(&output)));
            // A progress note says for whom the last frame went out; without one it settles.
            if let Some((send, message)) = waiting.take() {
                let settling = !matches!(&output, Output::Progress { progress: Progress::Sent { send: of, .. }, .. }
                    if *of == send);
                self.sent(gateway, send, message, mark.take(), settling);
            }
            match output {
                Output::Journal(it) => {
                    let at = self.now + self.gateways[gateway].ahead;
                    for id in &it.requests {
                        if let Some(row) = self.gateways[gateway].journal.get_mut(&id.0) {
                            row.marks.push((it.clone(), at));
                        }
                    }
                    mark = Some(it);
                }
                Output::Send { send, message, .. } => waiting = Some((send, message)),
                Output::Outcome { id, outcome } => {
                    if !concerned {
                        self.fail("I3", format!("a frame that is not for us ended request {}", id.0));
                    }
                    self.check_outcome(id.0, outcome);
                    ended.push(id.0);
                }
                Output::Progress { id, progress } => {
                    if !concerned && !matches!(progress, Progress::Sent { .. }) {
                        self.fail("I3", format!("a frame that is not for us changed request {}", id.0));
                    }
                    match progress {
                        Progress::Sent { send, .. } => self.joined(gateway, id.0, send),
                        Progress::Answer(answer) => self.check_answer(id.0, &answer),
                        _ => {}
                    }
                }
                Output::Echo { ocs, fact, proved } => self.learned(gateway, ocs, fact, proved),
                Output::Alarm(Alarm::ForgedOrigin { origin, .. }) => {
                    self.gateways[gateway].alarmed.insert(origin);
                    self.gateways[gateway].forged.insert(origin, None);
                }
                Output::Mirror { message, standing: Standing::Notification, .. } => {
                    let ocs = usize::from(message.origin == site::OCS[1]);
                    if message.body.pair_event().is_some() {
                        self.gateways[gateway].notified[ocs].get_or_insert(self.now);
                    }
                }
                Output::Mirror { message, standing: Standing::Answer, .. } => self.looked_alike(gateway, &message),
                Output::Mirror { .. } | Output::Alarm(_) => {}
            }
        }
        if let Some((send, message)) = waiting.take() {
            self.sent(gateway, send, message, mark.take(), true);
        }
        self.check_step(gateway, &ended);
    }

    /// An unasked status was taken for the answer to a read.
    fn looked_alike(&mut self, gateway: usize, message: &CommDnMessage) {
        let unasked = self.delivering.is_some_and(|told| self.told[told].cause == Cause::Nobody);
        if !unasked || !matches!(message.body, Message::CampaignStatus(_)) {
            return;
        }
        let ocs = usize::from(message.origin == site::OCS[1]);
        let known = self.gateways[gateway].notified[ocs];
        if let Some(read) = self.question(ocs, message) {
            self.sends[read].looked_alike |= known.is_none_or(|known| self.sends[read].world_at < known);
        }
    }

    fn learned(&mut self, gateway: usize, ocs: AppDbid, fact: EchoFact, proved: bool) {
        let ocs = usize::from(ocs == site::OCS[1]);
        let echo = &mut self.gateways[gateway].echo[ocs];
        let proof = match fact {
            EchoFact::DoNotCall => &mut echo.do_not_call,
            EchoFact::Cancel => &mut echo.cancel,
            EchoFact::ErrorIds => &mut echo.error_ids,
            EchoFact::ErrorSubject => &mut echo.error_subject,
            EchoFact::Reference => &mut echo.reference,
        };
        *proof = if proved { Proof::Proved } else { Proof::Withdrawn };
    }

    fn joined(&mut self, gateway: usize, item: u64, send: SendId) {
        let Some(ix) = self.gateways[gateway].sends.get(&send).copied() else { return };
        let sent = &mut self.sends[ix];
        if !sent.items.contains(&item) {
            sent.items.push(item);
        }
        if let Some(item) = self.items.get_mut(&item)
            && item.sends.last() != Some(&ix)
        {
            item.sends.push(ix);
        }
    }

    /// A frame leaves.
    fn sent(&mut self, gateway: usize, id: SendId, message: CommDnMessage, mark: Option<JournalMark>, settling: bool) {
        let Some(kind) = message.body.request_kind() else { return };
        let subject = Subject::of(&message.body).unwrap();
        let ocss: Vec<usize> = match (&mark, message.target) {
            (Some(mark), _) => mark.ocss.iter().map(|ocs| usize::from(*ocs == site::OCS[1])).collect(),
            (None, Target::One(ocs)) => vec![usize::from(ocs == site::OCS[1])],
            (None, Target::Every) => vec![0, 1],
        };
        let there = &mut self.gateways[gateway];
        there.next_send = there.next_send.max(id.0 + ocss.len() as u64 + 1);
        let at = self.now + there.ahead;
        let life = if kind == RequestKind::Unload { 330_000 } else { B } + D;
        let items: Vec<u64> = mark.iter().flat_map(|mark| &mark.requests).map(|id| id.0).collect();
        if mark.is_none() && kind.is_mutating() {
            self.fail("rule 16", format!("{kind:?} was sent without a mark in the journal"));
        }
        let ix = self.sends.len();
        self.tally.sends += u64::from(kind.is_mutating());
        let record = Sent {
            gateway,
            life: self.gateways[gateway].life,
            id,
            message: message.clone(),
            kind,
            subject,
            ocss: ocss.clone(),
            items: items.clone(),
            settling: settling && kind == RequestKind::Status,
            at,
            world_at: self.now,
            free: [at + life; 2],
            answered: [false; 2],
            looked_alike: false,
            arrived: false,
        };
        self.sends.push(record);
        self.gateways[gateway].sends.insert(id, ix);
        self.check_send(ix);
        for item in &items {
            if let Some(item) = self.items.get_mut(item) {
                item.sends.push(ix);
            }
        }
        if kind.is_mutating() {
            for ocs in &ocss {
                self.at_place.entry((gateway, message.origin, *ocs)).or_default().push(ix);
            }
        }
        self.travel(gateway, ix, items.first().copied().unwrap_or(0), message);
    }

    fn travel(&mut self, gateway: usize, ix: usize, item: u64, message: CommDnMessage) {
        let (id, life, ocss) = (self.sends[ix].id, self.sends[ix].life, self.sends[ix].ocss.clone());
        let link = self.link_of(ocss[0]);
        let number = message.body.message_type().0 as u64;
        let (ack, fault) = self.way(Leg::Ack, gateway, ocss[0], number, (item, 0));
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
            let (way, fault) = self.way(Leg::Up, gateway, ocs, number, (item, 0));
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
    fn seen_by_all(&mut self, ocs: usize, message: &CommDnMessage, sender: Option<usize>) {
        let link = self.link_of(ocs) as u32;
        for gateway in 0..self.gateways.len() {
            if sender != Some(gateway) || self.plan.settings.copies == 1 {
                self.push(1, Happening::Seen { gateway, link, message: message.clone() });
            }
        }
    }

    fn double_most(&self) -> u64 {
        if self.plan.settings.beyond == 1 { 10_000 } else { D - self.plan.settings.steps }
    }

    /// How long a frame takes without its fault, and its fault.
    /// `age`: how long ago the request behind it was sent.
    fn way(
        &mut self,
        leg: Leg,
        gateway: usize,
        ocs: usize,
        number: u64,
        (item, age): (u64, u64),
    ) -> (u64, Option<Fault>) {
        let settings: &Settings = &self.plan.settings;
        let mut way = Way { leg, gateway: gateway as u64, ocs: ocs as u64, number, item, nth: 0 };
        let nth = self.nth.entry(way).or_default();
        way.nth = *nth;
        *nth += 1;
        let leg_number = leg as u64;
        let place = [leg_number, way.gateway, way.ocs, number, item, way.nth];
        let dice = |what: u64| mix(settings.seed, &[what, place[0], place[1], place[2], place[3], place[4], place[5]]);
        let usual = if self.how.way > 0 { self.how.way } else { 2 + mix(dice(1), &[self.how.salt]) % settings.way };
        let fault = match &self.plan.faults {
            Some(script) => script.get(&way).copied(),
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

    fn utc(&self) -> UtcSeconds {
        UtcSeconds(1_700_000_000 + (self.now / 1_000) as i64)
    }

    /// What an OCS says to an input, with what each message answers.
    fn at_ocs(&mut self, ocs: usize, input: ocs::Input<'_>, asked: Option<(Cause, &Message)>) {
        let utc = self.utc();
        self.ocs[ocs].handle(Time::from_millis(self.now), utc, input);
        let mut said = Vec::new();
        while let Some(output) = self.ocs[ocs].poll() {
            if let ocs::Output::Send { message, .. } = output {
                said.push(*message);
            }
        }
        let rows = self.ocs[ocs].config().profile.rows;
        let kind = asked.and_then(|(_, body)| body.request_kind());
        let pair = asked.and_then(|(_, body)| body.pair());
        let mut own_unloaded = false;
        let mut look_alike = false;
        let mut pending = None;
        if let (Some((cause, _)), Some(RequestKind::Unload), Some(pair)) = (asked, kind, pair) {
            let refused = said.iter().any(|message| matches!(message.body, Message::ErrorEvent(_)));
            let done = said.iter().any(|message| matches!(message.body, Message::CampaignUnloaded(_)));
            if !refused && !done && !said.is_empty() || said.is_empty() {
                pending = Some((pair, cause));
            }
        }
        let mut told: Vec<(Cause, CommDnMessage)> = Vec::new();
        for message in said {
            let about = message.body.pair();
            let waits = about.and_then(|pair| self.unloads.get(&(ocs, pair)).copied());
            let cause = match (&message.body, kind, message.target) {
                (_, _, Target::Every) => Cause::Nobody,
                (Message::CampaignStatus(_), Some(RequestKind::Status | RequestKind::ForceUnload), _) => {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignStatus(_), _, _) => Cause::Nobody,
                (Message::CampaignUnloaded(_), Some(RequestKind::Unload), _) if about == pair => {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignUnloaded(_), Some(RequestKind::ForceUnload), _)
                    if about == pair && !own_unloaded && !force_tells_status(&self.ocs[ocs]) =>
                {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignUnloaded(_), _, _) => waits.unwrap_or(Cause::Nobody),
                // What a request does on its way (the load of a start, the stop of an unload, the campaigns of a
                // sequence) nobody has asked for: true of the state, and the answer to nothing.
                _ if message.body.pair_event().is_some()
                    && (about != pair || kind.map(RequestKind::answer) != Some(message.body.message_type())) =>
                {
                    Cause::Nobody
                }
                _ => asked.map_or(Cause::Nobody, |(cause, _)| cause),
            };
            let answers = cause != Cause::Nobody && message.body.pair_event().is_some();
            if rows.look_alike_before_answer && answers && !look_alike {
                look_alike = true;
                told.push((Cause::Nobody, message));
                continue;
            }
            look_alike = false;
            own_unloaded |= matches!(message.body, Message::CampaignUnloaded(_));
            if let (Message::CampaignUnloaded(_), Some(pair), true) = (&message.body, about, waits == Some(cause)) {
                self.unloads.remove(&(ocs, pair));
            }
            told.push((cause, message));
        }
        if let Some((pair, cause)) = pending {
            self.unloads.insert((ocs, pair), cause);
        }
        for (cause, message) in told {
            if let (Message::DoNotCallProcessed(_), Some((_, Message::DoNotCall(entry)))) = (&message.body, asked) {
                self.listed.insert((ocs, Subject::of_entry(entry)));
            }
            self.tell(cause, ocs, message);
        }
    }

    fn tick(&mut self, ocs: usize) {
        self.at_ocs(ocs, ocs::Input::Tick, None);
    }

    fn serve(&mut self, cause: Cause, ocs: usize, message: &CommDnMessage, refuse: Option<u64>) {
        self.note(|| format!("ocs{ocs} gets {} {cause:?}", show(message)));
        if let Some(code) = refuse {
            let rows = self.ocs[ocs].config().profile.rows;
            let pair = message.body.pair().filter(|_| rows.error_ids);
            let error = ErrorEvent {
                error: Some(ErrorCode(code as i32)),
                campaign: pair.map(|pair| pair.campaign),
                group: pair.map(|pair| pair.group),
                do_not_call: message.body.do_not_call().filter(|_| rows.answer_echo).cloned(),
                cancel_record: message.body.cancel_record().filter(|_| rows.answer_echo).cloned(),
                ..ErrorEvent::default()
            };
            let reference_id = message.reference_id.filter(|_| rows.reference_id_echo);
            let answer = CommDnMessage { reference_id, ..CommDnMessage::new(site::OCS[ocs], message.origin, error) };
            return self.tell(cause, ocs, answer);
        }
        let Ok(user_data) = message.encode(&commdn::wire::Dialect::default()) else { return };
        let input = ocs::Input::UserEvent { dn: site::DN, user_data: &user_data };
        self.at_ocs(ocs, input, Some((cause, &message.body)));
    }

    /// An OCS sends an event; every gateway on the DN gets it, by its own way.
    fn tell(&mut self, cause: Cause, ocs: usize, mut message: CommDnMessage) {
        if self.backup && message.origin == site::OCS[0] {
            message.origin = site::BACKUP;
        }
        self.note(|| format!("ocs{ocs} says {} {cause:?}", show(&message)));
        let number = message.body.message_type().0 as u64;
        let (item, age) = match cause {
            Cause::Send(ix) => {
                let sent = &self.sends[ix];
                (sent.items.first().copied().unwrap_or(0), self.now - sent.world_at)
            }
            _ => (0, 0),
        };
        let told = self.told.len();
        let target = message.target;
        self.told.push(Told { cause, ocs, at: self.now, message });
        for gateway in 0..self.gateways.len() {
            let ours = if gateway == 0 { 201..221 } else { 221..290 };
            if !matches!(target, Target::One(AppDbid(dbid)) if ours.contains(&dbid)) {
                self.push(3, Happening::Event { gateway, told, single: false });
                continue;
            }
            let (way, fault) = self.way(Leg::Down, gateway, ocs, number, (item, age));
            let (late, double) = match fault {
                Some(Fault::Drop) => continue,
                Some(Fault::Late { late, double }) => (late, double),
                _ => (0, None),
            };
            if let Some(gap) = double {
                self.push(way + late + gap, Happening::Event { gateway, told, single: false });
            }
            self.push(way + late, Happening::Event { gateway, told, single: double.is_none() });
        }
    }

    fn deliver(&mut self, gateway: usize, told: usize) {
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

fn force_tells_status(ocs: &Ocs) -> bool {
    ocs.config().profile.name == "lenient"
}

/// A message in a few words.
pub fn show(message: &CommDnMessage) -> String {
    let body = &message.body;
    let mut text = format!("{}->{} {}", message.origin, message.target.dbid(), body.message_type());
    if let Some(pair) = body.pair() {
        text += &format!(" {}-{}", pair.campaign, pair.group);
    }
    if let Some(status) = body.pair_event().and_then(|event| event.status) {
        text += &format!("[{}]", status.0);
    }
    if let Some(code) = body.error().filter(|code| code.0 != 0) {
        text += &format!(" error {}", code.0);
    }
    if let Some(phone) = body.do_not_call().and_then(|entry| entry.phone.as_ref()) {
        text += &format!(" {}", phone.reveal().display());
    }
    if let Some(phone) = body.cancel_record().and_then(|cancel| cancel.phone.as_ref()) {
        text += &format!(" {}", phone.reveal().display());
    }
    text
}

fn show_input(input: &Input) -> String {
    match input {
        Input::Event { message, .. } => format!("event {}", show(message)),
        Input::Submit(submission) => {
            let message = CommDnMessage::new(AppDbid(0), submission.target, submission.body.clone());
            format!("submit {} {}", submission.id.0, show(&message))
        }
        Input::Restored(rows) => format!("restored {} rows", rows.len()),
        other => format!("{other:?}"),
    }
}

fn show_output(output: &Output) -> String {
    match output {
        Output::Send { send, message, .. } => format!("send {} {}", send.0, show(message)),
        Output::Journal(mark) => {
            format!(
                "journal {} {:?} for {:?}",
                mark.send.0,
                mark.kind,
                mark.requests.iter().map(|it| it.0).collect::<Vec<_>>()
            )
        }
        Output::Outcome { id, outcome } => {
            let why = outcome.why().map_or("", Why::slug);
            format!("outcome {} {} {why}", id.0, outcome.slug())
        }
        Output::Mirror { standing, .. } => format!("took it as {standing:?}"),
        Output::Progress { id, progress: Progress::Answer(answer) } => {
            format!("progress {} {} {}", id.0, answer.ocs, answer.result.slug())
        }
        other => format!("{other:?}"),
    }
}
