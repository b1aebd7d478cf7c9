//! The simulated T-Server against hand-written clients: every byte is read back, every time is given.

use bytes::Bytes;

use super::*;
use crate::protocol::time::UtcSeconds;
use crate::wire::limits::DNS_PER_SESSION_MAX;
use crate::wire::tserver::PROTOCOL_VERSION;
use crate::wire::user_event::*;
use crate::wire::{
    AttributeNumber, AttributeValue, Dialect, MessageError, MessageId, Password, Reading, ReferenceId, ServerRole,
    TkvList, take_frame,
};

const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);
const DN: &str = "CommDN_1";
const UTC: UtcTime = UtcTime { seconds: UtcSeconds(1_767_225_600), micros: 250_000 };

fn list() -> Bytes {
    TkvList::new().int("GSW_CM_MessageType", 12).encode(&Dialect::default()).unwrap().freeze()
}

fn frame(message: impl Into<TServerMessage>) -> Frame {
    let mut out = BytesMut::new();
    message.into().encode(&mut out, &Dialect::default(), None).unwrap();
    take_frame(&mut out, 1 << 20, Reading::Strict).unwrap().unwrap()
}

fn read(outgoing: &Outgoing) -> TMessage {
    let mut bytes = BytesMut::from(&outgoing.head[..]);
    bytes.extend_from_slice(outgoing.tail.as_ref().map_or(&[], |tail| &tail[..]));
    let Some(Frame::Message(body)) = take_frame(&mut bytes, 1 << 20, Reading::Strict).unwrap() else {
        panic!("no message in {outgoing:?}")
    };
    assert!(bytes.is_empty());
    TMessage::decode(&body, &Dialect::default(), Reading::Strict).unwrap()
}

struct Bench {
    server: TServer,
    now: Time,
}

impl Bench {
    fn new(change: impl FnOnce(&mut TServerConfig)) -> Self {
        let mut config = TServerConfig::new(vec![DnConfig::new(DN), DnConfig::new("CommDN_2")]);
        change(&mut config);
        Self { server: TServer::new(config), now: Time::ZERO }
    }

    fn give(&mut self, input: TServerInput) -> Vec<TServerOutput> {
        self.server.handle(self.now, UTC, input);
        std::iter::from_fn(|| self.server.poll()).collect()
    }

    fn ask(&mut self, id: SessionId, message: impl Into<TServerMessage>) -> Vec<(SessionId, TServerMessage)> {
        let out = self.give(TServerInput::Frame(id, frame(message)));
        self.give(TServerInput::Flushed(id));
        messages(&out)
    }

    fn tick_at(&mut self, seconds: u64) -> Vec<TServerOutput> {
        self.now = Time::from_secs(seconds);
        self.give(TServerInput::Tick)
    }

    fn login(&mut self, id: SessionId) {
        self.give(TServerInput::Accepted(id));
        self.ask(id, login());
    }

    fn registered(change: impl FnOnce(&mut TServerConfig), ids: &[SessionId]) -> Self {
        let mut bench = Self::new(change);
        for id in ids {
            bench.login(*id);
            bench.ask(*id, register(1, DN));
        }
        bench
    }

    /// The one answer to a request: its code, or 0 for anything but an EventError.
    fn code(&mut self, id: SessionId, message: impl Into<TServerMessage>) -> i32 {
        match &self.ask(id, message)[..] {
            [(to, TServerMessage::EventError(error))] if *to == id => error.code.0,
            _ => 0,
        }
    }
}

fn messages(out: &[TServerOutput]) -> Vec<(SessionId, TServerMessage)> {
    let sent = out.iter().filter_map(|output| match output {
        TServerOutput::Send(id, outgoing) => Some((*id, TServerMessage::read(&read(outgoing)).unwrap().unwrap())),
        TServerOutput::Close(..) | TServerOutput::Seen(_) => None,
    });
    sent.collect()
}

