//! The program as its users run it: words, exit codes, stdout and stderr.

#![cfg(feature = "app")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use assert_cmd::Command;
use serde_json::{Value, json};

/// The program without the settings of whoever runs the tests.
fn commdn(words: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    command.env_remove("NO_COLOR").args(words);
    command
}

fn run(words: &[&str]) -> (i32, String, String) {
    result(commdn(words).output().unwrap())
}

fn fed(words: &[&str], stdin: impl Into<Vec<u8>>) -> (i32, String, String) {
    result(commdn(words).write_stdin(stdin).output().unwrap())
}

fn result(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What came in: request line, headers and body, all as text.
struct Asked {
    line: String,
    headers: String,
    body: String,
}

/// A server that gives one canned answer a connection, in order.
struct Canned {
    url: String,
    asked: Receiver<Asked>,
}

fn canned(answers: Vec<String>) -> Canned {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut headers) = (String::new(), String::new());
            reader.read_line(&mut line).unwrap();
            while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
                assert!(reader.read_line(&mut headers).unwrap() > 0, "headers end early");
            }
            let length = headers.lines().find_map(|header| {
                let (name, value) = header.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let _ = sender.send(Asked { line: line.trim().to_owned(), headers, body });
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Canned { url, asked }
}

fn answer(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn good(status: u16, body: &Value) -> String {
    answer(status, "application/json", &body.to_string())
}

fn problem(body: &Value) -> String {
    let status = body["status"].as_u64().unwrap().try_into().unwrap();
    answer(status, "application/problem+json", &body.to_string())
}

fn events(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

fn request(outcome: &str) -> Value {
    json!({
        "schema": "commdn.request.v1", "request_id": "r-1", "kind": "start", "outcome": outcome, "why": "exact",
        "reason": null, "tserver_code": null, "took_ms": 12, "answers": [{
            "ocs": 301, "ocs_name": "OCS_A", "result": "answered", "event": "CM_EvDialingStarted", "type": 21, "code": 0,
            "name": "CM_ERROR_NO", "message": null, "status": "running", "status_id": 5, "why": "exact", "took_ms": 12,
        }],
        "campaign": 101, "group": 732, "target": 301, "asked_by": "127.0.0.1", "note": null, "warnings": [],
        "accepted_at": "2026-12-01T16:00:00Z", "ended_at": null, "hint": null,
    })
}

fn already_started() -> Value {
    json!({
        "type": "/problems/campaign-already-started", "title": "campaign already started", "status": 409,
        "detail": "OCS 301 refused", "ocs": 301, "code": 7, "name": "CM_ERROR_CAMPAIGN_ALREADY_STARTED",
        "ocs_message": "campaign already started", "tserver_code": null,
        "hint": "change it with set-mode, or stop it first", "request_id": "r-2",
    })
}

fn against(server: &Canned, words: &[&str]) -> (i32, String, String) {
    result(commdn(words).env("COMMDN_URL", &server.url).output().unwrap())
}

#[test]
fn version_says_what_is_claimed() {
    let (code, stdout, stderr) = run(&["version"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("not byte-compatible") && stdout.starts_with("commdn "), "{stdout}");
    let (code, stdout, _) = run(&["version", "--json"]);
    let version: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &version["schema"], &version["framing"]), (0, &json!("commdn.version.v1"), &json!("commdn-1")));
}

#[test]
fn help_is_data_and_says_what_is_claimed() {
    let (code, stdout, stderr) = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains("not byte-compatible") || stdout.replace('\n', " ").contains("not byte-compatible"),
        "{stdout}"
    );
}

#[test]
fn wrong_words_end_with_two() {
    for words in [
        &["nonsense"][..],
        &["campaign", "load", "101"],
        &["campaign", "load", "101", "732", "--goal", "much"],
        &["campaign", "status", "101"],
        &["dnc", "add"],
        &["record", "cancel"],
        &["send", "CM_ReqGetCampaignStatus"],
        &["serve", "--origin", "208-201"],
        &["decode", "--charset", "ebcdic"],
        &["version", "--timeout", "soon"],
        &["version", "--url", "https://gateway", "--color", "pink"],
    ] {
        let (code, stdout, stderr) = run(words);
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}");
        assert!(stderr.starts_with("error:"), "{words:?}: {stderr}");
    }
}

#[test]
fn wrong_words_are_an_object_with_json() {
    let (code, stdout, stderr) = run(&["campaign", "load", "--json"]);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((code, stdout.as_str(), &error["exit"]), (2, "", &json!(2)));
    assert_eq!(error["schema"], "commdn.error.v1");
}

