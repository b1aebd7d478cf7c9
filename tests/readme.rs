//! The sessions in the README and in docs are run against a fresh demo; what it prints must be what stands there.

#![cfg(feature = "app")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Ends the demo with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// (command, output) of the console block.
fn session(readme: &str) -> Vec<(String, String)> {
    let block = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a console block");
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), String::new())),
            (None, Some((command, _))) if command.ends_with('\\') => command.push_str(&format!("\n{line}")),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("output before the first command: {line}"),
        }
    }
    steps
}

/// What differs from run to run: request ids and milliseconds.
fn settled(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let id = word.trim_end();
        let is_id = id.len() == 17 && id.starts_with('r') && id[1..].chars().all(|c| c.is_ascii_hexdigit());
        if is_id { word.replace(id, "REQUEST") } else { word.to_owned() }
    });
    let mut words: Vec<String> = words.collect();
    for at in 1..words.len() {
        if words[at].starts_with("ms") && words[at - 1].parse::<u64>().is_ok() {
            words[at - 1] = "N".to_owned();
        }
    }
    words.join(" ")
}

#[test]
fn the_session_of_the_readme_is_what_happens() {
    happens("README.md", 8);
}

#[test]
fn the_session_of_what_ocs_posts_is_what_happens() {
    happens("docs/adjacent.md", 4);
}

fn happens(file: &str, more_than: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_commdn"));
    let mut demo = Command::new(binary)
        .args(["demo", "--http", "127.0.0.1:0", "--json", "--log", "warn"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(Demo)
        .unwrap();
    let mut line = String::new();
    BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = format!("http://{}", listening["http"].as_str().unwrap());
    let path = std::env::join_paths(
        std::iter::once(binary.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );

    let steps = session(&text);
    assert!(steps.len() > more_than, "the session was not found");
    for (command, wanted) in steps {
        let run = Command::new("sh")
            .arg("-c")
            .arg(format!("exec 2>&1; {command}"))
            .current_dir(root)
            .env("PATH", path.as_ref().unwrap())
            .env("COMMDN_URL", &url)
            .env("NO_PROXY", "*")
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&run.stdout);
        assert_eq!(settled(&found), settled(&wanted), "\n$ {command}\nprinted\n{found}");
    }
}
