use super::*;
use crate::engine::words::split;
use proptest::prelude::*;

fn rule(line: &str) -> Rule {
    read_line(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn mistake(line: &str) -> String {
    read_line(line).unwrap_err().to_string()
}

#[test]
fn every_kind_of_fault_prints_as_it_is_read() {
    for line in [
        "drop",
        "delay 2s",
        "delay 1s-3s type=CM_Ev* nth 2",
        "delay ~1500ms app 201 down",
        "duplicate",
        "duplicate 3 after 200ms every 5",
        "reorder",
        "reorder 1s client Desk*",
        "corrupt",
        "corrupt list from 10s to 20s",
        "corrupt message for 5m",
        "split",
        "split 3 ocs 301 up",
        "slow 1000",
        "cut at 2h client \"Desktop 1\"",
        "half-open now",
        "switchover",
        "switchover 5s at 90s",
        "jump 2h now",
        "refuse 5 ocs 301 type=CM_ReqLoadCampaign first 1",
        "answer \"CM_EvCampaignLoaded campaign=101 group=732 status=4\" type=7 first 1",
        "silent ocs 301",
        "fail 57 probability 50 seed 7",
        "without-ids",
        "look-alike campaign=101 mode!=3",
        "two-answers",
        "two-answers after 2s \"type=CM_EvCampaignLoaded || dnc.phone=555*\"",
    ] {
        assert_eq!(rule(line).to_string(), line);
        assert_eq!(rule(&format!("fault {line}")), rule(line));
    }
    for word in WHATS {
        let with = ["", " 2s", " 5", " \"CM_EvError error=3\""];
        let read = with.iter().find_map(|more| read_line(&format!("{word}{more}")).ok());
        assert!(read.is_some_and(|rule| rule.to_string().starts_with(word)), "{word}");
    }
}

#[test]
fn other_spellings_mean_the_same() {
    assert_eq!(rule("half_open"), rule("half-open"));
    assert_eq!(rule("refuse campaign_already_loaded"), rule("refuse 5"));
    assert_eq!(rule("drop \"type=CM_EvError\"").to_string(), "drop type=CM_EvError");
    assert_eq!(rule("delay 120s").to_string(), "delay 2m");
}

#[test]
fn a_mistake_is_told_with_the_nearest_word() {
    for (line, told) in [
        ("", "expected a fault, found ''"),
        ("dorp", "expected a fault, found 'dorp', did you mean 'drop'"),
        ("swichover", "expected a fault, found 'swichover', did you mean 'switchover'"),
        ("drop frmo 10s", "expected a condition, found 'frmo', did you mean 'from'"),
        ("drop CM_EvError", "expected a condition, found 'CM_EvError', did you mean 'type=CM_EvError'"),
        ("delay soon", "expected a span such as 2s, 1s-3s or ~2s, found 'soon'"),
        ("drop nth 0", "expected a number from 1, found '0'"),
        ("drop probability 1001", "expected a number of a thousand, 0 to 1000, found '1001'"),
        ("drop ocs A", "expected the DBID of an OCS, found 'A'"),
        ("drop at 5s", "at and now are for cut, half-open, switchover and jump"),
        ("drop from 5s to 5s", "to is not after from"),
        ("drop to 5s for 5s", "to and for are two ends of one time"),
        (
            "answer CM_EvCampaignLoded",
            "answer: expected a message, found 'CM_EvCampaignLoded', did you mean 'CM_EvCampaignLoaded'",
        ),
    ] {
        assert_eq!(mistake(line), told, "{line}");
    }
    assert!(mistake("drop campaing=101").ends_with(", did you mean 'campaign'"), "{}", mistake("drop campaing=101"));
}

proptest! {
    #[test]
    fn any_words_are_a_fault_or_an_error(line in any::<String>()) {
        if let Ok(rule) = read_line(&line) {
            prop_assert_eq!(read_line(&rule.to_string()), Ok(rule));
        }
    }

    #[test]
    fn conditions_print_as_they_are_read(
        what in prop::sample::select(vec!["drop", "delay 4s-18s", "duplicate 2", "corrupt list", "slow 80"]),
        from in prop::option::of(0_u64..1_000_000),
        lasts in prop::option::of(1_u64..1_000_000),
        name in prop::option::of("[ -~]{1,12}"),
        counts in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
        chance in prop::option::of(0_u32..=1_000),
    ) {
        let millis = |n: Option<u64>| n.map(Duration::from_millis);
        let once = |n: Option<u64>| n.map(|n| n.max(1));
        let peer = name.map(Peer::Client);
        let when = When {
            from: millis(from),
            lasts: millis(lasts),
            peer,
            nth: once(counts.0),
            every: once(counts.1),
            first: once(counts.2),
            probability: chance,
            ..When::default()
        };
        let rule = Rule { when, ..rule(what) };
        let line = rule.to_string();
        prop_assert_eq!(read(&split(&line).unwrap()), Ok(rule), "{}", line);
    }
}

#[test]
fn an_ocs_that_logged_in_before_it_was_named_is_known_all_the_same() {
    let session = crate::engine::tserver::SessionId(7);
    let mut lines = Lines::new(crate::wire::Dialect::default(), 1, []);
    lines.here(Client { session, name: "OCS_A" });
    lines.name("OCS_A".into(), crate::message::AppDbid(301));
    lines.add(crate::protocol::Time::ZERO, rule("cut now ocs 301")).unwrap();
    let given: Vec<Given> = std::iter::from_fn(|| lines.poll()).collect();
    assert!(given.iter().any(|given| matches!(given, Given::Close(closed) if *closed == session)), "{given:?}");
}
