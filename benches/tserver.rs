//! Rows 4 and 5 of the speed targets: the T-Server's port beside a bare framed echo, in turns, in one run.
//!
//! `cargo bench --bench tserver`
//!
//! Both servers have a thread with a tokio runtime of its own; the clients, the same for both, have another. A request
//! is RequestRegisterAddress for a DN that is registered already. With `redis-server` on the path, PING stands beside.
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use commdn::engine::tserver::{DnConfig, TServerConfig};
use commdn::net::listener::serve_tserver;
use commdn::wire::user_event::{RequestRegisterAddress, RequestRegisterClient};
use commdn::wire::{Dialect, Frame, Reading, ReferenceId, TServerMessage, take_frame};
use support::{median, thread_cpu, version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(250);
const DN: &str = "CommDN_1";

/// A server in its own thread; asked for the CPU time that its thread has used.
struct Server {
    name: &'static str,
    address: SocketAddr,
    protocol: Protocol,
    cpu: Option<mpsc::UnboundedSender<oneshot::Sender<Duration>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    Frames,
    Redis,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn start(name: &'static str, serve: impl FnOnce(TcpListener) + Send + 'static) -> Server {
    let (address_is, address) = std::sync::mpsc::channel();
    let (cpu, mut questions) = mpsc::unbounded_channel::<oneshot::Sender<Duration>>();
    thread::spawn(move || {
        runtime().block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            address_is.send(listener.local_addr().expect("an address")).expect("somebody waits");
            serve(listener);
            while let Some(question) = questions.recv().await {
                let _ = question.send(thread_cpu());
            }
        });
    });
    Server { name, address: address.recv().expect("it started"), protocol: Protocol::Frames, cpu: Some(cpu) }
}

fn tserver(listener: TcpListener) {
    let dn = DnConfig::new(DN);
    let config = TServerConfig::new(vec![dn]);
    let server = serve_tserver(listener, config, 1 << 20, CancellationToken::new()).expect("it listens");
    tokio::spawn(server.stopped());
}

/// The same framing and nothing else: one task a connection, one write for all that is ready.
fn echo(listener: TcpListener) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo_one(stream));
        }
    });
}

