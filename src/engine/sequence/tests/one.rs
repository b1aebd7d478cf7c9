//! What one machine does, input by input.

use crate::engine::sequence::*;
use crate::message::{AppDbid, Dialing, ErrorCode, GroupCampStatus, Pair};

const OCS: AppDbid = AppDbid(301);
const NOT_LOADED: Option<GroupCampStatus> = Some(GroupCampStatus::NOT_LOADED);
const ACTIVE: Option<GroupCampStatus> = Some(GroupCampStatus::ACTIVE);
const RUNNING: Option<GroupCampStatus> = Some(GroupCampStatus::RUNNING);
const DONE: ActOutcome = ActOutcome::Done;

/// A machine with its log on the disk.
struct Desk {
    sequence: Sequence,
    machine: Machine,
    log: Vec<Entry>,
    now: i64,
    asked: bool,
    submitted: Vec<(usize, Act, u32)>,
    over: Option<SequenceResult>,
}

impl Desk {
    fn new(sequence: Sequence) -> Self {
        let machine = Machine::resume(sequence.clone(), &[], false);
        let mut desk = Self {
            sequence,
            machine,
            log: Vec::new(),
            now: 1_000_000,
            asked: false,
            submitted: Vec::new(),
            over: None,
        };
        desk.give(Input::Tick);
        desk
    }

    fn give(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        loop {
            while let Some(output) = self.machine.poll() {
                match output {
                    Output::Journal(entry) => self.log.push(entry),
                    Output::Ask { .. } => self.asked = true,
                    Output::Submit { step, act, attempt } => self.submitted.push((step, act, attempt)),
                    Output::Done(result) => self.over = Some(result),
                }
            }
            if self.machine.next_due().is_none_or(|due| due > self.now) {
                return;
            }
            self.machine.handle(self.now, Input::Tick);
        }
    }

    /// The process is killed, and another one begins.
    fn crash(&mut self) {
        self.machine = Machine::resume(self.sequence.clone(), &self.log, false);
        self.asked = false;
        self.submitted.clear();
        self.give(Input::Tick);
    }

    fn wait(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(due) = self.machine.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.give(Input::Tick);
        }
        self.now = end;
    }

    fn status(&mut self, status: Option<GroupCampStatus>) {
        assert!(std::mem::take(&mut self.asked), "nobody has asked");
        self.give(Input::Asked(status));
    }

    fn outcome(&mut self, outcome: ActOutcome) {
        let (_, act, attempt) = *self.submitted.last().unwrap();
        self.give(Input::Outcome { act, attempt, outcome, request: None, detail: None });
    }

    fn seen(&mut self, status: GroupCampStatus) {
        let step = &self.sequence.steps[self.machine.standing().step];
        self.give(Input::Status { ocs: step.ocs, pair: step.pair, status });
    }

    /// Loaded and dialing.
    fn dialing(sequence: Sequence) -> Self {
        let mut desk = Self::new(sequence);
        desk.status(NOT_LOADED);
        desk.outcome(DONE);
        desk.outcome(DONE);
        assert_eq!(desk.machine.standing().phase, "dialing");
        desk
    }

    fn results(&self) -> Vec<StepResult> {
        let of = |entry: &Entry| match entry.what {
            What::StepEnded(result) => Some(result),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }
}

fn steps(change: impl Fn(&mut Step)) -> Sequence {
    let step = |campaign| {
        let mut step = Step::new(OCS, Pair::new(campaign, 732), Dialing::default());
        step.pause_after_ms = 10_000;
        change(&mut step);
        step
    };
    Sequence { name: "x".into(), start_ms: None, steps: vec![step(101), step(102)] }
}

fn timed() -> Sequence {
    steps(|step| step.end = End { after_ms: Some(60_000), ..End::default() })
}

