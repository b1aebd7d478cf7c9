//! A conversation between one requester and its OCSs, written down as a test reads it.
#![allow(dead_code, unreachable_pub)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use commdn::{
    message::*,
    protocol::{Time, requester::*},
};

pub const OCS_A: AppDbid = AppDbid(301);
pub const OCS_A_BACKUP: AppDbid = AppDbid(311);
pub const OCS_B: AppDbid = AppDbid(302);
pub const LINK: LinkId = LinkId(0);
pub const FIRST_ORIGIN: i32 = 201;

/// A frame that the requester gave out.
#[derive(Clone, Debug)]
pub struct Sent {
    pub send: SendId,
    pub at: Time,
    pub message: CommDnMessage,
}

pub struct Talk {
    pub machine: Requester,
    pub now: Time,
    pub sent: Vec<Sent>,
    pub marks: Vec<JournalMark>,
    pub outputs: Vec<Output>,
    pub ends: BTreeMap<u64, Vec<Outcome>>,
    pub next_id: u64,
}

pub fn dn() -> DnAddress {
    DnAddress { link: LINK, dn: "CommDN_1".into() }
}

pub fn config(origins: i32, echo: EchoKnowledge) -> RequesterConfig {
    let pool = (0..origins).map(|n| AppDbid(FIRST_ORIGIN + n)).collect();
    let peer = |dbid, backup| OcsPeer { dbid, backup, address: dn(), echo };
    RequesterConfig::new(pool, vec![peer(OCS_A, Some(OCS_A_BACKUP)), peer(OCS_B, None)])
}

impl Talk {
    /// Links are up, echoes of do-not-call and cancel proved.
    pub fn with(origins: i32) -> Self {
        Self::from(config(origins, EchoKnowledge::proved()))
    }

    /// Links are up, nothing is known about echoes.
    pub fn without_echo(origins: i32) -> Self {
        Self::from(config(origins, EchoKnowledge::default()))
    }

    pub fn from(config: RequesterConfig) -> Self {
        let mut talk = Self::offline(config);
        talk.input(Input::LinkUp { link: LINK });
        talk
    }

    pub fn offline(config: RequesterConfig) -> Self {
        Self {
            machine: Requester::new(config),
            now: Time::from_secs(1_000),
            sent: Vec::new(),
            marks: Vec::new(),
            outputs: Vec::new(),
            ends: BTreeMap::new(),
            next_id: 1,
        }
    }

    pub fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        while let Some(output) = self.machine.poll() {
            match &output {
                Output::Send { send, message, .. } => {
                    if message.body.request_kind().is_some_and(RequestKind::is_mutating) {
                        assert_eq!(self.marks.last().map(|mark| mark.send), Some(*send), "journal before send");
                    }
                    self.sent.push(Sent { send: *send, at: self.now, message: message.clone() });
                }
                Output::Journal(mark) => self.marks.push(mark.clone()),
                Output::Outcome { id, outcome } => self.ends.entry(id.0).or_default().push(outcome.clone()),
                _ => {}
            }
            self.outputs.push(output);
        }
    }

    pub fn ask(&mut self, body: impl Into<Message>) -> u64 {
        self.submit(OCS_A, body, None, false)
    }

    pub fn ask_every(&mut self, body: impl Into<Message>) -> u64 {
        self.submit(Target::Every, body, None, false)
    }

    pub fn ask_for(&mut self, seconds: u64, body: impl Into<Message>) -> u64 {
        self.submit(OCS_A, body, Some(Duration::from_secs(seconds)), false)
    }

    pub fn ask_durably(&mut self, body: impl Into<Message>) -> u64 {
        self.submit(OCS_A, body, None, true)
    }

    pub fn submit(
        &mut self,
        target: impl Into<Target>,
        body: impl Into<Message>,
        deadline: Option<Duration>,
        durable: bool,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let (target, body) = (target.into(), body.into());
        self.input(Input::Submit(Submission { id: RequestId(id), target, body, deadline, durable }));
        id
    }

    /// The last frame.
    pub fn last(&self) -> Sent {
        self.sent.last().cloned().expect("a frame was sent")
    }

    /// OCS A answers the sender of this frame.
    pub fn answer(&mut self, to: &Sent, body: impl Into<Message>) {
        self.event(OCS_A, to.message.origin, body);
    }

    /// OCS A answers the sender of the last frame.
    pub fn reply(&mut self, body: impl Into<Message>) {
        let last = self.last();
        self.answer(&last, body);
    }

    pub fn event(&mut self, from: AppDbid, to: impl Into<Target>, body: impl Into<Message>) {
        self.frame(CommDnMessage::new(from, to, body));
    }

    pub fn frame(&mut self, message: CommDnMessage) {
        self.frame_on(dn(), message);
    }

    pub fn frame_on(&mut self, DnAddress { link, dn }: DnAddress, message: CommDnMessage) {
        let user_data = message.encode(&commdn::wire::Dialect::default()).unwrap();
        self.input(Input::Event { link, dn, message, user_data: Bytes::from(user_data.to_vec()) });
    }

    pub fn ack(&mut self) {
        let send = self.last().send;
        self.input(Input::Acked { send });
    }

    /// Time goes by; every deadline is kept.
    pub fn wait_millis(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.machine.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Timer);
        }
        self.now = end;
    }

    pub fn wait(&mut self, seconds: u64) {
        self.wait_millis(seconds * 1_000);
    }

    /// "open", or the outcome and how it was decided.
    pub fn end(&self, id: u64) -> String {
        match self.ends.get(&id).map(Vec::as_slice) {
            None => "open".to_owned(),
            Some([outcome]) => describe(outcome),
            Some(more) => panic!("request {id} ended {} times: {more:?}", more.len()),
        }
    }

    pub fn outcome(&self, id: u64) -> &Outcome {
        &self.ends[&id][0]
    }

    pub fn standing(&self) -> Standing {
        let mirrors = self.outputs.iter().rev().find_map(|output| match output {
            Output::Mirror { standing, .. } => Some(*standing),
            _ => None,
        });
        mirrors.expect("an event came")
    }

    /// Kinds of the frames sent so far.
    pub fn kinds(&self) -> Vec<RequestKind> {
        self.sent.iter().filter_map(|sent| sent.message.body.request_kind()).collect()
    }
}

