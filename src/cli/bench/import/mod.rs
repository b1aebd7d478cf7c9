//! `bench import`: an import of made-up contacts, measured beside the bare csv crate and the sqlite3 shell
//! (specification of contacts, section 6). Contenders take turns; each turn of ours is a process of its own.

mod input;
mod peer;
mod report;
mod sizes;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchImportArgs;
use crate::cli::bench::import::peer::Shell;
use crate::cli::bench::import::report::{At, Measure, Report};
use crate::cli::bench::import::worker::{Found, Spent};
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;

/// Runs the bench, or one step of it.
pub(super) async fn run(args: BenchImportArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    if let (Some(step), Some(dir)) = (args.step, &args.dir) {
        ctx.out.document(&worker::run(step, dir).await?)?;
        return Ok(Exit::Done);
    }
    let folder = Folder::make(args.dir.as_deref())?;
    let (place, out) = (folder.0.clone(), ctx.out);
    let work = tokio::task::spawn_blocking(move || measure(&args, &place, out));
    let report = tokio::select! {
        report = work => report.map_err(|error| CliError::internal(error.to_string()))??,
        () = stop.cancelled() => return Err(CliError::new(Exit::Interrupted, "interrupted")),
    };
    drop(folder);
    ctx.out.either(&report, || report.words())?;
    match report.missed.as_slice() {
        [] => Ok(Exit::Done),
        missed => Err(CliError::new(Exit::Missed, format!("missed: {}", missed.join("; ")))),
    }
}

/// A folder that goes with its files.
struct Folder(PathBuf);

impl Folder {
    fn make(wanted: Option<&Path>) -> Result<Self, CliError> {
        let parent = wanted.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = parent.join(format!("commdn-bench-import-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| CliError::usage(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what cannot be removed lies among temporary files
    }
}

/// Runs a step in a process of its own.
fn step(step: &'static str, folder: &Path) -> Result<Found, CliError> {
    let wrong = |what: String| CliError::internal(format!("step {step}: {what}"));
    let program = std::env::current_exe().map_err(|error| wrong(error.to_string()))?;
    let output = Command::new(program)
        .args(["bench", "import", "--step", step, "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| wrong(error.to_string()))?;
    if !output.status.success() {
        return Err(wrong(format!("it ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| wrong(error.to_string()))
}

const READ: &str = "read";
const DRY_RUN: &str = "dry-run";
const IMPORT: &str = "import";

/// What the turns of one size gave.
#[derive(Default)]
struct Turns {
    csv: Vec<Spent>,
    shell: Vec<Spent>,
    read: Vec<Found>,
    dry_run: Vec<Found>,
    import: Vec<Found>,
    again: Vec<Found>,
}

impl Turns {
    /// One turn of each over the file of a folder, into a new store.
    fn turn(&mut self, folder: &Path, shell: Option<&Shell>) -> Result<(), CliError> {
        let _ = fs::remove_dir_all(folder.join("data")); // of the turn before, if any
        self.csv.push(peer::csv(&folder.join("rows.csv"))?);
        self.read.push(step(READ, folder)?);
        self.dry_run.push(step(DRY_RUN, folder)?);
        self.import.push(step(IMPORT, folder)?);
        if let Some(shell) = shell {
            let rows = shell.take(&folder.join("data/commdn.sqlite"), &folder.join("peer"))?;
            self.shell.push(shell.import(&rows)?);
            let _ = fs::remove_dir_all(folder.join("peer"));
        }
        self.again.push(step(IMPORT, folder)?);
        Ok(())
    }

    fn at(&self, name: &str, rows: u64) -> At {
        let of = |found: &[Found]| found.iter().filter_map(|found| found.growth).max();
        let seconds = |found: &[Found]| report::median(found.iter().map(|found| found.spent.seconds));
        At {
            name: name.to_owned(),
            rows,
            seconds: [&self.read, &self.dry_run, &self.import, &self.again].map(|found| seconds(found)),
            growth: [&self.read, &self.dry_run, &self.import, &self.again].map(|found| of(found)),
        }
    }
}

fn measure(args: &BenchImportArgs, folder: &Path, out: Output) -> Result<Report, CliError> {
    let shell = Shell::find(&args.sqlite3);
    if shell.is_none() {
        let missing = format!("{} is not here: the import is measured beside nothing", args.sqlite3.display());
        out.hint(&format!("{missing}; install the sqlite3 shell, or name it with --sqlite3"));
    }
    let path = folder.join("rows.csv");
    let mut curve = Vec::new();
    for rows in args.curve.iter().copied().filter(|rows| *rows > 0) {
        out.note(&format!("{rows} rows"));
        input::write(&path, rows, false)?;
        let mut turns = Turns::default();
        turns.turn(folder, None)?;
        curve.push(turns.at("unique ids", rows));
    }
    out.note(&format!("{} rows with equal ids", args.rows));
    input::write(&path, args.rows, true)?;
    let mut equal = Turns::default();
    equal.turn(folder, None)?;
    input::write(&path, args.rows, false)?;
    let bytes = fs::metadata(&path).map_err(|error| CliError::internal(error.to_string()))?.len();
    let mut turns = Turns::default();
    for round in 1..=args.rounds {
        out.note(&format!("{} rows, round {round} of {}", args.rows, args.rounds));
        turns.turn(folder, shell.as_ref())?;
    }
    check(&turns, args.rows)?;
    curve.push(turns.at("unique ids", args.rows));
    curve.push(equal.at("equal ids", args.rows));
    let spent = |found: &[Found]| found.iter().map(|found| found.spent).collect::<Vec<_>>();
    let csv = format!("csv crate {}", peer::CSV_VERSION);
    let sqlite =
        shell.as_ref().map_or_else(|| "sqlite3 shell".into(), |shell| format!("sqlite3 shell {}", shell.version));
    let import = spent(&turns.import);
    let measures = vec![
        Measure::new("parse, row rules, hash", args.rows, spent(&turns.read), &csv, turns.csv.clone(), 0.5, 0.8),
        Measure::new("dry run", args.rows, spent(&turns.dry_run), &csv, turns.csv.clone(), 0.05, 0.1),
        Measure::new("import", args.rows, import.clone(), &sqlite, turns.shell.clone(), 0.7, 1.5),
        Measure::new("second run", args.rows, spent(&turns.again), "the first", import, 1.0, 1.0),
    ];
    let sha256 = turns.read.first().and_then(|found| found.sha256.clone());
    Ok(Report::new(sizes::machine(), bytes, sha256, args.rounds, measures, curve))
}

/// Every row came, and the second run changed none of them.
fn check(turns: &Turns, rows: u64) -> Result<(), CliError> {
    let wrong = |found: &Found, name: &str| {
        CliError::internal(format!("{name}: {rows} rows were expected, found {:?}", found.counts))
    };
    for (all, name) in [(&turns.read, READ), (&turns.dry_run, DRY_RUN), (&turns.import, IMPORT)] {
        if let Some(found) = all.iter().find(|found| found.counts.created != rows || found.counts.records() != rows) {
            return Err(wrong(found, name));
        }
    }
    match turns.again.iter().find(|found| found.counts.unchanged != rows || found.counts.records() != rows) {
        Some(found) => Err(wrong(found, "second run")),
        None => Ok(()),
    }
}