#[test]
fn a_sequence_loads_starts_stops_and_unloads_each_step_in_turn() {
    let mut desk = Desk::dialing(timed());
    desk.wait(59_999);
    assert_eq!(desk.submitted.len(), 2, "it is not over before its end");
    desk.wait(1);
    for _ in 0..2 {
        desk.outcome(DONE);
    }
    assert_eq!(desk.results(), [StepResult::Time]);
    desk.wait(9_999);
    assert!(!desk.asked, "the pause");
    desk.wait(1);
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.outcome(DONE);
    desk.seen(GroupCampStatus::NOT_LOADED);
    let acts = [(0, Act::Load), (0, Act::Start), (0, Act::Stop), (0, Act::Unload), (1, Act::Load), (1, Act::Start)];
    assert_eq!(desk.submitted, acts.map(|(step, act)| (step, act, 1)));
    assert_eq!((desk.results(), desk.over), (vec![StepResult::Time, StepResult::Depleted], Some(SequenceResult::Done)));
}

#[test]
fn a_crash_at_any_point_leads_to_the_same_requests() {
    // Crash after every input; the world answers with the state that the requests have brought about so far.
    let mut desk = Desk::new(timed());
    let mut all: Vec<(usize, Act, u32)> = Vec::new();
    let mut state = NOT_LOADED;
    let mut rounds = 0;
    while desk.over.is_none() {
        rounds += 1;
        assert!(rounds < 200, "{:?}", desk.log);
        for it in desk.submitted.drain(..) {
            if all.contains(&it) {
                continue; // the same request
            }
            all.push(it);
            state = match it.1 {
                Act::Load | Act::Stop => ACTIVE,
                Act::Start => RUNNING,
                Act::Unload => NOT_LOADED,
            };
        }
        desk.crash();
        if desk.asked {
            desk.status(state);
            desk.crash();
            if desk.asked {
                desk.status(state);
            }
        }
        if desk.submitted.is_empty() && desk.over.is_none() {
            desk.wait(5_000);
            if desk.asked {
                desk.status(state);
            }
        }
    }
    let acts = [Act::Load, Act::Start, Act::Stop, Act::Unload];
    let wanted: Vec<_> = (0..2).flat_map(|step| acts.map(|act| (step, act, 1))).collect();
    assert_eq!(all, wanted);
    assert_eq!(desk.results(), [StepResult::Time, StepResult::Time]);
}

#[test]
fn a_request_that_had_reached_nobody_is_handed_over_again_as_the_same_one() {
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    assert_eq!(desk.submitted, [(0, Act::Load, 1)]);
    desk.crash();
    desk.status(NOT_LOADED);
    assert_eq!(desk.submitted, [(0, Act::Load, 1)]);
    desk.crash();
    desk.status(ACTIVE);
    assert_eq!(desk.submitted, [(0, Act::Start, 1)], "the load has had its effect");
}

#[test]
fn a_start_that_a_crash_left_open_is_handed_over_again_or_stopped_when_its_time_is_over() {
    let begun = || {
        let mut desk = Desk::new(timed());
        desk.status(NOT_LOADED);
        desk.outcome(DONE);
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Start, 1)));
        desk.now += 61_000;
        desk.crash();
        desk
    };
    // It had not reached OCS: its time begins when it does.
    let mut desk = begun();
    desk.status(ACTIVE);
    assert_eq!(desk.submitted, [(0, Act::Start, 1)]);
    desk.outcome(DONE);
    desk.wait(59_999);
    assert_eq!(desk.submitted.len(), 1);
    desk.wait(1);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 1)));
    // It dials, perhaps since then.
    let mut desk = begun();
    desk.status(RUNNING);
    assert_eq!(desk.submitted, [(0, Act::Stop, 1)]);
    // Nobody tells.
    let mut desk = begun();
    desk.wait(15_000);
    assert_eq!(desk.submitted, [(0, Act::Stop, 1)]);
    desk.outcome(ActOutcome::Refused(Some(ErrorCode::CAMPAIGN_NOT_STARTED)));
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Unload, 1)));
    // A moment of the clock holds whatever is known.
    let mut desk = Desk::new(steps(|step| step.end.at_ms = Some(1_030_000)));
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.now += 31_000;
    desk.crash();
    assert_eq!(desk.submitted, [(0, Act::Stop, 1)], "said even before anybody answers");
}

