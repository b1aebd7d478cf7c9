//! Makes a failing schedule small: leaves out what the failure does not need.

use super::{
    plan::{Plan, rules},
    records::Failure,
    run::{How, play},
};

/// Most runs that one schedule is worth.
const RUNS_MAX: u32 = 3_000;

/// The smallest schedule found that breaks the same property, and how it breaks it.
pub fn shrink(plan: &Plan, how: How) -> Option<(Plan, Failure)> {
    let world = play(plan, how);
    let mut failure = world.failure?;
    let faults = world.applied.iter().flat_map(|(way, fault)| rules(way, *fault)).collect();
    let mut best = Plan { faults: Some(faults), ..plan.clone() };
    let mut runs = 0;
    let breaks = |plan: &Plan, property: &str, runs: &mut u32| {
        *runs += 1;
        play(plan, how).failure.filter(|failure| failure.property == property)
    };
    if breaks(&best, failure.property, &mut runs).is_none() {
        return Some((plan.clone(), failure)); // the script alone does not do it
    }
    loop {
        let before = (best.acts.len(), best.faults.as_ref().map_or(0, Vec::len));
        let mut size = best.acts.len().div_ceil(2).max(1);
        while size > 0 && runs < RUNS_MAX {
            let mut from = 0;
            while from < best.acts.len() && runs < RUNS_MAX {
                let mut less = best.clone();
                less.acts.drain(from..(from + size).min(less.acts.len()));
                match breaks(&less, failure.property, &mut runs) {
                    Some(now) => (best, failure) = (less, now),
                    None => from += size,
                }
            }
            size /= 2;
        }
        let rules: Vec<_> = best.faults.clone().unwrap_or_default();
        for rule in rules {
            let mut less = best.clone();
            less.faults.get_or_insert_default().retain(|other| *other != rule);
            if runs < RUNS_MAX
                && let Some(now) = breaks(&less, failure.property, &mut runs)
            {
                (best, failure) = (less, now);
            }
        }
        let after = (best.acts.len(), best.faults.as_ref().map_or(0, Vec::len));
        if after == before || runs >= RUNS_MAX {
            return Some((best, failure));
        }
    }
}
