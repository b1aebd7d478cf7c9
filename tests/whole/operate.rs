//! The program as a service manager and an operator handle it: notices, drain, doctor, ping, and a log without people.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Stdio};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{GUARD, Running, command, listening};
use crate::site::guard;

const SHORT: [(&str, &str); 2] = [("COMMDN_LIMITS__ANSWER_MS", "150"), ("COMMDN_LIMITS__ANSWER_LIFE_MS", "200")];

fn client() -> Client {
    commdn::net::tls::install_provider();
    Client::builder().no_proxy().build().unwrap()
}

fn simulator() -> Running {
    listening(&["sim", "run", "--tserver", "127.0.0.1:0"], &[])
}

fn gateway(sim: &Running, words: &[&str], variables: &[(&str, &str)]) -> Running {
    let serve = ["serve", "--http", "127.0.0.1:0", "--tserver", &sim.tserver];
    listening(&[&serve, words].concat(), variables)
}

#[test]
fn the_service_manager_hears_ready_the_pulse_and_stopping() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(GUARD)).unwrap();
    let hear = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).expect("a notice");
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let sim = simulator();
    let notify = path.to_str().unwrap();
    let mut gateway = gateway(&sim, &[], &[("NOTIFY_SOCKET", notify), ("WATCHDOG_USEC", "2000000")]);
    assert_eq!(hear(), "READY=1");
    assert_eq!([hear(), hear()], ["WATCHDOG=1", "WATCHDOG=1"], "the core goes round with nothing to do");
    gateway.program.signal();
    while hear() != "STOPPING=1" {}
    assert_eq!(gateway.program.ended(), Some(0));
}

/// A server that tells its status and whether it tells when to come back.
fn status(running: &Running, method: &str, path: &str) -> (u16, String) {
    let (url, method) = (format!("{}{path}", running.url), method.parse::<Method>().unwrap());
    let asked = async move {
        let answer = client().request(method, url).send().await.unwrap();
        let retry = answer.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), retry)
    };
    tokio::runtime::Runtime::new().unwrap().block_on(guard(asked))
}

#[test]
fn the_first_signal_drains_and_the_second_stops_at_once() {
    let sim = simulator();
    // An origin that OCS does not know: the request stays open.
    let slow = [("COMMDN_GATEWAY__DRAIN_MS", "3600000"), ("COMMDN_LIMITS__ANSWER_MS", "3600000")];
    let mut gateway = gateway(&sim, &["--origin", "299"], &slow);
    gateway.ends(0, &["campaign", "load", "101", "732", "--no-wait"]);
    gateway.program.signal();
    while status(&gateway, "GET", "/readyz").0 != 503 {}
    assert_eq!(status(&gateway, "POST", "/v1/campaigns/102/groups/733/load"), (503, "5".to_owned()));
    assert_eq!(status(&gateway, "GET", "/v1/requests").0, 200);
    let doctor = gateway.ends(10, &["doctor", "--timeout", "200ms"]);
    assert!(doctor["findings"].to_string().contains("told to stop"), "{doctor}");
    assert_eq!(gateway.program.terminate(), Some(130));
}

#[test]
fn a_drain_ends_with_the_last_open_request() {
    let sim = simulator();
    let patience = [("COMMDN_GATEWAY__DRAIN_MS", "3600000"), ("COMMDN_LIMITS__ANSWER_MS", "1000"), SHORT[1]];
    let mut gateway = gateway(&sim, &["--origin", "299"], &patience);
    // Open when the signal comes, unless the machine is very slow; it ends either way.
    gateway.run(&["campaign", "status", "101", "732", "--no-wait"]);
    assert_eq!(gateway.program.terminate(), Some(0));
}

fn finding<'a>(doctor: &'a Value, check: &str, verdict: &str) -> &'a Value {
    let mut all = doctor["findings"].as_array().unwrap().iter();
    let found = all.find(|it| it["check"] == check && it["verdict"] == verdict);
    found.unwrap_or_else(|| panic!("{check} {verdict}: {doctor}"))
}

