//! A requester with one origin and one OCS whose echoes are proved, as the benches of the correlator have it.

use std::sync::Arc;

use bytes::Bytes;
use commdn::message::{AppDbid, CommDnMessage, DoNotCall, DoNotCallProcessed, ErrorCode, Message};
use commdn::protocol::Time;
use commdn::protocol::requester::{
    DnAddress, EchoKnowledge, Input, LinkId, OcsPeer, Output, RequestId, Requester, RequesterConfig, Submission,
};

pub(crate) const OURS: AppDbid = AppDbid(201);
pub(crate) const OCS: AppDbid = AppDbid(301);
const LINK: LinkId = LinkId(1);

/// The machine, its link up.
pub(crate) fn machine(change: impl FnOnce(&mut RequesterConfig)) -> Requester {
    let address = DnAddress { link: LINK, dn: dn() };
    let peer = OcsPeer { dbid: OCS, backup: None, address, echo: EchoKnowledge::proved() };
    let mut config = RequesterConfig::new(vec![OURS], vec![peer]);
    change(&mut config);
    let mut machine = Requester::new(config);
    machine.handle(Time::ZERO, Input::LinkUp { link: LINK });
    machine
}

fn dn() -> Arc<str> {
    Arc::from("CommDN_1")
}

/// One phone.
pub(crate) fn entry(number: u64) -> DoNotCall {
    DoNotCall { phone: Some(format!("+1{number:010}").as_str().into()), ..DoNotCall::default() }
}

/// Its answer.
pub(crate) fn processed(number: u64) -> Message {
    let do_not_call = Some(entry(number));
    DoNotCallProcessed { error: Some(ErrorCode::NO), error_message: None, do_not_call }.into()
}

/// What is submitted.
pub(crate) fn submission(id: u64, body: Message) -> Input {
    Input::Submit(Submission { id: RequestId(id), target: OCS.into(), body, deadline: None, durable: true })
}

/// What the OCS says to us.
pub(crate) fn event(body: Message) -> Input {
    let message = CommDnMessage::new(OCS, OURS, body);
    Input::Event { link: LINK, dn: dn(), message, user_data: Bytes::new() }
}

/// Takes one event; how many submissions it ended.
#[inline(never)]
pub(crate) fn answer_one(machine: &mut Requester, now: Time, input: Input) -> usize {
    let mut ended = 0;
    machine.handle(now, input);
    while let Some(output) = machine.poll() {
        ended += usize::from(matches!(output, Output::Outcome { .. }));
    }
    ended
}
