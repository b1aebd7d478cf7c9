//! Do-not-call wins, undo, cancel, lists in turn, keys, search, export.

use super::*;
use crate::store::contacts::StoredUpload;

/// (info, type, status, result) of every record.
async fn seen(world: &World, list: &str) -> Vec<(String, i32, i32, i32)> {
    let records = world.records(list).await;
    records.into_iter().map(|it| (it.contact_info, it.record_type, it.record_status, it.call_result)).collect()
}

async fn is_never_dialed(world: &World, list: &str, why: &str) {
    let records = world.records(list).await;
    let listed = records.iter().filter(|it| it.contact_info == "+420777000001");
    assert!(listed.clone().all(|it| it.record_type == 7), "{why}: {records:?}");
}

#[tokio::test]
async fn no_import_update_clear_undo_or_merge_makes_a_listed_number_dialable() {
    let world = world();
    let profile = || ImportProfile { callable_column: Some("callable".into()), ..native() };
    let text = |callable: u8, name: &str| {
        format!("id,name,phone,callable\n1,{name},+420777000001,{callable}\n2,{name},+420777000002,{callable}\n")
    };
    let first = world.import(&world.file("1.csv", &text(1, "a")), profile(), named("N")).await;
    assert_eq!(first.progress.counts.created, 2, "{:?}", first.progress.failure);
    world.forbid(Some("+420777000001"), None).await;

    let off = world.import(&world.file("2.csv", &text(0, "b")), profile(), named("N")).await;
    let on = world.import(&world.file("3.csv", &text(1, "c")), profile(), named("N")).await;
    is_never_dialed(&world, "N", "turned off and on again").await;
    assert_eq!(seen(&world, "N").await[1].1, 2, "the other one is dialed again");
    let reset = ImportProfile { clear_system_data: true, ..profile() };
    world.import(&world.file("4.csv", &text(1, "c")), reset, named("N")).await;
    is_never_dialed(&world, "N", "system data cleared").await;

    for job in [&on, &off] {
        let undone = world.service.undo(&job.id).await.unwrap();
        assert!(undone.finished);
        is_never_dialed(&world, "N", "undone").await;
    }
    let list = world.list("N").await;
    let backup = world.folder.path().join("backup.csv");
    let cleared = world.service.clear(list, Some(&backup)).await.unwrap();
    assert_eq!((cleared.deleted, lines(&backup).len()), (2, 3));
    assert!(world.service.clear(list, Some(&backup)).await.is_err(), "a backup is never written over");
    assert_eq!(world.records("N").await, []);
    let again = world.import(&world.file("5.csv", &text(1, "d")), profile(), named("N")).await;
    is_never_dialed(&world, "N", "cleared and imported again").await;
    assert_eq!((again.progress.counts.created, again.progress.counts.dnc_hits), (2, 1));
    world.import(&world.file("6.csv", "id,name,phone,callable\n2,x,+420777000001,1\n"), profile(), named("N")).await;
    is_never_dialed(&world, "N", "given to somebody else").await;
}

#[tokio::test]
async fn a_listed_customer_is_not_dialed_under_any_phone_and_an_expired_entry_is_none() {
    let world = world();
    world.forbid(None, Some("2")).await;
    let expired = ListedDnc {
        ocs: None,
        phone: Some("+420777000001".into()),
        customer: None,
        message: None,
        tenant: None,
        campaign: None,
        list: None,
        at: UtcSeconds(1_000),
        expires_at: Some(UtcSeconds(2_000)),
    };
    world.store.commit(vec![Write::OcsDnc(expired)]).await.unwrap();
    let text = "id,name,phone\n1,a,+420777000001\n2,b,+420777000002\n";
    world.import(&world.file("1.csv", text), native(), named("N")).await;
    let types: Vec<_> = seen(&world, "N").await.into_iter().map(|it| it.1).collect();
    assert_eq!(types, [2, 7]);
}

