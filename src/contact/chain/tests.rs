use proptest::prelude::*;

use super::*;
use crate::contact::{PhoneColumn, test_list};

fn contact(numbers: &[&str]) -> Contact {
    let phones = numbers.iter().enumerate().filter(|(_, raw)| !raw.is_empty()).map(|(n, raw)| Phone {
        column: format!("p{n}"),
        kind: "cell".to_owned(),
        raw: (*raw).to_owned(),
        callable: true,
        ..Phone::default()
    });
    Contact {
        number: 1,
        list: Some(1),
        id: "42".to_owned(),
        external_ids: Vec::new(),
        attributes: vec![("zone".to_owned(), "Europe/Prague".to_owned())],
        callable: true,
        phones: phones.collect(),
        organisation: None,
        customer_id: "42".to_owned(),
        version: 1,
        job: None,
        created_at: 0,
        updated_at: 0,
    }
}

/// One round of plan and store.
struct World {
    records: Vec<ChainRecord>,
    contact: Option<Contact>,
    listed: Vec<&'static str>,
    customer: bool,
    follow_up: FollowUp,
    clear: bool,
    list: CallingList,
}

impl World {
    fn new() -> Self {
        let (records, listed) = (Vec::new(), Vec::new());
        Self {
            records,
            contact: None,
            listed,
            customer: false,
            follow_up: FollowUp::default(),
            clear: false,
            list: test_list(),
        }
    }

    fn put(&mut self, contact: Contact) -> Vec<ChainChange> {
        let phones = contact.phones.iter().map(|phone| self.listed.contains(&phone.contact_info())).collect();
        let changes = plan(ChainInput {
            records: &self.records,
            before: self.contact.as_ref(),
            contact: &contact,
            list: &self.list,
            dnc: &DncVerdict { customer: self.customer, phones },
            follow_up: &self.follow_up,
            clear_system_data: self.clear,
            zones: &[("Europe/Prague".to_owned(), 118)],
        });
        for change in &changes {
            match change {
                ChainChange::Insert(record) => {
                    let record_id = 100 + i64::from(record.chain_n);
                    self.records.push(ChainRecord { record_id, ..record.clone() });
                }
                ChainChange::Change(record) => {
                    let old = self.records.iter_mut().find(|old| old.record_id == record.record_id).unwrap();
                    assert_ne!(old, record);
                    *old = record.clone();
                }
                ChainChange::Delete(id) => self.records.retain(|record| record.record_id != *id),
            }
        }
        self.contact = Some(contact);
        changes
    }

    /// (chain_n, contact_info, type, status, result)
    fn rows(&self) -> Vec<(i32, &str, i32, i32, i32)> {
        self.records
            .iter()
            .map(|one| (one.chain_n, one.contact_info.as_str(), one.record_type, one.record_status, one.call_result))
            .collect()
    }
}

#[test]
fn each_phone_is_a_record_in_order_with_the_defaults_of_the_list() {
    let mut world = World::new();
    world.put(contact(&["a", "", "b"]));
    assert_eq!(world.rows(), [(0, "a", 2, 1, 28), (1, "b", 2, 1, 28)]);
    let record = &world.records[0];
    assert_eq!(
        (record.contact_info_type, record.daily_from, record.daily_till, record.tz_dbid),
        (4, 28_800, 75_600, 0)
    );
    assert_eq!(world.put(contact(&["a", "", "b"])), [], "nothing differs");
}

#[test]
fn a_phone_on_the_list_is_stored_and_never_dialed() {
    // Example N2.
    let mut world = World::new();
    world.listed = vec!["b"];
    world.put(contact(&["a", "b", "c"]));
    assert_eq!(world.rows(), [(0, "a", 2, 1, 28), (1, "b", 7, 1, 51), (2, "c", 2, 1, 28)]);
    let verdict = DncVerdict { customer: false, phones: vec![false, true, false] };
    let DncEffect::Store(remarks) = dnc_effect(DncPolicy::NoCall, &contact(&["a", "b", "c"]), &verdict) else {
        panic!("not stored")
    };
    assert_eq!((remarks.len(), remarks[0].code, remarks[0].column.as_str()), (1, Code::DncPhone, "p1"));
}

#[test]
fn a_customer_on_the_list_blocks_every_phone() {
    let mut world = World::new();
    world.customer = true;
    world.put(contact(&["a", "b"]));
    assert_eq!(world.rows(), [(0, "a", 7, 1, 51), (1, "b", 7, 1, 51)]);
    let verdict = DncVerdict { customer: true, phones: vec![true, false] };
    let all = contact(&["a", "b"]);
    let DncEffect::Store(remarks) = dnc_effect(DncPolicy::NoCall, &all, &verdict) else { panic!("not stored") };
    assert_eq!(remarks.iter().map(|remark| remark.code).collect::<Vec<_>>(), [Code::DncPhone, Code::DncCustomer]);
    assert!(matches!(dnc_effect(DncPolicy::Skip, &all, &verdict), DncEffect::Skip(_)));
    assert!(
        matches!(dnc_effect(DncPolicy::Error, &all, &verdict), DncEffect::Fail(remark) if remark.code == Code::Dnc)
    );
}

