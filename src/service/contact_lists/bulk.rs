//! Changes of many contacts behind an answer: first the backup, then piece by piece.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contacts::named;
use super::search::{conditions, no_filter};
use super::{Answer, ContactLists, LISTS, Refusal, WAITING_MAX};
use crate::contact::CallingList;
use crate::contact::Draft;
use crate::contact::Outcome;
use crate::contact::genesys_cloud::shape::{BulkJob, BulkRequest};
use crate::contact::genesys_cloud::{ErrorCode, rest_profile};
use crate::service::import::{Call, Export, Search};
use crate::store::contacts::{ContactRef, Removal};

/// Contacts of one transaction.
const PIECE: usize = 500;
/// Jobs that are remembered.
const JOBS_MAX: usize = 1_000;

/// What is done to the contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkKind {
    /// They go.
    Remove,
    /// They change.
    Update,
}

impl BulkKind {
    fn word(self) -> &'static str {
        match self {
            Self::Remove => "BulkDelete",
            Self::Update => "BulkEdit",
        }
    }
}

/// A bulk change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bulk {
    /// Number of its list.
    pub list: i64,
    /// As it travels, without addresses of this host.
    pub job: BulkJob,
    /// Id of the file with the contacts as they were.
    pub backup: Option<String>,
}

/// What a job does to one contact.
#[derive(Clone, Debug)]
enum Deed {
    Remove,
    Update(Box<Draft>),
}

impl ContactLists {
    /// Begins a bulk change. What cannot be is refused at once.
    ///
    /// # Errors
    /// No criteria and no ids, criteria or a contact that cannot be, or too much work waits.
    pub fn bulk(&self, list: &CallingList, kind: BulkKind, request: BulkRequest) -> Answer<Bulk> {
        no_filter(request.contact_list_filter_id.as_ref())?;
        if request.criteria.is_none() && request.contact_ids.is_none() {
            // An empty request must not reach every contact.
            return Err(Refusal::invalid("criteria"));
        }
        let search = conditions(request.criteria.as_ref(), list)?;
        let deed = match (kind, request.contact) {
            (BulkKind::Remove, _) => Deed::Remove,
            (BulkKind::Update, None) => return Err(Refusal::invalid("contact")),
            (BulkKind::Update, Some(mut contact)) => {
                contact.id = None;
                let drafts = self.drafts(list, &rest_profile(), std::slice::from_ref(&contact));
                let drafts = drafts.map_err(|details| named(details, "contact"))?;
                let Some(draft) = drafts.into_iter().next() else { return Err(Refusal::invalid("contact")) };
                Deed::Update(Box::new(draft))
            }
        };
        let id = Uuid::new_v4().to_string();
        let job = BulkJob {
            self_uri: Some(format!("{LISTS}/{}/contacts/bulk/jobs/{id}", list.id)),
            id,
            state: "InProgress".to_owned(),
            kind: kind.word().to_owned(),
            ..BulkJob::default()
        };
        let bulk = Bulk { list: list.number, job, backup: None };
        let old = {
            let mut work = self.work();
            if work.bulk.iter().filter(|bulk| bulk.job.state == "InProgress").count() >= WAITING_MAX {
                return Err(Refusal::new(ErrorCode::TooManyRequests, "too many bulk changes wait"));
            }
            work.bulk.push_back(bulk.clone());
            let old = if work.bulk.len() > JOBS_MAX { work.bulk.pop_front() } else { None };
            let backup = old.and_then(|old| old.backup).inspect(|file| {
                work.downloads.remove(file);
            });
            self.keep(&work);
            backup
        };
        self.remove_files(old.as_slice());
        let backs_up = request.generate_download_uri.unwrap_or(true);
        let (lists, list, id) = (self.clone(), list.clone(), bulk.job.id.clone());
        let only = request.contact_ids.map(|ids| ids.into_iter().collect());
        tokio::spawn(async move {
            let done = lists.carry_out(&list, &id, &search, only, &deed, backs_up).await;
            let mut work = lists.work();
            if let Some(bulk) = work.bulk.iter_mut().find(|bulk| bulk.job.id == id) {
                bulk.job.state = if done.is_ok() { "Complete" } else { "Failed" }.to_owned();
                bulk.job.failure_reason = done.as_ref().err().map(|refusal| refusal.0.message.clone());
                if done.is_ok() {
                    bulk.job.percent_complete = 100;
                }
            }
            lists.keep(&work);
        });
        Ok(bulk)
    }

