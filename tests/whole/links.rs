//! Links of the whole gateway: what goes out after a reconnect and in which order, OCSs that come late or take over,
//! several T-Servers, operators, and subscribers that do not read.

use commdn::engine::topology::{DEMO, Topology};
use commdn::message::{AppDbid, CampaignStatus, GroupCampStatus, Message, Pair, PairEvent};
use commdn::service::gateway::GatewayEvent;
use commdn::service::{DnSection, TserverSection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use crate::site::{Site, guard, renewals, simulate};
use crate::stream::Stream;
use crate::wire::{Member, Session, bare_tserver};

const OCS: AppDbid = AppDbid(301);
const BACKUP: AppDbid = AppDbid(311);

/// The pairs that OCS 301 runs in the demo.
fn pairs_of_301(topology: &Topology) -> Vec<Pair> {
    let runs = |pair: &Pair| topology.campaigns.iter().any(|(it, ocs)| it.dbid == pair.campaign && *ocs == OCS);
    let mut pairs: Vec<Pair> = topology.pairs.iter().map(|config| config.pair).filter(runs).collect();
    pairs.sort_unstable();
    pairs
}

async fn dnc(site: &Site, phone: &str) {
    site.post_json("/v1/dnc?wait=0", json!({"phone": phone})).await.with(202);
}

/// Types of user events up to the last state that is asked for.
async fn sent(session: &mut Session, states: usize) -> Vec<i32> {
    let mut types = Vec::new();
    while types.iter().filter(|number| **number == 12).count() < states {
        let request = session.next_event().await;
        if let Message::DoNotCall(_) = &request.body {
            session.confirm(&request, &[OCS, AppDbid(302)]).await;
        }
        types.push(request.body.message_type().0);
    }
    types
}

#[tokio::test]
async fn after_every_reconnect_do_not_call_goes_first_and_nothing_before_the_registration() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let topology = Topology::demo();
    let states = topology.pairs.len();
    let site = Site::gateway(&topology, &listener.local_addr().unwrap().to_string(), |_| {}).await;
    let mut done = Stream::open(&site, "/v1/events?filter=event%3Ddnc", None).await;
    for turn in 0..3 {
        let mut session = Session::accept(&listener).await;
        for phone in 0..3 {
            dnc(&site, &format!("+4207770{turn}000{phone}")).await;
        }
        session.log_in().await;
        session.register().await;
        let types = sent(&mut session, states).await;
        let first_state = types.iter().position(|number| *number == 12).unwrap();
        assert!(first_state >= 3, "turn {turn}: {types:?}");
        assert_eq!(types[..first_state], vec![32; first_state], "turn {turn}: {types:?}");
        for _ in 0..3 {
            done.find(|item| item.event == "dnc" && item.data["outcome"] == "answered").await;
        }
        // The session ends; the gateway dials again by itself.
    }
    site.stop().await;
}

#[tokio::test]
async fn an_ocs_that_registers_after_the_gateway_is_asked_for_its_states() {
    let (tserver, _stop) = bare_tserver().await;
    let topology = Topology::demo();
    let site = Site::gateway(&topology, &tserver.local_addr().to_string(), |config| {
        config.limits.answer_ms = 50;
        config.limits.answer_life_ms = 100;
        config.limits.double_gap_ms = 20;
    })
    .await;
    site.is_up().await;
    // What was asked when the link came up met nobody. The OCS starts, and some person changes one campaign.
    let pairs = pairs_of_301(&topology);
    let changed = CampaignStatus(PairEvent::new(pairs[0], GroupCampStatus::ACTIVE)).into();
    let mut ocs = Member::start(tserver.local_addr(), OCS, OCS, Some(changed)).await;
    assert_eq!(ocs.asked_states(pairs.len()).await, pairs);
    let mut events = Stream::open(&site, "/v1/events", None).await;
    let known = |value: &Value| {
        let all = value["campaigns"].as_array().unwrap().iter();
        all.filter(|state| state["ocs"] == 301 && state["status"] == "active").count()
    };
    let mut snapshot = events.next().await.unwrap().data;
    while known(&snapshot) < pairs.len() {
        events.next().await.unwrap();
        snapshot = site.get("/v1/campaigns").await.with(200).body;
        snapshot["campaigns"] = snapshot["items"].take();
    }
    site.stop().await;
}

