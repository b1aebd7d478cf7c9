mod lists;
mod people;

use super::*;
use crate::engine::topology::Topology;
use crate::message::{
    AutoCompletion, CancelRecord, CommDnMessage, DialMode, Dialing, DoNotCall, ErrorCode, LoadCampaign, MessageType,
    OptimizeBy, SetDialingMode, StartDialing, StopDialing, Target, UnloadCampaign, keys,
};
use crate::protocol::profile::Profile;
use crate::wire::{Dialect, TkvList};
use std::time::Duration;

const DN: &str = "CommDN_1";
const PREDICT: Dialing =
    Dialing { mode: Some(DialMode::PREDICTIVE), optimize_by: Some(OptimizeBy::BUSY_FACTOR), goal: Some(80) };

fn pair() -> Pair {
    Pair::new(101, 732)
}

struct World {
    ocs: Ocs,
    now: Time,
    out: Vec<Output>,
}

impl World {
    fn new(profile: &str) -> Self {
        Self::with(profile, |_| {})
    }

    /// OCS 301 of the demo with a licence for every mode, the undocumented ones too.
    fn licensed(profile: &str) -> Self {
        Self::with(profile, |config| config.licensed_modes = (1..=11).map(DialMode).collect())
    }

    /// OCS 301 of the demo, changed.
    fn with(profile: &str, change: impl FnOnce(&mut OcsConfig)) -> Self {
        let profile = Profile::shipped(profile);
        let mut config = Topology::demo().ocs_config(AppDbid(301), Dialect::default(), profile).unwrap();
        change(&mut config);
        Self { ocs: Ocs::new(config, vec![DN.to_owned()]), now: Time::ZERO, out: Vec::new() }
    }

    fn input(&mut self, input: Input<'_>) {
        self.ocs.handle(self.now, UtcSeconds(1_000), input);
        while let Some(output) = self.ocs.poll() {
            self.out.push(output);
        }
    }

    fn hear(&mut self, tree: &TkvList) {
        let user_data = tree.encode(&Dialect::default()).unwrap();
        self.input(Input::UserEvent { dn: DN, user_data: &user_data });
    }

    /// Sends a request and gives back what the OCS says to it at once.
    fn ask(&mut self, body: impl Into<Message>) -> Vec<CommDnMessage> {
        let message = CommDnMessage::new(AppDbid(201), AppDbid(301), body);
        let user_data = message.encode(&Dialect::default()).unwrap();
        self.input(Input::UserEvent { dn: DN, user_data: &user_data });
        self.sent()
    }

    fn sent(&mut self) -> Vec<CommDnMessage> {
        let out = std::mem::take(&mut self.out);
        out.into_iter()
            .filter_map(|output| match output {
                Output::Send { message, .. } => Some(*message),
                _ => None,
            })
            .collect()
    }

    fn after(&mut self, millis: u64) -> Vec<CommDnMessage> {
        self.now = self.now + Duration::from_millis(millis);
        self.input(Input::Tick);
        self.sent()
    }

    fn internal(&mut self, internal: Internal) -> Vec<CommDnMessage> {
        self.input(Input::Internal(internal));
        self.sent()
    }

    fn running(mut self) -> Self {
        self.ask(LoadCampaign::new(pair(), Dialing::default()));
        self.ask(StartDialing::new(pair(), PREDICT));
        assert_eq!(self.ocs.state(pair()), Some(PairState::Running));
        self
    }

    fn renewals(&self) -> &CallingList {
        self.ocs.config.lists.iter().find(|list| list.name == "renewals").unwrap()
    }

    fn record(&self, id: i32) -> &Record {
        self.renewals().records.iter().find(|record| record.record_id == id).unwrap()
    }

    /// Records of the first chain with three phones.
    fn chain(&self) -> Vec<i32> {
        let chain = self.renewals().records.iter().find(|record| record.chain_n == 1).unwrap().chain_id;
        self.renewals().records.iter().filter(|it| it.chain_id == chain).map(|it| it.record_id).collect()
    }

