//! Every planted mutant is noticed within 1,000 seeds.

use commdn::protocol::requester::Mutant;

use crate::{
    schedules::{report, say, setting},
    world::{Plan, play, run::How},
};

/// Seeds that a mutant may survive.
const SEEDS: u64 = 1_000;

#[test]
fn every_planted_mutant_is_killed() {
    let first = setting("SEED").unwrap_or(1);
    let mut survivors = Vec::new();
    for mutant in Mutant::ALL {
        let how = How { mutant: Some(mutant), ..How::default() };
        let killed = (first..first + SEEDS).find_map(|seed| {
            let failure = play(&Plan::of_seed(seed), how).failure?;
            Some((seed, failure))
        });
        match killed {
            Some((seed, failure)) => {
                let text = failure.text;
                say(&format!("mutants: {mutant:?} killed by seed {seed}, {}: {text}", failure.property));
                if setting("LADDERS").is_some() {
                    say(&report(&Plan::of_seed(seed), how));
                }
            }
            None => survivors.push(mutant),
        }
    }
    assert!(survivors.is_empty(), "survived {SEEDS} seeds: {survivors:?}");
    say(&format!("mutants: {} of {} killed within {SEEDS} seeds", Mutant::ALL.len(), Mutant::ALL.len()));
}