#[tokio::test]
async fn the_backup_of_an_ocs_answers_for_it_and_is_asked_for_its_states() {
    let (tserver, _stop) = bare_tserver().await;
    let addr = tserver.local_addr();
    let text = DEMO.replace("ocs 301 OCS_A profile", "ocs 301 OCS_A backup=311 profile");
    let topology = Topology::parse(&text).unwrap();
    let mut primary = Member::start(addr, OCS, OCS, None).await;
    let mut other = Member::start(addr, AppDbid(302), AppDbid(302), None).await;
    let site = Site::gateway(&topology, &addr.to_string(), |_| {}).await;
    let pairs = pairs_of_301(&topology);
    assert_eq!(primary.asked_states(pairs.len()).await, pairs);
    other.asked_states(topology.pairs.len() - pairs.len()).await;
    let answered = |reply: &crate::site::Reply| reply["answers"].as_array().unwrap().len();
    let both = site.post_json("/v1/dnc", json!({"phone": "+420777000001"})).await.outcome("answered");
    assert_eq!(answered(&both), 2);

    drop(primary);
    let mut backup = Member::start(addr, OCS, BACKUP, None).await;
    let both = site.post_json("/v1/dnc", json!({"phone": "+420777000002"})).await.outcome("answered");
    assert_eq!(answered(&both), 2, "the pair counts as one");
    assert_eq!(backup.asked_states(pairs.len()).await, pairs, "what the backup knows is asked");
    site.post(&renewals("/load")).await.outcome("answered");
    let links = site.get("/v1/links").await.with(200);
    let seen = links["items"][0]["ocs"].as_array().unwrap();
    let heard = |dbid: i32| seen.iter().find(|ocs| ocs["ocs"] == dbid).unwrap()["age_ms"].is_u64();
    assert!(heard(301) && heard(311) && heard(302), "{}", links.text);
    site.stop().await;
}

#[tokio::test]
async fn of_several_tservers_each_has_its_own_link_and_its_own_trouble() {
    let mut one = Topology::demo();
    one.ocs.retain(|ocs| ocs.dbid == OCS);
    let mut two = Topology::demo();
    two.ocs.retain(|ocs| ocs.dbid != OCS);
    two.comm_dns[0].name = "CommDN_9".into();
    let (first, _first_stop) = simulate("127.0.0.1:0", &one, None).await;
    let (second, second_stop) = simulate("127.0.0.1:0", &two, None).await;
    let site = Site::gateway(&Topology::demo(), &first.addr().to_string(), |config| {
        config.tserver.push(TserverSection::new("second", &second.addr().to_string()));
        config.dn.push(DnSection {
            name: "CommDN_9".into(),
            tserver: "second".into(),
            outbound_contact_server: "undefined".into(),
        });
        config.ocs[0].dns = vec!["CommDN_1".into()];
        config.ocs[1].dns = vec!["CommDN_9".into()];
    })
    .await;
    site.is_up().await;
    let both = site.post_json("/v1/dnc", json!({"phone": "+420777000001"})).await.outcome("answered");
    assert_eq!(both.results(), [(301, "answered"), (302, "answered")]);
    second_stop.cancel();
    guard(second.stopped()).await;
    site.post_json("/v1/dnc", json!({"phone": "+420777000002", "ocs": 301})).await.outcome("answered");
    site.post(&renewals("/load")).await.outcome("answered");
    let links = site.get("/v1/links").await.with(200);
    let state = |at: usize| links["items"][at]["state"].as_str().unwrap().to_owned();
    assert_eq!((state(0), state(1)), ("up".to_owned(), "down".to_owned()), "{}", links.text);
    assert_eq!(links["items"][1]["ocs"][0]["ocs"], 302);
    site.stop().await;
}

