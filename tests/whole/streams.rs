//! Server-sent events and the tap.

use serde_json::{Value, json};

use crate::site::{Site, renewals};
use crate::stream::{Item, Stream};

const PHONE: &str = "+420777888777";

fn ids(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.id.unwrap()).collect()
}

#[tokio::test]
async fn a_snapshot_comes_first_and_then_what_changes() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    let mut stream = Stream::open(&site, "/v1/events", None).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!((snapshot.event.as_str(), &snapshot.data["schema"]), ("snapshot", &json!("commdn.snapshot.v1")));
    let campaigns = snapshot.data["campaigns"].as_array().unwrap();
    let loaded = campaigns.iter().find(|it| it["campaign"] == 101 && it["group"] == 732).unwrap();
    assert_eq!(loaded["status"], "active");
    assert_eq!((&snapshot.data["requests"], &snapshot.data["links"][0]["state"]), (&json!([]), &json!("up")));

    let started = site.post(&renewals("/start")).await.outcome("answered");
    let done = site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    let mut items = vec![snapshot];
    while items.last().is_none_or(|item| item.event != "dnc") {
        items.push(stream.next().await.unwrap());
    }
    assert!(ids(&items).windows(2).all(|pair| pair[0] < pair[1]), "{:?}", ids(&items));
    let of = |event: &str, id: &Value| -> Vec<Value> {
        let items = items.iter().filter(|item| item.event == event && item.data["request_id"] == *id);
        items.map(|item| item.data["outcome"].clone()).collect()
    };
    assert_eq!(of("request", &started["request_id"]), ["pending", "answered"]);
    assert_eq!(of("request", &done["request_id"]), ["pending", "answered"]);
    assert_eq!(of("dnc", &done["request_id"]), ["answered"]);
    let is_running =
        |item: &Item| item.event == "state" && item.data["status"] == "running" && item.data["campaign"] == 101;
    assert_eq!(items.iter().filter(|item| is_running(item)).count(), 1);
    assert!(items.iter().skip(1).all(|item| !item.data.to_string().contains(PHONE)), "phones are not told");
    site.stop().await;
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was() {
    let site = Site::demo().await;
    let mut stream = Stream::open(&site, "/v1/events", None).await;
    let snapshot = stream.next().await.unwrap();
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    let is_running = |item: &Item| item.event == "state" && item.data["status"] == "running";
    let mut seen = vec![snapshot.clone()];
    while !seen.last().is_some_and(is_running) {
        seen.push(stream.next().await.unwrap());
    }
    for at in 0..seen.len() - 1 {
        let mut again = Stream::open(&site, "/v1/events", seen[at].id).await;
        for item in &seen[at + 1..] {
            assert_eq!(again.next().await.as_ref(), Some(item), "after {:?}", seen[at].id);
        }
    }
    let mut other_life = Stream::open(&site, "/v1/events", Some(1_000_000)).await;
    assert_eq!(other_life.next().await.unwrap().event, "snapshot", "a number that never was");
    site.stop().await;
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_by_a_snapshot() {
    let site =
        Site::start(&commdn::engine::topology::Topology::demo(), None, |config| config.limits.events_kept = 2).await;
    for phone in 0..4 {
        site.post_json("/v1/dnc", json!({"phone": format!("+42077788800{phone}")})).await.outcome("answered");
    }
    let mut stream = Stream::open(&site, "/v1/events", Some(1)).await;
    assert_eq!(stream.next().await.unwrap().event, "snapshot");
    site.stop().await;
}

#[tokio::test]
async fn a_filter_lets_pass_what_it_names() {
    let site = Site::demo().await;
    let path = "/v1/events?filter=event%3Dstate%20%26%26%20campaign%3DRenewals%20%26%26%20status%3Drunning";
    let mut stream = Stream::open(&site, path, None).await;
    assert_eq!(stream.next().await.unwrap().data["requests"], json!([]));
    for path in ["/v1/campaigns/102/groups/733/load", "/v1/campaigns/102/groups/733/start"] {
        site.post(path).await.outcome("answered");
    }
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    let item = stream.next().await.unwrap();
    assert_eq!(
        (item.event.as_str(), &item.data["campaign"], &item.data["status"]),
        ("state", &json!(101), &json!("running"))
    );
    site.stop().await;
}

#[tokio::test]
async fn the_tap_shows_every_user_event_and_hides_people() {
    let site = Site::demo().await;
    // The states that the gateway asks for at its start pass too.
    let people = "/v1/tap?filter=type%3DCM_*DoNotCall*";
    let mut hidden = Stream::open(&site, people, None).await;
    let mut shown = Stream::open(&site, &format!("{people}&show_numbers=true"), None).await;
    let mut answers = Stream::open(&site, "/v1/tap?filter=type%3DCM_Ev*%20%26%26%20origin%3D302", None).await;
    site.post_json("/v1/dnc", json!({"phone": PHONE, "customer_id": "C-47110815"})).await.outcome("answered");
    let mut types = Vec::new();
    for _ in 0..3 {
        let (veiled, plain) = (hidden.next().await.unwrap(), shown.next().await.unwrap());
        assert_eq!((veiled.event.as_str(), &veiled.data["schema"]), ("tap", &json!("commdn.tap.v1")));
        assert_eq!(veiled.data["type"], plain.data["type"]);
        let step = |item: &Item| item.data["step"].as_str().unwrap().to_owned();
        assert!(step(&plain).contains(PHONE) && step(&plain).contains("C-47110815"), "{}", step(&plain));
        assert!(!step(&veiled).contains(&PHONE[1..]) && !step(&veiled).contains("47110815"), "{}", step(&veiled));
        let direction = if veiled.data["type"] == 32 { "out" } else { "in" };
        assert_eq!((&veiled.data["direction"], &veiled.data["dn"]), (&json!(direction), &json!("CommDN_1")));
        types.push(veiled.data["type"].as_i64().unwrap());
    }
    assert_eq!(types, [32, 33, 33]);
    let answer = answers.next().await.unwrap();
    assert_eq!(
        (&answer.data["origin"], &answer.data["type"], &answer.data["error"]),
        (&json!(302), &json!(33), &json!(0))
    );
    site.stop().await;
}

#[tokio::test]
async fn a_door_that_stops_ends_its_streams() {
    let site = Site::demo().await;
    let events = Stream::open(&site, "/v1/events", None).await;
    let tap = Stream::open(&site, "/v1/tap", None).await;
    site.post(&renewals("/load")).await.outcome("answered");
    site.stop_door();
    assert!(!events.drain().await.is_empty());
    tap.drain().await;
    site.stop().await;
}
