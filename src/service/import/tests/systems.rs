//! What the four systems ask of the engine (specification 7); their own forms are tested where they are spoken.

use super::*;
use crate::contact::{FieldKind, FieldRule};

fn external(keys: &[MatchKey], on_match: OnMatch) -> ImportProfile {
    ImportProfile {
        source: SourceKind::External,
        email_columns: vec!["mail".into()],
        phone_columns: vec![phone_column("cell", "cell")],
        match_keys: keys.to_vec(),
        on_match,
        scope: MatchScope::Tenant,
        phones: PhonePolicy::Warn,
        phone_required: false,
        rules: vec![FieldRule { kind: FieldKind::Email, ..FieldRule::text("mail", 256) }],
        ..ImportProfile::default()
    }
}

async fn create(world: &World, text: &str, profile: ImportProfile) -> ImportJob {
    let file = world.file("b.csv", text);
    let new =
        NewJob { auto_continue: false, ..NewJob::new("tester", profile, ListTarget::None, FileSource::Path(file)) };
    let job = world.service.create(new).await.unwrap();
    world.service.wait(&job.id).await.unwrap()
}

fn thousand() -> String {
    let mut text = "name,mail,cell\n".to_owned();
    for n in 0..1000 {
        let mail = if n % 70 == 0 { "name@".to_owned() } else { format!("m{n}@x.org") };
        text.push_str(&format!("n{n},{mail},\n"));
    }
    text
}

#[tokio::test]
async fn b1_a_job_stops_at_validated_and_continue_imports_what_was_promised() {
    let world = world();
    let job = create(&world, &thousand(), external(&[MatchKey::Email], OnMatch::UpdateFirst)).await;
    assert_eq!(job.state, JobState::Validated);
    assert_eq!(stored(&job.progress.validation), (985, 0, 0, 15));
    assert_eq!(world.contacts(None).await, []);

    world.service.continue_job(&job.id, "other").await.unwrap();
    let job = world.service.wait(&job.id).await.unwrap();

    assert_eq!(job.state, JobState::Completed);
    assert_eq!(stored(&job.progress.counts), (985, 0, 0, 15));
    assert_eq!((job.progress.counts.drift, job.progress.continued_by.as_deref()), (0, Some("other")));
    let outcome = lines(&job.spec.outcome.unwrap());
    assert_eq!(outcome.iter().filter(|line| line.contains("bad-email")).count(), 15);
}

#[tokio::test]
async fn b2_an_organisation_without_its_id_fails_the_row() {
    let world = world();
    let mut text = "name,mail,cell,org id,org\n".to_owned();
    (0..1000).for_each(|n| text.push_str(&format!("n{n},m{n}@x.org,,,Acme\n")));
    let profile = ImportProfile {
        mapping: vec![("org id".into(), "organisation.external_id".into()), ("org".into(), "organisation.name".into())],
        external_source: "crm".into(),
        ..external(&[MatchKey::Email], OnMatch::UpdateFirst)
    };

    let job = create(&world, &text, profile).await;

    assert_eq!(stored(&job.progress.validation), (0, 0, 0, 1000));
    let outcome = lines(&job.spec.dry_outcome.unwrap());
    assert_eq!(outcome.iter().filter(|line| line.contains("org-without-id")).count(), 1000);
}

#[tokio::test]
async fn an_organisation_comes_once_and_is_that_of_all_its_contacts() {
    let world = world();
    let profile = ImportProfile {
        mapping: vec![("org id".into(), "organisation.external_id".into()), ("org".into(), "organisation.name".into())],
        external_source: "crm".into(),
        ..external(&[MatchKey::Email], OnMatch::UpdateFirst)
    };
    let text = "name,mail,cell,org id,org\na,a@x.org,,7,Acme\nb,b@x.org,,7,Acme\nc,c@x.org,,8,Other\n";
    let job = create(&world, text, profile).await;
    world.service.continue_job(&job.id, "tester").await.unwrap();
    let job = world.service.wait(&job.id).await.unwrap();

    assert_eq!(stored(&job.progress.counts), (3, 0, 0, 0), "{:?}", job.progress.failure);
    let organisations = world.service.store().organisations_after(0, 10).await.unwrap();
    assert_eq!(organisations.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["Acme", "Other"]);
    let of: Vec<_> = world.contacts(None).await.iter().map(|it| it.contact.organisation).collect();
    assert_eq!(of, [Some(1), Some(1), Some(2)]);
}

