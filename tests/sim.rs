//! The simulator's verbs as their users run them: scenarios, their results, recordings.

#![cfg(feature = "app")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use assert_cmd::Command;
use serde_json::{Value, json};

fn run(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    let output = command.current_dir(folder).args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_evening_is_played_twice_with_the_same_trace_and_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--json", "sim", "run", "--scenario", "evening.scn", "--clock", "virtual", "--seed", "7"];
    let (code, first, stderr) = run(folder.path(), &words);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(first, run(folder.path(), &words).1);
    let evening = document(&first);
    assert_eq!((&evening["verdict"], &evening["seed"], &evening["failed"]), (&json!("passed"), &json!(7), &json!(0)));
    let act = &evening["acts"][0];
    assert_eq!(act["ran_ms"], json!(8 * 3_600_000));
    let campaigns = act["campaigns"].as_array().unwrap();
    assert_eq!(campaigns.len(), 3);
    for campaign in campaigns {
        let count = |name: &str| campaign[name].as_u64().unwrap();
        assert_eq!(count("records"), count("final") + count("open"));
        assert!(count("final") > 500, "{campaign}");
    }
    let (code, stdout, _) = run(folder.path(), &["sim", "run", "--scenario", "evening", "--seed", "8"]);
    assert_eq!(code, 0, "a virtual clock is what a scenario runs on");
    assert!(!stdout.contains(act["trace"].as_str().unwrap()), "another seed, another trace: {stdout}");
    assert!(stdout.contains("CAMPAIGN") && stdout.lines().last().unwrap().starts_with("passed: "), "{stdout}");
}

#[test]
fn a_scenario_that_fails_ends_with_10_and_says_why_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let text = "scenario \"a & b\"\nlet c = 101\napp 201 -> 301 CM_ReqLoadCampaign campaign=$c group=732\n\
        ocs 301 -> 201 CM_EvCampaignLoaded campaign=$c group=732 status=running ...\nwait 1s\ncheck campaign 101 records = 206\n";
    std::fs::write(folder.path().join("my.scn"), text).unwrap();
    let results = ["--results", "junit=out.xml", "--results", "json=out.json", "--ladder", "mermaid"];
    let (code, stdout, _) = run(folder.path(), &[&["sim", "run", "--scenario", "my.scn"][..], &results].concat());
    assert_eq!(code, 10);
    assert!(
        stdout.contains("my.scn:4: unexpected after 0:00:00.000")
            && stdout.contains("status: wanted 5 (running), came 4 (active)"),
        "{stdout}"
    );
    assert!(stdout.contains("    a201->>o301: CM_ReqLoadCampaign 101-732"), "{stdout}");
    assert!(stdout.ends_with("failed: 0 of 2 expectations and checks hold\n"), "{stdout}");
    let junit = std::fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(
        junit.contains("<testsuite name=\"a &amp; b\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""),
        "{junit}"
    );
    let json = document(&std::fs::read_to_string(folder.path().join("out.json")).unwrap());
    assert_eq!((&json["verdict"], &json["acts"][0]["expectations"][0]["line"]), (&json!("failed"), &json!(4)));

    // Another campaign by --set, and what is asked for passes.
    let passing = text.replace("status=running", "status=active").replace("check campaign 101", "check campaign 103");
    std::fs::write(folder.path().join("my.scn"), passing).unwrap();
    let (code, stdout, _) =
        run(folder.path(), &["sim", "run", "--scenario", "my.scn", "--set", "c=103", "--ladder", "text"]);
    assert!(code == 0 && stdout.contains("|-------------->|  CM_ReqLoadCampaign 103-732"), "{stdout}");
    let (code, _, stderr) = run(folder.path(), &["sim", "run", "--scenario", "my.scn", "--set", "d=103"]);
    assert!(code == 2 && stderr.contains("my.scn has no variable d"), "{stderr}");
}

