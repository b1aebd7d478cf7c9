use super::*;
use crate::engine::ocs::record::{CANCELLED, NO_CALL, READY, RETRIEVED};
use crate::message::{CampaignDbid, CampaignSchedule, ScheduleItem};

fn kept(profile: &str) -> World {
    World::with(profile, |config| config.reads_lists = true)
}

fn load() -> CommDnMessage {
    CommDnMessage::new(AppDbid(201), AppDbid(301), LoadCampaign::new(pair(), Dialing::default()))
}

fn renewals(records: Vec<Record>) -> CallingList {
    CallingList { name: "renewals".to_owned(), enabled: true, customer_column: "customer_id".to_owned(), records }
}

impl World {
    fn hear_message(&mut self, message: &CommDnMessage) {
        let user_data = message.encode(&Dialect::default()).unwrap();
        self.input(Input::UserEvent { dn: DN, user_data: &user_data });
    }

    fn wanted(&mut self) -> Vec<String> {
        let [Output::ReadLists { lists }] = &self.out[..] else { panic!("{:?}", self.out) };
        let lists = lists.clone();
        self.out.clear();
        lists
    }
}

#[test]
fn a_load_goes_on_when_its_lists_are_read() {
    let mut world = kept("documented");
    world.hear_message(&load());
    assert_eq!(world.wanted(), ["renewals"]);
    assert_eq!(world.ocs.state(pair()), Some(PairState::NotLoaded));
    world.input(Input::Lists(vec![renewals(vec![Record::new(1, "5551234")])]));
    assert_eq!(types(&world.sent()), [19]);
    assert_eq!(world.ocs.state(pair()), Some(PairState::Active));
    assert_eq!(world.renewals().records.len(), 1, "what an import has put into the list is called");
    // Loaded already: nothing is read, and the answer comes at once.
    world.hear_message(&load());
    assert_eq!(types(&world.sent()), [27]);
}

#[test]
fn a_list_that_only_the_host_knows_can_be_loaded_once_it_is_there() {
    let mut world = kept("documented");
    world.ocs.config.lists.clear();
    world.hear_message(&load());
    world.wanted();
    world.input(Input::Lists(vec![]));
    let sent = world.sent();
    assert_eq!(sent[0].body.error(), Some(ErrorCode::WRONG_CONFIGURATION));
    world.hear_message(&load());
    world.wanted();
    world.input(Input::Lists(vec![renewals(vec![])]));
    assert_eq!(types(&world.sent()), [19]);
}

#[test]
fn an_item_of_a_sequence_reads_its_lists_before_it_begins() {
    let mut world = kept("documented");
    let item = ScheduleItem { campaign: Some(CampaignDbid(101)), ..ScheduleItem::default() };
    let schedule = CampaignSchedule { n_items: Some(1), items: vec![(1, item)], ..CampaignSchedule::default() };
    let sequence = Pair::new(0, 732);
    let mut load = LoadCampaign::new(sequence, Dialing::default());
    load.schedule = Some(schedule);
    world.hear_message(&CommDnMessage::new(AppDbid(201), AppDbid(301), load));
    assert_eq!(world.wanted(), ["renewals"]);
    world.input(Input::Lists(vec![]));
    assert_eq!(types(&world.sent()), [19]);
    world.hear_message(&CommDnMessage::new(AppDbid(201), AppDbid(301), StartDialing::new(sequence, PREDICT)));
    let started = std::mem::take(&mut world.out);
    assert!(matches!(&started[..], [Output::Send { .. }, Output::ReadLists { lists }] if lists == &["renewals"]));
    assert_eq!(world.ocs.state(pair()), Some(PairState::NotLoaded));
    world.input(Input::Lists(vec![renewals(vec![Record::new(1, "5551234")])]));
    assert_eq!(types(&world.sent()), [19, 21]);
    assert_eq!(world.ocs.state(pair()), Some(PairState::Running));
}

#[test]
fn changed_rows_come_before_the_answer() {
    let mut world = World::new("documented").running();
    let chain = world.chain();
    let cancel = CancelRecord { phone: world.phone(chain[0]), ..CancelRecord::default() };
    world.hear_message(&CommDnMessage::new(AppDbid(201), AppDbid(301), cancel));
    let [Output::Record(a), Output::Record(b), Output::Record(c), Output::Send { .. }] = &world.out[..] else {
        panic!("{:?}", world.out)
    };
    for change in [a, b, c] {
        assert_eq!((change.record_status, change.call_result), (CANCELLED, 52));
        let list = &world.ocs.config().lists[change.list];
        assert_eq!((list.name.as_str(), list.records[change.place].record_id), ("renewals", change.record_id));
    }
    world.out.clear();
    // What is final stays as it is, and is not written again.
    let again = CancelRecord { phone: world.phone(chain[0]), ..CancelRecord::default() };
    world.hear_message(&CommDnMessage::new(AppDbid(201), AppDbid(301), again));
    assert!(matches!(&world.out[..], [Output::Send { .. }]), "{:?}", world.out);
}

#[test]
fn a_do_not_call_tells_its_row_and_the_rows_that_it_marks() {
    let mut world = World::new("documented").running();
    let entry = DoNotCall { customer_id: Some("C0002".into()), ..DoNotCall::default() };
    world.hear_message(&CommDnMessage::new(AppDbid(201), AppDbid(301), entry));
    let [Output::DncAdded { .. }, Output::Record(a), Output::Record(b), Output::Record(c), Output::Send { .. }] =
        &world.out[..]
    else {
        panic!("{:?}", world.out)
    };
    assert!([a, b, c].iter().all(|change| change.record_type == NO_CALL));
}

#[test]
fn who_has_a_record_in_hand_stays_known_as_long_as_the_row_says_that_it_was_taken() {
    let mut world = kept("documented");
    let desktop = world.renewals().records.iter().find(|record| record.held.is_some()).unwrap().clone();
    let mut rows = world.renewals().records.clone();
    rows.iter_mut().for_each(|row| row.held = None);
    world.input(Input::Lists(vec![renewals(rows.clone())]));
    assert_eq!(world.record(desktop.record_id).held, Some(Held::Desktop));
    for row in rows.iter_mut().filter(|row| row.record_status == RETRIEVED) {
        row.record_status = READY;
    }
    world.input(Input::Lists(vec![renewals(rows)]));
    assert_eq!(world.record(desktop.record_id).held, None);
}
