//! A store that dies at a chosen step, in one of three ways; what is on the disk afterwards is what a kill leaves.

use std::io;
use std::sync::atomic::AtomicI64;

use super::*;
use crate::contact::RecordReport;
use crate::store::Pending;
use crate::store::contacts::{
    Called, Cleared, Context, DryRun, JobChange, ListChange, ListRow, Piece, SavedProfile, Sink, StoredUpload,
};

/// What the step that dies leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// Nothing.
    Nothing,
    /// Files that are longer than the cursor says: they were written, and the commit never came.
    Files,
    /// All of it: the commit came, and nobody heard so.
    All,
}

#[derive(Debug)]
struct Dying {
    store: Arc<dyn ContactStore>,
    left: AtomicI64,
    leaves: Leaves,
}

/// Writes, and then says that it could not.
struct Broken(Box<dyn Sink>);

impl Sink for Broken {
    fn report(&mut self, report: &RecordReport, raw: Option<&[u8]>) -> bool {
        self.0.report(report, raw)
    }

    fn seal(&mut self) -> io::Result<(u64, u64)> {
        self.0.seal()?;
        Err(io::Error::other("killed"))
    }
}

fn killed<T: Send + 'static>() -> Pending<T> {
    Box::pin(async { Err(StoreError::new(StoreErrorKind::Io, "killed")) })
}

impl Dying {
    /// Steps that are left before this one.
    fn step(&self) -> i64 {
        self.left.fetch_sub(1, Ordering::SeqCst)
    }
}

macro_rules! pass_on {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $kind),*) -> Pending<$answer> {
            if self.left.load(Ordering::SeqCst) < 0 { killed() } else { self.store.$name($($arg),*) }
        })*
    };
}

impl ContactStore for Dying {
    fn apply(&self, mut piece: Piece, now_ms: i64) -> Pending<Piece> {
        match (self.step(), self.leaves) {
            (1.., _) => self.store.apply(piece, now_ms),
            (0, Leaves::Files) => {
                piece.sink = Box::new(Broken(piece.sink));
                self.store.apply(piece, now_ms)
            }
            (0, Leaves::All) => {
                let done = self.store.apply(piece, now_ms);
                Box::pin(async move { done.await.and_then(|_| Err(StoreError::new(StoreErrorKind::Io, "killed"))) })
            }
            _ => killed(),
        }
    }

    fn change_job(&self, id: &str, change: JobChange) -> Pending<Option<ImportJob>> {
        match (self.step(), self.leaves) {
            (1.., _) => self.store.change_job(id, change),
            (0, Leaves::All) => {
                let done = self.store.change_job(id, change);
                Box::pin(async move { done.await.and_then(|_| Err(StoreError::new(StoreErrorKind::Io, "killed"))) })
            }
            _ => killed(),
        }
    }

    pass_on! {
        calling_lists() -> Vec<ListRow>;
        create_list(list: crate::contact::CallingList, at: i64) -> ListRow;
        change_list(list: crate::contact::CallingList, version: i64, at: i64) -> ListChange;
        delete_list(list: i64) -> bool;
        contact(which: ContactRef) -> Option<StoredContact>;
        contacts_by_key(list: Option<Option<i64>>, key: MatchKey, emails: Vec<String>, value: String) -> Vec<StoredContact>;
        contacts_after(list: Option<Option<i64>>, after: i64, most: usize) -> Vec<StoredContact>;
        chain(list: i64, contact: i64) -> Vec<Record>;
        organisation(number: i64) -> Option<crate::contact::Organisation>;
        organisations_after(after: i64, most: usize) -> Vec<crate::contact::Organisation>;
        index_keys(keys: Vec<MatchKey>, emails: Vec<String>) -> ();
        call(context: Arc<Context>, drafts: Vec<Draft>, all_or_nothing: bool, now_ms: i64) -> Called;
        dry_run() -> Box<dyn DryRun>;
        delete_contacts(list: Option<i64>, ids: Vec<String>) -> Vec<Removal>;
        clear_some(list: i64, after: i64, most: usize, job: Option<i64>) -> Cleared;
        undo_some(job: i64, most: usize, now_ms: i64) -> Undone;
        create_job(job: ImportJob) -> ImportJob;
        job(id: &str) -> Option<ImportJob>;
        jobs(before: Option<i64>, most: usize, open_only: bool) -> Vec<ImportJob>;
        profiles() -> Vec<SavedProfile>;
        save_profile(profile: SavedProfile) -> Option<SavedProfile>;
        delete_profile(id: &str) -> bool;
        upload(id: &str) -> Option<StoredUpload>;
        save_upload(upload: StoredUpload) -> ();
        delete_upload(id: &str) -> bool;
        uploads_before(created_at: i64) -> Vec<StoredUpload>;
    }
}

fn small(world: &World, store: Arc<dyn ContactStore>) -> ImportService {
    let settings = ImportSettings {
        batch_records: 7,
        ..ImportSettings::new(world.folder.path().join("imports"), Arc::new(NumberingPlans))
    };
    ImportService::new(store, settings)
}

