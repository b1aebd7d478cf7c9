//! D: dialler contacts of jtel at the door of a running gateway (specification of contacts, 3.D and section 7).

use std::sync::Arc;

use commdn::contact::{CallingList, Draft, ImportProfile, MatchKey, OnMatch, Phone, PhoneColumn};
use commdn::engine::ocs::Record;
use commdn::engine::topology::Topology;
use commdn::service::Config;
use commdn::service::import::{Call, ImportService, new_list, open_imports};
use commdn::store::contacts::ContactStore;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::site::{Reply, Site};

const BASE: &str = "/rest/v1.0/1/dialler/contacts";

struct World {
    site: Site,
    imports: ImportService,
    token: Option<String>,
}

impl World {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let site = Site::gateway(&Topology::demo(), "127.0.0.1:1", change).await;
        let imports = open_imports(&Config::default(), site.access.store().contacts());
        Self { site, imports, token: None }
    }

    fn contacts(&self) -> Arc<dyn ContactStore> {
        self.site.access.store().contacts()
    }

    /// Makes a campaign; its number.
    async fn campaign(&self, name: &str) -> i64 {
        let list = CallingList { time_zone: "Europe/Berlin".into(), ..new_list(name) };
        self.imports.create_list(list).await.unwrap().list.number
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

    async fn get(&self, rest: &str) -> Reply {
        self.send(Method::GET, &format!("{BASE}{rest}"), None).await
    }

    async fn delete(&self, rest: &str) -> Reply {
        self.send(Method::DELETE, &format!("{BASE}{rest}"), None).await
    }

    async fn import(&self, overwrite: &str, body: Value) -> Reply {
        self.send(Method::POST, &format!("{BASE}/import{overwrite}"), Some(body)).await
    }

    async fn chain(&self, contact: &Value) -> Vec<Record> {
        let number = |key: &str| contact[key].as_i64().unwrap();
        self.contacts().chain(number("DiallerCampaignsID"), number("DiallerContactsID")).await.unwrap()
    }
}

fn refused(reply: &Reply, status: u16) -> String {
    assert_eq!((reply.status, reply.kind.as_str()), (status, "application/json"), "{}", reply.text);
    assert_eq!(reply.body.as_object().unwrap().len(), 2, "{}", reply.text);
    assert_eq!(reply["status"], status, "{}", reply.text);
    reply.str("error").to_owned()
}

fn nothing_there(reply: &Reply) {
    assert_eq!((reply.status, reply.text.as_str()), (404, ""), "{}", reply.text);
}

fn least(campaign: i64) -> Value {
    json!({"DiallerCampaignsID": campaign, "Name": "Name", "PhoneNumber1": "+420777888777"})
}

fn with(mut body: Value, change: &[(&str, Value)]) -> Value {
    for (name, value) in change {
        body[*name] = value.clone();
    }
    body
}

/// The whole example of the document.
fn example(campaign: (&str, Value)) -> Value {
    let texts = "UserData testUserData,Client,Service,ReferenceNumber,Name,FirstName,Salutation,Title,Company,Address,\
        PostalCode,City,Country,AccountOwner,AccountBank,AccountNationalBankCode,AccountBIC,AccountNumber,AccountIBAN,\
        PhoneNumber1,PhoneNumber2,PhoneNumber3,PhoneNumber4,PhoneNumber5,PhoneNumber6,FaxNumber,Email,Website,Comment,\
        ReservedUsersUID,FollowUpUsersUID,Manufacturer,Model,Tag";
    let mut body = json!({"RandomSortOrder": null, "Amount": 0.0, "FollowUpDateTime": null,
        "dtBeginDate": "2020-01-01T00:00:00", "dtEndDate": "2020-03-01T00:00:00",
        "ExternalSystemLink": "http://test.external.link/"});
    body[campaign.0] = campaign.1;
    for text in texts.split(',') {
        let (name, value) = text.split_once(' ').unwrap_or((text, text));
        body[name] = value.into();
    }
    body
}

#[tokio::test]
async fn d1_what_is_mandatory_is_asked_for() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    for (change, named) in [
        ([("Name", Value::Null)], "Name"),
        ([("DiallerCampaignsID", Value::Null)], "DiallerCampaignsID"),
        ([("PhoneNumber1", json!(""))], "PhoneNumber1"),
    ] {
        let error = refused(&world.import("", with(least(campaign), &change)).await, 400);
        assert!(error.contains(named), "{error}");
    }
    assert_eq!(world.get("").await.with_plain(200)["count"], 0);
    world.site.stop().await;
}

