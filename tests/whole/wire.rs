//! Peers of the gateway that do what a test says: a T-Server of few words, and OCSs that come and go.

use std::net::SocketAddr;

use bytes::BytesMut;
use commdn::engine::tserver::{DnConfig, TServerConfig};
use commdn::message::{
    AppDbid, CampaignLoaded, CampaignStatus, CommDnMessage, DoNotCallProcessed, GroupCampStatus, Message, Pair,
    PairEvent, Target,
};
use commdn::net::client::LinkEvent;
use commdn::net::driver::{AddpTrace, LinkSettings, start_link};
use commdn::net::listener::{TServerHandle, serve_tserver};
use commdn::net::registry::LinkDirectory;
use commdn::protocol::link::{LinkConfig, Tag};
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::tserver::PROTOCOL_VERSION;
use commdn::wire::user_event::{EventAck, EventLinkConnected, EventRegistered, EventServerInfo, EventUserEvent};
use commdn::wire::{Dialect, EventStamp, Frame, Reading, ServerRole, TMessage, TServerMessage, take_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::site::guard;

pub(crate) const DN: &str = "CommDN_1";

/// One session of a T-Server that says only what it is told to.
pub(crate) struct Session {
    stream: TcpStream,
    input: BytesMut,
}

impl Session {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = guard(listener.accept()).await.unwrap();
        Self { stream, input: BytesMut::new() }
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = take_frame(&mut self.input, FRAME_BYTES_MAX, Reading::Strict).unwrap() {
                return frame;
            }
            assert!(guard(self.stream.read_buf(&mut self.input)).await.unwrap() > 0, "the gateway closed");
        }
    }

    /// The next message; user events are acknowledged.
    pub(crate) async fn next(&mut self) -> TServerMessage {
        loop {
            let Frame::Message(body) = self.frame().await else { continue };
            let message = read(&body);
            if let TServerMessage::RequestDistributeUserEvent(request) = &message {
                self.say(EventAck { reference: request.reference, this_dn: None }).await;
            }
            return message;
        }
    }

    /// The next user event.
    pub(crate) async fn next_event(&mut self) -> CommDnMessage {
        loop {
            if let TServerMessage::RequestDistributeUserEvent(request) = self.next().await {
                return CommDnMessage::decode(&request.user_data, &Dialect::default(), Reading::Strict)
                    .unwrap()
                    .message;
            }
        }
    }

    /// What has come up to now: a poll is answered behind it.
    pub(crate) async fn so_far(&mut self) -> Vec<TServerMessage> {
        let mut poll = BytesMut::new();
        Frame::Poll(77).encode(&mut poll);
        self.stream.write_all(&poll).await.unwrap();
        let mut messages = Vec::new();
        loop {
            match self.frame().await {
                Frame::PollAnswer(77) => return messages,
                Frame::Message(body) => messages.push(read(&body)),
                _ => {}
            }
        }
    }

    pub(crate) async fn say(&mut self, message: impl Into<TServerMessage>) {
        let mut out = BytesMut::new();
        let stamp = EventStamp { seconds: 1, micros: 2, sequence: Some(3) };
        message.into().encode(&mut out, &Dialect::default(), Some(stamp)).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }

    /// Answers a do-not-call as these OCSs would.
    pub(crate) async fn confirm(&mut self, request: &CommDnMessage, ocss: &[AppDbid]) {
        let Message::DoNotCall(entry) = &request.body else { panic!("{request:?}") };
        for ocs in ocss {
            let done = DoNotCallProcessed { do_not_call: Some(entry.clone()), ..Default::default() };
            let user_data = CommDnMessage::new(*ocs, Target::One(request.origin), done);
            self.say(EventUserEvent {
                reference: None,
                this_dn: DN.into(),
                communication_dn: DN.into(),
                user_data: user_data.encode(&Dialect::default()).unwrap(),
                extensions: None,
                reason: None,
            })
            .await;
        }
    }

    /// Lets the gateway log in; what it asks for next is its registration.
    pub(crate) async fn log_in(&mut self) {
        assert!(matches!(self.next().await, TServerMessage::RequestRegisterClient(_)));
        assert_eq!(self.so_far().await, [], "nothing before the login is answered");
        self.say(EventServerInfo {
            reference: None,
            protocol_version: PROTOCOL_VERSION.into(),
            server_version: "few words".into(),
            role: ServerRole::PRIMARY,
            session_id: "1".into(),
        })
        .await;
        self.say(EventLinkConnected {}).await;
    }

    /// Confirms the registration that comes next.
    pub(crate) async fn register(&mut self) {
        let TServerMessage::RequestRegisterAddress(request) = self.next().await else { panic!("no registration") };
        assert_eq!(self.so_far().await, [], "nothing before the registration is confirmed");
        let (reference, this_dn) = (request.reference, request.this_dn);
        self.say(EventRegistered { reference, this_dn, extensions: None, address_type: 1 }).await;
    }
}

