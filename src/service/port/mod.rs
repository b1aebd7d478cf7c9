//! The gateway's own T-Server-style port, for applications that speak UserEvents.
//!
//! The sessions, DNs and fan-out are those of `engine::tserver`. Behind it stands, in the place of every OCS, one task:
//! it judges what clients distribute as OCS would, hands it to the gateway like any other order, and the answers go
//! back on the same DN with the application's DBID.

mod applications;
mod reply;

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use applications::{Network, NoNetwork};

use crate::engine::Priority;
use crate::engine::tserver::{DnConfig, TServerConfig, Tristate};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Envelope;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::Message;
use crate::message::MessageError;
use crate::message::Refusal;
use crate::message::RequestKind;
use crate::message::Target;
use crate::net::listener::{Doors, Heard, Inbox, TServerHandle, serve_port};
use crate::net::tls::TlsError;
use crate::protocol::profile::Profile;
use crate::protocol::responder::{Ignored, Responder, Verdict};
use crate::service::Config;
use crate::service::ServerTls;
use crate::service::gateway::{Accepted, Asker, Gateway, Order, OrderError, Unasked, dialect, used_names};
use crate::wire::Dialect;
use crate::wire::ListView;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::dialect::UnknownName;
use crate::wire::limits::{FRAME_BYTES_MAX, LIST_BYTES_DEFAULT};
use applications::Applications;
use reply::{Outlet, Reply};

/// Profile of the OCS that the gateway stands for.
const PROFILE: &str = "documented";
/// Code of a request that is not configured for its application: wrong configuration.
const NOT_ALLOWED: ErrorCode = ErrorCode::WRONG_CONFIGURATION;
/// Code without a meaning of its own, for refusals that are not the request's fault.
const NO_CODE: ErrorCode = ErrorCode(1);
/// Requests that may be on their way to the store together; with more of them, clients wait.
const UNDER_WAY_MAX: usize = 512;

