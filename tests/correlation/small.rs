//! Small worlds, all of them: two requests, three happenings, every interleaving, with and without echo, N = 1 and 2.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use commdn::{
    message::{CommDnMessage, DoNotCallProcessed, ErrorCode, ErrorEvent, Message, RecordCanceled, RequestKind, Target},
    protocol::{
        Time,
        requester::{
            EchoKnowledge, Input, LinkId, OcsPeer, Output, Progress, RequestId, Requester, RequesterConfig, SendId,
            Sizes, Submission, Why,
        },
    },
};

use crate::{schedules::say, world::site};

/// What may happen beside the two submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Submit(usize),
    /// OCS does what this request asks, and says so; a second time it is the double.
    Answer(usize),
    /// OCS refuses it, without saying what; a second time it is the double.
    Refuse(usize),
    /// Eleven seconds: time-outs, settling.
    Wait,
}

const HAPPENINGS: [Step; 5] = [Step::Answer(0), Step::Answer(1), Step::Refuse(0), Step::Refuse(1), Step::Wait];
const B: u64 = 30_000;
const D: u64 = 2_000;

struct Small {
    machine: Requester,
    now: u64,
    bodies: [Message; 2],
    /// Origin and time of the first send of each request.
    sent: [Option<(Target, u64)>; 2],
    /// When each was first answered or refused.
    told: [Option<u64>; 2],
    ends: BTreeMap<u64, u32>,
    marks: BTreeMap<SendId, Vec<u64>>,
    wrong: Option<String>,
}

impl Small {
    fn new(origins: i32, echo: bool, bodies: [Message; 2]) -> Self {
        let echo = if echo { EchoKnowledge::proved() } else { EchoKnowledge::default() };
        let pool = (201..201 + origins).map(commdn::message::AppDbid).collect();
        let peer = OcsPeer { dbid: site::OCS[0], backup: None, address: site::address(1, 0), echo };
        let mut small = Self {
            machine: Requester::new(RequesterConfig::new(pool, vec![peer])),
            now: 1_000,
            bodies,
            sent: [None; 2],
            told: [None; 2],
            ends: BTreeMap::new(),
            marks: BTreeMap::new(),
            wrong: None,
        };
        small.input(Input::LinkUp { link: LinkId(0) }, None);
        small
    }