fn closes(out: &[TServerOutput]) -> Vec<(SessionId, CloseReason)> {
    let closes = out.iter().filter_map(|output| match output {
        TServerOutput::Close(id, reason) => Some((*id, *reason)),
        TServerOutput::Send(..) | TServerOutput::Seen(_) => None,
    });
    closes.collect()
}

fn login() -> RequestRegisterClient {
    RequestRegisterClient {
        reference: None,
        protocol_version: PROTOCOL_VERSION.into(),
        application_name: "desk".into(),
        application_password: None,
    }
}

fn register(reference: u32, dn: &str) -> RequestRegisterAddress {
    RequestRegisterAddress {
        reference: ReferenceId(reference),
        this_dn: dn.into(),
        address_type: None,
        register_mode: None,
    }
}

fn unregister(reference: u32, dn: &str) -> RequestUnregisterAddress {
    RequestUnregisterAddress { reference: ReferenceId(reference), this_dn: dn.into() }
}

fn distribute(reference: u32, dn: &str) -> RequestDistributeUserEvent {
    RequestDistributeUserEvent {
        reference: ReferenceId(reference),
        this_dn: None,
        communication_dn: dn.into(),
        user_data: list(),
        extensions: None,
        reason: Some(list()),
    }
}

fn user_event(reference: Option<u32>) -> TServerMessage {
    EventUserEvent {
        reference: reference.map(ReferenceId),
        this_dn: DN.into(),
        communication_dn: DN.into(),
        user_data: list(),
        extensions: None,
        reason: Some(list()),
    }
    .into()
}

#[test]
fn a_login_is_answered_with_server_info_and_the_state_of_the_switch() {
    let mut bench = Bench::new(|config| config.role = ServerRole::BACKUP);
    assert_eq!(bench.give(TServerInput::Accepted(A)), []);
    let out = bench.ask(A, RequestRegisterClient { reference: Some(ReferenceId(4)), ..login() });
    let [(A, TServerMessage::EventServerInfo(info)), (A, TServerMessage::EventLinkConnected(_))] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!((info.reference, info.role), (Some(ReferenceId(4)), ServerRole::BACKUP));
    bench.give(TServerInput::SetSwitch(false));
    bench.give(TServerInput::Accepted(B));
    let out = bench.ask(B, login());
    let [(B, TServerMessage::EventServerInfo(other))] = &out[..] else { panic!("{out:?}") };
    assert_ne!(info.session_id, other.session_id);
}

#[test]
fn a_client_that_does_not_log_in_in_time_is_closed() {
    let mut bench = Bench::new(|_| {});
    bench.give(TServerInput::Accepted(A));
    bench.login(B);
    assert_eq!(bench.server.next_deadline(), Some(Time::from_secs(5)));
    assert_eq!(bench.tick_at(4), []);
    assert_eq!(bench.tick_at(5), [TServerOutput::Close(A, CloseReason::LoginTimeout)]);
    assert_eq!((bench.tick_at(600), bench.server.next_deadline()), (vec![], None));
}

#[test]
fn before_the_login_and_for_a_second_one_the_answer_is_51() {
    let mut bench = Bench::new(|_| {});
    bench.give(TServerInput::Accepted(A));
    assert_eq!(bench.code(A, register(1, "nowhere")), 51);
    assert_eq!(bench.code(A, login()), 0);
    assert_eq!(bench.code(A, login()), 51);
    assert_eq!(bench.code(A, register(2, DN)), 0);
}

#[test]
fn a_refused_login_is_told_and_closed() {
    let wanted = Login { name: "desk".into(), password: Some(Password("secret".into())) };
    let cases = [
        (RequestRegisterClient { protocol_version: "commdn-2".into(), ..login() }, 55),
        (login(), 50),
        (RequestRegisterClient { application_password: Some(Password("other".into())), ..login() }, 50),
        (RequestRegisterClient { application_name: "other".into(), ..login() }, 50),
    ];
    for (request, code) in cases {
        let mut bench = Bench::new(|config| config.logins = vec![wanted.clone()]);
        bench.give(TServerInput::Accepted(A));
        let out = bench.give(TServerInput::Frame(A, frame(request)));
        assert!(matches!(&messages(&out)[..], [(A, TServerMessage::EventError(error))] if error.code.0 == code));
        assert_eq!(closes(&out), [(A, CloseReason::LoginRefused(ErrorCode(code)))]);
        assert_eq!(bench.server.sessions(), 0);
    }
    let mut bench = Bench::new(|config| config.logins = vec![wanted]);
    bench.give(TServerInput::Accepted(A));
    let request = RequestRegisterClient { application_password: Some(Password("secret".into())), ..login() };
    assert_eq!(bench.code(A, request), 0);
}

