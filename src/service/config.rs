//! The configuration of a gateway: one TOML file, every key documented for the JSON Schema.

mod site;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::tls::{ServerFiles, TlsError, TlsServer};
use crate::protocol::UtcSeconds;
use crate::protocol::UtcTime;
use crate::service::{ContactListsSection, ImportSection, JtelSection, UcsSection};
use crate::store::Retention;
use crate::wire::limits::LIST_BYTES_DEFAULT;
pub use site::*;

/// `commdn.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The gateway itself.
    pub gateway: GatewaySection,
    /// T-Servers, each a primary with an optional backup.
    pub tserver: Vec<TserverSection>,
    /// Communication DNs.
    pub dn: Vec<DnSection>,
    /// Outbound Contact Servers.
    pub ocs: Vec<OcsSection>,
    /// Our own application DBIDs.
    pub origin: OriginSection,
    /// Applications that may use our own T-Server-style port.
    pub application: Vec<ApplicationSection>,
    /// Campaigns and the OCS that runs each.
    pub campaign: Vec<CampaignSection>,
    /// Agent groups.
    pub group: Vec<GroupSection>,
    /// Campaigns on groups, with the parameters that hold when a request names none.
    pub pair: Vec<PairSection>,
    /// The HTTP door.
    pub http: HttpSection,
    /// Who may use the HTTP door.
    pub auth: AuthSection,
    /// What outlives the process.
    pub store: StoreSection,
    /// Do-not-calls.
    pub dnc: DncSection,
    /// Imports of contacts.
    pub import: ImportSection,
    /// The interface of contact lists.
    pub contact_lists: ContactListsSection,
    /// The interface of UCS profiles.
    pub ucs: UcsSection,
    /// The interface of jtel's dialler contacts.
    pub jtel: JtelSection,
    /// Deadlines and bounds.
    pub limits: LimitsSection,
    /// Logs.
    pub telemetry: TelemetrySection,
    /// The simulator of `demo` and `sim run`.
    pub sim: SimSection,
}

/// `[gateway]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySection {
    /// Application name told to the T-Server at login.
    pub name: String,
    /// Write `GSW_CM_AttrReferenceID` into requests; used for matching only when an OCS echoes it.
    pub send_reference_id: bool,
    /// Where `GSW_AUTO_COMPLETION` is written: `top` or `properties`.
    pub auto_completion_place: String,
    /// Address of our own T-Server-style port, for applications that speak UserEvents; absent = no port.
    pub listen_tserver: Option<String>,
    /// TLS on that port.
    pub tls: Option<ServerTls>,
    /// Open that port beyond loopback without TLS.
    pub listen_plaintext: bool,
    /// Milliseconds that open requests may take to end when the gateway is told to stop.
    pub drain_ms: u64,
    /// What is sent when a campaign does not stop although it was told to again and again: `none`, `unload` or
    /// `force_unload`.
    pub stop_escalation: String,
    /// Milliseconds before a stop that was not confirmed is said again; the pause doubles.
    pub stop_retry_first_ms: u64,
    /// The longest pause.
    pub stop_retry_max_ms: u64,
}

impl Default for GatewaySection {
    fn default() -> Self {
        Self {
            name: "commdn".into(),
            send_reference_id: false,
            auto_completion_place: "top".into(),
            listen_tserver: None,
            tls: None,
            listen_plaintext: false,
            drain_ms: 15_000,
            stop_escalation: "none".into(),
            stop_retry_first_ms: 10_000,
            stop_retry_max_ms: 600_000,
        }
    }
}

