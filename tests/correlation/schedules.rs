//! Runs many schedules, keeps what fails, and replays what has been kept.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::world::{Plan, Tally, play, run::How, shrink::shrink};

/// Schedules of an ordinary test run.
const SHARE: u64 = 4_000;
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
            "COMMDN_CORRELATION_REPLAY={} cargo test --no-default-features --test correlation replay -- --nocapture",
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

#[test]
fn schedules_hold_every_property() {
    let first = setting("SEED").unwrap_or(1);
    let seconds = setting("SECONDS");
    let least = setting("SCHEDULES").unwrap_or(if seconds.is_some() { 0 } else { SHARE });
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    let bad = Mutex::new(None::<u64>);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut tally = Tally::default();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= least && Instant::now() >= end {
                        next.fetch_sub(1, Ordering::Relaxed);
                        break;
                    }
                    let seed = first + number;
                    let plan = Plan::of_seed(seed);
                    let world = play(&plan, How { snapshot: seed.is_multiple_of(16), ..How::default() });
                    tally.add(&world.tally);
                    if world.failure.is_some() {
                        stop.store(true, Ordering::Relaxed);
                        let mut bad = bad.lock().unwrap();
                        *bad = Some(bad.map_or(seed, |other| other.min(seed)));
                    }
                }
                total.lock().unwrap().add(&tally);
            });
        }
    });
    let total = total.into_inner().unwrap();
    if let Some(seed) = bad.into_inner().unwrap() {
        panic!("{}", report(&Plan::of_seed(seed), How { snapshot: seed.is_multiple_of(16), ..How::default() }));
    }
    let last = first + total.schedules.saturating_sub(1);
    say(&format!(
        "schedules: {}, seeds {first}..{last}, misattributed 0 within B and D ({} beyond), lost 0, left over 0; {} of {} requests resolved, {} unknown, {} not sent, {} by look-alikes, {} sends, {} steps",
        total.schedules,
        total.misattributed,
        total.resolved,
        total.submissions,
        total.unknown,
        total.unsent,
        total.look_alikes,
        total.sends,
        total.steps
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
        let script = Plan { faults: Some(world.applied.clone()), ..plan.clone() };
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
