//! Eight hours of 200 agents on the virtual clock: what happened, how long it took, and the hash of the trace.
//!
//! `cargo run --release --no-default-features --example shift -- [SEED] [HOURS]`

use std::time::Instant;

use commdn::engine::topology::Topology;
use commdn::engine::world::{Operator, World, WorldConfig};
use commdn::protocol::{Time, UtcSeconds};

/// 2026-03-02T08:00:00Z, a Monday.
const START: UtcSeconds = UtcSeconds(1_772_438_400);

#[allow(clippy::print_stdout)] // what it is for
fn main() {
    let mut args = std::env::args().skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
    let (seed, hours) = (args.next().unwrap_or(7), args.next().unwrap_or(8));
    let begin = Instant::now();
    let topology = Topology::shift();
    let made = begin.elapsed();
    let operator = Operator::new(&topology, hours * 3_600);
    let config = WorldConfig { seed: Some(seed), ..WorldConfig::new(topology, START) };
    let mut world = World::new(config).expect("the shipped site");
    world.add(Box::new(operator));
    let built = begin.elapsed();
    world.run_until(Time::from_secs(hours * 3_600));
    let ran = begin.elapsed();
    for (ocs, counts) in world.counts() {
        println!(
            "OCS {ocs} campaign {}: {} records = {} final + {} open, whole {}",
            counts.campaign,
            counts.records,
            counts.finals,
            counts.open,
            counts.is_whole()
        );
        for (pair, calls) in &counts.pairs {
            println!("  {pair}: {calls:?}");
        }
    }
    println!("trace {} after {} steps", world.trace(), world.events());
    println!("lists made in {made:?}, site built in {:?}, {hours} hours ran in {:?}", built - made, ran - built);
}
