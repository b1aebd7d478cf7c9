//! What OCS posts: the question before a dial, and states of campaign groups.

use serde_json::{Value, json};

use crate::port::Client;
use crate::site::{Site, guard, renewals};

async fn predial(site: &Site, record: Value) -> (u16, Value) {
    let reply = site.post_json("/ocs/predial", record).await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn a_number_on_the_list_is_not_dialed() {
    let site = Site::demo().await;
    let listed = (409, json!({"GSW_CALL_RESULT": 51}));
    let record = |phone: &str, customer: &str| json!({"GSW_PHONE": phone, "GSW_CUSTOMER_ID": customer, "x": [1]});
    assert_eq!(predial(&site, record("+420777888777", "C-1")).await, (200, json!({})));
    site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await.outcome("answered");
    site.post_json("/v1/dnc", json!({"customer_id": "C-7"})).await.outcome("answered");
    assert_eq!(predial(&site, record("+420777888777", "C-1")).await, listed);
    assert_eq!(predial(&site, record("+420777888778", "C-7")).await, listed);
    assert_eq!(predial(&site, json!({"contact_info": "+420777888777"})).await, listed);
    assert_eq!(predial(&site, json!({"GSW_PHONE": 420_777_888_777_i64})).await, (200, json!({})));
    site.post_json("/ocs/predial", json!({"x": 1})).await.problem(422, "invalid-parameter");
    site.stop().await;
}

#[tokio::test]
async fn a_wish_counts_before_ocs_has_heard_of_it() {
    // Nobody listens there.
    let site = Site::gateway(&commdn::engine::topology::Topology::demo(), "127.0.0.78:9", |_| {}).await;
    site.post_json("/v1/dnc?wait=1ms", json!({"phone": "+420777888777"})).await.with(202);
    assert_eq!(predial(&site, json!({"GSW_PHONE": "+420777888777"})).await.0, 409);
    site.stop().await;
}

#[tokio::test]
async fn an_entry_of_another_application_is_known_too() {
    let site = Site::demo().await;
    let mut other = Client::registered(site.tserver(), "desktop").await;
    other.distribute(&other.do_not_call(216, 301, "+420777888779")).await;
    other.answer(216).await;
    // The gateway's link hears the same answer; a request behind it waits for that.
    site.get(&renewals("?refresh=true")).await.with(200);
    assert_eq!(predial(&site, json!({"GSW_PHONE": "+420777888779"})).await.0, 409);
    site.stop().await;
}

#[tokio::test]
async fn a_posted_state_is_merged_into_the_cache() {
    let site = Site::demo().await;
    // The gateway asks for every state when its link comes up: that answer is not to come behind the post.
    let path = "/v1/campaigns/103/groups/732";
    guard(async { while site.get(path).await["status"] != "not_loaded" {} }).await;
    let posted = json!({
        "GSW_CAMPAIGN_GROUP_NAME": "Survey@Team A", "GSW_CAMPAIGN_GROUP_STATE": "CampaignRunning",
        "GSW_DIAL_MODE": 2, "GSW_STAT_HIT_RATIO": null,
    });
    let told = site.post_json("/ocs/campaign-group-state", posted).await.with(200);
    assert_eq!((&told["status"], &told["mode"], &told["ocs"]), (&json!("running"), &json!("progress"), &json!(301)));
    let state = site.get(path).await.with(200);
    assert_eq!((&state["status"], &state["changed_by"]), (&json!("running"), &json!("notification")));
    // What OCS says on the CommDN comes later, so it counts.
    assert_eq!(site.get("/v1/campaigns/103/groups/732?refresh=true").await.with(200)["status"], "not_loaded");

    let post = |body: Value| site.post_json("/ocs/campaign-group-state", body);
    let names = json!({"GSW_CAMPAIGN_NAME": "Nobody", "GSW_GROUP_NAME": "Team A", "GSW_CAMPAIGN_GROUP_STATE": 5});
    post(names).await.problem(404, "campaign-not-found");
    post(json!({"GSW_CAMPAIGN_GROUP_NAME": "Survey@Team A"})).await.problem(422, "invalid-parameter");
    post(json!({"GSW_CAMPAIGN_GROUP_STATE": 5})).await.problem(422, "invalid-parameter");
    site.stop().await;
}
