//! From the gateway's values to the shapes of the API.

use std::{borrow::Cow, time::SystemTime};

use jiff::Timestamp;

use crate::engine::Filtered;
use crate::engine::PairState;
use crate::engine::RecordedAnswer;
use crate::engine::RequestRecord;
use crate::engine::Router;
use crate::engine::conversation::{Mask, Veil, print_step};
use crate::http::dto::{
    AlarmDto, AnswerDto, DiagnosisDto, ExplainDto, LinkDto, OcsDto, OcsSeenDto, RefusedDnDto, RequestDto, StateDto,
    TapDto,
};
use crate::message::CommDnMessage;
use crate::protocol::UtcTime;
use crate::protocol::link::Endpoint;
use crate::protocol::requester::{POOL_ADVISED_MIN, Why};
use crate::service::gateway::{Alarm, Gateway, OcsOnLink, OcsSight, Sight, Standing, TapEvent};
use crate::service::wall;
use crate::wire::Reading;

/// RFC 3339, UTC, microseconds.
pub(super) fn rfc3339(at: UtcTime) -> String {
    let nanos = i32::try_from(at.micros.saturating_mul(1_000)).unwrap_or(0);
    Timestamp::new(at.seconds.0, nanos).unwrap_or_default().to_string()
}

fn system_time(at: SystemTime) -> String {
    rfc3339(UtcTime::from(at))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request and what became of it.
pub(super) fn request(router: &Router, record: &RequestRecord) -> RequestDto {
    let ended = record.ended.as_ref();
    RequestDto {
        schema: "commdn.request.v1".into(),
        request_id: record.number.to_string(),
        kind: record.kind.slug().into(),
        outcome: ended.map_or(if record.draining { "draining" } else { "pending" }, |it| it.result.slug()).into(),
        why: ended.and_then(|ended| ended.why.clone()).map(Cow::into_owned),
        reason: ended.and_then(|ended| ended.reason.clone()).map(Cow::into_owned),
        detail: ended.and_then(|ended| ended.detail.clone()),
        tserver_code: ended.and_then(|ended| ended.tserver_code),
        took_ms: ended.map(|ended| millis(ended.took)),
        answers: ended.map_or_else(Vec::new, |ended| ended.answers.iter().map(|it| answer(router, it)).collect()),
        campaign: record.pair.map(|pair| pair.campaign.0),
        group: record.pair.map(|pair| pair.group.0),
        target: record.target.dbid(),
        asked_by: record.asked_by.clone(),
        note: record.note.clone(),
        warnings: record.warnings.clone(),
        accepted_at: rfc3339(record.accepted_at),
        ended_at: ended.map(|ended| rfc3339(ended.at)),
        attempts: 0,
        next_try_at: None,
        dead: None,
        hint: None,
    }
}

/// A request with how it stands.
pub(super) fn standing(router: &Router, standing: &Standing) -> RequestDto {
    RequestDto {
        attempts: standing.attempts,
        next_try_at: standing.next_try.map(rfc3339),
        dead: standing.dead.as_ref().map(|dead| dead.reason.clone()),
        ..request(router, &standing.record)
    }
}

/// The rule of docs/correlation.md by which a request was decided.
fn rule(record: &RequestRecord) -> Option<String> {
    let ended = record.ended.as_ref()?;
    let why = ended.why.as_deref().and_then(Why::from_slug).map(Why::rule);
    let by = match (why, ended.reason.as_deref()) {
        (Some(rule), None) => rule.to_owned(),
        (Some(rule), Some(reason)) => format!("{rule}; reason: {reason}"),
        (None, Some(reason)) => format!("rule 13: decided without an event; reason: {reason}"),
        (None, None) => "rule 13: the answers of all OCSs together".to_owned(),
    };
    Some(by)
}

pub(super) fn alarm(alarm: &Alarm) -> AlarmDto {
    AlarmDto {
        schema: "commdn.alarm.v1".into(),
        at: rfc3339(alarm.at),
        kind: alarm.kind.into(),
        ocs: alarm.ocs.map(|ocs| ocs.0),
        origin: alarm.origin.map(|origin| origin.0),
        campaign: alarm.pair.map(|pair| pair.campaign.0),
        group: alarm.pair.map(|pair| pair.group.0),
        request_id: alarm.request.map(|number| number.to_string()),
        text: alarm.text.clone(),
    }
}

fn answer(router: &Router, answer: &RecordedAnswer) -> AnswerDto {
    AnswerDto {
        ocs: answer.ocs.0,
        ocs_name: router.ocs_name(answer.ocs).map(str::to_owned),
        result: answer.result.clone().into_owned(),
        event: answer.event.map(|event| event.to_string()),
        message_type: answer.event.map(|event| event.0),
        code: answer.code.map(|code| code.0),
        name: answer.code.map(|code| code.to_string()),
        message: answer.text.clone(),
        status: answer.status.map(|status| status.slug().map_or_else(|| status.to_string(), str::to_owned)),
        status_id: answer.status.map(|status| status.0),
        why: answer.why.clone().map(Cow::into_owned),
        took_ms: Some(millis(answer.took)),
    }
}

/// Why a request stands or ended as it did. Pseudonyms stand in for phones and customer ids.
pub(super) fn explain(router: &Router, known: &Standing, dialect: crate::wire::Dialect, veil: &dyn Veil) -> ExplainDto {
    let record = &known.record;
    let step = |step: &crate::engine::Step| format!("+{:.3}s {}", step.after.as_secs_f64(), step.text);
    let frame = |step: &crate::engine::Step| {
        let (dn, user_data) = step.frame.as_ref()?;
        let decoded = CommDnMessage::decode(user_data, &dialect, Reading::Tolerant).ok()?;
        Some(print_step(None, Some(dn), &decoded.message, Mask::Veil(veil)))
    };
    let mut steps: Vec<String> = record.steps.iter().map(step).collect();
    steps.extend(known.waits_for.iter().map(|reason| format!("waits: {reason}")));
    ExplainDto {
        schema: "commdn.explain.v1".into(),
        request: standing(router, known),
        phase: known.phase.into(),
        rule: rule(record),
        steps,
        frames: record.steps.iter().filter_map(frame).collect(),
    }
}

/// Last known state of a campaign on a group.
pub(super) fn state(router: &Router, state: &PairState) -> StateDto {
    let dialing = state.dialing;
    let word = |slug: Option<&str>, name: String| slug.map_or(name, str::to_owned);
    StateDto {
        status: state.status.map(|status| word(status.slug(), status.to_string())),
        status_id: state.status.map(|status| status.0),
        mode: dialing.mode.map(|mode| word(mode.slug(), mode.to_string())),
        mode_id: dialing.mode.map(|mode| mode.0),
        optimize_by: dialing.optimize_by.map(|method| word(method.slug(), method.to_string())),
        optimize_by_id: dialing.optimize_by.map(|method| method.0),
        goal: dialing.goal,
        changed_at: Some(rfc3339(state.changed_at)),
        changed_by: Some(state.changed_by.slug().into()),
        observed_at: Some(rfc3339(state.observed_at)),
        observed_by: Some(state.observed_by.to_string()),
        ..unheard_state(router, state.pair, state.ocs)
    }
}

/// A configured pair of which nothing was heard yet.
pub(super) fn unheard_state(router: &Router, pair: crate::message::Pair, ocs: crate::message::AppDbid) -> StateDto {
    StateDto {
        schema: "commdn.campaign.v1".into(),
        campaign: pair.campaign.0,
        campaign_name: router.campaign_name(pair.campaign).map(str::to_owned),
        group: pair.group.0,
        group_name: router.group_name(pair.group).map(str::to_owned),
        ocs: ocs.0,
        ..StateDto::default()
    }
}

/// A link.
pub(super) fn link(gateway: &Gateway, name: &str) -> LinkDto {
    let found = gateway.links().find(name).map(|entry| entry.snapshot);
    let known = found.is_some();
    let link = found.unwrap_or_default();
    let state = match known {
        true if link.up => "up",
        true if link.logged_in => "connecting",
        true | false => "down",
    };
    LinkDto {
        schema: "commdn.link.v1".into(),
        name: name.into(),
        state: state.into(),
        peer: link.peer,
        dns: link.registered,
        since: link.since.map(system_time),
        reason: link.last_loss.filter(|_| !link.up),
        primary: link.primary,
        backup: link.backup,
        endpoint: link.endpoint.map(|endpoint| {
            match endpoint {
                Endpoint::Primary => "primary",
                Endpoint::Backup => "backup",
            }
            .into()
        }),
        tls: link.tls,
        heartbeat_ms: millis(link.heartbeat),
        last_heard: link.last_heard.map(system_time),
        heartbeat_age_ms: link.heard_moment.map(|moment| millis(moment.elapsed())),
        failures: link.failures,
        ocs: gateway.ocss().iter().filter(|ocs| *ocs.link == *name).flat_map(|ocs| ocs_seen(gateway, ocs)).collect(),
        refused_dns: link.refused.into_iter().map(|(dn, reason)| RefusedDnDto { dn, reason }).collect(),
    }
}

/// What `doctor` looks at.
pub(super) fn diagnosis(gateway: &Gateway, sight: Option<&Sight>, links: Vec<LinkDto>) -> DiagnosisDto {
    let health = gateway.health();
    let ocs = |ocs: &OcsSight| OcsDto {
        dbid: ocs.dbid.0,
        name: gateway.router().ocs_name(ocs.dbid).map(str::to_owned),
        dn: ocs.dn.clone(),
        events: ocs.events,
        events_for_us: ocs.for_us,
        silent_ms: ocs.silence.map(millis),
    };
    DiagnosisDto {
        schema: "commdn.diagnosis.v1".into(),
        now: system_time(wall::now()),
        ready: health.is_ready(),
        draining: health.is_draining(),
        journal_fault: health.journal_fault(),
        core_answers: sight.is_some(),
        origins: gateway.origins().iter().map(|origin| origin.0).collect(),
        origins_advised: POOL_ADVISED_MIN,
        origins_alarmed: sight.map(|sight| sight.alarmed.iter().map(|origin| origin.0).collect()).unwrap_or_default(),
        ocs: sight.map(|sight| sight.ocss.iter().map(ocs).collect()).unwrap_or_default(),
        links,
    }
}

/// A link in an event: what it is, without what changes all the time.
pub(super) fn link_event(gateway: &Gateway, name: &str) -> LinkDto {
    LinkDto { last_heard: None, heartbeat_age_ms: None, ocs: Vec::new(), ..link(gateway, name) }
}

fn ocs_seen(gateway: &Gateway, ocs: &OcsOnLink) -> impl Iterator<Item = OcsSeenDto> {
    let name = gateway.router().ocs_name(ocs.dbid).map(str::to_owned);
    let members = [(Some(ocs.dbid), "primary"), (ocs.backup, "backup")];
    members.into_iter().filter_map(|(dbid, role)| Some((dbid?, role))).map(move |(dbid, role)| {
        let heard = gateway.ocs_heard(dbid);
        OcsSeenDto {
            ocs: dbid.0,
            name: name.clone(),
            role: role.into(),
            dn: ocs.dn.to_string(),
            last_heard: heard.map(|heard| system_time(heard.at)),
            age_ms: heard.map(|heard| millis(heard.moment.elapsed())),
        }
    })
}

/// A UserEvent that passed.
pub(super) fn tap(event: &TapEvent, mask: Mask<'_>) -> TapDto {
    let at = rfc3339(event.at);
    let message = event.message.as_ref();
    let step = match message {
        Some(message) => print_step(Some(&at), Some(&event.dn), message, mask),
        None => format!("# {at} @{} {} bytes of user data that are no CommDN message", event.dn, event.user_data.len()),
    };
    let pair = message.and_then(|message| message.body.pair());
    TapDto {
        schema: "commdn.tap.v1".into(),
        at,
        link: event.link.to_string(),
        direction: if event.incoming { "in" } else { "out" }.into(),
        dn: event.dn.clone(),
        message_type: message.map(|message| message.body.message_type().0),
        name: message.map(|message| message.body.message_type().to_string()),
        origin: message.map(|message| message.origin.0),
        target: message.map(|message| message.target.dbid()),
        campaign: pair.map(|pair| pair.campaign.0),
        group: pair.map(|pair| pair.group.0),
        error: message.and_then(|message| message.body.error()).map(|error| error.0),
        step,
    }
}

fn number(value: Option<i32>) -> Vec<Cow<'static, str>> {
    value.map(|value| Cow::from(value.to_string())).into_iter().collect()
}

