//! Rows 6, 8 and 10 of the speed targets: the gateway between applications and a T-Server, by frames, by HTTP and by SSE.
//!
//! `cargo bench --bench gateway`
//!
//! T-Server with its OCS, gateway, peer and clients have a thread each with a runtime of its own; everything is on
//! loopback. The gateway's store is in memory; its thread is told apart. Contenders take turns in one run.
#![allow(clippy::print_stdout, reason = "the table is the result")]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/http.rs"]
mod http_client;
#[path = "support/place.rs"]
mod place;
mod support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use axum::{Json, Router, routing::post};
use bytes::{Bytes, BytesMut};
use commdn::engine::tserver::{DnConfig, TServerConfig};
use commdn::engine::{ChangedBy, PairState};
use commdn::http::{self, DoorConfig};
use commdn::message::{AppDbid, CommDnMessage, Dialing, DialingStarted, GroupCampStatus, MessageType, Pair, PairEvent};
use commdn::net::listener::{Announcer, serve_tserver};
use commdn::net::tls::install_provider;
use commdn::protocol::UtcTime;
use commdn::service::access::Access;
use commdn::service::config_of_site;
use commdn::service::gateway::{Gateway, GatewayEvent, open_store, start_gateway_on};
use commdn::service::port::open_port;
use commdn::service::simulator::{SimSettings, start_simulator};
use commdn::wire::limits::{FRAME_BYTES_MAX, LIST_BYTES_DEFAULT};
use commdn::wire::{Dialect, Reading, take_frame};
use frames::{Client, OCS, dn, site};
use http_client::{Poster, Reader};
use place::Place;
use support::{median, process_cpu, version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(500);
const CLIENTS: usize = 16;
const LISTENERS: usize = 1_000;
/// Events that every listener gets in one turn.
const BURST: u64 = 64;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    (listener, addr)
}

/// A T-Server with its OCS that never stops; where it listens.
async fn simulate() -> SocketAddr {
    let settings = SimSettings {
        store: None,
        addr: "127.0.0.1:0".into(),
        topology: site(CLIENTS),
        profile: None,
        echo_to_sender: false,
        times: 1,
        list_bytes_max: LIST_BYTES_DEFAULT,
        tls: None,
    };
    let mut simulator = start_simulator(settings, &CancellationToken::new()).await.expect("a simulator");
    simulator.ready().await;
    let addr = simulator.addr();
    tokio::spawn(simulator.stopped());
    addr
}

struct Doors {
    port: SocketAddr,
    http: SocketAddr,
    gateway: Gateway,
}

/// A gateway that never stops.
async fn serve_gateway(tserver: SocketAddr) -> Doors {
    install_provider();
    let mut config = config_of_site(&site(CLIENTS), &tserver.to_string());
    config.gateway.listen_tserver = Some("127.0.0.1:0".into());
    config.limits.client_rate_per_s = 0;
    let (store, stop) = (open_store(&config).expect("a store"), CancellationToken::new());
    let (gateway, task) = start_gateway_on(&config, Arc::clone(&store), &stop).await.expect("a gateway");
    tokio::spawn(task);
    let mut events = gateway.events().subscribe(None).live;
    while !gateway.links().all().iter().all(|(_, link)| link.snapshot.up) {
        events.recv().await.expect("it runs");
    }
    let port = open_port(&config, &gateway, &stop).await.expect("a port").expect("it is configured");
    let addr = port.addr();
    tokio::spawn(port.stopped());
    let access = Access::new(&config, store).await.expect("nobody need say who he is");
    let (listener, http) = listener().await;
    tokio::spawn(http::serve(listener, gateway.clone(), DoorConfig::new(&config, access, None), stop));
    Doors { port: addr, http, gateway }
}

