//! A test engineer: a T-Server, its OCSs and the application under test in one process, without sockets, on a clock that
//! jumps. The same run every time, in microseconds.
//!
//! `cargo run --no-default-features --example in_a_test`

use std::collections::VecDeque;
use std::error::Error;
use std::sync::mpsc::{Sender, channel};

use commdn::engine::topology::Topology;
use commdn::engine::world::{AppInput, Application, World, WorldConfig};
use commdn::message::{AppDbid, CommDnMessage, LoadCampaign, Message, Pair, StartDialing, StopDialing, Target};
use commdn::message::{DialMode, Dialing, OptimizeBy};
use commdn::protocol::{Time, UtcSeconds};

const ME: AppDbid = AppDbid(201);
const OCS: AppDbid = AppDbid(301);
/// 2026-03-02T08:00:00Z, a Monday.
const MORNING: UtcSeconds = UtcSeconds(1_772_438_400);

/// The application under test: loads a campaign, starts it once it is loaded, and stops it an hour later.
struct Hourly {
    pair: Pair,
    out: VecDeque<CommDnMessage>,
    stop_at: Option<Time>,
    told: Sender<(Time, &'static str)>,
}

impl Hourly {
    fn ask(&mut self, request: impl Into<Message>) {
        self.out.push_back(CommDnMessage::new(ME, OCS, request));
    }
}

impl Application for Hourly {
    fn name(&self) -> &str {
        "Hourly"
    }

    fn handle(&mut self, now: Time, _: UtcSeconds, input: AppInput<'_>) {
        let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        match input {
            AppInput::Up => self.ask(LoadCampaign::new(self.pair, dialing)),
            AppInput::Tick => {
                self.stop_at = None;
                self.ask(StopDialing::new(self.pair));
            }
            AppInput::Heard { message, .. } if message.target == Target::One(ME) => {
                let _ = self.told.send((now, message.body.message_type().name().unwrap_or("?"))); // the test reads it
                match &message.body {
                    Message::CampaignLoaded(_) => self.ask(StartDialing::new(self.pair, dialing)),
                    Message::DialingStarted(_) => self.stop_at = Some(Time(now.0 + Time::from_secs(3_600).0)),
                    _ => {}
                }
            }
            AppInput::Heard { .. } => {} // for somebody else
        }
    }

    fn poll(&mut self) -> Option<CommDnMessage> {
        self.out.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        self.stop_at
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (told, heard) = channel();
    let mut world = World::new(WorldConfig::new(Topology::demo(), MORNING))?;
    world.add(Box::new(Hourly { pair: Pair::new(101, 732), out: VecDeque::new(), stop_at: None, told }));
    world.run_until(Time::from_secs(2 * 3_600));

    let heard: Vec<(u64, &str)> = heard.try_iter().map(|(at, name)| (at.0.as_secs(), name)).collect();
    let wanted = [(0, "CM_EvCampaignLoaded"), (0, "CM_EvDialingStarted"), (3_600, "CM_EvDialingStopped")];
    assert_eq!(heard, wanted);
    Ok(())
}
