//! `commdn contacts` as its users run it: with a store of its own, and with a gateway; and killed at any moment.
//! `COMMDN_IMPORT_KILLS` kills (10) of imports of `COMMDN_IMPORT_ROWS` rows (20,000); `COMMDN_KILL_SEED` repeats a run.
#![cfg(feature = "app")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use commdn::contact::Contact;
use commdn::engine::ocs::Record;
use commdn::message::Phone;
use commdn::protocol::UtcSeconds;
use commdn::store::contacts::StoredContact;
use commdn::store::sqlite::Options;
use commdn::store::{ListedDnc, SqliteStore, Store, Write};
use serde_json::Value;

/// The program without the settings of whoever runs the tests.
fn program(words: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a run came to.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}

/// A folder, and where contacts are kept: in a store of it, or behind a gateway.
struct World {
    folder: tempfile::TempDir,
    gateway: Option<(Child, String)>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.gateway {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl World {
    fn with_data() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), gateway: None }
    }

    fn with_gateway() -> Self {
        let words =
            ["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0", "--json", "--quiet", "--log", "error"];
        let mut child = program(&words).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = format!("http://{}", told["http"].as_str().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), gateway: Some((child, url)) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.name(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let data = self.name("data");
        let place = match &self.gateway {
            Some((_, url)) => ["--url", url.as_str()],
            None => ["--data", data.as_str()],
        };
        let mut command = program(&[&["contacts"], words].concat());
        command.args(place).current_dir(self.folder.path());
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().unwrap())
    }
}

/// Both places: verbs must not differ.
fn worlds() -> [World; 2] {
    [World::with_data(), World::with_gateway()]
}

/// 100 rows, 3 of them bad.
fn hundred() -> String {
    let mut text = "id,name,phone\n".to_owned();
    for row in 1..=100 {
        let phone = if matches!(row, 7 | 50 | 93) { "none".to_owned() } else { format!("+42077700{row:04}") };
        text.push_str(&format!("c{row},Name {row},{phone}\n"));
    }
    text
}

const MAPPED: [&str; 4] = ["--id-column", "id", "--phone-column", "phone:cell"];

fn counts(document: &Value, names: [&str; 4]) -> [u64; 4] {
    let counts = &document["counts"];
    let law = ["before_start", "created", "updated", "unchanged", "skipped", "deleted", "failed", "not_reached"];
    let sum: u64 = law.iter().map(|name| counts[name].as_u64().unwrap()).sum();
    assert_eq!(counts["records"], sum, "the law of counts: {document}");
    names.map(|name| counts[name].as_u64().unwrap())
}

