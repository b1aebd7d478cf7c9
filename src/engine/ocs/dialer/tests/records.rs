//! Records: results, treatments, chains, windows, do-not-call.

use super::*;
use crate::message::{CancelRecord, DoNotCall};

/// Everybody answers at once and talks for ten seconds.
const ANSWERED: &str = "outcome answer rate=1 ring=1s\ndialing talk=10s wrap_up=2s call_back=0 transferred=0 \
                        wrong_party=0\nagents 732 1";

#[test]
fn an_answered_record_is_updated_with_its_time_and_its_agent() {
    let mut site = Site::new(&format!("list l contacts=1\n{ANSWERED}")).running(mode(2));
    site.run(500);
    let change = site.changes().next().unwrap().1;
    assert_eq!((change.record_status, change.attempt, change.held), (2, 1, Some(Held::Call)));
    site.run(5_000);
    assert_eq!((site.record(1).held, site.record(1).agent_id.as_deref()), (Some(Held::Desktop), Some("732-001")));
    site.run(20_000);
    assert_eq!(site.columns(1), (2, UPDATED, 33, 1));
    assert_eq!(site.record(1).call_time, Some(UtcSeconds(NINE)));
    assert_eq!((site.record(1).campaign_id, site.record(1).group_id), (Some(pair().campaign), Some(pair().group)));
    let ends: Vec<u64> = site.changes().map(|(at, _)| at).collect();
    assert_eq!(ends, [0, 1_000, 13_000], "dialed, with the agent, written back after talk and wrap-up");
    assert_eq!((site.counts().contacts, site.counts().talk_ms), (1, 12_000));
}

#[test]
fn every_failure_is_written_with_its_number_and_is_final_without_a_treatment() {
    for word in ["sit_vacant", "sit_invalid_num", "fax", "no_answer", "busy", "answering_machine", "all_trunks_busy"] {
        let lines = format!("list l contacts=1\noutcome {word} rate=1 ring=3s\ntreatment {word}\nagents 732 1");
        let mut site = Site::new(&lines).running(mode(2));
        site.run(60_000);
        let result = CallResult::from_word(word).unwrap();
        assert_eq!(site.columns(1), (2, UPDATED, result.0, 1), "{word}");
        assert_eq!(site.counts().outcomes, BTreeMap::from([(result, 1)]));
    }
}

#[test]
fn a_treatment_tries_again_after_its_time_until_its_attempts_are_used_up() {
    let lines = "list l contacts=1\noutcome busy rate=1 ring=1s\ntreatment busy attempts=3 after=10m\nagents 732 1";
    let mut site = Site::new(lines).running(mode(2));
    site.run(5_000);
    assert_eq!(site.columns(1), (3, READY, 6, 1), "rescheduled");
    assert_eq!(site.record(1).dial_sched_time, Some(UtcSeconds(NINE + 601)));
    site.run(3_600_000);
    assert_eq!(site.dials(), [(0, 1), (601_000, 1), (1_202_000, 1)]);
    assert_eq!(site.columns(1), (3, UPDATED, 6, 3));
}

#[test]
fn the_next_phone_of_a_chain_follows_a_failed_one() {
    let lines = "list l contacts=2 chains=1\noutcome sit_vacant rate=1 ring=1s\nagents 732 1";
    let mut site = Site::new(lines).running(mode(2));
    site.run(60_000);
    assert_eq!(site.record(2).chain_id, site.record(4).chain_id);
    assert_eq!(site.dials(), [(0, 1), (1_000, 2), (2_000, 3), (3_000, 4)]);
    assert!((1..=4).all(|id| site.columns(id) == (2, UPDATED, 12, 1)));
}

