//! The simulator: one T-Server and several OCSs in one process, each OCS a client of the T-Server over TCP. With a store
//! the OCSs keep their calling lists and do-not-call rows in it.

mod control;
mod host;
mod shelf;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::engine::ocs::{Input, Ocs, OcsConfig};
use crate::engine::topology::{CommDn, Topology};
use crate::engine::tserver::{DnConfig, TServerConfig, used_dns};
use crate::engine::world::dn_config;
use crate::net::driver::{AddpTrace, LinkSettings, start_link};
use crate::net::listener::{Doors, TServerHandle, serve_tserver_at};
use crate::net::registry::LinkDirectory;
use crate::net::tls::TlsServer;
use crate::protocol::Time;
use crate::protocol::UtcTime;
use crate::protocol::link::LinkConfig;
use crate::protocol::profile::Profile;
use crate::service::sim_clock::SimClock;
use crate::service::{ZoneError, fill_zones};
use crate::store::{Store, StoreError};
use crate::wire::Dialect;
use crate::wire::limits::FRAME_BYTES_MAX;
use control::OcsControl;
pub use control::{OcsState, SimControl, SimControlError};
use host::{COMMANDS_MAX, OcsHost};
use shelf::Shelf;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct SimSettings {
    /// Where the T-Server listens; loopback only.
    pub addr: String,
    /// The site.
    pub topology: Topology,
    /// Replaces the profiles of the topology.
    pub profile: Option<Profile>,
    /// Whether a sender hears its own UserEvents.
    pub echo_to_sender: bool,
    /// Most bytes of one list that the T-Server takes.
    pub list_bytes_max: usize,
    /// TLS on the T-Server's port. Its own OCSs come in without, by a port of their own.
    pub tls: Option<TlsServer>,
    /// How many times faster than the wall's the clock of the OCSs runs.
    pub times: u32,
    /// Keeps the tables of the OCSs; without one they are gone with the process. Who opened it closes it.
    pub store: Option<Arc<dyn Store>>,
}

/// Why a simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address cannot be listened on.
    #[error("{addr}: {error}")]
    Listen {
        /// Which address.
        addr: String,
        /// Why not.
        error: io::Error,
    },
    /// A simulator is no server for a network.
    #[error("{0}: the simulated T-Server listens on loopback addresses only")]
    NotLoopback(SocketAddr),
    /// A profile that is not shipped.
    #[error("OCS {0}: its profile is not known")]
    Profile(i32),
    /// A zone that nobody knows.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// The tables of the OCSs.
    #[error("store: {0}")]
    Store(#[from] StoreError),
}

