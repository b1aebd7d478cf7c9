//! What the correlator promises its callers, by name.

mod talk;

use commdn::message::{AppDbid, CommDnMessage, RequestKind};
use commdn::protocol::requester::{EchoKnowledge, Input, Sizes};
use talk::*;

#[test]
fn distinct_do_not_calls_with_echo_proved_all_leave_at_once_with_one_origin() {
    let mut talk = Talk::with(1);
    let ids: Vec<u64> = (0..1_000).map(|phone| talk.ask(dnc(&phone.to_string()))).collect();
    assert_eq!(talk.sent.len(), 1_000, "the link is the limit");
    for (phone, id) in ids.into_iter().enumerate() {
        talk.reply(processed(&phone.to_string()));
        assert_eq!(talk.end(id), "answered exact");
    }
}

#[test]
fn the_second_equal_do_not_call_within_30_seconds_is_answered() {
    for pause in [0, 1, 3, 29] {
        let mut talk = Talk::with(1);
        let one = talk.ask(dnc("1"));
        talk.reply(processed("1"));
        talk.wait(pause);
        let two = talk.ask(dnc("1"));
        assert_eq!(talk.sent.len(), 2, "it leaves at once");
        talk.reply(processed("1"));
        assert!(talk.end(one).starts_with("answered") && talk.end(two).starts_with("answered"), "after {pause} s");
        let mut talk = Talk::without_echo(1);
        let one = talk.ask(dnc("1"));
        talk.reply(processed_without_echo());
        talk.wait(pause);
        let two = talk.ask(dnc("1"));
        talk.wait(2);
        assert_eq!(talk.sent.len(), 2, "without echo it leaves after D");
        talk.reply(processed_without_echo());
        assert_eq!([talk.end(one), talk.end(two)], ["answered sole_candidate"; 2], "after {pause} s");
    }
}

#[test]
fn a_stop_during_a_hanging_start_leaves_at_once() {
    for origins in [1, 2, 16] {
        let mut talk = Talk::with(origins);
        let start = talk.ask(start());
        talk.wait(5);
        let stop = talk.ask(stop());
        assert_eq!(talk.kinds(), [RequestKind::Start, RequestKind::Stop], "N = {origins}");
        talk.reply(stopped(4));
        assert_eq!([talk.end(start), talk.end(stop)], ["open", "answered exact"], "N = {origins}");
    }
}

#[test]
fn a_proof_that_may_be_a_double_leaves_the_refusal_to_come_undecided() {
    let mut talk = Talk::with(1);
    let one = talk.ask(dnc("1"));
    talk.reply(processed("1"));
    let two = talk.ask(dnc("1"));
    talk.reply(processed("1"));
    assert_eq!([talk.end(one), talk.end(two)], ["answered exact", "answered dnc_proof"]);
    let three = talk.ask(dnc("1"));
    assert_eq!(talk.sent.len(), 3, "it keeps nobody waiting");
    talk.reply(error(10));
    assert_eq!(talk.end(three), "open", "it may be what the second was answered");
    talk.reply(processed("1"));
    assert_eq!(talk.end(three), "answered dnc_proof");
    talk.wait(40);
    assert_eq!(talk.machine.sizes(), Sizes::default());
}

#[test]
fn an_alarm_outlives_a_restart() {
    let origin = AppDbid(201);
    let mut talk = Talk::without_echo(1);
    talk.input(Input::Restored(Vec::new()));
    talk.input(Input::Alarmed { origin });
    let entry = talk.ask_durably(dnc("1"));
    assert_eq!(talk.sent.len(), 0, "an answer without echo could be the forged request's");
    talk.wait(32);
    talk.reply(processed_without_echo());
    assert_eq!(talk.end(entry), "answered sole_candidate");
    talk.wait(3);
    let load = talk.ask(load());
    talk.input(Input::ClearAlarm { origin });
    assert_eq!(talk.kinds(), [RequestKind::DoNotCall], "a forged unload may still be answered");
    talk.wait(400);
    assert_eq!(talk.end(load), "refused not_sent");
    assert_eq!(talk.machine.sizes(), Sizes::default());

    let mut talk = Talk::with(1);
    talk.input(Input::Alarmed { origin });
    let entry = talk.ask(dnc("1"));
    talk.reply(processed("1"));
    assert_eq!(talk.end(entry), "answered dnc_proof", "an echo proves it whoever asked");
}

#[test]
fn rows_that_joined_share_their_sends_over_a_restart() {
    let mut before = Talk::with(2);
    before.ask_durably(dnc("1"));
    before.wait(11);
    before.ask_durably(dnc("1"));
    assert_eq!(before.marks.len(), 2, "sent and repeated");
    let joined = row(1, dnc("1"), vec![before.marks[1].clone()]);
    let first = row(2, dnc("1"), before.marks.clone());
    let mut talk = Talk::offline(config(2, EchoKnowledge::proved()));
    talk.input(Input::Restored(vec![joined, first]));
    talk.input(Input::LinkUp { link: LINK });
    talk.next_id = 3;
    let from = before.marks[0].origin;
    talk.frame(CommDnMessage::new(OCS_A, from, processed("1")));
    assert_eq!([talk.end(1), talk.end(2)], ["answered dnc_proof"; 2], "the answer to the first send proves both");
}
