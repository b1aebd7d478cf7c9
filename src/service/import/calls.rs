//! Contacts that come or go by a call: the same application as a file's, at once and in one transaction.

use std::sync::Arc;

use crate::contact::{Draft, ImportProfile, MatchKey};
use crate::service::import::error::Answer;
use crate::service::import::run::email_columns;
use crate::service::import::{ImportService, now_ms};
use crate::store::contacts::{Called, ContactRef, Context, Removal, StoredContact};

/// Drafts that a caller has made.
#[derive(Clone, Debug)]
pub struct Call {
    /// All choices.
    pub profile: ImportProfile,
    /// Number of the list; `None` = contacts outside of lists.
    pub list: Option<i64>,
    /// In order. Their `keys` are filled in here.
    pub drafts: Vec<Draft>,
    /// A draft that fails takes the others back.
    pub all_or_nothing: bool,
}

impl ImportService {
    /// Stores the contacts of a call. What failed is in the reports, and so is everything else.
    ///
    /// # Errors
    /// The list is unknown, or the store.
    pub async fn call(&self, call: Call) -> Answer<Called> {
        let Call { profile, list, mut drafts, all_or_nothing } = call;
        let list = match list {
            Some(number) => Some(self.list_by_number(number).await?.list),
            None => None,
        };
        let zones = self.inner.settings.zones.clone();
        let context = Context { job: None, job_id: None, profile, list, delete: false, zones };
        self.ready_keys(&context).await?;
        let emails = email_columns(&context);
        for (draft, record) in drafts.iter_mut().zip(1..) {
            if draft.record == 0 {
                draft.record = record;
            }
            draft.find_keys(&context.profile.match_keys, &emails);
        }
        Ok(self.inner.store.call(Arc::new(context), drafts, all_or_nothing, now_ms()).await?)
    }

    /// One contact; `None` = there is none.
    ///
    /// # Errors
    /// The store.
    pub async fn contact(&self, which: ContactRef) -> Answer<Option<StoredContact>> {
        Ok(self.inner.store.contact(which).await?)
    }

    /// Contacts that a key finds, smallest number first. `list` = `Some(None)` outside of lists, `None` everywhere.
    ///
    /// # Errors
    /// The store.
    pub async fn contacts_by_key(
        &self,
        list: Option<Option<i64>>,
        key: MatchKey,
        emails: Vec<String>,
        value: &str,
    ) -> Answer<Vec<StoredContact>> {
        if value.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.inner.store.contacts_by_key(list, key, emails, value.to_owned()).await?)
    }

    /// Removes contacts by id; those in use stay. In the order of the ids.
    ///
    /// # Errors
    /// The store.
    pub async fn delete_contacts(&self, list: Option<i64>, ids: Vec<String>) -> Answer<Vec<Removal>> {
        Ok(self.inner.store.delete_contacts(list, ids).await?)
    }
}
