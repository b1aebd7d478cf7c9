//! `bench`, with so little load that it says nothing about speed: what is counted, printed and ended with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread;

use serde_json::{Value, json};

use crate::program::{GUARD, command, listening};

fn bench(words: &[&str]) -> (i32, String, String) {
    let output = assert_cmd::Command::from_std(command(&[&["bench"], words].concat())).timeout(GUARD).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The document of a run that must end so. It has no figure that depends on the machine but those of time.
fn document(code: i32, words: &[&str]) -> Value {
    let (found, stdout, stderr) = bench(&[words, &["--json"]].concat());
    assert_eq!(found, code, "{words:?}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {stdout}"))
}

const FEW: [&str; 6] = ["--rate", "100", "--for", "200ms", "--warm-up", "0"];

fn few(words: &[&str]) -> Value {
    document(0, &[words, &FEW].concat())
}

fn all_answered(document: &Value, sent: u64) {
    assert_eq!(document["schema"], "commdn.bench.v1");
    assert_eq!((&document["sent"], &document["answered"]), (&json!(sent), &json!(sent)), "{document}");
    assert_eq!(document["errors"], json!({"count": 0, "percent": 0.0, "by_code": {}}), "{document}");
    for figure in ["min", "mean", "p50", "p90", "p99", "p99.9", "max"] {
        assert!(document["latency_ms"][figure].is_f64(), "{figure}: {document}");
    }
    assert!(document["rate"].as_f64().unwrap() > 0.0, "{document}");
}

#[test]
fn statuses_are_read_through_a_gateway_of_its_own() {
    let run = few(&["control", "--pairs", "4"]);
    all_answered(&run, 20);
    assert_eq!((&run["target"]["via"], &run["target"]["own"]), (&json!("http"), &json!(true)));
    let asked = json!({
        "arrivals": "constant", "rates": [100.0], "rate": 100.0, "seconds": 0.2, "requests": 20, "seed": 1,
        "in_flight": 256,
    });
    assert_eq!(run["asked"], asked);
    for figure in ["late", "late_percent", "lag_p99_ms", "lag_max_ms", "held"] {
        assert!(run["generator"][figure].is_number(), "{figure}: {run}");
    }
    assert!(run["generator"]["is_bottleneck"].is_boolean());
    assert_eq!((&run["interrupted"], &run["thresholds"], &run["steps"]), (&json!(false), &json!([]), &json!([])));
}

#[test]
fn campaigns_go_round_through_either_door() {
    // One round of each; an unload takes its time.
    all_answered(&few(&["control", "--cycle", "--pairs", "5"]), 20);
    let straight = few(&["control", "--cycle", "--pairs", "5", "--tserver", "--sessions", "3"]);
    all_answered(&straight, 20);
    assert_eq!(straight["target"]["via"], "tserver");
}

#[test]
fn do_not_calls_are_accepted_answered_and_asked_for_straight() {
    all_answered(&few(&["dnc", "--no-wait"]), 20);
    all_answered(&few(&["dnc", "--arrivals", "constant"]), 20);
    all_answered(&few(&["dnc", "--tserver"]), 20);
}

#[test]
fn everybody_hears_what_one_sends() {
    for words in [&["fanout", "--listeners", "5"][..], &["fanout", "--listeners", "5", "--sse"]] {
        let run = few(words);
        all_answered(&run, 20);
        let deliveries = &run["deliveries"];
        let counts = [&deliveries["listeners"], &deliveries["expected"], &deliveries["heard"]];
        assert_eq!(counts, [&json!(5), &json!(100), &json!(100)], "{run}");
    }
}

#[test]
fn steps_are_told_one_by_one() {
    let words = ["dnc", "--no-wait", "--arrivals", "step", "--rate", "50,100", "--for", "400ms", "--warm-up", "100ms"];
    let run = document(0, &words);
    all_answered(&run, 30);
    let steps: Vec<_> =
        run["steps"].as_array().unwrap().iter().map(|step| (&step["asked_rate"], &step["answered"])).collect();
    assert_eq!(steps, [(&json!(50.0), &json!(10)), (&json!(100.0), &json!(20))]);
}

#[test]
fn a_missed_threshold_ends_with_ten_and_a_kept_one_does_not() {
    let run = document(10, &[&["dnc", "--fail-if", "p99>0us", "--fail-if", "errors>0"], &FEW[..]].concat());
    let verdicts = run["thresholds"].as_array().unwrap();
    assert_eq!((&verdicts[0]["threshold"], &verdicts[0]["missed"]), (&json!("p99>0us"), &json!(true)));
    assert_eq!((&verdicts[1]["found"], &verdicts[1]["missed"]), (&json!("0"), &json!(false)));
    let (code, stdout, stderr) = bench(&[&["dnc", "--fail-if", "rate<1000000/s"], &FEW[..]].concat());
    assert_eq!(code, 10);
    assert!(stdout.contains("threshold  rate<1000000/s: missed, found "), "{stdout}");
    assert!(stdout.contains("latency    p50 ") && stdout.contains("errors     0 (0.000 %)"), "{stdout}");
    assert!(stderr.contains("rate<1000000/s: missed"), "{stderr}");
}

