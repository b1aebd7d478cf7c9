//! OCSs that do not answer, and T-Servers that are not there.

use commdn::engine::topology::{DEMO, Topology};
use commdn::service::Config;
use serde_json::json;
use tokio::net::TcpListener;

use crate::site::{Reply, Site, renewals, simulate};
use crate::stream::Stream;

/// Application 299 is configured nowhere: OCS ignores what it says.
fn unknown_origin(config: &mut Config) {
    config.origin.pool = vec![299];
    config.limits.answer_ms = 150;
    config.limits.wait_ms = 300;
    config.limits.answer_life_ms = 200;
    config.limits.double_gap_ms = 50;
    config.dnc.attempts_max = 1;
}

fn diagnosed(reply: Reply) -> Reply {
    let reply = reply.problem(504, "ocs-silent");
    for word in ["Connections", "outbound_contact_server", "DBID"] {
        assert!(reply.str("hint").contains(word), "{}", reply.text);
    }
    reply
}

#[tokio::test]
async fn an_origin_that_ocs_does_not_know_is_silence_with_a_diagnosis() {
    let site = Site::start(&Topology::demo(), None, unknown_origin).await;
    for path in [renewals("/load"), renewals("/start")] {
        let silent = diagnosed(site.post(&path).await);
        let explained = site.get(&format!("/v1/requests/{}/explain", silent.str("request_id"))).await.with(200);
        assert!(explained["steps"][0].as_str().unwrap().contains("application 299"), "{}", explained.text);
    }
    diagnosed(site.get(&renewals("?refresh=true")).await);
    site.stop().await;
}

#[tokio::test]
async fn people_are_told_of_silence_too() {
    let site = Site::start(&Topology::demo(), None, unknown_origin).await;
    diagnosed(site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await);
    diagnosed(site.post_json("/v1/dnc", json!({"phone": "+420777888778", "ocs": 301})).await);
    diagnosed(site.post_json("/v1/records/cancel", json!({"phone": "+420777888777"})).await);
    site.stop().await;
}

#[tokio::test]
async fn what_stays_silent_ends_unknown_and_is_explained() {
    let site = Site::start(&Topology::demo(), None, unknown_origin).await;
    let mut events = Stream::open(&site, "/v1/events?filter=outcome%3Dunknown", None).await;
    let body = json!({"phone": "+420777888777", "ocs": 301});
    let asked = site.post_json("/v1/dnc?wait=0", body).await.with(202);
    let ended = events.find(|item| item.data["request_id"] == asked["request_id"]).await;
    assert_eq!((ended.event.as_str(), &ended.data["reason"]), ("request", &json!("silent")));
    let explained = site.get(&format!("/v1/requests/{}/explain", asked.str("request_id"))).await.with(200);
    assert_eq!(explained["phase"], "ended");
    let sends = explained["steps"].as_array().unwrap().iter();
    assert!(
        sends.filter(|step| step.as_str().unwrap().contains("sent as application")).count() > 1,
        "{}",
        explained.text
    );
    assert_eq!(explained["request"]["answers"][0]["result"], "silent");
    site.stop().await;
}

#[tokio::test]
async fn one_silent_ocs_of_two_is_not_the_silence_of_both() {
    // OCS 302 does not know the gateway's applications.
    let text = DEMO.replace("origin 201-216 server ocs=301,302", "origin 201-216 server ocs=301");
    let topology = Topology::parse(&text).unwrap();
    let site = Site::start(&topology, None, |config| {
        unknown_origin(config);
        config.origin.pool = (201..=208).collect();
    })
    .await;
    let mut events = Stream::open(&site, "/v1/events?filter=outcome%3Dmixed", None).await;
    let dnc = site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await.with(202);
    let ended = events.find(|item| item.data["request_id"] == dnc["request_id"]).await;
    let told = site.get(&format!("/v1/requests/{}", dnc.str("request_id"))).await.outcome("mixed");
    assert_eq!(told.results(), [(301, "answered"), (302, "silent")]);
    assert_eq!(ended.data, told.body);
    // A caller who waits long enough gets the same as 200.
    let dnc = site.post_json("/v1/dnc?wait=60s", json!({"phone": "+420777888778"})).await.outcome("mixed");
    assert_eq!(dnc.results(), [(301, "answered"), (302, "silent")]);
    let cancel =
        site.post_json("/v1/records/cancel?wait=60s", json!({"phone": "+420777888778"})).await.outcome("mixed");
    assert_eq!(cancel.results(), [(301, "answered"), (302, "silent")]);
    site.stop().await;
}

