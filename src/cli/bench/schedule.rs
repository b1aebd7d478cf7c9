//! When what is to be sent, known before the first request leaves: an answer that is late delays no later request.

use std::time::Duration;

use crate::cli::args::{ArrivalsWord, PaceArgs};
use crate::cli::exit::CliError;
use crate::engine::ocs::dialer::random::Random;

/// Most requests of one run, so that a mistyped rate asks for no memory.
const REQUESTS_MAX: f64 = 20_000_000.0;

/// One step of a schedule: a rate for a part of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Phase {
    /// Requests a second.
    pub(super) rate: f64,
    /// From the start of the run.
    pub(super) begins: Duration,
    /// How long.
    pub(super) length: Duration,
}

/// The intended time of every request, from the start of the run, in order.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    times: Vec<Duration>,
    /// What counts; what is sent before its first one begins does not.
    pub(super) phases: Vec<Phase>,
}

impl Schedule {
    /// The schedule that the flags ask for.
    ///
    /// # Errors
    /// Exit 2 for rates that do not fit the arrivals, or too many requests.
    pub(super) fn new(args: &PaceArgs) -> Result<Self, CliError> {
        let rates = match (args.arrivals, &args.rate[..]) {
            (ArrivalsWord::Step, rates) if rates.len() >= 2 => rates,
            (ArrivalsWord::Step, _) => {
                return Err(CliError::usage("--arrivals step: expected several rates")
                    .hint("for instance --arrivals step --rate 100,200,400"));
            }
            (_, [_]) => &args.rate[..],
            (..) => {
                return Err(CliError::usage("--rate: expected one rate")
                    .hint("several rates one after the other are --arrivals step"));
            }
        };
        let length = args.length / u32::try_from(rates.len()).unwrap_or(u32::MAX);
        let mut begins = args.warm_up;
        let phases: Vec<Phase> = rates
            .iter()
            .map(|rate| {
                let phase = Phase { rate: *rate, begins, length };
                begins += length;
                phase
            })
            .collect();
        let warm_up = Phase { rate: rates[0], begins: Duration::ZERO, length: args.warm_up };
        let expected: f64 = phases.iter().chain([&warm_up]).map(|phase| phase.rate * phase.length.as_secs_f64()).sum();
        if expected > REQUESTS_MAX {
            return Err(CliError::usage(format!("expected at most {REQUESTS_MAX} requests, found {expected:.0}"))
                .hint("lower --rate or --for"));
        }
        let mut random = Random::new(args.seed);
        let mut times = Vec::with_capacity(expected as usize + 64);
        for phase in [warm_up].iter().chain(&phases) {
            match args.arrivals {
                ArrivalsWord::Constant | ArrivalsWord::Step => evenly(phase, &mut times),
                ArrivalsWord::Poisson => by_chance(phase, &mut random, &mut times),
            }
        }
        Ok(Self { times, phases })
    }

    /// The intended times.
    pub(super) fn times(&self) -> &[Duration] {
        &self.times
    }

    /// Where the part that counts begins.
    pub(super) fn counted_from(&self) -> Duration {
        self.phases.first().map_or(Duration::ZERO, |phase| phase.begins)
    }

    /// How long the part that counts takes.
    pub(super) fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length).sum()
    }

    /// How many requests count.
    pub(super) fn counted(&self) -> usize {
        self.times.len() - self.times.partition_point(|time| *time < self.counted_from())
    }

    /// The phase of a time, `None` while warming up.
    pub(super) fn phase_of(&self, time: Duration) -> Option<usize> {
        self.phases.partition_point(|phase| phase.begins <= time).checked_sub(1)
    }
}

fn evenly(phase: &Phase, times: &mut Vec<Duration>) {
    let count = (phase.rate * phase.length.as_secs_f64()).round() as u64;
    times.extend((0..count).map(|n| phase.begins + Duration::from_secs_f64(n as f64 / phase.rate)));
}

fn by_chance(phase: &Phase, random: &mut Random, times: &mut Vec<Duration>) {
    let mean = (1e9 / phase.rate) as u64;
    let end = phase.begins + phase.length;
    let mut at = phase.begins;
    loop {
        at += Duration::from_nanos(random.exponential(mean));
        if at >= end {
            return;
        }
        times.push(at);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        pace: PaceArgs,
    }

    fn schedule(words: &str) -> Result<Schedule, CliError> {
        let words = ["bench"].into_iter().chain(words.split_whitespace());
        Schedule::new(&Words::try_parse_from(words).unwrap().pace)
    }

    fn gaps(schedule: &Schedule) -> Vec<f64> {
        schedule.times().windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect()
    }

    #[test]
    fn constant_arrivals_are_one_gap_apart() {
        let schedule = schedule("--rate 200 --for 10s --warm-up 0").unwrap();
        assert_eq!((schedule.times().len(), schedule.counted()), (2_000, 2_000));
        assert!(gaps(&schedule).iter().all(|gap| (gap - 0.005).abs() < 1e-6));
        assert_eq!(schedule.times()[0], Duration::ZERO);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_chance() {
        let schedule = schedule("--rate 1000 --for 100s --warm-up 0 --arrivals poisson --seed 7").unwrap();
        let count = schedule.times().len() as f64;
        // The deviation of so many is about 316.
        assert!((98_500.0..101_500.0).contains(&count), "{count}");
        let gaps = gaps(&schedule);
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        let spread = variance.sqrt() / mean;
        assert!((0.97..1.03).contains(&spread), "exponential gaps spread as far as their mean: {spread}");
        let long = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
        assert!((0.36..0.376).contains(&long), "1/e of the gaps are longer than their mean: {long}");
    }

    #[test]
    fn a_seed_is_a_schedule() {
        let times = |seed| {
            let words = format!("--rate 500 --for 2s --arrivals poisson --seed {seed}");
            schedule(&words).unwrap().times().to_vec()
        };
        assert_eq!(times(7), times(7));
        assert_ne!(times(7), times(8));
    }

    #[test]
    fn steps_share_the_time_and_each_has_its_rate() {
        let schedule = schedule("--rate 100,200,400 --for 6s --warm-up 1s --arrivals step").unwrap();
        let in_phase = |wanted| schedule.times().iter().filter(|time| schedule.phase_of(**time) == wanted).count();
        assert_eq!([None, Some(0), Some(1), Some(2)].map(in_phase), [100, 200, 400, 800]);
        assert_eq!((schedule.counted(), schedule.length()), (1_400, Duration::from_secs(6)));
        assert!(schedule.times().is_sorted());
    }

    #[test]
    fn what_is_sent_while_warming_up_does_not_count() {
        let schedule = schedule("--rate 100 --for 1s --warm-up 500ms").unwrap();
        assert_eq!((schedule.times().len(), schedule.counted()), (150, 100));
        assert_eq!(schedule.phase_of(Duration::from_millis(499)), None);
        assert_eq!(schedule.phase_of(Duration::from_millis(500)), Some(0));
    }

    #[test]
    fn rates_that_do_not_fit_are_refused() {
        for (words, wanted) in [
            ("--arrivals step --rate 100", "several rates"),
            ("--rate 100,200", "one rate"),
            ("--rate 1000000 --for 1m", "at most 20000000 requests"),
        ] {
            let error = schedule(words).unwrap_err();
            assert!(error.message.contains(wanted), "{words}: {error}");
        }
    }
}