/// `tls` of a port of our own: PEM files, read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// File with the certificate, then those between it and the root.
    pub cert: String,
    /// File with its private key.
    pub key: String,
    /// File with the roots of clients' certificates; with it a client without a certificate is refused.
    #[serde(default)]
    pub client_ca: Option<String>,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    /// Address of the listener.
    pub addr: String,
    /// Host header values that are answered, without port; loopback names are always allowed.
    pub allowed_hosts: Vec<String>,
    /// TLS of the listener; absent = plain text.
    pub tls: Option<ServerTls>,
    /// Serve plain text beyond loopback, behind a proxy that encrypts.
    pub insecure_plaintext: bool,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self { addr: "127.0.0.1:8080".into(), allowed_hosts: Vec::new(), tls: None, insecure_plaintext: false }
    }
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSection {
    /// `none` (on loopback only) or `tokens`: every caller shows an API key, a JSON Web Token or a certificate.
    pub mode: String,
    /// File with the public keys of JSON Web Tokens (JWKS).
    pub jwks_file: Option<String>,
    /// Address of the same; https, or http on loopback. Redirects are not followed.
    pub jwks_url: Option<String>,
    /// `iss` of the tokens.
    pub issuer: Option<String>,
    /// `aud` of the tokens.
    pub audience: Option<String>,
    /// Seconds that clocks may be apart.
    pub leeway_s: u64,
    /// Algorithms of signatures that are taken.
    pub algorithms: Vec<String>,
    /// Least seconds between two fetches of the key set because of an unknown key.
    pub jwks_floor_s: u64,
    /// Seconds after which the key set is fetched again.
    pub jwks_age_s: u64,
    /// Client certificates and what each may do.
    pub client: Vec<ClientSection>,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self {
            mode: "none".into(),
            jwks_file: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            leeway_s: 60,
            algorithms: ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(str::to_owned).to_vec(),
            jwks_floor_s: 30,
            jwks_age_s: 3_600,
            client: Vec::new(),
        }
    }
}

impl AuthSection {
    /// True when nobody has to say who they are; any other word than `none` asks for it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.mode == "none"
    }
}

/// `[[auth.client]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSection {
    /// Name for the audit.
    pub name: String,
    /// SHA-256 of the certificate (DER), 64 hex digits.
    pub sha256: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// `[dnc]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DncSection {
    /// Milliseconds before an OCS that was silent is asked again; the pause doubles.
    pub retry_first_ms: u64,
    /// The longest pause.
    pub retry_max_ms: u64,
    /// Attempts that come to nothing before a do-not-call is given up as a dead letter; each has up to four sends.
    pub attempts_max: u32,
    /// Country of phones that are given without one, ISO 3166: with it `777888777` and `+420777888777` are one number in
    /// the evidence. Empty: only the forms with `+` and `00` are read. What travels is never changed.
    pub default_country: String,
    /// Days in which every OCS must have confirmed an entry; after them an alarm is raised.
    pub deadline_days: u32,
    /// How those days are counted: `business_days` (Monday to Friday, UTC) or `calendar_days`.
    pub deadline_profile: String,
}

