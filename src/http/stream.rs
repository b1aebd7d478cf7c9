//! Server-sent events: what changes, and every UserEvent that passes.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    time::{Interval, MissedTickBehavior, interval},
};
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::engine::Filter;
use crate::engine::Which;
use crate::engine::conversation::Mask;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{AlarmDto, LinkDto, RequestDto, SequenceNewsDto, SnapshotDto, StateDto, TapDto};
use crate::http::extract::Asked;
use crate::http::problem::Problem;
use crate::http::routes::{all_links, may_read};
use crate::http::shown_sequences;
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

/// A subscriber that heard nothing for this long, or twice as long, is told that it is still heard of.
const QUIET: Duration = Duration::from_secs(8);
/// Events that are ready go out together, up to about so many bytes.
const TOGETHER_BYTES: usize = 16 * 1024;

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

/// A snapshot, then what changes: `state`, `request`, `dnc`, `link`, `alarm`, `sequence`. `Last-Event-ID` goes on where one was.
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
        let text = || sse("tap", *number, &tap);
        let shared = || if show_numbers { text() } else { event.text(|_| text()) };
        (hears(&caller, &tap) && filter.passes(&tap)).then(shared)
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

/// Every campaign of a sequence must be the caller's to see.
fn may_read_sequence(caller: &Caller, pair: Pair) -> bool {
    let object = if pair.campaign.is_sequence() {
        Object { group: Some(pair.group.0), ..Object::default() }
    } else {
        Object::pair(pair.campaign.0, pair.group.0)
    };
    caller.may(Verb::SequenceRead, object)
}

async fn snapshot(door: &Door, caller: &Caller, last: u64, filter: &Filter) -> Bytes {
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

/// An event as its subscribers see it.
enum Shown {
    State(StateDto),
    Request(RequestDto),
    Dnc(RequestDto),
    Link(LinkDto),
    Alarm(AlarmDto),
    Sequence(SequenceNewsDto),
}

impl Shown {
    fn of(door: &Door, event: &GatewayEvent) -> Self {
        let router = door.gateway.router();
        match event {
            GatewayEvent::State(state) => Self::State(convert::state(router, state)),
            GatewayEvent::Request(record) => Self::Request(convert::request(router, record)),
            GatewayEvent::Dnc(record) => Self::Dnc(convert::request(router, record)),
            GatewayEvent::Link(name) => Self::Link(convert::link_event(&door.gateway, name)),
            GatewayEvent::Alarm(alarm) => Self::Alarm(convert::alarm(alarm)),
            GatewayEvent::Sequence(news) => Self::Sequence(shown_sequences::news(news)),
        }
    }

    fn passes(&self, filter: &Filter) -> bool {
        match self {
            Self::State(state) => filter.passes(state),
            Self::Request(request) | Self::Dnc(request) => filter.passes(request),
            Self::Link(link) => filter.passes(link),
            Self::Alarm(alarm) => filter.passes(alarm),
            Self::Sequence(news) => filter.passes(news),
        }
    }

    fn text(&self, number: u64) -> Bytes {
        match self {
            Self::State(state) => sse("state", number, state),
            Self::Request(request) => sse("request", number, request),
            Self::Dnc(request) => sse("dnc", number, request),
            Self::Link(link) => sse("link", number, link),
            Self::Alarm(alarm) => sse("alarm", number, alarm),
            Self::Sequence(news) => sse("sequence", number, news),
        }
    }
}

fn delta(door: &Door, caller: &Caller, filter: &Filter, (number, event): &Numbered<GatewayEvent>) -> Option<Bytes> {
    let seen = match &***event {
        GatewayEvent::State(state) => may_read(caller, Some(state.pair)),
        GatewayEvent::Request(record) | GatewayEvent::Dnc(record) => may_read(caller, record.pair),
        GatewayEvent::Alarm(alarm) => may_read(caller, alarm.pair),
        GatewayEvent::Link(_) => sees_links(caller),
        GatewayEvent::Sequence(news) => news.pairs.iter().all(|pair| may_read_sequence(caller, *pair)),
    };
    let passes = seen && (filter.is_open() || Shown::of(door, event).passes(filter));
    passes.then(|| event.text(|event| Shown::of(door, event).text(*number)))
}

pub(super) fn sse(name: &str, number: u64, data: &impl Serialize) -> Bytes {
    match serde_json::to_string(data) {
        // JSON on one line: no line of it can be taken for a field of the stream.
        Ok(json) => format!("event: {name}\nid: {number}\ndata: {json}\n\n").into(),
        Err(_) => cut("an event could not be written"),
    }
}

fn cut(words: &str) -> Bytes {
    format!("event: cut\ndata: {words}\n\n").into()
}

/// One subscriber of live events.
struct Following<T, F> {
    live: broadcast::Receiver<Numbered<T>>,
    subscriber: Subscriber,
    shown: F,
    quiet: Interval,
    /// Something was sent since `quiet` was looked at.
    told: bool,
    over: bool,
}

impl<T, F: Fn(&Numbered<T>) -> Option<Bytes>> Following<T, F> {
    /// What is ready, in one piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Out::default();
        while !self.over {
            match self.live.try_recv() {
                Ok(event) => out.put((self.shown)(&event)),
                Err(TryRecvError::Lagged(missed)) => out.put(Some(self.lagged(missed))),
                Err(TryRecvError::Closed) => self.over = true,
                Err(TryRecvError::Empty) if !out.is_empty() => break,
                Err(TryRecvError::Empty) => tokio::select! {
                    biased;
                    event = self.live.recv() => match event {
                        Ok(event) => out.put((self.shown)(&event)),
                        Err(RecvError::Lagged(missed)) => out.put(Some(self.lagged(missed))),
                        Err(RecvError::Closed) => self.over = true,
                    },
                    _ = self.quiet.tick() => {
                        if !std::mem::take(&mut self.told) {
                            out.put(Some(Bytes::from_static(b":\n\n")));
                        }
                    }
                },
            }
            if out.len() >= TOGETHER_BYTES {
                break;
            }
        }
        self.told |= !out.is_empty();
        (!out.is_empty()).then(|| out.into_bytes())
    }

    /// A subscriber that is too slow is told so and cut off, and may resume by id.
    fn lagged(&mut self, missed: u64) -> Bytes {
        self.over = true;
        self.subscriber.cut();
        cut(&format!("too slow: {missed} events were missed; come back with Last-Event-ID"))
    }
}