/// The bare hop: whole frames go on as they came, in one write for all that is ready.
async fn relay(to: SocketAddr) -> SocketAddr {
    let (listener, addr) = listener().await;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(to).await.expect("a connection");
            for stream in [&near, &far] {
                stream.set_nodelay(true).expect("a socket option");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(pass(near_in, far_out));
            tokio::spawn(pass(far_in, near_out));
        }
    });
    addr
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (mut input, mut output) = (BytesMut::with_capacity(65_536), BytesMut::with_capacity(65_536));
    loop {
        input.reserve(65_536);
        match from.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(frame) = take_frame(&mut input, FRAME_BYTES_MAX, Reading::Tolerant).expect("frames") {
            frame.encode(&mut output);
        }
        if to.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// One that asks, again and again.
trait Asker: Send + 'static {
    fn ask(&mut self, phone: String) -> impl Future<Output = ()> + Send;
}

impl Asker for Client {
    async fn ask(&mut self, phone: String) {
        self.do_not_call(&phone).await;
    }
}

impl Asker for Poster {
    async fn ask(&mut self, phone: String) {
        self.post(&phone).await;
    }
}

struct Turn {
    rate: f64,
    /// Microseconds.
    p50: f64,
    /// Microseconds of the hop's thread for a request.
    cpu: f64,
    /// Microseconds of all threads of the process that no place knows: of the store.
    store: f64,
}

/// Everybody asks for one turn.
fn turn<A: Asker>(
    places: &[&Place],
    hop: &Place,
    asking: &Place,
    askers: Vec<A>,
    phones: &Arc<AtomicU64>,
) -> (Turn, Vec<A>) {
    let unknown = || places.iter().fold(process_cpu(), |rest, place| rest.saturating_sub(place.cpu()));
    let (spent, rest, begun) = (hop.cpu(), unknown(), Instant::now());
    let phones = Arc::clone(phones);
    let (askers, mut each) = asking.run(async move {
        let one = |mut asker: A| {
            let phones = Arc::clone(&phones);
            tokio::spawn(async move {
                let mut each = Vec::new();
                while begun.elapsed() < TURN {
                    let phone = format!("+4207{:09}", phones.fetch_add(1, Ordering::Relaxed));
                    let asked = Instant::now();
                    asker.ask(phone).await;
                    each.push(asked.elapsed().as_secs_f64() * 1e6);
                }
                (asker, each)
            })
        };
        let tasks: Vec<_> = askers.into_iter().map(one).collect();
        let (mut askers, mut all) = (Vec::new(), Vec::new());
        for task in tasks {
            let (asker, each) = task.await.expect("it asked");
            askers.push(asker);
            all.extend(each);
        }
        (askers, all)
    });
    let took = begun.elapsed();
    each.sort_by(f64::total_cmp);
    let micros = |spent: Duration| spent.as_secs_f64() * 1e6 / each.len() as f64;
    let turn = Turn {
        rate: each.len() as f64 / took.as_secs_f64(),
        p50: each[each.len() / 2],
        cpu: micros(hop.cpu() - spent),
        store: micros(unknown().saturating_sub(rest)),
    };
    (turn, askers)
}

/// A way that requests take.
struct Way<A> {
    name: &'static str,
    hop: Place,
    askers: Vec<A>,
    turns: Vec<Turn>,
}

/// Every way in turns; then one line of each.
fn ways<A: Asker>(ways: &mut [Way<A>], beside: &[&Place], asking: &Place) {
    let phones = Arc::new(AtomicU64::new(1));
    for round in 0..=ROUNDS {
        for at in 0..ways.len() {
            let askers = std::mem::take(&mut ways[at].askers);
            let places: Vec<&Place> = ways.iter().map(|way| &way.hop).chain(beside.iter().copied()).collect();
            let (turn, askers) = turn(&places, &ways[at].hop, asking, askers, &phones);
            ways[at].askers = askers;
            // The first round only warms up.
            if round > 0 {
                ways[at].turns.push(turn);
            }
        }
    }
    for way in &*ways {
        let of = |part: fn(&Turn) -> f64| median(way.turns.iter().map(part).collect());
        println!(
            "  {:<28} {:>7.0} requests/s  p50 {:>7.0} us  {:>6.1} us CPU of its thread  {:>5.1} us of other threads",
            way.name,
            of(|turn| turn.rate),
            of(|turn| turn.p50),
            of(|turn| turn.cpu),
            of(|turn| turn.store),
        );
    }
}

