use super::*;
use crate::message::{GroupCampStatus, MessageType};

fn shipped(name: &str) -> Profile {
    let (_, text) = PROFILES.iter().find(|(known, _)| *known == name).unwrap();
    Profile::parse(name, text).unwrap()
}

/// Section 5.3 as the specification prints it. `,later` = the 20[0] that comes when the unload is closed.
const CAMPAIGN_TABLE: &str = "\
| request | NotLoaded 0 | InActive 3 | Active 4 | Running 5 | WaitingUnload 1 | UnloadInProgress 2 |
| 7 | 4: 19[4] | 27/5 | 27/5 | 27/5 | 27/5 | 27/5 |
| 8 | 27/4 | 2: later | 2: later | 1: 22[1] later | 27/4 | 27/4 |
| 29 | 27/4 | 0: 20[0] | 0: 20[0] | 0: 20[0] | 0: 20[0] | 0: 20[0] |
| 9 | 27/4 | 27/16 | 5: 21[5] | 27/7 | 27/4 | 27/4 |
| 10 | 27/4 | 27/6 | 27/6 | 4: 22[4] | 27/6 | 27/6 |
| 11 | 27/4 | 27/6 | 27/6 | 5: 23[5] | 27/6 | 27/6 |
| 12 | 0: 24[0] | 3: 24[3] | 4: 24[4] | 5: 24[5] | 1: 24[1] | 2: 24[2] |";

/// Section 5.7 in the same way; statuses of sequence events: loaded 4, running 5, ending 1, ended 0.
const SEQUENCE_TABLE: &str = "\
| request | none | loaded | running |
| 7 | loaded: 19[4] | 27/5 | 27/5 |
| 9 | 27/13 | running: 21[5] | 27/14 |
| 10 | 27/13 | 27/14 | loaded: 22[4] |
| 11 | 27/13 | 27/14 | running: 23[5] |
| 12 | 27/13 | loaded: 24[item] | running: 24[item] |
| 8 | 27/13 | none: 20[0] | none: 22[1] 20[0] |
| 29 | 27/13 | none: 20[0] | none: 20[0] |";

fn rows(table: &str) -> Vec<(RequestKind, Vec<String>)> {
    let lines = table.lines().skip(1);
    lines
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let number = MessageType(cells.next().unwrap().parse().unwrap());
            (RequestKind::of(number).unwrap(), cells.map(str::to_owned).collect())
        })
        .collect()
}

/// A cell of the profile in the words of the literal tables above.
fn print<S>(outcome: &Outcome<S>, state: impl Fn(&S) -> String) -> String {
    match outcome {
        Outcome::Refuse(code) => format!("27/{}", code.0),
        Outcome::Go { next, events, when_closed } => {
            let mut words: Vec<String> = events
                .iter()
                .map(|emit| {
                    let status = emit.status.map_or("item".to_owned(), |status| status.0.to_string());
                    format!("{}[{status}]", emit.event.0)
                })
                .collect();
            if let Some(later) = when_closed {
                assert_eq!((later.event.0, later.status), (20, Some(GroupCampStatus(0))));
                words.push("later".to_owned());
            }
            format!("{}: {}", state(next), words.join(" "))
        }
    }
}

#[test]
fn every_cell_of_the_campaign_table_is_the_specifications() {
    let profile = shipped("documented");
    let rows = rows(CAMPAIGN_TABLE);
    assert_eq!(rows.len(), 7);
    for (request, cells) in rows {
        assert_eq!(cells.len(), PairState::ALL.len());
        for ((state, word), wanted) in PairState::ALL.iter().zip(cells) {
            let found = profile.lifecycle.campaign(request, *state).unwrap();
            assert_eq!(print(found, |next| next.status().0.to_string()), wanted, "{request:?} in {word}");
        }
    }
}

#[test]
fn every_cell_of_the_sequence_table_is_the_specifications() {
    let profile = shipped("documented");
    let rows = rows(SEQUENCE_TABLE);
    assert_eq!(rows.len(), 7);
    for (request, cells) in rows {
        for ((state, word), wanted) in SequenceState::ALL.iter().zip(cells) {
            let found = profile.lifecycle.sequence(request, *state).unwrap();
            assert_eq!(print(found, |next| next.word().to_owned()), wanted, "{request:?} in {word}");
        }
    }
}

