//! Which T-Server of a pair to dial next, and when.

use std::time::Duration;

use crate::protocol::time::Time;

/// One of a pair of T-Servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// The first address of the configuration.
    #[default]
    Primary,
    /// The second, if there is one.
    Backup,
}

/// A random factor from 0.5 to 1.0, in thousandths; whoever has a source of randomness gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// No shortening at all.
    pub const FULL: Self = Self(1_000);

    /// Any number becomes a factor of the range.
    #[must_use]
    pub fn from_random(random: u64) -> Self {
        let above = u32::try_from(random.checked_rem(501).unwrap_or(0)).unwrap_or(0);
        Self(above.saturating_add(500))
    }
}

/// Rest after the first failed round.
const REST_FIRST: Duration = Duration::from_millis(100);
/// Longest rest between rounds.
const REST_MAX: Duration = Duration::from_millis(5_000);
/// Shortest time between two attempts at one endpoint.
const ATTEMPT_GAP: Duration = Duration::from_millis(100);
/// A session of this length makes the next rests short again.
const LIVE_LONG: Duration = Duration::from_secs(60);

/// An attempt of a round: which endpoint, and whether the other one is still to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) endpoint: Endpoint,
    other_left: bool,
}

/// A round tries the endpoint that was used last, then the other; rests lie between rounds and grow.
#[derive(Debug)]
pub(super) struct Redial {
    has_backup: bool,
    used: Endpoint,
    failed_rounds: u32,
    last_attempt: [Option<Time>; 2],
}

impl Redial {
    pub(super) fn new(has_backup: bool) -> Self {
        Self { has_backup, used: Endpoint::Primary, failed_rounds: 0, last_attempt: [None; 2] }
    }

    /// The first attempt of a round, and when it may be made.
    pub(super) fn round(&self, now: Time) -> (Attempt, Time) {
        let attempt = Attempt { endpoint: self.used, other_left: self.has_backup };
        (attempt, self.not_before(attempt, now))
    }

    /// What follows an attempt that failed, and when.
    pub(super) fn after(&mut self, failed: Attempt, now: Time, jitter: Jitter) -> (Attempt, Time) {
        if failed.other_left {
            let attempt = Attempt { endpoint: other(failed.endpoint), other_left: false };
            return (attempt, self.not_before(attempt, now));
        }
        let doubled = REST_FIRST.saturating_mul(2_u32.saturating_pow(self.failed_rounds)).min(REST_MAX);
        self.failed_rounds = self.failed_rounds.saturating_add(1);
        let millis = doubled.as_millis().saturating_mul(u128::from(jitter.0)).checked_div(1_000).unwrap_or(0);
        self.round(now.saturating_add(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))))
    }

    pub(super) fn attempted(&mut self, endpoint: Endpoint, now: Time) {
        if let Some(last) = self.last_attempt.get_mut(index(endpoint)) {
            *last = Some(now);
        }
    }

    /// A login was accepted here.
    pub(super) fn used(&mut self, endpoint: Endpoint) {
        self.used = endpoint;
    }

    /// The other one comes first from now on, if there is one.
    pub(super) fn switch(&mut self) {
        if self.has_backup {
            self.used = other(self.used);
        }
    }

    /// The next rests are short again.
    pub(super) fn begin_again(&mut self) {
        self.failed_rounds = 0;
    }

    /// A session ended after so long.
    pub(super) fn lived(&mut self, length: Duration) {
        if length >= LIVE_LONG {
            self.begin_again();
        }
    }

    fn not_before(&self, attempt: Attempt, now: Time) -> Time {
        let last = self.last_attempt.get(index(attempt.endpoint)).copied().flatten();
        last.map_or(now, |last| now.max(last.saturating_add(ATTEMPT_GAP)))
    }
}

fn other(endpoint: Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Primary => Endpoint::Backup,
        Endpoint::Backup => Endpoint::Primary,
    }
}

fn index(endpoint: Endpoint) -> usize {
    match endpoint {
        Endpoint::Primary => 0,
        Endpoint::Backup => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_random_number_is_a_factor_between_half_and_one() {
        assert_eq!((Jitter::from_random(0), Jitter::from_random(500)), (Jitter(500), Jitter::FULL));
        assert!((0..2_000).map(Jitter::from_random).all(|jitter| (500..=1_000).contains(&jitter.0)));
    }

    #[test]
    fn rests_double_up_to_five_seconds_and_start_again_after_a_long_session() {
        let mut redial = Redial::new(false);
        let mut now = Time::ZERO;
        let mut rests = Vec::new();
        for _ in 0..8 {
            let (attempt, at) = redial.round(now);
            redial.attempted(attempt.endpoint, at);
            now = redial.after(attempt, at, Jitter::FULL).1;
            rests.push(now.saturating_sub(at).as_millis());
        }
        assert_eq!(rests, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        redial.lived(Duration::from_secs(59));
        let (attempt, _) = redial.round(now);
        assert_eq!(redial.after(attempt, now, Jitter(500)).1, now.saturating_add(Duration::from_millis(2_500)));
        redial.lived(Duration::from_secs(60));
        assert_eq!(redial.after(attempt, now, Jitter(500)).1, now.saturating_add(Duration::from_millis(50)));
    }

    #[test]
    fn a_round_tries_the_used_one_then_the_other_without_a_rest() {
        let mut redial = Redial::new(true);
        redial.used(Endpoint::Backup);
        let (first, at) = redial.round(Time::ZERO);
        assert_eq!((first.endpoint, at), (Endpoint::Backup, Time::ZERO));
        let (second, at) = redial.after(first, Time::ZERO, Jitter::FULL);
        assert_eq!((second.endpoint, at), (Endpoint::Primary, Time::ZERO));
        let (third, at) = redial.after(second, Time::ZERO, Jitter::FULL);
        assert_eq!((third.endpoint, at), (Endpoint::Backup, Time::from_millis(100)));
    }

    #[test]
    fn one_endpoint_is_never_tried_twice_within_a_hundred_milliseconds() {
        let mut redial = Redial::new(false);
        redial.attempted(Endpoint::Primary, Time::from_millis(40));
        assert_eq!(redial.round(Time::from_millis(50)).1, Time::from_millis(140));
        let (attempt, _) = redial.round(Time::from_millis(50));
        assert_eq!(redial.after(attempt, Time::from_millis(60), Jitter(500)).1, Time::from_millis(140));
    }
}
