//! `demo`, `serve` and `sim run`: what runs until it is told to stop.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{net::TcpListener, signal, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::cli::args::{DemoArgs, ServeArgs, SimRunArgs};
use crate::cli::client::Ctx;
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::cli::{log, notify, sim, store};
use crate::engine::topology::Topology;
use crate::http::{self, DoorConfig};
use crate::net::tls::{self, TlsServer};
use crate::protocol::profile::Profile;
use crate::service::access::{Access, may_listen};
use crate::service::gateway::{Gateway, open_store, start_gateway_on};
use crate::service::port::{GatewayPort, open_port};
use crate::service::sim_clock::Speed;
use crate::service::simulator::{READY_PATIENCE, SimSettings, Simulator, start_simulator};
use crate::service::{Config, ServerTls, Severity, config_of_site};
use crate::store::Store;

/// Where `sim run` listens, and `serve` dials, when nothing else is said.
pub(super) const SIM_ADDR: &str = "127.0.0.1:7000";
/// Where `serve` keeps what it accepted, when nothing else is said.
const DATA: &str = "commdn-data";
/// How long callers have to fetch their answers once every request has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs T-Server, OCS and gateway in one process.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn demo(args: DemoArgs, ctx: &Ctx) -> Result<(), CliError> {
    let mut settings = config::load(&Config::default(), args.run.config.as_deref())?;
    args.run.apply(&mut settings);
    args.sim.apply(&mut settings);
    args.gateway.apply(&mut settings);
    log::start(ctx, &settings.telemetry);
    let sim_addr = args.tserver.clone().unwrap_or_else(|| settings.sim.addr.clone());
    let topology = topology(&settings, Topology::demo_dialing)?;
    let stop = Stops::default();
    // Gateway and simulator share one store, and with it one writer.
    let kept = open_store(&settings).map_err(store::error)?;
    let simulator =
        simulate(&settings, topology.clone(), sim_addr, 1, Some(Arc::clone(&kept)), &stop.simulator).await?;

    let site = config_of_site(&topology, &simulator.addr().to_string());
    let Config { gateway, http, auth, store, dnc, limits, sim, telemetry, import, ucs, jtel, .. } = settings;
    let mut settings = Config { gateway, http, auth, store, dnc, limits, sim, telemetry, import, ucs, jtel, ..site };
    args.run.apply(&mut settings);
    args.gateway.apply(&mut settings);
    let running = Running::start(&settings, stop, kept, Some(simulator)).await?;
    ctx.out.note(&format!(
        "commdn demo: T-Server and {} OCSs on {}, API on http://{}, explorer on http://{}/docs",
        topology.ocs.len(),
        running.tserver.map(|addr| addr.to_string()).unwrap_or_default(),
        running.http,
        running.http
    ));
    ctx.out.note(&format!(
        "try: curl -s -XPOST http://{}/v1/dnc -H 'content-type: application/json' -d '{{\"phone\":\"+420777888777\"}}'",
        running.http
    ));
    if let Some(port) = &running.port {
        ctx.out.note(&format!("applications that speak UserEvents find the gateway on {}", port.addr()));
    }
    running.run(ctx).await
}

/// A site without words of its own: for a verb that needs one for a while.
pub(super) struct OwnSite {
    /// The gateway's HTTP door.
    pub(super) http: SocketAddr,
    /// The T-Server.
    pub(super) tserver: SocketAddr,
    running: Running,
}

impl OwnSite {
    /// Starts T-Server, OCSs and gateway; `config` makes the gateway's configuration once the T-Server's address is
    /// known.
    ///
    /// # Errors
    /// As [`demo`].
    pub(super) async fn start(topology: Topology, config: impl FnOnce(SocketAddr) -> Config) -> Result<Self, CliError> {
        let stop = Stops::default();
        let defaults = Config::default();
        let simulator = simulate(&defaults, topology, "127.0.0.1:0".into(), 1, None, &stop.simulator).await?;
        let tserver = simulator.addr();
        let settings = config(tserver);
        let store = open_store(&settings).map_err(store::error)?;
        let running = Running::start(&settings, stop, store, Some(simulator)).await?;
        Ok(Self { http: running.http, tserver, running })
    }

    /// Stops everything.
    pub(super) async fn end(self) {
        self.running.end().await;
    }
}

