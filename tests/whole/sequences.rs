//! Sequences over HTTP: plan, run, submit, list, show, stop; what subscribers hear; who may.

use commdn::engine::topology::Topology;
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Reply, Site, guard};
use crate::stream::Stream;

const TWO: &str = r#"name = "two"
[[step]]
campaign = "renewals"
group = "team-a"
stop = { after = "200ms" }
[[step]]
campaign = "survey"
group = "team-a"
stop = { after = "200ms" }
"#;

async fn post(site: &Site, path: &str, text: &str) -> Reply {
    let request = site.ask(Method::POST, path).header("content-type", "application/toml");
    Reply::of(request.body(text.to_owned())).await
}

async fn ended(site: &Site, id: &str) -> Reply {
    guard(async {
        loop {
            let shown = site.get(&format!("/v1/sequences/{id}")).await.with(200);
            if !shown["ended_at"].is_null() {
                return shown;
            }
        }
    })
    .await
}

fn results(shown: &Value) -> Vec<&str> {
    shown["steps"].as_array().unwrap().iter().map(|step| step["result"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn a_sequence_is_planned_run_listed_and_shown() {
    let site = Site::demo().await;
    let plan = post(&site, "/v1/sequences/plan", TWO).await.with(200);
    assert_eq!((&plan["ok"], &plan["native"], &plan["flaws"]), (&json!(true), &json!(false), &json!([])));
    assert_eq!(plan["steps"][0]["by"], "gateway", "{}", plan.text);
    assert_eq!(plan["steps"][0]["why"], "a schedule knows no length of time");

    let mut events = Stream::open(&site, "/v1/events?filter=event%3Dsequence", None).await;
    let created = post(&site, "/v1/sequences", TWO).await.with(201);
    assert_eq!((created.str("id"), created.str("state"), created.str("run_by")), ("q1", "running", "gateway"));
    let shown = ended(&site, "q1").await;
    assert_eq!((shown.str("state"), results(&shown.body)), ("done", vec!["time", "time"]), "{}", shown.text);
    let whats: Vec<String> =
        shown["log"].as_array().unwrap().iter().map(|it| format!("{} {}", it["what"], it["act"])).collect();
    assert_eq!(whats.len(), 2 * 9 + 1, "{whats:?}");
    assert!(shown["log"][1]["request_id"].as_str().is_some_and(|id| id.starts_with('r')), "{}", shown.text);
    // What it asked for is in the journal under its name.
    let requests = site.get("/v1/requests?limit=50").await.with(200);
    let asked = |it: &&Value| it["asked_by"] == "sequence q1 'two'" && it["kind"] != "status";
    assert_eq!(requests["items"].as_array().unwrap().iter().filter(asked).count(), 8, "{}", requests.text);

    let first = events.find(|item| item.event == "sequence").await;
    assert_eq!((&first.data["id"], &first.data["entries"][0]["what"]), (&json!("q1"), &json!("intent")));
    let list = site.get("/v1/sequences").await.with(200);
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["log"]), (&json!("q1"), &json!([])));
    site.get("/v1/sequences/q9").await.problem(404, "no-such-sequence");
    site.stop().await;
}

#[tokio::test]
async fn a_running_sequence_is_stopped_and_its_campaign_unloaded() {
    let site = Site::demo().await;
    let long = TWO.replace("200ms", "1h");
    post(&site, "/v1/sequences", &long).await.with(201);
    guard(async { while site.get("/v1/sequences/q1").await.with(200)["phase"] != "dialing" {} }).await;
    let clash = post(&site, "/v1/sequences/plan", &TWO.replace("renewals", "survey")).await.with(200);
    let texts = clash["flaws"].to_string();
    assert!(texts.contains("clashes with campaign 'Renewals' on group 'Team A' (it dials now)"), "{texts}");
    let stopped = Reply::of(site.ask(Method::DELETE, "/v1/sequences/q1")).await.with(200);
    assert_eq!(stopped.str("state"), "stopping");
    let shown = ended(&site, "q1").await;
    assert_eq!((shown.str("state"), results(&shown.body)), ("stopped", vec!["asked", "-"]), "{}", shown.text);
    let state = site.get("/v1/campaigns/101/groups/732").await.with(200);
    assert_eq!(state["status"], "not_loaded");
    // Another time it says the same.
    let again = Reply::of(site.ask(Method::DELETE, "/v1/sequences/q1")).await.with(200);
    assert_eq!(again.str("state"), "stopped");
    site.stop().await;
}

const NATIVE: &str = r#"name = "night"
[[step]]
campaign = "renewals"
group = "team-a"
stop = { dials = 5000 }
[[step]]
campaign = "survey"
group = "team-a"
"#;

#[tokio::test]
async fn ocs_runs_what_a_schedule_can_say_until_it_is_told_to_stop() {
    let site = Site::demo().await;
    let plan = post(&site, "/v1/sequences/plan", NATIVE).await.with(200);
    assert_eq!((&plan["native"], &plan["steps"][1]["by"]), (&json!(true), &json!("ocs")), "{}", plan.text);
    let dry = post(&site, "/v1/sequences?by=ocs&dry_run=true", NATIVE).await.with(200);
    assert!(dry.str("text").contains("scheduleItem-2"), "{}", dry.text);
    post(&site, "/v1/sequences?by=ocs", TWO).await.problem(422, "not-native");
    post(&site, "/v1/sequences?by=ocs", NATIVE).await.with(201);
    guard(async { while site.get("/v1/campaigns/101/groups/732").await.with(200)["status"] != "running" {} }).await;
    let stop = site.post("/v1/campaigns/101/groups/732/stop").await;
    assert_eq!(stop.problem(409, "part-of-sequence")["code"], 17, "it belongs to the sequence");
    Reply::of(site.ask(Method::DELETE, "/v1/sequences/q1")).await.with(200);
    let shown = ended(&site, "q1").await;
    assert_eq!(shown.str("state"), "stopped", "{}", shown.text);
    guard(async { while site.get("/v1/campaigns/101/groups/732").await.with(200)["status"] != "not_loaded" {} }).await;
    site.stop().await;
}

#[tokio::test]
async fn a_step_that_ends_by_dials_is_counted_by_ocs_within_a_run_of_the_gateway() {
    // Five dials are soon made.
    let site = Site::start(&Topology::demo_dialing(), None, |_| {}).await;
    let text = "name = \"c\"\n[[step]]\ncampaign = 101\ngroup = 732\nmode = \"progressive\"\nstop = { dials = 2 }\non_failure = \"abort\"\n";
    post(&site, "/v1/sequences", text).await.with(201);
    let shown = ended(&site, "q1").await;
    assert_eq!((shown.str("state"), results(&shown.body)), ("done", vec!["depleted"]), "{}", shown.text);
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_file_is_told_by_its_lines_and_the_same_key_is_the_same_sequence() {
    let site = Site::demo().await;
    let wrong = TWO.replace("renewals", "renewal").replace("200ms", "soon");
    let plan = post(&site, "/v1/sequences/plan", &wrong).await.with(200);
    assert_eq!((&plan["ok"], &plan["flaws"][0]["line"]), (&json!(false), &json!(3)), "{}", plan.text);
    let refused = post(&site, "/v1/sequences", &wrong).await.problem(422, "invalid-sequence-file");
    assert!(
        refused.str("detail").starts_with("line 3: step[0].campaign: campaign 'renewal' is not"),
        "{}",
        refused.text
    );
    let kind = site.ask(Method::POST, "/v1/sequences").header("content-type", "text/csv").body("x");
    Reply::of(kind).await.with(415);
    let keyed = async |text: &str| {
        let request = site.ask(Method::POST, "/v1/sequences").header("content-type", "application/toml");
        Reply::of(request.header("idempotency-key", "k").body(text.to_owned())).await
    };
    assert_eq!(keyed(TWO).await.with(201).str("id"), keyed(TWO).await.with(201).str("id"));
    keyed(NATIVE).await.problem(422, "idempotency-conflict");
    ended(&site, "q1").await;
    site.stop().await;
}
