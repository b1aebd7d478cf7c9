//! What a restart finds: cancels that have expired, a do-not-call that one OCS of three has confirmed, a stop that was
//! accepted and never sent, and a disk that stops writing in the middle of it all.

use std::path::Path;
use std::process::Command;

use commdn::engine::RequestNumber;
use commdn::engine::topology::{DEMO, Topology};
use commdn::message::{AppDbid, CommDnMessage, Message, Target};
use commdn::net::tls::install_provider;
use commdn::service::Config;
use commdn::store::sqlite::Files;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::program::{self, listening, listening_as};
use crate::silence::free_address;
use crate::site::{Site, guard, renewals, simulate};
use crate::stream::Stream;
use crate::wire::Session;

fn kept(data: &Path) -> impl Fn(&mut Config) {
    let path = data.display().to_string();
    move |config| {
        config.store.path = Some(path.clone());
        config.limits.answer_ms = 500;
        config.limits.answer_life_ms = 600;
        config.limits.double_gap_ms = 50;
        config.dnc.retry_first_ms = 50;
        config.dnc.retry_max_ms = 200;
    }
}

#[tokio::test]
async fn a_cancel_that_has_expired_is_not_sent_after_a_restart_and_a_fresh_one_is() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    let mut asked = Vec::new();
    for phone in ["+12025550100", "+12025550101"] {
        let cancel = site.post_json("/v1/records/cancel?wait=0", json!({"phone": phone})).await.with(202);
        asked.push(cancel.str("request_id").to_owned());
    }
    site.stop().await;
    // The gateway was away for longer than a cancel is worth anything, by default five minutes.
    let db = Connection::open(Files::of(data.path()).database).unwrap();
    let old = RequestNumber::parse(&asked[0]).unwrap().0.cast_signed();
    let aged = db.execute("UPDATE requests SET accepted_at = accepted_at - 301000000 WHERE number = ?1", [old]);
    assert_eq!(aged.unwrap(), 1);
    drop(db);

    let site = Site::gateway(&Topology::demo(), &addr, kept(data.path())).await;
    let mut tap = Stream::open(&site, "/v1/tap?filter=type%3DCM_ReqCancelRecord", None).await;
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let request = async |id: &str| site.get(&format!("/v1/requests/{id}")).await.with(200);
    guard(async { while request(&asked[1]).await["outcome"] == "pending" {} }).await;
    assert_eq!(request(&asked[1]).await["outcome"], "answered");
    let expired = request(&asked[0]).await;
    assert_eq!((&expired["outcome"], &expired["reason"]), (&json!("refused"), &json!("link_down")), "{}", expired.text);
    let told = site.get(&format!("/v1/requests/{}/explain", asked[0])).await.with(200);
    assert_eq!(told["frames"], json!([]), "it was never sent: {}", told.text);
    let sent = tap.find(|item| item.data["direction"] == "out").await;
    assert_eq!(sent.data["name"], "CM_ReqCancelRecord");
    site.stop().await;
    let sent = tap.drain().await.into_iter().filter(|item| item.data["direction"] == "out").count();
    assert_eq!(sent, 0, "one was sent, and no other");
    stop.cancel();
    simulator.stopped().await;
}

/// Three OCSs on one CommDN.
fn three() -> Topology {
    let site = DEMO
        .replace("ocs 302 OCS_B", "ocs 303 OCS_C profile=documented modes=1-5\nocs 302 OCS_B")
        .replace("server ocs=301,302", "server ocs=301,302,303");
    Topology::parse(&site).unwrap()
}

/// The next do-not-call; states are asked for meanwhile.
async fn next_dnc(session: &mut Session) -> CommDnMessage {
    loop {
        let request = session.next_event().await;
        if matches!(request.body, Message::DoNotCall(_)) {
            return request;
        }
    }
}

#[tokio::test]
async fn of_three_ocss_only_those_that_have_not_confirmed_are_asked_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let site = Site::gateway(&three(), &addr, kept(data.path())).await;
    let mut session = Session::accept(&listener).await;
    session.log_in().await;
    session.register().await;
    let asked = site.post_json("/v1/dnc?wait=0", json!({"phone": "+420777888777"})).await.with(202);
    let number = RequestNumber::parse(asked.str("request_id")).unwrap();
    let request = next_dnc(&mut session).await;
    assert_eq!(request.target, Target::Every, "one frame for all");
    session.confirm(&request, &[AppDbid(301)]).await;
    let store = site.gateway.store();
    let confirmed = async || {
        let evidence = store.dnc(number).await.unwrap().unwrap();
        evidence.deliveries.iter().filter(|it| it.confirmed_at.is_some()).map(|it| it.ocs).collect::<Vec<_>>()
    };
    guard(async { while confirmed().await != [AppDbid(301)] {} }).await;
    site.stop().await;
    drop(session);

    let site = Site::gateway(&three(), &addr, kept(data.path())).await;
    let mut session = Session::accept(&listener).await;
    session.log_in().await;
    session.register().await;
    let mut left = vec![AppDbid(302), AppDbid(303)];
    while !left.is_empty() {
        let request = next_dnc(&mut session).await;
        let Target::One(ocs) = request.target else { panic!("{request:?}") };
        assert_ne!(ocs, AppDbid(301), "it has confirmed");
        session.confirm(&request, &[ocs]).await;
        left.retain(|other| *other != ocs);
    }
    let path = format!("/v1/requests/{number}");
    guard(async { while site.get(&path).await.with(200)["outcome"] == "pending" {} }).await;
    let done = site.get(&path).await.outcome("answered");
    assert_eq!(done.results(), [(301, "answered"), (302, "answered"), (303, "answered")]);
    assert_eq!(site.gateway.store().counts().await.unwrap().dnc_unconfirmed, 0);
    site.stop().await;
}

