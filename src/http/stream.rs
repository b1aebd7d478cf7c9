//! Server-sent events: what changes, and every UserEvent that passes.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::engine::Filter;
use crate::engine::Which;
use crate::engine::conversation::Mask;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{SnapshotDto, TapDto};
use crate::http::extract::Asked;
use crate::http::problem::Problem;
use crate::http::routes::{all_links, may_read};
use crate::message::Pair;
use crate::service::Numbered;
use crate::service::Subscription;
use crate::service::access::{Object, Verb};
use crate::service::gateway::GatewayEvent;
use crate::service::metrics::Subscriber;

/// Campaigns and their requests are seen with one, requests about people with the other.
const READ: &[Verb] = &[Verb::CampaignRead, Verb::DncRead];

pub(super) fn routes() -> Routes {
    Routes::new().guarded_within(READ, routes!(events)).guarded_within(READ, routes!(tap))
}

/// Requests that a snapshot shows.
const SNAPSHOT_REQUESTS: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
struct StreamQuery {
    /// For instance `type=CM_Ev* && campaign=101 && error!=0`.
    #[serde(default)]
    filter: String,
    /// Tap only: phones and customer ids as they are, not pseudonyms.
    #[serde(default)]
    show_numbers: bool,
}

fn filter(text: &str) -> Result<Filter, Problem> {
    Filter::parse(text).map_err(|error| Problem::new("invalid-parameter", 422, error.to_string()))
}

/// A snapshot, then what changes: `state`, `request`, `dnc`, `link`, `alarm`. `Last-Event-ID` goes on where one was.
#[utoipa::path(get, path = "/v1/events", tag = "streams", params(StreamQuery),
    responses((status = 200, content_type = "text/event-stream", body = SnapshotDto)))]
async fn events(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = filter(&query.filter)?;
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let Subscription { last, missed, live } = door.gateway.events().subscribe(after);
    let first = match (after, missed) {
        (Some(_), Some(missed)) => missed.iter().filter_map(|event| delta(&door, &caller, &filter, event)).collect(),
        _ => vec![snapshot(&door, &caller, last, &filter).await],
    };
    let (inside, worthless) = (door.clone(), caller.worthless());
    let subscriber = door.gateway.metrics().subscriber("events");
    let live = following(live, subscriber, move |event| delta(&inside, &caller, &filter, event));
    Ok(answer(&door, worthless, stream::iter(first).chain(live)))
}

/// Every UserEvent that passes, from now on.
#[utoipa::path(get, path = "/v1/tap", tag = "streams", params(StreamQuery),
    responses((status = 200, content_type = "text/event-stream", body = TapDto)))]
async fn tap(State(door): State<Door>, caller: Caller, Asked(query): Asked<StreamQuery>) -> Result<Response, Problem> {
    let filter = filter(&query.filter)?;
    if query.show_numbers {
        caller.need(Verb::NumbersShow, Object::default())?;
    }
    let (gateway, show_numbers) = (door.gateway.clone(), query.show_numbers);
    let Subscription { live, .. } = door.gateway.tap().subscribe(None);
    let (subscriber, worthless) = (door.gateway.metrics().subscriber("tap"), caller.worthless());
    let live = following(live, subscriber, move |(number, event)| {
        let mask = if show_numbers { Mask::Show } else { Mask::Veil(gateway.pseudonyms()) };
        let tap = convert::tap(event, mask);
        (hears(&caller, &tap) && filter.passes(&tap)).then(|| sse("tap", *number, &tap))
    });
    Ok(answer(&door, worthless, live))
}

/// What names no campaign and group may be about anybody.
fn hears(caller: &Caller, tap: &TapDto) -> bool {
    match tap.campaign.zip(tap.group) {
        Some((campaign, group)) => may_read(caller, Some(Pair::new(campaign, group))),
        None => sees_links(caller) && may_read(caller, None),
    }
}

/// Links are nobody's in particular: whoever is narrowed to some campaigns does not see them.
fn sees_links(caller: &Caller) -> bool {
    caller.may(Verb::CampaignRead, Object::default())
}