#[tokio::test]
async fn undo_takes_back_what_a_job_did_and_leaves_what_others_did_since() {
    let world = world();
    let csv = |name: &str, from: usize, to: usize| {
        let rows: String = (from..=to).map(|n| format!("{n},{name},+420777{n:06}\n")).collect();
        format!("id,name,phone\n{rows}")
    };
    world.import(&world.file("1.csv", &csv("first", 1, 4)), native(), named("N")).await;
    let second = world.import(&world.file("2.csv", &csv("second", 2, 8)), native(), named("N")).await;
    assert_eq!(stored(&second.progress.counts), (4, 3, 0, 0));
    world.import(&world.file("3.csv", &csv("third", 3, 3)), native(), named("N")).await;
    world.import(&world.file("4.csv", &csv("third", 6, 6)), native(), named("N")).await;
    let mut records = world.records("N").await;
    let dialed = records.iter_mut().find(|it| it.contact_info == "+420777000007").unwrap();
    (dialed.attempt, dialed.call_time) = (1, Some(UtcSeconds(1_800_000_000)));
    world.store.commit(vec![Write::Records { list: "N".into(), records }]).await.unwrap();

    let undone = world.service.undo(&second.id).await.unwrap();

    assert_eq!((undone.deleted, undone.restored, undone.kept), (2, 2, 3), "{undone:?}");
    let list = world.list("N").await;
    let left: Vec<_> = world
        .contacts(Some(list))
        .await
        .into_iter()
        .map(|it| (it.contact.id.clone(), it.contact.value("name").unwrap().to_owned()))
        .collect();
    let wanted = [("1", "first"), ("2", "first"), ("3", "third"), ("4", "first"), ("6", "third"), ("7", "second")];
    assert_eq!(left, wanted.map(|(id, name)| (id.to_owned(), name.to_owned())));
    assert_eq!(world.service.list_by_number(list).await.unwrap().size, 6);
    assert_eq!(world.records("N").await.len(), 6);
    let again = world.service.undo(&second.id).await.unwrap();
    assert_eq!(again, undone);
}

#[tokio::test]
async fn a_job_without_end_is_cancelled_and_what_it_committed_stays() {
    let world = world();
    let settings = ImportSettings { batch_records: 10, ..world.service.inner.settings.clone() };
    let service = ImportService::new(Arc::new(world.store.clone()), settings);
    let file = world.file("1.csv", &rows(2_000));
    let job = service.create(NewJob::new("tester", native(), named("N"), FileSource::Path(file))).await.unwrap();
    let mut status = service.watch(&job.id).await.unwrap();
    let importing = |status: &JobStatus| status.state == JobState::Importing && status.counts.created > 0;
    status.wait_for(importing).await.unwrap();

    service.cancel(&job.id, "somebody").await.unwrap();
    let job = service.wait(&job.id).await.unwrap();

    let counts = job.progress.counts;
    assert_eq!((job.state, counts.records()), (JobState::Cancelled, 2_000));
    assert!(counts.not_reached > 0, "{counts:?}");
    assert_eq!(world.service.list_by_name("N").await.unwrap().size, counts.created);
    let outcome = lines(&job.spec.outcome.unwrap());
    assert_eq!(outcome.len(), 2_001);
    assert_eq!(outcome.iter().filter(|line| line.contains("not-reached")).count() as u64, counts.not_reached);
}

#[tokio::test]
async fn two_jobs_of_one_list_run_one_behind_the_other() {
    let world = world();
    let list = world
        .service
        .create_list(crate::contact::CallingList { columns: vec!["name".into(), "phone".into()], ..new_list("N") });
    let list = list.await.unwrap().list.number;
    let lock = world.service.list_lock(Some(list));
    let held = lock.lock().await;
    let file = world.file("1.csv", &rows(10));
    let new = NewJob::new("tester", native(), ListTarget::Number(list), FileSource::Path(file));
    let job = world.service.create(new).await.unwrap();
    assert_eq!(world.service.job(&job.id).await.unwrap().state, JobState::Created);
    drop(held);
    assert_eq!(world.service.wait(&job.id).await.unwrap().state, JobState::Completed);
}

#[tokio::test]
async fn one_key_of_idempotency_is_one_job() {
    let world = world();
    let file = world.file("1.csv", &rows(3));
    let new = |body: &str| NewJob {
        idempotency: Some(("key".into(), body.into())),
        ..NewJob::new("tester", native(), named("N"), FileSource::Path(file.clone()))
    };
    let first = world.service.create(new("body")).await.unwrap();
    let second = world.service.create(new("body")).await.unwrap();
    let third = world.service.create(new("other")).await;
    assert_eq!(first.id, second.id);
    assert!(matches!(&third, Err(ImportError::Store(error)) if error.kind == StoreErrorKind::KeyUsed), "{third:?}");
    world.service.wait(&first.id).await.unwrap();
}

