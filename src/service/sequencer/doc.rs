//! A plan as JSON, as it is stored: names looked up, local times turned into moments.

use serde::{Deserialize, Serialize};

use crate::engine::sequence::{Condition, End, OnFailure, Sequence, Step, Want, Window};
use crate::message::{AppDbid, DialMode, Dialing, OptimizeBy, Pair};
use crate::protocol::UtcSeconds;
use crate::service::zones::read_zone;

#[derive(Serialize, Deserialize)]
struct SequenceDoc {
    name: String,
    start_ms: Option<i64>,
    steps: Vec<StepDoc>,
}

#[derive(Serialize, Deserialize)]
struct StepDoc {
    ocs: i32,
    campaign: i32,
    group: i32,
    mode: Option<i32>,
    optimize_by: Option<i32>,
    goal: Option<i32>,
    at_ms: Option<i64>,
    after_ms: Option<i64>,
    dials: Option<i32>,
    contacts: Option<i32>,
    depleted: bool,
    pause_after_ms: i64,
    on_failure: String,
    when: Vec<WhenDoc>,
    window: Option<WindowDoc>,
}

#[derive(Serialize, Deserialize)]
struct WhenDoc {
    ocs: i32,
    campaign: i32,
    group: i32,
    status: String,
}

#[derive(Serialize, Deserialize)]
struct WindowDoc {
    zone: String,
    /// Where its table of offsets begins.
    since_s: i64,
    days: u8,
    from_s: i32,
    till_s: i32,
}

/// Why a stored plan is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("expected one of its words, found '{0}'")]
    Word(String),
    #[error("zone '{0}' is not known any more")]
    Zone(String),
}

pub(super) fn encode(sequence: &Sequence) -> String {
    let since_s = sequence.start_ms.unwrap_or_else(super::now_ms).div_euclid(1_000);
    let step = |step: &Step| StepDoc {
        ocs: step.ocs.0,
        campaign: step.pair.campaign.0,
        group: step.pair.group.0,
        mode: step.dialing.mode.map(|mode| mode.0),
        optimize_by: step.dialing.optimize_by.map(|method| method.0),
        goal: step.dialing.goal,
        at_ms: step.end.at_ms,
        after_ms: step.end.after_ms,
        dials: step.end.dials,
        contacts: step.end.contacts,
        depleted: step.end.depleted,
        pause_after_ms: step.pause_after_ms,
        on_failure: step.on_failure.slug().into(),
        when: step.when.iter().map(when).collect(),
        window: step.window.as_ref().map(|window| WindowDoc {
            zone: window.zone_name.clone(),
            since_s,
            days: window.days,
            from_s: window.from_s,
            till_s: window.till_s,
        }),
    };
    let steps = sequence.steps.iter().map(step).collect();
    let doc = SequenceDoc { name: sequence.name.clone(), start_ms: sequence.start_ms, steps };
    serde_json::to_string(&doc).unwrap_or_default() // numbers and texts alone
}

fn when(condition: &Condition) -> WhenDoc {
    WhenDoc {
        ocs: condition.ocs.0,
        campaign: condition.pair.campaign.0,
        group: condition.pair.group.0,
        status: condition.want.slug().into(),
    }
}

pub(super) fn decode(text: &str) -> Result<Sequence, DocError> {
    let doc: SequenceDoc = serde_json::from_str(text)?;
    let steps = doc.steps.into_iter().map(step).collect::<Result<_, _>>()?;
    Ok(Sequence { name: doc.name, start_ms: doc.start_ms, steps })
}

fn step(doc: StepDoc) -> Result<Step, DocError> {
    let word = |word: &str| DocError::Word(word.to_owned());
    let condition = |doc: WhenDoc| {
        let want = Want::from_word(&doc.status).ok_or_else(|| word(&doc.status))?;
        Ok(Condition { ocs: AppDbid(doc.ocs), pair: Pair::new(doc.campaign, doc.group), want })
    };
    let window = |doc: WindowDoc| {
        let zone = read_zone(&doc.zone, UtcSeconds(doc.since_s)).ok_or_else(|| DocError::Zone(doc.zone.clone()))?;
        Ok::<_, DocError>(Window { zone, zone_name: doc.zone, days: doc.days, from_s: doc.from_s, till_s: doc.till_s })
    };
    let dialing =
        Dialing { mode: doc.mode.map(DialMode), optimize_by: doc.optimize_by.map(OptimizeBy), goal: doc.goal };
    Ok(Step {
        end: End {
            at_ms: doc.at_ms,
            after_ms: doc.after_ms,
            dials: doc.dials,
            contacts: doc.contacts,
            depleted: doc.depleted,
        },
        pause_after_ms: doc.pause_after_ms,
        on_failure: OnFailure::from_slug(&doc.on_failure).ok_or_else(|| word(&doc.on_failure))?,
        when: doc.when.into_iter().map(condition).collect::<Result<_, DocError>>()?,
        window: doc.window.map(window).transpose()?,
        ..Step::new(AppDbid(doc.ocs), Pair::new(doc.campaign, doc.group), dialing)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_as_it_was() {
        let zone = read_zone("Europe/Prague", UtcSeconds(1_796_140_800)).unwrap();
        let mut step = Step::new(AppDbid(301), Pair::new(101, 732), Dialing::new(DialMode(1), OptimizeBy(1), 80));
        step.end = End { at_ms: Some(5), after_ms: Some(6), dials: Some(7), contacts: Some(8), depleted: false };
        (step.pause_after_ms, step.on_failure) = (9, OnFailure::Abort);
        step.when = vec![Condition { ocs: AppDbid(302), pair: Pair::new(102, 733), want: Want::Loaded }];
        let window = Window { zone, zone_name: "Europe/Prague".into(), days: 0b11, from_s: 28_800, till_s: 75_600 };
        step.window = Some(window);
        let plain = Step::new(AppDbid(301), Pair::new(103, 732), Dialing::default());
        let sequence = Sequence { name: "evening".into(), start_ms: Some(1_796_140_800_000), steps: vec![step, plain] };
        assert_eq!(decode(&encode(&sequence)).unwrap(), sequence);
        assert!(
            matches!(decode(&encode(&sequence).replace("abort", "stop")), Err(DocError::Word(word)) if word == "stop")
        );
        assert!(decode("{}").is_err());
    }
}
