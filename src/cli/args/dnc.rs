//! Words of `dnc` beside `dnc add`.

use std::path::PathBuf;

use clap::Args;

use super::Scope;

/// Where to look, and by whose rules.
#[derive(Clone, Debug, Default, Args)]
pub struct SiteArgs {
    /// Open the store of this folder instead of asking a gateway; refused while one has it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// With --data: the gateway's configuration, for its deadline, its country and the key of its stand-ins
    #[arg(long, value_name = "FILE", requires = "data")]
    pub config: Option<PathBuf>,
}

/// `dnc find`
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
pub struct DncFindArgs {
    /// The phone, in any spelling
    #[arg(value_name = "PHONE", group = "whom")]
    pub phone: Option<String>,
    /// Customer id
    #[arg(long, value_name = "ID", group = "whom")]
    pub customer_id: Option<String>,
    /// Everybody's numbers as they are; needs the scope numbers:show
    #[arg(long)]
    pub show_numbers: bool,
    /// Where to look.
    #[command(flatten)]
    pub data: SiteArgs,
}

/// `dnc verify`
#[derive(Clone, Debug, Args)]
pub struct DncVerifyArgs {
    /// Compare with the head in this file, as `dnc export --head` wrote it [default: the heads file beside the store]
    #[arg(long, value_name = "FILE")]
    pub head: Option<PathBuf>,
    /// Compare with a dump of gsw_donotcall_list, CSV with columns phone and customer_id; needs the scope numbers:show
    #[arg(long, value_name = "FILE.csv")]
    pub table: Option<PathBuf>,
    /// Ask OCS again for what the table lacks; needs the scope dnc:add
    #[arg(long, requires = "table", conflicts_with = "data")]
    pub resend: bool,
    /// Where to look.
    #[command(flatten)]
    pub data: SiteArgs,
}

/// `dnc report`
#[derive(Clone, Debug, Args)]
pub struct DncReportArgs {
    /// Only what was asked for at that time or later, for instance 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Where to look.
    #[command(flatten)]
    pub data: SiteArgs,
}

/// `dnc export`
#[derive(Clone, Debug, Args)]
pub struct DncExportArgs {
    /// Numbers as they are instead of stand-ins; needs the scope numbers:show
    #[arg(long)]
    pub show_numbers: bool,
    /// Only those that an OCS has not confirmed
    #[arg(long)]
    pub unconfirmed: bool,
    /// Only what was asked for at that time or later, for instance 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Keep the end of the chain in this file, for `dnc verify --head`
    #[arg(long, value_name = "FILE")]
    pub head: Option<PathBuf>,
    /// Where to look.
    #[command(flatten)]
    pub data: SiteArgs,
}

/// `dnc import`
#[derive(Clone, Debug, Args)]
pub struct DncImportArgs {
    /// One phone a line, or CSV with a column of phones
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Name of the column with the phones
    #[arg(long, default_value = "phone", value_name = "NAME")]
    pub column: String,
    /// all_chain: every record of the customer's chain; record_only: the matching records
    #[arg(long, value_enum)]
    pub scope: Option<Scope>,
    /// DBID or name of one OCS [default: every OCS]
    #[arg(long)]
    pub ocs: Option<String>,
    /// Kept with each request, never sent
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// When the entries end for the gateway: on 2027-01-31 or at 2027-01-31T00:00:00Z; a column expires_at goes first
    /// [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}