#[tokio::test]
async fn keys_that_are_asked_for_later_find_what_was_stored_before() {
    let world = world();
    let rows: String = (0..2_500).map(|n| format!("{n},n{n},+420777{n:06}\n")).collect();
    let profile = ImportProfile { match_keys: Vec::new(), on_match: OnMatch::CreateAlways, ..native() };
    world.import(&world.file("1.csv", &format!("id,name,phone\n{rows}")), profile, named("N")).await;
    let find = |phone: &'static str| world.service.contacts_by_key(None, MatchKey::Phone, Vec::new(), phone);
    assert_eq!(find("+420777002499").await.unwrap()[0].contact.id, "2499");
    assert_eq!(find("").await.unwrap(), []);

    let by_phone = ImportProfile { match_keys: vec![MatchKey::Phone], ..native() };
    let by_phone = ImportProfile { id_column: None, ..by_phone };
    let job = world.import(&world.file("2.csv", "name,phone\nnew,+420777000009\n"), by_phone, named("N")).await;
    assert_eq!(job.progress.counts.updated, 1, "{:?}", job.progress);
    assert_eq!(find("+420777000009").await.unwrap()[0].contact.value("name"), Some("new"));
}

#[tokio::test]
async fn contacts_are_searched_sorted_and_exported() {
    let world = world();
    let list = world.sample().await;
    let predicate = |column: &str, comparison, value: &str| Predicate {
        column: column.into(),
        numeric: false,
        comparison,
        values: vec![value.into()],
        open: (false, false),
        inverted: false,
    };
    let clause = Clause { join: Join::Or, predicates: vec![predicate("first_name", Comparison::BeginsWith, "ja")] };
    let search = Search { clauses: vec![clause], most: 10, ..Search::default() };
    let found = world.service.search(Some(list), &search).await.unwrap();
    assert_eq!((found.total, found.contacts[0].contact.id.as_str()), (1, "84"));
    let sorts = vec![Sort { column: "first_name".into(), descending: false, numeric: false }];
    let found = world.service.search(Some(list), &Search { sorts, most: 1, ..Search::default() }).await.unwrap();
    assert_eq!((found.total, found.contacts[0].contact.id.as_str()), (2, "84"));

    let row = world.service.list_by_number(list).await.unwrap();
    let mut export = Export::new(row.list, true);
    let mut text = Vec::new();
    while let Some(row) = world.service.export_some(&mut export).await.unwrap() {
        text.extend(row.bytes);
    }
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "inin-outbound-id,first_name,phone_number,ContactCallable\n42,john,+420777888777,1\n84,jane,+420777888777,0\n"
    );
}

#[tokio::test]
async fn ids_in_a_file_delete_contacts() {
    let world = world();
    let list = world.sample().await;
    let new = NewJob {
        kind: JobKind::Delete,
        ..NewJob::new(
            "tester",
            ImportProfile { id_column: Some("id".into()), only_mapped: true, ..by_id() },
            ListTarget::Number(list),
            FileSource::Path(world.file("d.csv", "id\n42\n7\n\"\"\n42\n")),
        )
    };
    let job = world.service.wait(&world.service.create(new).await.unwrap().id).await.unwrap();
    let counts = job.progress.counts;
    assert_eq!((counts.deleted, counts.failed), (1, 3), "{:?}", job.progress.failure);
    assert_eq!(counts, job.progress.validation);
    assert_eq!(world.contacts(Some(list)).await.len(), 1);
    let undone = world.service.undo(&job.id).await.unwrap();
    assert_eq!((undone.restored, world.contacts(Some(list)).await.len()), (1, 2));
    assert_eq!(world.records("L").await.len(), 2);
}

#[tokio::test]
async fn a_store_in_memory_validates_on_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::in_memory(Options::default()).unwrap();
    let world = World { service: service(&store, folder.path()), store, folder };
    let text = rows(50).replace("c2,", "c1,");
    let job = world.import(&world.file("1.csv", &text), native(), named("N")).await;
    assert_eq!(job.state, JobState::Completed, "{:?}", job.progress.failure);
    assert_eq!(stored(&job.progress.validation), (48, 1, 0, 1));
    assert_eq!(job.progress.counts, job.progress.validation);
}

