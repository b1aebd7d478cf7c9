//! Row 9 of the speed targets: durable do-not-call acknowledgements beside the disk's own rate of synced batches.
//!
//! `cargo bench --bench journal`
//!
//! Ours: 64 callers, each commits one request and waits until it is on the disk. Peer: plain rusqlite, the same file
//! system and pragmas, statements prepared once, 64 rows of the same content in one transaction, in one table without a
//! second index. A second peer does the same durable work as the door: the same rows in the same tables with the same
//! indexes, without hashes, callers or channels. Turns are interleaved; what is compared are requests on the disk.
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use commdn::engine::{RequestNumber, RequestRecord};
use commdn::message::{AppDbid, Phone, RequestKind, Target};
use commdn::protocol::{UtcSeconds, UtcTime};
use commdn::store::sqlite::{Options, SqliteStore};
use commdn::store::{Accept, AuditRow, DncEntry, Store, Write};
use rusqlite::{Connection, ToSql};
use support::{median, process_cpu, version};

const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1_500);
const CALLERS: usize = 64;
const BODY: &[u8] = &[7; 180];

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on the disk");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store = SqliteStore::open(folder.path(), Options::default()).expect("a store");
    let peer = Peer::open(&folder.path().join("peer.sqlite"), PLAIN);
    let whole = Peer::open(&folder.path().join("whole.sqlite"), include_str!("../src/store/migrations/0001_store.sql"));
    let numbers = Arc::new(AtomicU64::new(1));
    let kinds: [(&str, Rows); 2] = [("request", request), ("request, evidence, audit", evidence)];

    println!(
        "durable acknowledgements of 64 callers beside synced batches of 64 rows (rusqlite {})",
        version("rusqlite")
    );
    println!(
        "medians of {ROUNDS} turns of {} ms; ratios of neighbouring turns; row 9: must >= 0.5, aim 0.8\n",
        TURN.as_millis()
    );
    let mut batches = Vec::new();
    let mut rows: [Vec<Turn>; 2] = Default::default();
    let mut ratios: [Vec<f64>; 2] = Default::default();
    let (mut wholes, mut to_whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (at, (_, make)) in kinds.iter().enumerate() {
            let beside = peer.turn(&numbers, &[REQUEST_PLAIN]);
            let ours = runtime.block_on(ours(&store, &numbers, *make));
            ratios[at].push(ours.rate / beside.rate);
            if at == 1 {
                let beside = whole.turn(&numbers, WHOLE);
                to_whole.push(ours.rate / beside.rate);
                wholes.push(beside);
            }
            rows[at].push(ours);
            batches.push(beside);
        }
    }
    let line = |name: &str, turns: &[Turn], ratio: Option<&[f64]>| {
        let rate = median(turns.iter().map(|turn| turn.rate).collect());
        let p50 = median(turns.iter().map(|turn| turn.p50.as_secs_f64() * 1e3).collect());
        let p99 = median(turns.iter().map(|turn| turn.p99.as_secs_f64() * 1e3).collect());
        let cpu = median(turns.iter().map(|turn| turn.cpu).collect());
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{:.2} x the disk", median(ratio.to_vec())));
        println!(
            "  {name:<28} {rate:>8.0} rows/s   p50 {p50:>7.2} ms   p99 {p99:>7.2} ms   {cpu:>5.1} us CPU a row   {ratio}"
        );
    };
    line("batches of 64 (a sync each)", &batches, None);
    line("the same with all rows", &wholes, None);
    for (at, (name, _)) in kinds.iter().enumerate() {
        line(name, &rows[at], Some(&ratios[at]));
    }
    println!("  request, evidence, audit / the same rows in batches of 64: {:.2}", median(to_whole));
    println!("  fdatasync of 4 KiB           p50 {:.2} ms", fdatasync(folder.path()).as_secs_f64() * 1e3);
    let stats = store.stats();
    println!(
        "\n  {} commits, {:.1} batches in each, the largest {}",
        stats.commits,
        stats.batches as f64 / stats.commits as f64,
        stats.largest
    );
}

struct Turn {
    rate: f64,
    p50: Duration,
    p99: Duration,
    /// CPU time of the whole process for a row, microseconds.
    cpu: f64,
}

fn turn(rows: usize, took: Duration, spent: Duration, mut each: Vec<Duration>) -> Turn {
    each.sort_unstable();
    let at = |part: usize| each.get(each.len() * part / 100).copied().unwrap_or_default();
    let cpu = spent.as_secs_f64() * 1e6 / rows as f64;
    Turn { rate: rows as f64 / took.as_secs_f64(), p50: at(50), p99: at(99), cpu }
}

type Rows = fn(u64) -> Vec<Write>;

fn at() -> UtcTime {
    UtcTime { seconds: UtcSeconds(1_800_000_000), micros: 1 }
}

fn request(number: u64) -> Vec<Write> {
    vec![Write::Accept(Box::new(Accept {
        record: RequestRecord {
            number: RequestNumber(number),
            kind: RequestKind::DoNotCall,
            pair: None,
            target: Target::Every,
            asked_by: "desk-1".into(),
            note: None,
            warnings: Vec::new(),
            accepted_at: at(),
            steps: Vec::new(),
            draining: false,
            ended: None,
        },
        body: Bytes::from_static(BODY),
        deadline: None,
        durable: true,
        key: None,
    }))]
}

