//! Each rule of the correlation specification as conversations. OCS A is 301 (backup 311), OCS B is 302; the origins
//! of the pool count from 201.

mod talk;

use std::time::Duration;

use commdn::{message::*, protocol::requester::*};
use talk::*;

// Rule 2: addressed.

#[test]
fn rule_2_an_event_for_target_zero_ends_nothing_but_reaches_the_mirror() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    talk.event(OCS_A, Target::Every, started());
    assert_eq!((talk.end(start).as_str(), talk.standing()), ("open", Standing::NotAddressed));
    talk.reply(started());
    assert_eq!(talk.end(start), "answered exact");
}

#[test]
fn rule_2_another_applications_answer_ends_nothing() {
    let mut talk = Talk::with(2);
    let start = talk.ask(start());
    let other = if talk.last().message.origin == AppDbid(201) { AppDbid(202) } else { AppDbid(201) };
    talk.event(OCS_A, other, started());
    talk.event(OCS_A, AppDbid(999), started());
    assert_eq!(talk.end(start), "open");
}

#[test]
fn rule_2_another_ocs_or_another_dn_answers_nothing() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    let to = talk.last().message.origin;
    talk.event(OCS_B, to, started());
    talk.event(AppDbid(999), to, started());
    talk.frame_on(dn_named("CommDN_2"), CommDnMessage::new(OCS_A, to, started()));
    assert_eq!(talk.end(start), "open");
    talk.event(OCS_A_BACKUP, to, started());
    assert_eq!(talk.end(start), "answered exact", "either member of the pair counts");
}

#[test]
fn rule_2_our_own_copy_is_known_and_a_forged_frame_raises_an_alarm() {
    let mut talk = Talk::with(1);
    let load = talk.ask(load());
    let own = talk.last().message;
    talk.frame(own);
    assert_eq!(talk.standing(), Standing::OwnCopy);
    talk.reply(loaded());
    assert_eq!(talk.end(load), "answered exact");
    talk.frame(CommDnMessage::new(AppDbid(201), OCS_A, start()));
    assert_eq!(talk.standing(), Standing::Forged);
    let alarms = talk.outputs.iter().filter(|output| matches!(output, Output::Alarm(Alarm::ForgedOrigin { .. })));
    assert_eq!(alarms.count(), 1);
    let start = talk.ask(start());
    assert_eq!(talk.kinds(), [RequestKind::Load], "the DBID takes no mutating request");
    let entry = talk.ask(dnc("1"));
    talk.reply(processed("1"));
    assert_eq!(talk.end(entry), "answered exact", "but do-not-call");
    talk.input(Input::ClearAlarm { origin: AppDbid(201) });
    assert_eq!(talk.kinds().len(), 2, "the forged request's answer is still to be expected");
    talk.wait(29);
    assert_eq!(talk.end(start), "open");
}

// Rule 3: kind.

#[test]
fn rule_3_an_error_in_an_answer_is_a_refusal() {
    let mut talk = Talk::with(1);
    let load = talk.ask(load());
    let mut refusal = PairEvent::new(pair(), GroupCampStatus::RUNNING);
    refusal.error = Some(ErrorCode::CAMPAIGN_ALREADY_LOADED);
    talk.reply(CampaignLoaded(refusal));
    assert_eq!(talk.end(load), "refused 5 exact");
}

#[test]
fn rule_3_the_stop_on_the_way_of_an_unload_is_progress_and_no_answer_to_a_stop() {
    let mut talk = Talk::with(4);
    let unload = talk.ask(unload());
    talk.reply(stopped(1));
    assert_eq!(talk.end(unload), "open");
    let accepted =
        |output: &Output| matches!(output, Output::Progress { progress: Progress::AcceptedDraining { .. }, .. });
    assert!(talk.outputs.iter().any(accepted));
    talk.wait(5);
    talk.reply(unloaded());
    assert_eq!(talk.end(unload), "answered exact");
    let stop = talk.ask(stop());
    talk.reply(stopped(1));
    assert_eq!(talk.end(stop), "open");
    talk.reply(stopped(4));
    assert_eq!(talk.end(stop), "answered exact");
}

#[test]
fn rule_3_one_unloaded_ends_an_unload_and_a_force_unload_by_state() {
    let mut talk = Talk::with(1);
    let unload = talk.ask(unload());
    let force = talk.ask(force_unload());
    assert_eq!(talk.kinds(), [RequestKind::Unload, RequestKind::ForceUnload]);
    talk.reply(unloaded());
    assert_eq!((talk.end(unload), talk.end(force)), ("answered by_state".into(), "answered by_state".into()));
}

#[test]
fn rule_3_a_status_event_never_answers_a_force_unload() {
    let mut talk = Talk::with(1);
    let force = talk.ask(force_unload());
    talk.reply(status(0));
    assert_eq!(talk.end(force), "open");
}