/// B4: P is found by mail, Q by phone, the row has both.
async fn p_and_q(keys: &[MatchKey], on_match: OnMatch) -> (World, ImportJob) {
    let world = world();
    let text = "name,mail,cell\nP,a@x.org,\nQ,,+49301234567\n";
    let profile = |on_match| external(keys, on_match);
    let made = create(&world, text, profile(on_match)).await;
    world.service.continue_job(&made.id, "tester").await.unwrap();
    world.service.wait(&made.id).await.unwrap();
    let job = create(&world, "name,mail,cell\nR,a@x.org,+49301234567\n", profile(on_match)).await;
    world.service.continue_job(&job.id, "tester").await.unwrap();
    let job = world.service.wait(&job.id).await.unwrap();
    (world, job)
}

async fn names(world: &World) -> Vec<(i64, String)> {
    let name = |it: StoredContact| (it.contact.number, it.contact.value("name").unwrap_or_default().to_owned());
    world.contacts(None).await.into_iter().map(name).collect()
}

#[tokio::test]
async fn b4_criteria_decide_in_order_who_is_updated_and_who_is_merged() {
    let (a, job) = p_and_q(&[MatchKey::Email, MatchKey::Phone], OnMatch::MergeAll).await;
    assert_eq!((job.progress.counts.updated, job.progress.counts.merged_away), (1, 1));
    assert_eq!((job.progress.validation.updated, job.progress.validation.merged_away), (1, 1));
    assert_eq!(names(&a).await, [(1, "R".to_owned())]);

    let (b, job) = p_and_q(&[MatchKey::Email, MatchKey::Phone], OnMatch::UpdateFirst).await;
    assert_eq!((job.progress.counts.updated, job.progress.counts.merged_away), (1, 0));
    assert_eq!(names(&b).await, [(1, "R".to_owned()), (2, "Q".to_owned())]);

    let (c, _) = p_and_q(&[MatchKey::Phone, MatchKey::Email], OnMatch::UpdateFirst).await;
    assert_eq!(names(&c).await, [(1, "P".to_owned()), (2, "R".to_owned())]);
}

