//! A: contact lists in the shape of Genesys Cloud at the door of a running gateway (specification of contacts, 3.A and
//! section 7).

use std::sync::Arc;

use clap::Parser;
use commdn::cli::args::{Cli, Verb};
use commdn::cli::client::Ctx;
use commdn::cli::contacts;
use commdn::cli::exit::Exit;
use commdn::cli::output::Output;
use commdn::engine::ocs::Record;
use commdn::engine::topology::Topology;
use commdn::service::Config;
use commdn::service::access::KeyWish;
use commdn::store::Write;
use commdn::store::contacts::{ContactRef, ContactStore};
use reqwest::{Method, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::site::{Reply, Site, guard, renewals};

const LISTS: &str = "/api/v2/outbound/contactlists";

struct World {
    site: Site,
    token: Option<String>,
}

/// The list of example A1.
fn l() -> Value {
    json!({"name": "L", "columnNames": ["first_name", "phone_number"],
        "phoneColumns": [{"columnName": "phone_number", "type": "cell"}]})
}

/// The contacts of example A2.
fn sample() -> Value {
    let data = |name: &str| json!({"first_name": name, "phone_number": "+420777888777"});
    json!([{"id": "42", "data": data("john"), "callable": true}, {"id": "84", "data": data("jane"), "callable": false}])
}

impl World {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let site = Site::gateway(&Topology::demo(), "127.0.0.1:1", change).await;
        Self { site, token: None }
    }

    async fn with_tokens() -> Self {
        Self::start(|config| config.auth.mode = "tokens".into()).await
    }

    fn contacts(&self) -> Arc<dyn ContactStore> {
        self.site.access.store().contacts()
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.site.ask(method, path);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Reply::of(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Makes a list; its path.
    async fn list(&self, body: Value) -> String {
        let made = self.post(LISTS, body).await.with_plain(200);
        format!("{LISTS}/{}", made.str("id"))
    }

    /// L with the sample.
    async fn sample(&self) -> String {
        let list = self.list(l()).await;
        self.post(&format!("{list}/contacts"), sample()).await.with_plain(200);
        list
    }

    async fn number(&self, list: &str) -> i64 {
        let lists = self.contacts().calling_lists().await.unwrap();
        lists.into_iter().find(|row| list.ends_with(&row.list.id)).unwrap().list.number
    }

    async fn size(&self, list: &str) -> u64 {
        self.get(list).await.with_plain(200)["size"].as_u64().unwrap()
    }

    async fn chain(&self, list: &str, id: &str) -> Vec<Record> {
        let number = self.number(list).await;
        let contact = self.contacts().contact(ContactRef::Id(Some(number), id.into())).await.unwrap().unwrap();
        self.contacts().chain(number, contact.contact.number).await.unwrap()
    }

    /// Asks until something is so.
    async fn until(&self, path: &str, is_so: impl Fn(&Reply) -> bool) -> Reply {
        guard(async {
            loop {
                let reply = self.get(path).await;
                if is_so(&reply) {
                    return reply;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// The bytes of an absolute address of ours.
    async fn fetch(&self, uri: &str) -> String {
        let path = uri.strip_prefix(&format!("http://{}", self.site.addr)).unwrap();
        let reply = self.get(path).await;
        assert_eq!((reply.status, reply.kind.as_str()), (200, "text/csv; charset=utf-8"), "{}", reply.text);
        reply.text
    }

    async fn export(&self, list: &str, body: Value) -> String {
        let begun = self.post(&format!("{list}/export"), body).await.with_plain(200);
        assert!(!begun.str("id").is_empty());
        let ready = self.until(&format!("{list}/export"), |reply| reply.status == 200).await;
        assert!(ready.str("exportTimestamp").ends_with('Z'));
        self.fetch(ready.str("uri")).await
    }

    async fn import_status(&self, list: &str) -> Reply {
        self.until(&format!("{list}/importstatus"), |reply| {
            reply.status == 200 && matches!(reply["state"].as_str(), Some("COMPLETED" | "FAILED"))
        })
        .await
    }

    async fn key(&self, scopes: &[&str]) -> (String, String) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let wish = KeyWish { name: "test".into(), scopes, expires_at: None };
        let (record, key) = self.site.access.create_key(&wish, "test").await.unwrap();
        (record.id, key.expose_secret().to_owned())
    }

    async fn token_call(&self, client: &str, secret: &str, form: &str) -> Reply {
        let request = self.site.ask(Method::POST, "/oauth/token").basic_auth(client, Some(secret));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        Reply::of(request).await
    }

    /// Speaks as a client with these scopes from now on.
    async fn become_client(&mut self, scopes: &[&str]) {
        let (id, secret) = self.key(scopes).await;
        let reply = self.token_call(&id, &secret, "grant_type=client_credentials").await.with_plain(200);
        self.token = Some(reply.str("access_token").to_owned());
    }
}

/// The reply, which must be an error of A that is whole.
fn refused(reply: &Reply, status: u16, code: &str) -> Vec<String> {
    assert_eq!((reply.status, reply.kind.as_str()), (status, "application/json"), "{}", reply.text);
    assert_eq!((&reply["status"], &reply["code"]), (&json!(status), &json!(code)), "{}", reply.text);
    for member in ["message", "messageWithParams", "contextId"] {
        assert!(!reply.str(member).is_empty(), "{member}: {}", reply.text);
    }
    assert!(reply["messageParams"].is_object() && reply["errors"] == json!([]), "{}", reply.text);
    assert!(!reply.text.contains("777888777"), "{}", reply.text);
    let fields = reply["details"].as_array().unwrap().iter();
    fields.map(|detail| detail["fieldName"].as_str().unwrap().to_owned()).collect()
}

fn is_time(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && text.as_bytes()[19] == b'.'
}

#[tokio::test]
async fn a1_a_list_is_made_with_its_defaults() {
    let world = World::start(|_| {}).await;
    let mut body = l();
    body["unheard"] = json!({"of": 1});
    body["emailColumns"] = Value::Null;
    let made = world.post(LISTS, body).await.with_plain(200);
    assert_eq!((&made["version"], &made["size"], &made["trimWhitespace"]), (&json!(1), &json!(0), &json!(true)));
    assert!(made.str("selfUri").ends_with(made.str("id")));
    assert!(is_time(made.str("dateCreated")) && is_time(made.str("dateModified")), "{}", made.text);
    assert_eq!(made["columnNames"], json!(["first_name", "phone_number"]));
    assert_eq!(made["phoneColumns"], json!([{"columnName": "phone_number", "type": "cell"}]));
    let read = world.get(made.str("selfUri")).await.with_plain(200);
    assert_eq!(read.body, made.body);
    assert_eq!(read["importStatus"].get("state"), None, "none before the first import");
    world.site.stop().await;
}

#[tokio::test]
async fn a1_what_a_list_cannot_be_is_named() {
    let world = World::start(|_| {}).await;
    let many: Vec<String> = (0..51).map(|n| format!("c{n}")).collect();
    let wrong = [
        (json!({"name": " "}), "name"),
        (json!({"columnNames": []}), "columnNames"),
        (json!({"columnNames": many}), "columnNames"),
        (json!({"columnNames": ["phone_number", "phone_number"]}), "columnNames[1]"),
        (json!({"columnNames": ["phone_number", "a\\b"]}), "columnNames[1]"),
        (json!({"phoneColumns": []}), "phoneColumns"),
        (json!({"phoneColumns": [{"columnName": "x", "type": "cell"}]}), "phoneColumns[0].columnName"),
        (json!({"zipCodeColumnName": "first_name"}), "zipCodeColumnName"),
        (
            json!({"automaticTimeZoneMapping": true, "phoneColumns":
                [{"columnName": "phone_number", "type": "cell", "callableTimeColumn": "first_name"}]}),
            "phoneColumns[0].callableTimeColumn",
        ),
        (json!({"retentionType": "Sometimes"}), "retentionType"),
    ];
    for (change, field) in wrong {
        let mut body = l();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let fields = refused(&world.post(LISTS, body).await, 400, "invalid.value");
        assert!(fields.iter().any(|found| found == field), "{field}: {fields:?}");
    }
    world.list(l()).await;
    refused(&world.post(LISTS, l()).await, 409, "duplicate.name");
    refused(&world.post(LISTS, json!([1])).await, 400, "bad.request");
    refused(&world.get(&format!("{LISTS}/none")).await, 404, "not.found");
    world.site.stop().await;
}

#[tokio::test]
async fn a2_contacts_are_added_in_order_with_their_chains() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let added = world.post(&format!("{list}/contacts?priority=true"), sample()).await.with_plain(200);
    let ids: Vec<_> = added.body.as_array().unwrap().iter().map(|contact| contact["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["42", "84"]);
    assert_eq!(added.body[0]["phoneNumberStatus"], json!({"phone_number": {"callable": true}}));
    assert!(is_time(added.body[0]["dateCreated"].as_str().unwrap()));
    let address = added.body[1]["selfUri"].as_str().unwrap();
    assert_eq!(world.get(address).await.with_plain(200)["callable"], false);
    for (id, record_type) in [("42", 2), ("84", 7)] {
        let chain = world.chain(&list, id).await;
        let shown: Vec<_> = chain
            .iter()
            .map(|it| (it.contact_info.as_str(), it.record_type, it.record_status, it.call_result))
            .collect();
        assert_eq!(shown, [("+420777888777", record_type, 1, 28)]);
    }
    world.site.stop().await;
}

#[tokio::test]
async fn a2_a_batch_is_stored_whole_or_not_at_all() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let contacts = format!("{list}/contacts");
    let batch = json!([{"id": "1", "data": {"first_name": "a"}}, {"id": "2", "data": {"city": "x"}},
        {"id": "3", "data": {"first_name": "n".repeat(513)}}, 7, {"id": "", "data": {}},
        {"id": "5", "contactListId": "other", "data": {}}]);
    let fields = refused(&world.post(&contacts, batch).await, 400, "invalid.value");
    assert_eq!(fields, ["[1].data.city", "[2].data.first_name", "[3]", "[4].id", "[5].contactListId"]);
    assert_eq!(world.size(&list).await, 0);
    refused(&world.post(&contacts, json!({"id": "1"})).await, 400, "bad.request");
    let text = world.site.ask(Method::POST, &contacts).header("content-type", "application/json").body("[");
    refused(&Reply::of(text).await, 400, "bad.request");
    // The same id twice: both answers show what it became.
    let twice = json!([{"id": "9", "data": {"first_name": "one"}}, {"id": "9", "data": {"first_name": "two"}}]);
    let twice = world.post(&contacts, twice).await.with_plain(200);
    for n in 0..2 {
        assert_eq!(twice.body[n]["data"]["first_name"], "two");
    }
    // A phone that cannot be dialed is kept, and said to be so.
    let bad = world.post(&contacts, json!([{"data": {"phone_number": "0123"}}])).await.with_plain(200);
    assert_eq!(bad.body[0]["phoneNumberStatus"]["phone_number"]["callable"], false);
    assert_eq!(bad.body[0]["data"]["phone_number"], "0123");
    assert!(!bad.body[0]["id"].as_str().unwrap().is_empty());
    assert_eq!(world.size(&list).await, 2);
    world.site.stop().await;
}

#[tokio::test]
async fn a3_an_update_leaves_what_it_does_not_name() {
    let world = World::start(|_| {}).await;
    let list = world.sample().await;
    let mut records = world.chain(&list, "42").await;
    (records[0].attempt, records[0].call_result) = (3, 6);
    let write = Write::Records { list: "L".into(), records };
    world.site.access.store().commit(vec![write]).await.unwrap();
    let change = json!([{"id": "42", "data": {"first_name": "johnny"}}]);
    let changed = world.post(&format!("{list}/contacts"), change).await.with_plain(200);
    assert_eq!(changed.body[0]["data"], json!({"first_name": "johnny", "phone_number": "+420777888777"}));
    assert_eq!(world.size(&list).await, 2);
    let chain = world.chain(&list, "42").await;
    assert_eq!((chain[0].attempt, chain[0].call_result), (3, 6));
    // A whole contact in its place, on the other hand, has empty columns.
    let whole =
        world.send(Method::PUT, &format!("{list}/contacts/42"), Some(json!({"data": {"first_name": "x"}}))).await;
    assert_eq!(whole.with_plain(200)["data"], json!({"first_name": "x", "phone_number": ""}));
    let other = json!({"id": "84", "data": {}});
    let fields =
        refused(&world.send(Method::PUT, &format!("{list}/contacts/42"), Some(other)).await, 400, "invalid.value");
    assert_eq!(fields, ["id"]);
    let unknown = world.send(Method::PUT, &format!("{list}/contacts/7"), Some(json!({"data": {}}))).await;
    refused(&unknown, 404, "not.found");
    world.site.stop().await;
}

#[tokio::test]
async fn a4_more_than_a_thousand_contacts_are_refused_together() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let contacts =
        |count: usize| Value::from((0..count).map(|n| json!({"id": n.to_string(), "data": {}})).collect::<Vec<_>>());
    let reply = world.post(&format!("{list}/contacts"), contacts(1_001)).await;
    refused(&reply, 400, "too.many.contacts");
    assert_eq!(reply["limit"], json!({"key": "contacts", "value": 1_000}));
    assert_eq!(world.size(&list).await, 0);
    world.post(&format!("{list}/contacts"), contacts(1_000)).await.with_plain(200);
    assert_eq!(world.size(&list).await, 1_000);
    world.site.stop().await;
}

#[tokio::test]
async fn a5_a_list_is_changed_by_who_has_seen_its_version() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let put = async |change: &[(&str, Value)]| {
        let mut body = l();
        body["version"] = json!(1);
        for (name, value) in change {
            body[*name] = value.clone();
        }
        world.send(Method::PUT, &list, Some(body)).await
    };
    assert_eq!(refused(&put(&[("version", Value::Null)]).await, 400, "invalid.value"), ["version"]);
    let columns = ("columnNames", json!(["phone_number"]));
    assert_eq!(refused(&put(&[columns]).await, 400, "invalid.value"), ["columnNames"]);
    world
        .list(json!({"name": "other", "columnNames": ["p"], "phoneColumns": [{"columnName": "p", "type": "home"}]}))
        .await;
    refused(&put(&[("name", json!("other"))]).await, 409, "duplicate.name");
    let first = put(&[("name", json!("M")), ("division", json!({"id": "d1"}))]).await.with_plain(200);
    assert_eq!((&first["version"], first.str("name")), (&json!(2), "M"));
    assert_eq!(first["division"], json!({"id": "d1"}));
    refused(&put(&[("name", json!("N"))]).await, 409, "version.mismatch");
    world.site.stop().await;
}

#[tokio::test]
async fn a6_a_contact_that_is_being_dialed_stays() {
    let world = World::start(|_| {}).await;
    let list = world.sample().await;
    let mut records = world.chain(&list, "42").await;
    records[0].record_status = 2;
    let write = Write::Records { list: "L".into(), records };
    world.site.access.store().commit(vec![write]).await.unwrap();
    let gone = world.send(Method::DELETE, &format!("{list}/contacts?contactIds=42%2C84"), None).await;
    assert_eq!((gone.status, gone.text.as_str()), (200, ""));
    assert_eq!(gone.headers["x-commdn-not-deleted"], "1");
    assert_eq!(world.get(&format!("{list}/contacts/42")).await.status, 200);
    refused(&world.get(&format!("{list}/contacts/84")).await, 404, "not.found");
    refused(&world.send(Method::DELETE, &list, None).await, 409, "in.use");
    let none = world.send(Method::DELETE, &format!("{list}/contacts?contactIds=7&contactIds=8"), None).await;
    assert_eq!((none.status, &none.headers["x-commdn-not-deleted"]), (200, &header::HeaderValue::from_static("0")));
    refused(&world.send(Method::DELETE, &format!("{list}/contacts"), None).await, 400, "invalid.value");
    world.site.stop().await;
}

#[tokio::test]
async fn lists_are_cleared_and_removed_and_shown_in_pages() {
    let world = World::start(|_| {}).await;
    let list = world.sample().await;
    for body in [None, Some(Value::Null)] {
        let cleared = world.send(Method::POST, &format!("{list}/clear"), body).await;
        assert_eq!((cleared.status, cleared.text.as_str()), (200, ""));
        assert_eq!(world.size(&list).await, 0);
        world.post(&format!("{list}/contacts"), sample()).await.with_plain(200);
    }
    let mut paths = vec![list];
    for name in ["a1", "a2", "b"] {
        let mut body = l();
        body["name"] = json!(name);
        paths.push(world.list(body).await);
    }
    let names = |page: &Reply| {
        let entities = page["entities"].as_array().unwrap().iter();
        entities.map(|list| list["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = world.get(&format!("{LISTS}?pageSize=500&includeSize=true")).await.with_plain(200);
    assert_eq!(
        (names(&page), &page["pageSize"], &page["total"]),
        (vec!["a1".into(), "a2".into(), "b".into(), "L".into()], &json!(100), &json!(4))
    );
    let page =
        world.get(&format!("{LISTS}?pageSize=1&pageNumber=2&name=A*&sortOrder=descending")).await.with_plain(200);
    assert_eq!((names(&page), &page["pageCount"]), (vec!["a1".to_owned()], &json!(2)));
    assert!(page["nextUri"].is_null() && page["previousUri"].is_string() && page["selfUri"].is_string());
    let id = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let both = format!("{LISTS}?id={},{}&id={}", id(&paths[1]), id(&paths[2]), id(&paths[3]));
    assert_eq!(names(&world.get(&both).await), ["a1", "a2", "b"]);
    let behind = world.get(&format!("{LISTS}?pageSize=2&pageNumber=9&allowEmptyResult=true")).await;
    assert!(names(&behind).is_empty());
    assert_eq!(names(&world.get(&format!("{LISTS}?pageSize=2&pageNumber=9")).await), ["b", "L"]);
    for wrong in ["pageSize=x", "pageNumber=0", "sortBy=colour", "filterType=XOR"] {
        refused(&world.get(&format!("{LISTS}?{wrong}")).await, 400, "invalid.value");
    }
    let two = format!("{LISTS}?id={}%2C{}", id(&paths[1]), id(&paths[0]));
    assert_eq!(world.send(Method::DELETE, &two, None).await.status, 200);
    assert_eq!(names(&world.get(LISTS).await), ["a2", "b"]);
    world.site.stop().await;
}

#[tokio::test]
async fn contacts_are_read_by_ids_and_found_by_operators() {
    let world = World::start(|_| {}).await;
    let list = world
        .list(json!({"name": "S", "columnNames": ["name", "age", "p"], "phoneColumns": [{"columnName": "p", "type": "cell"}]}))
        .await;
    let people = [("1", "anna", "9"), ("2", "bert", "10"), ("3", "berta", "30"), ("4", "carl", "")];
    let contacts: Vec<Value> =
        people.iter().map(|(id, name, age)| json!({"id": id, "data": {"name": name, "age": age}})).collect();
    world.post(&format!("{list}/contacts"), json!(contacts)).await.with_plain(200);
    let read = world.post(&format!("{list}/contacts/bulk"), json!(["3", "x", "1"])).await.with_plain(200);
    let ids: Vec<_> = read.body.as_array().unwrap().iter().map(|contact| contact["id"].clone()).collect();
    assert_eq!(ids, ["3", "1"]);

    let found = async |body: Value| {
        let reply = world.post(&format!("{list}/contacts/search"), body).await.with_plain(200);
        let entities = reply["entities"].as_array().unwrap().iter();
        (entities.map(|contact| contact["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(""), reply)
    };
    let by = |predicate: Value| json!({"criteria": {"clauses": [{"filterType": "AND", "predicates": [predicate]}]}});
    let table = [
        (json!({"column": "name", "operator": "EQUALS", "value": "bert"}), "2"),
        (json!({"column": "name", "operator": "EQUALS", "value": "bert", "inverted": true}), "134"),
        (json!({"column": "name", "operator": "BEGINS_WITH", "value": "ber"}), "23"),
        (json!({"column": "name", "operator": "ENDS_WITH", "value": "a"}), "13"),
        (json!({"column": "name", "operator": "CONTAINS", "value": "n"}), "1"),
        (json!({"column": "name", "operator": "AFTER", "value": "bert"}), "34"),
        (json!({"column": "name", "operator": "BEFORE", "value": "bert"}), "1"),
        (json!({"column": "name", "operator": "IN", "range": {"inSet": ["anna", "carl"]}}), "14"),
        (json!({"column": "age", "columnType": "numeric", "operator": "LESS_THAN", "value": "10"}), "1"),
        (json!({"column": "age", "columnType": "numeric", "operator": "LESS_THAN_EQUALS", "value": "10"}), "12"),
        (json!({"column": "age", "columnType": "numeric", "operator": "GREATER_THAN", "value": "9.5"}), "23"),
        (json!({"column": "age", "columnType": "numeric", "operator": "GREATER_THAN_EQUALS", "value": "30"}), "3"),
        (
            json!({"column": "age", "columnType": "numeric", "operator": "BETWEEN", "range": {"min": "9", "max": "30"}}),
            "123",
        ),
        (
            json!({"column": "age", "columnType": "numeric", "operator": "BETWEEN",
                "range": {"min": "9", "max": "30", "minInclusive": false, "maxInclusive": false}}),
            "2",
        ),
        (json!({"column": "inin-outbound-id", "operator": "EQUALS", "value": "4"}), "4"),
    ];
    for (predicate, wanted) in table {
        let (ids, reply) = found(by(predicate.clone())).await;
        assert_eq!((ids.as_str(), &reply["contactsCount"]), (wanted, &json!(wanted.len())), "{predicate}");
    }
    let sorts = json!({"pageSize": 2, "pageNumber": 1, "contactSorts": [{"fieldName": "age", "direction": "DESC", "numeric": true}]});
    assert_eq!(found(sorts).await.0, "32");
    let either = json!({"criteria": {"filterType": "OR", "clauses": [
        {"predicates": [{"column": "name", "operator": "EQUALS", "value": "anna"}]},
        {"predicates": [{"column": "name", "operator": "EQUALS", "value": "carl"}]}]}});
    assert_eq!(found(either).await.0, "14");
    for (wrong, field) in [
        (json!({"column": "x", "operator": "EQUALS", "value": "1"}), "column"),
        (json!({"column": "name", "operator": "LIKE", "value": "1"}), "operator"),
        (json!({"column": "name", "operator": "EQUALS"}), "value"),
        (json!({"column": "age", "columnType": "numeric", "operator": "EQUALS", "value": "old"}), "value"),
        (json!({"column": "age", "operator": "BETWEEN", "range": {"min": "1"}}), "range"),
    ] {
        let reply = world.post(&format!("{list}/contacts/search"), by(wrong)).await;
        assert_eq!(refused(&reply, 400, "invalid.value"), [format!("criteria.clauses[0].predicates[0].{field}")]);
    }
    let filter = world.post(&format!("{list}/contacts/search"), json!({"contactListFilterId": "f"})).await;
    refused(&filter, 400, "not.supported");
    world.site.stop().await;
}

#[tokio::test]
async fn bulk_changes_go_on_behind_their_answer_with_a_backup_in_front() {
    let world = World::start(|_| {}).await;
    let list = world.sample().await;
    let done = async |begun: Reply| {
        let begun = begun.with_plain(200);
        assert_eq!(begun["state"], "InProgress");
        world.until(begun.str("selfUri"), |reply| reply["state"] != "InProgress").await
    };
    let bulk = format!("{list}/contacts/bulk");
    refused(&world.post(&format!("{bulk}/remove"), json!({})).await, 400, "invalid.value");
    refused(&world.post(&format!("{bulk}/update"), json!({"contactIds": ["42"]})).await, 400, "invalid.value");
    let wrong = json!({"contactIds": ["42"], "contact": {"data": {"city": "x"}}});
    assert_eq!(
        refused(&world.post(&format!("{bulk}/update"), wrong).await, 400, "invalid.value"),
        ["contact.data.city"]
    );

    let change =
        json!({"contactIds": ["84", "7"], "contact": {"data": {"first_name": "=x"}}, "generateDownloadURI": false});
    let edit = done(world.post(&format!("{bulk}/update"), change).await).await;
    assert_eq!((edit.str("state"), edit.str("type"), &edit["completedRecords"]), ("Complete", "BulkEdit", &json!(1)));
    assert!(edit["downloadURI"].is_null());
    assert_eq!(world.get(&format!("{list}/contacts/84")).await["data"]["first_name"], "=x");
    assert_eq!(world.size(&list).await, 2, "nobody is made by a change");

    let those = json!({"criteria": {"clauses": [{"predicates":
        [{"column": "first_name", "operator": "BEGINS_WITH", "value": "="}]}]}});
    let removed = done(world.post(&format!("{bulk}/remove"), those).await).await;
    assert_eq!((removed.str("state"), removed.str("type")), ("Complete", "BulkDelete"));
    assert_eq!((&removed["totalRecords"], &removed["percentComplete"]), (&json!(1), &json!(100)));
    assert_eq!(world.size(&list).await, 1);
    let backup = world.fetch(removed.str("downloadURI")).await;
    assert_eq!(backup, "inin-outbound-id,first_name,phone_number,ContactCallable\n84,\"'=x\",+420777888777,0\n");
    let jobs = world.get(&format!("{bulk}/jobs")).await.with_plain(200);
    assert_eq!((&jobs["entities"][0], jobs["entities"].as_array().unwrap().len()), (&removed.body, 2));
    refused(&world.get(&format!("{bulk}/jobs/none")).await, 404, "not.found");
    world.site.stop().await;
}

#[tokio::test]
async fn exports_mark_formulas_and_come_back_as_they_were() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    refused(&world.get(&format!("{list}/export")).await, 404, "not.found");
    let person =
        |id: &str, name: &str, phone: &str| json!({"id": id, "data": {"first_name": name, "phone_number": phone}});
    let people = json!([person("1", "=1+1", "+420777888777"), person("2", "-x", ""), person("3", "a,b", "")]);
    world.post(&format!("{list}/contacts"), people).await.with_plain(200);
    let text = world.export(&list, Value::Null).await;
    let wanted = "inin-outbound-id,first_name,phone_number,ContactCallable\n1,\"'=1+1\",+420777888777,1\n\
        2,\"'-x\",,1\n3,\"a,b\",,1\n";
    assert_eq!(text, wanted);
    let some = world.export(&list, json!({"contactIds": ["3", "2"]})).await;
    assert_eq!(some.lines().count(), 3);
    let leads = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let leads = leads.get(format!("http://{}{list}/export?download=true", world.site.addr)).send().await.unwrap();
    assert_eq!(leads.status(), 302);
    let uri = leads.headers()["location"].to_str().unwrap();
    assert_eq!(world.fetch(uri).await, some);
    refused(&world.get("/api/v2/downloads/none").await, 404, "not.found");
    world.site.stop().await;
}

async fn announce(world: &World, list: &str, more: Value) -> Reply {
    let mut body = json!({"id": list.rsplit('/').next().unwrap(), "contactIdName": "id", "contentType": "text/csv"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.post(&format!("{LISTS}/uploads"), body).await
}

async fn put(world: &World, announced: &Reply, csv: &str) -> Reply {
    let mut request = world.site.client.put(announced.str("url")).body(csv.to_owned());
    for (name, value) in announced["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    Reply::of(request).await
}

#[tokio::test]
async fn files_come_by_addresses_that_work_once() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let csv = "id,first_name,phone_number\n42,john,+420777888777\n84,jane,nonsense\n\n";
    let announced = announce(&world, &list, json!({"contentLength": csv.len()})).await.with_plain(200);
    assert!(announced.str("url").starts_with(&format!("http://{}/uploads/v2/contactlist/", world.site.addr)));
    refused(&put(&world, &announced, &format!("{csv}x")).await, 413, "bad.request");
    refused(&put(&world, &announced, "id\n").await, 400, "bad.request");
    let reply = put(&world, &announced, csv).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    let status = world.import_status(&list).await;
    assert_eq!(
        (status.str("state"), &status["totalRecords"], &status["percentComplete"]),
        ("COMPLETED", &json!(2), &json!(100))
    );
    assert_eq!(status["targetContactListIds"], json!([list.rsplit('/').next().unwrap()]));
    assert_eq!(world.size(&list).await, 1, "a file demands phones that can be dialed");
    refused(&put(&world, &announced, csv).await, 403, "not.authorized");
    for (from, to) in [("signature=", "signature=0"), ("expires=", "expires=9"), ("contactlist/", "contactlist/0")] {
        let url = announced.str("url").replace(from, to);
        refused(&Reply::of(world.site.client.put(url).body("x")).await, 403, "not.authorized");
    }
    let shown = world.get(&format!("{LISTS}?includeImportStatus=true")).await;
    assert_eq!(shown["entities"][0]["importStatus"]["state"], "COMPLETED");
    for (more, code) in [
        (json!({"contentType": "application/vnd.ms-excel"}), "not.supported"),
        (json!({"fileName": "a.XLSX"}), "not.supported"),
        (json!({"importTemplateId": "t"}), "not.supported"),
        (json!({"signedUrlTimeoutSeconds": 0}), "invalid.value"),
        (json!({"signedUrlTimeoutSeconds": 604_801}), "invalid.value"),
    ] {
        refused(&announce(&world, &list, more).await, 400, code);
    }
    world.site.stop().await;
}

#[tokio::test]
async fn files_come_as_forms_and_unknown_columns_fail_before_any_row() {
    let world = World::start(|_| {}).await;
    let list = world.list(l()).await;
    let form = async |csv: &str, kind: &str| {
        let field = |name: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file =
            format!("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../a.csv\"\r\n\r\n{csv}\r\n");
        let id = list.rsplit('/').next().unwrap();
        let rest = [field("fileType", kind), field("id", id), field("contact-id-name", "inin-outbound-id")].concat();
        let request = world.site.ask(Method::POST, "/uploads/v2/contactlist").body(format!("{file}{rest}--b--\r\n"));
        Reply::of(request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")).await
    };
    assert_eq!(form("inin-outbound-id,city\n1,x\n", "contactlist").await.status, 200);
    let status = world.import_status(&list).await;
    assert_eq!(status.str("state"), "FAILED");
    assert!(status.str("failureReason").contains("city"), "{}", status.text);
    assert_eq!(world.size(&list).await, 0);
    refused(&form("inin-outbound-id\n1\n", "other").await, 400, "not.supported");
    // An export comes back as it was, marks and all.
    let export = "inin-outbound-id,first_name,phone_number,ContactCallable\n7,\"'=x\",+420777888777,0\n";
    assert_eq!(form(export, "contactlist").await.status, 200);
    world.until(&format!("{list}/importstatus"), |reply| reply["state"] == "COMPLETED").await;
    let contact = world.get(&format!("{list}/contacts/7")).await.with_plain(200);
    assert_eq!((&contact["data"]["first_name"], &contact["callable"]), (&json!("=x"), &json!(false)));
    world.site.stop().await;
}

#[tokio::test]
async fn tokens_are_given_for_keys_only_and_reach_as_far_as_those() {
    let mut world = World::with_tokens().await;
    let (id, secret) = world.key(&["contacts:*"]).await;
    let grant = "grant_type=client_credentials";
    let given = world.token_call(&id, &secret, grant).await.with_plain(200);
    assert_eq!((given.str("token_type"), &given["expires_in"]), ("bearer", &json!(3_600)));
    let tail = secret.rsplit('_').next().unwrap().to_owned();
    world.token_call(&id, &tail, grant).await.with_plain(200);
    for (client, secret) in [(&*id, "wrong"), ("0123456789abcdef", &*secret), ("", ""), (&*id, "")] {
        let reply = world.token_call(client, secret, grant).await;
        assert_eq!((reply.status, &reply.body), (401, &json!({"error": "invalid_client"})));
    }
    let other = world.token_call(&id, &secret, "grant_type=password").await;
    assert_eq!((other.status, &other.body), (400, &json!({"error": "unsupported_grant_type"})));

    refused(&world.get(LISTS).await, 401, "authentication.required");
    world.token = Some("cdt_0000000000000000_0".into());
    refused(&world.get(LISTS).await, 401, "authentication.required");
    world.token = Some(given.str("access_token").to_owned());
    let own = world.sample().await;
    let mut body = l();
    body["name"] = json!("foreign");
    let foreign = world.list(body).await;
    world.site.access.revoke_key(&id).await.unwrap();
    refused(&world.get(LISTS).await, 401, "authentication.required");

    world.become_client(&["contacts:read"]).await;
    world.get(&own).await.with_plain(200);
    world.post(&format!("{own}/contacts/search"), json!({})).await.with_plain(200);
    for (method, path) in [
        (Method::POST, LISTS.to_owned()),
        (Method::POST, format!("{own}/contacts")),
        (Method::DELETE, format!("{own}/contacts?contactIds=42")),
        (Method::DELETE, own.clone()),
        (Method::POST, format!("{own}/clear")),
        (Method::POST, format!("{LISTS}/uploads")),
        (Method::POST, format!("{own}/contacts/bulk/remove")),
    ] {
        refused(&world.send(method, &path, Some(json!({"id": "x"}))).await, 403, "not.authorized");
    }
    world.become_client(&["contacts:*@list=L"]).await;
    let page = world.get(LISTS).await.with_plain(200);
    assert_eq!((&page["total"], &page["entities"][0]["name"]), (&json!(1), &json!("L")));
    world.post(&format!("{own}/contacts"), sample()).await.with_plain(200);
    refused(&world.post(&format!("{foreign}/contacts"), sample()).await, 403, "not.authorized");
    refused(&world.get(&foreign).await, 403, "not.authorized");
    let mut renamed = l();
    (renamed["name"], renamed["version"]) = (json!("mine"), json!(1));
    refused(&world.send(Method::PUT, &own, Some(renamed)).await, 403, "not.authorized");
    // An address that is none, and a method that is none, speak the same words.
    refused(&world.get("/api/v2/outbound/nothing").await, 404, "not.found");
    refused(&world.send(Method::PATCH, &own, None).await, 405, "bad.request");
    world.site.stop().await;
}

#[tokio::test]
async fn our_own_client_loads_deletes_and_clears_our_own_lists() {
    let mut world = World::with_tokens().await;
    let (id, secret) = world.key(&["contacts:*"]).await;
    world.become_client(&["contacts:read"]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let csv = "id,first_name,phone_number,callable\n42,john,+420777888777,1\n84,jane,+420777888777,0\n";
    std::fs::write(path("a.csv"), csv).unwrap();
    std::fs::write(path("secret"), secret).unwrap();
    let region = format!("http://{}", world.site.addr);
    let run = async |verb: &str, more: &[&str]| {
        let (secret, file) = (path("secret"), path("a.csv"));
        let mut words =
            vec!["commdn", "contacts", verb, "--to", "genesys-cloud", "--region", &region, "--client-id", &id];
        words.extend(["--client-secret-file", &secret, "--quiet"]);
        if verb != "clear" {
            words.push(&file);
        }
        words.extend(more);
        let cli = Cli::try_parse_from(&words).unwrap();
        let ctx = Ctx { out: Output::new(&cli.global), global: cli.global };
        let Verb::Contacts(verb) = cli.verb else { panic!("{words:?}") };
        contacts::run(*verb, &ctx).await.unwrap_or_else(|error| panic!("{error}"))
    };
    let columns = ["--columns", "id,first_name,phone_number,callable", "--phone-column", "phone_number:cell"];
    let ids = ["--id-column", "id", "--callable-column", "callable"];
    assert_eq!(run("push", &[&columns[..], &ids, &["--list-name", "L"]].concat()).await, Exit::Done);
    let lists = world.get(LISTS).await.with_plain(200);
    let list = lists["entities"][0]["selfUri"].as_str().unwrap().to_owned();
    assert_eq!((&lists["entities"][0]["size"], &lists["entities"][0]["name"]), (&json!(2), &json!("L")));
    let jane = world.get(&format!("{list}/contacts/84")).await.with_plain(200);
    assert_eq!((&jane["data"]["first_name"], &jane["callable"]), (&json!("jane"), &json!(false)));

    let list_id = list.rsplit('/').next().unwrap();
    std::fs::write(path("a.csv"), csv.replace("jane", "janet")).unwrap();
    assert_eq!(run("push", &[&columns[..], &ids, &["--list-id", list_id]].concat()).await, Exit::Done);
    assert_eq!(world.get(&format!("{list}/contacts/84")).await["data"]["first_name"], "janet");
    std::fs::write(path("a.csv"), "id\n42\n").unwrap();
    assert_eq!(run("delete", &["--list-id", list_id, "--id-column", "id", "--yes"]).await, Exit::Done);
    assert_eq!(world.size(&list).await, 1);
    assert_eq!(run("clear", &["--list-id", list_id, "--yes"]).await, Exit::Done);
    assert_eq!(world.size(&list).await, 0);
    world.site.stop().await;
}

#[tokio::test]
async fn a_list_that_a_campaign_has_loaded_is_not_removed() {
    let topology = Topology::demo();
    let (campaign, _) = topology.campaigns.iter().find(|(campaign, _)| campaign.dbid.0 == 101).unwrap();
    let name = campaign.lists[0].clone();
    let world = World { site: Site::demo().await, token: None };
    let list = world.list(json!({"name": name, "columnNames": ["p"], "phoneColumns": [{"columnName": "p"}]})).await;
    let other = world.list(l()).await;
    world.site.post(&renewals("/load")).await.outcome("answered");

    refused(&world.send(Method::DELETE, &list, None).await, 409, "in.use");
    let (id, other_id) = (list.rsplit('/').next().unwrap(), other.rsplit('/').next().unwrap());
    let both = world.send(Method::DELETE, &format!("{LISTS}?id={other_id},{id}"), None).await;
    refused(&both, 409, "in.use");
    world.get(&other).await.with_plain(200);
    let native = Reply::of(world.site.ask(Method::DELETE, &format!("/v1/lists/{name}"))).await;
    native.problem(409, "in-use");
    // What is in it may go, and come.
    assert_eq!(world.send(Method::POST, &format!("{list}/clear"), None).await.status, 200);

    world.site.post(&renewals("/unload?wait=60s")).await.outcome("answered");
    assert_eq!(world.send(Method::DELETE, &list, None).await.status, 200);
    world.site.stop().await;
}

#[tokio::test]
async fn a_restart_knows_bulk_changes_and_exports_and_their_files() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().display().to_string();
    let start = async || World::start(|config| config.store.path = Some(path.clone())).await;
    let world = start().await;
    let list = world.sample().await;
    let export = world.export(&list, json!({})).await;
    let begun = world.post(&format!("{list}/contacts/bulk/remove"), json!({"contactIds": ["84"]})).await;
    let done = world.until(begun.with_plain(200).str("selfUri"), |reply| reply["state"] != "InProgress").await;
    let backup = done.str("downloadURI").rsplit('/').next().unwrap().to_owned();
    world.site.stop().await;
    let files = data.path().join("imports/exports");
    std::fs::write(files.join("00000000-0000-4000-8000-000000000000.csv"), "of a run that was killed").unwrap();

    let world = start().await;
    let found = world.get(done.str("selfUri")).await.with_plain(200);
    assert_eq!((found.str("state"), &found["totalRecords"]), ("Complete", &json!(1)));
    let ready = world.get(&format!("{list}/export")).await.with_plain(200);
    assert_eq!(world.fetch(ready.str("uri")).await, export);
    let kept = world.get(&format!("/api/v2/downloads/{backup}")).await;
    assert_eq!(kept.text.lines().count(), 2, "{}", kept.text);
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 3, "two files, and the note of them");
    world.site.stop().await;

    // A change that was cut off says so, and a file that is too old is gone.
    let note = std::fs::read_to_string(files.join("kept.json")).unwrap();
    std::fs::write(files.join("kept.json"), note.replace("Complete", "InProgress")).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 3_600);
    let file = std::fs::File::options().write(true).open(files.join(format!("{backup}.csv"))).unwrap();
    file.set_modified(old).unwrap();
    let world = start().await;
    let found = world.get(done.str("selfUri")).await.with_plain(200);
    assert_eq!(found.str("state"), "Failed");
    assert!(found.str("failureReason").contains("stopped") && found["downloadURI"].is_null(), "{}", found.text);
    refused(&world.get(&format!("/api/v2/downloads/{backup}")).await, 404, "not.found");
    world.site.stop().await;
}

#[tokio::test]
async fn an_address_may_end_with_a_slash() {
    let world = World::start(|_| {}).await;
    let list = world.sample().await;
    let page = world.get(&format!("{LISTS}/?pageSize=5")).await.with_plain(200);
    assert_eq!((&page["total"], &page["pageSize"]), (&json!(1), &json!(5)));
    assert_eq!(world.get(&format!("{list}/")).await.with_plain(200)["size"], 2);
    assert_eq!(world.get(&format!("{list}/contacts/42/")).await.with_plain(200)["id"], "42");
    assert_eq!(world.get(&format!("{list}/contacts/42//")).await.status, 404);
    world.site.get("/v1/lists/").await.problem(404, "not-found");
    world.site.stop().await;
}
