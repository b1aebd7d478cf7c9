//! B: external contacts in the shape of Genesys Cloud at the door of a running gateway (specification of contacts, 3.B and
//! section 7).

mod access;
mod settings;

use std::path::Path;
use std::sync::Arc;

use commdn::engine::topology::Topology;
use commdn::service::Config;
use commdn::service::access::KeyWish;
use commdn::store::contacts::{ContactStore, StoredContact};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::site::{Reply, Site, guard};

const IMPORT: &str = "/api/v2/externalcontacts/import";
const SOURCES: &str = "/api/v2/externalcontacts/externalsources";

struct World {
    site: Site,
    token: Option<String>,
}

impl World {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self { site: Site::gateway(&Topology::demo(), "127.0.0.1:1", change).await, token: None }
    }

    /// A gateway whose store and files outlive it.
    async fn kept(data: &Path) -> Self {
        let path = data.display().to_string();
        Self::start(move |config| config.store.path = Some(path)).await
    }

    async fn with_tokens() -> Self {
        Self::start(|config| config.auth.mode = "tokens".into()).await
    }

    fn store(&self) -> Arc<dyn ContactStore> {
        self.site.access.store().contacts()
    }

    async fn contacts(&self) -> Vec<StoredContact> {
        self.store().contacts_after(None, 0, 10_000).await.unwrap()
    }

    /// Speaks as a client with these scopes from now on.
    async fn become_client(&mut self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let wish = KeyWish { name: "test".into(), scopes, expires_at: None };
        let (record, key) = self.site.access.create_key(&wish, "test").await.unwrap();
        let request = self.site.ask(Method::POST, "/oauth/token").basic_auth(record.id, Some(key.expose_secret()));
        let request = request.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
        let reply = Reply::of(request.body("grant_type=client_credentials")).await.with_plain(200);
        self.token = Some(reply.str("access_token").to_owned());
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.site.ask(method, path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("bearer {token}"));
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

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Makes something; its id.
    async fn made(&self, path: &str, body: Value) -> String {
        self.post(path, body).await.with_plain(200).str("id").to_owned()
    }

    async fn announce(&self, name: &str, size: usize) -> Reply {
        self.post(&format!("{IMPORT}/csv/uploads"), json!({"fileName": name, "fileSize": size})).await.with_plain(200)
    }

    /// Sends a file to the address that was given for it, without a token.
    async fn send_file(&self, announced: &Reply, csv: &str) -> Reply {
        let mut request = self.site.client.put(announced.str("uploadUrl")).body(csv.to_owned());
        for header in announced["uploadHeaders"].as_array().unwrap() {
            request = request.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap());
        }
        Reply::of(request).await
    }

    /// Id of an upload of this file.
    async fn upload(&self, csv: &str) -> String {
        let announced = self.announce("contacts.csv", csv.len()).await;
        let sent = self.send_file(&announced, csv).await;
        assert_eq!((sent.status, sent.text.as_str()), (200, ""));
        announced.str("uploadId").to_owned()
    }

    /// Id of settings with these criteria, whose columns go where `mappings` says.
    async fn settings(&self, name: &str, criteria: &[&str], merge: bool, mappings: &[(&str, &str)]) -> String {
        let body =
            json!({"name": name, "matchingCriteria": criteria, "mergeContacts": merge, "externalSourceId": "crm"});
        let settings = self.made(&format!("{IMPORT}/settings"), body).await;
        let map = |(from, to): &(&str, &str)| json!({"sourceField": from, "targetField": to});
        let mappings: Vec<Value> = mappings.iter().map(map).collect();
        let body = json!({"externalSettingsId": settings, "mappings": mappings});
        self.made(&format!("{IMPORT}/csv/settings"), body).await
    }

    /// Address of a new job.
    async fn job(&self, upload: &str, settings: &str) -> String {
        let body = json!({"uploadId": upload, "settingsId": settings});
        let made = self.post(&format!("{IMPORT}/csv/jobs"), body).await.with_plain(200);
        let job = &made["job"];
        assert_eq!(job["selfUri"], format!("{IMPORT}/jobs/{}", job["id"].as_str().unwrap()));
        job["selfUri"].as_str().unwrap().to_owned()
    }

    /// The job once it is there.
    async fn until(&self, job: &str, is_there: impl Fn(&Reply) -> bool) -> Reply {
        guard(async {
            loop {
                let reply = self.get(job).await.with_plain(200);
                if is_there(&reply) {
                    return reply;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    async fn validated(&self, job: &str) -> Reply {
        self.until(job, |reply| reply["status"] != "Created" && reply["executionStep"] != "Validating").await
    }

    async fn ended(&self, job: &str) -> Reply {
        self.until(job, |reply| !["Created", "Running"].contains(&reply.str("status"))).await
    }

    async fn tell(&self, job: &str, status: &str) -> Reply {
        self.put(job, json!({"status": status})).await
    }

    /// A file from its upload to its end.
    async fn import(&self, csv: &str, settings: &str) -> Reply {
        let job = self.job(&self.upload(csv).await, settings).await;
        let validated = self.validated(&job).await;
        assert_eq!((validated.str("status"), validated.str("executionStep")), ("Running", "Validated"));
        self.tell(&job, "Continue").await.with_plain(200);
        self.ended(&job).await
    }

    /// A report behind its address, which needs no token.
    async fn report(&self, job: &Reply, name: &str) -> Vec<Vec<String>> {
        let address = job["metadata"][name].as_str().unwrap_or_else(|| panic!("{name}: {}", job.text));
        let reply = Reply::of(self.site.client.get(address)).await;
        assert_eq!((reply.status, reply.kind.as_str()), (200, "text/csv"), "{}", reply.text);
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(reply.text.as_bytes());
        rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }
}

fn counts(job: &Reply) -> [i64; 4] {
    ["dryRunSuccessCount", "dryRunFailedCount", "importSuccessCount", "importFailedCount"]
        .map(|name| job["metadata"][name].as_i64().unwrap())
}

/// The reply, which must be an error of this system that is whole; its fields.
fn refused(reply: &Reply, status: u16, code: &str) -> Vec<String> {
    assert_eq!((reply.status, reply.kind.as_str()), (status, "application/json"), "{}", reply.text);
    assert_eq!((&reply["status"], &reply["code"]), (&json!(status), &json!(code)), "{}", reply.text);
    for member in ["message", "messageWithParams", "contextId"] {
        assert!(!reply.str(member).is_empty(), "{member}: {}", reply.text);
    }
    assert!(reply["messageParams"].is_object() && reply["errors"] == json!([]), "{}", reply.text);
    let fields = reply["details"].as_array().unwrap().iter();
    fields.map(|detail| detail["fieldName"].as_str().unwrap().to_owned()).collect()
}

fn value(contact: &StoredContact, name: &str) -> String {
    contact.contact.value(name).unwrap_or_default().to_owned()
}

const MAIL_AND_PHONE: &[(&str, &str)] = &[
    ("Id", "$.contact.externalId"),
    ("First", "$.contact.firstName"),
    ("Mail", "$.contact.workEmail"),
    ("Phone", "$.contact.workPhone.display"),
];

#[tokio::test]
async fn b1_a_job_stops_at_validated_and_continue_imports_what_was_promised() {
    let world = World::start(|_| {}).await;
    let mut csv = "Id,First,Mail,Phone\n".to_owned();
    for n in 0..1_000 {
        let mail = if n % 70 == 0 { "name@".to_owned() } else { format!("m{n}@x.org") };
        csv.push_str(&format!("{n},n{n},{mail},\n"));
    }
    let settings = world.settings("S", &["Email"], false, MAIL_AND_PHONE).await;
    let job = world.job(&world.upload(&csv).await, &settings).await;
    let validated = world.validated(&job).await;
    assert_eq!((validated.str("status"), validated.str("executionStep")), ("Running", "Validated"));
    assert_eq!(counts(&validated), [985, 15, 0, 0]);
    assert_eq!(validated["metadata"]["fileName"], "contacts.csv");
    assert!(validated["metadata"].get("importReportDownloadUrl").is_none(), "{}", validated.text);
    assert_eq!(world.contacts().await, []);

    let told = world.tell(&job, "Continue").await.with_plain(200);
    assert_eq!((told.str("jobId"), told.str("status")), (validated.str("id"), "Continue"));
    let done = world.ended(&job).await;
    assert_eq!((done.str("status"), done.str("executionStep")), ("Completed", "Importing"));
    assert_eq!(counts(&done), [985, 15, 985, 15]);
    assert_eq!(world.contacts().await.len(), 985);
    for name in ["dryRunReportDownloadUrl", "importReportDownloadUrl"] {
        let rows = world.report(&done, name).await;
        assert_eq!(rows[0].join(","), "record,line,key,outcome,contact_id,code,column,message");
        assert_eq!(rows.len(), 1_001);
        let failed: Vec<_> = rows.iter().filter(|row| row[3] == "failed").collect();
        assert_eq!(failed.len(), 15);
        for (row, n) in failed.iter().zip((0..1_000).step_by(70)) {
            let (record, line) = ((n + 1).to_string(), (n + 2).to_string());
            assert_eq!([&row[0], &row[1], &row[5], &row[6]], [&record, &line, "bad-email", "Mail"]);
            assert!(!row[7].is_empty() && row[4].is_empty(), "{row:?}");
        }
    }
    world.site.stop().await;
}

#[tokio::test]
async fn b2_an_organisation_without_its_id_fails_its_row() {
    let world = World::start(|_| {}).await;
    let mut csv = "First,Mail,Org,Org Id\n".to_owned();
    (0..1_000).for_each(|n| csv.push_str(&format!("n{n},m{n}@x.org,Acme,\n")));
    let mappings = [
        ("First", "$.contact.firstName"),
        ("Mail", "$.contact.workEmail"),
        ("Org", "$.externalOrganization.name"),
        ("Org Id", "$.externalOrganization.externalId"),
    ];
    let settings = world.settings("S", &["Email"], false, &mappings).await;
    let done = world.import(&csv, &settings).await;
    assert_eq!((done.str("status"), counts(&done)), ("Completed", [0, 1_000, 0, 1_000]));
    let rows = world.report(&done, "importReportDownloadUrl").await;
    assert_eq!(rows.iter().filter(|row| row[5] == "org-without-id").count(), 1_000);
    assert!(world.contacts().await.is_empty());

    // With its id an organisation comes once, and is found by nothing else.
    let csv = "First,Mail,Org,Org Id\na,a@x.org,Acme,7\nb,b@x.org,Acme,7\n,,Lone,8\nc,c@x.org,Acme,9\n";
    let done = world.import(csv, &settings).await;
    assert_eq!(counts(&done), [4, 0, 4, 0]);
    let organisations = world.store().organisations_after(0, 10).await.unwrap();
    let seen = |it: &commdn::contact::Organisation| (it.external_id.value.clone(), it.name.clone());
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    let wanted = [pair("7", "Acme"), pair("8", "Lone"), pair("9", "Acme")];
    assert_eq!(organisations.iter().map(seen).collect::<Vec<_>>(), wanted);
    assert_eq!(organisations[0].external_id.source, "crm");
    let of: Vec<_> = world.contacts().await.iter().map(|it| it.contact.organisation).collect();
    assert_eq!(of, [Some(1), Some(1), Some(3)]);
    world.site.stop().await;
}

#[tokio::test]
async fn b3_a_preview_has_the_header_and_exactly_ten_rows() {
    let world = World::start(|_| {}).await;
    let mut csv = "Id,Name,Amount\n".to_owned();
    (1..=25).for_each(|n| csv.push_str(&format!("{n},\"n, {n}\",0{n}\n")));
    let announced = world.announce("a b.csv", csv.len()).await;
    let path = format!("{IMPORT}/csv/uploads/{}", announced.str("uploadId"));
    let early = world.get(&format!("{path}/details")).await.with_plain(200);
    assert_eq!((early.str("fileName"), early.body.get("validationResult")), ("a b.csv", None));
    refused(&world.get(&format!("{path}/preview")).await, 404, "not.found");
    assert_eq!(world.send_file(&announced, &csv).await.status, 200);

    let preview = world.get(&format!("{path}/preview")).await.with_plain(200);
    assert_eq!(preview["headers"], json!(["Id", "Name", "Amount"]));
    let entries = preview["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[9]), (10, &json!(["10", "n, 10", "010"])));
    assert_eq!(preview["uploadId"], announced["uploadId"]);
    let details = world.get(&format!("{path}/details")).await.with_plain(200);
    let good = json!({"separatorValid": true, "fileEncodingValid": true, "errors": []});
    assert_eq!(details["validationResult"], good);

    let upload = world.upload("a;b\n1;2\n3;4\n").await;
    let details = world.get(&format!("{IMPORT}/csv/uploads/{upload}/details")).await.with_plain(200);
    assert_eq!(details["validationResult"]["separatorValid"], false);
    let upload = world.upload("a,b\n1\n2,3\n").await;
    for _ in 0..2 {
        let details = world.get(&format!("{IMPORT}/csv/uploads/{upload}/details")).await.with_plain(200);
        assert_eq!(details["validationResult"]["errors"][0]["lineNumber"], 2, "{}", details.text);
    }
    world.site.stop().await;
}

#[tokio::test]
async fn b4_criteria_decide_in_order_who_is_updated_and_who_is_merged() {
    let csv = "Id,First,Mail,Phone\n,P,a@x.org,\n,Q,,+49301234567\n";
    let row = "Id,First,Mail,Phone\n,R,a@x.org,+49 30 1234567\n";
    let cases: [(&[&str], bool, &[&str]); 3] = [
        (&["Email", "Phone"], true, &["R"]),
        (&["Email", "Phone"], false, &["R", "Q"]),
        (&["Phone", "Email"], false, &["P", "R"]),
    ];
    for (criteria, merge, wanted) in cases {
        let world = World::start(|_| {}).await;
        let settings = world.settings("S", criteria, merge, MAIL_AND_PHONE).await;
        assert_eq!(counts(&world.import(csv, &settings).await), [2, 0, 2, 0]);
        let before = world.contacts().await;
        assert_eq!(counts(&world.import(row, &settings).await), [1, 0, 1, 0]);
        let after = world.contacts().await;
        let names: Vec<_> = after.iter().map(|it| value(it, "firstName")).collect();
        assert_eq!(names, wanted, "{criteria:?} {merge}");
        if merge {
            assert_eq!(after[0].contact.id, before[0].contact.id, "P survives");
            assert_eq!(value(&after[0], "workPhone"), "+49 30 1234567");
        }
        let mine = world.get(&format!("{IMPORT}/jobs")).await.with_plain(200);
        let id = mine["entities"][0]["id"].as_str().unwrap().to_owned();
        let stored = world.store().job(&id).await.unwrap().unwrap();
        let seen = (stored.progress.counts.updated, stored.progress.counts.merged_away);
        assert_eq!(seen, (1, u64::from(merge)));
        world.site.stop().await;
    }
}

#[tokio::test]
async fn b5_a_cancelled_job_stores_nothing_and_does_not_go_on() {
    let world = World::start(|_| {}).await;
    let settings = world.settings("S", &[], false, MAIL_AND_PHONE).await;
    let upload = world.upload("Id,First,Mail,Phone\n1,a,,\n").await;
    let job = world.job(&upload, &settings).await;
    world.validated(&job).await;
    refused(&world.tell(&job, "Retry").await, 409, "wrong.state");
    assert_eq!(world.tell(&job, "Cancel").await.with_plain(200)["status"], "Cancel");
    for word in ["Continue", "Cancel", "Retry"] {
        refused(&world.tell(&job, word).await, 409, "wrong.state");
    }
    let cancelled = world.get(&job).await.with_plain(200);
    assert_eq!((cancelled.str("status"), cancelled.str("executionStep")), ("Cancelled", "Validated"));
    assert!(world.contacts().await.is_empty());
    // The same file may be imported by another job, and what is done cannot be done again.
    let job = world.job(&upload, &settings).await;
    world.validated(&job).await;
    let id = job.rsplit('/').next().unwrap();
    world.put(&job, json!({"jobId": id, "status": "continue", "unheard": null})).await.with_plain(200);
    assert_eq!(counts(&world.ended(&job).await), [1, 0, 1, 0]);
    for word in ["Continue", "Cancel", "Retry"] {
        refused(&world.tell(&job, word).await, 409, "wrong.state");
    }
    assert_eq!(refused(&world.tell(&job, "Pause").await, 400, "invalid.value"), ["status"]);
    let other = json!({"jobId": "x", "status": "Cancel"});
    assert_eq!(refused(&world.put(&job, other).await, 400, "invalid.value"), ["jobId"]);
    world.site.stop().await;
}

#[tokio::test]
async fn b6_the_old_flow_wants_exact_names_and_replaces_whole_records() {
    let world = World::start(|_| {}).await;
    let wrong = world.upload("contact id,Contact First Name,Contact Last Name\n1,a,b\n").await;
    let body = json!({"uploadId": wrong, "settingsId": "classic"});
    let reply = world.post(&format!("{IMPORT}/csv/jobs"), body).await;
    refused(&reply, 400, "bad.request");
    assert!(reply.str("message").contains("Contact Id"), "{}", reply.text);
    let header = "Contact Id,Contact First Name,Contact Last Name,Contact Work Phone";
    let load = async |row: &str| {
        let upload = world.upload(&format!("{header}\n{row}\n")).await;
        world.ended(&world.job(&upload, "classic").await).await
    };
    // It does not stop at Validated, and reads national phones as those of the United States.
    let done = load("1,Ann,Lee,(202) 555-0100").await;
    assert_eq!((done.str("status"), counts(&done)), ("Completed", [1, 0, 1, 0]));
    let contact = &world.contacts().await[0].contact;
    assert_eq!(contact.phones[0].e164.as_deref(), Some("+12025550100"));
    assert_eq!(counts(&load("1,Ann,Lee,").await), [1, 0, 1, 0]);
    let all = world.contacts().await;
    assert_eq!((all.len(), value(&all[0], "workPhone").as_str(), value(&all[0], "firstName").as_str()), (1, "", "Ann"));
    let done = load(",Ann,Lee,").await;
    assert_eq!(counts(&done), [0, 1, 0, 1]);
    assert_eq!(world.report(&done, "importReportDownloadUrl").await[1][5..7], ["missing-key", "Contact Id"]);
    assert_eq!(world.get(&format!("{IMPORT}/settings/classic")).await.with_plain(200)["id"], "classic");
    world.site.stop().await;
}

#[tokio::test]
async fn an_address_takes_one_file_of_the_size_that_was_said() {
    let world = World::start(|_| {}).await;
    let csv = "Id\n1\n";
    let announced = world.announce("../../etc/passwd", csv.len()).await;
    assert!(announced.str("uploadUrl").starts_with(&format!("http://{}/uploads/v2/", world.site.addr)));
    let large = format!("{csv}{}", "2\n".repeat(2_000_000));
    refused(&world.send_file(&announced, &large).await, 413, "bad.request");
    refused(&world.send_file(&announced, "Id\n").await, 400, "bad.request");
    let make = json!({"uploadId": announced.str("uploadId"), "settingsId": "classic"});
    refused(&world.post(&format!("{IMPORT}/csv/jobs"), make).await, 400, "bad.request");
    assert_eq!(world.send_file(&announced, csv).await.status, 200);
    refused(&world.send_file(&announced, csv).await, 403, "not.authorized");
    refused(&world.send_file(&announced, &large).await, 403, "not.authorized");
    for (from, to) in [("signature=", "signature=0"), ("expires=", "expires=9"), ("contacts/", "contacts/0")] {
        let url = announced.str("uploadUrl").replace(from, to);
        refused(&Reply::of(world.site.client.put(url).body("x")).await, 403, "not.authorized");
    }
    let path = format!("{IMPORT}/csv/uploads");
    for (body, field) in [
        (json!({"fileSize": 1}), "fileName"),
        (json!({"fileName": "\u{7}", "fileSize": 1}), "fileName"),
        (json!({"fileName": "a.csv", "fileSize": 50_000_001}), "fileSize"),
    ] {
        assert_eq!(refused(&world.post(&path, body).await, 400, "invalid.value"), [field]);
    }
    refused(&world.post(&path, json!({"fileName": "a", "fileSize": "many"})).await, 400, "bad.request");
    world.site.stop().await;
}

#[tokio::test]
async fn a_failed_job_tries_its_step_again_and_a_row_that_fails_is_told_once() {
    let data = tempfile::tempdir().unwrap();
    let world = World::kept(data.path()).await;
    let settings = world.settings("S", &["Email"], false, MAIL_AND_PHONE).await;
    let csv = "Id,First,Mail,Phone\n1,a,a@x.org,\n2,b,broken@,\n3,\"two\nlines\",c@x.org,\n4,short\n";
    let upload = world.upload(csv).await;
    let job = world.job(&upload, &settings).await;
    assert_eq!(counts(&world.validated(&job).await), [2, 2, 0, 0]);
    // The file is away when the job goes on.
    let (file, away) = (data.path().join("imports/uploads").join(&upload), data.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    world.tell(&job, "Continue").await.with_plain(200);
    let failed = world.ended(&job).await;
    assert_eq!((failed.str("status"), failed.str("executionStep")), ("Failed", "Importing"));
    assert!(failed.str("statusDetails").starts_with("contacts.csv: "), "{}", failed.text);
    refused(&world.tell(&job, "Continue").await, 409, "wrong.state");
    std::fs::rename(&away, &file).unwrap();
    world.tell(&job, "Retry").await.with_plain(200);
    let done = world.ended(&job).await;
    assert_eq!((done.str("status"), counts(&done)), ("Completed", [2, 2, 2, 2]));
    assert_eq!(done.body.get("statusDetails"), None);
    let rows = world.report(&done, "importReportDownloadUrl").await;
    let failed: Vec<Vec<&str>> = rows
        .iter()
        .filter(|row| row[3] == "failed")
        .map(|row| [0, 1, 5, 6].map(|n| row[n].as_str()).to_vec())
        .collect();
    assert_eq!(failed, [["2", "3", "bad-email", "Mail"], ["4", "6", "ragged", ""]]);
    assert_eq!(rows.len(), 5, "each record once");
    world.site.stop().await;
}

#[tokio::test]
async fn uploads_settings_and_jobs_outlive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let world = World::kept(data.path()).await;
    let source = world.made(SOURCES, json!({"name": "erp"})).await;
    let settings = world.settings("S", &["Email"], true, MAIL_AND_PHONE).await;
    let csv = "Id,First,Mail,Phone\n1,a,a@x.org,\n2,b,b@x.org,\n";
    let (waiting, unused) = (world.upload(csv).await, world.upload(csv).await);
    let job = world.job(&waiting, &settings).await;
    let before = world.validated(&job).await;
    let report = before["metadata"]["dryRunReportDownloadUrl"].as_str().unwrap().to_owned();
    world.site.stop().await;

    let world = World::kept(data.path()).await;
    let after = world.validated(&job).await;
    assert_eq!((after.str("executionStep"), counts(&after)), ("Validated", [2, 0, 0, 0]));
    assert_eq!((&after["settings"], &after["dateCreated"]), (&before["settings"], &before["dateCreated"]));
    world.tell(&job, "Continue").await.with_plain(200);
    assert_eq!(counts(&world.ended(&job).await), [2, 0, 2, 0]);
    // The addresses of another process are not this one's; the job gives new ones.
    let path = report.split_once(IMPORT).map(|(_, rest)| format!("{IMPORT}{rest}")).unwrap();
    refused(&world.get(&path).await, 403, "not.authorized");
    assert_eq!(world.report(&after, "dryRunReportDownloadUrl").await.len(), 3);
    let again = world.job(&unused, &settings).await;
    assert_eq!(counts(&world.validated(&again).await), [2, 0, 0, 0]);
    assert_eq!(world.get(&format!("{SOURCES}/{source}")).await.with_plain(200)["name"], "erp");
    assert_eq!(world.get(&format!("{IMPORT}/settings?name=S")).await["entities"][0]["mergeContacts"], true);
    // Newest first, one page after the other.
    let page = world.get(&format!("{IMPORT}/jobs?pageSize=1")).await.with_plain(200);
    assert_eq!(page["entities"][0]["selfUri"], again.as_str());
    let next = world.get(page.str("nextUri")).await.with_plain(200);
    assert_eq!((&next["entities"][0]["selfUri"], next.body.get("nextUri")), (&json!(job), None));
    let oldest = world.get(&format!("{IMPORT}/jobs?sortOrder=Ascending")).await.with_plain(200);
    assert_eq!(oldest["entities"][0]["selfUri"], job.as_str());
    let done = world.get(&format!("{IMPORT}/jobs?jobStatus=Completed")).await.with_plain(200);
    assert_eq!(done["entities"].as_array().unwrap().len(), 1);
    assert_eq!(
        refused(&world.get(&format!("{IMPORT}/jobs?jobStatus=Done")).await, 400, "invalid.value"),
        ["jobStatus"]
    );
    assert_eq!(refused(&world.get(&format!("{IMPORT}/jobs?after=x")).await, 400, "invalid.value"), ["after"]);
    world.site.stop().await;
}

#[tokio::test]
async fn clients_that_write_addresses_their_own_way_are_understood() {
    let world = World::start(|_| {}).await;
    let made = world.post(&format!("/{IMPORT}/settings/"), json!({"name": "S"})).await.with_plain(200);
    let head = Reply::of(world.site.ask(Method::HEAD, made.str("selfUri"))).await;
    assert_eq!((head.status, head.kind.as_str(), head.text.as_str()), (200, "application/json", ""));
    world.get(&format!("{}/?expand=all", made.str("selfUri"))).await.with_plain(200);
    let list = world.get("//api/v2/outbound/contactlists/?pageSize=1&name=x").await.with_plain(200);
    assert!(list.str("selfUri").contains("name=x"), "{}", list.text);
    let empty = world.site.ask(Method::POST, &format!("{IMPORT}/settings")).header("content-type", "application/json");
    refused(&Reply::of(empty).await, 400, "bad.request");
    let none = world.site.ask(Method::POST, &format!("{IMPORT}/jobs"));
    refused(&Reply::of(none).await, 400, "bad.request");
    let grant = world.site.ask(Method::POST, "//oauth/token/").basic_auth("any", Some("secret"));
    let grant = grant.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    assert_eq!(Reply::of(grant).await.with_plain(200)["token_type"], "bearer");
    let expected = world.announce("a.csv", 5).await;
    let file = world.site.client.put(expected.str("uploadUrl")).header("expect", "100-continue").body("Id\n1\n");
    assert_eq!(Reply::of(file).await.status, 200);
    world.site.stop().await;
}
