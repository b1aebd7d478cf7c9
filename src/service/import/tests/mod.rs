mod crash;
mod dnc_wins;
mod hostile;
mod outcomes;
mod rules;
mod systems;

use std::path::Path;

use super::*;
use crate::contact::CallingList;
use crate::contact::phone::NumberingPlans;
use crate::contact::{Counts, Draft, EmptyPolicy, MatchKey, MatchScope, OnMatch, Outcome, Phone, PhoneColumn};
use crate::contact::{PhonePolicy, SourceKind};
use crate::engine::ocs::Record;
use crate::message::CustomerId;
use crate::protocol::UtcSeconds;
use crate::store::contacts::{ContactRef, Removal, StoredContact};
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{ListedDnc, Store, Write};

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: SqliteStore,
    pub(super) service: ImportService,
}

pub(super) fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("data"), Options::default()).unwrap();
    let service = service(&store, folder.path());
    World { folder, store, service }
}

fn service(store: &SqliteStore, folder: &Path) -> ImportService {
    let settings = ImportSettings::new(folder.join("imports"), Arc::new(NumberingPlans));
    ImportService::new(Arc::new(store.clone()), settings)
}

impl World {
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn import(&self, path: &Path, profile: ImportProfile, list: ListTarget) -> ImportJob {
        let job = self.service.create(NewJob::new("tester", profile, list, FileSource::Path(path.to_owned()))).await;
        self.service.wait(&job.unwrap().id).await.unwrap()
    }

    async fn list(&self, name: &str) -> i64 {
        self.service.list_by_name(name).await.unwrap().list.number
    }

    async fn records(&self, list: &str) -> Vec<Record> {
        self.store.records(list, None, 0).await.unwrap()
    }

    async fn contacts(&self, list: Option<i64>) -> Vec<StoredContact> {
        self.service.contacts_page(Some(list), 0, 0).await.unwrap()
    }

    async fn forbid(&self, phone: Option<&str>, customer: Option<&str>) {
        let listed = ListedDnc {
            ocs: None,
            phone: phone.map(crate::message::Phone::from),
            customer: customer.map(CustomerId::from),
            message: None,
            tenant: None,
            campaign: None,
            list: None,
            at: UtcSeconds(1_800_000_000),
            expires_at: None,
        };
        self.store.commit(vec![Write::OcsDnc(listed)]).await.unwrap();
    }

    /// What the sample of the loader adds: A1 and A2.
    async fn sample(&self) -> i64 {
        let mut list = new_list("L");
        list.columns = vec!["first_name".into(), "phone_number".into()];
        list.phone_columns = vec![phone_column("phone_number", "cell")];
        let list = self.service.create_list(list).await.unwrap().list;
        let called = self.service.call(self.add(&list, &[("42", "john", true), ("84", "jane", false)])).await.unwrap();
        assert_eq!(called.counts.created, 2);
        list.number
    }

    fn add(&self, list: &crate::contact::CallingList, contacts: &[(&str, &str, bool)]) -> Call {
        let draft = |(id, name, callable): &(&str, &str, bool)| Draft {
            id: (*id).into(),
            attributes: vec![("first_name".into(), (*name).into())],
            callable: Some(*callable),
            phones: vec![phone("phone_number", "cell", "+420777888777")],
            has_contact: true,
            ..Draft::default()
        };
        Call {
            profile: by_id(),
            list: Some(list.number),
            drafts: contacts.iter().map(draft).collect(),
            all_or_nothing: true,
        }
    }
}

fn phone(column: &str, kind: &str, e164: &str) -> Phone {
    let (column, kind) = (column.into(), kind.into());
    Phone { column, kind, raw: e164.into(), e164: Some(e164.into()), callable: true, ..Phone::default() }
}

fn phone_column(column: &str, kind: &str) -> PhoneColumn {
    PhoneColumn { column: column.into(), kind: kind.into(), time_zone_column: None }
}