#[test]
fn a_gateway_that_is_not_there_ends_with_three_and_a_hint() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for words in [&["campaign", "list"][..], &["dnc", "add", "+420777888777"], &["tap"], &["events"]] {
        let (code, stdout, stderr) = run(&[words, &["--url", &url]].concat());
        assert_eq!((code, stdout.as_str()), (3, ""), "{words:?}");
        assert!(stderr.contains("error: cannot reach the gateway") && stderr.contains("commdn demo"), "{stderr}");
    }
    let (code, _, stderr) = run(&["campaign", "list", "--url", &url, "--json"]);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((code, &error["exit"]), (3, &json!(3)));
}

#[test]
fn a_gateway_with_tls_that_is_not_there_cannot_be_reached() {
    let (code, _, stderr) = run(&["campaign", "list", "--url", "https://127.0.0.1:1"]);
    assert!(code == 3 && stderr.contains("https://127.0.0.1:1"), "{code} {stderr}");
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let at = ["campaign", "list", "--url", "https://127.0.0.1:1"];
    let (code, _, stderr) = run(&[&at[..], &["--ca", "no/such.pem"]].concat());
    assert!(code == 2 && stderr.contains("no/such.pem"), "{code} {stderr}");
    let (code, _, stderr) = run(&[&at[..], &["--ca", "Cargo.toml"]].concat());
    assert!(code == 2 && stderr.contains("Cargo.toml"), "{code} {stderr}");
}

#[test]
fn an_answered_request_is_printed_and_asked_as_the_flags_say() {
    let server = canned(vec![good(200, &request("answered"))]);
    let words = [
        "campaign",
        "start",
        "Zoë/1",
        "732",
        "--mode",
        "predict",
        "--goal",
        "80",
        "--timeout",
        "3s",
        "--token",
        "secret",
    ];
    let (code, stdout, stderr) = against(&server, &words);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let wanted =
        "start 101-732 answered in 12 ms, request r-1\n  OCS 301 OCS_A: answered, CM_EvDialingStarted (21), running\n";
    assert_eq!(stdout, wanted);
    let asked = server.asked.recv().unwrap();
    assert_eq!(asked.line, "POST /v1/campaigns/Zo%C3%AB%2F1/groups/732/start?wait=3000ms HTTP/1.1");
    assert!(asked.headers.to_ascii_lowercase().contains("authorization: bearer secret"), "{}", asked.headers);
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!((&body["mode"], &body["goal"], &body["optimize_by"]), (&json!("predict"), &json!(80), &Value::Null));
}

#[test]
fn every_verb_asks_at_its_path() {
    let table: [(&[&str], &str); 14] = [
        (&["campaign", "load", "1", "2"], "POST /v1/campaigns/1/groups/2/load?wait=45000ms"),
        (&["campaign", "unload", "1", "2"], "POST /v1/campaigns/1/groups/2/unload?wait=45000ms"),
        (
            &["campaign", "unload", "1", "2", "--force", "--yes"],
            "POST /v1/campaigns/1/groups/2/force-unload?wait=45000ms",
        ),
        (&["campaign", "stop", "1", "2"], "POST /v1/campaigns/1/groups/2/stop?wait=45000ms"),
        (&["campaign", "complete", "1", "2"], "POST /v1/campaigns/1/groups/2/complete?wait=45000ms"),
        (&["campaign", "set-mode", "1", "2", "--mode", "3"], "PUT /v1/campaigns/1/groups/2/mode?wait=45000ms"),
        (&["campaign", "list"], "GET /v1/campaigns"),
        (&["campaign", "status", "1", "2"], "GET /v1/campaigns/1/groups/2?refresh=true&wait=45000ms"),
        (&["campaign", "status", "1", "2", "--cached"], "GET /v1/campaigns/1/groups/2"),
        (&["dnc", "add", "5"], "POST /v1/dnc?wait=45000ms"),
        (&["record", "cancel", "5", "--ocs", "301"], "POST /v1/records/cancel?wait=45000ms"),
        (
            &["request", "list", "--state", "open", "--limit", "3", "--after", "x"],
            "GET /v1/requests?limit=3&state=open&after=x",
        ),
        (&["request", "show", "r-1"], "GET /v1/requests/r-1"),
        (&["request", "explain", "r-1"], "GET /v1/requests/r-1/explain"),
    ];
    for (words, line) in table {
        let server = canned(vec![problem(&already_started())]);
        let (code, stdout, _) = against(&server, words);
        assert_eq!((code, stdout.as_str()), (5, ""), "{words:?}");
        assert_eq!(server.asked.recv().unwrap().line, format!("{line} HTTP/1.1"), "{words:?}");
    }
}

