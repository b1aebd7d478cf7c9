//! The words of the command line: nouns then verbs, global flags.

mod access;
mod bench;
mod bench_import;
mod contacts;
mod dnc;
mod imports;
mod offline;
mod profiles;
mod run;
mod scenario;
mod sequence;
mod sim;
mod store;
mod values;

use crate::wire::dialect::CLAIM;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use access::{AuditListArgs, AuditVerb, KeyCreateArgs, KeyRevokeArgs, KeyVerb, OfflineArgs};
pub use bench::{
    ArrivalsWord, BenchControlArgs, BenchDncArgs, BenchFanoutArgs, BenchVerb, FailIfArgs, PaceArgs, TserverArgs,
};
pub use bench_import::{BenchImportArgs, BenchImportStep};
pub use contacts::{
    BatchArgs, ContactsClearArgs, ContactsDeleteArgs, ContactsPushArgs, ContactsResumeArgs, ContactsVerb, MaxErrors,
    OtherSystem, OtherSystemArgs, ProgressWhen, ReportArgs,
};
pub use dnc::{DncExportArgs, DncFindArgs, DncImportArgs, DncReportArgs, DncVerifyArgs, SiteArgs};
pub use imports::{
    ContactsCreateArgs, ContactsExportArgs, ContactsImportArgs, ContactsJobsArgs, ContactsPreviewArgs,
    ContactsUndoArgs, MappingArgs, PresetArgs, PresetSaveArgs, PresetsVerb, Switch, WhereArgs,
};
pub use offline::{
    CheckConfigArgs, CompletionArgs, ConfigShowArgs, DecodeArgs, DecodeFormat, DialectArgs, DoctorArgs, EncodeArgs,
    EncodeOutput, KvcheckArgs, PingArgs,
};
pub use profiles::{ProfilesImportArgs, ProfilesVerb};
pub use run::{DemoArgs, GatewayArgs, RunArgs, ServeArgs, SimArgs, SimRunArgs};
pub use scenario::{
    LadderArgs, LadderForm, PlayArgs, ResultsForm, ScenarioArgs, ScenariosVerb, SimRecordArgs, SimReplayArgs,
};
pub use sequence::{SequenceFileArgs, SequenceIdArgs, SequenceListArgs, SequenceVerb};
pub use sim::{SimClockArgs, SimFaultAddArgs, SimFaultRemoveArgs, SimFaultVerb, SimTriggerArgs};
pub use store::{DataArgs, StoreBackupArgs, StoreRestoreArgs, StoreVerb};
pub use values::{DbidList, Scope, Share, origin_list};
use values::{duration, share};

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
    /// The gateway's address [default: http://127.0.0.1:8080]
    #[arg(long, global = true, env = "COMMDN_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Key or token that the gateway asks for; @FILE reads it from a file, which other users of the machine do not see
    #[arg(long, global = true, env = "COMMDN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<SecretString>,
    /// Roots that the gateway's certificate may come from, PEM [default: those of this machine]
    #[arg(long, global = true, env = "COMMDN_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate, PEM, for a gateway that asks for one
    #[arg(long, global = true, env = "COMMDN_CERT", value_name = "FILE", requires = "cert_key")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, global = true, env = "COMMDN_CERT_KEY", value_name = "FILE", requires = "cert")]
    pub cert_key: Option<PathBuf>,
    /// How long to wait for the outcome: 500ms, 45s, 2m
    #[arg(long, global = true, default_value = "45s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Do not wait for the outcome; print the request id
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// Say what would be sent, and send nothing
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

/// Where a gateway listens when nothing else is said.
const URL: &str = "http://127.0.0.1:8080";