async fn snapshot(door: &Door, caller: &Caller, last: u64, filter: &Filter) -> Event {
    let router = door.gateway.router();
    let mut states = door.gateway.states().await;
    states.retain(|state| may_read(caller, Some(state.pair)));
    let mut requests = door.gateway.requests(Which::Open, None, SNAPSHOT_REQUESTS).await;
    requests.retain(|record| may_read(caller, record.pair));
    let shown = SnapshotDto {
        schema: "commdn.snapshot.v1".into(),
        campaigns: states.iter().map(|it| convert::state(router, it)).filter(|it| filter.passes(it)).collect(),
        requests: requests.iter().map(|it| convert::request(router, it)).filter(|it| filter.passes(it)).collect(),
        links: if sees_links(caller) { all_links(door) } else { Vec::new() },
    };
    sse("snapshot", last, &shown)
}

fn delta(door: &Door, caller: &Caller, filter: &Filter, (number, event): &Numbered<GatewayEvent>) -> Option<Event> {
    let seen = match &**event {
        GatewayEvent::State(state) => may_read(caller, Some(state.pair)),
        GatewayEvent::Request(record) | GatewayEvent::Dnc(record) => may_read(caller, record.pair),
        GatewayEvent::Alarm(alarm) => may_read(caller, alarm.pair),
        GatewayEvent::Link(_) => sees_links(caller),
    };
    if !seen {
        return None;
    }
    let router = door.gateway.router();
    match &**event {
        GatewayEvent::State(state) => {
            let state = convert::state(router, state);
            filter.passes(&state).then(|| sse("state", *number, &state))
        }
        GatewayEvent::Request(record) => {
            let request = convert::request(router, record);
            filter.passes(&request).then(|| sse("request", *number, &request))
        }
        GatewayEvent::Dnc(record) => {
            let request = convert::request(router, record);
            filter.passes(&request).then(|| sse("dnc", *number, &request))
        }
        GatewayEvent::Link(name) => {
            let link = convert::link_event(&door.gateway, name);
            filter.passes(&link).then(|| sse("link", *number, &link))
        }
        GatewayEvent::Alarm(alarm) => {
            let alarm = convert::alarm(alarm);
            filter.passes(&alarm).then(|| sse("alarm", *number, &alarm))
        }
    }
}

fn sse(name: &str, number: u64, data: &impl Serialize) -> Event {
    let event = Event::default().event(name).id(number.to_string());
    event.json_data(data).unwrap_or_else(|_| Event::default().event("cut").data("an event could not be written"))
}

/// Live events as they come; a subscriber that is too slow is told so and cut off, and may resume by id.
fn following<T: Send + Sync + 'static>(
    live: tokio::sync::broadcast::Receiver<Numbered<T>>,
    subscriber: Subscriber,
    shown: impl Fn(&Numbered<T>) -> Option<Event> + Send + 'static,
) -> impl Stream<Item = Event> + Send {
    let shown = Arc::new(std::sync::Mutex::new(shown));
    stream::unfold(Some((live, subscriber)), move |live| {
        let shown = Arc::clone(&shown);
        async move {
            let (mut live, subscriber) = live?;
            loop {
                match live.recv().await {
                    Ok(event) => {
                        let shown = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if let Some(event) = shown(&event) {
                            drop(shown);
                            return Some((event, Some((live, subscriber))));
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        subscriber.cut();
                        let data = format!("too slow: {missed} events were missed; come back with Last-Event-ID");
                        return Some((Event::default().event("cut").data(data), None));
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    })
}

/// A stream is cut with a reason when its caller would not be let in any more.
fn answer(
    door: &Door,
    worthless: BoxFuture<'static, &'static str>,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Response {
    let stop = door.stop.clone();
    let events = stream::unfold(Some((Box::pin(events), worthless)), async |state| {
        let (mut events, mut worthless) = state?;
        tokio::select! {
            biased;
            reason = &mut worthless => Some((Event::default().event("cut").data(reason), None)),
            event = events.next() => Some((event?, Some((events, worthless)))),
        }
    });
    let events = events.map(Ok::<_, Infallible>).take_until(stop.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
