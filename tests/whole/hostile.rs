//! Bodies, names and lengths that nobody should send to the doors of contacts (specification of contacts, 4.5 and 5).

use std::fs;
use std::path::Path;

use commdn::engine::topology::Topology;
use commdn::store::contacts::ContactStore;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{Reply, Site, guard};

/// A number that must stand in no answer.
const CANARY: &str = "777123456";

struct World {
    site: Site,
    folder: tempfile::TempDir,
    /// Path of a list of A, and number of the same list.
    list: String,
    number: i64,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for name in ["import", "files"] {
            fs::create_dir(at(name)).unwrap();
        }
        let (import, files) = (at("import"), at("files"));
        let site = Site::gateway(&Topology::demo(), "127.0.0.1:1", |config| {
            config.ucs.import_folder = Some(import);
            config.import.folder = Some(files);
        })
        .await;
        let list = json!({"name": "L", "columnNames": ["first_name", "phone_number"],
            "phoneColumns": [{"columnName": "phone_number", "type": "cell"}]});
        let list = site.post_json("/api/v2/outbound/contactlists", list).await.with_plain(200);
        let schema = json!({"attributes": [{"name": "FirstName"}, {"name": "PhoneNumber"}]});
        site.post_json("/ucs/metadata/profiles", schema).await.with_plain(201);
        let number = site.get("/v1/lists/L").await.with(200)["number"].as_i64().unwrap();
        Self { list: list.str("selfUri").to_owned(), site, folder, number }
    }

    fn contacts(&self) -> Arc<dyn ContactStore> {
        self.site.access.store().contacts()
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
        Reply::of(self.site.ask(method, path).header("content-type", kind).body(body)).await
    }

    /// Bytes on a connection of their own; what comes back, up to the end of its headers or of the connection.
    async fn raw(&self, bytes: &[u8]) -> String {
        guard(async {
            let mut stream = TcpStream::connect(self.site.addr).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let (mut answer, mut part) = (Vec::new(), [0; 4_096]);
            loop {
                let read = stream.read(&mut part).await.unwrap_or(0);
                answer.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&answer);
                if read == 0 || text.contains("\r\n\r\n") {
                    return text.into_owned();
                }
            }
        })
        .await
    }

    /// Nothing was stored, and no file lies where none should.
    async fn nothing_came_of_it(self) {
        assert_eq!(self.contacts().contacts_after(None, 0, 10).await.unwrap(), []);
        let mut names: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["files", "import"]);
        assert_eq!(fs::read_dir(self.folder.path().join("import")).unwrap().count(), 0);
        self.site.stop().await;
    }
}

/// Arrays in arrays.
fn deep(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// A body that is JSON, and a byte longer than it may be.
fn long() -> String {
    format!("[\"{}\"]", "x".repeat((8 << 20) - 3))
}

fn looks_right(what: &str, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text.chars().take(300).collect::<String>());
    assert!(!reply.text.contains(CANARY), "{what}: {}", reply.text);
    assert!(reply.text.len() < 4_096, "{what}: an answer of {} bytes", reply.text.len());
}

