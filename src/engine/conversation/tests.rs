use super::*;
use crate::message::{
    AutoCompletion, AutoCompletionPlace, CampaignDbid, CampaignLoaded, CampaignSchedule, CampaignStatus,
    CampaignUnloaded, CancelRecord, ChainAttr, DialMode, Dialing, DialingModeChanged, DialingPriority, DialingStarted,
    DialingStopped, DoNotCall, DoNotCallProcessed, ErrorCode, ErrorEvent, ForceUnloadCampaign, GetCampaignStatus,
    GroupCampStatus, LoadCampaign, Message, OptimizeBy, PairEvent, PriorityShare, RecordCanceled, ScheduleItem,
    SetDialingMode, StartDialing, StopDialing, UnloadCampaign,
};
use crate::wire::{Charset, Text};
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![any::<String>().prop_map(Text::from), Just(Text::from_bytes(&[b'a', 0xff, b'"'], Charset::Utf8)),]
}

fn dialing() -> impl Strategy<Value = Dialing> {
    (of(any::<i32>()), of(any::<i32>()), of(any::<i32>())).prop_map(|(mode, method, goal)| Dialing {
        mode: mode.map(DialMode),
        optimize_by: method.map(OptimizeBy),
        goal,
    })
}

fn item() -> impl Strategy<Value = ScheduleItem> {
    let numbers = proptest::collection::vec(of(any::<i32>()), 6);
    (dialing(), numbers).prop_map(|(dialing, n)| ScheduleItem {
        campaign: n[0].map(CampaignDbid),
        mode: dialing.mode,
        optimize_by: dialing.optimize_by,
        goal: dialing.goal,
        stop_at_time: n[1],
        stop_at_contacts: n[2],
        stop_at_dials: n[3],
        sleep_before_next_start_minutes: n[4],
        status: n[5].map(GroupCampStatus),
    })
}

fn schedule() -> impl Strategy<Value = CampaignSchedule> {
    let items = proptest::collection::btree_map(any::<i32>(), item(), 0..4);
    (of(text()), of(any::<i32>()), of(any::<i32>()), items).prop_map(|(description, start_time, n_items, items)| {
        CampaignSchedule { description, start_time, n_items, items: items.into_iter().collect() }
    })
}

fn priority() -> impl Strategy<Value = DialingPriority> {
    let share = || {
        of((of(any::<i32>()), of(any::<i32>())).prop_map(|(priority, n_records)| PriorityShare { priority, n_records }))
    };
    (share(), share(), share()).prop_map(|(general, campaign_rescheduled, campaign_call_back)| DialingPriority {
        general,
        campaign_rescheduled,
        campaign_call_back,
    })
}

fn cancel() -> impl Strategy<Value = CancelRecord> {
    (of(text()), of(text()), of(text()), of(text()), of(text())).prop_map(|(phone, name, scope, customer, message)| {
        CancelRecord {
            phone: phone.map(Into::into),
            campaign_name: name,
            scope: scope.map(ChainAttr::from),
            customer_id: customer.map(Into::into),
            message,
        }
    })
}

fn dnc() -> impl Strategy<Value = DoNotCall> {
    (of(text()), of(text()), of(text())).prop_map(|(phone, customer, scope)| DoNotCall {
        phone: phone.map(Into::into),
        customer_id: customer.map(Into::into),
        scope: scope.map(ChainAttr::from),
    })
}

fn pair() -> impl Strategy<Value = Pair> {
    (any::<i32>(), any::<i32>()).prop_map(|(campaign, group)| Pair::new(campaign, group))
}

fn auto() -> impl Strategy<Value = Option<AutoCompletion>> {
    of((any::<bool>(), any::<bool>()).prop_map(|(on, top)| AutoCompletion {
        on,
        place: if top { AutoCompletionPlace::Top } else { AutoCompletionPlace::Properties },
    }))
}

fn pair_event() -> impl Strategy<Value = PairEvent> {
    (pair(), dialing(), of(any::<i32>()), of(any::<i32>()), of(text()), of(schedule()), of(priority())).prop_map(
        |(pair, dialing, status, error, error_message, schedule, priority)| PairEvent {
            pair,
            dialing,
            status: status.map(GroupCampStatus),
            error: error.map(ErrorCode),
            error_message,
            schedule,
            priority,
        },
    )
}

