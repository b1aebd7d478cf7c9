use super::*;
use crate::engine::ocs::record::{CANCELLED, NO_CALL, READY, RETRIEVED, UPDATED};
use crate::message::{ChainScope, DoNotCall};

#[test]
fn a_do_not_call_marks_the_records_of_loaded_lists_and_their_chains() {
    let mut world = World::new("documented");
    let chain = world.chain();
    let entry = DoNotCall { phone: world.phone(chain[1]), ..DoNotCall::default() };
    world.ask(entry.clone());
    assert!(!world.record(chain[1]).is_final(), "nothing is loaded");
    let mut world = World::new("documented").running();
    assert_eq!(types(&world.ask(entry)), [33]);
    for id in chain {
        let record = world.record(id);
        assert_eq!((record.record_type, record.record_status, record.call_result), (NO_CALL, UPDATED, 51));
    }
    let marked = world.renewals().records.iter().filter(|record| record.record_type == NO_CALL).count();
    assert_eq!(marked, 3);
}

#[test]
fn a_do_not_call_for_the_record_only_leaves_the_chain() {
    let mut world = World::new("documented").running();
    let chain = world.chain();
    let phone = world.phone(chain[1]);
    world.ask(DoNotCall { phone, customer_id: None, scope: Some(ChainScope::RecordOnly.into()) });
    let types: Vec<i32> = chain.iter().map(|id| world.record(*id).record_type).collect();
    assert_eq!(types, [2, NO_CALL, 2]);
}

#[test]
fn a_do_not_call_by_customer_goes_by_the_customer_column() {
    let mut world = World::new("documented").running();
    world.ask(DoNotCall { customer_id: Some("C0002".into()), ..DoNotCall::default() });
    let marked: Vec<_> = world.renewals().records.iter().filter(|it| it.record_type == NO_CALL).collect();
    assert!(marked.iter().all(|record| world.renewals().customer_of(record) == Some("C0002")));
    assert_eq!(marked.len(), 3);
}

#[test]
fn phone_and_customer_are_both_added_and_a_repeat_changes_nothing() {
    let mut world = World::new("documented");
    let entry = DoNotCall { phone: Some("5551234".into()), customer_id: Some("C-7".into()), ..DoNotCall::default() };
    assert_eq!(types(&world.ask(entry.clone())), [33]);
    assert_eq!(world.ocs.dnc().len(), 2);
    assert_eq!(types(&world.ask(entry)), [33]);
    assert_eq!(world.ocs.dnc().len(), 2);
}

#[test]
fn the_row_of_a_do_not_call_comes_before_its_answer_and_once() {
    let mut world = World::new("documented");
    let entry = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
    let message = CommDnMessage::new(AppDbid(201), Target::Every, entry);
    let user_data = message.encode(&Dialect::default()).unwrap();
    world.input(Input::UserEvent { dn: DN, user_data: &user_data });
    let added = Output::DncAdded { phone: Some("5551234".into()), customer: None, at: UtcSeconds(1_000) };
    assert_eq!(world.out.first(), Some(&added));
    assert!(matches!(world.out.get(1), Some(Output::Send { message, .. }) if message.body.message_type().0 == 33));
    world.out.clear();
    world.input(Input::UserEvent { dn: DN, user_data: &user_data });
    assert_eq!(types(&world.sent()), [33]);
}

#[test]
fn a_restored_entry_is_known() {
    let mut world = World::new("documented");
    world.ocs.restore_dnc(Some(&"5551234".into()), None);
    let message = CommDnMessage::new(
        AppDbid(201),
        AppDbid(301),
        DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() },
    );
    world.input(Input::UserEvent { dn: DN, user_data: &message.encode(&Dialect::default()).unwrap() });
    assert!(!world.out.iter().any(|output| matches!(output, Output::DncAdded { .. })));
}

#[test]
fn a_record_in_somebodys_hands_is_marked_when_it_comes_back() {
    for held in [Held::Call, Held::Desktop] {
        let mut world = World::new("documented").running();
        let list = "renewals".to_owned();
        world.internal(Internal::RecordTaken { list: list.clone(), record_id: 50, pair: pair(), held });
        let phone = world.phone(50);
        assert_eq!(types(&world.ask(DoNotCall { phone, ..DoNotCall::default() })), [33]);
        assert_eq!(world.record(50).record_status, RETRIEVED);
        world.internal(Internal::RecordBack { list, record_id: 50 });
        assert_eq!((world.record(50).record_type, world.record(50).call_result), (NO_CALL, 51));
    }
}

