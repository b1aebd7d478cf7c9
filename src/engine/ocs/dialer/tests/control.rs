//! Modes, seats, stop, unload, auto completion, sequences.

use super::*;
use crate::engine::ocs::config::OcsConfig;
use crate::message::{
    AutoCompletion, CampaignDbid, CampaignSchedule, ForceUnloadCampaign, GetCampaignStatus, ScheduleItem,
    SetDialingMode, StopDialing, UnloadCampaign,
};
use crate::protocol::profile::ItemFailure;

const SILENT: &str = "outcome no_answer rate=1 ring=20s\ntreatment no_answer attempts=99 after=1h\n";
const TALK: &str = "outcome answer rate=1 ring=2s\ndialing talk=60s wrap_up=0s call_back=0 wrong_party=0 ask=0s \
                    preview=10s ivr=30s\n";

#[test]
fn without_a_model_nothing_is_dialed() {
    let mut site = Site::new("list l contacts=5").running(mode(1));
    assert_eq!(site.ocs.next_deadline(), None);
    site.run(3_600_000);
    assert!(site.dials().is_empty());
}

#[test]
fn progressive_has_a_call_a_free_agent_and_power_as_many_as_it_is_told() {
    for (dial_mode, seats, calls) in
        [(2, "agents 732 3", 3), (4, "agents 732 3", 3), (6, "agents 732 4", 8), (7, "agents 732 4", 4)]
    {
        let lines = format!("list l contacts=50\n{SILENT}dialing power=2000\n{seats}");
        let mut site = Site::new(&lines).running(mode(dial_mode));
        site.run(10_000);
        assert_eq!(site.counts().ringing, calls, "mode {dial_mode}");
        site.run(20_000);
        assert_eq!((site.counts().ringing, site.counts().dials), (calls, 2 * calls), "the next ones follow");
    }
}

#[test]
fn gvp_modes_use_the_ports_and_nobody_wraps_up() {
    for (dial_mode, calls) in [(9, 4), (11, 8)] {
        let lines = format!("list l contacts=50\n{TALK}dialing power=2000 patience=60s\nports 732 4");
        let mut site = Site::new(&lines).running(mode(dial_mode));
        site.run(1_000);
        assert_eq!(site.counts().ringing, calls, "mode {dial_mode}");
        site.run(4_000);
        let counts = site.counts();
        assert_eq!((counts.contacts, counts.waiting), (4, calls - 4));
        assert_eq!(site.record(1).held, Some(Held::Call), "no desktop");
        assert_eq!(site.record(1).agent_id, None);
        site.run(30_000);
        assert_eq!(site.record(1).record_status, UPDATED);
    }
}

#[test]
fn a_preview_is_read_on_the_desktop_before_it_is_dialed() {
    let mut site = Site::new(&format!("list l contacts=5\n{TALK}dialing ask=5s\nagents 732 2")).running(mode(3));
    site.run(14_000);
    assert_eq!((site.counts().dials, site.record(1).held, site.record(1).attempt), (0, Some(Held::Desktop), 0));
    site.run(2_000);
    assert_eq!((site.counts().ringing, site.record(1).held), (2, Some(Held::Call)));
    let mut pushed = Site::new(&format!("list l contacts=5\n{TALK}dialing ask=5s\nagents 732 2")).running(mode(8));
    pushed.run(10_000);
    assert_eq!(pushed.counts().ringing, 2, "a push preview does not wait to be asked for");
}

#[test]
fn predictive_dials_ahead_and_who_finds_no_agent_hangs_up_or_is_dropped() {
    for (limit, abandoned) in [("", true), ("drop_after=1s", false)] {
        let lines = format!(
            "list l contacts=800\n{TALK}outcome busy rate=3 ring=2s-20s\ndialing patience=3s {limit}\nagents 732 5"
        );
        let mut site = Site::new(&lines).running(Dialing::new(DialMode(1), OptimizeBy::BUSY_FACTOR, 100));
        site.run(3_600_000);
        let counts = site.counts();
        let (lost, other) =
            if abandoned { (counts.abandoned, counts.dropped) } else { (counts.dropped, counts.abandoned) };
        assert!(lost > 0 && other == 0, "{counts:?}");
        let result = if abandoned { CallResult::ABANDONED } else { CallResult::DROPPED };
        assert!(site.changes().any(|(_, change)| change.call_result == result.0 && change.record_status == READY));
    }
}