fn by_id() -> ImportProfile {
    ImportProfile {
        id_column: None,
        match_keys: vec![MatchKey::Id],
        on_match: OnMatch::Overwrite,
        phones: PhonePolicy::Warn,
        phone_required: false,
        ..ImportProfile::default()
    }
}

fn native() -> ImportProfile {
    ImportProfile {
        id_column: Some("id".into()),
        phone_columns: vec![phone_column("phone", "cell")],
        match_keys: vec![MatchKey::Id],
        on_match: OnMatch::Overwrite,
        ..ImportProfile::default()
    }
}

fn named(name: &str) -> ListTarget {
    ListTarget::Named { name: name.into(), create: true }
}

/// Rows with phones that can be read, but for every 40th.
fn rows(count: usize) -> String {
    let mut text = "id,name,phone\n".to_owned();
    for n in 1..=count {
        let phone = if n % 40 == 0 { "none".to_owned() } else { format!("+420777{n:06}") };
        text.push_str(&format!("c{n},\"Name, {n}\",{phone}\n"));
    }
    text
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn stored(counts: &Counts) -> (u64, u64, u64, u64) {
    (counts.created, counts.updated, counts.unchanged, counts.failed)
}

#[tokio::test]
async fn n1_a_dry_run_tells_what_the_run_does_and_the_reject_file_loads_after_repair() {
    let world = world();
    let text = rows(100).replace("+420777000007", "seven");
    let file = world.file("n1.csv", &text);
    let (outcome, reject) = (world.folder.path().join("o.csv"), world.folder.path().join("r.csv"));
    let new = NewJob {
        reports: Reports::Files { outcome: Some(outcome.clone()), reject: Some(reject.clone()) },
        ..NewJob::new("tester", native(), named("N"), FileSource::Path(file))
    };

    let dry = world.service.dry_run(new.clone(), &watch::channel(JobStatus::default()).0).await.unwrap();
    let nothing = world.service.list_by_name("N").await;
    let first = world.service.wait(&world.service.create(new.clone()).await.unwrap().id).await.unwrap();
    let again = world.service.wait(&world.service.create(new.clone()).await.unwrap().id).await.unwrap();

    assert!(matches!(nothing, Err(ImportError::Unknown { .. })), "a dry run leaves no list");
    assert_eq!(stored(&dry.progress.validation), (97, 0, 0, 3));
    assert_eq!(first.state, JobState::Completed, "{:?}", first.progress.failure);
    assert_eq!(first.progress.counts, dry.progress.validation);
    assert_eq!(stored(&again.progress.counts), (0, 0, 97, 3));
    assert_eq!((first.progress.counts.records(), again.progress.counts.records()), (100, 100));
    assert_eq!(lines(&outcome).len(), 101);
    assert_eq!(lines(&reject).len(), 4);
    assert!(lines(&reject)[0].starts_with("id,name,phone,reject_code,reject_message"));

    let repaired = lines(&reject).join("\n").replace(",none,", ",+420777999001,").replace(",seven,", ",+420777999002,");
    let repaired = world.import(&world.file("again.csv", &repaired), native(), named("N")).await;
    assert_eq!(repaired.state, JobState::Completed, "{:?}", repaired.progress.failure);
    assert_eq!(stored(&repaired.progress.counts), (3, 0, 0, 0));
}

#[tokio::test]
async fn n2_a_listed_phone_is_stored_and_not_dialed() {
    let world = world();
    world.forbid(Some("+420777000002"), None).await;
    let profile = ImportProfile {
        phone_columns: vec![phone_column("a", "home"), phone_column("b", "work"), phone_column("c", "cell")],
        ..native()
    };
    let file = world.file("n2.csv", "id,a,b,c\n1,+420777000001,+420777000002,+420777000003\n");

    let job = world.import(&file, profile, named("N")).await;

    assert_eq!((job.progress.counts.created, job.progress.counts.dnc_hits), (1, 1), "{:?}", job.progress);
    let records = world.records("N").await;
    let seen: Vec<_> = records.iter().map(|it| (it.chain_n, it.record_type, it.call_result)).collect();
    assert_eq!(seen, [(0, 2, 28), (1, 7, 51), (2, 2, 28)]);
    assert!(records.iter().all(|record| record.chain_id == records[0].chain_id));
    let outcome = std::fs::read_to_string(job.spec.outcome.unwrap()).unwrap();
    assert!(outcome.contains("dnc-phone"), "{outcome}");
}

#[tokio::test]
async fn a2_the_sample_contacts_are_two_chains_of_one_record() {
    let world = world();
    world.sample().await;
    let records = world.records("L").await;
    let seen: Vec<_> = records
        .iter()
        .map(|it| (&*it.contact_info, it.record_type, it.record_status, it.call_result, it.user_column("customer_id")))
        .collect();
    assert_eq!(seen, [("+420777888777", 2, 1, 28, Some("42")), ("+420777888777", 7, 1, 28, Some("84"))]);
    assert_ne!(records[0].chain_id, records[1].chain_id);
    assert_eq!(records[0].user_column("first_name"), Some("john"));
}

#[tokio::test]
async fn a3_an_update_of_an_attribute_leaves_phone_and_attempts_alone() {
    let world = world();
    let list = world.sample().await;
    let mut dialed = world.records("L").await;
    (dialed[0].attempt, dialed[0].call_result) = (3, 7);
    world.store.commit(vec![Write::Records { list: "L".into(), records: dialed.clone() }]).await.unwrap();
    let draft = Draft {
        id: "42".into(),
        attributes: vec![("first_name".into(), "johnny".into())],
        has_contact: true,
        ..Draft::default()
    };

    let called = world
        .service
        .call(Call { profile: by_id(), list: Some(list), drafts: vec![draft], all_or_nothing: true })
        .await
        .unwrap();

    assert_eq!(called.counts.updated, 1);
    assert_eq!(world.contacts(Some(list)).await.len(), 2);
    let contact = called.contacts[0].as_ref().unwrap();
    assert_eq!(contact.value("first_name"), Some("johnny"));
    assert_eq!(contact.phones[0].raw, "+420777888777");
    let after = world.records("L").await;
    assert_eq!((after[0].attempt, after[0].call_result, &after[0].contact_info), (3, 7, &dialed[0].contact_info));
    assert_eq!(after[0].user_column("first_name"), Some("johnny"));
}

#[tokio::test]
async fn a5_of_two_changes_of_one_version_the_second_is_refused() {
    let world = world();
    let list = world.sample().await;
    let mut changed = world.service.list_by_number(list).await.unwrap().list;
    changed.name = "M".into();

    let first = world.service.change_list(changed.clone(), 1).await.unwrap();
    let second = world.service.change_list(changed, 1).await;

    assert_eq!(first.list.version, 2);
    assert!(matches!(second, Err(ImportError::Stale { given: 1, stored: 2 })), "{second:?}");
}

#[tokio::test]
async fn a6_a_contact_that_is_being_dialed_is_not_deleted() {
    let world = world();
    let list = world.sample().await;
    let mut records = world.records("L").await;
    records[0].record_status = 2;
    world.store.commit(vec![Write::Records { list: "L".into(), records }]).await.unwrap();

    let gone = world.service.delete_contacts(Some(list), vec!["42".into(), "84".into(), "7".into()]).await.unwrap();

    assert_eq!(gone, [Removal::InUse, Removal::Deleted, Removal::Unknown]);
    assert_eq!(world.contacts(Some(list)).await.len(), 1);
    assert_eq!(world.records("L").await.len(), 1);
    assert_eq!(world.service.list_by_number(list).await.unwrap().size, 1);
}