/// One event is sent as it is; only several are copied together.
#[derive(Default)]
struct Out {
    one: Bytes,
    many: BytesMut,
}

impl Out {
    fn put(&mut self, text: Option<Bytes>) {
        let Some(text) = text else { return };
        if self.is_empty() {
            self.one = text;
            return;
        }
        if self.many.is_empty() {
            self.many.reserve(2 * TOGETHER_BYTES);
            self.many.put_slice(&std::mem::take(&mut self.one));
        }
        self.many.put_slice(&text);
    }

    fn len(&self) -> usize {
        self.one.len() + self.many.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn into_bytes(self) -> Bytes {
        if self.many.is_empty() { self.one } else { self.many.freeze() }
    }
}

/// Live events as they come.
fn following<T: Send + Sync + 'static>(
    live: broadcast::Receiver<Numbered<T>>,
    subscriber: Subscriber,
    shown: impl Fn(&Numbered<T>) -> Option<Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send {
    let mut quiet = interval(QUIET);
    quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following { live, subscriber, shown, quiet, told: true, over: false };
    stream::unfold(following, |mut following| async move {
        let text = following.next().await?;
        Some((text, following))
    })
}

/// A stream is cut with a reason when its caller would not be let in any more.
pub(super) fn answer(
    door: &Door,
    worthless: BoxFuture<'static, &'static str>,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let stop = door.stop.clone();
    let events = stream::unfold(Some((Box::pin(events), worthless)), async |state| {
        let (mut events, mut worthless) = state?;
        tokio::select! {
            biased;
            reason = &mut worthless => Some((cut(reason), None)),
            event = events.next() => Some((event?, Some((events, worthless)))),
        }
    });
    let events = events.map(Ok::<_, Infallible>).take_until(stop.cancelled_owned());
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (head, Body::from_stream(events)).into_response()
}