#[test]
fn lines_limit_the_calls_and_a_free_line_is_used_at_once() {
    let mut site = Site::new(&format!("list l contacts=50\n{SILENT}dialing lines=2\nagents 732 5")).running(mode(2));
    site.run(10_000);
    assert_eq!(site.counts().ringing, 2);
    site.run(15_000);
    assert_eq!((site.counts().ringing, site.counts().dials), (2, 4));
}

#[test]
fn agents_log_in_take_their_pauses_and_go_home_with_the_last_campaign() {
    let lines = format!("list l contacts=50\n{SILENT}agents 732 1 arrive=30s stint=60s pause=60s");
    let mut site = Site::new(&lines).running(mode(2));
    site.run(600_000);
    let times: Vec<u64> = site.dials().iter().map(|(at, _)| at / 1_000).collect();
    assert_eq!(times, [30, 50, 70, 150, 170, 190, 270, 290, 310, 390, 410, 430, 510, 530, 550]);
    assert_eq!(site.ask(StopDialing::new(pair())), [22]);
    site.run(600_000);
    assert_eq!((site.dials().len(), site.ocs.next_deadline()), (15, None), "idle costs nothing");
}

#[test]
fn two_campaigns_share_the_agents_of_a_group_in_turn() {
    let mut site = Site::new(&format!("list l contacts=50\nlist m contacts=50\n{SILENT}agents 732 4"));
    site.start(101, mode(3));
    site.start(102, mode(3));
    site.run(600_000);
    let other = site.ocs.pair_counts(Pair::new(102, 732)).dials;
    assert!(site.counts().dials.abs_diff(other) <= 6 && other >= 20, "{} and {other}", site.counts().dials);
}

#[test]
fn a_stop_ends_the_dialing_and_open_calls_go_on() {
    let mut site = Site::new(&format!("list l contacts=50\n{TALK}agents 732 3")).running(mode(2));
    site.run(1_000);
    assert_eq!(site.ask(StopDialing::new(pair())), [22]);
    site.run(600_000);
    let counts = site.counts();
    assert_eq!((counts.dials, counts.contacts, counts.ringing), (3, 3, 0));
    assert_eq!(site.ask(StartDialing::new(pair(), mode(2))), [21]);
    site.run(1_000);
    assert_eq!(site.counts().dials, 6);
}

#[test]
fn an_unload_waits_for_the_calls_and_an_agent() {
    let mut site = Site::new(&format!("list l contacts=50\n{TALK}agents 732 3")).running(mode(2));
    site.run(1_000);
    assert_eq!(site.ask(UnloadCampaign::new(pair())), [22]);
    assert_eq!(site.run(60_000), Vec::<i32>::new());
    assert_eq!(site.ocs.state(pair()), Some(PairState::WaitingUnload));
    assert_eq!(site.run(3_000), [24, 20], "drained after the last talk");
    assert_eq!((site.counts().dials, site.counts().contacts), (3, 3));
    assert_eq!(site.ocs.next_deadline(), None);
}

#[test]
fn a_talk_that_is_too_long_for_the_drain_is_written_back_after_the_unload() {
    let lines = format!("list l contacts=2\n{TALK}dialing talk=10m\nagents 732 1");
    let mut site = Site::new(&lines).running(mode(2));
    site.run(5_000);
    site.ask(UnloadCampaign::new(pair()));
    assert_eq!(site.run(301_000), [24, 20], "300 s and the unload");
    assert_eq!(site.record(1).held, Some(Held::Desktop));
    site.run(600_000);
    assert_eq!(site.columns(1), (2, UPDATED, 33, 1));
    assert_eq!(site.dials().len(), 1);
}

#[test]
fn a_forced_unload_cuts_what_rings_and_gives_the_record_back() {
    let mut site = Site::new(&format!("list l contacts=1\n{SILENT}agents 732 1")).running(mode(2));
    site.run(5_000);
    assert_eq!(site.ask(ForceUnloadCampaign::new(pair())), [20]);
    assert_eq!((site.columns(1), site.record(1).held), ((2, READY, 28, 1), None));
    assert_eq!((site.counts().cut, site.counts().ringing), (1, 0));
    assert_eq!(site.ocs.next_deadline().map(|due| due.0.as_secs()), Some(20), "an event that means nothing any more");
    site.run(60_000);
    site.start(101, mode(2));
    site.run(1_000);
    assert_eq!(site.dials(), [(0, 1), (65_000, 1)]);
}