#[tokio::test]
async fn profiles_and_uploads_are_kept_under_their_names() {
    let world = world();
    let saved = crate::store::contacts::SavedProfile {
        id: String::new(),
        name: "crm".into(),
        kind: "native".into(),
        owner: "tester".into(),
        version: 0,
        created_at: 0,
        modified_at: 0,
        profile: native(),
        extra: "{}".into(),
    };
    let first = world.service.save_profile(saved.clone()).await.unwrap();
    assert_eq!(first.version, 1);
    assert!(matches!(world.service.save_profile(saved).await, Err(ImportError::Taken { .. })));
    let second = world.service.save_profile(first.clone()).await.unwrap();
    assert_eq!(second.version, 2);
    assert!(matches!(world.service.save_profile(first).await, Err(ImportError::Stale { given: 1, stored: 2 })));
    assert_eq!(world.service.profile("crm").await.unwrap().profile.match_keys, [MatchKey::Id]);

    let text = rows(5);
    let new =
        NewUpload { owner: "tester".into(), file_name: "../x.csv".into(), announced: Some(1), ..Default::default() };
    let upload = world.service.begin_upload(new).await.unwrap();
    std::fs::write(world.service.upload_path(&upload.id).unwrap(), &text).unwrap();
    assert!(matches!(world.service.complete_upload(&upload.id).await, Err(ImportError::Settings(_))));
    let new = NewUpload { announced: Some(text.len() as u64), ..NewUpload::default() };
    let upload = world.service.begin_upload(new).await.unwrap();
    std::fs::write(world.service.upload_path(&upload.id).unwrap(), &text).unwrap();
    world.service.complete_upload(&upload.id).await.unwrap();
    let new = NewJob::new("tester", native(), named("N"), FileSource::Upload(upload.id.clone()));
    let job = world.service.wait(&world.service.create(new).await.unwrap().id).await.unwrap();
    assert_eq!(job.progress.counts.created, 5);
    assert!(world.service.upload_path("../../etc/passwd").is_err());
    world.service.delete_upload(&upload.id).await.unwrap();
    assert!(world.service.upload(&upload.id).await.is_err());
}

