//! The clock of a simulation: it jumps, or goes with the wall's, or faster. What happens is the same in all three.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::engine::scenario::Stage;
use crate::engine::world::World;
use crate::protocol::{Time, UtcSeconds};

/// Most times faster than the wall's clock.
pub const SPEED_MAX: u32 = 100_000;
/// So much of virtual time goes by between two looks at the token.
const SLICE: Duration = Duration::from_secs(600);

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// From one thing to the next, without waiting.
    Virtual,
    /// So many times the wall's clock; 1 = real.
    Times(u32),
}

impl Speed {
    /// `virtual`, `real`, or `x60`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "virtual" => Some(Self::Virtual),
            "real" => Some(Self::Times(1)),
            word => {
                let times = word.strip_prefix('x')?.parse().ok()?;
                (1..=SPEED_MAX).contains(&times).then_some(Self::Times(times))
            }
        }
    }
}

/// A clock that runs so many times as fast as the machine's, and can be turned. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<watch::Sender<Face>>);

/// How the clock stands.
#[derive(Clone, Copy, Debug)]
struct Face {
    /// When it was turned last, on the machine's clock and on this one.
    turned: Instant,
    then: Time,
    /// Its calendar at time zero.
    utc: UtcSeconds,
    times: u32,
}

impl Face {
    fn now(&self) -> Time {
        self.then + self.turned.elapsed().saturating_mul(self.times)
    }
}

impl SimClock {
    /// Begins now, when the calendar says `utc`.
    #[must_use]
    pub fn start(utc: UtcSeconds, times: u32) -> Self {
        let face = Face { turned: Instant::now(), then: Time::ZERO, utc, times: times.max(1) };
        Self(Arc::new(watch::Sender::new(face)))
    }

    /// The time of the simulation.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.borrow().now()
    }

    /// Its calendar.
    #[must_use]
    pub fn utc(&self) -> UtcSeconds {
        let face = *self.0.borrow();
        let passed = i64::try_from(face.now().0.as_secs()).unwrap_or(i64::MAX);
        UtcSeconds(face.utc.0.saturating_add(passed))
    }

    /// How many times faster than the machine's clock it runs.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.0.borrow().times
    }

    /// Runs so many times as fast from now on, 1 to [`SPEED_MAX`].
    pub fn set_times(&self, times: u32) {
        self.turn(Duration::ZERO, Some(times.clamp(1, SPEED_MAX)));
    }

    /// It is so much later at once; what was due meanwhile is done now, each at its own time of the simulation.
    pub fn leap(&self, leap: Duration) {
        self.turn(leap, None);
    }

    fn turn(&self, leap: Duration, times: Option<u32>) {
        self.0.send_modify(|face| {
            let then = face.now() + leap;
            *face = Face { turned: Instant::now(), then, times: times.unwrap_or(face.times), ..*face };
        });
    }

    /// Sleeps until it has come so far, however it is turned meanwhile.
    pub async fn sleep_until(&self, due: Time) {
        let mut turned = self.0.subscribe();
        loop {
            let face = *turned.borrow_and_update();
            let wait = due.saturating_sub(face.then) / face.times;
            tokio::select! {
                () = sleep_until(face.turned + wait) => return,
                // Without an error: this clock holds its sender.
                _ = turned.changed() => {}
            }
        }
    }
}

/// What runs on such a clock.
pub trait Runs {
    /// Its time.
    fn now(&self) -> Time;
    /// Its calendar.
    fn utc(&self) -> UtcSeconds;
    /// When something is to be done next.
    fn next_due(&self) -> Option<Time>;
    /// Does everything that is due until this moment, and ends there.
    fn run_until(&mut self, until: Time);
    /// Nothing is left to do.
    fn is_over(&self) -> bool {
        false
    }
}

impl Runs for World {
    fn now(&self) -> Time {
        World::now(self)
    }

    fn utc(&self) -> UtcSeconds {
        World::utc(self)
    }

    fn next_due(&self) -> Option<Time> {
        World::next_due(self)
    }