#[test]
fn a_refusal_is_one_line_and_a_hint() {
    let server = canned(vec![problem(&already_started())]);
    let (code, stdout, stderr) = against(&server, &["campaign", "start", "101", "732"]);
    assert_eq!((code, stdout.as_str()), (5, ""));
    let wanted = "error: campaign already started (OCS error 7, CM_ERROR_CAMPAIGN_ALREADY_STARTED)\n\
        hint: change it with set-mode, or stop it first\n";
    assert_eq!(stderr, wanted);
}

#[test]
fn a_refusal_is_an_object_with_json() {
    let server = canned(vec![problem(&already_started())]);
    let (code, stdout, stderr) = against(&server, &["campaign", "start", "101", "732", "--json"]);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((code, stdout.as_str()), (5, ""));
    assert_eq!((&error["code"], &error["request_id"], &error["exit"]), (&json!(7), &json!("r-2"), &json!(5)));
}

#[test]
fn outcomes_have_their_exit_codes() {
    let table: [(u16, &str, &[&str], i32); 7] = [
        (200, "answered", &[], 0),
        (200, "partial", &[], 6),
        (200, "mixed", &[], 6),
        (202, "pending", &[], 4),
        (202, "pending", &["--no-wait"], 0),
        (200, "draining", &["--no-wait"], 0),
        (200, "draining", &[], 4),
    ];
    for (status, outcome, words, wanted) in table {
        let server = canned(vec![good(status, &request(outcome))]);
        let (code, stdout, _) = against(&server, &[&["campaign", "start", "101", "732"], words].concat());
        assert_eq!(code, wanted, "{outcome} {words:?}");
        assert!(stdout.contains("r-1"), "{stdout}");
        assert_eq!(server.asked.recv().unwrap().line.contains("wait=0"), !words.is_empty(), "{outcome} {words:?}");
    }
}

#[test]
fn silence_and_lost_links_have_their_exit_codes() {
    let table = [
        (504, "ocs-silent", 4),
        (504, "link-timeout", 4),
        (502, "link-down", 3),
        (502, "ocs-error", 5),
        (404, "not-found", 8),
        (409, "conflict", 9),
    ];
    for (status, slug, wanted) in table {
        let body = json!({ "type": format!("/problems/{slug}"), "title": slug, "status": status, "detail": "why" });
        let server = canned(vec![problem(&body)]);
        let (code, _, stderr) = against(&server, &["campaign", "stop", "101", "732"]);
        assert_eq!((code, stderr.as_str()), (wanted, "error: why\n"), "{slug}");
    }
}

#[test]
fn an_answer_that_is_no_problem_document_is_shown() {
    let server = canned(vec![answer(503, "text/html", "<b>busy\u{1b}[31m</b>")]);
    let (code, _, stderr) = against(&server, &["campaign", "list"]);
    assert!(code == 3 && stderr.contains("503") && stderr.contains("busy"), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr}");
}

#[test]
fn a_connection_that_breaks_after_sending_leaves_the_outcome_unknown() {
    let server = canned(vec![String::new()]);
    let (code, _, stderr) = against(&server, &["dnc", "add", "5551234"]);
    assert!(code == 4 && stderr.contains("commdn request list"), "{code} {stderr}");
}

#[test]
fn json_gives_the_answer_as_it_came() {
    let server = canned(vec![good(200, &request("answered"))]);
    let (code, stdout, _) = against(&server, &["campaign", "start", "101", "732", "--json"]);
    let printed: commdn::http::dto::RequestDto = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, printed), (0, serde_json::from_value(request("answered")).unwrap()));
}

#[test]
fn a_dry_run_prints_the_log_text() {
    let text = "message RequestDistributeUserEvent\n\tAttributeThisDN\t'CommDN_1'\n";
    for words in
        [&["dnc", "add", "5551234"][..], &["record", "cancel", "5551234"], &["campaign", "unload", "1", "2", "--force"]]
    {
        let server = canned(vec![good(200, &json!({ "schema": "commdn.dry_run.v1", "text": text }))]);
        let (code, stdout, _) = against(&server, &[words, &["--dry-run"]].concat());
        assert_eq!((code, stdout.as_str()), (0, text), "{words:?}");
        assert!(server.asked.recv().unwrap().line.contains("dry_run=true"), "{words:?}");
    }
}

#[test]
fn what_cannot_be_taken_back_needs_a_yes() {
    for words in [
        &["record", "cancel", "5551234"][..],
        &["record", "cancel", "5", "--ocs", "0"],
        &["campaign", "unload", "1", "2", "--force"],
    ] {
        let (code, stdout, stderr) = fed(&[words, &["--url", "http://127.0.0.1:9"]].concat(), "y\n");
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}");
        assert!(stderr.contains("--yes"), "{stderr}");
    }
}