#[tokio::test]
async fn a_clear_is_a_job_that_is_undone_and_leaves_who_is_being_dialed() {
    let world = world();
    world.import(&world.file("1.csv", &rows(1_200).replace("none", "+420777999999")), native(), named("N")).await;
    let list = world.list("N").await;
    let mut records = world.records("N").await;
    let before: Vec<_> = records.iter().map(|it| (it.record_id, it.contact_info.clone(), it.record_type)).collect();
    records.truncate(1);
    records[0].record_status = 2;
    world.store.commit(vec![Write::RecordStates { list: "N".into(), records }]).await.unwrap();
    let backup = world.folder.path().join("backup.csv");

    let job = world.service.clear_as_job("tester", list, Some(&backup)).await.unwrap();

    assert_eq!((job.kind, job.state, lines(&backup).len()), (JobKind::Clear, JobState::Completed, 1_201));
    let counts = job.progress.counts;
    assert_eq!((counts.deleted, counts.failed, counts.records()), (1_199, 1, 1_200));
    assert_eq!(job.progress.extra, "[\"c1\"]");
    assert_eq!(world.service.jobs(None, 1).await.unwrap()[0].id, job.id);
    assert_eq!(world.records("N").await.len(), 1);
    let undone = world.service.undo(&job.id).await.unwrap();
    assert_eq!((undone.restored, undone.kept), (1_199, 0));
    assert_eq!(world.service.list_by_number(list).await.unwrap().size, 1_200);
    let after: Vec<_> =
        world.records("N").await.into_iter().map(|it| (it.record_id, it.contact_info, it.record_type)).collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_clear_that_was_interrupted_goes_on_and_counts_each_contact_once() {
    let world = world();
    world.import(&world.file("1.csv", &rows(1_200).replace("none", "+420777999999")), native(), named("N")).await;
    let list = world.list("N").await;
    let lock = world.service.list_lock(Some(list));
    let held = lock.lock().await;
    let (clearer, store) = (world.service.clone(), world.store.contacts());
    let clearing = tokio::spawn(async move { clearer.clear_as_job("tester", list, None).await });
    let job = loop {
        let jobs = store.jobs(None, 1, true).await.unwrap();
        if let Some(job) = jobs.into_iter().find(|job| job.kind == JobKind::Clear) {
            break job;
        }
        tokio::task::yield_now().await;
    };
    // The first piece is done, and then the program is gone.
    store.clear_some(list, 0, PIECE, Some(job.number)).await.unwrap();
    world.service.inner.stopping.store(true, Ordering::Release);
    drop(held);
    clearing.await.unwrap().unwrap();
    assert_eq!(world.service.job(&job.id).await.unwrap().state, JobState::Importing);

    let next = service(&world.store, world.folder.path());
    assert_eq!(next.resume_all().await.unwrap(), 1);
    let job = next.wait(&job.id).await.unwrap();
    assert_eq!((job.state, job.progress.counts.deleted, job.progress.resumes), (JobState::Completed, 1_200, 1));
    assert_eq!(next.undo(&job.id).await.unwrap().restored, 1_200);
}

#[tokio::test]
async fn as_many_jobs_wait_as_may_and_one_more_is_refused() {
    let world = world();
    let settings = ImportSettings { jobs_at_once: 2, jobs_waiting: 3, ..world.service.inner.settings.clone() };
    let service = ImportService::new(Arc::new(world.store.clone()), settings);
    let list = service.create_list(CallingList { columns: vec!["name".into(), "phone".into()], ..new_list("N") });
    let list = list.await.unwrap().list.number;
    let lock = service.list_lock(Some(list));
    let held = lock.lock().await;
    let file = world.file("1.csv", &rows(3));
    let new = || NewJob::new("tester", native(), ListTarget::Number(list), FileSource::Path(file.clone()));
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(service.create(new()).await.unwrap().id);
    }
    assert!(matches!(service.create(new()).await, Err(ImportError::Busy(3))));
    assert!(matches!(service.clear_as_job("tester", list, None).await, Err(ImportError::Busy(3))));
    drop(held);
    for job in jobs {
        assert_eq!(service.wait(&job).await.unwrap().state, JobState::Completed);
    }
    let one_more = service.create(new()).await.unwrap();
    service.wait(&one_more.id).await.unwrap();
}

#[tokio::test]
async fn uploads_that_nobody_came_back_for_go_and_those_of_open_jobs_stay() {
    let world = world();
    let store = world.store.contacts();
    let begin = async |text: Option<&str>| {
        let upload = world.service.begin_upload(NewUpload::default()).await.unwrap();
        if let Some(text) = text {
            std::fs::write(world.service.upload_path(&upload.id).unwrap(), text).unwrap();
            world.service.complete_upload(&upload.id).await.unwrap();
        }
        upload.id
    };
    let (never, read, young) = (begin(None).await, begin(Some(&rows(3))).await, begin(Some(&rows(2))).await);
    let new = NewJob::new("tester", native(), named("N"), FileSource::Upload(read.clone()));
    let job = world.service.create(NewJob { auto_continue: false, ..new }).await.unwrap();
    world.service.wait(&job.id).await.unwrap();
    // Written anew with an older time: the store keeps the time of the first row of an id.
    for id in [&never, &read] {
        let upload = store.upload(id).await.unwrap().unwrap();
        store.delete_upload(id).await.unwrap();
        store.save_upload(StoredUpload { created_at: now_ms() - 9 * 24 * 3_600_000, ..upload }).await.unwrap();
    }
    assert_eq!(world.service.sweep_uploads().await.unwrap(), 1);
    assert!(world.service.upload(&never).await.is_err());
    assert!(world.service.upload(&young).await.is_ok());
    world.service.continue_job(&job.id, "tester").await.unwrap();
    assert_eq!(world.service.wait(&job.id).await.unwrap().progress.counts.created, 3);
    assert_eq!(world.service.sweep_uploads().await.unwrap(), 1);
    assert!(!world.service.upload_path(&read).unwrap().exists());
}