    fn phone(&self, id: i32) -> Option<Phone> {
        Some(Phone::from(self.record(id).contact_info.as_str()))
    }
}

fn codes(sent: &[CommDnMessage]) -> Vec<(i32, Option<i32>)> {
    sent.iter()
        .map(|it| (it.body.message_type().0, it.body.error().map(|code| code.0).filter(|code| *code != 0)))
        .collect()
}

fn types(sent: &[CommDnMessage]) -> Vec<i32> {
    sent.iter().map(|message| message.body.message_type().0).collect()
}

#[test]
fn an_empty_list_with_auto_completion_completes_right_after_start() {
    let mut world = World::with("documented", |config| {
        config.lists.iter_mut().for_each(|list| list.records.clear());
    });
    let mut load = LoadCampaign::new(pair(), Dialing::default());
    load.auto_completion = Some(AutoCompletion::top(true));
    assert_eq!(types(&world.ask(load)), [19], "not after the load");
    let sent = world.ask(StartDialing::new(pair(), PREDICT));
    assert_eq!(types(&sent), [21, 22]);
    assert_eq!((sent[0].target, sent[1].target), (Target::One(AppDbid(201)), Target::Every));
    let sent = world.after(1_000);
    assert_eq!((types(&sent), sent[0].target), (vec![20], Target::Every));
}

#[test]
fn auto_completion_is_switched_by_the_last_request_that_carries_it() {
    for (load, start, mode, completes) in [
        (None, None, None, false), // absent in a load = off
        (Some(true), None, None, true),
        (Some(true), Some(false), None, false),
        (Some(false), None, Some(true), true),
        (None, Some(true), Some(false), false),
    ] {
        let mut world = World::new("documented");
        let key = |on: Option<bool>| on.map(AutoCompletion::top);
        world.ask(LoadCampaign { auto_completion: key(load), ..LoadCampaign::new(pair(), Dialing::default()) });
        world.ask(StartDialing { auto_completion: key(start), ..StartDialing::new(pair(), PREDICT) });
        world.ask(SetDialingMode { auto_completion: key(mode), ..SetDialingMode::new(pair(), PREDICT) });
        let sent = world.internal(Internal::Depleted(pair()));
        assert_eq!(!sent.is_empty(), completes, "{load:?} {start:?} {mode:?}");
        if completes {
            world.after(1_000);
            world.ask(LoadCampaign::new(pair(), Dialing::default()));
            world.ask(StartDialing::new(pair(), PREDICT));
            assert!(world.internal(Internal::Depleted(pair())).is_empty(), "cleared by the unload");
        }
    }
}

#[test]
fn the_last_cancelled_record_depletes_the_campaign() {
    let mut world = World::with("documented", |config| {
        config.lists.iter_mut().for_each(|list| list.records.truncate(10));
        config.lists.iter_mut().for_each(|list| list.records.retain(|record| record.record_id == 5));
    });
    let mut load = LoadCampaign::new(pair(), Dialing::default());
    load.auto_completion = Some(AutoCompletion::top(true));
    world.ask(load);
    assert_eq!(types(&world.ask(StartDialing::new(pair(), PREDICT))), [21]);
    let sent = world.ask(CancelRecord { phone: world.phone(5), ..CancelRecord::default() });
    assert_eq!(
        {
            let mut all = types(&sent);
            all.sort_unstable();
            all
        },
        [22, 31]
    );
}

#[test]
fn a_mode_outside_the_licence_is_error_15_at_start_and_set_mode_but_not_at_load() {
    let mut world = World::with("documented", |config| config.licensed_modes.retain(|mode| mode.0 == 1));
    let preview = Dialing::new(DialMode::PROGRESSIVE, OptimizeBy::NONE, 0);
    assert_eq!(types(&world.ask(LoadCampaign::new(pair(), preview))), [19]);
    assert_eq!(codes(&world.ask(StartDialing::new(pair(), preview))), [(27, Some(15))]);
    assert_eq!(types(&world.ask(StartDialing::new(pair(), PREDICT))), [21]);
    assert_eq!(codes(&world.ask(SetDialingMode::new(pair(), preview))), [(27, Some(15))]);
}

