use proptest::prelude::*;

use super::*;
use crate::contact::{MatchKey, test_list};

fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn phone(column: &str, raw: &str) -> Phone {
    let e164 = raw.starts_with('+').then(|| raw.to_owned());
    Phone { column: column.to_owned(), raw: raw.to_owned(), e164, callable: true, ..Phone::default() }
}

fn contact(number: i64, attributes: &[(&str, &str)], phones: &[Phone]) -> Contact {
    Contact {
        number,
        list: None,
        id: format!("id{number}"),
        external_ids: vec![ExternalId { source: "crm".to_owned(), value: number.to_string() }],
        attributes: pairs(attributes),
        callable: true,
        phones: phones.to_vec(),
        organisation: None,
        customer_id: number.to_string(),
        version: 3,
        job: None,
        created_at: 1,
        updated_at: 2,
    }
}

fn draft(attributes: &[(&str, &str)], phones: &[Phone]) -> Draft {
    Draft { attributes: pairs(attributes), phones: phones.to_vec(), has_contact: true, ..Draft::default() }
}

fn profile(on_match: OnMatch) -> ImportProfile {
    ImportProfile {
        source: SourceKind::External,
        on_match,
        match_keys: vec![MatchKey::Email],
        ..ImportProfile::default()
    }
}

fn run(draft: &Draft, hits: &[Contact], profile: &ImportProfile) -> Decision {
    decide(draft, hits, Rules { profile, list: None, organisation: None }, &mut || "made".to_owned(), None)
}

