//! Campaign control through the door.

use commdn::engine::topology::{DEMO, Topology};
use serde_json::{Value, json};

use crate::site::{Reply, Site, renewals};

async fn state(site: &Site, path: &str) -> Reply {
    site.get(path).await.with(200)
}

#[tokio::test]
async fn a_campaign_is_loaded_started_changed_stopped_and_unloaded() {
    let site = Site::demo().await;
    let loaded = site.post(&renewals("/load")).await.outcome("answered");
    assert_eq!(loaded["schema"], "commdn.request.v1");
    assert_eq!((&loaded["kind"], &loaded["why"]), (&json!("load"), &json!("exact")));
    assert_eq!((&loaded["campaign"], &loaded["group"], &loaded["target"]), (&json!(101), &json!(732), &json!(301)));
    let answer = &loaded["answers"][0];
    assert_eq!((&answer["event"], &answer["type"]), (&json!("CM_EvCampaignLoaded"), &json!(19)));
    assert_eq!((&answer["status"], &answer["status_id"]), (&json!("active"), &json!(4)));
    assert_eq!(loaded.headers["location"], format!("/v1/requests/{}", loaded.str("request_id")));

    site.post_json(&renewals("/start"), json!({"goal": 75, "optimize_by": "busy_factor"})).await.outcome("answered");
    let running = state(&site, &renewals("")).await;
    assert_eq!((&running["status"], &running["status_id"]), (&json!("running"), &json!(5)));
    assert_eq!((&running["mode"], &running["goal"]), (&json!("predict"), &json!(75)));
    assert_eq!((&running["changed_by"], &running["campaign_name"]), (&json!("request"), &json!("Renewals")));

    site.put_json(&renewals("/mode"), json!({"mode": "progress"})).await.outcome("answered");
    assert_eq!(state(&site, &renewals("")).await["mode"], "progress");
    let refreshed = state(&site, &renewals("?refresh=true")).await;
    assert_eq!((&refreshed["mode"], &refreshed["status"]), (&json!("progress"), &json!("running")));
    assert_eq!(refreshed["observed_by"], "CM_EvCampaignStatus");

    site.post(&renewals("/stop")).await.outcome("answered");
    assert_eq!(state(&site, &renewals("")).await["status"], "active");
    let unloaded = site.post(&renewals("/unload?wait=60s")).await.outcome("answered");
    assert_eq!(unloaded["answers"][0]["status_id"], 0);
    assert_eq!(state(&site, &renewals("?refresh=true")).await["status"], "not_loaded");
    site.stop().await;
}

#[tokio::test]
async fn what_the_state_forbids_is_a_conflict_with_code_slug_and_hint() {
    let site = Site::demo().await;
    site.post(&renewals("/start")).await.problem(409, "campaign-not-loaded");
    site.post(&renewals("/unload")).await.problem(409, "campaign-not-loaded");
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/load")).await.problem(409, "campaign-already-loaded");
    site.post(&renewals("/stop")).await.problem(409, "campaign-not-started");
    site.put_json(&renewals("/mode"), json!({"mode": 2})).await.problem(409, "campaign-not-started");
    site.post(&renewals("/start")).await.outcome("answered");

    let again = site.post(&renewals("/start")).await.problem(409, "campaign-already-started");
    assert_eq!((&again["code"], &again["ocs"]), (&json!(7), &json!(301)));
    assert_eq!(again["name"], "CM_ERROR_CAMPAIGN_ALREADY_STARTED");
    assert!(again.str("hint").contains("set-mode") && !again.str("ocs_message").is_empty(), "{}", again.text);
    let kept = site.get(&format!("/v1/requests/{}", again.str("request_id"))).await.with(200);
    assert_eq!((&kept["outcome"], &kept["reason"]), (&json!("refused"), &json!("ocs_error")));

    site.stop().await;
}

#[tokio::test]
async fn modes_that_do_not_fit_are_refused() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    let preview = site.put_json(&renewals("/mode"), json!({"mode": "preview"})).await;
    assert_eq!(preview.problem(422, "invalid-campaign-mode")["code"], 11);
    // Another predictive campaign on the same group excludes this one.
    site.post("/v1/campaigns/Survey/groups/732/load").await.outcome("answered");
    let clash = site.post("/v1/campaigns/survey/groups/Team%20A/start").await.problem(422, "invalid-campaign-mode");
    assert_eq!((&clash["code"], &clash["ocs"]), (&json!(11), &json!(301)));
    site.stop().await;
}