macro_rules! dialing_body {
    ($type:ident) => {
        (pair(), dialing(), auto(), of(schedule()), of(priority()))
            .prop_map(|(pair, dialing, auto_completion, schedule, priority)| {
                Message::from($type { pair, dialing, auto_completion, schedule, priority })
            })
            .boxed()
    };
}
macro_rules! control_body {
    ($type:ident) => {
        (pair(), of(schedule())).prop_map(|(pair, schedule)| Message::from($type { pair, schedule })).boxed()
    };
}
macro_rules! event_body {
    ($type:ident) => {
        pair_event().prop_map(|event| Message::from($type(event))).boxed()
    };
}

fn body() -> impl Strategy<Value = Message> {
    proptest::strategy::Union::new([
        dialing_body!(LoadCampaign),
        dialing_body!(StartDialing),
        dialing_body!(SetDialingMode),
        control_body!(UnloadCampaign),
        control_body!(StopDialing),
        control_body!(GetCampaignStatus),
        control_body!(ForceUnloadCampaign),
        event_body!(CampaignLoaded),
        event_body!(CampaignUnloaded),
        event_body!(DialingStarted),
        event_body!(DialingStopped),
        event_body!(DialingModeChanged),
        event_body!(CampaignStatus),
        cancel().prop_map(Message::from).boxed(),
        dnc().prop_map(Message::from).boxed(),
        (of(any::<i32>()), of(text()), of(cancel()))
            .prop_map(|(error, error_message, cancel_record)| {
                RecordCanceled { error: error.map(ErrorCode), error_message, cancel_record }.into()
            })
            .boxed(),
        (of(any::<i32>()), of(text()), of(dnc()))
            .prop_map(|(error, error_message, do_not_call)| {
                DoNotCallProcessed { error: error.map(ErrorCode), error_message, do_not_call }.into()
            })
            .boxed(),
        (proptest::collection::vec(of(any::<i32>()), 4), of(text()), of(cancel()), of(dnc()))
            .prop_map(|(n, error_message, cancel_record, do_not_call)| {
                let (campaign, group) = (n[0].map(CampaignDbid), n[1].map(GroupDbid));
                let (status, error) = (n[2].map(GroupCampStatus), n[3].map(ErrorCode));
                ErrorEvent { campaign, group, status, error, error_message, cancel_record, do_not_call }.into()
            })
            .boxed(),
        prop_oneof![0..=6_i32, 13..=18_i32, 25..=26_i32, Just(28), 34..=i32::MAX]
            .prop_map(|number| Message::Unknown(MessageType(number)))
            .boxed(),
    ])
}

fn message() -> impl Strategy<Value = CommDnMessage> {
    (any::<i32>(), any::<i32>(), of(any::<i32>()), body()).prop_map(|(origin, target, reference_id, body)| {
        CommDnMessage { origin: AppDbid(origin), target: target.into(), reference_id, body }
    })
}

proptest! {
    #[test]
    fn every_field_of_every_message_reads_back(
        message in message(),
        time in of("[0-9+][0-9:.TZ-]{0,20}"),
        dn in of(any::<String>()),
    ) {
        let line = print_step(time.as_deref(), dn.as_deref(), &message, Mask::Show);
        let step = Step::Message(Box::new(MessageStep { time, dn, message, open: false }));
        prop_assert_eq!(parse_step(&line), Ok(Some(step.clone())), "{}", line);
        prop_assert_eq!(step.to_string(), line);
    }

    #[test]
    fn any_line_is_a_step_nothing_or_an_error(line in any::<String>()) {
        let _ = parse_step(&line);
    }
}

fn read(line: &str) -> MessageStep {
    let Some(Step::Message(step)) = parse_step(line).unwrap() else { panic!("{line}") };
    *step
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let load =
        read("app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732 mode=predict optimize_by=busy_factor goal=80");
    let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
    assert_eq!(load.message.body, LoadCampaign::new(Pair::new(101, 732), dialing).into());
    let dnc = read("10:00:00.001 @CommDN_1 app 201 -> 0 CM_ReqDoNotCall dnc.phone=+12025550100 # to every OCS");
    assert_eq!((dnc.time.as_deref(), dnc.dn.as_deref()), (Some("10:00:00.001"), Some("CommDN_1")));
    assert_eq!(dnc.message.target, Target::Every);
    let steps = parse("# a comment\n\nwait 1s\ntrigger 301 set_inactive 101-732\nprofile strict\n").unwrap();
    let wanted = [
        (3, Step::Wait(Duration::from_secs(1))),
        (4, Step::Trigger(Some(AppDbid(301)), Internal::SetInactive(Pair::new(101, 732)))),
        (5, Step::Profile("strict".to_owned())),
    ];
    assert_eq!(steps, wanted);
}