/// Why the port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The address cannot be listened on.
    #[error("gateway.listen_tserver {addr}: {error}")]
    Listen {
        /// Which address.
        addr: String,
        /// Why not.
        error: io::Error,
    },
    /// Beyond loopback the port needs TLS, or a word that it does not.
    #[error("gateway.listen_tserver {0}: without TLS the port listens on loopback only, or set listen_plaintext")]
    NotLoopback(SocketAddr),
    /// An address of an application.
    #[error("application: {0}")]
    Network(#[from] NoNetwork),
    /// A file with a certificate or a key.
    #[error("gateway.tls: {0}")]
    Tls(#[from] TlsError),
    /// A word of the dialect.
    #[error("tserver: {0}")]
    Dialect(#[from] UnknownName),
    /// The shipped profile is missing.
    #[error("profile '{PROFILE}' is not shipped")]
    Profile,
}

/// What the port has done so far.
#[derive(Debug, Default)]
pub struct PortCounts {
    requests: AtomicU64,
    refused: AtomicU64,
    ignored: [AtomicU64; Ignored::ALL.len()],
}

impl PortCounts {
    /// Requests that were handed to the gateway.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that were refused before that.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// User events that met silence, by reason.
    #[must_use]
    pub fn ignored(&self, reason: Ignored) -> u64 {
        let place = Ignored::ALL.iter().position(|it| *it == reason);
        place.and_then(|place| self.ignored.get(place)).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn ignore(&self, reason: Ignored) {
        let place = Ignored::ALL.iter().position(|it| *it == reason);
        if let Some(count) = place.and_then(|place| self.ignored.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The open port.
pub struct GatewayPort {
    tserver: TServerHandle,
    desk: JoinHandle<()>,
    counts: Arc<PortCounts>,
}

impl fmt::Debug for GatewayPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayPort").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

impl GatewayPort {
    /// Where it listens; tells which port was chosen for port 0.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.tserver.local_addr()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Arc<PortCounts> {
        Arc::clone(&self.counts)
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        self.tserver.stopped().await;
        if let Err(error) = self.desk.await {
            tracing::error!(%error, "the task of the T-Server port failed");
        }
    }
}

/// Opens the port, if the configuration has one. It is open until the token is cancelled.
///
/// # Errors
/// [`PortError`].
pub async fn open_port(
    config: &Config,
    gateway: &Gateway,
    stop: &CancellationToken,
) -> Result<Option<GatewayPort>, PortError> {
    let Some(addr) = &config.gateway.listen_tserver else { return Ok(None) };
    let listen = |error| PortError::Listen { addr: addr.clone(), error };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let local = listener.local_addr().map_err(listen)?;
    let tls = config.gateway.tls.as_ref().map(ServerTls::open).transpose()?;
    if !local.ip().is_loopback() && tls.is_none() && !config.gateway.listen_plaintext {
        return Err(PortError::NotLoopback(local));
    }
    let applications = Arc::new(Applications::read(&config.application)?);
    // Clients of a site spoke its dialect to its T-Server, and go on to speak it here.
    let dialect = config.tserver.first().map_or(Ok(Dialect::default()), |section| dialect(&section.dialect))?;
    let rows = Profile::shipped(PROFILE).ok_or(PortError::Profile)?.rows;
    let origins = applications.dbids();
    let stand_in = |dbid: i32| Responder { dbid: AppDbid(dbid), backup: None, origins: origins.clone(), rows };
    let backups: Vec<i32> = config.ocs.iter().filter_map(|ocs| ocs.pair).collect();
    let primaries = config.ocs.iter().map(|ocs| ocs.dbid).filter(|dbid| !backups.contains(dbid));
    let primaries: Arc<[Responder]> = primaries.map(stand_in).collect();

    let (inbox, heard) = Inbox::new({
        let applications = Arc::clone(&applications);
        move |peer| applications.admit(peer)
    });
    let doors = Doors { outer: listener, tls, inner: None };
    let tserver = TServerConfig { dialect, list_bytes_max: list_bytes_max(config), ..TServerConfig::new(dns(config)) };
    let tserver = serve_port(doors, inbox, tserver, FRAME_BYTES_MAX, stop.clone()).map_err(listen)?;
    let outlet = Outlet { announcer: tserver.announcer(), dialect };
    let overheard = outlet.clone();
    gateway
        .overhear(Box::new(move |Unasked { dn, user_data, dialect, .. }| {
            overheard.pass(&dn.into(), user_data, &dialect, Target::Every.dbid(), None);
        }))
        .await;
    let counts = Arc::new(PortCounts::default());
    let desk = Desk {
        gateway: gateway.clone(),
        applications,
        used: config.tserver.iter().flat_map(|section| used_names(config, &section.name)).collect(),
        backups: backups.into_iter().map(stand_in).collect(),
        primaries,
        outlet,
        counts: Arc::clone(&counts),
    };
    let desk = tokio::spawn(desk.run(heard));
    tracing::info!(addr = %local, "T-Server port open");
    Ok(Some(GatewayPort { tserver, desk, counts }))
}

/// The DNs of all T-Servers, each name once.
fn dns(config: &Config) -> Vec<DnConfig> {
    let mut dns: Vec<DnConfig> = Vec::new();
    for section in &config.dn {
        let name = Text::from(section.name.as_str());
        if !dns.iter().any(|dn| dn.name == name) {
            let (outbound_contact_server, _) = Tristate::parse(&section.outbound_contact_server);
            dns.push(DnConfig { outbound_contact_server, ..DnConfig::new(&section.name) });
        }
    }
    dns
}

/// What the smallest T-Server takes, every T-Server takes.
fn list_bytes_max(config: &Config) -> usize {
    config.tserver.iter().map(|section| section.list_bytes_max).min().unwrap_or(LIST_BYTES_DEFAULT)
}

/// Stands in the place of the OCSs.
struct Desk {
    gateway: Gateway,
    applications: Arc<Applications>,
    /// CommDNs that OCS uses; what is sent to another one meets silence.
    used: Vec<String>,
    primaries: Arc<[Responder]>,
    backups: Vec<Responder>,
    outlet: Outlet,
    counts: Arc<PortCounts>,
}

/// What is to be done about a user event.
enum Heeded {
    Submit { reply: Arc<Reply>, order: Box<Order>, asked_by: String },
    Refuse { reply: Arc<Reply>, code: ErrorCode },
}

impl Desk {
    /// Requests are handed over in the order they come, and are on their way to the store together.
    async fn run(self, mut heard: mpsc::Receiver<Heard>) {
        let mut under_way = FuturesUnordered::new();
        let mut queue = Priority::Person;
        loop {
            tokio::select! {
                one = heard.recv(), if under_way.len() < UNDER_WAY_MAX => {
                    let Some(one) = one else { break };
                    let Some(heeded) = self.heard(one) else { continue };
                    if let Heeded::Submit { order, .. } = &heeded {
                        // The gateway has a queue for requests about people and one for campaigns: what came before in
                        // the other one is taken before, so that those of one application keep their order.
                        let next = Priority::of(order.kind());
                        if std::mem::replace(&mut queue, next) != next {
                            while under_way.next().await.is_some() {}
                        }
                    }
                    under_way.push(self.heed(heeded));
                }
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
            }
        }
        while under_way.next().await.is_some() {}
    }

    fn heard(&self, Heard { peer, seen }: Heard) -> Option<Heeded> {
        let dn = seen.dn.display();
        if !self.used.iter().any(|used| *used == dn) {
            return None; // no OCS hears it
        }
        let dialect = &self.outlet.dialect;
        let asked = self.asked(target_of(&seen.user_data, dialect));
        let judge = asked.first().or(self.primaries.first())?;
        let (requester, verdict) = match judge.judge(&seen.user_data, dialect) {
            Verdict::Ignore(reason) => {
                self.ignore(reason, &peer.addr);
                return None;
            }
            Verdict::Refuse { requester, error } => (requester, Err(error)),
            Verdict::Serve { requester, kind, message, .. } => (requester, Ok((kind, message))),
        };
        let Some(application) = self.applications.find(requester.origin, &peer, &dn) else {
            self.ignore(Ignored::UnknownOrigin, &peer.addr);
            return None;
        };
        let reply = |about| {
            let (outlet, asked) = (self.outlet.clone(), Arc::clone(&asked));
            Arc::new(Reply { outlet, dn: seen.dn.clone(), requester, asked, about })
        };
        Some(match verdict {
            Err(error) => {
                let code = error.error.unwrap_or(ErrorCode::INVALID_PARAMETER);
                Heeded::Refuse { reply: reply(error), code }
            }
            Ok((kind, message)) if !application.may_ask(kind) => {
                tracing::warn!(origin = %requester.origin, kind = kind.slug(), "not configured for this application");
                Heeded::Refuse { reply: reply(about(&message.body)), code: NOT_ALLOWED }
            }
            Ok((_, CommDnMessage { target, body, .. })) => {
                let asked_by = format!("application {} ({})", requester.origin, application.name);
                Heeded::Submit {
                    reply: reply(about(&body)),
                    order: Box::new(Order::Verbatim { body, target }),
                    asked_by,
                }
            }
        })
    }

    /// The OCSs that a target names.
    fn asked(&self, target: Option<Target>) -> Arc<[Responder]> {
        match target {
            Some(Target::Every) => Arc::clone(&self.primaries),
            Some(Target::One(dbid)) => {
                let all = self.primaries.iter().chain(&self.backups);
                all.filter(|responder| responder.dbid == dbid).cloned().collect()
            }
            None => Arc::default(),
        }
    }

    /// Silence, as from OCS: it is counted, and told to the operator, who can tell a wrong DBID from a lost answer.
    fn ignore(&self, reason: Ignored, addr: &SocketAddr) {
        self.counts.ignore(reason);
        if reason == Ignored::UnknownOrigin {
            tracing::warn!(%addr, "a request of an application that is not configured for this address and DN");
        }
    }

    /// Hands a request over at once; what is left is to wait for it.
    fn heed(&self, heeded: Heeded) -> BoxFuture<'_, ()> {
        match heeded {
            Heeded::Refuse { reply, code } => self.refuse(reply, code, None).boxed(),
            Heeded::Submit { reply, order, asked_by } => {
                let (kind, follower) = (order.kind(), Arc::clone(&reply));
                let follower = Box::new(move |passed| follower.passed(passed));
                let taken = self.gateway.submit_followed(*order, Asker::new(&asked_by, "tserver"), follower);
                self.submitted(reply, kind, taken).boxed()
            }
        }
    }

    async fn submitted(
        &self,
        reply: Arc<Reply>,
        kind: RequestKind,
        taken: impl Future<Output = Result<Accepted, OrderError>>,
    ) {
        match taken.await {
            Ok(_) => {
                self.counts.requests.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::info!(%error, kind = kind.slug(), origin = %reply.requester.origin, "refused");
                let (code, text) = refusal(&error);
                self.refuse(reply, code, text).await;
            }
        }
    }

    /// As OCS refuses, with the state as far as it is known.
    async fn refuse(&self, reply: Arc<Reply>, code: ErrorCode, text: Option<&str>) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        let mut reply = Arc::unwrap_or_clone(reply);
        if let (Some(pair), [ocs]) = (reply.about.pair(), &*reply.asked) {
            let ocs = self.gateway.router().ocs_of_member(ocs.dbid);
            reply.about.status = self.gateway.state(ocs, pair).await.and_then(|state| state.status);
        }
        reply.refuse(code, text);
    }
}

/// What an application is told of an order that the gateway does not take.
fn refusal(error: &OrderError) -> (ErrorCode, Option<&'static str>) {
    match error {
        OrderError::Overloaded => (NO_CODE, Some("overloaded")),
        OrderError::Stopping | OrderError::TooLate => (NO_CODE, Some("stopping")),
        OrderError::Store(_) => (NO_CODE, Some("not kept")),
        OrderError::Refusal(Refusal::Schedule(_)) => (ErrorCode::INVALID_CAMPAIGN_SCHEDULE, None),
        _ => (ErrorCode::INVALID_PARAMETER, None),
    }
}

/// Whom UserData is for, as far as it can be read.
fn target_of(user_data: &[u8], dialect: &Dialect) -> Option<Target> {
    let list = ListView::parse(user_data, dialect, Reading::Tolerant).ok()?;
    let exact = Envelope::of(list).and_then(|envelope| envelope.target);
    exact.or_else(|| match CommDnMessage::read(list, Reading::Tolerant) {
        Ok(decoded) => Some(decoded.message.target),
        Err(MessageError::Body { envelope, .. }) => envelope.target,
        Err(MessageError::List(_) | MessageError::Envelope(_)) => None,
    })
}

/// What a refusal repeats of a request.
fn about(body: &Message) -> ErrorEvent {
    ErrorEvent {
        campaign: body.pair().map(|pair| pair.campaign),
        group: body.pair().map(|pair| pair.group),
        cancel_record: body.cancel_record().cloned(),
        do_not_call: body.do_not_call().cloned(),
        ..ErrorEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_requests_fault_is_not_told_as_a_wrong_parameter() {
        for (error, text) in [
            (OrderError::Overloaded, "overloaded"),
            (OrderError::Stopping, "stopping"),
            (OrderError::Store("the disk is full".into()), "not kept"),
        ] {
            assert_eq!(refusal(&error), (NO_CODE, Some(text)), "{error}");
        }
        let wrong = OrderError::Refusal(Refusal::NotARequest("CM_EvError".into()));
        assert_eq!(refusal(&wrong), (ErrorCode::INVALID_PARAMETER, None));
    }
}
