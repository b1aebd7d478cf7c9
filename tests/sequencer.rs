//! A sequence of three steps in the running program, which is killed at every message that passes and after everything
//! that it writes down: what the OCSs are asked, and what they say, is that of a run that nobody disturbs.
#![cfg(feature = "app")]
#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use commdn::message::{CommDnMessage, GroupCampStatus};
use commdn::net::client::LinkEvent;
use commdn::net::driver::{AddpTrace, LinkSettings, start_link};
use commdn::net::registry::LinkDirectory;
use commdn::net::tls::install_provider;
use commdn::protocol::link::LinkConfig;
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::{Dialect, Reading};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

const GUARD: Duration = Duration::from_secs(90);
const DN: &str = "CommDN_1";

/// Two OCSs, two groups; a step ends so long after its start.
const THREE: &str = r#"
name = "three"

[[step]]
campaign = "renewals"
group = "team-a"
stop = { after = "300ms" }
sleep_before_next = "100ms"

[[step]]
campaign = "winback"
group = "team-b"
mode = "progressive"
stop = { after = "300ms" }

[[step]]
campaign = "survey"
group = "team-a"
optimize = { busy_factor = 70 }
stop = { after = "300ms" }
"#;

/// A process that tells where it listens; killed when the test is over, however it ends.
struct Program {
    child: Child,
    told: Value,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
            command.env_remove(name);
        }
        let limits = [("ANSWER", "2000"), ("ANSWER_LIFE", "3000"), ("DOUBLE_GAP", "500"), ("UNLOAD", "4000")];
        command.envs(limits.map(|(name, value)| (format!("COMMDN_LIMITS__{name}_MS"), value)));
        command.args(words).args(["--json", "--quiet", "--log", "error"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {error}: '{line}'"));
        Self { child, told }
    }

    fn serve(data: &Path, tserver: &str) -> Self {
        let data = data.display().to_string();
        Self::start(&["serve", "--http", "127.0.0.1:0", "--tserver", tserver, "--data", &data])
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.told["http"].as_str().unwrap())
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    fn kill_nine(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Hears all that passes on the CommDN: what changes a campaign, and what changed. Questions for the state are left out.
struct Observer {
    heard: mpsc::UnboundedReceiver<String>,
    _stop: DropGuard,
}

impl Observer {
    async fn start(tserver: &str) -> Self {
        let settings = LinkSettings {
            name: "observer".into(),
            primary: tserver.to_owned(),
            backup: None,
            link: LinkConfig::new("observer", &[DN]),
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls: None,
        };
        let stop = CancellationToken::new();
        let (handle, mut events) = start_link(settings, &LinkDirectory::new(), stop.clone());
        while events.recv().await.unwrap() != LinkEvent::Up(vec![DN.into()]) {}
        let (told, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let _handle = handle; // the link goes with it
            while let Some(event) = events.recv().await {
                let LinkEvent::UserEvent { user_data, .. } = event else { continue };
                let message =
                    CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Tolerant).unwrap().message;
                if let Some(line) = line(&message) {
                    let _ = told.send(line); // the test may have seen enough
                }
            }
        });
        Self { heard, _stop: stop.drop_guard() }
    }
}

fn line(message: &CommDnMessage) -> Option<String> {
    let (kind, pair) = (message.body.message_type(), message.body.pair()?);
    if matches!(kind.0, 12 | 24) {
        return None;
    }
    let status = message.body.pair_event().and_then(|event| event.status).map(|GroupCampStatus(status)| status);
    let dialing = message.body.request_kind().is_some().then(|| message.body.dialing());
    Some(format!("{kind} {}@{} {status:?} {dialing:?}", pair.campaign, pair.group))
}

/// A simulator of its own, and a gateway that may be killed.
struct Site {
    tserver: String,
    data: tempfile::TempDir,
    gateway: Option<Program>,
    observer: Observer,
    trace: Vec<String>,
    client: reqwest::Client,
    _simulator: Program,
}

impl Site {
    async fn start() -> Self {
        install_provider();
        let simulator = Program::start(&["sim", "run", "--tserver", "127.0.0.1:0"]);
        let tserver = simulator.told["tserver"].as_str().unwrap().to_owned();
        let observer = Observer::start(&tserver).await;
        let data = tempfile::tempdir().unwrap();
        let gateway = Some(Program::serve(data.path(), &tserver));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { tserver, data, gateway, observer, trace: Vec::new(), client, _simulator: simulator }
    }

