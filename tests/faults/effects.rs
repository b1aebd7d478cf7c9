//! One fault, one effect.

use super::*;

const LOADED: i32 = 19;
const STATUS: i32 = 24;
const ERROR: i32 = 27;

#[test]
fn without_faults_the_answer_comes_at_once() {
    let site = loaded(&[]);
    assert_eq!(site.heard(), [(1_000, 301, LOADED)]);
    assert_eq!((site.state(), site.ups()), (PairState::Active, vec![0]));
}

#[test]
fn a_dropped_answer_leaves_the_state_changed_and_a_dropped_request_does_not() {
    let answer = loaded(&["drop ocs 301 up type=CM_EvCampaignLoaded"]);
    assert_eq!((answer.heard(), answer.state()), (vec![], PairState::Active));
    assert_eq!(answer.struck, [(1_000, "A".to_owned(), Some(LOADED))]);
    let request = loaded(&["drop ocs 301 down type=CM_ReqLoadCampaign"]);
    assert_eq!((request.heard(), request.state()), (vec![], PairState::NotLoaded));
    let at_the_desk = loaded(&["drop client Desk* down type=CM_EvCampaignLoaded"]);
    assert_eq!((at_the_desk.heard(), at_the_desk.state()), (vec![], PairState::Active));
}

#[test]
fn a_silent_ocs_does_what_it_is_asked() {
    let mut site = Site::new(&["silent ocs 301 type=CM_EvCampaignLoaded"], vec![(1_000, load()), (2_000, status())]);
    site.run(10);
    assert_eq!((site.heard(), site.state()), (vec![(2_000, 301, STATUS)], PairState::Active));
}

#[test]
fn a_delayed_answer_comes_later_and_the_state_is_there_before() {
    let mut site = Site::new(&["delay 2s ocs 301 up type=CM_Ev*"], vec![(1_000, load())]);
    site.run(2);
    assert_eq!((site.heard(), site.state()), (vec![], PairState::Active));
    site.run(10);
    assert_eq!(site.heard(), [(3_000, 301, LOADED)]);
    let drawn = loaded(&["delay 1s-4s ocs 301 up type=CM_Ev*"]).heard()[0].0;
    assert!((2_000..=5_000).contains(&drawn), "{drawn}");
}

#[test]
fn a_delayed_frame_is_passed_by_others() {
    let asked = vec![(1_000, load()), (1_500, status())];
    let mut site = Site::new(&["delay 2s ocs 301 up type=CM_EvCampaignLoaded"], asked);
    site.run(10);
    assert_eq!(site.heard(), [(1_500, 301, STATUS), (3_000, 301, LOADED)]);
}

#[test]
fn a_duplicated_answer_comes_again_for_everybody() {
    let site = loaded(&["duplicate 2 after 500ms ocs 301 up type=19"]);
    assert_eq!(site.heard(), [(1_000, 301, LOADED), (1_500, 301, LOADED), (2_000, 301, LOADED)]);
    let at_the_desk = loaded(&["duplicate client Desktop down type=19"]);
    assert_eq!(at_the_desk.heard(), [(1_000, 301, LOADED), (1_000, 301, LOADED)]);
    let request = loaded(&["duplicate type=CM_ReqLoadCampaign"]);
    assert_eq!(request.heard(), [(1_000, 301, LOADED), (1_000, 301, ERROR)], "the second load is refused");
}

#[test]
fn a_reordered_answer_waits_for_the_next_one_or_its_time() {
    let asked = vec![(1_000, load()), (2_000, status())];
    let mut site = Site::new(&["reorder ocs 301 up type=19"], asked);
    site.run(10);
    assert_eq!(site.heard(), [(2_000, 301, STATUS), (2_000, 301, LOADED)]);
    assert_eq!(loaded(&["reorder ocs 301 up"]).heard(), [(6_000, 301, LOADED)]);
    assert_eq!(loaded(&["reorder 1s ocs 301 up"]).heard(), [(2_000, 301, LOADED)]);
}