/// Runs the gateway.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn serve(args: ServeArgs, ctx: &Ctx) -> Result<(), CliError> {
    // Without a file the gateway knows the built-in site, so that it can be tried against `sim run`.
    let base = match args.run.config {
        Some(_) => Config::default(),
        None => config_of_site(&Topology::demo(), SIM_ADDR),
    };
    let mut settings = config::load(&base, args.run.config.as_deref())?;
    args.run.apply(&mut settings);
    args.gateway.apply(&mut settings);
    if let Some(addr) = &args.tserver {
        config::dial(&mut settings, addr);
        if let Some(first) = settings.tserver.first_mut() {
            first.plaintext |= args.tserver_plaintext;
        }
    }
    settings.store.path.get_or_insert_with(|| DATA.to_owned());
    log::start(ctx, &settings.telemetry);
    let store = open_store(&settings).map_err(store::error)?;
    let running = Running::start(&settings, Stops::default(), store, None).await?;
    ctx.out.note(&format!("commdn gateway: API on http://{}, explorer on http://{}/docs", running.http, running.http));
    running.run(ctx).await
}

/// Runs the simulator.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn sim_run(args: SimRunArgs, ctx: &Ctx) -> Result<(), CliError> {
    let mut settings = config::load(&Config::default(), args.run.config.as_deref())?;
    args.run.apply(&mut settings);
    args.sim.apply(&mut settings);
    log::start(ctx, &settings.telemetry);
    if let Some(scenario) = &args.play.scenario {
        return sim::scenario::play(&args, &settings, scenario, ctx).await;
    }
    if let Some(length) = args.length {
        return sim::run(&args, &settings, length, ctx).await;
    }
    let Speed::Times(times) = args.clock.unwrap_or(Speed::Times(1)) else {
        return Err(CliError::usage("a virtual clock has no pause in which somebody could connect")
            .hint("say how long it is to run with --for, for instance --for 8h"));
    };
    let addr = args.tserver.unwrap_or_else(|| SIM_ADDR.to_owned());
    let topology = topology(&settings, Topology::demo)?;
    let ocss = topology.ocs.len();
    let stop = CancellationToken::new();
    if let Some(path) = args.data {
        settings.store.path = Some(path);
    }
    let store = settings.store.path.is_some().then(|| open_store(&settings)).transpose().map_err(store::error)?;
    let simulator = simulate(&settings, topology, addr, times, store.clone(), &stop).await?;
    let addr = simulator.addr();
    if let Some(http) = args.http {
        settings.http.addr = http;
        let store = store.map_or_else(|| open_store(&settings).map_err(store::error), Ok)?;
        let stops = Stops { simulator: stop, ..Stops::default() };
        let running = Running::start(&door_alone(settings), stops, store, Some(simulator)).await?;
        let control = running.http;
        ctx.out.note(&format!("commdn simulator: T-Server and {ocss} OCSs on {addr}, control on http://{control}"));
        return running.run(ctx).await;
    }
    reload_on_hangup();
    listening(ctx, None, Some(addr), None)?;
    ctx.out.note(&format!("commdn simulator: T-Server and {ocss} OCSs on {addr}"));
    interrupted().await;
    ctx.out.note("stopping");
    stop.cancel();
    twice(async {
        simulator.stopped().await;
        if let Some(store) = store
            && let Err(error) = store.close().await
        {
            tracing::error!(%error, "the store was not closed");
        }
    })
    .await
}

/// A gateway without links: its door controls the simulator, with the same access and the same audit.
fn door_alone(settings: Config) -> Config {
    let Config { http, auth, store, limits, sim, telemetry, .. } = settings;
    let mut alone = Config { http, auth, store, limits, sim, telemetry, ..Config::default() };
    alone.origin.pool = (1..=8).collect(); // a gateway has some; this one never sends
    alone
}

/// What `check` says of the parts that a door alone has.
fn is_of_door(path: &str) -> bool {
    ["http", "auth", "store", "limits", "sim", "telemetry"].iter().any(|part| path.starts_with(part))
}

/// A shipped site by its name, a file, or `otherwise`.
pub(super) fn topology(settings: &Config, otherwise: fn() -> Topology) -> Result<Topology, CliError> {
    let Some(file) = &settings.sim.topology else { return Ok(otherwise()) };
    match file.as_str() {
        "demo" => return Ok(Topology::demo_dialing()),
        "shift" => return Ok(Topology::shift()),
        _ => {}
    }
    let text = config::read_text(Path::new(file))?;
    Topology::parse(&text).map_err(|error| CliError::usage(format!("{file}: {error}")))
}

