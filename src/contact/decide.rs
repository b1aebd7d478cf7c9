//! What a draft does to the contacts that it meets (specification 1.1). Pure: hits are passed in.

use super::mapping::EXTERNAL_IDS;
use super::{
    CallingList, Code, Contact, Draft, EmptyPolicy, ExternalId, ImportProfile, OnMatch, Organisation, Phone,
    PhonePolicy, Remark, SourceKind,
};

/// What happens to the store for one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A contact comes; its `number` is 0, times, version and job are the store's, all else is final.
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
    /// The list that contacts go to; `None` = outside of lists.
    pub list: Option<&'a CallingList>,
    /// Number of the organisation that the row names, after it was stored.
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
pub fn match_order(mut found: Vec<(usize, Contact)>) -> Vec<Contact> {
    found.sort_by_key(|(key, contact)| (*key, contact.number));
    let mut seen = std::collections::BTreeSet::new();
    found.into_iter().map(|(_, contact)| contact).filter(|contact| seen.insert(contact.number)).collect()
}

/// Decides. `hits` are in match order; `new_id` gives the id of a new contact that came without one; `spare` is one that
/// nobody needs any more, whose texts may be used again.
pub fn decide(
    draft: &Draft,
    hits: &[Contact],
    rules: Rules<'_>,
    new_id: &mut dyn FnMut() -> String,
    spare: Option<Box<Contact>>,
) -> Decision {
    if let Some(error) = draft.error() {
        return Decision::Fail(error.clone());
    }
    let on_match = rules.profile.on_match;
    let (first, others) = match (on_match, hits) {
        (OnMatch::CreateAlways, _) | (_, []) => return create(draft, rules, new_id, spare),
        (OnMatch::Skip | OnMatch::Overwrite, [_, _, ..]) => {
            return Decision::Fail(Remark::error(Code::Ambiguous, "", format!("{} contacts match", hits.len())));
        }
        (OnMatch::Skip, [hit]) => return Decision::Skip(hit.number),
        (OnMatch::MergeAll, [first, others @ ..]) => (first, others),
        (OnMatch::Overwrite | OnMatch::UpdateFirst, [first, ..]) => (first, &[][..]),
    };
    let mut contact = first.clone();
    others.iter().for_each(|other| fill_gaps(&mut contact, other));
    change(&mut contact, draft, rules.profile);
    settle(&mut contact, draft, rules);
    if let Some(error) = wrong(&contact, rules) {
        return Decision::Fail(error);
    }
    if !others.is_empty() {
        let away = others.iter().map(|other| other.number).collect();
        return Decision::Merge { into: Box::new(contact), away };
    }
    match equal(&contact, first) {
        true => Decision::Unchanged(first.number),
        false => Decision::Update(Box::new(contact)),
    }
}

fn create(
    draft: &Draft,
    rules: Rules<'_>,
    new_id: &mut dyn FnMut() -> String,
    spare: Option<Box<Contact>>,
) -> Decision {
    let mut contact = spare.unwrap_or_default();
    contact.list = rules.list.map(|list| list.number);
    contact.id.clear();
    match draft.id.as_str() {
        "" => contact.id.push_str(&new_id()),
        id => contact.id.push_str(id),
    }
    contact.customer_id.clear();
    (contact.number, contact.version, contact.job) = (0, 1, None);
    (contact.created_at, contact.updated_at) = (0, 0);
    (contact.callable, contact.organisation) = (true, None);
    contact.external_ids.clear();
    unite(&mut contact.external_ids, &draft.external_ids);
    fill(&mut contact, draft);
    settle(&mut contact, draft, rules);
    match wrong(&contact, rules) {
        Some(error) => Decision::Fail(error),
        None => Decision::Create(contact),
    }
}

/// What the survivor of a merge lacks, from another. What was not to be dialed stays so.
fn fill_gaps(contact: &mut Contact, other: &Contact) {
    for (name, value) in &other.attributes {
        if contact.attributes.iter().all(|(known, _)| known != name) {
            contact.attributes.push((name.clone(), value.clone()));
        }
    }
    for phone in &other.phones {
        match contact.phones.iter_mut().find(|known| same_slot(known, phone)) {
            None => contact.phones.push(phone.clone()),
            Some(known) if known.contact_info() == phone.contact_info() => known.callable &= phone.callable,
            Some(_) => {}
        }
    }
    unite(&mut contact.external_ids, &other.external_ids);
    contact.organisation = contact.organisation.or(other.organisation);
    contact.callable &= other.callable;
}

