//! `demo`, `serve` and `sim run`: what runs until it is told to stop.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use serde_json::json;
use tokio::{net::TcpListener, signal, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::cli::args::{DemoArgs, ServeArgs, SimRunArgs};
use crate::cli::client::Ctx;
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::cli::log;
use crate::engine::topology::Topology;
use crate::http;
use crate::protocol::profile::Profile;
use crate::service::gateway::{Gateway, start_gateway};
use crate::service::simulator::{READY_PATIENCE, SimSettings, Simulator, start_simulator};
use crate::service::{Config, Severity, config_of_site};

/// Where `sim run` listens, and `serve` dials, when nothing else is said.
const SIM_ADDR: &str = "127.0.0.1:7000";
/// Where `serve` keeps what it accepted, when nothing else is said.
const DATA: &str = "commdn-data";
/// How long answers that are still open may take after the first Ctrl-C.
const DRAIN: Duration = Duration::from_secs(15);

/// Runs T-Server, OCS and gateway in one process.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn demo(args: DemoArgs, ctx: &Ctx) -> Result<(), CliError> {
    let mut settings = config::load(&Config::default(), args.run.config.as_deref())?;
    args.run.apply(&mut settings);
    args.sim.apply(&mut settings);
    args.gateway.apply(&mut settings);
    log::start(ctx, &settings.telemetry.log);
    let sim_addr = args.tserver.clone().unwrap_or_else(|| settings.sim.addr.clone());
    let topology = topology(&settings)?;
    let stop = Stops::default();
    let simulator = simulate(&settings, topology.clone(), sim_addr, &stop.simulator).await?;

    let site = config_of_site(&topology, &simulator.addr().to_string());
    let mut settings = Config {
        http: settings.http,
        limits: settings.limits,
        sim: settings.sim,
        store: settings.store,
        dnc: settings.dnc,
        ..site
    };
    args.run.apply(&mut settings);
    args.gateway.apply(&mut settings);
    let running = Running::start(&settings, stop, Some(simulator)).await?;
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
    running.run(ctx).await
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
    }
    settings.store.path.get_or_insert_with(|| DATA.to_owned());
    log::start(ctx, &settings.telemetry.log);
    let running = Running::start(&settings, Stops::default(), None).await?;
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
    log::start(ctx, &settings.telemetry.log);
    let addr = args.tserver.unwrap_or_else(|| SIM_ADDR.to_owned());
    let topology = topology(&settings)?;
    let ocss = topology.ocs.len();
    let stop = CancellationToken::new();
    let simulator = simulate(&settings, topology, addr, &stop).await?;
    let addr = simulator.addr();
    listening(ctx, None, Some(addr))?;
    ctx.out.note(&format!("commdn simulator: T-Server and {ocss} OCSs on {addr}"));
    interrupted().await;
    ctx.out.note("stopping");
    stop.cancel();
    twice(simulator.stopped()).await
}

fn topology(settings: &Config) -> Result<Topology, CliError> {
    let Some(file) = &settings.sim.topology else { return Ok(Topology::demo()) };
    let text = config::read_text(Path::new(file))?;
    Topology::parse(&text).map_err(|error| CliError::usage(format!("{file}: {error}")))
}

fn profile(settings: &Config) -> Result<Option<Profile>, CliError> {
    let Some(word) = &settings.sim.profile else { return Ok(None) };
    if let Some(profile) = Profile::shipped(word) {
        return Ok(Some(profile));
    }
    let text = fs::read_to_string(word).map_err(|error| {
        CliError::usage(format!("profile '{word}': {error}")).hint("documented, strict, lenient, adversarial or a file")
    })?;
    Profile::parse(word, &text).map(Some).map_err(|error| CliError::usage(format!("{word}: {error}")))
}

async fn simulate(
    settings: &Config,
    topology: Topology,
    addr: String,
    stop: &CancellationToken,
) -> Result<Simulator, CliError> {
    let sim = SimSettings {
        addr,
        topology,
        profile: profile(settings)?,
        echo_to_sender: settings.sim.echo_to_sender,
        list_bytes_max: settings.sim.list_bytes_max,
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
    gateway: JoinHandle<()>,
    simulator: Option<Simulator>,
    stop: Stops,
}

impl Running {
    async fn start(settings: &Config, stop: Stops, simulator: Option<Simulator>) -> Result<Self, CliError> {
        for finding in settings.check() {
            match finding.severity {
                Severity::Warning => tracing::warn!("{finding}"),
                Severity::Error => {
                    let error = CliError::usage(format!("configuration: {finding}"));
                    return Err(error.hint(finding.hint.unwrap_or_else(|| "see commdn check-config FILE".into())));
                }
            }
        }
        let addr = &settings.http.addr;
        let listener = TcpListener::bind(addr).await;
        let listener = listener.map_err(|error| {
            CliError::usage(format!("http address {addr}: {error}")).hint("choose another with --http, port 0 = any")
        })?;
        let http = listener.local_addr().map_err(|error| CliError::internal(error.to_string()))?;
        if !http.ip().is_loopback() {
            let error = CliError::usage(format!("http address {http}: without access rules only loopback is served"));
            return Err(error.hint("listen on 127.0.0.1 and put an authenticating proxy in front"));
        }
        let (gateway, task) =
            start_gateway(settings, &stop.gateway).await.map_err(|error| CliError::usage(error.to_string()))?;
        wait_for_links(&gateway, simulator.is_some()).await;
        let allowed = settings.http.allowed_hosts.clone();
        let token = stop.door.clone();
        let door = tokio::spawn(async move { http::serve(listener, gateway, &allowed, token).await });
        let tserver = simulator.as_ref().map(Simulator::addr);
        Ok(Self { http, tserver, door, gateway: task, simulator, stop })
    }

    async fn run(self, ctx: &Ctx) -> Result<(), CliError> {
        let Self { http, tserver, mut door, gateway, simulator, stop } = self;
        listening(ctx, Some(http), tserver)?;
        tokio::select! {
            () = interrupted() => {}
            result = &mut door => return Err(CliError::internal(format!("the HTTP door ended: {result:?}"))),
        }
        ctx.out.note("stopping: open answers are finished; Ctrl-C again stops at once");
        twice(async {
            stop.door.cancel();
            // Past the drain time callers are cut off; the process ends anyway.
            let _ = timeout(DRAIN, door).await;
            stop.gateway.cancel();
            if let Err(error) = gateway.await {
                tracing::error!(%error, "gateway task failed");
            }
            stop.simulator.cancel();
            if let Some(simulator) = simulator {
                simulator.stopped().await;
            }
        })
        .await
    }
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
fn listening(ctx: &Ctx, http: Option<SocketAddr>, tserver: Option<SocketAddr>) -> Result<(), CliError> {
    if !ctx.out.json {
        return Ok(());
    }
    let text = |addr: Option<SocketAddr>| addr.map(|addr| addr.to_string());
    ctx.out.document(&json!({
        "event": "listening", "http": text(http), "tserver": text(tserver), "gateway_tserver": null,
    }))
}

/// Ctrl-C, or SIGTERM from a service manager.
async fn interrupted() {
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