    fn input(&mut self, input: Input, cause: Option<usize>) {
        self.machine.handle(Time::from_millis(self.now), input);
        let mut origins: BTreeMap<SendId, Target> = BTreeMap::new();
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { send, message, .. } => {
                    origins.insert(send, message.origin.into());
                }
                Output::Progress { id, progress: Progress::Sent { send, .. } } => {
                    let n = id.0 as usize - 1;
                    if self.sent[n].is_none() {
                        self.sent[n] = origins.get(&send).map(|origin| (*origin, self.now));
                    }
                    self.marks.entry(send).or_default().push(id.0);
                }
                Output::Outcome { id, outcome } => {
                    *self.ends.entry(id.0).or_default() += 1;
                    let n = id.0 as usize - 1;
                    let decided = outcome
                        .answers()
                        .iter()
                        .any(|answer| matches!(answer.why, Why::Exact | Why::SoleCandidate | Why::ByRepeat));
                    if let Some(cause) = cause.filter(|cause| decided && *cause != n) {
                        let same = self.bodies[cause] == self.bodies[n];
                        let reads = self.bodies[n].request_kind() == Some(RequestKind::Status);
                        if !same && !reads {
                            self.wrong =
                                Some(format!("the answer to {} was taken for {}: {outcome:?}", cause + 1, n + 1));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(due) = self.machine.next_deadline().map(|due| due.0.as_millis() as u64).filter(|due| *due <= end)
        {
            self.now = self.now.max(due);
            self.input(Input::Timer, None);
        }
        self.now = end;
    }

    fn step(&mut self, step: Step, echo: bool) {
        match step {
            Step::Wait => self.wait(11_000),
            Step::Submit(n) => {
                let (target, body) = (Target::One(site::OCS[0]), self.bodies[n].clone());
                let id = RequestId(n as u64 + 1);
                let deadline = Some(Duration::from_secs(20));
                self.input(Input::Submit(Submission { id, target, body, deadline, durable: false }), None);
            }
            Step::Answer(n) | Step::Refuse(n) => {
                let Some((to, at)) = self.sent[n] else { return };
                let late = self.now > at + B || self.told[n].is_some_and(|told| self.now > told + D);
                if late {
                    return;
                }
                self.told[n].get_or_insert(self.now);
                let body = if matches!(step, Step::Refuse(_)) {
                    ErrorEvent { error: Some(ErrorCode(10)), ..ErrorEvent::default() }.into()
                } else {
                    answer(&self.bodies[n], echo)
                };
                let message = CommDnMessage::new(site::OCS[0], to, body);
                let event = Input::Event { link: LinkId(0), dn: site::DN.into(), message, user_data: Bytes::new() };
                self.input(event, Some(n));
            }
        }
    }
}

fn answer(request: &Message, echo: bool) -> Message {
    match request {
        Message::DoNotCall(entry) => {
            DoNotCallProcessed { do_not_call: echo.then(|| entry.clone()), ..DoNotCallProcessed::default() }.into()
        }
        Message::CancelRecord(asked) => {
            RecordCanceled { cancel_record: echo.then(|| asked.clone()), ..RecordCanceled::default() }.into()
        }
        other => {
            let what = RequestKind::ALL.iter().position(|(kind, _, _)| Some(*kind) == other.request_kind()).unwrap();
            // The order of WHATS: load, start, stop, unload, force unload, set mode, status.
            let what = [0, 3, 1, 2, 5, 6, 4][what];
            let subject = u64::from(other.pair() == Some(site::pair(1)));
            site::answer_like(what, subject, 0)
        }
    }
}

#[test]
fn no_small_world_misattributes_an_answer() {
    let bodies = || {
        let campaign = [0, 1, 2, 3, 4, 6].into_iter().map(|what| site::request(what, 0, 0));
        let other = [0, 2].into_iter().map(|what| site::request(what, 1, 0));
        let people = [(7, 0, 0), (7, 1, 0), (8, 0, 0), (8, 0, 1), (8, 1, 0)];
        campaign.chain(other).chain(people.map(|(what, subject, variant)| site::request(what, subject, variant)))
    };
    let mut worlds = 0_u64;
    for (origins, echo) in [(1, true), (1, false), (2, true), (2, false)] {
        for first in bodies() {
            for second in bodies() {
                for number in 0..125 {
                    let three = [number % 5, number / 5 % 5, number / 25].map(|n| HAPPENINGS[n]);
                    let both = |n| three.contains(&Step::Answer(n)) && three.contains(&Step::Refuse(n));
                    if both(0) || both(1) {
                        continue; // an OCS does not both do and refuse
                    }
                    for place in 0..=3 {
                        let mut steps = vec![Step::Submit(0)];
                        steps.extend(&three[..place]);
                        steps.push(Step::Submit(1));
                        steps.extend(&three[place..]);
                        let mut small = Small::new(origins, echo, [first.clone(), second.clone()]);
                        for step in &steps {
                            small.step(*step, echo);
                        }
                        small.wait(1_000_000);
                        let name = || format!("N = {origins}, echo {echo}, {first:?}, {second:?}, {steps:?}");
                        assert_eq!(small.wrong, None, "I2: {}", name());
                        assert!(small.ends.len() == 2 && small.ends.values().all(|n| *n == 1), "I1: {}", name());
                        assert_eq!(small.machine.sizes(), Sizes::default(), "I6: {}", name());
                        worlds += 1;
                    }
                }
            }
        }
    }
    say(&format!("schedules: {worlds} small worlds, all interleavings of two requests and three happenings"));
}
