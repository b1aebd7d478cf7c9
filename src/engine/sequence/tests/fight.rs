//! Two nodes, one lease, one OCS: nodes stand still for as long as they like (SIGSTOP), frames wait, answers are lost,
//! lists run empty. Whatever happens, no step is loaded or started twice, and nothing dials on past its end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::engine::sequence::*;
use crate::message::{AppDbid, Dialing, ErrorCode, GroupCampStatus, Pair};
use crate::protocol::Time;

const OCS: AppDbid = AppDbid(301);
/// Fights of a run of the suite.
const FIGHTS: u64 = 500;
/// A frame that was handed over leaves within this, or never.
const LONGEST_SEND_MS: i64 = 20_000;
/// A node stands still for at most this.
const PAUSE_MAX_MS: i64 = 60_000;
/// See [`Fight::check`].
const STEADY_MS: i64 = 100_000;
/// A gateway gives up waiting for an answer.
const ANSWER_MS: i64 = 10_000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) % most.max(1)
    }

    fn span(&mut self, most_ms: i64) -> i64 {
        i64::try_from(self.below(most_ms.unsigned_abs())).unwrap()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// The store: a lease by its own clock, and the log.
#[derive(Default)]
struct Db {
    holder: usize,
    epoch: i64,
    expires: i64,
    log: Vec<Entry>,
}

impl Db {
    fn take(&mut self, now: i64, node: usize, renew: Option<i64>, terms: Terms) -> Option<i64> {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap();
        let held = match renew {
            Some(epoch) => self.holder == node && self.epoch == epoch,
            None => {
                let free = self.epoch == 0 || self.expires + ms(terms.grace) <= now;
                if free {
                    (self.holder, self.epoch) = (node, self.epoch + 1);
                }
                free
            }
        };
        held.then(|| {
            self.expires = now + ms(terms.ttl);
            self.epoch
        })
    }

    fn append(&mut self, node: usize, epoch: i64, entries: &[Entry]) -> bool {
        let ours = self.holder == node && self.epoch == epoch;
        if ours {
            self.log.extend_from_slice(entries);
        }
        ours
    }
}

/// The OCS, and what reached it.
#[derive(Default)]
struct Ocs {
    states: BTreeMap<Pair, GroupCampStatus>,
    since: BTreeMap<Pair, i64>,
    /// Loads and starts that came, and those that had an effect.
    came: BTreeMap<(usize, Act), u32>,
    effects: BTreeMap<(usize, Act), u32>,
}

impl Ocs {
    fn state(&self, pair: Pair) -> GroupCampStatus {
        self.states.get(&pair).copied().unwrap_or(GroupCampStatus::NOT_LOADED)
    }

    fn act(&mut self, now: i64, step: usize, pair: Pair, act: Act) -> ActOutcome {
        *self.came.entry((step, act)).or_default() += 1;
        let refused = |code| ActOutcome::Refused(Some(code));
        let next = match (act, self.state(pair).0) {
            (Act::Load, 0) => 4,
            (Act::Load, _) => return refused(ErrorCode::CAMPAIGN_ALREADY_LOADED),
            (Act::Start, 4) => 5,
            (Act::Start, 5) => return refused(ErrorCode::CAMPAIGN_ALREADY_STARTED),
            (Act::Stop, 5) => 4,
            (Act::Stop, _) => return refused(ErrorCode::CAMPAIGN_NOT_STARTED),
            (Act::Unload, 4 | 5) => 0,
            (Act::Start | Act::Unload, _) => return refused(ErrorCode::CAMPAIGN_NOT_LOADED),
        };
        *self.effects.entry((step, act)).or_default() += 1;
        self.states.insert(pair, GroupCampStatus(next));
        self.since.insert(pair, now);
        ActOutcome::Done
    }
}

/// What is on its way.
enum Flight {
    /// From a node to the OCS; `by` = it is not sent any more after that.
    Act {
        node: usize,
        step: usize,
        pair: Pair,
        act: Act,
        attempt: u32,
        by: i64,
    },
    Ask {
        node: usize,
        pair: Pair,
    },
    /// Back to a node.
    Outcome {
        node: usize,
        act: Act,
        attempt: u32,
        outcome: ActOutcome,
    },
    Asked {
        node: usize,
        status: Option<GroupCampStatus>,
    },
    State {
        node: usize,
        pair: Pair,
    },
}

struct Node {
    keeper: Keeper,
    machine: Option<Machine>,
    epoch: i64,
    paused_until: i64,
    /// Since when it has the lease, and does not stand still.
    steady_since: i64,
    /// Requests that its gateway knows: handed over again they are the same.
    known: BTreeMap<(usize, Act, u32), Option<ActOutcome>>,
    /// What came while it stood still.
    waiting: VecDeque<Flight>,
}

struct Fight {
    now: i64,
    dice: Dice,
    terms: Terms,
    sequence: Sequence,
    db: Db,
    ocs: Ocs,
    nodes: Vec<Node>,
    flights: BTreeMap<(i64, u64), Flight>,
    next_flight: u64,
    pauses: u64,
    takeovers: i64,
}

fn time(ms: i64) -> Time {
    Time::from_millis(ms.unsigned_abs())
}

impl Fight {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let step = |campaign: i32, dice: &mut Dice| {
            let mut step = Step::new(OCS, Pair::new(campaign, 732), Dialing::default());
            step.end.after_ms = Some(10_000 + dice.span(60_000));
            step.pause_after_ms = dice.span(20_000);
            step
        };
        // The same campaign comes again: a stale start would find it loaded.
        let steps = [101, 102, 101].into_iter().map(|campaign| step(campaign, &mut dice)).collect();
        let terms = Terms {
            // Short beside the longest send: the lease changes hands while frames wait.
            ttl: Duration::from_secs(8),
            renew: Duration::from_secs(3),
            guard: Duration::from_secs(1),
            grace: Duration::from_millis(LONGEST_SEND_MS.unsigned_abs() + 1_000),
            again: Duration::from_secs(1),
        };
        let node = || Node {
            keeper: Keeper::new(terms),
            machine: None,
            epoch: 0,
            paused_until: 0,
            steady_since: 0,
            known: BTreeMap::new(),
            waiting: VecDeque::new(),
        };
        Self {
            now: 0,
            dice,
            terms,
            sequence: Sequence { name: "fight".into(), start_ms: None, steps },
            db: Db::default(),
            ocs: Ocs::default(),
            nodes: vec![node(), node()],
            flights: BTreeMap::new(),
            next_flight: 0,
            pauses: 0,
            takeovers: 0,
        }
    }

    fn fly(&mut self, wait: i64, flight: Flight) {
        self.next_flight += 1;
        self.flights.insert((self.now + wait, self.next_flight), flight);
    }

    fn is_over(&self) -> bool {
        self.db.log.last().is_some_and(|entry| matches!(entry.what, What::Ended(_)))
    }

    /// One node has its turn.
    fn turn(&mut self, at: usize) {
        let now = self.now;
        if self.nodes[at].paused_until > now {
            return;
        }
        while let Some(flight) = self.nodes[at].waiting.pop_front() {
            self.arrive(flight);
        }
        let output = self.nodes[at].keeper.tick(time(now));
        if self.nodes[at].machine.is_some() && self.nodes[at].keeper.epoch(time(now)).is_none() {
            self.nodes[at].machine = None;
        }
        if let Some(LeaseOutput::Take { epoch }) = output {
            let granted = self.db.take(now, at, epoch, self.terms);
            // The answer may come late: the node stands still in between.
            self.maybe_pause(at);
            let answer = granted.map_or(LeaseAnswer::Refused, |epoch| LeaseAnswer::Granted { epoch });
            let node = &mut self.nodes[at];
            node.keeper.answered(time(node.paused_until.max(now)), answer);
            if let Some(epoch) = granted.filter(|epoch| node.machine.is_none() || node.epoch != *epoch) {
                self.takeovers += 1;
                node.epoch = epoch;
                node.machine = Some(Machine::resume(self.sequence.clone(), &self.db.log, false));
            }
        }
        self.give(at, Input::Tick);
        if self.dice.one_in(40) {
            self.maybe_pause(at);
        }
    }

    fn maybe_pause(&mut self, at: usize) {
        if self.dice.one_in(6) {
            self.pauses += 1;
            self.nodes[at].paused_until = self.now + self.dice.span(PAUSE_MAX_MS);
        }
    }

    fn give(&mut self, at: usize, input: Input) {
        let now = self.now;
        if self.nodes[at].paused_until > now {
            return;
        }
        let Some(mut machine) = self.nodes[at].machine.take() else { return };
        machine.handle(now, input);
        let mut entries = Vec::new();
        loop {
            let output = machine.poll();
            if let Some(Output::Journal(entry)) = output {
                entries.push(entry);
                continue;
            }
            if !entries.is_empty() && !self.db.append(at, self.nodes[at].epoch, &std::mem::take(&mut entries)) {
                self.nodes[at].keeper.lost(time(now));
                return; // the machine is dropped
            }
            let Some(output) = output else { break };
            // It may stand still between the sync and the check, and that is what the check is for.
            self.maybe_pause(at);
            let clock = self.nodes[at].paused_until.max(now);
            if self.nodes[at].keeper.epoch(time(clock)).is_none() {
                return;
            }
            self.perform(at, clock, output);
        }
        self.nodes[at].machine = Some(machine);
    }

    fn perform(&mut self, at: usize, clock: i64, output: Output) {
        let late = clock - self.now;
        match output {
            Output::Submit { step, act, attempt } => {
                let key = (step, act, attempt);
                match self.nodes[at].known.get(&key) {
                    Some(Some(outcome)) => {
                        let outcome = *outcome;
                        self.fly(late, Flight::Outcome { node: at, act, attempt, outcome });
                    }
                    Some(None) => {}
                    None => {
                        self.nodes[at].known.insert(key, None);
                        let pair = self.sequence.steps[step].pair;
                        let by = clock + LONGEST_SEND_MS;
                        // It waits in the gateway, and the gateway may stand still meanwhile.
                        let wait =
                            if self.dice.one_in(5) { self.dice.span(LONGEST_SEND_MS) } else { self.dice.span(500) };
                        self.fly(late + wait, Flight::Act { node: at, step, pair, act, attempt, by });
                    }
                }
            }
            Output::Ask { step } => {
                let pair = self.sequence.steps[step].pair;
                let wait = late + self.dice.span(300);
                self.fly(wait, Flight::Ask { node: at, pair });
            }
            Output::Journal(_) | Output::Done(_) => {}
        }
    }

    fn arrive(&mut self, flight: Flight) {
        match flight {
            Flight::Act { node, step, pair, act, attempt, by } => {
                if self.nodes[node].paused_until > self.now {
                    self.nodes[node].waiting.push_back(Flight::Act { node, step, pair, act, attempt, by });
                    return;
                }
                let outcome = if self.now > by { ActOutcome::NotSent } else { self.ocs.act(self.now, step, pair, act) };
                if outcome != ActOutcome::NotSent {
                    for node in 0..self.nodes.len() {
                        let wait = self.dice.span(300);
                        self.fly(wait, Flight::State { node, pair });
                    }
                }
                let lost = outcome != ActOutcome::NotSent && self.dice.one_in(12);
                let (wait, outcome) =
                    if lost { (ANSWER_MS, ActOutcome::Unknown) } else { (self.dice.span(2_000), outcome) };
                self.nodes[node].known.insert((step, act, attempt), Some(outcome));
                self.fly(wait, Flight::Outcome { node, act, attempt, outcome });
            }
            Flight::Ask { node, pair } => {
                if self.nodes[node].paused_until > self.now {
                    self.nodes[node].waiting.push_back(Flight::Ask { node, pair });
                    return;
                }
                let lost = self.dice.one_in(12);
                let status = (!lost).then(|| self.ocs.state(pair));
                let wait = if lost { ANSWER_MS } else { self.dice.span(1_000) };
                self.fly(wait, Flight::Asked { node, status });
            }
            Flight::Outcome { node, act, attempt, outcome } => {
                if self.nodes[node].paused_until > self.now {
                    self.nodes[node].waiting.push_back(Flight::Outcome { node, act, attempt, outcome });
                    return;
                }
                self.give(node, Input::Outcome { act, attempt, outcome, request: None, detail: None });
            }
            Flight::Asked { node, status } => {
                if self.nodes[node].paused_until > self.now {
                    self.nodes[node].waiting.push_back(Flight::Asked { node, status });
                    return;
                }
                self.give(node, Input::Asked(status));
            }
            Flight::State { node, pair } => {
                // What the mirror says at that moment counts, not what the event said.
                let status = self.ocs.state(pair);
                self.give(node, Input::Status { ocs: OCS, pair, status });
            }
        }
    }

    fn lists_run_empty(&mut self) {
        let dials = |(_, state): &(&Pair, &GroupCampStatus)| **state == GroupCampStatus::RUNNING;
        let running: Vec<Pair> = self.ocs.states.iter().filter(dials).map(|(pair, _)| *pair).collect();
        for pair in running {
            if self.dice.one_in(400) {
                self.ocs.states.insert(pair, GroupCampStatus::NOT_LOADED);
                for node in 0..self.nodes.len() {
                    self.fly(100, Flight::State { node, pair });
                }
            }
        }
    }

    /// What must hold at every moment.
    fn check(&self, seed: u64) {
        for ((step, act), count) in &self.ocs.came {
            let limited = matches!(act, Act::Load | Act::Start);
            assert!(!limited || *count <= 1, "seed {seed}: step {step} was asked to {} {count} times", act.slug());
        }
        // A node that has had the lease and its senses for so long has stopped what is past its end (70 s, and 45 s for a
        // start without an outcome).
        let steady = self.nodes.iter().any(|node| self.now - node.steady_since > STEADY_MS);
        for (pair, state) in &self.ocs.states {
            let dials = *state == GroupCampStatus::RUNNING;
            let for_ms = self.now - self.ocs.since.get(pair).copied().unwrap_or(0);
            let is_late = dials && steady && for_ms > 115_000 + STEADY_MS;
            assert!(!is_late, "seed {seed}: {pair:?} dials for {for_ms} ms: {:#?}", self.db.log);
        }
    }

    /// A quarter of a second goes by.
    fn pass(&mut self) {
        self.now += 250;
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let flight = entry.remove();
            self.arrive(flight);
        }
        for at in 0..self.nodes.len() {
            self.turn(at);
        }
        self.lists_run_empty();
        for node in &mut self.nodes {
            if node.paused_until > self.now || node.machine.is_none() {
                node.steady_since = self.now;
            }
        }
    }

    fn run(&mut self, seed: u64) {
        while !self.is_over() {
            assert!(self.now < 20_000_000, "seed {seed}: it does not end: {:#?}", self.db.log);
            self.pass();
            self.check(seed);
        }
        let ended = |entry: &&Entry| matches!(entry.what, What::StepEnded(_));
        let ended: Vec<usize> = self.db.log.iter().filter(ended).map(|entry| entry.step).collect();
        assert_eq!(ended, [0, 1, 2], "seed {seed}: {:#?}", self.db.log);
        for state in self.ocs.states.values() {
            assert_eq!(*state, GroupCampStatus::NOT_LOADED, "seed {seed}: something is left: {:#?}", self.db.log);
        }
    }
}