pub fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused { by: RefusedBy::Ocs { code, .. }, .. } => {
            let why = outcome.why().map_or("", Why::slug);
            format!("refused {} {why}", code.map_or(-1, |code| code.0))
        }
        Outcome::Refused { by, .. } => match by {
            RefusedBy::Superseded => "refused superseded".into(),
            RefusedBy::Overloaded(_) => "refused overloaded".into(),
            RefusedBy::NotSent(_) => "refused not_sent".into(),
            RefusedBy::Local(_) => "refused local".into(),
            RefusedBy::Ocs { .. } => unreachable!(),
        },
        Outcome::Unknown { reason, .. } => format!("unknown {}", reason.slug()),
        other => format!("{} {}", other.slug(), other.why().map_or("", Why::slug)),
    }
}

pub fn pair() -> Pair {
    Pair::new(101, 732)
}

pub fn predict() -> Dialing {
    Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80)
}

pub fn load() -> Message {
    LoadCampaign::new(pair(), predict()).into()
}

pub fn start() -> Message {
    StartDialing::new(pair(), predict()).into()
}

pub fn stop() -> Message {
    StopDialing::new(pair()).into()
}

pub fn unload() -> Message {
    UnloadCampaign::new(pair()).into()
}

pub fn force_unload() -> Message {
    ForceUnloadCampaign::new(pair()).into()
}

pub fn read() -> Message {
    GetCampaignStatus::new(pair()).into()
}

fn state(status: i32) -> PairEvent {
    let mut state = PairEvent::new(pair(), GroupCampStatus(status));
    state.dialing = predict();
    state
}

pub fn loaded() -> Message {
    CampaignLoaded(state(4)).into()
}

pub fn started() -> Message {
    DialingStarted(state(5)).into()
}

pub fn stopped(status: i32) -> Message {
    DialingStopped(state(status)).into()
}

pub fn stopped_without_status() -> Message {
    DialingStopped(PairEvent { status: None, ..state(4) }).into()
}

pub fn unloaded() -> Message {
    CampaignUnloaded(state(0)).into()
}

pub fn status(status: i32) -> Message {
    CampaignStatus(state(status)).into()
}

pub fn error(code: i32) -> Message {
    ErrorEvent { error: Some(ErrorCode(code)), ..ErrorEvent::default() }.into()
}

pub fn error_of_pair(code: i32) -> Message {
    let (campaign, group) = (Some(pair().campaign), Some(pair().group));
    ErrorEvent { error: Some(ErrorCode(code)), campaign, group, ..ErrorEvent::default() }.into()
}

pub fn dnc(phone: &str) -> Message {
    DoNotCall { phone: Some(phone.into()), customer_id: None, scope: Some(ChainScope::AllChain.into()) }.into()
}

pub fn processed(phone: &str) -> Message {
    let Message::DoNotCall(entry) = dnc(phone) else { unreachable!() };
    DoNotCallProcessed { error: Some(ErrorCode::NO), error_message: None, do_not_call: Some(entry) }.into()
}

pub fn processed_without_echo() -> Message {
    DoNotCallProcessed::default().into()
}

pub fn cancel(phone: &str) -> Message {
    CancelRecord { phone: Some(phone.into()), ..CancelRecord::default() }.into()
}

pub fn canceled(phone: &str, message: Option<&str>) -> Message {
    let message = message.map(Into::into);
    let echo = CancelRecord { phone: Some(phone.into()), message, ..CancelRecord::default() };
    RecordCanceled { error: Some(ErrorCode::NO), error_message: None, cancel_record: Some(echo) }.into()
}

pub fn row(id: u64, body: Message, marks: Vec<JournalMark>) -> JournalRow {
    let submission = Submission { id: RequestId(id), target: OCS_A.into(), body, deadline: None, durable: true };
    let marks = marks.into_iter().map(|mark| (mark, Duration::from_secs(3))).collect();
    JournalRow { submission, ended: false, overdue: false, marks }
}

pub fn dn_named(name: &str) -> DnAddress {
    DnAddress { link: LINK, dn: Arc::from(name) }
}