    fn url(&self, path: &str) -> String {
        self.gateway.as_ref().unwrap().url(path)
    }

    async fn run(&self, file: &str) -> String {
        let request = self.client.post(self.url("/v1/sequences")).header("content-type", "application/toml");
        let response = request.body(file.to_owned()).send().await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn show(&self, id: &str) -> Value {
        self.client.get(self.url(&format!("/v1/sequences/{id}"))).send().await.unwrap().json().await.unwrap()
    }

    fn restart(&mut self) {
        self.gateway.take().unwrap().kill_nine();
        self.gateway = Some(Program::serve(self.data.path(), &self.tserver));
    }

    async fn next(&mut self) -> String {
        let Ok(line) = tokio::time::timeout(GUARD, self.observer.heard.recv()).await else {
            panic!("nothing passes any more after {:#?} {:#}", self.trace, self.show("q1").await);
        };
        let line = line.unwrap();
        self.trace.push(line.clone());
        line
    }

    /// Waits for the end; what passes meanwhile is part of the trace.
    async fn ended(&mut self, id: &str) -> Value {
        let ended = async {
            loop {
                let shown = self.show(id).await;
                if !shown["ended_at"].is_null() {
                    return shown;
                }
            }
        };
        let shown = tokio::time::timeout(GUARD, ended).await.expect("it does not end");
        while let Ok(line) = self.observer.heard.try_recv() {
            self.trace.push(line);
        }
        shown
    }
}

fn check(shown: &Value) {
    let results: Vec<&str> =
        shown["steps"].as_array().unwrap().iter().map(|step| step["result"].as_str().unwrap()).collect();
    assert_eq!((shown["state"].as_str().unwrap(), results), ("done", vec!["time"; 3]), "{shown:#}");
}

/// What a run leaves that nobody disturbs.
async fn undisturbed() -> Vec<String> {
    let mut site = Site::start().await;
    let id = site.run(THREE).await;
    check(&site.ended(&id).await);
    while site.trace.len() < 24 {
        site.next().await;
    }
    site.trace
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_killed_at_every_message_leaves_the_trace_of_one_that_is_not() {
    let wanted = undisturbed().await;
    let kinds = |kind: &str| wanted.iter().filter(|line| line.starts_with(kind)).count();
    assert_eq!((wanted.len(), kinds("CM_ReqStartDialing"), kinds("CM_EvCampaignUnloaded")), (24, 3, 3), "{wanted:#?}");

    let mut site = Site::start().await;
    let id = site.run(THREE).await;
    let mut kills = 0;
    while site.trace.len() < wanted.len() {
        site.next().await;
        site.restart();
        kills += 1;
    }
    let shown = site.ended(&id).await;
    println!("killed {kills} times");
    assert_eq!(site.trace, wanted);
    check(&shown);
    let log = shown["log"].as_array().unwrap();
    let starts = log.iter().filter(|entry| entry["what"] == "intent" && entry["act"] == "start").count();
    assert_eq!(starts, 3, "{shown:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_killed_after_everything_it_writes_leaves_the_trace_of_one_that_is_not() {
    let wanted = undisturbed().await;
    let mut site = Site::start().await;
    let id = site.run(THREE).await;
    let mut kills = 0;
    // From its boundaries on: each time it tells of something new, it is killed before it gets much further.
    loop {
        let mut events = site.client.get(site.url("/v1/events?filter=event%3Dsequence")).send().await.unwrap();
        if !site.show(&id).await["ended_at"].is_null() {
            break;
        }
        let news = async {
            let mut text = String::new();
            while !text.contains("event: sequence\n") {
                match events.chunk().await {
                    Ok(Some(part)) => text.push_str(&String::from_utf8_lossy(&part)),
                    _ => return,
                }
            }
        };
        let over = async { while site.show(&id).await["ended_at"].is_null() {} };
        let either = async {
            tokio::select! {
                () = news => false,
                () = over => true,
            }
        };
        let Ok(over) = tokio::time::timeout(GUARD, either).await else {
            panic!("nothing happens any more: {:#}", site.show(&id).await);
        };
        if over {
            break;
        }
        site.restart();
        kills += 1;
    }
    let shown = site.ended(&id).await;
    while site.trace.len() < wanted.len() {
        site.next().await;
    }
    println!("killed {kills} times");
    assert!(kills >= 12, "{kills}");
    assert_eq!(site.trace, wanted);
    check(&shown);
}
