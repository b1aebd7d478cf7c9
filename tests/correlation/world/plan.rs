//! A schedule: settings, what happens when, and the faults. Made from a seed, or read from a file.
//!
//! ```text
//! set seed 7
//! at 1200 submit item=1 gateway=0 target=1 what=start subject=0 variant=0 deadline=0 durable=1
//! fault delay 14s client gateway0 down ocs=301 type=CM_EvDialingStarted request=1 nth 1
//! fault duplicate after 800ms client gateway0 down ocs=301 type=CM_EvDialingStarted request=1 nth 1
//! ```
//!
//! Faults are those of `engine::fault`, in its words and by its judge. A request on its way to an OCS is `ocs 301 down
//! link=gateway0`, EventACK `client gateway0 down type=EventACK`, an EventError of the T-Server `client gateway0 up`, an
//! event of an OCS `client gateway0 down`; `request` is the submission behind it, 0 = none.

use std::fmt::Write as _;

use commdn::engine::fault::{self, Rule};
use commdn::message::MessageType;

use super::{dice::Dice, site};

pub const B: u64 = 30_000;
pub const D: u64 = 2_000;
/// Load and mishaps come within this time; after it the network is quick and whole again (but for what is on the way).
pub const BUSY: u64 = 120_000;

/// What all of a schedule has in common; plain numbers, 0 and 1 for no and yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub seed: u64,
    pub gateways: u64,
    /// Origins of the first gateway; the second has 2.
    pub origins: u64,
    /// The store knows that do-not-call and cancel are echoed (where they are).
    pub proved: u64,
    /// Profiles of the two OCSs, see `site`.
    pub profile_a: u64,
    pub profile_b: u64,
    /// One transit in so many is faulty; 0 = none.
    pub faults: u64,
    /// Delays may pass B, doubles D: then nothing is promised but that it shows.
    pub beyond: u64,
    /// Senders hear their own frames.
    pub copies: u64,
    /// T-Server pairs: 1, or one for each OCS.
    pub links: u64,
    /// Small limits.
    pub small: u64,
    /// Requests carry a reference id.
    pub reference: u64,
    /// Milliseconds that all clock steps of a gateway may come to.
    pub steps: u64,
    /// Longest usual way of a frame.
    pub way: u64,
}

macro_rules! fields {
    ($($name:ident)+) => {
        impl Settings {
            const NAMES: &[&str] = &[$(stringify!($name)),+];
            fn values(&self) -> Vec<u64> { vec![$(self.$name),+] }
            fn slot(&mut self, name: &str) -> Option<&mut u64> {
                match name { $(stringify!($name) => Some(&mut self.$name),)+ _ => None }
            }
        }
    };
}
fields!(seed gateways origins proved profile_a profile_b faults beyond copies links small reference steps way);

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            gateways: 1,
            origins: 1,
            proved: 0,
            profile_a: 0,
            profile_b: 0,
            faults: 0,
            beyond: 0,
            copies: 1,
            links: 1,
            small: 0,
            reference: 0,
            steps: 0,
            way: 200,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// A caller submits a request.
    Submit,
    /// A gateway loses a link.
    Cut,
    /// A T-Server pair changes roles: everything on the way comes twice.
    Switchover,
    /// A gateway loses its memory; the journal is kept.
    Restart,
    /// The clock of a gateway jumps forward.
    Step,
    /// Another application asks an OCS.
    Foreign,
    /// Somebody asks an OCS with a DBID of ours.
    Forge,
    /// An application that is no OCS sends us what looks like an answer; or an OCS sends it to nobody, or to another.
    Stranger,
    /// Something inside an OCS: faults, auto completion, a restart.
    Inside,
    /// An operator works at the OCS; it tells the last requester, as some do.
    Operator,
    /// From now on the backup of an OCS answers.
    Backup,
    /// Our operator clears the alarms.
    Clear,
}

const VERBS: &[(Verb, &str, &[&str])] = &[
    (Verb::Submit, "submit", &["item", "gateway", "target", "what", "subject", "variant", "deadline", "durable"]),
    (Verb::Cut, "cut", &["gateway", "link", "millis"]),
    (Verb::Switchover, "switchover", &["link"]),
    (Verb::Restart, "restart", &["gateway", "millis"]),
    (Verb::Step, "step", &["gateway", "millis"]),
    (Verb::Foreign, "foreign", &["ocs", "what", "subject", "variant"]),
    (Verb::Forge, "forge", &["gateway", "origin", "ocs", "what", "subject", "variant"]),
    (Verb::Stranger, "stranger", &["gateway", "origin", "how", "what", "subject", "variant"]),
    (Verb::Inside, "inside", &["ocs", "which", "subject"]),
    (Verb::Operator, "operator", &["ocs", "gateway", "origin", "what", "subject"]),
    (Verb::Backup, "backup", &["ocs"]),
    (Verb::Clear, "clear", &["gateway"]),
];

