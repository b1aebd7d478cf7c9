//! How many calls to have in the air: the dial modes, and the three methods that steer the predictive ones.

use super::seats::Pool;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::OptimizeBy;

/// One, as a fixed-point number of this file.
const ONE: u64 = 1 << 16;
/// How often the pace is looked at.
pub(super) const ADJUST_MS: u64 = 10_000;
/// Millionths of what the estimate says.
const PACE_MIN: i64 = 100_000;
const PACE_MAX: i64 = 2_000_000;
/// At the start: rather some agents who wait than customers who do.
const PACE_START: i64 = 500_000;
/// Most change of one look, per mille: what is seen is what was dialed a while ago.
const CHANGE_MAX: i64 = 10;

/// What a running campaign has learned, and how boldly it dials.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Share of attempts that are answered; begins with everything, so that it begins with care.
    answered: u64,
    /// From attempt to answer, milliseconds.
    ring_ms: u64,
    /// Steered: millionths of what the estimate asks for.
    pace: i64,
    /// Busy factor, per mille.
    busy: i64,
    /// Answers and those of them that met no agent, fading away.
    answers: u64,
    lost: u64,
    /// Time of a free agent until the next customer, milliseconds; a moving mean.
    wait_ms: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { answered: ONE, ring_ms: 10_000, pace: PACE_START, busy: 0, answers: 0, lost: 0, wait_ms: 0 }
    }
}

/// Which seats a mode works for, and how it takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Ports of the IVR instead of agents.
    pub(super) ports: bool,
    /// The seat is taken with the dial attempt, not with the answer.
    pub(super) seize: bool,
    /// An agent reads the record first.
    pub(super) preview: bool,
    /// The agent asks for the record; otherwise it comes by itself.
    pub(super) asks: bool,
    kind: Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rate {
    /// One call a free seat.
    Progressive,
    Predictive,
    /// A fixed number of calls a free seat.
    Power,
}

impl Manner {
    /// `None` for modes that are not known.
    pub(super) fn of(mode: DialMode) -> Option<Self> {
        let plain = Self { ports: false, seize: false, preview: false, asks: false, kind: Rate::Progressive };
        Some(match mode.0 {
            1 => Self { kind: Rate::Predictive, ..plain },
            2 => plain,
            3 => Self { seize: true, preview: true, asks: true, ..plain },
            8 => Self { seize: true, preview: true, ..plain },
            4 => Self { seize: true, ..plain },
            5 => Self { seize: true, kind: Rate::Predictive, ..plain },
            6 => Self { kind: Rate::Power, ..plain },
            7 => Self { seize: true, kind: Rate::Power, ..plain },
            9 => Self { ports: true, seize: true, ..plain },
            10 => Self { ports: true, kind: Rate::Predictive, ..plain },
            11 => Self { ports: true, kind: Rate::Power, ..plain },
            _ => return None,
        })
    }

    /// The pace is steered by method and goal.
    pub(super) fn is_steered(self) -> bool {
        self.kind == Rate::Predictive
    }
}

/// Calls of a campaign that have no customer yet, or no agent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InTheAir {
    /// Being dialed or ringing.
    pub(super) ringing: u64,
    /// Those of them that have a seat.
    pub(super) seized: u64,
    /// Answered, without a seat.
    pub(super) waiting: u64,
}

impl InTheAir {
    /// What competes for the seats: the campaign's own calls that have one, and every call that will want one, also
    /// those of a campaign that has just been stopped.
    pub(super) fn over(self, pool: &Pool) -> Self {
        Self { ringing: pool.ringing + self.seized, seized: self.seized, waiting: pool.answered }
    }
}

impl Pace {
    /// True when one more call is to be made.
    pub(super) fn wants_one(&self, manner: Manner, pool: &Pool, air: InTheAir, power: u32) -> bool {
        let idle = pool.idle();
        let has_seat = idle > 0 || !manner.seize;
        match manner.kind {
            Rate::Progressive if manner.seize => idle > 0,
            Rate::Progressive => idle > air.ringing + air.waiting,
            Rate::Power => {
                let free = idle + air.seized;
                has_seat && free * u64::from(power) > (air.ringing + air.waiting) * 1_000
            }
            Rate::Predictive => {
                let mut free = (idle + air.seized).saturating_sub(air.waiting) * ONE;
                if !manner.seize {
                    // Those who will be free by the time somebody answers.
                    free += pool.busy() * self.ring_ms.min(pool.handle_ms) * ONE / pool.handle_ms.max(1);
                }
                let pace = u64::try_from(self.pace).unwrap_or(0);
                let wanted = free * pace / 1_000_000 * ONE / self.answered.max(ONE / 100);
                // While somebody is free there is a call at least, or nothing would be learned any more.
                let first = idle > 0 && air.ringing + air.waiting == 0;
                first || (wanted >= (air.ringing + 1) * ONE && air.ringing < pool.present() * 20)
            }
        }
    }

    /// How boldly it dials.
    pub(super) fn per_mille(&self) -> u32 {
        u32::try_from(self.pace / 1_000).unwrap_or(0)
    }

    /// A dial attempt has come to its result.
    pub(super) fn learn_outcome(&mut self, is_answer: bool, took_ms: u64) {
        let target = if is_answer { ONE } else { 0 };
        self.answered = (self.answered * 63 + target) / 64;
        if is_answer {
            self.ring_ms = (self.ring_ms * 63 + took_ms) / 64;
            self.answers += ONE;
        }
    }

