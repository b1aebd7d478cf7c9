//! From the configuration to a running gateway.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered, stream::SelectAll};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::core::{Core, Line, LinkEvents, Rules};
use super::errand::{Errands, Patience};
use super::intake::Keys;
use super::restore::Memory;
use super::stage::Stage;
use super::wishes::Wishes;
use super::{COMMANDS_MAX, Gateway, OcsOnLink, Shared, Tally};
use super::{known_dnc::KnownDnc, raw::RawDesk, sight::Ears, watch::Watch};
use crate::engine::Journal;
use crate::engine::Router;
use crate::engine::StatusMirror;
use crate::engine::tserver::{DnConfig, Tristate, used_dns};
use crate::message::{
    AppDbid, AutoCompletionPlace, CampaignDbid, DialMode, Dialing, GroupDbid, OptimizeBy, Pair, RequestKind,
};
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
use crate::service::StoreSection;
use crate::service::TserverSection;
use crate::service::dnc::{self, Deadline, E164Rules};
use crate::service::metrics::{Bounds, Metrics};
use crate::store::sqlite::Options as StoreOptions;
use crate::store::{Purged, SqliteStore, Store, StoreError};
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
    /// The store cannot be opened or read.
    #[error("store: {0}")]
    Store(#[from] StoreError),
}

/// Pause between two looks for what is old enough to be removed.
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
/// `[store] path` of a store that is gone with the process.
pub(super) const IN_MEMORY: &str = ":memory:";

/// Opens the store of `[store] path`: a folder, or `:memory:`, which is also what no path at all means here.
///
/// # Errors
/// In use, damaged, newer than this program or not readable, each with its remedy.
pub fn open_store(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    let options = StoreOptions::default();
    Ok(match config.store.path.as_deref() {
        None | Some(IN_MEMORY) => Arc::new(SqliteStore::in_memory(options)?),
        Some(path) => Arc::new(SqliteStore::open(Path::new(path), options)?),
    })
}

/// Starts a gateway on the store of its configuration, which it closes when it stops. See [`start_gateway_on`].
///
/// # Errors
/// [`BuildError`] names the setting, or what is wrong with the store.
pub async fn start_gateway(config: &Config, stop: &CancellationToken) -> Result<(Gateway, JoinHandle<()>), BuildError> {
    let store = open_store(config)?;
    let (gateway, task) = start_gateway_on(config, Arc::clone(&store), stop).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = task.await {
            tracing::error!(%error, "gateway task failed");
        }
        if let Err(error) = store.close().await {
            tracing::error!(%error, "the store was not closed");
        }
    });
    Ok((gateway, task))
}