#[test]
fn doctor_and_ping_find_a_site_in_order() {
    let demo = listening(&["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0"], &[]);
    let doctor = demo.ends(0, &["doctor"]);
    assert_eq!((&doctor["ok"], &doctor["warnings"]), (&json!(true), &json!(0)), "{doctor}");
    assert!(finding(&doctor, "ocs", "ok")["message"].as_str().unwrap().contains("answers"));
    let (code, stdout, _) = demo.run(&["doctor"]);
    assert!(code == 0 && stdout.ends_with("errors 0, warnings 0\n"), "{stdout}");
    let ping = demo.ends(0, &["ping", "--count", "3"]);
    let trips = ping["trips"].as_array().unwrap();
    assert_eq!(trips.iter().map(|it| it["answered"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 3, 3], "{ping}");
    let ping = demo.ends(0, &["ping", "Renewals", "Team A", "--count", "1"]);
    assert_eq!((&ping["trips"][1]["to"], &ping["trips"][1]["lost"]), (&json!("OCS 301"), &json!(0)));
}

#[test]
fn doctor_tells_an_unknown_origin_from_an_ocs_that_was_never_heard() {
    let sim = simulator();
    let stranger = gateway(&sim, &["--origin", "299"], &SHORT);
    let doctor = stranger.ends(10, &["doctor"]);
    let silent = finding(&doctor, "ocs", "error");
    assert!(silent["hint"].as_str().unwrap().contains("outbound_contact_server"), "{silent}");
    assert!(finding(&doctor, "origin", "warning")["message"].as_str().unwrap().starts_with("1 application"));
    let known = gateway(&sim, &[], &[]);
    known.ends(0, &["dnc", "add", "+420777888777"]);
    let doctor = stranger.ends(10, &["doctor"]);
    let unknown = finding(&doctor, "ocs", "error");
    assert!(unknown["hint"].as_str().unwrap().starts_with("unknown origin"), "{doctor}");
    stranger.ends(4, &["ping", "--count", "1"]);
}

#[test]
fn doctor_finds_a_dn_that_cannot_be_registered_and_a_tserver_that_is_not_there() {
    let sim = simulator();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("commdn.toml");
    let text = "[origin]\npool = [201, 202, 203, 204, 205, 206, 207, 208]\n[[tserver]]\nname = \"ts\"\nprimary = \"h:1\"\n\
        [[dn]]\nname = \"NoSuchDN\"\ntserver = \"ts\"\noutbound_contact_server = \"true\"\n\
        [[ocs]]\ndbid = 301\nname = \"A\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let wrong = gateway(&sim, &["--config", file], &[]);
    let refused = loop {
        let doctor = wrong.ends(10, &["doctor", "--config", file]);
        if doctor["findings"].as_array().unwrap().iter().any(|it| it["check"] == "dn") {
            break doctor;
        }
    };
    assert!(finding(&refused, "dn", "error")["message"].as_str().unwrap().contains("'NoSuchDN'"), "{refused}");
    drop(sim);
    let doctor = loop {
        let doctor = wrong.ends(10, &["doctor"]);
        if doctor["findings"].as_array().unwrap().iter().any(|it| it["check"] == "link") {
            break doctor;
        }
    };
    assert!(finding(&doctor, "link", "error")["hint"].as_str().unwrap().contains("primary"), "{doctor}");
    drop(wrong.program);
    let gone = Running { program: simulator().program, url: wrong.url, tserver: String::new() };
    gone.ends(3, &["doctor"]);
}

/// A process whose log goes to a file.
struct Logged {
    child: Child,
    log: std::path::PathBuf,
    told: Value,
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Logged {
    fn start(words: &[&str], variables: &[(&str, &str)], folder: &Path, name: &str) -> Self {
        use std::io::{BufRead, BufReader};
        let log = folder.join(name);
        let mut command = command(words);
        command.arg("--json").envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(&log).unwrap()));
        Self { child, log, told }
    }

    /// Stops it; what it logged.
    fn stop(mut self) -> String {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// Numbers of twelve digits that nobody else uses.
struct Canaries {
    state: u64,
    all: Vec<String>,
}

impl Canaries {
    fn next(&mut self) -> String {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.all.push(format!("{}", 100_000_000_000 + self.state % 900_000_000_000));
        self.all.last().unwrap().clone()
    }

    fn check(&self, what: &str, text: &str) {
        for number in &self.all {
            if let Some(at) = text.find(number.as_str()) {
                let (from, to) = (text[..at].rfind('\n').map_or(0, |at| at + 1), text[at..].find('\n'));
                panic!("{number} stands in {what}: {}", &text[from..to.map_or(text.len(), |to| at + to)]);
            }
        }
    }
}

/// One of the ways that a number can come in.
async fn give(client: &Client, url: &str, way: usize, number: &str) -> Response {
    let post = |path: &str, body: Value| client.post(format!("{url}{path}")).json(&body);
    let raw = |path: &str, body: String| {
        client.post(format!("{url}{path}")).header("content-type", "application/json").body(body)
    };
    let get = |path: String| client.get(format!("{url}{path}"));
    let phone = format!("+{number}");
    let request = match way {
        0 => post("/v1/dnc", json!({"phone": phone})),
        1 => post("/v1/dnc?wait=0", json!({"phone": number, "customer_id": format!("C{number}x")})),
        2 => post("/v1/dnc", json!({"customer_id": number, "ocs": 302})),
        3 => post("/v1/records/cancel", json!({"phone": phone, "scope": "record_only"})),
        4 => post("/v1/records/cancel", json!({"phone": number, "customer_id": number, "campaign": "Renewals"})),
        5 => post("/v1/records/cancel", json!({"phone": "1", "campaign": number})),
        6 => post("/v1/dnc", json!({"phone": phone, "scope": phone})),
        7 => post("/v1/dnc", json!({"phone": phone, "ocs": number})),
        8 => raw("/v1/dnc", format!("{{\"phone\":{number}}}")),
        9 => raw("/v1/dnc", format!("{{\"{number}\":1}}")),
        10 => raw("/v1/dnc", format!("{{\"phone\":\"{number}")),
        11 => client.post(format!("{url}/v1/dnc")).header("content-type", number).body(phone),
        12 => get(format!("/v1/requests/{number}")),
        13 => get(format!("/v1/requests?after={phone}")),
        14 => get(format!("/v1/nothing/{phone}")),
        15 => get(format!("/v1/tap?filter={number}")),
        16 => client.put(format!("{url}/v1/requests/{number}")),
        17 => client.post(format!("{url}/v1/campaigns/{number}/groups/{number}/load")),
        18 => post(&format!("/v1/dnc?wait={number}"), json!({"phone": "1"})),
        19 => post("/v1/send?wait=30ms", {
            json!({"origin": 299, "target": 301, "message": format!("CM_ReqDoNotCall dnc.phone={phone} dnc.scope=AllChain")})
        }),
        20 => post("/v1/send", json!({"origin": 299, "target": 301, "message": format!("CM_ReqDoNotCall {number}")})),
        21 => get("/v1/links".to_owned()).header("x-request-id", number).header("host", number),
        _ => get(format!("/v1/campaigns?after={number}&limit={number}")),
    };
    request.header("x-request-id", number).send().await.unwrap()
}

/// Ways of [`give`], and how many numbers go them.
const WAYS: usize = 23;
const NUMBERS: usize = 1_000;

#[tokio::test]
#[allow(clippy::print_stdout)] // a seed must be told
async fn a_thousand_numbers_go_in_and_none_comes_out_in_log_metric_error_or_tap() {
    let folder = TempDir::new().unwrap();
    let seed = RandomState::new().hash_one(0_u8) | 1;
    println!("seed {seed}");
    let mut canaries = Canaries { state: seed, all: Vec::new() };
    // At debug, which is more than the promise: nothing at info and above.
    let sim = Logged::start(&["sim", "run", "--tserver", "127.0.0.1:0", "--log", "debug"], &[], folder.path(), "sim");
    let tserver = sim.told["tserver"].as_str().unwrap();
    let words = ["serve", "--http", "127.0.0.1:0", "--tserver", tserver, "--log", "debug"];
    let gateway = Logged::start(&words, &[("COMMDN_TELEMETRY__FORMAT", "json")], folder.path(), "gateway");
    let url = format!("http://{}", gateway.told["http"].as_str().unwrap());
    let client = client();
    let (mut tap, mut events) = (String::new(), String::new());
    let mut streams = Vec::new();
    for path in ["/v1/tap", "/v1/events"] {
        streams.push(client.get(format!("{url}{path}")).send().await.unwrap());
    }
    let mut by_status = std::collections::BTreeMap::new();
    let mut accepted = Vec::new();
    for at in 0..NUMBERS {
        let number = canaries.next();
        let answer = guard(give(&client, &url, at % WAYS, &number)).await;
        let status = answer.status().as_u16();
        *by_status.entry(status).or_insert(0) += 1;
        let headers = format!("{:?}", answer.headers());
        canaries.check("headers", &headers);
        if at % WAYS == 15 && status == 200 {
            continue; // a stream
        }
        let text = guard(answer.text()).await.unwrap();
        if status >= 400 {
            canaries.check("an error body", &text);
        } else if let Some(id) = serde_json::from_str::<Value>(&text).unwrap_or_default()["request_id"].as_str() {
            accepted.push(id.to_owned());
        }
    }
    println!("answers by status: {by_status:?}");
    assert!(by_status[&200] >= 150 && by_status[&422] >= 200 && by_status[&404] >= 100, "{by_status:?}");
    assert!(accepted.len() >= 150);
    for id in accepted.iter().step_by(7) {
        let explained = guard(client.get(format!("{url}/v1/requests/{id}/explain")).send()).await.unwrap();
        canaries.check("an explanation", &guard(explained.text()).await.unwrap());
    }
    let metrics = guard(client.get(format!("{url}/metrics")).send()).await.unwrap();
    canaries.check("the metrics", &guard(metrics.text()).await.unwrap());
    let log = gateway.stop();
    for (stream, text) in streams.iter_mut().zip([&mut tap, &mut events]) {
        while let Ok(Some(part)) = guard(stream.chunk()).await {
            text.push_str(&String::from_utf8_lossy(&part));
        }
    }
    assert!(tap.matches("event: tap").count() >= 400 && events.matches("event: request").count() >= 400);
    canaries.check("the tap", &tap);
    canaries.check("the events", &events);
    canaries.check("the gateway's log", &log);
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended = lines.iter().filter(|line| line["message"] == "ended" && line["request"].is_string());
    assert!(ended.count() >= accepted.len(), "one line for each request");
    let named = |line: &&Value| line["message"] == "answered" && line["span"]["request"].is_string();
    assert!(lines.iter().filter(named).count() >= accepted.len(), "the door's lines name the request too");
    canaries.check("the simulator's log", &sim.stop());
}

#[test]
fn the_words_of_the_program_are_printed_for_shells_and_readers() {
    let run = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(words);
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["completion", "bash"], &[]).contains("complete -F _commdn"));
    assert!(run(&["man"], &[]).contains(".TH commdn 1"));
    let shown = run(&["config", "show"], &[("COMMDN_LIMITS__ANSWER_MS", "777")]);
    assert!(shown.contains("answer_ms = 777") && shown.contains("pool = ["), "{shown}");
    let shown: Value = serde_json::from_str(&run(&["config", "show", "--json"], &[])).unwrap();
    assert_eq!((&shown["schema"], &shown["telemetry"]["format"]), (&json!("commdn.config.v1"), &json!("text")));
}
