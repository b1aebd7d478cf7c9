//! A store without room: nothing is acknowledged, nothing that was is lost, and it heals by itself.

use std::sync::Arc;

use commdn::engine::topology::Topology;
use commdn::store::sqlite::{Files, Options};
use commdn::store::{SqliteStore, Store};
use rusqlite::Connection;
use serde_json::json;

use crate::site::{Site, guard};

/// Pages of the store; the tables alone take about a quarter of them.
const PAGES_MAX: u32 = 400;

#[tokio::test]
async fn a_full_disk_is_503_until_there_is_room_again() {
    let data = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(PAGES_MAX), ..Options::default() };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path(), options).unwrap());
    // Somebody else's rows leave room for a few requests only.
    let other = Connection::open(Files::of(data.path()).database).unwrap();
    let pages: u32 = other.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    other.execute_batch("CREATE TABLE filler (bytes BLOB)").unwrap();
    let filler = (PAGES_MAX - pages - 30) * 4_000;
    other.execute("INSERT INTO filler VALUES (zeroblob(?1))", [filler]).unwrap();

    let site = Site::start_on(&Topology::demo(), Arc::clone(&store)).await;
    let mut kept = Vec::new();
    let mut refused = None;
    for number in 0..2_000 {
        let body = json!({"phone": format!("+42077{number:07}"), "reason": "x".repeat(200)});
        let reply = site.post_json("/v1/dnc?wait=0", body).await;
        if reply.status == 503 {
            refused = Some(reply.problem(503, "store-unavailable"));
            break;
        }
        kept.push(reply.with(202).str("request_id").to_owned());
    }
    let refused = refused.expect("the store is never full");
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    assert!(!refused.text.contains("+42077"), "{}", refused.text);
    assert!(!kept.is_empty());
    let ready = site.get("/readyz").await.with_plain(503);
    assert_eq!(ready["ready"], json!(false));
    assert!(site.get("/metrics").await.text.contains("commdn_ready 0"));
    assert_eq!(site.get("/healthz").await.status, 200);
    assert!(ready.str("journal_fault").contains("room"), "{}", ready.text);
    // What is refused is refused before anything is sent, and leaves no trace.
    let load = site.post("/v1/campaigns/101/groups/732/load").await.problem(503, "store-unavailable");
    assert!(load["request_id"].is_null(), "{}", load.text);

    other.execute_batch("DROP TABLE filler").unwrap();
    guard(async { while site.get("/readyz").await.status != 200 {} }).await;
    let after = site.post_json("/v1/dnc", json!({"phone": "+420770009999"})).await.outcome("answered");
    kept.push(after.str("request_id").to_owned());
    for id in &kept {
        guard(async { while site.get(&format!("/v1/requests/{id}")).await.with(200)["outcome"] != "answered" {} })
            .await;
    }
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.dnc, counts.dnc_unconfirmed, counts.open), (kept.len() as u64, 0, 0));
    assert!(store.check().await.unwrap().is_whole());
    site.stop().await;
}
