//! Rows 16 and 17 of the speed targets: what an idle T-Server connection costs in memory, and how long a start takes.
//!
//! `cargo bench --bench idle`
//!
//! Both are looked at from outside, on the program itself: the resident size of `sim run` before and after so many
//! clients have logged in and registered, and the time from starting `serve` to the line that tells where it listens.
//! The disk's own fdatasync stands beside the start, since a start may wait for it.
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

use bytes::BytesMut;
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::user_event::{RequestRegisterAddress, RequestRegisterClient};
use commdn::wire::{Dialect, Reading, ReferenceId, TServerMessage, take_frame};
use support::median;

/// Connections at once; both ends are sockets of this machine.
const CONNECTIONS: usize = 5_000;
/// Those that stand before the first look, so that what is made once is not counted.
const FIRST: usize = 50;
const STARTS: usize = 21;
const BYTES_MUST: f64 = 2_048.0;

/// The program, told to stop when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program and waits for its first line.
fn start(words: &[&str]) -> (Program, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_commdn"))
        .args(words)
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (Program(child), line)
}

fn resident_bytes(program: &Program) -> f64 {
    let text = fs::read_to_string(format!("/proc/{}/status", program.0.id())).expect("a process of this machine");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1_024.0
}

fn bytes(message: impl Into<TServerMessage>) -> BytesMut {
    let mut out = BytesMut::new();
    message.into().encode(&mut out, &Dialect::default(), None).expect("it can be written");
    out
}

fn hello() -> BytesMut {
    let mut out = bytes(RequestRegisterClient {
        reference: None,
        protocol_version: "commdn-1".into(),
        application_name: "idle".into(),
        application_password: None,
    });
    out.extend_from_slice(&register(1));
    out
}

fn register(reference: u32) -> BytesMut {
    bytes(RequestRegisterAddress {
        reference: ReferenceId(reference),
        this_dn: "CommDN_1".into(),
        address_type: None,
        register_mode: None,
    })
}

/// Reads so many frames.
fn read_frames(stream: &mut TcpStream, frames: usize) {
    let (mut input, mut part, mut read) = (BytesMut::new(), [0; 4_096], 0);
    while read < frames {
        let bytes = stream.read(&mut part).expect("the server answers");
        assert!(bytes > 0, "the server closed");
        input.extend_from_slice(&part[..bytes]);
        while take_frame(&mut input, FRAME_BYTES_MAX, Reading::Strict).expect("frames").is_some() {
            read += 1;
        }
    }
}

/// Logged in and registered, with nothing on its way.
fn idle(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("a connection");
    stream.write_all(&hello()).expect("the server reads");
    read_frames(&mut stream, 3); // server info, link connected, registered
    stream
}

fn connections() {
    let (program, line) = start(&["sim", "run", "--tserver", "127.0.0.1:0"]);
    let (_, addr) = line.split_once("\"tserver\":\"").expect("where it listens");
    let addr: SocketAddr = addr.split('"').next().and_then(|addr| addr.parse().ok()).expect("an address");
    let mut streams: Vec<TcpStream> = (0..FIRST).map(|_| idle(addr)).collect();
    let before = resident_bytes(&program);
    streams.extend((0..CONNECTIONS).map(|_| idle(addr)));
    let after = resident_bytes(&program);
    let each = (after - before) / CONNECTIONS as f64;
    println!("idle T-Server connection: {CONNECTIONS} logged in and registered, {each:.0} B each (must {BYTES_MUST})");
    println!("the process then: {:.1} MiB resident (must 256)", after / 1_048_576.0);
    // Everyone is busy once; what that took is given back or used again.
    let burst: BytesMut = (2..66).flat_map(register).collect();
    for stream in &mut streams {
        stream.write_all(&burst).expect("the server reads");
        read_frames(stream, 64);
    }
    let busy = (resident_bytes(&program) - before) / CONNECTIONS as f64;
    println!("after 64 requests on each of them: {busy:.0} B each");
}

fn starts() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on the disk");
    let data = folder.path().join("data");
    let data = data.to_str().expect("a path in UTF-8");
    let mut took = Vec::new();
    for at in 0..=STARTS {
        let begun = Instant::now();
        let (program, line) = start(&["serve", "--data", data, "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:1"]);
        // The first start makes the database; the others find it migrated.
        if at > 0 {
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        assert!(line.contains("listening"), "{line}");
        drop(program);
    }
    let mut synced = Vec::new();
    let mut file = fs::File::create(folder.path().join("sync")).expect("a file");
    for _ in 0..STARTS {
        file.write_all(&[0; 4_096]).expect("room");
        let begun = Instant::now();
        file.sync_data().expect("a disk");
        synced.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    let (start, sync) = (median(took), median(synced));
    let must = 20.0 + 6.0 * sync;
    println!(
        "start of `serve` with a migrated database to listening: median of {STARTS} {start:.1} ms (must 20 ms + 6 fdatasync = {must:.1} ms)"
    );
    println!("fdatasync of 4 KiB: median {sync:.2} ms");
}

fn main() {
    connections();
    starts();
}
