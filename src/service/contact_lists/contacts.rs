//! Contacts by call: a batch is stored whole or not at all.

use serde_json::Value;

use super::{Answer, ContactLists, LISTS, Refusal, read};
use crate::contact::CallingList;
use crate::contact::Contact;
use crate::contact::Draft;
use crate::contact::ImportProfile;
use crate::contact::Outcome;
use crate::contact::RecordReport;
use crate::contact::Severity;
use crate::contact::genesys_cloud::{
    ContactBody, Detail, ErrorCode, draft_of, percent_encoded, rest_profile, write_time,
};
use crate::contact::phone::PhoneReader;
use crate::service::import::Call;
use crate::store::contacts::{Cleared, ContactRef, Removal};

/// A contact as it travels.
pub(super) fn shown(contact: &Contact, list: &CallingList) -> ContactBody {
    let address = format!("{LISTS}/{}/contacts/{}", list.id, percent_encoded(&contact.id));
    ContactBody {
        date_created: Some(write_time(contact.created_at)),
        self_uri: Some(address),
        ..ContactBody::of(contact, list)
    }
}

/// Which field of the n-th contact a report is about. No value stands in it.
fn detail_of(report: &RecordReport) -> Detail {
    let n = report.record.saturating_sub(1);
    let error = report.remarks.iter().find(|remark| remark.severity == Severity::Error);
    let field = match error.map(|error| error.column.as_str()).unwrap_or_default() {
        "" => format!("[{n}]"),
        "id" => format!("[{n}].id"),
        column => format!("[{n}].data.{column}"),
    };
    Detail::new(ErrorCode::InvalidValue, field)
}

impl ContactLists {
    /// Contacts of a request as drafts, or all that is wrong with them.
    pub(super) fn drafts(
        &self,
        list: &CallingList,
        profile: &ImportProfile,
        bodies: &[ContactBody],
    ) -> Result<Vec<Draft>, Vec<Detail>> {
        let library = self.imports().phones();
        let reader = PhoneReader { library, default_country: &self.0.default_country, plusless: false };
        let (mut drafts, mut wrong) = (Vec::new(), Vec::new());
        for (n, body) in bodies.iter().enumerate() {
            match draft_of(body, n, list, &self.0.limits, profile, &reader) {
                Ok(draft) => drafts.push(draft),
                Err(details) => wrong.extend(details.into_iter().next()),
            }
        }
        if wrong.is_empty() { Ok(drafts) } else { Err(wrong) }
    }

    async fn store(&self, list: &CallingList, profile: ImportProfile, drafts: Vec<Draft>) -> Answer<Vec<ContactBody>> {
        let call = Call { profile, list: Some(list.number), drafts, all_or_nothing: true };
        let called = self.imports().call(call).await?;
        if !called.stored {
            let failed = called.reports.iter().filter(|report| report.outcome == Outcome::Failed);
            return Err(Refusal::of(failed.map(detail_of).collect()));
        }
        Ok(called.contacts.iter().flatten().map(|contact| shown(contact, list)).collect())
    }

    /// Adds contacts; those whose id is known are updated. All of them, or none.
    ///
    /// # Errors
    /// Too many, or one detail for each that cannot be stored.
    pub async fn add(&self, list: &CallingList, body: Value, clear_system_data: bool) -> Answer<Vec<ContactBody>> {
        let Value::Array(values) = body else {
            return Err(Refusal::new(ErrorCode::BadRequest, "expected an array of contacts"));
        };
        if values.len() > self.0.limits.contacts {
            return Err(Refusal::beyond(ErrorCode::TooManyContacts, "contacts", self.0.limits.contacts));
        }
        let (mut bodies, mut wrong) = (Vec::with_capacity(values.len()), Vec::new());
        for (n, value) in values.into_iter().enumerate() {
            match value.is_object().then(|| read::<ContactBody>(value)) {
                Some(Ok(body)) => bodies.push((n, body)),
                _ => wrong.push((n, Detail::new(ErrorCode::InvalidValue, format!("[{n}]")))),
            }
        }
        let profile = ImportProfile { clear_system_data, ..rest_profile() };
        let (places, bodies): (Vec<usize>, Vec<ContactBody>) = bodies.into_iter().unzip();
        match self.drafts(list, &profile, &bodies) {
            Ok(drafts) if wrong.is_empty() => self.store(list, profile, drafts).await,
            Ok(_) => Err(Refusal::of(wrong.into_iter().map(|(_, detail)| detail).collect())),
            Err(details) => {
                // Those that could be read stand closer together than they came.
                for mut detail in details {
                    let (at, rest) = detail.field_name.trim_start_matches('[').split_once(']').unwrap_or_default();
                    let n = at.parse().ok().and_then(|at: usize| places.get(at).copied()).unwrap_or_default();
                    detail.field_name = format!("[{n}]{rest}");
                    wrong.push((n, detail));
                }
                wrong.sort_by_key(|(n, _)| *n);
                Err(Refusal::of(wrong.into_iter().map(|(_, detail)| detail).collect()))
            }
        }
    }

