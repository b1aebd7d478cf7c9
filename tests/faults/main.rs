//! Faults in a whole site without sockets: what each of them does, and that nothing is lost for good by any.

mod effects;
mod random;

use std::sync::{Arc, Mutex};

use commdn::engine::fault;
use commdn::engine::topology::Topology;
use commdn::engine::world::{AppInput, Application, Seen, World, WorldConfig};
use commdn::message::*;
use commdn::protocol::lifecycle::PairState;
use commdn::protocol::{Time, UtcSeconds};

/// 2026-03-02T08:00:00Z, a Monday.
const START: UtcSeconds = UtcSeconds(1_772_438_400);

const SITE: &str = "comm_dn CommDN_1
ocs 301 A
ocs 302 B
origin 201 server ocs=301,302
origin 202 server ocs=301,302
group 732 G
list l contacts=4
list m contacts=4
campaign 101 C ocs=301 lists=l
campaign 102 D ocs=302 lists=m
pair 101-732 mode=progress
pair 102-732 mode=progress
";

/// What an application heard: milliseconds, sender, message.
type Heard = Vec<(u64, i32, i32)>;

/// What the tests look at afterwards.
#[derive(Debug, Default)]
struct Log {
    heard: Heard,
    ups: Vec<u64>,
    errors: Vec<ErrorEvent>,
}

/// An application that sends at its times what it may send, and writes down what it hears.
struct Desk {
    name: &'static str,
    dbid: AppDbid,
    sends: Vec<(Time, CommDnMessage)>,
    now: Time,
    log: Arc<Mutex<Log>>,
}

impl Application for Desk {
    fn name(&self) -> &str {
        self.name
    }

    fn handle(&mut self, now: Time, _: UtcSeconds, input: AppInput<'_>) {
        self.now = now;
        let mut log = self.log.lock().unwrap();
        let millis = u64::try_from(now.0.as_millis()).unwrap();
        match input {
            AppInput::Up => log.ups.push(millis),
            AppInput::Heard { message, .. } if message.target == Target::One(self.dbid) => {
                log.heard.push((millis, message.origin.0, message.body.message_type().0));
                if let Message::ErrorEvent(error) = &message.body {
                    log.errors.push(error.clone());
                }
            }
            AppInput::Heard { .. } | AppInput::Tick => {}
        }
    }

    fn poll(&mut self) -> Option<CommDnMessage> {
        let due = self.sends.first().is_some_and(|(at, _)| *at <= self.now);
        due.then(|| self.sends.remove(0).1)
    }

    fn next_deadline(&self) -> Option<Time> {
        self.sends.first().map(|(at, _)| *at)
    }
}

/// A site with faults, and what its desktop heard.
struct Site {
    world: World,
    log: Arc<Mutex<Log>>,
    /// Faults that struck: milliseconds, client, message.
    struck: Vec<(u64, String, Option<i32>)>,
}

fn ask(ocs: i32, body: impl Into<Message>) -> CommDnMessage {
    CommDnMessage::new(AppDbid(201), Target::from(ocs), body)
}

fn load() -> CommDnMessage {
    ask(301, LoadCampaign::new(Pair::new(101, 732), Dialing::default()))
}

fn status() -> CommDnMessage {
    ask(301, GetCampaignStatus::new(Pair::new(101, 732)))
}

impl Site {
    /// The desktop asks these things at these milliseconds.
    fn new(faults: &[&str], sends: Vec<(u64, CommDnMessage)>) -> Self {
        Self::of(WorldConfig::new(Topology::parse(SITE).unwrap(), START), faults, sends)
    }

    fn of(config: WorldConfig, faults: &[&str], sends: Vec<(u64, CommDnMessage)>) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let sends = sends.into_iter().map(|(at, message)| (Time::from_millis(at), message)).collect();
        let desk = Desk { name: "Desktop", dbid: AppDbid(201), sends, now: Time::ZERO, log: Arc::clone(&log) };
        let mut world = World::new(config).unwrap();
        world.add(Box::new(desk));
        for line in faults {
            world.inject(fault::read_line(line).unwrap_or_else(|error| panic!("{line}: {error}"))).unwrap();
        }
        Self { world, log, struck: Vec::new() }
    }

    fn run(&mut self, seconds: u64) {
        let struck = &mut self.struck;
        self.world.watch_until(Time::from_secs(seconds), &mut |now, seen| {
            if let Seen::Fault { client, message, .. } = seen {
                let millis = u64::try_from(now.0.as_millis()).unwrap();
                struck.push((millis, client.to_owned(), message.map(|message| message.0)));
            }
        });
    }

    fn heard(&self) -> Heard {
        self.log.lock().unwrap().heard.clone()
    }

    fn ups(&self) -> Vec<u64> {
        self.log.lock().unwrap().ups.clone()
    }

    fn state(&self) -> PairState {
        self.world.ocs(AppDbid(301)).unwrap().state(Pair::new(101, 732)).unwrap()
    }
}

/// Runs a site for a minute; the first load is asked for at one second.
fn loaded(faults: &[&str]) -> Site {
    let mut site = Site::new(faults, vec![(1_000, load())]);
    site.run(60);
    site
}
