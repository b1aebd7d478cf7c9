//! How often decode, encode and correlate ask for memory. Counts, not times: they are the same on every machine.
//!
//! `cargo bench --no-default-features --bench allocations`
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{alloc::System, hint::black_box};

use bytes::BytesMut;
use commdn::protocol::Time;
use commdn::protocol::requester::{Input, Requester};
use commdn::wire::Reading;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::correlator;
use support::sample::{Sample, pairs};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and bytes of one call, when everything that is reused has grown to its size.
fn count<T>(what: &str, mut work: impl FnMut() -> T) -> usize {
    drop(black_box(work()));
    let region = Region::new(GLOBAL);
    let result = black_box(work());
    let change = region.change();
    drop(result);
    let times = change.allocations + change.reallocations;
    println!("  {what:<44} {times:>4} allocations {:>7} bytes", change.bytes_allocated);
    times
}

fn main() {
    let sample = Sample::load_campaign();
    println!("LoadCampaign with schedule, {} pairs, {} bytes", pairs(&sample.tree), sample.packed.len());
    for reading in [Reading::Tolerant, Reading::Strict] {
        let times = count(&format!("checked view and routing keys, {reading}"), || sample.routed(reading));
        assert_eq!(times, 0, "row 1: no allocation");
    }
    count("typed message", || sample.typed());
    count("owned tree", || sample.owned_tree());
    count("prost", || sample.prost());
    count("rmp-serde", || sample.pack());
    let mut out = BytesMut::new();
    let times = count("encode into a reused buffer", || sample.write(&mut out));
    assert_eq!(times, 0, "a reused buffer is reused");
    count("encode into a buffer of its own", || sample.message.encode(&sample.dialect).unwrap());

    correlate();
}

fn correlate() {
    let mut machine = correlator::machine(|_| {});
    let mut submitted = 0;
    let mut submit = |machine: &mut Requester| {
        submitted += 1;
        machine.handle(Time::ZERO, correlator::submission(submitted, correlator::entry(submitted).into()));
        let mut outputs = Vec::with_capacity(8);
        outputs.extend(std::iter::from_fn(|| machine.poll()));
        outputs
    };
    println!("\nDo-not-call, 1,000 pending");
    for _ in 0..1_000 {
        submit(&mut machine);
    }
    count("submit, with the message that is to be sent", || submit(&mut machine));
    let mut ready: Vec<Input> = (1..=2).map(|number| correlator::event(correlator::processed(number))).collect();
    count("event that answers one of them", || {
        let event = ready.pop().expect("two are counted");
        assert_eq!(correlator::answer_one(&mut machine, Time::ZERO, event), 1, "the event ends its request");
    });
}
