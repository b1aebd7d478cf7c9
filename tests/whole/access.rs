//! Who may do what at the door: the matrix of verbs, roles and objects, rates, slow sockets, and the audit.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use commdn::engine::topology::Topology;
use commdn::service::access::{Grants, KeyWish, Object, Verb};
use futures_util::future::join_all;
use reqwest::{Method, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{Reply, Site, guard};
use crate::stream::Stream;

type Words = &'static [&'static str];

/// Role, its scopes, and what it may do: verbs to its own object, verbs to any object. Written out by hand: this is
/// what the scopes are checked against.
const ROLES: &[(&str, Words, Words, Words)] = &[
    ("nobody", &[], &[], &[]),
    ("reader", &["campaign:read"], &[], &["campaign:read"]),
    (
        "team",
        &["campaign:*@campaign=101,group=732"],
        &[
            "campaign:read",
            "campaign:load",
            "campaign:start",
            "campaign:stop",
            "campaign:mode",
            "campaign:unload",
            "campaign:force-unload",
        ],
        &[],
    ),
    ("starter", &["campaign:start@campaign=101", "campaign:stop@group=732"], &["campaign:start", "campaign:stop"], &[]),
    ("crm", &["dnc:add"], &[], &["dnc:add"]),
    ("people", &["dnc:*", "record:cancel@campaign=101"], &["record:cancel"], &["dnc:add", "dnc:read"]),
    (
        "lists",
        &["contacts:import@list=own", "contacts:read", "sequence:*@campaign=101"],
        &["contacts:import", "sequence:read", "sequence:run", "sequence:stop"],
        &["contacts:read"],
    ),
    ("admin", &["admin"], &[], &["admin"]),
];

#[test]
fn twenty_verbs_eight_roles_own_and_foreign_objects() {
    let own = Object { campaign: Some(101), group: Some(732), list: Some("own") };
    let foreign = Object { campaign: Some(102), group: Some(733), list: Some("foreign") };
    assert!(Verb::all().count() >= 20 && ROLES.len() >= 8);
    let mut asked = 0;
    for (role, scopes, of_own, of_any) in ROLES {
        let grants = Grants::parse(scopes).unwrap();
        for verb in Verb::all() {
            let (mine, any) = (of_own.contains(&verb.name()), of_any.contains(&verb.name()));
            assert_eq!(grants.allows(verb, own), mine || any, "{role} {verb} own");
            assert_eq!(grants.allows(verb, foreign), any, "{role} {verb} foreign");
            assert_eq!(grants.allows(verb, Object::default()), any, "{role} {verb} no object");
            asked += 3;
        }
    }
    assert!(asked >= 20 * 8 * 3);
}

/// A site that asks for tokens, and a key for each role.
pub(crate) async fn guarded_site(change: impl FnOnce(&mut commdn::service::Config)) -> Site {
    Site::start(&Topology::demo(), None, |config| {
        config.auth.mode = "tokens".into();
        change(config);
    })
    .await
}

pub(crate) async fn key(site: &Site, scopes: &[&str]) -> String {
    let wish = KeyWish {
        name: "test".into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires_at: None,
    };
    site.access.create_key(&wish, "test").await.unwrap().1.expose_secret().to_owned()
}

