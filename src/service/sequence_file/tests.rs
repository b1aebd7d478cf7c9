use super::*;
use crate::engine::sequence::plan;
use crate::message::{CampaignDbid, GroupDbid};

/// 2026-11-22T10:00:00Z, a Sunday.
const NOW: i64 = 1_795_341_600_000;
const HOUR: i64 = 3_600_000;

fn router() -> Router {
    let mut router = Router::default();
    router.add_ocs(AppDbid(301), "OCS_A", None);
    router.add_ocs(AppDbid(302), "OCS_B", None);
    for (dbid, name, ocs) in [(101, "Renewals", 301), (102, "Winback", 302), (103, "Survey", 301)] {
        router.add_campaign(CampaignDbid(dbid), name, AppDbid(ocs));
    }
    router.add_group(GroupDbid(732), "Team A");
    router.add_group(GroupDbid(733), "Team B");
    let configured = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
    for (campaign, group) in [(101, 732), (103, 732), (102, 733)] {
        router.add_pair(Pair::new(campaign, group), configured);
    }
    router
}

fn read_toml(text: &str) -> Result<SequenceFile, Vec<Flaw>> {
    read(text, Format::Toml, &router(), NOW)
}

fn flaws(text: &str) -> Vec<String> {
    match read_toml(text) {
        Err(flaws) => flaws.iter().map(ToString::to_string).collect(),
        Ok(file) => {
            let lints = plan(&file.sequence, &router(), &[], NOW).lints;
            let lints = lints.iter().map(|lint| file.flaw(lint));
            file.warnings.iter().cloned().chain(lints).map(|flaw| flaw.to_string()).collect()
        }
    }
}

const EVENING: &str = r#"name = "evening"
start = "2026-12-01T17:00:00[Europe/Prague]"

[[step]]
campaign = "winback"
group = "team-b"
mode = "predictive"
optimize = { busy_factor = 80 }
stop = { at = "20:00", dials = 5000, contacts = 300 }
sleep_before_next = "10m"
on_failure = "skip"            # skip | retry | abort
"#;

#[test]
fn the_example_of_the_specification_is_read_as_it_stands() {
    let file = read_toml(EVENING).unwrap();
    let step = &file.sequence.steps[0];
    // 17:00 in Prague is 16:00 UTC in December.
    let start = 1_796_140_800_000;
    assert_eq!((file.sequence.name.as_str(), file.sequence.start_ms), ("evening", Some(start)));
    assert_eq!((step.ocs, step.pair), (AppDbid(302), Pair::new(102, 733)));
    assert_eq!(step.dialing, Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80));
    let end =
        End { at_ms: Some(start + 3 * HOUR), after_ms: None, dials: Some(5000), contacts: Some(300), depleted: true };
    assert_eq!((step.end, step.pause_after_ms, step.on_failure), (end, 600_000, OnFailure::Skip));
    assert_eq!(flaws(EVENING), Vec::<String>::new());
    let json = r#"{"name": "evening", "start": "2026-12-01T17:00:00[Europe/Prague]", "step": [{"campaign": 102,
        "group": "Team B", "mode": 1, "optimize": {"busy_factor": 80}, "stop": {"at": "20:00", "dials": 5000,
        "contacts": 300}, "sleep_before_next": "10m", "on_failure": "skip"}]}"#;
    assert_eq!(read(json, Format::Json, &router(), NOW).unwrap().sequence, file.sequence);
}

