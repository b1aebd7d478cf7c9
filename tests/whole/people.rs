//! Do-not-call and cancel-record through the door.

use serde_json::json;

use crate::site::{Reply, Site, renewals};

/// A record of `renewals` and `winback` that is on an agent's desktop.
const ON_DESKTOP: &str = "+12025550100";
/// A record that is not.
const FREE: &str = "+12025550110";

async fn dnc(site: &Site, body: serde_json::Value) -> Reply {
    site.post_json("/v1/dnc", body).await
}

async fn cancel(site: &Site, body: serde_json::Value) -> Reply {
    site.post_json("/v1/records/cancel", body).await
}

#[tokio::test]
async fn a_do_not_call_is_processed_by_both_ocss() {
    let site = Site::demo().await;
    let done = dnc(&site, json!({"phone": "+420777888777", "reason": "asked on call"})).await.outcome("answered");
    assert_eq!(done.results(), [(301, "answered"), (302, "answered")]);
    assert_eq!((&done["kind"], &done["target"]), (&json!("do_not_call"), &json!(0)));
    for answer in done["answers"].as_array().unwrap() {
        assert_eq!((&answer["event"], &answer["type"]), (&json!("CM_EvDoNotCallProcessed"), &json!(33)));
    }
    assert_eq!(done["note"], "asked on call");
    let kept = site.get(&format!("/v1/requests/{}", done.str("request_id"))).await.with(200);
    assert_eq!(kept.body, done.body);
    dnc(&site, json!({"phone": "+420777888777"})).await.outcome("answered");
    site.stop().await;
}

#[tokio::test]
async fn a_do_not_call_goes_to_the_one_ocs_that_is_named() {
    let site = Site::demo().await;
    for ocs in [json!(302), json!("OCS_B"), json!("302")] {
        let done = dnc(&site, json!({"phone": "+420777888777", "ocs": ocs})).await.outcome("answered");
        assert_eq!(done.results(), [(302, "answered")]);
        assert_eq!(done["target"], 302);
    }
    let missing = dnc(&site, json!({"phone": "+420777888777", "ocs": "OCS_C"})).await.problem(404, "ocs-not-found");
    assert!(missing.str("detail").contains("did you mean 'OCS_"), "{}", missing.text);
    site.stop().await;
}

#[tokio::test]
async fn a_customer_id_is_enough_and_nothing_is_not() {
    let site = Site::demo().await;
    let done = dnc(&site, json!({"customer_id": "C-4711", "scope": "record_only"})).await.outcome("answered");
    assert_eq!(done.results(), [(301, "answered"), (302, "answered")]);
    dnc(&site, json!({"phone": "+420777888777", "customer_id": "C-4711"})).await.outcome("answered");
    for body in [json!({}), json!({"phone": ""}), json!({"phone": "+420777888777", "scope": "everything"})] {
        dnc(&site, body).await.problem(422, "invalid-parameter");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_record_on_a_desktop_makes_a_cancel_partial() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    let done = cancel(&site, json!({"phone": ON_DESKTOP, "campaign": "Renewals"})).await.outcome("partial");
    assert_eq!(done.results(), [(301, "partial")]);
    let answer = &done["answers"][0];
    assert_eq!((&answer["type"], &done["target"]), (&json!(31), &json!(301)));
    assert!(!answer["message"].as_str().unwrap().is_empty(), "{}", done.text);
    cancel(&site, json!({"phone": FREE, "campaign": 101})).await.outcome("answered");
    site.stop().await;
}

#[tokio::test]
async fn a_cancel_to_every_ocs_tells_what_each_one_did() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    // Nothing is loaded at OCS 302, so it has nothing to leave on a desktop: partial with all answers good.
    let first = cancel(&site, json!({"phone": ON_DESKTOP})).await.outcome("partial");
    assert_eq!(first.results(), [(301, "partial"), (302, "answered")]);
    site.post("/v1/campaigns/Winback/groups/733/load").await.outcome("answered");
    let both = cancel(&site, json!({"phone": ON_DESKTOP})).await.outcome("partial");
    assert_eq!(both.results(), [(301, "partial"), (302, "partial")]);
    let neither = cancel(&site, json!({"phone": FREE, "scope": "record_only"})).await.outcome("answered");
    assert_eq!(neither.results(), [(301, "answered"), (302, "answered")]);
    site.stop().await;
}

#[tokio::test]
async fn the_wrong_ocs_does_not_know_the_campaign() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    let elsewhere = cancel(&site, json!({"phone": FREE, "campaign": "Renewals", "ocs": 302})).await;
    let elsewhere = elsewhere.problem(404, "campaign-not-found");
    assert_eq!((&elsewhere["ocs"], &elsewhere["code"]), (&json!(302), &json!(3)));
    site.stop().await;
}

#[tokio::test]
async fn a_cancel_of_a_campaign_that_is_not_loaded_is_not_found() {
    let site = Site::demo().await;
    let missing = cancel(&site, json!({"phone": FREE, "campaign": "Renewals"})).await;
    let missing = missing.problem(404, "campaign-not-found");
    assert_eq!((&missing["code"], &missing["name"]), (&json!(3), &json!("CM_ERROR_CAMPAIGN_NOT_FOUND")));
    assert!(missing.str("hint").contains("loaded"), "{}", missing.text);
    cancel(&site, json!({"customer_id": "C-4711"})).await.problem(422, "invalid-parameter");
    let unknown = cancel(&site, json!({"phone": FREE, "campaign": "Renewal"})).await;
    assert!(unknown.problem(404, "campaign-not-found").str("detail").contains("did you mean 'Renewals'?"));
    site.stop().await;
}
