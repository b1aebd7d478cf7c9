//! The words of the command line: nouns then verbs, global flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// What every `--help` says about compatibility.
pub const CLAIM: &str = "T-Server-style and semantically compatible with the CommDN API, tested against its own \
    simulator and published material; not byte-compatible with the TCP framing of a Genesys T-Server, which is not \
    public. The dialect is where that can be changed.";

/// The open stack for the Genesys Communication DN API.
#[derive(Debug, Parser)]
#[command(name = "commdn", version, about, after_help = CLAIM, arg_required_else_help = true)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The gateway's address
    #[arg(long, global = true, env = "COMMDN_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// Key that the gateway asks for
    #[arg(long, global = true, env = "COMMDN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How long to wait for the outcome: 500ms, 45s, 2m
    #[arg(long, global = true, default_value = "45s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Do not wait for the outcome; print the request id
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// Print the UserEvent that would be sent, and send nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Answer every question with yes
    #[arg(long, global = true)]
    pub yes: bool,
    /// Print JSON: one document, a line each for streams; errors as an object on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no hints
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More log on stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: ColorWhen,
}

/// When to print colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Nouns and verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run T-Server, two OCS and gateway in one process, with made-up campaigns
    Demo(DemoArgs),
    /// Run the gateway
    Serve(ServeArgs),
    /// The simulator
    #[command(subcommand)]
    Sim(SimVerb),
    /// Campaigns on agent groups
    #[command(subcommand)]
    Campaign(CampaignVerb),
    /// Do-not-call
    #[command(subcommand)]
    Dnc(DncVerb),
    /// Calling list records
    #[command(subcommand)]
    Record(RecordVerb),
    /// Requests and what became of them
    #[command(subcommand)]
    Request(RequestVerb),
    /// Follow what happens: states, requests, links
    Events(StreamArgs),
    /// Follow every UserEvent that passes, one line each
    Tap(TapArgs),
    /// Send one raw request under a DBID that is not the gateway's own
    Send(SendArgs),
    /// Turn list text into the bytes of a TKVList
    Encode(EncodeArgs),
    /// Read lists from hex, tap lines or T-Server, OCS and URS logs
    Decode(DecodeArgs),
    /// Pack every list printed in a log again and compare the lengths
    Kvcheck(KvcheckArgs),
    /// The configuration file
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Check a configuration file: line, column and the nearest known key
    CheckConfig(CheckConfigArgs),
    /// Print the version and what is claimed
    Version,
}

/// `sim`
#[derive(Debug, Subcommand)]
pub enum SimVerb {
    /// Run the simulated T-Server and OCS on a port
    Run(SimRunArgs),
}

/// `campaign`
#[derive(Debug, Subcommand)]
pub enum CampaignVerb {
    /// Last known states of every campaign group
    List,
    /// State of one campaign group, asked from OCS; without a pair the list
    Status(StatusArgs),
    /// Load a campaign on a group
    Load(DialingArgs),
    /// Unload a campaign from a group
    Unload(UnloadArgs),
    /// Start dialing
    Start(DialingArgs),
    /// Stop dialing
    Stop(PairArgs),
    /// Change dial mode, method or goal
    SetMode(DialingArgs),
    /// Stop, then unload
    Complete(PairArgs),
    /// Follow the states, one line a change
    Watch(WatchArgs),
}

/// `dnc`
#[derive(Debug, Subcommand)]
pub enum DncVerb {
    /// Put a phone or a customer on the do-not-call list
    Add(DncAddArgs),
}

/// `record`
#[derive(Debug, Subcommand)]
pub enum RecordVerb {
    /// Cancel the records of a phone
    Cancel(RecordCancelArgs),
}

/// `request`
#[derive(Debug, Subcommand)]
pub enum RequestVerb {
    /// Requests, the newest first
    List(RequestListArgs),
    /// One request with the answer of each OCS
    Show(RequestIdArgs),
    /// Why a request ended as it did
    Explain(RequestIdArgs),
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the JSON Schema of the configuration file
    Schema,
}

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
    /// Our own application DBIDs: 201-208 or 201,203,205-207
    #[arg(long, value_name = "LIST", value_parser = origin_list)]
    pub origin: Option<DbidList>,
}

/// Flags of the simulator.
#[derive(Clone, Debug, Default, Args)]
pub struct SimArgs {
    /// DNs, OCSs, campaigns and lists [default: the built-in topology]
    #[arg(long, value_name = "FILE")]
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
}

/// `sim run`
#[derive(Clone, Debug, Default, Args)]
pub struct SimRunArgs {
    /// Flags of the long-running verbs.
    #[command(flatten)]
    pub run: RunArgs,
    /// Flags of the simulator.
    #[command(flatten)]
    pub sim: SimArgs,
    /// Address on which the simulated T-Server listens [default: 127.0.0.1:7000]
    #[arg(long, value_name = "ADDR")]
    pub tserver: Option<String>,
}