#[tokio::test]
async fn an_operator_sees_a_link_and_makes_it_dial_again() {
    let site = Site::demo().await;
    let link = site.get("/v1/links").await.with(200)["items"][0].clone();
    assert_eq!((&link["state"], &link["endpoint"], &link["tls"]), (&json!("up"), &json!("primary"), &json!(false)));
    assert_eq!((&link["dns"], &link["backup"]), (&json!(["CommDN_1"]), &Value::Null));
    assert_eq!(link["primary"], link["peer"]);
    assert!(link["heartbeat_age_ms"].is_u64() && link["last_heard"].is_string(), "{link}");
    assert_eq!((&link["heartbeat_ms"], &link["failures"]), (&json!(10_000), &json!(0)));

    let mut events = Stream::open(&site, "/v1/events?filter=event%3Dlink", None).await;
    events.next().await.unwrap();
    let wish = |action: &str| json!({"link": link["name"], "action": action});
    site.post_json("/v1/links", wish("redial")).await.with(200);
    for state in ["down", "up"] {
        events.find(|item| item.event == "link" && item.data["state"] == state).await;
    }
    assert_eq!(site.get("/v1/links").await.with(200)["items"][0]["failures"], 1);
    site.post_json("/v1/dnc", json!({"phone": "+420777000001"})).await.outcome("answered");

    site.post_json("/v1/links", wish("switch")).await.problem(409, "no-backup");
    site.post_json("/v1/links", wish("jump")).await.problem(422, "invalid-parameter");
    site.post_json("/v1/links", json!({"link": "other", "action": "redial"})).await.problem(404, "link-not-found");
    site.stop().await;
}

#[tokio::test]
async fn an_operator_switches_to_the_backup() {
    let topology = Topology::demo();
    let (backup, _stop) = simulate("127.0.0.1:0", &topology, None).await;
    let addr = backup.addr().to_string();
    let site = Site::start(&topology, None, |config| config.tserver[0].backup = Some(addr.clone())).await;
    let name = site.get("/v1/links").await.with(200)["items"][0]["name"].clone();
    let mut events = Stream::open(&site, "/v1/events?filter=event%3Dlink", None).await;
    site.post_json("/v1/links", json!({"link": name, "action": "switch"})).await.with(200);
    events.find(|item| item.data["endpoint"] == "backup" && item.data["state"] == "up").await;
    assert_eq!(site.get("/v1/links").await.with(200)["items"][0]["peer"], json!(addr));
    site.post_json("/v1/dnc", json!({"phone": "+420777000001"})).await.outcome("answered");
    site.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_with_a_reason_delays_nobody_and_resumes() {
    const AT_ONCE: u64 = 1_000;
    const TURNS: u64 = 24;
    let site = Site::start(&Topology::demo(), None, |config| config.limits.events_kept = 50_000).await;
    let mut reader = Stream::open(&site, "/v1/events?filter=event%3Dlink", None).await;
    reader.next().await.unwrap();
    // HTTP/1.0 has no chunks: what comes is the stream itself, up to its end. A small window fills soon.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stuck = socket.connect(site.addr).await.unwrap();
    let request = format!("GET /v1/events?filter=event%3Dlink HTTP/1.0\r\nhost: {}\r\n\r\n", site.addr);
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    guard(stuck.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.0 200");

    let mut last = 0;
    for _ in 0..TURNS {
        for _ in 0..AT_ONCE {
            last = site.gateway.events().publish(GatewayEvent::Link("tserver".into()));
        }
        reader.find(|item| item.id == Some(last)).await;
    }
    let mut text = String::new();
    guard(stuck.read_to_string(&mut text)).await.unwrap();
    let blocks: Vec<&str> = text.split("\n\n").filter(|block| block.contains("event:")).collect();
    let cut = blocks.last().unwrap();
    assert!(cut.contains("event: cut") && cut.contains("too slow"), "{cut}");
    let id = |block: &str| block.lines().find_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok());
    let resume = blocks.iter().rev().find_map(|block| id(block)).unwrap();
    assert!(resume < last, "it was cut before the end");

    let mut again = Stream::open(&site, "/v1/events?filter=event%3Dlink", Some(resume)).await;
    for number in resume + 1..=last {
        let item = again.next().await.unwrap();
        assert!(item.event == "link" && item.id >= Some(number), "{item:?}");
        if item.id == Some(last) {
            break;
        }
    }
    site.stop().await;
}
