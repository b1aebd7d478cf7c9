//! A T-Server, its OCSs, a gateway and its door in this process, and a client of the door.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use commdn::engine::topology::Topology;
use commdn::http::{self, DoorConfig};
use commdn::net::tls::install_provider;
use commdn::protocol::profile::Profile;
use commdn::service::access::Access;
use commdn::service::gateway::{Gateway, open_store, start_gateway_on};
use commdn::service::port::{GatewayPort, open_port};
use commdn::service::simulator::{SimControl, SimSettings, Simulator, start_simulator};
use commdn::service::{Config, config_of_site};
use commdn::store::Store;
use commdn::wire::limits::LIST_BYTES_DEFAULT;
use reqwest::{Method, RequestBuilder, header};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Turns a test that would hang into one that fails.
pub(crate) async fn guard<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), future).await.expect("the test hangs")
}

/// Starts a simulator; returns when its OCSs listen.
pub(crate) async fn simulate(addr: &str, topology: &Topology, profile: Option<&str>) -> (Simulator, CancellationToken) {
    simulate_on(addr, topology, profile, None).await
}

/// The same, its tables in a store.
pub(crate) async fn simulate_on(
    addr: &str,
    topology: &Topology,
    profile: Option<&str>,
    store: Option<Arc<dyn Store>>,
) -> (Simulator, CancellationToken) {
    let stop = CancellationToken::new();
    let settings = SimSettings {
        addr: addr.to_owned(),
        topology: topology.clone(),
        profile: profile.map(|name| Profile::shipped(name).unwrap()),
        echo_to_sender: true,
        times: 1,
        list_bytes_max: LIST_BYTES_DEFAULT,
        tls: None,
        store,
    };
    let mut simulator = start_simulator(settings, &stop).await.unwrap();
    guard(simulator.ready()).await;
    (simulator, stop)
}

/// What runs.
pub(crate) struct Site {
    pub(crate) addr: SocketAddr,
    pub(crate) gateway: Gateway,
    pub(crate) access: Access,
    pub(crate) client: reqwest::Client,
    /// The gateway's own T-Server port, where the configuration has one.
    pub(crate) port: Option<GatewayPort>,
    store: Arc<dyn Store>,
    simulator: Option<(Simulator, CancellationToken)>,
    door: JoinHandle<std::io::Result<()>>,
    task: JoinHandle<()>,
    stop_door: CancellationToken,
    stop_gateway: CancellationToken,
}

/// A site is dropped when its test fails: everything that runs is told to stop.
impl Drop for Site {
    fn drop(&mut self) {
        self.stop_door.cancel();
        self.stop_gateway.cancel();
        if let Some((_, stop)) = &self.simulator {
            stop.cancel();
        }
    }
}

impl Site {
    /// The demo's site.
    pub(crate) async fn demo() -> Self {
        Self::start(&Topology::demo(), None, |_| {}).await
    }

    /// A site whose gateway is configured otherwise.
    pub(crate) async fn start(topology: &Topology, profile: Option<&str>, change: impl FnOnce(&mut Config)) -> Self {
        let (simulator, stop) = simulate("127.0.0.1:0", topology, profile).await;
        let addr = simulator.addr().to_string();
        let mut site = Self::gateway(topology, &addr, change).await;
        site.simulator = Some((simulator, stop));
        site.is_up().await;
        site
    }

    /// The demo's site, its simulator controlled through the door.
    pub(crate) async fn controlled(change: impl FnOnce(&mut Config)) -> Self {
        let topology = Topology::demo();
        let (simulator, stop) = simulate("127.0.0.1:0", &topology, None).await;
        let mut config = config_of_site(&topology, &simulator.addr().to_string());
        change(&mut config);
        let store = open_store(&config).unwrap();
        let mut site = Self::gateway_of(&config, store, Some(simulator.control().clone())).await;
        site.simulator = Some((simulator, stop));
        site.is_up().await;
        site
    }

    /// A gateway alone that dials `tserver`, whoever listens there.
    pub(crate) async fn gateway(topology: &Topology, tserver: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config_of_site(topology, tserver);
        change(&mut config);
        let store = open_store(&config).unwrap();
        Self::gateway_on(&config, store).await
    }

    /// A site whose gateway keeps what it accepts in this store.
    pub(crate) async fn start_on(topology: &Topology, store: Arc<dyn Store>) -> Self {
        let (simulator, stop) = simulate("127.0.0.1:0", topology, None).await;
        let config = config_of_site(topology, &simulator.addr().to_string());
        let mut site = Self::gateway_on(&config, store).await;
        site.simulator = Some((simulator, stop));
        site.is_up().await;
        site
    }

