//! Requests that are listed and explained, dry runs, health, and the description of the API.

use commdn::wire::Dialect;
use commdn::wire::logtext;
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Reply, Site, renewals};

fn ids(reply: &Reply) -> Vec<String> {
    let items = reply["items"].as_array().unwrap().iter();
    items.map(|item| item["request_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn requests_are_listed_page_by_page_from_the_newest_on() {
    let site = Site::demo().await;
    let mut made = Vec::new();
    for phone in 0..5 {
        let body = json!({"phone": format!("+42077788800{phone}"), "ocs": 301});
        made.push(site.post_json("/v1/dnc", body).await.outcome("answered").str("request_id").to_owned());
    }
    made.reverse();
    let whole = site.get("/v1/requests").await.with(200);
    assert_eq!((ids(&whole), &whole["next"]), (made.clone(), &Value::Null));
    let mut pages = Vec::new();
    let mut path = "/v1/requests?limit=2".to_owned();
    loop {
        let page = site.get(&path).await.with(200);
        pages.push(ids(&page));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/requests?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(pages, [&made[..2], &made[2..4], &made[4..]]);
    assert_eq!(ids(&site.get("/v1/requests?state=open").await.with(200)), [""; 0]);
    assert_eq!(ids(&site.get("/v1/requests?state=ended&limit=0").await.with(200)), made[..1]);
    let agent = site.ask(Method::POST, "/v1/dnc").header("user-agent", "desk/7 (x)").json(&json!({"phone": "5"}));
    assert_eq!(Reply::of(agent).await.outcome("answered")["asked_by"], "desk/7");
    site.stop().await;
}

#[tokio::test]
async fn an_explanation_has_every_send_and_the_frames_that_decided() {
    let site = Site::demo().await;
    let done = site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await.outcome("answered");
    let explained = site.get(&format!("/v1/requests/{}/explain", done.str("request_id"))).await.with(200);
    assert_eq!((&explained["phase"], &explained["request"]), (&json!("ended"), &done.body));
    let steps: Vec<&str> = explained["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert!(steps[0].contains("sent as application 20"), "{steps:?}");
    for ocs in ["OCS 301 answered", "OCS 302 answered"] {
        assert_eq!(steps.iter().filter(|step| step.contains(ocs)).count(), 1, "{ocs}: {steps:?}");
    }
    let frames = explained["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2, "{}", explained.text);
    assert!(
        frames.iter().all(|frame| frame.as_str().unwrap().contains("CM_EvDoNotCallProcessed")),
        "{}",
        explained.text
    );

    let refused = site.post(&renewals("/start")).await.problem(409, "campaign-not-loaded");
    let explained = site.get(&format!("/v1/requests/{}/explain", refused.str("request_id"))).await.with(200);
    assert_eq!(explained["request"]["outcome"], "refused");
    assert!(explained["steps"][1].as_str().unwrap().contains("error 4"), "{}", explained.text);
    assert!(explained["frames"][0].as_str().unwrap().contains("CM_EvError"), "{}", explained.text);
    site.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_gets_a_place_to_look_at() {
    let site = Site::demo().await;
    let plain = site.post(&renewals("/load?wait=0")).await;
    let prefer = site.ask(Method::POST, "/v1/dnc").header("prefer", "respond-async, handling=strict");
    let mut items = crate::stream::Stream::open(&site, "/v1/events?filter=outcome%3Danswered", Some(0)).await;
    for reply in [plain, Reply::of(prefer.json(&json!({"phone": "5"}))).await] {
        let reply = reply.with(202);
        let place = reply.headers["location"].to_str().unwrap().to_owned();
        assert_eq!(place, format!("/v1/requests/{}", reply.str("request_id")));
        items.find(|item| item.data["request_id"] == reply["request_id"]).await;
        assert_eq!(site.get(&place).await.with(200)["outcome"], "answered");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_dry_run_prints_log_text_that_reads_back_and_sends_nothing() {
    let site = Site::demo().await;
    let wish = json!({
        "mode": "predict", "optimize_by": "busy_factor", "goal": 80, "auto_completion": true,
        "dialing_priority": {"general": {"priority": 1, "n_records": 2}, "campaign_call_back": {"priority": 3}},
    });
    let person = json!({"phone": "+420777888777", "customer_id": "C-1"});
    for (method, path, body, symbol) in [
        (Method::POST, renewals("/load"), wish.clone(), 7),
        (Method::POST, renewals("/start"), wish.clone(), 9),
        (Method::PUT, renewals("/mode"), wish, 11),
        (Method::POST, renewals("/stop"), Value::Null, 10),
        (Method::POST, renewals("/unload"), Value::Null, 8),
        (Method::POST, renewals("/force-unload"), Value::Null, 29),
        (Method::POST, renewals("/complete"), Value::Null, 10),
        (Method::POST, "/v1/dnc".into(), person.clone(), 32),
        (Method::POST, "/v1/records/cancel".into(), person, 30),
    ] {
        let mut request = site.ask(method, &format!("{path}?dry_run=true"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let reply = Reply::of(request).await.with(200);
        assert_eq!(reply["schema"], "commdn.dry_run.v1");
        let text = reply.str("text");
        let report = logtext::check(text.as_bytes(), &Dialect::default(), false);
        assert_eq!((report.lists, report.agree, report.problems.len()), (1, 1, 0), "{path}: {text}");
        assert!(text.contains("message RequestDistributeUserEvent"), "{text}");
        assert!(text.contains(&format!("'GSW_CM_MessageType'\t{symbol}\n")), "{path}: {text}");
    }
    assert_eq!(site.get("/v1/requests").await["items"], json!([]));
    site.post_json(&renewals("/start?dry_run=true"), json!({"mode": "fast"})).await.problem(422, "invalid-parameter");
    site.stop().await;
}

#[tokio::test]
async fn a_raw_request_goes_out_under_another_applications_dbid() {
    let site = Site::demo().await;
    let body = |message: &str, origin: i32| json!({"message": message, "origin": origin, "target": 301});
    let status = "CM_ReqGetCampaignStatus campaign=101 group=732";
    let reply = site.post_json("/v1/send", body(status, 216)).await.with(200);
    assert_eq!(reply["events"].as_array().unwrap().len(), 1, "{}", reply.text);
    assert!(reply["events"][0].as_str().unwrap().contains("CM_EvCampaignStatus"), "{}", reply.text);
    site.post_json("/v1/send", body(status, 201)).await.problem(422, "invalid-parameter");
    site.post_json("/v1/send", body("CM_Nonsense", 216)).await.problem(422, "invalid-parameter");
    let silent = site.post_json("/v1/send?wait=1ms", body(status, 299)).await.problem(504, "ocs-silent");
    assert!(silent.str("hint").contains("outbound_contact_server"), "{}", silent.text);
    site.stop().await;
}

#[tokio::test]
async fn operations_tell_health_links_and_what_is_claimed() {
    let site = Site::demo().await;
    let health = site.get("/healthz").await;
    assert_eq!((health.status, health.text.as_str()), (200, "ok\n"));
    let ready = site.get("/readyz").await.with(200);
    let links = site.get("/v1/links").await.with(200);
    let link = &links["items"][0];
    assert_eq!((&ready["ready"], &ready["links"][0]["name"]), (&json!(true), &link["name"]));
    assert_eq!(ready["links"][0]["state"], "up");
    assert_eq!((&link["state"], &link["dns"]), (&json!("up"), &json!(["CommDN_1"])));
    let version = site.get("/version").await.with(200);
    assert!(version.str("compatibility").contains("not byte-compatible"), "{}", version.text);
    assert_eq!((&version["framing"], &version["version"]), (&json!("commdn-1"), &json!(env!("CARGO_PKG_VERSION"))));
    site.stop().await;
}

#[tokio::test]
async fn the_api_describes_itself_and_its_explorer_needs_no_network() {
    let site = Site::demo().await;
    let document = site.get("/openapi.json").await.with(200);
    assert!(document.str("openapi").starts_with("3.1"), "{}", document["openapi"]);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
            let good = |status: &str| operation["responses"][status].is_object();
            // An address of system B that we have to refuse whatever is sent: a job without a file.
            let refuses = (method.as_str(), path.as_str()) == ("post", "/api/v2/externalcontacts/import/jobs");
            assert_eq!(["200", "201", "202", "204"].into_iter().any(good), !refuses, "{method} {path}");
        }
    }
    let page = site.get("/docs/").await;
    assert_eq!((page.status, page.kind.starts_with("text/html")), (200, true), "{}", page.text);
    let places: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|mark| page.text.split(mark).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(places.iter().any(|place| place.ends_with(".js")), "{places:?}");
    for place in places {
        assert!(!place.contains("//"), "{place} needs the network");
        assert_eq!(site.get(&format!("/docs/{}", place.trim_start_matches("./"))).await.status, 200, "{place}");
    }
    let start = site.get("/docs/swagger-initializer.js").await;
    assert!(start.text.contains("/openapi.json"), "{}", start.text);
    site.stop().await;
}