#[test]
fn lists_are_read_to_their_end_and_printed_plainly() {
    let state = |campaign: i32| {
        json!({
            "schema": "commdn.campaign.v1", "campaign": campaign, "campaign_name": "Renewals", "group": 732, "group_name": "Team A",
            "ocs": 301, "status": "running", "status_id": 5, "mode": "predict", "mode_id": 1, "optimize_by": "busy_factor",
            "optimize_by_id": 1, "goal": 80, "changed_at": "2026-12-01T16:00:00Z", "changed_by": "request",
            "observed_at": null, "observed_by": null,
        })
    };
    let page = |campaign: i32, next: Value| {
        good(200, &json!({ "schema": "commdn.campaigns.v1", "items": [state(campaign)], "next": next }))
    };
    let server = canned(vec![page(101, json!("c1")), page(103, Value::Null)]);
    let (code, stdout, _) = against(&server, &["campaign", "list"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(
        lines[0].contains("STATUS") && lines[1].contains("101 Renewals") && lines[2].contains("103 Renewals"),
        "{stdout}"
    );
    assert!(stdout.is_ascii() && !stdout.contains('\u{1b}'), "{stdout}");
    server.asked.recv().unwrap();
    assert_eq!(server.asked.recv().unwrap().line, "GET /v1/campaigns?after=c1 HTTP/1.1");
}

const LINK: &str = "event: link\nid: 41\ndata: {\"schema\":\"commdn.link.v1\",\"name\":\"ts1\",\"state\":\"up\",\"peer\":null,\"dns\":[],\"since\":null,\"reason\":null}\n\n";

#[test]
fn events_resume_behind_the_last_one_after_a_break() {
    let server = canned(vec![events(LINK), events(&LINK.replace("41", "42").replace("up", "down"))]);
    let (code, stdout, stderr) = against(&server, &["events", "--count", "2", "--filter", "type=CM_Ev* && error!=0"]);
    assert_eq!((code, stdout.as_str()), (0, "link      ts1 up\nlink      ts1 down\n"));
    assert!(stderr.contains("connecting again"), "{stderr}");
    let first = server.asked.recv().unwrap();
    assert_eq!(first.line, "GET /v1/events?filter=type%3DCM_Ev*+%26%26+error%21%3D0 HTTP/1.1");
    assert!(!first.headers.to_ascii_lowercase().contains("last-event-id"));
    let second = server.asked.recv().unwrap();
    assert!(second.headers.to_ascii_lowercase().contains("last-event-id: 41"), "{}", second.headers);
}

#[test]
fn events_are_ndjson_with_json() {
    let server = canned(vec![events(LINK)]);
    let (_, stdout, _) = against(&server, &["events", "--count", "1", "--json"]);
    let event: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&event["schema"], &event["event"], &event["id"]),
        (&json!("commdn.link.v1"), &json!("link"), &json!("41"))
    );
}

fn tapped() -> Value {
    json!({
        "schema": "commdn.tap.v1", "at": "2026-12-01T16:00:00Z", "link": "ts1", "direction": "out", "dn": "CommDN_1", "type": 12,
        "name": "CM_ReqGetCampaignStatus", "origin": 201, "target": 301, "campaign": 101, "group": 732, "error": null,
        "step": "app 201 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732",
    })
}

#[test]
fn tap_prints_one_line_a_user_event() {
    let stream = events(&format!("data: {}\n\ndata: {}\n\n", tapped(), tapped()));
    let server = canned(vec![stream]);
    let (code, stdout, _) = against(&server, &["tap", "--count", "2", "--show-numbers"]);
    let step = tapped()["step"].as_str().unwrap().to_owned();
    assert_eq!((code, stdout), (0, format!("{step}\n{step}\n")));
    assert_eq!(server.asked.recv().unwrap().line, "GET /v1/tap?show_numbers=true HTTP/1.1");
}

#[test]
fn a_filter_that_cannot_be_read_ends_the_stream_verbs() {
    let body = json!({ "type": "/problems/invalid-filter", "title": "invalid filter", "status": 400, "detail": "expected a word" });
    let server = canned(vec![problem(&body)]);
    let (code, _, stderr) = against(&server, &["tap", "--filter", "&&"]);
    assert_eq!((code, stderr.as_str()), (2, "error: expected a word\n"));
}