fn updated(decision: Decision) -> Contact {
    match decision {
        Decision::Create(contact) | Decision::Update(contact) | Decision::Merge { into: contact, .. } => *contact,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hits_come_in_the_order_of_keys_and_then_of_creation_each_once() {
    let [one, two, three] = [1, 2, 3].map(|number| contact(number, &[], &[]));
    let order = match_order(vec![(1, one), (0, three), (1, two.clone()), (0, two)]);
    assert_eq!(order.iter().map(|contact| contact.number).collect::<Vec<_>>(), [2, 3, 1]);
}

#[test]
fn what_a_spare_contact_held_is_not_seen_again() {
    let mut spare = contact(9, &[("a", "1"), ("b", "2"), ("c", "3")], &[phone("p", "+1"), phone("q", "x")]);
    (spare.list, spare.organisation, spare.job, spare.callable) = (Some(1), Some(3), Some("7".to_owned()), false);
    (spare.phones[0].extension, spare.phones[0].callable) = (Some("12".to_owned()), false);
    let profile = profile(OnMatch::CreateAlways);
    let rules = Rules { profile: &profile, list: None, organisation: None };
    for draft in [
        draft(&[], &[]),
        draft(&[("b", "x")], &[phone("r", "+2")]),
        draft(&[("b", ""), ("d", "y")], &[phone("p", ""), phone("q", "z")]),
        draft(&[("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")], &[phone("1", "1"), phone("2", "2"), phone("3", "3")]),
    ] {
        let make = |spare: Option<Box<Contact>>| decide(&draft, &[], rules, &mut || "made".to_owned(), spare);
        assert_eq!(make(Some(Box::new(spare.clone()))), make(None));
    }
}

#[test]
fn each_mode_does_what_the_table_says() {
    let (none, one, two) = (&[][..], [contact(1, &[], &[])], [contact(1, &[], &[]), contact(2, &[], &[])]);
    let draft = draft(&[("name", "x")], &[]);
    let word = |on_match, hits: &[Contact]| match run(&draft, hits, &profile(on_match)) {
        Decision::Create(_) => "create",
        Decision::Update(contact) if contact.number == 1 => "update first",
        Decision::Update(_) => "update other",
        Decision::Unchanged(_) => "unchanged",
        Decision::Skip(1) => "skip",
        Decision::Skip(_) => "skip other",
        Decision::Merge { into, away } if into.number == 1 && away == [2] => "merge",
        Decision::Merge { .. } => "merge other",
        Decision::Fail(remark) => remark.code.word(),
    };
    for (mode, wanted) in [
        (OnMatch::CreateAlways, ["create", "create", "create"]),
        (OnMatch::Skip, ["create", "skip", "ambiguous"]),
        (OnMatch::Overwrite, ["create", "update first", "ambiguous"]),
        (OnMatch::UpdateFirst, ["create", "update first", "update first"]),
        (OnMatch::MergeAll, ["create", "update first", "merge"]),
    ] {
        assert_eq!([word(mode, none), word(mode, &one), word(mode, &two)], wanted, "{mode}");
    }
}

#[test]
fn a_draft_with_an_error_fails_whatever_it_meets() {
    let mut draft = draft(&[], &[]);
    draft.remarks = vec![
        Remark::warning(Code::NoPhone, "", ""),
        Remark::error(Code::BadEmail, "m", ""),
        Remark::error(Code::TooLong, "", ""),
    ];
    let Decision::Fail(remark) = run(&draft, &[], &profile(OnMatch::CreateAlways)) else { panic!("stored") };
    assert_eq!(remark.code, Code::BadEmail);
}

#[test]
fn empty_cells_keep_or_clear_and_absent_columns_keep_unless_records_are_replaced() {
    let stored = [contact(
        1,
        &[("a", "1"), ("b", "2"), ("c", "3")],
        &[phone("p", "+420777888777"), phone("q", "+420777888778")],
    )];
    let draft = draft(&[("a", ""), ("b", "new")], &[phone("p", "")]);
    let keep = profile(OnMatch::Overwrite);
    let kept = updated(run(&draft, &stored, &keep));
    assert_eq!((kept.attributes, kept.phones.len()), (pairs(&[("a", "1"), ("b", "new"), ("c", "3")]), 2));
    let clear = ImportProfile { empty: EmptyPolicy::Clear, ..keep };
    let cleared = updated(run(&draft, &stored, &clear));
    assert_eq!((cleared.attributes, cleared.phones.len()), (pairs(&[("b", "new"), ("c", "3")]), 1));
    let replaced = updated(run(&draft, &stored, &ImportProfile { replace_whole: true, ..clear }));
    assert_eq!((replaced.attributes, replaced.phones.len(), replaced.number), (pairs(&[("b", "new")]), 0, 1));
}

#[test]
fn what_is_stored_already_is_unchanged() {
    let stored = [contact(1, &[("a", "1"), ("b", "2")], &[phone("p", "+420777888777")])];
    let same = draft(&[("b", "2"), ("a", "1"), ("c", "")], &[phone("p", "+420777888777")]);
    for replace_whole in [false, true] {
        let profile = ImportProfile { replace_whole, ..profile(OnMatch::Overwrite) };
        assert_eq!(run(&same, &stored, &profile), Decision::Unchanged(1));
    }
    let other = draft(&[("a", "1")], &[phone("p", "+420777888778")]);
    assert!(matches!(run(&other, &stored, &profile(OnMatch::Overwrite)), Decision::Update(_)));
}

#[test]
fn a_merge_fills_gaps_in_match_order_and_the_file_wins() {
    let mut third = contact(3, &[("c", "third"), ("d", "third")], &[phone("r", "+420777888779")]);
    third.callable = false;
    let hits = [
        contact(1, &[("a", "first")], &[phone("p", "+420777888777")]),
        contact(
            2,
            &[("a", "second"), ("b", "second"), ("c", "second")],
            &[phone("p", "+420777888770"), phone("q", "+420777888778")],
        ),
        third,
    ];
    let merged = updated(run(&draft(&[("b", "file")], &[]), &hits, &profile(OnMatch::MergeAll)));
    assert_eq!(merged.attributes, pairs(&[("a", "first"), ("b", "file"), ("c", "second"), ("d", "third")]));
    assert_eq!(
        merged.phones.iter().map(|phone| phone.raw.as_str()).collect::<Vec<_>>(),
        ["+420777888777", "+420777888778", "+420777888779"]
    );
    assert_eq!((merged.external_ids.len(), merged.id.as_str(), merged.callable), (3, "id1", false));
}

#[test]
fn more_than_ten_external_ids_are_an_error() {
    let mut stored = contact(1, &[], &[]);
    stored.external_ids = (0..10).map(|n| ExternalId { source: "s".to_owned(), value: n.to_string() }).collect();
    let mut draft = draft(&[], &[]);
    let id = |value: &str| ExternalId { source: "s".to_owned(), value: value.to_owned() };
    draft.external_ids = vec![id("9")];
    assert_eq!(run(&draft, &[stored.clone()], &profile(OnMatch::UpdateFirst)), Decision::Unchanged(1));
    draft.external_ids = vec![id("10")];
    let Decision::Fail(remark) = run(&draft, &[stored], &profile(OnMatch::UpdateFirst)) else { panic!("stored") };
    assert_eq!((remark.code, remark.message.as_str()), (Code::TooLong, "11 external ids, limit is 10"));
}

#[test]
fn a_contact_without_a_phone_fails_where_one_is_demanded_else_it_warns() {
    let list = test_list();
    for (source, phones, required, wanted) in [
        (SourceKind::Native, PhonePolicy::Require, true, Some(crate::contact::Severity::Error)),
        (SourceKind::Native, PhonePolicy::Warn, true, Some(crate::contact::Severity::Warning)),
        (SourceKind::Jtel, PhonePolicy::Warn, true, Some(crate::contact::Severity::Error)),
        (SourceKind::Ucs, PhonePolicy::AsIs, false, Some(crate::contact::Severity::Warning)),
    ] {
        let profile = ImportProfile { source, phones, phone_required: required, ..ImportProfile::default() };
        let rules = Rules { profile: &profile, list: Some(&list), organisation: None };
        assert_eq!(no_phone(&contact(1, &[], &[]), rules).map(|remark| remark.severity), wanted, "{source}");
        assert_eq!(no_phone(&contact(1, &[], &[phone("p", "1")]), rules), None);
    }
    let profile = ImportProfile::default();
    assert_eq!(no_phone(&contact(1, &[], &[]), Rules { profile: &profile, list: None, organisation: None }), None);
}

#[test]
fn the_customer_is_named_as_its_system_does_and_stays() {
    let of = |source, list: Option<&CallingList>, given: Option<&str>| {
        let profile = ImportProfile { source, phone_required: false, ..ImportProfile::default() };
        let mut draft = draft(&[("CustomerId", "c7"), ("UserData", "u7"), ("first_name", "john")], &[]);
        (draft.id, draft.customer_id) = ("7".to_owned(), given.map(str::to_owned));
        draft.external_ids = vec![ExternalId { source: "crm".to_owned(), value: "e7".to_owned() }];
        let rules = Rules { profile: &profile, list, organisation: None };
        updated(decide(&draft, &[], rules, &mut String::new, None)).customer_id
    };
    for (source, wanted) in [
        (SourceKind::Native, "7"),
        (SourceKind::GenesysCloud, "7"),
        (SourceKind::External, "e7"),
        (SourceKind::Ucs, "c7"),
        (SourceKind::Jtel, "u7"),
    ] {
        assert_eq!(of(source, None, None), wanted, "{source}");
    }
    assert_eq!(of(SourceKind::Native, None, Some("said")), "said");
    let list = CallingList { customer_column: Some("first_name".to_owned()), ..test_list() };
    assert_eq!(of(SourceKind::Native, Some(&list), None), "john");
    let stored = [contact(1, &[], &[])];
    assert_eq!(updated(run(&draft(&[("a", "b")], &[]), &stored, &profile(OnMatch::Overwrite))).customer_id, "1");
}

#[test]
fn a_phone_that_may_not_be_dialed_stays_so_until_its_number_changes() {
    let silent = Phone { callable: false, ..phone("p", "+420777888777") };
    let stored = [contact(1, &[], &[silent])];
    let rules = profile(OnMatch::Overwrite);
    assert_eq!(run(&draft(&[], &[phone("p", "+420777888777")]), &stored, &rules), Decision::Unchanged(1));
    assert!(updated(run(&draft(&[], &[phone("p", "+420777888778")]), &stored, &rules)).phones[0].callable);
    let mut said = draft(&[], &[]);
    said.phone_callable = vec![("p".to_owned(), true)];
    assert!(updated(run(&said, &stored, &rules)).phones[0].callable);
}

#[test]
fn organisations_match_by_their_external_id_only() {
    let external_id = ExternalId { source: "crm".to_owned(), value: "o".to_owned() };
    let given =
        super::super::OrganisationDraft { external_id, name: "Acme".to_owned(), attributes: pairs(&[("city", "")]) };
    let draft = Draft { organisation: Some(given), ..draft(&[], &[]) };
    let profile = profile(OnMatch::MergeAll);
    let Some(OrganisationDecision::Create(made)) = decide_organisation(&draft, None, &profile) else { panic!("none") };
    assert_eq!((made.name.as_str(), made.attributes.len()), ("Acme", 0));
    let stored = Organisation { number: 4, ..made };
    assert_eq!(decide_organisation(&draft, Some(&stored), &profile), Some(OrganisationDecision::Unchanged(4)));
    let renamed = Organisation { name: "Old".to_owned(), ..stored };
    assert!(
        matches!(decide_organisation(&draft, Some(&renamed), &profile), Some(OrganisationDecision::Update(new)) if new.name == "Acme")
    );
}

proptest! {
    #[test]
    fn a_second_run_of_the_same_draft_changes_nothing(
        values in proptest::collection::vec(("[a-d]", "[x-z]{0,2}"), 0..5),
        before in proptest::collection::vec(("[a-f]", "[x-z]{1,2}"), 0..5),
        clear: bool, replace_whole: bool, numbers in proptest::collection::vec("(\\+4207[0-9]{8})?", 0..3),
    ) {
        let unique = |list: Vec<(String, String)>| {
            let mut seen = std::collections::BTreeSet::new();
            list.into_iter().filter(|(name, _)| seen.insert(name.clone())).collect::<Vec<_>>()
        };
        let phones: Vec<_> = numbers.iter().enumerate().map(|(n, raw)| phone(&n.to_string(), raw)).collect();
        let draft = Draft { attributes: unique(values), phones, ..draft(&[], &[]) };
        let mut stored = contact(1, &[], &[phone("1", "+420777888777")]);
        stored.attributes = unique(before);
        let empty = if clear { EmptyPolicy::Clear } else { EmptyPolicy::Keep };
        let profile = ImportProfile { empty, replace_whole, ..profile(OnMatch::Overwrite) };
        let after = match run(&draft, &[stored.clone()], &profile) {
            Decision::Update(contact) => *contact,
            Decision::Unchanged(1) => stored,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(run(&draft, &[after], &profile), Decision::Unchanged(1));
    }
}
