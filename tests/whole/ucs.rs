//! C: profiles of UCS at the door of a running gateway (specification of contacts, 3.C and section 7).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use commdn::contact::Contact;
use commdn::engine::topology::Topology;
use commdn::service::Config;
use commdn::store::contacts::{ContactStore, ImportJob};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::site::{Reply, Site, guard};

const SAMPLE: &str = "TenantId,Segment,FirstName,LastName,PhoneNumber[2],PhoneNumber[1],EmailAddress,Address.AddressType,\
    Address.PostCode,Address.Address,Address.County,Address.City,Address.Country\n\
    101,not-applicable,elintakiev,baschambrissi,01-357-296-3696,11-213-036-1987,selinta@ebaschambrissi.net,0,6910,qwe,\
    Tucson,Lithuania,Ocala\n";

/// A gateway with an import folder.
struct World {
    site: Site,
    folder: tempfile::TempDir,
    token: Option<String>,
}

impl World {
    async fn bare(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("import")).unwrap();
        let import = folder.path().join("import").display().to_string();
        let site = Site::gateway(&Topology::demo(), "127.0.0.1:1", |config| {
            config.ucs.import_folder = Some(import);
            config.ucs.tenant_id = 101;
            change(config);
        })
        .await;
        Self { site, folder, token: None }
    }

    /// With the schema that the sample needs.
    async fn start() -> Self {
        let world = Self::bare(|_| {}).await;
        world.define().await;
        world
    }

    async fn define(&self) {
        let names = ["FirstName", "LastName", "PhoneNumber", "EmailAddress"].map(|name| json!({"name": name}));
        self.post("/ucs/metadata/profiles", json!({"attributes": names})).await.with_plain(201);
        let attributes = ["PostCode", "Address", "County", "City", "Country"].map(|name| json!({"name": name}));
        let mut attributes = attributes.to_vec();
        attributes.push(json!({"name": "AddressType", "type": "integer", "default": 0}));
        let extension = json!({"name": "Address", "type": "single-valued", "attributes": attributes});
        self.post("/ucs/metadata/profiles/extensions", extension).await.with_plain(201);
        let key = json!({"name": "Email", "attributes": ["EmailAddress"]});
        self.post("/ucs/metadata/identification-keys", key).await.with_plain(201);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("import").join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.at(name), text).unwrap();
    }

    fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.site.ask(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        Reply::of(self.ask(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.ask(Method::POST, path).json(&body)).await
    }

    async fn import(&self, body: Value) -> Reply {
        self.post("/ucs/profiles/import", body).await
    }

    /// Imports a file of this text; the body of the answer.
    async fn imported(&self, text: impl AsRef<[u8]>, mut body: Value) -> Value {
        self.file("x.csv", text);
        body["profiles"] = "x.csv".into();
        self.import(body).await.with_plain(200).body
    }

    fn contacts(&self) -> Arc<dyn ContactStore> {
        self.site.access.store().contacts()
    }

    async fn all(&self) -> Vec<Contact> {
        let all = self.contacts().contacts_after(None, 0, 1_000).await.unwrap();
        all.into_iter().map(|stored| stored.contact).collect()
    }

    /// The job that was made last.
    async fn job(&self) -> ImportJob {
        self.contacts().jobs(None, 1, false).await.unwrap().remove(0)
    }
}

/// A fault in its own form.
fn fault(reply: &Reply, code: u16) -> String {
    assert_eq!((reply.status, reply.kind.as_str()), (code, "application/json"), "{}", reply.text);
    assert_eq!(reply.body.as_object().unwrap().len(), 2, "{}", reply.text);
    assert_eq!(reply["code"], code, "{}", reply.text);
    reply.str("message").to_owned()
}