pub(super) fn profile(settings: &Config) -> Result<Option<Profile>, CliError> {
    let Some(word) = &settings.sim.profile else { return Ok(None) };
    if let Some(profile) = Profile::shipped(word) {
        return Ok(Some(profile));
    }
    let text = fs::read_to_string(word).map_err(|error| {
        CliError::usage(format!("profile '{word}': {error}")).hint("documented, strict, lenient, adversarial or a file")
    })?;
    Profile::parse(word, &text).map(Some).map_err(|error| CliError::usage(format!("{word}: {error}")))
}

fn open_tls(section: &str, tls: Option<&ServerTls>) -> Result<Option<TlsServer>, CliError> {
    let opened = tls.map(ServerTls::open).transpose();
    opened.map_err(|error| CliError::usage(format!("{section}: {error}")).hint("expected PEM files"))
}

async fn simulate(
    settings: &Config,
    topology: Topology,
    addr: String,
    times: u32,
    store: Option<Arc<dyn Store>>,
    stop: &CancellationToken,
) -> Result<Simulator, CliError> {
    let sim = SimSettings {
        addr,
        topology,
        profile: profile(settings)?,
        echo_to_sender: settings.sim.echo_to_sender,
        list_bytes_max: settings.sim.list_bytes_max,
        times,
        tls: open_tls("sim.tls", settings.sim.tls.as_ref())?,
        store,
    };
    let simulator = start_simulator(sim, stop).await;
    let mut simulator = simulator.map_err(|error| CliError::new(Exit::Usage, format!("simulator: {error}")))?;
    if timeout(READY_PATIENCE, simulator.ready()).await.is_err() {
        return Err(CliError::internal("the simulated OCSs did not register in time"));
    }
    Ok(simulator)
}

/// What is stopped in turn: the door first, so that open answers still come.
#[derive(Clone, Debug, Default)]
struct Stops {
    door: CancellationToken,
    gateway: CancellationToken,
    simulator: CancellationToken,
}

/// A gateway with its door, and perhaps a simulator behind it.
struct Running {
    http: SocketAddr,
    tserver: Option<SocketAddr>,
    door: JoinHandle<std::io::Result<()>>,
    gateway: Gateway,
    task: JoinHandle<()>,
    port: Option<GatewayPort>,
    drain: Duration,
    store: Arc<dyn Store>,
    simulator: Option<Simulator>,
    stop: Stops,
}

impl Running {
    async fn start(
        settings: &Config,
        stop: Stops,
        store: Arc<dyn Store>,
        simulator: Option<Simulator>,
    ) -> Result<Self, CliError> {
        // A door alone has nothing to send and nobody to send it to.
        let has_site = !settings.tserver.is_empty() || simulator.is_none();
        for finding in settings.check().into_iter().filter(|finding| has_site || is_of_door(&finding.path)) {
            match finding.severity {
                Severity::Warning => tracing::warn!("{finding}"),
                Severity::Error => {
                    let error = CliError::usage(format!("configuration: {finding}"));
                    return Err(error.hint(finding.hint.unwrap_or_else(|| "see commdn check-config FILE".into())));
                }
            }
        }
        let listener = listen(settings).await?;
        let http = listener.local_addr().map_err(|error| CliError::internal(error.to_string()))?;
        let tls = open_tls("http.tls", settings.http.tls.as_ref())?;
        let access = Access::new(settings, Arc::clone(&store)).await;
        let access = access.map_err(|error| CliError::usage(error.to_string()))?;
        let (gateway, task) = start_gateway_on(settings, Arc::clone(&store), &stop.gateway)
            .await
            .map_err(|error| CliError::usage(error.to_string()))?;
        wait_for_links(&gateway, simulator.is_some()).await;
        // It ends with the gateway and not with the door, so that open answers still go out by it.
        let port = open_port(settings, &gateway, &stop.gateway).await;
        let port = port.map_err(|error| {
            CliError::usage(error.to_string()).hint("choose another with --listen-tserver, port 0 = any")
        })?;
        let control = simulator.as_ref().map(|simulator| simulator.control().clone());
        let door = DoorConfig { simulator: control, ..DoorConfig::new(settings, access, tls) };
        let door = tokio::spawn(http::serve(listener, gateway.clone(), door, stop.door.clone()));
        let tserver = simulator.as_ref().map(Simulator::addr);
        let drain = Duration::from_millis(settings.gateway.drain_ms);
        Ok(Self { http, tserver, door, gateway, task, port, drain, store, simulator, stop })
    }

