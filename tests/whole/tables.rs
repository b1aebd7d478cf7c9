//! The tables of a simulated OCS outlive it: calling lists and do-not-call rows in a store.

use std::path::Path;
use std::sync::Arc;

use commdn::engine::ocs::Record;
use commdn::engine::ocs::record::{CANCELLED, DO_NOT_CALL, READY};
use commdn::engine::topology::Topology;
use commdn::message::AppDbid;
use commdn::store::sqlite::Options;
use commdn::store::{ListHead, SqliteStore, Store, Write};
use serde_json::json;

use crate::site::{Site, guard, renewals, simulate_on};

fn open(data: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(data, Options::default()).unwrap())
}

async fn rows(store: &Arc<dyn Store>) -> Vec<Record> {
    store.records("renewals", None, 10_000).await.unwrap()
}

/// A simulator on this store and a gateway with a store of its own.
async fn site(store: &Arc<dyn Store>, topology: &Topology) -> (Site, impl AsyncFnOnce(Site) + use<>) {
    let (simulator, stop) = simulate_on("127.0.0.1:0", topology, None, Some(Arc::clone(store))).await;
    let site = Site::gateway(topology, &simulator.addr().to_string(), |_| {}).await;
    site.is_up().await;
    let end = async move |site: Site| {
        site.stop().await;
        stop.cancel();
        simulator.stopped().await;
    };
    (site, end)
}

#[tokio::test]
async fn a_cancelled_record_and_a_do_not_call_outlive_the_simulator() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let (at_work, end) = site(&store, &Topology::demo()).await;
    let before = rows(&store).await;
    assert_eq!(before.len(), 206, "the topology's list is in the store");
    let chain = before.iter().find(|row| row.chain_n == 1).unwrap().chain_id;
    let of_chain = |row: &&Record| row.chain_id == chain;
    let phone = before.iter().find(of_chain).unwrap().contact_info.clone();
    let marked = before.last().unwrap().clone();
    at_work.post(&renewals("/load")).await.outcome("answered");
    at_work.post_json("/v1/records/cancel", json!({"phone": phone})).await.outcome("answered");
    at_work.post_json("/v1/dnc", json!({"phone": marked.contact_info})).await.outcome("answered");
    end(at_work).await;
    store.close().await.unwrap();

    let store = open(data.path());
    let check = |rows: Vec<Record>| {
        let cancelled: Vec<_> = rows.iter().filter(of_chain).map(|row| row.record_status).collect();
        assert_eq!(cancelled, [CANCELLED; 3]);
        let found = rows.iter().find(|row| row.record_id == marked.record_id).unwrap();
        assert_eq!(found.call_result, DO_NOT_CALL);
        let desktop = rows.iter().find(|row| row.contact_info == "+12025550100").unwrap();
        assert_eq!(desktop.record_status, 2, "on a desktop");
    };
    check(rows(&store).await);
    for ocs in [301, 302] {
        let listed = store.dnc_list(Some(AppDbid(ocs)), 0, 10).await.unwrap();
        assert_eq!(listed.len(), 1, "OCS {ocs} has the row in its table");
    }
    let (again, end) = site(&store, &Topology::demo()).await;
    again.post(&renewals("/load")).await.outcome("answered");
    // The record on a desktop still is: that stands in the topology.
    let partial = again.post_json("/v1/records/cancel", json!({"phone": "+12025550100"})).await;
    partial.outcome("partial");
    // A repeat is no new row.
    again.post_json("/v1/dnc", json!({"phone": marked.contact_info})).await.outcome("answered");
    end(again).await;
    check(rows(&store).await);
    assert_eq!(store.dnc_list(Some(AppDbid(301)), 0, 10).await.unwrap().len(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_an_import_changes_is_seen_at_the_next_load() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(Options::default()).unwrap());
    let topology = commdn::engine::topology::DEMO
        .replace("101 Renewals ocs=301 lists=renewals", "101 Renewals ocs=301 lists=spring");
    let topology = Topology::parse(&topology).unwrap();
    let (site, end) = site(&store, &topology).await;
    // The campaign's list is not there yet.
    site.post(&renewals("/load")).await.problem(409, "wrong-configuration");
    let head = ListHead { name: "spring".into(), enabled: true, customer_column: "customer_id".into() };
    let first = Write::Records { list: "spring".into(), records: vec![Record::new(1, "+420777000001")] };
    store.commit(vec![Write::List(head), first]).await.unwrap();
    site.post(&renewals("/load")).await.outcome("answered");
    let late = Write::Records { list: "spring".into(), records: vec![Record::new(2, "+420777000002")] };
    store.commit(vec![late]).await.unwrap();
    let status = async |id: i32| {
        let rows = store.records("spring", None, 10).await.unwrap();
        rows.into_iter().find(|row| row.record_id == id).unwrap().record_status
    };
    let cancel = async |phone: &str| site.post_json("/v1/records/cancel", json!({"phone": phone})).await;
    cancel("+420777000002").await.outcome("answered");
    assert_eq!(status(2).await, READY, "it came after the load");
    site.post(&renewals("/unload")).await.outcome("answered");
    site.post(&renewals("/load")).await.outcome("answered");
    cancel("+420777000002").await.outcome("answered");
    assert_eq!((status(1).await, status(2).await), (READY, CANCELLED));
    end(site).await;
    guard(store.close()).await.unwrap();
}