#[tokio::test]
async fn bodies_that_nobody_should_send_are_refused_by_each_door_in_its_own_words() {
    let world = World::start().await;
    let add = format!("{}/contacts", world.list);
    let (job, ucs, jtel) = ("/v1/import-jobs", "/ucs/profiles/import", "/rest/v1.0/1/dialler/contacts/import");
    let doors = [job, add.as_str(), ucs, jtel];
    // What every door refuses alike: (body, kind, status).
    let all: Vec<(&str, Vec<u8>, &str, u16)> = vec![
        ("no JSON", b"{".to_vec(), "application/json", 400),
        ("bytes of no character", b"{\"a\":\"\xFF\"}".to_vec(), "application/json", 400),
        ("half a pair of units", b"{\"a\":\"\\ud800\"}".to_vec(), "application/json", 400),
        ("two documents", b"{}{}".to_vec(), "application/json", 400),
        ("200 levels", deep(200).into(), "application/json", 400),
        ("a million levels", "[".repeat(1 << 20).into(), "application/json", 0),
        ("longer than 8 MiB", long().into(), "application/json", 413),
        ("a mark in front", "\u{FEFF}{}".into(), "application/json", 400),
        ("a number beyond all", b"1e999".to_vec(), "application/json", 400),
        ("plain text", b"{}".to_vec(), "text/plain", 415),
        ("a form of the browser", b"a=1".to_vec(), "application/x-www-form-urlencoded", 415),
    ];
    for door in doors {
        for (what, body, kind, status) in &all {
            let reply = world.send(Method::POST, door, kind, body.clone()).await;
            let what = format!("{door}: {what}");
            // The door of jobs takes 64 KiB, the others 8 MiB.
            let status = match *status {
                0 if door == job => 413,
                0 => 400,
                // It reads names of members as they come.
                400 if door == job && reply.status == 422 => 422,
                // What is too long for A, C and D is refused in words that each of them knows.
                415 if door == add || door == jtel => reply.status,
                status => status,
            };
            assert!((400..500).contains(&reply.status), "{what}: {}", reply.text);
            looks_right(&what, &reply, status);
            match door {
                _ if door == job => drop(reply.with(status)),
                _ if door == ucs => assert!(reply["code"] == status && reply["message"].is_string(), "{}", reply.text),
                _ if door == jtel => assert!(reply["status"] == status && reply["error"].is_string(), "{}", reply.text),
                _ => assert!(reply["status"] == status && reply["code"].is_string(), "{}", reply.text),
            }
        }
    }
    world.nothing_came_of_it().await;
}

#[tokio::test]
async fn values_of_another_type_are_named_without_being_told() {
    let world = World::start().await;
    let [add, remove, search] = ["", "/bulk/remove", "/search"].map(|rest| format!("{}/contacts{rest}", world.list));
    let number = world.number;
    let name = json!("n");
    let jtel = |field: &str, value: Value| {
        let mut body = json!({"DiallerCampaignsID": number, "Name": name, "PhoneNumber1": "+420777888777"});
        body[field] = value;
        body
    };
    let canary: i64 = CANARY.parse().unwrap();
    let (job, ucs, dialler) = ("/v1/import-jobs", "/ucs/profiles/import", "/rest/v1.0/1/dialler/contacts/import");
    let table: Vec<(&str, Value, u16)> = vec![
        (job, json!({"upload_id": canary}), 422),
        (job, json!({"upload_id": "x", "list": [CANARY]}), 422),
        (job, json!({"upload_id": "x", "dry_run": CANARY}), 422),
        (job, json!({"upload_id": "x", "settings": {"map": [CANARY]}}), 422),
        (job, json!({"upload_id": "x", "settings": {"start_from": -canary}}), 422),
        (job, json!({"upload_id": "x", CANARY: 1}), 422),
        (job, json!([CANARY]), 422),
        (job, json!(null), 422),
        (&add, json!([{"id": canary, "data": {}}]), 400),
        (&add, json!([{"data": [CANARY]}]), 400),
        (&add, json!([{"data": {"first_name": {"x": CANARY}}}]), 400),
        (&add, json!([{"data": {"first_name": [CANARY]}}]), 400),
        (&add, json!([{"data": {"first_name": format!("a\0{CANARY}")}}]), 400),
        (&add, json!([{"data": {"city": CANARY}}]), 400),
        (&add, json!([{"data": {"first_name": "x"}, "callable": CANARY}]), 400),
        (&add, json!([CANARY]), 400),
        (&add, json!({"data": {"first_name": CANARY}}), 400),
        (&add, json!([{"id": "x".repeat(256), "data": {}}]), 400),
        (&add, json!([{"data": {"first_name": "x".repeat(10_000)}}]), 400),
        (&remove, json!({"contactIds": CANARY}), 400),
        (&remove, json!({"contactIds": [canary]}), 400),
        (&remove, json!({"criteria": [CANARY]}), 400),
        (&remove, json!({"criteria": {"clauses": [{"predicates": [{"column": CANARY, "operator": "EQUALS"}]}]}}), 400),
        (
            &remove,
            json!({"criteria": {"clauses": [{"predicates": [{"column": "first_name", "operator": CANARY}]}]}}),
            400,
        ),
        (&remove, json!({"contactListFilterId": CANARY}), 400),
        (&search, json!({"criteria": CANARY}), 400),
        (&search, json!({"criteria": {}, "pageSize": -canary}), 400),
        (ucs, json!({"profiles": canary}), 400),
        (ucs, json!({"profiles": ["x.csv"]}), 400),
        (ucs, json!({"profiles": "x.csv", "max-errors": CANARY.repeat(9)}), 400),
        (ucs, json!({"profiles": "x.csv", "start-from-index": -1}), 400),
        (ucs, json!({"profiles": "x.csv", "create-log": canary}), 400),
        (ucs, json!({"profiles": "x.csv", "delimiter": [","]}), 400),
        (ucs, json!({"profiles": "x.csv", "delimiter": "\u{1F4A3}"}), 400),
        (ucs, json!({"profiles": "x.csv", "encoding": CANARY}), 400),
        (ucs, json!([1]), 400),
        (dialler, jtel("Name", json!(canary)), 400),
        (dialler, jtel("PhoneNumber1", json!(canary)), 400),
        (dialler, jtel("PhoneNumber1", json!([CANARY])), 400),
        (dialler, jtel("DiallerCampaignsID", json!(CANARY)), 400),
        (dialler, jtel("DiallerCampaignsID", json!(1e99)), 400),
        (dialler, jtel("Amount", json!(CANARY)), 400),
        (dialler, jtel("UserData", json!({"a": CANARY})), 400),
        (dialler, jtel("UserData", json!(CANARY.repeat(10))), 400),
        (dialler, jtel("Comment", json!(format!("{CANARY}\0"))), 400),
        (dialler, jtel("FollowUpDateTime", json!(CANARY)), 400),
        (dialler, json!([1]), 400),
    ];
    for (door, body, status) in table {
        let what = format!("{door} {body}");
        let reply = world.send(Method::POST, door, "application/json", body.to_string()).await;
        looks_right(&what, &reply, status);
    }
    world.nothing_came_of_it().await;
}

