//! A sequence for those who look at it: planned and actual.

use crate::engine::sequence::{Act, ActOutcome, Entry, Plan, Sequence, Standing, StepResult, What};
use crate::service::sequence_file::Flaw;
use crate::store::sequences::StoredSequence;

/// A file with its plan.
#[derive(Clone, Debug)]
pub struct PlannedSequence {
    /// As of when.
    pub now_ms: i64,
    /// What it says.
    pub sequence: Sequence,
    /// The timeline.
    pub plan: Plan,
    /// What is wrong or odd, with its place; errors first.
    pub flaws: Vec<Flaw>,
}

/// What a step has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActualStep {
    /// When its load was asked for.
    pub begun_ms: Option<i64>,
    /// When it was known to dial.
    pub dialing_ms: Option<i64>,
    /// When and how it ended.
    pub ended: Option<(i64, StepResult)>,
    /// In words.
    pub detail: Option<String>,
    /// How often it failed and was tried again.
    pub failures: u32,
}

/// A sequence with all that is known of it.
#[derive(Clone, Debug)]
pub struct SequenceView {
    /// As it is stored.
    pub stored: StoredSequence,
    /// What it says.
    pub sequence: Sequence,
    /// The timeline as of its acceptance.
    pub plan: Plan,
    /// What happened.
    pub log: Vec<Entry>,
    /// What became of each step; a schedule that OCS runs has one for the whole.
    pub actual: Vec<ActualStep>,
    /// Where it stands.
    pub standing: Standing,
}

impl SequenceView {
    pub(super) fn new(
        stored: StoredSequence,
        sequence: Sequence,
        plan: Plan,
        log: Vec<Entry>,
        standing: Standing,
    ) -> Self {
        let mut actual: Vec<ActualStep> = Vec::new();
        for entry in &log {
            if matches!(entry.what, What::Ended(_)) {
                continue;
            }
            if actual.len() <= entry.step {
                actual.resize(entry.step.saturating_add(1), ActualStep::default());
            }
            let Some(step) = actual.get_mut(entry.step) else { continue };
            step.detail = entry.detail.clone().or(step.detail.take());
            match entry.what {
                What::Intent { act: Act::Load, .. } => step.begun_ms = step.begun_ms.or(Some(entry.at_ms)),
                What::Outcome { act: Act::Start, outcome: ActOutcome::Done, .. } => step.dialing_ms = Some(entry.at_ms),
                What::Failed => step.failures += 1,
                What::StepEnded(result) => step.ended = Some((entry.at_ms, result)),
                What::Intent { .. } | What::Outcome { .. } | What::Ended(_) => {}
            }
        }
        Self { stored, sequence, plan, log, actual, standing }
    }

    /// `running`, `stopping`, or how it ended.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (&self.stored.ended, &self.stored.stop_asked) {
            (Some((_, result)), _) => result.slug(),
            (None, Some(_)) => "stopping",
            (None, None) => "running",
        }
    }
}