#[test]
fn corrupted_bytes_are_lost_and_the_link_comes_back() {
    for seed in 0..12 {
        for what in ["corrupt", "corrupt list", "corrupt message"] {
            for place in ["ocs 301 up", "client Desktop down", "ocs 301 down"] {
                let line = format!("{what} {place} type=CM_*Load* first 1 seed {seed}");
                let mut site = Site::new(&[&line], vec![(1_000, load()), (30_000, status())]);
                site.run(60);
                assert_eq!(site.struck.len(), 1, "{line}");
                let answered = site.heard().iter().any(|heard| heard.2 == STATUS);
                assert!(answered, "{line}: {:?} {:?}", site.heard(), site.ups());
            }
        }
    }
    assert_eq!(loaded(&["corrupt list ocs 301 up type=19"]).heard(), []);
    assert_eq!(loaded(&["corrupt message ocs 301 up type=19"]).heard(), []);
    let request = loaded(&["corrupt message ocs 301 down type=7"]);
    assert_eq!((request.heard(), request.state()), (vec![], PairState::NotLoaded));
}

#[test]
fn a_split_frame_is_put_together_and_keeps_its_place() {
    let asked = vec![(1_000, load()), (1_001, status())];
    for place in ["client Desktop down", "ocs 301 up"] {
        let mut site = Site::new(&[&format!("split 10 {place} type=19")], asked.clone());
        site.run(10);
        let heard = site.heard();
        assert_eq!(heard.iter().map(|heard| heard.2).collect::<Vec<_>>(), [LOADED, STATUS], "{place}");
        assert!(heard[0].0 > 1_010 && heard[1].0 >= heard[0].0, "{heard:?}");
    }
    let everything = loaded(&["split 1 client Desktop"]);
    assert_eq!(everything.heard().len(), 1, "login and registration, too");
}

#[test]
fn a_slow_line_takes_its_time_and_keeps_the_order() {
    let asked = vec![(10_000, load()), (10_001, status())];
    let mut site = Site::new(&["slow 100 client Desktop down from 9s"], asked);
    site.run(60);
    let heard = site.heard();
    assert_eq!(heard.iter().map(|heard| heard.2).collect::<Vec<_>>(), [LOADED, STATUS]);
    assert!(heard[0].0 > 12_000, "more than 200 bytes: {heard:?}");
    assert!(heard[1].0 > heard[0].0 + 2_000, "{heard:?}");
}

#[test]
fn a_cut_link_is_dialed_again_and_again_while_it_is_cut() {
    let once = loaded(&["cut client Desktop at 500ms"]);
    assert_eq!((once.ups(), once.heard()), (vec![0, 500], vec![(1_000, 301, LOADED)]));
    let asked = vec![(1_000, load()), (20_000, status())];
    let mut site = Site::new(&["cut client Desktop from 500ms to 15s"], asked);
    site.run(60);
    let ups = site.ups();
    assert!(ups.len() == 2 && (15_000..=20_100).contains(&ups[1]), "{ups:?}");
    assert_eq!(site.heard().iter().map(|heard| heard.2).collect::<Vec<_>>(), [STATUS]);
    assert_eq!(site.state(), PairState::NotLoaded, "what was sent into the cut is gone");
}

#[test]
fn everybody_is_cut_when_nobody_is_named() {
    let mut site = Site::new(&["cut now for 1s"], vec![(5_000, load())]);
    site.run(1);
    site.world.inject(fault::read_line("cut now").unwrap()).unwrap();
    site.run(60);
    assert_eq!(site.heard(), [(5_000, 301, LOADED)]);
    assert_eq!(site.ups(), [0, 1_000]);
    assert_eq!(site.struck.iter().map(|struck| struck.1.as_str()).collect::<Vec<_>>(), ["A", "B", "Desktop"]);
}

#[test]
fn a_half_open_link_swallows_everything_until_it_is_found_closed() {
    let asked = vec![(2_000, load()), (30_000, status())];
    let mut site = Site::new(&["half-open client Desktop at 1s for 10s"], asked);
    site.run(60);
    assert_eq!(site.ups(), [0, 11_000]);
    assert_eq!(site.heard(), [(30_000, 301, STATUS)]);
    assert_eq!(site.state(), PairState::NotLoaded);
    let mut site = Site::new(&["half-open ocs 301 now"], vec![(2_000, load()), (9_000, load())]);
    site.run(1);
    let id = site.world.inject(fault::read_line("half-open ocs 301").unwrap()).unwrap();
    site.run(5);
    assert!(site.world.heal(id));
    site.run(60);
    assert_eq!(site.heard(), [(9_000, 301, LOADED)]);
}

