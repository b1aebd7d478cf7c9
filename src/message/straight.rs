//! Tests only: reading straight on says what a thorough reading says, whatever stands where.

use proptest::{collection::vec, prelude::*};

use crate::message::{
    AutoCompletion, CampaignDbid, CampaignLoaded, CampaignSchedule, CancelRecord, CommDnMessage, DialMode, Dialing,
    DialingPriority, DoNotCall, DoNotCallProcessed, ErrorCode, ErrorEvent, GroupCampStatus, LoadCampaign, Message,
    OptimizeBy, Pair, PairEvent, PriorityShare, ScheduleItem, SetDialingMode, StopDialing, testing::to_tree,
};
use crate::wire::{Dialect, ListView, Reading, TkvList, Value};

pub(super) fn messages() -> Vec<Message> {
    let pair = Pair::new(0, 732);
    let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
    let item = |number| (number, ScheduleItem { campaign: Some(CampaignDbid(number)), ..ScheduleItem::default() });
    let schedule = CampaignSchedule {
        description: Some("night".into()),
        start_time: Some(5),
        n_items: Some(3),
        items: (1..=3).map(item).collect(),
    };
    let share = |priority| Some(PriorityShare { priority: Some(priority), n_records: None });
    let mut load = LoadCampaign::new(pair, dialing);
    load.auto_completion = Some(AutoCompletion::top(true));
    load.schedule = Some(schedule.clone());
    load.priority =
        Some(DialingPriority { general: share(1), campaign_rescheduled: None, campaign_call_back: share(2) });
    let mut loaded = PairEvent::new(pair, GroupCampStatus::ACTIVE);
    (loaded.schedule, loaded.error_message) = (Some(schedule), Some("fine".into()));
    let entry = DoNotCall { phone: Some("5551234".into()), customer_id: Some("c".into()), ..DoNotCall::default() };
    let cancel = CancelRecord { phone: Some("5551234".into()), message: Some("m".into()), ..CancelRecord::default() };
    let processed =
        DoNotCallProcessed { error: Some(ErrorCode::NO), error_message: None, do_not_call: Some(entry.clone()) };
    let error = ErrorEvent { error: Some(ErrorCode::NO), do_not_call: Some(entry.clone()), ..ErrorEvent::default() };
    vec![
        load.into(),
        CampaignLoaded(loaded).into(),
        SetDialingMode::new(pair, dialing).into(),
        StopDialing::new(pair).into(),
        entry.into(),
        cancel.into(),
        processed.into(),
        error.into(),
    ]
}

/// What is done to one pair of the message, counted through all depths.
#[derive(Clone, Copy, Debug)]
enum Twist {
    Drop,
    Double,
    DoubleAtEnd,
    SwapWithNext,
    OtherCase,
    OtherKind,
    Stranger,
}

fn twist(list: &mut TkvList, at: &mut usize, what: Twist) -> bool {
    for ix in 0..list.len() {
        if *at == 0 {
            let pairs = list.pairs_mut();
            let (key, value) = pairs[ix].clone();
            match what {
                Twist::Drop => drop(pairs.remove(ix)),
                Twist::Double => pairs.insert(ix, (key, value)),
                Twist::DoubleAtEnd => pairs.push((key, Value::Int(3))),
                Twist::SwapWithNext if ix + 1 < pairs.len() => pairs.swap(ix, ix + 1),
                Twist::SwapWithNext => {}
                Twist::OtherCase => pairs[ix].0 = key.to_ascii_uppercase().into(),
                Twist::OtherKind => {
                    pairs[ix].1 = if matches!(value, Value::Int(_)) { Value::Str("12".into()) } else { Value::Int(7) };
                }
                Twist::Stranger => pairs.insert(ix, (b"stranger".to_vec().into(), Value::Int(1))),
            }
            return true;
        }
        *at -= 1;
        if let Value::List(inner) = &mut list.pairs_mut()[ix].1
            && twist(inner, at, what)
        {
            return true;
        }
    }
    false
}

fn twists() -> impl Strategy<Value = Twist> {
    use Twist::{Double, DoubleAtEnd, Drop, OtherCase, OtherKind, Stranger, SwapWithNext};
    prop::sample::select(vec![Drop, Double, DoubleAtEnd, SwapWithNext, OtherCase, OtherKind, Stranger])
}

proptest! {
    #[test]
    fn straight_on_or_thoroughly_a_message_says_the_same(
        which in 0..messages().len(),
        done in vec((0_usize..30, twists()), 0..4),
        reference in any::<bool>(),
        strict in any::<bool>(),
    ) {
        let mut tree = to_tree(messages().swap_remove(which));
        if reference {
            tree = tree.int(crate::message::keys::REFERENCE_ID, 9);
        }
        for (at, what) in done {
            twist(&mut tree, &mut at.clone(), what);
        }
        let packed = tree.encode(&Dialect::default()).unwrap();
        let list = ListView::parse(&packed, &Dialect::default(), Reading::Tolerant).unwrap();
        let reading = if strict { Reading::Strict } else { Reading::Tolerant };
        prop_assert_eq!(CommDnMessage::read(list, reading), CommDnMessage::read_thoroughly(list, reading));
    }
}
