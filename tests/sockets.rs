//! The T-Server port and the link over real sockets on port 0. Nothing sleeps and no time is measured;
//! the guard only turns a test that would hang into one that fails.
#![cfg(feature = "app")]
#![allow(clippy::print_stdout, reason = "one test shows how long its outages took")]

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use commdn::{
    engine::tserver::{DnConfig, TServerConfig},
    net::{
        client::{LinkEvent, LinkHandle},
        codec::FrameCodec,
        driver::{AddpTrace, LinkSettings, start_link},
        listener::{TServerHandle, serve_tserver},
        registry::LinkDirectory,
    },
    protocol::link::{Endpoint, LinkConfig, LossReason, Tag},
    wire::{
        Dialect, Frame, Reading, ReferenceId, ServerRole, TMessage, TServerMessage, TkvList, limits::FRAME_BYTES_MAX,
        take_frame, user_event::*,
    },
};
use futures_util::SinkExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_stream::StreamExt;
use tokio_util::{codec::Framed, sync::CancellationToken};

const DN: &str = "CommDN_1";

fn list() -> Bytes {
    TkvList::new().int("GSW_CM_MessageType", 12).encode(&Dialect::default()).unwrap().freeze()
}

async fn guard<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("the test hangs")
}

struct Server {
    handle: TServerHandle,
    stop: CancellationToken,
}

impl Server {
    async fn start_at(addr: &str, change: impl FnOnce(&mut TServerConfig)) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let mut config = TServerConfig::new(vec![DnConfig::new(DN), DnConfig::new("CommDN_2")]);
        change(&mut config);
        let stop = CancellationToken::new();
        Self { handle: serve_tserver(listener, config, FRAME_BYTES_MAX, stop.clone()).unwrap(), stop }
    }

    async fn start(change: impl FnOnce(&mut TServerConfig)) -> Self {
        Self::start_at("127.0.0.1:0", change).await
    }

    fn addr(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.handle.stopped().await;
    }
}

struct Client {
    framed: Framed<TcpStream, FrameCodec>,
}

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        Self { framed: Framed::new(stream, FrameCodec::new(FRAME_BYTES_MAX, Reading::Strict)) }
    }

    async fn logged_in(addr: SocketAddr, name: &str) -> Self {
        let mut client = Self::connect(addr).await;
        client.send(login(name)).await;
        assert!(matches!(client.next().await, TServerMessage::EventServerInfo(_)));
        assert!(matches!(client.next().await, TServerMessage::EventLinkConnected(_)));
        client
    }

    async fn registered(addr: SocketAddr, name: &str) -> Self {
        let mut client = Self::logged_in(addr, name).await;
        client.send(register(1)).await;
        assert!(matches!(client.next().await, TServerMessage::EventRegistered(_)));
        client
    }

    async fn send(&mut self, message: impl Into<TServerMessage>) {
        self.framed.send(frame(message)).await.unwrap();
    }

    async fn next(&mut self) -> TServerMessage {
        match guard(self.framed.next()).await.expect("closed").unwrap() {
            Frame::Message(body) => read(&body),
            other => panic!("{other:?}"),
        }
    }

    /// Reads until the server closes; how many frames came before.
    async fn until_closed(&mut self) -> usize {
        let mut frames = 0;
        while let Some(Ok(_)) = guard(self.framed.next()).await {
            frames += 1;
        }
        frames
    }

    async fn still_served(&mut self, reference: u32) {
        self.send(register(reference)).await;
        assert!(matches!(self.next().await, TServerMessage::EventRegistered(event) if event.reference.0 == reference));
    }
}

fn read(body: &Bytes) -> TServerMessage {
    let message = TMessage::decode(body, &Dialect::default(), Reading::Strict).unwrap();
    TServerMessage::read(&message).unwrap().unwrap()
}

fn bytes(message: impl Into<TServerMessage>) -> BytesMut {
    let mut out = BytesMut::new();
    message.into().encode(&mut out, &Dialect::default(), None).unwrap();
    out
}

fn frame(message: impl Into<TServerMessage>) -> Frame {
    take_frame(&mut bytes(message), FRAME_BYTES_MAX, Reading::Strict).unwrap().unwrap()
}

fn login(name: &str) -> RequestRegisterClient {
    RequestRegisterClient {
        reference: None,
        protocol_version: "commdn-1".into(),
        application_name: name.into(),
        application_password: None,
    }
}

