//! The rules of dialing, each on a small site.

mod control;
mod records;

use super::*;
use crate::engine::ocs::record::{CHAIN_UPDATED, Held, READY, UPDATED};
use crate::engine::ocs::{Input, Internal, Ocs, Output, Record, RecordChange};
use crate::engine::topology::Topology;
use crate::message::{
    AppDbid, CommDnMessage, DialMode, Dialing, LoadCampaign, Message, OptimizeBy, StartDialing, Target,
};
use crate::protocol::lifecycle::PairState;
use crate::protocol::{Time, UtcSeconds};
use crate::wire::Dialect;

const DN: &str = "CommDN_1";
/// 2026-03-02T09:00:00Z, a Monday.
const NINE: i64 = 1_772_442_000;

fn pair() -> Pair {
    Pair::new(101, 732)
}

fn mode(mode: i32) -> Dialing {
    Dialing::new(DialMode(mode), OptimizeBy::NONE, 0)
}

/// One OCS, its lists and what came out of it.
struct Site {
    ocs: Ocs,
    now: Time,
    seen: Vec<(u64, Output)>,
}

impl Site {
    /// A site with these lines about lists and dialing; two campaigns, 101 with list `l`, 102 with list `m`.
    fn new(lines: &str) -> Self {
        Self::with(lines, |_| {})
    }

    fn with(lines: &str, change: impl FnOnce(&mut OcsConfig)) -> Self {
        let head = "comm_dn CommDN_1\nocs 301 A modes=1-11\norigin 201 server ocs=301\ngroup 732 G\n";
        let (lists, dialing): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.starts_with("list "));
        let has = |name: &str| lists.iter().any(|line| line.starts_with(&format!("list {name}")));
        let other = if has("m") { "" } else { "list m\n" };
        let tail = "campaign 101 C ocs=301 lists=l\ncampaign 102 D ocs=301 lists=m\npair 101-732\npair 102-732\n";
        let text = format!("{head}{}\n{other}{tail}{}\n", lists.join("\n"), dialing.join("\n"));
        let topology = Topology::parse(&text).unwrap();
        let mut config = topology.ocs_config(AppDbid(301), Dialect::default(), None).unwrap();
        change(&mut config);
        Self { ocs: Ocs::new(config, vec![DN.to_owned()]), now: Time::ZERO, seen: Vec::new() }
    }

    fn input(&mut self, input: Input<'_>) {
        let utc = NINE + i64::try_from(self.now.0.as_secs()).unwrap();
        self.ocs.handle(self.now, UtcSeconds(utc), input);
        while let Some(output) = self.ocs.poll() {
            self.seen.push((u64::try_from(self.now.0.as_millis()).unwrap(), output));
        }
        for counts in self.ocs.counts() {
            assert!(counts.is_whole(), "{counts:?}");
        }
    }

    /// Gives back what the OCS says at once.
    fn ask(&mut self, body: impl Into<Message>) -> Vec<i32> {
        let message = CommDnMessage::new(AppDbid(201), AppDbid(301), body);
        let before = self.seen.len();
        self.input(Input::UserEvent { dn: DN, user_data: &message.encode(&Dialect::default()).unwrap() });
        self.types_since(before)
    }

    fn types_since(&self, before: usize) -> Vec<i32> {
        let sent = self.seen[before..].iter().filter_map(|(_, output)| match output {
            Output::Send { message, .. } => Some(message.body.message_type().0),
            _ => None,
        });
        sent.collect()
    }

    fn inside(&mut self, internal: Internal) {
        self.input(Input::Internal(internal));
    }

    /// Lets time pass, from one thing that is due to the next; gives back the types of what was sent.
    fn run(&mut self, millis: u64) -> Vec<i32> {
        let (end, before) = (self.now + std::time::Duration::from_millis(millis), self.seen.len());
        while let Some(due) = self.ocs.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Tick);
        }
        self.now = end;
        self.types_since(before)
    }

    fn start(&mut self, campaign: i32, dialing: Dialing) {
        let pair = Pair::new(campaign, 732);
        assert_eq!(self.ask(LoadCampaign::new(pair, dialing)), [19]);
        assert_eq!(self.ask(StartDialing::new(pair, dialing)), [21]);
    }

    fn running(mut self, dialing: Dialing) -> Self {
        self.start(101, dialing);
        self
    }

    fn changes(&self) -> impl Iterator<Item = (u64, &RecordChange)> {
        self.seen.iter().filter_map(|(at, output)| match output {
            Output::Record(change) => Some((*at, change)),
            _ => None,
        })
    }

    /// Dial attempts: time and record.
    fn dials(&self) -> Vec<(u64, i32)> {
        let mut attempts = BTreeMap::new();
        let dials = self.changes().filter(|(_, change)| {
            let before = attempts.insert((change.list, change.record_id), change.attempt).unwrap_or(0);
            change.attempt > before
        });
        dials.map(|(at, change)| (at, change.record_id)).collect()
    }

    fn record(&self, id: i32) -> &Record {
        let records = &self.ocs.config().lists[0].records;
        records.iter().find(|record| record.record_id == id).unwrap()
    }

    fn columns(&self, id: i32) -> (i32, i32, i32, i32) {
        let record = self.record(id);
        (record.record_type, record.record_status, record.call_result, record.attempt)
    }

    fn counts(&self) -> PairCounts {
        self.ocs.pair_counts(pair())
    }
}