#[test]
fn everything_of_a_step_is_read() {
    let file = read_toml(
        r#"
        name = "x"
        zone = "America/New_York"
        [[step]]
        campaign = 101
        group = 732
        mode = "progressive_and_seize"
        stop = { after = "90m", depleted = false }
        on_failure = "retry"
        when = [{ campaign = "survey", status = "loaded" }, { campaign = "winback", group = 733, status = "running" }]
        weekdays = ["mon", "Tuesday"]
        hours = "22:00-02:00"
        zone = "Europe/Prague"
        "#,
    )
    .unwrap();
    let step = &file.sequence.steps[0];
    assert_eq!(step.dialing.mode, Some(DialMode::PROGRESSIVE_AND_SEIZE));
    assert_eq!((step.end.after_ms, step.end.depleted, step.on_failure), (Some(5_400_000), false, OnFailure::Retry));
    let wants: Vec<(i32, Want)> = step.when.iter().map(|it| (it.pair.campaign.0, it.want)).collect();
    assert_eq!(wants, [(103, Want::Loaded), (102, Want::from_word("running").unwrap())]);
    let window = step.window.as_ref().unwrap();
    assert_eq!((window.days, window.from_s, window.till_s), (0b11, 79_200, 7_200));
    assert_eq!(window.zone_name, "Europe/Prague");
    // Monday 22:00 in Prague is 21:00 UTC in November.
    assert_eq!(window.opens(NOW), Some(NOW + 35 * HOUR));
}

#[test]
fn what_is_wrong_has_its_line_and_the_nearest_word() {
    let wrong = r#"name = "evening"
[[step]]
campaign = "winbak"
group = "team-x"
mode = "predictiv"
optimize = { busy_factor = 80, wait_time = 3 }
stop = { at = "25:00", dials = 0 }
sleep_before_next = "10"
on_failure = "skp"
when = { campaign = "survey", status = "runing" }
weekdays = ["mon", "someday"]
hours = "8-21"
"#;
    let found = flaws(wrong);
    let wanted = [
        "line 3: step[0].campaign: campaign 'winbak' is not in the configuration, did you mean 'Winback'?",
        "line 4: step[0].group: group 'team-x' is not in the configuration, did you mean 'Team A'?",
        "line 5: step[0].mode: expected one of predict,",
        "line 6: step[0].optimize: expected one method, found 2",
        "line 7: step[0].stop.at: expected a time such as 20:00 or",
        "line 7: step[0].stop.dials: expected 1 to 2147483647, found 0",
        "line 8: step[0].sleep_before_next: expected a duration such as 90s, 10m or 2h, found '10'",
        "line 9: step[0].on_failure: expected one of skip, retry, abort, found 'skp', did you mean 'skip'?",
        "line 10: step[0].when: expected a status, one of loaded,",
        "line 11: step[0].weekdays: expected one of mon, tue, wed, thu, fri, sat, sun, found 'someday'",
        "line 12: step[0].hours: expected hours such as 08:00-21:00, found '8-21'",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found}\n{wanted}");
    }
    assert!(found[2].ends_with("did you mean 'predict'?"), "{}", found[2]);
    let told = flaws("name = \"x\"\n[[step]]\ncampagne = 101\n");
    assert_eq!(told, ["line 3: unknown key 'campagne', the nearest known key is 'campaign'"]);
    let told = read("{\"name\": \"x\",\n \"stepp\": []}", Format::Json, &router(), NOW).unwrap_err();
    assert!(
        told[0].to_string().starts_with("line 2: unknown key 'stepp', the nearest known key is 'step'"),
        "{told:?}"
    );
    let told = flaws("name = \"x\"\n[[step]]\ncampaign = 101\n");
    assert!(told[0].contains("missing field `group`"), "{told:?}");
}