#[test]
fn registering_twice_is_answered_twice_and_changes_nothing() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    let out = bench.ask(A, register(9, DN));
    let event = EventRegistered { reference: ReferenceId(9), this_dn: DN.into(), extensions: None, address_type: 1 };
    assert_eq!(out, [(A, event.into())]);
    assert_eq!(bench.server.registered(&DN.into()), [A]);
}

#[test]
fn each_refusal_has_its_code() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    bench.give(TServerInput::SetInService("CommDN_2".into(), false));
    assert_eq!(bench.code(A, register(2, "CommDN_9")), 59);
    assert_eq!(bench.code(A, register(2, "CommDN_2")), 58);
    assert_eq!(bench.code(A, register(2, "")), 53);
    assert_eq!(bench.code(A, RequestRegisterAddress { register_mode: Some(1), ..register(2, DN) }), 51);
    assert_eq!(bench.code(A, RequestRegisterAddress { address_type: Some(2), ..register(2, DN) }), 51);
    assert_eq!(bench.code(A, unregister(2, "CommDN_2")), 41);
    assert_eq!(bench.code(A, distribute(2, "CommDN_9")), 59);
    assert_eq!(bench.code(A, distribute(2, "CommDN_2")), 58);
    bench.give(TServerInput::SetInService("CommDN_2".into(), true));
    assert_eq!(bench.code(A, distribute(2, "CommDN_2")), 41);
    assert_eq!(bench.code(A, EventLinkConnected {}), 51);
    bench.give(TServerInput::SetSwitch(false));
    assert_eq!(bench.code(A, distribute(2, "CommDN_9")), 54);
    assert_eq!(bench.code(A, distribute(2, "")), 53);
    assert_eq!(bench.code(A, register(2, DN)), 0);
}

#[test]
fn an_error_names_its_request_and_dn() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    let error = EventError {
        reference: Some(ReferenceId(2)),
        this_dn: Some("CommDN_9".into()),
        code: ErrorCode::DN_NOT_CONFIGURED,
        message: Some("DN is not configured".into()),
    };
    assert_eq!(bench.ask(A, distribute(2, "CommDN_9")), [(A, error.into())]);
}

#[test]
fn unknown_ids_are_answered_with_51_and_the_session_stays() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    for id in [2, 49, 96, 150, 182, 999] {
        let mut out = BytesMut::new();
        TMessage::new(MessageId(id)).encode(&mut out, &Dialect::default()).unwrap();
        let out = bench.give(TServerInput::Frame(A, take_frame(&mut out, 99, Reading::Strict).unwrap().unwrap()));
        assert!(matches!(&messages(&out)[..], [(A, TServerMessage::EventError(error))] if error.code.0 == 51), "{id}");
    }
}

