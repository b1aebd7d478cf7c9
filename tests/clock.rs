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
}
