//! I4 and I9: two runs of one load that differ in doubles, or in the order of what arrives, end alike.

use std::collections::BTreeMap;

use commdn::protocol::requester::{Outcome, Why};

use crate::world::{
    Plan,
    plan::{Settings, Verb},
    play,
    run::How,
};

/// Milliseconds between two requests that may share a lane: more than it takes to settle what is in doubt, so that
/// nobody waits for a lane until it is too late, which hangs on the delays.
const LANE_STEP: u64 = 40_000;

/// A load without mishaps, slow enough that requests of one lane do not run into each other's deadlines.
fn calm(seed: u64, origins: u64, step: u64) -> Plan {
    let mut plan = Plan::of_seed(seed);
    plan.settings =
        Settings { origins, gateways: 1, proved: 1, way: 400, seed: plan.settings.seed, ..Settings::default() };
    plan.acts.retain(|act| act.verb == Verb::Submit);
    let mut free = BTreeMap::new();
    for (at, act) in (0_u64..).zip(&mut plan.acts) {
        // By the subject, and whether that is a pair or a person.
        let free = free.entry((act.args[4], act.args[3] >= 7)).or_insert(0);
        act.at = (at * step).max(*free);
        *free = act.at + LANE_STEP;
        // One gateway; nobody leaves; no cancel that names a campaign, whose answer hangs on another lane.
        (act.args[1], act.args[5], act.args[6]) = (0, 0, 0);
    }
    plan
}

fn ends(plan: &Plan, how: How) -> BTreeMap<u64, Outcome> {
    let world = play(plan, how);
    assert!(world.failure.is_none(), "seed {}: {:?}", plan.settings.seed, world.failure);
    world.items.into_iter().filter_map(|(id, item)| Some((id, item.outcome?))).collect()
}

fn alike(one: &Outcome, other: &Outcome) -> bool {
    // A refusal that another order makes ambiguous is settled: by asking (true of the state), or not at all.
    let unsure = |end: &Outcome| {
        matches!(end, Outcome::Refused { .. } | Outcome::Unknown { .. }) || end.why() == Some(Why::ByStatus)
    };
    one.slug() == other.slug() || (unsure(one) && unsure(other))
}

#[test]
fn doubling_every_frame_within_d_changes_no_outcome() {
    for seed in 1..150 {
        for origins in [1, 2, 16] {
            // Doubles keep an address closed for longer: here nobody is to wait for one.
            let plan = calm(seed, origins, 4_000);
            let once = ends(&plan, How::default());
            let twice = ends(&plan, How { double: true, ..How::default() });
            for (id, end) in &once {
                assert!(
                    alike(end, &twice[id]),
                    "I4, seed {seed}, N = {origins}, request {id}: {end:?} and {:?}",
                    twice[id]
                );
            }
        }
    }
}

#[test]
fn reordering_frames_that_name_their_subject_changes_no_outcome() {
    for seed in 1..150 {
        for origins in [1, 2, 16] {
            // So close that frames of several lanes pass each other.
            let mut plan = calm(seed, origins, 200);
            // An unload takes as long as its drain, and what waits behind it runs out of time now and then.
            plan.acts.retain(|act| act.args[3] != 3);
            let one = ends(&plan, How::default());
            for salt in 1..4 {
                let other = ends(&plan, How { salt, ..How::default() });
                for (id, end) in &one {
                    assert!(
                        alike(end, &other[id]),
                        "I9, seed {seed}, N = {origins}, request {id}: {end:?}, {:?}",
                        other[id]
                    );
                }
            }
        }
    }
}
