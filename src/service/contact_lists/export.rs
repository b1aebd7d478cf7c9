//! Exports that are made behind an answer and fetched later.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::search::conditions;
use super::{Answer, ContactLists, Refusal, WAITING_MAX, now_ms};
use crate::contact::CallingList;
use crate::contact::genesys_cloud::ErrorCode;
use crate::contact::genesys_cloud::shape::ExportRequest;
use crate::service::import::{Export, Search};

/// The last export of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Its id, and its file's.
    pub id: String,
    /// Milliseconds since 1970 UTC; `None` = it is not ready.
    pub ready_at: Option<i64>,
    /// It never will be.
    pub failed: bool,
}

impl ContactLists {
    /// Begins an export; the file of the one before goes when this one is ready.
    ///
    /// # Errors
    /// Criteria that cannot be, or too much work waits.
    pub fn export(&self, list: &CallingList, request: ExportRequest) -> Answer<Exported> {
        let only = conditions(request.criteria.as_ref(), list)?;
        let ids = request.contact_ids.map(|ids| ids.into_iter().collect());
        let id = Uuid::new_v4();
        let exported = Exported { id: id.to_string(), ready_at: None, failed: false };
        {
            let mut work = self.work();
            let waiting = work.exports.values().filter(|export| export.ready_at.is_none() && !export.failed).count();
            if waiting >= WAITING_MAX {
                return Err(Refusal::new(ErrorCode::TooManyRequests, "too many exports wait"));
            }
            work.exports.insert(list.number, exported.clone());
        }
        let (lists, list) = (self.clone(), list.clone());
        tokio::spawn(async move {
            let number = list.number;
            let mut export = Export::new(list, true);
            (export.only, export.ids) = (only, ids);
            let written = lists.write(id, export).await;
            if let Err(error) = &written {
                tracing::error!(message = %error.0.message, "an export");
            }
            let mut work = lists.work();
            match work.exports.get_mut(&number).filter(|last| last.id == id.to_string()) {
                Some(last) if written.is_ok() => last.ready_at = Some(now_ms()),
                Some(last) => last.failed = true,
                // Another one was begun meanwhile, or the list is gone.
                None => {}
            }
            let last = work.exports.get(&number).map(|last| last.id.clone());
            let bulk: Vec<String> = work.bulk.iter().filter_map(|job| job.backup.clone()).collect();
            let old = |(file, of): (&String, &i64)| {
                (*of == number && Some(file) != last.as_ref() && !bulk.contains(file)).then(|| file.clone())
            };
            let old: Vec<String> = work.downloads.iter().filter_map(old).collect();
            for file in &old {
                work.downloads.remove(file);
            }
            lists.keep(&work);
            drop(work);
            lists.remove_files(&old);
        });
        Ok(exported)
    }

    /// Writes a file that can be fetched.
    pub(super) async fn write(&self, id: Uuid, export: Export) -> Answer<()> {
        let _turn = self.0.slots.acquire().await;
        let number = export.list.number;
        let path = self.imports().export_path(id)?;
        self.imports().export_to(export, &path).await?;
        self.work().downloads.insert(id.to_string(), number);
        Ok(())
    }

    pub(super) fn remove_files(&self, ids: &[String]) {
        for id in ids.iter().filter_map(|id| Uuid::parse_str(id).ok()) {
            if let Ok(path) = self.imports().export_path(id) {
                let _ = std::fs::remove_file(path); // one that is gone is gone
            }
        }
    }

    /// The last export of a list, once it is ready.
    ///
    /// # Errors
    /// There is none, or not yet.
    pub fn exported(&self, list: &CallingList) -> Answer<(String, i64)> {
        let ready = self.work().exports.get(&list.number).and_then(|last| Some((last.id.clone(), last.ready_at?)));
        ready.ok_or_else(|| Refusal::unknown("export that is ready"))
    }

    /// A file that can be fetched: the list it comes from, and where it lies.
    ///
    /// # Errors
    /// There is none.
    pub async fn download(&self, id: &str) -> Answer<(CallingList, PathBuf)> {
        let unknown = || Refusal::unknown("download");
        let number = self.work().downloads.get(id).copied().ok_or_else(unknown)?;
        let list = self.imports().list_by_number(number).await?.list;
        Ok((list, self.imports().export_path(Uuid::parse_str(id).map_err(|_| unknown())?)?))
    }

    /// What is remembered of a list that is gone.
    pub(super) fn forget(&self, list: i64) {
        let mut work = self.work();
        work.exports.remove(&list);
        work.uploads.remove(&list);
        work.bulk.retain(|job| job.list != list);
        let files: Vec<String> =
            work.downloads.iter().filter(|(_, of)| **of == list).map(|(file, _)| file.clone()).collect();
        for file in &files {
            work.downloads.remove(file);
        }
        self.keep(&work);
        drop(work);
        self.remove_files(&files);
    }

    /// All contacts of a list that match, as a search.
    pub(super) async fn ids(&self, list: &CallingList, search: &Search) -> Answer<Vec<String>> {
        Ok(self.imports().search_ids(Some(list.number), search).await?)
    }
}