#[test]
fn every_pair_of_modes_clashes_or_shares_a_group_as_the_table_says() {
    let all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    let excluding = [1, 2, 4, 5, 6, 7, 10];
    for first in all {
        for second in all {
            let dialing = |mode| Dialing::new(DialMode(mode), OptimizeBy::BUSY_FACTOR, 80);
            let mut world = World::licensed("documented");
            world.ask(LoadCampaign::new(pair(), Dialing::default()));
            world.ask(LoadCampaign::new(Pair::new(103, 732), Dialing::default()));
            assert_eq!(types(&world.ask(StartDialing::new(pair(), dialing(first)))), [21]);
            let sent = world.ask(StartDialing::new(Pair::new(103, 732), dialing(second)));
            let clash = excluding.contains(&first) && excluding.contains(&second);
            assert_eq!(codes(&sent), [if clash { (27, Some(11)) } else { (21, None) }], "{first} then {second}");
        }
    }
}

#[test]
fn every_mode_change_while_running_is_allowed_or_not_as_the_table_says() {
    let all = [1, 2, 3, 4, 5, 8, 9, 10, 11];
    for (profile, free) in [("documented", &[][..]), ("lenient", &[1, 2, 4, 5, 10][..])] {
        for from in all {
            for to in all {
                let dialing = |mode| Dialing::new(DialMode(mode), OptimizeBy::BUSY_FACTOR, 80);
                let mut world = World::licensed(profile);
                world.ask(LoadCampaign::new(pair(), Dialing::default()));
                world.ask(StartDialing::new(pair(), dialing(from)));
                let sent = world.ask(SetDialingMode::new(pair(), dialing(to)));
                let both = |modes: &[i32]| modes.contains(&from) && modes.contains(&to);
                let allowed = from == to || both(&[1, 2]) || both(&[4, 5]) || both(free);
                assert_eq!(types(&sent), [if allowed { 23 } else { 27 }], "{profile}: {from} to {to}");
            }
        }
    }
}

#[test]
fn progressive_to_predictive_waits_for_history_length_calls() {
    let mut world = World::with("documented", |config| config.profile.rows.history_length = 2);
    world.ask(LoadCampaign::new(pair(), Dialing::default()));
    world.ask(StartDialing::new(pair(), Dialing::new(DialMode::PROGRESSIVE, OptimizeBy::NONE, 0)));
    let sent = world.ask(SetDialingMode::new(pair(), PREDICT));
    assert_eq!((types(&sent), sent[0].body.dialing()), (vec![23], PREDICT), "told at once");
    let sent = world.ask(crate::message::GetCampaignStatus::new(pair()));
    assert_eq!(sent[0].body.dialing().mode, Some(DialMode::PROGRESSIVE), "in force later");
    assert!(world.internal(Internal::CallEnded(pair())).is_empty());
    let sent = world.internal(Internal::CallEnded(pair()));
    assert_eq!((types(&sent), sent[0].body.dialing(), sent[0].target), (vec![24], PREDICT, Target::Every));
    assert!(world.internal(Internal::CallEnded(pair())).is_empty());
}

#[test]
fn method_and_goal_count_only_with_modes_that_use_them() {
    for (mode, method, goal, profile, code) in [
        (1, 1, 100, "documented", None),
        (1, 1, 101, "documented", Some(10)),
        (1, 3, 1_000, "documented", None),
        (5, 3, 1_001, "documented", Some(10)),
        (10, 6, 1, "documented", Some(10)),
        (2, 1, 101, "documented", None),
        (3, 9, -1, "documented", None),
        (2, 1, 101, "strict", Some(10)),
        (3, 9, 1, "strict", Some(10)),
        (12, 1, 1, "documented", Some(10)),
        (0, 1, 1, "documented", Some(10)),
        (6, 0, 0, "documented", None),
        (6, 0, 0, "strict", Some(10)),
    ] {
        let mut world = World::licensed(profile);
        world.ask(LoadCampaign::new(pair(), PREDICT));
        let sent = world.ask(StartDialing::new(pair(), Dialing::new(DialMode(mode), OptimizeBy(method), goal)));
        assert_eq!(
            sent[0].body.error().filter(|code| *code != ErrorCode::NO).map(|code| code.0),
            code,
            "{mode} {method} {goal} {profile}"
        );
    }
}