#[test]
fn with_a_heartbeat_a_half_open_link_is_left_by_itself() {
    let config = WorldConfig::new(Topology::parse(SITE).unwrap(), START);
    let config = WorldConfig { heartbeat: std::time::Duration::from_secs(5), ..config };
    let mut site = Site::of(config, &["half-open client Desktop at 1s"], vec![(30_000, load())]);
    site.run(60);
    assert_eq!(site.ups().len(), 2, "{:?}", site.ups());
    assert_eq!(site.heard(), [(30_000, 301, LOADED)]);
}

#[test]
fn at_a_switchover_everybody_comes_back_when_there_is_a_primary_again() {
    let asked = vec![(1_000, load()), (5_500, status()), (20_000, status())];
    let mut site = Site::new(&["switchover 2s at 5s"], asked);
    site.run(60);
    let ups = site.ups();
    assert!(ups.len() == 2 && (7_000..=12_100).contains(&ups[1]), "{ups:?}");
    assert_eq!(site.heard().iter().map(|heard| heard.2).collect::<Vec<_>>(), [LOADED, STATUS]);
    let at_the_second = loaded(&["switchover 1s type=CM_EvCampaignLoaded"]);
    assert_eq!(at_the_second.ups().len(), 2);
}

#[test]
fn the_clock_leaps_and_what_was_due_comes_late() {
    let mut site = Site::new(&["jump 1h at 5s"], vec![(1_000, load()), (60_000, status())]);
    site.run(10);
    assert_eq!((site.world.now(), site.world.utc().0 - START.0), (Time::from_secs(3_605), 3_605));
    assert_eq!(site.heard(), [(1_000, 301, LOADED), (3_605_000, 301, STATUS)]);
}

#[test]
fn a_refused_request_is_not_taken_up() {
    let again = vec![(1_000, load()), (2_000, load())];
    let mut site = Site::new(&["refuse 10 ocs 301 type=CM_ReqLoadCampaign first 1"], again);
    site.run(1);
    assert_eq!((site.heard(), site.state()), (vec![(1_000, 301, ERROR)], PairState::NotLoaded));
    let error = site.log.lock().unwrap().errors[0].clone();
    assert_eq!((error.pair(), error.error), (Some(Pair::new(101, 732)), Some(ErrorCode(10))));
    site.run(10);
    assert_eq!((site.heard()[1], site.state()), ((2_000, 301, LOADED), PairState::Active));
}

#[test]
fn a_refusal_for_every_ocs_is_told_by_each() {
    let dnc = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
    let mut site = Site::new(&["refuse 3 type=CM_ReqDoNotCall"], vec![(1_000, ask(0, dnc))]);
    site.run(10);
    assert_eq!(site.heard(), [(1_000, 301, ERROR), (1_000, 302, ERROR)]);
    assert!(site.world.ocss().all(|ocs| ocs.dnc().is_empty()));
}

#[test]
fn an_answer_can_be_set() {
    let site = loaded(&["answer \"CM_EvCampaignLoaded campaign=101 group=732 status=5\" ocs 301 type=7 first 1"]);
    assert_eq!((site.heard(), site.state()), (vec![(1_000, 301, LOADED)], PairState::NotLoaded));
    let error = loaded(&["answer \"CM_EvError error=16 text='hm'\" ocs 301 type=7"]);
    let told = error.log.lock().unwrap().errors[0].clone();
    assert_eq!((told.pair(), told.error), (Some(Pair::new(101, 732)), Some(ErrorCode(16))));
}

#[test]
fn the_t_server_can_fail_with_and_without_doing_it() {
    let refused = loaded(&["fail 54 type=CM_ReqLoadCampaign"]);
    assert_eq!((refused.heard(), refused.state()), (vec![], PairState::NotLoaded));
    let in_doubt = loaded(&["fail 57 type=CM_ReqLoadCampaign"]);
    assert_eq!((in_doubt.heard(), in_doubt.state()), (vec![(1_000, 301, LOADED)], PairState::Active));
}

