//! What was acknowledged is kept: the running program is killed again and again while 64 clients post do-not-calls.
//! 25 cycles, or as many as `COMMDN_KILL_SECONDS` has room for; `COMMDN_KILL_SEED` repeats the moments of a run.
#![cfg(feature = "app")]
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use commdn::net::tls::install_provider;
use commdn::store::sqlite::Options;
use commdn::store::{DncQuery, SqliteStore, Store};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
const CYCLES: u64 = 25;
/// Acknowledgements of a cycle after which the program is killed: fewer than this, at random.
const ACKNOWLEDGED_MAX: u64 = 160;
const GUARD: Duration = Duration::from_secs(120);

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
        let limits = [("ANSWER", "2000"), ("ANSWER_LIFE", "3000"), ("DOUBLE_GAP", "500")];
        command.envs(limits.map(|(name, value)| (format!("COMMDN_LIMITS__{name}_MS"), value)));
        command.args(words).args(["--json", "--quiet", "--log", "error"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {error}: '{line}'"));
        Self { child, told }
    }

    fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap()
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    fn kill_nine(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn serve(data: &Path, tserver: &str) -> Self {
        let data = data.display().to_string();
        Self::start(&["serve", "--http", "127.0.0.1:0", "--tserver", tserver, "--data", &data])
    }
}

/// What clients know.
#[derive(Default)]
struct Known {
    posted: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
    refused: Mutex<BTreeSet<String>>,
    next: AtomicU64,
    /// Acknowledgements of this cycle.
    now: AtomicU64,
}

/// Posts until the connection breaks.
async fn post(client: reqwest::Client, url: String, known: Arc<Known>, told: Arc<tokio::sync::Notify>) {
    loop {
        let number = known.next.fetch_add(1, Ordering::Relaxed);
        let phone = format!("+4207{number:08}");
        known.posted.lock().unwrap().insert(phone.clone());
        // Half of them wait for the outcome.
        let wait = if number.is_multiple_of(2) { "?wait=0" } else { "" };
        let request = client.post(format!("{url}/v1/dnc{wait}")).json(&json!({"phone": phone}));
        let Ok(response) = request.send().await else { return };
        match response.status().as_u16() {
            200 | 202 => {
                known.acknowledged.lock().unwrap().insert(phone);
                known.now.fetch_add(1, Ordering::Relaxed);
                told.notify_one();
            }
            // Told after the time for an answer that it was taken; the request lives on.
            504 => {
                known.acknowledged.lock().unwrap().insert(phone);
            }
            status => {
                assert!([429, 503].contains(&status), "{status}");
                known.refused.lock().unwrap().insert(phone);
            }
        }
    }
}

/// A small generator: a run is repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_nine_at_any_moment() {
    install_provider();
    let seed = number("COMMDN_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) | 1);
    println!("seed: COMMDN_KILL_SEED={seed}");
    let until = number("COMMDN_KILL_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut dice = Dice(seed.max(1));
    let data = tempfile::tempdir().unwrap();
    let simulator = Program::start(&["sim", "run", "--tserver", "127.0.0.1:0"]);
    let tserver = simulator.told("tserver").to_owned();
    let known = Arc::new(Known::default());
    let mut cycles = 0;
    while until.map_or(cycles < CYCLES, |until| Instant::now() < until) {
        cycles += 1;
        known.now.store(0, Ordering::Relaxed);
        let gateway = Program::serve(data.path(), &tserver);
        let url = format!("http://{}", gateway.told("http"));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let told = Arc::new(tokio::sync::Notify::new());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(post(client.clone(), url.clone(), Arc::clone(&known), Arc::clone(&told)));
        }
        let last = dice.below(ACKNOWLEDGED_MAX);
        let enough = async {
            while known.now.load(Ordering::Relaxed) < last {
                told.notified().await;
            }
        };
        tokio::time::timeout(GUARD, enough).await.expect("nothing is acknowledged");
        gateway.kill_nine();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }

    let gateway = Program::serve(data.path(), &tserver);
    let url = format!("http://{}/v1/requests?state=open&limit=1", gateway.told("http"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let settled = async {
        while !client.get(&url).send().await.unwrap().json::<Value>().await.unwrap()["items"]
            .as_array()
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, settled).await.expect("requests stay open");
    gateway.kill_nine();

    let store = SqliteStore::open(data.path(), Options::default()).unwrap();
    let (mut confirmed, mut listed, mut after) = (BTreeSet::new(), BTreeSet::new(), None);
    loop {
        let page = store.dnc_entries(DncQuery { after, ..DncQuery::default() }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.entry.request);
        for evidence in &page {
            let phone = evidence.entry.phone.as_ref().unwrap().reveal().to_string();
            if evidence.is_confirmed() {
                confirmed.insert(phone.clone());
            }
            listed.insert(phone);
        }
    }
    let check = store.check().await.unwrap();
    assert!(check.is_whole(), "{check:?}");
    let (posted, refused) = (known.posted.lock().unwrap(), known.refused.lock().unwrap());
    let acknowledged = known.acknowledged.lock().unwrap();
    let lost = acknowledged.difference(&confirmed).count();
    let ghost = listed.difference(&posted).count() + listed.intersection(&refused).count();
    println!("kill -9: cycles={cycles} acknowledged={} lost={lost} ghost={ghost}", acknowledged.len());
    assert!(!acknowledged.is_empty());
    assert_eq!((lost, ghost), (0, 0));
    drop(simulator);
}