/// An OCS may come up after the gateway's link; what it missed is then repeated soon.
fn repeats_soon(config: &mut Config) {
    config.limits.answer_ms = 1_000;
}

/// An address on which nobody listens. It is not 127.0.0.1, where other tests take ports.
pub(crate) async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.77:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn without_a_tserver_a_do_not_call_is_kept_and_sent_once_it_is_there() {
    let addr = free_address().await;
    let site = Site::gateway(&Topology::demo(), &addr, repeats_soon).await;
    let ready = site.get("/readyz").await.with(200);
    assert_eq!((&ready["ready"], &ready["links"][0]["state"]), (&json!(true), &json!("down")));
    let mut events = Stream::open(&site, "/v1/events", None).await;
    let kept = site.post_json("/v1/dnc?wait=1ms", json!({"phone": "+420777888777"})).await.with(202);
    assert_eq!(kept["outcome"], "pending");
    assert!(kept.str("hint").contains("link"), "{}", kept.text);
    let open = site.get("/v1/requests?state=open").await.with(200);
    assert_eq!(open["items"][0]["request_id"], kept["request_id"]);

    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let ended = events.find(|item| item.event == "dnc").await;
    assert_eq!(ended.data["request_id"], kept["request_id"]);
    let told = site.get(&format!("/v1/requests/{}", kept.str("request_id"))).await.outcome("answered");
    assert_eq!(told.results(), [(301, "answered"), (302, "answered")]);
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn without_a_tserver_campaign_control_is_link_down() {
    let addr = free_address().await;
    let site = Site::gateway(&Topology::demo(), &addr, |config| config.limits.lane_wait_ms = 200).await;
    for path in [renewals("/load?wait=60s"), renewals("/force-unload?wait=60s")] {
        let down = site.post(&path).await.problem(502, "link-down");
        assert!(down.str("hint").contains("T-Server"), "{}", down.text);
        let told = site.get(&format!("/v1/requests/{}", down.str("request_id"))).await.with(200);
        assert_eq!((&told["outcome"], &told["reason"]), (&json!("refused"), &json!("link_down")));
    }
    site.get(&renewals("?refresh=true&wait=60s")).await.problem(502, "link-down");
    site.post_json("/v1/records/cancel?wait=60s", json!({"phone": "5"})).await.problem(502, "link-down");
    let pending = site.post(&renewals("/load?wait=1ms")).await.with(202);
    assert!(pending.str("hint").contains("link"), "{}", pending.text);
    let raw = json!({"message": "CM_ReqStopDialing campaign=101 group=732", "origin": 216, "target": 301});
    site.post_json("/v1/send", raw).await.problem(502, "link-down");
    site.stop().await;
}

#[tokio::test]
async fn a_link_that_is_lost_and_comes_back_loses_no_do_not_call() {
    let addr = free_address().await;
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let site = Site::gateway(&Topology::demo(), &addr, repeats_soon).await;
    site.is_up().await;
    let mut events = Stream::open(&site, "/v1/events", None).await;
    site.post(&renewals("/load")).await.outcome("answered");
    stop.cancel();
    simulator.stopped().await;
    events.find(|item| item.event == "link" && item.data["state"] == "down").await;
    let kept = site.post_json("/v1/dnc?wait=1ms", json!({"phone": "+420777888777"})).await.with(202);

    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let ended = events.find(|item| item.event == "dnc").await;
    assert_eq!(ended.data["request_id"], kept["request_id"]);
    // The OCS has restarted with nothing loaded.
    let state = site.get(&renewals("?refresh=true&wait=60s")).await.with(200);
    assert_eq!(state["status"], "not_loaded");
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}
