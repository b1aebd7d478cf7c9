//! Words of `demo`, `serve` and `sim run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use crate::cli::args::{DbidList, PlayArgs, origin_list};
use crate::engine::ocs::dialer::millis_from_word;
use crate::service::sim_clock::{SPEED_MAX, Speed};

/// Flags of the long-running verbs.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Filter of the log on stderr, for instance info or commdn::net=debug
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Most bytes of one list
    #[arg(long, value_name = "N")]
    pub list_bytes_max: Option<usize>,
}

/// Flags of the gateway.
#[derive(Clone, Debug, Default, Args)]
pub struct GatewayArgs {
    /// Address of the HTTP API; port 0 is allowed [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// Address of the gateway's own T-Server-style port, for applications that speak UserEvents; port 0 is allowed
    #[arg(long, value_name = "ADDR")]
    pub listen_tserver: Option<String>,
    /// Serve plain HTTP beyond loopback, behind a proxy that encrypts
    #[arg(long)]
    pub insecure_plaintext: bool,
    /// Our own application DBIDs: 201-208 or 201,203,205-207
    #[arg(long, value_name = "LIST", value_parser = origin_list)]
    pub origin: Option<DbidList>,
    /// Folder of the store; :memory: keeps nothing [default: commdn-data for serve, memory for demo]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
}

/// Flags of the simulator.
#[derive(Clone, Debug, Default, Args)]
pub struct SimArgs {
    /// DNs, OCSs, campaigns, lists, agents: demo, shift or a file [default: the built-in topology]
    #[arg(long, value_name = "NAME|FILE")]
    pub topology: Option<PathBuf>,
    /// documented, strict, lenient, adversarial or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// A sender does not hear its own UserEvents
    #[arg(long)]
    pub no_echo: bool,
}

/// `demo`
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArgs {
    /// Flags of the long-running verbs.
    #[command(flatten)]
    pub run: RunArgs,
    /// Flags of the gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Flags of the simulator.
    #[command(flatten)]
    pub sim: SimArgs,
    /// Address on which the simulated T-Server listens [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR")]
    pub tserver: Option<String>,
}

/// `serve`
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Flags of the long-running verbs.
    #[command(flatten)]
    pub run: RunArgs,
    /// Flags of the gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// The T-Server to dial, instead of the first one configured
    #[arg(long, value_name = "ADDR")]
    pub tserver: Option<String>,
    /// Dial it without TLS though it is not on this machine
    #[arg(long, requires = "tserver")]
    pub tserver_plaintext: bool,
}

/// `sim run`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("alone").args(["length", "scenario"]).multiple(true)))]
pub struct SimRunArgs {
    /// Flags of the long-running verbs.
    #[command(flatten)]
    pub run: RunArgs,
    /// Flags of the simulator.
    #[command(flatten)]
    pub sim: SimArgs,
    /// Address on which the simulated T-Server listens [default: 127.0.0.1:7000]
    #[arg(long, value_name = "ADDR", conflicts_with = "alone")]
    pub tserver: Option<String>,
    /// Folder of a store of its own, for calling lists and do-not-call rows [default: kept in memory]
    #[arg(long, value_name = "DIR", conflicts_with = "alone")]
    pub data: Option<String>,
    /// Address of an HTTP API to control it by: faults, answers, triggers, clock; port 0 is allowed [default: none]
    #[arg(long, value_name = "ADDR", conflicts_with = "alone")]
    pub http: Option<String>,
    /// How time passes: real, x60 (sixty times as fast), or virtual, which needs --for or --scenario
    /// [default: virtual with --scenario, else real]
    #[arg(long, value_name = "CLOCK", value_parser = clock)]
    pub clock: Option<Speed>,
    /// Runs so long by itself, without sockets: every campaign is loaded and started, then the counts are printed
    /// [default topology: shift]; with --scenario, instead of what the file says
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub length: Option<Duration>,
    /// Seed of the calls and faults [default: the topology's or the scenario's]
    #[arg(long, value_name = "N", requires = "alone")]
    pub seed: Option<u64>,
    /// The calendar at the start [default: 2026-03-02T08:00:00Z, or what the scenario says]
    #[arg(long, value_name = "TIME", requires = "alone")]
    pub start: Option<Timestamp>,
    /// What the scenario is and what comes out.
    #[command(flatten)]
    pub play: PlayArgs,
}

pub(super) fn clock(word: &str) -> Result<Speed, String> {
    let wanted = || format!("expected real, virtual or x1 to x{SPEED_MAX}, found '{word}'");
    Speed::from_word(word).ok_or_else(wanted)
}

fn duration(word: &str) -> Result<Duration, String> {
    let wanted = || format!("expected a duration such as 90s, 30m or 8h, found '{word}'");
    millis_from_word(word).filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(wanted)
}
