//! The program as its users run it: processes, words, exit codes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) const GUARD: Duration = Duration::from_secs(120);

pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    // What a test wants kept it says with --data.
    command.env("COMMDN_STORE__PATH", ":memory:");
    command.env_remove("NO_COLOR").env_remove("RUST_LOG").args(words);
    command
}

/// A process whose lines are read; it is killed when the test is over, however it ends.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(GUARD).expect("a line on stdout")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Reads to the end of stdout; the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        loop {
            match self.lines.recv_timeout(GUARD) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
    }

    /// What a service manager sends.
    pub(crate) fn signal(&self) {
        self.send("TERM");
    }

    /// What a tool sends that has put new certificates in place.
    pub(crate) fn hang_up(&self) {
        self.send("HUP");
    }

    fn send(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// As a service manager stops it.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal();
        self.ended()
    }
}

/// A long-running verb that listens, and the addresses it told.
pub(crate) struct Running {
    pub(crate) program: Program,
    pub(crate) url: String,
    pub(crate) tserver: String,
}

pub(crate) fn listening(words: &[&str], variables: &[(&str, &str)]) -> Running {
    let mut command = command(words);
    command.arg("--json").envs(variables.iter().copied());
    listening_as(command)
}

/// The same, from a command that is complete.
pub(crate) fn listening_as(command: Command) -> Running {
    let program = Program::start(command);
    let told = program.json();
    assert_eq!((&told["event"], &told["gateway_tserver"]), (&json!("listening"), &Value::Null));
    let url = told["http"].as_str().map(|http| format!("http://{http}")).unwrap_or_default();
    let tserver = told["tserver"].as_str().unwrap_or_default().to_owned();
    assert!(!url.ends_with(":0") && !tserver.ends_with(":0"), "{told}");
    Running { program, url, tserver }
}

fn demo() -> Running {
    listening(&["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0"], &[])
}

fn run(words: &[&str]) -> (i32, String, String) {
    let output = assert_cmd::Command::from_std(command(words)).timeout(GUARD).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

impl Running {
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String, String) {
        run(&[words, &["--url", &self.url]].concat())
    }

    /// Runs a verb that must end so; what it printed as JSON.
    pub(crate) fn ends(&self, code: i32, words: &[&str]) -> Value {
        let (found, stdout, stderr) = self.run(&[words, &["--json"]].concat());
        assert_eq!(found, code, "{words:?}: {stdout}{stderr}");
        let text = if stdout.is_empty() { stderr } else { stdout };
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
    }
}

#[test]
fn the_verbs_of_a_campaign_end_with_their_exit_codes() {
    let demo = demo();
    assert_eq!(demo.ends(0, &["campaign", "load", "Renewals", "Team A"])["outcome"], "answered");
    demo.ends(
        0,
        &["campaign", "start", "101", "732", "--mode", "predict", "--goal", "80", "--optimize-by", "busy_factor"],
    );
    let (code, stdout, stderr) = demo.run(&["campaign", "start", "101", "732"]);
    assert_eq!((code, stdout.as_str()), (5, ""));
    let wanted = "error: campaign already started (OCS error 7, CM_ERROR_CAMPAIGN_ALREADY_STARTED)\nhint: ";
    assert!(stderr.starts_with(wanted), "{stderr}");
    demo.ends(0, &["campaign", "set-mode", "101", "732", "--mode", "progress"]);
    let status = demo.ends(0, &["campaign", "status", "101", "732"]);
    assert_eq!((&status["status"], &status["mode"]), (&json!("running"), &json!("progress")));
    demo.ends(0, &["campaign", "stop", "101", "732"]);
    demo.ends(0, &["campaign", "unload", "101", "732"]);
    let (code, stdout, _) = demo.run(&["campaign", "list"]);
    assert!(code == 0 && stdout.contains("Renewals") && stdout.contains("not_loaded"), "{stdout}");
}

#[test]
fn a_force_unload_wants_a_yes_and_complete_needs_none() {
    let demo = demo();
    demo.ends(0, &["campaign", "load", "101", "732"]);
    demo.ends(2, &["campaign", "unload", "101", "732", "--force"]);
    assert_eq!(demo.ends(0, &["campaign", "status", "101", "732"])["status"], "active");
    demo.ends(0, &["campaign", "unload", "101", "732", "--force", "--yes"]);
    demo.ends(0, &["campaign", "load", "102", "733"]);
    demo.ends(0, &["campaign", "complete", "102", "733"]);
    assert_eq!(demo.ends(0, &["campaign", "status", "102", "733"])["status"], "not_loaded");
}

