//! An application that sets a site to work: every campaign is loaded and started, group by group.
//!
//! A group with one campaign gets a load and a start with auto completion; a group with several gets a native sequence
//! in which each of them has an equal part of the time.

use std::collections::VecDeque;

use super::{AppInput, Application};
use crate::engine::topology::Topology;
use crate::message::AppDbid;
use crate::message::AutoCompletion;
use crate::message::CampaignDbid;
use crate::message::CampaignSchedule;
use crate::message::CommDnMessage;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::GroupDbid;
use crate::message::LoadCampaign;
use crate::message::Message;
use crate::message::OptimizeBy;
use crate::message::Pair;
use crate::message::ScheduleItem;
use crate::message::StartDialing;
use crate::protocol::{Time, UtcSeconds};

/// One group of one OCS with its campaigns.
#[derive(Clone, Debug)]
struct Work {
    ocs: AppDbid,
    origin: AppDbid,
    group: GroupDbid,
    items: Vec<(CampaignDbid, Dialing)>,
    started: bool,
}

/// The application.
#[derive(Clone, Debug)]
pub struct Operator {
    works: Vec<Work>,
    /// How long the work is to last, in seconds.
    seconds: i64,
    out: VecDeque<CommDnMessage>,
}

impl Operator {
    /// For all enabled campaigns of a site, to be worked off within so many seconds.
    #[must_use]
    pub fn new(topology: &Topology, seconds: u64) -> Self {
        let mut works: Vec<Work> = Vec::new();
        for pair in topology.pairs.iter().filter(|pair| pair.enabled) {
            let campaign = topology.campaigns.iter().find(|(known, _)| known.dbid == pair.pair.campaign);
            let Some((_, ocs)) = campaign.filter(|(campaign, _)| campaign.enabled) else { continue };
            let origin = topology.origins.iter().find(|(_, accepted)| accepted.contains(ocs));
            let Some((origin, _)) = origin else { continue };
            let item = (pair.pair.campaign, pair.dialing.or(Dialing::new(DialMode::PROGRESSIVE, OptimizeBy::NONE, 0)));
            let group = pair.pair.group;
            match works.iter_mut().find(|work| work.ocs == *ocs && work.group == group) {
                Some(work) => work.items.push(item),
                None => {
                    let (ocs, origin, items) = (*ocs, origin.dbid, vec![item]);
                    works.push(Work { ocs, origin, group, items, started: false });
                }
            }
        }
        Self { works, seconds: i64::try_from(seconds).unwrap_or(i64::MAX), out: VecDeque::new() }
    }

    fn load(&mut self, utc: UtcSeconds) {
        for work in &self.works {
            let load = match work.items.as_slice() {
                [(campaign, dialing)] => LoadCampaign {
                    auto_completion: Some(AutoCompletion::top(true)),
                    ..LoadCampaign::new(Pair { campaign: *campaign, group: work.group }, *dialing)
                },
                items => {
                    let pair = Pair { campaign: CampaignDbid::SEQUENCE, group: work.group };
                    let schedule = Some(schedule(items, utc.0, self.seconds));
                    LoadCampaign { schedule, ..LoadCampaign::new(pair, Dialing::default()) }
                }
            };
            self.out.push_back(CommDnMessage::new(work.origin, work.ocs, load));
        }
    }

    fn start(&mut self, ocs: AppDbid, pair: Pair) {
        let work = self.works.iter_mut().find(|work| work.ocs == ocs && work.group == pair.group);
        let Some(work) = work.filter(|work| !work.started) else { return };
        let dialing = match work.items.as_slice() {
            [(campaign, dialing)] if *campaign == pair.campaign => *dialing,
            [_, _, ..] if pair.campaign.is_sequence() => Dialing::default(),
            _ => return,
        };
        work.started = true;
        self.out.push_back(CommDnMessage::new(work.origin, ocs, StartDialing::new(pair, dialing)));
    }
}

/// Equal parts of the time, one after the other.
fn schedule(items: &[(CampaignDbid, Dialing)], utc: i64, seconds: i64) -> CampaignSchedule {
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let end = |n: i64| i32::try_from(utc.saturating_add(seconds.saturating_mul(n) / count)).unwrap_or(i32::MAX);
    let items = items.iter().zip(1..).map(|((campaign, dialing), n)| {
        let item = ScheduleItem {
            campaign: Some(*campaign),
            mode: dialing.mode,
            optimize_by: dialing.optimize_by,
            goal: dialing.goal,
            stop_at_time: Some(end(n)),
            ..ScheduleItem::default()
        };
        (i32::try_from(n).unwrap_or(i32::MAX), item)
    });
    CampaignSchedule {
        description: Some("shift".into()),
        start_time: None,
        n_items: i32::try_from(count).ok(),
        items: items.collect(),
    }
}

impl Application for Operator {
    fn name(&self) -> &str {
        "Operator"
    }

    fn handle(&mut self, _: Time, utc: UtcSeconds, input: AppInput<'_>) {
        match input {
            AppInput::Up => self.load(utc),
            AppInput::Heard { message, .. } => {
                if let Message::CampaignLoaded(event) = &message.body {
                    self.start(message.origin, event.0.pair);
                }
            }
            AppInput::Tick => {}
        }
    }

    fn poll(&mut self) -> Option<CommDnMessage> {
        self.out.pop_front()
    }
}