#[test]
fn not_callable_is_no_call_and_back_only_when_nobody_forbade_it() {
    let mut world = World::new();
    world.put(Contact { callable: false, ..contact(&["a", "b"]) });
    assert_eq!(world.rows(), [(0, "a", 7, 1, 28), (1, "b", 7, 1, 28)]);
    world.listed = vec!["b"];
    world.put(contact(&["a", "b"]));
    assert_eq!(world.rows(), [(0, "a", 2, 1, 28), (1, "b", 7, 1, 51)]);
}

#[test]
fn an_update_leaves_attempts_and_results_and_clear_system_data_resets_them_but_not_do_not_call() {
    let mut world = World::new();
    world.put(contact(&["a", "b", "c"]));
    let dialed = ChainRecord {
        attempt: 3,
        call_result: 7,
        call_time: Some(5),
        dial_sched_time: Some(9),
        record_type: 6,
        ..world.records[0].clone()
    };
    world.records[0] = dialed.clone();
    (world.records[1].record_type, world.records[1].record_status, world.records[1].call_result) = (7, 3, 51);
    world.records[2].record_status = 2;
    world.records[2].attempt = 1;
    assert_eq!(world.put(contact(&["a", "b", "c"])), []);
    assert_eq!(world.records[0], dialed);
    world.clear = true;
    world.put(contact(&["a", "b", "c"]));
    assert_eq!(world.rows(), [(0, "a", 2, 1, 28), (1, "b", 7, 3, 51), (2, "c", 2, 2, 28)]);
    assert_eq!((world.records[0].attempt, world.records[0].dial_sched_time, world.records[2].attempt), (0, None, 1));
}

#[test]
fn a_changed_phone_is_checked_anew_a_removed_one_goes_if_never_dialed_an_added_one_comes_last() {
    let mut world = World::new();
    world.listed = vec!["b", "x"];
    world.put(contact(&["a", "b", "c", "d"]));
    world.records[3].attempt = 1;
    world.put(contact(&["x", "e", "", "", "f"]));
    assert_eq!(world.rows(), [(0, "x", 7, 1, 51), (1, "e", 2, 1, 28), (3, "d", 7, 1, 28), (4, "f", 2, 1, 28)]);
    assert_eq!(world.put(contact(&["x", "e", "", "", "f"])), [], "what is left over stays as it is");
    world.put(contact(&["x", "e", "", "d", "f"]));
    assert_eq!(world.rows()[2], (3, "d", 2, 1, 28), "a number that comes back is its old record");
}

#[test]
fn numbers_that_change_places_keep_their_records() {
    let mut world = World::new();
    world.put(contact(&["a", "b"]));
    world.records[0].attempt = 5;
    world.put(contact(&["b", "a"]));
    assert_eq!((world.rows()[0].1, world.records[0].attempt), ("a", 5));
    world.put(contact(&["b", ""]));
    assert_eq!(world.rows(), [(0, "a", 7, 1, 28), (1, "b", 2, 1, 28)]);
}

#[test]
fn what_was_forbidden_on_request_stays_whatever_the_number_becomes() {
    let mut world = World::new();
    world.put(contact(&["a"]));
    (world.records[0].record_type, world.records[0].record_status, world.records[0].call_result) = (7, 3, 51);
    world.clear = true;
    world.put(contact(&["new", "added"]));
    assert_eq!(world.rows(), [(0, "new", 7, 3, 51), (1, "added", 7, 3, 51)]);
}

#[test]
fn a_cancelled_chain_stays_cancelled() {
    let mut world = World::new();
    world.put(contact(&["a", "b"]));
    for record in &mut world.records {
        (record.record_status, record.call_result) = (5, 52);
    }
    world.clear = true;
    world.put(contact(&["a", "c", "d"]));
    assert_eq!(world.rows(), [(0, "a", 2, 5, 52), (1, "c", 2, 5, 52), (2, "d", 2, 5, 52)]);
    assert!(world.records.iter().all(is_cancelled));
}

#[test]
fn a_follow_up_makes_a_call_back() {
    for (personal, wanted) in [(false, 6), (true, 5)] {
        let mut world = World::new();
        world.follow_up = FollowUp { at: Some(1_600_000_000), agent: Some("agent".to_owned()), personal };
        world.put(contact(&["a"]));
        let record = &world.records[0];
        assert_eq!(
            (record.record_type, record.dial_sched_time, record.agent_id.as_deref()),
            (wanted, Some(1_600_000_000), Some("agent"))
        );
    }
}

