//! The job API of contacts at the door of a running gateway, and the loop from a file to a cancelled chain.

use std::sync::Arc;

use commdn::engine::topology::Topology;
use commdn::message::Phone;
use commdn::protocol::UtcSeconds;
use commdn::service::access::KeyWish;
use commdn::store::sqlite::Options;
use commdn::store::{ListedDnc, SqliteStore, Store, Write};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::site::{Reply, Site, guard, renewals, simulate_on};

async fn upload(site: &Site, text: &str) -> String {
    let request = site.ask(Method::POST, "/v1/import-uploads?name=..%2Fa.csv").header("content-type", "text/csv");
    let reply = Reply::of(request.body(text.to_owned())).await.with(201);
    assert_eq!((reply["bytes"].as_u64(), reply.str("file_name")), (Some(text.len() as u64), "../a.csv"));
    reply.str("upload_id").to_owned()
}

/// Follows the events of a job to their end; the job as it is then.
async fn ended(site: &Site, id: &str) -> Reply {
    let events = Reply::of(site.ask(Method::GET, &format!("/v1/import-jobs/{id}/events"))).await;
    assert_eq!(events.kind, "text/event-stream");
    let last = events.text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    let job = site.get(&format!("/v1/import-jobs/{id}")).await.with(200);
    assert_eq!((&last["state"], &last["counts"]), (&job["state"], &job["counts"]), "{}", events.text);
    job
}

async fn job(site: &Site, body: Value) -> String {
    let made = site.post_json("/v1/import-jobs", body).await.with(202);
    let id = made.str("id").to_owned();
    assert_eq!(made.headers["location"].to_str().unwrap(), format!("/v1/import-jobs/{id}"));
    id
}

fn settings() -> Value {
    json!({"id_column": "id", "phone_columns": [{"column": "phone", "type": "cell"}]})
}

const FILE: &str = "id,name,phone\n1,Ann,+420777000001\n2,Bo,none\n3,Cy,+420777000003\n";

