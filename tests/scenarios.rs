//! The scenario language: every shipped scenario passes on several seeds, what is changed fails, and what they reach.

#![allow(clippy::print_stdout, reason = "the table of what is reached is a result")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use commdn::engine::conversation::{Mask, Veil};
use commdn::engine::scenario::{
    Coverage, Divergence, FailureKind, Replay, Report, SHIPPED, Setting, Severity, Stage, check, import_log, parse,
    perform, read_lines, write_scenario,
};
use commdn::message::{ErrorCode, GroupCampStatus};
use commdn::wire::logtext::{AttributeValue, Block, Head, Style, write_block};
use commdn::wire::{Dialect, Reading, Text, TkvList};

/// Plays a text; every finding is a panic.
fn play(name: &str, text: &str, seed: Option<u64>) -> Report {
    let parsed = parse(text);
    let (site, findings) = check(&parsed, text);
    assert!(findings.is_empty(), "{name}: {}", findings[0]);
    perform(&parsed.scenario, &site, &Setting { seed, ..Setting::default() }).unwrap()
}

#[test]
fn every_conversation_is_a_scenario_and_goes_as_it_is_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures/conversations");
    let mut played = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "conv") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut parsed = parse(&text);
        assert!(parsed.findings.is_empty(), "{}: {}", path.display(), parsed.findings[0]);
        parsed.scenario.within = Some(Duration::ZERO); // what does not come at once is a matter of a `wait` line
        let site = parsed.scenario.site.build().0;
        let report = perform(&parsed.scenario, &site, &Setting::default()).unwrap();
        assert!(report.is_good(), "{}", report.text(&path.to_string_lossy()));
        assert!(report.acts.iter().all(|act| act.skipped.is_empty()));
        played += report.passed();
    }
    assert!(played > 300, "{played} events were expected");
}

fn shipped(name: &str) -> &'static str {
    SHIPPED.iter().find(|shipped| shipped.name == name).unwrap().text
}

/// With what they have reached: all 18 error numbers, all 6 states, counted from what passed the T-Server.
#[test]
fn every_shipped_scenario_passes_on_three_seeds_and_together_they_reach_everything() {
    let (mut reached, mut table) = (Coverage::default(), String::new());
    for shipped in SHIPPED {
        for seed in [7, 8, 9] {
            let report = play(shipped.name, shipped.text, Some(seed));
            assert!(report.is_good(), "seed {seed}\n{}", report.text(shipped.name));
            assert!(report.passed() > 0, "{}", shipped.name);
            let skipped = report.acts.iter().any(|act| !act.skipped.is_empty());
            assert!(!skipped, "{}: something was not reached", shipped.name);
            if seed == 7 {
                let coverage = report.coverage();
                let list = |counts: &BTreeMap<i32, u64>| counts.keys().map(ToString::to_string).collect::<Vec<_>>();
                let (errors, states) = (list(&coverage.errors).join(" "), list(&coverage.states).join(" "));
                table += &format!("{:<26} errors {errors:<16} states {states}\n", shipped.name);
                reached.add(&coverage);
            }
        }
    }
    println!("{table}");
    for (number, name, _) in ErrorCode::TABLE {
        let count = reached.errors.get(&number.0).copied().unwrap_or(0);
        println!("error {:>2} {name:<42} {count:>6}", number.0);
        assert!(count > 0, "no scenario reaches error {number:?}");
    }
    for (number, name, _) in GroupCampStatus::TABLE {
        let count = reached.states.get(&number.0).copied().unwrap_or(0);
        println!("state {:>2} {name:<42} {count:>6}", number.0);
        assert!(count > 0, "no scenario reaches state {number:?}");
    }
    assert_eq!((ErrorCode::TABLE.len(), GroupCampStatus::TABLE.len()), (18, 6));
    assert!(SHIPPED.len() >= 12);
}

#[test]
fn every_file_of_the_folder_is_shipped() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.filter_map(|name| name.strip_suffix(".scn").map(str::to_owned)).collect();
    let mut names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
    files.sort_unstable();
    names.sort_unstable();
    assert_eq!(files, names);
    assert!(SHIPPED.iter().all(|shipped| !parse(shipped.text).scenario.title.is_empty()));
}