#[test]
fn every_shipped_profile_has_an_outcome_for_every_request_in_every_state() {
    for (name, _) in PROFILES {
        let lifecycle = shipped(name).lifecycle;
        for (request, slug) in campaign_requests() {
            for (state, word) in PairState::ALL {
                assert!(lifecycle.campaign(request, *state).is_some(), "{name}: {slug} in {word}");
            }
            for (state, word) in SequenceState::ALL {
                assert!(lifecycle.sequence(request, *state).is_some(), "{name}: {slug} in {word}");
            }
        }
        assert_eq!(lifecycle.campaign(RequestKind::DoNotCall, PairState::Active), None);
    }
}

#[test]
fn the_triggers_are_those_of_the_specification() {
    let lifecycle = shipped("documented").lifecycle;
    let wanted = [
        (Trigger::Drained, PairState::WaitingUnload, "2: 24[2]"),
        (Trigger::Closed, PairState::UnloadInProgress, "0: 20[0]"),
        (Trigger::Depleted, PairState::Running, "4: 22[4]"),
        (Trigger::SetInactive, PairState::Active, "3: 24[3]"),
        (Trigger::ClearInactive, PairState::InActive, "4: 24[4]"),
        (Trigger::ModeInEffect, PairState::Running, "5: 24[5]"),
    ];
    for (trigger, word) in Trigger::ALL {
        for (state, state_word) in PairState::ALL {
            let wanted = wanted.iter().find(|(t, s, _)| t == trigger && s == state).map(|(_, _, cell)| *cell);
            let found = lifecycle.trigger(*trigger, *state);
            let found = found.map(|outcome| print(outcome, |next| next.status().0.to_string()));
            assert_eq!(found.as_deref(), wanted, "{word} in {state_word}");
        }
    }
}

/// The rows of section 5.12 that are not cells: name, documented, strict, lenient.
#[test]
fn the_rows_of_every_profile_are_the_specifications() {
    const REFUSED: Rule = Rule::Refuse(ErrorCode::INVALID_PARAMETER);
    let profiles = ["documented", "strict", "lenient"].map(|name| shipped(name).rows);
    let of = |row: fn(&Rows) -> Rule| profiles.each_ref().map(row);
    let on = |row: fn(&Rows) -> bool| profiles.each_ref().map(row);
    assert_eq!(of(|r| r.int_as_string), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.duplicate_key), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.load_without_mode), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.start_without_mode), [REFUSED, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.unknown_request), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.undocumented_modes), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(on(|r| r.any_mode_change_running), [false, false, true]);
    assert_eq!(of(|r| r.cancel_without_phone), [REFUSED, REFUSED, Rule::Accept]);
    assert_eq!(of(|r| r.cancel_no_match), [Rule::Accept, REFUSED, Rule::Accept]);
    assert_eq!(on(|r| r.cancel_either), [false, false, true]);
    assert_eq!(on(|r| r.answer_echo), [true, true, false]);
    assert_eq!(on(|r| r.error_ids), [true, true, false]);
    assert_eq!(on(|r| r.error_text), [true, true, false]);
    assert_eq!(on(|r| r.notify), [true, true, true]);
    assert_eq!(on(|r| r.notify_last_requester), [false, false, true]);
    assert_eq!(on(|r| r.reference_id_echo), [false, false, true]);
    assert_eq!(on(|r| r.auto_completion_in_properties), [true, false, true]);
    assert!(profiles.iter().all(|r| (r.drain_seconds_max, r.unload_seconds, r.history_length) == (300, 1, 0)));
}