/// Good rows, bad ones, repeats, blank lines, listed phones, broken quotes in the middle.
fn rough() -> String {
    let mut text = "id,name,phone,phone2\n".to_owned();
    for n in 1..=90 {
        let row = match n % 9 {
            0 => format!("c{},again {n},+420777{:06},\n", n / 2, n / 2),
            1 => format!("c{n},\"two\nlines, and \"\"quotes\"\"\",+420777{n:06},+420602{n:06}\n"),
            2 => format!("c{n},short\n"),
            3 => format!("c{n},bad,nobody,\n\n"),
            4 => format!("c{},same,+420777{:06},\n", n - 3, n - 3),
            _ => format!("c{n},name {n},+420777{n:06},\n"),
        };
        text.push_str(&row);
    }
    text
}

fn two_phones() -> ImportProfile {
    ImportProfile { phone_columns: vec![phone_column("phone", "cell"), phone_column("phone2", "home")], ..native() }
}

/// Everything but times and the number of resumes.
#[derive(Debug, PartialEq)]
struct Left {
    counts: Counts,
    contacts: Vec<crate::contact::Contact>,
    records: Vec<Record>,
    outcome: Vec<u8>,
    reject: Vec<u8>,
}

async fn left(world: &World, service: &ImportService, id: &str) -> Left {
    let job = service.wait(id).await.unwrap();
    assert_eq!(job.state, JobState::Completed, "{:?}", job.progress.failure);
    let mut contacts: Vec<_> = world.contacts(Some(world.list("R").await)).await;
    for stored in &mut contacts {
        (stored.contact.created_at, stored.contact.updated_at) = (0, 0);
    }
    Left {
        counts: job.progress.counts,
        contacts: contacts.into_iter().map(|stored| stored.contact).collect(),
        records: world.records("R").await,
        outcome: std::fs::read(job.spec.outcome.unwrap()).unwrap(),
        reject: std::fs::read(job.spec.reject.unwrap()).unwrap(),
    }
}

async fn begin(service: &ImportService, file: &Path) -> String {
    let new = NewJob::new("tester", two_phones(), named("R"), FileSource::Path(file.to_owned()));
    service.create(new).await.unwrap().id
}

async fn prepared() -> (World, PathBuf) {
    let world = world();
    world.forbid(Some("+420777000005"), None).await;
    world.forbid(Some("+420602000010"), None).await;
    let file = world.file("rough.csv", &rough());
    (world, file)
}

#[tokio::test]
async fn a_job_that_is_killed_anywhere_and_goes_on_leaves_what_an_uninterrupted_one_does() {
    let (world, file) = prepared().await;
    let service = small(&world, Arc::new(world.store.clone()));
    let whole = left(&world, &service, &begin(&service, &file).await).await;
    assert_eq!(whole.counts.records(), 90);
    assert!(whole.counts.failed > 10 && whole.counts.updated > 5 && whole.counts.dnc_hits > 1, "{:?}", whole.counts);

    for steps in 0..18 {
        let ways = [Leaves::Nothing, Leaves::Files, Leaves::All];
        // Each step in two ways, each way at every kind of step.
        for leaves in [ways[steps as usize % 3], ways[(steps as usize + 1) % 3]] {
            let (world, file) = prepared().await;
            let dying = Dying { store: Arc::new(world.store.clone()), left: AtomicI64::new(steps), leaves };
            let first = small(&world, Arc::new(dying));
            let id = begin(&first, &file).await;
            let mut status = first.running().get(&id).map(|running| running.status.clone());
            while let Some(status) = &mut status
                && status.changed().await.is_ok()
            {}

            let second = small(&world, Arc::new(world.store.clone()));
            second.resume_all().await.unwrap();

            let found = left(&world, &second, &id).await;
            assert_eq!(found, whole, "killed at step {steps}, leaving {leaves:?}");
        }
    }
}

#[tokio::test]
async fn the_law_of_counts_holds_at_every_commit() {
    let (world, file) = prepared().await;
    let service = small(&world, Arc::new(world.store.clone()));
    let id = begin(&service, &file).await;
    let mut status = service.watch(&id).await.unwrap();
    let mut last = 0;
    while status.changed().await.is_ok() {
        let seen = status.borrow_and_update().clone();
        if seen.step == Some(crate::store::contacts::Step::Importing) {
            assert!(seen.counts.records() >= last);
            last = seen.counts.records();
            assert!(seen.bytes <= seen.size);
        }
    }
    let job = service.job(&id).await.unwrap();
    assert_eq!((job.progress.counts.records(), job.progress.cursor.record), (90, 90));
}

#[tokio::test]
async fn a_file_that_changes_under_a_job_is_refused() {
    let (world, file) = prepared().await;
    let new = NewJob {
        auto_continue: false,
        ..NewJob::new("tester", two_phones(), named("R"), FileSource::Path(file.clone()))
    };
    let id = world.service.create(new).await.unwrap().id;
    world.service.wait(&id).await.unwrap();
    std::fs::write(&file, rough().replace("name 5,", "mane 5,")).unwrap();

    world.service.continue_job(&id, "tester").await.unwrap();
    let job = world.service.wait(&id).await.unwrap();

    assert_eq!(job.state, JobState::Failed);
    assert!(job.progress.failure.unwrap().contains("SHA-256"));
    assert_eq!(world.contacts(Some(world.list("R").await)).await, []);
}