// Rule 4: subject.

#[test]
fn rule_4_other_pairs_and_other_parameters_are_somebody_elses() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    let mut other = PairEvent::new(Pair::new(102, 732), GroupCampStatus::RUNNING);
    talk.reply(DialingStarted(other.clone()));
    other.pair = pair();
    other.dialing.goal = Some(70);
    talk.reply(DialingStarted(other));
    assert_eq!(talk.end(start), "open");
}

#[test]
fn rule_4_distinct_do_not_calls_share_one_address_when_the_echo_is_proved() {
    let mut talk = Talk::with(1);
    let ids: Vec<u64> = ["1", "2", "3"].map(|phone| talk.ask(dnc(phone))).to_vec();
    assert_eq!(talk.sent.len(), 3);
    talk.reply(processed("2"));
    assert_eq!([talk.end(ids[0]), talk.end(ids[1])], ["open".to_owned(), "answered exact".to_owned()]);
}

// Rule 5: lanes.

#[test]
fn rule_5_one_mutating_request_of_a_lane_is_live_and_the_rest_waits() {
    let mut talk = Talk::with(2);
    let load = talk.ask(load());
    let start = talk.ask(start());
    assert_eq!(talk.kinds(), [RequestKind::Load]);
    assert!(matches!(talk.machine.inspect(RequestId(start)).unwrap().phase, RequestPhase::Waiting(WaitsFor::Lane)));
    talk.reply(loaded());
    assert_eq!(talk.end(load), "answered exact");
    assert_eq!(talk.kinds(), [RequestKind::Load, RequestKind::Start]);
}

#[test]
fn rule_5_a_stop_leaves_beside_a_hanging_start_and_supersedes_what_waits() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    let mode = talk.ask(SetDialingMode::new(pair(), predict()));
    let stop = talk.ask(stop());
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Stop]);
    assert_eq!(talk.end(mode), "refused superseded");
    talk.reply(stopped(4));
    assert_eq!((talk.end(start).as_str(), talk.end(stop).as_str()), ("open", "answered exact"));
}

#[test]
fn rule_5_a_stop_waits_for_an_unload_but_a_force_unload_does_not() {
    let mut talk = Talk::with(2);
    talk.ask(unload());
    let stop = talk.ask(stop());
    talk.ask(force_unload());
    assert_eq!(talk.kinds(), [RequestKind::Unload, RequestKind::ForceUnload]);
    assert_eq!(talk.end(stop), "open");
}

#[test]
fn rule_5_a_full_lane_refuses_and_a_long_wait_ends_unsent() {
    let mut config = config(1, EchoKnowledge::proved());
    config.lane_length = 1;
    let mut talk = Talk::from(config);
    talk.ask(unload());
    let waits = talk.ask(load());
    let refused = talk.ask(start());
    assert_eq!((talk.end(waits).as_str(), talk.end(refused).as_str()), ("open", "refused overloaded"));
    talk.wait(30);
    assert_eq!(talk.end(waits), "refused not_sent");
}

#[test]
fn rule_5_equal_submissions_join_the_last_of_their_lane_while_it_waits() {
    let mut talk = Talk::with(2);
    talk.ask(load());
    let (one, two) = (talk.ask(start()), talk.ask(start()));
    talk.reply(loaded());
    assert_eq!(talk.kinds(), [RequestKind::Load, RequestKind::Start]);
    let late = talk.ask(start());
    talk.reply(started());
    assert_eq!((talk.end(one), talk.end(two)), ("answered exact".into(), "answered exact".into()));
    assert_eq!(talk.end(late), "open", "what is on the wire is not joined");
    assert_eq!(talk.kinds().len(), 3);
}

#[test]
fn rule_5_a_stop_does_not_join_a_stop_over_a_waiting_start() {
    let mut talk = Talk::with(2);
    talk.ask(unload());
    let stop_1 = talk.ask(stop());
    let start = talk.ask(start());
    let stop_2 = talk.ask(stop());
    assert_eq!(talk.end(start), "refused superseded");
    let lone = talk.sent[0].clone();
    talk.answer(&lone, unloaded());
    talk.reply(stopped(4));
    assert_eq!((talk.end(stop_1), talk.end(stop_2)), ("answered exact".into(), "answered exact".into()));
}

#[test]
fn rule_5_an_equal_do_not_call_joins_on_the_wire() {
    let mut talk = Talk::with(1);
    let ids = [talk.ask(dnc("1")), talk.ask(dnc("1"))];
    assert_eq!(talk.sent.len(), 1);
    talk.reply(processed("1"));
    assert_eq!(ids.map(|id| talk.end(id)), ["answered exact", "answered exact"]);
}

