//! The files of `proto-fixtures/conversations` as text. They are played by `tests/scenarios.rs`: a conversation is a scenario.

use std::path::PathBuf;

use commdn::engine::conversation;

fn files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures/conversations");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "conv"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_request_is_asked_in_every_state() {
    let text: String = files().into_iter().map(|(_, text)| text).collect();
    for state in ["not_loaded", "inactive", "active", "running", "waiting_unload", "unload_in_progress"] {
        for request in ["load", "unload", "force_unload", "start", "stop", "set_mode", "status"] {
            assert!(text.contains(&format!("# {request} in {state}\n")), "{request} in {state}");
        }
    }
    for state in ["none", "loaded", "running"] {
        for request in ["load", "unload", "force_unload", "start", "stop", "set_mode", "status"] {
            assert!(text.contains(&format!("# sequence {request} in {state}\n")), "sequence {request} in {state}");
        }
    }
}

#[test]
fn every_line_of_every_conversation_reads_back_from_its_print() {
    for (name, text) in files() {
        for (line, step) in conversation::parse(&text).unwrap() {
            let print = step.to_string();
            assert_eq!(conversation::parse_step(&print), Ok(Some(step)), "{name}, line {line}: {print}");
        }
    }
}
