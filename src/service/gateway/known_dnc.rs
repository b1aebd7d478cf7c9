//! What the gateway itself knows of the do-not-call list: what was asked of it, and what it heard OCS confirm.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::engine::dnc::{Added, DNC_ENTRIES_MAX, DncLookup, DncSet, Hit};
use crate::message::CustomerId;
use crate::message::DoNotCall;
use crate::message::Phone;
use crate::protocol::UtcSeconds;
use crate::service::access::now;
use crate::store::{Store, StoreError};

/// Entries read at once.
const PAGE: usize = 10_000;

/// The entries known since the start.
#[derive(Debug, Default)]
pub(super) struct KnownDnc(RwLock<Known>);

/// What has no end, and what has one. An entry without an end wins; of two ends the later one counts.
#[derive(Debug, Default)]
struct Known {
    for_good: DncSet,
    phones: BTreeMap<Phone, UtcSeconds>,
    customers: BTreeMap<CustomerId, UtcSeconds>,
}

impl KnownDnc {
    /// What the store holds.
    pub(super) async fn of_store(store: &dyn Store) -> Result<Self, StoreError> {
        let (mut known, mut after, now) = (Known::default(), 0, now().seconds);
        loop {
            let rows = store.dnc_list(None, after, PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(Self(RwLock::new(known))) };
            after = *last;
            for (_, listed) in &rows {
                if listed.expires_at.is_none_or(|end| end > now) {
                    known.add(listed.phone.as_ref(), listed.customer.as_ref(), listed.expires_at);
                }
            }
        }
    }

    /// Takes an entry. A wish counts from the moment it is accepted: OCS may hear of it later.
    pub(super) fn add(&self, entry: &DoNotCall, expires_at: Option<UtcSeconds>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.add(entry.phone.as_ref(), entry.customer_id.as_ref(), expires_at) == Added::Full {
            tracing::error!("the do-not-call entries in memory are full, one was not taken");
        }
    }
}

impl DncLookup for KnownDnc {
    fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Option<Hit> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).check(phone, customer, now().seconds)
    }
}

impl Known {
    fn add(&mut self, phone: Option<&Phone>, customer: Option<&CustomerId>, expires_at: Option<UtcSeconds>) -> Added {
        let Some(end) = expires_at else { return self.for_good.add(phone, customer) };
        if self.for_good.len() + self.phones.len() + self.customers.len() >= DNC_ENTRIES_MAX {
            return Added::Full;
        }
        if let Some(phone) = phone {
            let known = self.phones.entry(phone.clone()).or_insert(end);
            *known = end.max(*known);
        }
        if let Some(customer) = customer {
            let known = self.customers.entry(customer.clone()).or_insert(end);
            *known = end.max(*known);
        }
        Added::New
    }

    /// The phone first, then the customer.
    fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>, now: UtcSeconds) -> Option<Hit> {
        let counts = |end: &UtcSeconds| *end > now;
        let by_phone = |phone: &Phone| {
            self.for_good.check(Some(phone), None).is_some() || self.phones.get(phone).is_some_and(counts)
        };
        let by_customer = |customer: &CustomerId| {
            self.for_good.check(None, Some(customer)).is_some() || self.customers.get(customer).is_some_and(counts)
        };
        if phone.is_some_and(by_phone) {
            return Some(Hit::Phone);
        }
        customer.is_some_and(by_customer).then_some(Hit::Customer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_until_its_end_and_is_never_weakened() {
        let (phone, customer) = (Phone::from("5551234"), CustomerId::from("C-7"));
        let mut known = Known::default();
        let at = |known: &Known, seconds| known.check(Some(&phone), Some(&customer), UtcSeconds(seconds));
        known.add(Some(&phone), None, Some(UtcSeconds(10)));
        known.add(None, Some(&customer), Some(UtcSeconds(20)));
        assert_eq!(
            [9, 10, 19, 20].map(|now| at(&known, now)),
            [Some(Hit::Phone), Some(Hit::Customer), Some(Hit::Customer), None]
        );
        known.add(Some(&phone), None, Some(UtcSeconds(5)));
        assert_eq!(at(&known, 9), Some(Hit::Phone), "the later end counts");
        known.add(Some(&phone), None, None);
        known.add(Some(&phone), None, Some(UtcSeconds(30)));
        assert_eq!(at(&known, 1_000), Some(Hit::Phone), "no end wins");
    }
}