    async fn run(mut self, ctx: &Ctx) -> Result<(), CliError> {
        reload_on_hangup();
        listening(ctx, Some(self.http), self.tserver, self.port.as_ref().map(GatewayPort::addr))?;
        notify::ready();
        let watchdog = tokio::spawn(notify::watch(self.gateway.clone()));
        tokio::select! {
            () = interrupted() => {}
            result = &mut self.door => return Err(CliError::internal(format!("the HTTP door ended: {result:?}"))),
        }
        ctx.out.note("stopping: open answers are finished; Ctrl-C again stops at once");
        notify::stopping();
        twice(async {
            self.end().await;
            watchdog.abort();
        })
        .await
    }

    async fn end(self) {
        let Self { door, gateway, task, port, drain, store, simulator, stop, .. } = self;
        gateway.health().drain();
        // What has not ended by then is settled after the next start.
        if timeout(drain, gateway.at_rest()).await.is_err() {
            tracing::warn!(drain_ms = drain.as_millis(), "stopping with open requests");
        }
        stop.door.cancel();
        // Callers that still hold their connections are cut off; the process ends anyway.
        let _ = timeout(FAREWELL, door).await;
        stop.gateway.cancel();
        if let Err(error) = task.await {
            tracing::error!(%error, "gateway task failed");
        }
        if let Some(port) = port {
            port.stopped().await;
        }
        stop.simulator.cancel();
        if let Some(simulator) = simulator {
            simulator.stopped().await;
        }
        if let Err(error) = store.close().await {
            tracing::error!(%error, "the store was not closed");
        }
    }
}

/// The HTTP door's listener, at an address where it may listen: every address of a name, and what was had at last.
async fn listen(settings: &Config) -> Result<TcpListener, CliError> {
    let addr = &settings.http.addr;
    let failed = |error: std::io::Error| {
        CliError::usage(format!("http address {addr}: {error}")).hint("choose another with --http, port 0 = any")
    };
    let allowed = |addr: SocketAddr| {
        may_listen(settings, addr).map_err(|exposed| CliError::usage(exposed.to_string()).hint(exposed.hint))
    };
    for found in tokio::net::lookup_host(addr).await.map_err(failed)? {
        allowed(found)?;
    }
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    allowed(listener.local_addr().map_err(failed)?)?;
    Ok(listener)
}

/// In a demo the first request is to find the link up; a gateway at a site serves at once, whatever its links do.
async fn wait_for_links(gateway: &Gateway, is_demo: bool) {
    if !is_demo {
        return;
    }
    let mut events = gateway.events().subscribe(None).live;
    let is_up = || gateway.links().all().iter().all(|(_, link)| link.snapshot.up);
    let all_up = async {
        while !is_up() {
            if events.recv().await.is_err() {
                return;
            }
        }
    };
    if timeout(READY_PATIENCE, all_up).await.is_err() {
        tracing::warn!("the gateway's link is not up yet");
    }
}

/// One line for whoever starts the program: where it listens.
fn listening(
    ctx: &Ctx,
    http: Option<SocketAddr>,
    tserver: Option<SocketAddr>,
    port: Option<SocketAddr>,
) -> Result<(), CliError> {
    if !ctx.out.json {
        return Ok(());
    }
    let text = |addr: Option<SocketAddr>| addr.map(|addr| addr.to_string());
    ctx.out.document(&json!({
        "event": "listening", "http": text(http), "tserver": text(tserver), "gateway_tserver": text(port),
    }))
}

/// SIGHUP: certificates are read again at the next connection.
fn reload_on_hangup() {
    let Ok(mut signals) = signal::unix::signal(signal::unix::SignalKind::hangup()) else { return };
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            tls::reload_all();
            tracing::info!("certificates will be read again");
        }
    });
}

/// Ctrl-C, or SIGTERM from a service manager.
pub(super) async fn interrupted() {
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Finishes, unless it is interrupted once more.
async fn twice(finish: impl Future<Output = ()>) -> Result<(), CliError> {
    tokio::select! {
        () = finish => Ok(()),
        () = interrupted() => Err(CliError::new(Exit::Interrupted, "stopped at once")),
    }
}