#[test]
fn lists_that_are_bad_or_too_long_and_attributes_that_are_missing_are_answered_with_53() {
    let mut bench = Bench::registered(|config| config.list_bytes_max = 40, &[A]);
    assert_eq!(bench.code(A, distribute(2, DN)), 0);
    let long = TkvList::new().str("k", "x".repeat(40)).encode(&Dialect::default()).unwrap().freeze();
    assert_eq!(bench.code(A, RequestDistributeUserEvent { user_data: long.clone(), ..distribute(2, DN) }), 53);
    assert_eq!(bench.code(A, RequestDistributeUserEvent { extensions: Some(long), ..distribute(2, DN) }), 53);
    let bad = Bytes::from_static(&[0, 1]);
    assert_eq!(bench.code(A, RequestDistributeUserEvent { user_data: bad, ..distribute(2, DN) }), 53);
    let mut out = BytesMut::new();
    let message =
        TMessage::new(MessageId::REQUEST_REGISTER_ADDRESS).with(AttributeNumber::REFERENCE_ID, AttributeValue::U32(3));
    message.encode(&mut out, &Dialect::default()).unwrap();
    let out = bench.give(TServerInput::Frame(A, take_frame(&mut out, 99, Reading::Strict).unwrap().unwrap()));
    let [(A, TServerMessage::EventError(error))] = &messages(&out)[..] else { panic!("{out:?}") };
    assert_eq!((error.code.0, error.message.clone().unwrap().to_string()), (53, "ThisDN is missing".to_owned()));
}

#[test]
fn a_body_that_is_no_message_closes_the_session() {
    let mut bench = Bench::registered(|_| {}, &[A, B]);
    let out = bench.give(TServerInput::Frame(A, Frame::Message(Bytes::from_static(&[0, 3, 0]))));
    assert_eq!(out, [TServerOutput::Close(A, CloseReason::Message(MessageError::Truncated(3)))]);
    assert_eq!(bench.server.registered(&DN.into()), [B]);
}

#[test]
fn a_doubled_attribute_is_53_in_strict_reading_only() {
    for (reading, code) in [(Reading::Tolerant, 0), (Reading::Strict, 53)] {
        let mut bench = Bench::registered(|config| config.reading = reading, &[A]);
        let attribute = |text: &[u8]| [&[0, 2, 0, 0, 0, 0, text.len() as u8][..], text].concat();
        let reference = [0, 1, 3, 0, 0, 0, 4, 0, 0, 0, 9];
        let body = [&[0, 3, 0, 3][..], &reference, &attribute(DN.as_bytes()), &attribute(b"x")].concat();
        let out = messages(&bench.give(TServerInput::Frame(A, Frame::Message(body.into()))));
        match &out[..] {
            [(A, TServerMessage::EventError(error))] => assert_eq!(error.code.0, code),
            [(A, TServerMessage::EventRegistered(_))] => assert_eq!(code, 0),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reference_in_flight_cannot_be_used_again_until_its_answer_is_handed_over() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    assert_eq!(messages(&bench.give(TServerInput::Frame(A, frame(register(7, DN))))).len(), 1);
    let out = messages(&bench.give(TServerInput::Frame(A, frame(register(7, DN)))));
    assert!(matches!(&out[..], [(A, TServerMessage::EventError(error))] if error.code.0 == 53));
    bench.give(TServerInput::Flushed(A));
    assert_eq!(bench.code(A, register(7, DN)), 0);
}

#[test]
fn one_more_dn_than_the_limit_is_53() {
    let names: Vec<String> = (0..=DNS_PER_SESSION_MAX).map(|n| format!("D{n}")).collect();
    let mut bench = Bench::new(|config| config.dns = names.iter().map(|name| DnConfig::new(name)).collect());
    bench.login(A);
    let codes: Vec<i32> = names.iter().map(|name| bench.code(A, register(1, name))).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), DNS_PER_SESSION_MAX);
    assert_eq!(codes.last(), Some(&53));
}

#[test]
fn one_more_session_than_the_limit_is_closed_at_once() {
    let mut bench = Bench::new(|config| config.sessions_max = 1);
    bench.give(TServerInput::Accepted(A));
    assert_eq!(bench.give(TServerInput::Accepted(B)), [TServerOutput::Close(B, CloseReason::Sessions)]);
    bench.give(TServerInput::Closed(A));
    assert_eq!(bench.give(TServerInput::Accepted(SessionId(3))), []);
}

