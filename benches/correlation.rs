//! Row 19 of the speed targets: what an event costs while 1 to 1,000,000 other requests are pending.
//!
//! `cargo bench --no-default-features --bench correlation [-- MOST] [do-not-call | start] [as-sent | any-order]`
//!
//! To count what an event costs instead of timing it: `-- 30000 do-not-call only count any-order` under
//! `valgrind --tool=callgrind --cache-sim=yes --LL=2097152,16,64 --toggle-collect='*answer_one*'`, 2,000 events.
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use commdn::message::{
    DialMode, Dialing, DialingStarted, GroupCampStatus, Message, OptimizeBy, Pair, PairEvent, StartDialing,
};
use commdn::protocol::Time;
use commdn::protocol::requester::{Input, Output, Requester, SendId};
use support::{correlator, median};

const ROUNDS: usize = 9;
const EVENTS: usize = 4_000;
/// Virtual time between two requests: a million of them are sent before the first would time out.
const STEP: Duration = Duration::from_micros(2);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    DoNotCall,
    Start,
}

/// In which order the OCS answers.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    AsSent,
    Random,
}

struct World {
    kind: Kind,
    order: Order,
    machine: Requester,
    now: Time,
    dice: u64,
    next: u64,
    /// What is pending, with what makes its subject.
    pending: VecDeque<u64>,
}

impl World {
    fn new(kind: Kind, order: Order, pending: usize) -> Self {
        let machine = correlator::machine(|config| {
            config.requests_max = 2_000_000;
            config.shadows_max = 8_000_000;
        });
        let mut world = Self {
            kind,
            order,
            machine,
            now: Time::ZERO,
            dice: 0x9e37_79b9_7f4a_7c15,
            next: 0,
            pending: VecDeque::new(),
        };
        for _ in 0..pending {
            world.submit();
        }
        world
    }

    fn random(&mut self) -> u64 {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn pair(seed: u64) -> Pair {
        let part = |bits: u64| i32::try_from(bits & 0xf_ffff).unwrap() + 1;
        Pair::new(part(seed), part(seed >> 20))
    }

    fn submit(&mut self) {
        // Scattered, and no two alike: both factors have an inverse.
        let seed = match self.kind {
            Kind::DoNotCall => self.next * 2_654_435_769 % 10_000_000_000,
            Kind::Start => self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff_ffff_ffff,
        };
        let body: Message = match self.kind {
            Kind::DoNotCall => correlator::entry(seed).into(),
            Kind::Start => {
                let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
                StartDialing::new(Self::pair(seed), dialing).into()
            }
        };
        self.next += 1;
        self.now = Time(self.now.0 + STEP);
        self.machine.handle(self.now, correlator::submission(self.next, body));
        let mut sent: Option<SendId> = None;
        while let Some(output) = self.machine.poll() {
            if let Output::Send { send, .. } = output {
                sent = Some(send);
            }
        }
        let send = sent.expect("a distinct request leaves at once");
        self.machine.handle(self.now, Input::Acked { send });
        self.pending.push_back(seed);
    }

    /// One event, the answer to one of those that are pending: how long the machine took for it.
    fn answer(&mut self) -> f64 {
        if self.order == Order::Random {
            let other = usize::try_from(self.random() % self.pending.len() as u64).unwrap();
            self.pending.swap(0, other);
        }
        let seed = self.pending.pop_front().expect("something is pending");
        let body: Message = match self.kind {
            Kind::DoNotCall => correlator::processed(seed),
            Kind::Start => {
                let mut event = PairEvent::new(Self::pair(seed), GroupCampStatus::RUNNING);
                event.dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
                DialingStarted(event).into()
            }
        };
        let input = correlator::event(body);
        let start = Instant::now();
        let ended = correlator::answer_one(&mut self.machine, self.now, input);
        let took = start.elapsed();
        assert_eq!(ended, 1, "each event ends its request");
        took.as_secs_f64() * 1e9
    }
}

fn told(word: &str) -> bool {
    std::env::args().any(|argument| argument == word)
}

fn main() {
    let most = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let mut sizes: Vec<usize> = [1, 1_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= most).collect();
    if told("only") {
        sizes = vec![most];
    }
    println!(
        "nanoseconds for one event that answers one request: the middle one of {EVENTS}, medians of {ROUNDS} rounds in turns"
    );
    println!("row 19: must be flat within 2x from 1 to 1,000,000 pending requests\n");
    for (kind, what) in [(Kind::DoNotCall, "do-not-call"), (Kind::Start, "start dialing")] {
        if told("do-not-call") && kind != Kind::DoNotCall || told("start") && kind != Kind::Start {
            continue;
        }
        for (order, how) in
            [(Order::AsSent, "answered in the order of sending"), (Order::Random, "answered in any order")]
        {
            if told("any-order") && order != Order::Random || told("as-sent") && order != Order::AsSent {
                continue;
            }
            if told("count") {
                count(World::new(kind, order, most));
                continue;
            }
            run(kind, order, &sizes, &format!("{what}, {how}"));
        }
    }
}

/// For a tool that counts: twice 1,000 events.
fn count(mut world: World) {
    for _ in 0..2_000 {
        world.answer();
        world.submit();
    }
}

fn run(kind: Kind, order: Order, sizes: &[usize], title: &str) {
    let mut worlds: Vec<World> = sizes.iter().map(|size| World::new(kind, order, *size)).collect();
    let mut middles = vec![Vec::new(); sizes.len()];
    let mut means = vec![Vec::new(); sizes.len()];
    for round in 0..=ROUNDS {
        for (ix, world) in worlds.iter_mut().enumerate() {
            let mut took: Vec<f64> = Vec::with_capacity(EVENTS);
            for _ in 0..EVENTS {
                took.push(world.answer());
                world.submit();
            }
            took.sort_by(f64::total_cmp);
            if round > 0 {
                middles[ix].push(took[EVENTS / 2]);
                // Without the slowest hundredth, in which the machine did something else.
                let calm = &took[..EVENTS - EVENTS / 100];
                means[ix].push(calm.iter().sum::<f64>() / calm.len() as f64);
            }
        }
    }
    println!("{title}");
    let middles: Vec<f64> = middles.into_iter().map(median).collect();
    let means: Vec<f64> = means.into_iter().map(median).collect();
    for ((size, middle), mean) in sizes.iter().zip(&middles).zip(&means) {
        println!(
            "  {size:>9} pending {middle:>7.0} ns  {:>5.2} x one pending   mean {mean:>7.0} ns  {:>5.2} x",
            middle / middles[0],
            mean / means[0]
        );
    }
    println!();
}
