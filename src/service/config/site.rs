//! The site: T-Servers, Communication DNs, OCSs, and the objects that requests name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[tserver]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TserverSection {
    /// Name that `[[dn]]` refers to.
    pub name: String,
    /// Host and port of the primary.
    pub primary: String,
    /// Host and port of the backup.
    #[serde(default)]
    pub backup: Option<String>,
    /// File with the application password; the password itself never stands in this file.
    #[serde(default)]
    pub password_file: Option<String>,
    /// How bytes are laid out.
    #[serde(default)]
    pub dialect: DialectSection,
    /// Heartbeats.
    #[serde(default)]
    pub heartbeat: HeartbeatSection,
    /// Milliseconds for one attempt to connect.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Most bytes of one list that we send.
    #[serde(default = "list_bytes_max")]
    pub list_bytes_max: usize,
    /// Most bytes of one frame that we take.
    #[serde(default = "frame_bytes_max")]
    pub frame_bytes_max: usize,
    /// TLS towards both members of the pair.
    #[serde(default)]
    pub tls: Option<TserverTls>,
    /// Allows connections without TLS to a T-Server that is not on this machine.
    #[serde(default)]
    pub plaintext: bool,
}

impl TserverSection {
    /// The defaults for one T-Server.
    #[must_use]
    pub fn new(name: &str, primary: &str) -> Self {
        Self {
            name: name.into(),
            primary: primary.into(),
            backup: None,
            password_file: None,
            dialect: DialectSection::default(),
            heartbeat: HeartbeatSection::default(),
            connect_timeout_ms: connect_timeout_ms(),
            list_bytes_max: list_bytes_max(),
            frame_bytes_max: frame_bytes_max(),
            tls: None,
            plaintext: false,
        }
    }
}

/// `tls` of a `[[tserver]]`: PEM files, read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TserverTls {
    /// File with the roots that the T-Server's certificate may come from; no others are trusted.
    pub ca: String,
    /// File with our certificate, for a T-Server that asks for one.
    #[serde(default)]
    pub cert: Option<String>,
    /// File with its private key.
    #[serde(default)]
    pub key: Option<String>,
    /// Name in the T-Server's certificate, when it is not the host of its address.
    #[serde(default)]
    pub server_name: Option<String>,
}

fn connect_timeout_ms() -> u64 {
    4_000
}
fn list_bytes_max() -> usize {
    crate::wire::limits::LIST_BYTES_DEFAULT
}
fn frame_bytes_max() -> usize {
    crate::wire::limits::FRAME_BYTES_MAX
}

/// `dialect` of a `[[tserver]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DialectSection {
    /// `len32`, `len16_inner16` or `len16_count32`.
    pub list_prefix: String,
    /// `big` or `little`.
    pub int_order: String,
    /// `utf-8`, `iso-8859-1`, `windows-1252`, `windows-1251`, `shift_jis`, `euc-kr` or `gbk`.
    pub charset: String,
    /// `commdn-1`.
    pub framing: String,
}

impl Default for DialectSection {
    fn default() -> Self {
        let dialect = crate::wire::Dialect::default();
        Self {
            list_prefix: dialect.list_prefix.name().into(),
            int_order: dialect.int_order.name().into(),
            charset: dialect.charset.name().into(),
            framing: dialect.framing.name().into(),
        }
    }
}

/// `heartbeat` of a `[[tserver]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatSection {
    /// Seconds of silence before we poll; 0 = never.
    pub addp_timeout_s: u32,
    /// Seconds of silence before the T-Server polls us; 0 = never.
    pub addp_remote_timeout_s: u32,
    /// `off`, `local`, `remote` or `both`.
    pub addp_trace: String,
}

impl Default for HeartbeatSection {
    fn default() -> Self {
        Self { addp_timeout_s: 10, addp_remote_timeout_s: 20, addp_trace: "off".into() }
    }
}

/// `[[dn]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnSection {
    /// Name of the CommDN.
    pub name: String,
    /// Name of its T-Server.
    pub tserver: String,
    /// `true`, `false` or `undefined`: the DN's option of that name.
    #[serde(default = "undefined")]
    pub outbound_contact_server: String,
}

fn undefined() -> String {
    "undefined".into()
}

/// `[[ocs]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OcsSection {
    /// Application DBID.
    pub dbid: i32,
    /// Name for people.
    pub name: String,
    /// CommDNs it listens on; the first one that OCS uses carries our requests. Empty = every DN.
    #[serde(default)]
    pub dns: Vec<String>,
    /// DBID of the backup of this OCS.
    #[serde(default)]
    pub pair: Option<i32>,
}

/// `[origin]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OriginSection {
    /// Application DBIDs that OCS accepts from us. Eight or more let distinct requests travel side by side.
    pub pool: Vec<i32>,
}

/// `[[application]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationSection {
    /// DBID that its requests carry as `GSW_CM_AttrOriginAppID`.
    pub dbid: i32,
    /// Name for people and for the audit.
    pub name: String,
    /// CommDNs on which it may ask. Empty = every one that OCS uses.
    #[serde(default)]
    pub dns: Vec<String>,
    /// IP addresses, or networks as `10.1.0.0/16`, from which it may connect. Empty = any, for a port on loopback.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Name in its client certificate, a DNS name or an IP address; absent = none is asked for.
    #[serde(default)]
    pub certificate: Option<String>,
    /// What it may ask: `load`, `unload`, `start`, `stop`, `set_mode`, `status`, `force_unload`, `cancel_record`,
    /// `do_not_call`. Empty = everything.
    #[serde(default)]
    pub requests: Vec<String>,
}

/// `[[campaign]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignSection {
    /// Campaign DBID.
    pub dbid: i32,
    /// Name for people and for `GSW_CAMPAIGN_NAME`.
    pub name: String,
    /// DBID of the OCS that runs it.
    pub ocs: i32,
    /// Names of the calling lists that it dials from: while it is loaded they cannot be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
}

/// `[[group]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSection {
    /// Agent group DBID.
    pub dbid: i32,
    /// Name for people.
    pub name: String,
}

/// `[[pair]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairSection {
    /// Campaign DBID.
    pub campaign: i32,
    /// Group DBID.
    pub group: i32,
    /// Dial mode, by slug or number.
    #[serde(default)]
    pub mode: Option<String>,
    /// Optimisation method, by slug or number.
    #[serde(default)]
    pub optimize_by: Option<String>,
    /// Goal in the unit of the method.
    #[serde(default)]
    pub goal: Option<i32>,
}