    /// A gateway alone on this store.
    pub(crate) async fn gateway_with(topology: &Topology, tserver: &str, store: Arc<dyn Store>) -> Self {
        Self::gateway_on(&config_of_site(topology, tserver), store).await
    }

    async fn gateway_on(config: &Config, store: Arc<dyn Store>) -> Self {
        Self::gateway_of(config, store, None).await
    }

    async fn gateway_of(config: &Config, store: Arc<dyn Store>, simulator: Option<SimControl>) -> Self {
        let (stop_door, stop_gateway) = (CancellationToken::new(), CancellationToken::new());
        let (gateway, task) = start_gateway_on(config, Arc::clone(&store), &stop_gateway).await.unwrap();
        let port = open_port(config, &gateway, &stop_gateway).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        install_provider();
        let access = Access::new(config, Arc::clone(&store)).await.unwrap();
        let door = DoorConfig { simulator, ..DoorConfig::new(config, access.clone(), None) };
        let door = tokio::spawn(http::serve(listener, gateway.clone(), door, stop_door.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { addr, gateway, access, client, port, store, simulator: None, door, task, stop_door, stop_gateway }
    }

    /// Where the simulated T-Server listens.
    pub(crate) fn tserver(&self) -> SocketAddr {
        self.simulator.as_ref().expect("a site with a simulator").0.addr()
    }

    /// Waits until every link is up.
    pub(crate) async fn is_up(&self) {
        let mut events = self.gateway.events().subscribe(None).live;
        let is_up = || self.gateway.links().all().iter().all(|(_, link)| link.snapshot.up);
        guard(async {
            while !is_up() {
                events.recv().await.unwrap();
            }
        })
        .await;
    }

    /// A request that is still to be completed.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.ask(Method::GET, path)).await
    }

    /// Posts without a body.
    pub(crate) async fn post(&self, path: &str) -> Reply {
        Reply::of(self.ask(Method::POST, path)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.ask(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.ask(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.ask(Method::DELETE, path)).await
    }

    /// Ends the door's streams and open answers, as the first Ctrl-C does.
    pub(crate) fn stop_door(&self) {
        self.stop_door.cancel();
    }

    /// Stops in the order of the program, and waits for all of it.
    pub(crate) async fn stop(mut self) {
        let simulator = self.simulator.take();
        guard(async {
            self.stop_door.cancel();
            (&mut self.door).await.unwrap().unwrap();
            self.stop_gateway.cancel();
            (&mut self.task).await.unwrap();
            if let Some(port) = self.port.take() {
                port.stopped().await;
            }
            self.store.close().await.unwrap();
            if let Some((simulator, stop)) = simulator {
                stop.cancel();
                simulator.stopped().await;
            }
        })
        .await;
    }
}

/// What the door answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
    /// Null for a body that is no JSON.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        guard(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let kind = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
            let text = response.text().await.unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            Self { status, kind, headers, text, body }
        })
        .await
    }

    /// The reply, which must be of this status and, from 400 on, a problem document that is whole.
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        if status >= 400 {
            assert_eq!(self.kind, "application/problem+json", "{}", self.text);
            assert_eq!(self["status"], status, "{}", self.text);
            for member in ["type", "title", "detail"] {
                assert!(self[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", self.text);
            }
        } else {
            assert_eq!(self.kind, "application/json", "{}", self.text);
        }
        self
    }

    /// The reply, which must be JSON of this status, though no problem document.
    pub(crate) fn with_plain(self, status: u16) -> Self {
        assert_eq!((self.status, self.kind.as_str()), (status, "application/json"), "{}", self.text);
        self
    }

    /// The reply, which must be this problem.
    pub(crate) fn problem(self, status: u16, slug: &str) -> Self {
        let reply = self.with(status);
        assert_eq!(reply["type"], format!("/problems/{slug}"), "{}", reply.text);
        reply
    }

    /// The reply, which must be 200 with this outcome.
    pub(crate) fn outcome(self, outcome: &str) -> Self {
        let reply = self.with(200);
        assert_eq!(reply["outcome"], outcome, "{}", reply.text);
        reply
    }

    /// A member that is text.
    pub(crate) fn str(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("{member}: {}", self.text))
    }

    /// What each OCS said, by its DBID.
    pub(crate) fn results(&self) -> Vec<(i64, &str)> {
        let answers = self["answers"].as_array().unwrap().iter();
        let mut all: Vec<_> = answers.map(|it| (it["ocs"].as_i64().unwrap(), it["result"].as_str().unwrap())).collect();
        all.sort_unstable();
        all
    }
}

impl std::ops::Index<&str> for Reply {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        &self.body[member]
    }
}

/// Path of a verb of Renewals on Team A, which OCS 301 runs.
pub(crate) fn renewals(verb: &str) -> String {
    format!("/v1/campaigns/101/groups/732{verb}")
}