    /// One contact.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn contact(&self, list: &CallingList, id: &str) -> Answer<ContactBody> {
        let found = self.imports().contact(ContactRef::Id(Some(list.number), id.to_owned())).await?;
        found.map(|stored| shown(&stored.contact, list)).ok_or_else(|| Refusal::unknown("contact"))
    }

    /// Puts a contact in the place of the one that is there; columns that it does not name become empty.
    ///
    /// # Errors
    /// Unknown, or a field cannot be stored.
    pub async fn replace(&self, list: &CallingList, id: &str, mut body: ContactBody) -> Answer<ContactBody> {
        self.contact(list, id).await?;
        if body.id.get_or_insert_with(|| id.to_owned()) != id {
            return Err(Refusal::invalid("id"));
        }
        for column in &list.columns {
            body.data.entry(column.clone()).or_insert_with(|| Value::String(String::new()));
        }
        let profile = rest_profile();
        let drafts = self.drafts(list, &profile, std::slice::from_ref(&body)).map_err(|details| named(details, ""))?;
        let stored = self.store(list, profile, drafts).await?;
        stored.into_iter().next().ok_or_else(|| Refusal::unknown("contact"))
    }

    /// Removes contacts; how many stayed because they are in use. Ids that are unknown are no error.
    ///
    /// # Errors
    /// The store.
    pub async fn delete(&self, list: &CallingList, ids: Vec<String>) -> Answer<usize> {
        let removed = self.imports().delete_contacts(Some(list.number), ids).await?;
        Ok(removed.iter().filter(|removal| **removal == Removal::InUse).count())
    }

    /// Removes every contact that is not in use.
    ///
    /// # Errors
    /// The store.
    pub async fn clear(&self, list: &CallingList) -> Answer<Cleared> {
        Ok(self.imports().clear(list.number, None).await?)
    }

    /// Contacts by their ids, in that order; ids that are unknown are left out.
    ///
    /// # Errors
    /// Too many, no ids, or the store.
    pub async fn with_ids(&self, list: &CallingList, body: &Value) -> Answer<Vec<ContactBody>> {
        let ids = body.as_array().ok_or_else(|| Refusal::new(ErrorCode::BadRequest, "expected an array of ids"))?;
        if ids.len() > self.0.limits.contacts {
            return Err(Refusal::beyond(ErrorCode::TooManyContacts, "contacts", self.0.limits.contacts));
        }
        let mut found = Vec::new();
        for (n, id) in ids.iter().enumerate() {
            let id = id.as_str().ok_or_else(|| Refusal::invalid(&format!("[{n}]")))?;
            let stored = self.imports().contact(ContactRef::Id(Some(list.number), id.to_owned())).await?;
            found.extend(stored.map(|stored| shown(&stored.contact, list)));
        }
        Ok(found)
    }
}

/// Details about one contact that is no member of an array.
pub(super) fn named(details: Vec<Detail>, name: &str) -> Refusal {
    let rename = |detail: Detail| {
        let rest = detail.field_name.trim_start_matches("[0]");
        let field_name = format!("{name}{rest}").trim_start_matches('.').to_owned();
        Detail { field_name, ..detail }
    };
    Refusal::of(details.into_iter().map(rename).collect())
}
