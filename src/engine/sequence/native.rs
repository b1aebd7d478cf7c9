//! A sequence as OCS knows it: `campaign_schedule`, and what it cannot say.

use std::fmt;

use crate::engine::sequence::model::{OnFailure, Sequence, Step};
use crate::message::CampaignDbid;
use crate::message::CampaignSchedule;
use crate::message::Pair;
use crate::message::ScheduleItem;

/// Why OCS cannot run a step by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Another OCS than the first step's.
    OtherOcs,
    /// Another group than the first step's.
    OtherGroup,
    /// It waits for the state of another campaign.
    Condition,
    /// It has weekdays or hours.
    Window,
    /// A schedule does not say what follows a failure.
    OnFailure,
    /// OCS ends an item when no record is left.
    NotDepleted,
    /// An end so long after the start.
    After,
    /// The pause before it is not in whole minutes.
    Pause,
    /// The same campaign twice in a row, without a pause.
    Repeated,
    /// A time that does not fit its field.
    Time,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherOcs => "another OCS runs it than the first step",
            Self::OtherGroup => "it is on another group than the first step",
            Self::Condition => "a schedule knows no conditions",
            Self::Window => "a schedule knows no weekdays and no hours",
            Self::OnFailure => "a schedule does not say what follows a failure",
            Self::NotDepleted => "OCS ends an item when no record is left",
            Self::After => "a schedule knows no length of time",
            Self::Pause => "the pause before it is not in whole minutes",
            Self::Repeated => "the same campaign twice in a row without a pause",
            Self::Time => "its time does not fit a schedule",
        })
    }
}

impl Sequence {
    /// Why OCS cannot run this step as part of the whole; `None` = it can.
    #[must_use]
    pub fn obstacle(&self, at: usize) -> Option<Obstacle> {
        let (first, step) = (self.steps.first()?, self.steps.get(at)?);
        let before = at.checked_sub(1).and_then(|before| self.steps.get(before));
        let pause_ms = before.map_or(0, |before| before.pause_after_ms);
        let end = step.end;
        let fits = |ms: Option<i64>| ms.is_none_or(|ms| i32::try_from(ms.div_euclid(1_000)).is_ok());
        let checks = [
            (step.ocs != first.ocs, Obstacle::OtherOcs),
            (step.pair.group != first.pair.group, Obstacle::OtherGroup),
            (!step.when.is_empty(), Obstacle::Condition),
            (step.window.is_some(), Obstacle::Window),
            (step.on_failure != OnFailure::Skip, Obstacle::OnFailure),
            (!end.depleted, Obstacle::NotDepleted),
            (end.after_ms.is_some(), Obstacle::After),
            (pause_ms % 60_000 != 0, Obstacle::Pause),
            (before.is_some_and(|before| before.pair == step.pair) && pause_ms == 0, Obstacle::Repeated),
            (!fits(end.at_ms) || !fits(self.start_ms), Obstacle::Time),
        ];
        checks.into_iter().find(|(is_so, _)| *is_so).map(|(_, obstacle)| obstacle)
    }

    /// The whole as a schedule; `None` = a step has an obstacle.
    #[must_use]
    pub fn to_schedule(&self) -> Option<CampaignSchedule> {
        if (0..self.steps.len()).any(|at| self.obstacle(at).is_some()) {
            return None;
        }
        let mut items = Vec::with_capacity(self.steps.len());
        let mut pause_ms = 0;
        for (number, step) in (1..).zip(&self.steps) {
            items.push((number, item(step, pause_ms)));
            pause_ms = step.pause_after_ms;
        }
        Some(schedule(&self.name, self.start_ms, items))
    }
}

/// The one step that stands for a sequence which OCS runs; `None` = it cannot.
#[must_use]
pub fn submission(sequence: &Sequence) -> Option<Sequence> {
    let (schedule, first) = (sequence.to_schedule()?, sequence.steps.first()?);
    let mut step = Step::new(first.ocs, of_group(first.pair), first.dialing);
    step.schedule = Some(Box::new(schedule));
    Some(Sequence { name: sequence.name.clone(), start_ms: None, steps: vec![step] })
}

/// The same step, run by OCS as a schedule of its own: OCS counts dials and contacts, and nobody else can.
#[must_use]
pub fn schedule_of_step(name: &str, step: &Step) -> Step {
    let mut item = item(step, 0);
    item.stop_at_time = None; // the gateway ends it, as it ends every step
    let schedule = Some(Box::new(schedule(name, None, vec![(1, item)])));
    Step { pair: of_group(step.pair), schedule, ..step.clone() }
}

fn of_group(pair: Pair) -> Pair {
    Pair { campaign: CampaignDbid::SEQUENCE, ..pair }
}

fn schedule(name: &str, start_ms: Option<i64>, items: Vec<(i32, ScheduleItem)>) -> CampaignSchedule {
    let start_time = start_ms.and_then(|ms| i32::try_from(ms.div_euclid(1_000)).ok());
    CampaignSchedule { description: Some(name.into()), start_time, n_items: i32::try_from(items.len()).ok(), items }
}

fn item(step: &Step, pause_ms: i64) -> ScheduleItem {
    let seconds = |ms: i64| i32::try_from(ms.div_euclid(1_000)).ok();
    ScheduleItem {
        campaign: Some(step.pair.campaign),
        mode: step.dialing.mode,
        optimize_by: step.dialing.optimize_by,
        goal: step.dialing.goal,
        stop_at_time: step.end.at_ms.and_then(seconds),
        stop_at_contacts: step.end.contacts,
        stop_at_dials: step.end.dials,
        sleep_before_next_start_minutes: i32::try_from(pause_ms / 60_000).ok().filter(|minutes| *minutes > 0),
        status: None,
    }
}