#[test]
fn a_stop_is_said_again_until_the_campaign_stands_still() {
    let mut desk = Desk::dialing(timed());
    desk.wait(60_000);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 1)));
    desk.outcome(ActOutcome::Unknown);
    desk.status(RUNNING);
    desk.wait(5_000);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 2)));
    desk.outcome(ActOutcome::NotSent);
    desk.wait(2_000);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 3)));
    desk.outcome(ActOutcome::NoEffect);
    desk.status(RUNNING);
    desk.wait(5_000);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 4)));
    desk.outcome(ActOutcome::Unknown);
    desk.status(ACTIVE);
    assert_eq!(desk.submitted.last().map(|it| it.1), Some(Act::Unload));
}

#[test]
fn a_campaign_that_somebody_has_loaded_is_left_alone() {
    for (policy, result) in [(OnFailure::Skip, None), (OnFailure::Abort, Some(SequenceResult::Aborted))] {
        let mut desk = Desk::new(steps(|step| step.on_failure = policy));
        desk.status(RUNNING);
        assert_eq!((desk.results(), desk.submitted.len(), desk.over), (vec![StepResult::Failed], 0, result));
    }
}

#[test]
fn a_failure_is_tried_three_times_a_minute_apart_across_a_crash() {
    let mut desk = Desk::new(steps(|step| step.on_failure = OnFailure::Retry));
    for attempt in 1..=3 {
        desk.status(NOT_LOADED);
        desk.outcome(DONE);
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Start, attempt)));
        desk.outcome(ActOutcome::Refused(Some(ErrorCode::LICENSE_VIOLATION)));
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Unload, attempt)), "nothing stays loaded");
        desk.outcome(DONE);
        desk.crash();
        if attempt < 3 {
            desk.wait(59_999);
            assert!(!desk.asked);
            desk.wait(1);
        }
    }
    assert_eq!(desk.results(), [StepResult::Failed]);
}

#[test]
fn told_to_stop_it_stops_what_dials_and_begins_nothing() {
    let mut desk = Desk::dialing(timed());
    desk.give(Input::Stop);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 1)));
    desk.outcome(DONE);
    desk.outcome(DONE);
    assert_eq!((desk.results(), desk.over), (vec![StepResult::Asked], Some(SequenceResult::Stopped)));
    // In its last step it is stopped as well, and not done.
    let mut last = timed();
    last.steps.truncate(1);
    let mut desk = Desk::dialing(last);
    desk.give(Input::Stop);
    desk.outcome(DONE);
    desk.crash();
    desk.status(ACTIVE);
    desk.outcome(DONE);
    assert_eq!((desk.results(), desk.over), (vec![StepResult::Asked], Some(SequenceResult::Stopped)));
    // While something is loaded: it is not started.
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    desk.give(Input::Stop);
    desk.outcome(DONE);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Unload, 1)));
    // While a start has no outcome: the stop overtakes it.
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.give(Input::Stop);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 1)));
    // Before anything.
    let mut desk = Desk::new(timed());
    desk.give(Input::Stop);
    desk.status(NOT_LOADED);
    assert_eq!((desk.submitted.len(), desk.over), (0, Some(SequenceResult::Stopped)));
}

#[test]
fn a_step_whose_end_has_passed_is_skipped_and_one_waits_for_its_time_and_conditions() {
    let mut sequence = steps(|_| {});
    sequence.start_ms = Some(1_060_000);
    sequence.steps[0].end.at_ms = Some(1_000_000);
    let other = Pair::new(103, 732);
    sequence.steps[1].when = vec![Condition { ocs: OCS, pair: other, want: Want::Loaded }];
    let mut desk = Desk::new(sequence);
    assert_eq!(desk.results(), [StepResult::Skipped]);
    desk.wait(100_000);
    assert!(!desk.asked, "the condition does not hold");
    desk.give(Input::Status { ocs: OCS, pair: other, status: GroupCampStatus::INACTIVE });
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.outcome(DONE);
    desk.seen(GroupCampStatus::NOT_LOADED);
    assert_eq!(desk.over, Some(SequenceResult::Partly));
}

