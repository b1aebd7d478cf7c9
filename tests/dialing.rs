//! Dialing in random worlds: what must hold in every one of them, and that the methods come near their goals.

use std::collections::{BTreeMap, BTreeSet};

use commdn::engine::ocs::dialer::{CallResult, Zone, Zones};
use commdn::engine::ocs::{Held, Internal, RecordChange};
use commdn::engine::topology::Topology;
use commdn::engine::world::{Operator, Script, Seen, World, WorldConfig};
use commdn::message::*;
use commdn::protocol::lifecycle::PairState;
use commdn::protocol::{Time, UtcSeconds};
use commdn::wire::{Dialect, Reading};
use proptest::prelude::*;

/// 2026-03-02T08:00:00Z, a Monday.
const START: i64 = 1_772_438_400;
const OCS: AppDbid = AppDbid(301);
const PAIRS: [(i32, i32); 3] = [(101, 732), (102, 732), (102, 733)];
const HOURS: u64 = 3;

/// What somebody does, at a second.
#[derive(Clone, Debug)]
enum Act {
    Ask(Box<Message>),
    Restart,
}

fn dialing() -> impl Strategy<Value = Dialing> {
    let modes = prop::sample::select(vec![1, 2, 3, 4, 5, 8, 9, 11]);
    let method = prop::sample::select(vec![(1, 80), (2, 3), (3, 20), (0, 0)]);
    (modes, method).prop_map(|(mode, (method, goal))| Dialing::new(DialMode(mode), OptimizeBy(method), goal))
}

fn act() -> impl Strategy<Value = Act> {
    let pair = prop::sample::select(PAIRS.to_vec()).prop_map(|(campaign, group)| Pair::new(campaign, group));
    let ask = |message: Message| Act::Ask(Box::new(message));
    let auto = any::<bool>();
    prop_oneof![
        4 => (pair.clone(), dialing(), auto).prop_map(move |(pair, dialing, auto)| {
            let auto_completion = Some(AutoCompletion::top(auto));
            ask(LoadCampaign { auto_completion, ..LoadCampaign::new(pair, dialing) }.into())
        }),
        6 => (pair.clone(), dialing()).prop_map(move |(pair, dialing)| ask(StartDialing::new(pair, dialing).into())),
        2 => (pair.clone(), dialing()).prop_map(move |(pair, dialing)| ask(SetDialingMode::new(pair, dialing).into())),
        2 => pair.clone().prop_map(move |pair| ask(StopDialing::new(pair).into())),
        1 => pair.clone().prop_map(move |pair| ask(UnloadCampaign::new(pair).into())),
        1 => pair.prop_map(move |pair| ask(ForceUnloadCampaign::new(pair).into())),
        2 => (0..60_usize, any::<bool>()).prop_map(move |(n, all)| {
            let scope = Some(if all { ChainScope::AllChain } else { ChainScope::RecordOnly }.into());
            ask(DoNotCall { phone: Some(phone(n).as_str().into()), customer_id: None, scope }.into())
        }),
        1 => (1..60_u32).prop_map(move |n| {
            let customer_id = Some(format!("C{n:04}").as_str().into());
            ask(DoNotCall { customer_id, ..DoNotCall::default() }.into())
        }),
        1 => (0..60_usize).prop_map(move |n| {
            let phone = Some(phone(n).as_str().into());
            ask(CancelRecord { phone, ..CancelRecord::default() }.into())
        }),
        2 => (1..30, 0..20, 0..3).prop_map(move |(dials, contacts, sleep)| {
            let item = |campaign| ScheduleItem {
                campaign: Some(CampaignDbid(campaign)),
                mode: Some(DialMode(2)),
                stop_at_dials: Some(dials),
                stop_at_contacts: Some(contacts),
                sleep_before_next_start_minutes: Some(sleep),
                ..ScheduleItem::default()
            };
            let items = vec![(1, item(101)), (2, item(102))];
            let schedule = CampaignSchedule { n_items: Some(2), items, ..CampaignSchedule::default() };
            ask(LoadCampaign { schedule: Some(schedule), ..LoadCampaign::new(Pair::new(0, 732), Dialing::default()) }.into())
        }),
        2 => Just(ask(StartDialing::new(Pair::new(0, 732), Dialing::default()).into())),
        1 => Just(ask(StopDialing::new(Pair::new(0, 732)).into())),
        1 => Just(Act::Restart),
    ]
}