#[test]
fn rule_5_a_read_joins_only_a_read_sent_after_the_lanes_last_outcome() {
    let mut talk = Talk::with(2);
    let start = talk.ask(start());
    let started_by = talk.last();
    talk.ask(read());
    talk.ask(read());
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Status]);
    talk.answer(&started_by, started());
    assert_eq!(talk.end(start), "answered exact");
    talk.ask(read());
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Status, RequestKind::Status]);
}

#[test]
fn rule_5_a_waiter_leaves_at_its_own_deadline_and_the_request_lives_on() {
    let mut talk = Talk::with(1);
    let patient = talk.ask(dnc("1"));
    let hasty = talk.ask_for(2, dnc("1"));
    talk.wait(3);
    assert_eq!((talk.end(patient).as_str(), talk.end(hasty).as_str()), ("open", "unknown deadline"));
    talk.reply(processed("1"));
    assert_eq!(talk.end(patient), "answered exact");
    talk.ask(start());
    let unsent = talk.ask_for(2, load());
    talk.wait(2);
    assert_eq!(talk.end(unsent), "refused not_sent");
}

// Rule 6: shadows.

#[test]
fn rule_6_a_late_answer_of_a_timed_out_request_does_not_fit_the_next() {
    let mut talk = Talk::without_echo(2);
    let first = talk.ask_for(10, dnc("1"));
    let late = talk.last();
    talk.wait(10);
    assert_eq!(talk.end(first), "unknown deadline");
    let second = talk.ask(dnc("2"));
    assert_ne!(talk.last().message.origin, late.message.origin);
    talk.answer(&late, processed_without_echo());
    assert_eq!((talk.end(second).as_str(), talk.standing()), ("open", Standing::Late));
    let third = talk.ask(dnc("3"));
    assert_eq!(talk.sent.len(), 2, "no address is free of both");
    talk.wait(1);
    let sent = talk.sent[1].clone();
    talk.answer(&sent, processed_without_echo());
    assert_eq!(talk.end(second), "answered sole_candidate");
    talk.wait_millis(1_999);
    assert_eq!((talk.sent.len(), talk.end(third).as_str()), (2, "open"), "the double may still come");
    talk.wait_millis(1);
    assert_eq!(talk.sent.len(), 3);
}

#[test]
fn rule_6_a_full_shadow_lasts_until_sent_and_b_and_d() {
    let mut talk = Talk::without_echo(1);
    let first = talk.ask(cancel("1"));
    talk.ack();
    talk.wait(10);
    assert_eq!(talk.end(first), "unknown silent");
    let second = talk.ask(cancel("2"));
    talk.wait_millis(21_999);
    assert_eq!(talk.sent.len(), 1);
    talk.wait_millis(2);
    assert_eq!((talk.sent.len(), talk.end(second).as_str()), (2, "open"));
}

#[test]
fn rule_6_a_doubled_answer_does_not_answer_the_next_request() {
    let mut talk = Talk::with(1);
    let one = talk.ask(load());
    talk.reply(loaded());
    talk.wait(1);
    let two = talk.ask(load());
    assert_eq!(talk.sent.len(), 1, "the double would fit it");
    talk.reply(loaded());
    assert_eq!((talk.end(one).as_str(), talk.standing()), ("answered exact", Standing::Late));
    talk.wait_millis(1_001);
    talk.reply(loaded());
    assert_eq!(talk.end(two), "answered exact");
    assert_eq!(talk.machine.counters().longest_double_gap, Duration::from_secs(1));
}

#[test]
fn rule_6_a_covered_do_not_call_keeps_no_shadow() {
    let mut talk = Talk::with(1);
    for _ in 0..3 {
        let id = talk.ask(dnc("1"));
        talk.reply(processed("1"));
        assert_eq!(talk.end(id), "answered exact");
    }
    assert_eq!((talk.sent.len(), talk.machine.sizes().shadows), (3, 0));
}

#[test]
fn rule_6_an_answered_request_keeps_a_shadow_for_errors_of_its_kind() {
    let mut talk = Talk::with(2);
    talk.ask(start());
    let first = talk.last();
    talk.reply(started());
    let stop = talk.ask(stop());
    assert_ne!(talk.last().message.origin, first.message.origin);
    talk.reply(stopped(4));
    talk.wait(3);
    let again = talk.ask(start());
    talk.reply(error_of_pair(10));
    assert_eq!((talk.end(stop).as_str(), talk.end(again).as_str()), ("answered exact", "open"), "whose error?");
    assert_eq!(talk.standing(), Standing::Ambiguous);
}