#[tokio::test]
async fn c1_the_sample_row_is_a_profile_with_its_phones_in_order_and_its_address() {
    let world = World::start().await;
    let answer = world.imported(SAMPLE, json!({})).await;
    let wanted = json!({"imported": 1, "skipped": 0, "failed": 0, "not-reached": 0, "last-index": 1, "truncated": false,
        "errors": [], "skipped-records": []});
    assert_eq!(answer, wanted);
    let query = "EmailAddress=selinta%40ebaschambrissi.net&id_key=Email&include_profile=yes&extensions=Address";
    let found = world.get(&format!("/ucs/profiles?{query}")).await.with_plain(200);
    assert_eq!(found.headers["cache-control"], "no-store");
    let found = found.body;
    let profile = &found[0];
    assert_eq!(profile["PhoneNumber"], json!(["11-213-036-1987", "01-357-296-3696"]));
    assert_eq!((&profile["Address"]["City"], &profile["TenantId"]), (&json!("Lithuania"), &json!("101")));
    let contact = &world.all().await[0];
    assert_eq!(profile["customer_id"], contact.id);
    let chain = world.contacts().chain(contact.list.unwrap(), contact.number).await.unwrap();
    let chain: Vec<_> =
        chain.iter().map(|record| (record.chain_n, record.contact_info.as_str(), record.record_type)).collect();
    assert_eq!(chain, [(0, "11-213-036-1987", 2), (1, "01-357-296-3696", 2)]);
    let list = &world.contacts().calling_lists().await.unwrap()[0].list;
    assert_eq!(list.name, "ucs-101-not-applicable");
    world.site.stop().await;
}

#[tokio::test]
async fn c2_blanks_are_data() {
    let world = World::start().await;
    world.imported("FirstName,LastName\n Anna ,\" \"\n", json!({})).await;
    let attributes = &world.all().await[0].attributes;
    let value = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((value("FirstName"), value("LastName")), (Some(" Anna "), Some(" ")));
    world.site.stop().await;
}

#[tokio::test]
async fn c3_profiles_that_are_there_are_skipped_and_ambiguous_ones_fail() {
    let world = World::start().await;
    let stored = world.imported("EmailAddress,FirstName\na@x.org,A\nb@x.org,B\nb@x.org,C\n", json!({})).await;
    assert_eq!(stored["imported"], 3);
    let id = world.all().await[0].id.clone();
    let file = "EmailAddress,FirstName\nn1@x.org,1\na@x.org,2\nn3@x.org,\"three\nlines\"\nb@x.org,4\nn5@x.org,5\n";
    let answer = world.imported(file, json!({"id-key": "Email"})).await;
    let wanted = json!({"imported": 3, "skipped": 1, "failed": 1, "not-reached": 0, "last-index": 5, "truncated": false,
        "errors": [{"index": 4, "line": 6, "code": "ambiguous", "attribute": "EmailAddress",
            "message": "2 profiles match id-key Email"}],
        "skipped-records": [{"index": 2, "line": 3, "customer-id": id}]});
    assert_eq!(answer, wanted);
    // A key without a value finds nobody, and is no error.
    let answer = world.imported("EmailAddress,FirstName\n,x\n,y\n", json!({"id-key": "email"})).await;
    assert_eq!((&answer["imported"], &answer["failed"]), (&json!(2), &json!(0)));
    world.site.stop().await;
}

#[tokio::test]
async fn c4_max_errors_are_errors_that_are_allowed() {
    let file = "FirstName,LastName\na,a\nb\nc\nd,d\ne\nf,f\n";
    for (most, imported, failed, last) in
        [(json!(0), 1, 1, 2), (json!("1"), 1, 2, 3), (json!(3), 3, 3, 6), (Value::Null, 3, 3, 6)]
    {
        let world = World::start().await;
        let answer = world.imported(file, json!({"max-errors": most})).await;
        assert_eq!((&answer["imported"], &answer["failed"]), (&json!(imported), &json!(failed)), "{most}");
        assert_eq!((&answer["last-index"], &answer["not-reached"]), (&json!(last), &json!(6 - last)), "{most}");
        let errors: Vec<_> =
            answer["errors"].as_array().unwrap().iter().map(|e| e["index"].as_u64().unwrap()).collect();
        assert_eq!(errors, [2, 3, 5][..failed], "{most}");
        assert!(answer["errors"].as_array().unwrap().iter().all(|error| error["code"] == "ragged"));
        assert_eq!(world.all().await.len(), imported);
        world.site.stop().await;
    }
}

