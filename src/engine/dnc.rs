//! Do-not-call entries: two tables of unique values, compared byte by byte (specification 5.8).

use std::collections::BTreeSet;

use crate::message::CustomerId;
use crate::message::Phone;

/// Most entries of one set, phones and customers together.
pub const DNC_ENTRIES_MAX: usize = 10_000_000;

/// The two memory tables of an OCS, or what the gateway knows of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DncSet {
    phones: BTreeSet<Phone>,
    customers: BTreeSet<CustomerId>,
}

/// What adding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// At least one of the values is new.
    New,
    /// Everything was there already.
    Known,
    /// The set has [`DNC_ENTRIES_MAX`] entries; nothing was added.
    Full,
}

/// Which table stops a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The phone.
    Phone,
    /// The customer.
    Customer,
}

/// Whoever can tell that a call is forbidden.
pub trait DncLookup: Send + Sync {
    /// Whether a call is forbidden, and by which table.
    fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Option<Hit>;
}

impl DncLookup for DncSet {
    fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Option<Hit> {
        Self::check(self, phone, customer)
    }
}

impl DncSet {
    /// Adds what is given to its table. There is nothing that takes an entry back.
    pub fn add(&mut self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Added {
        let new_phone = phone.filter(|phone| !self.phones.contains(phone));
        let new_customer = customer.filter(|customer| !self.customers.contains(customer));
        if new_phone.is_none() && new_customer.is_none() {
            return Added::Known;
        }
        if self.len() >= DNC_ENTRIES_MAX {
            return Added::Full;
        }
        self.phones.extend(new_phone.cloned());
        self.customers.extend(new_customer.cloned());
        Added::New
    }

    /// Whether a call is forbidden: the phone is looked at first, a hit ends the check; then the customer.
    #[must_use]
    pub fn check(&self, phone: Option<&Phone>, customer: Option<&CustomerId>) -> Option<Hit> {
        if phone.is_some_and(|phone| self.phones.contains(phone)) {
            return Some(Hit::Phone);
        }
        customer.filter(|customer| self.customers.contains(customer)).map(|_| Hit::Customer)
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.phones.len() + self.customers.len()
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The phones in byte order.
    pub fn phones(&self) -> impl Iterator<Item = &Phone> {
        self.phones.iter()
    }

    /// The customers in byte order.
    pub fn customers(&self) -> impl Iterator<Item = &CustomerId> {
        self.customers.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unique_and_a_repeat_changes_nothing() {
        let mut set = DncSet::default();
        let (phone, customer) = (Phone::from("5551234"), CustomerId::from("C-7"));
        assert_eq!(set.add(Some(&phone), None), Added::New);
        assert_eq!(set.add(Some(&phone), None), Added::Known);
        assert_eq!(set.add(Some(&phone), Some(&customer)), Added::New);
        assert_eq!(set.len(), 2);
        assert_eq!(set.add(None, None), Added::Known);
    }

    #[test]
    fn three_spellings_of_a_number_are_three_entries() {
        let mut set = DncSet::default();
        for spelling in ["+491701234567", "00491701234567", "01701234567"] {
            assert_eq!(set.add(Some(&spelling.into()), None), Added::New);
        }
        assert_eq!(set.phones().count(), 3);
    }

    #[test]
    fn the_phone_is_checked_before_the_customer() {
        let mut set = DncSet::default();
        let (phone, customer) = (Phone::from("5551234"), CustomerId::from("C-7"));
        set.add(Some(&phone), Some(&customer));
        assert_eq!(set.check(Some(&phone), Some(&customer)), Some(Hit::Phone));
        assert_eq!(set.check(Some(&"5550000".into()), Some(&customer)), Some(Hit::Customer));
        assert_eq!(set.check(Some(&"5550000".into()), None), None);
    }
}
