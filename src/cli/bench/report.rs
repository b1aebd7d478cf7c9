//! What a run says at its end: in words, as JSON, and as the exit code.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::args::{ArrivalsWord, PaceArgs};
use crate::cli::bench::load::{LATE, Latencies, Tally};
use crate::cli::bench::schedule::Schedule;
use crate::cli::bench::threshold::{Figure, Threshold, Verdict};
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};

/// From this share of late sends on, in percent, the figures are the load generator's own.
const LATE_PERCENT_MAX: f64 = 1.0;

/// Whom the load went to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Target {
    /// `http`, `tserver` or `sse`.
    pub(super) via: &'static str,
    /// URL, or host and port.
    pub(super) address: String,
    /// True when the bench started it itself, in its own process.
    pub(super) own: bool,
}

/// `commdn.bench.v1`
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    bench: &'static str,
    /// What was asked, in words.
    what: String,
    target: Target,
    asked: Asked,
    /// Sent; warming up does not count.
    sent: u64,
    answered: u64,
    seconds: f64,
    /// Answered in a second.
    rate: f64,
    errors: Errors,
    latency_ms: Option<LatencyMs>,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<Deliveries>,
    generator: Generator,
    interrupted: bool,
    thresholds: Vec<Verdict>,
}

#[derive(Clone, Debug, Serialize)]
struct Asked {
    arrivals: &'static str,
    rates: Vec<f64>,
    /// The mean of the rates.
    rate: f64,
    seconds: f64,
    requests: usize,
    seed: u64,
    in_flight: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Errors {
    count: u64,
    percent: f64,
    by_code: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
struct LatencyMs {
    min: f64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
    max: f64,
}

impl LatencyMs {
    fn of(latency: &Latencies) -> Option<Self> {
        let ms = |micros: Option<f64>| micros.map(|micros| micros.round() / 1e3);
        let percentile = |percent| ms(latency.percentile(percent));
        Some(Self {
            min: ms(latency.min())?,
            mean: ms(latency.mean())?,
            p50: percentile(50.0)?,
            p90: percentile(90.0)?,
            p99: percentile(99.0)?,
            p999: percentile(99.9)?,
            max: ms(latency.max())?,
        })
    }

    fn words(&self) -> String {
        let Self { min: _, mean: _, p50, p90, p99, p999, max } = self;
        format!("p50 {p50:.3} ms  p90 {p90:.3} ms  p99 {p99:.3} ms  p99.9 {p999:.3} ms  max {max:.3} ms")
    }
}

/// One rate of `--arrivals step`.
#[derive(Clone, Debug, Serialize)]
struct Step {
    asked_rate: f64,
    answered: u64,
    latency_ms: Option<LatencyMs>,
}

/// How many heard what was sent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Deliveries {
    pub(super) listeners: usize,
    pub(super) expected: u64,
    pub(super) heard: u64,
    /// Heard in a second.
    pub(super) rate: f64,
}

/// What the load generator did to the figures.
#[derive(Clone, Debug, Serialize)]
struct Generator {
    /// Sends that left more than a millisecond late though they had a place.
    late: u64,
    late_percent: f64,
    lag_p99_ms: f64,
    lag_max_ms: f64,
    /// Sends that waited because as many as may be were on their way.
    held: u64,
    /// True when so many were late that the figures say more about this program than about the target.
    is_bottleneck: bool,
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl Report {
    pub(super) fn new(
        (bench, what): (&'static str, String),
        target: Target,
        pace: &PaceArgs,
        schedule: &Schedule,
        tally: &Tally,
    ) -> Self {
        let seconds = tally.took.as_secs_f64();
        let answered = tally.answered;
        let lag = |micros: Option<f64>| micros.unwrap_or(0.0) / 1e3;
        let late_percent = percent(tally.late, tally.sent);
        let steps = schedule.phases.iter().zip(&tally.phases).map(|(phase, latency)| Step {
            asked_rate: phase.rate,
            answered: latency.count(),
            latency_ms: LatencyMs::of(latency),
        });
        let length = schedule.length().as_secs_f64();
        let rates: Vec<f64> = schedule.phases.iter().map(|phase| phase.rate).collect();
        let arrivals = match pace.arrivals {
            ArrivalsWord::Constant => "constant",
            ArrivalsWord::Poisson => "poisson",
            ArrivalsWord::Step => "step",
        };
        Self {
            schema: "commdn.bench.v1",
            bench,
            what,
            target,
            asked: Asked {
                arrivals,
                rate: rates.iter().sum::<f64>() / rates.len().max(1) as f64,
                rates,
                seconds: length,
                requests: schedule.counted(),
                seed: pace.seed,
                in_flight: pace.in_flight.get(),
            },
            sent: tally.sent,
            answered,
            seconds,
            rate: if seconds > 0.0 { answered as f64 / seconds } else { 0.0 },
            errors: Errors {
                count: tally.failed(),
                percent: percent(tally.failed(), tally.sent),
                by_code: tally.errors.clone(),
            },
            latency_ms: LatencyMs::of(&tally.latency),
            steps: if schedule.phases.len() > 1 { steps.collect() } else { Vec::new() },
            deliveries: None,
            generator: Generator {
                late: tally.late,
                late_percent,
                lag_p99_ms: lag(tally.lag.percentile(99.0)),
                lag_max_ms: lag(tally.lag.max()),
                held: tally.held,
                is_bottleneck: late_percent > LATE_PERCENT_MAX,
            },
            interrupted: tally.interrupted,
            thresholds: Vec::new(),
        }
    }

    /// What was sent was for many: errors and rate are those of the deliveries.
    pub(super) fn deliver(&mut self, deliveries: Deliveries) {
        self.errors.percent = percent(self.errors.count, deliveries.expected);
        self.deliveries = Some(deliveries);
    }

    /// Prints everything; the exit code.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub(super) fn print(mut self, ctx: &Ctx, latency: &Latencies, fail_if: &[Threshold]) -> Result<Exit, CliError> {
        let found = |figure| match figure {
            Figure::Percentile(percent) => latency.percentile(percent),
            Figure::Min => latency.min(),
            Figure::Mean => latency.mean(),
            Figure::Max => latency.max(),
            Figure::Rate => Some(self.deliveries.as_ref().map_or(self.rate, |deliveries| deliveries.rate)),
            Figure::Errors => Some(self.errors.count as f64),
            Figure::ErrorShare => Some(self.errors.percent),
            Figure::Late => Some(self.generator.late as f64),
            Figure::LateShare => Some(self.generator.late_percent),
        };
        let verdicts: Vec<Verdict> = fail_if.iter().map(|threshold| threshold.judge(found)).collect();
        self.thresholds = verdicts;
        ctx.out.either(&self, || self.words())?;
        self.warn(ctx);
        Ok(exit_of(ctx, &self.thresholds, self.interrupted))
    }

    fn words(&self) -> String {
        let Self { target, asked, generator, errors, .. } = self;
        let own = if target.own { ", started for this" } else { "" };
        let rates: Vec<String> = asked.rates.iter().map(f64::to_string).collect();
        let mut lines = vec![
            format!("{}: {} by {} at {}{own}", self.bench, self.what, target.via, target.address),
            format!(
                "asked      {}/s for {} s, {} arrivals, {} sends, seed {}",
                rates.join(", "),
                asked.seconds,
                asked.arrivals,
                asked.requests,
                asked.seed
            ),
            format!(
                "reached    {:.1}/s, {} answered of {} sent in {:.3} s",
                self.rate, self.answered, self.sent, self.seconds
            ),
        ];
        if let Some(Deliveries { listeners, expected, heard, rate }) = &self.deliveries {
            lines.push(format!("delivered  {rate:.0}/s, {heard} of {expected} to {listeners} listeners"));
        }
        let latency = |latency: &Option<LatencyMs>| latency.as_ref().map_or_else(|| "none".into(), LatencyMs::words);
        lines.push(format!("latency    {}", latency(&self.latency_ms)));
        for step in &self.steps {
            lines.push(format!("  {:>7}/s {} answered  {}", step.asked_rate, step.answered, latency(&step.latency_ms)));
        }
        lines.push(format!("errors     {} ({:.3} %)", errors.count, errors.percent));
        lines.extend(errors.by_code.iter().map(|(code, count)| format!("  {count:>7}  {code}")));
        lines.push(format!(
            "sends      {} late ({:.3} %), p99 {:.3} ms, max {:.3} ms behind the schedule; {} held back",
            generator.late, generator.late_percent, generator.lag_p99_ms, generator.lag_max_ms, generator.held
        ));
        lines.extend(self.thresholds.iter().map(verdict_words));
        lines.join("\n")
    }

    /// What whoever reads the figures must know.
    fn warn(&self, ctx: &Ctx) {
        let Self { generator, asked, .. } = self;
        if generator.is_bottleneck {
            ctx.out.note(&format!(
                "warning: the load generator was itself the bottleneck: {:.1} % of the sends left more than {} ms late; \
                 ask for less, or from several machines",
                generator.late_percent,
                LATE.as_millis()
            ));
        }
        if generator.held > 0 {
            ctx.out.note(&format!(
                "warning: {} sends waited because {} were on their way already (--in-flight); their wait is in the \
                 latencies",
                generator.held, asked.in_flight
            ));
        }
        if self.interrupted {
            ctx.out.note("interrupted: the figures are those of the time until then");
        }
    }
}

fn verdict_words(verdict: &Verdict) -> String {
    let found = verdict.found.as_deref().unwrap_or("nothing");
    let word = if verdict.missed { "missed" } else { "kept" };
    format!("threshold  {}: {word}, found {found}", verdict.threshold)
}

/// The exit code by what became of the thresholds; those that were missed are told on stderr.
pub(super) fn exit_of(ctx: &Ctx, verdicts: &[Verdict], interrupted: bool) -> Exit {
    let missed: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.missed).collect();
    for verdict in &missed {
        ctx.out.note(&verdict_words(verdict));
    }
    match (interrupted, missed.is_empty()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Missed,
    }
}
