use super::*;
use crate::engine::topology::Topology;
use crate::message::{DoNotCall, Message, Pair, Target};

/// 2026-03-02T08:00:00Z, a Monday.
const START: UtcSeconds = UtcSeconds(1_772_438_400);

const SITE: &str = "comm_dn CommDN_1
ocs 301 A modes=1-5,8,9,11
ocs 302 B modes=1-5,8,9,11
origin 201-202 server ocs=301,302
group 732 G
group 733 H
list l contacts=1500 chains=50
list m contacts=40
list n contacts=80
campaign 101 C ocs=301 lists=l
campaign 102 D ocs=301 lists=m
campaign 103 E ocs=302 lists=n
pair 101-732 mode=predict optimize_by=busy_factor goal=80
pair 102-733 mode=progress
pair 101-733 mode=preview
pair 103-733 mode=progress
agents 732 9 arrive=0s-1m stint=20m-40m pause=5m
agents 733 6
";

fn world(seed: u64) -> World {
    let topology = Topology::parse(SITE).unwrap();
    let operator = Operator::new(&topology, 7_200);
    let mut world = World::new(WorldConfig { seed: Some(seed), ..WorldConfig::new(topology, START) }).unwrap();
    world.add(Box::new(operator));
    world
}

#[test]
fn the_operator_sets_every_group_to_work_and_every_record_is_somewhere() {
    let mut world = world(7);
    let mut loaded = Vec::new();
    world.watch_until(Time::from_secs(7_200), &mut |_, seen| {
        if let Seen::Trace { number: 52001, text, .. } = seen {
            loaded.push(text.to_owned());
        }
    });
    let started = |name: &str| loaded.iter().any(|text| text.contains(name));
    assert!(started("C@G") && started("D@H") && started("C@H") && started("E@H"), "{loaded:?}");
    let counts = world.counts();
    assert_eq!(counts.len(), 3);
    for (ocs, counts) in &counts {
        assert!(counts.is_whole() && counts.finals > 0, "{ocs}: {counts:?}");
    }
    let agents: Vec<u64> = counts.iter().flat_map(|(_, it)| &it.pairs).map(|(_, calls)| calls.contacts).collect();
    assert!(agents.iter().all(|contacts| *contacts > 0), "{agents:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_however_it_is_driven() {
    let end = Time::from_secs(3_600);
    let mut at_once = world(7);
    at_once.run_until(end);
    let mut in_steps = world(7);
    (1..=3_600 * 4).for_each(|quarter| in_steps.run_until(Time::from_millis(quarter * 250)));
    assert_eq!(at_once.trace(), in_steps.trace());
    assert_eq!(at_once.counts(), in_steps.counts());
    let mut other = world(8);
    other.run_until(end);
    assert_ne!(at_once.trace(), other.trace());
}

#[test]
fn a_request_of_a_script_is_answered_by_every_ocs_through_the_t_server() {
    let topology = Topology::parse(SITE).unwrap();
    let mut world = World::new(WorldConfig::new(topology, START)).unwrap();
    let entry = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
    let request = CommDnMessage::new(AppDbid(201), Target::Every, entry);
    world.add(Box::new(Script::new("Desktop", vec![(Time::from_secs(5), request)])));
    let mut heard = Vec::new();
    world.watch_until(Time::from_secs(10), &mut |now, seen| {
        if let Seen::UserEvent { user_data, .. } = seen {
            let message = CommDnMessage::decode(user_data, &Dialect::default(), Reading::Strict).unwrap().message;
            heard.push((now, message.origin.0, message.body.message_type().0));
        }
    });
    let at = Time::from_secs(5);
    assert_eq!(heard, [(at, 201, 32), (at, 301, 33), (at, 302, 33)]);
    assert_eq!((world.now(), world.next_due()), (Time::from_secs(10), None), "idle costs nothing");
    assert!(world.ocss().all(|ocs| ocs.dnc().len() == 1));
}

#[test]
fn something_may_happen_inside_an_ocs() {
    let topology = Topology::parse(SITE).unwrap();
    let pair = Pair::new(101, 732);
    let load = CommDnMessage::new(
        AppDbid(201),
        AppDbid(301),
        Message::from(crate::message::LoadCampaign::new(pair, crate::message::Dialing::default())),
    );
    let mut world = World::new(WorldConfig::new(topology, START)).unwrap();
    world.add(Box::new(Script::new("Desktop", vec![(Time::ZERO, load)])));
    world.run_until(Time::from_secs(1));
    let before = world.trace();
    world.inside(AppDbid(301), Internal::SetInactive(pair));
    world.run_until(Time::from_secs(1));
    assert_ne!(before, world.trace(), "told to everybody");
}

#[test]
fn the_shipped_sites_can_be_read_and_dial() {
    assert!(Topology::demo().dialing.is_none());
    assert_eq!(Topology::demo_dialing().dialing.map(|model| model.staff.len()), Some(2));
    let shift = Topology::shift();
    let agents = |ocs| {
        let model = shift.ocs_config(AppDbid(ocs), Dialect::default(), None).unwrap().dialing.unwrap();
        model.staff.values().map(|staff| staff.agents).sum::<u32>()
    };
    assert_eq!((agents(301), agents(302)), (120, 80), "each agent works for one OCS");
    assert_eq!(shift.zones.len(), 3);
}

/// A change of the rules or of the shipped site changes the number; a change of machine must not.
#[test]
fn the_trace_of_the_demo_is_the_same_on_every_machine() {
    let topology = Topology::demo_dialing();
    let operator = Operator::new(&topology, 1_800);
    let mut world = World::new(WorldConfig { seed: Some(7), ..WorldConfig::new(topology, START) }).unwrap();
    world.add(Box::new(operator));
    world.run_until(Time::from_secs(1_800));
    assert_eq!(world.trace().to_string(), "cd1b504f6011292e");
}
