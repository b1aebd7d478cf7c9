//! What the gateway itself knows of the do-not-call list: what was asked of it, and what it heard OCS confirm.

use std::sync::{PoisonError, RwLock};

use crate::engine::dnc::{Added, DncLookup, DncSet, Hit};
use crate::message::CustomerId;
use crate::message::DoNotCall;
use crate::message::Phone;
use crate::store::{Store, StoreError};

/// Entries read at once.
const PAGE: usize = 10_000;

/// The entries known since the start.
#[derive(Debug, Default)]
pub(super) struct KnownDnc(RwLock<DncSet>);

impl KnownDnc {
    /// What the store holds.
    pub(super) async fn of_store(store: &dyn Store) -> Result<Self, StoreError> {
        let mut set = DncSet::default();
        let mut after = 0;
        loop {
            let rows = store.dnc_list(None, after, PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(Self(RwLock::new(set))) };
            after = *last;
            for (_, listed) in &rows {
                set.add(listed.phone.as_ref(), listed.customer.as_ref());
            }
        }
    }

    /// Takes an entry. A wish counts from the moment it is accepted: OCS may hear of it later.
    pub(super) fn add(&self, entry: &DoNotCall) {
        let mut set = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if set.add(entry.phone.as_ref(), entry.customer_id.as_ref()) == Added::Full {
            tracing::error!(entries = set.len(), "the do-not-call entries in memory are full, one was not taken");
        }
    }
}

impl DncLookup for KnownDnc {
    fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Option<Hit> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).check(phone, customer)
    }
}