    fn run_until(&mut self, until: Time) {
        World::run_until(self, until);
    }
}

impl Runs for Stage {
    fn now(&self) -> Time {
        self.world().now()
    }

    fn utc(&self) -> UtcSeconds {
        self.world().utc()
    }

    fn next_due(&self) -> Option<Time> {
        Stage::next_due(self)
    }

    fn run_until(&mut self, until: Time) {
        Stage::run_until(self, until);
    }

    fn is_over(&self) -> bool {
        Stage::is_over(self)
    }
}

/// Runs a world until that time of its own, or until it is told to stop.
pub async fn run_world(world: &mut impl Runs, until: Time, speed: Speed, stop: &CancellationToken) {
    let clock = match speed {
        Speed::Virtual => None,
        Speed::Times(times) => Some(SimClock::start(world.utc(), times)),
    };
    while world.now() < until && !world.is_over() && !stop.is_cancelled() {
        let Some(clock) = &clock else {
            world.run_until(until.min(world.now() + SLICE));
            tokio::task::yield_now().await;
            continue;
        };
        let due = world.next_due().unwrap_or(until).min(until);
        tokio::select! {
            () = clock.sleep_until(due) => world.run_until(due),
            () = stop.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::topology::Topology;
    use crate::engine::world::{Operator, WorldConfig};

    fn world() -> World {
        let topology = Topology::demo_dialing();
        let operator = Operator::new(&topology, 1_800);
        let config = WorldConfig { seed: Some(7), ..WorldConfig::new(topology, UtcSeconds(1_772_438_400)) };
        let mut world = World::new(config).unwrap();
        world.add(Box::new(operator));
        world
    }

    /// The machine's clock is paused: it jumps when everybody sleeps.
    #[tokio::test(start_paused = true)]
    async fn a_world_is_the_same_on_every_clock() {
        let (end, stop) = (Time::from_secs(1_800), CancellationToken::new());
        let mut traces = Vec::new();
        for (speed, wall) in [(Speed::Virtual, 0), (Speed::Times(1), 1_800), (Speed::Times(60), 30)] {
            let (mut world, begun) = (world(), Instant::now());
            run_world(&mut world, end, speed, &stop).await;
            assert_eq!((world.now(), begun.elapsed().as_secs()), (end, wall), "{speed:?}");
            traces.push((world.trace(), world.counts()));
        }
        assert!(traces.iter().all(|trace| *trace == traces[0]));
        assert!(traces[0].1.iter().any(|(_, counts)| counts.finals > 20), "it has dialed");
    }

    #[tokio::test]
    async fn a_world_that_is_told_to_stop_stops() {
        let (mut world, stop) = (world(), CancellationToken::new());
        stop.cancel();
        run_world(&mut world, Time::from_secs(1_800), Speed::Times(1), &stop).await;
        assert_eq!(world.now(), Time::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_turned_wakes_those_who_sleep_by_it() {
        let clock = SimClock::start(UtcSeconds(1_000), 1);
        let (sleeper, begun) = (clock.clone(), Instant::now());
        let asleep = tokio::spawn(async move { sleeper.sleep_until(Time::from_secs(3_600)).await });
        sleep_until(begun + Duration::from_secs(10)).await;
        clock.leap(Duration::from_secs(1_790));
        assert_eq!((clock.now(), clock.utc()), (Time::from_secs(1_800), UtcSeconds(2_800)));
        clock.set_times(100);
        asleep.await.unwrap();
        assert_eq!(
            (clock.now(), begun.elapsed(), clock.times()),
            (Time::from_secs(3_600), Duration::from_secs(28), 100)
        );
    }

    #[test]
    fn speeds_are_read_from_words() {
        for (word, speed) in [
            ("virtual", Some(Speed::Virtual)),
            ("real", Some(Speed::Times(1))),
            ("x60", Some(Speed::Times(60))),
            ("x0", None),
            ("60", None),
            ("x100001", None),
        ] {
            assert_eq!(Speed::from_word(word), speed, "{word}");
        }
    }
}
