//! Whatever happens, and in whatever order: a number or customer on the do-not-call list is not dialable (trust.md G9).

use proptest::prelude::*;

use super::*;
use crate::contact::preset::rules_of;

const LIST: &str = "N";
const SYSTEMS: [SourceKind; 6] = [
    SourceKind::Native,
    SourceKind::GenesysCloud,
    SourceKind::External,
    SourceKind::Classic,
    SourceKind::Ucs,
    SourceKind::Jtel,
];

#[derive(Clone, Debug)]
struct Row {
    id: usize,
    mail: usize,
    phone: usize,
    other: Option<usize>,
    callable: bool,
}

#[derive(Clone, Debug)]
enum Step {
    /// An OCS that has read the list carries out a do-not-call for a phone, or for a customer.
    Phone(usize),
    Customer(usize),
    Import {
        system: usize,
        mode: usize,
        clears: bool,
        resets: bool,
        rows: Vec<Row>,
    },
    Undo(usize),
    Clear(bool),
    Delete(usize),
    /// An OCS reads the list, takes a record, and much later writes what it has in mind.
    Read,
    Take(usize),
    WriteBack,
}

fn number(n: usize) -> String {
    format!("+42077700000{n}")
}

fn row() -> impl Strategy<Value = Row> {
    (1..5_usize, 1..4_usize, 1..6_usize, proptest::option::of(1..6_usize), any::<bool>())
        .prop_map(|(id, mail, phone, other, callable)| Row { id, mail, phone, other, callable })
}

fn step() -> impl Strategy<Value = Step> {
    let import = (0..6_usize, 0..5_usize, any::<bool>(), any::<bool>(), proptest::collection::vec(row(), 1..5))
        .prop_map(|(system, mode, clears, resets, rows)| Step::Import { system, mode, clears, resets, rows });
    prop_oneof![
        2 => (1..6_usize).prop_map(Step::Phone),
        2 => (1..5_usize).prop_map(Step::Customer),
        8 => import,
        3 => (0..8_usize).prop_map(Step::Undo),
        1 => any::<bool>().prop_map(Step::Clear),
        1 => (1..5_usize).prop_map(Step::Delete),
        2 => Just(Step::Read),
        1 => (0..8_usize).prop_map(Step::Take),
        3 => Just(Step::WriteBack),
    ]
}

fn profile(system: usize, mode: usize, clears: bool, resets: bool) -> ImportProfile {
    let keys = |keys: &[MatchKey]| keys.to_vec();
    let (on_match, match_keys) = match mode {
        0 => (OnMatch::CreateAlways, Vec::new()),
        1 => (OnMatch::Skip, keys(&[MatchKey::Id])),
        2 => (OnMatch::Overwrite, keys(&[MatchKey::Id])),
        3 => (OnMatch::UpdateFirst, keys(&[MatchKey::Phone, MatchKey::Email])),
        _ => (OnMatch::MergeAll, keys(&[MatchKey::Email, MatchKey::Phone])),
    };
    let rules = rules_of(SYSTEMS[system]);
    ImportProfile {
        id_column: Some("id".into()),
        callable_column: Some("callable".into()),
        phone_columns: vec![phone_column("phone", "cell"), phone_column("other", "home")],
        email_columns: vec!["mail".into()],
        mapping: vec![("name".into(), "name".into())],
        only_mapped: false,
        match_keys,
        on_match,
        scope: MatchScope::List,
        empty: if clears { EmptyPolicy::Clear } else { rules.empty },
        clear_system_data: resets,
        phone_required: false,
        ..rules
    }
}

#[derive(Default)]
struct Said {
    phones: Vec<usize>,
    customers: Vec<usize>,
    /// As some OCS has it in mind.
    read: Vec<Record>,
    jobs: Vec<String>,
    files: usize,
}

impl World {
    async fn write_back(&self, records: Vec<Record>) {
        self.store.commit(vec![Write::RecordStates { list: LIST.into(), records }]).await.unwrap();
    }