/// A campaign on a group.
#[derive(Clone, Debug, Args)]
pub struct PairArgs {
    /// DBID or configured name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: String,
    /// DBID or configured name of the agent group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// `campaign load`, `start`, `set-mode`
#[derive(Clone, Debug, Args)]
pub struct DialingArgs {
    /// Which pair.
    #[command(flatten)]
    pub pair: PairArgs,
    /// Dial mode: predict, progress, preview, progress_and_seize, predict_and_seize, push_preview, progress_gvp,
    /// power_gvp or a number
    #[arg(long)]
    pub mode: Option<String>,
    /// Optimisation method: busy_factor, overdial_rate, wait_time or a number
    #[arg(long, value_name = "METHOD")]
    pub optimize_by: Option<String>,
    /// Goal: percent, or seconds for wait_time
    #[arg(long, value_name = "N")]
    pub goal: Option<i32>,
    /// OCS stops and unloads by itself once no record is left
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub auto_completion: Option<bool>,
    /// Share of a record kind, KIND=PRIORITY:RECORDS with kind general, campaign_rescheduled or campaign_call_back;
    /// may be given for each kind
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub priority: Vec<Share>,
    /// Send modes 6, 7, 10 and method 4, which the vendor's page does not have
    #[arg(long)]
    pub allow_undocumented: bool,
}

/// `campaign unload`
#[derive(Clone, Debug, Args)]
pub struct UnloadArgs {
    /// Which pair.
    #[command(flatten)]
    pub pair: PairArgs,
    /// Unload at once, open calls are dropped from the campaign; asks first
    #[arg(long)]
    pub force: bool,
}

/// `campaign status`
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// DBID or configured name of the campaign
    #[arg(value_name = "CAMPAIGN", requires = "group")]
    pub campaign: Option<String>,
    /// DBID or configured name of the agent group
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,
    /// The last known state, without asking OCS
    #[arg(long)]
    pub cached: bool,
}

/// `campaign watch`
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// DBID or configured name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: Option<String>,
    /// DBID or configured name of the agent group
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,
    /// Stop after N lines
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// `dnc add`
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("who").required(true).multiple(true))]
pub struct DncAddArgs {
    /// Phone as it is to travel; matching is by bytes
    #[arg(value_name = "PHONE", group = "who", conflicts_with = "phone_flag")]
    pub phone: Option<String>,
    /// The same as PHONE
    #[arg(long = "phone", id = "phone_flag", value_name = "PHONE", group = "who")]
    pub phone_flag: Option<String>,
    /// Customer id
    #[arg(long, value_name = "ID", group = "who")]
    pub customer_id: Option<String>,
    /// all_chain: every record of the customer's chain; record_only: the matching records
    #[arg(long, value_enum)]
    pub scope: Option<Scope>,
    /// DBID or name of one OCS [default: every OCS]
    #[arg(long)]
    pub ocs: Option<String>,
    /// Kept with the request, never sent
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `record cancel`
#[derive(Clone, Debug, Args)]
pub struct RecordCancelArgs {
    /// Phone of the records
    #[arg(value_name = "PHONE", required_unless_present = "phone_flag", conflicts_with = "phone_flag")]
    pub phone: Option<String>,
    /// The same as PHONE
    #[arg(long = "phone", id = "phone_flag", value_name = "PHONE")]
    pub phone_flag: Option<String>,
    /// The records must have this customer id too
    #[arg(long, value_name = "ID")]
    pub customer_id: Option<String>,
    /// DBID or name of a loaded campaign [default: every loaded campaign]
    #[arg(long)]
    pub campaign: Option<String>,
    /// all_chain: every record of the customer's chain; record_only: the matching records
    #[arg(long, value_enum)]
    pub scope: Option<Scope>,
    /// DBID or name of one OCS [default: the campaign's, else every OCS]
    #[arg(long)]
    pub ocs: Option<String>,
}

/// `GSW_CHAIN_ATTR`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Scope {
    /// Every record of the chains that contain a match.
    #[value(alias = "all-chain", alias = "AllChain")]
    AllChain,
    /// The matching records only.
    #[value(alias = "record-only", alias = "RecordOnly")]
    RecordOnly,
}

impl Scope {
    /// The word of the HTTP API.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::AllChain => "all_chain".into(),
            Self::RecordOnly => "record_only".into(),
        }
    }
}

