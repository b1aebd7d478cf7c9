//! Runs one schedule: one queue, virtual time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use commdn::{
    engine::{fault::Faults, ocs::Ocs},
    message::*,
    protocol::{correlate::Subject, requester::*},
};

use super::{
    dice::mix,
    plan::{Fault, Plan, Way},
    records::{Cause, Failure, Gateway, Happening, Item, Sent, Tally, Told},
    site,
};

pub struct World<'p> {
    pub plan: &'p Plan,
    pub applied: BTreeMap<Way, Fault>,
    /// The rules of a plan that has some.
    pub(super) faults: Option<Faults>,
    pub now: u64,
    pub(super) queue: BTreeMap<(u64, u64), Happening>,
    pub(super) serial: u64,
    pub gateways: Vec<Gateway>,
    pub ocs: [Ocs; 2],
    pub(super) backup: bool,
    /// Who waits for an unload to be done.
    pub(super) unloads: BTreeMap<(usize, Pair), Cause>,
    pub told: Vec<Told>,
    pub sends: Vec<Sent>,
    pub at_place: BTreeMap<(usize, AppDbid, usize), Vec<usize>>,
    pub items: BTreeMap<u64, Item>,
    pub(super) nth: BTreeMap<Way, u64>,
    pub listed: BTreeSet<(usize, Subject)>,
    pub trace: Option<Vec<String>>,
    pub failure: Option<Failure>,
    pub tally: Tally,
    pub how: How,
    pub last_outcome: u64,
    /// Who asks the OCS that is speaking.
    pub(super) asker: AppDbid,
    /// Stops and force unloads that have not left yet.
    pub urgent: Vec<u64>,
    pub(super) delivering: Option<usize>,
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
            faults: plan.faults.as_deref().map(site::faults),
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
            asker: site::FOREIGN,
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

    pub(super) fn config(&self, gateway: usize, echo: [EchoKnowledge; 2], first_send: u64) -> RequesterConfig {
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

    pub(super) fn sent_for_nothing(&mut self, gateway: usize, send: SendId, code: u64) {
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

    pub(super) fn push(&mut self, after: u64, happening: Happening) {
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

    pub(super) fn happen(&mut self, happening: Happening) {
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

    pub(super) fn link_up(&mut self, gateway: usize, link: usize) {
        if !std::mem::replace(&mut self.gateways[gateway].up[link], true) {
            self.input(gateway, Input::LinkUp { link: LinkId(link as u32) }, true);
        }
    }

    pub(super) fn cut(&mut self, gateway: usize, link: usize, millis: u64) {
        let until = self.now + millis;
        let there = &mut self.gateways[gateway];
        there.down_until[link] = there.down_until[link].max(until);
        self.push(millis, Happening::LinkUp { gateway, link });
        if std::mem::replace(&mut self.gateways[gateway].up[link], false) && self.gateways[gateway].alive {
            self.input(gateway, Input::LinkDown { link: LinkId(link as u32) }, true);
        }
    }
}
