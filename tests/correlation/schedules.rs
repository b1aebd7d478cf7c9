//! Runs many schedules, keeps what fails, and replays what has been kept.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::world::{Plan, Tally, plan::rules, play, records::Failure, run::How, shrink::shrink};

/// Schedules of an ordinary test run.
const SHARE: u64 = 4_000;
/// Seeds that a thread takes at a time.
const ROW: u64 = 16;
/// Lines of a ladder.
const LADDER: usize = 80;

pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(format!("COMMDN_CORRELATION_{name}")).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("COMMDN_CORRELATION_{name}: expected a number, found '{text}'")))
}

/// Shrinks a failing schedule, writes it down, and says how to run it again.
pub(crate) fn report(plan: &Plan, how: How) -> String {
    let Some((small, failure)) = shrink(plan, how) else { return "the schedule does not fail again".to_owned() };
    let world = play(&small, How { trace: true, ..how });
    let trace = world.trace.unwrap_or_default();
    let ladder = trace[trace.len().saturating_sub(LADDER)..].join("\n");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schedules");
    let name = format!("seed-{}-{}.schedule", plan.settings.seed, failure.property.replace(' ', "-"));
    let file = folder.join(name);
    let text = format!(
        "# {}: {}\n{}",
        failure.property,
        failure.text,
        small.write().trim_start_matches("# commdn schedule 1\n")
    );
    let text = format!("# commdn schedule 1\n{text}");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text));
    let replay = match written {
        Ok(()) => format!(
            "COMMDN_CORRELATION_REPLAY={} cargo test --no-default-features --features mutants --test correlation replay -- --nocapture",
            file.display()
        ),
        Err(error) => format!("(not written: {error})"),
    };
    format!(
        "{} broke at seed {}, step {} (shrunk to {} acts)\n{}\n{ladder}\nreplay: {replay}",
        failure.property,
        plan.settings.seed,
        failure.step,
        small.acts.len(),
        failure.text
    )
}

/// How a seed is run: one in 16 with a snapshot (I8).
fn how_of(seed: u64) -> How {
    How { snapshot: seed.is_multiple_of(16), ..How::default() }
}

/// Seeds from `first` on, on all cores, at least `least` of them and until `end`; stops early at so many failures. The
/// same seeds give the same result whichever thread runs them.
fn run_many(first: u64, least: u64, end: Instant, failures_max: usize) -> (Tally, BTreeMap<u64, Failure>) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let minutes = AtomicU64::new(0);
    let start = Instant::now();
    let total = Mutex::new(Tally::default());
    let failures = Mutex::new(BTreeMap::new());
    let work = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            // Asked before a row is taken: every row that is taken is run, so that no seed is left out.
            if next.load(Ordering::Relaxed) >= least && Instant::now() >= end {
                break;
            }
            let from = next.fetch_add(ROW, Ordering::Relaxed);
            let minute = start.elapsed().as_secs() / 60;
            if minutes.fetch_max(minute, Ordering::Relaxed) < minute {
                // What the other threads are at may not be done yet.
                let done = first + from.saturating_sub(ROW * threads as u64);
                say(&format!("schedules: {minute} min; if this is stopped, go on with COMMDN_CORRELATION_SEED={done}"));
            }
            for seed in first + from..first + from + ROW {
                let plan = Plan::of_seed(seed);
                let world = play(&plan, how_of(seed));
                tally.add(&world.tally);
                if let Some(failure) = world.failure {
                    let mut failures = failures.lock().unwrap();
                    failures.insert(seed, failure);
                    if failures.len() >= failures_max {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
        total.lock().unwrap().add(&tally);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    (total.into_inner().unwrap(), failures.into_inner().unwrap())
}

#[test]
fn schedules_hold_every_property() {
    let first = setting("SEED").unwrap_or(1);
    let seconds = setting("SECONDS");
    let least = setting("SCHEDULES").unwrap_or(if seconds.is_some() { 0 } else { SHARE });
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.unwrap_or(0));
    let (total, failures) = run_many(first, least, end, setting("FAILURES").unwrap_or(1) as usize);
    if let Some(seed) = failures.keys().next() {
        for (seed, Failure { property, text, .. }) in &failures {
            say(&format!("schedules: seed {seed} broke {property}: {text}"));
        }
        say(&format!("schedules: {} of {} failed", failures.len(), total.schedules));
        panic!("{}", report(&Plan::of_seed(*seed), how_of(*seed)));
    }
    let last = first + total.schedules.saturating_sub(1);
    say(&format!(
        "schedules: {} in {} s, seeds {first} to {last}, {} steps: every property held, misattributed 0 within B and D ({} in schedules beyond them), lost 0, left over 0",
        total.schedules,
        start.elapsed().as_secs(),
        total.steps,
        total.misattributed
    ));
    say(&format!(
        "schedules: {} requests: {} resolved ({} of them by look-alikes), {} unknown, {} not sent; {} sends",
        total.submissions, total.resolved, total.look_alikes, total.unknown, total.unsent, total.sends
    ));
    say(&format!("schedules: go on with COMMDN_CORRELATION_SEED={}", last + 1));
}

/// Past the capture of the test harness: these lines are the point of the run.
#[allow(clippy::print_stdout)]
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures/schedules");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "schedule"));
    files.sort();
    files
}

