use proptest::prelude::*;

use super::*;
use crate::engine::scenario::{Severity, check, parse};

fn findings(text: &str) -> Vec<String> {
    check(&parse(text), text).1.iter().map(ToString::to_string).collect()
}

fn report(text: &str) -> Report {
    let parsed = parse(text);
    let (site, findings) = check(&parsed, text);
    let error = findings.iter().find(|finding| finding.severity == Severity::Error);
    assert!(error.is_none(), "{error:?}");
    perform(&parsed.scenario, &site, &Setting::default()).unwrap()
}

const LOAD: &str = "app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732\n";
const LOADED: &str = "ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 ...\n";

#[test]
fn mistakes_are_told_with_line_column_and_the_nearest_word() {
    let table = [
        ("scenari x\n", "1:1: error: expected a line of a scenario, found 'scenari', did you mean 'scenario'"),
        ("site shfit", "1:6: error: expected quiet, demo, shift or empty, found 'shfit', did you mean 'shift'"),
        ("seed seven", "1:6: error: expected a number, found 'seven'"),
        ("start today", "1:7: error: expected a time such as 2026-12-01T17:00:00Z, found 'today'"),
        ("for 8x", "1:5: error: expected a duration such as 500ms, 20s, 5m or 2h, found '8x'"),
        (
            "profile strickt",
            "1:9: error: expected the name of a shipped profile, found 'strickt', did you mean 'strict'",
        ),
        (
            "app 201 -> 301 CM_ReqStopDialing campaign=101 group=732\nocs 301 -> 201 CM_EvDialingStopped campaign=101 group=732 status=runing ...",
            "2:66: error: expected a number or its word, found 'runing', did you mean 'running'",
        ),
        ("let a = 1\nlet a = $a", "2:5: error: a: expected once, found twice"),
        (
            "app 201 -> 301 CM_ReqLoadCampagn campaign=101 group=732",
            "1:16: error: expected a message, found 'CM_ReqLoadCampagn', did you mean 'CM_ReqLoadCampaign'",
        ),
        (
            "app 201 -> 301 CM_ReqLoadCampaign campagin=101 group=732",
            "1:35: error: expected an attribute, found 'campagin', did you mean 'campaign'",
        ),
        (
            "app 201 -> 301 CM_ReqLoadCampaign campaign=$capaign group=732",
            "1:45: error: expected a variable of a line above, found 'capaign'",
        ),
        (
            "let campaign = 1\nwait $capaign",
            "2:7: error: expected a variable of a line above, found 'capaign', did you mean 'campaign'",
        ),
        (
            "ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 dnc.phone=1",
            "1:59: error: CM_EvCampaignLoaded has no attribute dnc.phone",
        ),
        (
            "expct ocs 301 -> 201 CM_EvError error=1",
            "1:1: error: expected a line of a scenario, found 'expct', did you mean 'expect'",
        ),
        (
            "expect within ocs 301 -> 201 CM_EvError error=1",
            "1:15: error: expected a duration such as 500ms, 20s, 5m or 2h, found 'ocs'",
        ),
        (
            "expect app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732",
            "1:8: error: expected ocs FROM -> TO MESSAGE, found 'app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732'",
        ),
        ("every 30s until", "1:1: error: expected a moment such as 90s, 17:30 or end, found 'the end of the line'"),
        ("at noon", "1:4: error: expected a moment such as 90s, 17:30 or end, found 'noon'"),
        ("at end", "1:4: error: expected a line 'for DURATION' above, found none: the run has no end of its own"),
        ("at 5m\nat 4m", "2:4: error: expected a moment behind the one before it, found 4m"),
        ("for 1h\nat 2h", "2:4: error: expected a moment before the end of the run, found 2h"),
        ("fault dropp ocs 301", "1:7: error: expected a fault"),
        ("fault drop type=CM_Ev* frist 1", "1:24: error: "),
        (
            "check campaign 101 recods = final + open",
            "1:20: error: expected a count, found 'recods', did you mean 'records'",
        ),
        (
            "check campain 101 records = 1",
            "1:7: error: expected campaign N, pair N-N or ocs N, then counts, found 'campain', did you mean 'campaign'",
        ),
        (
            "check campaign 109 records = 1",
            "1:16: error: there is no campaign 109 in the site, only 101, 102, 103, 104",
        ),
        ("trigger 309 restart", "1:9: error: there is no OCS 309 in the site, only 301, 302"),
        ("ocs 309 -> 201 CM_EvError error=1", "1:5: error: there is no OCS 309 in the site, only 301, 302"),
        ("wait 1s\ncampaign 1 X ocs=301", "2:1: error: expected campaign above the first step, found it behind"),
        ("campaign 1 X ocs=303", "1:1: error: expected an OCS of a line above, found 303"),
        ("pair 101-739", "1:1: error: expected a group of a line above, found 739"),
        ("end", "1:1: error: expected a block that is open (when, every, unordered), found none"),
        (
            "when ocs 301 -> * CM_Ev*\nwait 1s",
            "1:1: error: expected a line 'end' for this block, found the end of the file",
        ),
        ("operator", "1:1: error: expected a line 'for DURATION' with operator, found none"),
        (
            "app 201 -> 301 CM_ReqGetCampaignStatus campaign=101 group=\"732",
            "1:59: error: expected a closing quote, found the end of the line",
        ),
        (
            "app 201 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732 schedule.start_time=@soon",
            "1:84: error: expected a moment such as @30m or @17:30, found 'soon'",
        ),
    ];
    let mut wrong = String::new();
    for (text, wanted) in table {
        let found = findings(text);
        let is_error = check(&parse(text), text).1.iter().any(|it| it.severity == Severity::Error);
        if !is_error || !found.iter().any(|finding| finding.starts_with(wanted)) {
            wrong += &format!("{text}\n  wanted {wanted}\n  found  {found:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn more_than_one_mistake_is_told_at_once() {
    let found = findings("site shfit\nwait soon\n\nlet a = 1\napp 201 -> 301 CM_ReqStop campaign=1 group=2\n");
    let lines: Vec<&str> = found.iter().map(|finding| finding.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "2", "4", "5"], "{found:?}");
}

#[test]
fn what_is_allowed_but_hardly_meant_is_a_warning() {
    let table = [
        ("let a = 1\n", "1:5: warning: the variable a is not used"),
        (
            "app 299 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732\n",
            "1:5: warning: no OCS of the site knows application 299",
        ),
        (
            "ocs 301 -> 207 CM_EvCampaignLoaded campaign=101 group=732 ...\n",
            "1:12: warning: application 207 asks nothing in this file",
        ),
        (
            "ocs 301 -> 0 CM_EvCampaignLoaded campaign=109 group=732 ...\n",
            "1:43: warning: campaign 109 is not in the site",
        ),
        (
            "ocs 301 -> 0 CM_EvCampaignStatus campaign=101 group=732 status=9 ...\n",
            "1:64: warning: status 9 is in no table",
        ),
        ("wait 1s\n", "1:1: warning: nothing has to come and nothing is checked"),
        ("every 1s until 2s\nend\n", "1:1: warning: the block is empty"),
    ];
    for (text, wanted) in table {
        let found = findings(text);
        assert!(found.iter().any(|finding| finding.starts_with(wanted)), "{text} {found:?}");
        assert!(parse(text).is_usable());
    }
}

fn failure(text: &str) -> Failure {
    let report = report(text);
    report.failures().next().cloned().unwrap_or_else(|| panic!("it passes\n{}", report.text("x")))
}

#[test]
fn what_did_not_come_is_told_with_the_nearest_that_came() {
    let told = failure(&format!(
        "{LOAD}expect within 2s ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 status=5 ...\noptional ocs * -> * CM_Ev*"
    ));
    assert_eq!((told.kind, told.line), (FailureKind::Unexpected, 2), "it came before it was allowed: {told:?}");
    let told = failure(&format!(
        "optional ocs * -> * CM_Ev*\n{LOAD}expect within 2s ocs 301 -> 201 CM_EvCampaignLoaded campaign=101 group=732 status=5 ..."
    ));
    assert_eq!((told.kind, told.line, told.at), (FailureKind::Missed, 3, crate::protocol::Time::from_secs(2)));
    assert!(told.text.starts_with("did not come within 2s: ocs 301 -> 201 CM_EvCampaignLoaded"), "{}", told.text);
    assert!(told.details[0].starts_with("nearest, at 0:00:00.000: ocs 301 -> 201 CM_EvCampaignLoaded"), "{told:?}");
    assert!(told.details[0].contains("status: wanted 5 (running), came 4 (active)"), "{told:?}");
}

#[test]
fn what_nobody_waits_for_is_told_with_the_lines_that_come_nearest() {
    let told = failure(&format!("{LOAD}wait 1s\n"));
    assert_eq!((told.kind, told.line), (FailureKind::Unexpected, 2));
    assert!(told.details.iter().any(|line| line == "no line waits for an event now"), "{told:?}");
    assert!(told.details.iter().any(|line| line.starts_with("if it may come, say so above: optional ocs 301 -> 201")));
    let told = failure(&format!("{LOAD}ocs 301 -> 201 CM_EvError campaign=101 group=732 error=5 ...\n"));
    assert_eq!((told.kind, told.line), (FailureKind::Unexpected, 2));
    assert!(told.details[0].starts_with("line 2 waits for: ocs 301 -> 201 CM_EvError"), "{told:?}");
    assert!(told.details[0].contains("message: wanted CM_EvError, came CM_EvCampaignLoaded"), "{told:?}");
}

#[test]
fn order_matters_unless_it_is_said_that_it_does_not() {
    let dnc = "app 201 -> 0 CM_ReqDoNotCall dnc.phone=1\n";
    let (one, other) = ("ocs 301 -> 201 CM_EvDoNotCallProcessed ...\n", "ocs 302 -> 201 CM_EvDoNotCallProcessed ...\n");
    assert!(report(&format!("{dnc}{one}{other}")).is_good());
    let told = failure(&format!("{dnc}{other}{one}"));
    assert_eq!((told.kind, told.line), (FailureKind::OutOfOrder, 3));
    assert!(report(&format!("{dnc}unordered\n{other}{one}end\n")).is_good());
}

#[test]
fn when_and_every_run_beside_the_file() {
    let status = "app 202 -> 301 CM_ReqGetCampaignStatus campaign=101 group=732\n";
    let text = format!(
        "when once ocs 301 -> 201 CM_EvCampaignLoaded ... app 201 -> 301 CM_ReqStartDialing campaign=101 group=732 mode=1 optimize_by=1 goal=80\n\
         optional ocs 301 -> 201 CM_EvDialingStarted ...\n\
         every 10s until 30s\n  {status}  ocs 301 -> 202 CM_EvCampaignStatus ...\nend\n\
         {LOAD}{LOADED}wait 25s\ncheck pair 101-732 status = running\n"
    );
    let told = report(&text);
    assert!(told.is_good(), "{}", told.text("x"));
    let statuses = told.acts[0].passed.iter().filter(|passed| passed.line == 5);
    assert_eq!(statuses.count(), 4, "0, 10, 20 and 30 s");
}

#[test]
fn never_ends_the_run_while_it_holds() {
    let told = failure(&format!("never ocs * -> 201 CM_EvCampaignLoaded ...\n{LOAD}{LOADED}"));
    assert_eq!((told.kind, told.line), (FailureKind::Never, 1));
    assert!(report(&format!("never for 5s ocs * -> 201 CM_EvCampaignLoaded ...\nwait 6s\n{LOAD}{LOADED}")).is_good());
}

#[test]
fn a_moment_that_is_over_and_steps_that_are_left_are_failures() {
    let told = failure(&format!("wait 10s\nat 5s\n{LOAD}{LOADED}"));
    assert_eq!((told.kind, told.line), (FailureKind::Late, 2));
    let told = failure(&format!("for 5s\nwait 10s\n{LOAD}{LOADED}"));
    assert_eq!((told.kind, told.line), (FailureKind::Late, 2));
    assert!(told.text.contains("the run ended before this line was done: wait 10s"), "{}", told.text);
}

#[test]
fn every_act_begins_in_a_fresh_site() {
    let told = report(&format!("{LOAD}{LOADED}profile strict\n{LOAD}ocs 301 -> 201 CM_EvError error=10 ...\n"));
    assert!(told.is_good(), "{}", told.text("x"));
    assert_eq!(told.acts.len(), 2);
    assert_eq!(told.acts[1].profile.as_deref(), Some("strict"));
}

#[test]
fn variables_stand_for_words_and_can_be_given() {
    let text = "let c = 101\nlet to = campaign=$c\napp 201 -> 301 CM_ReqLoadCampaign $to group=732\nocs 301 -> 201 CM_EvCampaignLoaded $to ...\n";
    assert!(report(text).is_good());
    let given = Given { variables: vec![("c".to_owned(), "103".to_owned())], ..Given::default() };
    let parsed = parse_with(text, &given);
    let Step::Send(sent) = &parsed.scenario.steps[0].step else { panic!() };
    assert_eq!(sent.message.body.pair().unwrap().campaign.0, 103);
    let several = "let to = campaign=101 group=732\napp 201 -> 301 CM_ReqLoadCampaign $to\nocs 301 -> 201 CM_EvCampaignLoaded $to ...\n";
    assert!(report(several).is_good());
    let inside = findings("let to = campaign=101 group=732\nwait $to.s");
    assert!(inside[0].starts_with("2:7: error: expected $to alone"), "{inside:?}");
    let quoted = "app 201 -> 301 CM_ReqDoNotCall dnc.phone=\"$c\"\nocs 301 -> 201 CM_EvDoNotCallProcessed dnc.phone=\"$c\" ...\n";
    assert!(report(quoted).is_good(), "in quotes it is text");
}

#[test]
fn results_are_xml_whatever_is_in_them() {
    let text = format!(
        "scenario \"<&> \\\"quoted\\\"\"\n{LOAD}{LOADED}app 201 -> 301 CM_ReqDoNotCall dnc.phone=\"<1>\"\nwait 1s\ncheck ocs 301 dnc = 1\n"
    );
    let told = report(&text);
    let junit = told.junit("a&b.scn");
    assert!(
        junit.contains(
            "<testsuite name=\"&lt;&amp;&gt; &quot;quoted&quot;\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""
        ),
        "{junit}"
    );
    assert!(junit.contains("classname=\"a&amp;b.scn\""));
    assert!(junit.contains("<failure type=\"unexpected\" message=\"not expected: ocs 301 -&gt; 201"), "{junit}");
    assert!(junit.contains("dnc.phone=&quot;&lt;1&gt;&quot;"), "{junit}");
    assert_eq!(junit.matches("<testcase").count(), 3);
    assert!(told.text("x.scn").contains("failed: 1 of 3 expectations and checks hold"), "{}", told.text("x.scn"));
}

fn number() -> std::ops::Range<u16> {
    1..2_000
}

/// Lines as somebody may write them.
fn line() -> impl Strategy<Value = String> {
    let event = (number(), prop_oneof![Just("*".to_owned()), number().prop_map(|n| n.to_string())], 0..4_usize)
        .prop_map(|(campaign, to, kind)| match kind {
            0 => format!("ocs 301 -> {to} CM_EvCampaignLoaded campaign={campaign} group=732 status=active ..."),
            1 => format!("ocs * -> {to} CM_Ev* error={campaign} ..."),
            2 => "ocs 302 -> 0 CM_EvError error=7 text=\"a \\\"b\\\" # c\"".to_owned(),
            _ => format!("ocs 301 -> {to} CM_EvDoNotCallProcessed dnc.phone=\"$x {campaign}\" ..."),
        })
        .boxed();
    let request = number().prop_map(|n| format!("app {n} -> 301 CM_ReqStopDialing campaign={n} group=732")).boxed();
    let step = prop_oneof![
        request.clone(),
        event.clone(),
        event.clone().prop_map(|event| format!("expect within 5s {event}")),
        event.clone().prop_map(|event| format!("optional {event}")),
        event.clone().prop_map(|event| format!("never for 90s {event}")),
        number().prop_map(|n| format!("wait {n}ms")),
        number().prop_map(|n| format!("trigger 301 record_back \"a list\" {n}")),
        Just("check campaign 101 records = final + open + 0".to_owned()),
        Just("check pair 101-732 status != running".to_owned()),
        Just("fault drop ocs 301 type=CM_Ev* nth 2".to_owned()),
        Just("say ocs 301 -> 201 CM_EvError error=1".to_owned()),
        Just("profile strict".to_owned()),
    ];
    prop_oneof![
        4 => step,
        1 => (event.clone(), request.clone()).prop_map(|(event, request)| {
            format!("when once {} {request}", event.replace(" text=\"a \\\"b\\\" # c\"", " ..."))
        }),
        1 => (number(), request).prop_map(|(n, request)| format!("every {n}s until 17:30\n{request}\nwait 1s\nend")),
        1 => proptest::collection::vec(event, 1..4).prop_map(|events| format!("unordered within 1h\n{}\nend", events.join("\n"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_printed_reads_back(lines in proptest::collection::vec(line(), 1..12)) {
        let text = format!("scenario \"a \\\"b\\\"\"\nsite demo\nlet x = 1\nseed 3\nstart 2026-12-01T17:00:00Z\nfor 8h\nwithin 7s\nwait 1ms\n{}\n", lines.join("\n"));
        let parsed = parse(&text);
        prop_assert!(parsed.is_usable(), "{}\n{:?}", text, parsed.findings);
        let printed = parsed.scenario.to_string();
        let again = parse(&printed);
        prop_assert!(again.is_usable(), "{}\n{:?}", printed, again.findings);
        prop_assert_eq!(&again.scenario, &parsed.scenario, "{}", printed);
        prop_assert_eq!(again.scenario.to_string(), printed);
    }

    #[test]
    fn any_text_is_a_scenario_or_told_what_is_wrong(text in "(app|ocs|expect|when|every|at|let|check|fault|end|site|\\PC{0,12}|[ =>$\"\n-]|[0-9]{1,3}){0,40}") {
        let parsed = parse(&text);
        let _ = check(&parsed, &text);
    }
}