#[test]
fn two_sequencers_that_fight_for_one_lease_double_no_step() {
    let (mut pauses, mut takeovers, mut started) = (0, 0, 0);
    for seed in 0..FIGHTS {
        let mut fight = Fight::new(seed);
        fight.run(seed);
        pauses += fight.pauses;
        takeovers += fight.takeovers;
        started += fight.ocs.effects.iter().filter(|((_, act), _)| *act == Act::Start).map(|(_, n)| n).sum::<u32>();
    }
    assert!(pauses > FIGHTS && takeovers > 2 * i64::try_from(FIGHTS).unwrap(), "{pauses} {takeovers}");
    assert!(u64::from(started) > 2 * FIGHTS, "most steps are run: {started}");
}

/// A model that nothing can break proves nothing.
#[test]
fn without_the_wait_of_the_successor_steps_are_doubled() {
    let doubled = (0..FIGHTS).any(|seed| {
        let mut fight = Fight::new(seed);
        fight.terms.grace = Duration::ZERO;
        for _ in 0..2_000 {
            if fight.is_over() {
                break;
            }
            fight.pass();
        }
        fight.ocs.came.iter().any(|((_, act), count)| matches!(act, Act::Load | Act::Start) && *count > 1)
    });
    assert!(doubled, "the fights are too tame");
}
