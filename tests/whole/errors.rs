//! What the door says to requests that are wrong, and that it says nothing about people.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::site::{Reply, Site, renewals};

/// A phone and a customer id that must not come back in an error.
const CANARY_PHONE: &str = "+4915199887766";
const CANARY_CUSTOMER: &str = "Canary-5533";

fn silent_about_people(reply: &Reply) {
    for canary in [CANARY_PHONE, &CANARY_PHONE[1..], CANARY_CUSTOMER] {
        assert!(!reply.text.contains(canary), "{}", reply.text);
    }
}

async fn raw(site: &Site, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    Reply::of(site.ask(Method::POST, path).header(header::CONTENT_TYPE, kind).body(body)).await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_named_with_their_place() {
    let site = Site::demo().await;
    let json = "application/json";
    for bad in ["{", "nonsense", "{\"phone\":\"5\"", "{\"phone\":}", "\u{1}", "{\"phone\":\"5\"} x"] {
        let reply = raw(&site, "/v1/dnc", json, bad).await.problem(400, "invalid-json");
        assert!(reply.str("detail").contains("line 1 column"), "{bad}: {}", reply.text);
    }
    raw(&site, "/v1/dnc", json, vec![b'"', 0xff, b'"']).await.problem(400, "invalid-json");
    let unknown = site.post_json("/v1/dnc", json!({"phone": CANARY_PHONE, "fone": "1"})).await;
    let unknown = unknown.problem(422, "invalid-parameter");
    assert!(
        unknown.str("detail").contains("fone") && unknown.str("detail").contains("customer_id"),
        "{}",
        unknown.text
    );
    for body in [json!({"goal": "80"}), json!({"mode": []}), json!({"auto_completion": 1}), json!([]), json!("x")] {
        site.post_json(&renewals("/load"), body).await.problem(422, "invalid-parameter");
    }
    let wrong = site.post_json(&renewals("/load"), json!({"goal": "80"})).await.problem(422, "invalid-parameter");
    assert!(wrong.str("detail").contains("expected i32"), "{}", wrong.text);
    site.stop().await;
}

#[tokio::test]
async fn a_page_cannot_post_a_form_and_a_body_has_a_limit() {
    let site = Site::demo().await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"]
    {
        let reply = raw(&site, "/v1/dnc", kind, "{\"phone\":\"5\"}").await.problem(415, "unsupported-media-type");
        assert!(reply.str("detail").contains("application/json"), "{}", reply.text);
    }
    raw(&site, "/v1/dnc", "application/json; charset=utf-8", "{\"phone\":\"5\"}").await.outcome("answered");
    let long = format!("{{\"phone\":\"{}\"}}", "5".repeat(70_000));
    raw(&site, "/v1/dnc", "application/json", long).await.problem(413, "body-too-long");
    site.stop().await;
}

#[tokio::test]
async fn parameters_of_the_query_are_checked() {
    let site = Site::demo().await;
    for path in [
        renewals("/load?wait=soon"),
        renewals("/load?wait=-1"),
        renewals("/load?wait=1h"),
        renewals("/load?wait=601s"),
        renewals("/load?dry_run=perhaps"),
    ] {
        site.post(&path).await.problem(422, "invalid-parameter");
    }
    for path in [
        renewals("?refresh=perhaps"),
        "/v1/requests?limit=many".into(),
        "/v1/requests?limit=-1".into(),
        "/v1/requests?state=lost".into(),
        "/v1/requests?after=x".into(),
        "/v1/events?filter=nonsense".into(),
        "/v1/tap?filter=colour%3Dred".into(),
        "/v1/tap?show_numbers=perhaps".into(),
    ] {
        let reply = site.get(&path).await.problem(422, "invalid-parameter");
        assert_eq!(reply["code"], Value::Null, "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn names_that_are_not_configured_are_not_found_with_the_nearest_one() {
    let site = Site::demo().await;
    for (path, slug, near) in [
        ("/v1/campaigns/Renewls/groups/732/load", "campaign-not-found", "did you mean 'Renewals'?"),
        ("/v1/campaigns/999/groups/732/load", "campaign-not-found", "'999'"),
        ("/v1/campaigns/101/groups/Team%20C/stop", "group-not-found", "did you mean 'Team "),
        ("/v1/campaigns/101/groups/1/unload", "group-not-found", "'1'"),
        ("/v1/campaigns/Renewls/groups/732/complete", "campaign-not-found", "Renewals"),
    ] {
        let reply = site.post(path).await.problem(404, slug);
        assert!(reply.str("detail").contains(near), "{}", reply.text);
        assert_eq!(reply["request_id"], Value::Null, "nothing was accepted");
    }
    site.get("/v1/campaigns/101/groups/9").await.problem(404, "group-not-found");
    site.get("/v1/requests/nonsense").await.problem(404, "request-not-found");
    site.get("/v1/requests/r0000000000000000/explain").await.problem(404, "request-not-found");
    site.stop().await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems_too() {
    let site = Site::demo().await;
    for path in ["/", "/v1", "/v1/nothing", "/v1/campaigns/", "/v1/campaigns/101/groups/732/explode", "/problems/x"] {
        site.get(path).await.problem(404, "not-found");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/campaigns".to_owned()),
        (Method::DELETE, "/v1/dnc".to_owned()),
        (Method::GET, renewals("/load")),
        (Method::POST, renewals("/mode")),
        (Method::PUT, "/healthz".to_owned()),
    ] {
        let reply = Reply::of(site.ask(method, &path)).await.problem(405, "method-not-allowed");
        assert!(reply.headers.contains_key(header::ALLOW), "{path}");
    }
    let reply = site.post("/v1/campaigns/%FF/groups/732/load").await;
    assert!((400..500).contains(&reply.status), "{}", reply.text);
    let status = reply.status;
    reply.with(status);
    site.stop().await;
}

#[tokio::test]
async fn foreign_hosts_and_pages_are_refused() {
    let site = Site::start(&commdn::engine::topology::Topology::demo(), None, |config| {
        config.http.allowed_hosts = vec!["ocs.example".into()];
    })
    .await;
    for path in ["/v1/campaigns", "/healthz", "/docs/", "/openapi.json", "/nothing"] {
        let evil = Reply::of(site.ask(Method::GET, path).header(header::HOST, "evil.example:8080")).await;
        evil.problem(403, "host-not-allowed");
        let page = Reply::of(site.ask(Method::GET, path).header(header::ORIGIN, "https://evil.example")).await;
        page.problem(403, "origin-not-allowed");
    }
    let post = site.ask(Method::POST, "/v1/dnc").header(header::ORIGIN, "null").json(&json!({"phone": "5"}));
    Reply::of(post).await.problem(403, "origin-not-allowed");
    assert_eq!(site.get("/v1/requests").await["items"], json!([]), "nothing was sent");
    let named = site.ask(Method::GET, "/v1/campaigns").header(header::HOST, "OCS.example");
    Reply::of(named.header(header::ORIGIN, "http://ocs.example:80")).await.with(200);
    site.stop().await;
}

#[tokio::test]
async fn no_error_body_repeats_a_phone_or_a_customer_id() {
    let site = Site::demo().await;
    let phone: i64 = CANARY_PHONE[1..].parse().unwrap();
    let bodies = [
        json!({"phone": CANARY_PHONE, "scope": "x"}),
        json!({"phone": CANARY_PHONE, "ocs": "nowhere"}),
        json!({"phone": phone}),
        json!({"phone": [CANARY_PHONE]}),
        json!({"phone": {"number": CANARY_PHONE}}),
        json!({"customer_id": {"id": CANARY_CUSTOMER}}),
        json!({"phone": format!("{CANARY_PHONE}\u{7}")}),
        json!({"phone": CANARY_PHONE.repeat(9)}),
        json!({"customer_id": CANARY_CUSTOMER.repeat(9)}),
        json!(CANARY_PHONE),
        json!([CANARY_PHONE]),
        json!(phone),
    ];
    for body in bodies {
        for path in ["/v1/dnc", "/v1/records/cancel"] {
            let reply = site.post_json(path, body.clone()).await;
            assert!(reply.status >= 400, "{body}: {}", reply.text);
            silent_about_people(&reply);
            let status = reply.status;
            reply.with(status);
        }
    }
    for torn in
        [format!("{{\"phone\":\"{CANARY_PHONE}"), CANARY_PHONE.to_owned(), format!("{{\"phone\":{CANARY_PHONE}}}")]
    {
        silent_about_people(&raw(&site, "/v1/dnc", "application/json", torn).await);
    }
    // Refused by OCS, and shown again.
    let body = json!({"phone": CANARY_PHONE, "customer_id": CANARY_CUSTOMER, "campaign": "Renewals"});
    let refused = site.post_json("/v1/records/cancel", body).await.problem(404, "campaign-not-found");
    silent_about_people(&refused);
    let done = site.post_json("/v1/dnc", json!({"phone": CANARY_PHONE})).await.outcome("answered");
    silent_about_people(&done);
    for path in ["/v1/requests".to_owned(), format!("/v1/requests/{}/explain", refused.str("request_id"))] {
        silent_about_people(&site.get(&path).await.with(200));
    }
    site.stop().await;
}