/// The median of ratios of neighbouring turns.
fn ratio<A>(own: &Way<A>, peer: &Way<A>, part: fn(&Turn) -> f64) -> f64 {
    median(own.turns.iter().zip(&peer.turns).map(|(own, peer)| part(own) / part(peer)).collect())
}

/// Row 6.
fn hop(asking: &Place) {
    println!(
        "\nrow 6: {CLIENTS} clients, distinct do-not-calls to one OCS, echo_to_sender off; the relay (tokio {})",
        { version("tokio") }
    );
    let (near, far) = (Place::new(), Place::new());
    let (direct, behind) = (near.run(simulate()), far.run(simulate()));
    let clients = |addr: SocketAddr| {
        asking.run(async move {
            let mut clients = Vec::new();
            for number in 0..CLIENTS {
                clients.push(Client::registered(addr, dn(number)).await);
            }
            clients
        })
    };
    let (hops, bare) = (Place::new(), Place::new());
    let gateway = hops.run(serve_gateway(behind)).port;
    let relay = bare.run(relay(direct));
    let way = |name, hop, addr| Way { name, hop, askers: clients(addr), turns: Vec::new() };
    let mut all = [
        way("through the gateway", hops, gateway),
        way("through a bare relay", bare, relay),
        way("straight to the T-Server", Place::new(), direct),
    ];
    ways(&mut all, &[&near, &far, asking], asking);
    let [own, peer, straight] = &all;
    let p50 = |way: &Way<Client>| median(way.turns.iter().map(|turn| turn.p50).collect());
    println!("  gateway / relay: {:.2} (must >= 0.40, aim 0.65)", ratio(own, peer, |turn| turn.rate));
    let strange = |way: &Way<Client>| way.askers.iter().map(|client| client.strange).sum::<u64>();
    println!(
        "  answers to another request than the one that waited: {}, {}, {}",
        strange(own),
        strange(peer),
        strange(straight)
    );
    println!("  added p50: gateway {:.0} us, relay {:.0} us", p50(own) - p50(straight), p50(peer) - p50(straight));
}

/// Row 8.
fn by_http(asking: &Place) {
    println!(
        "\nrow 8: {CLIENTS} connections, POST /v1/dnc to the answer, beside a JSON echo (axum {})",
        version("axum")
    );
    let tserver = Place::new();
    let behind = tserver.run(simulate());
    let (hops, bare) = (Place::new(), Place::new());
    let door = hops.run(serve_gateway(behind)).http;
    let echo = bare.run(async {
        let (listener, addr) = listener().await;
        let echo = post(|Json(body): Json<serde_json::Value>| async move { Json(body) });
        let router = Router::new().route("/v1/dnc", echo);
        tokio::spawn(async move { axum::serve(listener, router).await });
        addr
    });
    let posters = |addr: SocketAddr, wanted: &'static str| {
        asking.run(async move {
            let mut posters = Vec::new();
            for _ in 0..CLIENTS {
                posters.push(Poster::connect(addr, wanted).await);
            }
            posters
        })
    };
    let way = |name, hop, askers| Way { name, hop, askers, turns: Vec::new() };
    let mut all = [
        way("gateway", hops, posters(door, "\"outcome\":\"answered\"")),
        way("JSON echo", bare, posters(echo, "\"phone\"")),
    ];
    ways(&mut all, &[&tserver, asking], asking);
    let [own, peer] = &all;
    println!("  CPU of the gateway's thread / the echo's: {:.1} (must <= 3, aim 2)", ratio(own, peer, |turn| turn.cpu));
}

/// What every listener hears in row 10.
fn started() -> PairState {
    let now = UtcTime::from(SystemTime::now());
    PairState {
        ocs: OCS,
        pair: Pair::new(101, 732),
        status: Some(GroupCampStatus::RUNNING),
        dialing: Dialing::default(),
        changed_at: now,
        changed_by: ChangedBy::Notification,
        observed_at: now,
        observed_by: MessageType(21),
    }
}

