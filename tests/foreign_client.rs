//! A client in another language, written from `docs/commdn.md` alone, talks to the built program.
//!
//! `tests/foreign/check.py` prints a line for each check; this test adds nothing but the program's path.

#![cfg(feature = "app")]

use std::process::Command;

#[test]
fn a_client_written_from_the_document_agrees_with_the_simulator() {
    agrees("--binary");
}

#[test]
fn a_client_written_from_the_document_works_through_the_gateways_own_port() {
    agrees("--gateway");
}

fn agrees(with: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/check.py");
    let run = Command::new("python3").args([script, with, env!("CARGO_BIN_EXE_commdn")]).output();
    let output = run.expect("python3 runs; tests/run installs it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stdout = text(&output.stdout);
    let faults: Vec<&str> = stdout.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(output.status.success(), "{}\n{}", faults.join("\n"), text(&output.stderr));
    // An early end must not pass for success.
    assert!(faults.last().is_some_and(|line| line.ends_with(" passed, 0 failed")), "{stdout}");
}