#[tokio::test]
async fn c5_records_in_front_of_the_start_are_counted_and_left() {
    let world = World::start().await;
    let answer = world.imported("FirstName\n1\n2\n3\n4\n5\n6\n", json!({"start-from-index": "4"})).await;
    assert_eq!((&answer["imported"], &answer["last-index"]), (&json!(3), &json!(6)));
    let counts = world.job().await.progress.counts;
    assert_eq!((counts.before_start, counts.created, counts.records()), (3, 3, 6));
    let names: Vec<_> = world.all().await.iter().map(|contact| contact.attributes[0].1.clone()).collect();
    assert_eq!(names, ["4", "5", "6"]);
    world.site.stop().await;
}

#[tokio::test]
async fn c6_files_outside_of_the_folder_and_absent_ones_look_the_same() {
    let world = World::start().await;
    fs::write(world.folder.path().join("x.csv"), SAMPLE).unwrap();
    symlink("../x.csv", world.at("link.csv")).unwrap();
    let mut texts = Vec::new();
    for path in ["../x.csv", "/etc/passwd", "link.csv", "absent.csv"] {
        texts.push(fault(&world.import(json!({"profiles": path})).await, 400));
    }
    texts.dedup();
    assert_eq!(texts, ["profiles: no such file in the import folder"]);
    assert!(world.all().await.is_empty() && world.contacts().jobs(None, 10, false).await.unwrap().is_empty());
    world.site.stop().await;
}

#[tokio::test]
async fn c7_each_fault_has_its_code() {
    let world = World::bare(|_| {}).await;
    world.file("x.csv", SAMPLE);
    let good = json!({"profiles": "x.csv"});
    assert_eq!(fault(&world.import(good.clone()).await, 403), "no profile schema is defined yet");
    world.define().await;
    let plain = world.ask(Method::POST, "/ucs/profiles/import").header("content-type", "text/plain").body("x");
    fault(&Reply::of(plain).await, 415);
    let get = world.get("/ucs/profiles/import").await;
    fault(&get, 405);
    assert_eq!(get.headers["allow"], "POST");
    let unknown = world.import(json!({"profiles": "x.csv", "id-key": "Nothing"})).await;
    assert_eq!(fault(&unknown, 404), "there is no identification key 'Nothing'");
    assert!(fault(&world.import(json!({"profiles": "x.csv", "format": "XML"})).await, 400).starts_with("format: "));
    fault(&world.get("/ucs/nothing").await, 404);
    world.import(good).await.with_plain(200);
    world.site.stop().await;
}

fn form(name: &str, kind: &str, description: &str) -> (String, String) {
    let body = format!(
        "--zaHf8\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\n{description}\r\n--zaHf8\r\nContent-Disposition: form-data; name=\"more\"\
        \r\n\r\nignored\r\n--zaHf8--\r\n"
    );
    ("multipart/form-data; boundary=zaHf8".into(), body)
}

