//! Two sequencers on one store: one process has an SQLite store, so they stand side by side in it.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::*;
use crate::engine::sequence::{Act, Entry, SequenceResult, StepResult, What};
use crate::engine::topology::Topology;
use crate::service::config_of_site;
use crate::service::gateway::start_gateway_on;
use crate::service::simulator::{SimSettings, start_simulator};
use crate::store::sequences::{Fence, TakeLease};
use crate::store::sqlite::Options;
use crate::store::{Pending, SqliteStore, Store};
use crate::wire::limits::LIST_BYTES_DEFAULT;

/// A store of several nodes, whose lease does not answer one of them any more.
#[derive(Debug)]
struct Node {
    store: Arc<dyn SequenceStore>,
    stuck: Arc<AtomicBool>,
}

impl SequenceStore for Node {
    fn is_sole(&self) -> bool {
        false
    }

    fn take_lease(&self, take: TakeLease) -> Pending<Option<i64>> {
        if self.stuck.load(Ordering::Relaxed) {
            return std::future::pending().boxed();
        }
        self.store.take_lease(take)
    }

    fn release_lease(&self, fence: Fence) -> Pending<()> {
        self.store.release_lease(fence)
    }

    fn create_sequence(&self, new: NewSequence) -> Pending<StoredSequence> {
        self.store.create_sequence(new)
    }

    fn sequence(&self, number: i64) -> Pending<Option<(StoredSequence, Vec<Entry>)>> {
        self.store.sequence(number)
    }

    fn sequences(&self, before: Option<i64>, most: usize, open_only: bool) -> Pending<Vec<StoredSequence>> {
        self.store.sequences(before, most, open_only)
    }

    fn append_log(&self, fence: Fence, number: i64, entries: Vec<Entry>) -> Pending<()> {
        self.store.append_log(fence, number, entries)
    }

    fn ask_stop(&self, number: i64, by: String, at_ms: i64) -> Pending<Option<StoredSequence>> {
        self.store.ask_stop(number, by, at_ms)
    }
}

async fn guard<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), future).await.expect("the test hangs")
}

const FILE: &str = "name = \"x\"\n[[step]]\ncampaign = 101\ngroup = 732\nstop = { after = \"3s\" }\n\
                    [[step]]\ncampaign = 103\ngroup = 732\nstop = { after = \"200ms\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_not_renewed_goes_to_the_other_node_and_no_step_is_doubled() {
    let (topology, stop) = (Topology::demo(), CancellationToken::new());
    let settings = SimSettings {
        addr: "127.0.0.1:0".into(),
        topology: topology.clone(),
        profile: None,
        echo_to_sender: true,
        list_bytes_max: LIST_BYTES_DEFAULT,
        times: 1,
        tls: None,
        store: None,
    };
    let mut simulator = start_simulator(settings, &stop).await.unwrap();
    guard(simulator.ready()).await;
    let config = config_of_site(&topology, &simulator.addr().to_string());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(Options::default()).unwrap());
    let (gateway, _task) = start_gateway_on(&config, Arc::clone(&store), &stop).await.unwrap();
    let ms = Duration::from_millis;
    let terms = Terms { ttl: ms(600), renew: ms(200), guard: ms(100), grace: ms(300), again: ms(50) };
    let node = |name: &str| {
        let stuck = Arc::new(AtomicBool::new(false));
        let sequences = Arc::new(Node { store: store.sequences(), stuck: Arc::clone(&stuck) });
        (start_as(&gateway, sequences, name, terms, &stop).0, stuck)
    };
    let (first, stuck) = node("first");
    let planned = first.plan(first.read(FILE, Format::Toml).unwrap()).await.unwrap();
    let number = first.run(&planned, RunBy::Gateway, "test", FILE, None).await.unwrap().number;
    guard(async { while first.show(number).await.unwrap().unwrap().standing.phase != "dialing" {} }).await;
    let (second, _) = node("second");
    stuck.store(true, Ordering::Relaxed);
    let is_live = |it: &Sequencer| it.shared.live.lock().unwrap().contains_key(&number);
    guard(async {
        while !is_live(&second) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!is_live(&first), "it has let go before another has it");
    guard(async { while second.show(number).await.unwrap().unwrap().stored.ended.is_none() {} }).await;
    let view = second.show(number).await.unwrap().unwrap();
    assert_eq!(view.stored.ended.map(|(_, result)| result), Some(SequenceResult::Done));
    let results: Vec<_> = view.actual.iter().filter_map(|step| step.ended).map(|(_, result)| result).collect();
    assert_eq!(results, [StepResult::Time, StepResult::Time]);
    let of =
        |act| view.log.iter().filter(|it| matches!(it.what, What::Intent { act: found, .. } if found == act)).count();
    assert_eq!([Act::Load, Act::Start, Act::Stop, Act::Unload].map(of), [2; 4], "{:#?}", view.log);
    stop.cancel();
    simulator.stopped().await;
}