#[tokio::test]
async fn an_upload_is_looked_at_validated_continued_reported_and_undone() {
    let site = Site::demo().await;
    let upload = upload(&site, FILE).await;
    let preview = site.get(&format!("/v1/import-uploads/{upload}/preview?rows=2")).await.with(200);
    assert_eq!((preview["rows"].as_array().unwrap().len(), &preview["columns"][0]["type"]), (2, &json!("integer")));
    let body =
        json!({"upload_id": upload, "list": "L", "create": true, "settings": settings(), "auto_continue": false});
    let id = job(&site, body).await;
    let waits = ended(&site, &id).await;
    assert_eq!((waits.str("state"), waits["counts"]["failed"].as_u64()), ("validated", Some(1)));
    assert_eq!(site.get("/v1/lists/L").await.with(200)["size"], 0);
    site.post(&format!("/v1/import-jobs/{id}/retry")).await.problem(409, "wrong-state");
    site.post(&format!("/v1/import-jobs/{id}/continue")).await.with(202);
    let done = ended(&site, &id).await;
    assert_eq!((done.str("state"), done["counts"]["created"].as_u64()), ("completed", Some(2)), "{}", done.text);
    let path = |name: &str| format!("/v1/import-jobs/{id}/{name}");
    let outcome = Reply::of(site.ask(Method::GET, &path("outcome"))).await;
    assert_eq!((outcome.status, outcome.text.lines().count()), (200, 4), "{}", outcome.text);
    assert_eq!(outcome.headers["x-content-type-options"], "nosniff");
    assert!(outcome.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let part = Reply::of(site.ask(Method::GET, &path("outcome")).header("range", "bytes=0-5")).await;
    assert_eq!((part.status, part.text.as_str()), (206, "record"));
    let range = format!("bytes 0-5/{}", outcome.text.len());
    assert_eq!(part.headers["content-range"].to_str().unwrap(), range);
    let none = Reply::of(site.ask(Method::GET, &path("reject")).header("range", "bytes=9999-")).await;
    none.problem(416, "range-not-satisfiable");
    let reject = Reply::of(site.ask(Method::GET, &path("reject"))).await;
    assert!(reject.text.lines().nth(1).unwrap().starts_with("2,Bo,none,bad-phone,"), "{}", reject.text);
    let log = Reply::of(site.ask(Method::GET, &path("log"))).await;
    assert!(log.text.contains("completed") && !log.text.contains("+420"), "{}", log.text);
    let undone = site.post(&path("undo")).await.with(202);
    assert_eq!(undone["undone"]["deleted"], 2, "{}", undone.text);
    assert_eq!(site.get("/v1/lists/L").await.with(200)["size"], 0);
    site.get("/v1/import-jobs/00000000-0000-4000-8000-000000000000").await.problem(404, "job-not-found");
    site.stop().await;
}

#[tokio::test]
async fn one_key_is_one_job_and_another_body_is_refused() {
    let site = Site::demo().await;
    let upload = upload(&site, FILE).await;
    let body = json!({"upload_id": upload, "list": "L", "create": true, "settings": settings()});
    let ask = async |body: &Value| {
        let request = site.ask(Method::POST, "/v1/import-jobs").header("idempotency-key", "k1").json(body);
        Reply::of(request).await
    };
    let first = ask(&body).await.with(202);
    let again = ask(&body).await.with(202);
    assert_eq!(first["id"], again["id"]);
    ended(&site, first.str("id")).await;
    let other = json!({"upload_id": upload, "list": "M", "create": true, "settings": settings()});
    ask(&other).await.problem(422, "idempotency-conflict");
    assert_eq!(site.get("/v1/import-jobs").await.with(200)["items"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn forms_bring_files_and_other_bodies_are_refused() {
    let site = Site::demo().await;
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nid\n1\n\r\n--x--\r\n";
    let request =
        site.ask(Method::POST, "/v1/import-uploads").header("content-type", "multipart/form-data; boundary=x");
    let reply = Reply::of(request.body(form)).await.with(201);
    assert_eq!((reply["bytes"].as_u64(), reply.str("file_name")), (Some(5), "a.csv"));
    for kind in ["text/plain", "application/json", "application/x-www-form-urlencoded"] {
        let request = site.ask(Method::POST, "/v1/import-uploads").header("content-type", kind);
        Reply::of(request.body("id\n1\n")).await.problem(415, "unsupported-media-type");
    }
    let id = reply.str("upload_id").to_owned();
    let gone = Reply::of(site.ask(Method::DELETE, &format!("/v1/import-uploads/{id}"))).await;
    assert_eq!(gone.status, 204);
    site.get(&format!("/v1/import-uploads/{id}/preview")).await.problem(404, "upload-not-found");
    site.get("/v1/import-uploads/..%2F..%2Fetc%2Fpasswd/preview").await.problem(404, "upload-not-found");
    site.stop().await;
}

#[tokio::test]
async fn lists_and_profiles_are_made_changed_and_removed() {
    let site = Site::demo().await;
    let body =
        json!({"name": "L", "columns": ["name", "phone"], "phone_columns": [{"column": "phone", "type": "cell"}]});
    let made = site.post_json("/v1/lists", body.clone()).await.with(201);
    let path = format!("/v1/lists/{}", made.str("id"));
    site.post_json("/v1/lists", body).await.problem(409, "name-taken");
    let change = json!({"name": "M", "version": 1, "phone_columns": [{"column": "phone", "type": "cell"}]});
    assert_eq!(site.put_json(&path, change.clone()).await.with(200)["version"], 2);
    site.put_json(&path, change).await.problem(409, "version-mismatch");
    site.post_json("/v1/lists", json!({"name": ""})).await.problem(400, "invalid-settings");
    let saved = site.post_json("/v1/import-profiles", json!({"name": "p", "settings": settings()})).await.with(201);
    assert_eq!(saved["settings"]["match"], json!(["id"]));
    let wrong = json!({"name": "q", "settings": {"on_match": "sometimes"}});
    site.post_json("/v1/import-profiles", wrong).await.problem(422, "invalid-parameter");
    let path_p = format!("/v1/import-profiles/{}", saved.str("id"));
    let change = json!({"name": "p", "version": 1, "settings": {"phone_policy": "warn"}});
    assert_eq!(site.put_json(&path_p, change).await.with(200)["settings"]["phone_policy"], "warn");
    assert_eq!(Reply::of(site.ask(Method::DELETE, &path_p)).await.status, 204);
    Reply::of(site.ask(Method::DELETE, &path)).await.with(200);
    site.get(&path).await.problem(404, "list-not-found");
    site.stop().await;
}

#[tokio::test]
async fn a_key_for_one_list_sees_and_loads_no_other() {
    let site = Site::start(&Topology::demo(), None, |config| config.auth.mode = "tokens".into()).await;
    let wish = |scopes: &[&str]| KeyWish {
        name: "test".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires_at: None,
    };
    let key = async |scopes: &[&str]| {
        site.access.create_key(&wish(scopes), "test").await.unwrap().1.expose_secret().to_owned()
    };
    let (own, all) = (key(&["contacts:*@list=own"]).await, key(&["contacts:*"]).await);
    let ask = async |token: &str, method: Method, path: &str, body: Option<Value>| {
        let request = site.ask(method, path).bearer_auth(token);
        Reply::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    };
    for name in ["own", "other"] {
        let body = json!({"name": name, "columns": ["name"]});
        ask(&all, Method::POST, "/v1/lists", Some(body)).await.with(201);
    }
    let seen = ask(&own, Method::GET, "/v1/lists", None).await.with(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    ask(&own, Method::GET, "/v1/lists/other", None).await.problem(403, "forbidden");
    ask(&own, Method::GET, "/v1/lists/other/export", None).await.problem(403, "forbidden");
    ask(&own, Method::POST, "/v1/lists/other/clear", None).await.problem(403, "forbidden");
    ask(&own, Method::POST, "/v1/lists/own/clear", None).await.with(200);
    let sent = async |token: &str| {
        let request =
            site.ask(Method::POST, "/v1/import-uploads").bearer_auth(token).header("content-type", "text/csv");
        Reply::of(request.body("name\nAnn\n")).await.with(201).str("upload_id").to_owned()
    };
    let (mine, theirs) = (sent(&own).await, sent(&all).await);
    let body = |upload: &str, list: &str| json!({"upload_id": upload, "list": list});
    ask(&own, Method::POST, "/v1/import-jobs", Some(body(&mine, "other"))).await.problem(403, "forbidden");
    ask(&own, Method::POST, "/v1/import-jobs", Some(body(&theirs, "own"))).await.problem(404, "upload-not-found");
    let made = ask(&all, Method::POST, "/v1/import-jobs", Some(body(&theirs, "other"))).await.with(202);
    let path = format!("/v1/import-jobs/{}", made.str("id"));
    ask(&own, Method::GET, &path, None).await.problem(403, "forbidden");
    ask(&own, Method::POST, &format!("{path}/cancel"), None).await.problem(403, "forbidden");
    let jobs = ask(&own, Method::GET, "/v1/import-jobs", None).await.with(200);
    let seen = jobs["items"].as_array().unwrap().iter().map(|job| (job["kind"].as_str(), job["list"].as_str()));
    assert_eq!(seen.collect::<Vec<_>>(), [(Some("clear"), Some("own"))], "{}", jobs.text);
    let reader = key(&["contacts:read"]).await;
    ask(&reader, Method::POST, "/v1/import-jobs", Some(body(&theirs, "own"))).await.problem(403, "forbidden");
    ask(&reader, Method::GET, "/v1/lists/other", None).await.with(200);
    site.stop().await;
}

#[tokio::test]
async fn n2_an_imported_chain_keeps_its_listed_phone_and_is_cancelled_whole() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(Options::default()).unwrap());
    let topology = commdn::engine::topology::DEMO
        .replace("101 Renewals ocs=301 lists=renewals", "101 Renewals ocs=301 lists=spring");
    let topology = Topology::parse(&topology).unwrap();
    let listed = ListedDnc {
        ocs: None,
        phone: Some(Phone::from("+420777000002")),
        customer: None,
        message: None,
        tenant: None,
        campaign: None,
        list: None,
        at: UtcSeconds(1_800_000_000),
        expires_at: None,
    };
    store.commit(vec![Write::OcsDnc(listed)]).await.unwrap();
    let (simulator, stop) = simulate_on("127.0.0.1:0", &topology, None, Some(Arc::clone(&store))).await;
    let site = Site::gateway_with(&topology, &simulator.addr().to_string(), Arc::clone(&store)).await;
    site.is_up().await;

    let upload = upload(&site, "id,a,b,c\n1,+420777000001,+420777000002,+420777000003\n").await;
    let phone = |column: &str| json!({"column": column, "type": "cell"});
    let settings = json!({"id_column": "id", "phone_columns": [phone("a"), phone("b"), phone("c")]});
    let id = job(&site, json!({"upload_id": upload, "list": "spring", "create": true, "settings": settings})).await;
    let done = ended(&site, &id).await;
    assert_eq!((done["counts"]["created"].as_u64(), done["counts"]["dnc_hits"].as_u64()), (Some(1), Some(1)));
    let outcome = Reply::of(site.ask(Method::GET, &format!("/v1/import-jobs/{id}/outcome"))).await;
    assert!(outcome.text.contains("dnc-phone"), "{}", outcome.text);
    let chain = async || {
        let records = store.records("spring", None, 10).await.unwrap();
        let seen = |it: &commdn::engine::ocs::Record| (it.chain_n, it.record_type, it.record_status, it.call_result);
        records.iter().map(seen).collect::<Vec<_>>()
    };
    assert_eq!(chain().await, [(0, 2, 1, 28), (1, 7, 1, 51), (2, 2, 1, 28)]);

    site.post(&renewals("/load")).await.outcome("answered");
    site.post_json("/v1/records/cancel", json!({"phone": "+420777000001", "scope": "all_chain"}))
        .await
        .outcome("answered");

    let after = chain().await;
    assert_eq!((after[0].2, after[0].3, after[2].2, after[2].3), (5, 52, 5, 52), "{after:?}");
    assert_eq!(after[1].3, 51, "who must not be called stays so: {after:?}");
    site.stop().await;
    stop.cancel();
    guard(simulator.stopped()).await;
}
