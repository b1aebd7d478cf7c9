//! A site for one run: T-Server, OCSs and gateway on loopback ports, a store in a temporary folder.

use std::net::SocketAddr;
use std::thread;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::cli::exit::CliError;
use crate::cli::run::OwnSite;
use crate::engine::topology::Topology;
use crate::service::config_of_site;

/// What the load has left open is worth no longer wait.
const DRAIN_MS: u64 = 500;

/// Where the site listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// The gateway's HTTP door.
    pub(super) http: SocketAddr,
    /// The T-Server.
    pub(super) tserver: SocketAddr,
}

/// A running site. It has threads of its own, so that its work does not stand in the way of the sends.
#[derive(Debug)]
pub(super) struct Own {
    /// Where it listens.
    pub(super) at: Addresses,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    _folder: TempDir,
}

impl Own {
    /// Starts it; its OCSs are registered and its gateway's link is up.
    pub(super) async fn start(topology: Topology) -> Result<Self, CliError> {
        let internal = |error: &dyn std::fmt::Display| CliError::internal(format!("a site of its own: {error}"));
        let folder = tempfile::Builder::new().prefix("commdn-bench-").tempdir().map_err(|error| internal(&error))?;
        let data = folder.path().display().to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| internal(&error))?;
        let stop = CancellationToken::new();
        let (told, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let stopped = stop.clone();
        thread::spawn(move || {
            runtime.block_on(serve(topology, data, stopped, told));
            runtime.shutdown_background();
            let _ = end.send(()); // nobody may wait for it
        });
        let at = started.await.map_err(|error| internal(&error))??;
        Ok(Self { at, stop, ended, _folder: folder })
    }

    /// Stops it and removes its store.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.ended.await; // a thread that has panicked has ended, too
    }
}

async fn serve(
    topology: Topology,
    data: String,
    stop: CancellationToken,
    told: oneshot::Sender<Result<Addresses, CliError>>,
) {
    let config = |tserver: SocketAddr| {
        let mut config = config_of_site(&topology, &tserver.to_string());
        config.http.addr = "127.0.0.1:0".into();
        config.store.path = Some(data);
        // The load is ours, and is to be measured rather than turned away.
        config.limits.client_rate_per_s = 0;
        config.gateway.drain_ms = DRAIN_MS;
        config
    };
    let site = match OwnSite::start(topology.clone(), config).await {
        Ok(site) => site,
        Err(error) => {
            let _ = told.send(Err(error)); // whoever asked has gone
            return;
        }
    };
    if told.send(Ok(Addresses { http: site.http, tserver: site.tserver })).is_ok() {
        stop.cancelled().await;
    }
    site.end().await;
}

/// A site with so many campaigns, each on a group of its own, shared out between two OCSs, and a CommDN for each
/// session, so that no session hears what is meant for another.
pub(super) fn site(pairs: usize, sessions: usize) -> Result<Topology, CliError> {
    let mut text = String::from("comm_dn CommDN_1\n");
    for session in 0..sessions {
        text.push_str(&format!("comm_dn {}\n", dn(session)));
    }
    text.push_str("ocs 301 OCS_A profile=documented\nocs 302 OCS_B profile=documented\n");
    text.push_str("origin 201-208 server ocs=301,302 name=Gateway\n");
    let last = FIRST_ORIGIN + sessions.max(1) - 1;
    text.push_str(&format!("origin {FIRST_ORIGIN}-{last} server ocs=301,302 name=Bench\n"));
    text.push_str("gateway 201-208\nlist a contacts=10 seed=1\nlist b contacts=10 seed=2\n");
    for pair in 0..pairs {
        let (ocs, list) = if pair % 2 == 0 { (301, "a") } else { (302, "b") };
        let (campaign, group) = (1_001 + pair, 5_001 + pair);
        text.push_str(&format!("group {group} Group_{group}\n"));
        text.push_str(&format!("campaign {campaign} Campaign_{campaign} ocs={ocs} lists={list}\n"));
        text.push_str(&format!("pair {campaign}-{group} mode=predict optimize_by=busy_factor goal=80\n"));
    }
    Topology::parse(&text).map_err(|error| CliError::internal(format!("a site of its own: {error}")))
}

/// The first application DBID of the sessions; those below are the gateway's.
pub(super) const FIRST_ORIGIN: usize = 1_201;

/// The CommDN of a session.
pub(super) fn dn(session: usize) -> String {
    format!("Bench_{session}")
}