/// A scenario that passes whatever is changed proves nothing.
#[test]
fn a_shipped_scenario_that_was_changed_fails() {
    let table = [
        ("refused-second-start", "error=7", "error=6", FailureKind::Unexpected),
        (
            "refused-second-start",
            "app 202 -> 301 CM_ReqStartDialing",
            "app 299 -> 301 CM_ReqStartDialing",
            FailureKind::Missed,
        ),
        ("refused-second-start", "status = running", "status = active", FailureKind::Check),
        ("wrong-state", "CM_ReqStopDialing", "CM_ReqGetCampaignStatus", FailureKind::Unexpected),
        ("not-in-the-configuration", "error=16", "error=17", FailureKind::Unexpected),
        ("mode-clash", "mode=10", "mode=preview", FailureKind::Unexpected),
        ("drained-unload", "wait 2m", "wait 6m", FailureKind::Unexpected),
        ("drained-unload", "within 2s", "within 900ms", FailureKind::Missed),
        ("dnc-two-ocs", "-> 0 CM_ReqDoNotCall", "-> 301 CM_ReqDoNotCall", FailureKind::Missed),
        ("dnc-two-ocs", "do_not_call = 1", "do_not_call = 2", FailureKind::Check),
        ("partial-cancel", "trigger 301 record_back renewals 1\n", "", FailureKind::Unexpected),
        ("auto-completion", "auto_completion=1", "auto_completion=0", FailureKind::Missed),
        ("sequence", "stop_at_contacts=50", "stop_at_contacts=80", FailureKind::Check),
        ("sequence", "@20:00", "@19:50", FailureKind::Unexpected),
        ("ocs-silent", "app 299", "app 201", FailureKind::Unexpected),
        ("ocs-silent", "fault silent", "fault two-answers", FailureKind::Unexpected),
        ("lost-answer", "first 1", "nth 2", FailureKind::Never),
        ("look-alike", "fault look-alike ocs 301", "fault look-alike ocs 302", FailureKind::Missed),
        ("two-answers", "after 500ms", "after 5s", FailureKind::Missed),
        ("late-and-out-of-order", "delay 3s", "delay 5s", FailureKind::Missed),
        ("late-and-out-of-order", "delay 3s", "delay 0s", FailureKind::OutOfOrder),
        ("cut-link", "cut now app 201", "drop app 201 up", FailureKind::Missed),
        ("switchover", "switchover 10s", "switchover 10m", FailureKind::Missed),
        ("strange-errors", "refuse 2", "refuse 3", FailureKind::Unexpected),
        ("strange-errors", "fault without-ids ocs 301", "wait 1s", FailureKind::Unexpected),
    ];
    for (name, from, to, kind) in table {
        let text = shipped(name);
        assert!(text.contains(from), "{name}: {from}");
        let changed = text.replacen(from, to, 1);
        let parsed = parse(&changed);
        assert!(parsed.is_usable(), "{name}: {:?}", parsed.findings);
        let (site, _) = check(&parsed, &changed);
        let report = perform(&parsed.scenario, &site, &Setting::default()).unwrap();
        let failure = report.failures().next().unwrap_or_else(|| panic!("{name}: '{to}' instead of '{from}' passes"));
        assert_eq!(failure.kind, kind, "{name}: '{to}' instead of '{from}': {}", report.text(name));
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    let text = shipped("dnc-two-ocs");
    let trace = |seed| play("dnc-two-ocs", text, Some(seed)).acts[0].trace;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn what_is_printed_reads_back_as_the_same_scenario() {
    for shipped in SHIPPED {
        let scenario = parse(shipped.text).scenario;
        let printed = scenario.to_string();
        let again = parse(&printed);
        assert!(again.is_usable(), "{}: {:?}\n{printed}", shipped.name, again.findings);
        assert_eq!(again.scenario, scenario, "{}\n{printed}", shipped.name);
        assert_eq!(again.scenario.to_string(), printed);
    }
}

/// Digits become other digits, as many.
struct Other;

impl Veil for Other {
    fn person(&self, text: &Text) -> Text {
        Text::from(
            text.display()
                .chars()
                .map(|c| c.to_digit(10).map_or(c, |d| char::from_digit(9 - d, 10).unwrap()))
                .collect::<String>(),
        )
    }

    fn words(&self, text: &Text) -> Text {
        self.person(text)
    }
}

/// What a T-Server prints of a conversation: every message as a request, and as an event for each of two clients.
fn printed_log(text: &str) -> Vec<u8> {
    let parsed = parse(text);
    let site = parsed.scenario.site.build().0;
    let act = parsed.scenario.acts().remove(0);
    let mut stage = Stage::new(&parsed.scenario, act, site, &Setting::default()).unwrap();
    stage.keep_log();
    stage.play_out();
    assert!(stage.report().failure.is_none(), "{:?}", stage.report().failure);
    let (mut log, dialect) = (Vec::new(), Dialect::default());
    let mut put = |block: &Block| {
        write_block(&mut log, block, &Dialect::default(), Style::Vendor).unwrap();
        log.push(b'\n');
    };
    for (at, message) in stage.log() {
        let bytes = message.encode(&dialect).unwrap();
        let tree = TkvList::decode(&bytes, &dialect, Reading::Strict).unwrap();
        let seconds = at.0.as_secs();
        let time = format!("17:{:02}:{:02}.{:03}0", seconds / 60 % 60, seconds % 60, at.0.subsec_millis());
        let with = |head: Head| {
            let block = Block::new(head).with("ThisDN", AttributeValue::Text("CommDN_1".into()));
            block.with("UserData", AttributeValue::list(tree.clone()))
        };
        // The line of a request has no time of its own, so a line before it tells.
        let mut trace = Head::tserver_request("RequestDistributeUserEvent");
        trace.before =
            format!("{time} Trc 04541 Message RequestDistributeUserEvent received from 'client'\n{}", trace.before);
        put(&with(trace));
        put(&with(Head::tserver_event(&time, "EventUserEvent")));
        put(&with(Head::tserver_event(&time, "EventUserEvent")));
    }
    log
}

fn replayed(text: &str) -> (Replay, Option<Divergence>) {
    let parsed = parse(text);
    let (site, findings) = check(&parsed, text);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    let replay = Replay::new(&parsed.scenario);
    let act = (None, replay.scenario.steps.clone());
    let mut stage = Stage::new(&replay.scenario, act, site, &Setting::default()).unwrap();
    stage.keep_log();
    stage.play_out();
    let divergence = replay.divergence(stage.log());
    (replay, divergence)
}

#[test]
fn a_printed_log_becomes_a_scenario_and_replays() {
    let conversation = "site quiet\n\
        app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732\n\
        ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 ...\n\
        wait 5s\n\
        app 202 -> 301 CM_ReqLoadCampaign campaign=101 group=732\n\
        ocs 301 -> 202 CM_EvError campaign=101 group=732 error=5 ...\n\
        app 201 -> 301 CM_ReqStartDialing campaign=101 group=732 mode=predict optimize_by=busy_factor goal=70\n\
        ocs 301 -> 201 CM_EvDialingStarted campaign=101 group=732 ...\n\
        wait 90s\n\
        app 202 -> 0 CM_ReqDoNotCall dnc.phone=+12025550107\n\
        unordered\n\
        ocs 301 -> 202 CM_EvDoNotCallProcessed ...\n\
        ocs 302 -> 202 CM_EvDoNotCallProcessed ...\n\
        end\n\
        app 201 -> 301 CM_ReqLoadCampaign campaign=999 group=732\n\
        ocs 301 -> 201 CM_EvError campaign=999 group=732 error=3 ...\n\
        app 201 -> 301 CM_ReqUnloadCampaign campaign=101 group=732\n\
        ocs 301 -> 201 CM_EvDialingStopped campaign=101 group=732 ...\n\
        optional ocs 301 -> 0 CM_EvCampaignStatus ...\n\
        expect within 5s ocs 301 -> 201 CM_EvCampaignUnloaded campaign=101 group=732 ...\n";
    let log = printed_log(conversation);
    let import = import_log(&log, &Dialect::default(), false);
    assert!(import.left_out.is_empty(), "{:?}", import.left_out);
    assert_eq!((import.messages.len(), import.copies), (15, 30), "each message once");
    let recording = write_scenario("from a log", &import.messages, Mask::Veil(&Other));
    assert!(!recording.contains("+12025550107") && recording.contains("+87974449892"), "{recording}");
    assert!(
        recording.contains("campaign 101 Campaign_101 ocs=301") && !recording.contains("campaign 999 "),
        "{recording}"
    );
    assert!(recording.contains("\n+95.000 app 202 -> 0 CM_ReqDoNotCall"), "{recording}");

    let (replay, divergence) = replayed(&recording);
    assert_eq!((replay.requests(), replay.events()), (6, 9));
    assert_eq!(divergence, None, "{recording}");

    // Another answer than the one that was recorded is told, with the line and what differs.
    let (from, to) = ("status=5 error=0", "status=4 error=0");
    let line = recording.lines().position(|line| line.contains("CM_EvDialingStarted")).unwrap() + 1;
    let changed = recording.replacen(from, to, 1);
    assert_ne!(changed, recording);
    let divergence = replayed(&changed).1.unwrap();
    assert_eq!(
        (divergence.line, divergence.differences.as_slice()),
        (line, &["status: wanted 4 (active), came 5 (running)".to_owned()][..])
    );
    assert_eq!(divergence.request.as_ref().unwrap().0, line - 1);
    assert!(
        divergence
            .text("r.scn")
            .starts_with(&format!("r.scn:{line}: the site goes another way\n    recorded:  +5.000 ocs 301"))
    );

    // So is an answer too few, and one too many.
    let without: String = recording
        .lines()
        .filter(|line| !line.contains("CM_EvDialingStarted"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(replayed(&without).1.is_some());
    let more = format!("{recording}+99.000 ocs 301 -> 201 CM_EvError error=4\n");
    assert_eq!(replayed(&more).1.unwrap().simulated, None);
}

#[test]
fn lines_of_a_tap_replay_as_they_are() {
    let tap = "2026-03-02T10:00:00.000Z @CommDN_1 app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732\n\
        2026-03-02T10:00:00.040Z @CommDN_1 ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 mode=1 optimize_by=1 goal=80 status=4 error=0\n\
        2026-03-02T10:00:01.000Z @CommDN_1 app 201 -> 301 CM_ReqUnloadCampaign campaign=101 group=732\n\
        2026-03-02T10:00:02.100Z @CommDN_1 ocs 301 -> 201 CM_EvCampaignUnloaded campaign=101 group=732 mode=1 optimize_by=1 goal=80 status=0 error=0\n";
    let (replay, divergence) = replayed(tap);
    assert_eq!((replay.requests(), replay.events(), divergence), (2, 2, None));
    assert_eq!(
        read_lines(tap).messages.iter().map(|it| it.at.unwrap() % 60_000).collect::<Vec<_>>(),
        [0, 40, 1_000, 2_100]
    );
}

#[test]
fn the_logs_of_the_fixtures_are_read_as_far_as_they_are_of_the_commdn() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures/logs/tserver-dnc.log");
    let import = import_log(&std::fs::read(file).unwrap(), &Dialect::default(), false);
    assert_eq!((import.messages.len(), import.left_out.len()), (1, 0));
    let recording = write_scenario("dnc", &import.messages, Mask::Show);
    assert!(recording.ends_with("+0.000 app 201 -> 301 CM_ReqDoNotCall dnc.phone=5551234\n"), "{recording}");
    let divergence = replayed(&recording).1.unwrap();
    assert!(divergence.recorded.is_none() && divergence.simulated.unwrap().contains("CM_EvDoNotCallProcessed"));
}

fn documents_example() -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    let text = std::fs::read_to_string(file).unwrap();
    let block = text.split("```text\n").find(|block| block.starts_with("scenario \"the answer to a start is lost\""));
    block.unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn the_documents_example_has_ten_lines_passes_and_fails_as_it_is_told() {
    let text = documents_example();
    assert_eq!(text.lines().count(), 10);
    assert!(play("docs", &text, None).is_good());
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    let document = std::fs::read_to_string(file).unwrap();

    let typo = text.replace("CM_ReqStartDialing", "CM_ReqStartDialling");
    let (_, findings) = check(&parse(&typo), &typo);
    assert_eq!(findings.len(), 1);
    assert!(document.contains(&format!("lost.scn:{}\n", findings[0])), "{}", findings[0]);

    let wrong = text.replacen("status=running", "status=active", 1);
    let parsed = parse(&wrong);
    let report = perform(&parsed.scenario, &parsed.scenario.site.build().0, &Setting::default()).unwrap();
    assert!(document.contains(&report.text("lost.scn")), "{}", report.text("lost.scn"));
}