#[test]
fn watch_shows_the_states_of_one_pair() {
    let state = |campaign: i32, status: &str| {
        json!({
            "schema": "commdn.campaign.v1", "campaign": campaign, "campaign_name": "Renewals", "group": 732, "group_name": null,
            "ocs": 301, "status": status, "status_id": 4, "mode": null, "mode_id": null, "optimize_by": null, "optimize_by_id": null,
            "goal": null, "changed_at": null, "changed_by": "request", "observed_at": "2026-12-01T16:00:00Z", "observed_by": null,
        })
    };
    let snapshot = json!({ "schema": "commdn.snapshot.v1", "campaigns": [state(101, "active"), state(102, "active")], "requests": [], "links": [] });
    let stream = format!(
        "event: snapshot\nid: 1\ndata: {snapshot}\n\n{LINK}event: state\nid: 2\ndata: {}\n\n",
        state(101, "running")
    );
    let server = canned(vec![events(&stream)]);
    let (code, stdout, _) = against(&server, &["campaign", "watch", "101", "732", "--count", "2"]);
    let wanted = "2026-12-01T16:00:00Z  101 Renewals on 732: active (by request)\n2026-12-01T16:00:00Z  101 Renewals on 732: running (by request)\n";
    assert_eq!((code, stdout.as_str()), (0, wanted));
}

#[test]
fn send_tells_silence_refusal_and_answer_apart() {
    let answered = "ocs 301 -> 299 CM_EvCampaignStatus campaign=101 group=732";
    let refused = "ocs 301 -> 299 CM_EvError error=3";
    for (steps, wanted) in [(vec![answered], 0), (vec![refused], 5), (vec![answered, refused], 6), (vec![], 4)] {
        let server = canned(vec![good(200, &json!({ "schema": "commdn.send.v1", "events": steps, "took_ms": 3 }))]);
        let words =
            ["send", "CM_ReqGetCampaignStatus", "campaign=101", "group=732", "--origin", "299", "--target", "301"];
        let (code, stdout, _) = against(&server, &words);
        assert_eq!(code, wanted, "{steps:?}");
        assert_eq!(stdout.lines().collect::<Vec<_>>(), steps);
        let body: Value = serde_json::from_str(&server.asked.recv().unwrap().body).unwrap();
        assert_eq!(body["message"], "CM_ReqGetCampaignStatus campaign=101 group=732");
    }
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let mut stream = String::new();
    for _ in 0..2_000 {
        stream.push_str(&format!("data: {}\n\n", tapped()));
    }
    let server = canned(vec![events(&stream)]);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("commdn"))
        .args(["tap", "--count", "2000", "--url", &server.url])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap(); // read one, then go away
    let output = child.wait_with_output().unwrap();
    assert_eq!(line.trim(), tapped()["step"]);
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

const DNC_HEX: &str = "00040100124753575f434d5f4d6573736167655479706500040000002001\
00164753575f434d5f417474724f726967696e41707049440004000000c90100164753575f434d5f417474725461726765744170704944\
00040000012d0300154753575f434d5f4174747250726f706572746965730000002b000103000b646f5f6e6f745f63616c6c0000001700\
010000094753575f50484f4e45000735353531323334";

#[test]
fn decode_reads_hex_and_encode_is_its_inverse() {
    let (code, text, stderr) = fed(&["decode"], DNC_HEX);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for wanted in ["'GSW_PHONE'\t'5551234'", "# message: CM_ReqDoNotCall (32)", "# origin: 201", "162 bytes"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let (code, hex, _) = fed(&["encode", "-"], text);
    assert_eq!((code, hex.trim()), (0, DNC_HEX));
}

#[test]
fn several_lists_survive_decode_and_encode() {
    let three = format!("{DNC_HEX}\n0000\n{DNC_HEX}\n");
    let (code, text, _) = fed(&["decode", "-", "--strict"], three.as_str());
    assert_eq!(code, 0);
    let (code, hex, _) = fed(&["encode"], text);
    assert_eq!((code, hex), (0, three));
}

#[test]
fn raw_bytes_are_written_and_read() {
    let output = commdn(&["encode", "--output", "raw"]).write_stdin("'n'\t5\n").output().unwrap();
    assert_eq!(output.stdout, [0, 1, 1, 0, 1, b'n', 0, 4, 0, 0, 0, 5]);
    let (code, text, _) = fed(&["decode"], output.stdout);
    assert!(code == 0 && text.contains("'n'\t5"), "{text}");
}

#[test]
fn decode_gives_one_document_a_list_with_json() {
    let (code, stdout, _) = fed(&["decode", "--json"], format!("{DNC_HEX}\n0000\n"));
    let documents: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, documents.len()), (0, 2));
    assert_eq!(
        (&documents[0]["message"]["name"], &documents[0]["message"]["phone"]),
        (&json!("CM_ReqDoNotCall"), &json!("5551234"))
    );
    assert_eq!(
        documents[0]["pairs"][3]["value"][0]["value"][0],
        json!({ "key": "GSW_PHONE", "type": "string", "value": "5551234" })
    );
    assert_eq!((&documents[1]["message"], &documents[1]["bytes"]), (&Value::Null, &json!(2)));
}

