//! Contacts in SQLite.
//!
//! ```text
//! keys     which match keys are indexed          apply    a draft: hits, decision, contact, chain
//! lists    calling lists and running numbers     piece    one transaction of drafts, with cursor and files
//! rows     JSON columns                          overlay  the same on a picture of the store, for validations
//! jobs     jobs, profiles, uploads               undo     the way back
//! ```

mod apply;
mod jobs;
mod keys;
mod lists;
mod overlay;
mod piece;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod undo;

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;

pub(in crate::store::sqlite) use read::user_columns;

use crate::contact::CallingList;
use crate::contact::Draft;
use crate::contact::ImportProfile;
use crate::contact::MatchKey;
use crate::contact::Organisation;
use crate::engine::ocs::Record;
use crate::store::contacts::{
    Called, Cleared, ContactRef, ContactStore, Context, DryRun, ImportJob, JobChange, ListChange, ListRow, Piece,
    Removal, SavedProfile, StoredContact, StoredUpload, Undone,
};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::apply::Ledger;
use crate::store::sqlite::writer::Job;
use crate::store::{Pending, StoreError};
use apply::{Applier, Place};

/// Tells whether somebody waits for the writer, without keeping the writer alive.
fn busy(jobs: Option<mpsc::WeakSender<Job>>) -> impl Fn() -> bool {
    move || jobs.as_ref().and_then(mpsc::WeakSender::upgrade).is_some_and(|jobs| jobs.capacity() < jobs.max_capacity())
}

/// What applies to contacts that are removed: nothing but that they go.
fn plain_context(job: Option<i64>, profile: ImportProfile) -> Context {
    Context { job, job_id: None, profile, list: None, delete: true, zones: Vec::new() }
}

impl SqliteStore {
    fn busy(&self) -> impl Fn() -> bool + use<> {
        let jobs = self.inner.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        busy(jobs.as_ref().map(mpsc::Sender::downgrade))
    }

    /// Does something in a transaction of its own.
    pub(in crate::store::sqlite) fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        self.with_writer(move |ledger| piece::transaction(ledger, || work(ledger)))
    }
}

impl ContactStore for SqliteStore {
    fn calling_lists(&self) -> Pending<Vec<ListRow>> {
        self.read(lists::all)
    }

    fn create_list(&self, list: CallingList, at: i64) -> Pending<ListRow> {
        self.transact(move |ledger| lists::create(&ledger.db, list, at))
    }

    fn change_list(&self, list: CallingList, version: i64, at: i64) -> Pending<ListChange> {
        self.transact(move |ledger| lists::change(&ledger.db, list, version, at))
    }

    fn delete_list(&self, list: i64) -> Pending<bool> {
        self.transact(move |ledger| lists::delete(&ledger.db, list))
    }

    fn contact(&self, which: ContactRef) -> Pending<Option<StoredContact>> {
        self.read(move |db| read::contact(db, &which))
    }

    fn contacts_by_key(
        &self,
        list: Option<Option<i64>>,
        key: MatchKey,
        emails: Vec<String>,
        value: String,
    ) -> Pending<Vec<StoredContact>> {
        let (store, ready) = (self.clone(), self.index_keys(vec![key.clone()], emails.clone()));
        async move {
            ready.await?;
            store.read(move |db| read::by_key(db, list, &key, &emails, &value)).await
        }
        .boxed()
    }

    fn contacts_after(&self, list: Option<Option<i64>>, after: i64, most: usize) -> Pending<Vec<StoredContact>> {
        self.read(move |db| read::after(db, list, after, most))
    }

    fn chain(&self, list: i64, contact: i64) -> Pending<Vec<Record>> {
        self.read(move |db| crate::store::sqlite::tables::chain(db, list, contact))
    }

    fn organisation(&self, number: i64) -> Pending<Option<Organisation>> {
        self.read(move |db| Ok(read::organisations(db, number - 1, 1)?.pop().filter(|it| it.number == number)))
    }

    fn organisations_after(&self, after: i64, most: usize) -> Pending<Vec<Organisation>> {
        self.read(move |db| read::organisations(db, after, most))
    }

