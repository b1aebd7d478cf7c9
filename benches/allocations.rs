//! How often decode, encode and correlate ask for memory. Counts, not times: they are the same on every machine.
//!
//! `cargo bench --no-default-features --bench allocations`
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::{alloc::System, hint::black_box, sync::Arc};

use bytes::{Bytes, BytesMut};
use commdn::message::{AppDbid, CommDnMessage, DoNotCall, DoNotCallProcessed, Envelope, ErrorCode};
use commdn::protocol::Time;
use commdn::protocol::requester::{
    DnAddress, EchoKnowledge, Input, LinkId, OcsPeer, Output, RequestId, Requester, RequesterConfig, Submission,
};
use commdn::wire::{Dialect, ListView, Reading, TkvList};
use prost::Message as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::sample;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and bytes of one call, when everything that is reused has grown to its size.
fn count<T>(what: &str, mut work: impl FnMut() -> T) -> usize {
    drop(black_box(work()));
    let region = Region::new(GLOBAL);
    let result = black_box(work());
    let change = region.change();
    drop(result);
    let times = change.allocations + change.reallocations;
    println!("  {what:<44} {times:>4} allocations {:>7} bytes", change.bytes_allocated);
    times
}

fn main() {
    let dialect = Dialect::default();
    let message = sample::load_campaign();
    let packed = message.encode(&dialect).unwrap();
    let tree = TkvList::decode(&packed, &dialect, Reading::Strict).unwrap();
    let (prost_list, pack_list) = (sample::ProstList::of(&tree), sample::PackList::of(&tree));
    let (prost_bytes, pack_bytes) = (prost_list.encode_to_vec(), rmp_serde::to_vec(&pack_list).unwrap());

    println!("LoadCampaign with schedule, {} pairs, {} bytes", sample::pairs(&tree), packed.len());
    for reading in [Reading::Tolerant, Reading::Strict] {
        let times = count(&format!("checked view and routing keys, {reading}"), || {
            Envelope::of(ListView::parse(&packed, &dialect, reading).unwrap()).unwrap()
        });
        assert_eq!(times, 0, "row 1: no allocation");
    }
    count("typed message", || CommDnMessage::decode(&packed, &dialect, Reading::Tolerant).unwrap());
    count("owned tree", || TkvList::decode(&packed, &dialect, Reading::Tolerant).unwrap());
    count("prost", || sample::ProstList::decode(&prost_bytes[..]).unwrap());
    count("rmp-serde", || rmp_serde::from_slice::<sample::PackList>(&pack_bytes).unwrap());
    let mut out = BytesMut::new();
    let times = count("encode into a reused buffer", || {
        out.clear();
        message.encode_into(&mut out, &dialect).unwrap();
    });
    assert_eq!(times, 0, "a reused buffer is reused");
    count("encode into a buffer of its own", || message.encode(&dialect).unwrap());

    correlate();
}

fn correlate() {
    let (ours, ocs) = (AppDbid(201), AppDbid(301));
    let address = DnAddress { link: LinkId(1), dn: Arc::from("CommDN_1") };
    let peer = OcsPeer { dbid: ocs, backup: None, address: address.clone(), echo: EchoKnowledge::proved() };
    let mut machine = Requester::new(RequesterConfig::new(vec![ours], vec![peer]));
    machine.handle(Time::ZERO, Input::LinkUp { link: LinkId(1) });
    let entry =
        |number: u64| DoNotCall { phone: Some(format!("+1555{number:07}").as_str().into()), ..DoNotCall::default() };
    let mut submitted = 0;
    let mut submit = |machine: &mut Requester| {
        submitted += 1;
        let body = entry(submitted).into();
        let submission =
            Submission { id: RequestId(submitted), target: ocs.into(), body, deadline: None, durable: true };
        machine.handle(Time::ZERO, Input::Submit(submission));
        let mut outputs = Vec::with_capacity(8);
        outputs.extend(std::iter::from_fn(|| machine.poll()));
        outputs
    };
    println!("\nDo-not-call, 1,000 pending");
    for _ in 0..1_000 {
        submit(&mut machine);
    }
    count("submit, with the message that is to be sent", || submit(&mut machine));
    let mut events = (1..).map(|number| {
        let answer =
            DoNotCallProcessed { error: Some(ErrorCode::NO), error_message: None, do_not_call: Some(entry(number)) };
        let message = CommDnMessage::new(ocs, ours, answer);
        Input::Event { link: LinkId(1), dn: address.dn.clone(), message, user_data: Bytes::new() }
    });
    let mut ready: Vec<Input> = events.by_ref().take(2).collect();
    count("event that answers one of them", || {
        machine.handle(Time::ZERO, ready.pop().expect("two are counted"));
        let mut ended = 0;
        while let Some(output) = machine.poll() {
            ended += usize::from(matches!(output, Output::Outcome { .. }));
        }
        assert_eq!(ended, 1, "the event ends its request");
    });
}