#[test]
fn a_restart_forgets_the_calls_and_takes_its_records_back() {
    let mut site = Site::new(&format!("list l contacts=9\n{TALK}agents 732 4")).running(mode(2));
    site.run(1_000);
    site.inside(Internal::Restart);
    assert!((1..=9).all(|id| site.record(id).held.is_none() && site.record(id).record_status == READY));
    assert_eq!((site.counts().cut, site.ocs.next_deadline()), (4, None));
    site.start(101, mode(2));
    site.run(600_000);
    assert_eq!(site.counts().contacts, 9);
}

#[test]
fn auto_completion_stops_and_unloads_after_the_last_record() {
    let mut site = Site::new(&format!("list l contacts=4\n{TALK}agents 732 2"));
    let auto_completion = Some(AutoCompletion::top(true));
    site.ask(LoadCampaign { auto_completion, ..LoadCampaign::new(pair(), mode(2)) });
    site.ask(StartDialing::new(pair(), mode(2)));
    assert_eq!(site.run(123_000), Vec::<i32>::new());
    assert_eq!(site.run(10_000), [22, 20], "two talks after the other, and the unload");
    assert!((1..=4).all(|id| site.record(id).record_status == UPDATED));
    let told = site.seen.iter().rev().find_map(|(_, output)| match output {
        Output::Send { message, .. } => Some(message.target),
        _ => None,
    });
    assert_eq!(told, Some(Target::Every));
}

#[test]
fn a_change_to_predictive_takes_effect_after_history_length_calls() {
    let lines = format!("list l contacts=50\n{SILENT}agents 732 1");
    let set = |config: &mut OcsConfig| config.profile.rows.history_length = 3;
    let mut site = Site::with(&lines, set).running(mode(2));
    site.run(1_000);
    assert_eq!(site.ask(SetDialingMode::new(pair(), Dialing::new(DialMode(1), OptimizeBy::BUSY_FACTOR, 80))), [23]);
    assert_eq!(site.run(58_000), Vec::<i32>::new());
    assert_eq!(site.run(2_000), [24], "with the third call");
}

fn item(campaign: i32) -> ScheduleItem {
    ScheduleItem { campaign: Some(CampaignDbid(campaign)), mode: Some(DialMode(2)), ..ScheduleItem::default() }
}

fn group() -> Pair {
    Pair::new(0, 732)
}

impl Site {
    fn sequence(&mut self, items: Vec<ScheduleItem>) {
        let n_items = i32::try_from(items.len()).ok();
        let schedule =
            CampaignSchedule { description: None, start_time: None, n_items, items: (1..).zip(items).collect() };
        assert_eq!(
            self.ask(LoadCampaign { schedule: Some(schedule), ..LoadCampaign::new(group(), Dialing::default()) }),
            [19]
        );
        let begun = self.ask(StartDialing::new(group(), Dialing::default()));
        assert_eq!(begun.first(), Some(&21));
    }
}

#[test]
fn an_item_ends_with_exactly_its_dials() {
    let mut site = Site::new(&format!("list l contacts=50\nlist m contacts=3\n{TALK}agents 732 4"));
    site.sequence(vec![ScheduleItem { stop_at_dials: Some(10), ..item(101) }, item(102)]);
    site.run(3_600_000);
    assert_eq!((site.counts().dials, site.ocs.pair_counts(Pair::new(102, 732)).dials), (10, 3));
    assert_eq!(site.ocs.state(pair()), Some(PairState::NotLoaded));
    let last = site.seen.iter().rev().find_map(|(_, output)| match output {
        Output::Send { message, .. } => message.body.pair().map(|pair| (message.body.message_type().0, pair)),
        _ => None,
    });
    // The second item ends when no record is left; the sequence is told before its last item is unloaded.
    let types: Vec<i32> = site.types_since(0);
    assert_eq!(types, [19, 21, 19, 21, 22, 19, 21, 20, 22, 20, 20]);
    assert_eq!(last.map(|(kind, _)| kind), Some(20));
    assert_eq!(site.ask(GetCampaignStatus::new(group())), [27], "the sequence is gone");
}

#[test]
fn an_item_ends_with_its_contacts_and_calls_in_the_air_go_on() {
    let mut site = Site::new(&format!("list l contacts=50\nlist m contacts=1\n{TALK}agents 732 4"));
    site.sequence(vec![ScheduleItem { stop_at_contacts: Some(6), ..item(101) }, item(102)]);
    site.run(3_600_000);
    let counts = site.counts();
    assert!((6..=8).contains(&counts.contacts), "{counts:?}");
    assert_eq!(counts.ringing + counts.waiting, 0);
}

