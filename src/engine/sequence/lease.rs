//! Who may run sequences: a lease that one holder has at a time, kept by the store and its clock.
//!
//! ```text
//! Away --take--> Asking --granted--> Held --renewed in time--> Held
//!   ^              | held by another   | refused, or no answer before its end
//!   +--------------+<------------------+
//! ```
//!
//! The holder reckons from the moment at which it asked, so that its lease ends for it before it ends in the store. It
//! hands nothing over when less than a guard is left. A successor is granted the lease only when its end and the longest
//! send have passed in the store (`grace`).

use std::time::Duration;

use crate::protocol::Time;

/// Settings of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long it is granted for.
    pub ttl: Duration,
    /// How often it is renewed.
    pub renew: Duration,
    /// Nothing is handed over when less than this is left.
    pub guard: Duration,
    /// The longest time between handing over and sending: a successor waits for it.
    pub grace: Duration,
    /// Pause before somebody who did not get it asks again.
    pub again: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            renew: Duration::from_secs(10),
            guard: Duration::from_secs(5),
            grace: Duration::from_secs(35),
            again: Duration::from_secs(5),
        }
    }
}

/// What the store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is ours, with this epoch.
    Granted {
        /// Goes up with every new holder.
        epoch: i64,
    },
    /// Somebody else has it, or had it a moment ago.
    Refused,
    /// The store does not answer.
    Failed,
}

/// What is to be asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Take it; with an epoch: renew what we have.
    Take {
        /// What we have.
        epoch: Option<i64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away { due: Time },
    Asking { since: Time },
    Held { epoch: i64, until: Time, renew_at: Time },
    Renewing { epoch: i64, until: Time, since: Time },
}

/// Keeps a lease.
#[derive(Clone, Debug)]
pub struct Keeper {
    terms: Terms,
    state: State,
}

impl Keeper {
    /// Does not have it, and asks at once.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self { terms, state: State::Away { due: Time::ZERO } }
    }

    /// When it wants to hear of the time.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        match self.state {
            State::Away { due } => Some(due),
            State::Asking { .. } => None,
            State::Held { until, renew_at, .. } => Some(renew_at.min(until)),
            State::Renewing { until, .. } => Some(until),
        }
    }

    /// The time goes by.
    pub fn tick(&mut self, now: Time) -> Option<Output> {
        match self.state {
            State::Away { due } if due <= now => {
                self.state = State::Asking { since: now };
                Some(Output::Take { epoch: None })
            }
            State::Held { until, .. } | State::Renewing { until, .. } if until <= now => {
                self.state = State::Away { due: now };
                self.tick(now)
            }
            State::Held { epoch, until, renew_at } if renew_at <= now => {
                self.state = State::Renewing { epoch, until, since: now };
                Some(Output::Take { epoch: Some(epoch) })
            }
            State::Away { .. } | State::Asking { .. } | State::Held { .. } | State::Renewing { .. } => None,
        }
    }

    /// The store has answered what [`Output::Take`] asked.
    pub fn answered(&mut self, now: Time, answer: Answer) {
        let since = match self.state {
            State::Asking { since } | State::Renewing { since, .. } => since,
            State::Away { .. } | State::Held { .. } => return, // it came too late to count
        };
        self.state = match (self.state, answer) {
            (_, Answer::Granted { epoch }) => {
                State::Held { epoch, until: since + self.terms.ttl, renew_at: since + self.terms.renew }
            }
            // It is still ours until its end.
            (State::Renewing { epoch, until, .. }, Answer::Failed) => {
                State::Held { epoch, until, renew_at: now + self.terms.renew / 4 }
            }
            (_, Answer::Refused | Answer::Failed) => State::Away { due: now + self.terms.again },
        };
    }

    /// A write with our epoch was refused: somebody else has it.
    pub fn lost(&mut self, now: Time) {
        self.state = State::Away { due: now + self.terms.again };
    }

    /// Its epoch while something may be handed over.
    #[must_use]
    pub fn epoch(&self, now: Time) -> Option<i64> {
        match self.state {
            State::Held { epoch, until, .. } | State::Renewing { epoch, until, .. } => {
                (now + self.terms.guard < until).then_some(epoch)
            }
            State::Away { .. } | State::Asking { .. } => None,
        }
    }

    /// The end of the time in which something may be handed over.
    #[must_use]
    pub fn hands_over_until(&self) -> Option<Time> {
        match self.state {
            State::Held { until, .. } | State::Renewing { until, .. } => {
                Some(Time(until.0.saturating_sub(self.terms.guard)))
            }
            State::Away { .. } | State::Asking { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKE: Option<Output> = Some(Output::Take { epoch: None });

    #[test]
    fn a_lease_is_counted_from_the_asking_and_ends_before_its_end() {
        let mut keeper = Keeper::new(Terms::default());
        let at = Time::from_secs;
        assert_eq!(keeper.tick(at(0)), TAKE);
        assert_eq!(keeper.tick(at(1)), None);
        keeper.answered(at(8), Answer::Granted { epoch: 7 });
        assert_eq!(keeper.epoch(at(24)), Some(7));
        assert_eq!(keeper.epoch(at(25)), None, "30 s from the asking, less the guard");
    }

    #[test]
    fn it_is_renewed_in_time_and_a_store_that_is_silent_does_not_take_it_away_before_its_end() {
        let mut keeper = Keeper::new(Terms::default());
        let at = Time::from_secs;
        keeper.tick(at(0));
        keeper.answered(at(0), Answer::Granted { epoch: 1 });
        assert_eq!(keeper.next_due(), Some(at(10)));
        assert_eq!(keeper.tick(at(10)), Some(Output::Take { epoch: Some(1) }));
        keeper.answered(at(12), Answer::Failed);
        assert_eq!(keeper.epoch(at(13)), Some(1));
        assert_eq!(keeper.tick(at(15)), Some(Output::Take { epoch: Some(1) }));
        keeper.answered(at(15), Answer::Granted { epoch: 1 });
        assert_eq!(keeper.epoch(at(39)), Some(1));
        assert_eq!(keeper.tick(at(25)), Some(Output::Take { epoch: Some(1) }));
        assert_eq!(keeper.tick(at(45)), TAKE, "it has ended without an answer");
        assert_eq!(keeper.epoch(at(45)), None);
    }

    #[test]
    fn whoever_was_refused_has_nothing_and_asks_again() {
        let mut keeper = Keeper::new(Terms::default());
        let at = Time::from_secs;
        keeper.tick(at(0));
        keeper.answered(at(0), Answer::Granted { epoch: 1 });
        keeper.tick(at(10));
        keeper.answered(at(10), Answer::Refused);
        assert_eq!((keeper.epoch(at(10)), keeper.tick(at(14))), (None, None));
        assert_eq!(keeper.tick(at(15)), TAKE);
        keeper.answered(at(15), Answer::Granted { epoch: 3 });
        keeper.lost(at(16));
        assert_eq!(keeper.epoch(at(16)), None);
    }
}
