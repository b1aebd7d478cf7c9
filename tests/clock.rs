//! Somebody sets the clock of the machine while requests are open: what people read follows, no deadline does.
#![cfg(feature = "app")]

#[allow(dead_code)]
#[path = "whole/site.rs"]
mod site;

use commdn::engine::topology::Topology;
use commdn::service::wall;
use site::{Site, guard, renewals};

const TEN_DAYS_MS: i64 = 10 * 24 * 3_600 * 1_000;

/// One test, since a process has one wall clock.
#[tokio::test]
async fn a_clock_that_jumps_moves_no_deadline() {
    // An origin that OCS does not know: requests stay open until their deadline.
    let deadline = |ms: u64| {
        move |config: &mut commdn::service::Config| {
            (config.origin.pool, config.limits.answer_ms, config.limits.lane_wait_ms) = (vec![299], ms, 3_600_000);
        }
    };
    let patient = Site::start(&Topology::demo(), None, deadline(3_600_000)).await;
    let open = patient.post(&renewals("/load?wait=0")).await.with(202);
    let path = format!("/v1/requests/{}", open.str("request_id"));

    wall::step(TEN_DAYS_MS);
    let later = patient.post("/v1/campaigns/102/groups/733/load?wait=0").await.with(202);
    assert!(later.str("request_id") > open.str("request_id"));
    assert!(later.str("accepted_at") > open.str("accepted_at"), "people read the new time");
    assert_eq!(patient.get(&path).await.with(200)["outcome"], "pending", "ten days are not over");
    assert!(patient.gateway.links().all().iter().all(|(_, link)| link.snapshot.up), "no heartbeat was missed");

    wall::step(-TEN_DAYS_MS);
    let earlier = patient.post("/v1/campaigns/103/groups/732/load?wait=0").await.with(202);
    assert!(earlier.str("request_id") > later.str("request_id"), "ids grow when the clock does not");
    assert!(earlier.str("accepted_at") < open.str("accepted_at"));
    patient.stop().await;

    // A deadline that hung on the wall clock would now be twenty days away.
    wall::step(TEN_DAYS_MS);
    let hasty = Site::start(&Topology::demo(), None, deadline(150)).await;
    let open = hasty.post(&renewals("/load?wait=0")).await.with(202);
    wall::step(-TEN_DAYS_MS);
    let number = commdn::engine::RequestNumber::parse(open.str("request_id")).unwrap();
    guard(async {
        while !hasty.gateway.standing(number).await.unwrap().overdue {
            tokio::task::yield_now().await;
        }
    })
    .await;
    wall::step(0);
    hasty.stop().await;
    an_entry_ends_by_the_calendar().await;
}

/// What ends for people ends by the clock that people read.
async fn an_entry_ends_by_the_calendar() {
    let site = Site::start(&Topology::demo(), None, |_| {}).await;
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let body = serde_json::json!({"phone": "+420777888777", "expires_at": end.to_string()});
    site.post_json("/v1/dnc", body).await.outcome("answered");
    let phone = commdn::message::Phone::from("+420777888777");
    assert!(site.gateway.dnc().check(Some(&phone), None).is_some(), "OCS has confirmed it, and that is no other entry");
    wall::step(TEN_DAYS_MS);
    assert!(site.gateway.dnc().check(Some(&phone), None).is_none());
    let found = site.get("/v1/dnc?phone=%2B420777888777").await.with(200);
    assert_eq!((&found["items"][0]["expired"], &found["items"][0]["confirmed"]), (&true.into(), &true.into()));
    site.post_json("/v1/dnc", serde_json::json!({"phone": "1", "expires_at": end.to_string()}))
        .await
        .problem(422, "invalid-parameter");
    // Without an end it counts for good.
    site.post_json("/v1/dnc", serde_json::json!({"phone": "+420777888777"})).await.outcome("answered");
    assert!(site.gateway.dnc().check(Some(&phone), None).is_some());
    wall::step(0);
    site.stop().await;
}