fn text(value: Option<&String>) -> Vec<Cow<'_, str>> {
    value.map(|value| Cow::from(value.as_str())).into_iter().collect()
}

impl Filtered for TapDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "type" => [text(self.name.as_ref()), number(self.message_type)].concat(),
            "campaign" => number(self.campaign),
            "group" => number(self.group),
            "origin" => number(self.origin),
            "target" => number(self.target),
            "error" => number(self.error),
            "dn" => vec![Cow::from(self.dn.as_str())],
            "link" => vec![Cow::from(self.link.as_str())],
            "direction" => vec![Cow::from(self.direction.as_str())],
            _ => Vec::new(),
        }
    }
}

impl Filtered for StateDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "event" => vec![Cow::from("state")],
            "campaign" => [number(Some(self.campaign)), text(self.campaign_name.as_ref())].concat(),
            "group" => [number(Some(self.group)), text(self.group_name.as_ref())].concat(),
            "status" => [text(self.status.as_ref()), number(self.status_id)].concat(),
            "ocs" => number(Some(self.ocs)),
            _ => Vec::new(),
        }
    }
}

impl Filtered for RequestDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "event" => vec![Cow::from("request"), Cow::from("dnc")],
            "request" => vec![Cow::from(self.request_id.as_str())],
            "kind" => vec![Cow::from(self.kind.as_str())],
            "outcome" => vec![Cow::from(self.outcome.as_str())],
            "campaign" => number(self.campaign),
            "group" => number(self.group),
            "target" => number(Some(self.target)),
            "ocs" => self.answers.iter().flat_map(|answer| number(Some(answer.ocs))).collect(),
            "error" => self.answers.iter().flat_map(|answer| number(answer.code)).collect(),
            _ => Vec::new(),
        }
    }
}

impl Filtered for AlarmDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "event" => vec![Cow::from("alarm")],
            "kind" => vec![Cow::from(self.kind.as_str())],
            "request" => text(self.request_id.as_ref()),
            "campaign" => number(self.campaign),
            "group" => number(self.group),
            "ocs" => number(self.ocs),
            _ => Vec::new(),
        }
    }
}

impl Filtered for LinkDto {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "event" => vec![Cow::from("link")],
            "link" => vec![Cow::from(self.name.as_str())],
            "status" => vec![Cow::from(self.state.as_str())],
            _ => Vec::new(),
        }
    }
}
