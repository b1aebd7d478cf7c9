//! From the configuration to a running gateway.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream::SelectAll};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::core::{Core, Line, LinkEvents};
use super::{COMMANDS_MAX, Gateway, OcsOnLink, Shared, known_dnc::KnownDnc, raw::RawDesk, sight::Ears, watch::Watch};
use crate::engine::Journal;
use crate::engine::Router;
use crate::engine::StatusMirror;
use crate::engine::tserver::{DnConfig, Tristate, used_dns};
use crate::message::{AppDbid, AutoCompletionPlace, CampaignDbid, DialMode, Dialing, GroupDbid, OptimizeBy, Pair};
use crate::net::driver::{AddpTrace, LinkSettings, start_link};
use crate::net::registry::LinkDirectory;
use crate::net::tls::{ClientFiles, TlsClient};
use crate::protocol::link::LinkConfig;
use crate::protocol::requester::{DnAddress, LinkId, OcsPeer, Requester, RequesterConfig};
use crate::service::Config;
use crate::service::DialectSection;
use crate::service::Health;
use crate::service::Hub;
use crate::service::OcsSection;
use crate::service::Pseudonyms;
use crate::service::TserverSection;
use crate::service::metrics::{Bounds, Metrics};
use crate::wire::Dialect;
use crate::wire::Password;
use crate::wire::Text;
use crate::wire::dialect::UnknownName;

/// Events of the tap that are kept; nobody resumes a tap.
const TAP_KEPT: usize = 0;

/// Why a gateway cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Settings that contradict each other.
    #[error("{0}")]
    Config(String),
    /// A dialect word.
    #[error("tserver '{tserver}': {error}")]
    Dialect {
        /// Which.
        tserver: String,
        /// The word.
        error: UnknownName,
    },
    /// A file with a secret.
    #[error("{path}: {error}")]
    Secret {
        /// Which file.
        path: String,
        /// Why it cannot be read.
        error: std::io::Error,
    },
}

/// Starts a gateway: its links dial at once. It runs until the token is cancelled.
///
/// # Errors
/// [`BuildError`] names the setting.
pub fn start_gateway(config: &Config, stop: &CancellationToken) -> Result<(Gateway, JoinHandle<()>), BuildError> {
    if config.origin.pool.is_empty() {
        return Err(BuildError::Config("origin.pool: expected at least one application DBID".into()));
    }
    let links = LinkDirectory::new();
    let mut events: LinkEvents = SelectAll::new();
    let mut lines = BTreeMap::new();
    let mut link_dialects = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for (id, section) in (0_u32..).map(LinkId).zip(&config.tserver) {
        let settings = link_settings(config, section)?;
        let dialect = settings.link.dialect;
        link_dialects.insert(Arc::from(section.name.as_str()), dialect);
        let (handle, receiver) = start_link(settings, &links, stop.clone());
        events.push(ReceiverStream::new(receiver).map(move |event| (id, event)).boxed());
        lines.insert(id, Line { handle, dialect, list_bytes_max: section.list_bytes_max });
        ids.insert(section.name.as_str(), id);
    }
    let ocss = config.ocs.iter().map(|ocs| peer(config, ocs, &ids)).collect::<Result<Vec<_>, _>>()?;
    let limits = &config.limits;
    let pool: Vec<AppDbid> = config.origin.pool.iter().copied().map(AppDbid).collect();
    let requester = RequesterConfig {
        answer: Duration::from_millis(limits.answer_ms),
        unload: Duration::from_millis(limits.unload_ms),
        lane_wait: Duration::from_millis(limits.lane_wait_ms),
        lane_length: limits.lane_length_max,
        b: Duration::from_millis(limits.answer_life_ms),
        b_unload: Duration::from_millis(limits.unload_ms),
        d: Duration::from_millis(limits.double_gap_ms),
        send_reference_id: config.gateway.send_reference_id,
        ..RequesterConfig::new(pool.clone(), ocss.clone())
    };
    if let Some(advice) = requester.advice() {
        tracing::warn!("{advice}");
    }
    let on_link = ocss.iter().map(|peer| OcsOnLink {
        link: section_name(config, peer.address.link),
        dbid: peer.dbid,
        backup: peer.backup,
        dn: Arc::clone(&peer.address.dn),
    });
    let shared = Arc::new(Shared {
        ocss: on_link.collect(),
        heard: Mutex::default(),
        router: router(config)?,
        links,
        link_names: config.tserver.iter().map(|section| Arc::from(section.name.as_str())).collect(),
        link_dialects,
        events: Hub::new(limits.events_kept, 0),
        tap: Hub::new(TAP_KEPT, 0),
        wait: Duration::from_millis(limits.wait_ms),
        dnc: KnownDnc::default(),
        metrics: metrics(config, &ocss),
        health: Health::default(),
        pseudonyms: pseudonyms(config)?,
        origins: pool.clone(),
    });
    let auto_completion_place = match config.gateway.auto_completion_place.as_str() {
        "top" => AutoCompletionPlace::Top,
        "properties" => AutoCompletionPlace::Properties,
        other => {
            let text = format!("gateway.auto_completion_place: expected top or properties, found '{other}'");
            return Err(BuildError::Config(text));
        }
    };
    let ears = Ears::new(&ocss);
    let core = Core {
        requester: Requester::new(requester),
        mirror: StatusMirror::default(),
        journal: Journal::new(limits.requests_kept),
        lines,
        shared: Arc::clone(&shared),
        pool,
        ocss,
        auto_completion_place,
        answer: Duration::from_millis(limits.answer_ms),
        start: Instant::now(),
        last_number: None,
        waiting: BTreeMap::new(),
        accepted: BTreeMap::new(),
        raw: RawDesk::default(),
        followed: BTreeMap::new(),
        overhearers: Vec::new(),
        passed_now: false,
        ears,
        watch: Watch::default(),
    };
    let (urgent, urgent_inbox) = mpsc::channel(COMMANDS_MAX);
    let (normal, normal_inbox) = mpsc::channel(COMMANDS_MAX);
    let task = tokio::spawn(core.run(urgent_inbox, normal_inbox, events, stop.clone()));
    Ok((Gateway { urgent, normal, shared }, task))
}