async fn echo_one(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket option");
    let (mut input, mut output) = (BytesMut::with_capacity(65_536), BytesMut::with_capacity(65_536));
    loop {
        input.reserve(65_536);
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(frame) = take_frame(&mut input, 1 << 20, Reading::Tolerant).expect("frames") {
            frame.encode(&mut output);
        }
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// Redis, where it is installed.
struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn redis() -> Option<(Redis, Server, String)> {
    let version = Command::new("redis-server").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&version.stdout).split_whitespace().nth(2)?.to_owned();
    let free = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
    let port = free.port().to_string();
    let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().ok()?;
    let redis = Redis(child);
    let patience = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(free).is_err() {
        if Instant::now() > patience {
            return None;
        }
        thread::yield_now();
    }
    Some((redis, Server { name: "Redis PING", address: free, protocol: Protocol::Redis, cpu: None }, version))
}

/// One connection, and the bytes of `depth` requests.
struct Client {
    stream: TcpStream,
    requests: BytesMut,
    input: BytesMut,
    depth: usize,
    protocol: Protocol,
}

impl Client {
    async fn connect(server: &Server, depth: usize) -> Self {
        let stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let protocol = server.protocol;
        let mut client = Self { stream, requests: BytesMut::new(), input: BytesMut::new(), depth, protocol };
        if protocol == Protocol::Redis {
            client.requests.extend_from_slice(&b"PING\r\n".repeat(depth));
            return client;
        }
        let login = RequestRegisterClient {
            reference: Some(ReferenceId(1)),
            protocol_version: "commdn-1".into(),
            application_name: "bench".into(),
            application_password: None,
        };
        // Login is answered by EventServerInfo and EventLinkConnected, by the echo with one frame.
        client.put(login.into());
        client.exchange(if server.name == "echo" { 1 } else { 2 }).await;
        client.requests.clear();
        for reference in 0..depth {
            let reference = ReferenceId(u32::try_from(reference).expect("few") + 2);
            let this_dn = DN.into();
            client.put(RequestRegisterAddress { reference, this_dn, address_type: None, register_mode: None }.into());
        }
        client
    }

    fn put(&mut self, message: TServerMessage) {
        message.encode(&mut self.requests, &Dialect::default(), None).expect("it fits");
    }

    /// Writes the requests at once and waits for so many answers.
    async fn exchange(&mut self, answers: usize) {
        self.stream.write_all(&self.requests).await.expect("it is written");
        let mut missing = answers;
        while missing > 0 {
            self.input.reserve(65_536);
            assert_ne!(self.stream.read_buf(&mut self.input).await.expect("it is read"), 0, "the server is there");
            match self.protocol {
                Protocol::Frames => {
                    while let Some(frame) = take_frame(&mut self.input, 1 << 20, Reading::Strict).expect("frames") {
                        missing -= usize::from(matches!(frame, Frame::Message(_)));
                    }
                }
                Protocol::Redis => {
                    missing -= self.input.len() / 7; // +PONG\r\n
                    self.input.advance(self.input.len() / 7 * 7);
                }
            }
        }
    }
}

/// Requests a second and CPU microseconds of the server a request.
async fn turn(server: &Server, clients: &mut Vec<Client>) -> (f64, f64) {
    let cpu = || async {
        let (answer, answered) = oneshot::channel();
        server.cpu.as_ref()?.send(answer).ok()?;
        answered.await.ok()
    };
    let (start, cpu_before) = (Instant::now(), cpu().await);
    let end = start + TURN;
    let tasks: Vec<_> = clients
        .drain(..)
        .map(|mut client| {
            tokio::spawn(async move {
                let mut done = 0_usize;
                while Instant::now() < end {
                    client.exchange(client.depth).await;
                    done += client.depth;
                }
                (client, done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        let (client, requests) = task.await.expect("a client ran");
        clients.push(client);
        done += requests;
    }
    let took = start.elapsed();
    let spent = cpu().await.zip(cpu_before).map_or(f64::NAN, |(after, before)| (after - before).as_secs_f64());
    (done as f64 / took.as_secs_f64(), spent * 1e6 / done as f64)
}

fn main() {
    let redis = redis();
    let mut servers = vec![start("T-Server port", tserver), start("echo", echo)];
    println!(
        "RequestRegisterAddress again -> EventRegistered, beside an echo of the same frames (tokio {})",
        version("tokio")
    );
    println!(
        "medians of {ROUNDS} turns of {} ms; ratios are medians of the ratios of neighbouring turns",
        TURN.as_millis()
    );
    let redis = redis.map(|(guard, server, version)| {
        println!("Redis {version}: PING");
        servers.push(server);
        guard
    });
    for (depth, target) in [(1, "row 4: must >= 0.85, aim 1.0"), (16, "row 5: must >= 0.6, aim 0.8")] {
        for connections in [1, 16] {
            println!("\ndepth {depth}, connections {connections}   {target}");
            runtime().block_on(case(&servers, depth, connections));
        }
    }
    drop(redis);
}

async fn case(servers: &[Server], depth: usize, connections: usize) {
    let mut clients = Vec::new();
    for server in servers {
        let mut some = Vec::new();
        for _ in 0..connections {
            some.push(Client::connect(server, depth).await);
        }
        clients.push(some);
    }
    let mut figures = vec![Vec::new(); servers.len()];
    for round in 0..=ROUNDS {
        for (ix, server) in servers.iter().enumerate() {
            let figure = turn(server, &mut clients[ix]).await;
            if round > 0 {
                figures[ix].push(figure);
            }
        }
    }
    for (server, own) in servers.iter().zip(&figures) {
        let ratio = |of: fn(&(f64, f64), &(f64, f64)) -> f64| {
            median(own.iter().zip(&figures[1]).map(|(own, echo)| of(own, echo)).collect())
        };
        println!(
            "  {:<14} {:>9.0} requests/s  {:>5.2} x echo    {:>6.2} us CPU a request, echo's / its own {:>5.2}",
            server.name,
            median(own.iter().map(|(rate, _)| *rate).collect()),
            ratio(|own, echo| own.0 / echo.0),
            median(own.iter().map(|(_, cpu)| *cpu).collect()),
            ratio(|own, echo| echo.1 / own.1),
        );
    }
}
