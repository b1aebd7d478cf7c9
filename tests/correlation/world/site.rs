//! Both OCSs, their campaigns, and the messages of a schedule.

use std::sync::OnceLock;

use commdn::{
    engine::fault::{Faults, Rule},
    engine::ocs::{CallingList, Campaign, Group, Ocs, OcsConfig, Origin, OriginKind, PairConfig, Record},
    message::*,
    protocol::{
        Time,
        profile::Profile,
        requester::{DnAddress, LinkId},
    },
    wire::Dialect,
};

pub const OCS: [AppDbid; 2] = [AppDbid(301), AppDbid(302)];
pub const BACKUP: AppDbid = AppDbid(311);
/// Another application that the OCSs know.
pub const FOREIGN: AppDbid = AppDbid(291);
/// An application that nobody knows.
pub const STRANGER: AppDbid = AppDbid(999);
pub const SEQUENCE: u64 = 3;
pub const DN: &str = "CommDN_1";

/// How the OCSs may behave; the last is what a correlator likes best.
pub const PROFILES: u64 = 6;

fn profile(number: u64) -> Profile {
    let named = |name| Profile::shipped(name).expect("a shipped profile");
    let mut profile =
        named(["documented", "adversarial", "lenient", "adversarial", "strict", "documented"][number as usize]);
    let rows = &mut profile.rows;
    // Delays and doubles are the network's business here, so that each frame can be told apart.
    (rows.answer_delay_ms, rows.answer_spread_ms, rows.answer_twice_gap_ms) = (0, 0, 0);
    rows.answer_twice = false;
    rows.drain_seconds_max = 20;
    match number {
        // Told to nobody in particular, ids and echo as in `adversarial`.
        3 => {
            rows.look_alike_before_answer = false;
            rows.notify_last_requester = false;
        }
        // Everything is documented but the ids of CM_EvError.
        4 => rows.error_ids = false,
        _ => {}
    }
    profile
}

pub fn pair(subject: u64) -> Pair {
    match subject {
        0 => Pair::new(101, 732),
        1 => Pair::new(102, 733),
        2 => Pair::new(101, 733),
        SEQUENCE => Pair::new(0, 732),
        4 => Pair::new(103, 732),
        _ => Pair::new(199, 732), // configured nowhere
    }
}

fn build(ocs: usize, number: u64) -> Ocs {
    let dialing = predict(80);
    let campaign = |dbid: i32| Campaign {
        dbid: CampaignDbid(dbid),
        name: format!("C{dbid}"),
        enabled: true,
        lists: vec!["people".to_owned()],
    };
    let group = |dbid: i32| Group { dbid: GroupDbid(dbid), name: format!("G{dbid}"), enabled: true };
    let known = (201..=216).chain([221, 222, FOREIGN.0]);
    let origin =
        |dbid: i32| Origin { dbid: AppDbid(dbid), name: format!("A{dbid}"), kind: OriginKind::ThirdPartyServer };
    let config = OcsConfig {
        dbid: OCS[ocs],
        name: format!("OCS_{ocs}"),
        backup: (ocs == 0).then_some(BACKUP),
        origins: known.map(origin).collect(),
        licensed_modes: (1..=11).map(DialMode).collect(),
        profile: profile(number),
        dialect: Dialect::default(),
        campaigns: [101, 102, 103].map(campaign).to_vec(),
        groups: [732, 733].map(group).to_vec(),
        pairs: [0, 1, 2, 4].map(|subject| PairConfig { pair: pair(subject), enabled: true, dialing }).to_vec(),
        lists: vec![CallingList {
            name: "people".to_owned(),
            enabled: true,
            customer_column: "customer".to_owned(),
            records: (1..=3).map(|n| Record::new(n, format!("9{n}"))).collect(),
        }],
        reads_lists: false,
        seed: 1,
        dialing: None,
    };
    Ocs::new(config, vec![DN.to_owned()])
}

/// The faults of a plan, from its start on.
pub fn faults(rules: &[Rule]) -> Faults {
    let mut faults = Faults::new(1);
    for rule in rules {
        faults.add(Time::ZERO, rule.clone()).expect("a schedule has not that many");
    }
    faults
}

