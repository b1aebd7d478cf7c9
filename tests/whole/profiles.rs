//! OCSs that answer the open questions of the protocol in other ways.

use commdn::engine::topology::Topology;
use serde_json::json;

use crate::site::{Site, renewals};

#[tokio::test]
async fn a_strict_ocs_takes_what_the_gateway_sends() {
    let site = Site::start(&Topology::demo(), Some("strict"), |_| {}).await;
    let dialing = json!({"mode": "predict", "optimize_by": "busy_factor", "goal": 80});
    site.post_json(&renewals("/load"), dialing).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    assert_eq!(site.post(&renewals("/unload")).await.problem(409, "campaign-already-started")["code"], 7);
    site.post(&renewals("/stop")).await.outcome("answered");
    site.post(&renewals("/force-unload")).await.outcome("answered");
    let done = site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await.outcome("answered");
    assert_eq!(done.results(), [(301, "answered"), (302, "answered")]);
    site.stop().await;
}

#[tokio::test]
async fn a_lenient_ocs_that_echoes_nothing_is_understood() {
    let site = Site::start(&Topology::demo(), Some("lenient"), |config| config.limits.answer_ms = 2_000).await;
    site.post(&renewals("/load?wait=60s")).await.outcome("answered");
    site.post(&renewals("/start?wait=60s")).await.outcome("answered");
    assert_eq!(site.get(&renewals("")).await.with(200)["status"], "running");
    site.post(&renewals("/stop?wait=60s")).await.outcome("answered");
    // It answers a force unload with a status, not with its own event.
    site.post(&renewals("/force-unload?wait=60s")).await.outcome("answered");
    assert_eq!(site.get(&renewals("")).await.with(200)["status"], "not_loaded");
    let done = site.post_json("/v1/dnc?wait=60s", json!({"phone": "+420777888777"})).await.outcome("answered");
    assert_eq!(done.results(), [(301, "answered"), (302, "answered")]);
    site.stop().await;
}

/// Late, doubled, from the backup, without ids, and a look-alike before each answer.
#[tokio::test]
async fn an_adversarial_ocs_gets_true_outcomes_or_none() {
    let site = Site::start(&Topology::demo(), Some("adversarial"), |config| config.limits.answer_ms = 4_000).await;
    for (verb, status) in
        [("/load", "active"), ("/start", "running"), ("/stop", "active"), ("/force-unload", "not_loaded")]
    {
        let reply = site.post(&renewals(&format!("{verb}?wait=100s"))).await;
        match reply.body["outcome"].as_str() {
            Some(outcome) => assert_eq!(outcome, "answered", "{verb}: {}", reply.text),
            // What cannot be told for sure is not called a refusal: nothing here is refused.
            None => assert_eq!(reply["type"], "/problems/ocs-silent", "{verb}: {}", reply.text),
        }
        if reply.status == 200 {
            let seen = site.get(&renewals("?refresh=true&wait=100s")).await.with(200);
            assert_eq!(seen["status"], status, "{verb}: {}", seen.text);
        }
    }
    let done = site.post_json("/v1/dnc?wait=100s", json!({"phone": "+420777888777"})).await.with(200);
    assert!(["answered", "mixed"].contains(&done.str("outcome")), "{}", done.text);
    assert!(done.results().iter().all(|(_, result)| *result != "refused"), "{}", done.text);
    site.stop().await;
}
