//! Words of `key` and `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `key`
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Make an API key; it is shown once
    Create(KeyCreateArgs),
    /// Every API key, without its secret
    List(OfflineArgs),
    /// Make an API key worthless
    Revoke(KeyRevokeArgs),
}

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Who did what, the newest first
    List(AuditListArgs),
    /// Walk along the chain and name the first row that is wrong
    Verify(OfflineArgs),
}

/// Where to look.
#[derive(Clone, Debug, Default, Args)]
pub struct OfflineArgs {
    /// Open the store of this folder instead of asking a gateway; refused while one has it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `key create`
#[derive(Clone, Debug, Args)]
pub struct KeyCreateArgs {
    /// Whom or what it is for
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// What it may do, for instance dnc:add or campaign:*@campaign=101,group=732; may be given again
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<String>,
    /// When it ends: in 30d or 12h, or at 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// Where to make it.
    #[command(flatten)]
    pub data: OfflineArgs,
}

/// `key revoke`
#[derive(Clone, Debug, Args)]
pub struct KeyRevokeArgs {
    /// The id of the key, as `key list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where to look.
    #[command(flatten)]
    pub data: OfflineArgs,
}

/// `audit list`
#[derive(Clone, Debug, Args)]
pub struct AuditListArgs {
    /// Most rows of one page
    #[arg(long, default_value = "50", value_name = "N")]
    pub limit: usize,
    /// Where the page before this one ended
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<u64>,
    /// Only of this subject, for instance key/0123456789abcdef
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// Only this action, for instance dnc:add
    #[arg(long, value_name = "SCOPE")]
    pub action: Option<String>,
    /// Where to look.
    #[command(flatten)]
    pub data: OfflineArgs,
}