#[test]
fn changes_are_traced_with_the_numbers_of_the_ocs_log() {
    let mut world = World::new("documented");
    let traces = |world: &mut World, body: Message| {
        let message = CommDnMessage::new(AppDbid(201), AppDbid(301), body);
        world.input(Input::UserEvent { dn: DN, user_data: &message.encode(&Dialect::default()).unwrap() });
        world.now = world.now + Duration::from_secs(1);
        world.input(Input::Tick);
        let out = std::mem::take(&mut world.out);
        let lines = out.into_iter().filter_map(|output| match output {
            Output::Trace { number, level, text } => Some(format!("{level} {number} {text}")),
            _ => None,
        });
        lines.collect::<Vec<_>>()
    };
    let load: Message = LoadCampaign::new(pair(), Dialing::default()).into();
    assert_eq!(traces(&mut world, load.clone()), ["Trc 52000 Campaign Group Renewals@Team A has been loaded"]);
    let started = traces(&mut world, StartDialing::new(pair(), PREDICT).into());
    assert_eq!(started, ["Trc 52001 Campaign Group Renewals@Team A has been started"]);
    let stopped = traces(&mut world, StopDialing::new(pair()).into());
    assert_eq!(stopped, ["Trc 52002 Campaign Group Renewals@Team A has been stopped"]);
    let unloaded = traces(&mut world, UnloadCampaign::new(pair()).into());
    assert_eq!(unloaded, ["Trc 52004 Campaign Group Renewals@Team A has been unloaded"]);
    traces(&mut world, load);
    let forced = traces(&mut world, crate::message::ForceUnloadCampaign::new(pair()).into());
    assert_eq!(forced, ["Trc 52003 Campaign Group Renewals@Team A has been force unloaded"]);
    assert_eq!(world.ocs.session(pair()), Some(2), "a reload is a new session");
}

#[test]
fn ints_as_text_and_doubled_keys_are_taken_with_a_warning_unless_strict() {
    let stop = |group: TkvList| {
        let head =
            TkvList::new().int(keys::MESSAGE_TYPE, 12).int(keys::ORIGIN_APP_ID, 201).int(keys::TARGET_APP_ID, 301);
        let mut all = head.int(keys::CAMPAIGN_ID, 101);
        all.pairs_mut().extend(group.pairs().to_vec());
        all
    };
    let text = stop(TkvList::new().str(keys::GROUP_ID, "732"));
    let twice = stop(TkvList::new().int(keys::GROUP_ID, 732).int(keys::GROUP_ID, 733));
    for (tree, name) in [(text, "int_as_string"), (twice, "duplicate_key")] {
        let mut world = World::new("documented");
        world.hear(&tree);
        assert!(matches!(&world.out[0], Output::Warned { warning, .. } if warning.kind.name() == name));
        assert_eq!(types(&world.sent()), [24]);
        let mut world = World::new("strict");
        world.hear(&tree);
        assert_eq!(codes(&world.sent()), [(27, Some(10))]);
    }
}

#[test]
fn ignored_events_are_counted_and_other_dns_are_not_heard() {
    let mut world = World::new("documented");
    let stop = |origin, target| {
        let message = CommDnMessage::new(AppDbid(origin), AppDbid(target), StopDialing::new(pair()));
        message.encode(&Dialect::default()).unwrap()
    };
    world.input(Input::UserEvent { dn: DN, user_data: &stop(299, 301) });
    world.input(Input::UserEvent { dn: DN, user_data: &stop(201, 302) });
    world.input(Input::UserEvent { dn: DN, user_data: &stop(301, 301) });
    world.input(Input::UserEvent { dn: DN, user_data: &[1, 2, 3] });
    world.input(Input::UserEvent { dn: "CommDN_2", user_data: &stop(201, 301) });
    assert_eq!(Ignored::ALL.map(|reason| world.ocs.ignored(reason)), [1, 1, 1, 1, 0]);
    assert!(world.sent().is_empty());
}