#[tokio::test]
async fn a_form_has_the_description_as_its_first_part() {
    let world = World::start().await;
    world.file("x.csv", SAMPLE);
    let json = "application/json; charset=UTF-8";
    let description = r#"{"format":"CSV","profiles":"C:/x.csv","create-log":"false"}"#;
    for (name, kind, description, code) in [
        ("description", json, description, 200),
        ("other", json, description, 400),
        ("description", "text/plain", description, 415),
        ("description", json, "{", 400),
        ("description", json, "[]", 400),
        ("description", json, &"x".repeat(70_000), 400),
    ] {
        let (content_type, body) = form(name, kind, description);
        let request = world.ask(Method::POST, "/ucs/profiles/import").header("content-type", content_type).body(body);
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, code, "{name} {kind}: {}", reply.text);
    }
    for body in ["", "--zaHf8\r\n", "no form at all"] {
        let request = world.ask(Method::POST, "/ucs/profiles/import").body(body);
        let reply = Reply::of(request.header("content-type", "multipart/form-data; boundary=zaHf8")).await;
        fault(&reply, 400);
    }
    let reply = world.ask(Method::POST, "/ucs/profiles/import").header("content-type", "multipart/form-data").body("x");
    fault(&Reply::of(reply).await, 400);
    world.site.stop().await;
}

#[tokio::test]
async fn a_header_that_cannot_be_used_is_named_and_nothing_is_imported() {
    let world = World::start().await;
    for (text, named) in [
        ("FirstName,Nothing\na,b\n", "'Nothing'"),
        ("FirstName,FirstName\na,b\n", "FirstName"),
        ("FirstName,\na,b\n", "column 2"),
        ("Nowhere.City\na\n", "'Nowhere.City'"),
        ("PhoneNumber[0]\na\n", "'PhoneNumber[0]'"),
        ("", "header"),
        ("\n\n", "header"),
    ] {
        world.file("x.csv", text);
        let message = fault(&world.import(json!({"profiles": "x.csv"})).await, 400);
        assert!(message.contains(named), "{text:?}: {message}");
    }
    world.file("x.csv", "FirstName\na\n");
    let message = fault(&world.import(json!({"profiles": "x.csv", "id-key": "Email"})).await, 400);
    assert!(message.contains("match key"), "{message}");
    assert!(world.all().await.is_empty());
    world.site.stop().await;
}

#[tokio::test]
async fn records_that_cannot_be_read_are_named_and_the_others_imported() {
    let world = World::start().await;
    let mut text = b"FirstName,Address.AddressType,EmailAddress\n".to_vec();
    text.extend_from_slice(b"good,1,x\ntyped,one,x\nna\0me,1,x\n\xff\xfe,1,x\nshort\n\"quoted,1,x\n");
    text.extend_from_slice(b"last,1,x\n");
    let answer = world.imported(&text, json!({})).await;
    let errors: Vec<(u64, &str, &str)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["index"].as_u64().unwrap(), e["code"].as_str().unwrap(), e["attribute"].as_str().unwrap()))
        .collect();
    assert_eq!(errors[0], (2, "type", "Address.AddressType"));
    let codes: Vec<&str> = errors.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(codes, ["type", "nul-byte", "bad-encoding", "ragged", "parse"]);
    assert!(!answer.to_string().contains("typed"), "no cell is told");
    assert_eq!(answer["imported"], 1);

    let long = format!("FirstName\n{}\nshort\n", "x".repeat(10_000_000));
    let answer = world.imported(long, json!({})).await;
    assert_eq!((&answer["imported"], &answer["errors"][0]["code"]), (&json!(1), &json!("too-long")));
    world.site.stop().await;
}

#[tokio::test]
async fn encodings_and_delimiters_are_those_that_were_named() {
    let world = World::start().await;
    let first = async |world: &World| world.all().await.last().unwrap().attributes[0].1.clone();
    world.imported(b"FirstName;LastName\n\xc4nna;x\n", json!({"encoding": "windows-1252", "delimiter": ";"})).await;
    assert_eq!(first(&world).await, "Änna");
    world.imported("\u{feff}FirstName\tLastName\nÄnna\tx\n", json!({"delimiter": "\\t"})).await;
    assert_eq!(first(&world).await, "Änna");
    let answer = world.imported(b"FirstName\n\xc4nna\n", json!({})).await;
    assert_eq!(answer["errors"][0]["code"], "bad-encoding", "UTF-8 is not guessed away");
    world.file("x.csv", "FirstName\na\n");
    fault(&world.import(json!({"profiles": "x.csv", "encoding": "utf-9"})).await, 400);
    world.site.stop().await;
}