#[test]
fn a_user_event_goes_to_everybody_on_its_dn_and_the_ack_before_the_own_copy() {
    let c = SessionId(3);
    let mut bench = Bench::registered(|_| {}, &[A, B]);
    bench.login(c);
    bench.ask(c, register(1, "CommDN_2"));
    let out = bench.give(TServerInput::Frame(A, frame(distribute(7, DN))));
    let ack = EventAck { reference: ReferenceId(7), this_dn: Some(DN.into()) };
    assert_eq!(messages(&out), [(A, ack.into()), (B, user_event(None)), (A, user_event(Some(7)))]);
    let seen = UserEventSeen { at: UTC, session: A, application: "desk".into(), dn: DN.into(), user_data: list() };
    assert_eq!(out.last(), Some(&TServerOutput::Seen(seen)));
}

#[test]
fn receivers_share_one_encoding_of_an_event() {
    let ids: Vec<SessionId> = (1..=20).map(SessionId).collect();
    let mut bench = Bench::registered(|config| config.echo_to_sender = false, &ids);
    let out = bench.give(TServerInput::Frame(A, frame(distribute(7, DN))));
    let heads: Vec<_> = out
        .iter()
        .filter_map(|output| match output {
            TServerOutput::Send(_, Outgoing { head, tail: Some(_), .. }) => Some(head.as_ptr()),
            _ => None,
        })
        .collect();
    assert_eq!(heads.len(), 19);
    assert!(heads.iter().all(|head| *head == heads[0]));
}

#[test]
fn requests_of_one_read_are_answered_in_one_piece_and_in_order() {
    let mut bench = Bench::registered(|_| {}, &[A, B]);
    let mut sent = BytesMut::new();
    for frame in [
        frame(register(7, DN)),
        frame(register(8, DN)),
        Frame::Poll(5),
        frame(register(9, DN)),
        frame(distribute(10, DN)),
        frame(register(11, DN)),
    ] {
        frame.encode(&mut sent);
    }
    let one_by_one: Vec<(u64, Frame)> = {
        let mut bench = Bench::registered(|_| {}, &[A, B]);
        let mut input = sent.clone();
        let frames = std::iter::from_fn(|| take_frame(&mut input, 1 << 20, Reading::Strict).unwrap());
        frames.flat_map(|frame| frames_in(&bench.give(TServerInput::Frame(A, frame)))).collect()
    };
    let out = bench.give(TServerInput::Frames(A, sent.freeze()));
    assert_eq!(frames_in(&out), one_by_one);
    let counts: Vec<usize> = out
        .iter()
        .filter_map(|output| match output {
            TServerOutput::Send(_, outgoing) => Some(outgoing.frames),
            TServerOutput::Close(..) | TServerOutput::Seen(_) => None,
        })
        .collect();
    // Two answers, the poll's, one answer and the EventACK, the event for B, the copy for A; then the last answer.
    assert_eq!(counts.iter().sum::<usize>(), 8);
    assert_eq!(counts[..3], [2, 1, 2]);
}

fn frames_in(out: &[TServerOutput]) -> Vec<(u64, Frame)> {
    let mut all = Vec::new();
    for output in out {
        let TServerOutput::Send(to, outgoing) = output else { continue };
        let mut bytes = BytesMut::from(&outgoing.head[..]);
        bytes.extend_from_slice(outgoing.tail.as_ref().map_or(&[], |tail| &tail[..]));
        while let Some(frame) = take_frame(&mut bytes, 1 << 20, Reading::Strict).unwrap() {
            all.push((to.0, frame));
        }
        assert!(bytes.is_empty());
    }
    all
}

#[test]
fn without_echo_the_sender_gets_no_copy() {
    let mut bench = Bench::registered(|config| config.echo_to_sender = false, &[A, B]);
    let to: Vec<SessionId> = bench.ask(A, distribute(7, DN)).into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, [A, B]);
    bench.give(TServerInput::SetEcho(true));
    assert_eq!(bench.ask(A, distribute(8, DN)).len(), 3);
}