fn read(body: &[u8]) -> TServerMessage {
    let message = TMessage::decode(&body.to_vec().into(), &Dialect::default(), Reading::Strict).unwrap();
    TServerMessage::read(&message).unwrap().unwrap()
}

/// A T-Server without OCSs.
pub(crate) async fn bare_tserver() -> (TServerHandle, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stop = CancellationToken::new();
    let config = TServerConfig::new(vec![DnConfig::new(DN)]);
    (serve_tserver(listener, config, FRAME_BYTES_MAX, stop.clone()).unwrap(), stop.drop_guard())
}

/// One member of an OCS pair: answers what is addressed to the pair, in its own name.
pub(crate) struct Member {
    /// What it was asked, in order.
    pub(crate) asked: mpsc::UnboundedReceiver<Message>,
    _stop: DropGuard,
}

impl Member {
    /// Registers on the T-Server; `first` is what it says by itself then.
    pub(crate) async fn start(tserver: SocketAddr, pair: AppDbid, own: AppDbid, first: Option<Message>) -> Self {
        let settings = LinkSettings {
            name: format!("ocs {own}"),
            primary: tserver.to_string(),
            backup: None,
            link: LinkConfig::new("ocs", &[DN]),
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls: None,
        };
        let stop = CancellationToken::new();
        let (handle, mut events) = start_link(settings, &LinkDirectory::new(), stop.clone());
        while guard(events.recv()).await.unwrap() != LinkEvent::Up(vec![DN.into()]) {}
        let (told, asked) = mpsc::unbounded_channel();
        let say = move |target: Target, body: Message| {
            let message = CommDnMessage::new(own, target, body).encode(&Dialect::default()).unwrap();
            handle.distribute(DN.into(), message, Tag(0)).unwrap();
        };
        if let Some(first) = first {
            say(Target::Every, first);
        }
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let LinkEvent::UserEvent { user_data, own_copy: false, .. } = event else { continue };
                let heard = CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Tolerant).unwrap().message;
                if heard.target != Target::One(pair) && heard.target != Target::Every {
                    continue;
                }
                let state = |pair: Pair| PairEvent::new(pair, GroupCampStatus::ACTIVE);
                let answer: Option<Message> = match &heard.body {
                    Message::GetCampaignStatus(asked) => Some(CampaignStatus(state(asked.pair)).into()),
                    Message::LoadCampaign(asked) => Some(CampaignLoaded(state(asked.pair)).into()),
                    Message::DoNotCall(entry) => {
                        Some(DoNotCallProcessed { do_not_call: Some(entry.clone()), ..Default::default() }.into())
                    }
                    _ => None,
                };
                if let Some(answer) = answer {
                    say(Target::One(heard.origin), answer);
                    let _ = told.send(heard.body); // the test may have seen enough
                }
            }
        });
        Self { asked, _stop: stop.drop_guard() }
    }

    /// Waits until it was asked for the states of so many pairs; gives them in order.
    pub(crate) async fn asked_states(&mut self, wanted: usize) -> Vec<Pair> {
        let mut pairs = std::collections::BTreeSet::new();
        while pairs.len() < wanted {
            if let Message::GetCampaignStatus(asked) = guard(self.asked.recv()).await.unwrap() {
                pairs.insert(asked.pair);
            }
        }
        pairs.into_iter().collect()
    }
}