#[tokio::test]
async fn a_log_tells_every_record_and_replaces_only_a_log() {
    let world = World::start().await;
    let file = "EmailAddress,FirstName\na@x.org,secret-name\nshort\na@x.org,again\n";
    for round in 0..2 {
        world.imported(file, json!({"create-log": true, "id-key": "Email"})).await;
        let log = fs::read_to_string(world.at("x.csv.log")).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines[0].starts_with("# x.csv sha256=") && lines[0].contains(" started=2"), "{log}");
        let fields: Vec<Vec<&str>> = lines[1..4].iter().map(|line| line.split('\t').collect()).collect();
        assert!(fields.iter().all(|fields| fields.len() == 7 && fields[0].ends_with('Z')), "{log}");
        let outcome = if round == 0 { "created" } else { "skipped" };
        assert_eq!(fields[0][1..4], ["1", "2", outcome]);
        assert_eq!(fields[1][1..5], ["2", "3", "failed", "ragged"]);
        let last = if round == 0 { "imported=1 skipped=1" } else { "imported=0 skipped=2" };
        assert_eq!(lines[4], format!("# {last} failed=1 not-reached=0"));
        assert!(!log.contains("secret-name") && !log.contains("a@x.org"), "{log}");
    }
    fs::write(world.at("x.csv.log"), "somebody else's").unwrap();
    let refused = world.import(json!({"profiles": "x.csv", "create-log": true})).await;
    assert!(fault(&refused, 400).starts_with("create-log: "));
    fs::remove_file(world.at("x.csv.log")).unwrap();
    fs::write(world.folder.path().join("victim"), "# x.csv sha256=").unwrap();
    symlink("../victim", world.at("x.csv.log")).unwrap();
    fault(&world.import(json!({"profiles": "x.csv", "create-log": true})).await, 400);
    assert_eq!(fs::read_to_string(world.folder.path().join("victim")).unwrap(), "# x.csv sha256=");
    world.site.stop().await;
}