fn evidence(number: u64) -> Vec<Write> {
    let phone = Phone::from(&*format!("+4207{number:08}"));
    let entry = DncEntry {
        request: RequestNumber(number),
        at: at(),
        who: "desk-1".into(),
        channel: "http".into(),
        raw: Some(phone.clone()),
        normalised: Some(phone.clone()),
        phone: Some(phone),
        customer: None,
        scope: Some("AllChain".into()),
        note: None,
        message: None,
        tenant: None,
        campaign: None,
        list: None,
        expires_at: None,
        expected: vec![AppDbid(301), AppDbid(302)],
    };
    let audit = AuditRow {
        at: at(),
        subject: "desk-1".into(),
        client: Some("127.0.0.1".into()),
        action: "dnc:add".into(),
        object: None,
        outcome: "accepted".into(),
        detail: None,
        request: Some(RequestNumber(number)),
    };
    let mut writes = request(number);
    writes.extend([Write::Dnc(Box::new(entry)), Write::Audit(Box::new(audit))]);
    writes
}

async fn ours(store: &SqliteStore, numbers: &Arc<AtomicU64>, make: Rows) -> Turn {
    let (started, spent) = (Instant::now(), process_cpu());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (store, numbers) = (store.clone(), Arc::clone(numbers));
            tokio::spawn(async move {
                let mut each = Vec::new();
                while started.elapsed() < TURN {
                    let asked = Instant::now();
                    store.commit(make(numbers.fetch_add(1, Ordering::Relaxed))).await.expect("it is kept");
                    each.push(asked.elapsed());
                }
                each
            })
        })
        .collect();
    let mut each = Vec::new();
    for caller in callers {
        each.extend(caller.await.expect("a caller"));
    }
    turn(each.len(), started.elapsed(), process_cpu() - spent, each)
}

/// What the disk itself takes for one sync.
fn fdatasync(folder: &Path) -> Duration {
    use std::io::Write as _;
    let mut file = std::fs::File::create(folder.join("plain")).expect("a file");
    let mut each: Vec<Duration> = (0..201)
        .map(|_| {
            file.write_all(&[7; 4_096]).expect("written");
            let asked = Instant::now();
            file.sync_data().expect("synced");
            asked.elapsed()
        })
        .collect();
    each.sort_unstable();
    each[each.len() / 2]
}

/// The one table of the bare peer.
const PLAIN: &str = "CREATE TABLE requests (number INTEGER PRIMARY KEY, kind INTEGER, target INTEGER, asked_by TEXT, \
     accepted_at INTEGER, durable INTEGER, body BLOB)";
const REQUEST_PLAIN: &str = "INSERT INTO requests VALUES (?1, 32, 0, 'desk-1', 1800000000000001, 1, ?2)";
/// What one do-not-call leaves in our tables; the hash stands in place of one that would be reckoned.
const WHOLE: &[&str] = &[
    "INSERT INTO requests (number, kind, target, asked_by, accepted_at, durable, body) \
     VALUES (?1, 32, 0, 'desk-1', 1800000000000001, 1, ?2)",
    "INSERT INTO dnc_evidence (at, event, request, who, channel, phone, raw, normalised, scope, expected, hash) VALUES \
     (1800000000000001, 'asked', ?1, 'desk-1', 'http', ?3, ?3, ?3, 'AllChain', '301,302', substr(?2, 1, 32))",
    "INSERT INTO dnc_deliveries (request, ocs) VALUES (?1, 301), (?1, 302)",
    "INSERT INTO gsw_donotcall_list (ocs, phone, is_internal, time_stamp) VALUES (0, ?3, 1, 1800000000)",
    "INSERT INTO audit (at, action, request, subject, client, outcome, hash) VALUES \
     (1800000000000001, 'dnc:add', ?1, 'desk-1', '127.0.0.1', 'accepted', substr(?2, 1, 32))",
];

struct Peer(Connection);

impl Peer {
    fn open(path: &Path, tables: &str) -> Self {
        let db = Connection::open(path).expect("a database");
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).expect("a write-ahead log");
        db.pragma_update(None, "synchronous", "full").expect("synced");
        db.execute_batch(tables).expect("its tables");
        Self(db)
    }

    fn turn(&self, numbers: &AtomicU64, inserts: &[&str]) -> Turn {
        let mut statements: Vec<_> = inserts.iter().map(|sql| self.0.prepare(sql).expect("a statement")).collect();
        let (started, spent, mut rows, mut each) = (Instant::now(), process_cpu(), 0, Vec::new());
        while started.elapsed() < TURN {
            let asked = Instant::now();
            self.0.execute_batch("BEGIN IMMEDIATE").expect("begun");
            for _ in 0..CALLERS {
                let number = numbers.fetch_add(1, Ordering::Relaxed).cast_signed();
                let phone = format!("+4207{number:08}");
                for statement in &mut statements {
                    let all: [&dyn ToSql; 3] = [&number, &BODY, &phone];
                    let wanted = statement.parameter_count();
                    // One that names the phone but not the body still counts the body's place.
                    statement.execute(&all[..wanted]).expect("a row");
                }
            }
            self.0.execute_batch("COMMIT").expect("on the disk");
            rows += CALLERS;
            each.push(asked.elapsed());
        }
        turn(rows, started.elapsed(), process_cpu() - spent, each)
    }
}
