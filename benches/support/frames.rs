//! A client of a T-Server's port, and a site with one OCS.

use std::net::SocketAddr;

use bytes::BytesMut;
use commdn::engine::topology::Topology;
use commdn::message::{AppDbid, CommDnMessage, DoNotCall, Envelope, Target};
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::user_event::{RequestDistributeUserEvent, RequestRegisterAddress, RequestRegisterClient};
use commdn::wire::{Dialect, Frame, ListView, Reading, ReferenceId, TMessage, TServerMessage, take_frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The one OCS.
pub(crate) const OCS: AppDbid = AppDbid(301);
/// The application that asks.
const APPLICATION: AppDbid = AppDbid(216);

/// A site with one OCS and a CommDN for each client, so that no client hears the others.
pub(crate) fn site(clients: usize) -> Topology {
    let dns: String = (0..clients).map(|number| format!("comm_dn {}\n", dn(number))).collect();
    let rest = "ocs 301 OCS profile=documented\norigin 201-216 server ocs=301 name=Desk\ngateway 201-208\n";
    Topology::parse(&(dns + rest)).expect("a site")
}

/// The CommDN of a client.
pub(crate) fn dn(client: usize) -> String {
    format!("CommDN_{client}")
}

/// A session that has registered one DN.
pub(crate) struct Client {
    stream: TcpStream,
    dn: String,
    input: BytesMut,
    output: BytesMut,
    /// Answers that were to another request than the one that waited.
    pub(crate) strange: u64,
}

impl Client {
    pub(crate) async fn registered(addr: SocketAddr, dn: String) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let mut client = Self { stream, dn, input: BytesMut::new(), output: BytesMut::new(), strange: 0 };
        client.put(RequestRegisterClient {
            reference: None,
            protocol_version: "commdn-1".into(),
            application_name: "bench".into(),
            application_password: None,
        });
        let (reference, this_dn) = (ReferenceId(1), client.dn.as_str().into());
        client.put(RequestRegisterAddress { reference, this_dn, address_type: None, register_mode: None });
        client.flush().await;
        client.frames(3).await; // server info, link connected, registered
        client
    }

    fn put(&mut self, message: impl Into<TServerMessage>) {
        message.into().encode(&mut self.output, &Dialect::default(), None).expect("it fits");
    }

    async fn flush(&mut self) {
        self.stream.write_all(&self.output).await.expect("it is written");
        self.output.clear();
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = take_frame(&mut self.input, FRAME_BYTES_MAX, Reading::Strict).expect("frames") {
                return frame;
            }
            self.input.reserve(16_384);
            assert_ne!(self.stream.read_buf(&mut self.input).await.expect("it is read"), 0, "the server is there");
        }
    }

    /// Reads so many frames.
    pub(crate) async fn frames(&mut self, frames: usize) {
        for _ in 0..frames {
            self.frame().await;
        }
    }

    /// Puts a phone on the do-not-call list and waits for the OCS's answer.
    pub(crate) async fn do_not_call(&mut self, phone: &str) {
        let entry = DoNotCall { phone: Some(phone.into()), ..DoNotCall::default() };
        let message = CommDnMessage::new(APPLICATION, OCS, entry);
        let communication_dn = self.dn.as_str().into();
        self.put(RequestDistributeUserEvent {
            reference: ReferenceId(2),
            this_dn: None,
            communication_dn,
            user_data: message.encode(&Dialect::default()).expect("it fits"),
            extensions: None,
            reason: None,
        });
        self.flush().await;
        loop {
            let Frame::Message(body) = self.frame().await else { continue };
            let message = TMessage::decode(&body, &Dialect::default(), Reading::Strict).expect("a message");
            let Ok(Some(TServerMessage::EventUserEvent(event))) = TServerMessage::read(&message) else { continue };
            let list = ListView::parse(&event.user_data, &Dialect::default(), Reading::Strict).expect("a list");
            let Some(envelope) = Envelope::of(list) else { continue };
            if envelope.target == Some(Target::One(APPLICATION)) {
                assert_eq!(envelope.message_type.0, 33, "CM_EvDoNotCallProcessed");
                // Only the answer to this very request ends the wait.
                if event.user_data.windows(phone.len()).any(|part| part == phone.as_bytes()) {
                    return;
                }
                self.strange += 1;
            }
        }
    }
}