#[test]
fn a_do_not_call_without_usable_data_is_error_10() {
    let mut world = World::new("documented");
    let long = "5".repeat(65);
    for (phone, customer, scope) in [
        (None, None, None),
        (Some(""), None, None),
        (None, Some(""), None),
        (Some("5"), None, Some("Half")),
        (Some(long.as_str()), None, None),
    ] {
        let entry = DoNotCall {
            phone: phone.map(Phone::from),
            customer_id: customer.map(CustomerId::from),
            scope: scope.map(|scope: &str| crate::wire::Text::from(scope).into()),
        };
        let sent = world.ask(entry.clone());
        assert_eq!(codes(&sent), [(27, Some(10))]);
        assert_eq!(sent[0].body.do_not_call(), Some(&entry), "the request is echoed");
    }
    assert!(world.ocs.dnc().is_empty());
}

#[test]
fn a_cancel_takes_the_chain_out_and_leaves_final_records() {
    let mut world = World::new("documented").running();
    let chain = world.chain();
    let phone = world.phone(chain[0]);
    world.ask(DoNotCall {
        phone: world.phone(chain[2]),
        customer_id: None,
        scope: Some(ChainScope::RecordOnly.into()),
    });
    assert_eq!(types(&world.ask(CancelRecord { phone, ..CancelRecord::default() })), [31]);
    let result = |id: i32| (world.record(id).record_status, world.record(id).call_result);
    assert_eq!([result(chain[0]), result(chain[1])], [(CANCELLED, 52); 2]);
    assert_eq!(result(chain[2]), (UPDATED, 51));
}

#[test]
fn a_record_on_a_desktop_is_left_and_the_rest_of_its_chain_is_cancelled() {
    let mut world = World::new("documented").running();
    let chain = world.chain();
    let taken = |record_id, held| Internal::RecordTaken { list: "renewals".to_owned(), record_id, pair: pair(), held };
    world.internal(taken(chain[1], Held::Desktop));
    world.internal(taken(chain[2], Held::Call));
    let sent = world.ask(CancelRecord { phone: world.phone(chain[0]), ..CancelRecord::default() });
    let Message::RecordCanceled(event) = &sent[0].body else { panic!("{sent:?}") };
    assert_eq!(event.partial().and_then(|text| text.as_str()), Some(crate::message::RECORDS_ON_DESKTOP));
    let statuses: Vec<i32> = chain.iter().map(|id| world.record(*id).record_status).collect();
    assert_eq!(statuses, [CANCELLED, RETRIEVED, CANCELLED]);
}

#[test]
fn a_cancel_of_the_record_only_is_not_partial_because_of_its_chain() {
    let mut world = World::new("documented").running();
    let chain = world.chain();
    let list = "renewals".to_owned();
    world.internal(Internal::RecordTaken { list, record_id: chain[1], pair: pair(), held: Held::Desktop });
    let scope = Some(ChainScope::RecordOnly.into());
    let sent = world.ask(CancelRecord { phone: world.phone(chain[0]), scope, ..CancelRecord::default() });
    let Message::RecordCanceled(event) = &sent[0].body else { panic!("{sent:?}") };
    assert_eq!(event.partial(), None);
    assert_eq!(world.record(chain[2]).record_status, READY);
}

#[test]
fn a_cancel_with_phone_and_customer_takes_both_or_either_by_profile() {
    for (profile, cancelled) in [("documented", 0), ("lenient", 2)] {
        let mut world = World::new(profile).running();
        let other = world.renewals().customer_of(world.record(60)).unwrap().to_owned();
        let customer_id = Some(other.as_str().into());
        world.ask(CancelRecord { phone: world.phone(50), customer_id, ..CancelRecord::default() });
        let count = world.renewals().records.iter().filter(|it| it.record_status == CANCELLED).count();
        assert_eq!(count, cancelled, "{profile}");
    }
}

#[test]
fn a_cancel_reaches_only_the_campaign_it_names() {
    let mut world = World::new("documented").running();
    world.ask(LoadCampaign::new(Pair::new(103, 732), Dialing::default()));
    let campaign_name = Some("Survey".into());
    world.ask(CancelRecord { phone: world.phone(50), campaign_name, ..CancelRecord::default() });
    assert!(!world.record(50).is_final());
    let campaign_name = Some("Renewals".into());
    world.ask(CancelRecord { phone: world.phone(50), campaign_name, ..CancelRecord::default() });
    assert!(world.record(50).is_final());
}