#[test]
fn whoever_is_reached_is_not_called_on_the_other_phones() {
    let mut site = Site::new(&format!("list l contacts=2 chains=1\n{ANSWERED}")).running(mode(2));
    site.run(60_000);
    assert_eq!(site.dials().iter().map(|(_, id)| *id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!([2, 3, 4].map(|id| site.record(id).record_status), [UPDATED, CHAIN_UPDATED, CHAIN_UPDATED]);
    assert_eq!(site.record(3).attempt, 0);
}

#[test]
fn a_wrong_person_ends_the_record_and_not_the_chain() {
    let lines = "list l contacts=2 chains=1\noutcome answer rate=1 ring=1s\n\
                 dialing talk=1s wrap_up=1s transferred=0 wrong_party=1000\nagents 732 1";
    let mut site = Site::new(lines).running(mode(2));
    site.run(60_000);
    assert!((1..=4).all(|id| site.columns(id) == (2, UPDATED, 40, 1)));
}

#[test]
fn a_wish_to_be_called_back_is_kept() {
    let lines = "list l contacts=1\noutcome answer rate=1 ring=1s\n\
                 dialing talk=1s wrap_up=1s transferred=0 wrong_party=0 call_back=1000 call_back_after=30m\nagents 732 1";
    let mut site = Site::new(lines).running(mode(2));
    site.run(10_000);
    assert_eq!(site.columns(1), (6, READY, 33, 1));
    site.run(1_800_000);
    assert_eq!(site.dials(), [(0, 1), (1_803_000, 1)]);
}

#[test]
fn nothing_is_dialed_outside_the_window_of_the_records_zone() {
    // 09:00 UTC is 04:00 in New York, where the window opens at 08:00.
    let mut zones = Zones::default();
    zones.insert(2, Zone::new(-5 * 3_600, Vec::new()));
    let lines = "list l contacts=3 zone=2 daily=08:00-08:01\noutcome busy rate=1 ring=1s\n\
                 treatment busy attempts=9 after=30s\nagents 732 1";
    let set = |config: &mut OcsConfig| config.dialing.as_mut().unwrap().zones = zones;
    let mut site = Site::with(lines, set).running(mode(2));
    assert!(site.ocs.next_deadline().is_some());
    site.run(48 * 3_600_000);
    let open = 4 * 3_600_000;
    let inside = |at: u64| (open..open + 60_000).contains(&(at % 86_400_000));
    assert_eq!(site.dials().first().map(|(at, _)| *at), Some(open));
    assert!(site.dials().len() >= 10 && site.dials().iter().all(|(at, _)| inside(*at)), "{:?}", site.dials());
}

#[test]
fn a_number_on_the_list_is_not_dialed_and_is_marked_when_its_turn_comes() {
    let mut site = Site::new(&format!("list l contacts=4\n{ANSWERED}"));
    let (phone, customer) = (site.record(2).contact_info.clone(), "C0003");
    // Entries of before, so that no request has marked the records.
    site.ocs.restore_dnc(Some(&phone.as_str().into()), Some(&customer.into()));
    site.start(101, mode(2));
    site.run(120_000);
    assert_eq!(site.dials().iter().map(|(_, id)| *id).collect::<Vec<_>>(), [1, 4]);
    for id in [2, 3] {
        assert_eq!(site.columns(id), (7, UPDATED, 51, 0));
    }
    assert_eq!(site.counts().do_not_call, 2);
}

#[test]
fn a_do_not_call_during_the_preview_stops_the_dial() {
    let lines = format!("list l contacts=1\n{ANSWERED}\ndialing preview=20s ask=0s");
    let mut site = Site::new(&lines).running(mode(3));
    site.run(5_000);
    assert_eq!((site.record(1).held, site.record(1).attempt), (Some(Held::Desktop), 0));
    let phone = Some(site.record(1).contact_info.as_str().into());
    assert_eq!(site.ask(DoNotCall { phone, ..DoNotCall::default() }), [33]);
    assert_eq!(site.record(1).record_type, 2, "left on the desktop");
    site.run(60_000);
    assert_eq!(site.columns(1), (7, UPDATED, 51, 0));
    assert!(site.dials().is_empty());
}

#[test]
fn a_cancel_of_a_ringing_record_stands_whatever_the_call_comes_to() {
    for (outcome, contacts) in [("busy", 0), ("answer", 1)] {
        let lines = format!("list l contacts=1\noutcome {outcome} rate=1 ring=5s\ndialing talk=5s\nagents 732 1");
        let mut site = Site::new(&lines).running(mode(2));
        site.run(1_000);
        let phone = Some(site.record(1).contact_info.as_str().into());
        assert_eq!(site.ask(CancelRecord { phone, ..CancelRecord::default() }), [31]);
        site.run(7_200_000);
        assert_eq!(site.columns(1), (2, 5, 52, 1), "{outcome}");
        assert_eq!((site.counts().contacts, site.record(1).held), (contacts, None));
    }
}

#[test]
fn a_record_in_other_hands_is_dialed_when_it_comes_back() {
    let mut site = Site::new(&format!("list l contacts=1\n{ANSWERED}"));
    let taken =
        Internal::RecordTaken { list: "l".into(), record_id: 1, pair: Pair::new(102, 732), held: Held::Desktop };
    site.inside(taken);
    site.start(101, mode(2));
    site.run(60_000);
    assert!(site.dials().is_empty());
    site.inside(Internal::RecordBack { list: "l".into(), record_id: 1 });
    site.run(60_000);
    assert_eq!(site.dials(), [(60_000, 1)]);
    let back = site.changes().count();
    site.inside(Internal::RecordBack { list: "l".into(), record_id: 1 });
    site.run(60_000);
    assert_eq!((site.dials().len(), site.changes().count() - back), (1, 1), "a final record is not dialed again");
}

#[test]
fn a_list_that_is_read_again_while_calls_go_on_is_dialed_as_it_is_now() {
    let mut site = Site::new(&format!("list l contacts=1\n{ANSWERED}\ndialing talk=1m")).running(mode(2));
    site.run(10_000);
    assert_eq!(site.record(1).held, Some(Held::Desktop));
    let mut list = site.ocs.config().lists[0].clone();
    let other = |id: i32| Record::new(id, format!("+1202555{id:04}"));
    // Rows before it, a row behind it, and the one in hand as the store has it; then it is gone from there.
    list.records = vec![other(-5), Record { record_status: 2, ..Record::new(1, "+12025550001") }, other(77)];
    site.input(Input::Lists(vec![list.clone()]));
    assert_eq!(site.record(1).held, Some(Held::Desktop), "what is in hand stays");
    site.run(10_000);
    list.records.remove(1);
    site.input(Input::Lists(vec![list]));
    assert_eq!(site.record(1).held, Some(Held::Desktop));
    site.run(600_000);
    assert_eq!(site.columns(1), (2, UPDATED, 33, 1), "written back by its id");
    assert_eq!(site.dials().iter().map(|(_, id)| *id).collect::<Vec<_>>(), [1, -5, 77]);
}