#[test]
fn rule_12_a_request_goes_where_an_error_would_be_its_own() {
    let mut talk = Talk::with(3); // two to choose from, the third is kept for settling
    talk.ask(start());
    let first = talk.last().message.origin;
    talk.reply(started());
    talk.ask(load());
    assert_ne!(talk.last().message.origin, first);
    talk.reply(loaded());
    talk.wait(3);
    let again = talk.ask(start());
    assert_ne!(talk.last().message.origin, first, "least recently used, but an error 7 could be the first start's");
    talk.reply(error_of_pair(7));
    assert_eq!(talk.end(again), "refused 7 exact");
}

#[test]
fn rule_6_an_answered_unload_keeps_a_shadow_for_a_stop_without_status() {
    let mut talk = Talk::with(1);
    talk.ask(unload());
    talk.reply(unloaded());
    let stop = talk.ask(stop());
    talk.reply(stopped_without_status());
    assert_eq!((talk.end(stop).as_str(), talk.standing()), ("open", Standing::Ambiguous));
}

#[test]
fn rule_6_once_notifications_are_addressed_to_us_an_answered_request_keeps_its_full_shadow() {
    let mut talk = Talk::with(1);
    talk.event(OCS_A, AppDbid(201), started());
    assert_eq!(talk.standing(), Standing::Notification);
    talk.ask(load());
    talk.reply(loaded());
    talk.ask(start());
    talk.wait(10);
    assert_eq!(talk.kinds(), [RequestKind::Load], "only after sent + B + D");
}

#[test]
fn rule_6_at_the_limit_of_shadows_mutating_requests_are_refused_and_nothing_is_evicted() {
    let mut config = config(1, EchoKnowledge::proved());
    config.shadows_max = 3;
    let mut talk = Talk::from(config);
    talk.ask_for(10, cancel("1"));
    let refused = talk.ask(cancel("2"));
    assert_eq!(talk.end(refused), "refused overloaded");
    talk.wait(10);
    assert_eq!(talk.machine.sizes().shadows, 1);
    let read = talk.ask(read());
    talk.reply(status(4));
    assert_eq!(talk.end(read), "answered exact");
}

// Rule 7: no guess.

#[test]
fn rule_7_an_event_that_fits_two_requests_decides_neither() {
    let mut talk = Talk::without_echo(1);
    let start = talk.ask(start());
    let stop = talk.ask(stop());
    talk.reply(error_of_pair(10));
    assert_eq!((talk.end(start).as_str(), talk.end(stop).as_str()), ("open", "open"));
    talk.reply(started());
    talk.reply(stopped(4));
    assert_eq!((talk.end(start), talk.end(stop)), ("answered exact".into(), "answered exact".into()));
}

#[test]
fn rule_7_a_do_not_call_is_proved_whichever_send_put_it_there() {
    let mut talk = Talk::with(2);
    let id = talk.ask(dnc("1"));
    let first = talk.last();
    talk.wait(10);
    assert_eq!(talk.sent.len(), 2, "repeated at the time-out");
    assert_ne!(talk.last().message.origin, first.message.origin, "never into its own shadow");
    talk.answer(&first, processed("1"));
    assert_eq!(talk.end(id), "answered dnc_proof");
    assert_eq!(talk.machine.sizes().shadows, 2, "both sends may still be answered");
}

#[test]
fn rule_7_repeats_are_a_timeout_apart_and_never_follow_an_ambiguous_event() {
    let mut talk = Talk::with(2);
    let ids = ["1", "2", "3"].map(|phone| talk.ask(dnc(phone)));
    assert_eq!(talk.sent[0].message.origin, talk.sent[2].message.origin);
    talk.wait(1);
    let first = talk.sent[0].clone();
    talk.answer(&first, error(10));
    assert_eq!((talk.sent.len(), talk.standing()), (3, Standing::Ambiguous));
    talk.wait(200);
    for (id, phone) in ids.into_iter().zip(["1", "2", "3"]) {
        let sends: Vec<_> =
            talk.sent.iter().filter(|sent| sent.message.body == dnc(phone)).map(|sent| sent.at).collect();
        assert_eq!(sends.len(), 4, "three repeats");
        assert!(sends.windows(2).all(|two| two[1].saturating_sub(two[0]) >= Duration::from_secs(10)));
        assert_eq!(talk.end(id), if phone == "2" { "unknown silent" } else { "unknown ambiguous" });
    }
}

// Rule 8: CM_EvError.

#[test]
fn rule_8_an_error_without_ids_resolves_the_sole_live_request_only() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    talk.reply(error(16));
    assert_eq!(talk.end(start), "refused 16 sole_candidate");
    talk.wait(33);
    let (one, two) = (talk.ask(dnc("1")), talk.ask(dnc("2")));
    talk.reply(error(10));
    assert_eq!((talk.end(one).as_str(), talk.end(two).as_str()), ("open", "open"));
    assert_eq!(talk.machine.counters().ambiguous, 1);
}

