//! Words of `sim run --scenario`, `sim scenarios`, `sim record` and `sim replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::run::clock;
use super::values::duration;
use crate::service::sim_clock::Speed;

/// A scenario and what comes out of it.
#[derive(Clone, Debug, Default, Args)]
pub struct PlayArgs {
    /// Plays a scenario, without sockets: a file, or one of `sim scenarios list`
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "topology")]
    pub scenario: Option<PathBuf>,
    /// Another value for a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "scenario", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Writes the results, too: junit=FILE or json=FILE; - is stdout; may be repeated
    #[arg(long, value_name = "FORM=FILE", requires = "scenario", value_parser = results)]
    pub results: Vec<(ResultsForm, PathBuf)>,
    /// Draws who said what to whom
    #[arg(long, value_name = "FORM", requires = "scenario", value_enum)]
    pub ladder: Option<LadderForm>,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultsForm {
    /// JUnit XML.
    Junit,
    /// The document of `--json`.
    Json,
}

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LadderForm {
    /// In letters.
    Text,
    /// As a Mermaid sequence diagram.
    Mermaid,
}

/// `ladder`
#[derive(Clone, Debug, Args)]
pub struct LadderArgs {
    /// Lines of `tap`, a recording or a conversation; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How it is drawn
    #[arg(long = "as", value_name = "FORM", value_enum, default_value = "text")]
    pub form: LadderForm,
}

/// `sim scenarios`
#[derive(Debug, Subcommand)]
pub enum ScenariosVerb {
    /// The scenarios that are shipped
    List,
    /// Print one of them, to start from
    Show(ScenarioArgs),
    /// Look for mistakes without playing: line, column and the nearest word
    Check(ScenarioArgs),
}

/// A scenario.
#[derive(Clone, Debug, Args)]
pub struct ScenarioArgs {
    /// A file, or the name of a shipped one
    #[arg(value_name = "FILE|NAME")]
    pub scenario: PathBuf,
}

/// `sim record`
#[derive(Clone, Debug, Args)]
pub struct SimRecordArgs {
    /// Where the scenario is written; - is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// A printed log of a T-Server or an OCS, instead of what passes a gateway
    #[arg(long, value_name = "FILE")]
    pub from_log: Option<PathBuf>,
    /// The log was copied from a web page: blanks for TABs, typographic quotes
    #[arg(long, requires = "from_log")]
    pub lenient: bool,
    /// Phones and customer ids as they are
    #[arg(long)]
    pub show_numbers: bool,
    /// File with the key of the stand-ins, so that two recordings have the same ones [default: a new key]
    #[arg(long, value_name = "FILE", conflicts_with = "show_numbers")]
    pub key: Option<PathBuf>,
    /// What passes a T-Server's CommDNs, instead of what passes a gateway
    #[arg(long, value_name = "ADDR", conflicts_with = "from_log")]
    pub tserver: Option<String>,
    /// The CommDN to listen on; may be repeated
    #[arg(long, value_name = "NAME", default_value = "CommDN_1", requires = "tserver")]
    pub dn: Vec<String>,
    /// Ends after so many messages
    #[arg(long, value_name = "N", conflicts_with = "from_log")]
    pub count: Option<u64>,
    /// Ends after so long [default: with Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "from_log")]
    pub length: Option<Duration>,
}

/// `sim replay`
#[derive(Clone, Debug, Args)]
pub struct SimReplayArgs {
    /// A recording, or lines of `tap`; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// virtual (as fast as can be), real (as recorded) or x60
    #[arg(long, value_name = "CLOCK", default_value = "virtual", value_parser = clock)]
    pub clock: Speed,
    /// documented, strict, lenient, adversarial
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Draws who said what to whom in the simulated site
    #[arg(long, value_name = "FORM", value_enum)]
    pub ladder: Option<LadderForm>,
}

fn assignment(word: &str) -> Result<(String, String), String> {
    let parts = word.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or_else(|| format!("expected NAME=VALUE, found '{word}'"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn results(word: &str) -> Result<(ResultsForm, PathBuf), String> {
    let wrong = || format!("expected junit=FILE or json=FILE, found '{word}'");
    let (form, file) = word.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(wrong)?;
    let form = match form {
        "junit" => ResultsForm::Junit,
        "json" => ResultsForm::Json,
        _ => return Err(wrong()),
    };
    Ok((form, file.into()))
}
