//! The link against a hand-written peer: every byte it sends is read back, every time is given.

use bytes::Bytes;

use super::*;
use crate::wire::user_event::*;
use crate::wire::{
    Dialect, ErrorCode, EventStamp, FrameError, MessageId, Reading, ReferenceId, ServerRole, TkvList, take_frame,
};

const DN: &str = "CommDN_1";

fn list() -> Bytes {
    TkvList::new().int("GSW_CM_MessageType", 12).encode(&Dialect::default()).unwrap().freeze()
}

fn body(message: impl Into<TServerMessage>) -> Frame {
    let mut out = BytesMut::new();
    let stamp = EventStamp { seconds: 1, micros: 2, sequence: Some(3) };
    message.into().encode(&mut out, &Dialect::default(), Some(stamp)).unwrap();
    take_frame(&mut out, 100_000, Reading::Strict).unwrap().unwrap()
}

fn message(bytes: &Bytes) -> Option<TServerMessage> {
    match take_frame(&mut BytesMut::from(&bytes[..]), 100_000, Reading::Strict).unwrap().unwrap() {
        Frame::Message(body) => {
            let message = TMessage::decode(&body, &Dialect::default(), Reading::Strict).unwrap();
            TServerMessage::read(&message).unwrap()
        }
        Frame::Poll(_) | Frame::PollAnswer(_) | Frame::PollSettings(_) | Frame::Reserved(_) => None,
    }
}

struct Bench {
    link: Link,
    now: Time,
}

impl Bench {
    fn new(change: impl FnOnce(&mut LinkConfig)) -> Self {
        let mut config = LinkConfig::new("test", &[DN]);
        change(&mut config);
        Self { link: Link::new(config), now: Time::ZERO }
    }

    fn give(&mut self, input: LinkInput) -> Vec<LinkOutput> {
        self.link.handle(self.now, input);
        std::iter::from_fn(|| self.link.poll()).collect()
    }

    fn hear(&mut self, message: impl Into<TServerMessage>) -> Vec<LinkOutput> {
        self.give(LinkInput::Frame(body(message)))
    }

    fn tick_at(&mut self, millis: u64) -> Vec<LinkOutput> {
        self.now = Time::from_millis(millis);
        self.give(LinkInput::Tick)
    }

    fn distribute(&mut self, tag: u64) -> Vec<LinkOutput> {
        self.give(LinkInput::Distribute { dn: DN.into(), user_data: list(), tag: Tag(tag) })
    }

    fn logged_in(change: impl FnOnce(&mut LinkConfig)) -> Self {
        let mut bench = Self::new(change);
        bench.give(LinkInput::Start);
        bench.give(LinkInput::Connected);
        bench.hear(info(ServerRole::PRIMARY));
        bench
    }

    fn up(change: impl FnOnce(&mut LinkConfig)) -> Self {
        let mut bench = Self::logged_in(change);
        bench.hear(EventLinkConnected {});
        let out = bench.hear(registered(1));
        assert_eq!(out, [LinkOutput::Registered(DN.into()), LinkOutput::Up(vec![DN.into()])]);
        bench
    }
}

fn info(role: ServerRole) -> EventServerInfo {
    EventServerInfo {
        reference: None,
        protocol_version: PROTOCOL_VERSION.into(),
        server_version: "x".into(),
        role,
        session_id: "s".into(),
    }
}

fn registered(reference: u32) -> EventRegistered {
    EventRegistered { reference: ReferenceId(reference), this_dn: DN.into(), extensions: None, address_type: 1 }
}

fn ack(reference: u32) -> EventAck {
    EventAck { reference: ReferenceId(reference), this_dn: None }
}

fn error(reference: Option<u32>, code: ErrorCode) -> EventError {
    EventError { reference: reference.map(ReferenceId), this_dn: None, code, message: None }
}

fn sent(out: &[LinkOutput]) -> Vec<TServerMessage> {
    let bytes = out.iter().filter_map(|output| match output {
        LinkOutput::Send { bytes, .. } => Some(bytes),
        _ => None,
    });
    bytes.filter_map(message).collect()
}