fn metrics(config: &Config, ocss: &[OcsPeer]) -> Metrics {
    let links: Vec<Arc<str>> = config.tserver.iter().map(|section| Arc::from(section.name.as_str())).collect();
    let ocss: Vec<i32> = ocss.iter().map(|peer| peer.dbid.0).collect();
    let limits = &config.limits;
    let bounds = Bounds {
        answer_life: Duration::from_millis(limits.answer_life_ms),
        unload_life: Duration::from_millis(limits.unload_ms),
        double_gap: Duration::from_millis(limits.double_gap_ms),
    };
    Metrics::new(&links, &ocss, bounds)
}

fn pseudonyms(config: &Config) -> Result<Pseudonyms, BuildError> {
    match &config.telemetry.pseudonym_key_file {
        Some(path) => {
            Pseudonyms::of_file(Path::new(path)).map_err(|error| BuildError::Secret { path: path.clone(), error })
        }
        None => Pseudonyms::random().map_err(|error| BuildError::Config(format!("no randomness: {error}"))),
    }
}

fn section_name(config: &Config, link: LinkId) -> Arc<str> {
    let section = usize::try_from(link.0).ok().and_then(|at| config.tserver.get(at));
    section.map_or_else(|| "".into(), |section| section.name.as_str().into())
}

/// How bytes are laid out, by the words of the configuration.
pub(in crate::service) fn dialect(section: &DialectSection) -> Result<Dialect, UnknownName> {
    Ok(Dialect {
        list_prefix: section.list_prefix.parse()?,
        int_order: section.int_order.parse()?,
        charset: section.charset.parse()?,
        framing: section.framing.parse()?,
    })
}

fn link_settings(config: &Config, section: &TserverSection) -> Result<LinkSettings, BuildError> {
    let dns: Vec<&str> = config.dn.iter().filter(|dn| dn.tserver == section.name).map(|dn| dn.name.as_str()).collect();
    let used: Vec<String> = used_names(config, &section.name);
    let dns: Vec<&str> = dns.into_iter().filter(|dn| used.iter().any(|used| used == dn)).collect();
    let mut link = LinkConfig::new(&config.gateway.name, &dns);
    link.dialect =
        dialect(&section.dialect).map_err(|error| BuildError::Dialect { tserver: section.name.clone(), error })?;
    link.heartbeat = Duration::from_secs(section.heartbeat.addp_timeout_s.into());
    link.remote_heartbeat = Duration::from_secs(section.heartbeat.addp_remote_timeout_s.into());
    link.connect_timeout = Duration::from_millis(section.connect_timeout_ms);
    if let Some(path) = &section.password_file {
        let text = fs::read_to_string(path).map_err(|error| BuildError::Secret { path: path.clone(), error })?;
        link.password = Some(Password(Text::from(text.trim_end_matches(['\r', '\n']))));
    }
    Ok(LinkSettings {
        name: section.name.clone(),
        primary: section.primary.clone(),
        backup: section.backup.clone(),
        link,
        frame_bytes_max: section.frame_bytes_max,
        addp_trace: addp_trace(&section.heartbeat.addp_trace)?,
        tls: tls_client(section)?,
    })
}

