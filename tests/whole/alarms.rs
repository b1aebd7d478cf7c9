//! A frame that somebody else sends with our DBID: the alarm outlives a restart until somebody has looked at it.

use std::path::Path;

use commdn::engine::topology::Topology;
use commdn::message::{AppDbid, CommDnMessage, Pair, StopDialing};
use commdn::service::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::port::Client;
use crate::site::{Reply, Site, guard};
use crate::stream::Stream;

fn kept(data: &Path) -> impl FnOnce(&mut Config) {
    let path = data.display().to_string();
    move |config| config.store.path = Some(path)
}

async fn alarmed(site: &Site) -> Value {
    site.get("/v1/diagnosis").await.with(200)["origins_alarmed"].clone()
}

#[tokio::test]
async fn an_alarm_about_a_forged_origin_outlives_a_restart_until_it_is_cleared() {
    let (data, topology) = (tempfile::tempdir().unwrap(), Topology::demo());
    let site = Site::start(&topology, None, kept(data.path())).await;
    let mut events = Stream::open(&site, "/v1/events?filter=event%3Dalarm", None).await;
    let mut other = Client::registered(site.tserver(), "monitor").await;
    let forged = StopDialing::new(Pair::new(101, 732));
    other.distribute(&CommDnMessage::new(AppDbid(203), AppDbid(301), forged)).await;
    let alarm = events.find(|item| item.event == "alarm").await;
    assert_eq!((&alarm.data["kind"], &alarm.data["origin"]), (&json!("forged_origin"), &json!(203)));
    assert!(alarm.data["ocs"].is_null());
    assert_eq!(alarmed(&site).await, json!([203]));
    site.stop().await;

    let site = Site::start(&topology, None, kept(data.path())).await;
    assert_eq!(alarmed(&site).await, json!([203]), "nobody has looked at it");
    Reply::of(site.ask(Method::DELETE, "/v1/alarms/204")).await.problem(404, "alarm-not-found");
    let after = Reply::of(site.ask(Method::DELETE, "/v1/alarms/203")).await.with(200);
    assert_eq!(after["origins_alarmed"], json!([]));
    Reply::of(site.ask(Method::DELETE, "/v1/alarms/203")).await.problem(404, "alarm-not-found");
    let store = site.gateway.store();
    guard(async { while store.alarms().await.unwrap()[0].cleared_at.is_none() {} }).await;
    site.stop().await;

    // Cleared lately: what was forged may still be answered, but the DBID is in use again.
    let site = Site::start(&topology, None, kept(data.path())).await;
    assert_eq!(alarmed(&site).await, json!([]));
    site.stop().await;
}