#[tokio::test]
async fn of_a_key_that_stands_twice_one_value_counts_or_none() {
    let world = World::start().await;
    let twice = r#"{"upload_id":"x","upload_id":"y"}"#;
    world.send(Method::POST, "/v1/import-jobs", "application/json", twice).await.with(422);
    let body = r#"[{"id":"1","id":"2","data":{"first_name":"a","first_name":"b"}}]"#;
    let added = world.send(Method::POST, &format!("{}/contacts", world.list), "application/json", body).await;
    let added = added.with_plain(200);
    assert_eq!((&added.body[0]["id"], &added.body[0]["data"]["first_name"]), (&json!("2"), &json!("b")));
    assert_eq!(world.contacts().contacts_after(None, 0, 10).await.unwrap().len(), 1);
    world.site.stop().await;
}

#[tokio::test]
async fn forms_that_are_none_are_refused() {
    let world = World::start().await;
    let part = |head: &str, text: &str| format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{text}\r\n");
    let file = part("name=\"file\"; filename=\"a.csv\"", "id,first_name\n1,x");
    let described = part("name=\"description\"", "{}");
    let bodies = [
        ("multipart/form-data", format!("{file}--b--\r\n")),
        ("multipart/form-data; boundary=", format!("{file}--b--\r\n")),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", "--b--\r\n".to_owned()),
        ("multipart/form-data; boundary=b", "--b\r\n".to_owned()),
        ("multipart/form-data; boundary=b", "--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n".to_owned()),
        ("multipart/form-data; boundary=b", part("name=\"file\"", "x")),
        ("multipart/form-data; boundary=b", file.clone()),
        ("multipart/form-data; boundary=other", format!("{file}--b--\r\n")),
        ("multipart/form-data; boundary=b", format!("{described}--b--\r\n")),
        ("multipart/form-data; boundary=b", format!("--b\r\n{}: x\r\n\r\n\r\n--b--\r\n", "h".repeat(100_000))),
    ];
    for door in ["/v1/import-uploads", "/uploads/v2/contactlist", "/ucs/profiles/import"] {
        for (kind, body) in &bodies {
            let reply = world.send(Method::POST, door, kind, body.clone()).await;
            let what = format!("{door} {kind} {}", body.chars().take(60).collect::<String>());
            assert!((400..500).contains(&reply.status), "{what}: {} {}", reply.status, reply.text);
        }
    }
    let left = |name: &str| fs::read_dir(world.folder.path().join("files").join(name)).map_or(0, Iterator::count);
    assert_eq!(left("uploads"), 0, "what broke off does not stay");
    world.nothing_came_of_it().await;
}

