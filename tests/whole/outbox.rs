//! What was accepted is kept and settled: restarts, lost links, keys of callers, dead letters, stops.

use std::path::Path;

use commdn::engine::topology::{DEMO, Topology};
use commdn::service::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::silence::free_address;
use crate::site::{Reply, Site, guard, renewals, simulate};
use crate::stream::Stream;

/// Short enough that nothing waits long for what never comes.
fn short(config: &mut Config) {
    config.limits.answer_ms = 500;
    config.limits.answer_life_ms = 600;
    config.limits.double_gap_ms = 50;
    config.limits.lane_wait_ms = 1_000;
    config.dnc.retry_first_ms = 50;
    config.dnc.retry_max_ms = 200;
    config.gateway.stop_retry_first_ms = 50;
    config.gateway.stop_retry_max_ms = 200;
}

fn kept(data: &Path) -> impl FnOnce(&mut Config) {
    let path = data.display().to_string();
    move |config| {
        short(config);
        config.store.path = Some(path);
    }
}

fn phone(number: usize) -> String {
    format!("+4207778{number:05}")
}

/// OCS 302 knows none of the gateway's applications.
fn half_deaf() -> Topology {
    Topology::parse(&DEMO.replace("origin 201-216 server ocs=301,302", "origin 201-216 server ocs=301")).unwrap()
}

async fn explained(site: &Site, id: &str) -> Reply {
    site.get(&format!("/v1/requests/{id}/explain")).await.with(200)
}

#[tokio::test]
async fn a_hundred_do_not_calls_wait_for_the_link_and_go_before_anything_else() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let patient = |config: &mut Config| {
        kept(data.path())(config);
        config.limits.lane_wait_ms = 60_000;
    };
    let site = Site::gateway(&Topology::demo(), &addr, patient).await;
    // It was asked for first, and goes after them.
    let load = site.post(&format!("{}?wait=0", renewals("/load"))).await.with(202);
    let mut asked = Vec::new();
    for number in 0..100 {
        let reply = site.post_json("/v1/dnc?wait=0", json!({"phone": phone(number)})).await.with(202);
        asked.push(reply.str("request_id").to_owned());
    }
    site.stop().await;

    let site = Site::gateway(&Topology::demo(), &addr, patient).await;
    let open = site.get("/v1/requests?state=open&limit=200").await.with(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 101);
    let mut tap = Stream::open(&site, "/v1/tap?filter=direction%3Dout", None).await;
    let mut events = Stream::open(&site, "/v1/events", None).await;
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let first = tap.find(|_| true).await;
    assert_eq!(first.data["name"], "CM_ReqDoNotCall");
    let mut left: std::collections::BTreeSet<String> = asked.iter().cloned().collect();
    while !left.is_empty() {
        let ended = events.find(|item| item.event == "dnc").await;
        assert_eq!(ended.data["outcome"], "answered", "{}", ended.data);
        left.remove(ended.data["request_id"].as_str().unwrap());
    }
    let told = explained(&site, &asked[0]).await;
    assert_eq!(told["phase"], "ended");
    assert!(told.str("rule").contains("rule"), "{}", told.text);
    assert!(!told["frames"].as_array().unwrap().is_empty(), "{}", told.text);
    let load = format!("/v1/requests/{}", load.str("request_id"));
    guard(async { while site.get(&load).await["outcome"] != "answered" {} }).await;
    let evidence = site.gateway.store().counts().await.unwrap();
    assert_eq!((evidence.dnc, evidence.dnc_unconfirmed), (100, 0));
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

