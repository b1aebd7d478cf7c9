//! The examples run and the program of docs/in-a-test.md does what it says.
//!
//! `cargo test` builds the examples before it runs this; `cargo test --test examples` alone does not, then
//! `cargo build --examples` has to come before it.

#![cfg(feature = "app")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_commdn");

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMDN_")) {
        command.env_remove(name);
    }
    command
}

/// Ends the demo with the test.
struct Demo {
    child: Child,
    listening: Value,
}

impl Demo {
    fn start() -> Self {
        let mut command = without_settings(Command::new(BINARY));
        command.args(["demo", "--http", "127.0.0.1:0", "--listen-tserver", "127.0.0.1:0", "--json", "--log", "warn"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, listening: serde_json::from_str(&line).unwrap() }
    }

    fn at(&self, what: &str) -> String {
        self.listening[what].as_str().unwrap().to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs an example; what it printed.
fn example(name: &str, argument: Option<&str>) -> String {
    let program = Path::new(BINARY).parent().unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is not there; `cargo build --examples` makes it", program.display());
    succeeds(Command::new(program).args(argument))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn examples_of_a_test_need_nothing_beside_them() {
    example("in_a_test", None);
    assert!(example("sockets", None).contains("CampaignStatus"));
}

#[test]
fn examples_of_the_other_users_work_with_a_demo() {
    let demo = Demo::start();
    let url = format!("http://{}", demo.at("http"));
    assert!(example("desktop", Some(&url)).contains("200 OK: \"do_not_call\" \"answered\""));
    assert!(example("operator", Some(&url)).contains("start again: 409"));
    assert!(example("list_manager", Some(&url)).contains("Nobody"));
    // The T-Server and the gateway's own port are the same to an old client.
    for door in ["tserver", "gateway_tserver"] {
        assert!(example("old_client", Some(&demo.at(door))).contains("CM_EvDoNotCallProcessed"), "{door}");
    }
}

#[test]
fn the_python_program_of_the_page_succeeds() {
    let page = include_str!("../docs/in-a-test.md");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a python block");
    let printed = succeeds(without_settings(Command::new("python3")).args(["-c", program, BINARY]));
    assert_eq!(printed.lines().last(), Some("ok"), "{printed}");
}