#[tokio::test]
async fn what_ocs_has_not_configured_or_disabled_is_told_as_it_says() {
    let site = Site::demo().await;
    let not_configured = site.post("/v1/campaigns/102/groups/732/load").await;
    assert_eq!(not_configured.problem(404, "campaign-not-in-group")["code"], 9);
    let disabled = site.post("/v1/campaigns/104/groups/732/load").await;
    assert_eq!(disabled.problem(409, "wrong-configuration")["code"], 16);
    site.stop().await;
}

#[tokio::test]
async fn a_force_unload_ends_a_running_campaign_at_once() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    site.post(&renewals("/start")).await.outcome("answered");
    let forced = site.post(&renewals("/force-unload")).await.outcome("answered");
    assert_eq!((&forced["kind"], &forced["answers"][0]["type"]), (&json!("force_unload"), &json!(20)));
    assert_eq!(state(&site, &renewals("")).await["status"], "not_loaded");
    site.post(&renewals("/force-unload")).await.problem(409, "campaign-not-loaded");
    site.stop().await;
}

#[tokio::test]
async fn complete_stops_and_unloads_whether_it_runs_or_not() {
    let site = Site::demo().await;
    site.post(&renewals("/complete?wait=60s")).await.problem(409, "campaign-not-loaded");
    for running in [true, false] {
        site.post(&renewals("/load")).await.outcome("answered");
        if running {
            site.post(&renewals("/start")).await.outcome("answered");
        }
        let completed = site.post(&renewals("/complete?wait=60s")).await.outcome("answered");
        assert_eq!(completed["kind"], "unload", "{running}");
        assert_eq!(state(&site, &renewals("")).await["status"], "not_loaded", "{running}");
    }
    site.stop().await;
}

#[tokio::test]
async fn the_list_has_every_configured_pair_with_what_is_known() {
    let site = Site::demo().await;
    site.post("/v1/campaigns/Winback/groups/Team%20B/load").await.outcome("answered");
    let list = site.get("/v1/campaigns").await.with(200);
    let items = list["items"].as_array().unwrap();
    let pairs: Vec<_> =
        items.iter().map(|it| (it["campaign"].as_i64().unwrap(), it["group"].as_i64().unwrap())).collect();
    assert_eq!(pairs, [(101, 732), (101, 733), (102, 733), (103, 732), (104, 732)]);
    assert_eq!((&items[2]["status"], &items[2]["ocs"]), (&json!("active"), &json!(302)));
    assert_eq!((&list["next"], &list["schema"]), (&Value::Null, &json!("commdn.campaigns.v1")));
    site.stop().await;
}

#[tokio::test]
async fn parameters_that_ocs_would_refuse_are_refused_here_and_nothing_is_sent() {
    let site = Site::demo().await;
    site.post(&renewals("/load")).await.outcome("answered");
    for (body, place) in [
        (json!({"mode": "fast"}), "mode"),
        (json!({"mode": 12}), "mode"),
        (json!({"mode": "power"}), "not documented"),
        (json!({"optimize_by": "luck"}), "optimize_by"),
        (json!({"mode": "predict", "optimize_by": "busy_factor", "goal": 101}), "goal"),
        (json!({"dialing_priority": {"general": {"priority": 4}}}), "priority"),
    ] {
        let refused = site.post_json(&renewals("/start"), body.clone()).await.problem(422, "invalid-parameter");
        assert!(refused.str("detail").contains(place), "{body}: {}", refused.text);
        assert_eq!((&refused["code"], &refused["request_id"]), (&Value::Null, &Value::Null), "{body}");
    }
    let requests = site.get("/v1/requests").await.with(200);
    assert_eq!(requests["items"].as_array().unwrap().len(), 1, "only the load was sent: {}", requests.text);
    let ignored = site.post_json(&renewals("/start"), json!({"mode": "preview", "goal": 80})).await.outcome("answered");
    assert!(ignored["warnings"][0].as_str().unwrap().contains("goal"), "{}", ignored.text);
    site.stop().await;
}

#[tokio::test]
async fn a_licence_that_lacks_the_mode_is_forbidden() {
    let text = DEMO.replace("modes=1-5,8,9,11", "modes=1");
    let site = Site::start(&Topology::parse(&text).unwrap(), None, |_| {}).await;
    site.post(&renewals("/load")).await.outcome("answered");
    let refused = site.post_json(&renewals("/start"), json!({"mode": "preview"})).await;
    assert_eq!(refused.problem(403, "licence-violation")["code"], 15);
    site.stop().await;
}