#[test]
fn the_time_of_an_item_goes_before_its_dials() {
    // The second calls would come at 20 s, with the end of the item.
    let stop_at_time = i32::try_from(NINE + 20).ok();
    let mut site = Site::new(&format!("list l contacts=50\n{SILENT}agents 732 4"));
    site.sequence(vec![ScheduleItem { stop_at_time, stop_at_dials: Some(5), ..item(101) }]);
    site.run(600_000);
    assert_eq!((site.counts().dials, site.counts().cut), (4, 0), "the four calls end at 20 s, too");
}

#[test]
fn a_campaign_of_a_running_sequence_answers_17_until_its_item_ends() {
    let mut site = Site::new(&format!("list l contacts=1\nlist m contacts=1\n{TALK}agents 732 1"));
    site.sequence(vec![item(101), ScheduleItem { sleep_before_next_start_minutes: Some(5), ..item(102) }]);
    site.run(10_000);
    let code = |site: &mut Site, body: Message| {
        let before = site.seen.len();
        site.ask(body);
        site.seen[before..].iter().find_map(|(_, output)| match output {
            Output::Send { message, .. } => message.body.error().map(|code| code.0).filter(|code| *code != 0),
            _ => None,
        })
    };
    assert_eq!(code(&mut site, StopDialing::new(pair()).into()), Some(17));
    assert_eq!(code(&mut site, GetCampaignStatus::new(pair()).into()), None);
    assert_eq!(code(&mut site, StopDialing::new(Pair::new(102, 732)).into()), Some(4), "not its turn yet");
    site.run(120_000);
    assert_eq!(code(&mut site, StopDialing::new(pair()).into()), Some(4), "its item has ended");
    assert_eq!(code(&mut site, SetDialingMode::new(group(), mode(2)).into()), Some(14), "no item dials");
    site.run(3_600_000);
    assert_eq!(code(&mut site, StopDialing::new(group()).into()), Some(13));
}

#[test]
fn an_item_that_cannot_start_is_skipped_tried_again_or_ends_the_sequence() {
    for (choice, dials, at) in [(ItemFailure::Skip, 1, 0), (ItemFailure::Retry, 1, 120_000), (ItemFailure::Abort, 0, 0)]
    {
        let lines = format!("list l contacts=1\nlist m contacts=1\n{TALK}agents 732 1");
        let mut site = Site::with(&lines, |config| config.profile.rows.on_item_failure = choice);
        site.ask(LoadCampaign::new(pair(), mode(2))); // somebody else has it
        site.sequence(vec![item(101), item(102)]);
        site.run(600_000);
        assert_eq!(site.ocs.pair_counts(Pair::new(102, 732)).dials, dials, "{choice:?}");
        if dials > 0 {
            assert_eq!(site.dials()[0].0, at, "{choice:?}");
        }
        assert_eq!(site.ask(GetCampaignStatus::new(group())), [27], "the sequence is over");
    }
    let lines = format!("list l contacts=1\nlist m contacts=1\n{TALK}agents 732 1");
    let mut site = Site::with(&lines, |config| config.profile.rows.on_item_failure = ItemFailure::Retry);
    site.ask(LoadCampaign::new(pair(), mode(2)));
    site.sequence(vec![item(101), item(102)]);
    site.run(90_000);
    site.ask(UnloadCampaign::new(pair()));
    site.run(600_000);
    assert_eq!(site.counts().dials, 1, "the third try found it free");
}

#[test]
fn a_stopped_sequence_keeps_its_position() {
    let mut site = Site::new(&format!("list l contacts=50\nlist m contacts=50\n{TALK}agents 732 4"));
    let stop = |campaign| ScheduleItem { stop_at_dials: Some(4), ..item(campaign) };
    site.sequence(vec![stop(101), stop(102)]);
    site.run(70_000);
    assert_eq!((site.counts().dials, site.ask(StopDialing::new(group()))[0]), (4, 22));
    site.run(60_000);
    let second = Pair::new(102, 732);
    let before = site.ocs.pair_counts(second).dials;
    assert_eq!(site.ask(StartDialing::new(group(), Dialing::default())).first(), Some(&21));
    site.run(600_000);
    assert_eq!(site.counts().dials, 4, "the first item is not begun again");
    assert!(site.ocs.pair_counts(second).dials >= before.max(1));
}
