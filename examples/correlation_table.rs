//! Prints the table of `docs/correlation.md`: what each policy of correlation comes to in the same schedules.
//!
//! ```text
//! cargo run --no-default-features --features mutants --example correlation_table
//! ```

#![allow(clippy::print_stdout)]

#[path = "../tests/correlation/world/mod.rs"]
mod world;

use commdn::protocol::requester::Mutant;
use world::{
    Plan, Tally,
    dice::Dice,
    plan::{Act, Settings, Verb},
    play,
    run::How,
    shrink::shrink,
};

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Schedules of a row.
const SCHEDULES: u64 = 4_000;
/// Do-not-calls of which the rate is taken, and the milliseconds from here to the OCS.
const PHONES: u64 = 2_000;
const WAY: u64 = 9;

struct Row {
    name: &'static str,
    mutant: Option<Mutant>,
    origins: u64,
    echo: u64,
}

fn main() {
    let rows = [
        ("first fit", Some(Mutant::FirstFit), 1),
        ("one in flight", Some(Mutant::OneInFlight), 1),
        ("full rules, N = 1", None, 1),
        ("full rules, N = 2", None, 2),
        ("full rules, N = 16", None, 16),
    ];
    let schedules = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(SCHEDULES);
    println!("{schedules} schedules a row, seeds 1 to {schedules}; DNC/s: {PHONES} distinct phones at once\n");
    println!(
        "| policy | echo | resolved | unknown | not sent | misattributed | longest wait | sends/submission | DNC/s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut wrong = Vec::new();
    for echo in [1, 0] {
        for (name, mutant, origins) in rows {
            let row = Row { name, mutant, origins, echo };
            let (total, seeds) = run(&row, schedules);
            print(&row, &total);
            wrong.extend(seeds.into_iter().filter(|_| mutant.is_none()).map(|seed| (seed, name, plan(&row, seed))));
        }
    }
    for (seed, name, plan) in wrong {
        println!("\nseed {seed}, {name}:");
        let Some((small, failure)) = shrink(&plan, How::default()) else { continue };
        let ladder = play(&small, How { trace: true, ..How::default() }).trace.unwrap_or_default();
        println!("{}: {}\n{}\n{}", failure.property, failure.text, small.write(), ladder.join("\n"));
    }
}

/// The schedule of a seed, as this row plays it: the rows differ in their policy alone.
fn plan(row: &Row, seed: u64) -> Plan {
    let mut plan = Plan::of_seed(seed);
    settle(&mut plan.settings, row);
    (plan.settings.beyond, plan.settings.steps) = (0, 0);
    plan.acts.retain(|act| act.verb != Verb::Forge && act.verb != Verb::Step);
    plan
}

/// All seeds of a row on all cores, and those in which something was misattributed.
fn run(row: &Row, schedules: u64) -> (Tally, BTreeSet<u64>) {
    let how = How { mutant: row.mutant, tolerant: true, ..How::default() };
    let next = AtomicU64::new(1);
    let sum = Mutex::new((Tally::default(), BTreeSet::new()));
    let work = || {
        let (mut total, mut wrong) = (Tally::default(), BTreeSet::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > schedules {
                break;
            }
            let plan = plan(row, seed);
            let tally = play(&plan, how).tally;
            if tally.misattributed > 0 {
                wrong.insert(seed);
            }
            total.add(&tally);
        }
        let mut sum = sum.lock().expect("no thread panics");
        sum.0.add(&total);
        sum.1.extend(wrong);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(work);
        }
    });
    sum.into_inner().expect("no thread panics")
}

fn print(row: &Row, total: &Tally) {
    let share = |part: u64| 100.0 * part as f64 / total.submissions.max(1) as f64;
    println!(
        "| {} | {} | {:.1} % | {:.1} % | {:.1} % | {} ({:.2} %) | {:.0} s | {:.2} | {} |",
        row.name,
        if row.echo == 1 { "proved" } else { "none" },
        share(total.resolved),
        share(total.unknown),
        share(total.unsent),
        total.misattributed,
        share(total.misattributed),
        total.longest_wait as f64 / 1_000.0,
        total.sends as f64 / total.submissions.max(1) as f64,
        rate(row),
    );
}

fn settle(settings: &mut Settings, row: &Row) {
    settings.origins = row.origins;
    settings.proved = row.echo;
    settings.reference = 0;
    settings.small = 0;
    // Echo and ids as documented, or neither and everything told to the last requester.
    (settings.profile_a, settings.profile_b) = if row.echo == 1 { (0, 0) } else { (1, 1) };
}

/// Distinct do-not-calls per second of virtual time, nothing going wrong, durable, so that each waits for an address
/// as long as it takes. "The link's": all of them were answered after one round trip.
fn rate(row: &Row) -> String {
    let mut settings = Settings { way: 1, copies: 0, ..Settings::default() };
    settle(&mut settings, row);
    let mut plan = Plan::with(settings, &mut Dice::new(1));
    plan.acts = (0..PHONES)
        .map(|item| Act { at: 0, verb: Verb::Submit, args: vec![item + 1, 0, 1, 8, 1_000 + item, 0, 0, 1] })
        .collect();
    let world = play(&plan, How { mutant: row.mutant, tolerant: true, way: WAY, ..How::default() });
    let took = world.last_outcome.saturating_sub(1_000).max(1);
    match (world.tally.dnc, world.tally.misattributed) {
        (PHONES, 0) if took == 2 * WAY => "the link's".to_owned(),
        (PHONES, 0) => format!("{:.2}", PHONES as f64 * 1_000.0 / took as f64),
        (answered, wrong) => format!("none: {answered} of {PHONES} answered, {wrong} wrongly"),
    }
}
