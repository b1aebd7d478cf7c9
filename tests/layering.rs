//! Layers are law: a room uses the rooms below it, nothing beside or above it, and each crate stays in its room.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Floors from the bottom; rooms of one floor do not see each other.
const FLOORS: &[&[&str]] = &[
    &["wire", "contact"],
    &["message"],
    &["protocol"],
    &["engine"],
    &["net", "store"],
    &["service"],
    &["http"],
    &["cli"],
];

/// Crate, or call, and the rooms that may name it.
const CONFINED: &[(&str, &[&str])] = &[
    ("nom::", &["wire"]),
    ("tokio::", &["net", "store", "service", "http", "cli"]),
    ("tokio_util::", &["net", "store", "service", "http", "cli"]),
    ("dashmap::", &["net"]),
    ("serde::", &["contact", "store", "service", "http", "cli"]),
    ("serde_json::", &["contact", "store", "service", "http", "cli"]),
    ("schemars::", &["service"]),
    ("axum::", &["http"]),
    ("utoipa", &["http"]),
    ("clap::", &["cli"]),
    ("miette::", &["cli"]),
    ("rusqlite::", &["store"]),
    ("reqwest::", &["service", "cli"]),
    ("Instant::now", &["net", "store", "service", "http", "cli"]),
    ("SystemTime::now", &["net", "store", "service", "http", "cli"]),
];

fn floor(room: &str) -> usize {
    FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{room} is no room of the design"))
}

/// (room, file, text) of every source file in a room.
fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, room: &str, found: &mut Vec<(String, PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, room, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((room.to_owned(), path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            floor(&name);
            walk(&path, &name, &mut found);
        } else {
            assert!(["lib", "main"].contains(&name.as_str()), "{name}.rs stands in no room");
        }
    }
    assert!(found.len() > 20, "the rooms were not found");
    found
}

/// The code lines of a file with their numbers: no comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())).filter(|(_, line)| !line.starts_with("//"))
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        for (number, line) in code(&text) {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let used: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if rest.starts_with('{') {
                    wrong.push(format!("{}:{number}: one room a line, so that the arrows can be read", path.display()));
                } else if used != room && floor(&used) >= floor(&room) {
                    wrong.push(format!("{}:{number}: {room} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_crate_stays_in_its_room() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        for (number, line) in code(&text) {
            for (name, rooms) in CONFINED {
                if line.contains(name) && !rooms.contains(&room.as_str()) {
                    wrong.push(format!("{}:{number}: {name} in {room}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn main_only_calls_the_command_line() {
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(code(&main).count() < 10, "main.rs does more than call cli");
}
