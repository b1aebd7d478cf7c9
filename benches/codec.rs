//! Rows 1 to 3 of the speed targets: the codec beside prost and MessagePack, in turns, in CPU time.
//!
//! `cargo bench --no-default-features --bench codec`
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::hint::black_box;

use bytes::BytesMut;
use commdn::message::{CommDnMessage, Envelope};
use commdn::wire::{Dialect, ListView, Reading, TkvList};
use prost::Message as _;
use support::{in_turns, sample, version};

const ROUNDS: usize = 31;
const CALLS: usize = 4_000;

fn main() {
    let dialect = Dialect::default();
    let message = sample::load_campaign();
    let packed = message.encode(&dialect).unwrap();
    let tree = TkvList::decode(&packed, &dialect, Reading::Strict).unwrap();
    let (prost_list, pack_list) = (sample::ProstList::of(&tree), sample::PackList::of(&tree));
    let (prost_bytes, pack_bytes) = (prost_list.encode_to_vec(), rmp_serde::to_vec(&pack_list).unwrap());
    assert_eq!(rmp_serde::from_slice::<sample::PackList>(&pack_bytes).unwrap(), pack_list);
    assert_eq!(sample::ProstList::decode(&prost_bytes[..]).unwrap(), prost_list);
    println!(
        "LoadCampaign with schedule: {} pairs, {} bytes packed, {} prost, {} MessagePack; CPU ns, medians of {ROUNDS} rounds in turns",
        sample::pairs(&tree),
        packed.len(),
        prost_bytes.len(),
        pack_bytes.len()
    );
    println!(
        "peers: prost {} (list of key and value), rmp-serde {} (the same)\n",
        version("prost"),
        version("rmp-serde")
    );

    let decode = in_turns(
        ROUNDS,
        CALLS,
        &mut [
            (
                "checked view",
                Box::new(|| {
                    black_box(ListView::parse(black_box(&packed), &dialect, Reading::Tolerant).unwrap());
                }),
            ),
            (
                "view + routing keys",
                Box::new(|| {
                    let view = ListView::parse(black_box(&packed), &dialect, Reading::Tolerant).unwrap();
                    black_box(Envelope::of(view).unwrap());
                }),
            ),
            (
                "view + routing keys, strict",
                Box::new(|| {
                    let view = ListView::parse(black_box(&packed), &dialect, Reading::Strict).unwrap();
                    black_box(Envelope::of(view).unwrap());
                }),
            ),
            (
                "typed message",
                Box::new(|| {
                    black_box(CommDnMessage::decode(black_box(&packed), &dialect, Reading::Tolerant).unwrap());
                }),
            ),
            (
                "owned tree",
                Box::new(|| {
                    black_box(TkvList::decode(black_box(&packed), &dialect, Reading::Tolerant).unwrap());
                }),
            ),
            (
                "rmp-serde",
                Box::new(|| {
                    black_box(rmp_serde::from_slice::<sample::PackList>(black_box(&pack_bytes)).unwrap());
                }),
            ),
            (
                "prost",
                Box::new(|| {
                    black_box(sample::ProstList::decode(black_box(&prost_bytes[..])).unwrap());
                }),
            ),
        ],
    );
    let [view, routed, strict, typed, tree_ns, pack, prost] = decode[..] else { unreachable!() };
    println!("decode");
    line("checked view", view, prost, "");
    line("view + 3 routing keys", routed, prost, "row 1: must <= 0.08, aim 0.05");
    line("the same, strict", strict, prost, "");
    line("typed owned message", typed, prost, "row 2: must <= 0.35, aim 0.15");
    line("owned tree", tree_ns, prost, "");
    line("rmp-serde", pack, prost, "");
    line("prost", prost, prost, "");

    let (mut ours, mut theirs, mut pack_out) = (BytesMut::new(), BytesMut::new(), Vec::new());
    let (mut tree_out, mut memcpy) = (BytesMut::new(), BytesMut::new());
    let encode = in_turns(
        ROUNDS,
        CALLS,
        &mut [
            (
                "typed message",
                Box::new(|| {
                    ours.clear();
                    black_box(&message).encode_into(&mut ours, &dialect).unwrap();
                    black_box(&ours);
                }),
            ),
            (
                "owned tree",
                Box::new(|| {
                    tree_out.clear();
                    black_box(&tree).encode_into(&mut tree_out, &dialect).unwrap();
                    black_box(&tree_out);
                }),
            ),
            (
                "memcpy",
                Box::new(|| {
                    memcpy.clear();
                    memcpy.extend_from_slice(black_box(&packed));
                    black_box(&memcpy);
                }),
            ),
            (
                "rmp-serde",
                Box::new(|| {
                    pack_out.clear();
                    rmp_serde::encode::write(&mut pack_out, black_box(&pack_list)).unwrap();
                    black_box(&pack_out);
                }),
            ),
            (
                "prost",
                Box::new(|| {
                    theirs.clear();
                    black_box(&prost_list).encode(&mut theirs).unwrap();
                    black_box(&theirs);
                }),
            ),
        ],
    );
    let [typed, tree_ns, memcpy, pack, prost] = encode[..] else { unreachable!() };
    println!("\nencode into a reused buffer");
    line("typed message", typed, prost, "row 3: must <= 0.20, aim 0.10");
    line("owned tree", tree_ns, prost, "");
    line("memcpy of the result", memcpy, prost, "");
    line("rmp-serde", pack, prost, "");
    line("prost", prost, prost, "");
}

fn line(what: &str, ns: f64, prost: f64, target: &str) {
    println!("  {what:<24} {ns:>8.0} ns   {:>6.3} x prost   {target}", ns / prost);
}
