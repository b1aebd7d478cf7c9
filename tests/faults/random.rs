//! Whatever goes wrong: no record is lost or counted twice, and every link comes back.

use super::*;
use commdn::engine::fault::Rule;
use proptest::prelude::*;

const DIALING: &str = "comm_dn CommDN_1
ocs 301 A modes=1-5,8,9,11
ocs 302 B modes=1-5,8,9,11
origin 201 server ocs=301,302
group 732 G
group 733 H
list l contacts=120 chains=20 seed=3
list m contacts=80 seed=4
list n contacts=60 chains=5 seed=5
campaign 101 C ocs=301 lists=l
campaign 102 D ocs=301 lists=m
campaign 103 E ocs=302 lists=n
pair 101-732 mode=predict optimize_by=busy_factor goal=80
pair 102-733 mode=progress
pair 103-733 mode=progress
agents 732 6 arrive=0s-1m stint=15m-30m pause=3m
agents 733 4
treatment busy attempts=3 after=5m
";
const PAIRS: [(i32, i32, i32); 3] = [(301, 101, 732), (301, 102, 733), (302, 103, 733)];
const MINUTES: u64 = 60;

fn request() -> impl Strategy<Value = CommDnMessage> {
    let kinds = prop::sample::select(vec![0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7]);
    (prop::sample::select(PAIRS.to_vec()), kinds, 0..60_u32).prop_map(|((ocs, campaign, group), kind, n)| {
        let pair = Pair::new(campaign, group);
        let dialing = Dialing::new(DialMode(2), OptimizeBy::NONE, 0);
        let phone = || Some(format!("555{n:04}").as_str().into());
        match kind {
            0 => ask(ocs, LoadCampaign::new(pair, Dialing::default())),
            1 => ask(ocs, StartDialing::new(pair, dialing)),
            2 => ask(ocs, StopDialing::new(pair)),
            3 => ask(ocs, UnloadCampaign::new(pair)),
            4 => ask(ocs, ForceUnloadCampaign::new(pair)),
            5 => ask(ocs, SetDialingMode::new(pair, dialing)),
            6 => ask(0, DoNotCall { phone: phone(), ..DoNotCall::default() }),
            _ => ask(0, CancelRecord { phone: phone(), ..CancelRecord::default() }),
        }
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let what = prop::sample::select(vec![
        "drop",
        "delay 1s-40s",
        "duplicate 2 after 1s",
        "reorder",
        "corrupt",
        "corrupt list",
        "corrupt message",
        "split 7",
        "slow 300",
        "cut",
        "half-open",
        "switchover 20s",
        "jump 7m",
        "refuse 10",
        "answer \"CM_EvError error=16\"",
        "silent",
        "fail 57",
        "fail 54",
        "without-ids",
        "look-alike",
        "two-answers after 3s",
    ]);
    let place =
        prop::sample::select(vec!["", "ocs 301", "ocs 302", "client Desktop", "app 201", "up", "down", "ocs 301 down"]);
    let kind = prop::sample::select(vec!["", "", "type=*", "type=CM_Ev*", "type=CM_Req*", "campaign=101"]);
    let count = prop::sample::select(vec!["", "", "first 3", "every 4", "nth 2"]);
    (what, place, kind, count, 0..MINUTES * 60, 1..900_u64, 1..=1_000_u32).prop_map(
        |(what, place, kind, count, from, lasts, probability)| {
            let line = format!("{what} {place} {kind} {count} from {from}s for {lasts}s probability {probability}");
            fault::read_line(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(16)))]

    #[test]
    fn records_are_conserved_and_links_come_back_whatever_goes_wrong(
        rules in prop::collection::vec(rule(), 0..8),
        asked in prop::collection::vec((0..MINUTES * 60_000, request()), 0..40),
        heartbeat in prop::sample::select(vec![0, 10]),
        seed in any::<u64>(),
    ) {
        let config = WorldConfig::new(Topology::parse(DIALING).unwrap(), START);
        let heartbeat = std::time::Duration::from_secs(heartbeat);
        let config = WorldConfig { seed: Some(seed), heartbeat, ..config };
        let mut asked = asked;
        asked.sort_by_key(|(at, _)| *at);
        let last = (3 * MINUTES * 60_000, status());
        let mut site = Site::of(config, &[], asked.into_iter().chain([last]).collect());
        for rule in &rules {
            site.world.inject(rule.clone()).unwrap();
        }
        let records: Vec<u64> = site.world.counts().iter().map(|(_, counts)| counts.records).collect();
        for minute in 1..=2 * MINUTES {
            site.run(minute * 60);
            for ((_, counts), records) in site.world.counts().iter().zip(&records) {
                prop_assert!(counts.is_whole(), "minute {minute}: {counts:?}");
                prop_assert_eq!(counts.records, *records);
            }
        }
        // Every rule is over by now, and what was held back has come.
        let before = site.heard().len();
        site.run(3 * MINUTES * 60 + 10);
        let heard = site.heard();
        prop_assert!(heard[before..].iter().any(|heard| heard.2 == 24), "{:?} {:?}", &heard[before..], site.ups());
    }

    #[test]
    fn the_same_faults_and_seed_give_the_same_trace(rules in prop::collection::vec(rule(), 1..6), seed in any::<u64>()) {
        let run = || {
            let config = WorldConfig::new(Topology::parse(DIALING).unwrap(), START);
            let asked = PAIRS.iter().flat_map(|(ocs, campaign, group)| {
                let pair = Pair::new(*campaign, *group);
                let dialing = Dialing::new(DialMode(2), OptimizeBy::NONE, 0);
                [(1_000, ask(*ocs, LoadCampaign::new(pair, dialing))), (2_000, ask(*ocs, StartDialing::new(pair, dialing)))]
            });
            let mut asked: Vec<_> = asked.collect();
            asked.sort_by_key(|(at, _)| *at);
            let mut site = Site::of(WorldConfig { seed: Some(seed), ..config }, &[], asked);
            for rule in &rules {
                site.world.inject(rule.clone()).unwrap();
            }
            site.run(1_800);
            (site.world.trace(), site.struck)
        };
        prop_assert_eq!(run(), run());
    }
}
