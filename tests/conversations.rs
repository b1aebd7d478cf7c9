//! Plays every file of `proto-fixtures/conversations` against the simulated OCSs of the demo, in virtual time.

use std::collections::VecDeque;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use commdn::engine::conversation::{self, Mask, Step, print_step};
use commdn::engine::ocs::{Input, Internal, Ocs, Output};
use commdn::engine::topology::Topology;
use commdn::message::{AppDbid, CommDnMessage, Direction};
use commdn::protocol::profile::Profile;
use commdn::protocol::{Time, UtcSeconds};
use commdn::wire::Dialect;

const DN: &str = "CommDN_1";

struct World {
    ocs: Vec<Ocs>,
    now: Time,
    /// What the OCSs have sent and no step has taken yet.
    sent: VecDeque<CommDnMessage>,
}

impl World {
    fn new(profile: &str) -> Option<Self> {
        let topology = Topology::demo();
        let profile = Profile::shipped(profile)?;
        let ocs = topology.ocs.iter().map(|entry| {
            let config = topology.ocs_config(entry.dbid, Dialect::default(), Some(profile.clone())).unwrap();
            Ocs::new(config, vec![DN.to_owned()])
        });
        Some(Self { ocs: ocs.collect(), now: Time::ZERO, sent: VecDeque::new() })
    }

    fn utc(&self) -> UtcSeconds {
        UtcSeconds(1_767_225_600 + i64::try_from(self.now.0.as_secs()).unwrap())
    }

    fn hear(&mut self, message: &CommDnMessage) {
        let user_data = message.encode(&Dialect::default()).unwrap();
        self.each(None, Input::UserEvent { dn: DN, user_data: &user_data });
    }

    fn each(&mut self, only: Option<AppDbid>, input: Input<'_>) {
        let (now, utc) = (self.now, self.utc());
        for ocs in self.ocs.iter_mut().filter(|ocs| only.is_none_or(|only| ocs.config().dbid == only)) {
            ocs.handle(now, utc, input.clone());
            while let Some(output) = ocs.poll() {
                if let Output::Send { message, .. } = output {
                    self.sent.push_back(*message);
                }
            }
        }
    }

    fn trigger(&mut self, only: Option<AppDbid>, internal: Internal) {
        self.each(only, Input::Internal(internal));
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.ocs.iter().filter_map(Ocs::next_deadline).min().filter(|due| *due <= end) {
            self.now = due;
            self.each(None, Input::Tick);
        }
        self.now = end;
    }
}

/// Plays one conversation; the error names the line, what was expected and what came.
fn play(text: &str) -> Result<usize, String> {
    let steps = conversation::parse(text).map_err(|error| error.to_string())?;
    let mut world = World::new("documented").unwrap();
    let mut played = 0;
    for (line, step) in steps {
        let expects = matches!(&step, Step::Message(step) if from_ocs(&step.message));
        if !expects {
            nothing_left(&mut world, line)?;
        }
        match step {
            Step::Profile(name) => world = World::new(&name).ok_or(format!("line {line}: no profile '{name}'"))?,
            Step::Wait(duration) => world.wait(duration),
            Step::Trigger(ocs, internal) => world.trigger(ocs, internal),
            Step::Message(request) if !expects => world.hear(&request.message),
            Step::Message(wanted) => match world.sent.iter().position(|found| wanted.fits(found)) {
                Some(0) => drop(world.sent.pop_front()),
                found => {
                    let mut told = format!("line {line}: expected {}", Step::Message(wanted));
                    match (found, world.sent.front()) {
                        (_, None) => told.push_str("\n  but nothing was sent"),
                        (position, Some(next)) => {
                            let _ = write!(told, "\n  but next came {}", print_step(None, None, next, Mask::Show));
                            if let Some(position) = position {
                                let _ = write!(told, "\n  the expected one came as number {}", position + 1);
                            }
                        }
                    }
                    return Err(told);
                }
            },
        }
        played += 1;
    }
    nothing_left(&mut world, text.lines().count())?;
    Ok(played)
}

fn from_ocs(message: &CommDnMessage) -> bool {
    message.body.message_type().row().is_some_and(|row| row.direction == Direction::FromOcs)
}

fn nothing_left(world: &mut World, line: usize) -> Result<(), String> {
    match world.sent.front() {
        None => Ok(()),
        Some(message) => Err(format!(
            "line {line}: nothing more was expected, but there came {}",
            print_step(None, None, message, Mask::Show)
        )),
    }
}

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
fn every_conversation_goes_as_it_is_written() {
    let mut failures = Vec::new();
    let files = files();
    assert!(files.len() >= 8, "found {} conversations", files.len());
    for (name, text) in &files {
        match play(text) {
            Ok(steps) => assert!(steps > 0, "{name} is empty"),
            Err(error) => failures.push(format!("{name}, {error}")),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
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

#[test]
fn a_wrong_expectation_is_told_with_its_line_and_what_came() {
    let request = "app 201 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732\n";
    let wrong = format!("{request}ocs 301 -> 201 CM_EvCampaignStatus campaign=101 group=732 status=4 ...\n");
    let told = play(&wrong).unwrap_err();
    assert!(told.starts_with("line 2: expected ocs 301 -> 201 CM_EvCampaignStatus"), "{told}");
    assert!(told.contains("but next came") && told.contains("status=0"), "{told}");
    assert!(play(request).unwrap_err().contains("nothing more was expected"));
    let silent = "app 299 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732\n\
                  ocs 301 -> 299 CM_EvCampaignStatus campaign=101 group=732 ...\n";
    assert!(play(silent).unwrap_err().ends_with("but nothing was sent"));
}