#[test]
fn rule_8_an_error_without_ids_never_passes_a_fitting_shadow() {
    let mut talk = Talk::with(1);
    talk.ask_for(5, cancel("1"));
    talk.wait(5);
    let second = talk.ask(cancel("2"));
    talk.reply(error(10));
    assert_eq!((talk.end(second).as_str(), talk.standing()), ("open", Standing::Ambiguous));
    talk.reply(canceled("2", None));
    assert_eq!(talk.end(second), "answered exact");
}

#[test]
fn rule_8_codes_3_8_and_9_with_ids_refuse_all_candidates_of_the_pair() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    let stop = talk.ask(stop());
    let cancel = talk.ask(cancel("1"));
    talk.reply(error_of_pair(9));
    assert_eq!((talk.end(start), talk.end(stop)), ("refused 9 exact".into(), "refused 9 exact".into()));
    assert_eq!(talk.end(cancel), "open");
}

#[test]
fn rule_8_code_3_without_ids_may_be_a_cancels() {
    let mut talk = Talk::with(1);
    let start = talk.ask(start());
    let cancel = talk.ask(cancel("1"));
    talk.reply(error(3));
    assert_eq!((talk.end(start).as_str(), talk.end(cancel).as_str()), ("open", "open"));
}

#[test]
fn rule_8_an_items_error_is_ambiguous_while_its_sequence_is_live() {
    let mut talk = Talk::with(1);
    let mut night = LoadCampaign::new(Pair::new(0, 732), Dialing::default());
    let item = ScheduleItem { campaign: Some(CampaignDbid(101)), ..ScheduleItem::default() };
    night.schedule = Some(CampaignSchedule { n_items: Some(1), items: vec![(1, item)], ..CampaignSchedule::default() });
    let night = talk.ask(night);
    let start = talk.ask(start());
    talk.reply(error_of_pair(16));
    assert_eq!((talk.end(night).as_str(), talk.end(start).as_str()), ("open", "open"));
}

// Rule 9: target 0.

#[test]
fn rule_9_a_do_not_call_to_every_ocs_is_complete_when_all_have_answered() {
    let mut talk = Talk::with(1);
    let id = talk.ask_every(dnc("1"));
    assert_eq!((talk.sent.len(), talk.last().message.target), (1, Target::Every));
    let to = talk.last().message.origin;
    talk.event(OCS_A, to, processed("1"));
    talk.event(OCS_A, to, processed("1"));
    assert_eq!(talk.end(id), "open");
    talk.event(OCS_B, to, processed("1"));
    assert_eq!(talk.end(id), "answered exact");
    assert_eq!(talk.outcome(id).answers().len(), 2);
}

#[test]
fn rule_9_the_silent_ones_are_asked_again_with_their_own_target_then_it_is_mixed() {
    let mut talk = Talk::with(8);
    let id = talk.ask_every(dnc("1"));
    let to = talk.last().message.origin;
    talk.event(OCS_A, to, processed("1"));
    talk.wait(11);
    assert_eq!((talk.sent.len(), talk.last().message.target), (2, Target::One(OCS_B)));
    talk.wait(200);
    assert_eq!(talk.outcome(id).slug(), "mixed");
    let results: Vec<_> = talk.outcome(id).answers().iter().map(|answer| answer.result.slug()).collect();
    assert_eq!(results, ["answered", "silent"]);
}

#[test]
fn rule_9_a_cancel_to_every_ocs_is_mixed_when_one_is_silent_and_is_not_repeated() {
    let mut talk = Talk::with(2);
    let id = talk.ask_every(cancel("1"));
    let to = talk.last().message.origin;
    talk.event(OCS_B, to, canceled("1", None));
    talk.wait(60);
    assert_eq!((talk.outcome(id).slug(), talk.sent.len()), ("mixed", 1));
}

#[test]
fn rule_9_policies_any_and_quorum_end_sooner() {
    for (policy, ends) in
        [(TargetZeroPolicy::Any, true), (TargetZeroPolicy::Quorum, false), (TargetZeroPolicy::All, false)]
    {
        let mut config = config(2, EchoKnowledge::proved());
        config.do_not_call_policy = policy;
        let mut talk = Talk::from(config);
        let id = talk.ask_every(dnc("1"));
        let to = talk.last().message.origin;
        talk.event(OCS_A, to, processed("1"));
        assert_eq!(talk.end(id) == "answered exact", ends, "{policy:?}");
    }
}

