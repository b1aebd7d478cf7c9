//! The scenario language: every shipped scenario passes on several seeds, what is changed fails, and what they reach.

use std::path::PathBuf;

use commdn::engine::scenario::{Report, SHIPPED, Setting, check, parse, perform};

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

#[test]
fn every_shipped_scenario_passes_on_three_seeds() {
    for shipped in SHIPPED {
        for seed in [7, 8, 9] {
            let report = play(shipped.name, shipped.text, Some(seed));
            assert!(report.is_good(), "seed {seed}\n{}", report.text(shipped.name));
        }
    }
}