#[tokio::test]
async fn d2_the_example_is_imported_by_id_and_by_name() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("My Campaign Name").await;
    for place in [("DiallerCampaignsID", json!(campaign)), ("DiallerCampaignsName", json!("My Campaign Name"))] {
        let reply = world.import("?overwriteDuplicates=false", example(place)).await.with_plain(200);
        assert_eq!((&reply["count"], &reply["status"]), (&json!(1), &json!(200)));
        let contact = &reply["records"][0];
        assert_eq!((&contact["Company"], &contact["Amount"]), (&json!("Company"), &json!(0.0)));
        assert_eq!(contact["dtBeginDate"], "2020-01-01T00:00:00");
        for n in 1..=6 {
            assert_eq!(contact[format!("nTriesPhoneNumber{n}")], 0);
            assert_eq!(contact[format!("PhoneNumber{n}")], format!("PhoneNumber{n}"), "kept as it is");
            assert_eq!(contact.get(format!("bPhoneNumber{n}Invalid")), Some(&Value::Null));
        }
        let chain = world.chain(contact).await;
        let types: Vec<_> = chain.iter().map(|record| (record.contact_info.as_str(), record.record_type)).collect();
        let wanted: Vec<String> = (1..=6).map(|n| format!("PhoneNumber{n}")).collect();
        assert_eq!(types, wanted.iter().map(|phone| (phone.as_str(), 7)).collect::<Vec<_>>());
        assert_eq!(chain[0].agent_id.as_deref(), Some("FollowUpUsersUID"));
    }
    world.site.stop().await;
}

#[tokio::test]
async fn d3_user_data_is_overwritten_only_when_that_is_wanted_and_clear() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    let body = |name: &str| with(least(campaign), &[("UserData", json!("u")), ("Name", json!(name))]);
    let first = world.import("?overwriteDuplicates=true", body("one")).await.with_plain(200);
    let second = world.import("?overwriteDuplicates=true", with(body("two"), &[("City", json!("Brno"))])).await;
    let id = &first["records"][0]["DiallerContactsID"];
    assert_eq!((&second["records"][0]["DiallerContactsID"], &second["records"][0]["Name"]), (id, &json!("two")));
    let third = world.import("?overwriteDuplicates=true", body("three")).await.with_plain(200);
    assert_eq!(third["records"][0]["City"], Value::Null, "the whole record is replaced");
    assert_eq!(world.get("").await["count"], 1);
    world.import("?overwriteDuplicates=false", body("four")).await.with_plain(200);
    assert_eq!(world.get("").await["count"], 2);
    let error = refused(&world.import("?overwriteDuplicates=true", body("five")).await, 409);
    assert_eq!(error, "UserData matches 2 dialler contacts");
    // Elsewhere, and without user data, there is nothing to overwrite.
    let other = world.campaign("other").await;
    let elsewhere = with(body("six"), &[("DiallerCampaignsID", json!(other))]);
    world.import("?overwriteDuplicates=true", elsewhere).await.with_plain(200);
    for _ in 0..2 {
        world.import("?overwriteDuplicates=true", least(other)).await.with_plain(200);
    }
    assert_eq!(world.get("").await["count"], 5);
    refused(&world.import("?overwriteDuplicates=yes", body("seven")).await, 400);
    world.site.stop().await;
}

#[tokio::test]
async fn d4_lengths_and_campaigns_are_checked() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    world.import("", with(least(campaign), &[("Name", json!("n".repeat(64)))])).await.with_plain(200);
    let error = refused(&world.import("", with(least(campaign), &[("Name", json!("n".repeat(65)))])).await, 400);
    assert!(error.contains("Name") && error.contains("64"), "{error}");
    let unknown = with(least(campaign), &[("DiallerCampaignsID", Value::Null), ("DiallerCampaignsName", json!("X"))]);
    assert_eq!(refused(&world.import("", unknown).await, 404), "Dialler campaign not found");
    assert_eq!(refused(&world.import("", least(campaign + 99)).await, 404), "Dialler campaign not found");
    let two = world.campaign("two").await;
    let both = |name: &str| with(least(two), &[("DiallerCampaignsName", json!(name))]);
    world.import("", both("two")).await.with_plain(200);
    refused(&world.import("", both("L")).await, 400);
    world.site.stop().await;
}

