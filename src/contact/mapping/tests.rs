use super::*;
use crate::contact::csv::{Framer, HeaderRules, Item, Limits, find_format};
use crate::contact::phone::PlainOnly;
use crate::contact::{Ragged, test_list};

fn profile() -> ImportProfile {
    ImportProfile { phones: PhonePolicy::Warn, ..ImportProfile::default() }
}

fn with_id() -> ImportProfile {
    let phone = PhoneColumn { column: "phone".to_owned(), kind: "cell".to_owned(), time_zone_column: None };
    ImportProfile {
        id_column: Some("id".to_owned()),
        callable_column: Some("callable".to_owned()),
        phone_columns: vec![phone],
        match_keys: vec![MatchKey::Id],
        ..profile()
    }
}

/// Drafts of all records of a text.
fn read(text: &str, profile: &ImportProfile, list: Option<&CallingList>) -> Result<Vec<Draft>, MappingError> {
    let format = find_format(text.as_bytes(), true, "auto", Some(',')).unwrap();
    let mut framer = Framer::new(format, Limits::NATIVE);
    framer.push(text.as_bytes());
    framer.finish();
    let rules = HeaderRules { trim: true, ignore_case: profile.source == SourceKind::External };
    let header = Header::take(&mut framer, rules, &Limits::NATIVE).unwrap().unwrap();
    framer.expect(header.names.len(), Ragged::Error);
    let mapping = Mapping::new(&header, profile, list)?;
    let mut draft = mapping.draft();
    let mut drafts = Vec::new();
    while let Item::Row(row) = framer.next() {
        mapping.fill(&mut draft, row.record, row.line, &row.cells.unwrap(), &PlainOnly);
        drafts.push(draft.clone());
    }
    Ok(drafts)
}

fn codes(draft: &Draft) -> Vec<&'static str> {
    draft.remarks.iter().map(|remark| remark.code.word()).collect()
}

#[test]
fn the_sample_of_the_loader_becomes_two_drafts() {
    // S0.
    let text = "id,first_name,phone,callable\n42,john,+420777888777,1\n84,jane,+420777888777,0\n";
    let drafts = read(text, &with_id(), None).unwrap();
    let [john, jane] = &drafts[..] else { panic!("{} drafts", drafts.len()) };
    assert_eq!((john.id.as_str(), john.callable, jane.callable), ("42", Some(true), Some(false)));
    assert_eq!(john.attributes, [("first_name".to_owned(), "john".to_owned())]);
    assert_eq!((john.phones[0].raw.as_str(), john.phones[0].e164.as_deref()), ("+420777888777", Some("+420777888777")));
    assert_eq!((jane.record, jane.line, jane.key.as_str(), jane.keys.len()), (2, 3, "84", 1));
    assert!(jane.remarks.is_empty() && jane.has_contact);
}

#[test]
fn nothing_of_a_row_stays_in_the_next() {
    let text = "id,a,phone,callable\n1,x,+420777888777,0\n,,,\n";
    let drafts = read(text, &with_id(), None).unwrap();
    assert_eq!((drafts[1].id.as_str(), drafts[1].key.as_str(), drafts[1].keys.len()), ("", "", 0));
    assert_eq!((drafts[1].attributes[0].1.as_str(), drafts[1].callable), ("", Some(true)));
    assert_eq!((drafts[1].phones[0].raw.as_str(), &drafts[1].phones[0].e164), ("", &None));
}

#[test]
fn callable_is_zero_or_one() {
    let drafts = read("id,phone,callable\n1,,yes\n2,,\n", &with_id(), None).unwrap();
    assert_eq!((codes(&drafts[0]), codes(&drafts[1])), (vec!["bad-callable"], vec![]));
    assert_eq!(drafts[0].remarks[0].column, "callable");
}

