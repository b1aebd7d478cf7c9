//! An integrator of old clients: UserEvents on a CommDN over plain sockets, as such an application speaks them. It does
//! not see whether a T-Server answers or the gateway's own port.
//!
//! `commdn sim run` in one shell, `cargo run --example old_client -- 127.0.0.1:7000` in another.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use commdn::message::{AppDbid, CommDnMessage, DoNotCall, Message, Target};
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::user_event::{RequestDistributeUserEvent, RequestRegisterAddress, RequestRegisterClient};
use commdn::wire::{Dialect, Frame, Reading, ReferenceId, TMessage, TServerMessage, take_frame};

const DN: &str = "CommDN_1";
const ME: AppDbid = AppDbid(216);
const OCS: AppDbid = AppDbid(301);

fn say(stream: &mut TcpStream, message: impl Into<TServerMessage>) -> Result<(), Box<dyn Error>> {
    let mut out = BytesMut::new();
    message.into().encode(&mut out, &Dialect::default(), None)?;
    Ok(stream.write_all(&out)?)
}

/// The next message of the T-Server.
fn hear(stream: &mut TcpStream, input: &mut BytesMut) -> Result<TServerMessage, Box<dyn Error>> {
    loop {
        while let Some(frame) = take_frame(input, FRAME_BYTES_MAX, Reading::Tolerant)? {
            let Frame::Message(body) = frame else { continue }; // a poll of the heartbeat
            let message = TMessage::decode(&body, &Dialect::default(), Reading::Tolerant)?;
            if let Some(message) = TServerMessage::read(&message)? {
                return Ok(message);
            }
        }
        let mut part = [0; 4_096];
        match stream.read(&mut part)? {
            0 => return Err("the T-Server closed the connection".into()),
            read => input.extend_from_slice(&part[..read]),
        }
    }
}

#[allow(clippy::print_stdout)] // what it is for
fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    let (mut stream, mut input) = (TcpStream::connect(addr)?, BytesMut::new());
    let reference = Some(ReferenceId(1));
    let (protocol_version, application_name) = ("commdn-1".into(), "old client".into());
    say(
        &mut stream,
        RequestRegisterClient { reference, protocol_version, application_name, application_password: None },
    )?;
    let (reference, this_dn) = (ReferenceId(2), DN.into());
    say(&mut stream, RequestRegisterAddress { reference, this_dn, address_type: None, register_mode: None })?;

    let entry = DoNotCall { phone: Some("+420777888777".into()), ..DoNotCall::default() };
    let user_data = CommDnMessage::new(ME, OCS, entry).encode(&Dialect::default())?;
    let (reference, communication_dn) = (ReferenceId(3), DN.into());
    let none = (None, None, None);
    let (this_dn, extensions, reason) = none;
    say(
        &mut stream,
        RequestDistributeUserEvent { reference, this_dn, communication_dn, user_data, extensions, reason },
    )?;

    // Everybody on the CommDN hears everything: what is not for us is for somebody else.
    loop {
        let TServerMessage::EventUserEvent(event) = hear(&mut stream, &mut input)? else { continue };
        let heard = CommDnMessage::decode(&event.user_data, &Dialect::default(), Reading::Tolerant)?.message;
        if heard.target == Target::One(ME) && heard.origin == OCS {
            assert!(matches!(heard.body, Message::DoNotCallProcessed(_)), "{heard:?}");
            println!("OCS {}: {}", heard.origin, heard.body.message_type());
            return Ok(());
        }
    }
}