    /// Somebody who had answered is gone before an agent was there.
    pub(super) fn learn_loss(&mut self) {
        self.lost += ONE;
    }

    /// A free agent got a customer after so long.
    pub(super) fn learn_wait(&mut self, millis: u64) {
        let millis = i64::try_from(millis).unwrap_or(i64::MAX / 64);
        self.wait_ms = (self.wait_ms * 31 + millis) / 32;
    }

    /// Looks at what came out and dials more, or less.
    pub(super) fn steer(&mut self, dialing: Dialing, busy_ms: u64, present_ms: u64) {
        if let Some(share) = (busy_ms * 1_000).checked_div(present_ms) {
            let share = i64::try_from(share).unwrap_or(1_000);
            self.busy = if self.busy == 0 { share } else { (self.busy * 7 + share) / 8 };
        }
        let goal = i64::from(dialing.goal.unwrap_or(0));
        // How much bolder, per mille of the pace.
        let change = match dialing.optimize_by {
            Some(OptimizeBy::BUSY_FACTOR) => (goal * 10 - self.busy) / 20,
            Some(OptimizeBy::OVERDIAL_RATE) => {
                let lost = i64::try_from(self.lost * 1_000 / self.answers.max(ONE)).unwrap_or(1_000);
                (goal * 10 - lost) / 5
            }
            Some(OptimizeBy::WAIT_TIME) => {
                let wanted = (goal * 1_000).max(500);
                (self.wait_ms - wanted) * 20 / wanted
            }
            _ => (1_000_000 - self.pace) / 10_000, // nothing to aim at: as the estimate says
        };
        self.pace = (self.pace + self.pace * change.clamp(-CHANGE_MAX, CHANGE_MAX) / 1_000).clamp(PACE_MIN, PACE_MAX);
        // Half is forgotten in seven minutes.
        self.answers = self.answers * 59 / 60;
        self.lost = self.lost * 59 / 60;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(idle: usize) -> Pool {
        let mut pool = Pool::new(10, 100_000);
        pool.staffed = true;
        for seat in 0..idle {
            pool.login(0, seat);
        }
        pool
    }

    fn calls(mode: i32, pace: &Pace, pool: &Pool) -> u64 {
        let manner = Manner::of(DialMode(mode)).unwrap();
        let mut air = InTheAir::default();
        while air.ringing < 1_000 && pace.wants_one(manner, pool, air, 1_500) {
            air.ringing += 1;
        }
        air.ringing
    }

    #[test]
    fn progressive_makes_one_call_a_free_seat_and_power_a_fixed_number() {
        let pace = Pace::default();
        assert_eq!([calls(2, &pace, &pool(4)), calls(2, &pace, &pool(0))], [4, 0]);
        assert_eq!([calls(6, &pace, &pool(4)), calls(11, &pace, &pool(0))], [6, 0]);
    }

    #[test]
    fn predictive_makes_more_calls_the_fewer_are_answered() {
        let mut pace = Pace { pace: 1_000_000, ..Pace::default() };
        assert_eq!(calls(1, &pace, &pool(4)), 4, "at first as if everybody answered");
        (0..1_000).for_each(|n| pace.learn_outcome(n % 4 == 0, 9_000));
        assert!((14..=18).contains(&calls(1, &pace, &pool(4))), "{}", calls(1, &pace, &pool(4)));
        (0..1_000).for_each(|_| pace.learn_outcome(false, 9_000));
        assert_eq!(calls(1, &pace, &pool(4)), 80, "never more than 20 calls a seat");
    }

    #[test]
    fn predictive_counts_on_those_who_will_be_free_soon_unless_seats_are_seized() {
        let mut pool = pool(10);
        while pool.engage(0).is_some() {
            pool.talk(0);
        }
        let pace = Pace { pace: 1_000_000, ..Pace::default() };
        assert_eq!([calls(1, &pace, &pool), calls(5, &pace, &pool)], [1, 0], "10 seats, 10 s of 100 s");
    }

    #[test]
    fn each_method_dials_more_below_its_goal_and_less_above() {
        let steered = |method, goal, learn: &dyn Fn(&mut Pace)| {
            let mut pace = Pace { pace: 1_000_000, ..Pace::default() };
            learn(&mut pace);
            pace.steer(Dialing::new(DialMode::PREDICTIVE, method, goal), 700, 1_000);
            pace.pace.cmp(&1_000_000)
        };
        use std::cmp::Ordering::{Equal, Greater, Less};
        let nothing = |_: &mut Pace| {};
        assert_eq!(steered(OptimizeBy::BUSY_FACTOR, 80, &nothing), Greater);
        assert_eq!(steered(OptimizeBy::BUSY_FACTOR, 60, &nothing), Less);
        let lossy = |pace: &mut Pace| {
            (0..100).for_each(|n| {
                pace.learn_outcome(true, 1);
                if n < 5 {
                    pace.learn_loss();
                }
            });
        };
        assert_eq!(steered(OptimizeBy::OVERDIAL_RATE, 3, &lossy), Less);
        assert_eq!(steered(OptimizeBy::OVERDIAL_RATE, 8, &lossy), Greater);
        let idle = |pace: &mut Pace| (0..200).for_each(|_| pace.learn_wait(20_000));
        assert_eq!(steered(OptimizeBy::WAIT_TIME, 10, &idle), Greater);
        assert_eq!(steered(OptimizeBy::WAIT_TIME, 40, &idle), Less);
        assert_eq!(steered(OptimizeBy::NONE, 40, &idle), Equal);
    }
}
