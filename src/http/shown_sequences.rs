//! From sequences to the shapes of the API.

use std::borrow::Cow;

use crate::engine::Filtered;
use crate::engine::Router;
use crate::engine::sequence::{
    ActOutcome, Entry, Line, Plan, RunBy as PlannedBy, Sequence, SequenceResult, Step, StepResult, What,
};
use crate::http::convert::rfc3339;
use crate::http::dto::{FlawDto, SequenceDto, SequenceEntryDto, SequenceNewsDto, SequencePlanDto, SequenceStepDto};
use crate::message::{DialMode, GroupDbid};
use crate::protocol::{UtcSeconds, UtcTime};
use crate::service::sequence_file::Flaw;
use crate::service::sequencer::{ActualStep, PlannedSequence, SequenceNews, SequenceView, id_of};

fn time(ms: i64) -> String {
    let micros = u32::try_from(ms.rem_euclid(1_000)).unwrap_or(0) * 1_000;
    rfc3339(UtcTime { seconds: UtcSeconds(ms.div_euclid(1_000)), micros })
}

/// A moment that is due; those at the ends of time are none.
fn due(ms: i64) -> Option<String> {
    (ms > 0 && ms < i64::MAX).then(|| time(ms))
}

pub(super) fn flaw(flaw: &Flaw) -> FlawDto {
    FlawDto {
        severity: if flaw.is_error { "error" } else { "warning" }.into(),
        line: flaw.line,
        column: flaw.column,
        path: flaw.path.clone(),
        message: flaw.message.clone(),
        hint: flaw.hint.clone(),
    }
}

/// A file that cannot be read has flaws and no timeline.
pub(super) fn unread(flaws: &[Flaw]) -> SequencePlanDto {
    let flaws = flaws.iter().map(flaw).collect();
    SequencePlanDto { schema: "commdn.sequence.plan.v1".into(), flaws, ..SequencePlanDto::default() }
}

pub(super) fn planned(router: &Router, planned: &PlannedSequence) -> SequencePlanDto {
    let ok = planned.plan.is_good();
    SequencePlanDto {
        schema: "commdn.sequence.plan.v1".into(),
        name: planned.sequence.name.clone(),
        ok,
        native: ok && planned.sequence.to_schedule().is_some(),
        steps: steps(router, &planned.sequence, &planned.plan, &[]),
        flaws: planned.flaws.iter().map(flaw).collect(),
    }
}

fn steps(router: &Router, sequence: &Sequence, plan: &Plan, actual: &[ActualStep]) -> Vec<SequenceStepDto> {
    let none = ActualStep::default();
    let all = sequence.steps.iter().zip(&plan.lines).enumerate();
    all.map(|(at, (it, line))| step(router, at, it, line, actual.get(at).unwrap_or(&none))).collect()
}

fn step(router: &Router, at: usize, step: &Step, line: &Line, actual: &ActualStep) -> SequenceStepDto {
    let (by, why) = match line.by {
        PlannedBy::Ocs => ("ocs", None),
        PlannedBy::Gateway(obstacle) => ("gateway", Some(obstacle.to_string())),
    };
    SequenceStepDto {
        step: at + 1,
        campaign: step.pair.campaign.0,
        campaign_name: router.campaign_name(step.pair.campaign).map(str::to_owned),
        group: step.pair.group.0,
        group_name: router.group_name(GroupDbid(step.pair.group.0)).map(str::to_owned),
        ocs: step.ocs.0,
        mode: step.dialing.mode.and_then(DialMode::slug).map(str::to_owned),
        mode_id: step.dialing.mode.map(|mode| mode.0),
        by: by.into(),
        why,
        ends: ends(step),
        begins_from: time(line.begin.earliest_ms),
        begins_until: line.begin.latest_ms.map(time),
        ends_from: time(line.end.earliest_ms),
        ends_until: line.end.latest_ms.map(time),
        skipped: line.skipped,
        begun_at: actual.begun_ms.map(time),
        dialing_at: actual.dialing_ms.map(time),
        ended_at: actual.ended.map(|(at, _)| time(at)),
        result: actual.ended.map(|(_, result)| result.slug().to_owned()),
        detail: actual.detail.clone(),
        failures: actual.failures,
    }
}