#[test]
fn an_error_can_come_without_its_ids() {
    let stop = ask(301, StopDialing::new(Pair::new(101, 732)));
    let run = |faults: &[&str]| {
        let mut site = Site::new(faults, vec![(1_000, stop.clone())]);
        site.run(10);
        let errors = site.log.lock().unwrap().errors.clone();
        errors
    };
    let (whole, bare) = (run(&[]), run(&["without-ids ocs 301"]));
    assert_eq!(whole[0].pair(), Some(Pair::new(101, 732)));
    assert_eq!((bare.len(), bare[0].campaign, bare[0].group, bare[0].status), (1, None, None, None));
    assert_eq!(bare[0].error, whole[0].error);
}

#[test]
fn look_alikes_come_before_and_second_answers_after() {
    let alike = loaded(&["look-alike ocs 301"]);
    assert_eq!(alike.heard(), [(1_000, 301, LOADED), (1_000, 301, LOADED)]);
    let late = loaded(&["look-alike ocs 301", "delay 1s ocs 301 up"]);
    assert_eq!(late.heard(), [(2_000, 301, LOADED), (2_000, 301, LOADED)]);
    let twice = loaded(&["two-answers after 2s ocs 301"]);
    assert_eq!(twice.heard(), [(1_000, 301, LOADED), (3_000, 301, LOADED)]);
}

#[test]
fn counts_and_chance_choose_which() {
    let many_of = |faults: &[&str]| {
        let asked = (1..=20).map(|n| (n * 1_000, status())).collect();
        let mut site = Site::new(faults, asked);
        site.run(60);
        site.heard().iter().map(|heard| heard.0 / 1_000).collect::<Vec<_>>()
    };
    let many = |fault: &str| many_of(&[fault]);
    let without = |gone: &[u64]| (1..=20).filter(|n| !gone.contains(n)).collect::<Vec<_>>();
    assert_eq!(many("drop ocs 301 up nth 3"), without(&[3]));
    assert_eq!(
        many_of(&["drop ocs 301 up nth 1", "drop ocs 301 up nth 2"]),
        without(&[1, 2]),
        "each counts for itself"
    );
    assert_eq!(many("drop ocs 301 up first 4"), without(&[1, 2, 3, 4]));
    assert_eq!(many("drop ocs 301 up every 7"), without(&[7, 14]));
    assert_eq!(many("drop ocs 301 up every 7 first 1"), without(&[7]));
    assert_eq!(many("drop ocs 301 up from 5s to 7s"), without(&[5, 6]));
    assert_eq!(many("drop ocs 301 up from 18s for 2s"), without(&[18, 19]));
    assert_eq!(many("drop app 201 up from 10s"), without(&(10..=20).collect::<Vec<_>>()));
    assert_eq!(many("drop ocs 302"), without(&[]));
    assert_eq!(many("drop campaign=102"), without(&[]));
    let half = many("drop ocs 301 up probability 500 seed 1");
    assert!((4..=16).contains(&half.len()), "{half:?}");
    assert_eq!(half, many("drop ocs 301 up probability 500 seed 1"));
    assert_ne!(half, many("drop ocs 301 up probability 500 seed 2"));
}

#[test]
fn a_fault_that_is_over_or_taken_away_does_nothing_and_is_listed() {
    let asked = (1..=6).map(|n| (n * 1_000, status())).collect();
    let mut site = Site::new(&["drop ocs 301 up first 1", "drop ocs 301 up nth 3"], asked);
    site.run(2);
    let listed = |site: &Site| -> Vec<(u64, u64, u64, bool)> {
        let rules = site.world.faults().list(site.world.now());
        rules.map(|rule| (rule.id.0, rule.matched, rule.struck, rule.is_over)).collect()
    };
    assert_eq!(listed(&site), [(1, 1, 1, true), (2, 1, 0, false)]);
    let second = site.world.faults().list(site.world.now()).last().unwrap().id;
    assert!(site.world.heal(second) && !site.world.heal(second));
    site.run(10);
    assert_eq!(site.heard().len(), 5);
    site.world.heal_all();
    assert!(site.world.faults().is_empty());
}