#[tokio::test]
async fn logs_go_into_their_own_folder_where_there_is_one() {
    let logs = tempfile::tempdir().unwrap();
    let path = logs.path().display().to_string();
    let world = World::bare(|config| config.ucs.log_dir = Some(path)).await;
    world.define().await;
    world.imported(SAMPLE, json!({"create-log": "true"})).await;
    assert!(logs.path().join("x.csv.log").is_file() && !world.at("x.csv.log").exists());
    world.site.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_gets_the_job() {
    let world = World::start().await;
    world.file("x.csv", SAMPLE);
    let body = json!({"profiles": "x.csv"});
    let request = world.ask(Method::POST, "/ucs/profiles/import").header("prefer", "respond-async").json(&body);
    let reply = Reply::of(request).await.with_plain(202);
    let id = world.job().await.id;
    assert_eq!(reply.headers["location"], format!("/v1/import-jobs/{id}"));
    // It ends by itself.
    guard(async {
        while world.all().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.site.stop().await;
}

#[tokio::test]
async fn headers_say_whose_profiles_they_are_and_columns_say_it_better() {
    let world = World::start().await;
    world.file("x.csv", "FirstName,EmailAddress\na,a@x.org\n");
    let body = json!({"profiles": "x.csv"});
    let send = async |tenant: &str, segment: &str| {
        let request = world.ask(Method::POST, "/ucs/profiles/import").json(&body);
        Reply::of(request.header("X-Genesys-TenantId", tenant).header("X-Genesys-Segment", segment)).await
    };
    fault(&send("one", "vip").await, 400);
    assert_eq!(fault(&send("7", "vip").await, 403), "no profile schema is defined yet", "tenant 7 has none");
    send("101", "vip").await.with_plain(200);
    world.file("x.csv", "FirstName,Segment,TenantId\nb,,5\nc,gold,\n");
    send("101", "vip").await.with_plain(200);
    let all = world.all().await;
    let value = |n: usize, name: &str| {
        let found = all[n].attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let of = |n: usize| (value(n, "FirstName"), value(n, "TenantId"), value(n, "Segment"));
    let wanted = [("a", "101", "vip"), ("b", "5", "vip"), ("c", "101", "gold")];
    for (n, (name, tenant, segment)) in wanted.into_iter().enumerate() {
        assert_eq!(of(n), (name.into(), tenant.into(), segment.into()));
    }
    let lists = world.contacts().calling_lists().await.unwrap();
    let mut names: Vec<_> = lists.iter().map(|row| row.list.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ucs-101-vip", "ucs-5-vip"]);
    world.site.stop().await;
}

#[tokio::test]
async fn definitions_are_kept_shown_and_checked() {
    let world = World::start().await;
    let keys = world.get("/ucs/metadata/identification-keys").await.with_plain(200).body;
    assert_eq!(keys, json!([{"name": "Email", "attributes": ["EmailAddress"], "unique": false}]));
    let extensions = world.get("/ucs/metadata/profiles/extensions").await.with_plain(200).body;
    assert_eq!(extensions[0]["name"], "Address");
    assert_eq!(world.get("/ucs/metadata/profiles").await.with_plain(200)["attributes"][0]["name"], "FirstName");
    let again = json!({"name": "address", "type": "single-valued"});
    fault(&world.post("/ucs/metadata/profiles/extensions", again).await, 400);
    let blend = json!({"name": "blend", "attributes": ["EmailAddress", "Address.City"]});
    fault(&world.post("/ucs/metadata/identification-keys", blend).await, 400);
    let other = world.ask(Method::GET, "/ucs/metadata/profiles").header("X-Genesys-TenantId", "9");
    fault(&Reply::of(other).await, 404);
    let at_once = (0..4).map(|n| {
        let key = json!({"name": format!("key{n}"), "attributes": ["FirstName"]});
        world.post("/ucs/metadata/identification-keys", key)
    });
    for reply in futures_util::future::join_all(at_once).await {
        reply.with_plain(201);
    }
    let keys = world.get("/ucs/metadata/identification-keys").await.body;
    assert_eq!(keys.as_array().unwrap().len(), 5, "none of them is lost");
    world.site.stop().await;
}

#[tokio::test]
async fn profiles_are_found_by_their_keys() {
    let world = World::start().await;
    let city = json!({"name": "idCity", "source": "Address", "attributes": ["City"]});
    world.post("/ucs/metadata/identification-keys", city).await.with_plain(201);
    world.imported("EmailAddress,Address.City\na@x.org,Brno\nb@x.org,Brno\n", json!({})).await;
    let found = async |query: &str| world.get(&format!("/ucs/profiles?{query}")).await;
    assert_eq!(found("EmailAddress=a@x.org&id_key=Email").await.with_plain(200).body.as_array().unwrap().len(), 1);
    let two = found("Address.City=Brno").await.with_plain(200).body;
    assert_eq!(two.as_array().unwrap().len(), 2);
    assert_eq!(two[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["customer_id"]);
    assert_eq!(found("EmailAddress=nobody@x.org").await.with_plain(200).body, json!([]));
    let unique = "Address.City=Brno&include_profile=yes&extensions=Address&include_extensions=unique";
    let unique = found(unique).await.with_plain(200).body;
    assert!(unique[0].get("Address").is_none() && unique[0]["EmailAddress"] == "a@x.org", "{unique}");
    fault(&found("EmailAddress=a@x.org&id_key=Nothing").await, 404);
    fault(&found("FirstName=x").await, 400);
    fault(&found("FirstName=x&id_key=Email").await, 400);
    fault(&found("EmailAddress=a@x.org&include_profile=perhaps").await, 400);
    world.site.stop().await;
}

#[tokio::test]
async fn who_may_not_is_refused_in_the_words_of_c() {
    use commdn::service::access::KeyWish;
    let mut world = World::bare(|config| config.auth.mode = "tokens".into()).await;
    let key = async |world: &World, scope: &str| {
        let wish = KeyWish { name: "test".into(), scopes: vec![scope.into()], expires_at: None };
        world.site.access.create_key(&wish, "test").await.unwrap().1.expose_secret().to_owned()
    };
    let body = json!({"profiles": "x.csv"});
    let stranger = world.import(body.clone()).await;
    fault(&stranger, 401);
    assert!(stranger.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    world.token = Some(key(&world, "contacts:read").await);
    fault(&world.import(body.clone()).await, 401);
    fault(&world.post("/ucs/metadata/profiles", json!([{"name": "a"}])).await, 401);
    world.token = Some(key(&world, "contacts:import").await);
    world.define().await;
    fault(&world.get("/ucs/metadata/profiles").await, 401);
    world.file("x.csv", SAMPLE);
    world.token = Some(key(&world, "contacts:import@list=other").await);
    fault(&world.import(body.clone()).await, 401);
    assert!(world.all().await.is_empty());
    let own = key(&world, "contacts:import@list=ucs-101-not-applicable").await;
    world.token = None;
    let basic = world.ask(Method::POST, "/ucs/profiles/import").basic_auth("anybody", Some(&own)).json(&body);
    Reply::of(basic).await.with_plain(200);
    world.site.stop().await;
}

#[tokio::test]
async fn without_an_import_folder_nothing_is_imported() {
    let world = World::bare(|config| config.ucs.import_folder = None).await;
    world.define().await;
    let message = fault(&world.import(json!({"profiles": "x.csv"})).await, 400);
    assert!(message.contains("no import folder"), "{message}");
    world.site.stop().await;
}

#[tokio::test]
async fn a_file_above_the_cap_is_refused() {
    let world = World::bare(|config| config.ucs.file_bytes_max = 20).await;
    world.define().await;
    world.file("x.csv", "FirstName\n0123456789ab\n");
    let message = fault(&world.import(json!({"profiles": "x.csv"})).await, 400);
    assert_eq!(message, "profiles: the file has 23 bytes, limit is 20");
    world.site.stop().await;
}

#[tokio::test]
async fn the_base_is_where_the_configuration_puts_it() {
    let world = World::bare(|config| config.ucs.base = "/cms/v2".into()).await;
    world.post("/cms/v2/metadata/profiles", json!([{"name": "FirstName"}])).await.with_plain(201);
    fault(&world.get("/cms/v2/nothing").await, 404);
    world.get("/ucs/metadata/profiles").await.problem(404, "not-found");
    let document = world.get("/openapi.json").await.body;
    assert!(document["paths"].get("/cms/v2/profiles/import").is_some());
    world.site.stop().await;
}

/// Ways out, at the door: none of them is read, and all look like a file that is not there.
#[tokio::test]
async fn a_hundred_escapes_are_refused_at_the_door() {
    let world = World::start().await;
    fs::create_dir(world.at("deep")).unwrap();
    fs::write(world.folder.path().join("x.csv"), SAMPLE).unwrap();
    symlink("..", world.at("up")).unwrap();
    symlink("../x.csv", world.at("link.csv")).unwrap();
    symlink("/proc/self/root", world.at("magic")).unwrap();
    let outside = world.folder.path().join("x.csv").display().to_string();
    let fronts = ["", "C:/", "c:\\", "./", "deep/", "deep\\", "deep/../", "C:/deep/../", "//", "C:"];
    let tails = [
        "../x.csv",
        "..\\x.csv",
        "../../x.csv",
        "deep/../../x.csv",
        "up/x.csv",
        "link.csv",
        "magic/etc/passwd",
        "/etc/passwd",
        "..%2fx.csv",
        "x.csv\u{0}",
        outside.as_str(),
    ];
    let mut asked = 0;
    for front in fronts {
        for tail in tails {
            let reply = world.import(json!({"profiles": format!("{front}{tail}")})).await;
            assert_eq!(fault(&reply, 400), "profiles: no such file in the import folder", "{front}{tail}");
            asked += 1;
        }
    }
    assert!(asked >= 100, "{asked}");
    assert!(world.all().await.is_empty());
    world.site.stop().await;
}

#[tokio::test]
async fn the_command_line_copies_the_file_and_takes_the_copy_away() {
    let world = World::start().await;
    let file = world.folder.path().join("mine.csv");
    fs::write(&file, "EmailAddress,FirstName\na@x.org,A\nshort\n").unwrap();
    let url = format!("http://{}", world.site.addr);
    let folder = world.folder.path().join("import").display().to_string();
    let run = async |more: &[&str]| {
        let name = file.display().to_string();
        let words = ["profiles", "import", &name, "--import-folder", &folder, "--url", &url];
        let mut command = crate::program::command(&[&words, more].concat());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = guard(output).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&["--create-log"]).await;
    assert!(code == 6 && text.starts_with("imported 1, skipped 0, failed 1, not reached 0; last record 2"), "{text}");
    assert!(text.contains("record 2, line 3: ragged"), "{text}");
    assert!(!world.at("mine.csv").exists() && world.at("mine.csv.log").is_file());
    let (code, text) = run(&["--id-key", "Email", "--allow-rejects", "--json"]).await;
    assert_eq!((code, &serde_json::from_str::<Value>(&text).unwrap()["skipped"]), (0, &json!(1)));
    let (code, text) = run(&["--id-key", "Nothing"]).await;
    assert!(code == 8 && text.contains("there is no identification key 'Nothing'"), "{code} {text}");
    world.file("mine.csv", "somebody's");
    let (code, text) = run(&[]).await;
    assert!(code == 2 && text.contains("mine.csv"), "{code} {text}");
    assert_eq!(fs::read_to_string(world.at("mine.csv")).unwrap(), "somebody's");
    world.site.stop().await;
}

#[tokio::test]
async fn an_import_that_a_restart_cuts_in_two_has_its_log_all_the_same() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().display().to_string();
    let world = World::bare(|config| config.store.path = Some(path.clone())).await;
    world.define().await;
    let rows: String = (0..20_000).map(|n| format!("n{n},n{n}@x.org,{n}\n")).collect();
    world.file("x.csv", format!("FirstName,EmailAddress,PhoneNumber\n{rows}"));
    let body = json!({"profiles": "x.csv", "create-log": true, "id-key": "Email"});
    let request = world.ask(Method::POST, "/ucs/profiles/import").header("prefer", "respond-async").json(&body);
    Reply::of(request).await.with_plain(202);
    let World { site, folder, .. } = world;
    site.stop().await;
    let log = folder.path().join("import/x.csv.log");
    let was_cut = !log.exists();
    fs::remove_file(folder.path().join("import/x.csv")).unwrap();

    let import = folder.path().join("import").display().to_string();
    let site = Site::gateway(&Topology::demo(), "127.0.0.1:1", |config| {
        config.store.path = Some(path);
        (config.ucs.import_folder, config.ucs.tenant_id) = (Some(import), 101);
    })
    .await;
    let world = World { site, folder, token: None };
    guard(async {
        while !log.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(text.lines().count(), 20_002);
    assert!(text.ends_with("# imported=20000 skipped=0 failed=0 not-reached=0\n"));
    assert!(!text.contains("@x.org"));
    assert!(was_cut, "the import was over before the gateway was stopped");
    assert_eq!(world.job().await.progress.counts.created, 20_000);
    world.site.stop().await;
}