#[test]
fn kept_schedules_hold_every_property() {
    let files = kept();
    assert!(!files.is_empty(), "proto-fixtures/schedules is empty");
    for file in files {
        let plan = Plan::read(&fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let world = play(&plan, How { trace: true, snapshot: true, ..How::default() });
        if let Some(failure) = &world.failure {
            panic!("{file:?}: {} {}\n{}", failure.property, failure.text, world.trace.unwrap_or_default().join("\n"));
        }
    }
}

#[test]
fn replay() {
    let Ok(file) = std::env::var("COMMDN_CORRELATION_REPLAY") else { return };
    let plan = Plan::read(&fs::read_to_string(&file).unwrap()).unwrap();
    let world = play(&plan, How { trace: true, ..How::default() });
    say(&world.trace.unwrap_or_default().join("\n"));
    if let Some(failure) = world.failure {
        panic!("{}: {}", failure.property, failure.text);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..40 {
        let plan = Plan::of_seed(seed);
        let how = How { trace: true, ..How::default() };
        assert_eq!(play(&plan, how).trace, play(&plan, how).trace, "I8, seed {seed}");
    }
}

#[test]
fn a_schedule_is_the_same_when_it_is_written_and_read() {
    for seed in 1..40 {
        let plan = Plan::of_seed(seed);
        let how = How { trace: true, ..How::default() };
        let world = play(&plan, how);
        let faults = world.applied.iter().flat_map(|(way, fault)| rules(way, *fault)).collect();
        let script = Plan { faults: Some(faults), ..plan.clone() };
        let read = Plan::read(&script.write()).unwrap();
        assert_eq!(read, script, "seed {seed}");
        assert_eq!(play(&read, how).trace, world.trace, "seed {seed}: faults by script are the faults by seed");
    }
}

#[test]
fn the_machine_never_reads_the_evidence() {
    for seed in 1..40 {
        let plan = Plan::of_seed(seed);
        let how = How { trace: true, ..How::default() };
        let told = play(&plan, how);
        let mut blind = crate::world::run::World::new(&plan, how);
        blind.evidence = false;
        blind.run();
        // Without evidence the oracle has nothing to compare; only its own checks of addresses could differ.
        if blind.failure.is_none() {
            assert_eq!(blind.trace, told.trace, "seed {seed}");
        }
    }
}

#[test]
fn with_few_faults_nearly_everything_is_resolved() {
    let mut total = Tally::default();
    for seed in 1..200 {
        let mut plan = Plan::of_seed(seed);
        let settings = &mut plan.settings;
        (settings.profile_a, settings.profile_b, settings.faults, settings.origins) = (0, 0, 0, 16);
        plan.acts.retain(|act| act.verb == crate::world::plan::Verb::Submit && act.args[6] == 0);
        total.add(&play(&plan, How::default()).tally);
    }
    assert!(total.unknown * 100 < total.submissions, "{total:?}");
}
