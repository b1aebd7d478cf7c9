//! Where a batch of the client ends (specification 3.A.2, wire 4 and 5).

use std::collections::BTreeSet;
use std::fmt::Write;

use super::CONTACTS_MAX;

/// Sizes of an add request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Contacts.
    pub contacts: usize,
    /// Bytes of JSON.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { contacts: CONTACTS_MAX, bytes: 2 << 20 }
    }
}

/// Counts what is in a batch.
#[derive(Clone, Debug, Default)]
pub struct Batcher {
    limits: BatchLimits,
    contacts: usize,
    bytes: usize,
    ids: BTreeSet<String>,
}

impl Batcher {
    /// Begins an empty batch.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Puts a contact with so many bytes of JSON into the batch. False = the batch ends in front of it, and it is not
    /// in it. The first one always fits.
    pub fn add(&mut self, id: Option<&str>, bytes: usize) -> bool {
        let with = self.bytes.saturating_add(bytes).saturating_add(1); // a bracket or a comma
        let is_full = self.contacts >= self.limits.contacts || with.saturating_add(1) > self.limits.bytes;
        let holds_id = id.is_some_and(|id| self.ids.contains(id));
        if self.contacts > 0 && (is_full || holds_id) {
            return false;
        }
        self.contacts = self.contacts.saturating_add(1);
        self.bytes = with;
        self.ids.extend(id.map(str::to_owned));
        true
    }

    /// Begins the next one.
    pub fn clear(&mut self) {
        self.contacts = 0;
        self.bytes = 0;
        self.ids.clear();
    }
}

/// Sizes of a delete request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteLimits {
    /// Ids.
    pub ids: usize,
    /// Bytes of the whole address.
    pub url: usize,
}

impl Default for DeleteLimits {
    fn default() -> Self {
        Self { ids: 100, url: 4_000 }
    }
}

/// `?contactIds=42%2C84`: one value, ids joined by commas and percent-encoded.
#[derive(Clone, Debug)]
pub struct DeleteQuery {
    limits: DeleteLimits,
    /// Bytes of the address in front of the query.
    base: usize,
    ids: usize,
    text: String,
}

impl DeleteQuery {
    /// For an address of so many bytes.
    #[must_use]
    pub fn new(base: usize, limits: DeleteLimits) -> Self {
        Self { limits, base, ids: 0, text: String::new() }
    }

    /// Adds an id. False = it does not fit, and is not in it. The first one always fits.
    pub fn add(&mut self, id: &str) -> bool {
        let id = encode_component(id);
        let joint = if self.ids == 0 { "contactIds=" } else { "%2C" };
        let bytes = [self.base, 1, self.text.len(), joint.len(), id.len()];
        let bytes = bytes.into_iter().fold(0, usize::saturating_add);
        if self.ids > 0 && (self.ids >= self.limits.ids || bytes > self.limits.url) {
            return false;
        }
        self.ids = self.ids.saturating_add(1);
        self.text.push_str(joint);
        self.text.push_str(&id);
        true
    }

    /// What stands behind the question mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Percent-encoded, all but letters, digits and `-._~`.
#[must_use]
pub fn encode_component(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_at_its_count_its_bytes_or_an_id_that_it_holds() {
        let limits = BatchLimits { contacts: 3, bytes: 20 };
        let mut batch = Batcher::new(limits);
        assert!(batch.add(Some("1"), 5) && batch.add(None, 5));
        assert!(!batch.add(Some("1"), 5), "the same id");
        assert!(batch.add(Some("2"), 5), "[.....,.....,.....] has 19 bytes");
        assert!(!batch.add(None, 1), "a fourth one");
        batch.clear();
        assert!(batch.add(Some("1"), 8) && batch.add(None, 9), "20 bytes with brackets and comma");
        batch.clear();
        assert!(batch.add(None, 8) && !batch.add(None, 10), "21 bytes");
        batch.clear();
        assert!(batch.add(None, 50), "alone, whatever its size");
    }

    #[test]
    fn ids_are_joined_by_commas_and_percent_encoded() {
        let mut query = DeleteQuery::new(0, DeleteLimits::default());
        assert!(query.add("42") && query.add("84"));
        assert_eq!(query.text(), "contactIds=42%2C84");
        assert!(query.add("a b/ž&"));
        assert_eq!(query.text(), "contactIds=42%2C84%2Ca%20b%2F%C5%BE%26");
    }

    #[test]
    fn a_delete_has_a_hundred_ids_and_four_thousand_bytes_at_most() {
        let mut query = DeleteQuery::new(100, DeleteLimits::default());
        assert_eq!((0..200).take_while(|n| query.add(&n.to_string())).count(), 100);
        let mut query = DeleteQuery::new(100, DeleteLimits::default());
        let id = "x".repeat(250);
        let taken = (0..200).take_while(|_| query.add(&id)).count();
        assert_eq!(taken, 15);
        assert!(100 + 1 + query.text().len() <= 4_000);
        assert!(100 + 1 + query.text().len() + 253 > 4_000);
    }
}