    async fn carry_out(
        &self,
        list: &CallingList,
        id: &str,
        search: &Search,
        only: Option<BTreeSet<String>>,
        deed: &Deed,
        backs_up: bool,
    ) -> Answer<()> {
        let mut ids = self.ids(list, search).await?;
        if let Some(only) = &only {
            ids.retain(|id| only.contains(id));
        }
        self.note(id, |bulk| bulk.job.total_records = count(ids.len()));
        if backs_up {
            let file = Uuid::new_v4();
            let mut backup = Export::new(list.clone(), true);
            backup.ids = Some(ids.iter().cloned().collect());
            self.write(file, backup).await?;
            self.note(id, |bulk| bulk.backup = Some(file.to_string()));
        }
        let _turn = self.0.slots.acquire().await;
        let (mut seen, mut failed) = (0, 0);
        for piece in ids.chunks(PIECE) {
            failed += self.piece(list, piece, deed).await?;
            seen += piece.len();
            self.note(id, |bulk| {
                bulk.job.completed_records = count(seen.saturating_sub(failed));
                let percent = seen.saturating_mul(100) / ids.len().max(1);
                bulk.job.percent_complete = u8::try_from(percent).unwrap_or(100);
            });
        }
        if failed > 0 {
            return Err(Refusal::new(ErrorCode::InUse, format!("{failed} contacts are in use, or cannot become so")));
        }
        Ok(())
    }

    /// One transaction; how many contacts stayed as they were.
    async fn piece(&self, list: &CallingList, ids: &[String], deed: &Deed) -> Answer<usize> {
        let draft = match deed {
            Deed::Remove => {
                let removed = self.imports().delete_contacts(Some(list.number), ids.to_vec()).await?;
                return Ok(removed.iter().filter(|removal| **removal == Removal::InUse).count());
            }
            Deed::Update(draft) => draft,
        };
        let mut drafts = Vec::new();
        for id in ids {
            // One that went meanwhile does not come again.
            let reference = ContactRef::Id(Some(list.number), id.clone());
            if self.imports().contact(reference).await?.is_some() {
                drafts.push(Draft { id: id.clone(), record: 0, ..(**draft).clone() });
            }
        }
        let call = Call { profile: rest_profile(), list: Some(list.number), drafts, all_or_nothing: false };
        let called = self.imports().call(call).await?;
        Ok(called.reports.iter().filter(|report| report.outcome == Outcome::Failed).count())
    }

    fn note(&self, id: &str, change: impl FnOnce(&mut Bulk)) {
        if let Some(bulk) = self.work().bulk.iter_mut().find(|bulk| bulk.job.id == id) {
            change(bulk);
        }
    }

    /// Bulk changes of a list, newest first.
    #[must_use]
    pub fn bulk_jobs(&self, list: &CallingList) -> Vec<Bulk> {
        self.work().bulk.iter().rev().filter(|bulk| bulk.list == list.number).cloned().collect()
    }

    /// One bulk change of a list.
    ///
    /// # Errors
    /// Unknown.
    pub fn bulk_job(&self, list: &CallingList, id: &str) -> Answer<Bulk> {
        let work = self.work();
        let found = work.bulk.iter().find(|bulk| bulk.list == list.number && bulk.job.id == id);
        found.cloned().ok_or_else(|| Refusal::unknown("job"))
    }
}

fn count(contacts: usize) -> u64 {
    u64::try_from(contacts).unwrap_or(u64::MAX)
}