#[test]
fn events_carry_the_time_and_count_up_in_each_session() {
    let mut bench = Bench::registered(|_| {}, &[A, B]);
    let out = bench.give(TServerInput::Frame(A, frame(distribute(7, DN))));
    let mut seen = Vec::new();
    for output in &out {
        let TServerOutput::Send(id, outgoing) = output else { continue };
        let message = read(outgoing);
        let number = |number| match message.value(number) {
            Some(AttributeValue::U32(value)) => *value,
            other => panic!("{other:?}"),
        };
        assert_eq!(number(AttributeNumber::TIME_IN_SECS), 1_767_225_600);
        assert_eq!(number(AttributeNumber::TIME_IN_USECS), 250_000);
        seen.push((id.0, number(AttributeNumber::EVENT_SEQUENCE_NUMBER)));
    }
    // Both have heard ServerInfo, LinkConnected and Registered before.
    assert_eq!(seen, [(1, 4), (2, 4), (1, 5)]);
}

#[test]
fn leaving_a_dn_or_the_server_ends_its_events() {
    let mut bench = Bench::registered(|config| config.echo_to_sender = false, &[A, B, SessionId(3)]);
    let event = EventUnregistered { reference: Some(ReferenceId(2)), this_dn: DN.into(), code: None, message: None };
    assert_eq!(bench.ask(B, unregister(2, DN)), [(B, event.into())]);
    bench.give(TServerInput::Closed(SessionId(3)));
    assert_eq!(bench.ask(A, distribute(7, DN)).len(), 1);
}

#[test]
fn switch_role_and_service_changes_are_told_once_to_whom_they_concern() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    bench.login(B);
    bench.give(TServerInput::Accepted(SessionId(3)));
    let ids = |out: Vec<TServerOutput>| -> Vec<(u64, u16)> {
        messages(&out).into_iter().map(|(id, message)| (id.0, message.id().0)).collect()
    };
    assert_eq!(ids(bench.give(TServerInput::SetSwitch(false))), [(1, 94), (2, 94)]);
    assert_eq!(ids(bench.give(TServerInput::SetSwitch(false))), []);
    assert_eq!(ids(bench.give(TServerInput::SetSwitch(true))), [(1, 95), (2, 95)]);
    assert_eq!(ids(bench.give(TServerInput::SetRole(ServerRole::BACKUP))), [(1, 133), (2, 133)]);
    assert_eq!(ids(bench.give(TServerInput::SetInService(DN.into(), false))), [(1, 147)]);
    assert_eq!(ids(bench.give(TServerInput::SetInService(DN.into(), false))), []);
    assert_eq!(ids(bench.give(TServerInput::SetInService(DN.into(), true))), [(1, 148)]);
}

#[test]
fn a_client_is_polled_as_its_settings_ask_and_closed_when_it_stays_silent() {
    let mut bench = Bench::registered(|_| {}, &[A]);
    bench.give(TServerInput::Frame(A, Frame::PollSettings(20_000)));
    assert_eq!(bench.tick_at(19), []);
    bench.give(TServerInput::Heard(A));
    assert_eq!(bench.tick_at(20), []);
    assert_eq!(bench.server.next_deadline(), Some(Time::from_secs(39)));
    let poll =
        Outgoing { head: Bytes::from_static(&[0, 0, 0, 5, 1, 0, 0, 0, 1]), tail: None, urgent: false, frames: 1 };
    assert_eq!(bench.tick_at(39), [TServerOutput::Send(A, poll)]);
    assert_eq!(bench.tick_at(58), []);
    assert_eq!(bench.tick_at(59), [TServerOutput::Close(A, CloseReason::Heartbeat)]);
}

#[test]
fn a_poll_is_answered_urgently_even_before_the_login() {
    let mut bench = Bench::new(|_| {});
    bench.give(TServerInput::Accepted(A));
    let answer =
        Outgoing { head: Bytes::from_static(&[0, 0, 0, 5, 2, 0, 0, 0, 42]), tail: None, urgent: true, frames: 1 };
    assert_eq!(bench.give(TServerInput::Frame(A, Frame::Poll(42))), [TServerOutput::Send(A, answer)]);
}