#[tokio::test]
async fn presets_are_profiles_that_nobody_changes() {
    let world = world();
    let names: Vec<_> = world.service.profiles().await.unwrap().into_iter().map(|saved| saved.name).collect();
    assert_eq!(names, ["genesys-cloud", "external-contacts", "external-contacts-classic", "ucs", "jtel"]);
    let jtel = world.service.profile("jtel").await.unwrap();
    assert!(matches!(world.service.save_profile(jtel.clone()).await, Err(ImportError::Taken { what: "preset", .. })));
    assert!(matches!(world.service.delete_profile("jtel").await, Err(ImportError::InUse(_))));

    // Example B6: the columns of the classic flow have names of their own.
    let classic = || world.service.profile("external-contacts-classic");
    let text = "contact id,Contact First Name,Contact Last Name\n1,a,b\n";
    let wrong = NewJob::new(
        "tester",
        classic().await.unwrap().profile,
        ListTarget::None,
        FileSource::Path(world.file("b6.csv", text)),
    );
    let error = world.service.create(wrong).await.unwrap_err().to_string();
    assert!(error.contains("Contact Id"), "{error}");
    let text = "Contact Id,Contact First Name,Contact Last Name,Contact Work Phone\n1,a,b,(202) 555-0143\n";
    let job = world.import(&world.file("b6.csv", text), classic().await.unwrap().profile, ListTarget::None).await;
    assert_eq!(job.progress.counts.created, 1, "{:?}", job.progress);
    let phones = |contacts: Vec<StoredContact>| contacts[0].contact.phones.clone();
    assert_eq!(phones(world.contacts(None).await)[0].e164.as_deref(), Some("+12025550143"), "the country is US");
    let text = text.replace("(202) 555-0143", "");
    world.import(&world.file("b6.csv", &text), classic().await.unwrap().profile, ListTarget::None).await;
    assert_eq!(phones(world.contacts(None).await), []);
}

#[tokio::test]
async fn the_country_of_the_configuration_reads_national_phones() {
    let world = world();
    let settings = ImportSettings { default_country: "CZ".into(), ..world.service.inner.settings.clone() };
    let service = ImportService::new(Arc::new(world.store.clone()), settings);
    let file = world.file("1.csv", "id,phone\n1,777 000 001\n");
    let new = NewJob::new("tester", native(), named("N"), FileSource::Path(file));
    let job = service.wait(&service.create(new).await.unwrap().id).await.unwrap();
    assert_eq!(job.spec.profile.default_country, "CZ", "a job that is taken up again has the same");
    assert_eq!(world.records("N").await[0].contact_info, "+420777000001");
}

#[tokio::test]
async fn the_list_of_a_dry_run_goes_with_it_and_stays_when_somebody_else_waits_for_it() {
    let world = world();
    let file = world.file("1.csv", &rows(3));
    let new = || NewJob::new("tester", native(), named("N"), FileSource::Path(file.clone()));
    let job = world.service.create(NewJob { dry_run: true, ..new() }).await.unwrap();
    let job = world.service.wait(&job.id).await.unwrap();
    assert_eq!((job.state, job.progress.validation.created), (JobState::Completed, 3));
    assert!(world.service.list_by_name("N").await.is_err());

    let waits = world.service.create(NewJob { auto_continue: false, ..new() }).await.unwrap();
    world.service.wait(&waits.id).await.unwrap();
    let again = world.service.create(NewJob { dry_run: true, ..new() }).await.unwrap();
    world.service.wait(&again.id).await.unwrap();
    world.service.continue_job(&waits.id, "tester").await.unwrap();
    assert_eq!(world.service.wait(&waits.id).await.unwrap().progress.counts.created, 3);
}

#[tokio::test]
async fn the_preset_of_external_contacts_knows_its_fields_by_their_names() {
    let world = world();
    let profile = world.service.profile("external-contacts").await.unwrap().profile;
    let text = "external_id,First Name,WORK_EMAIL,workPhone\n7,Ann,a@x.org,+420777000001\n8,Bo,name@,\n";
    let text = text.replace("First Name", "first_name");
    let job = world.import(&world.file("b.csv", &text), profile, ListTarget::None).await;
    assert_eq!(stored(&job.progress.counts), (1, 0, 0, 1), "{:?}", job.progress.failure);
    let contact = &world.contacts(None).await[0].contact;
    assert_eq!((contact.value("firstName"), contact.phones[0].column.as_str()), (Some("Ann"), "workPhone"));
    assert_eq!((contact.external_ids[0].value.as_str(), contact.customer_id.as_str()), ("7", "7"));
}