/// A running simulator.
pub struct Simulator {
    tserver: TServerHandle,
    ocss: JoinSet<()>,
    up: Vec<watch::Receiver<bool>>,
    control: SimControl,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

/// Starts a T-Server and its OCSs. They run until the token is cancelled.
///
/// # Errors
/// [`SimError`].
pub async fn start_simulator(settings: SimSettings, stop: &CancellationToken) -> Result<Simulator, SimError> {
    let listen = |error| SimError::Listen { addr: settings.addr.clone(), error };
    let listener = TcpListener::bind(&settings.addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    if !addr.ip().is_loopback() {
        return Err(SimError::NotLoopback(addr));
    }
    let dns: Vec<DnConfig> = settings.topology.comm_dns.iter().map(dn_config_told).collect();
    let used: Vec<String> = used_dns(&dns).into_iter().map(|dn| dn.name.to_string()).collect();
    let mut config = TServerConfig::new(dns);
    config.echo_to_sender = settings.echo_to_sender;
    config.list_bytes_max = settings.list_bytes_max;
    let inner = match &settings.tls {
        Some(_) => Some(TcpListener::bind((addr.ip(), 0)).await.map_err(listen)?),
        None => None,
    };
    let addr_inside = inner.as_ref().map_or(Ok(addr), TcpListener::local_addr).map_err(listen)?;
    let doors = Doors { outer: listener, tls: settings.tls.clone(), inner };
    let tserver = serve_tserver_at(doors, config, FRAME_BYTES_MAX, stop.clone()).map_err(listen)?;

    let directory = LinkDirectory::new();
    let (mut ocss, mut up) = (JoinSet::new(), Vec::new());
    if let Some(store) = &settings.store {
        shelf::seed(&**store, &settings.topology.lists).await?;
    }
    let clock = SimClock::start(UtcTime::from(SystemTime::now()).seconds, settings.times);
    let mut topology = settings.topology;
    fill_zones(&mut topology, clock.utc())?;
    let mut control = SimControl { faults: tserver.faults(), clock: clock.clone(), ocss: Vec::new() };
    let leaping = clock.clone();
    control.faults.on_leap(move |leap| leaping.leap(leap));
    for entry in &topology.ocs {
        let config = topology.ocs_config(entry.dbid, Dialect::default(), settings.profile.clone());
        let config = config.ok_or(SimError::Profile(entry.dbid.0))?;
        let mut ocs = Ocs::new(OcsConfig { reads_lists: settings.store.is_some(), ..config }, used.clone());
        if let Some(store) = &settings.store {
            restore(&**store, &mut ocs).await?;
        }
        let shelf = settings.store.clone().map(|store| Shelf::new(store, entry.dbid));
        let names: Vec<&str> = used.iter().map(String::as_str).collect();
        let link = LinkSettings {
            name: entry.name.clone(),
            primary: addr_inside.to_string(),
            backup: None,
            link: LinkConfig::new(&entry.name, &names),
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls: None,
        };
        let (handle, events) = start_link(link, &directory, stop.clone());
        let (told, is_up) = watch::channel(false);
        up.push(is_up);
        let (commands, wishes) = mpsc::channel(COMMANDS_MAX);
        control.faults.name(&entry.name, entry.dbid);
        control.ocss.push(OcsControl { dbid: entry.dbid, name: entry.name.clone(), commands });
        ocss.spawn(OcsHost::new(ocs, handle, clock.clone(), told, shelf, wishes).run(events));
    }
    Ok(Simulator { tserver, ocss, up, control })
}

/// What OCS reads at start: its calling lists and its do-not-call table.
async fn restore(store: &dyn Store, ocs: &mut Ocs) -> Result<(), StoreError> {
    let now = UtcTime::from(SystemTime::now()).seconds;
    let names: Vec<String> = ocs.config().campaigns.iter().flat_map(|campaign| campaign.lists.clone()).collect();
    ocs.handle(Time::ZERO, now, Input::Lists(shelf::read_lists(store, &names).await?));
    shelf::read_dnc(store, ocs, now).await
}

/// As the T-Server reads it; a word that it does not know is told.
fn dn_config_told(dn: &CommDn) -> DnConfig {
    let (config, warning) = dn_config(dn);
    if let Some(warning) = warning {
        tracing::warn!(dn = %dn.name, "{warning}");
    }
    config
}

impl Simulator {
    /// Where the T-Server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.tserver.local_addr()
    }

    /// Faults, triggers, clock and state.
    #[must_use]
    pub fn control(&self) -> &SimControl {
        &self.control
    }

    /// The T-Server's controls and tap.
    #[must_use]
    pub fn tserver(&self) -> &TServerHandle {
        &self.tserver
    }

    /// Waits until every OCS has registered its CommDNs.
    pub async fn ready(&mut self) {
        for up in &mut self.up {
            // A host that has ended is stopping; then there is nothing to wait for.
            let _ = up.wait_for(|up| *up).await;
        }
    }

    /// Waits until everything has stopped.
    pub async fn stopped(mut self) {
        while let Some(result) = self.ocss.join_next().await {
            if let Err(error) = result {
                tracing::error!(%error, "OCS task failed");
            }
        }
        self.tserver.stopped().await;
    }
}

/// How long a start-up waits for the OCSs before it goes on without them.
pub const READY_PATIENCE: Duration = Duration::from_secs(10);