#[tokio::test]
async fn names_of_uploads_are_labels_and_never_paths() {
    let world = World::start().await;
    let names = [
        "../../x.csv",
        "..\\..\\x.csv",
        "/etc/passwd",
        "C:\\x.csv",
        "x\0.csv",
        "a/b/../../../c",
        "CON",
        ".",
        "..",
        "",
        "x.csv\r\nx-evil: 1",
        "%2e%2e%2fx",
        "～/x",
        "\u{202E}vsc.x",
        "-rf",
        "$(id)",
        "`id`",
        "|id",
    ];
    for name in names {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = world.site.ask(Method::POST, &format!("/v1/import-uploads?name={encoded}"));
        let reply = Reply::of(request.header("content-type", "text/csv").body("id,name\n1,x\n")).await.with(201);
        let id = reply.str("upload_id").to_owned();
        assert!(!reply.str("file_name").contains(char::is_control), "{}", reply.text);
        let listed: Vec<_> = walk(&world.folder.path().join("files"));
        assert_eq!(listed, [format!("uploads/{id}")], "{name}");
        Reply::of(world.site.ask(Method::DELETE, &format!("/v1/import-uploads/{id}"))).await;
    }
    for name in ["../../x.csv", "/etc/passwd", "a\\b"] {
        let file = format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\nid,first_name\n1,x\r\n--b--\r\n"
        );
        let reply = world.send(Method::POST, "/v1/import-uploads", "multipart/form-data; boundary=b", file).await;
        let id = reply.with(201).str("upload_id").to_owned();
        assert_eq!(walk(&world.folder.path().join("files")), [format!("uploads/{id}")], "{name}");
        Reply::of(world.site.ask(Method::DELETE, &format!("/v1/import-uploads/{id}"))).await;
    }
    for id in ["..%2f..%2fx", "%2e%2e", "x", "00000000-0000-4000-8000-000000000000%00"] {
        for path in [format!("/v1/import-uploads/{id}/preview"), format!("/v1/import-jobs/{id}/outcome")] {
            let reply = world.site.get(&path).await;
            assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.text);
        }
        let reply = world.site.get(&format!("/api/v2/downloads/{id}")).await;
        assert!(matches!(reply.status, 400 | 404), "{}", reply.text);
    }
    world.nothing_came_of_it().await;
}

/// Files below a folder, by their path in it.
fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn lengths_that_are_lies_are_refused_before_anything_is_read() {
    let world = World::start().await;
    let host = world.site.addr;
    let head = |path: &str, kind: &str, more: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {kind}\r\n{more}\r\n\r\n")
    };
    let add = format!("{}/contacts", world.list);
    let json = "application/json";
    let table = [
        ("/v1/import-jobs", json, "content-length: 99999999999", 413),
        (add.as_str(), json, "content-length: 8388609", 413),
        (add.as_str(), json, "content-length: 9223372036854775807", 413),
        (add.as_str(), json, "content-length: 99999999999999999999999", 400),
        (add.as_str(), json, "content-length: -1", 400),
        (add.as_str(), json, "content-length: 1\r\ncontent-length: 2", 400),
        (add.as_str(), json, "content-length: 0x10", 400),
        ("/ucs/profiles/import", json, "content-length: 99999999999", 413),
        ("/rest/v1.0/1/dialler/contacts/import", json, "content-length: 99999999999", 413),
        ("/v1/import-uploads", "text/csv", "content-length: 4294967297", 413),
    ];
    for (path, kind, more, status) in table {
        let answer = world.raw(head(path, kind, more).as_bytes()).await;
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{path} {more}: {line}");
    }
    // A body that is cut off: nothing of it stays.
    let cut = head("/v1/import-uploads", "text/csv", "content-length: 1000") + "id,name\n";
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(cut.as_bytes()).await.unwrap();
    drop(stream);
    let uploads = world.folder.path().join("files/uploads");
    guard(async {
        while fs::read_dir(&uploads).is_ok_and(|files| files.count() > 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.nothing_came_of_it().await;
}