    async fn forbid_and_mark(&self, phone: Option<&str>, customer: Option<&str>) {
        self.forbid(phone, customer).await;
        let mut rows = self.records(LIST).await;
        rows.retain(|row| {
            Some(&*row.contact_info) == phone || (customer.is_some() && customer == row.user_column("customer_id"))
        });
        for row in &mut rows {
            (row.record_type, row.record_status, row.call_result) = (7, 3, 51);
        }
        self.write_back(rows).await;
    }

    async fn take(&self, said: &mut Said, step: &Step) {
        match step {
            Step::Phone(n) => {
                said.phones.push(*n);
                self.forbid_and_mark(Some(&number(*n)), None).await;
            }
            Step::Customer(n) => {
                said.customers.push(*n);
                self.forbid_and_mark(None, Some(&n.to_string())).await;
            }
            Step::Import { system, mode, clears, resets, rows } => {
                let mut text = "id,name,mail,phone,other,callable,UserData\n".to_owned();
                for Row { id, mail, phone, other, callable } in rows {
                    let other = other.map(number).unwrap_or_default();
                    let callable = u8::from(*callable);
                    text += &format!("{id},n,m{mail}@x.org,{},{other},{callable},{id}\n", number(*phone));
                }
                said.files += 1;
                let file = self.file(&format!("{}.csv", said.files), &text);
                let job = self.import(&file, profile(*system, *mode, *clears, *resets), named(LIST)).await;
                assert_eq!(job.state, JobState::Completed, "{:?}", job.progress.failure);
                assert_eq!(job.progress.counts, job.progress.validation, "{step:?}");
                said.jobs.push(job.id);
            }
            Step::Undo(n) => {
                if let Some(job) = said.jobs.get(n % said.jobs.len().max(1)) {
                    self.service.undo(job).await.unwrap();
                }
            }
            Step::Clear(by_job) => {
                let Ok(list) = self.service.list_by_name(LIST).await else { return };
                let list = list.list.number;
                if *by_job {
                    said.jobs.push(self.service.clear_as_job("tester", list, None).await.unwrap().id);
                } else {
                    self.service.clear(list, None).await.unwrap();
                }
            }
            Step::Delete(id) => {
                let Ok(list) = self.service.list_by_name(LIST).await else { return };
                self.service.delete_contacts(Some(list.list.number), vec![id.to_string()]).await.unwrap();
            }
            Step::Read => said.read = self.records(LIST).await,
            Step::Take(n) => {
                let mut rows = self.records(LIST).await;
                if !rows.is_empty() {
                    let mut row = rows.swap_remove(n % rows.len());
                    row.record_status = 2;
                    self.write_back(vec![row]).await;
                }
            }
            Step::WriteBack => {
                for row in &mut said.read {
                    (row.record_type, row.record_status, row.call_result) = (2, 1, 28);
                }
                self.write_back(said.read.clone()).await;
            }
        }
    }

    async fn check(&self, said: &Said, before: &[Record], step: &Step) -> Result<(), TestCaseError> {
        let rows = self.records(LIST).await;
        for row in &rows {
            let phone = said.phones.iter().any(|n| number(*n) == row.contact_info);
            let customer = row.user_column("customer_id").and_then(|id| id.parse().ok());
            let listed = phone || customer.is_some_and(|n| said.customers.contains(&n));
            prop_assert!(!listed || row.record_type == 7, "{step:?}: {row:?}");
        }
        if matches!(step, Step::WriteBack) {
            let shape = |rows: &[Record]| rows.iter().map(|row| (row.record_id, row.chain_id)).collect::<Vec<_>>();
            prop_assert_eq!(shape(&rows), shape(before), "a row came back, or went");
        }
        Ok(())
    }
}