#[test]
fn login_is_the_first_frame_and_poll_settings_the_second() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.give(LinkInput::Start), [LinkOutput::Dial(Endpoint::Primary)]);
    let out = bench.give(LinkInput::Connected);
    assert!(matches!(&sent(&out)[..], [TServerMessage::RequestRegisterClient(_)]));
    let LinkOutput::Send { bytes, .. } = &out[1] else { panic!("{out:?}") };
    assert_eq!(bytes[..], [0, 0, 0, 5, 3, 0, 0, 0x4e, 0x20]);
}

#[test]
fn nothing_is_registered_before_server_info_and_nothing_distributed_before_both_confirmations() {
    let mut bench = Bench::new(|_| {});
    bench.give(LinkInput::Start);
    assert_eq!(bench.distribute(1), [LinkOutput::Failed(Tag(1), Failure::LinkDown)]);
    bench.give(LinkInput::Connected);
    assert_eq!(bench.distribute(2), [LinkOutput::Failed(Tag(2), Failure::LinkDown)]);
    let out = bench.hear(info(ServerRole::PRIMARY));
    assert_eq!(out[0], LinkOutput::LoggedIn(Endpoint::Primary));
    let [TServerMessage::RequestRegisterAddress(request)] = &sent(&out)[..] else { panic!("{out:?}") };
    assert_eq!((request.reference, &request.this_dn), (ReferenceId(1), &DN.into()));
    let no_switch = Failure::local(ErrorCode::NO_SWITCH);
    assert_eq!(bench.distribute(3), [LinkOutput::Failed(Tag(3), no_switch)]);
    assert_eq!(bench.hear(EventLinkConnected {}), []);
    let not_registered = Failure::local(ErrorCode::NOT_REGISTERED);
    assert_eq!(bench.distribute(4), [LinkOutput::Failed(Tag(4), not_registered)]);
    bench.hear(registered(1));
    let out = bench.distribute(5);
    assert!(matches!(&sent(&out)[..], [TServerMessage::RequestDistributeUserEvent(_)]), "{out:?}");
}

#[test]
fn the_ack_settles_one_user_event_and_a_second_ack_none() {
    let mut bench = Bench::up(|_| {});
    bench.distribute(7);
    assert_eq!(bench.hear(ack(2)), [LinkOutput::Acked(Tag(7))]);
    assert_eq!(bench.hear(ack(2)), [LinkOutput::Ignored(Ignored::Unasked(MessageId::EVENT_ACK))]);
}

