//! A scenario in a world: one application for every sender of its requests, one that hears what is for nobody in
//! particular, one that says what no OCS has said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::play::{Frame, Output, Play};
use super::{ActReport, Coverage, Failure, FailureKind, Ladder, Report, START, Scenario, Step, Steps, each};
use crate::engine::topology::Topology;
use crate::engine::world::{AppInput, Application, Operator, Seen, World, WorldConfig, WorldError};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::Target;
use crate::protocol::profile::Profile;
use crate::protocol::{Time, UtcSeconds};
use crate::wire::Dialect;
use crate::wire::Reading;

/// Most messages whose order at the T-Server is remembered.
const PASSED_MAX: usize = 4_096;

/// What is said from outside and wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Seed of the calls and faults.
    pub seed: Option<u64>,
    /// Replaces the profiles of the file.
    pub profile: Option<Profile>,
    /// Bytes and charset.
    pub dialect: Dialect,
}

/// Letters of one application: what it heard, what it is to send.
#[derive(Debug, Default)]
struct Letters {
    heard: VecDeque<CommDnMessage>,
    out: VecDeque<CommDnMessage>,
}

/// How soon the ends of a link notice that the other one is gone, in a scenario with faults.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// ApplicationName of the one who says what no OCS has said.
const VOICE: &str = "Voice";

fn post_name(origin: AppDbid) -> String {
    format!("App_{origin}")
}

type Shared = Arc<Mutex<Letters>>;

/// Which messages an application keeps.
#[derive(Clone, Debug)]
enum Ear {
    /// Those for one application.
    For(AppDbid),
    /// Those for none of these.
    ForNoneOf(Vec<AppDbid>),
    /// None.
    Deaf,
}

impl Ear {
    fn hears(&self, target: Target) -> bool {
        match (self, target) {
            (Self::For(own), Target::One(target)) => *own == target,
            (Self::For(_), Target::Every) | (Self::Deaf, _) => false,
            (Self::ForNoneOf(all), Target::One(target)) => !all.contains(&target),
            (Self::ForNoneOf(_), Target::Every) => true,
        }
    }
}

struct Post {
    name: String,
    ear: Ear,
    letters: Shared,
}

fn open(letters: &Shared) -> std::sync::MutexGuard<'_, Letters> {
    letters.lock().unwrap_or_else(PoisonError::into_inner) // nobody panics while he holds it
}

impl Application for Post {
    fn name(&self) -> &str {
        &self.name
    }

    fn handle(&mut self, _: Time, _: UtcSeconds, input: AppInput<'_>) {
        match input {
            AppInput::Heard { message, .. } if self.ear.hears(message.target) => {
                let row = message.body.message_type().row();
                if row.is_some_and(|row| row.direction == Direction::FromOcs) {
                    open(&self.letters).heard.push_back(message.clone());
                }
            }
            AppInput::Up | AppInput::Heard { .. } | AppInput::Tick => {}
        }
    }

    fn poll(&mut self) -> Option<CommDnMessage> {
        open(&self.letters).out.pop_front()
    }
}

/// What is seen at the T-Server.
#[derive(Debug, Default)]
struct Witness {
    dialect: Dialect,
    passed: VecDeque<CommDnMessage>,
    coverage: Coverage,
    ladder: Ladder,
    /// Everything, for whoever wants it whole.
    log: Option<Vec<(Time, CommDnMessage)>>,
}

impl Witness {
    fn see(&mut self, now: Time, seen: Seen<'_>) {
        let user_data = match seen {
            Seen::UserEvent { user_data, .. } => user_data,
            Seen::Fault { rule: Some(rule), message, .. } => {
                let struck = message.map(|message| format!(": {message}")).unwrap_or_default();
                return self.ladder.note(now, format!("fault {rule}{struck}"));
            }
            Seen::Fault { .. } | Seen::Record { .. } | Seen::Trace { .. } => return,
        };
        let Ok(decoded) = CommDnMessage::decode(user_data, &self.dialect, Reading::Tolerant) else { return };
        self.coverage.pass(&decoded.message);
        self.ladder.pass(now, &decoded.message);
        if let Some(log) = &mut self.log {
            log.push((now, decoded.message.clone()));
        }
        if self.passed.len() == PASSED_MAX {
            self.passed.pop_front();
        }
        self.passed.push_back(decoded.message);
    }
}