#[test]
fn rule_9_target_zero_without_an_ocs_or_with_another_kind_is_refused_locally() {
    let mut empty = config(1, EchoKnowledge::proved());
    empty.ocss.clear();
    let mut talk = Talk::from(empty);
    let id = talk.ask_every(dnc("1"));
    assert_eq!(talk.end(id), "refused local");
    let mut talk = Talk::with(1);
    let id = talk.ask_every(start());
    assert_eq!(talk.end(id), "refused local");
}

#[test]
fn rule_9_a_request_to_every_ocs_waits_for_all_lanes() {
    let mut talk = Talk::with(2);
    talk.submit(OCS_B, cancel("1"), None, false);
    let every = talk.ask_every(cancel("1"));
    assert_eq!((talk.sent.len(), talk.end(every).as_str()), (1, "open"));
    let first = talk.sent[0].clone();
    talk.event(OCS_B, first.message.origin, canceled("1", None));
    assert_eq!(talk.sent.len(), 2);
}

// Rule 10: settling.

#[test]
fn rule_10_a_silent_start_is_settled_by_status() {
    let mut talk = Talk::with(3);
    let id = talk.ask(start());
    talk.wait(10);
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Status]);
    assert_eq!(talk.last().message.origin, AppDbid(203), "the last DBID is kept for settling");
    talk.reply(status(4));
    talk.wait(4);
    assert_eq!(talk.kinds().len(), 3, "asked again");
    talk.reply(status(5));
    assert_eq!(talk.end(id), "answered by_status");
}

#[test]
fn rule_10_a_state_that_never_comes_is_unknown_and_never_refused() {
    let mut talk = Talk::with(3);
    let id = talk.ask(start());
    for _ in 0..80 {
        talk.wait(1);
        if talk.last().message.body.request_kind() == Some(RequestKind::Status) {
            talk.reply(status(4));
        }
    }
    assert_eq!(talk.end(id), "unknown not_in_effect");
}

#[test]
fn rule_10_an_older_status_settles_nothing() {
    let mut talk = Talk::with(2);
    talk.ask(read());
    let older = talk.last();
    talk.ask(start());
    talk.wait(10);
    let question = talk.last();
    assert_eq!(question.message.body.request_kind(), Some(RequestKind::Status));
    assert_ne!(question.message.origin, older.message.origin);
    talk.answer(&older, status(5));
    assert_eq!(talk.end(2), "open");
    talk.answer(&question, status(5));
    assert_eq!(talk.end(2), "answered by_status");
}

#[test]
fn rule_10_settling_asks_on_no_dbid_where_an_older_answer_may_still_come() {
    let mut talk = Talk::with(1);
    talk.ask(read());
    let older = talk.last();
    let start = talk.ask(start());
    talk.wait(15);
    talk.answer(&older, status(5));
    assert_eq!(talk.end(start), "open");
    talk.wait(15);
    assert_eq!(talk.end(start), "unknown silent");
    assert_eq!(talk.kinds(), [RequestKind::Status, RequestKind::Start]);
}

#[test]
fn rule_10_an_unload_is_asked_from_ten_seconds_on_and_accepted_while_it_drains() {
    let mut talk = Talk::with(3);
    let id = talk.ask(unload());
    talk.wait(10);
    talk.reply(status(1));
    assert_eq!(talk.end(id), "open");
    assert!(talk.machine.inspect(RequestId(id)).unwrap().legs[0].draining);
    talk.wait(3);
    talk.reply(status(0));
    assert_eq!(talk.end(id), "answered by_status");
}

#[test]
fn rule_10_a_cancel_is_never_repeated() {
    let mut talk = Talk::with(8);
    let id = talk.ask(cancel("1"));
    talk.wait(100);
    assert_eq!((talk.end(id).as_str(), talk.sent.len()), ("unknown silent", 1));
}

#[test]
fn rule_10_a_read_resolves_on_any_addressed_status_of_its_pair() {
    let mut talk = Talk::with(1);
    let id = talk.ask(read());
    talk.reply(status(4));
    assert_eq!(talk.end(id), "answered exact");
    assert_eq!(talk.outcome(id).answers()[0].result, AnswerResult::Observed);
}

// Rule 11: link lost.

#[test]
fn rule_11_without_a_link_by_its_deadline_a_request_ends_unknown() {
    let mut talk = Talk::with(1);
    let id = talk.ask(start());
    let entry = talk.ask_durably(dnc("1"));
    talk.input(Input::LinkDown { link: LINK });
    assert_eq!(talk.machine.inspect(RequestId(id)).unwrap().phase, RequestPhase::Checking);
    talk.wait(200);
    assert_eq!((talk.end(id).as_str(), talk.end(entry).as_str()), ("unknown link_down", "open"));
    talk.input(Input::LinkUp { link: LINK });
    talk.wait(0);
    assert_eq!(talk.kinds().len(), 3, "a journaled do-not-call waits for the link");
    talk.reply(processed("1"));
    assert_eq!(talk.end(entry), "answered by_repeat");
}