fn tls_client(section: &TserverSection) -> Result<Option<TlsClient>, BuildError> {
    let Some(tls) = &section.tls else { return Ok(None) };
    let files = ClientFiles {
        ca: tls.ca.clone().into(),
        identity: tls.cert.clone().zip(tls.key.clone()).map(|(cert, key)| (cert.into(), key.into())),
        server_name: tls.server_name.clone(),
    };
    let client = TlsClient::new(files);
    client.map(Some).map_err(|error| BuildError::Config(format!("tserver '{}': tls: {error}", section.name)))
}

fn addp_trace(word: &str) -> Result<AddpTrace, BuildError> {
    match word {
        "off" => Ok(AddpTrace::Off),
        "local" => Ok(AddpTrace::Local),
        "remote" => Ok(AddpTrace::Remote),
        "both" => Ok(AddpTrace::Both),
        other => {
            let text = format!("heartbeat.addp_trace: expected off, local, remote or both, found '{other}'");
            Err(BuildError::Config(text))
        }
    }
}

/// Names of the DNs of a T-Server that OCS uses.
pub(in crate::service) fn used_names(config: &Config, tserver: &str) -> Vec<String> {
    let of_tserver = config.dn.iter().filter(|dn| dn.tserver == tserver);
    let dns: Vec<DnConfig> = of_tserver
        .map(|dn| {
            let (outbound_contact_server, warning) = Tristate::parse(&dn.outbound_contact_server);
            if let Some(warning) = warning {
                tracing::warn!(dn = %dn.name, "{warning}");
            }
            DnConfig { outbound_contact_server, ..DnConfig::new(&dn.name) }
        })
        .collect();
    used_dns(&dns).into_iter().map(|dn| dn.name.to_string()).collect()
}

fn peer(config: &Config, ocs: &OcsSection, ids: &BTreeMap<&str, LinkId>) -> Result<OcsPeer, BuildError> {
    let listens = |name: &str| ocs.dns.is_empty() || ocs.dns.iter().any(|dn| dn == name);
    for section in &config.tserver {
        let used = used_names(config, &section.name);
        let Some(dn) = used.iter().find(|dn| listens(dn)) else { continue };
        let Some(link) = ids.get(section.name.as_str()) else { continue };
        let address = DnAddress { link: *link, dn: Arc::from(dn.as_str()) };
        let backup = ocs.pair.map(AppDbid);
        return Ok(OcsPeer { dbid: AppDbid(ocs.dbid), backup, address, echo: Default::default() });
    }
    let text =
        format!("ocs {} '{}': none of its dns is a CommDN that OCS uses on a configured T-Server", ocs.dbid, ocs.name);
    Err(BuildError::Config(text))
}

fn router(config: &Config) -> Result<Router, BuildError> {
    let mut router = Router::default();
    for ocs in &config.ocs {
        router.add_ocs(AppDbid(ocs.dbid), &ocs.name, ocs.pair.map(AppDbid));
    }
    for campaign in &config.campaign {
        router.add_campaign(CampaignDbid(campaign.dbid), &campaign.name, AppDbid(campaign.ocs));
    }
    for group in &config.group {
        router.add_group(GroupDbid(group.dbid), &group.name);
    }
    for pair in &config.pair {
        let wrong = |field: &str, word: &str| {
            BuildError::Config(format!("pair {}-{}: {field}: '{word}' is in no table", pair.campaign, pair.group))
        };
        let mode = pair.mode.as_deref();
        let mode = mode.map(|word| DialMode::from_word(word).ok_or_else(|| wrong("mode", word))).transpose()?;
        let method = pair.optimize_by.as_deref();
        let method =
            method.map(|word| OptimizeBy::from_word(word).ok_or_else(|| wrong("optimize_by", word))).transpose()?;
        let dialing = Dialing { mode, optimize_by: method, goal: pair.goal };
        router.add_pair(Pair::new(pair.campaign, pair.group), dialing);
    }
    Ok(router)
}
