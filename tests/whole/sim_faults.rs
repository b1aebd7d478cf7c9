//! Faults on real sockets: what a client of the simulated T-Server sees of them, and who may bring them about.

use std::time::Duration;

use commdn::engine::fault;
use commdn::engine::topology::Topology;
use commdn::message::*;
use commdn::net::client::{LinkEvent, LinkHandle};
use commdn::net::driver::{AddpTrace, LinkSettings, start_link};
use commdn::net::registry::LinkDirectory;
use commdn::protocol::lifecycle::PairState;
use commdn::protocol::link::{LinkConfig, Tag};
use commdn::protocol::{Time, UtcSeconds};
use commdn::service::Config;
use commdn::service::simulator::{SimControl, Simulator};
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::{Dialect, Reading};
use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::access::{ask, key};
use crate::program::listening;
use crate::site::{Site, guard, renewals, simulate};

const DESK: i32 = 201;
const LOADED: i32 = 19;
const STATUS: i32 = 24;
const ERROR: i32 = 27;

/// What a desktop is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Up,
    Lost,
    Message(i32),
}

/// A simulator, and a desktop at its T-Server.
struct Stage {
    simulator: Simulator,
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    sends: u64,
    _stop: [DropGuard; 2],
}

impl Stage {
    async fn with(faults: &[&str]) -> Self {
        let (simulator, stop_simulator) = simulate("127.0.0.1:0", &Topology::demo(), None).await;
        let stop = CancellationToken::new();
        let settings = LinkSettings {
            name: "Desk".into(),
            primary: simulator.addr().to_string(),
            backup: None,
            link: LinkConfig::new("Desk", &["CommDN_1"]),
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls: None,
        };
        let (handle, events) = start_link(settings, &LinkDirectory::new(), stop.clone());
        let mut stage =
            Self { simulator, handle, events, sends: 0, _stop: [stop_simulator.drop_guard(), stop.drop_guard()] };
        assert_eq!(stage.told().await, Told::Up);
        for line in faults {
            stage.add(line).await;
        }
        stage
    }

    fn control(&self) -> &SimControl {
        self.simulator.control()
    }

    async fn add(&self, line: &str) -> fault::RuleId {
        self.control().add_fault(fault::read_line(line).unwrap()).await.unwrap().id
    }

    fn ask(&mut self, body: impl Into<Message>) {
        let message = CommDnMessage::new(AppDbid(DESK), AppDbid(301), body);
        self.sends += 1;
        let packed = message.encode(&Dialect::default()).unwrap();
        self.handle.distribute("CommDN_1".into(), packed, Tag(self.sends)).unwrap();
    }

    fn load(&mut self) {
        self.ask(LoadCampaign::new(Pair::new(101, 732), Dialing::default()));
    }

    fn status(&mut self) {
        self.ask(GetCampaignStatus::new(Pair::new(101, 732)));
    }

    async fn told(&mut self) -> Told {
        loop {
            match guard(self.events.recv()).await.expect("a link that lives") {
                LinkEvent::Up(_) => return Told::Up,
                LinkEvent::Lost(_) => return Told::Lost,
                LinkEvent::UserEvent { user_data, .. } => {
                    let decoded = CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Tolerant);
                    if let Ok(Decoded { message, .. }) = decoded
                        && message.target == Target::One(AppDbid(DESK))
                    {
                        return Told::Message(message.body.message_type().0);
                    }
                }
                _ => {}
            }
        }
    }

    async fn state(&self) -> PairState {
        let states = self.control().states().await.unwrap();
        let pairs = states.iter().flat_map(|(_, state)| &state.pairs);
        pairs.clone().find(|(pair, ..)| *pair == Pair::new(101, 732)).unwrap().1
    }
}

#[tokio::test]
async fn a_dropped_answer_does_not_come_though_the_campaign_is_loaded() {
    let mut stage = Stage::with(&["drop ocs 301 up type=CM_EvCampaignLoaded"]).await;
    stage.load();
    stage.status();
    assert_eq!(stage.told().await, Told::Message(STATUS));
    assert_eq!(stage.state().await, PairState::Active);
    let (_, listed) = stage.control().faults().await.unwrap();
    assert_eq!((listed[0].matched, listed[0].struck), (1, 1));
}