#[tokio::test]
async fn a_stop_that_was_accepted_and_never_sent_is_sent_after_the_crash() {
    let (addr, data) = (free_address().await, tempfile::tempdir().unwrap());
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let other = Site::gateway(&Topology::demo(), &addr, |config| config.origin.pool = (209..=216).collect()).await;
    other.is_up().await;
    other.post(&renewals("/load")).await.outcome("answered");
    other.post(&renewals("/start")).await.outcome("answered");

    // A gateway whose T-Server is away takes the stop, and is killed before it can say it to anybody.
    let (nowhere, folder) = (free_address().await, data.path().display().to_string());
    let words = ["serve", "--http", "127.0.0.1:0", "--data", &folder, "--log", "off", "--tserver"];
    let killed = listening(&[&words[..], &[&nowhere]].concat(), &[]);
    let accepted = killed.ends(0, &["campaign", "stop", "101", "732", "--no-wait"]);
    assert_eq!(accepted["outcome"], "pending", "{accepted}");
    drop(killed); // SIGKILL
    assert_eq!(other.get(&renewals("?refresh=true")).await["status"], "running");

    let mut events = Stream::open(&other, "/v1/events", None).await;
    let again = listening(&[&words[..], &[&addr]].concat(), &[]);
    events.find(|item| item.event == "state" && item.data["status"] == "active").await;
    let id = accepted["request_id"].as_str().unwrap();
    let settled = again.ends(0, &["request", "wait", id]);
    assert_eq!(settled["outcome"], "answered", "{settled}");
    drop(again);
    other.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

/// The system refuses to let the files of the store grow: an I/O error in the middle of the work, as a dying disk gives
/// it. Nothing more is acknowledged, and what was is there after the restart.
#[tokio::test]
async fn a_disk_that_stops_writing_is_503_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let simulator = listening(&["sim", "run", "--tserver", "127.0.0.1:0", "--log", "off"], &[]);
    let words =
        ["serve", "--http", "127.0.0.1:0", "--tserver", &simulator.tserver, "--data", &data, "--log", "off", "--json"];
    let plain = program::command(&words);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 12288; trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(words);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let failing = listening_as(limited);
    install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |url: String| guard(client.get(url).send()).await.unwrap();
    let (mut kept, mut refused) = (Vec::new(), None);
    for number in 0..20_000 {
        let body = json!({"phone": format!("+42077{number:07}"), "reason": "x".repeat(400)});
        let post = client.post(format!("{}/v1/dnc?wait=0", failing.url)).json(&body);
        let reply = guard(post.send()).await.unwrap();
        let (status, told) = (reply.status().as_u16(), reply.json::<Value>().await.unwrap());
        if status != 202 {
            refused = Some((status, told));
            break;
        }
        kept.push(told["request_id"].as_str().unwrap().to_owned());
    }
    let (status, problem) = refused.expect("the disk writes for ever");
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/store-unavailable")), "{problem}");
    assert!(!problem.to_string().contains("+42077") && kept.len() > 30, "{} {problem}", kept.len());
    let ready = get(format!("{}/readyz", failing.url)).await;
    assert_eq!(ready.status(), 503);
    assert!(ready.json::<Value>().await.unwrap()["journal_fault"].is_string());
    assert_eq!(get(format!("{}/healthz", failing.url)).await.status(), 200);
    drop(failing); // SIGKILL

    let again = listening(&words[..words.len() - 1], &[]);
    for id in &kept {
        guard(async {
            loop {
                let told: Value = get(format!("{}/v1/requests/{id}", again.url)).await.json().await.unwrap();
                if told["outcome"] == "answered" {
                    break;
                }
                assert_eq!(told["outcome"], "pending", "{told}");
            }
        })
        .await;
    }
    let verdict = again.ends(0, &["dnc", "verify"]);
    assert_eq!(verdict["whole"], true);
}