#[test]
fn people_and_requests_end_with_their_exit_codes() {
    let demo = demo();
    let done = demo.ends(0, &["dnc", "add", "+420777888777", "--reason", "asked"]);
    assert_eq!(done["answers"].as_array().unwrap().len(), 2);
    let id = done["request_id"].as_str().unwrap();
    assert_eq!(demo.ends(0, &["request", "show", id]), done);
    assert_eq!(demo.ends(0, &["request", "explain", id])["request"], done);
    assert_eq!(demo.ends(0, &["request", "list"])["items"], json!([done]));
    demo.ends(0, &["campaign", "load", "101", "732"]);
    let partial = demo.ends(6, &["record", "cancel", "+12025550100", "--campaign", "Renewals"]);
    assert_eq!(partial["outcome"], "partial");
    let refused = demo.ends(5, &["record", "cancel", "+12025550110", "--campaign", "Winback"]);
    assert_eq!((&refused["code"], &refused["exit"]), (&json!(3), &json!(5)));
    demo.ends(2, &["record", "cancel", "+12025550110"]);
    demo.ends(0, &["record", "cancel", "+12025550110", "--yes"]);
    assert_eq!(demo.ends(0, &["dnc", "add", "--customer-id", "C-1", "--no-wait"])["kind"], "do_not_call");

    demo.ends(8, &["campaign", "load", "Renewls", "732"]);
    demo.ends(8, &["request", "show", "r0000000000000000"]);
    demo.ends(8, &["request", "retry", "r0000000000000000"]);
    demo.ends(9, &["request", "retry", id]);
    assert_eq!(demo.ends(0, &["request", "wait", id]), done);
    assert_eq!(demo.ends(0, &["request", "list", "--open"])["items"], json!([]));
    assert_eq!(demo.ends(0, &["request", "list", "--dead"])["items"], json!([]));
    demo.ends(2, &["campaign", "start", "101", "732", "--mode", "fast"]);
    demo.ends(2, &["dnc", "add", ""]);
    let sent = demo.ends(
        0,
        &["send", "--origin", "216", "--target", "301", "CM_ReqGetCampaignStatus", "campaign=101", "group=732"],
    );
    assert_eq!(sent["events"].as_array().unwrap().len(), 1);
}

#[test]
fn what_was_accepted_is_there_after_a_kill_and_tells_its_rule() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().display().to_string();
    let sim = listening(&["sim", "run", "--tserver", "127.0.0.1:0"], &[]);
    let words = ["serve", "--http", "127.0.0.1:0", "--tserver", &sim.tserver, "--data", &data];
    let mut gateway = listening(&words, &[]);
    let done = gateway.ends(0, &["dnc", "add", "+420777888777", "--reason", "asked"]);
    let (code, _, stderr) = run(&["serve", "--http", "127.0.0.1:0", "--data", &data]);
    assert!(code == 9 && stderr.contains("in use"), "{code} {stderr}");
    gateway.program.child.kill().unwrap();
    gateway.program.child.wait().unwrap();
    let gateway = listening(&words, &[]);
    let id = done["request_id"].as_str().unwrap();
    assert_eq!(gateway.ends(0, &["request", "show", id]), done);
    let (code, text, _) = gateway.run(&["request", "explain", id]);
    assert!(code == 0 && text.contains("rule: ") && text.contains("CM_EvDoNotCallProcessed"), "{text}");
    assert!(text.contains("asked by: commdn/") && !text.contains("777888777"), "{text}");
}

#[test]
fn a_dry_run_is_a_log_that_kvcheck_agrees_with() {
    let demo = demo();
    for words in [
        &["campaign", "start", "101", "732"][..],
        &["campaign", "unload", "101", "732", "--force"],
        &["dnc", "add", "+420777888777"],
        &["record", "cancel", "+420777888777", "--campaign", "Renewals"],
    ] {
        let (code, stdout, stderr) = demo.run(&[words, &["--dry-run"]].concat());
        assert_eq!(code, 0, "{words:?}: {stderr}");
        let check =
            assert_cmd::Command::from_std(command(&["kvcheck", "-", "--json"])).write_stdin(stdout.clone()).output();
        let report: Value = serde_json::from_slice(&check.unwrap().stdout).unwrap();
        assert_eq!((&report["lists"], &report["agree"]), (&json!(1), &json!(1)), "{stdout}");
    }
    assert_eq!(demo.ends(0, &["request", "list"])["items"], json!([]));
}