/// The phones of the lists, as the topology makes them.
fn phone(n: usize) -> String {
    site("", 1).lists[n % 2].records[n / 2 % 30].contact_info.clone()
}

fn site(dialing: &str, agents: u32) -> Topology {
    let text = format!(
        "comm_dn CommDN_1\nocs 301 A modes=1-5,8,9,11\norigin 201 server ocs=301\ngroup 732 G\ngroup 733 H\n\
         list l contacts=40 chains=8 seed=3 numbers=+9991\n\
         list m contacts=40 chains=4 seed=4 numbers=+9992 zone=1 daily=09:00-10:00\n\
         campaign 101 C ocs=301 lists=l,m\ncampaign 102 D ocs=301 lists=m\n\
         pair 101-732\npair 102-732\npair 102-733\n\
         agents 732 {agents} arrive=0s-1m stint=15m-30m pause=3m\nagents 733 2\nports 732 3\nports 733 1\n\
         treatment busy attempts=4 after=5m\ntreatment no_answer attempts=3 after=10m\n{dialing}\n"
    );
    Topology::parse(&text).unwrap()
}

fn zones() -> Zones {
    let mut zones = Zones::default();
    // Its clocks go forward by an hour in the middle of the run.
    zones.insert(1, Zone::new(-1_800, vec![(START + 5_400, 1_800)]));
    zones
}

/// Looks on, and knows what must never happen.
struct Watcher {
    lists: Vec<commdn::engine::ocs::CallingList>,
    zones: Zones,
    /// Attempts and holder of each record, by list and place.
    known: BTreeMap<(usize, usize), (i32, Option<Held>)>,
    /// Chains with a record in hand.
    chains: BTreeMap<(usize, i32), usize>,
    phones: BTreeSet<String>,
    customers: BTreeSet<String>,
    dials: u64,
}

impl Watcher {
    fn see(&mut self, now: Time, seen: Seen<'_>) {
        match seen {
            Seen::Record { change, .. } => self.record(now, change),
            Seen::UserEvent { user_data, .. } => {
                // An entry holds from the moment at which OCS says so.
                let message = CommDnMessage::decode(user_data, &Dialect::default(), Reading::Strict).unwrap().message;
                if let Message::DoNotCallProcessed(event) = &message.body {
                    let entry = event.do_not_call.as_ref().unwrap();
                    let text = |text: &commdn::wire::Text| text.to_string();
                    self.phones.extend(entry.phone.as_ref().map(|phone| text(phone.reveal())));
                    self.customers.extend(entry.customer_id.as_ref().map(|customer| text(customer.reveal())));
                }
            }
            Seen::Trace { .. } | Seen::Fault { .. } => {}
        }
    }

    fn record(&mut self, now: Time, change: &RecordChange) {
        let list = &self.lists[change.list];
        let record = &list.records[change.place];
        let key = (change.list, change.place);
        let (attempts, held) = self.known.get(&key).copied().unwrap_or((0, None));
        self.known.insert(key, (change.attempt, change.held));
        let chain = self.chains.entry((change.list, record.chain_id)).or_default();
        match (held.is_some(), change.held.is_some()) {
            (false, true) => *chain += 1,
            (true, false) => *chain -= 1,
            (true, true) | (false, false) => {}
        }
        assert!(*chain <= 1, "two open attempts on chain {}", record.chain_id);
        if change.attempt == attempts {
            return;
        }
        // A dial attempt.
        self.dials += 1;
        assert_eq!(change.attempt, attempts + 1);
        assert_eq!(change.held, Some(Held::Call));
        assert_ne!(held, Some(Held::Call), "two open attempts on record {}", change.record_id);
        assert!(!self.phones.contains(&record.contact_info), "a number was dialed after its entry");
        let customer = list.customer_of(record).unwrap();
        assert!(!self.customers.contains(customer), "a customer was dialed after the entry");
        let utc = START + i64::try_from(now.0.as_secs()).unwrap();
        assert_eq!(change.call_time, Some(UtcSeconds(utc)));
        let zone = self.zones.of(record.tz_dbid);
        // A preview may be taken within the window and dialed a little after it.
        let late = if held == Some(Held::Desktop) { 30 } else { 0 };
        let open = |utc| zone.is_open(utc, record.daily_from, record.daily_till);
        assert!(open(utc) || open(utc - late), "record {} was dialed outside its window", change.record_id);
    }
}