#[test]
fn the_dialect_is_in_the_flags() {
    let tree = "'p'(list) \n\t'x'\t1\n";
    let hex = |prefix: &str, order: &str| fed(&["encode", "--list-prefix", prefix, "--int-order", order], tree).1;
    assert_eq!(hex("len32", "big").trim(), "0001030001700000000c0001010001780004000000 01".replace(' ', ""));
    assert_eq!(hex("len16_inner16", "little").trim(), "000103000170000e000c00010100017800040 1000000".replace(' ', ""));
}

#[test]
fn bad_input_names_line_and_place() {
    for (words, input, wanted) in [
        (&["decode", "--format", "hex"][..], "00zz", "line 1: expected a hexadecimal digit, found 'z'"),
        (&["decode"], "00 01", "truncated"),
        (&["encode"], "'a'\t1\nnonsense\n", "line 2:"),
        (&["decode"], "good morning\n", "expected hex, tap lines, list text or a log"),
        (&["encode", "--charset", "iso-8859-1"], "'a'\t'\u{4e16}'\n", "iso-8859-1"),
    ] {
        let (code, stdout, stderr) = fed(words, input);
        assert_eq!((code, stdout.as_str()), (2, ""), "{input}");
        assert!(stderr.contains(wanted), "{input}: {stderr}");
    }
    let (code, _, stderr) = run(&["decode", "no-such-file"]);
    assert!(code == 2 && stderr.contains("no-such-file"), "{stderr}");
}

#[test]
fn what_can_be_decoded_is_decoded_and_the_rest_named() {
    let (code, stdout, stderr) = fed(&["decode"], "0000\n0001\n");
    assert_eq!(code, 6);
    assert!(stdout.contains("list 1") && stderr.contains("line 2"), "{stdout} {stderr}");
}

const G_LOG: &str = "proto-fixtures/logs/public-g1-g4.log";

#[test]
fn logs_are_decoded_and_checked() {
    let (code, stdout, _) = run(&["decode", G_LOG]);
    assert!(code == 0 && stdout.contains("'RTR'\t115") && stdout.contains(", agree"), "{stdout}");
    let (code, stdout, _) = run(&["kvcheck", G_LOG, "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["schema"], &report["disagree"]), (0, &json!("commdn.kvcheck.v1"), &json!(0)));
    assert_eq!(report["lists"], report["agree"]);
    assert_eq!(report["lists"].as_u64().unwrap(), report["details"].as_array().unwrap().len() as u64);
}

#[test]
fn a_log_that_disagrees_ends_with_ten() {
    let (code, stdout, _) = run(&["kvcheck", "proto-fixtures/logs/disagree.log"]);
    assert!(code == 10 && stdout.contains("disagree, printed"), "{code} {stdout}");
}

#[test]
fn a_copy_of_a_web_page_needs_lenient_reading() {
    let (code, stdout, _) = run(&["kvcheck", "proto-fixtures/logs/public-g1-g4-web-copy.log", "--lenient", "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert!(code == 0 && report["agree"].as_u64() > Some(0), "{report}");
}

#[test]
fn a_good_configuration_is_ok() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "[[tserver]]\nname = \"t\"\nprimary = \"127.0.0.1:7000\"\n[[dn]]\nname = \"CommDN_1\"\ntserver = \"t\"\n[[ocs]]\ndbid = 301\n\
         name = \"A\"\n[origin]\npool = [201, 202, 203, 204, 205, 206, 207, 208]\n",
    )
    .unwrap();
    let (code, stdout, stderr) = run(&["check-config", file.path().to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.ends_with(": ok\n"), "{stdout}");
}

#[test]
fn a_bad_configuration_is_shown_at_its_place() {
    let text = "[origin]\npool = [201]\n\n[htp]\naddr = \"x\"\n";
    let (code, stdout, stderr) = fed(&["check-config", "-"], text);
    assert_eq!((code, stdout.as_str()), (2, "-: errors 1, warnings 0\n"));
    assert!(stderr.contains("-:4:2: unknown key 'htp', the nearest known key is 'http'"), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr}");
    let (code, stdout, _) = fed(&["check-config", "-", "--json"], text);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["ok"], &report["findings"][0]["line"]), (2, &json!(false), &json!(4)));
}

#[test]
fn the_schema_of_the_configuration_is_json() {
    let (code, stdout, _) = run(&["config", "schema"]);
    let schema: Value = serde_json::from_str(&stdout).unwrap();
    assert!(code == 0 && schema["properties"]["tserver"].is_object(), "{schema}");
}

#[test]
fn a_status_that_is_not_there_yet_is_a_request() {
    for (words, wanted) in [(&["--no-wait"][..], 0), (&[], 4)] {
        let server = canned(vec![good(202, &request("pending"))]);
        let (code, stdout, _) = against(&server, &[&["campaign", "status", "101", "732"], words].concat());
        assert!(code == wanted && stdout.contains("r-1"), "{code} {stdout}");
    }
}

#[test]
fn decode_reads_what_tap_writes() {
    let step = "2026-12-01T16:00:00Z @CommDN_1 app 201 -> 301 CM_ReqStartDialing campaign=101 group=732 mode=predict";
    let passed = json!({
        "schema": "commdn.tap.v1", "at": "", "link": "", "direction": "out", "dn": "CommDN_1", "type": 9, "name": null,
        "origin": null, "target": null, "campaign": null, "group": null, "error": null, "step": step,
    });
    for input in [format!("{step}\n\n# remark\n{step}\n"), format!("{passed}\n{passed}\n")] {
        let (code, stdout, stderr) = fed(&["decode", "--json"], input.as_str());
        assert_eq!((code, stderr.as_str()), (0, ""), "{input}");
        let read: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (&read[0]["message"]["name"], &read[1]["message"]["mode"]),
            (&json!("CM_ReqStartDialing"), &json!("predict"))
        );
    }
    let (code, _, stderr) = fed(&["decode", "--format", "tap"], "app 201 -> 301 CM_ReqDance\n");
    assert!(code == 2 && stderr.contains("line 1:"), "{stderr}");
}