#[test]
fn the_switches_delay_double_and_disguise_answers_but_change_the_state_at_once() {
    let mut world = World::with("documented", |config| {
        config.backup = Some(AppDbid(311));
        let rows = &mut config.profile.rows;
        (rows.answer_delay_ms, rows.answer_twice_gap_ms) = (200, 500);
        (rows.answer_twice, rows.look_alike_before_answer, rows.answer_from_backup) = (true, true, true);
    });
    assert!(world.ask(LoadCampaign::new(pair(), Dialing::default())).is_empty());
    assert_eq!(world.ocs.state(pair()), Some(PairState::Active));
    assert_eq!(world.ocs.next_deadline(), Some(Time::from_millis(200)));
    assert!(world.after(199).is_empty());
    let sent = world.after(1);
    let origins: Vec<i32> = sent.iter().map(|message| message.origin.0).collect();
    assert_eq!((types(&sent), origins), (vec![19, 19], vec![301, 311]), "the look-alike, then the answer");
    assert_eq!(types(&world.after(499)), Vec::<i32>::new());
    assert_eq!(types(&world.after(1)), [19]);
    assert_eq!(world.ocs.next_deadline(), None);
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let times = |seed| {
        let mut world = World::with("adversarial", |config| config.seed = seed);
        world.ask(LoadCampaign::new(pair(), Dialing::default()));
        let mut times = Vec::new();
        while let Some(due) = world.ocs.next_deadline() {
            world.now = due;
            world.input(Input::Tick);
            times.push(due);
        }
        (times, types(&world.sent()))
    };
    assert_eq!(times(7), times(7));
    assert_ne!(times(7).0, times(8).0);
    assert_eq!(times(7).1, [19, 19, 19]);
}

#[test]
fn a_late_tick_works_timers_off_in_the_order_of_their_times() {
    let mut world = World::new("documented").running();
    world.internal(Internal::RecordTaken { list: "renewals".into(), record_id: 50, pair: pair(), held: Held::Call });
    assert_eq!(types(&world.ask(UnloadCampaign::new(pair()))), [22]);
    let sent = world.after(400_000);
    assert_eq!(types(&sent), [24, 20], "drained at 300 s, closed at 301 s");
    assert_eq!(sent[1].target, Target::One(AppDbid(201)));
}

#[test]
fn a_restart_forgets_all_but_lists_and_do_not_call() {
    let mut world = World::with("documented", |config| config.profile.rows.answer_delay_ms = 100).running();
    world.ask(DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() });
    assert!(world.internal(Internal::Restart).is_empty());
    assert_eq!(world.ocs.state(pair()), Some(PairState::NotLoaded));
    assert!(world.after(1_000).is_empty(), "answers under way are lost");
    assert_eq!(world.ocs.dnc().len(), 1);
}

#[test]
fn notifications_go_out_on_every_used_dn() {
    let config = Topology::demo().ocs_config(AppDbid(301), Dialect::default(), None).unwrap();
    let ocs = Ocs::new(config, vec![DN.to_owned(), "CommDN_3".to_owned()]);
    let mut world = World { ocs, now: Time::ZERO, out: Vec::new() };
    assert_eq!(types(&world.ask(LoadCampaign::new(pair(), Dialing::default()))), [19], "an answer on its own DN only");
    world.input(Input::Internal(Internal::SetInactive(pair())));
    let dns: Vec<&str> = world
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Send { dn, message } if message.body.message_type() == MessageType(24) => Some(dn.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(dns, [DN, "CommDN_3"]);
}