/// One act of a scenario while it is played.
pub struct Stage {
    world: World,
    play: Play,
    posts: BTreeMap<AppDbid, Shared>,
    /// Hears what is for none of them.
    listener: Shared,
    /// Says what no OCS has said.
    voice: Shared,
    witness: Witness,
    profile: Option<String>,
    start: UtcSeconds,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("world", &self.world).finish_non_exhaustive()
    }
}

impl Stage {
    /// An act in its site, before its first moment.
    ///
    /// # Errors
    /// A profile that is not shipped.
    pub fn new(
        scenario: &Scenario,
        act: (Option<String>, Steps),
        site: Topology,
        setting: &Setting,
    ) -> Result<Self, WorldError> {
        let (named, steps) = act;
        let start = scenario.start.unwrap_or(START);
        let profile = setting.profile.clone().or_else(|| named.as_deref().and_then(Profile::shipped));
        let seed = setting.seed.or(scenario.seed);
        let senders = scenario.senders();
        let mut others = Vec::new();
        // Where nothing is lost, nobody needs to ask whether the other is still there.
        let mut faulty = false;
        each(&scenario.steps, &mut |line| faulty |= matches!(line.step, Step::Fault(_)));
        let heartbeat = if faulty { HEARTBEAT } else { Duration::ZERO };
        let config = WorldConfig { topology: site.clone(), profile, seed, start, dialect: setting.dialect, heartbeat };
        let mut world = World::new(config)?;
        if scenario.operator {
            let mut site = site;
            let free = |origin: &AppDbid| !senders.contains(origin);
            if site.origins.iter().any(|(origin, _)| free(&origin.dbid)) {
                site.origins.retain(|(origin, _)| free(&origin.dbid));
            }
            others = site.origins.iter().map(|(origin, _)| origin.dbid.0).chain([0]).collect();
            let seconds = scenario.length.map_or(0, |length| length.as_secs());
            world.add(Box::new(Operator::new(&site, seconds)));
        }
        let mut join = |name: String, ear: Ear| {
            let letters = Shared::default();
            world.add(Box::new(Post { name, ear, letters: Arc::clone(&letters) }));
            letters
        };
        let posts = senders.iter().map(|origin| (*origin, join(post_name(*origin), Ear::For(*origin)))).collect();
        let listener = join("Listener".to_owned(), Ear::ForNoneOf(senders));
        let voice = join(VOICE.to_owned(), Ear::Deaf);
        let frame = Frame { start, length: scenario.length, within: scenario.within, others };
        let witness = Witness { dialect: setting.dialect, ..Witness::default() };
        Ok(Self { world, play: Play::new(steps, frame), posts, listener, voice, witness, profile: named, start })
    }

    /// The site.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// From now on every message is kept.
    pub fn keep_log(&mut self) {
        self.witness.log.get_or_insert_default();
    }

    /// The messages that were kept, with their times.
    #[must_use]
    pub fn log(&self) -> &[(Time, CommDnMessage)] {
        self.witness.log.as_deref().unwrap_or_default()
    }

