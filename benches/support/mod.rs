//! What the benches share: rounds in turns, medians, ratios.
#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod correlator;
pub(crate) mod sample;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread: other work on the machine does not count.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// CPU time of all threads.
pub(crate) fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The middle of an odd number of values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A piece of work under its name.
pub(crate) type Contender<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// CPU nanoseconds a call of each contender, median of `rounds`; in each round every contender has its turn.
pub(crate) fn in_turns(rounds: usize, calls: usize, contenders: &mut [Contender<'_>]) -> Vec<f64> {
    let mut figures = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for ((_, work), figures) in contenders.iter_mut().zip(&mut figures) {
            let start = thread_cpu();
            for _ in 0..calls {
                work();
            }
            let spent = thread_cpu() - start;
            // The first round only warms up.
            if round > 0 {
                figures.push(spent.as_secs_f64() * 1e9 / calls as f64);
            }
        }
    }
    figures.into_iter().map(median).collect()
}

/// The version of a dependency as Cargo.lock pins it.
pub(crate) fn version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1)).and_then(|rest| rest.split('"').next());
    version.expect("a package of the lock file")
}