#[tokio::test]
async fn d4_lengths_of_older_releases_are_shorter() {
    let world = World::start(|config| config.jtel.limits = "older".into()).await;
    let campaign = world.campaign("L").await;
    world.import("", with(least(campaign), &[("Name", json!("n".repeat(32)))])).await.with_plain(200);
    let error = refused(&world.import("", with(least(campaign), &[("Name", json!("n".repeat(33)))])).await, 400);
    assert_eq!(error, "Name has 33 characters, limit is 32");
    world.site.stop().await;
}

#[tokio::test]
async fn d5_contacts_of_other_systems_are_dialler_contacts_too() {
    let world = World::start(|_| {}).await;
    let column = |name: &str| name.to_owned();
    let phones = PhoneColumn { column: column("phone_number"), kind: "cell".into(), time_zone_column: None };
    let list = CallingList {
        columns: vec![column("first_name"), column("phone_number")],
        phone_columns: vec![phones],
        ..new_list("L")
    };
    let list = world.imports.create_list(list).await.unwrap().list.number;
    let draft = |id: &str, name: &str| Draft {
        id: id.into(),
        attributes: vec![(column("first_name"), name.into())],
        phones: vec![Phone {
            column: column("phone_number"),
            raw: "+420777888777".into(),
            e164: Some("+420777888777".into()),
            callable: true,
            ..Phone::default()
        }],
        has_contact: true,
        ..Draft::default()
    };
    let profile =
        ImportProfile { match_keys: vec![MatchKey::Id], on_match: OnMatch::Overwrite, ..ImportProfile::default() };
    let drafts = vec![draft("42", "john"), draft("84", "jane")];
    world.imports.call(Call { profile, list: Some(list), drafts, all_or_nothing: true }).await.unwrap();

    let reply = world.get(&format!("?diallerCampaignsID={list}")).await.with_plain(200);
    let head = json!({"filter": "", "limitStart": 0, "limitPageSize": -1, "count": 2, "orderBy": "Name",
        "ascending": true, "status": 200});
    for (name, value) in head.as_object().unwrap() {
        assert_eq!(&reply[name], value, "{name}");
    }
    let records = reply["records"].as_array().unwrap();
    let of = |name: &str| records.iter().map(|record| record[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((of("FirstName"), of("UserData")), (vec!["john", "jane"], vec!["42", "84"]));
    assert_eq!(of("PhoneNumber1"), ["+420777888777", "+420777888777"]);
    let by_data = world.get("?userData=84").await.with_plain(200);
    assert_eq!((&by_data["count"], &by_data["records"][0]["FirstName"]), (&json!(1), &json!("jane")));
    world.site.stop().await;
}

#[tokio::test]
async fn contacts_are_read_and_deleted_at_both_addresses() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let body = with(least(campaign), &[("UserData", json!("same")), ("Name", json!(format!("n{}", 9 - n)))]);
        ids.push(world.import("", body).await.with_plain(200)["records"][0]["DiallerContactsID"].as_i64().unwrap());
    }
    let names = world.get("").await.body;
    let names: Vec<_> = names["records"].as_array().unwrap().iter().map(|it| it["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["n6", "n7", "n8", "n9"], "by name");
    for address in [format!("/{}", ids[2]), format!("/contact/{}", ids[2])] {
        let reply = world.get(&address).await.with_plain(200);
        assert_eq!((&reply["count"], &reply["records"][0]["Name"]), (&json!(1), &json!("n7")));
    }
    assert_eq!(world.delete(&format!("/contact/{}", ids[2])).await.with_plain(200).body, json!({"status": 200}));
    for address in [format!("/{}", ids[2]), format!("/contact/{}", ids[2])] {
        assert_eq!(refused(&world.get(&address).await, 404), "Dialler contact not found");
    }
    assert_eq!(refused(&world.delete(&format!("/contact/{}", ids[2])).await, 404), "Dialler contact not found");
    world.delete("/contact?userData=same").await.with_plain(200);
    refused(&world.get(&format!("/{}", ids[0])).await, 404);
    assert_eq!(world.get("?userData=same").await["count"], 2, "the smallest id went, the others stay");
    refused(&world.delete("/contact?userData=nobody").await, 404);
    refused(&world.delete("/contact").await, 400);
    refused(&world.get("/x").await, 400);
    refused(&world.get("?diallerCampaignsID=x").await, 400);
    assert_eq!(refused(&world.get("?diallerCampaignsID=999").await, 404), "Dialler campaign not found");
    world.site.stop().await;
}

#[tokio::test]
async fn a_follow_up_makes_a_call_back_at_that_time_of_the_campaigns_zone() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    let at = ("FollowUpDateTime", json!("2020-07-01T12:00:00"));
    for (agent, record_type) in [(Value::Null, 6), (json!("agent"), 5)] {
        let body =
            with(least(campaign), &[at.clone(), ("FollowUpUsersUID", agent), ("FaxNumber", json!("+4930123456"))]);
        let reply = world.import("", body).await.with_plain(200);
        let contact = &reply["records"][0];
        let chain = world.chain(contact).await;
        assert_eq!((chain.len(), chain[0].record_type), (1, record_type), "a fax makes no record");
        assert_eq!(chain[0].dial_sched_time.map(|at| at.0), Some(1_593_597_600));
        assert_eq!(contact["dtNextTry"], "2020-07-01T12:00:00");
    }
    world.site.stop().await;
}

#[tokio::test]
async fn addresses_that_are_none_and_clients_that_are_others_are_told_apart() {
    let world = World::start(|_| {}).await;
    let campaign = world.campaign("L").await;
    for (method, path) in [
        (Method::GET, "/rest/v1.0/1/dialler/contacts/1/lock"),
        (Method::POST, "/rest/v1.0/1/dialler/contacts/contact/1/lock"),
        (Method::GET, "/rest/v1.0/1/nothing"),
        (Method::GET, "/rest/v1.0"),
        (Method::PUT, "/rest/v1.0/1/dialler/contacts/import"),
    ] {
        nothing_there(&world.send(method, path, None).await);
    }
    for clients_id in ["2", "x", "-1"] {
        let path = format!("/rest/v1.0/{clients_id}/dialler/contacts");
        refused(&world.send(Method::GET, &path, None).await, 401);
        refused(&world.send(Method::POST, &format!("{path}/import"), Some(least(campaign))).await, 401);
    }
    for (kind, body) in
        [("text/plain", "x"), ("application/json", "{"), ("application/json", ""), ("application/json", "[]")]
    {
        let request = world.site.ask(Method::POST, &format!("{BASE}/import")).header("content-type", kind).body(body);
        refused(&Reply::of(request).await, 400);
    }
    world.site.stop().await;
}

#[tokio::test]
async fn tokens_reach_as_far_as_their_lists() {
    use commdn::service::access::KeyWish;
    let mut world = World::start(|config| config.auth.mode = "tokens".into()).await;
    let (own, foreign) = (world.campaign("own").await, world.campaign("foreign").await);
    let key = async |world: &World, scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let wish = KeyWish { name: "test".into(), scopes, expires_at: None };
        world.site.access.create_key(&wish, "test").await.unwrap().1.expose_secret().to_owned()
    };
    refused(&world.import("", least(own)).await, 401);
    world.token = Some("no key at all".into());
    refused(&world.get("").await, 401);
    world.token = Some(key(&world, &["contacts:*"]).await);
    for campaign in [own, foreign] {
        world.import("", with(least(campaign), &[("UserData", json!("u"))])).await.with_plain(200);
    }
    world.token = Some(key(&world, &["contacts:*@list=own"]).await);
    refused(&world.import("", least(foreign)).await, 401);
    world.import("", with(least(own), &[("UserData", json!("v"))])).await.with_plain(200);
    assert_eq!(world.get("").await.with_plain(200)["count"], 2);
    assert_eq!(world.get("?userData=u").await.with_plain(200)["count"], 1);
    refused(&world.get(&format!("?diallerCampaignsID={foreign}")).await, 401);
    world.delete("/contact?userData=u").await.with_plain(200);
    refused(&world.delete("/contact?userData=u").await, 404);
    world.token = Some(key(&world, &["contacts:read"]).await);
    assert_eq!(world.get("?userData=u").await.with_plain(200)["count"], 1, "the foreign one is still there");
    refused(&world.delete("/contact?userData=u").await, 401);
    refused(&world.import("", least(own)).await, 401);
    world.site.stop().await;
}