#[tokio::test]
async fn a_merge_is_undone_and_both_are_there_again() {
    let (world, job) = p_and_q(&[MatchKey::Email, MatchKey::Phone], OnMatch::MergeAll).await;
    let undone = world.service.undo(&job.id).await.unwrap();
    assert_eq!((undone.restored, undone.kept), (2, 0), "{undone:?}");
    assert_eq!(names(&world).await, [(1, "P".to_owned()), (2, "Q".to_owned())]);
    let found = world.service.contacts_by_key(None, MatchKey::Phone, Vec::new(), "+49301234567").await.unwrap();
    assert_eq!(found.iter().map(|it| it.contact.number).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn b5_a_cancelled_job_stores_nothing_and_does_not_go_on() {
    let world = world();
    let job = create(&world, &thousand(), external(&[MatchKey::Email], OnMatch::UpdateFirst)).await;

    let job = world.service.cancel(&job.id, "somebody").await.unwrap();
    let again = world.service.continue_job(&job.id, "somebody").await;

    assert_eq!((job.state, job.cancelled_by.as_deref()), (JobState::Cancelled, Some("somebody")));
    assert_eq!((job.progress.counts.not_reached, job.progress.counts.records()), (1000, 1000));
    assert!(matches!(again, Err(ImportError::State { state: JobState::Cancelled, .. })), "{again:?}");
    assert_eq!(world.contacts(None).await, []);
}

fn ucs() -> ImportProfile {
    ImportProfile {
        source: SourceKind::Ucs,
        phone_columns: vec![phone_column("PhoneNumber", "")],
        phones: PhonePolicy::AsIs,
        phone_required: false,
        trim: false,
        scope: MatchScope::Tenant,
        ..ImportProfile::default()
    }
}

fn by_mail() -> ImportProfile {
    let key = MatchKey::Attributes { name: "Email".into(), attributes: vec!["EmailAddress".into()] };
    ImportProfile { match_keys: vec![key], on_match: OnMatch::Skip, ..ucs() }
}

async fn ucs_import(world: &World, text: &str, profile: ImportProfile) -> ImportJob {
    let file = world.file("c.csv", text);
    world.import(&file, profile, ListTarget::None).await
}

#[tokio::test]
async fn c3_a_known_key_is_skipped_and_two_matches_are_an_error() {
    let world = world();
    let before = "EmailAddress,PhoneNumber\nb@x.org,1\nd@x.org,2\nd@x.org,3\n";
    assert_eq!(stored(&ucs_import(&world, before, ucs()).await.progress.counts), (3, 0, 0, 0));

    let text = "EmailAddress,PhoneNumber\na@x.org,1\nb@x.org,2\nc@x.org,3\nd@x.org,4\ne@x.org,5\n";
    let job = ucs_import(&world, text, by_mail()).await;

    let counts = job.progress.counts;
    assert_eq!((counts.imported(), counts.skipped, counts.failed), (3, 1, 1), "{:?}", job.progress.failure);
    let outcome = lines(&job.spec.outcome.unwrap());
    assert!(outcome[4].contains("ambiguous"), "{outcome:?}");
}

#[tokio::test]
async fn c4_errors_that_are_allowed_end_the_load_behind_them() {
    for (allowed, imported, failed, last) in [(0, 1, 1, 2), (1, 1, 2, 3), (3, 3, 3, 6)] {
        let world = world();
        let text = "EmailAddress,PhoneNumber\na,1\nb\nc\nd,4\ne\nf,6\n";
        let job = ucs_import(&world, text, ImportProfile { max_errors: Some(allowed), ..ucs() }).await;

        let progress = job.progress;
        assert_eq!(job.state, JobState::Completed, "{:?}", progress.failure);
        assert_eq!((progress.counts.imported(), progress.counts.failed), (imported, failed));
        assert_eq!(progress.stopped.map_or(progress.cursor.record, |stop| stop.last_record), last);
        assert_eq!(progress.counts.records(), 6);
        assert_eq!(progress.validation.failed, failed);
    }
}

#[tokio::test]
async fn elsewhere_too_many_errors_end_the_validation_and_nothing_is_written() {
    let world = world();
    let file = world.file("n.csv", &rows(200));
    let job = world.import(&file, ImportProfile { max_errors: Some(2), ..native() }, named("N")).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!((job.progress.validation.failed, job.progress.validation.records()), (3, 200));
    assert_eq!(world.contacts(Some(world.list("N").await)).await, []);
}

#[tokio::test]
async fn c5_records_in_front_of_the_start_are_counted_and_not_read() {
    let world = world();
    let text = "EmailAddress,PhoneNumber\na,1\nb,2\nc,3\nd,4\ne,5\nf,6\n";
    let job = ucs_import(&world, text, ImportProfile { start_from: 4, ..ucs() }).await;
    let counts = job.progress.counts;
    assert_eq!((counts.imported(), counts.before_start, counts.records()), (3, 3, 6));
}

#[tokio::test]
async fn d3_user_data_is_overwritten_made_again_and_then_ambiguous() {
    let world = world();
    let list = world.service.create_list(new_list("C")).await.unwrap().list.number;
    let send = |name: &str, overwrite: bool| {
        let profile = ImportProfile {
            source: SourceKind::Jtel,
            match_keys: vec![MatchKey::Customer],
            on_match: if overwrite { OnMatch::Overwrite } else { OnMatch::CreateAlways },
            empty: EmptyPolicy::Clear,
            replace_whole: true,
            phones: PhonePolicy::Warn,
            ..ImportProfile::default()
        };
        let draft = Draft {
            attributes: vec![("Name".into(), name.into()), ("UserData".into(), "u1".into())],
            customer_id: Some("u1".into()),
            phones: vec![phone("PhoneNumber1", "", "+49199123456789")],
            has_contact: true,
            ..Draft::default()
        };
        world.service.call(Call { profile, list: Some(list), drafts: vec![draft], all_or_nothing: true })
    };

    send("one", true).await.unwrap();
    send("two", true).await.unwrap();
    let after_two = world.contacts(Some(list)).await;
    send("three", false).await.unwrap();
    let after_three = world.contacts(Some(list)).await;
    let last = send("four", true).await.unwrap();

    assert_eq!(after_two.iter().map(|it| it.contact.value("Name")).collect::<Vec<_>>(), [Some("two")]);
    assert_eq!(after_three.len(), 2);
    assert!(!last.stored);
    assert_eq!(last.reports[0].remarks[0].code, crate::contact::Code::Ambiguous);
    assert_eq!(last.reports[0].outcome, Outcome::Failed);
}