/// A fresh OCS; built once, then copied.
pub fn ocs(which: usize, number: u64) -> Ocs {
    static ALL: OnceLock<Vec<Ocs>> = OnceLock::new();
    let all = ALL.get_or_init(|| (0..2).flat_map(|ocs| (0..PROFILES).map(move |number| build(ocs, number))).collect());
    all[which * PROFILES as usize + number as usize].clone()
}

pub fn link(links: u64, ocs: usize) -> LinkId {
    LinkId(if links == 2 { ocs as u32 } else { 0 })
}

pub fn address(links: u64, ocs: usize) -> DnAddress {
    DnAddress { link: link(links, ocs), dn: DN.into() }
}

pub fn predict(goal: i32) -> Dialing {
    Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, goal)
}

/// The request of a schedule; `variant` changes its parameters.
pub fn request(what: u64, subject: u64, variant: u64) -> Message {
    let pair = pair(subject);
    let dialing = predict(if variant & 1 == 1 { 70 } else { 80 });
    let night = |items: bool| -> Option<CampaignSchedule> {
        (subject == SEQUENCE).then(|| {
            let item = ScheduleItem { campaign: Some(CampaignDbid(103)), ..ScheduleItem::default() };
            let mut night = CampaignSchedule { description: Some("night".into()), ..CampaignSchedule::default() };
            if items {
                night.n_items = Some(1);
                night.items = vec![(1, item)];
            }
            night
        })
    };
    match what {
        0 => LoadCampaign { schedule: night(true), ..LoadCampaign::new(pair, dialing) }.into(),
        1 => StartDialing { schedule: night(true), ..StartDialing::new(pair, dialing) }.into(),
        2 => StopDialing::new(pair).into(),
        3 => UnloadCampaign::new(pair).into(),
        4 => ForceUnloadCampaign::new(pair).into(),
        5 => SetDialingMode { schedule: night(false), ..SetDialingMode::new(pair, dialing) }.into(),
        6 => GetCampaignStatus::new(pair).into(),
        7 => CancelRecord {
            phone: Some(phone(subject, variant)),
            campaign_name: (variant & 1 == 1).then(|| "C102".into()),
            scope: (variant & 2 == 2).then(|| ChainScope::RecordOnly.into()),
            ..CancelRecord::default()
        }
        .into(),
        _ => DoNotCall {
            phone: Some(phone(subject, variant)),
            customer_id: (variant & 1 == 1).then(|| "C-7".into()),
            scope: Some(if variant & 2 == 2 { ChainScope::RecordOnly } else { ChainScope::AllChain }.into()),
        }
        .into(),
    }
}

/// Variants from 4 on bring a phone that no OCS takes.
fn phone(subject: u64, variant: u64) -> Phone {
    if variant >= 4 { Phone::from("7".repeat(65).as_str()) } else { Phone::from(format!("{}", 91 + subject).as_str()) }
}

/// What could be the positive answer to such a request.
pub fn answer_like(what: u64, subject: u64, variant: u64) -> Message {
    let told = |status| PairEvent { dialing: predict(80), ..PairEvent::new(pair(subject), GroupCampStatus(status)) };
    match what {
        0 => CampaignLoaded(told(4)).into(),
        1 => DialingStarted(told(5)).into(),
        2 => DialingStopped(told(4)).into(),
        3 | 4 => CampaignUnloaded(told(0)).into(),
        5 => DialingModeChanged(told(5)).into(),
        6 => CampaignStatus(told(4)).into(),
        7 => match request(7, subject, variant) {
            Message::CancelRecord(asked) => {
                RecordCanceled { cancel_record: Some(asked), ..RecordCanceled::default() }.into()
            }
            _ => unreachable!("what was built above"),
        },
        _ => match request(8, subject, variant) {
            Message::DoNotCall(entry) => {
                DoNotCallProcessed { do_not_call: Some(entry), ..DoNotCallProcessed::default() }.into()
            }
            _ => unreachable!("what was built above"),
        },
    }
}