#[test]
fn types_extensions_and_zones_come_from_the_columns() {
    let mut world = World::new();
    let column = |name: &str, zone: Option<&str>| PhoneColumn {
        column: name.to_owned(),
        kind: String::new(),
        time_zone_column: zone.map(str::to_owned),
    };
    world.list.phone_columns = vec![column("p0", Some("zone")), column("p1", None), column("p2", Some("absent"))];
    world.list.tz_dbid = 9;
    let mut given = contact(&["a", "b", "c"]);
    for (phone, kind) in given.phones.iter_mut().zip(["work", "work", "fax"]) {
        phone.kind = kind.to_owned();
    }
    given.phones[1].extension = Some("12".to_owned());
    world.put(given);
    let found: Vec<_> = world.records.iter().map(|record| (record.contact_info_type, record.tz_dbid)).collect();
    assert_eq!(found, [(2, 118), (3, 9), (1, 9)]);
}

#[test]
fn the_loser_of_a_merge_is_cancelled_where_it_is_open() {
    let mut world = World::new();
    world.listed = vec!["c"];
    world.put(contact(&["a", "b", "c"]));
    world.records[1].record_status = 3;
    let changes = merged_away(&world.records);
    let [ChainChange::Change(only)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((only.chain_n, only.record_status, only.call_result), (0, 5, 52));
    world.records[0].record_status = 2;
    assert!(in_use(&world.records));
}

#[test]
fn debug_text_of_a_record_holds_no_number() {
    let mut world = World::new();
    world.put(contact(&["+420777888777"]));
    assert!(!format!("{:?}", world.records).contains("777"));
}

/// What may happen to a chain between two imports.
#[derive(Clone, Debug)]
enum Step {
    Import { numbers: Vec<usize>, callable: bool, clear: bool },
    Forbid { record: usize, chain: bool },
    Cancel { chain: bool },
    Dial { record: usize },
    List { number: usize },
}

const NUMBERS: [&str; 6] = ["", "a", "b", "c", "d", "e"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (proptest::collection::vec(0..6_usize, 0..4), any::<bool>(), any::<bool>())
            .prop_map(|(numbers, callable, clear)| Step::Import { numbers, callable, clear }),
        1 => (0..4_usize, any::<bool>()).prop_map(|(record, chain)| Step::Forbid { record, chain }),
        1 => any::<bool>().prop_map(|chain| Step::Cancel { chain }),
        1 => (0..4_usize).prop_map(|record| Step::Dial { record }),
        1 => (1..6_usize).prop_map(|number| Step::List { number }),
    ]
}

proptest! {
    #[test]
    fn no_import_makes_dialable_what_must_not_be_called(steps in proptest::collection::vec(step(), 1..25)) {
        let mut world = World::new();
        let mut forbidden = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Import { numbers, callable, clear } => {
                    world.clear = clear;
                    let numbers: Vec<_> = numbers.iter().map(|n| NUMBERS[*n]).collect();
                    let cancelled: Vec<_> = world.records.iter().filter(|record| is_cancelled(record)).map(|record| record.record_id).collect();
                    world.put(Contact { callable, ..contact(&numbers) });
                    for record in &world.records {
                        prop_assert!(!world.listed.contains(&record.contact_info.as_str()) || record.record_type == 7 || !record.is_open() || world.contact.as_ref().unwrap().phones.iter().all(|phone| phone.raw != record.contact_info));
                        prop_assert!(!forbidden.contains(&record.record_id) || (record.record_type == 7 && record.call_result == 51));
                        prop_assert!(!cancelled.contains(&record.record_id) || record.record_status == 5);
                        prop_assert!(callable || record.record_type == 7 || !numbers.contains(&record.contact_info.as_str()));
                    }
                    let mut places: Vec<_> = world.records.iter().map(|record| record.chain_n).collect();
                    places.sort_unstable();
                    places.dedup();
                    prop_assert_eq!(places.len(), world.records.len());
                    let same = world.contact.clone().unwrap();
                    world.clear = false;
                    prop_assert_eq!(world.put(same), []);
                }
                Step::Forbid { record, chain } => {
                    for (n, old) in world.records.iter_mut().enumerate().filter(|(n, _)| chain || *n == record) {
                        let _ = n;
                        (old.record_type, old.record_status, old.call_result) = (7, 3, 51);
                        forbidden.insert(old.record_id);
                    }
                }
                Step::Cancel { chain } => {
                    for old in world.records.iter_mut().filter(|old| chain && old.is_open()) {
                        (old.record_status, old.call_result) = (5, 52);
                    }
                }
                Step::Dial { record } => {
                    if let Some(old) = world.records.get_mut(record).filter(|old| old.record_type != 7 && old.is_open()) {
                        (old.attempt, old.call_time, old.call_result) = (old.attempt + 1, Some(1), 9);
                    }
                }
                Step::List { number } => world.listed.push(NUMBERS[number]),
            }
        }
    }
}