/// `request list`
#[derive(Clone, Debug, Args)]
pub struct RequestListArgs {
    /// Which requests
    #[arg(long, value_enum, default_value = "all")]
    pub state: RequestState,
    /// Most entries of one page
    #[arg(long, default_value = "50", value_name = "N")]
    pub limit: u32,
    /// Where the page before this one ended
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

/// Which requests to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequestState {
    /// Without outcome yet.
    Open,
    /// With an outcome.
    Ended,
    /// Both.
    All,
}

/// `request show`, `request explain`
#[derive(Clone, Debug, Args)]
pub struct RequestIdArgs {
    /// The request id
    #[arg(value_name = "ID")]
    pub id: String,
}

/// `events`
#[derive(Clone, Debug, Args)]
pub struct StreamArgs {
    /// Only these, for instance 'type=CM_Ev* && campaign=101 && error!=0'
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Stop after N events
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// `tap`
#[derive(Clone, Debug, Args)]
pub struct TapArgs {
    /// What to follow.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Print phones and customer ids instead of hiding them
    #[arg(long)]
    pub show_numbers: bool,
}

/// `send`
#[derive(Clone, Debug, Args)]
pub struct SendArgs {
    /// The request, for instance CM_ReqGetCampaignStatus campaign=101 group=732; - reads it from stdin
    #[arg(value_name = "MESSAGE", required = true, num_args = 1..)]
    pub message: Vec<String>,
    /// DBID of the sender
    #[arg(long, value_name = "DBID")]
    pub origin: i32,
    /// DBID of the OCS; 0 = every OCS, for cancel and do-not-call
    #[arg(long, value_name = "DBID")]
    pub target: i32,
    /// CommDN to send on [default: the OCS's own]
    #[arg(long, value_name = "NAME")]
    pub dn: Option<String>,
}

/// How bytes are laid out, for the offline verbs.
#[derive(Clone, Debug, Default, Args)]
pub struct DialectArgs {
    /// len32, len16_inner16 or len16_count32
    #[arg(long, value_name = "WORD")]
    pub list_prefix: Option<crate::wire::dialect::ListPrefix>,
    /// big or little
    #[arg(long, value_name = "WORD")]
    pub int_order: Option<crate::wire::dialect::IntOrder>,
    /// utf-8, iso-8859-1, windows-1252, windows-1251, shift_jis, euc-kr or gbk
    #[arg(long, value_name = "WORD")]
    pub charset: Option<crate::wire::Charset>,
}

/// `encode`
#[derive(Clone, Debug, Args)]
pub struct EncodeArgs {
    /// File with list text or a log; - is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "hex")]
    pub output: EncodeOutput,
    /// Map typographic quotes and blanks of web copies back
    #[arg(long)]
    pub lenient: bool,
    /// How bytes are laid out.
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// What `encode` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EncodeOutput {
    /// One line of hexadecimal digits a list.
    Hex,
    /// The bytes.
    Raw,
}

/// `decode`
#[derive(Clone, Debug, Args)]
pub struct DecodeArgs {
    /// File with hex, tap lines, list text or a log; - is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
    /// What the file holds
    #[arg(long, value_enum, default_value = "auto")]
    pub format: DecodeFormat,
    /// Map typographic quotes and blanks of web copies of a log back
    #[arg(long)]
    pub lenient: bool,
    /// Refuse what the tables do not foresee
    #[arg(long)]
    pub strict: bool,
    /// How bytes are laid out.
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// What `decode` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecodeFormat {
    /// Look at the file.
    Auto,
    /// Hexadecimal digits; an empty line, or a complete list, ends a list.
    Hex,
    /// The bytes of one list.
    Raw,
    /// A log of T-Server, OCS or URS.
    Log,
    /// What `tap` writes, as text or NDJSON.
    Tap,
    /// List text as `decode` writes it.
    Tree,
}

/// `kvcheck`
#[derive(Clone, Debug, Args)]
pub struct KvcheckArgs {
    /// The log; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Map typographic quotes and blanks of web copies back
    #[arg(long)]
    pub lenient: bool,
    /// How bytes are laid out.
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// `check-config`
#[derive(Clone, Debug, Args)]
pub struct CheckConfigArgs {
    /// The configuration file; - is stdin
    #[arg(value_name = "FILE", default_value = "commdn.toml")]
    pub file: PathBuf,
}

/// DBIDs as `--origin` takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbidList(pub Vec<i32>);

/// Most DBIDs that one list may name, so that a mistyped range asks for no memory.
const DBIDS_MAX: usize = 4_096;

/// Reads `201-208`, `299` or `201,203,205-207`.
///
/// # Errors
/// What was found and what is wanted, in words.
pub fn origin_list(text: &str) -> Result<DbidList, String> {
    let mut list = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |word: &str| word.trim().parse::<i32>().ok().filter(|dbid| *dbid > 0);
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("expected DBIDs above 0 like 201-208 or 201,203, found '{part}'"));
        };
        if first > last {
            return Err(format!("expected a range from low to high, found '{part}'"));
        }
        for dbid in first..=last {
            if list.len() >= DBIDS_MAX {
                return Err(format!("expected at most {DBIDS_MAX} DBIDs"));
            }
            list.push(dbid);
        }
    }
    Ok(DbidList(list))
}

