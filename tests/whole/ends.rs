//! What a revoked key still holds open, when a key was used, and who has looked at numbers.

use reqwest::Method;
use serde_json::json;

use crate::access::{ask, guarded_site, key};
use crate::site::guard;
use crate::stream::Stream;

#[tokio::test]
async fn a_stream_is_cut_with_a_reason_when_its_key_is_revoked_and_others_are_not() {
    let site = guarded_site(|_| {}).await;
    let (one, other) = (key(&site, &["campaign:read", "dnc:read"]).await, key(&site, &["*"]).await);
    let open = async |path: &str, token: &str| Stream::of(site.ask(Method::GET, path).bearer_auth(token)).await;
    let mut cut = [open("/v1/events", &one).await, open("/v1/tap", &one).await];
    let mut lives = open("/v1/events", &other).await;
    let id = one.split('_').nth(1).unwrap();
    ask(&site, Some(&other), &Method::DELETE, &format!("/v1/keys/{id}"), None).await.with(200);
    for stream in &mut cut {
        let end = stream.find(|item| item.event == "cut").await;
        assert_eq!(end.data, "the key was revoked");
        assert!(stream.next().await.is_none(), "nothing comes behind it");
    }
    let path = "/v1/campaigns/101/groups/732/load";
    ask(&site, Some(&other), &Method::POST, path, None).await.outcome("answered");
    lives.find(|item| item.event == "request" && item.data["outcome"] == "answered").await;
    site.stop().await;
}

#[tokio::test]
async fn the_use_of_a_key_is_kept_without_a_write_for_each_request() {
    let site = guarded_site(|_| {}).await;
    let (reader, admin) = (key(&site, &["campaign:read"]).await, key(&site, &["admin"]).await);
    let id = reader.split('_').nth(1).unwrap().to_owned();
    let store = site.gateway.store();
    let of_reader = async || {
        let keys = store.api_keys().await.unwrap();
        keys.into_iter().find(|key| key.id == id).unwrap()
    };
    assert_eq!(of_reader().await.used_at, None);
    ask(&site, Some(&reader), &Method::GET, "/v1/campaigns", None).await.with(200);
    guard(async { while of_reader().await.used_at.is_none() {} }).await;
    let first = of_reader().await.used_at;
    let commits = store.stats().commits;
    for _ in 0..50 {
        ask(&site, Some(&reader), &Method::GET, "/v1/campaigns", None).await.with(200);
    }
    assert_eq!(store.stats().commits, commits);
    assert_eq!(of_reader().await.used_at, first);
    let keys = ask(&site, Some(&admin), &Method::GET, "/v1/keys", None).await.with(200);
    let shown = keys["items"].as_array().unwrap().iter().find(|it| it["id"] == json!(id)).unwrap();
    assert!(shown["used_at"].is_string(), "{shown}");
    site.stop().await;
}

#[tokio::test]
async fn who_looks_at_numbers_is_written_down_even_for_a_read() {
    const PHONE: &str = "+420777123456";
    let site = guarded_site(|_| {}).await;
    let admin = key(&site, &["*"]).await;
    let reader = key(&site, &["dnc:read"]).await;
    let get = async |token: &str, path: &str| ask(&site, Some(token), &Method::GET, path, None).await;
    let body = json!({"phone": PHONE});
    ask(&site, Some(&admin), &Method::POST, "/v1/dnc", Some(&body)).await.outcome("answered");
    get(&reader, "/v1/dnc/export").await.with(200);
    get(&reader, "/v1/dnc/export?show_numbers=true").await.problem(403, "forbidden");
    let shown = get(&admin, "/v1/dnc/export?limit=5&show_numbers=%74rue").await.with(200);
    assert_eq!(shown["items"][0]["phone"], PHONE);
    drop(Stream::of(site.ask(Method::GET, "/v1/tap?show_numbers=true").bearer_auth(&admin)).await);
    let audit = get(&admin, "/v1/audit").await.with(200);
    let told = audit["items"].as_array().unwrap().iter().rev().map(|row| {
        (row["action"].as_str().unwrap(), row["object"].as_str().unwrap(), row["outcome"].as_str().unwrap())
    });
    let told: Vec<_> = told.filter(|(action, ..)| action.contains("numbers:show")).collect();
    assert_eq!(
        told,
        [
            ("dnc:read numbers:show", "/v1/dnc/export", "forbidden"),
            ("dnc:read numbers:show", "/v1/dnc/export", "done"),
            ("campaign:read dnc:read numbers:show", "/v1/tap", "done"),
        ]
    );
    assert!(!audit.text.contains(&PHONE[1..]), "{}", audit.text);
    site.stop().await;
}