#[test]
fn phone_policies_fail_warn_or_say_nothing() {
    let text = "id,phone,callable\n1,777 888,1\n";
    for (phones, wanted, callable) in [
        (PhonePolicy::Require, "error", true),
        (PhonePolicy::Warn, "warning", false),
        (PhonePolicy::AsIs, "none", true),
    ] {
        let draft = &read(text, &ImportProfile { phones, ..with_id() }, None).unwrap()[0];
        let found = draft.remarks.first().map_or("none", |remark| match remark.severity {
            crate::contact::Severity::Error => "error",
            crate::contact::Severity::Warning => "warning",
        });
        assert_eq!((found, draft.phones[0].callable, draft.phones[0].raw.as_str()), (wanted, callable, "777 888"));
    }
    let list = CallingList { phone_policy: Some(PhonePolicy::Require), columns: Vec::new(), ..test_list() };
    assert_eq!(
        codes(&read(text, &with_id(), Some(&list)).unwrap()[0]),
        ["bad-phone"],
        "the list's own policy overrides"
    );
}

#[test]
fn blanks_at_both_ends_go_where_profile_and_list_say_so() {
    let text = "id,a,phone,callable\n 1 , x ,,\n";
    let value = |profile: &ImportProfile, list: Option<&CallingList>| {
        read(text, profile, list).unwrap()[0].attributes[0].1.clone()
    };
    assert_eq!(value(&with_id(), None), "x");
    assert_eq!(value(&ImportProfile { trim: false, ..with_id() }, None), " x ");
    let list = CallingList { trim: false, columns: Vec::new(), ..test_list() };
    assert_eq!(value(&with_id(), Some(&list)), " x ");
}

#[test]
fn a_file_that_was_exported_gives_every_value_back() {
    let profile = ImportProfile { from_export: true, ..profile() };
    let text = "\"'=a\",b\n\"'=1+1\",''\n\"''-x\",' x'\n";
    let drafts = read(text, &profile, None).unwrap();
    let values: Vec<_> = drafts
        .iter()
        .flat_map(|draft| &draft.attributes)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(values, [("=a", "=1+1"), ("b", "''"), ("=a", "'-x"), ("b", "' x'")]);
}

#[test]
fn errors_of_the_header_name_their_column() {
    let error = |text: &str, profile: &ImportProfile, list: Option<&CallingList>| {
        read(text, profile, list).unwrap_err().to_string()
    };
    assert_eq!(error("a,phone,callable\n", &with_id(), None), "id column \"id\" is not in the header");
    assert_eq!(error("id,callable\n", &with_id(), None), "phone column \"phone\" is not in the header");
    let mapping = vec![("a".to_owned(), "c".to_owned()), ("b".to_owned(), "c".to_owned())];
    let twice = ImportProfile { mapping, ..profile() };
    assert_eq!(error("a,b\n", &twice, None), "columns \"a\" and \"b\" both go to attribute \"c\"");
    let key = ImportProfile { match_keys: vec![MatchKey::ExternalId("crm".to_owned())], ..profile() };
    assert_eq!(error("a\n", &key, None), "match key external_id:crm has no column");
    let gc = ImportProfile { source: SourceKind::GenesysCloud, ..profile() };
    assert_eq!(error("first_name,nobody\n", &gc, Some(&test_list())), "column \"nobody\" is not in the list");
}

#[test]
fn columns_that_a_list_lacks_are_told_and_not_read() {
    let format = find_format(b"first_name,x\n", true, "auto", None).unwrap();
    let mut framer = Framer::new(format, Limits::NATIVE);
    framer.push(b"first_name,x,reject_code,reject_message\n");
    let rules = HeaderRules { trim: true, ignore_case: false };
    let header = Header::take(&mut framer, rules, &Limits::NATIVE).unwrap().unwrap();
    let mapping = Mapping::new(&header, &profile(), Some(&test_list())).unwrap();
    assert_eq!(
        (mapping.ignored.as_slice(), mapping.absent.as_slice()),
        (&["x".to_owned()][..], &["phone_number".to_owned()][..])
    );
    assert_eq!(mapping.warnings()[0].code, Code::IgnoredColumn);
}