async fn keyed(site: &Site, path: &str, key: &str, body: Value) -> Reply {
    Reply::of(site.ask(Method::POST, path).header("idempotency-key", key).json(&body)).await
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request_across_restarts() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    site.is_up().await;
    let (body, other) = (json!({"phone": phone(1)}), json!({"phone": phone(2)}));
    // Two at once, and a third afterwards: one request, and the outcome for all.
    let (one, two) =
        tokio::join!(keyed(&site, "/v1/dnc", "k-1", body.clone()), keyed(&site, "/v1/dnc", "k-1", body.clone()));
    let three = keyed(&site, "/v1/dnc", "k-1", body.clone()).await.outcome("answered");
    let id = one.outcome("answered").str("request_id").to_owned();
    assert_eq!((two.outcome("answered").str("request_id"), three.str("request_id")), (id.as_str(), id.as_str()));
    let conflict = keyed(&site, "/v1/dnc", "k-1", other.clone()).await.problem(422, "idempotency-conflict");
    assert_eq!(conflict["request_id"], json!(id));
    keyed(&site, "/v1/records/cancel", "k-1", body.clone()).await.problem(422, "idempotency-conflict");
    keyed(&site, "/v1/dnc", "", body.clone()).await.problem(422, "invalid-parameter");
    // A refused order does not use its key up.
    keyed(&site, "/v1/dnc", "k-2", json!({})).await.with(422);
    keyed(&site, "/v1/dnc", "k-2", other.clone()).await.outcome("answered");
    let done = keyed(&site, &renewals("/load"), "k-3", json!({})).await.outcome("answered");
    site.post(&renewals("/unload")).await.outcome("answered");
    let again = keyed(&site, &renewals("/load"), "k-3", json!({})).await.outcome("answered");
    assert_eq!(again["request_id"], done["request_id"]);
    assert_eq!(site.get(&renewals("")).await["status"], "not_loaded");
    site.post(&renewals("/load")).await.outcome("answered");
    let completed = keyed(&site, &renewals("/complete"), "k-4", json!({})).await;
    let repeated = keyed(&site, &renewals("/complete"), "k-4", json!({})).await;
    assert_eq!(repeated["request_id"], completed["request_id"]);
    site.stop().await;

    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    site.is_up().await;
    let later = keyed(&site, "/v1/dnc", "k-1", body.clone()).await.outcome("answered");
    assert_eq!(later["request_id"], json!(id));
    keyed(&site, "/v1/dnc", "k-1", other).await.problem(422, "idempotency-conflict");
    // The key belongs to whoever used it.
    let request = site.ask(Method::POST, "/v1/dnc").header("user-agent", "somebody").header("idempotency-key", "k-1");
    let foreign = Reply::of(request.json(&body)).await.outcome("answered");
    assert_ne!(foreign["request_id"], json!(id));
    assert_eq!(explained(&site, &id).await["frames"].as_array().unwrap().len(), 2, "the frames of the earlier run");
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn an_ocs_that_was_silent_is_asked_again_until_it_has_it() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let (simulator, stop) = simulate(&addr, &half_deaf(), None).await;
    let site = Site::gateway(&half_deaf(), &addr, kept(data.path())).await;
    site.is_up().await;
    let asked = site.post_json("/v1/dnc?wait=0", json!({"phone": phone(1)})).await.with(202);
    let id = asked.str("request_id").to_owned();
    guard(async { while site.get(&format!("/v1/requests/{id}")).await["attempts"] == json!(0) {} }).await;
    // Others are not held up by it (G8).
    site.post_json("/v1/dnc", json!({"phone": phone(2), "ocs": 301})).await.outcome("answered");
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;

    // OCS 302 has learned of our applications; only it is asked, under the same request.
    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    let mut events = Stream::open(&site, "/v1/events", None).await;
    let mut tap = Stream::open(&site, "/v1/tap?filter=direction%3Dout", None).await;
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let sent = tap.find(|item| item.data["name"] == "CM_ReqDoNotCall").await;
    assert_eq!(sent.data["target"], 302);
    let ended = events.find(|item| item.event == "dnc").await;
    assert_eq!(ended.data["request_id"], json!(id));
    let told = site.get(&format!("/v1/requests/{id}")).await.outcome("answered");
    assert_eq!(told.results(), [(301, "answered"), (302, "answered")]);
    let counts = site.gateway.store().counts().await.unwrap();
    assert_eq!((counts.open, counts.dead), (0, 0));
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn what_comes_to_nothing_is_a_dead_letter_that_can_be_tried_again() {
    let addr = free_address().await;
    let (simulator, stop) = simulate(&addr, &half_deaf(), None).await;
    let site = Site::gateway(&Topology::demo(), &addr, |config| {
        short(config);
        config.limits.answer_ms = 100;
        config.dnc.attempts_max = 2;
    })
    .await;
    site.is_up().await;
    let asked = site.post_json("/v1/dnc?wait=60s", json!({"phone": phone(1)})).await.outcome("mixed");
    let id = asked.str("request_id").to_owned();
    assert_eq!(asked.results(), [(301, "answered"), (302, "silent")]);
    let dead = site.get("/v1/requests?state=dead").await.with(200);
    assert_eq!(dead["items"][0]["request_id"], json!(id));
    assert!(dead["items"][0]["dead"].as_str().unwrap().contains("302 after 2 attempts"), "{}", dead.text);
    let told = explained(&site, &id).await;
    assert!(told["request"]["dead"].as_str().unwrap().contains("302 after 2 attempts"), "{}", told.text);
    assert!(!told.text.contains(&phone(1)), "{}", told.text);
    site.post(&format!("/v1/requests/{}/retry", "r0000000000000001")).await.problem(404, "request-not-found");
    let load = site.post(&renewals("/load")).await.outcome("answered");
    let retry = |id: &str| format!("/v1/requests/{id}/retry?wait=60s");
    site.post(&retry(load.str("request_id"))).await.problem(409, "not-repeatable");
    stop.cancel();
    simulator.stopped().await;

    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let done = site.post(&retry(&id)).await.outcome("answered");
    assert_eq!((done["request_id"].as_str(), &done["dead"]), (Some(id.as_str()), &Value::Null));
    assert_eq!(done.results(), [(301, "answered"), (302, "answered")]);
    assert_eq!(site.get("/v1/requests?state=dead").await.with(200)["items"], json!([]));
    site.post(&retry(&id)).await.problem(409, "not-repeatable");
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn a_stop_is_said_again_until_the_campaign_stands_still() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    site.is_up().await;
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    let stopped = site.post(&renewals("/stop")).await.outcome("answered");
    assert_eq!(site.gateway.stop_wishes().await, [], "{}", stopped.text);
    site.post(&renewals("/start")).await.outcome("answered");
    site.stop().await;

    // Without a link nobody can be told; the wish stays, and outlives the process.
    let nowhere = free_address().await;
    let site = Site::gateway(&Topology::demo(), &nowhere, kept(data.path())).await;
    let refused = site.post(&renewals("/stop?wait=60s")).await.problem(502, "link-down");
    let told = explained(&site, refused.str("request_id")).await;
    assert!(told["steps"].to_string().contains("the stop stays wished"), "{}", told.text);
    assert_eq!(site.gateway.stop_wishes().await.len(), 1);
    site.stop().await;

    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    guard(async { while !site.gateway.store().stop_wishes().await.unwrap().is_empty() {} }).await;
    assert_eq!(site.get(&renewals("?refresh=true")).await["status"], "active");
    let requests = site.get("/v1/requests").await.with(200);
    let said = requests["items"].as_array().unwrap().iter().find(|it| it["asked_by"] == "gateway").unwrap();
    assert_eq!((&said["kind"], &said["outcome"]), (&json!("stop"), &json!("answered")));
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn more_open_requests_than_are_taken_are_refused_before_the_journal() {
    let addr = free_address().await;
    let site = Site::gateway(&Topology::demo(), &addr, |config| config.limits.open_requests_max = 2).await;
    for number in 0..2 {
        site.post_json("/v1/dnc?wait=0", json!({"phone": phone(number)})).await.with(202);
    }
    let refused = site.post_json("/v1/dnc?wait=0", json!({"phone": phone(2)})).await.problem(503, "overloaded");
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    assert_eq!(site.gateway.store().counts().await.unwrap().requests, 2);
    site.stop().await;
}

#[tokio::test]
async fn who_starts_a_campaign_takes_the_wish_to_stop_it_back() {
    let addr = free_address().await;
    let site = Site::gateway(&Topology::demo(), &addr, |config| {
        short(config);
        config.limits.lane_wait_ms = 100;
    })
    .await;
    site.post(&renewals("/stop?wait=60s")).await.problem(502, "link-down");
    assert_eq!(site.gateway.stop_wishes().await.len(), 1);
    site.post(&renewals("/load?wait=60s")).await.problem(502, "link-down");
    assert_eq!(site.gateway.stop_wishes().await, []);
    assert_eq!(site.gateway.store().stop_wishes().await.unwrap(), []);
    site.stop().await;
}

/// OCS 301 takes nothing from us: stops are said again and again, and an operator hears of it.
#[tokio::test]
async fn a_campaign_that_does_not_stop_is_an_alarm() {
    let deaf = Topology::parse(&DEMO.replace("origin 201-216 server ocs=301,302", "origin 201-216 server ocs=302"));
    let deaf = deaf.unwrap();
    let site = Site::start(&deaf, None, |config| {
        short(config);
        config.limits.answer_ms = 50;
        config.limits.answer_life_ms = 60;
        config.gateway.stop_escalation = "force_unload".into();
    })
    .await;
    let mut events = Stream::open(&site, "/v1/events", None).await;
    let stop = site.post(&renewals("/stop?wait=0")).await.with(202);
    let alarm = events.find(|item| item.event == "alarm").await;
    assert_eq!((&alarm.data["kind"], &alarm.data["campaign"]), (&json!("stop"), &json!(101)));
    assert_eq!(alarm.data["request_id"], stop["request_id"]);
    let forced = events.find(|item| item.event == "request" && item.data["kind"] == "force_unload").await;
    assert_eq!(forced.data["asked_by"], "gateway");
    assert_eq!(site.gateway.stop_wishes().await.len(), 1);
    site.stop().await;
}