/// `at 2026-12-01T19:00:00Z, after 5000 dials, 300 contacts or when no record is left`
fn ends(step: &Step) -> String {
    let end = step.end;
    let mut all = Vec::new();
    all.extend(end.at_ms.map(|at| format!("at {}", time(at))));
    all.extend(end.after_ms.map(|after| format!("after {}", duration(after))));
    all.extend(end.dials.map(|dials| format!("after {dials} dials")));
    all.extend(end.contacts.map(|contacts| format!("after {contacts} contacts")));
    all.extend(end.depleted.then(|| "when no record is left".to_owned()));
    all.extend(step.window.is_some().then(|| "when its hours are over".to_owned()));
    all.join(", ")
}

fn duration(ms: i64) -> String {
    match ms {
        ms if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

pub(super) fn entry(entry: &Entry) -> SequenceEntryDto {
    let mut shown = SequenceEntryDto {
        at: time(entry.at_ms),
        step: entry.step + 1,
        detail: entry.detail.clone(),
        ..SequenceEntryDto::default()
    };
    let (what, result) = match entry.what {
        What::Intent { act, attempt, then } => {
            (shown.act, shown.attempt) = (Some(act.slug().into()), Some(attempt));
            ("intent", then.map(StepResult::slug))
        }
        What::Outcome { act, attempt, outcome, request } => {
            (shown.act, shown.attempt) = (Some(act.slug().into()), Some(attempt));
            shown.request_id = request.map(|number| number.to_string());
            if let ActOutcome::Refused(code) = outcome {
                shown.code = code.map(|code| code.0);
            }
            ("outcome", Some(outcome.slug()))
        }
        What::Failed => ("failed", None),
        What::StepEnded(result) => ("step_ended", Some(result.slug())),
        What::Ended(result) => ("ended", Some(SequenceResult::slug(result))),
    };
    (shown.what, shown.result) = (what.into(), result.map(str::to_owned));
    shown
}

pub(super) fn sequence(router: &Router, view: &SequenceView, with_log: bool) -> SequenceDto {
    let stored = &view.stored;
    SequenceDto {
        schema: "commdn.sequence.v1".into(),
        id: id_of(stored.number),
        name: stored.new.name.clone(),
        state: view.state().into(),
        run_by: stored.new.run_by.clone(),
        asked_by: stored.new.asked_by.clone(),
        created_at: time(stored.new.created_at),
        start: view.sequence.start_ms.map(time),
        step: stored.ended.is_none().then_some(view.standing.step + 1),
        phase: view.standing.phase.into(),
        due_at: view.standing.due_ms.filter(|_| stored.ended.is_none()).and_then(due),
        stop_asked_at: stored.stop_asked.as_ref().map(|(at, _)| time(*at)),
        stop_asked_by: stored.stop_asked.as_ref().map(|(_, by)| by.clone()),
        ended_at: stored.ended.map(|(at, _)| time(at)),
        steps: steps(router, &view.sequence, &view.plan, &view.actual),
        log: if with_log { view.log.iter().map(entry).collect() } else { Vec::new() },
    }
}

pub(super) fn news(news: &SequenceNews) -> SequenceNewsDto {
    SequenceNewsDto {
        schema: "commdn.sequence.news.v1".into(),
        id: id_of(news.number),
        name: news.name.clone(),
        entries: news.entries.iter().map(entry).collect(),
    }
}

impl Filtered for SequenceNewsDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "event" => vec![Cow::from("sequence")],
            _ => Vec::new(),
        }
    }
}