#[test]
fn a_gateway_that_cuts_a_slow_stream_is_asked_again() {
    let cut = format!("{LINK}event: cut\ndata: too slow\n\n");
    let server = canned(vec![events(&cut), events(LINK)]);
    let (code, stdout, stderr) = against(&server, &["events", "--count", "2", "--json"]);
    assert_eq!((code, stdout.lines().count()), (0, 2));
    assert!(stderr.contains("too slow"), "{stderr}");
}

#[test]
fn a_store_is_checked_copied_and_put_back() {
    use commdn::store::{AuditRow, Store, Write, sqlite};
    let folder = tempfile::tempdir().unwrap();
    let name = |file: &str| folder.path().join(file).to_str().unwrap().to_owned();
    let (data, copy) = (name("data"), name("copy"));
    assert_eq!(run(&["store", "check", "--data", &data]).0, 8, "there is none yet");
    let row = AuditRow {
        at: commdn::protocol::UtcTime::default(),
        subject: "desk".into(),
        client: None,
        action: "dnc:add".into(),
        object: None,
        outcome: "accepted".into(),
        detail: None,
        request: None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = sqlite::SqliteStore::open(data.as_ref(), sqlite::Options::default()).unwrap();
    runtime.block_on(store.commit(vec![Write::Audit(Box::new(row.clone())), Write::Audit(Box::new(row))])).unwrap();
    let (code, _, stderr) = run(&["store", "check", "--data", &data]);
    assert!(code == 9 && stderr.contains("in use by process"), "{stderr}");
    drop(store);

    let (code, stdout, _) = run(&["store", "check", "--data", &data, "--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["ok"], &told["chains"][1]["head"]["count"]), (0, &json!(true), &json!(2)));
    assert_eq!(run(&["store", "backup", "--data", &data, &copy]).0, 0);
    assert_eq!(run(&["store", "backup", "--data", &data, &copy]).0, 2, "never over a file");

    let db = rusqlite::Connection::open(folder.path().join("data/commdn.sqlite")).unwrap();
    db.execute("UPDATE audit SET subject = 'desl' WHERE row = 2", []).unwrap();
    drop(db);
    let (code, stdout, _) = run(&["store", "check", "--data", &data]);
    assert!(code == 10 && stdout.contains("chain audit: 2 rows, row 2 was changed"), "{stdout}");
    let (code, _, stderr) = run(&["store", "restore", "--data", &data, &copy]);
    assert!(code == 2 && stderr.contains("--yes"), "{stderr}");
    assert_eq!(run(&["store", "restore", "--data", &data, &copy, "--yes"]).0, 0);
    let (code, stdout, _) = run(&["store", "check", "--data", &data]);
    assert!(code == 0 && stdout.contains("chain audit: 2 rows, whole\n"), "{stdout}");
}

#[test]
fn a_run_on_the_virtual_clock_adds_up_and_is_the_same_every_time() {
    let words =
        |seed| ["sim", "run", "--clock", "virtual", "--for", "30m", "--topology", "demo", "--json", "--seed", seed];
    let (code, first, stderr) = run(&words("7"));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(first, run(&words("7")).1);
    let document: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&document["schema"], &document["ran_ms"]), (&json!("commdn.sim.run.v1"), &json!(1_800_000)));
    let campaigns = document["campaigns"].as_array().unwrap();
    assert_eq!(campaigns.len(), 4);
    let number = |value: &Value| value.as_u64().unwrap();
    let sum = |value: &Value| value.as_object().unwrap().values().map(number).sum::<u64>();
    for campaign in campaigns {
        assert_eq!(number(&campaign["records"]), number(&campaign["final"]) + number(&campaign["open"]));
        assert_eq!(number(&campaign["final"]), sum(&campaign["results"]));
        for calls in campaign["pairs"].as_array().unwrap() {
            let elsewhere = number(&calls["ringing"]) + number(&calls["cut"]);
            assert_eq!(number(&calls["dials"]), sum(&calls["outcomes"]) + elsewhere);
        }
    }
    assert!(number(&campaigns[0]["final"]) > 20, "{first}");
    let other: Value = serde_json::from_str(&run(&words("8")).1).unwrap();
    assert_ne!(document["trace"], other["trace"]);
}

#[test]
fn a_run_says_in_words_what_came_out_and_what_it_wants_to_know() {
    let (code, stdout, stderr) = run(&["sim", "run", "--for", "1m", "--clock", "virtual", "--topology", "demo"]);
    assert_eq!(code, 0, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("CAMPAIGN") && lines[0].ends_with("LOST"), "{stdout}");
    assert!(lines[1].starts_with("101 Renewals") && lines[5].starts_with("trace "), "{stdout}");
    let (code, _, stderr) = run(&["sim", "run", "--clock", "virtual"]);
    assert!(code == 2 && stderr.contains("--for"), "{code} {stderr}");
    let (code, _, stderr) = run(&["sim", "run", "--clock", "60"]);
    assert!(code == 2 && stderr.contains("expected real, virtual or x1"), "{code} {stderr}");
    let (code, _, stderr) = run(&["sim", "run", "--for", "8"]);
    assert!(code == 2 && stderr.contains("expected a duration"), "{code} {stderr}");
}

#[test]
fn a_plan_is_a_timeline_and_what_is_odd_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evening.toml");
    std::fs::write(&file, "name = \"evening\"\n").unwrap();
    let name = file.display().to_string();
    let step = json!({
        "step": 1, "campaign": 101, "campaign_name": "Renewals", "group": 732, "group_name": "Team A", "ocs": 301,
        "mode": null, "mode_id": null, "by": "gateway", "why": "a schedule knows no conditions",
        "ends": "when no record is left", "begins_from": "2026-12-01T16:00:00Z", "begins_until": null,
        "ends_from": "2026-12-01T16:00:00Z", "ends_until": null, "skipped": false, "begun_at": null, "dialing_at": null,
        "ended_at": null, "result": null, "detail": null, "failures": 0,
    });
    let flaw = |severity: &str| {
        json!([{ "severity": severity, "line": 7, "column": 1, "path": "step[0].mode", "message": "expected a mode",
            "hint": "a hint" }])
    };
    let plan = |ok: bool, flaws: Value| {
        json!({ "schema": "commdn.sequence.plan.v1", "name": "evening", "ok": ok, "native": false, "steps": [step],
            "flaws": flaws })
    };
    let server = canned(vec![good(200, &plan(true, flaw("warning")))]);
    let (code, stdout, stderr) = against(&server, &["sequence", "plan", &name]);
    assert_eq!((code, stdout.lines().count()), (0, 3), "{stdout}");
    assert!(stdout.contains("101 Renewals") && stdout.contains("gateway: a schedule knows no conditions"), "{stdout}");
    assert_eq!(stderr, format!("warning: {name}:7: step[0].mode: expected a mode\nhint: a hint\n"));
    let asked = server.asked.recv().unwrap();
    assert_eq!(
        (asked.line.as_str(), asked.body.as_str()),
        ("POST /v1/sequences/plan HTTP/1.1", "name = \"evening\"\n")
    );
    assert!(asked.headers.to_ascii_lowercase().contains("content-type: application/toml"), "{}", asked.headers);
    // What cannot be run is not even handed over.
    let server = canned(vec![good(200, &plan(false, flaw("error")))]);
    let (code, stdout, stderr) = against(&server, &["sequence", "run", &name]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(stderr, format!("error: {name}:7: step[0].mode: expected a mode\nhint: a hint\n"));
    let server = canned(vec![good(200, &plan(true, json!([])))]);
    let (code, stdout, _) = against(&server, &["sequence", "plan", &name, "--json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&stdout).unwrap()["ok"].clone()), (0, json!(true)));
}