/// A share of `--priority`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// `general`, `campaign_rescheduled` or `campaign_call_back`.
    pub kind: &'static str,
    /// 0 to 3.
    pub priority: Option<i32>,
    /// Records taken in one turn.
    pub n_records: Option<i32>,
}

fn share(text: &str) -> Result<Share, String> {
    const KINDS: [&str; 3] = ["general", "campaign_rescheduled", "campaign_call_back"];
    let wanted = || format!("expected KIND=PRIORITY:RECORDS, for instance general=1:2, found '{text}'");
    let (kind, numbers) = text.split_once('=').ok_or_else(wanted)?;
    let kind = kind.replace('-', "_");
    let kind = KINDS.into_iter().find(|known| *known == kind);
    let kind = kind.ok_or_else(|| format!("expected the kind {}, found '{text}'", KINDS.join(", ")))?;
    let (priority, n_records) = numbers.split_once(':').unwrap_or((numbers, ""));
    let number = |word: &str| match word {
        "" => Ok(None),
        word => word.parse::<i32>().map(Some).map_err(|_| wanted()),
    };
    let share = Share { kind, priority: number(priority)?, n_records: number(n_records)? };
    if share.priority.is_none() && share.n_records.is_none() { Err(wanted()) } else { Ok(share) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("expected a time like 500ms, 45s or 2m, found '{text}'"))?;
    let millis = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        unit => return Err(format!("expected the unit ms, s, m or h, found '{unit}'")),
    };
    let day = 86_400_000;
    let millis = millis.filter(|millis| *millis <= day);
    millis.map(Duration::from_millis).ok_or_else(|| format!("expected at most 24h, found '{text}'"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        let path = format!("{path} {}", command.get_name());
        let mut children = command.get_subcommands().filter(|child| child.get_name() != "help").peekable();
        if children.peek().is_none() {
            found.push((path, command.clone()));
            return;
        }
        for child in children {
            leaves(child, &path, found);
        }
    }

    #[test]
    fn every_verb_takes_json_and_explains_itself() {
        let mut command = Cli::command();
        command.build();
        let mut found = Vec::new();
        leaves(&command, "", &mut found);
        assert!(found.len() >= 26, "{}", found.len());
        for (path, leaf) in found {
            assert!(leaf.get_about().is_some(), "{path}: no help text");
            assert!(leaf.get_arguments().any(|arg| arg.get_id() == "json"), "{path}: no --json");
            for arg in leaf.get_arguments() {
                assert!(
                    arg.get_help().is_some() || arg.get_long_help().is_some(),
                    "{path}: {} has no help",
                    arg.get_id()
                );
            }
        }
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn origin_lists_are_numbers_and_ranges() {
        assert_eq!(origin_list("201-203").unwrap().0, [201, 202, 203]);
        assert_eq!(origin_list("299").unwrap().0, [299]);
        assert_eq!(origin_list("201, 205-206").unwrap().0, [201, 205, 206]);
        for bad in ["", "0", "208-201", "a", "1-2-3", "1-2147483647", "-5"] {
            assert!(origin_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_a_unit_and_a_limit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("45"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "-1s", "1.5s", "3d", "25h", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_names_its_kind_and_its_numbers() {
        let general = Share { kind: "general", priority: Some(1), n_records: Some(2) };
        assert_eq!(share("general=1:2"), Ok(general));
        assert_eq!(share("campaign-call-back=:2").unwrap().n_records, Some(2));
        for bad in ["general", "general=", "personal=1:2", "general=x:2"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn auto_completion_is_a_switch_that_can_be_turned_off() {
        let load =
            |words: &[&str]| match Cli::try_parse_from([&["commdn", "campaign", "load", "1", "2"], words].concat()) {
                Ok(Cli { verb: Verb::Campaign(CampaignVerb::Load(load)), .. }) => load.auto_completion,
                other => panic!("{other:?}"),
            };
        assert_eq!(load(&[]), None);
        assert_eq!(load(&["--auto-completion"]), Some(true));
        assert_eq!(load(&["--auto-completion=false", "--goal", "80"]), Some(false));
    }

    #[test]
    fn a_negative_goal_is_a_number_and_reaches_the_check() {
        let words = ["commdn", "campaign", "load", "1", "2", "--goal=-5"];
        assert!(Cli::try_parse_from(words).is_ok());
    }
}
