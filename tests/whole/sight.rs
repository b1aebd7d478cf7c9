//! What an operator sees: metrics, names of requests, readiness, pseudonyms.

use commdn::engine::conversation::{Step, parse_step};
use commdn::engine::topology::Topology;
use reqwest::Method;
use serde_json::json;

use crate::site::{Reply, Site, guard, renewals};
use crate::stream::Stream;

const PHONE: &str = "+420777888777";

/// The value of a series.
async fn metric(site: &Site, series: &str) -> f64 {
    let text = site.get("/metrics").await.text;
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{series}: {text}")).parse().unwrap()
}

#[tokio::test]
async fn every_metric_is_in_the_handbook_and_the_handbook_has_no_other() {
    let site = Site::demo().await;
    site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    let reply = site.get("/metrics").await;
    assert_eq!((reply.status, reply.kind.split(';').next()), (200, Some("application/openmetrics-text")));
    assert!(reply.text.ends_with("# EOF\n"));
    let mut exposed: Vec<String> = reply
        .text
        .lines()
        .filter_map(|line| {
            let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            Some(match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
        })
        .collect();
    let handbook = include_str!("../../docs/operations.md");
    let named = handbook.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let mut documented: Vec<String> =
        named.filter(|name| name.starts_with("commdn_") || name.starts_with("process_")).map(str::to_owned).collect();
    exposed.sort();
    documented.sort();
    assert_eq!(exposed, documented);
    let board = include_str!("../../deploy/commdn-board.json");
    let drawn =
        board.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("commdn_"));
    for name in drawn {
        let name = name.trim_end_matches("_bucket").to_owned();
        assert!(exposed.contains(&name), "the board draws {name}");
    }
    site.stop().await;
}

#[tokio::test]
async fn what_happens_is_counted() {
    let site = Site::demo().await;
    site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    site.post(&renewals("/start")).await.problem(409, "campaign-not-loaded");
    site.post_json("/v1/dnc", json!({"phone": PHONE, "scope": "all"})).await.problem(422, "invalid-parameter");
    assert_eq!(metric(&site, "commdn_requests_accepted_total{kind=\"do_not_call\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_requests_total{kind=\"do_not_call\",outcome=\"answered\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_requests_total{kind=\"start\",outcome=\"refused\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_request_seconds_count{kind=\"do_not_call\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_http_answers_total{status=\"422\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_link_up{link=\"tserver\"}").await, 1.0);
    assert_eq!(metric(&site, "commdn_link_logins_total{link=\"tserver\"}").await, 1.0);
    assert!(metric(&site, "commdn_ocs_events_total{ocs=\"301\"}").await >= 1.0);
    assert!(metric(&site, "commdn_answer_life_longest_seconds{kind=\"other\"}").await > 0.0);
    assert_eq!(metric(&site, "commdn_answer_life_bound_seconds{kind=\"other\"}").await, 30.0);
    assert_eq!(metric(&site, "commdn_journal_open").await, 0.0);
    assert_eq!(metric(&site, "commdn_journal_kept").await, 2.0);
    let tap = Stream::open(&site, "/v1/tap", None).await;
    assert_eq!(metric(&site, "commdn_subscribers{stream=\"tap\"}").await, 1.0);
    drop(tap);
    site.stop().await;
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let site = Site::demo().await;
    let id = |reply: &Reply| reply.headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
    let done = site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    assert_eq!(id(&done), done.str("request_id"));
    let refused = site.post(&renewals("/start")).await.problem(409, "campaign-not-loaded");
    assert_eq!(id(&refused), refused.str("request_id"));
    let mut seen = Vec::new();
    for path in ["/healthz", "/readyz", "/metrics", "/version", "/v1/requests", "/nothing", "/v1/requests/x", "/docs/"]
    {
        seen.push(id(&site.get(path).await));
    }
    seen.push(id(&site.post("/healthz").await));
    seen.push(id(&Reply::of(site.ask(Method::GET, "/healthz").header("host", "evil.example")).await.with(403)));
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
    assert!(seen.iter().all(|id| id.len() == 17 && id.starts_with('h')), "{seen:?}");
    site.stop().await;
}

#[tokio::test]
async fn a_gateway_without_a_link_is_ready_and_comes_to_rest() {
    // Nobody listens on a port that was closed again.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::gateway(&Topology::demo(), &closed.to_string(), |_| {}).await;
    let ready = site.get("/readyz").await.with(200);
    assert_eq!((&ready["ready"], &ready["links"][0]["state"]), (&json!(true), &json!("down")));
    site.post_json("/v1/dnc?wait=0", json!({"phone": PHONE})).await.with(202);
    assert_eq!(metric(&site, "commdn_requests_open{state=\"waits_for_link\"}").await, 1.0);
    guard(site.gateway.at_rest()).await;
    site.stop().await;
}

#[tokio::test]
async fn a_gateway_that_stops_takes_nothing_new_and_still_tells() {
    let site = Site::demo().await;
    let done = site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    site.gateway.health().drain();
    let refused = site.post_json("/v1/dnc", json!({"phone": PHONE})).await.problem(503, "stopping");
    assert_eq!(refused.headers["retry-after"], "5");
    let reply = site.get("/readyz").await;
    assert_eq!((reply.status, &reply["draining"]), (503, &json!(true)));
    assert_eq!(site.get(&format!("/v1/requests/{}", done.str("request_id"))).await.with(200).body, done.body);
    guard(site.gateway.at_rest()).await;
    site.stop().await;
}

#[tokio::test]
async fn stand_ins_for_people_are_stable_and_replay() {
    let site = Site::demo().await;
    let mut tap = Stream::open(&site, "/v1/tap?filter=type%3DCM_*DoNotCall*", None).await;
    let done = site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    let mut phones = Vec::new();
    let mut phone_of = |line: &str| {
        assert!(!line.contains(&PHONE[1..]), "{line}");
        let Ok(Some(Step::Message(step))) = parse_step(line) else { panic!("{line}") };
        let entry = step.message.body.do_not_call().cloned();
        if let Some(phone) = entry.and_then(|entry| entry.phone) {
            phones.push(phone.reveal().display().into_owned());
        }
    };
    for _ in 0..3 {
        phone_of(tap.next().await.unwrap().data["step"].as_str().unwrap());
    }
    let explained = site.get(&format!("/v1/requests/{}/explain", done.str("request_id"))).await.with(200);
    for frame in explained["frames"].as_array().unwrap() {
        phone_of(frame.as_str().unwrap());
    }
    assert!(phones.len() >= 2 && phones.iter().all(|phone| *phone == phones[0]), "{phones:?}");
    assert!(phones[0].len() == PHONE.len() && phones[0].starts_with('+'), "{phones:?}");
    site.stop().await;
}

#[tokio::test]
async fn the_diagnosis_names_who_was_heard() {
    let site = Site::demo().await;
    site.post_json("/v1/dnc", json!({"phone": PHONE})).await.outcome("answered");
    let diagnosis = site.get("/v1/diagnosis").await.with(200);
    assert_eq!((&diagnosis["ready"], &diagnosis["core_answers"]), (&json!(true), &json!(true)));
    assert_eq!(diagnosis["origins"].as_array().unwrap().len(), 8);
    for ocs in diagnosis["ocs"].as_array().unwrap() {
        assert!(ocs["events_for_us"].as_u64().unwrap() >= 1 && ocs["silent_ms"].is_u64(), "{ocs}");
    }
    site.stop().await;
}