pub(crate) async fn ask(site: &Site, token: Option<&str>, method: &Method, path: &str, body: Option<&Value>) -> Reply {
    let mut request = site.ask(method.clone(), path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    Reply::of(request).await
}

/// Method, path, scopes that are needed (all of them), whether the path is about an object, body.
type RouteCase = (Method, String, Vec<&'static str>, Option<bool>, Option<Value>);

fn routes() -> Vec<RouteCase> {
    let mut all = Vec::new();
    for (pair, own) in [("101/groups/732", true), ("102/groups/733", false)] {
        let path = |verb: &str| format!("/v1/campaigns/{pair}{verb}");
        all.push((Method::GET, path(""), vec!["campaign:read"], Some(own), None));
        for (verb, scopes) in [
            ("/load", vec!["campaign:load"]),
            ("/start", vec!["campaign:start"]),
            ("/stop", vec!["campaign:stop"]),
            ("/unload", vec!["campaign:unload"]),
            ("/force-unload", vec!["campaign:force-unload"]),
            ("/complete", vec!["campaign:stop", "campaign:unload"]),
        ] {
            all.push((Method::POST, path(&format!("{verb}?dry_run=true")), scopes, Some(own), None));
        }
        all.push((Method::PUT, path("/mode?dry_run=true"), vec!["campaign:mode"], Some(own), Some(json!({}))));
        let campaign = if own { 101 } else { 102 };
        let body = json!({"phone": "5", "campaign": campaign});
        all.push((
            Method::POST,
            "/v1/records/cancel?dry_run=true".into(),
            vec!["record:cancel"],
            Some(own),
            Some(body),
        ));
    }
    let phone = json!({"phone": "5"});
    all.push((
        Method::POST,
        "/v1/records/cancel?dry_run=true".into(),
        vec!["record:cancel"],
        None,
        Some(phone.clone()),
    ));
    all.push((Method::POST, "/v1/dnc?dry_run=true".into(), vec!["dnc:add"], None, Some(phone)));
    all.push((Method::GET, "/v1/links".into(), vec!["campaign:read"], None, None));
    all.push((Method::GET, "/v1/diagnosis".into(), vec!["campaign:read"], None, None));
    all.push((Method::GET, "/v1/keys".into(), vec!["admin"], None, None));
    all.push((Method::POST, "/v1/keys".into(), vec!["admin"], None, Some(json!({"name": "", "scopes": []}))));
    all.push((Method::DELETE, "/v1/keys/0".into(), vec!["admin"], None, None));
    all.push((Method::GET, "/v1/audit".into(), vec!["admin"], None, None));
    all.push((Method::GET, "/v1/audit/verify".into(), vec!["admin"], None, None));
    all.push((Method::POST, "/v1/store/backup".into(), vec!["admin", "numbers:show"], None, None));
    all.push((Method::DELETE, "/v1/alarms/201".into(), vec!["admin"], None, None));
    let raw = json!({"message": "x", "origin": 1, "target": 1});
    all.push((Method::POST, "/v1/send".into(), vec!["admin"], None, Some(raw)));
    all
}

#[tokio::test]
async fn the_matrix_holds_at_the_door() {
    let site = guarded_site(|_| {}).await;
    for (role, scopes, of_own, of_any) in ROLES {
        let token = if scopes.is_empty() { None } else { Some(key(&site, scopes).await) };
        for (method, path, needs, own, body) in routes() {
            let allowed =
                needs.iter().all(|scope| of_any.contains(scope) || (own == Some(true) && of_own.contains(scope)));
            let reply = ask(&site, token.as_deref(), &method, &path, body.as_ref()).await;
            let found = !matches!(reply.status, 401 | 403);
            assert_eq!(found, allowed, "{role} {method} {path}: {}", reply.text);
            if !allowed && token.is_none() {
                let challenge = reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
                assert!(challenge.starts_with("Bearer"), "{challenge}");
                reply.problem(401, "unauthorised");
            } else if !allowed {
                let reply = reply.problem(403, "forbidden");
                assert!(needs.iter().all(|scope| reply.str("detail").contains(scope)), "{}", reply.text);
            }
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn what_is_open_is_open_and_a_bad_token_is_told_apart() {
    let site = guarded_site(|_| {}).await;
    for path in ["/healthz", "/readyz", "/version", "/openapi.json", "/docs/", "/metrics"] {
        assert_eq!(site.get(path).await.status, 200, "{path}");
    }
    let good = key(&site, &["campaign:read"]).await;
    for wrong in ["nonsense", "cdn_0123456789abcdef_00", &good[..good.len() - 1], &format!("{good}0")] {
        let reply = ask(&site, Some(wrong), &Method::GET, "/v1/campaigns", None).await.problem(401, "unauthorised");
        assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token"));
        assert!(!reply.text.contains(wrong), "a token is not repeated");
    }
    for wrong in ["Basic YTpi", "Bearer", ""] {
        let request = site.ask(Method::GET, "/v1/campaigns").header(header::AUTHORIZATION, wrong);
        Reply::of(request).await.problem(401, "unauthorised");
    }
    ask(&site, Some(&good), &Method::GET, "/v1/campaigns", None).await.with(200);
    site.stop().await;
}

#[tokio::test]
async fn a_narrowed_reader_sees_its_own_campaigns_only() {
    let site = guarded_site(|_| {}).await;
    let team = key(&site, &["campaign:*@campaign=101,group=732"]).await;
    let everything = key(&site, &["*"]).await;
    let listed = |reply: &Reply| -> BTreeSet<(i64, i64)> {
        let items = reply["items"].as_array().unwrap().iter();
        items.map(|it| (it["campaign"].as_i64().unwrap(), it["group"].as_i64().unwrap())).collect()
    };
    let all = ask(&site, Some(&everything), &Method::GET, "/v1/campaigns", None).await.with(200);
    assert!(listed(&all).len() > 3);
    let own = ask(&site, Some(&team), &Method::GET, "/v1/campaigns", None).await.with(200);
    assert_eq!(listed(&own), BTreeSet::from([(101, 732)]));

    let post = |token: String, path: &'static str, body: Value| {
        let site = &site;
        async move { ask(site, Some(&token), &Method::POST, path, Some(&body)).await.outcome("answered") }
    };
    let mine = post(team.clone(), "/v1/campaigns/101/groups/732/load", json!({})).await;
    let other = post(everything.clone(), "/v1/campaigns/102/groups/733/load", json!({})).await;
    let person = post(everything.clone(), "/v1/dnc", json!({"phone": "+420777000111"})).await;
    assert!(mine.str("asked_by").starts_with("key/"), "{}", mine.text);
    let page = ask(&site, Some(&team), &Method::GET, "/v1/requests?limit=1", None).await.with(200);
    assert_eq!(page["items"][0]["request_id"], mine["request_id"]);
    assert_eq!(page["next"], Value::Null);
    for hidden in [&other, &person] {
        let path = format!("/v1/requests/{}", hidden.str("request_id"));
        ask(&site, Some(&team), &Method::GET, &path, None).await.problem(404, "request-not-found");
        ask(&site, Some(&everything), &Method::GET, &path, None).await.with(200);
    }

    let request = site.ask(Method::GET, "/v1/events").bearer_auth(&team);
    let mut events = Stream::of(request).await;
    let snapshot = events.next().await.unwrap().data;
    assert_eq!(snapshot["links"], json!([]));
    assert_eq!(snapshot["campaigns"].as_array().unwrap().len(), 1);
    post(everything, "/v1/dnc", json!({"phone": "+420777000112"})).await;
    ask(&site, Some(&team), &Method::POST, "/v1/campaigns/101/groups/732/unload", None).await.outcome("answered");
    let next = events.next().await.unwrap();
    assert_eq!((next.event.as_str(), &next.data["campaign"]), ("request", &json!(101)), "nothing of the person");

    ask(&site, Some(&team), &Method::GET, "/v1/tap?show_numbers=true", None).await.problem(403, "forbidden");
    drop(events);
    site.stop().await;
}

#[tokio::test]
async fn a_client_that_is_too_fast_gets_429_before_anything_is_asked() {
    let site = guarded_site(|config| {
        (config.limits.client_rate_per_s, config.limits.client_burst) = (1, 3);
    })
    .await;
    let (fast, slow) = (key(&site, &["dnc:add"]).await, key(&site, &["dnc:add", "dnc:read"]).await);
    let replies = join_all((0..40).map(|number| {
        let body = json!({"phone": format!("+42077700{number:04}")});
        let (site, fast) = (&site, fast.clone());
        async move { ask(site, Some(&fast), &Method::POST, "/v1/dnc?wait=0", Some(&body)).await }
    }))
    .await;
    let (refused, taken): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 429);
    assert!(!refused.is_empty() && taken.len() >= 3, "{} refused", refused.len());
    for reply in refused {
        let seconds: u32 = reply.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        reply.problem(429, "too-many-requests");
    }
    let listed = ask(&site, Some(&slow), &Method::GET, "/v1/requests?limit=500", None).await.with(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), taken.len(), "who is refused asks nothing");
    site.stop().await;
}

#[tokio::test]
async fn every_command_is_one_row_of_the_audit_and_names_nobody() {
    const PHONE: &str = "+420777123456";
    let site = guarded_site(|_| {}).await;
    let admin = key(&site, &["admin"]).await;
    let crm = key(&site, &["dnc:add"]).await;
    let body = json!({"phone": PHONE, "customer_id": "Canary-77"});
    let done = ask(&site, Some(&crm), &Method::POST, "/v1/dnc", Some(&body)).await.outcome("answered");
    let path = "/v1/campaigns/Renewals/groups/732/start";
    ask(&site, Some(&crm), &Method::POST, path, Some(&json!({}))).await.problem(403, "forbidden");
    ask(&site, None, &Method::POST, path, Some(&json!({}))).await.problem(401, "unauthorised");
    ask(&site, Some(&crm), &Method::POST, "/v1/dnc", Some(&json!({"phone": 5})))
        .await
        .problem(422, "invalid-parameter");
    let made = json!({"name": "new", "scopes": ["campaign:read"]});
    let made = ask(&site, Some(&admin), &Method::POST, "/v1/keys", Some(&made)).await.with(201);
    let token = made.str("token").to_owned();
    ask(&site, Some(&token), &Method::GET, "/v1/campaigns", None).await.with(200);
    let path = format!("/v1/keys/{}", made.str("id"));
    ask(&site, Some(&admin), &Method::DELETE, &path, None).await.with(200);
    ask(&site, Some(&token), &Method::GET, "/v1/campaigns", None).await.problem(401, "unauthorised");

    let audit = ask(&site, Some(&admin), &Method::GET, "/v1/audit", None).await.with(200);
    for canary in [PHONE, &PHONE[1..], "Canary-77", &token, &crm] {
        assert!(!audit.text.contains(canary), "{}", audit.text);
    }
    let rows: Vec<_> = audit["items"].as_array().unwrap().iter().rev().collect();
    let told: Vec<_> =
        rows.iter().map(|row| (row["action"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("dnc:add", "done"),
            ("campaign:start", "forbidden"),
            ("dnc:add", "invalid-parameter"),
            ("admin", "done"),
            ("admin", "done"),
        ]
    );
    assert_eq!(rows[0]["request_id"], done["request_id"]);
    assert!(rows[0]["object"].as_str().unwrap().contains("phone +"), "{}", rows[0]);
    assert_eq!(rows[1]["object"], "campaign 101, group 732");
    assert!(rows[3]["object"].as_str().unwrap().contains("campaign:read"), "{}", rows[3]);
    assert!(
        rows.iter().all(|row| row["client"] == "127.0.0.1" && row["subject"].as_str().unwrap().starts_with("key/"))
    );
    let verdict = ask(&site, Some(&admin), &Method::GET, "/v1/audit/verify", None).await.with(200);
    assert_eq!((&verdict["whole"], &verdict["rows"]), (&json!(true), &json!(6)), "reading the audit is a row too");
    site.stop().await;
}

#[tokio::test]
async fn answers_tell_browsers_what_they_may_do() {
    let site = Site::demo().await;
    for path in ["/v1/campaigns", "/healthz", "/nothing", "/docs/"] {
        let headers = site.get(path).await.headers;
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{path}");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains('*'), "{path}: {policy}");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{path}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = site.ask(Method::POST, "/v1/campaigns/101/groups/732/stop").header(header::CONTENT_TYPE, kind);
        Reply::of(form).await.problem(415, "unsupported-media-type");
    }
    assert_eq!(site.get("/v1/requests").await["items"], json!([]), "nothing was sent");
    site.stop().await;
}

/// So many sockets as `COMMDN_DRIBBLERS` says, or as the limit of open files allows: each costs two here.
fn dribblers() -> usize {
    let wanted = std::env::var("COMMDN_DRIBBLERS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = files.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(1_024);
    usize::min(wanted, soft.saturating_sub(600) / 2)
}

#[allow(clippy::print_stdout)] // what was measured is the result
#[tokio::test]
async fn dribbling_sockets_are_cut_off_and_do_not_keep_others_out() {
    let wanted = dribblers();
    let site = Site::start(&Topology::demo(), None, |config| {
        (config.limits.connections_max, config.limits.connections_per_peer) = (wanted + 500, wanted + 500);
    })
    .await;
    let worst = async || {
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            let start = Instant::now();
            site.get("/v1/campaigns").await.with(200);
            longest = longest.max(start.elapsed());
        }
        longest
    };
    let alone = worst().await;
    let sockets = join_all((0..wanted).map(|_| async {
        let mut socket = TcpStream::connect(site.addr).await.unwrap();
        socket.write_all(b"GET /v1/campaigns HTTP/1.1\r\nHost: loc").await.unwrap();
        socket
    }));
    let sockets = guard(sockets).await;
    let beside = worst().await;
    println!("dribblers: {wanted} sockets, slowest of 100 requests {alone:?} alone, {beside:?} beside them");
    let ends = sockets.into_iter().map(|mut socket| async move {
        // Either end will do: closed, or reset with what we wrote unread.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    guard(join_all(ends)).await;
    site.get("/v1/campaigns").await.with(200);
    site.stop().await;
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let site = Site::demo().await;
    let mut socket = TcpStream::connect(site.addr).await.unwrap();
    let head = "POST /v1/dnc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    // More than a door that does not count would ever need: the answer comes long before.
    for _ in 0..1_000 {
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = guard(socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(site.get("/v1/requests").await["items"], json!([]));
    site.stop().await;
}