/// Starts a gateway: what its store holds is taken up again, and its links dial at once. It runs until the token is
/// cancelled.
///
/// # Errors
/// [`BuildError`] names the setting, or what is wrong with the store.
pub async fn start_gateway_on(
    config: &Config,
    store: Arc<dyn Store>,
    stop: &CancellationToken,
) -> Result<(Gateway, JoinHandle<()>), BuildError> {
    if config.origin.pool.is_empty() {
        return Err(BuildError::Config("origin.pool: expected at least one application DBID".into()));
    }
    let mut requester = requester_config(config)?;
    let memory = Memory::load(&*store, &requester).await?;
    memory.prepare(&mut requester);
    let links = LinkDirectory::new();
    let mut events: LinkEvents = SelectAll::new();
    let mut lines = BTreeMap::new();
    let mut link_dialects = BTreeMap::new();
    for (id, section) in (0_u32..).map(LinkId).zip(&config.tserver) {
        let settings = link_settings(config, section)?;
        let dialect = settings.link.dialect;
        link_dialects.insert(Arc::from(section.name.as_str()), dialect);
        let (handle, receiver) = start_link(settings, &links, stop.clone());
        events.push(ReceiverStream::new(receiver).map(move |event| (id, event)).boxed());
        lines.insert(id, Line { handle, dialect, list_bytes_max: section.list_bytes_max });
    }
    let limits = &config.limits;
    if let Some(advice) = requester.advice() {
        tracing::warn!("{advice}");
    }
    let on_link = requester.ocss.iter().map(|peer| OcsOnLink {
        link: section_name(config, peer.address.link),
        dbid: peer.dbid,
        backup: peer.backup,
        dn: Arc::clone(&peer.address.dn),
    });
    let wrong = |error: &dyn std::fmt::Display| BuildError::Config(format!("dnc: {error}"));
    let phones = E164Rules::new(&config.dnc.default_country).map_err(|error| wrong(&error))?;
    let deadline =
        Deadline::new(config.dnc.deadline_days, &config.dnc.deadline_profile).map_err(|error| wrong(&error))?;
    let shared = Arc::new(Shared {
        phones: Box::new(phones),
        deadline,
        ocss: on_link.collect(),
        heard: Mutex::default(),
        router: router(config)?,
        links,
        link_names: config.tserver.iter().map(|section| Arc::from(section.name.as_str())).collect(),
        link_dialects,
        events: Hub::new(limits.events_kept, 0),
        tap: Hub::new(TAP_KEPT, 0),
        wait: Duration::from_millis(limits.wait_ms),
        store: Arc::clone(&store),
        tally: Tally::default(),
        dnc: KnownDnc::of_store(&*store).await?,
        metrics: metrics(config, &requester.ocss),
        health: Health::default(),
        pseudonyms: pseudonyms(config)?,
        origins: requester.pool.clone(),
    });
    let auto_completion_place = match config.gateway.auto_completion_place.as_str() {
        "top" => AutoCompletionPlace::Top,
        "properties" => AutoCompletionPlace::Properties,
        other => {
            let text = format!("gateway.auto_completion_place: expected top or properties, found '{other}'");
            return Err(BuildError::Config(text));
        }
    };
    let escalation = escalation(config)?;
    let ears = Ears::new(&requester.ocss);
    let mut core = Core {
        pool: requester.pool.clone(),
        ocss: requester.ocss.clone(),
        requester: Requester::new(requester),
        mirror: StatusMirror::default(),
        journal: Journal::new(limits.requests_kept),
        lines,
        up: BTreeSet::new(),
        shared: Arc::clone(&shared),
        rules: Rules {
            auto_completion_place,
            answer: Duration::from_millis(limits.answer_ms),
            lane_wait: Duration::from_millis(limits.lane_wait_ms),
            cancel_expires: Duration::from_millis(limits.cancel_expires_ms),
            open_max: limits.open_requests_max,
        },
        start: Instant::now(),
        last_number: None,
        open: BTreeMap::new(),
        stage: Stage::new(Arc::clone(&store)),
        keys: Keys::default(),
        lookups: FuturesUnordered::new(),
        errands: Errands::new(Patience {
            first: Duration::from_millis(config.dnc.retry_first_ms),
            most: Duration::from_millis(config.dnc.retry_max_ms),
            attempts_max: config.dnc.attempts_max,
        }),
        wishes: Wishes::new(
            Patience {
                first: Duration::from_millis(config.gateway.stop_retry_first_ms),
                most: Duration::from_millis(config.gateway.stop_retry_max_ms),
                attempts_max: u32::MAX,
            },
            escalation,
        ),
        unsent: BTreeSet::new(),
        raw: RawDesk::default(),
        followed: BTreeMap::new(),
        overhearers: Vec::new(),
        passed_now: false,
        ears,
        watch: Watch::default(),
        send_by: None,
    };
    core.restore(memory);
    tokio::spawn(dnc::watch(Arc::clone(&store), deadline, shared.metrics.clone(), stop.clone()));
    tokio::spawn(purge(config.store.clone(), store, stop.clone()));
    let (urgent, urgent_inbox) = mpsc::channel(COMMANDS_MAX);
    let (normal, normal_inbox) = mpsc::channel(COMMANDS_MAX);
    let task = tokio::spawn(core.run(urgent_inbox, normal_inbox, events, stop.clone()));
    Ok((Gateway { urgent, normal, shared }, task))
}

/// What is tried when a campaign does not stop.
fn escalation(config: &Config) -> Result<Option<RequestKind>, BuildError> {
    match config.gateway.stop_escalation.as_str() {
        "none" => Ok(None),
        "unload" => Ok(Some(RequestKind::Unload)),
        "force_unload" => Ok(Some(RequestKind::ForceUnload)),
        other => {
            let text = format!("gateway.stop_escalation: expected none, unload or force_unload, found '{other}'");
            Err(BuildError::Config(text))
        }
    }
}

fn requester_config(config: &Config) -> Result<RequesterConfig, BuildError> {
    let ids = (0_u32..).map(LinkId).zip(&config.tserver).map(|(id, section)| (section.name.as_str(), id)).collect();
    let ocss = config.ocs.iter().map(|ocs| peer(config, ocs, &ids)).collect::<Result<Vec<_>, _>>()?;
    let limits = &config.limits;
    Ok(RequesterConfig {
        answer: Duration::from_millis(limits.answer_ms),
        unload: Duration::from_millis(limits.unload_ms),
        lane_wait: Duration::from_millis(limits.lane_wait_ms),
        lane_length: limits.lane_length_max,
        b: Duration::from_millis(limits.answer_life_ms),
        b_unload: Duration::from_millis(limits.unload_ms),
        d: Duration::from_millis(limits.double_gap_ms),
        send_reference_id: config.gateway.send_reference_id,
        ..RequesterConfig::new(config.origin.pool.iter().copied().map(AppDbid).collect(), ocss)
    })
}

/// Removes what is old, now and then.
async fn purge(section: StoreSection, store: Arc<dyn Store>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_EVERY) => {}
        }
        match store.purge(section.retention(Core::utc())).await {
            Ok(purged) if purged == Purged::default() => {}
            Ok(purged) => tracing::info!(?purged, "old rows are removed"),
            Err(error) => tracing::error!(%error, "old rows are not removed"),
        }
    }
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