    fn index_keys(&self, keys: Vec<MatchKey>, emails: Vec<String>) -> Pending<()> {
        let store = self.clone();
        async move {
            for key in keys {
                let emails = emails.clone();
                let (kind, ready) = store
                    .transact(move |ledger| {
                        let kind = keys::kind(&ledger.db, &key, &emails)?;
                        Ok((kind, keys::is_ready(&ledger.db, kind)?))
                    })
                    .await?;
                let mut more = !ready;
                while more {
                    more = store.transact(move |ledger| keys::fill_some(&ledger.db, kind)).await?;
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn apply(&self, mut piece: Piece, now_ms: i64) -> Pending<Piece> {
        let busy = self.busy();
        self.with_writer(move |ledger| piece::live(ledger, &mut piece, now_ms, &busy).map(|()| piece))
    }

    fn call(&self, context: Arc<Context>, drafts: Vec<Draft>, all_or_nothing: bool, now_ms: i64) -> Pending<Called> {
        self.with_writer(move |ledger| piece::call(ledger, &context, &drafts, all_or_nothing, now_ms))
    }

    fn dry_run(&self) -> Pending<Box<dyn DryRun>> {
        match self.inner.files.as_ref().map(|files| files.database.clone()) {
            Some(file) => self.read(move |_| Ok(Box::new(overlay::Overlay::beside(&file)?) as Box<dyn DryRun>)),
            None => self.with_writer(|ledger| Ok(Box::new(overlay::Overlay::copy_of(&ledger.db)?) as Box<dyn DryRun>)),
        }
    }

    fn delete_contacts(&self, list: Option<i64>, ids: Vec<String>) -> Pending<Vec<Removal>> {
        self.transact(move |ledger| {
            let context = plain_context(None, ImportProfile::default());
            let mut applier = Applier::new(&ledger.db, &context, Place::Live, 0, 0, None)?;
            let mut removals = Vec::with_capacity(ids.len());
            for id in &ids {
                removals.push(match applier.number_of(list.unwrap_or(0), id)? {
                    None => Removal::Unknown,
                    Some(number) if applier.remove(number)? => Removal::Deleted,
                    Some(_) => Removal::InUse,
                });
            }
            applier.finish()?;
            Ok(removals)
        })
    }

    fn clear_some(&self, list: i64, after: i64, most: usize, job: Option<i64>) -> Pending<Cleared> {
        self.transact(move |ledger| {
            let (found, images) = read::numbers(&ledger.db, list, after, most, job)?;
            let context = plain_context(job, ImportProfile::default());
            let mut applier = Applier::new(&ledger.db, &context, Place::Live, 0, images, None)?;
            let mut cleared = Cleared { after, more: found.len() == most, ..Cleared::default() };
            for (number, id) in found {
                cleared.after = number;
                if applier.remove(number)? {
                    cleared.deleted += 1;
                } else {
                    cleared.in_use.push((number, id));
                }
            }
            let finished = applier.finish()?;
            cleared.cancellations = finished.cancellations;
            if let Some(job) = job {
                jobs::keep_cleared(&ledger.db, job, &cleared, finished.images)?;
            }
            Ok(cleared)
        })
    }

    fn undo_some(&self, job: i64, most: usize, now_ms: i64) -> Pending<Undone> {
        self.transact(move |ledger| undo::some(&ledger.db, job, most, now_ms))
    }

    fn create_job(&self, job: ImportJob) -> Pending<ImportJob> {
        self.transact(move |ledger| jobs::create(&ledger.db, job))
    }

    fn job(&self, id: &str) -> Pending<Option<ImportJob>> {
        let id = id.to_owned();
        self.read(move |db| jobs::one(db, &id))
    }

    fn jobs(&self, before: Option<i64>, most: usize, open_only: bool) -> Pending<Vec<ImportJob>> {
        self.read(move |db| jobs::newest(db, before, most, open_only))
    }

    fn change_job(&self, id: &str, change: JobChange) -> Pending<Option<ImportJob>> {
        let id = id.to_owned();
        self.transact(move |ledger| jobs::change(&ledger.db, &id, change))
    }

    fn profiles(&self) -> Pending<Vec<SavedProfile>> {
        self.read(jobs::profiles)
    }

    fn save_profile(&self, profile: SavedProfile) -> Pending<Option<SavedProfile>> {
        self.transact(move |ledger| jobs::save_profile(&ledger.db, profile))
    }

    fn delete_profile(&self, id: &str) -> Pending<bool> {
        let id = id.to_owned();
        self.transact(move |ledger| jobs::delete_profile(&ledger.db, &id))
    }

    fn upload(&self, id: &str) -> Pending<Option<StoredUpload>> {
        let id = id.to_owned();
        self.read(move |db| jobs::upload(db, &id))
    }

    fn save_upload(&self, upload: StoredUpload) -> Pending<()> {
        self.transact(move |ledger| jobs::save_upload(&ledger.db, &upload))
    }

    fn delete_upload(&self, id: &str) -> Pending<bool> {
        let id = id.to_owned();
        self.transact(move |ledger| jobs::delete_upload(&ledger.db, &id))
    }

    fn uploads_before(&self, created_at: i64) -> Pending<Vec<StoredUpload>> {
        self.read(move |db| jobs::uploads_before(db, created_at))
    }
}