#[test]
fn every_other_step_prints_as_it_is_read() {
    for line in [
        "wait 1500ms",
        "profile strict",
        "trigger restart",
        "trigger 301 record_back \"my list\" 7",
        "trigger record_taken renewals 7 101-732 desktop",
        "trigger record_taken renewals 7 101-732 call",
        "trigger clear_inactive 101-732",
        "trigger depleted 101-732",
        "trigger call_ended 101-732",
        "trigger 302 item_end 732",
    ] {
        assert_eq!(parse_step(line).unwrap().unwrap().to_string(), line);
    }
}

struct Sevens;

impl Veil for Sevens {
    fn person(&self, text: &Text) -> Text {
        Text::from(text.display().replace(|c: char| c.is_ascii_digit(), "7"))
    }

    fn words(&self, text: &Text) -> Text {
        self.person(text)
    }
}

#[test]
fn people_can_be_veiled_and_the_line_still_reads() {
    let step =
        read("app 201 -> 301 CM_ReqCancelRecord cancel.phone=5551234 cancel.customer_id=C-1 cancel.scope=AllChain");
    let line = print_step(None, None, &step.message, Mask::Veil(&Sevens));
    let wanted = "cancel.phone=7777777 cancel.scope=AllChain cancel.customer_id=C-7";
    assert_eq!(line, format!("app 201 -> 301 CM_ReqCancelRecord {wanted}"));
    assert!(parse_step(&line).is_ok());
    let step = read("ocs 301 -> 201 CM_EvError campaign=101 group=732 error=3 text=\"no record of 5551234\"");
    let line = print_step(None, None, &step.message, Mask::Veil(&Sevens));
    assert!(line.contains("no record of 7777777") && line.contains("campaign=101"), "{line}");
}

#[test]
fn an_open_step_leaves_the_other_attributes_free() {
    let found = read("ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 mode=1 status=4 error=0").message;
    assert!(read("ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 status=4 ...").fits(&found));
    assert!(!read("ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 status=4").fits(&found));
    assert!(!read("ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 status=3 ...").fits(&found));
    assert!(!read("ocs 301 -> 202 CM_EvCampaignLoaded campaign=101 group=732 status=4 ...").fits(&found));
}

#[test]
fn a_mistake_is_told_with_its_line_and_the_nearest_word() {
    let cases = [
        (
            "\napp 201 -> 301 CM_ReqStopDialling campaign=1 group=2",
            "line 2: expected a message, found 'CM_ReqStopDialling', did you mean 'CM_ReqStopDialing'",
        ),
        (
            "app 201 -> 301 CM_ReqStopDialing campain=1 group=2",
            "line 1: expected an attribute, found 'campain', did you mean 'campaign'",
        ),
        ("app 201 -> 301 CM_ReqStopDialing campaign=1", "line 1: GSW_CM_AttrGroupID: expected int, found nothing"),
        (
            "app 201 -> 301 CM_ReqStopDialing campaign=1 group=2 mode=1",
            "line 1: CM_ReqStopDialing has no attribute mode",
        ),
        (
            "app 201 -> 301 CM_ReqLoadCampaign campaign=1 group=2 mode=fast",
            "line 1: expected a number or its word, found 'fast'",
        ),
        ("ocs 201 -> 301 CM_ReqStopDialing campaign=1 group=2", "line 1: expected app, found 'ocs'"),
        (
            "app 201 -> 301 CM_ReqStopDialing campaign=1 group=2 group=3",
            "line 1: expected every attribute once, found 'GSW_CM_AttrGroupID'",
        ),
        ("wait soon", "line 1: expected a duration such as 500ms, 1s, 5m or 2h, found 'soon'"),
        ("trigger set_inactive 101", "line 1: expected a pair such as 101-732, found '101'"),
        ("app 201 -> 301 CM_ReqDoNotCall dnc.phone=\"5", "line 1: expected a closing quote, found the end of the line"),
    ];
    for (text, wanted) in cases {
        assert_eq!(parse(text).unwrap_err().to_string(), wanted);
    }
}
