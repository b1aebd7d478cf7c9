//! What a draft does to the contacts that it meets (specification 1.1). Pure: hits are passed in.

use super::{Contact, Draft, ImportProfile, KeyValue, MatchKey, Organisation, Remark};

/// What happens to the store for one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A contact comes; its `number` is 0, all else is final.
    Create(Box<Contact>),
    /// A contact changes to this; `number`, `version` and times are those of the one that is stored.
    Update(Box<Contact>),
    /// Every stored value is equal: number of the contact.
    Unchanged(i64),
    /// It is there and is left: number of the contact.
    Skip(i64),
    /// Several become one.
    Merge {
        /// The first hit, as it is to be stored.
        into: Box<Contact>,
        /// Numbers of those that go.
        away: Vec<i64>,
    },
    /// Nothing of it is stored.
    Fail(Remark),
}

/// What a decision needs besides draft and hits.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The choices of the import.
    pub profile: &'a ImportProfile,
    /// The list's number and its customer column; `None` = outside of lists.
    pub list: Option<(i64, Option<&'a str>)>,
    /// The organisation that the row names, after it was stored.
    pub organisation: Option<i64>,
}

/// What happens to the organisation of a row. Organisations match only by their external id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganisationDecision {
    /// It comes; its `number` is 0.
    Create(Organisation),
    /// It changes to this.
    Update(Organisation),
    /// Every stored value is equal.
    Unchanged(i64),
}

/// Puts hits into match order: by the first of the draft's keys that finds them, then by creation; each once.
#[must_use]
pub fn match_order(_found: Vec<(usize, Contact)>) -> Vec<Contact> {
    todo!()
}

/// Decides. `hits` are in match order; `new_id` gives the id of a new contact that came without one.
pub fn decide(_draft: &Draft, _hits: &[Contact], _rules: Rules<'_>, _new_id: &mut dyn FnMut() -> String) -> Decision {
    todo!()
}

/// Decides about the organisation of a row; `None` = the row has none.
#[must_use]
pub fn decide_organisation(
    _draft: &Draft,
    _hit: Option<&Organisation>,
    _profile: &ImportProfile,
) -> Option<OrganisationDecision> {
    todo!()
}

/// The values that a stored contact is found by, for the index of a store: the same rule as for drafts.
#[must_use]
pub fn keys_of(_contact: &Contact, _email_columns: &[String], _named: &[MatchKey]) -> Vec<KeyValue> {
    todo!()
}
