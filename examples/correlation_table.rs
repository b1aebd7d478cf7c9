//! Prints the table of `docs/correlation.md`: what each policy of correlation comes to in the same schedules.
//!
//! ```text
//! cargo run --release --no-default-features --features mutants --example correlation_table
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
};

/// Schedules of a row.
const SCHEDULES: u64 = 4_000;

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
    println!(
        "{schedules} schedules a row, seeds 1..{schedules}; DNC/s: 2,000 distinct phones at once, round trip 20 ms\n"
    );
    println!(
        "| policy | echo | resolved | unknown | not sent | misattributed | longest wait | sends/submission | DNC/s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for echo in [1, 0] {
        for (name, mutant, origins) in rows {
            print(&Row { name, mutant, origins, echo }, schedules);
        }
    }
}

fn print(row: &Row, schedules: u64) {
    let how = How { mutant: row.mutant, tolerant: true, ..How::default() };
    let mut total = Tally::default();
    for seed in 1..=schedules {
        let mut plan = Plan::of_seed(seed);
        settle(&mut plan.settings, row);
        // The rows differ in their policy alone.
        plan.settings.beyond = 0;
        plan.settings.steps = 0;
        plan.acts.retain(|act| act.verb != Verb::Forge && act.verb != Verb::Step);
        let world = play(&plan, how);
        total.add(&world.tally);
        if row.mutant.is_none() && world.tally.misattributed > 0 {
            let failure = play(&plan, How::default()).failure;
            println!("seed {seed}, N = {}: {failure:?}", row.origins);
        }
    }
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
        Some(rate(row)).filter(|rate| *rate < 50_000.0).map_or("the link's".to_owned(), |rate| format!("{rate:.1}")),
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

/// Distinct do-not-calls per second of virtual time, nothing going wrong.
fn rate(row: &Row) -> f64 {
    let mut settings = Settings { way: 1, copies: 0, ..Settings::default() };
    settle(&mut settings, row);
    let mut plan = Plan::with(settings, &mut Dice::new(1));
    plan.acts = (0..2_000)
        .map(|item| {
            // Durable: it waits for an address as long as it takes. The variants from 100 on are distinct phones.
            let args = vec![item + 1, 0, 1, 8, 1_000 + item, 0, 0, 1];
            Act { at: 0, verb: Verb::Submit, args }
        })
        .collect();
    let how = How { mutant: row.mutant, tolerant: true, way: 9, ..How::default() };
    let world = play(&plan, how);
    let seconds = world.last_outcome.saturating_sub(1_000).max(1) as f64 / 1_000.0;
    world.tally.dnc as f64 / seconds
}