impl Global {
    /// The gateway's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(URL)
    }
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
#[allow(clippy::large_enum_variant, reason = "one value a run")]
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
    /// Campaigns one after the other
    #[command(subcommand)]
    Sequence(SequenceVerb),
    /// Do-not-call
    #[command(subcommand)]
    Dnc(DncVerb),
    /// Calling lists and who is in them
    #[command(subcommand)]
    Contacts(Box<ContactsVerb>),
    /// Calling list records
    #[command(subcommand)]
    Record(RecordVerb),
    /// Profiles of UCS
    #[command(subcommand)]
    Profiles(ProfilesVerb),
    /// Requests and what became of them
    #[command(subcommand)]
    Request(RequestVerb),
    /// Follow what happens: states, requests, links
    Events(StreamArgs),
    /// Follow every UserEvent that passes, one line each
    Tap(TapArgs),
    /// Draw who said what to whom, from a file of tap lines
    Ladder(LadderArgs),
    /// Measure the way to the gateway, and to OCS and back
    Ping(PingArgs),
    /// Find the usual mistakes and say what to change
    Doctor(DoctorArgs),
    /// Send one raw request under a DBID that is not the gateway's own
    Send(SendArgs),
    /// Turn list text into the bytes of a TKVList
    Encode(EncodeArgs),
    /// Read lists from hex, tap lines or T-Server, OCS and URS logs
    Decode(DecodeArgs),
    /// Pack every list printed in a log again and compare the lengths
    Kvcheck(KvcheckArgs),
    /// API keys
    #[command(subcommand)]
    Key(KeyVerb),
    /// Who did what
    #[command(subcommand)]
    Audit(AuditVerb),
    /// What outlives the process: read it through, copy it, put a copy back
    #[command(subcommand)]
    Store(StoreVerb),
    /// Put a stated load on a gateway or a T-Server, and say what came of it
    #[command(subcommand)]
    Bench(Box<BenchVerb>),
    /// The configuration file
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Check a configuration file: line, column and the nearest known key
    CheckConfig(CheckConfigArgs),
    /// Print the completion script of a shell
    Completion(CompletionArgs),
    /// Print the manual page
    Man,
    /// Print the version and what is claimed
    Version,
}

/// `sim`
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value a run")]
pub enum SimVerb {
    /// Run the simulated T-Server and OCS on a port, or a scenario without one
    Run(SimRunArgs),
    /// The scenarios that are shipped, and a look at yours
    #[command(subcommand)]
    Scenarios(ScenariosVerb),
    /// Make a scenario of what passes a gateway, or of a printed log
    Record(SimRecordArgs),
    /// Ask a simulated site what was asked in a recording, and tell where its answers differ
    Replay(SimReplayArgs),
    /// What goes wrong in a running simulator, its clock and its state
    #[command(subcommand)]
    Fault(SimFaultVerb),
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
    /// Put a file of phones on the do-not-call list
    Import(DncImportArgs),
    /// Who asked, when and how, and which OCS has confirmed it
    Find(DncFindArgs),
    /// Walk along the chain of the evidence, or compare it with a dump of the table of OCS
    Verify(DncVerifyArgs),
    /// What was asked for, added up: confirmed, not confirmed, late
    Report(DncReportArgs),
    /// All evidence as CSV, or with --json one document a line
    Export(DncExportArgs),
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
    /// Wait until a request has its outcome
    Wait(RequestIdArgs),
    /// Why a request ended as it did
    Explain(RequestIdArgs),
    /// Try a do-not-call again that was given up or waits for its next attempt
    Retry(RequestIdArgs),
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print what a gateway would run with: defaults, file, environment; never a secret
    Show(ConfigShowArgs),
    /// Print the JSON Schema of the configuration file
    Schema,
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
    /// When it ends for the gateway: in 90d or 12h, on 2027-01-31 or at 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
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

/// `request list`
#[derive(Clone, Debug, Args)]
pub struct RequestListArgs {
    /// Which requests
    #[arg(long, value_enum, default_value = "all")]
    pub state: RequestState,
    /// Only do-not-calls that were given up, as --state dead
    #[arg(long, conflicts_with_all = ["state", "open"])]
    pub dead: bool,
    /// Only those without outcome yet, as --state open
    #[arg(long, conflicts_with = "state")]
    pub open: bool,
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
    /// Given up.
    Dead,
    /// Both.
    All,
}

/// `request show`, `wait`, `explain`, `retry`
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
    /// Print phones and customer ids instead of pseudonyms
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