#[test]
fn words_that_do_not_fit_end_with_two() {
    for (words, wanted) in [
        (&["dnc", "--fail-if", "error>1%"][..], "did you mean 'errors'"),
        (&["dnc", "--rate", "0"], "requests a second"),
        (&["dnc", "--rate", "100,200"], "--arrivals step"),
        (&["control", "--pair", "101"], "expected CAMPAIGN-GROUP"),
        (&["control", "--tserver", "127.0.0.1:1"], "--origin is missing"),
        (&["control", "--tserver", "192.0.2.1:7000", "--origin", "209", "--ocs", "301"], "--tserver-plaintext"),
        (&["fanout", "--sse", "--url", "http://127.0.0.1:1"], "--tserver ADDR is missing"),
    ] {
        let (code, stdout, stderr) = bench(words);
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
        assert!(stderr.contains(wanted), "{words:?}: {stderr}");
    }
}

#[test]
fn somebodys_site_is_read_at_once_and_changed_only_when_that_was_said() {
    let demo = listening(&["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0"], &[]);
    let url = ["--url", demo.url.as_str()];
    let tserver = ["--tserver", demo.tserver.as_str(), "--origin", "209-210", "--ocs", "301"];
    let run = few(&[&["control"], &url[..]].concat());
    all_answered(&run, 20);
    assert_eq!((&run["target"]["own"], &run["what"]), (&json!(false), &json!("status reads of 5 pairs")));
    all_answered(&few(&[&["control", "--pair", "101-732", "--pair", "101-733"], &tserver[..]].concat()), 20);
    all_answered(&few(&[&["fanout", "--sse", "--listeners", "2"], &url[..], &tserver].concat()), 20);

    for words in
        [[&["dnc"], &url[..]].concat(), [&["dnc"], &tserver[..]].concat(), [&["control", "--cycle"], &url[..]].concat()]
    {
        let (code, _, stderr) = bench(&words);
        assert!(code == 2 && stderr.contains("not confirmed"), "{words:?}: {code} {stderr}");
    }
    all_answered(&few(&[&["dnc", "--yes"], &tserver[..]].concat()), 20);
    all_answered(&few(&[&["control", "--cycle", "--yes", "--pair", "103-732"], &url[..]].concat()), 20);
    // Five rounds of load, start, stop, unload: the campaign is left as it was found.
    assert_eq!(demo.ends(0, &["campaign", "status", "103", "732"])["status"], "not_loaded");
    let unknown = document_of_error(&[&["control", "--pair", "1-2"], &url[..]].concat());
    assert_eq!(unknown["exit"], 8);
}

fn document_of_error(words: &[&str]) -> Value {
    let (_, _, stderr) = bench(&[words, &["--json"]].concat());
    serde_json::from_str(&stderr).unwrap()
}

#[test]
fn a_target_that_is_not_there_ends_with_three() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap().to_string();
    drop(free);
    let (code, ..) = bench(&["control", "--url", &format!("http://{addr}")]);
    assert_eq!(code, 3);
    let (code, _, stderr) = bench(&["control", "--tserver", &addr, "--origin", "209", "--ocs", "301", "--pair", "1-2"]);
    assert!(code == 3 && stderr.contains("cannot use CommDN CommDN_1"), "{code} {stderr}");
}

/// Answers the first question of a client, and no other.
fn answers_once(stream: &mut TcpStream) {
    let body =
        json!({"schema": "commdn.version.v1", "version": "0", "framing": "commdn-1", "compatibility": "-"}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

#[test]
fn an_interrupted_run_still_prints_what_it_has() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, posted) = channel();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let (mut stream, told) = (stream.unwrap(), told.clone());
            open.push(stream.try_clone().unwrap());
            thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    match line.split(' ').next() {
                        Some("GET") => answers_once(&mut stream),
                        Some("POST") => told.send(()).unwrap(),
                        _ => {}
                    }
                }
            });
        }
    });
    let words = ["bench", "dnc", "--url", &url, "--yes", "--rate", "50", "--for", "10m", "--warm-up", "0", "--json"];
    let mut child = command(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    posted.recv_timeout(GUARD).expect("a first request");
    let interrupt = format!("kill -INT {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&run["interrupted"], &run["answered"]), (&json!(true), &json!(0)));
    let (sent, by_code) = (run["sent"].as_u64().unwrap(), &run["errors"]["by_code"]);
    assert!(sent > 0 && by_code["not_waited_for"] == json!(sent), "{run}");
}