#[tokio::test]
async fn a_delayed_answer_comes_when_its_time_has() {
    let mut stage = Stage::with(&["delay 300ms ocs 301 up type=19"]).await;
    let begun = stage.control().faults().await.unwrap().0;
    stage.load();
    assert_eq!(stage.told().await, Told::Message(LOADED));
    let (now, _) = stage.control().faults().await.unwrap();
    assert!(now.saturating_sub(begun) >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_reordered_answer_comes_behind_the_next_one() {
    let mut stage = Stage::with(&["reorder 1h ocs 301 up type=19"]).await;
    stage.load();
    stage.status();
    assert_eq!([stage.told().await, stage.told().await], [Told::Message(STATUS), Told::Message(LOADED)]);
}

#[tokio::test]
async fn answers_come_twice_or_again_by_a_duplicate_or_a_second_answer() {
    for line in ["duplicate ocs 301 up type=19", "two-answers after 20ms ocs 301", "look-alike ocs 301"] {
        let mut stage = Stage::with(&[line]).await;
        stage.load();
        assert_eq!([stage.told().await, stage.told().await], [Told::Message(LOADED); 2], "{line}");
    }
}

#[tokio::test]
async fn a_cut_client_is_lost_and_comes_back() {
    let mut stage = Stage::with(&["cut client Desk now"]).await;
    assert_eq!([stage.told().await, stage.told().await], [Told::Lost, Told::Up]);
    stage.load();
    assert_eq!(stage.told().await, Told::Message(LOADED));
    stage.add("cut client Desk down type=CM_EvCampaignStatus first 1").await;
    stage.status();
    assert_eq!([stage.told().await, stage.told().await], [Told::Lost, Told::Up]);
    stage.status();
    assert_eq!(stage.told().await, Told::Message(STATUS));
}

#[tokio::test]
async fn a_half_open_client_is_heard_no_more_until_the_fault_is_taken_away() {
    let mut stage = Stage::with(&[]).await;
    let id = stage.add("half-open client Desk now").await;
    stage.load();
    // Asked by somebody else the campaign is still as it was: what was sent before has gone nowhere.
    stage.control().remove_fault(id).await.unwrap();
    assert_eq!([stage.told().await, stage.told().await], [Told::Lost, Told::Up]);
    assert_eq!(stage.state().await, PairState::NotLoaded);
    stage.load();
    assert_eq!(stage.told().await, Told::Message(LOADED));
}

#[tokio::test]
async fn corrupted_bytes_reach_nobody_as_a_message_and_the_client_goes_on() {
    for line in ["corrupt list ocs 301 up type=19", "corrupt message client Desk down type=19"] {
        let mut stage = Stage::with(&[line]).await;
        stage.load();
        stage.status();
        assert_eq!(stage.told().await, Told::Message(STATUS), "{line}");
    }
    for seed in 0..8 {
        let mut stage = Stage::with(&[&format!("corrupt client Desk down type=19 first 1 seed {seed}")]).await;
        stage.load();
        stage.status();
        loop {
            match stage.told().await {
                Told::Message(STATUS) => break,
                Told::Message(_) | Told::Lost => {}
                Told::Up => stage.status(),
            }
        }
    }
}

#[tokio::test]
async fn pieces_and_slow_bytes_are_put_together() {
    for line in ["split 3 client Desk down", "split 5 ocs 301 up", "slow 2000 client Desk down"] {
        let mut stage = Stage::with(&[line]).await;
        stage.load();
        stage.status();
        assert_eq!([stage.told().await, stage.told().await], [Told::Message(LOADED), Told::Message(STATUS)], "{line}");
    }
}

#[tokio::test]
async fn a_refused_request_is_not_taken_up_and_an_answer_can_be_set() {
    let mut stage = Stage::with(&["refuse 16 ocs 301 type=CM_ReqLoadCampaign first 1"]).await;
    stage.load();
    assert_eq!((stage.told().await, stage.state().await), (Told::Message(ERROR), PairState::NotLoaded));
    stage.add("answer \"CM_EvCampaignLoaded campaign=101 group=732 status=4\" ocs 301 type=7 first 1").await;
    stage.load();
    assert_eq!((stage.told().await, stage.state().await), (Told::Message(LOADED), PairState::NotLoaded));
    stage.load();
    assert_eq!((stage.told().await, stage.state().await), (Told::Message(LOADED), PairState::Active));
}

#[tokio::test]
async fn at_a_switchover_everybody_leaves_and_comes_back() {
    let mut stage = Stage::with(&["switchover 50ms"]).await;
    assert_eq!([stage.told().await, stage.told().await], [Told::Lost, Told::Up]);
}

#[tokio::test]
async fn the_clock_of_the_ocss_leaps_by_a_fault_and_by_hand() {
    let stage = Stage::with(&["jump 1h now"]).await;
    let control = stage.control();
    assert!(control.clock().now() >= Time::from_secs(3_600));
    control.turn(Some(60), Some(Duration::from_secs(7_200)));
    assert!(control.clock().now() >= Time::from_secs(10_800) && control.clock().times() == 60);
    assert!(control.clock().utc() > UtcSeconds(0));
}

#[tokio::test]
async fn a_simulator_is_controlled_through_the_door() {
    let site = Site::controlled(|_| {}).await;
    let added =
        site.post_json("/v1/sim/faults", json!({ "fault": "silent ocs 301 type=CM_EvDoNotCall*" })).await.with(201);
    assert_eq!(
        (added.str("schema"), added.str("fault")),
        ("commdn.sim.fault.v1", "silent ocs 301 type=CM_EvDoNotCall*")
    );
    let wrong = site.post_json("/v1/sim/faults", json!({ "fault": "dorp ocs 301" })).await;
    assert!(wrong.problem(422, "invalid-parameter").str("detail").ends_with("did you mean 'drop'"));
    let id = added["id"].as_u64().unwrap();
    let listed = site.get("/v1/sim/faults").await.with(200);
    assert_eq!((listed.str("schema"), &listed["items"][0]["id"]), ("commdn.sim.faults.v1", &json!(id)));
    assert_eq!(site.delete(&format!("/v1/sim/faults/{id}")).await.with(200)["items"], json!([]));
    site.delete(&format!("/v1/sim/faults/{id}")).await.problem(404, "fault-not-found");

    let body = json!({ "request": "CM_ReqLoadCampaign", "ocs": 301, "code": "campaign_already_loaded" });
    let set = site.post_json("/v1/sim/answers", body).await.with(201);
    assert_eq!(set.str("fault"), "refuse 5 ocs 301 type=7 first 1");
    site.post(&renewals("/load")).await.problem(409, "campaign-already-loaded");
    site.post(&renewals("/load")).await.outcome("answered");
    for body in [json!({ "request": "CM_ReqLoadCampain", "code": 5 }), json!({ "request": "7" })] {
        site.post_json("/v1/sim/answers", body).await.problem(422, "invalid-parameter");
    }
    site.delete("/v1/sim/faults").await.with(200);

    let trigger = json!({ "trigger": "set_inactive 101-732", "ocs": 301 });
    let state = site.post_json("/v1/sim/triggers", trigger).await.with(200);
    let groups = state["ocs"][0]["groups"].as_array().unwrap().clone();
    let pair = groups.iter().find(|group| group["campaign"] == 101 && group["group"] == 732).unwrap();
    assert_eq!((&pair["status"], &pair["status_id"], &pair["loads"]), (&json!("inactive"), &json!(3), &json!(1)));
    let campaign = &state["ocs"][0]["campaigns"][0];
    let number = |member: &str| campaign[member].as_u64().unwrap();
    assert!(number("records") > 0 && number("records") == number("final") + number("open"));
    site.post_json("/v1/sim/triggers", json!({ "trigger": "explode" })).await.problem(422, "invalid-parameter");
    let nobody = json!({ "trigger": "restart", "ocs": 999 });
    site.post_json("/v1/sim/triggers", nobody).await.problem(404, "ocs-not-found");

    let turned = site.put_json("/v1/sim/clock", json!({ "times": 2, "leap": "2h" })).await.with(200);
    assert!(turned["times"] == 2 && turned["now_ms"].as_u64().unwrap() >= 7_200_000);
    assert_eq!(site.get("/v1/sim/clock").await.with(200).str("schema"), "commdn.sim.clock.v1");
    site.put_json("/v1/sim/clock", json!({ "times": 0 })).await.problem(422, "invalid-parameter");
    site.put_json("/v1/sim/clock", json!({ "leap": "soon" })).await.problem(422, "invalid-parameter");
    assert_eq!(site.get("/v1/sim/state").await.with(200).str("schema"), "commdn.sim.state.v1");
    site.stop().await;
}

#[tokio::test]
async fn a_gateway_without_a_simulator_has_no_controls_and_others_need_the_scope() {
    let site = Site::demo().await;
    for path in ["/v1/sim/faults", "/v1/sim/clock", "/v1/sim/state"] {
        site.get(path).await.problem(404, "no-simulator");
    }
    site.stop().await;
    let site = Site::controlled(|config: &mut Config| config.auth.mode = "tokens".into()).await;
    site.get("/v1/sim/faults").await.problem(401, "unauthorised");
    let other = key(&site, &["campaign:*"]).await;
    ask(&site, Some(&other), &Method::GET, "/v1/sim/faults", None).await.problem(403, "forbidden");
    let right = key(&site, &["sim:control"]).await;
    ask(&site, Some(&right), &Method::GET, "/v1/sim/faults", None).await.with(200);
    site.stop().await;
}

#[test]
fn a_running_simulator_is_controlled_from_the_command_line() {
    let sim = listening(&["sim", "run", "--tserver", "127.0.0.1:0", "--http", "127.0.0.1:0"], &[]);
    let gateway = listening(&["serve", "--http", "127.0.0.1:0", "--tserver", &sim.tserver], &[]);
    let words = ["sim", "fault", "add", "refuse", "16", "ocs", "301", "type=CM_ReqLoadCampaign", "first", "1"];
    assert_eq!(sim.ends(0, &words)["fault"], "refuse 16 ocs 301 type=CM_ReqLoadCampaign first 1");
    gateway.ends(5, &["campaign", "load", "101", "732"]);
    gateway.ends(0, &["campaign", "load", "101", "732"]);
    let answer = "CM_EvError error=3";
    let set = sim.ends(0, &["sim", "fault", "add", "answer", answer, "type=CM_ReqStartDialing"]);
    assert_eq!(set["fault"], format!("answer \"{answer}\" type=CM_ReqStartDialing"));
    gateway.ends(5, &["campaign", "start", "101", "732"]);
    let listed = sim.ends(0, &["sim", "fault", "list"]);
    assert_eq!((&listed["items"][0]["over"], &listed["items"][1]["struck"]), (&json!(true), &json!(1)));
    let (code, stdout, _) = sim.run(&["sim", "fault", "list"]);
    assert!(code == 0 && stdout.contains("refuse 16 ocs 301"), "{stdout}");
    assert_eq!(sim.ends(0, &["sim", "fault", "remove", "1"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(sim.ends(0, &["sim", "fault", "remove", "--all"])["items"], json!([]));
    sim.ends(8, &["sim", "fault", "remove", "1"]);
    let wrong = sim.ends(2, &["sim", "fault", "add", "drop", "osc", "301"]);
    assert!(wrong["message"].to_string().contains("did you mean 'ocs'"), "{wrong}");
    let state = sim.ends(0, &["sim", "fault", "trigger", "set_inactive", "101-732", "--ocs", "301"]);
    assert_eq!(state["schema"], "commdn.sim.state.v1");
    let clock = sim.ends(0, &["sim", "fault", "clock", "--times", "10", "--leap", "2h"]);
    assert!(clock["now_ms"].as_u64().unwrap() >= 7_200_000 && clock["times"] == 10);
    assert_eq!(sim.ends(0, &["sim", "fault", "clock"])["times"], 10);
    let (code, stdout, _) = sim.run(&["sim", "fault", "state"]);
    assert!(code == 0 && stdout.contains("inactive"), "{stdout}");
    // A simulator alone has campaigns, but no gateway that knows them.
    assert_eq!(sim.ends(0, &["campaign", "list"])["items"], json!([]));
    let demo = listening(&["demo", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:0"], &[]);
    assert_eq!(demo.ends(0, &["sim", "fault", "list"])["items"], json!([]));
    gateway.ends(8, &["sim", "fault", "list"]);
}