fn unite(ids: &mut Vec<ExternalId>, others: &[ExternalId]) {
    for id in others {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
}

/// Gives a new contact the values of a draft. Stored attributes and phones always have a value.
fn fill(contact: &mut Contact, draft: &Draft) {
    let attributes = draft.attributes.iter().filter(|(_, value)| !value.is_empty());
    let mut count = 0;
    for (name, value) in attributes {
        match contact.attributes.get_mut(count) {
            Some(known) => {
                known.0.clone_from(name);
                known.1.clone_from(value);
            }
            None => contact.attributes.push((name.clone(), value.clone())),
        }
        count = count.saturating_add(1);
    }
    contact.attributes.truncate(count);
    count = 0;
    for phone in draft.phones.iter().filter(|phone| !phone.raw.is_empty()) {
        match contact.phones.get_mut(count) {
            Some(known) => known.become_like(phone),
            None => contact.phones.push(phone.clone()),
        }
        count = count.saturating_add(1);
    }
    contact.phones.truncate(count);
}

/// Gives a stored contact the values of a draft.
fn change(contact: &mut Contact, draft: &Draft, profile: &ImportProfile) {
    unite(&mut contact.external_ids, &draft.external_ids);
    let before = std::mem::take(&mut contact.phones);
    if profile.replace_whole {
        contact.attributes.clear();
    } else {
        contact.phones.clone_from(&before);
    }
    let clears = profile.empty == EmptyPolicy::Clear;
    set_attributes(&mut contact.attributes, &draft.attributes, clears);
    for phone in &draft.phones {
        let at = contact.phones.iter().position(|known| same_slot(known, phone));
        if phone.raw.is_empty() {
            at.filter(|_| clears).map(|at| contact.phones.remove(at));
            continue;
        }
        let mut phone = phone.clone();
        // The same number keeps what was said about it, unless it can only now be read.
        if let Some(known) = before.iter().find(|known| same_slot(known, &phone) && known.raw == phone.raw) {
            let now_read = known.e164.is_none() && phone.e164.is_some();
            phone.callable &= known.callable || now_read;
        }
        match at.and_then(|at| contact.phones.get_mut(at)) {
            Some(known) => *known = phone,
            None => contact.phones.push(phone),
        }
    }
}

/// What hangs on more than one value: order and callability of phones, organisation, customer.
fn settle(contact: &mut Contact, draft: &Draft, rules: Rules<'_>) {
    let Rules { profile, list, organisation } = rules;
    for phone in &mut contact.phones {
        let said = draft.phone_callable.iter().find(|(column, _)| *column == phone.column);
        phone.callable = said.map_or(phone.callable, |(_, callable)| *callable);
    }
    let columns = list.into_iter().flat_map(|list| &list.phone_columns).chain(&profile.phone_columns);
    let place = |phone: &Phone| columns.clone().position(|it| it.column == phone.column).unwrap_or(usize::MAX);
    contact.phones.sort_by_key(|phone| (place(phone), phone.index));
    contact.callable = draft.callable.unwrap_or(contact.callable);
    contact.organisation = organisation.or(contact.organisation);
    let named = list.is_some_and(|list| list.customer_column.is_some());
    if named || contact.customer_id.is_empty() {
        contact.customer_id = match &draft.customer_id {
            Some(given) if !named => given.clone(),
            _ => customer_of(contact, profile.source, list),
        };
    }
}

fn set_attributes(attributes: &mut Vec<(String, String)>, values: &[(String, String)], clears: bool) {
    for (name, value) in values {
        let at = attributes.iter().position(|(known, _)| known == name);
        match at.and_then(|at| attributes.get_mut(at)) {
            Some(_) if value.is_empty() => {
                at.filter(|_| clears).map(|at| attributes.remove(at));
            }
            Some((_, known)) => known.clone_from(value),
            None if value.is_empty() => {}
            None => attributes.push((name.clone(), value.clone())),
        }
    }
}

fn same_slot(left: &Phone, right: &Phone) -> bool {
    left.column == right.column && left.index == right.index
}

/// What requests for a customer name a contact by, where a list does not name a column: its id in A, its first external
/// id in B, `customer_id` in C, `UserData` in D.
#[must_use]
pub fn customer_of(contact: &Contact, source: SourceKind, list: Option<&CallingList>) -> String {
    let attribute = |wanted: &str| {
        let found = contact.attributes.iter().find(|(name, _)| same_field(name, wanted));
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    if let Some(column) = list.and_then(|list| list.customer_column.as_deref()) {
        return contact.value(column).unwrap_or_default().to_owned();
    }
    let id = || contact.id.clone();
    match source {
        SourceKind::Native | SourceKind::GenesysCloud => id(),
        SourceKind::External | SourceKind::Classic => {
            contact.external_ids.first().map_or_else(id, |external| external.value.clone())
        }
        SourceKind::Ucs => attribute("customer_id").unwrap_or_else(id),
        SourceKind::Jtel => attribute("UserData").unwrap_or_default(),
    }
}

/// Whether two systems mean the same field: case and `_` do not count (specification 1).
#[must_use]
pub fn same_field(left: &str, right: &str) -> bool {
    let letters = |text: &'_ str| text.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect::<String>();
    left == right || letters(left) == letters(right)
}

/// What speaks against storing a contact.
fn wrong(contact: &Contact, rules: Rules<'_>) -> Option<Remark> {
    let ids = contact.external_ids.len();
    if ids > EXTERNAL_IDS {
        return Some(Remark::error(Code::TooLong, "", format!("{ids} external ids, limit is {EXTERNAL_IDS}")));
    }
    no_phone(contact, rules).filter(|remark| remark.severity == super::Severity::Error)
}

/// What is to be said about a contact of a list that has no phone: an error where the system demands one, else a
/// warning.
#[must_use]
pub fn no_phone(contact: &Contact, rules: Rules<'_>) -> Option<Remark> {
    let Rules { profile, list: Some(list), .. } = rules else { return None };
    if !contact.phones.is_empty() {
        return None;
    }
    let policy = list.phone_policy.unwrap_or(profile.phones);
    let demanded = profile.source == SourceKind::Jtel || policy == PhonePolicy::Require;
    let message = "no phone, so there is nothing to dial";
    Some(match profile.phone_required && demanded {
        true => Remark::error(Code::NoPhone, "", message),
        false => Remark::warning(Code::NoPhone, "", message),
    })
}

/// Whether all that is stored is equal; the order of attributes does not count.
fn equal(left: &Contact, right: &Contact) -> bool {
    let attributes = |contact: &Contact| {
        let mut all = contact.attributes.clone();
        all.retain(|(_, value)| !value.is_empty());
        all.sort();
        all
    };
    left.external_ids == right.external_ids
        && left.callable == right.callable
        && left.phones == right.phones
        && left.organisation == right.organisation
        && left.customer_id == right.customer_id
        && (left.attributes == right.attributes || attributes(left) == attributes(right))
}

/// Decides about the organisation of a row; `None` = the row has none, or an error.
#[must_use]
pub fn decide_organisation(
    draft: &Draft,
    hit: Option<&Organisation>,
    profile: &ImportProfile,
) -> Option<OrganisationDecision> {
    let given = draft.organisation.as_ref().filter(|_| draft.error().is_none())?;
    let mut organisation = hit.cloned().unwrap_or_else(|| Organisation {
        number: 0,
        external_id: given.external_id.clone(),
        name: String::new(),
        attributes: Vec::new(),
    });
    let clears = profile.empty == EmptyPolicy::Clear;
    if profile.replace_whole {
        organisation.attributes.clear();
    }
    if !given.name.is_empty() || clears {
        organisation.name.clone_from(&given.name);
    }
    set_attributes(&mut organisation.attributes, &given.attributes, clears);
    Some(match hit {
        None => OrganisationDecision::Create(organisation),
        Some(hit) if *hit == organisation => OrganisationDecision::Unchanged(hit.number),
        Some(_) => OrganisationDecision::Update(organisation),
    })
}

#[cfg(test)]
mod tests;