fn play(seed: u64, agents: u32, rates: &str, acts: &[(u64, Act)]) -> World {
    let mut topology = site(rates, agents);
    let mut steps = Vec::new();
    for (second, act) in acts {
        if let Act::Ask(message) = act {
            steps.push((Time::from_secs(*second), CommDnMessage::new(AppDbid(201), OCS, Message::clone(message))));
        }
    }
    // At the end everything is unloaded, first the sequence.
    let end = Time::from_secs(HOURS * 3_600);
    steps.push((end, CommDnMessage::new(AppDbid(201), OCS, UnloadCampaign::new(Pair::new(0, 732)))));
    for (campaign, group) in PAIRS {
        steps.push((end, CommDnMessage::new(AppDbid(201), OCS, UnloadCampaign::new(Pair::new(campaign, group)))));
    }
    topology.dialing.as_mut().unwrap().zones = zones();
    let config = WorldConfig { seed: Some(seed), ..WorldConfig::new(topology, UtcSeconds(START)) };
    let mut world = World::new(config).unwrap();
    world.add(Box::new(Script::new("Script", steps)));
    let mut watcher = Watcher {
        lists: world.ocs(OCS).unwrap().config().lists.clone(),
        zones: zones(),
        known: BTreeMap::new(),
        chains: BTreeMap::new(),
        phones: BTreeSet::new(),
        customers: BTreeSet::new(),
        dials: 0,
    };
    let whole = |world: &World| {
        for (_, counts) in world.counts() {
            assert!(counts.is_whole(), "{counts:?}");
        }
    };
    let mut restarts: Vec<u64> =
        acts.iter().filter(|(_, act)| matches!(act, Act::Restart)).map(|(at, _)| *at).collect();
    restarts.sort_unstable();
    for minute in 1..=HOURS * 60 {
        while restarts.first().is_some_and(|at| *at < minute * 60) {
            world.watch_until(Time::from_secs(restarts.remove(0)), &mut |now, seen| watcher.see(now, seen));
            world.inside(OCS, Internal::Restart);
        }
        world.watch_until(Time::from_secs(minute * 60), &mut |now, seen| watcher.see(now, seen));
        whole(&world);
    }
    // 300 s to drain and a second to unload, for whoever was running.
    world.watch_until(end + std::time::Duration::from_secs(305), &mut |now, seen| watcher.see(now, seen));
    let ocs = world.ocs(OCS).unwrap();
    for (campaign, group) in PAIRS {
        assert_eq!(ocs.state(Pair::new(campaign, group)), Some(PairState::NotLoaded), "{campaign}-{group} drained");
    }
    let dials = watcher.dials;
    world.watch_until(end + std::time::Duration::from_secs(86_400), &mut |now, seen| watcher.see(now, seen));
    whole(&world);
    assert_eq!(watcher.dials, dials, "nothing is dialed after the unload");
    assert_eq!(world.next_due(), None, "and nothing is left to do");
    let ocs = world.ocs(OCS).unwrap();
    assert!(ocs.config().lists.iter().flat_map(|list| &list.records).all(|record| record.held.is_none()));
    for (campaign, group) in PAIRS {
        let counts = ocs.pair_counts(Pair::new(campaign, group));
        assert_eq!((counts.ringing, counts.waiting), (0, 0));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn in_every_world_records_are_kept_people_are_left_alone_and_drains_end(
        seed: u64,
        agents in 1_u32..12,
        rates in prop::sample::select(vec![
            "",
            "outcome answer rate=1 ring=1s-5s\ndialing talk=~30s patience=1s-3s",
            "outcome busy rate=1 ring=1s\noutcome answer rate=1 ring=10s\ndialing lines=3 wrong_party=500 call_back=300 call_back_after=1m",
            "outcome no_answer rate=9 ring=30s\noutcome answer rate=1 ring=2s-20s\ndialing talk=~20m preview=1s-20s ask=0s",
        ]),
        acts in prop::collection::vec((0..HOURS * 3_600, act()), 1..25),
    ) {
        let first = play(seed, agents, rates, &acts);
        let second = play(seed, agents, rates, &acts);
        prop_assert_eq!(first.trace(), second.trace());
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

/// Four hours of 40 agents with one campaign; counts of the last three.
fn steered(method: &str, goal: u32) -> (u64, u64, u64, u64) {
    let text = format!(
        "comm_dn CommDN_1\nocs 301 A modes=1-5,8,9,11\norigin 201 server ocs=301\ngroup 732 G\n\
         list l contacts=20000 numbers=+9991 daily=00:00-24:00\ncampaign 101 C ocs=301 lists=l\n\
         pair 101-732 mode=predict optimize_by={method} goal={goal}\nagents 732 40 arrive=0s-2m\n"
    );
    let topology = Topology::parse(&text).unwrap();
    let operator = Operator::new(&topology, 14_400);
    let mut world = World::new(WorldConfig::new(topology, UtcSeconds(START))).unwrap();
    world.add(Box::new(operator));
    world.run_until(Time::from_secs(3_600));
    let pair = Pair::new(101, 732);
    let before = world.ocs(OCS).unwrap().pair_counts(pair);
    world.run_until(Time::from_secs(14_400));
    let after = world.ocs(OCS).unwrap().pair_counts(pair);
    let lost = |counts: &commdn::engine::ocs::dialer::PairCounts| counts.abandoned + counts.dropped;
    let (answers, contacts) = (after.answers - before.answers, after.contacts - before.contacts);
    let busy = (after.talk_ms - before.talk_ms) / (40 * 10_800);
    let wait = (40 * 10_800_000 - (after.talk_ms - before.talk_ms)) / contacts;
    // The rates of the model are those of the calls.
    let dials: u64 = after.outcomes.values().sum();
    for (result, per_mille) in [("answer", 320), ("no_answer", 300), ("answering_machine", 190), ("busy", 110)] {
        let found = after.outcomes[&CallResult::from_word(result).unwrap()];
        let wanted = dials * per_mille / 1_000;
        assert!(found.abs_diff(wanted).pow(2) <= 16 * wanted, "{result}: {found} of {dials}");
    }
    (busy, (lost(&after) - lost(&before)) * 1_000 / answers, wait, contacts)
}

#[test]
fn the_busy_factor_comes_near_its_goal() {
    let (low, high) = (steered("busy_factor", 70).0, steered("busy_factor", 85).0);
    assert!((660..=740).contains(&low) && (810..=890).contains(&high), "per mille: {low} and {high}");
}

#[test]
fn the_overdial_rate_comes_near_its_goal() {
    let (low, high) = (steered("overdial_rate", 2), steered("overdial_rate", 8));
    assert!((10..=30).contains(&low.1) && (60..=100).contains(&high.1), "per mille: {} and {}", low.1, high.1);
    assert!(high.3 > low.3, "who dials more reaches more: {} and {}", high.3, low.3);
}

#[test]
fn the_wait_time_comes_near_its_goal() {
    let (short, long) = (steered("wait_time", 15).2, steered("wait_time", 45).2);
    assert!((11_000..=19_000).contains(&short) && (36_000..=54_000).contains(&long), "ms: {short} and {long}");
}