    /// Nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.play.is_over()
    }

    /// When something is to be done next.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.world.next_due().into_iter().chain(self.play.next_deadline()).min()
    }

    /// Plays until this moment, or until the end.
    pub fn run_until(&mut self, until: Time) {
        loop {
            self.settle();
            let Some(due) = self.next_due().filter(|due| *due <= until && !self.is_over()) else { break };
            self.pass_to(due);
        }
        if !self.is_over() {
            self.pass_to(until);
        }
    }

    fn pass_to(&mut self, until: Time) {
        let witness = &mut self.witness;
        self.world.watch_until(until, &mut |now, seen| witness.see(now, seen));
    }

    /// Goes round at one moment until nothing happens any more.
    fn settle(&mut self) {
        while !self.is_over() {
            let now = self.world.now();
            self.pass_to(now);
            for event in self.heard() {
                self.play.hear(now, &event);
            }
            let mut acted = self.act(now);
            if !acted && self.world.next_due().is_none_or(|due| due > now) {
                self.play.quiet(now);
                acted = self.act(now);
                if !acted && self.play.next_deadline().is_none_or(|due| due > now) {
                    return;
                }
            }
        }
    }

    /// What came, in the order in which it passed the T-Server; an application's own order stays as it is.
    fn heard(&mut self) -> Vec<CommDnMessage> {
        let mut queues: Vec<VecDeque<CommDnMessage>> = self
            .posts
            .values()
            .chain([&self.listener])
            .map(|letters| std::mem::take(&mut open(letters).heard))
            .filter(|queue| !queue.is_empty())
            .collect();
        let mut merged = Vec::new();
        while queues.len() > 1 {
            let rank = |queue: &VecDeque<CommDnMessage>| {
                let front = queue.front();
                self.witness.passed.iter().rposition(|passed| Some(passed) == front)
            };
            let first = queues.iter().enumerate().min_by_key(|(_, queue)| rank(queue)).map_or(0, |(at, _)| at);
            merged.extend(queues[first].pop_front());
            queues.retain(|queue| !queue.is_empty());
        }
        merged.extend(queues.into_iter().flatten());
        merged
    }

    /// Does what the play gives out; false when that is nothing.
    fn act(&mut self, now: Time) -> bool {
        let mut acted = false;
        while let Some(output) = self.play.poll() {
            acted = true;
            match output {
                Output::Send { message, forged } => {
                    let post = match forged {
                        true => Some((VOICE.to_owned(), &self.voice)),
                        false => self.posts.get(&message.origin).map(|post| (post_name(message.origin), post)),
                    };
                    if let Some((name, letters)) = post {
                        open(letters).out.push_back(*message);
                        self.world.wake(&name);
                    }
                }
                Output::Trigger(ocs, internal) => {
                    let all: Vec<AppDbid> = self.world.ocss().map(|ocs| ocs.config().dbid).collect();
                    for dbid in all.into_iter().filter(|dbid| ocs.is_none_or(|ocs| ocs == *dbid)) {
                        self.world.inside(dbid, internal.clone());
                    }
                }
                Output::Fault(line, rule) => {
                    if let Err(error) = self.world.inject(*rule) {
                        let (kind, text) = (FailureKind::Late, error.to_string());
                        self.play.fail(Failure { line, at: now, kind, text, details: Vec::new() });
                    }
                }
                Output::Check(line, check) => self.play.checked(now, line, &check, check.holds(&self.world)),
            }
        }
        acted
    }

    /// What came out so far.
    #[must_use]
    pub fn report(&mut self) -> ActReport {
        let counts = self.world.counts();
        if let Some((ocs, lost)) = counts.iter().find(|(_, counts)| !counts.is_whole()) {
            let text = format!("OCS {ocs}, campaign {}: its counts do not add up", lost.campaign);
            let at = self.world.now();
            self.play.fail(Failure { line: 1, at, kind: FailureKind::Lost, text, details: vec![format!("{lost:?}")] });
        }
        let (passed, failure) = self.play.result();
        ActReport {
            profile: self.profile.clone(),
            start: self.start,
            ran: self.world.now().0,
            trace: self.world.trace(),
            counts,
            passed: passed.to_vec(),
            skipped: self.play.skipped(),
            failure: failure.cloned(),
            coverage: self.witness.coverage.clone(),
            ladder: self.witness.ladder.clone(),
        }
    }
}

/// Plays every act on a clock that jumps.
///
/// # Errors
/// A profile that is not shipped.
pub fn perform(scenario: &Scenario, site: &Topology, setting: &Setting) -> Result<Report, WorldError> {
    let mut acts = Vec::new();
    for act in scenario.acts() {
        let mut stage = Stage::new(scenario, act, site.clone(), setting)?;
        stage.play_out();
        acts.push(stage.report());
    }
    Ok(Report { title: scenario.title.clone(), acts })
}

impl Stage {
    /// Plays to the end, from one thing to the next.
    pub fn play_out(&mut self) {
        self.run_until(self.world.now());
        while !self.is_over() {
            match self.next_due() {
                Some(due) => self.run_until(due),
                None => break,
            }
        }
    }
}