fn register(reference: u32) -> RequestRegisterAddress {
    RequestRegisterAddress {
        reference: ReferenceId(reference),
        this_dn: DN.into(),
        address_type: None,
        register_mode: None,
    }
}

fn distribute(reference: u32, user_data: Bytes) -> RequestDistributeUserEvent {
    RequestDistributeUserEvent {
        reference: ReferenceId(reference),
        this_dn: None,
        communication_dn: DN.into(),
        user_data,
        extensions: None,
        reason: None,
    }
}

/// (is the own copy, user data) of a user event.
fn user_event(message: TServerMessage) -> (bool, Bytes) {
    match message {
        TServerMessage::EventUserEvent(event) => (event.reference.is_some(), event.user_data),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_clients_hear_each_other_and_the_sender_itself() {
    let server = Server::start(|_| {}).await;
    assert_ne!(server.addr().port(), 0);
    let mut one = Client::registered(server.addr(), "one").await;
    let mut two = Client::registered(server.addr(), "two").await;
    let mut tap = server.handle.tap();
    one.send(distribute(7, list())).await;
    assert!(matches!(one.next().await, TServerMessage::EventAck(ack) if ack.reference == ReferenceId(7)));
    assert_eq!(user_event(one.next().await), (true, list()));
    assert_eq!(user_event(two.next().await), (false, list()));
    let seen = guard(tap.recv()).await.unwrap();
    assert_eq!((seen.application.to_string(), &seen.user_data), ("one".to_owned(), &list()));
    server.handle.set_echo(false);
    // The echo is off when the server has come to it: a change of the switch behind it tells when.
    server.handle.set_switch(false);
    assert!(matches!(one.next().await, TServerMessage::EventLinkDisconnected(_)));
    server.handle.set_switch(true);
    assert!(matches!(one.next().await, TServerMessage::EventLinkConnected(_)));
    one.send(distribute(8, list())).await;
    assert!(matches!(one.next().await, TServerMessage::EventAck(_)));
    one.still_served(9).await;
    server.stop().await;
    assert_eq!(one.until_closed().await, 0);
}

#[tokio::test]
async fn frames_may_come_byte_by_byte_or_split_anywhere() {
    let server = Server::start(|_| {}).await;
    let mut stream = bytes(login("split"));
    Frame::PollSettings(0).encode(&mut stream);
    stream.extend_from_slice(&bytes(register(1)));
    let expect = async |mut client: Client| {
        assert!(matches!(client.next().await, TServerMessage::EventServerInfo(_)));
        assert!(matches!(client.next().await, TServerMessage::EventLinkConnected(_)));
        assert!(matches!(client.next().await, TServerMessage::EventRegistered(_)));
    };
    for cut in 0..=stream.len() {
        let mut client = Client::connect(server.addr()).await;
        client.framed.get_mut().set_nodelay(true).unwrap();
        for part in [&stream[..cut], &stream[cut..]] {
            client.framed.get_mut().write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        expect(client).await;
    }
    let mut client = Client::connect(server.addr()).await;
    client.framed.get_mut().set_nodelay(true).unwrap();
    for byte in &stream {
        client.framed.get_mut().write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    expect(client).await;
}

#[tokio::test]
async fn a_client_reset_in_the_middle_of_a_frame_disturbs_nobody() {
    let server = Server::start(|_| {}).await;
    let mut good = Client::registered(server.addr(), "good").await;
    let half = bytes(distribute(9, list()));
    for end in [3, 5, half.len() - 1] {
        let mut bad = Client::registered(server.addr(), "bad").await;
        let mut stream = bad.framed.into_inner();
        stream.write_all(&half[..end]).await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        bad = Client::registered(server.addr(), "better").await;
        bad.still_served(2).await;
    }
    good.still_served(2).await;
}

#[tokio::test]
async fn streams_and_messages_that_cannot_be_read_close_their_own_session_only() {
    let server = Server::start(|_| {}).await;
    let mut good = Client::registered(server.addr(), "good").await;
    let cases: [&[u8]; 5] = [
        &[0xff, 0xff, 0xff, 0xff],       // claims 4 GiB
        &[0, 0, 0, 0],                   // empty
        &[0, 0, 0, 2, 1, 0],             // a poll without its serial
        &[0, 0, 0, 4, 0, 0, 3, 0],       // a message without its count
        &[0, 0, 0, 6, 0, 0, 3, 0, 0, 7], // a byte behind the message
    ];
    for bad_bytes in cases {
        let mut bad = Client::registered(server.addr(), "bad").await;
        bad.framed.get_mut().write_all(bad_bytes).await.unwrap();
        assert_eq!(bad.until_closed().await, 0, "{bad_bytes:x?}");
    }
    good.still_served(2).await;
}

#[tokio::test]
async fn a_refused_login_is_told_before_the_connection_closes() {
    let server = Server::start(|_| {}).await;
    let mut client = Client::connect(server.addr()).await;
    client.send(RequestRegisterClient { protocol_version: "commdn-9".into(), ..login("old") }).await;
    client.framed.send(Frame::PollSettings(0)).await.unwrap();
    assert!(matches!(client.next().await, TServerMessage::EventError(error) if error.code.0 == 55));
    assert_eq!(client.until_closed().await, 0);
}

#[tokio::test]
async fn requests_out_of_order_or_with_bad_user_data_are_refused_and_the_session_stays() {
    let server = Server::start(|_| {}).await;
    let mut client = Client::connect(server.addr()).await;
    let mut codes = Vec::new();
    client.send(register(1)).await;
    client.send(distribute(2, list())).await;
    for _ in 0..2 {
        let TServerMessage::EventError(error) = client.next().await else { panic!("no error") };
        codes.push((error.reference.unwrap().0, error.code.0));
    }
    client.send(login("late")).await;
    assert!(matches!(client.next().await, TServerMessage::EventServerInfo(_)));
    assert!(matches!(client.next().await, TServerMessage::EventLinkConnected(_)));
    client.send(distribute(3, list())).await;
    client.send(distribute(4, Bytes::from_static(&[0, 1, 9]))).await;
    for _ in 0..2 {
        let TServerMessage::EventError(error) = client.next().await else { panic!("no error") };
        codes.push((error.reference.unwrap().0, error.code.0));
    }
    assert_eq!(codes, [(1, 51), (2, 51), (3, 41), (4, 53)]);
    client.still_served(5).await;
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let server = Server::start(|config| config.echo_to_sender = false).await;
    let mut client = Client::registered(server.addr(), "deep").await;
    let mut stream = BytesMut::new();
    (2..2_002).for_each(|reference| stream.extend_from_slice(&bytes(distribute(reference, list()))));
    client.framed.get_mut().write_all(&stream).await.unwrap();
    for reference in 2..2_002 {
        assert!(matches!(client.next().await, TServerMessage::EventAck(ack) if ack.reference.0 == reference));
    }
}

#[tokio::test]
async fn a_client_that_sends_faster_than_it_reads_is_slowed_down_and_not_cut_off() {
    const REQUESTS: u32 = 60_000;
    let server = Server::start(|config| config.echo_to_sender = false).await;
    let client = Client::registered(server.addr(), "fast").await;
    let mut stream = BytesMut::new();
    (2..REQUESTS + 2).for_each(|reference| stream.extend_from_slice(&bytes(register(reference))));
    let (mut reader, mut writer) = client.framed.into_inner().into_split();
    let written = tokio::spawn(async move { writer.write_all(&stream).await.map(|()| writer) });
    let mut input = BytesMut::new();
    let mut answers = 0;
    while answers < REQUESTS {
        assert!(guard(reader.read_buf(&mut input)).await.unwrap() > 0, "closed after {answers} answers");
        while let Some(frame) = take_frame(&mut input, FRAME_BYTES_MAX, Reading::Strict).unwrap() {
            let Frame::Message(body) = frame else { panic!("{frame:?}") };
            assert!(matches!(read(&body), TServerMessage::EventRegistered(_)));
            answers += 1;
        }
    }
    assert!(written.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_cut_off_and_the_others_hear_everything() {
    const EVENTS: u32 = 3_000;
    let server = Server::start(|config| config.echo_to_sender = false).await;
    let mut stuck = Client::registered(server.addr(), "stuck").await;
    let mut reader = Client::registered(server.addr(), "reader").await;
    let mut sender = Client::registered(server.addr(), "sender").await;
    let big = TkvList::new().str("k", "x".repeat(15_000)).encode(&Dialect::default()).unwrap().freeze();
    for reference in 2..EVENTS + 2 {
        sender.send(distribute(reference, big.clone())).await;
        assert!(matches!(sender.next().await, TServerMessage::EventAck(_)));
        assert!(!user_event(reader.next().await).0);
    }
    assert!(stuck.until_closed().await < EVENTS as usize);
    sender.still_served(9_999).await;
}

#[tokio::test]
async fn a_silent_client_is_polled_as_it_asked_and_then_closed() {
    let server = Server::start(|_| {}).await;
    let mut client = Client::registered(server.addr(), "silent").await;
    client.framed.send(Frame::PollSettings(20)).await.unwrap();
    assert_eq!(guard(client.framed.next()).await.unwrap().unwrap(), Frame::Poll(1));
    assert_eq!(client.until_closed().await, 0);
}

#[tokio::test]
async fn one_session_too_many_is_closed_at_once() {
    let server = Server::start(|config| config.sessions_max = 1).await;
    let mut first = Client::registered(server.addr(), "first").await;
    let mut second = Client::connect(server.addr()).await;
    assert_eq!(second.until_closed().await, 0);
    first.still_served(2).await;
}

struct Linked {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    directory: LinkDirectory,
    stop: CancellationToken,
}

impl Linked {
    fn start(primary: SocketAddr, backup: Option<SocketAddr>, change: impl FnOnce(&mut LinkConfig)) -> Self {
        let mut link = LinkConfig::new("gateway", &[DN]);
        change(&mut link);
        let settings = LinkSettings {
            name: "link".into(),
            primary: primary.to_string(),
            backup: backup.map(|addr| addr.to_string()),
            link,
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls: None,
        };
        let (directory, stop) = (LinkDirectory::new(), CancellationToken::new());
        let (handle, events) = start_link(settings, &directory, stop.clone());
        Self { handle, events, directory, stop }
    }

    async fn next(&mut self) -> LinkEvent {
        guard(self.events.recv()).await.expect("the link has stopped")
    }

    /// Skips events until one that is looked for.
    async fn until(&mut self, wanted: impl Fn(&LinkEvent) -> bool) -> LinkEvent {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn up(&mut self) {
        self.until(|event| *event == LinkEvent::Up(vec![DN.into()])).await;
    }
}

#[tokio::test]
async fn a_link_comes_up_sends_hears_and_stops() {
    let server = Server::start(|_| {}).await;
    let mut link = Linked::start(server.addr(), None, |_| {});
    link.up().await;
    let entry = link.directory.find("link").unwrap();
    assert!(entry.snapshot.up && entry.snapshot.last_heard.is_some());
    assert_eq!(
        (entry.snapshot.registered, entry.snapshot.peer),
        (vec![DN.to_owned()], Some(server.addr().to_string()))
    );
    link.handle.distribute(DN.into(), list(), Tag(5)).unwrap();
    assert_eq!(link.next().await, LinkEvent::Acked(Tag(5)));
    assert_eq!(link.next().await, LinkEvent::UserEvent { dn: DN.into(), user_data: list(), own_copy: true });
    let mut other = Client::registered(server.addr(), "ocs").await;
    other.send(distribute(2, list())).await;
    assert_eq!(link.next().await, LinkEvent::UserEvent { dn: DN.into(), user_data: list(), own_copy: false });
    link.stop.cancel();
    assert_eq!(link.next().await, LinkEvent::Lost(LossReason::Stopped));
    assert_eq!(guard(link.events.recv()).await, None);
    assert!(link.directory.all().is_empty());
}

#[tokio::test]
async fn a_link_that_lost_its_server_comes_back_by_itself() {
    let server = Server::start(|_| {}).await;
    let addr = server.addr();
    let mut link = Linked::start(addr, None, |_| {});
    link.up().await;
    server.stop().await;
    link.until(|event| matches!(event, LinkEvent::Lost(_))).await;
    assert!(!link.directory.find("link").unwrap().snapshot.up);
    let _server = Server::start_at(&addr.to_string(), |_| {}).await;
    link.up().await;
    assert!(link.directory.find("link").unwrap().snapshot.up);
}

#[tokio::test]
async fn a_link_survives_one_outage_after_the_other() {
    let mut server = Server::start(|_| {}).await;
    let addr = server.addr();
    let mut link = Linked::start(addr, None, |_| {});
    link.up().await;
    let mut took = Vec::new();
    for tag in 0..8 {
        server.stop().await;
        link.until(|event| matches!(event, LinkEvent::Lost(_))).await;
        server = Server::start_at(&addr.to_string(), |_| {}).await;
        let back = std::time::Instant::now();
        link.up().await;
        took.push(back.elapsed());
        link.handle.distribute(DN.into(), list(), Tag(tag)).unwrap();
        link.until(|event| *event == LinkEvent::Acked(Tag(tag))).await;
    }
    println!("up again after {took:?}");
    assert_eq!(link.directory.find("link").unwrap().snapshot.registered, [DN]);
}

#[tokio::test]
async fn a_link_dials_again_or_the_other_one_when_it_is_told_to() {
    let (one, two) = (Server::start(|_| {}).await, Server::start(|_| {}).await);
    let mut link = Linked::start(one.addr(), Some(two.addr()), |_| {});
    link.up().await;
    for (endpoint, switch) in [(Endpoint::Primary, false), (Endpoint::Backup, true), (Endpoint::Primary, true)] {
        if switch { link.handle.switch() } else { link.handle.redial() }.unwrap();
        link.until(|event| *event == LinkEvent::Lost(LossReason::Asked)).await;
        link.up().await;
        assert_eq!(link.directory.find("link").unwrap().snapshot.endpoint, Some(endpoint));
    }
}

#[tokio::test]
async fn a_backup_is_left_for_the_primary_and_a_change_of_roles_is_followed() {
    let one = Server::start(|config| config.role = ServerRole::BACKUP).await;
    let two = Server::start(|_| {}).await;
    let mut link = Linked::start(one.addr(), Some(two.addr()), |_| {});
    assert_eq!(link.next().await, LinkEvent::AttemptFailed(Endpoint::Primary, LossReason::Backup));
    link.up().await;
    assert_eq!(link.directory.find("link").unwrap().snapshot.endpoint, Some(Endpoint::Backup));
    one.handle.set_role(ServerRole::PRIMARY);
    two.handle.set_role(ServerRole::BACKUP);
    assert_eq!(link.next().await, LinkEvent::Lost(LossReason::Backup));
    link.up().await;
    assert_eq!(link.directory.find("link").unwrap().snapshot.endpoint, Some(Endpoint::Primary));
}

/// Accepts logins and says nothing more; hands out what each connection had sent when it closed.
async fn silent_server(listener: TcpListener, heard: mpsc::UnboundedSender<Vec<Frame>>) {
    let info = EventServerInfo {
        reference: None,
        protocol_version: "commdn-1".into(),
        server_version: "silent".into(),
        role: ServerRole::PRIMARY,
        session_id: "1".into(),
    };
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut input = BytesMut::new();
        let _ = stream.write_all(&bytes(info.clone())).await; // the link may have given up already
        while stream.read_buf(&mut input).await.unwrap_or(0) > 0 {}
        let frames = std::iter::from_fn(|| take_frame(&mut input, FRAME_BYTES_MAX, Reading::Strict).unwrap());
        if heard.send(frames.collect()).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_polled_and_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, mut heard) = mpsc::unbounded_channel();
    tokio::spawn(silent_server(listener, sender));
    let mut link = Linked::start(addr, None, |config| config.heartbeat = Duration::from_millis(20));
    link.until(|event| *event == LinkEvent::Lost(LossReason::Heartbeat)).await;
    let frames = guard(heard.recv()).await.unwrap();
    assert!(matches!(frames[0], Frame::Message(_)));
    assert_eq!(frames[1], Frame::PollSettings(20_000));
    assert_eq!(frames.last(), Some(&Frame::Poll(1)));
}

#[tokio::test]
async fn user_events_one_after_the_other_until_the_switch_is_gone() {
    let server = Server::start(|_| {}).await;
    let mut link = Linked::start(server.addr(), None, |_| {});
    link.up().await;
    for tag in 0..500 {
        link.handle.distribute(DN.into(), list(), Tag(tag)).unwrap();
        assert_eq!(link.next().await, LinkEvent::Acked(Tag(tag)));
        assert!(matches!(link.next().await, LinkEvent::UserEvent { own_copy: true, .. }));
    }
    server.handle.set_switch(false);
    assert_eq!(link.next().await, LinkEvent::SwitchDown);
    link.handle.distribute(DN.into(), list(), Tag(1_000)).unwrap();
    let LinkEvent::Failed(Tag(1_000), failure) = link.next().await else { panic!("not refused") };
    assert_eq!(failure.code().map(|code| code.0), Some(54));
}