impl Default for DncSection {
    fn default() -> Self {
        Self {
            retry_first_ms: 10_000,
            retry_max_ms: 600_000,
            attempts_max: 100,
            default_country: String::new(),
            deadline_days: 10,
            deadline_profile: "business_days".into(),
        }
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Milliseconds until a request without answer is settled another way.
    pub answer_ms: u64,
    /// Milliseconds until an unload without answer has failed: the OCS's drain time and 30 s.
    pub unload_ms: u64,
    /// Milliseconds a request may wait for its turn.
    pub lane_wait_ms: u64,
    /// Most requests waiting for one turn.
    pub lane_length_max: usize,
    /// Milliseconds an answer may live: B of docs/correlation.
    pub answer_life_ms: u64,
    /// Milliseconds between an answer and its double: D of docs/correlation.
    pub double_gap_ms: u64,
    /// Milliseconds an HTTP caller waits when it says nothing else.
    pub wait_ms: u64,
    /// Milliseconds after which a cancel is not worth anything any more.
    pub cancel_expires_ms: u64,
    /// Most requests without an outcome; one more is refused with 503.
    pub open_requests_max: usize,
    /// Ended requests kept in memory; the store has them all.
    pub requests_kept: usize,
    /// Events kept for subscribers that come back.
    pub events_kept: usize,
    /// Requests a second of one client of the HTTP door; 0 = no limit.
    pub client_rate_per_s: u32,
    /// Requests that one client may make at once; 0 = as many as in a second.
    pub client_burst: u32,
    /// Connections to the HTTP door.
    pub connections_max: usize,
    /// Connections of one address beyond loopback.
    pub connections_per_peer: usize,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            answer_ms: 10_000,
            unload_ms: 330_000,
            lane_wait_ms: 30_000,
            lane_length_max: 64,
            answer_life_ms: 30_000,
            double_gap_ms: 2_000,
            wait_ms: 10_500,
            cancel_expires_ms: 300_000,
            open_requests_max: 100_000,
            requests_kept: 10_000,
            events_kept: 4_096,
            client_rate_per_s: 500,
            client_burst: 1_000,
            connections_max: 10_000,
            connections_per_peer: 512,
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Folder of the store, a file `*.sqlite`, or `:memory:` for one that is gone with the process. Absent:
    /// `commdn-data` for `serve`, memory for `demo`.
    pub path: Option<String>,
    /// Days that ended requests are kept; 0 = for ever.
    pub journal_days: u32,
    /// Days that the audit is kept; 0 = for ever.
    pub audit_days: u32,
    /// Days that the evidence of a do-not-call is kept; 0 = for ever. The entry itself stays.
    pub dnc_days: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        // Five years, with their leap days.
        Self { path: None, journal_days: 90, audit_days: 400, dnc_days: 1_827 }
    }
}

impl StoreSection {
    /// What is removed at a moment. Idempotency keys are kept for seven days (G2).
    #[must_use]
    pub fn retention(&self, at: UtcTime) -> Retention {
        let before = |days: u32| {
            let seconds = UtcSeconds(at.seconds.0.saturating_sub(i64::from(days) * 86_400));
            (days > 0).then_some(UtcTime { seconds, ..at })
        };
        Retention {
            journal: before(self.journal_days),
            audit: before(self.audit_days),
            dnc: before(self.dnc_days),
            keys: before(IDEMPOTENCY_DAYS),
            at,
        }
    }
}

/// Days that an idempotency key is kept.
pub const IDEMPOTENCY_DAYS: u32 = 7;

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySection {
    /// Filter of the log on stderr, for instance `info` or `commdn::net=debug`.
    pub log: String,
    /// `text` or `json`: how a line of the log is written.
    pub format: String,
    /// File with the key of the pseudonyms that stand in for people; absent = another key in every run.
    pub pseudonym_key_file: Option<String>,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self { log: "info".into(), format: "text".into(), pseudonym_key_file: None }
    }
}

/// `[sim]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimSection {
    /// Address of the simulated T-Server; loopback only.
    pub addr: String,
    /// File with DNs, OCSs, campaigns and lists; absent = the built-in topology.
    pub topology: Option<String>,
    /// Profile of the OCSs: `documented`, `strict`, `lenient`, `adversarial` or a file; absent = as the topology says.
    pub profile: Option<String>,
    /// Whether a sender hears its own UserEvents.
    pub echo_to_sender: bool,
    /// Most bytes of one list that the T-Server takes.
    pub list_bytes_max: usize,
    /// TLS on the simulated T-Server's port.
    pub tls: Option<ServerTls>,
}

impl Default for SimSection {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1:0".into(),
            topology: None,
            profile: None,
            echo_to_sender: true,
            list_bytes_max: LIST_BYTES_DEFAULT,
            tls: None,
        }
    }
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn open(&self) -> Result<TlsServer, TlsError> {
        TlsServer::new(ServerFiles {
            cert: self.cert.clone().into(),
            key: self.key.clone().into(),
            client_ca: self.client_ca.clone().map(Into::into),
        })
    }
}

impl Config {
    /// The JSON Schema of the file, for editors.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}