fn in_memory() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::in_memory(Options::default()).unwrap();
    World { service: service(&store, folder.path()), store, folder }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn no_order_of_events_makes_a_listed_number_or_customer_dialable(
        steps in proptest::collection::vec(step(), 4..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = in_memory();
            let mut said = Said::default();
            for step in &steps {
                let before = world.store.records(LIST, None, 0).await.unwrap_or_default();
                world.take(&mut said, step).await;
                world.check(&said, &before, step).await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

/// Two contacts become one by their mail address.
async fn merged(world: &World) {
    let by_mail = ImportProfile {
        id_column: None,
        email_columns: vec!["mail".into()],
        match_keys: vec![MatchKey::Email],
        on_match: OnMatch::MergeAll,
        phone_columns: Vec::new(),
        phone_required: false,
        ..native()
    };
    let job = world.import(&world.file("m.csv", "mail\na@x.org\n"), by_mail, named(LIST)).await;
    assert_eq!((job.progress.counts.updated, job.progress.counts.merged_away), (1, 1), "{:?}", job.progress);
}

fn two() -> ImportProfile {
    ImportProfile {
        phone_columns: vec![phone_column("phone", "cell"), phone_column("other", "home")],
        email_columns: vec!["mail".into()],
        ..native()
    }
}

const TWO: &str = "id,mail,phone,other\n1,a@x.org,+420777000001,\n2,a@x.org,,+420777000002\n";

#[tokio::test]
async fn who_becomes_part_of_another_is_not_dialed_there_when_the_customer_said_so() {
    let world = in_memory();
    world.import(&world.file("1.csv", TWO), two(), named(LIST)).await;
    world.forbid(None, Some("2")).await;
    merged(&world).await;
    let rows = |world: &World| {
        let records = world.store.records(LIST, None, 0);
        async move { records.await.unwrap() }
    };
    let alive = |rows: Vec<Record>| rows.into_iter().filter(|row| !row.user.is_empty()).collect::<Vec<_>>();
    let of_survivor = alive(rows(&world).await);
    assert_eq!(of_survivor.len(), 2);
    assert!(of_survivor.iter().all(|row| row.record_type == 7), "{of_survivor:?}");
    // A phone that comes later belongs to the same customer.
    let later = "id,mail,phone,other\n1,a@x.org,+420777000009,+420777000002\n";
    world.import(&world.file("2.csv", later), two(), named(LIST)).await;
    let rows = alive(rows(&world).await);
    assert!(rows.iter().all(|row| row.record_type == 7), "{rows:?}");
}

#[tokio::test]
async fn a_phone_that_a_request_took_out_with_its_chain_stays_out_in_another_chain() {
    let world = in_memory();
    world.import(&world.file("1.csv", TWO), two(), named(LIST)).await;
    // As AllChain does to a phone that is on no list itself.
    let mut rows = world.records(LIST).await;
    rows.retain(|row| row.contact_info == "+420777000002");
    (rows[0].record_type, rows[0].record_status, rows[0].call_result) = (7, 3, 51);
    world.write_back(rows).await;
    merged(&world).await;
    let rows = world.records(LIST).await;
    let of = |phone: &str| rows.iter().filter(|row| row.contact_info == phone).map(|row| row.record_type).collect();
    let (first, second): (Vec<i32>, Vec<i32>) = (of("+420777000001"), of("+420777000002"));
    assert_eq!((first, second), (vec![2], vec![7, 7]), "{rows:?}");
}

#[tokio::test]
async fn what_an_ocs_writes_late_touches_no_record_of_somebody_else() {
    let world = in_memory();
    world.import(&world.file("1.csv", TWO), two(), named(LIST)).await;
    let number_before = world.list(LIST).await;
    let mut late = world.records(LIST).await;
    late.iter_mut().for_each(|row| row.attempt = 9);
    world.service.delete_list(number_before).await.unwrap();
    world.import(&world.file("2.csv", TWO), two(), named(LIST)).await;
    let now = world.records(LIST).await;
    assert_eq!(now[0].record_id, late[0].record_id, "the numbers of records begin again with a list");
    world.write_back(late).await;
    assert_eq!(world.records(LIST).await, now);
    assert_ne!(world.list(LIST).await, number_before, "the number of a list that is gone is not given again");
}