#[test]
fn a_typo_is_told_with_its_line_and_the_nearest_word() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("my.scn"),
        "sit quiet\napp 201 -> 301 CM_ReqLoadCampain campaign=101 group=732\n",
    )
    .unwrap();
    let (code, stdout, _) = run(folder.path(), &["sim", "scenarios", "check", "my.scn"]);
    let wanted = "my.scn:1:1: error: expected a line of a scenario, found 'sit', did you mean 'site'\n\
        my.scn:2:16: error: expected a message, found 'CM_ReqLoadCampain', did you mean 'CM_ReqLoadCampaign'\n\
        my.scn: 2 errors, 0 warnings\n";
    assert_eq!((code, stdout.as_str()), (2, wanted));
    let (code, _, stderr) = run(folder.path(), &["sim", "run", "--scenario", "my.scn"]);
    assert!(
        code == 2 && stderr.contains("my.scn:1:1: error") && stderr.contains("error: my.scn:2:16: error"),
        "{stderr}"
    );
    let (code, _, stderr) = run(folder.path(), &["sim", "run", "--scenario", "nowhere"]);
    assert!(code == 2 && stderr.contains("commdn sim scenarios list"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["sim", "run", "--scenario", "evening", "--topology", "demo"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn what_is_shipped_can_be_listed_shown_and_played_from_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let listed = document(&run(folder.path(), &["sim", "scenarios", "list", "--json"]).1);
    assert!(listed["items"].as_array().unwrap().len() >= 12);
    let (code, text, _) = run(folder.path(), &["sim", "scenarios", "show", "lost-answer"]);
    assert!(code == 0 && text.starts_with("scenario \""), "{text}");
    std::fs::write(folder.path().join("copy.scn"), text).unwrap();
    let (code, stdout, stderr) = run(folder.path(), &["sim", "run", "--scenario", "copy.scn"]);
    assert_eq!(code, 0, "{stdout} {stderr}");
}

#[test]
fn a_printed_log_becomes_a_scenario_that_replays_and_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/proto-fixtures/logs/tserver-dnc.log");
    let (code, stdout, stderr) = run(folder.path(), &["sim", "record", "--from-log", log, "-o", "day.scn"]);
    assert_eq!((code, stdout.as_str()), (0, "day.scn: 1 messages, 0 copies for other clients\n"), "{stderr}");
    let recording = std::fs::read_to_string(folder.path().join("day.scn")).unwrap();
    let phone = recording.split("dnc.phone=").nth(1).unwrap().trim().to_owned();
    assert!(phone.len() == 7 && phone != "5551234" && phone.bytes().all(|byte| byte.is_ascii_digit()), "{recording}");

    // Nobody answered in the log; the simulated site does.
    let (code, stdout, _) = run(folder.path(), &["sim", "replay", "day.scn"]);
    assert!(
        code == 10 && stdout.contains("recorded:  nothing more") && stdout.contains("CM_EvDoNotCallProcessed"),
        "{stdout}"
    );
    let answer = format!("{recording}+0.010 ocs 301 -> 201 CM_EvDoNotCallProcessed error=0 dnc.phone={phone}\n");
    std::fs::write(folder.path().join("day.scn"), answer).unwrap();
    let (code, stdout, stderr) = run(folder.path(), &["sim", "replay", "day.scn"]);
    assert_eq!((code, stdout.as_str()), (0, "same: 1 requests, 1 events\n"), "{stderr}");
    let (code, stdout, stderr) = run(folder.path(), &["sim", "run", "--scenario", "day.scn"]);
    assert_eq!(code, 0, "{stdout} {stderr}");
    let (code, stdout, _) = run(folder.path(), &["ladder", "day.scn"]);
    assert!(code == 0 && stdout.contains("+0.010  |<--------------|  CM_EvDoNotCallProcessed"), "{stdout}");
    let (code, stdout, _) = run(folder.path(), &["ladder", "day.scn", "--json"]);
    assert_eq!((code, document(&stdout)["arrows"].as_array().unwrap().len()), (0, 2));

    let (_, stdout, _) = run(folder.path(), &["sim", "record", "--from-log", log, "--show-numbers"]);
    assert!(stdout.ends_with("dnc.phone=5551234\n"), "{stdout}");
    std::fs::write(folder.path().join("empty.log"), "nothing\n").unwrap();
    let (code, _, stderr) = run(folder.path(), &["sim", "record", "--from-log", "empty.log"]);
    assert!(code == 2 && stderr.contains("there is no message of the CommDN in it"), "{stderr}");
}

/// Starts the program and reads a line that it prints first.
fn child(words: &[&str], stderr: bool) -> (Child, String) {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    command.args(words).stdout(Stdio::piped()).stderr(if stderr { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    match stderr {
        true => BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap(),
        false => BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap(),
    };
    (child, line)
}

#[test]
fn what_passes_a_gateway_and_a_t_server_is_recorded_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0", "--json"];
    let (mut demo, listening) = child(&words, false);
    let told = document(&listening);
    let (http, tserver) = (told["http"].as_str().unwrap(), told["tserver"].as_str().unwrap());
    let url = format!("http://{http}");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (by_tap, by_server) = (path("tap.scn"), path("server.scn"));
    // Four messages of ours; the gateway's own look at the states may pass, too.
    let (mut tap, note) = child(&["sim", "record", "--url", &url, "-o", &by_tap, "--count", "4"], true);
    assert!(note.contains("recording"), "{note}");
    let (mut server, note) = child(&["sim", "record", "--tserver", tserver, "-o", &by_server, "--count", "4"], true);
    assert!(note.contains("recording CommDN_1"), "{note}");
    for words in
        [["campaign", "load", "101", "732", "--url", &url], ["campaign", "status", "101", "732", "--url", &url]]
    {
        let (code, stdout, stderr) = run(folder.path(), &words);
        assert_eq!(code, 0, "{stdout} {stderr}");
    }
    for recorder in [&mut tap, &mut server] {
        assert!(recorder.wait().unwrap().success());
    }
    demo.kill().unwrap();
    demo.wait().unwrap();
    for file in [by_tap, by_server] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(" -> 301 CM_ReqLoadCampaign campaign=101 group=732"), "{text}");
        let (code, stdout, stderr) = run(folder.path(), &["sim", "replay", &file]);
        assert!(code == 0 && stdout == "same: 2 requests, 2 events\n", "{stdout} {stderr} {text}");
    }
}