/// Row 10.
fn fan_out(asking: &Place) {
    println!("\nrow 10: {LISTENERS} listeners, {BURST} events in a burst: server-sent events beside UserEvents");
    let (tserver, own, peer) = (Place::new(), Place::new(), Place::new());
    let behind = tserver.run(simulate());
    let doors = own.run(serve_gateway(behind));
    let (raw, announcer): (SocketAddr, Announcer) = peer.run(async {
        let (listener, addr) = listener().await;
        let config = TServerConfig::new(vec![DnConfig::new(&dn(0))]);
        let server = serve_tserver(listener, config, FRAME_BYTES_MAX, CancellationToken::new()).expect("it listens");
        let announcer = server.announcer();
        tokio::spawn(server.stopped());
        (addr, announcer)
    });
    let http = doors.http;
    let (mut readers, mut clients) = asking.run(async move {
        let (mut readers, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..LISTENERS {
            readers.push(Reader::open(http).await);
            clients.push(Client::registered(raw, dn(0)).await);
        }
        (readers, clients)
    });
    let event = PairEvent::new(Pair::new(101, 732), GroupCampStatus::RUNNING);
    let message = CommDnMessage::new(OCS, AppDbid(0), DialingStarted(event));
    let user_data: Bytes = message.encode(&Dialect::default()).expect("it fits");
    let deliveries = (LISTENERS as u64 * BURST) as f64;
    let mut figures: [Vec<(f64, f64)>; 2] = Default::default();
    for round in 0..=ROUNDS {
        let (gateway, announcer, user_data) = (doors.gateway.clone(), announcer.clone(), user_data.clone());
        let last = gateway.events().subscribe(None).last + BURST;
        let (cpu, begun) = (own.cpu(), Instant::now());
        own.begin(async move {
            for _ in 0..BURST {
                gateway.events().publish(GatewayEvent::State(started()));
            }
        });
        readers = asking.run(everybody(readers, move |mut reader: Reader| async move {
            reader.until(last).await;
            reader
        }));
        let sse = (deliveries / begun.elapsed().as_secs_f64(), (own.cpu() - cpu).as_secs_f64() * 1e6 / deliveries);
        let (cpu, begun) = (peer.cpu(), Instant::now());
        peer.begin(async move {
            for _ in 0..BURST {
                announcer.announce(dn(0).as_str().into(), user_data.clone());
            }
        });
        clients = asking.run(everybody(clients, |mut client: Client| async move {
            client.frames(usize::try_from(BURST).expect("few")).await;
            client
        }));
        let raw = (deliveries / begun.elapsed().as_secs_f64(), (peer.cpu() - cpu).as_secs_f64() * 1e6 / deliveries);
        if round > 0 {
            figures[0].push(sse);
            figures[1].push(raw);
        }
    }
    for (name, figures) in ["server-sent events", "UserEvents"].iter().zip(&figures) {
        let rate = median(figures.iter().map(|(rate, _)| *rate).collect());
        let cpu = median(figures.iter().map(|(_, cpu)| *cpu).collect());
        println!("  {name:<20} {rate:>9.0} deliveries/s  {cpu:>6.2} us CPU of the server's thread each");
    }
    let [sse, raw] = &figures;
    let ratio =
        |part: fn(&(f64, f64)) -> f64| median(sse.iter().zip(raw).map(|(own, peer)| part(own) / part(peer)).collect());
    println!(
        "  SSE / raw: {:.2} (must >= 0.6, aim 0.8); CPU, raw's / SSE's: {:.2}",
        ratio(|it| it.0),
        1.0 / ratio(|it| it.1)
    );
}

/// Lets everybody do something at once and waits for all.
async fn everybody<T, F>(all: Vec<T>, work: impl Fn(T) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = all.into_iter().map(|one| tokio::spawn(work(one))).collect();
    let mut all = Vec::with_capacity(tasks.len());
    for task in tasks {
        all.push(task.await.expect("it is done"));
    }
    all
}

fn main() {
    println!(
        "medians of {ROUNDS} turns of {} ms (row 10: of one burst); ratios of neighbouring turns",
        TURN.as_millis()
    );
    let asking = Place::new();
    hop(&asking);
    by_http(&asking);
    fan_out(&asking);
}