/// The rows of section 5.12 that are cells.
#[test]
fn the_cells_of_strict_and_lenient_are_the_specifications() {
    let cell = |name: &str, request, state| {
        print(shipped(name).lifecycle.campaign(request, state).unwrap(), |next| next.status().0.to_string())
    };
    assert_eq!(cell("strict", RequestKind::Unload, PairState::Running), "27/7");
    assert_eq!(cell("lenient", RequestKind::Unload, PairState::Running), "0: 20[0]");
    assert_eq!(cell("lenient", RequestKind::Stop, PairState::Active), "4: 22[4]");
    assert_eq!(cell("lenient", RequestKind::SetMode, PairState::Active), "4: 23[4]");
    for (state, _) in PairState::ALL.iter().filter(|(state, _)| state.is_loaded()) {
        let present = state.status().0;
        assert_eq!(cell("lenient", RequestKind::Load, *state), format!("{present}: 19[{present}]"));
        assert_eq!(cell("lenient", RequestKind::ForceUnload, *state), "0: 24[0]");
    }
    let lenient = shipped("lenient");
    let start = lenient.lifecycle.sequence(RequestKind::Start, SequenceState::None).unwrap();
    assert_eq!(print(start, |next| next.word().to_owned()), "running: 19[4] 21[5]");
}

#[test]
fn adversarial_has_the_tables_of_documented_and_every_switch_at_its_worst() {
    let (documented, adversarial) = (shipped("documented"), shipped("adversarial"));
    assert_eq!(documented.lifecycle, adversarial.lifecycle);
    let (calm, worst) = (documented.rows, adversarial.rows);
    assert!(!calm.answer_twice && !calm.look_alike_before_answer && !calm.answer_from_backup);
    assert_eq!((calm.answer_delay_ms, calm.answer_spread_ms), (0, 0));
    assert!(worst.answer_twice && worst.look_alike_before_answer && worst.answer_from_backup);
    assert!(!worst.answer_echo && !worst.error_ids && !worst.error_text && worst.notify_last_requester);
    assert!(worst.answer_delay_ms > 0 && worst.answer_spread_ms > 0);
    // Doubles follow within D = 2 s, so that correlation has a chance.
    assert!(worst.answer_twice_gap_ms < 2_000);
}

#[test]
fn a_corrected_file_gives_only_what_differs() {
    let text = "base strict\ncell campaign stop active 4:22[4]\nset notify no\n";
    let profile = Profile::parse("mine", text).unwrap();
    let strict = shipped("strict");
    assert_eq!(profile.rows, Rows { notify: false, ..strict.rows });
    assert_ne!(profile.lifecycle, strict.lifecycle);
    assert_eq!(profile.name, "mine");
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_was_wanted() {
    let cases = [
        ("base sloppy", "line 1: base: expected documented, strict, lenient, adversarial, found 'sloppy'"),
        ("base strict\nset notfy no", "line 2: row: expected a row of documented.profile, found 'notfy'"),
        ("base strict\nset notify perhaps", "line 2: notify: expected no or yes, found 'perhaps'"),
        ("base strict\nset unload_seconds -1", "line 2: unload_seconds: expected 0 to 86400000, found '-1'"),
        ("base strict\nset cancel_no_match 27/99", "line 2: cancel_no_match: expected 31 or 27/N, found '27/99'"),
        (
            "base strict\n\ncell campaign lod active 27/5",
            "line 3: request: expected load, unload, start, stop, set_mode, status, force_unload, found 'lod'",
        ),
        (
            "base strict\ncell campaign load idle 27/5",
            "line 2: state: expected not_loaded, inactive, active, running, waiting_unload, unload_in_progress, found 'idle'",
        ),
        (
            "base strict\ncell campaign load active 7:19[4]",
            "line 2: cell: expected a state of this table before the colon, found '7:19[4]'",
        ),
        ("hello", "line 1: line: expected base, table, cell, trigger or set, found 'hello'"),
        (
            "table campaign\nrequest active running\nload 27/5",
            "line 3: load: expected 2 cells, one a column, found '1 cells'",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(Profile::parse("mine", text).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn a_missing_cell_or_row_is_an_error() {
    let (_, documented) = PROFILES[0];
    for (number, line) in documented.lines().enumerate() {
        let first = line.split_whitespace().next();
        if matches!(first, None | Some("#" | "request")) {
            continue;
        }
        let lines: Vec<&str> = documented.lines().enumerate().filter(|(n, _)| *n != number).map(|(_, l)| l).collect();
        let result = Profile::parse("holed", &lines.join("\n"));
        assert!(result.is_err(), "without line {}: {line}", number + 1);
    }
}
