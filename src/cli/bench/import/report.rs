//! What was measured, as JSON and in words.

use serde::Serialize;

use crate::cli::bench::import::worker::Spent;
use crate::store::sqlite::version as sqlite_version;

/// By how much an import's memory may grow.
const GROWTH_MAX: u64 = 64 << 20;

/// The middle one.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Ours beside a peer, over the same rows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measure {
    name: &'static str,
    peer: String,
    /// Of each turn.
    seconds: Vec<f64>,
    /// Of each turn; empty = the peer was not there.
    peer_seconds: Vec<f64>,
    rows_per_second: f64,
    peer_rows_per_second: Option<f64>,
    /// Our rate / the peer's: the median of neighbouring turns.
    ratio: Option<f64>,
    /// The same of CPU times, which other work on the machine changes less.
    cpu_ratio: Option<f64>,
    /// The ratio that must be reached.
    must: f64,
    /// The ratio that is aimed at.
    aim: f64,
}

impl Measure {
    pub(super) fn new(
        name: &'static str,
        rows: u64,
        ours: Vec<Spent>,
        peer: &str,
        theirs: Vec<Spent>,
        must: f64,
        aim: f64,
    ) -> Self {
        let seconds = |spent: &[Spent]| spent.iter().map(|spent| spent.seconds).collect::<Vec<_>>();
        let rate = |spent: &[Spent]| rows as f64 / median(seconds(spent));
        let turns = || ours.iter().zip(&theirs);
        // Nothing that is shorter than a tick of that clock is compared.
        let ticks = |spent: &Spent| spent.cpu.filter(|cpu| *cpu > 0.0);
        let cpu: Option<Vec<f64>> = turns().map(|(ours, peer)| Some(ticks(peer)? / ticks(ours)?)).collect();
        let is_there = !theirs.is_empty();
        Self {
            name,
            peer: peer.to_owned(),
            rows_per_second: rate(&ours),
            peer_rows_per_second: is_there.then(|| rate(&theirs)),
            ratio: is_there.then(|| median(turns().map(|(ours, peer)| peer.seconds / ours.seconds))),
            cpu_ratio: cpu.filter(|_| is_there).map(median),
            must,
            aim,
            seconds: seconds(&ours),
            peer_seconds: seconds(&theirs),
        }
    }
}

/// Time and memory at one size.
#[derive(Clone, Debug, Serialize)]
pub(super) struct At {
    pub(super) name: String,
    pub(super) rows: u64,
    /// Reading, dry run, import, second run.
    pub(super) seconds: [f64; 4],
    /// The same; the process of an import holds its validation too.
    pub(super) growth: [Option<u64>; 4],
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    commdn: &'static str,
    build: &'static str,
    sqlite: String,
    machine: String,
    bytes: u64,
    sha256: Option<String>,
    rounds: u32,
    measures: Vec<Measure>,
    curve: Vec<At>,
    growth_max: u64,
    /// Bounds that do not hold.
    pub(super) missed: Vec<String>,
}

impl Report {
    pub(super) fn new(
        machine: String,
        bytes: u64,
        sha256: Option<String>,
        rounds: u32,
        measures: Vec<Measure>,
        curve: Vec<At>,
    ) -> Self {
        let slow = measures.iter().filter_map(|measure| {
            let ratio = measure.ratio.filter(|ratio| *ratio < measure.must)?;
            Some(format!("{} {ratio:.2} of {}, must {}", measure.name, measure.peer, measure.must))
        });
        let large = curve.iter().filter_map(|at| {
            let growth = at.growth.iter().flatten().max().filter(|growth| **growth >= GROWTH_MAX)?;
            Some(format!(
                "{} rows, {}: memory grew by {} MiB, must stay below {}",
                at.rows,
                at.name,
                growth >> 20,
                GROWTH_MAX >> 20
            ))
        });
        let missed = slow.chain(large).collect();
        Self {
            schema: "commdn.bench_import.v1",
            commdn: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            sqlite: sqlite_version().to_owned(),
            machine,
            bytes,
            sha256,
            rounds,
            measures,
            curve,
            growth_max: GROWTH_MAX,
            missed,
        }
    }

    /// Tables.
    pub(super) fn words(&self) -> String {
        let mut out = format!(
            "{}\ncommdn {} ({} build), SQLite {}; {} bytes, SHA-256 {}; medians of {} rounds\n\n",
            self.machine,
            self.commdn,
            self.build,
            self.sqlite,
            self.bytes,
            self.sha256.as_deref().unwrap_or("-"),
            self.rounds
        );
        for measure in &self.measures {
            let peer = measure.peer_rows_per_second.map_or_else(|| "not here".into(), |rate| format!("{rate:.0}/s"));
            let shown = |ratio: Option<f64>| ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
            let (ratio, cpu) = (shown(measure.ratio), shown(measure.cpu_ratio));
            out.push_str(&format!(
                "{:<22} {:>9.0}/s   {} {peer}: {ratio} (CPU {cpu})   must >= {}, aim {}\n",
                measure.name, measure.rows_per_second, measure.peer, measure.must, measure.aim
            ));
            let runs =
                |seconds: &[f64]| seconds.iter().map(|seconds| format!("{seconds:.3}")).collect::<Vec<_>>().join(" ");
            out.push_str(&format!("  s: {} / {}\n", runs(&measure.seconds), runs(&measure.peer_seconds)));
        }
        out.push_str("\n                         read          dry run       import        second run\n");
        for at in &self.curve {
            out.push_str(&format!("{:>10} {:<12}", at.rows, at.name));
            for (seconds, growth) in at.seconds.iter().zip(at.growth) {
                let growth = growth.map_or_else(|| "-".into(), |growth| format!("{} MiB", growth >> 20));
                out.push_str(&format!(" {:<13}", format!("{seconds:.2} s {growth}")));
            }
            out.push('\n');
        }
        match self.missed.as_slice() {
            [] => out.push_str("\nevery bound holds"),
            missed => out.push_str(&format!("\nmissed: {}", missed.join("; "))),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(growth: u64) -> At {
        At { name: "unique ids".into(), rows: 10, seconds: [1.0; 4], growth: [None, Some(growth), None, Some(1)] }
    }

    fn report(peer: Vec<f64>, growth: u64) -> Report {
        let spent = |all: Vec<f64>| all.into_iter().map(|seconds| Spent { seconds, cpu: None }).collect();
        let measure = Measure::new("import", 10, spent(vec![2.0, 1.0, 4.0]), "shell", spent(peer), 0.7, 1.5);
        Report::new(String::new(), 0, None, 3, vec![measure], vec![at(growth)])
    }

    #[test]
    fn ratios_are_of_neighbouring_turns() {
        let report = report(vec![2.0, 2.0, 2.0], 0);
        assert_eq!((report.measures[0].ratio, report.measures[0].rows_per_second), (Some(1.0), 5.0));
        assert!(report.missed.is_empty() && report.words().ends_with("every bound holds"), "{}", report.words());
    }

    #[test]
    fn a_bound_that_is_missed_is_named() {
        let report = report(vec![1.0, 0.5, 2.0], 64 << 20);
        assert_eq!(report.missed.len(), 2, "{:?}", report.missed);
        assert!(report.missed[0].starts_with("import 0.50 of shell"), "{:?}", report.missed);
        assert!(report.missed[1].contains("grew by 64 MiB"), "{:?}", report.missed);
    }

    #[test]
    fn a_peer_that_is_not_there_is_no_bound() {
        let report = report(Vec::new(), 0);
        assert!(report.missed.is_empty() && report.words().contains("not here"), "{}", report.words());
    }
}
