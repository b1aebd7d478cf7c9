//! Settings, csv settings, sources: kept, chosen, used by both interfaces.

use super::*;

#[tokio::test]
async fn settings_and_csv_settings_are_kept_changed_and_paged() {
    let world = World::start(|_| {}).await;
    let (path, csv_path) = (format!("{IMPORT}/settings"), format!("{IMPORT}/csv/settings"));
    let body = |name: &str| {
        json!({"name": name, "matchingCriteria": ["Email", "Phone"], "mergeContacts": true,
        "importFields": [{"name": "$.contact.title", "included": false}], "unheard": [1], "externalSourceId": null})
    };
    let made = world.post(&path, body("One")).await.with_plain(200);
    let id = made.str("id").to_owned();
    assert_eq!(made.str("selfUri"), format!("{path}/{id}"));
    assert_eq!((&made["matchingCriteria"], &made["mergeContacts"]), (&json!(["Email", "Phone"]), &json!(true)));
    assert_eq!(made["importFields"], json!([{"name": "$.contact.title", "included": false}]));
    for time in ["dateCreated", "dateModified"] {
        let time = made.str(time);
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    }
    assert_eq!(world.get(made.str("selfUri")).await.with_plain(200).body, made.body);
    for name in ["Two", "three"] {
        world.made(&path, body(name)).await;
    }
    refused(&world.post(&path, body("One")).await, 409, "duplicate.name");
    refused(&world.post(&path, body("classic")).await, 409, "duplicate.name");
    let wrong = json!({"name": "", "matchingCriteria": ["Name"]});
    assert_eq!(refused(&world.post(&path, wrong).await, 400, "invalid.value"), ["name", "matchingCriteria[0]"]);
    let gone = json!({"name": "X", "externalSourceId": "7a1c4a60-3f4e-4a0e-9a4b-3c5a9d5a0001"});
    assert_eq!(refused(&world.post(&path, gone).await, 400, "invalid.value"), ["externalSourceId"]);

    // Pages: by name, from one to the next.
    let names = |page: &Reply| -> Vec<String> {
        page["entities"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get(&format!("{path}?pageSize=2&sortOrder=Ascending")).await.with_plain(200);
    assert_eq!((names(&first), &first["pageSize"]), (vec!["One".into(), "three".into()], &json!(2)));
    let next = world.get(first.str("nextUri")).await.with_plain(200);
    assert_eq!((names(&next), next.body.get("nextUri")), (vec!["Two".to_owned()], None));
    let same = world.get(&format!("{path}?pageSize=2&sortOrder=Ascending&after={}", first.str("after"))).await;
    assert_eq!(same.body, next.body);
    let found = world.get(&format!("{path}/?name=TW&pageSize=500")).await.with_plain(200);
    assert_eq!((names(&found), &found["pageSize"]), (vec!["Two".to_owned()], &json!(100)));
    assert!(found.str("selfUri").contains("name=TW"), "{}", found.text);
    for (query, field) in [("pageSize=0", "pageSize"), ("after=x", "after"), ("sortOrder=up", "sortOrder")] {
        assert_eq!(refused(&world.get(&format!("{path}?{query}")).await, 400, "invalid.value"), [field]);
    }

    let mappings = json!([{"sourceField": "Mail", "targetField": "$.contact.workEmail"}]);
    let csv = world.post(&csv_path, json!({"externalSettingsId": id, "mappings": mappings})).await.with_plain(200);
    assert_eq!((csv.str("externalSettingsId"), &csv["mappings"]), (id.as_str(), &mappings));
    assert_eq!(world.get(csv.str("selfUri")).await.with_plain(200).body, csv.body);
    let of = world.get(&format!("{csv_path}?externalSettingsId={id}&pageSize=200")).await.with_plain(200);
    assert_eq!((of["entities"].as_array().unwrap().len(), &of["pageSize"]), (1, &json!(200)));
    assert_eq!(world.get(&format!("{csv_path}?externalSettingsId=x")).await["entities"], json!([]));
    let wrong = json!({"externalSettingsId": id, "mappings": [{"sourceField": "a", "targetField": "b"}]});
    assert_eq!(refused(&world.post(&csv_path, wrong).await, 400, "invalid.value"), ["mappings[0].targetField"]);
    let wrong = json!({"externalSettingsId": "x", "mappings": []});
    assert_eq!(refused(&world.post(&csv_path, wrong).await, 400, "invalid.value"), ["externalSettingsId"]);
    let both = json!([{"sourceField": "Mail", "targetField": "contact.workEmail"},
        {"sourceField": "T", "targetField": "contact.title"}]);
    let changed = world.put(csv.str("selfUri"), json!({"externalSettingsId": id, "mappings": both})).await;
    assert_eq!(changed.with_plain(200)["mappings"], both);

    // A change of settings reaches what is made of them, for the native interface too.
    let change = json!({"name": "Eins", "matchingCriteria": ["Phone"], "mergeContacts": false});
    let changed = world.put(&format!("{path}/{id}"), change).await.with_plain(200);
    assert_eq!((changed.str("id"), changed.str("name"), &changed["importFields"]), (id.as_str(), "Eins", &json!([])));
    for name in ["Eins", csv.str("id")] {
        let profile = world.get(&format!("/v1/import-profiles/{name}")).await.with(200);
        assert!(profile.text.contains("update_first") && !profile.text.contains("merge_all"), "{}", profile.text);
    }
    refused(&world.send(Method::DELETE, &format!("{path}/{id}"), None).await, 409, "in.use");
    for address in [csv.str("selfUri").to_owned(), format!("{path}/{id}")] {
        let gone = world.send(Method::DELETE, &address, None).await;
        assert_eq!((gone.status, gone.text.as_str()), (200, ""));
        refused(&world.send(Method::DELETE, &address, None).await, 404, "not.found");
        refused(&world.get(&address).await, 404, "not.found");
    }
    world.site.stop().await;
}

#[tokio::test]
async fn external_sources_are_named_once_and_kept_while_they_are_chosen() {
    let world = World::start(|_| {}).await;
    let made = world.post(SOURCES, json!({"name": "crm", "linkConfiguration": {"uriTemplate": "x"}})).await;
    let id = made.with_plain(200).str("id").to_owned();
    refused(&world.post(SOURCES, json!({"name": "crm"})).await, 409, "duplicate.name");
    assert_eq!(refused(&world.post(SOURCES, json!({"name": "n".repeat(201)})).await, 400, "invalid.value"), ["name"]);
    let address = format!("{SOURCES}/{id}");
    let settings = json!({"name": "S", "externalSourceId": id});
    let settings = world.made(&format!("{IMPORT}/settings"), settings).await;
    let csv = "externalId,first_name\n1,Ann\n";
    assert_eq!(counts(&world.import(csv, &settings).await), [1, 0, 1, 0]);
    // Called otherwise it is still the same source, and its old name is not free.
    let renamed = world.put(&address, json!({"name": "CRM of sales", "version": 1, "active": false})).await;
    assert_eq!(
        (renamed.with_plain(200).str("name"), world.get(SOURCES).await["entities"][0]["active"].clone()),
        ("CRM of sales", json!(false))
    );
    refused(&world.put(&address, json!({"name": "x", "version": 1})).await, 409, "version.mismatch");
    refused(&world.post(SOURCES, json!({"name": "crm"})).await, 409, "duplicate.name");
    assert_eq!(counts(&world.import("externalId,first_name\n1,Anna\n", &settings).await), [1, 0, 1, 0]);
    let all = world.contacts().await;
    assert_eq!((all.len(), value(&all[0], "firstName")), (1, "Anna".to_owned()));
    assert_eq!((all[0].contact.external_ids[0].source.as_str(), all[0].contact.customer_id.as_str()), ("crm", "1"));
    refused(&world.send(Method::DELETE, &address, None).await, 409, "in.use");
    world.send(Method::DELETE, &format!("{IMPORT}/settings/{settings}"), None).await;
    assert_eq!(world.send(Method::DELETE, &address, None).await.status, 200);
    refused(&world.get(&address).await, 404, "not.found");
    world.site.stop().await;
}

#[tokio::test]
async fn what_is_not_included_or_not_mapped_is_neither_checked_nor_written() {
    let world = World::start(|_| {}).await;
    let body = json!({"name": "S", "matchingCriteria": ["Email"],
        "importFields": [{"name": "$.contact.personalEmail", "included": false}, {"name": "$.contact.title"}]});
    let settings = world.made(&format!("{IMPORT}/settings"), body).await;
    let map = |from: &str, to: &str| json!({"sourceField": from, "targetField": to});
    let body = json!({"externalSettingsId": settings, "mappings": [map("WORK", "$.contact.workEmail"),
        map("Private", "$.contact.personalEmail"), map("Title", "$.contact.title")]});
    let csv_settings = world.made(&format!("{IMPORT}/csv/settings"), body).await;
    // Headers are compared without case; `Url` is not mapped.
    let csv = "Work,Private,Title,Url\na@x.org,broken@,Dr,no address\n";
    assert_eq!(counts(&world.import(csv, &csv_settings).await), [1, 0, 1, 0]);
    let all = world.contacts().await;
    assert_eq!(
        all[0].contact.attributes,
        [("workEmail", "a@x.org"), ("title", "Dr")].map(|(k, v)| (k.into(), v.into()))
    );
    // Plain settings take equal names, and a division stays with the contact.
    let upload = world.upload("workEmail,personalEmail,TITLE\na@x.org,broken@,Prof\n").await;
    let body = json!({"uploadId": upload, "settingsId": settings, "division": {"id": "d1", "name": "Sales"}});
    let made = world.post(&format!("{IMPORT}/csv/jobs"), body).await.with_plain(200);
    let job = made["job"]["selfUri"].as_str().unwrap();
    assert_eq!(world.validated(job).await["division"], json!({"id": "d1", "name": "Sales"}));
    world.tell(job, "Continue").await.with_plain(200);
    let done = world.ended(job).await;
    assert_eq!((counts(&done), &done["settings"]["name"]), ([1, 0, 1, 0], &json!("S")));
    let all = world.contacts().await;
    assert_eq!((all.len(), value(&all[0], "title"), value(&all[0], "division")), (1, "Prof".into(), "d1".into()));
    // A mapped column that the file lacks is told before anything is made.
    let upload = world.upload("Work,Private\na@x.org,b@x.org\n").await;
    let reply =
        world.post(&format!("{IMPORT}/csv/jobs"), json!({"uploadId": upload, "settingsId": csv_settings})).await;
    refused(&reply, 400, "bad.request");
    assert!(reply.str("message").contains("Title"), "{}", reply.text);
    world.site.stop().await;
}

#[tokio::test]
async fn saved_profiles_serve_both_interfaces_by_name() {
    let world = World::start(|_| {}).await;
    world.made(&format!("{IMPORT}/settings"), json!({"name": "nightly", "matchingCriteria": ["Email"]})).await;
    let sent = world.site.ask(Method::POST, "/v1/import-uploads").header("content-type", "text/csv");
    let upload = Reply::of(sent.body("workEmail,firstName\na@x.org,Ann\n")).await.with(201).str("upload_id").to_owned();
    let body = json!({"upload_id": upload, "list": "L", "create": true, "profile": "nightly"});
    let made = world.site.post_json("/v1/import-jobs", body).await.with(202);
    let id = made.str("id").to_owned();
    guard(async { while world.get(&format!("/v1/import-jobs/{id}")).await["state"] != "completed" {} }).await;
    // A job of the native interface is none of B's.
    refused(&world.get(&format!("{IMPORT}/jobs/{id}")).await, 404, "not.found");
    assert_eq!(world.get(&format!("{IMPORT}/jobs")).await["entities"], json!([]));

    let body = json!({"name": "own", "settings": {"match": ["email"], "email_columns": ["mail"],
        "on_match": "update_first", "scope": "tenant"}});
    let reply = world.site.post_json("/v1/import-profiles", body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let done = world.import("mail,note\nb@x.org,hello\n", "own").await;
    assert_eq!((counts(&done), &done["settings"]["name"]), ([1, 0, 1, 0], &json!("own")));
    let last = world.contacts().await.pop().unwrap();
    assert_eq!((value(&last, "mail"), value(&last, "note")), ("b@x.org".into(), "hello".into()));
    world.site.stop().await;
}

#[tokio::test]
async fn a_national_phone_is_read_in_the_country_of_its_row() {
    let world = World::start(|_| {}).await;
    let mappings = [
        ("Phone", "$.contact.workPhone.display"),
        ("Country", "$.contact.workPhone.normalizationCountryCode"),
        ("Org", "$.organization.name"),
        ("Org Id", "$.organization.id"),
    ];
    let settings = world.settings("S", &["Phone"], false, &mappings).await;
    let long = "n".repeat(1_001);
    let csv = format!("Phone,Country,Org,Org Id\n030 1234567,DE,,\n+49301234567,,,\n030 1234567,,,\n,,{long},7\n");
    let done = world.import(&csv, &settings).await;
    assert_eq!(counts(&done), [3, 1, 3, 1]);
    let rows = world.report(&done, "importReportDownloadUrl").await;
    let seen: Vec<_> = rows[1..].iter().map(|row| (row[3].as_str(), row[5].as_str(), row[6].as_str())).collect();
    let wanted =
        [("created", "", ""), ("updated", "", ""), ("created", "bad-phone", "Phone"), ("failed", "too-long", "Org")];
    assert_eq!(seen, wanted, "one number in two spellings is one contact");
    world.site.stop().await;
}