#[test]
fn rule_11_a_request_in_flight_at_the_loss_is_settled_and_never_sent_again() {
    let mut talk = Talk::with(3);
    let id = talk.ask(start());
    talk.wait(1);
    talk.input(Input::LinkDown { link: LINK });
    talk.wait(2);
    talk.input(Input::LinkUp { link: LINK });
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Status]);
    talk.reply(status(5));
    assert_eq!(talk.end(id), "answered by_status");
    assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Status]);
}

#[test]
fn rule_11_with_the_link_back_do_not_call_goes_before_everything_else() {
    let mut talk = Talk::with(8);
    talk.ask(start());
    talk.ask(Message::from(GetCampaignStatus::new(Pair::new(103, 732))));
    talk.input(Input::LinkDown { link: LINK });
    talk.ask(Message::from(LoadCampaign::new(Pair::new(103, 732), predict())));
    talk.ask_durably(dnc("1"));
    let before = talk.sent.len();
    talk.wait(1);
    talk.input(Input::LinkUp { link: LINK });
    let kinds = talk.kinds()[before..].to_vec();
    assert_eq!(kinds[0], RequestKind::DoNotCall, "{kinds:?}");
    assert!(kinds.contains(&RequestKind::Status) && kinds.contains(&RequestKind::Load), "{kinds:?}");
}

#[test]
fn rule_11_shadows_outlive_links() {
    let mut talk = Talk::with(1);
    talk.ask_for(1, cancel("1"));
    talk.wait(1);
    talk.input(Input::LinkDown { link: LINK });
    talk.input(Input::LinkUp { link: LINK });
    talk.ask(cancel("1"));
    assert_eq!(talk.sent.len(), 1);
}

// Rule 12: origin pool.

#[test]
fn rule_12_without_echo_each_do_not_call_needs_its_own_address() {
    for (origins, at_once) in [(1, 1), (2, 2), (3, 2), (8, 7)] {
        let mut talk = Talk::without_echo(origins);
        for phone in 0..10 {
            talk.ask(dnc(&phone.to_string()));
        }
        assert_eq!(talk.sent.len(), at_once, "{origins} origins");
    }
}

#[test]
fn rule_12_waiting_requests_take_addresses_in_order_of_submission() {
    let mut talk = Talk::without_echo(1);
    for phone in ["1", "2", "3"] {
        talk.ask(dnc(phone));
    }
    talk.reply(processed("1"));
    talk.wait(2);
    assert_eq!(talk.last().message.body, dnc("2"));
    talk.reply(processed("2"));
    talk.wait(2);
    assert_eq!(talk.last().message.body, dnc("3"));
}

#[test]
fn rule_12_a_small_pool_is_worth_a_warning() {
    assert!(config(7, EchoKnowledge::default()).advice().is_some());
    assert!(config(8, EchoKnowledge::default()).advice().is_none());
}

// Rule 13: outcomes.

#[test]
fn rule_13_a_cancel_with_a_message_is_partial_and_keeps_the_frame_that_decided() {
    let mut talk = Talk::with(1);
    let id = talk.ask(cancel("1"));
    talk.reply(canceled("1", Some(RECORDS_ON_DESKTOP)));
    assert_eq!(talk.outcome(id).slug(), "partial");
    let answer = &talk.outcome(id).answers()[0];
    assert!(!answer.frame.is_empty());
    assert_eq!(answer.text.as_ref().unwrap().as_str(), Some(RECORDS_ON_DESKTOP));
}

#[test]
fn rule_13_the_text_of_a_time_out_names_the_connections_list() {
    assert!(UnknownReason::Silent.to_string().contains("not on its Connections list"));
}

#[test]
fn rule_13_a_load_and_a_start_are_never_sent_twice() {
    let mut talk = Talk::with(8);
    talk.ask(load());
    talk.wait(400);
    let loads = talk.kinds().into_iter().filter(|kind| *kind == RequestKind::Load).count();
    assert_eq!((loads, talk.end(1).as_str()), (1, "unknown silent"));
}

#[test]
fn rule_13_a_frame_the_tserver_refused_was_not_sent() {
    let mut talk = Talk::with(1);
    let id = talk.ask(start());
    let send = talk.last().send;
    talk.input(Input::SendFailed { send, tserver_code: Some(54) });
    assert_eq!(talk.end(id), "refused not_sent");
}

// Rule 14: mirror.

#[test]
fn rule_14_the_mirror_hears_an_event_before_the_outcome_it_causes() {
    let mut talk = Talk::with(1);
    talk.ask(start());
    talk.outputs.clear();
    talk.reply(started());
    assert!(matches!(talk.outputs[0], Output::Mirror { standing: Standing::Answer, .. }));
    assert!(matches!(talk.outputs[1], Output::Outcome { .. }));
}