#[test]
fn streams_stop_after_their_count() {
    let demo = demo();
    let follow = |words: &[&str]| Program::start(command(&[words, &["--url", &demo.url]].concat()));
    let mut events = follow(&["events", "--count", "3", "--json"]);
    assert_eq!(events.json()["event"], "snapshot");
    demo.ends(0, &["dnc", "add", "+420777888777"]);
    assert_eq!(events.json()["outcome"], "pending");
    assert_eq!(events.json()["outcome"], "answered");
    assert_eq!(events.ended(), Some(0));

    // Nothing tells when the tap listens, so people are added until it has heard of one.
    let mut tap = follow(&["tap", "--count", "1", "--filter", "type=CM_EvDoNotCallProcessed && origin=302"]);
    let heard = loop {
        demo.ends(0, &["dnc", "add", "+420777888777"]);
        match tap.lines.try_recv() {
            Ok(line) => break line,
            Err(error) => assert_eq!(error, std::sync::mpsc::TryRecvError::Empty),
        }
    };
    assert!(heard.contains("CM_EvDoNotCallProcessed") && !heard.contains("777888777"), "{heard}");
    assert_eq!(tap.ended(), Some(0));
}

#[test]
fn a_gateway_and_a_simulator_are_two_processes_too() {
    let mut sim = listening(&["sim", "run", "--tserver", "127.0.0.1:0"], &[]);
    let short = [("COMMDN_LIMITS__LANE_WAIT_MS", "300")];
    let mut gateway = listening(&["serve", "--http", "127.0.0.1:0", "--tserver", &sim.tserver], &short);
    assert_eq!(gateway.ends(0, &["dnc", "add", "+420777888777"])["outcome"], "answered");
    gateway.ends(0, &["campaign", "load", "Winback", "Team B"]);
    assert_eq!(sim.program.terminate(), Some(0));
    let (code, _, stderr) = gateway.run(&["campaign", "load", "101", "732"]);
    assert!([3, 4].contains(&code), "{code} {stderr}");
    // The link is known to be lost by now.
    gateway.ends(3, &["campaign", "load", "101", "732"]);
    assert_eq!(gateway.ends(0, &["dnc", "add", "+420777888777", "--no-wait"])["outcome"], "pending");
    assert_eq!(gateway.program.terminate(), Some(0));
    gateway.ends(3, &["campaign", "list"]);
}

#[test]
fn an_unknown_origin_ends_with_four_and_the_diagnosis() {
    let sim = listening(&["sim", "run", "--tserver", "127.0.0.1:0"], &[]);
    let short = [("COMMDN_LIMITS__ANSWER_MS", "150"), ("COMMDN_LIMITS__ANSWER_LIFE_MS", "200")];
    let words = ["serve", "--http", "127.0.0.1:0", "--tserver", &sim.tserver, "--origin", "299"];
    let gateway = listening(&words, &short);
    for words in
        [&["campaign", "load", "101", "732"][..], &["campaign", "status", "101", "732"], &["dnc", "add", "5551234"]]
    {
        let (code, stdout, stderr) = gateway.run(&[words, &["--timeout", "1s"]].concat());
        assert_eq!((code, stdout.as_str()), (4, ""), "{words:?}: {stderr}");
        assert!(stderr.contains("outbound_contact_server") && stderr.contains("Connections"), "{stderr}");
    }
}

#[test]
fn what_stops_ends_its_streams_and_exits_with_zero() {
    let mut demo = demo();
    let events = Program::start(command(&["events", "--url", &demo.url]));
    assert!(events.line().starts_with("snapshot"));
    let idle = TcpStream::connect(&demo.tserver).unwrap();
    assert_eq!(demo.program.terminate(), Some(0));
    drop(idle);
}

#[test]
fn garbage_at_the_tserver_port_disturbs_nobody() {
    let demo = demo();
    demo.ends(0, &["campaign", "load", "101", "732"]);
    let mut peers = Vec::new();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 4_096],
        &[0; 64],
        &[0x00, 0x00, 0x00, 0x10, 0x00],
        b"commdn-1\n",
        &[0x7f, 0xff, 0xff, 0xff, 0x00, 0x01],
    ] {
        let mut peer = TcpStream::connect(&demo.tserver).unwrap();
        // The peer may be cut off while it still writes.
        let _ = peer.write_all(bytes);
        peers.push(peer);
    }
    demo.ends(0, &["campaign", "start", "101", "732"]);
    drop(peers);
    assert_eq!(demo.ends(0, &["dnc", "add", "+420777888777"])["outcome"], "answered");
    assert_eq!(demo.ends(0, &["campaign", "status", "101", "732"])["status"], "running");
}
