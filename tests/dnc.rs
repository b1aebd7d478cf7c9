//! Do-not-call as evidence, with the running program: found, added up, exported, imported, compared, and never changed
//! without being noticed.
#![cfg(feature = "app")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn program(words: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    command.args(words).stdin(Stdio::null());
    command
}

/// A process that tells where it listens; killed when the test is over, however it ends.
struct Running {
    child: Child,
    told: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(words: &[&str]) -> Self {
        let mut command = program(words);
        command.args(["--json", "--quiet", "--log", "error"]).env("COMMDN_DNC__DEFAULT_COUNTRY", "CZ");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {error}: '{line}'"));
        Self { child, told }
    }

    fn url(&self) -> String {
        format!("http://{}", self.told["http"].as_str().unwrap())
    }
}

/// A simulated OCS and a gateway with a store.
fn gateway(data: &Path) -> (Running, Running) {
    let simulator = Running::start(&["sim", "run", "--tserver", "127.0.0.1:0"]);
    let tserver = simulator.told["tserver"].as_str().unwrap().to_owned();
    let data = data.display().to_string();
    let gateway = Running::start(&["serve", "--http", "127.0.0.1:0", "--tserver", &tserver, "--data", &data]);
    (simulator, gateway)
}

fn run(words: &[&str]) -> (i32, String, String) {
    let output = program(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The documents that a verb prints with `--json`.
fn told(wanted: i32, words: &[&str]) -> Vec<Value> {
    let (exit, out, err) = run(&[words, &["--json"]].concat());
    assert_eq!(exit, wanted, "{words:?}: {out}{err}");
    let documents: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!documents.is_empty() && documents.iter().all(|it| it["schema"].is_string()), "{words:?}: {out}");
    documents
}

#[test]
fn who_asked_is_found_by_every_spelling_and_the_first_changed_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (_simulator, running) = gateway(&data);
    let url = running.url();
    let at = ["--url", url.as_str()];
    let on = |words: &[&'static str]| [words, &at[..]].concat();
    told(0, &on(&["dnc", "add", "777888777", "--reason", "asked on call"]));
    told(0, &on(&["dnc", "add", "5551234", "--customer-id", "C-7"]));

    for spelling in ["777888777", "+420 777 888 777", "00420777888777"] {
        let found = told(0, &[&["dnc", "find", spelling], &at[..]].concat()).remove(0);
        let entry = &found["items"][0];
        assert_eq!(entry["phone"], "777888777", "{spelling}");
        assert_eq!(entry["normalised"], "+420777888777");
        assert_eq!((&entry["channel"], &entry["confirmed"]), (&"cli".into(), &true.into()), "{entry}");
        let deliveries = entry["deliveries"].as_array().unwrap();
        assert!(!deliveries.is_empty() && deliveries.iter().all(|it| it["latency_ms"].is_u64()), "{entry}");
    }
    let by_customer = told(0, &on(&["dnc", "find", "--customer-id", "C-7"])).remove(0);
    let entry = &by_customer["items"][0];
    assert_eq!(entry["customer_id"], "C-7");
    let stand_in = entry["phone"].as_str().unwrap();
    assert!(stand_in.len() == 7 && stand_in != "5551234", "{entry}");
    assert_eq!(told(8, &on(&["dnc", "find", "+420600000000"]))[0]["items"], Value::Array(Vec::new()));

    let verdict = told(0, &on(&["dnc", "verify"])).remove(0);
    assert_eq!((&verdict["whole"], &verdict["compared"]), (&true.into(), &true.into()), "{verdict}");
    let report = told(0, &on(&["dnc", "report"])).remove(0);
    let counts = ["entries", "confirmed", "unconfirmed", "overdue", "deadline_days"].map(|name| report[name].as_u64());
    assert_eq!(counts, [Some(2), Some(2), Some(0), Some(0), Some(10)], "{report}");
    drop(running);

    // One byte of the reason of the first row.
    let data = data.display().to_string();
    assert_eq!(told(0, &["dnc", "verify", "--data", &data])[0]["whole"], true);
    let database = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let database = database.into_iter().find(|path| path.extension().is_some_and(|tail| tail == "sqlite")).unwrap();
    let db = rusqlite::Connection::open(database).unwrap();
    let changed = "UPDATE dnc_evidence SET note = 'asked in call' WHERE row = 1 AND note = 'asked on call'";
    assert_eq!(db.execute(changed, []).unwrap(), 1);
    drop(db);
    let verdict = told(10, &["dnc", "verify", "--data", &data]).remove(0);
    assert_eq!((&verdict["whole"], &verdict["row"]), (&false.into(), &1.into()), "{verdict}");
    let (exit, out, err) = run(&["dnc", "verify", "--data", &data]);
    assert_eq!((exit, err.as_str()), (10, ""));
    assert!(out.starts_with("row 1 was changed"), "{out}");
}

#[test]
fn a_file_is_imported_once_exported_and_compared_with_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (_simulator, running) = gateway(&folder.path().join("data"));
    let url = running.url();
    let at = ["--url", url.as_str()];
    let long = "7".repeat(70);
    let list = file("list.csv", &format!("name,phone\nA,+420777888777\nB,\nC,5551234\nD,5551234\nE,{long}\n"));
    let import = [&["dnc", "import", &list], &at[..]].concat();
    let first = told(6, &import).remove(0);
    assert_eq!((&first["lines"], &first["accepted"], &first["repeated"]), (&5.into(), &2.into(), &1.into()), "{first}");
    let lines: Vec<u64> = first["rejects"].as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 6], "{first}");
    assert!(!first.to_string().contains(&long));
    assert_eq!(told(6, &import)[0]["accepted"], 2, "the same file again is the same requests");
    let requests = |ocs: &str| {
        let found = told(0, &[&["dnc", "find", ocs], &at[..]].concat()).remove(0);
        let items = found["items"].as_array().unwrap();
        assert!(items.iter().all(|entry| entry["channel"] == "import"), "{found}");
        items.iter().map(|entry| entry["request_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (one, other) = (requests("+420777888777"), requests("5551234"));
    assert_eq!((one.len(), other.len()), (1, 1));
    for request in [&one[0], &other[0]] {
        told(0, &[&["request", "wait", request], &at[..]].concat());
    }

    let head = folder.path().join("head").display().to_string();
    let mut exported = told(0, &[&["dnc", "export", "--head", &head], &at[..]].concat());
    let end = exported.pop().unwrap();
    assert_eq!((end["entries"].as_u64(), exported.len()), (Some(2), 2), "{end}");
    assert_eq!(std::fs::read_to_string(&head).unwrap().trim(), end["head"].as_str().unwrap());
    assert_ne!(exported[0]["phone"], "+420777888777");
    told(0, &[&["dnc", "verify", "--head", &head], &at[..]].concat());
    let (exit, csv, _) = run(&[&["dnc", "export", "--show-numbers"], &at[..]].concat());
    assert!(exit == 0 && csv.lines().count() == 3 && csv.contains(",+420777888777,"), "{csv}");

    // A head of a longer chain: the end of this one is cut off.
    let (_, rest) = end["head"].as_str().unwrap().split_once(' ').unwrap();
    let (count, hash) = rest.split_once(' ').unwrap();
    let longer = file("longer", &format!("dnc {} {hash}\n", count.parse::<u64>().unwrap() + 1));
    let verdict = told(10, &[&["dnc", "verify", "--head", &longer], &at[..]].concat()).remove(0);
    assert_eq!(verdict["row"].as_u64(), Some(count.parse::<u64>().unwrap() + 1), "{verdict}");

    let table = file("table.csv", "phone,customer_id,dnc_message\n5551234,,\n");
    let compared = told(10, &[&["dnc", "verify", "--table", &table], &at[..]].concat()).remove(0);
    let missing = compared["missing"].as_array().unwrap();
    assert_eq!(compared["confirmed"], 2);
    assert!(missing.len() == 1 && missing[0]["request_id"] == one[0].as_str(), "{compared}");
    let sent = told(0, &[&["dnc", "verify", "--table", &table, "--resend"], &at[..]].concat()).remove(0);
    let again = sent["missing"][0]["resent_as"].as_str().unwrap();
    assert_ne!(again, one[0]);
    told(0, &[&["request", "wait", again], &at[..]].concat());
    assert_eq!(requests("00420777888777"), [one[0].clone(), again.to_owned()]);
}

#[test]
fn entries_may_end_and_offline_verbs_go_by_the_rules_of_the_site() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let data = folder.path().join("data");
    let (_simulator, running) = gateway(&data);
    let url = running.url();
    let on = |words: &[&str]| -> Vec<String> {
        words.iter().copied().chain(["--url", url.as_str()]).map(str::to_owned).collect()
    };
    let told_on = |wanted: i32, words: &[&str]| {
        let words = on(words);
        told(wanted, &words.iter().map(String::as_str).collect::<Vec<_>>()).remove(0)
    };
    told_on(0, &["dnc", "add", "777888777", "--expires", "2999-01-31"]);
    told_on(0, &["dnc", "add", "777888778", "--expires", "90d"]);
    for wrong in ["tomorrow", "2001-01-01"] {
        let words = on(&["dnc", "add", "777888779", "--expires", wrong]);
        let (exit, ..) = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!([2, 5].contains(&exit), "{wrong}: exit {exit}");
    }
    let found = told_on(0, &["dnc", "find", "777888777"]);
    let entry = &found["items"][0];
    assert_eq!((&entry["expires_at"], &entry["expired"]), (&"2999-01-31T00:00:00Z".into(), &false.into()), "{entry}");
    let list = file("list.csv", "phone,expires_at\n777888001,2999-02-01\n777888002,\n777888003,soon\n");
    let imported = told_on(6, &["dnc", "import", &list, "--expires", "2999-03-01"]);
    assert_eq!((&imported["accepted"], &imported["rejects"][0]["line"]), (&2.into(), &4.into()), "{imported}");
    for (phone, end) in [("777888001", "2999-02-01T00:00:00Z"), ("777888002", "2999-03-01T00:00:00Z")] {
        assert_eq!(told_on(0, &["dnc", "find", phone])["items"][0]["expires_at"], end);
    }
    let words = on(&["dnc", "import", &list, "--expires", "90d"]);
    assert_eq!(run(&words.iter().map(String::as_str).collect::<Vec<_>>()).0, 2, "another day, another request");
    let words = on(&["dnc", "export"]);
    let (_, csv, _) = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        csv.lines().next().unwrap().ends_with(",hash,expires_at") && csv.contains(",2999-01-31T00:00:00Z"),
        "{csv}"
    );
    drop(running);

    let key = file("key", "0123456789abcdef0123456789abcdef");
    let config = file(
        "commdn.toml",
        &format!(
            "[dnc]\ndefault_country = \"CZ\"\ndeadline_days = 3\ndeadline_profile = \"calendar_days\"\n\n\
             [telemetry]\npseudonym_key_file = \"{key}\"\n"
        ),
    );
    let data = data.display().to_string();
    let offline = ["--data", &data, "--config", &config];
    let one = |words: &[&str]| told(0, &[words, &offline[..]].concat()).remove(0);
    assert_eq!(one(&["dnc", "find", "+420 777 888 777"])["items"][0]["normalised"], "+420777888777");
    let report = one(&["dnc", "report"]);
    assert_eq!((&report["deadline_days"], &report["deadline_profile"]), (&3.into(), &"calendar_days".into()));
    let stand_in = |page: Value| page["phone"].as_str().unwrap().to_owned();
    let exported = stand_in(one(&["dnc", "export"]));
    assert_eq!(exported, stand_in(one(&["dnc", "export"])), "the site's key makes the same stand-ins");
    let (exit, ..) = run(&["dnc", "report", "--config", &config]);
    assert_eq!(exit, 2, "a running gateway has rules of its own");
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing").display().to_string();
    for words in [&["dnc", "verify"][..], &["dnc", "find", "5551234"], &["dnc", "report"], &["dnc", "export"]] {
        let (exit, _, err) = run(&[words, &["--data", &data]].concat());
        assert_eq!(exit, 8, "{words:?}: {err}");
    }
    assert!(!Path::new(&data).exists());
}
