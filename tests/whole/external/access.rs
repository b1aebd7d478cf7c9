//! Permissions at each call, and what is one's own.

use commdn::contact::ImportProfile;
use commdn::store::contacts::SavedProfile;

use super::*;

/// Each call, and the permissions that it needs (the list of the document).
fn calls() -> Vec<(Method, String, Vec<&'static str>)> {
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let id = "7a1c4a60-3f4e-4a0e-9a4b-3c5a9d5a0001";
    let at = |path: &str| format!("{IMPORT}{path}");
    vec![
        (post.clone(), at("/csv/uploads"), vec!["importCsvUpload:add"]),
        (get.clone(), at(&format!("/csv/uploads/{id}/details")), vec!["importCsvUpload:view"]),
        (get.clone(), at(&format!("/csv/uploads/{id}/preview")), vec!["importCsvUpload:view"]),
        (post.clone(), at("/settings"), vec!["importSettings:add"]),
        (get.clone(), at("/settings"), vec!["importSettings:view"]),
        (get.clone(), at("/settings"), vec!["importSettings:viewAll"]),
        (get.clone(), at(&format!("/settings/{id}")), vec!["importSettings:view"]),
        (put.clone(), at(&format!("/settings/{id}")), vec!["importSettings:edit"]),
        (delete.clone(), at(&format!("/settings/{id}")), vec!["importSettings:delete"]),
        (post.clone(), at("/csv/settings"), vec!["importCsvSettings:add"]),
        (get.clone(), at("/csv/settings"), vec!["importCsvSettings:view"]),
        (get.clone(), at(&format!("/csv/settings/{id}")), vec!["importCsvSettings:view"]),
        (put.clone(), at(&format!("/csv/settings/{id}")), vec!["importCsvSettings:edit"]),
        (delete.clone(), at(&format!("/csv/settings/{id}")), vec!["importCsvSettings:delete"]),
        (post.clone(), at("/csv/jobs"), vec!["importCsvJob:add", "importJob:add", "entity:import"]),
        (post.clone(), at("/jobs"), vec!["importJob:add"]),
        (get.clone(), at("/jobs"), vec!["importJob:view"]),
        (get.clone(), at("/jobs"), vec!["importJob:viewAll"]),
        (get.clone(), at(&format!("/jobs/{id}")), vec!["importJob:view"]),
        (put.clone(), at(&format!("/jobs/{id}")), vec!["importJob:edit", "entity:import"]),
        (post, SOURCES.to_owned(), vec!["externalSource:add"]),
        (get.clone(), SOURCES.to_owned(), vec!["externalSource:edit"]),
        (get, format!("{SOURCES}/{id}"), vec!["externalSource:add"]),
        (put, format!("{SOURCES}/{id}"), vec!["externalSource:edit"]),
        (delete, format!("{SOURCES}/{id}"), vec!["externalSource:delete"]),
    ]
}

#[tokio::test]
async fn each_call_needs_its_permissions_and_its_errors_are_whole() {
    let mut world = World::with_tokens().await;
    for (method, path, permissions) in calls() {
        let body = (method == Method::POST || method == Method::PUT).then(|| json!({"name": " ", "jobId": "x"}));
        world.token = None;
        refused(&world.send(method.clone(), &path, body.clone()).await, 401, "authentication.required");
        world.become_client(&["contacts:*", "admin"]).await;
        refused(&world.send(method.clone(), &path, body.clone()).await, 403, "not.authorized");
        let scopes: Vec<String> = permissions.iter().map(|it| format!("externalContacts:{it}")).collect();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        if let [_, rest @ ..] = &*scopes
            && !rest.is_empty()
        {
            world.become_client(rest).await;
            refused(&world.send(method.clone(), &path, body.clone()).await, 403, "not.authorized");
        }
        world.become_client(&scopes).await;
        let reply = world.send(method.clone(), &path, body).await;
        // Let in: what is named is not there, or the body is not what it should be.
        match (&method, path.contains("7a1c4a60")) {
            (_, true) => drop(refused(&reply, 404, "not.found")),
            (&Method::GET, false) => assert_eq!(reply.with_plain(200)["entities"], json!([])),
            (_, false) => {
                assert_eq!(reply.status, 400, "{path}: {}", reply.text);
                let broken = world.site.ask(method, &path).bearer_auth(world.token.as_ref().unwrap()).body("[");
                let broken = broken.header("content-type", "application/json; charset=utf-8");
                refused(&Reply::of(broken).await, 400, "bad.request");
            }
        }
    }
    refused(&world.get(&format!("{IMPORT}/nothing")).await, 404, "not.found");
    refused(&world.send(Method::PATCH, &format!("{IMPORT}/settings"), None).await, 405, "bad.request");
    world.site.stop().await;
}

