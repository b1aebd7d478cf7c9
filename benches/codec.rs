//! Rows 1 to 3 of the speed targets: the codec beside prost and MessagePack, in turns, in CPU time.
//!
//! `cargo bench --no-default-features --bench codec`
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod support;

use std::hint::black_box;

use bytes::BytesMut;
use commdn::wire::Reading;
use prost::Message as _;
use support::sample::{Sample, pairs};
use support::{in_turns, version};

const ROUNDS: usize = 31;
const CALLS: usize = 4_000;

fn main() {
    let sample = &Sample::load_campaign();
    println!(
        "LoadCampaign with schedule: {} pairs, {} bytes packed, {} prost, {} MessagePack; CPU ns, medians of {ROUNDS} rounds in turns",
        pairs(&sample.tree),
        sample.packed.len(),
        sample.prost_bytes.len(),
        sample.pack_bytes.len()
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
            ("checked view", Box::new(|| used(sample.view(Reading::Tolerant)))),
            ("view + routing keys", Box::new(|| used(sample.routed(Reading::Tolerant)))),
            ("view + routing keys, strict", Box::new(|| used(sample.routed(Reading::Strict)))),
            ("typed message", Box::new(|| used(sample.typed()))),
            ("owned tree", Box::new(|| used(sample.owned_tree()))),
            ("rmp-serde", Box::new(|| used(sample.pack()))),
            ("prost", Box::new(|| used(sample.prost()))),
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
                    sample.write(&mut ours);
                    black_box(&ours);
                }),
            ),
            (
                "owned tree",
                Box::new(|| {
                    tree_out.clear();
                    black_box(&sample.tree).encode_into(&mut tree_out, &sample.dialect).unwrap();
                    black_box(&tree_out);
                }),
            ),
            (
                "memcpy",
                Box::new(|| {
                    memcpy.clear();
                    memcpy.extend_from_slice(black_box(&sample.packed));
                    black_box(&memcpy);
                }),
            ),
            (
                "rmp-serde",
                Box::new(|| {
                    pack_out.clear();
                    rmp_serde::encode::write(&mut pack_out, black_box(&sample.pack_list)).unwrap();
                    black_box(&pack_out);
                }),
            ),
            (
                "prost",
                Box::new(|| {
                    theirs.clear();
                    black_box(&sample.prost_list).encode(&mut theirs).unwrap();
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

/// As if something came of it.
fn used<T>(value: T) {
    black_box(value);
}

fn line(what: &str, ns: f64, prost: f64, target: &str) {
    println!("  {what:<24} {ns:>8.0} ns   {:>6.3} x prost   {target}", ns / prost);
}