#[test]
fn n1_a_dry_run_a_run_and_a_run_again_agree_and_rejects_load_after_repair() {
    for world in worlds() {
        let file = world.file("n1.csv", hundred());
        let words = [&["import", &file, "--list", "N", "--create", "--json"][..], &MAPPED].concat();
        let names = ["created", "unchanged", "failed", "records"];
        let dry = world.run(&[&words[..], &["--dry-run"]].concat()).with(6).json();
        assert_eq!(counts(&dry, names), [97, 0, 3, 100]);
        let lists = world.run(&["lists", "--json"]).with(0).json();
        let names_of = lists["items"].as_array().unwrap().iter().map(|list| &list["name"]);
        assert!(names_of.into_iter().all(|name| name != "N"), "nothing is stored: {lists}");
        let first = world.run(&words).with(6).json();
        assert_eq!(counts(&first, names), [97, 0, 3, 100]);
        assert_eq!(first["counts"], dry["counts"]);
        let again = world.run(&words).with(6).json();
        assert_eq!(counts(&again, names), [0, 97, 3, 100]);
        assert_eq!(world.run(&[&words[..], &["--allow-rejects"]].concat()).with(0).json()["exit"], 0);

        let (outcome, reject) = (world.text("n1.csv.outcome.csv"), world.text("n1.csv.reject.csv"));
        assert_eq!((outcome.lines().count(), reject.lines().count()), (101, 4), "{reject}");
        assert!(outcome.starts_with("record,line,key,outcome,contact_id,code,column,message\n"), "{outcome}");
        let repaired = reject.replace(",none,", ",+420777123456,");
        let repaired = world.file("repaired.csv", repaired);
        let words = [&["import", &repaired, "--list", "N", "--json"][..], &MAPPED].concat();
        assert_eq!(counts(&world.run(&words).with(0).json(), names), [3, 0, 0, 3]);
        #[cfg(unix)]
        for name in ["n1.csv.outcome.csv", "n1.csv.reject.csv"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(world.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}

#[test]
fn n3_encoding_delimiter_and_the_line_of_a_short_record_are_named() {
    for world in worlds() {
        let text = "\u{feff}id;name;phone\r\n1;Ann;+420777000001\r\n2;\"Bo\r\nby\";+420777000002\r\n3;Cy\r\n";
        let file = world.file("n3.csv", text);
        let words = [&["import", &file, "--list", "N", "--create", "--json", "--summary", "n3.json"][..], &MAPPED];
        let ran = world.run(&words.concat()).with(6).json();
        assert_eq!((ran["encoding"].as_str(), ran["delimiter"].as_str()), (Some("UTF-8"), Some(";")), "{ran}");
        assert_eq!(counts(&ran, ["created", "failed", "warnings", "records"]), [2, 1, 0, 3]);
        let outcome = world.text("n3.csv.outcome.csv");
        let row = outcome.lines().last().unwrap();
        assert!(row.starts_with("3,5,") && row.contains(",failed,") && row.contains(",ragged,"), "{outcome}");
        let summary: Value = serde_json::from_str(&world.text("n3.json")).unwrap();
        assert_eq!((&summary["exit"], &summary["counts"]), (&Value::from(6), &ran["counts"]));
        let seen = world.run(&["preview", &file, "--json"]).with(0).json();
        assert_eq!((seen["encoding"].as_str(), seen["delimiter"].as_str()), (Some("UTF-8"), Some(";")), "{seen}");
        assert_eq!(seen["columns"][2]["type"], "phone");
    }
}

#[test]
fn n4_cells_that_a_spreadsheet_would_run_are_marked_and_come_back() {
    for world in worlds() {
        let file = world.file("n4.csv", "id,a,b,phone\n1,=1+1,-x,+420777888777\n");
        world.run(&[&["import", &file, "--list", "N", "--create"][..], &MAPPED].concat()).with(0);
        let export = world.run(&["export", "--list", "N"]).with(0).stdout;
        let row = export.lines().nth(1).unwrap();
        assert_eq!(row, "1,\"'=1+1\",\"'-x\",+420777888777,1");
        let raw = world.run(&["export", "--list", "N", "--raw", "--json"]).with(0).json();
        assert_eq!((raw["a"].as_str(), raw["b"].as_str()), (Some("=1+1"), Some("-x")));
        let back = world.file("back.csv", &export);
        let mapped =
            ["--id-column", "inin-outbound-id", "--callable-column", "ContactCallable", "--from-export", "--json"];
        let ran = world.run(&[&["import", &back, "--list", "N"][..], &mapped].concat()).with(0).json();
        assert_eq!(counts(&ran, ["unchanged", "updated", "failed", "records"]), [1, 0, 0, 1]);
    }
}

#[test]
fn every_verb_says_json_and_ends_with_its_code() {
    for world in worlds() {
        let file = world.file("all.csv", hundred());
        let json = |words: &[&str], code| world.run(&[words, &["--json"]].concat()).with(code).json();
        let made = json(&["create", "L", "--columns", "name,phone", "--phone-column", "phone:cell"], 0);
        assert_eq!((made["schema"].as_str(), made["version"].as_i64()), (Some("commdn.list.v1"), Some(1)));
        assert_eq!(world.run(&["create", "L", "--columns", "name"]).code, 9, "the name is taken");
        let saved = json(&["presets", "save", "p", "--id-column", "id", "--phone-policy", "warn"], 0);
        assert_eq!(saved["settings"]["match"][0], "id");
        assert_eq!(json(&["presets", "save", "p", "--id-column", "id"], 0)["version"], 2);
        assert_eq!(json(&["presets", "list"], 0)["items"][0]["name"], "p");
        assert_eq!(json(&["presets", "show", "p"], 0)["settings"]["phone_policy"], "require");
        let done = json(&["import", &file, "--list", "L", "--profile", "p"], 6);
        assert_eq!(done["schema"], "commdn.contacts_summary.v1");
        let id = done["job"].as_str().unwrap().to_owned();
        assert_eq!(json(&["lists"], 0)["items"][0]["size"], 97);
        assert_eq!(json(&["jobs"], 0)["items"][0]["id"], id.as_str());
        assert_eq!(json(&["jobs", &id], 0)["state"], "completed");
        assert_eq!(world.run(&["jobs", &id, "--continue"]).code, 9, "it has ended");
        assert_eq!(world.run(&["jobs", &id, "--retry"]).code, 9);
        assert_eq!(world.run(&["jobs", &id, "--cancel"]).code, 9);
        let exported = json(&["export", "--list", "L", "-o", "copy.csv"], 0);
        assert_eq!(exported["bytes"].as_u64().unwrap(), fs::metadata(world.path("copy.csv")).unwrap().len());
        assert_eq!(world.run(&["export", "--list", "L", "-o", "copy.csv"]).code, 2, "never over a file");

        let ids = world.file("ids.csv", "id\nc1\nc2\nnobody\n");
        assert_eq!(world.run(&["delete", &ids, "--list", "L", "--id-column", "id"]).code, 2, "nobody has confirmed");
        let gone = json(&["delete", &ids, "--list", "L", "--id-column", "id", "--yes"], 6);
        assert_eq!(counts(&gone, ["deleted", "failed", "created", "records"]), [2, 1, 0, 3]);
        let undone = json(&["undo", gone["job"].as_str().unwrap(), "--yes"], 0);
        assert_eq!(undone["undone"]["restored"], 2);

        let words = ["import", &file, "--list", "L", "--profile", "p", "--max-errors", "1"];
        assert_eq!(world.run(&words).code, 10, "too many errors, nothing is written");
        assert_eq!(world.run(&["import", &file, "--list", "L", "--profile", "p", "--atomic"]).code, 10);
        assert_eq!(world.run(&["import", &file, "--list", "nowhere"]).code, 8);
        assert_eq!(world.run(&["import", &file, "--list", "L", "--profile", "nobody's"]).code, 8);
        assert_eq!(world.run(&["import", "no-such-file", "--list", "L"]).code, 2);
        assert_eq!(world.run(&["import", &file, "--list", "L", "--id-column", "nowhere"]).code, 2);
        assert_eq!(world.run(&["import", &world.file("empty.csv", ""), "--list", "L"]).code, 2);
        assert_eq!(world.run(&["jobs", "00000000-0000-4000-8000-000000000000"]).code, 8);
        assert_eq!(world.run(&["resume", "00000000-0000-4000-8000-000000000000"]).code, 8);

        assert_eq!(world.run(&["clear", "--list", "L"]).code, 2, "nobody has confirmed");
        let cleared = json(&["clear", "--list", "L", "--backup", "backup.csv", "--yes"], 0);
        assert_eq!((cleared["deleted"].as_u64(), world.text("backup.csv").lines().count()), (Some(97), 98));
        assert_eq!(json(&["jobs"], 0)["items"][0]["kind"], "clear");
        let back = json(&["undo", cleared["job"].as_str().unwrap(), "--yes"], 0);
        assert_eq!(
            (back["undone"]["restored"].as_u64(), &json(&["lists"], 0)["items"][0]["size"]),
            (Some(97), &97.into())
        );
        assert_eq!(json(&["presets", "delete", "p"], 0)["name"], "p");
        assert_eq!(world.run(&["presets", "show", "p"]).code, 8);
    }
}

#[test]
fn presets_of_the_systems_are_shown_used_and_copied_and_never_changed() {
    for world in worlds() {
        let json = |words: &[&str], code| world.run(&[words, &["--json"]].concat()).with(code).json();
        let all = json(&["presets", "list"], 0);
        let names: Vec<_> = all["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["genesys-cloud", "external-contacts", "external-contacts-classic", "ucs", "jtel"]);
        let classic = json(&["presets", "show", "external-contacts-classic"], 0);
        let settings = &classic["settings"];
        assert_eq!((&classic["kind"], &settings["system"]), (&Value::from("preset"), &Value::from("classic")));
        assert_eq!((&settings["default_country"], &settings["empty"]), (&Value::from("US"), &Value::from("clear")));
        assert_eq!(world.run(&["presets", "delete", "ucs"]).code, 9);
        assert_eq!(world.run(&["presets", "save", "jtel", "--empty", "keep"]).code, 9);
        let mine = json(&["presets", "save", "mine", "--profile", "jtel", "--phone-policy", "asis"], 0);
        let settings = &mine["settings"];
        assert_eq!((&settings["empty"], &settings["trim"]), (&Value::from("clear"), &Value::from(false)));
        assert_eq!((&settings["system"], &settings["phone_policy"]), (&Value::from("jtel"), &Value::from("asis")));

        let file = world.file(
            "old.csv",
            "Contact Id,Contact First Name,Contact Last Name,Contact Work Phone\n7,Ann,Lee,(202) 555-0143\n",
        );
        let words = ["import", &file, "--list", "O", "--create", "--profile", "external-contacts-classic"];
        assert_eq!(counts(&json(&words, 0), ["created", "warnings", "failed", "records"]), [1, 0, 0, 1]);
        assert!(world.run(&["export", "--list", "O"]).with(0).stdout.contains(",Ann,Lee,(202) 555-0143,1"));
        let file = world.file("a.csv", "id,name,phone\n1, Ann ,+420777000001\n");
        let words = ["import", &file, "--list", "A", "--create", "--profile", "genesys-cloud", "--id-column", "id"];
        let words = [&words[..], &["--phone-column", "phone:cell"]].concat();
        assert_eq!(counts(&json(&words, 0), ["created", "failed", "updated", "records"]), [1, 0, 0, 1]);
        assert_eq!(
            counts(&json(&words, 0), ["unchanged", "failed", "created", "records"]),
            [1, 0, 0, 1],
            "found by its id"
        );
        let bad = world.file("bad.csv", "contact id\n7\n");
        let ran = world.run(&["import", &bad, "--list", "O", "--profile", "external-contacts-classic"]).with(2);
        assert!(ran.stderr.contains("Contact Id"), "{}", ran.stderr);
    }
}

#[test]
fn a_file_comes_from_stdin_and_nothing_of_it_stays() {
    for world in worlds() {
        let words = [&["import", "-", "--list", "N", "--create", "--json"][..], &MAPPED].concat();
        let mut child = world.command(&words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(hundred().as_bytes()).unwrap();
        let ran = Ran::of(child.wait_with_output().unwrap()).with(6).json();
        assert_eq!(counts(&ran, ["created", "failed", "updated", "records"]), [97, 3, 0, 100]);
        assert_eq!(world.text("stdin.outcome.csv").lines().count(), 101);
        let uploads = world.path("data/imports/uploads");
        assert!(!uploads.exists() || fs::read_dir(uploads).unwrap().next().is_none());
    }
}

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// Repeats, updates, bad phones, chains of three, phones that must not be called.
fn rows(count: u64) -> String {
    let mut text = "id,name,home,work,cell\n".to_owned();
    for row in 0..count {
        let id = if row % 50 == 49 { row - 20 } else { row };
        let home = if row % 97 == 5 { "none".to_owned() } else { format!("+420777{row:06}") };
        let work = if row % 31 == 0 { format!("+420601{row:06}") } else { String::new() };
        let cell = if row % 31 == 0 { "+420777000001" } else { "" };
        text.push_str(&format!("c{id},\"Name, {row}\",{home},{work},{cell}\n"));
    }
    text
}

const CHAINS: [&str; 11] = [
    "--list",
    "K",
    "--create",
    "--id-column",
    "id",
    "--phone-column",
    "home:home",
    "--phone-column",
    "work:work",
    "--phone-column",
    "cell:cell",
];

/// What must be equal whatever happened on the way.
#[derive(Debug, PartialEq)]
struct Left {
    contacts: Vec<Contact>,
    records: Vec<Record>,
    counts: Value,
    outcome: Vec<u8>,
    reject: Vec<u8>,
}

fn open(world: &World) -> SqliteStore {
    SqliteStore::open(&world.path("data"), Options::default()).unwrap()
}

/// A store in which some phones must not be called.
fn prepare(world: &World, runtime: &tokio::runtime::Runtime) {
    let store = open(world);
    let listed = |phone: &str| {
        Write::OcsDnc(ListedDnc {
            ocs: None,
            phone: Some(Phone::from(phone)),
            customer: None,
            message: None,
            tenant: None,
            campaign: None,
            list: None,
            at: UtcSeconds(1_800_000_000),
            expires_at: None,
        })
    };
    runtime.block_on(store.commit(vec![listed("+420777000001"), listed("+420777000400")])).unwrap();
    runtime.block_on(store.close()).unwrap();
}

fn left(world: &World, runtime: &tokio::runtime::Runtime) -> Left {
    let store = open(world);
    let (contacts, records) = runtime.block_on(async {
        let contacts = store.contacts().contacts_after(None, 0, 0).await.unwrap();
        (contacts, store.records("K", None, 0).await.unwrap())
    });
    runtime.block_on(store.close()).unwrap();
    // Only times, and the number of the job, may differ.
    let shown =
        |StoredContact { contact, .. }: StoredContact| Contact { job: None, created_at: 0, updated_at: 0, ..contact };
    let jobs = world.run(&["jobs", "--json"]).with(0).json();
    Left {
        contacts: contacts.into_iter().map(shown).collect(),
        records,
        counts: jobs["items"][0]["counts"].clone(),
        outcome: fs::read(world.path("k.csv.outcome.csv")).unwrap(),
        reject: fs::read(world.path("k.csv.reject.csv")).unwrap(),
    }
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// Kills the program once its outcome file has come so far, in the first or the second pass; true = it was killed.
fn kill_at(mut child: Child, outcome: &Path, target: u64, second_pass: bool) -> bool {
    let mut before = len(outcome);
    let mut passes = 0;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let now = len(outcome);
        passes += u32::from(now < before);
        before = now;
        if now >= target && (!second_pass || passes > 0) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::park_timeout(Duration::from_micros(300));
    }
}

#[test]
fn kill_nine_at_any_moment_and_resume_leave_what_one_run_leaves() {
    let kills = setting("COMMDN_IMPORT_KILLS", 10);
    let count = setting("COMMDN_IMPORT_ROWS", 20_000);
    let seed = setting("COMMDN_KILL_SEED", u64::from(std::process::id()) * 2_654_435_761 + 1);
    let mut dice = Dice(seed | 1);
    let text = rows(count);
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let whole = World::with_data();
    prepare(&whole, &runtime);
    let file = whole.file("k.csv", &text);
    whole.run(&[&["import", &file, "--quiet"][..], &CHAINS].concat()).with(6);
    let wanted = left(&whole, &runtime);
    assert!(wanted.records.iter().any(|record| record.call_result == 51), "some must not be called");
    assert!(wanted.counts["updated"].as_u64() > Some(0) && wanted.counts["failed"].as_u64() > Some(0));

    let (mut killed, mut worlds, mut resumed) = (0, 0, 0);
    while killed < kills {
        worlds += 1;
        let here = killed + 3;
        assert!(worlds <= kills * 4 + 4, "seed {seed}: the program is too fast to be killed");
        let world = World::with_data();
        prepare(&world, &runtime);
        let file = world.file("k.csv", &text);
        let outcome = world.path("k.csv.outcome.csv");
        let all = wanted.outcome.len() as u64;
        let child = world.command(&[&["import", &file, "--quiet"][..], &CHAINS].concat()).spawn().unwrap();
        let second = dice.below(4) > 0;
        let mut died = kill_at(child, &outcome, dice.below(all), second);
        killed += u64::from(died);
        while died {
            let jobs = world.run(&["jobs", "--json"]).with(0).json();
            let Some(id) = jobs["items"][0]["id"].as_str() else {
                // It was killed before there was a job.
                world.run(&[&["import", &file, "--quiet"][..], &CHAINS].concat()).with(6);
                break;
            };
            if matches!(jobs["items"][0]["state"].as_str(), Some("completed")) {
                break;
            }
            let mut resume = world.command(&["resume", id, "--quiet"]);
            let target = len(&outcome) + dice.below(all / 2);
            if killed < kills.min(here) {
                died = kill_at(resume.spawn().unwrap(), &outcome, target.min(all), false);
                killed += u64::from(died);
                resumed += 1;
            } else {
                Ran::of(resume.output().unwrap()).with(6);
                break;
            }
        }
        let found = left(&world, &runtime);
        assert!(found.outcome == wanted.outcome, "seed {seed}: outcome files differ");
        assert!(found.reject == wanted.reject, "seed {seed}: reject files differ");
        assert_eq!(found.counts, wanted.counts, "seed {seed}");
        assert!(found.contacts == wanted.contacts, "seed {seed}: contacts differ");
        assert!(found.records == wanted.records, "seed {seed}: chains differ");
    }
    println!("kill -9: {killed} kills of {worlds} imports of {count} rows, {resumed} resumes killed too; seed {seed}");
}

#[test]
fn a_file_that_has_changed_is_not_gone_on_with() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let text = rows(5_000);
    // It may be over before it is killed; not each time.
    for _ in 0..20 {
        let world = World::with_data();
        prepare(&world, &runtime);
        let file = world.file("k.csv", &text);
        let child = world.command(&[&["import", &file, "--quiet"][..], &CHAINS].concat()).spawn();
        kill_at(child.unwrap(), &world.path("k.csv.outcome.csv"), 1, true);
        let job = world.run(&["jobs", "--json"]).with(0).json()["items"][0].clone();
        if job["state"] == "importing" {
            world.file("k.csv", text.replacen("Name, 1", "Name, 2", 1));
            let ran = world.run(&["resume", job["id"].as_str().unwrap()]).with(2);
            assert!(ran.stderr.contains("the file has changed"), "{}", ran.stderr);
            return;
        }
    }
    panic!("it was never killed while it imported");
}

#[test]
fn a_bench_of_imports_says_what_it_measured() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["bench", "import", "--rows", "2000", "--rounds", "1", "--curve", "500", "--json", "--quiet", "--dir"];
    let ran = Ran::of(program(&words).arg(folder.path()).output().unwrap());
    // How fast this machine is decides nothing here: 10 = a bound was missed.
    assert!([0, 10].contains(&ran.code), "{} {}", ran.code, ran.stderr);
    let told = ran.json();
    assert_eq!(told["schema"], "commdn.bench_import.v1", "{told}");
    let names: Vec<_> = told["measures"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["parse, row rules, hash", "dry run", "import", "second run"], "{told}");
    let rows: Vec<_> = told["curve"].as_array().unwrap().iter().map(|at| at["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [500, 2_000, 2_000], "{told}");
    assert!(told["measures"][0]["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{told}");
    assert_eq!(told["sha256"].as_str().map(str::len), Some(64), "{told}");
    assert_eq!(ran.code == 10, !told["missed"].as_array().unwrap().is_empty(), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "its files are gone");
}

#[test]
fn reports_never_follow_a_link_that_stands_in_their_place_unless_it_was_named() {
    for world in worlds() {
        let file = world.file("a.csv", hundred());
        world.file("victim", "as it was");
        std::os::unix::fs::symlink(world.path("victim"), world.path("a.csv.reject.csv")).unwrap();
        let words = [&["import", &file, "--list", "N", "--create"][..], &MAPPED].concat();
        let ran = world.run(&words).with(2);
        assert!(ran.stderr.contains("symbolic link"), "{}", ran.stderr);
        assert_eq!(world.text("victim"), "as it was");
        let link = world.path("a.csv.reject.csv").display().to_string();
        world.run(&[&words[..], &["--reject", &link]].concat()).with(6);
        assert_eq!(world.text("victim").lines().count(), 4);
    }
}