// Rule 15: echo knowledge.

#[test]
fn rule_15_an_echo_is_learned_from_clean_exchanges_and_withdrawn_when_contradicted() {
    let mut talk = Talk::without_echo(1);
    for phone in ["1", "2"] {
        talk.ask(dnc(phone));
        talk.reply(processed(phone));
        talk.wait(2);
    }
    let proved = talk
        .outputs
        .iter()
        .any(|output| matches!(output, Output::Echo { fact: EchoFact::DoNotCall, proved: true, .. }));
    assert!(proved);
    talk.ask(dnc("3"));
    talk.ask(dnc("4"));
    assert_eq!(talk.sent.len(), 4, "side by side now");
    talk.reply(processed_without_echo());
    assert_eq!((talk.end(3).as_str(), talk.end(4).as_str()), ("open", "open"));
    assert!(talk.outputs.iter().any(|output| matches!(output, Output::Echo { proved: false, .. })));
    talk.ask(dnc("5"));
    assert_eq!(talk.sent.len(), 4);
}

#[test]
fn rule_15_a_proved_reference_id_is_a_true_request_id() {
    let mut config = config(1, EchoKnowledge { reference: Proof::Proved, ..EchoKnowledge::default() });
    config.send_reference_id = true;
    let mut talk = Talk::from(config);
    let ids = [talk.ask(dnc("1")), talk.ask(dnc("2"))];
    let second = talk.last().message;
    let answer = |reference_id| CommDnMessage { reference_id, ..CommDnMessage::new(OCS_A, second.origin, error(10)) };
    talk.frame(answer(None));
    assert_eq!(talk.standing(), Standing::Notification);
    talk.frame(answer(second.reference_id));
    assert_eq!(ids.map(|id| talk.end(id)), ["open", "refused 10 exact"]);
}

// Rule 16: journal before send.

#[test]
fn rule_16_every_mutating_send_is_marked_first_and_reads_are_not() {
    let mut talk = Talk::with(1);
    talk.ask(start());
    talk.ask(read());
    assert_eq!((talk.marks.len(), talk.sent.len()), (1, 2));
    assert_eq!(talk.marks[0].requests, [RequestId(1)]);
}

#[test]
fn rule_16_a_restored_marked_start_is_checked_and_not_sent_again() {
    let mut before = Talk::with(3);
    before.ask(start());
    let marks = before.marks.clone();
    let mut talk = Talk::offline(config(3, EchoKnowledge::proved()));
    talk.input(Input::Restored(vec![row(1, start(), marks), row(2, load(), Vec::new())]));
    talk.next_id = 3;
    talk.input(Input::LinkUp { link: LINK });
    assert_eq!(talk.kinds(), [], "a question from before the restart may still be answered");
    talk.wait(32);
    assert_eq!(talk.kinds(), [RequestKind::Status], "the load waits behind it");
    talk.reply(status(5));
    assert_eq!(talk.end(1), "answered by_status");
    assert_eq!(talk.kinds(), [RequestKind::Status, RequestKind::Load]);
}

#[test]
fn rule_16_shadows_survive_a_restart() {
    let mut before = Talk::without_echo(1);
    before.ask(cancel("1"));
    let mut ended = row(1, cancel("1"), before.marks.clone());
    ended.ended = true;
    let mut talk = Talk::offline(config(1, EchoKnowledge::default()));
    talk.input(Input::Restored(vec![ended]));
    talk.input(Input::LinkUp { link: LINK });
    talk.next_id = 2;
    talk.ask(cancel("2"));
    talk.wait(29);
    assert_eq!(talk.sent.len(), 0, "until restore + B + D");
}

#[test]
fn rule_16_an_overdue_start_that_was_never_sent_stays_unsent() {
    let mut talk = Talk::offline(config(1, EchoKnowledge::proved()));
    let mut overdue = row(1, start(), Vec::new());
    overdue.overdue = true;
    talk.input(Input::Restored(vec![overdue, row(2, dnc("1"), Vec::new())]));
    talk.input(Input::LinkUp { link: LINK });
    assert_eq!((talk.end(1).as_str(), talk.kinds()), ("refused not_sent", vec![RequestKind::DoNotCall]));
}

// What is left in the end.

#[test]
fn nothing_is_left_after_the_last_deadline_and_shadow() {
    let mut talk = Talk::without_echo(2);
    for body in [load(), start(), stop(), unload(), force_unload(), read(), dnc("1"), cancel("1")] {
        talk.ask(body);
    }
    talk.wait(2_000);
    assert_eq!(talk.machine.sizes(), Sizes::default());
    assert_eq!(talk.ends.len(), 8);
}