#[tokio::test]
async fn view_shows_ones_own_and_view_all_everyones() {
    let mut world = World::with_tokens().await;
    world.become_client(&["externalContacts:*"]).await;
    let settings = world.settings("S", &["Email"], false, MAIL_AND_PHONE).await;
    let upload = world.upload("Id,First,Mail,Phone\n1,a,,\n").await;
    let job = world.job(&upload, &settings).await;
    assert!(world.validated(&job).await["metadata"]["dryRunReportDownloadUrl"].is_string());
    let theirs = format!("{IMPORT}/settings");

    let mine: Vec<&str> = [
        "importSettings:view",
        "importJob:view",
        "importJob:edit",
        "importCsvSettings:view",
        "importCsvUpload:view",
        "importCsvJob:add",
        "importJob:add",
        "entity:import",
        "importSettings:delete",
    ]
    .to_vec();
    let scopes: Vec<String> = mine.iter().map(|it| format!("externalContacts:{it}")).collect();
    world.become_client(&scopes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for path in [&theirs, &format!("{IMPORT}/jobs"), &format!("{IMPORT}/csv/settings")] {
        assert_eq!(world.get(path).await.with_plain(200)["entities"], json!([]), "{path}");
    }
    refused(&world.get(&job).await, 404, "not.found");
    refused(&world.tell(&job, "Continue").await, 404, "not.found");
    refused(&world.get(&format!("{IMPORT}/csv/settings/{settings}")).await, 404, "not.found");
    refused(&world.get(&format!("{IMPORT}/csv/uploads/{upload}/preview")).await, 404, "not.found");
    let body = json!({"uploadId": upload, "settingsId": settings});
    refused(&world.post(&format!("{IMPORT}/csv/jobs"), body).await, 404, "not.found");

    world.become_client(&["externalContacts:importSettings:viewAll", "externalContacts:importJob:viewAll"]).await;
    assert_eq!(world.get(&theirs).await.with_plain(200)["entities"][0]["name"], "S");
    let seen = world.get(&job).await.with_plain(200);
    assert_eq!(seen.str("executionStep"), "Validated");
    // Reports name people: they are for those who may see them.
    assert!(seen["metadata"].get("dryRunReportDownloadUrl").is_none(), "{}", seen.text);
    refused(&world.get(&format!("{job}/reports/validation")).await, 403, "not.authorized");

    // A profile that names a calling list asks for the rights to it.
    world.become_client(&["contacts:import", "externalContacts:*"]).await;
    world.post("/v1/lists", json!({"name": "L", "columns": ["name"]})).await.with(201);
    let upload = world.upload("name\nAnn\n").await;
    let profile = ImportProfile { target_list: Some("L".into()), ..ImportProfile::default() };
    let saved = SavedProfile {
        id: "p".into(),
        name: "to L".into(),
        kind: "native".into(),
        owner: "test".into(),
        version: 0,
        created_at: 0,
        modified_at: 0,
        profile,
        extra: String::new(),
    };
    world.store().save_profile(saved).await.unwrap().unwrap();
    world.job(&upload, "to L").await;
    world.become_client(&["externalContacts:*", "contacts:import@list=M"]).await;
    let upload = world.upload("name\nAnn\n").await;
    let body = json!({"uploadId": upload, "settingsId": "to L"});
    refused(&world.post(&format!("{IMPORT}/csv/jobs"), body).await, 403, "not.authorized");
    world.site.stop().await;
}
