//! Every planted mutant is noticed within 1,000 seeds.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use commdn::protocol::requester::Mutant;

use crate::{
    schedules::{report, say, setting},
    world::{Plan, play, records::Failure, run::How},
};

/// Seeds that a mutant may survive.
const SEEDS: u64 = 1_000;

/// The first seed that notices a mutant.
fn kill(mutant: Mutant) -> Option<(u64, Failure)> {
    let how = How { mutant: Some(mutant), ..How::default() };
    let first = setting("SEED").unwrap_or(1);
    (first..first + SEEDS).find_map(|seed| Some((seed, play(&Plan::of_seed(seed), how).failure?)))
}

#[test]
fn every_planted_mutant_is_killed() {
    let next = AtomicUsize::new(0);
    let killed = Mutex::new([const { None }; Mutant::ALL.len()]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(mutant) = Mutant::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = Mutant::ALL.iter().position(|other| other == mutant).unwrap();
                    let by = kill(*mutant);
                    killed.lock().unwrap()[place] = by;
                }
            });
        }
    });
    let mut survivors = Vec::new();
    for (mutant, by) in Mutant::ALL.into_iter().zip(killed.into_inner().unwrap()) {
        let Some((seed, Failure { property, text, .. })) = by else {
            survivors.push(mutant);
            continue;
        };
        say(&format!("mutants: {mutant:?} killed by seed {seed}, {property}: {text}"));
        if setting("LADDERS").is_some() {
            say(&report(&Plan::of_seed(seed), How { mutant: Some(mutant), ..How::default() }));
        }
    }
    assert!(survivors.is_empty(), "survived {SEEDS} seeds: {survivors:?}");
    say(&format!("mutants: {} of {} killed within {SEEDS} seeds", Mutant::ALL.len(), Mutant::ALL.len()));
}