#[test]
fn external_ids_and_organisations_have_targets_of_their_own() {
    let mapping = [
        ("Id", "external_id"),
        ("Other", "external_id:erp"),
        ("Org", "organisation.external_id"),
        ("OrgName", "organisation.name"),
        ("OrgCity", "organisation.city"),
    ];
    let profile = ImportProfile {
        source: SourceKind::External,
        external_source: "crm".to_owned(),
        mapping: mapping.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec(),
        match_keys: vec![MatchKey::ExternalId("crm".to_owned()), MatchKey::Email],
        email_columns: vec!["mail".to_owned()],
        ..profile()
    };
    let text =
        "ID,Other,Org,OrgName,OrgCity,Mail\n1,e,o,Acme,Brno,A@x.org\n,,o2,Solo,,\n,,,Lost,,a@x.org\n2,,,,,name@\n";
    let drafts = read(text, &profile, None).unwrap();
    assert_eq!(drafts[0].external_ids.len(), 2);
    let keys: Vec<_> = drafts[0].keys.iter().map(|key| key.value.as_str()).collect();
    assert_eq!((keys, drafts[0].key.as_str()), (vec!["1", "a@x.org"], "1"));
    let organisation = drafts[0].organisation.as_ref().unwrap();
    assert_eq!((organisation.external_id.value.as_str(), organisation.name.as_str()), ("o", "Acme"));
    assert_eq!(organisation.attributes, [("city".to_owned(), "Brno".to_owned())]);
    assert!(!drafts[1].has_contact && drafts[1].organisation.is_some());
    assert_eq!(codes(&drafts[2]), ["org-without-id"]);
    assert_eq!((codes(&drafts[3]), drafts[3].organisation.is_none()), (vec!["bad-email"], true));
}

#[test]
fn phones_stand_in_the_order_of_the_list_and_values_by_their_index() {
    let phones = ["home", "PhoneNumber"].map(|column| PhoneColumn {
        column: column.to_owned(),
        kind: String::new(),
        time_zone_column: None,
    });
    let profile = ImportProfile {
        source: SourceKind::Ucs,
        phone_columns: phones.to_vec(),
        phones: PhonePolicy::AsIs,
        trim: false,
        ..profile()
    };
    let draft = &read("PhoneNumber[2],a,PhoneNumber[1],home\ntwo, Anna ,one,zero\n", &profile, None).unwrap()[0];
    let phones: Vec<_> =
        draft.phones.iter().map(|phone| (phone.column.as_str(), phone.index, phone.raw.as_str())).collect();
    assert_eq!(phones, [("home", 0, "zero"), ("PhoneNumber", 1, "one"), ("PhoneNumber", 2, "two")]);
    assert_eq!(draft.attributes[0].1, " Anna ", "example C2");
}

#[test]
fn values_have_their_rules_and_lengths() {
    let rule = FieldRule::text("city", 3);
    let profile = ImportProfile {
        rules: vec![rule, FieldRule::text("name", 9).required()],
        max_value_chars: Some(5),
        ..profile()
    };
    let drafts = read("city,name,x\nBrno,,\nabc,n,123456\n", &profile, None).unwrap();
    assert_eq!((codes(&drafts[0]), codes(&drafts[1])), (vec!["too-long", "missing-required"], vec!["too-long"]));
    let absent = read("city\nabc\n", &profile, None).unwrap();
    assert_eq!(codes(&absent[0]), ["missing-required"]);
    assert_eq!(
        codes(
            &read(&format!("id,phone,callable\n{},{},\n", "i".repeat(256), "9".repeat(129)), &with_id(), None).unwrap()
                [0]
        ),
        ["too-long", "bad-phone", "too-long"]
    );
}