#[test]
fn what_somebody_stops_is_unloaded_and_what_ocs_unloads_is_depleted() {
    let mut desk = Desk::dialing(timed());
    desk.seen(GroupCampStatus::ACTIVE);
    desk.wait(1_000);
    desk.seen(GroupCampStatus::NOT_LOADED);
    assert_eq!(desk.results(), [StepResult::Depleted]);
    let mut desk = Desk::dialing(timed());
    desk.seen(GroupCampStatus::ACTIVE);
    desk.wait(5_000);
    desk.status(ACTIVE);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Unload, 1)));
    desk.outcome(DONE);
    assert_eq!(desk.results(), [StepResult::Stopped]);
    // And what was started again goes on.
    let mut desk = Desk::dialing(timed());
    desk.seen(GroupCampStatus::ACTIVE);
    desk.seen(GroupCampStatus::RUNNING);
    desk.wait(59_000);
    assert_eq!(desk.machine.standing().phase, "dialing");
}

#[test]
fn an_ocs_that_says_nothing_is_asked_again_and_its_campaign_stopped_in_time() {
    let mut desk = Desk::dialing(steps(|step| step.end.after_ms = Some(300_000)));
    desk.wait(60_000);
    desk.status(None);
    desk.wait(2_000);
    desk.status(RUNNING);
    desk.wait(60_000);
    assert!(desk.asked, "once a minute");
    desk.wait(178_000);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Stop, 1)), "the end does not wait for an answer");
}

#[test]
fn hours_end_a_step_and_it_does_not_begin_outside_of_them() {
    let zone = crate::engine::ocs::dialer::Zone::UTC;
    let window = Window { zone, zone_name: "UTC".into(), days: Window::EVERY_DAY, from_s: 3_600, till_s: 7_200 };
    let mut desk = Desk::new(steps(|step| step.window = Some(window.clone())));
    assert!(!desk.asked, "1000 s after midnight");
    desk.wait(2_600_000);
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.outcome(DONE);
    desk.wait(3_600_000);
    while desk.asked {
        desk.status(RUNNING);
        desk.wait(60_000);
    }
    assert_eq!(desk.submitted.last().map(|it| it.1), Some(Act::Stop));
}

#[test]
fn what_has_had_no_effect_and_can_have_none_is_begun_again_three_times_in_all() {
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    for attempt in 1..=2 {
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Load, attempt)));
        desk.outcome(ActOutcome::NoEffect);
        desk.status(NOT_LOADED);
    }
    desk.outcome(ActOutcome::NoEffect);
    desk.status(NOT_LOADED);
    assert_eq!(desk.results(), [StepResult::Failed]);
    // An outcome that nobody knows is another matter: it may still come to something.
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.outcome(ActOutcome::Unknown);
    desk.status(ACTIVE);
    assert_eq!(desk.submitted.last(), Some(&(0, Act::Unload, 1)));
    // And one that has had an effect after all is done.
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    desk.outcome(ActOutcome::NoEffect);
    desk.status(RUNNING);
    assert_eq!(desk.machine.standing().phase, "dialing");
}

/// What a crash cut off between the intent and the send has had no effect through no fault of OCS.
#[test]
fn an_act_that_crashes_have_cut_off_again_and_again_is_done_at_last() {
    let mut desk = Desk::new(timed());
    desk.status(NOT_LOADED);
    desk.outcome(DONE);
    for attempt in 1..=5 {
        desk.crash();
        desk.status(ACTIVE);
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Start, attempt)));
        desk.outcome(ActOutcome::NoEffect);
        desk.status(ACTIVE);
        assert_eq!(desk.submitted.last(), Some(&(0, Act::Start, attempt + 1)));
    }
    desk.outcome(DONE);
    assert_eq!(desk.machine.standing().phase, "dialing");
}