#[test]
fn days_on_which_clocks_change_are_told_apart() {
    let at = |start: &str| read_toml(&format!("name = \"x\"\nstart = \"{start}\"\n"));
    // 2027-03-28: from 02:00 to 03:00. 2027-10-31: from 03:00 back to 02:00.
    let gap = at("2027-03-28T02:30:00[Europe/Prague]").unwrap_err();
    assert_eq!(
        gap[0].to_string(),
        "line 2: start: 2027-03-28T02:30:00 does not exist in Europe/Prague: its clocks are set forward over it"
    );
    assert_eq!(gap[0].hint.as_deref(), Some("the clocks show 2027-03-28T03:30:00 instead"));
    let fold = at("2027-10-31T02:30:00[Europe/Prague]").unwrap();
    assert!(fold.warnings[0].message.contains("comes twice"), "{:?}", fold.warnings);
    let first = fold.sequence.start_ms.unwrap();
    let ms = |start: &str| at(start).unwrap().sequence.start_ms.unwrap();
    assert_eq!(ms("2027-10-31T02:30:00+02:00[Europe/Prague]"), first);
    assert_eq!(ms("2027-10-31T02:30:00+01:00[Europe/Prague]"), first + HOUR);
    assert_eq!(ms("2027-10-31T00:30:00Z"), first);
    assert!(at("2027-10-31T02:30:00+05:00[Europe/Prague]").is_err());
    assert!(at("2027-10-31T02:30:00[Europe/Prag]").is_err());
    assert!(at("2027-10-31").is_err());
}

#[test]
fn a_clock_time_is_of_the_day_of_the_start_and_another_day_needs_its_date() {
    let stop = |stop: &str| {
        let text = format!(
            "name = \"x\"\nstart = \"2026-12-01T23:30:00[Europe/Prague]\"\n[[step]]\ncampaign = 101\ngroup = 732\nstop = {{ at = \"{stop}\" }}\n"
        );
        (read_toml(&text).unwrap().sequence.steps[0].end.at_ms.unwrap(), flaws(&text))
    };
    let start = 1_796_164_200_000;
    assert_eq!(stop("24:00"), (start + HOUR / 2, vec![]));
    assert_eq!(stop("2026-12-02T02:00").0, start + 5 * HOUR / 2);
    let (at, told) = stop("02:00");
    assert_eq!(at, start - 43 * HOUR / 2);
    assert!(told[0].starts_with("line 6: step[0].stop.at: the stop is not after the start"), "{told:?}");
}

#[test]
fn what_is_odd_is_told_with_its_line() {
    let odd = |rest: &str| {
        let text = format!("name = \"x\"\n[[step]]\ncampaign = 101\ngroup = 732\n{rest}");
        flaws(&text)
    };
    for (rest, wanted) in [
        ("optimize = { overdial_rate = 5 }", "line 5: step[0].optimize: an overdial rate of 5 %"),
        (
            "mode = \"progress\"\noptimize = { busy_factor = 80 }",
            "line 6: step[0].optimize: the goal is ignored by progress",
        ),
        ("optimize = { busy_factor = 101 }", "line 5: step[0].optimize: expected a goal from 0 to 100"),
        ("stop = { depleted = false }", "line 5: step[0].stop: nothing ends this step"),
        ("stop = { dials = 5, depleted = false }", "line 5: step[0].stop.depleted: OCS alone counts dials"),
        ("when = { campaign = 101, status = \"running\" }", "line 5: step[0].when: the step waits for itself"),
        (
            "[[step]]\ncampaign = 101\ngroup = 732",
            "line 6: step[1].campaign: campaign 'Renewals' is used twice, by step 1",
        ),
        (
            "[[step]]\ncampaign = 102\ngroup = 732",
            "line 7: step[1].group: campaign 'Winback' is not configured on group",
        ),
        ("stop = { at = \"09:00\" }", "line 5: step[0].stop.at: never begun: its stop has passed"),
    ] {
        let found = odd(rest);
        assert!(found.iter().any(|found| found.starts_with(wanted)), "{rest}: {found:?}");
    }
    assert_eq!(odd(""), Vec::<String>::new());
    assert_eq!(odd("optimize = { overdial_rate = 3 }"), Vec::<String>::new());
    assert!(flaws("name = \"x\"\n")[0].contains("at least one step"));
}

#[test]
fn the_file_of_the_manual_is_read_and_nothing_is_odd_about_it() {
    let manual = include_str!("../../../docs/sequences.md");
    let file = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(flaws(file), Vec::<String>::new());
    assert_eq!(read_toml(file).unwrap().sequence.steps.len(), 2);
}