/// What is asked; the number is its place here.
pub const WHATS: &[&str] = &["load", "start", "stop", "unload", "force_unload", "set_mode", "status", "cancel", "dnc"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: u64,
    pub verb: Verb,
    pub args: Vec<u64>,
}

/// One way of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    pub leg: Leg,
    pub gateway: u64,
    pub ocs: u64,
    /// Message type.
    pub number: u64,
    /// The submission behind it; 0 = none.
    pub item: u64,
    pub nth: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    Up,
    Ack,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Drop,
    /// Milliseconds more, and the gap to a double.
    Late {
        late: u64,
        double: Option<u64>,
    },
    /// OCS does not take the request up: CM_EvError with this code.
    Refuse(u64),
    /// EventError of the T-Server; with 57 the frame has gone through all the same.
    Fail(u64),
}

/// The rules that do this on that way.
pub fn rules(way: &Way, fault: Fault) -> Vec<Rule> {
    let Way { leg, gateway, ocs, number, item, nth } = way;
    let ocs = site::OCS[*ocs as usize];
    let place = match (leg, fault) {
        (Leg::Up, _) => format!("ocs {ocs} down link=gateway{gateway}"),
        (Leg::Ack, Fault::Fail(_)) => format!("client gateway{gateway} up ocs={ocs}"),
        (Leg::Ack, _) => format!("client gateway{gateway} down ocs={ocs} type=EventACK"),
        (Leg::Down, _) => format!("client gateway{gateway} down ocs={ocs}"),
    };
    let whats = match fault {
        Fault::Drop => vec!["drop".to_owned()],
        Fault::Late { late, double } => {
            let late = (late > 0).then(|| format!("delay {late}ms"));
            late.into_iter().chain(double.map(|gap| format!("duplicate after {gap}ms"))).collect()
        }
        Fault::Refuse(code) => vec![format!("refuse {code}")],
        Fault::Fail(code) => vec![format!("fail {code}")],
    };
    let number = MessageType(*number as i32);
    let rule = |what: &String| {
        let line = format!("{what} {place} type={number} request={item} nth {}", nth + 1);
        fault::read_line(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    whats.iter().map(rule).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub settings: Settings,
    pub acts: Vec<Act>,
    /// `None`: by the seed.
    pub faults: Option<Vec<Rule>>,
}

impl Plan {
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let beyond = u64::from(dice.one_in(16));
        let quick = dice.one_in(3);
        let settings = Settings {
            seed,
            gateways: 1 + u64::from(dice.one_in(4)),
            origins: dice.of(&[1, 1, 1, 2, 2, 3, 16]),
            proved: dice.below(2),
            profile_a: dice.below(6),
            profile_b: dice.below(6),
            faults: dice.of(&[3, 4, 5, 8, 15, 60]),
            beyond,
            copies: dice.below(2),
            links: 1 + u64::from(dice.one_in(3)),
            small: u64::from(dice.one_in(10)),
            reference: u64::from(dice.one_in(8)),
            steps: if beyond == 1 { 60_000 } else { dice.of(&[0, 0, 0, 1_500]) },
            way: if quick { 20 } else { dice.of(&[200, 1_500]) },
        };
        Self::with(settings, &mut dice)
    }

    pub fn with(settings: Settings, dice: &mut Dice) -> Self {
        let mut acts = Vec::new();
        let items = 14 + dice.below(18);
        // Few subjects meet often, many seldom.
        let subjects = dice.of(&[1, 2, 3, 6]);
        let busy = dice.of(&[BUSY, BUSY, BUSY / 3]);
        let flavour = dice.below(4);
        for item in 1..=items {
            let gateway = dice.below(settings.gateways);
            let what = match flavour {
                0 => dice.of(&[8, 8, 8, 8, 8, 7]),
                1 => dice.of(&[0, 0, 1, 1, 2, 2, 3, 4, 5, 6]),
                2 => dice.of(&[7, 7, 7, 8, 0, 1, 2]),
                _ => dice.of(&[0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 8, 8]),
            };
            let target = if what >= 7 { dice.of(&[1, 1, 2, 0]) } else { dice.of(&[1, 1, 1, 2]) };
            let deadline = if dice.one_in(3) { 1 + dice.below(20) } else { 0 };
            let args = vec![
                item,
                gateway,
                target,
                what,
                dice.below(subjects),
                if dice.one_in(4) { dice.below(8) } else { 0 },
                deadline,
                dice.below(2),
            ];
            acts.push(Act { at: dice.below(busy), verb: Verb::Submit, args });
        }
        let gateways = settings.gateways;
        let mut other = |verb, args: Vec<u64>, dice: &mut Dice| acts.push(Act { at: dice.below(busy), verb, args });
        for _ in 0..dice.below(3) {
            let subject = dice.below(subjects);
            match dice.below(10) {
                0 | 1 => {
                    let args = vec![dice.below(gateways), dice.below(settings.links), dice.below(15_000)];
                    other(Verb::Cut, args, dice);
                }
                2 => other(Verb::Switchover, vec![dice.below(settings.links)], dice),
                3 | 4 => other(Verb::Restart, vec![dice.below(gateways), 50 + dice.below(4_000)], dice),
                5 => {
                    let args = vec![dice.below(2), dice.of(&[0, 1, 2, 3, 4, 5, 8]), subject, 0];
                    other(Verb::Foreign, args, dice);
                }
                6 => {
                    let origin = dice.below(settings.origins);
                    other(Verb::Forge, vec![0, origin, dice.below(2), dice.of(&[0, 1, 2, 3, 8]), subject, 0], dice);
                    other(Verb::Clear, vec![0], dice);
                }
                7 => {
                    for _ in 0..8 {
                        let (origin, how) = (dice.below(settings.origins), dice.below(3));
                        other(Verb::Stranger, vec![0, origin, how, dice.below(9), subject, 0], dice);
                    }
                }
                8 => other(Verb::Inside, vec![dice.below(2), dice.below(5), subject], dice),
                _ => other(Verb::Backup, vec![0], dice),
            }
        }
        for _ in 0..dice.of(&[0, 0, 0, 4]) {
            let origin = dice.below(settings.origins);
            let args = vec![0, 0, origin, dice.of(&[0, 1, 2, 3, 3, 4]), dice.below(subjects)];
            other(Verb::Operator, args, dice);
        }
        if settings.steps > 0 {
            for gateway in 0..gateways {
                other(Verb::Step, vec![gateway, 1 + dice.below(settings.steps)], dice);
            }
        }
        if dice.one_in(12) {
            unload_beside_a_stop(&mut acts, dice);
        }
        acts.sort_by_key(|act| act.at);
        Self { settings, acts, faults: None }
    }

    pub fn write(&self) -> String {
        let mut text = String::from("# commdn schedule 2\n");
        for (name, value) in Settings::NAMES.iter().zip(self.settings.values()) {
            let _ = writeln!(text, "set {name} {value}");
        }
        for act in &self.acts {
            let (_, word, names) = VERBS.iter().find(|(verb, _, _)| *verb == act.verb).unwrap();
            let _ = write!(text, "at {} {word}", act.at);
            for (name, value) in names.iter().zip(&act.args) {
                match (*name, usize::try_from(*value).ok().and_then(|n| WHATS.get(n))) {
                    ("what", Some(what)) => write!(text, " what={what}").unwrap(),
                    _ => write!(text, " {name}={value}").unwrap(),
                }
            }
            text.push('\n');
        }
        for rule in self.faults.iter().flatten() {
            let _ = writeln!(text, "fault {rule}");
        }
        text
    }

    pub fn read(text: &str) -> Result<Self, String> {
        let mut plan = Self { settings: Settings::default(), acts: Vec::new(), faults: Some(Vec::new()) };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            plan.read_line(&words).map_err(|wanted| format!("line {number}: expected {wanted}, found '{line}'"))?;
        }
        Ok(plan)
    }

    fn read_line(&mut self, words: &[&str]) -> Result<(), String> {
        let number = |word: &str| word.parse::<u64>().map_err(|_| format!("a number instead of '{word}'"));
        match words {
            [] => Ok(()),
            ["set", name, value] => {
                *self.settings.slot(name).ok_or("a setting")? = number(value)?;
                Ok(())
            }
            ["at", at, verb, args @ ..] => {
                let (verb, _, names) = VERBS.iter().find(|(_, word, _)| word == verb).ok_or("a verb")?;
                let mut found = Vec::new();
                for (name, arg) in names.iter().zip(args.iter().chain(std::iter::repeat(&""))) {
                    let value = arg.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
                    let value = value.ok_or_else(|| format!("{name}=..."))?;
                    let what = WHATS.iter().position(|what| *what == value).filter(|_| *name == "what");
                    found.push(what.map_or_else(|| number(value), |what| Ok(what as u64))?);
                }
                self.acts.push(Act { at: number(at)?, verb: *verb, args: found });
                Ok(())
            }
            ["fault", words @ ..] => {
                let rule = fault::read(words).map_err(|error| error.to_string())?;
                self.faults.get_or_insert_default().push(rule);
                Ok(())
            }
            _ => Err("set, at or fault".to_owned()),
        }
    }
}

/// A campaign is started; just when we stop it, an operator unloads it, and OCS tells us of that as well.
fn unload_beside_a_stop(acts: &mut Vec<Act>, dice: &mut Dice) {
    let at = dice.below(BUSY - 30_000);
    for (item, what, after) in [(101, 0, 0), (102, 1, 8_000), (103, 2, 16_000)] {
        acts.push(Act { at: at + after, verb: Verb::Submit, args: vec![item, 0, 1, what, 0, 0, 0, 0] });
    }
    let operator = Act { at: at + 16_001 + dice.below(50), verb: Verb::Operator, args: vec![0, 0, 0, 3, 0] };
    acts.push(operator);
}
