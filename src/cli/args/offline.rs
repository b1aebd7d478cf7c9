//! Words of the verbs that need no gateway: `encode`, `decode`, `kvcheck`, `check-config`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::wire::Charset;
use crate::wire::dialect::{IntOrder, ListPrefix};

/// How bytes are laid out, for the offline verbs.
#[derive(Clone, Debug, Default, Args)]
pub struct DialectArgs {
    /// len32, len16_inner16 or len16_count32
    #[arg(long, value_name = "WORD")]
    pub list_prefix: Option<ListPrefix>,
    /// big or little
    #[arg(long, value_name = "WORD")]
    pub int_order: Option<IntOrder>,
    /// utf-8, iso-8859-1, windows-1252, windows-1251, shift_jis, euc-kr or gbk
    #[arg(long, value_name = "WORD")]
    pub charset: Option<Charset>,
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

/// `config show`
#[derive(Clone, Debug, Args)]
pub struct ConfigShowArgs {
    /// Configuration file [default: the built-in site, as serve has it]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `completion`
#[derive(Clone, Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Look through this configuration file too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use this application DBID of ours again, that another program had sent with; needs the scope admin
    #[arg(long, value_name = "DBID")]
    pub clear_alarm: Option<i32>,
}

/// `ping`
#[derive(Clone, Debug, Args)]
pub struct PingArgs {
    /// DBID or configured name of a campaign to ask OCS about [default: one of each OCS]
    #[arg(value_name = "CAMPAIGN", requires = "group")]
    pub campaign: Option<String>,
    /// DBID or configured name of the agent group
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,
    /// Round trips
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub count: usize,
}

/// `check-config`
#[derive(Clone, Debug, Args)]
pub struct CheckConfigArgs {
    /// The configuration file; - is stdin
    #[arg(value_name = "FILE", default_value = "commdn.toml")]
    pub file: PathBuf,
}
