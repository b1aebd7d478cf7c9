//! A site for one run: T-Server, OCSs and gateway on loopback ports, a store in a temporary folder.

use std::net::SocketAddr;
use std::thread;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::subscriber::NoSubscriber;

use crate::cli::client::Ctx;
use crate::cli::exit::CliError;
use crate::cli::run::OwnSite;
use crate::engine::topology::Topology;
use crate::message::{AppDbid, Pair};
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
    pub(super) async fn start(topology: Topology, ctx: &Ctx) -> Result<Self, CliError> {
        let internal = |error: &dyn std::fmt::Display| CliError::internal(format!("a site of its own: {error}"));
        let folder = tempfile::Builder::new().prefix("commdn-bench-").tempdir().map_err(|error| internal(&error))?;
        let data = folder.path().display().to_string();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if ctx.global.verbose == 0 {
            runtime.on_thread_start(say_nothing);
        }
        let runtime = runtime.enable_all().build();
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

/// What a site has to say that is gone in a moment is for `-v`; what goes wrong there shows in the figures.
fn say_nothing() {
    std::mem::forget(tracing::subscriber::set_default(NoSubscriber::default())); // for as long as the thread lives
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
    let mut text = format!("comm_dn {COMM_DN}\ncomm_dn {FAN_DN} outbound_contact_server=false\n");
    for session in 0..sessions {
        text.push_str(&format!("comm_dn {}\n", dn(session)));
    }
    for AppDbid(ocs) in OCSS {
        text.push_str(&format!("ocs {ocs} OCS_{ocs} profile=documented modes=1-5,8,9,11\n"));
    }
    text.push_str("origin 201-208 server ocs=301,302 name=Gateway\n");
    let (first, last) = (origin(0), origin(sessions.saturating_sub(1)));
    text.push_str(&format!("origin {first}-{last} server ocs=301,302 name=Bench\n"));
    text.push_str("gateway 201-208\nlist a contacts=10 seed=1\nlist b contacts=10 seed=2\n");
    for (pair, AppDbid(ocs)) in self::pairs(pairs) {
        let (campaign, group) = (pair.campaign.0, pair.group.0);
        let list = if AppDbid(ocs) == OCSS[0] { "a" } else { "b" };
        text.push_str(&format!("group {group} Group_{group}\n"));
        text.push_str(&format!("campaign {campaign} Campaign_{campaign} ocs={ocs} lists={list}\n"));
        text.push_str(&format!("pair {campaign}-{group} mode=predict optimize_by=busy_factor goal=80\n"));
    }
    Topology::parse(&text).map_err(|error| CliError::internal(format!("a site of its own: {error}")))
}

/// The OCSs.
pub(super) const OCSS: [AppDbid; 2] = [AppDbid(301), AppDbid(302)];
/// A CommDN that every OCS and the gateway hear.
pub(super) const COMM_DN: &str = "CommDN_1";
/// One that no OCS hears.
pub(super) const FAN_DN: &str = "Bench_Fan";

/// Its pairs, and whose they are.
pub(super) fn pairs(count: usize) -> impl Iterator<Item = (Pair, AppDbid)> {
    let number = |pair: usize| i32::try_from(pair).unwrap_or(i32::MAX);
    (0..count).map(move |pair| (Pair::new(10_001 + number(pair), 50_001 + number(pair)), OCSS[pair % OCSS.len()]))
}

/// The application DBID of a session; none of the gateway's.
pub(super) fn origin(session: usize) -> i32 {
    1_201 + i32::try_from(session).unwrap_or(0)
}

/// The CommDN of a session.
pub(super) fn dn(session: usize) -> String {
    format!("Bench_{session}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Severity;

    #[test]
    fn sites_of_any_size_make_a_configuration_without_errors() {
        for (count, sessions) in [(1, 0), (3, 2), (200, 64)] {
            let config = config_of_site(&site(count, sessions).unwrap(), "127.0.0.1:7000");
            let errors: Vec<_> = config.check().into_iter().filter(|it| it.severity == Severity::Error).collect();
            assert_eq!(errors, [], "{count} {sessions}");
            assert_eq!(config.pair.len(), count);
            let pool: Vec<i32> = (0..sessions).map(origin).collect();
            assert!(pool.iter().all(|origin| !config.origin.pool.contains(origin)), "sessions are not the gateway");
        }
    }
}
