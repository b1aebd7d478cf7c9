//! Words of `bench`.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::{BenchImportArgs, DbidList, origin_list};
use crate::cli::bench::Threshold;
use crate::engine::ocs::dialer::millis_from_word;
use crate::message::Pair;

/// `bench`
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Requests about campaigns: status reads, or load, start, stop and unload in turn
    Control(BenchControlArgs),
    /// Distinct do-not-calls; with --no-wait to their durable acceptance, else to their answer
    Dnc(BenchDncArgs),
    /// One sender and many who hear it
    Fanout(BenchFanoutArgs),
    /// An import of made-up contacts, beside the csv crate and the sqlite3 shell
    Import(BenchImportArgs),
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

/// A T-Server's port instead of a gateway's HTTP door.
#[derive(Clone, Debug, Args)]
pub struct TserverArgs {
    /// Straight to the T-Server-style port at ADDR; without ADDR to that of a site of its own
    #[arg(long, value_name = "ADDR", num_args = 0..=1)]
    pub tserver: Option<Option<String>>,
    /// The CommDN there
    #[arg(long, value_name = "NAME", default_value = "CommDN_1")]
    pub dn: String,
    /// DBID of the OCS that is asked there
    #[arg(long, value_name = "DBID")]
    pub ocs: Option<i32>,
    /// Application DBIDs, one for each session there: 209-216 or 209,211
    #[arg(long, value_name = "LIST", value_parser = origin_list)]
    pub origin: Option<DbidList>,
    /// Dial ADDR though it is not on this machine and the way is not encrypted
    #[arg(long)]
    pub tserver_plaintext: bool,
    /// Sessions at the T-Server of a site of its own
    #[arg(long, value_name = "N", default_value = "8", value_parser = sessions)]
    pub sessions: NonZeroUsize,
}

/// `bench control`
#[derive(Clone, Debug, Args)]
pub struct BenchControlArgs {
    /// When what is sent.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Where to.
    #[command(flatten)]
    pub tserver: TserverArgs,
    /// Load, start, stop and unload each campaign in turn, instead of asking for its status
    #[arg(long)]
    pub cycle: bool,
    /// A campaign on a group, CAMPAIGN-GROUP by DBID; may be given again [default: every pair of the gateway]
    #[arg(long, value_name = "PAIR", value_parser = pair)]
    pub pair: Vec<Pair>,
    /// Campaigns of a site of its own
    #[arg(long, value_name = "N", default_value = "32", value_parser = pairs)]
    pub pairs: NonZeroUsize,
    /// What ends it with exit code 10.
    #[command(flatten)]
    pub fail: FailIfArgs,
}

/// `bench fanout`
#[derive(Clone, Debug, Args)]
pub struct BenchFanoutArgs {
    /// When what is sent.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Where to.
    #[command(flatten)]
    pub tserver: TserverArgs,
    /// How many listen
    #[arg(long, value_name = "N", default_value = "100")]
    pub listeners: NonZeroUsize,
    /// They read the gateway's tap (server-sent events at --url) instead of listening at the T-Server
    #[arg(long)]
    pub sse: bool,
    /// What ends it with exit code 10.
    #[command(flatten)]
    pub fail: FailIfArgs,
}

/// `bench dnc`
#[derive(Clone, Debug, Args)]
pub struct BenchDncArgs {
    /// When what is sent.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Where to.
    #[command(flatten)]
    pub tserver: TserverArgs,
    /// What ends it with exit code 10.
    #[command(flatten)]
    pub fail: FailIfArgs,
}

fn sessions(word: &str) -> Result<NonZeroUsize, String> {
    most(word, 256)
}

fn pairs(word: &str) -> Result<NonZeroUsize, String> {
    most(word, 10_000)
}

fn most(word: &str, most: usize) -> Result<NonZeroUsize, String> {
    let number = word.parse::<NonZeroUsize>().ok().filter(|number| number.get() <= most);
    number.ok_or_else(|| format!("expected 1 to {most}, found '{word}'"))
}

fn pair(word: &str) -> Result<Pair, String> {
    let numbers = word.split_once('-').and_then(|(campaign, group)| {
        let number = |word: &str| word.parse::<i32>().ok().filter(|dbid| *dbid > 0);
        Some(Pair::new(number(campaign)?, number(group)?))
    });
    numbers.ok_or_else(|| format!("expected CAMPAIGN-GROUP like 101-732, found '{word}'"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_bounds() {
        assert_eq!((rate("200"), rate("0.5/s")), (Ok(200.0), Ok(0.5)));
        assert_eq!((span("500ms"), span("2m")), (Ok(Duration::from_millis(500)), Ok(Duration::from_secs(120))));
        assert_eq!(span_or_none("0"), Ok(Duration::ZERO));
        assert_eq!(pair("101-732"), Ok(Pair::new(101, 732)));
        for bad in ["0", "-1", "NaN", "inf", "many", "1000001"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        for bad in ["0", "0s", "5", "soon", "-1s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        for bad in ["101", "101-", "0-1", "a-b", "1-2-3"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
        assert!(sessions("257").is_err() && sessions("0").is_err() && sessions("256").is_ok());
    }
}