#[test]
fn an_error_settles_its_request_with_its_code() {
    let mut bench = Bench::up(|_| {});
    bench.distribute(7);
    let out = bench.hear(error(Some(2), ErrorCode::INVALID_ATTRIBUTE));
    let [LinkOutput::Failed(Tag(7), failure)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(failure.code(), Some(ErrorCode::INVALID_ATTRIBUTE));
}

#[test]
fn without_an_answer_a_user_event_times_out_as_57_and_the_session_stays() {
    let mut bench = Bench::up(|config| config.heartbeat = Duration::ZERO);
    bench.distribute(7);
    assert_eq!(bench.link.next_deadline(), Some(Time::from_secs(5)));
    assert_eq!(bench.tick_at(4_999), []);
    assert_eq!(bench.tick_at(5_000), [LinkOutput::Failed(Tag(7), Failure::TimedOut)]);
    assert_eq!(Failure::TimedOut.code(), Some(ErrorCode::TIMEOUT));
    assert_eq!(sent(&bench.distribute(8)).len(), 1);
}

#[test]
fn one_more_than_the_limit_in_flight_is_refused_at_once() {
    let mut bench = Bench::up(|_| {});
    for tag in 0..crate::wire::limits::IN_FLIGHT_MAX as u64 {
        assert_eq!(sent(&bench.distribute(tag)).len(), 1);
    }
    assert_eq!(bench.distribute(9_999), [LinkOutput::Failed(Tag(9_999), Failure::Busy)]);
}

#[test]
fn a_user_event_is_handed_up_and_its_reference_marks_the_own_copy() {
    let mut bench = Bench::up(|_| {});
    for reference in [None, Some(ReferenceId(9))] {
        let event = EventUserEvent {
            reference,
            this_dn: DN.into(),
            communication_dn: DN.into(),
            user_data: list(),
            extensions: None,
            reason: None,
        };
        let own_copy = reference.is_some();
        assert_eq!(bench.hear(event), [LinkOutput::UserEvent { dn: DN.into(), user_data: list(), own_copy }]);
    }
}

#[test]
fn switch_gone_keeps_the_session_and_stops_user_events() {
    let mut bench = Bench::up(|_| {});
    assert_eq!(bench.hear(EventLinkDisconnected { code: None, message: None }), [LinkOutput::SwitchDown]);
    let out = bench.distribute(1);
    assert!(matches!(&out[..], [LinkOutput::Failed(_, failure)] if failure.code() == Some(ErrorCode::NO_SWITCH)));
    assert_eq!(bench.hear(EventLinkConnected {}), [LinkOutput::Up(vec![DN.into()])]);
}

#[test]
fn a_poll_is_answered_at_once_and_urgently() {
    let mut bench = Bench::up(|_| {});
    let out = bench.give(LinkInput::Frame(Frame::Poll(42)));
    let bytes = Bytes::from_static(&[0, 0, 0, 5, 2, 0, 0, 0, 42]);
    assert_eq!(out, [LinkOutput::Send { bytes, urgent: true }, LinkOutput::PollAnswered(42)]);
}

#[test]
fn a_silent_server_is_polled_and_then_lost_and_every_request_told_first() {
    let mut bench = Bench::up(|config| config.heartbeat = Duration::from_secs(3));
    bench.now = Time::from_secs(2);
    bench.distribute(7); // what we send is no sign of life
    assert_eq!(bench.tick_at(2_999), []);
    assert_eq!(bench.tick_at(3_000)[1], LinkOutput::PollSent(1));
    let out = bench.tick_at(6_000);
    assert_eq!(
        out,
        [
            LinkOutput::Close,
            LinkOutput::Failed(Tag(7), Failure::LinkLost),
            LinkOutput::Lost(LossReason::Heartbeat),
            LinkOutput::Dial(Endpoint::Primary)
        ]
    );
}

#[test]
fn half_a_frame_is_life_too() {
    let mut bench = Bench::up(|config| config.heartbeat = Duration::from_secs(3));
    bench.tick_at(3_000);
    bench.give(LinkInput::Heard);
    assert_eq!(bench.tick_at(5_999), []);
}

#[test]
fn poll_settings_of_the_server_change_our_idle_time() {
    let mut bench = Bench::up(|_| {});
    bench.give(LinkInput::Frame(Frame::PollSettings(500)));
    assert_eq!(bench.tick_at(500)[1], LinkOutput::PollSent(1));
}

#[test]
fn a_refused_login_tries_the_other_server_at_once_and_then_rests() {
    let mut bench = Bench::new(|config| config.has_backup = true);
    bench.link.set_jitter(Jitter::from_random(0));
    bench.give(LinkInput::Start);
    bench.give(LinkInput::Connected);
    let reason = LossReason::LoginRefused(ErrorCode::WRONG_VERSION);
    assert_eq!(
        bench.hear(error(None, ErrorCode::WRONG_VERSION)),
        [LinkOutput::Close, LinkOutput::AttemptFailed(Endpoint::Primary, reason), LinkOutput::Dial(Endpoint::Backup)]
    );
    bench.now = Time::from_millis(80);
    assert_eq!(
        bench.give(LinkInput::DialFailed),
        [
            LinkOutput::Close,
            LinkOutput::AttemptFailed(Endpoint::Backup, LossReason::Connect),
            LinkOutput::RestUntil(Time::from_millis(130))
        ]
    );
    assert_eq!(bench.tick_at(129), []);
    assert_eq!(bench.tick_at(130), [LinkOutput::Dial(Endpoint::Primary)]);
}

#[test]
fn a_backup_is_left_for_the_other_and_the_one_used_last_comes_first() {
    let mut bench = Bench::new(|config| config.has_backup = true);
    bench.give(LinkInput::Start);
    bench.give(LinkInput::Connected);
    let out = bench.hear(info(ServerRole::BACKUP));
    assert_eq!(
        out[1..],
        [LinkOutput::AttemptFailed(Endpoint::Primary, LossReason::Backup), LinkOutput::Dial(Endpoint::Backup)]
    );
    bench.give(LinkInput::Connected);
    bench.hear(info(ServerRole::PRIMARY));
    bench.now = Time::from_secs(1);
    let out = bench.give(LinkInput::Closed);
    assert_eq!(out[1..], [LinkOutput::Lost(LossReason::Closed), LinkOutput::Dial(Endpoint::Backup)]);
}

#[test]
fn a_primary_that_becomes_the_backup_is_a_lost_link() {
    let mut bench = Bench::up(|_| {});
    assert_eq!(bench.hear(EventPrimaryChanged { role: ServerRole::PRIMARY }), []);
    let out = bench.hear(EventPrimaryChanged { role: ServerRole::BACKUP });
    assert!(out.contains(&LinkOutput::Lost(LossReason::Backup)));
}

#[test]
fn a_connection_or_login_that_takes_too_long_is_given_up() {
    let mut bench = Bench::new(|config| config.has_backup = true);
    bench.give(LinkInput::Start);
    assert_eq!(bench.tick_at(3_999), []);
    let out = bench.tick_at(4_000);
    assert_eq!(out[1], LinkOutput::AttemptFailed(Endpoint::Primary, LossReason::ConnectTimeout));
    bench.give(LinkInput::Connected);
    let out = bench.tick_at(9_000);
    assert_eq!(out[1], LinkOutput::AttemptFailed(Endpoint::Backup, LossReason::NoAnswer));
}

#[test]
fn after_a_loss_every_dn_is_registered_again_with_ids_from_one() {
    let mut bench = Bench::up(|_| {});
    bench.give(LinkInput::Register("CommDN_2".into()));
    bench.hear(registered(2));
    bench.now = Time::from_secs(1);
    bench.give(LinkInput::Closed);
    bench.give(LinkInput::Connected);
    let out = bench.hear(info(ServerRole::PRIMARY));
    let requests = sent(&out).into_iter().map(|request| match request {
        TServerMessage::RequestRegisterAddress(request) => (request.reference.0, request.this_dn.to_string()),
        other => panic!("{other:?}"),
    });
    assert_eq!(requests.collect::<Vec<_>>(), [(1, "CommDN_1".to_owned()), (2, "CommDN_2".to_owned())]);
}

#[test]
fn a_refused_dn_is_told_once_and_asked_for_again() {
    let mut bench = Bench::logged_in(|config| config.heartbeat = Duration::ZERO);
    let out = bench.hear(error(Some(1), ErrorCode::OUT_OF_SERVICE));
    let failure = Failure::local(ErrorCode::OUT_OF_SERVICE);
    assert_eq!(out, [LinkOutput::NotRegistered(DN.into(), failure)]);
    assert_eq!(sent(&bench.tick_at(5_000)).len(), 1);
    assert_eq!(bench.hear(error(Some(2), ErrorCode::OUT_OF_SERVICE)), []);
    assert_eq!(sent(&bench.tick_at(10_000)).len(), 1);
    bench.hear(EventLinkConnected {});
    assert_eq!(bench.hear(registered(3))[1], LinkOutput::Up(vec![DN.into()]));
}

#[test]
fn a_dn_that_is_left_is_unregistered_and_not_wanted_again() {
    let mut bench = Bench::up(|_| {});
    let out = bench.give(LinkInput::Unregister(DN.into()));
    assert!(matches!(&sent(&out)[..], [TServerMessage::RequestUnregisterAddress(_)]));
    let event = EventUnregistered { reference: Some(ReferenceId(2)), this_dn: DN.into(), code: None, message: None };
    assert_eq!(bench.hear(event), [LinkOutput::Unregistered(DN.into())]);
    let not_registered = Failure::local(ErrorCode::NOT_REGISTERED);
    assert_eq!(bench.distribute(1), [LinkOutput::Failed(Tag(1), not_registered)]);
}

#[test]
fn an_unreadable_stream_or_message_ends_the_session() {
    let mut bench = Bench::up(|_| {});
    let out = bench.give(LinkInput::Frame(Frame::Message(Bytes::from_static(&[0, 53]))));
    assert!(out.contains(&LinkOutput::Lost(LossReason::Message(crate::wire::MessageError::Truncated(2)))));
    let mut bench = Bench::up(|_| {});
    let out = bench.give(LinkInput::Broken(FrameError::Empty));
    assert!(out.contains(&LinkOutput::Lost(LossReason::Frame(FrameError::Empty))));
}

#[test]
fn what_clients_do_not_know_is_counted_and_ignored() {
    let mut bench = Bench::up(|_| {});
    let mut unknown = BytesMut::new();
    TMessage::new(MessageId(150)).encode(&mut unknown, &Dialect::default()).unwrap();
    let frame = take_frame(&mut unknown, 100, Reading::Strict).unwrap().unwrap();
    assert_eq!(bench.give(LinkInput::Frame(frame)), [LinkOutput::Ignored(Ignored::Message(MessageId(150)))]);
    let reserved = bench.give(LinkInput::Frame(Frame::Reserved(9)));
    assert_eq!(reserved, [LinkOutput::Ignored(Ignored::FrameKind(9))]);
    let out = bench.give(LinkInput::Frame(Frame::Message(Bytes::from_static(&[0, 96, 0, 0]))));
    assert!(matches!(&out[..], [LinkOutput::Ignored(Ignored::Attribute(..))]));
}

#[test]
fn a_wish_for_another_connection_ends_the_session_and_the_rest_but_keeps_the_gap() {
    let mut bench = Bench::up(|config| config.has_backup = true);
    bench.distribute(1);
    bench.now = Time::from_millis(40);
    assert_eq!(
        bench.give(LinkInput::Redial),
        [
            LinkOutput::Close,
            LinkOutput::Failed(Tag(1), Failure::LinkLost),
            LinkOutput::Lost(LossReason::Asked),
            LinkOutput::RestUntil(Time::from_millis(100))
        ]
    );
    assert_eq!(bench.give(LinkInput::Redial), [LinkOutput::RestUntil(Time::from_millis(100))]);
    assert_eq!(bench.give(LinkInput::Switch), [LinkOutput::Dial(Endpoint::Backup)], "this one was not tried yet");
    let out = bench.give(LinkInput::DialFailed);
    assert_eq!(out[2], LinkOutput::RestUntil(Time::from_millis(100)), "the other one is tried as ever");
    bench.give(LinkInput::Stop);
    assert_eq!(bench.give(LinkInput::Switch), [], "a stopped link stays stopped");
}

#[test]
fn a_wish_for_another_connection_makes_the_rests_short_again() {
    let mut bench = Bench::new(|_| {});
    bench.give(LinkInput::Start);
    for _ in 0..8 {
        bench.give(LinkInput::DialFailed);
        let due = bench.link.next_deadline().unwrap();
        bench.now = due;
        bench.give(LinkInput::Tick);
    }
    bench.give(LinkInput::DialFailed);
    let rest = bench.link.next_deadline().unwrap().saturating_sub(bench.now);
    assert_eq!(rest, Duration::from_secs(5));
    bench.now = bench.now.saturating_add(Duration::from_secs(1));
    assert_eq!(bench.give(LinkInput::Redial), [LinkOutput::Dial(Endpoint::Primary)]);
    bench.give(LinkInput::DialFailed);
    let rest = bench.link.next_deadline().unwrap().saturating_sub(bench.now);
    assert_eq!(rest, Duration::from_millis(100));
}

#[test]
fn a_stopped_link_stays_closed() {
    let mut bench = Bench::up(|_| {});
    bench.distribute(1);
    assert_eq!(
        bench.give(LinkInput::Stop),
        [LinkOutput::Close, LinkOutput::Failed(Tag(1), Failure::LinkLost), LinkOutput::Lost(LossReason::Stopped)]
    );
    assert_eq!((bench.tick_at(60_000), bench.link.next_deadline()), (vec![], None));
}
