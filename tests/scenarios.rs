//! The scenario language: every shipped scenario passes on several seeds, what is changed fails, and what they reach.

use std::collections::BTreeMap;
use std::path::PathBuf;

use commdn::engine::scenario::{Coverage, FailureKind, Report, SHIPPED, Setting, check, parse, perform};
use commdn::message::{ErrorCode, GroupCampStatus};

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
        let parsed = parse(&text);
        assert!(parsed.findings.is_empty(), "{}: {}", path.display(), parsed.findings[0]);
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
