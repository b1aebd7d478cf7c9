use super::*;

fn config(dbid: i32) -> OcsConfig {
    Topology::demo().ocs_config(AppDbid(dbid), Dialect::default(), None).unwrap()
}

#[test]
fn the_demo_is_the_specifications() {
    let demo = Topology::demo();
    let dns: Vec<_> = demo.comm_dns.iter().map(|dn| (dn.name.as_str(), dn.outbound_contact_server.as_str())).collect();
    assert_eq!(dns, [("CommDN_1", "undefined"), ("CommDN_2", "false")]);
    let ocs: Vec<_> = demo.ocs.iter().map(|ocs| (ocs.dbid.0, ocs.name.as_str(), ocs.profile.as_str())).collect();
    assert_eq!(ocs, [(301, "OCS_A", "documented"), (302, "OCS_B", "documented")]);
    let modes: Vec<i32> = demo.ocs[0].licensed_modes.iter().map(|mode| mode.0).collect();
    assert_eq!(modes, [1, 2, 3, 4, 5, 8, 9, 11]);
    let both = [AppDbid(301), AppDbid(302)];
    assert!(demo.origins.iter().map(|(origin, _)| origin.dbid.0).eq(201..=216));
    assert!(demo.origins.iter().all(|(origin, ocs)| origin.kind == OriginKind::ThirdPartyServer && *ocs == both));
    assert!(demo.gateway_origins.iter().map(|dbid| dbid.0).eq(201..=208));
    let groups: Vec<_> = demo.groups.iter().map(|group| (group.dbid.0, group.name.as_str())).collect();
    assert_eq!(groups, [(732, "Team A"), (733, "Team B")]);
    let campaigns: Vec<_> =
        demo.campaigns.iter().map(|(it, ocs)| (it.dbid.0, it.name.as_str(), ocs.0, it.enabled)).collect();
    let wanted = [
        (101, "Renewals", 301, true),
        (102, "Winback", 302, true),
        (103, "Survey", 301, true),
        (104, "Disabled", 301, false),
    ];
    assert_eq!(campaigns, wanted);
    let pairs: Vec<String> = demo.pairs.iter().map(|pair| pair.pair.to_string()).collect();
    assert_eq!(pairs, ["101-732", "101-733", "103-732", "104-732", "102-733"]);
    let predict = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
    assert!(demo.pairs.iter().all(|pair| pair.enabled && pair.dialing == predict));
}

#[test]
fn the_demos_calling_lists_are_the_specifications() {
    let demo = Topology::demo();
    let names: Vec<&str> = demo.lists.iter().map(|list| list.name.as_str()).collect();
    assert_eq!(names, ["renewals", "winback", "survey"]);
    for list in &demo.lists {
        let chains: BTreeSet<i32> = list.records.iter().map(|record| record.chain_id).collect();
        assert_eq!((chains.len(), list.records.len()), (200, 206), "{}: three chains of three", list.name);
        let of_three = chains.iter().filter(|id| list.records.iter().filter(|it| it.chain_id == **id).count() == 3);
        assert_eq!(of_three.count(), 3);
        let phones: BTreeSet<&str> = list.records.iter().map(|record| record.contact_info.as_str()).collect();
        assert_eq!(phones.len(), list.records.len());
        assert!(phones.iter().all(|phone| phone.starts_with("+1202555") && phone.len() == 12));
        let held: Vec<&str> =
            list.records.iter().filter(|it| it.held.is_some()).map(|it| it.contact_info.as_str()).collect();
        let wanted: &[&str] = if list.name == "survey" { &[] } else { &["+12025550100"] };
        assert_eq!(held, wanted, "{}", list.name);
        assert!(list.records.iter().all(|record| list.customer_of(record).is_some()));
    }
    assert_eq!(demo.lists, Topology::demo().lists, "the same ones every time");
    assert_ne!(demo.lists[0].records[5], demo.lists[1].records[5]);
}

#[test]
fn every_ocs_gets_its_own_campaigns_and_lists() {
    let (a, b) = (config(301), config(302));
    assert_eq!((a.campaigns.len(), a.pairs.len(), a.lists.len(), a.origins.len()), (3, 4, 2, 16));
    assert_eq!((b.campaigns.len(), b.pairs.len(), b.lists.len(), b.origins.len()), (1, 1, 1, 16));
    assert!(Topology::demo().ocs_config(AppDbid(999), Dialect::default(), None).is_none());
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let cases = [
        ("ocs 301 A\nocs 301 B", "line 2: ocs 301: expected once, found twice"),
        (
            "ocs 301 A profile=strickt",
            "line 1: expected the name of a shipped profile, found 'strickt', did you mean 'strict'",
        ),
        (
            "campagin 1 X",
            "line 1: expected one of comm_dn, ocs, origin, gateway, group, campaign, pair, list, desktop, dialing, outcome, treatment, agents, ports, zone, found 'campagin', did you mean 'campaign'",
        ),
        ("# fine\n\ncampaign 1 X ocs=9", "line 3: expected an OCS of a line above, found 9"),
        ("group 1 A disbled", "line 1: expected the end of the line, found 'disbled', did you mean 'disabled'"),
        ("group one A", "line 1: DBID: expected a number, found 'one'"),
        ("origin 5-3 server ocs=1", "line 1: expected a number above 0 or a range such as 201-216, found '5-3'"),
        ("desktop none 1", "line 1: expected a list of a line above, found 'none'"),
        ("group 1", "line 1: name: expected a word, found the end of the line"),
        ("list l contacts=99999", "line 1: expected at most 3000 contacts and no more chains than contacts"),
    ];
    for (text, wanted) in cases {
        assert_eq!(Topology::parse(text).unwrap_err().to_string(), wanted);
    }
}
