//! Words of `bench`.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::bench::Threshold;
use crate::engine::ocs::dialer::millis_from_word;

/// `bench`
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Distinct do-not-calls at a stated rate
    Dnc(BenchDncArgs),
}

/// What ends a bench with exit code 10.
#[derive(Clone, Debug, Default, Args)]
pub struct FailIfArgs {
    /// End with exit code 10 when this holds: 'p99>50ms', 'errors>0.1%', 'rate<900/s'; may be given again
    #[arg(long, value_name = "THRESHOLD", value_parser = Threshold::parse)]
    pub fail_if: Vec<Threshold>,
}

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsWord {
    /// One every 1/RATE seconds.
    #[default]
    Constant,
    /// As many callers who know nothing of each other ask.
    Poisson,
    /// The rates of --rate one after the other, each for an equal part of the time.
    Step,
}

/// When what is sent.
#[derive(Clone, Debug, Args)]
pub struct PaceArgs {
    /// Requests a second, whether or not the ones before are answered; with --arrivals step several: 100,200,400
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "200", value_parser = rate)]
    pub rate: Vec<f64>,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = span)]
    pub length: Duration,
    /// How the requests are spaced
    #[arg(long, value_enum, default_value = "constant", value_name = "WORD")]
    pub arrivals: ArrivalsWord,
    /// Seed of the schedule; the same seed asks at the same times
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Time before, at the first rate, that does not count
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = span_or_none)]
    pub warm_up: Duration,
    /// Most requests on their way at once; one more is held back, and its wait counts
    #[arg(long, value_name = "N", default_value = "256")]
    pub in_flight: NonZeroUsize,
}

/// `bench dnc`
#[derive(Clone, Debug, Args)]
pub struct BenchDncArgs {
    /// When what is sent.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// What ends it with exit code 10.
    #[command(flatten)]
    pub fail: FailIfArgs,
}

/// Requests a second that one process is asked for at most.
const RATE_MAX: f64 = 1_000_000.0;

fn rate(word: &str) -> Result<f64, String> {
    let number = word.strip_suffix("/s").unwrap_or(word);
    let rate = number.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("expected requests a second, above 0 and at most {RATE_MAX}, found '{word}'"))
}

fn span(word: &str) -> Result<Duration, String> {
    span_or_none(word).and_then(|span| match span.is_zero() {
        true => Err(format!("expected a duration above 0, found '{word}'")),
        false => Ok(span),
    })
}

fn span_or_none(word: &str) -> Result<Duration, String> {
    // Nothing needs no unit.
    let millis = if word == "0" { Some(0) } else { millis_from_word(word) };
    let wanted = || format!("expected a duration such as 500ms, 10s or 2m, found '{word}'");
    millis.map(Duration::from_millis).ok_or_else(wanted)
}
