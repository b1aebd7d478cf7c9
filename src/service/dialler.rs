//! D: dialler contacts of jtel on the one store. A campaign is a calling list.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::contact::CallingList;
use crate::contact::Code;
use crate::contact::Contact;
use crate::contact::MatchKey;
use crate::contact::Outcome;
use crate::contact::PhonePolicy;
use crate::contact::dialler::{Campaign, Refusal, Release, Submission, Tried, profile, record};
use crate::contact::phone::PhoneReader;
use crate::engine::ocs::Record;
use crate::service::JtelSection;
use crate::service::import::{Call, ImportError, ImportService};
use crate::store::contacts::{ContactRef, Removal};

/// Contacts that are read at once.
pub const PAGE: usize = 500;

/// Dialler contacts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialler {
    imports: ImportService,
    release: Release,
    plusless: bool,
    default_country: String,
    clients_id: i64,
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Io(_) | ImportError::Store(_) => {
                tracing::error!(%error, "a call about dialler contacts");
                Self::new(500, "the store cannot be used")
            }
            error => Self::bad(error.to_string()),
        }
    }
}

impl Dialler {
    /// On this store, as the configuration says.
    #[must_use]
    pub fn new(imports: ImportService, section: &JtelSection, default_country: &str) -> Self {
        Self {
            imports,
            release: Release::from_word(&section.limits).unwrap_or_default(),
            plusless: section.plusless,
            default_country: default_country.to_owned(),
            clients_id: section.clients_id,
        }
    }

    /// Checks the client of an address.
    ///
    /// # Errors
    /// [`Refusal`] 401
    pub fn client(&self, clients_id: &str) -> Result<(), Refusal> {
        let known = clients_id.parse() == Ok(self.clients_id);
        if known { Ok(()) } else { Err(Refusal::new(401, "ClientsID is not the one of the token")) }
    }

    /// The campaign with this number.
    ///
    /// # Errors
    /// [`Refusal`] 404
    pub async fn campaign(&self, number: i64) -> Result<CallingList, Refusal> {
        let found = self.imports.list_by_number(number).await;
        found.map(|row| row.list).map_err(|error| match error {
            ImportError::Unknown { .. } => Refusal::no_campaign(),
            error => error.into(),
        })
    }

    async fn named(&self, campaign: &Campaign) -> Result<CallingList, Refusal> {
        let by_name = match &campaign.name {
            None => None,
            Some(name) => match self.imports.list_by_name(name).await {
                Ok(row) => Some(row.list),
                Err(ImportError::Unknown { .. }) => return Err(Refusal::no_campaign()),
                Err(error) => return Err(error.into()),
            },
        };
        match (campaign.id, by_name) {
            (Some(id), None) => self.campaign(id).await,
            (Some(id), Some(list)) if list.number != id => {
                self.campaign(id).await?;
                Err(Refusal::bad("DiallerCampaignsID and DiallerCampaignsName are two campaigns"))
            }
            (_, Some(list)) => Ok(list),
            (None, None) => Err(Refusal::no_campaign()),
        }
    }

    /// Stores a contact; `may` says whether the caller may write into a list.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn submit(
        &self,
        body: &Value,
        overwrite: bool,
        may: impl Fn(&CallingList) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        let submission = Submission::read(body, self.release)?;
        let list = self.named(&submission.campaign).await?;
        may(&list)?;
        let reader = PhoneReader {
            library: self.imports.phones(),
            default_country: &self.default_country,
            plusless: self.plusless,
        };
        let draft = submission.draft(&zone(&list), reader, list.phone_policy.unwrap_or(PhonePolicy::Warn))?;
        if !submission.ignored.is_empty() {
            tracing::warn!(
                list = list.number,
                fields = submission.ignored.len(),
                "a dialler contact has unknown fields"
            );
        }
        let profile = profile(overwrite, self.plusless, &self.default_country);
        let call = Call { profile, list: Some(list.number), drafts: vec![draft], all_or_nothing: true };
        let called = self.imports.call(call).await?;
        if let Some(report) = called.reports.iter().find(|report| report.outcome == Outcome::Failed) {
            let error = report.remarks.iter().find(|remark| remark.severity == crate::contact::Severity::Error);
            return Err(error.map_or_else(
                || Refusal::bad("the contact is not stored"),
                |error| match error.code {
                    Code::Ambiguous => Refusal::ambiguous(leading_number(&error.message)),
                    _ => Refusal::bad(format!("{}: {}", error.column, error.message)),
                },
            ));
        }
        let stored = called.contacts.into_iter().next().flatten();
        let contact = stored.ok_or_else(|| Refusal::new(500, "the contact is not stored"))?;
        Ok(one(self.shown(&contact, &list).await?))
    }

    /// A contact as answers show it.
    ///
    /// # Errors
    /// The store.
    pub async fn shown(&self, contact: &Contact, list: &CallingList) -> Result<Value, Refusal> {
        let chain = self.imports.store().chain(list.number, contact.number).await.map_err(ImportError::from)?;
        let tried = |row: Record| Tried {
            contact_info: row.contact_info,
            attempt: row.attempt,
            call_result: row.call_result,
            dial_sched_time: row.dial_sched_time.map(|at| at.0),
        };
        let chain: Vec<Tried> = chain.into_iter().map(tried).collect();
        Ok(record(contact, &chain, &zone(list)))
    }

    /// The contact with this number, and its campaign.
    ///
    /// # Errors
    /// [`Refusal`] 404
    pub async fn contact(&self, number: i64) -> Result<(Contact, CallingList), Refusal> {
        let found = self.imports.contact(ContactRef::Number(number)).await?;
        let contact = found.map(|stored| stored.contact).ok_or_else(Refusal::no_contact)?;
        let list = contact.list.ok_or_else(Refusal::no_contact)?;
        Ok((contact, self.campaign(list).await?))
    }

    /// Contacts with this user data, in all campaigns, smallest number first.
    ///
    /// # Errors
    /// The store.
    pub async fn with_user_data(&self, data: &str) -> Result<Vec<(Contact, CallingList)>, Refusal> {
        let found = self.imports.contacts_by_key(None, MatchKey::Customer, Vec::new(), data).await?;
        let mut all = Vec::new();
        for contact in found.into_iter().map(|stored| stored.contact) {
            if let Some(list) = contact.list {
                all.push((contact, self.campaign(list).await?));
            }
        }
        all.sort_by_key(|(contact, _)| contact.number);
        Ok(all)
    }

    /// Contacts of a campaign, or of all, with a greater number.
    ///
    /// # Errors
    /// The store.
    pub async fn page(&self, campaign: Option<i64>, after: i64) -> Result<Vec<Contact>, Refusal> {
        let found = self.imports.contacts_page(campaign.map(Some), after, PAGE).await?;
        Ok(found.into_iter().map(|stored| stored.contact).collect())
    }

    /// Every campaign.
    ///
    /// # Errors
    /// The store.
    pub async fn campaigns(&self) -> Result<Vec<CallingList>, Refusal> {
        Ok(self.imports.lists().await?.into_iter().map(|row| row.list).collect())
    }

    /// Removes a contact that is not being dialed.
    ///
    /// # Errors
    /// [`Refusal`] 404, 409
    pub async fn delete(&self, contact: &Contact) -> Result<Value, Refusal> {
        let removed = self.imports.delete_contacts(contact.list, vec![contact.id.clone()]).await?;
        match removed.first() {
            Some(Removal::Deleted) => Ok(json!({"status": 200})),
            Some(Removal::InUse) => Err(Refusal::new(409, "Dialler contact is being dialled")),
            Some(Removal::Unknown) | None => Err(Refusal::no_contact()),
        }
    }
}

/// The answer about one contact.
#[must_use]
pub fn one(record: Value) -> Value {
    json!({"records": [record], "count": 1, "status": 200})
}

/// The zone of a list; without one it is this machine's.
fn zone(list: &CallingList) -> TimeZone {
    match list.time_zone.as_str() {
        "" => TimeZone::system(),
        name => TimeZone::get(name).unwrap_or_else(|_| TimeZone::system()),
    }
}

fn leading_number(message: &str) -> usize {
    let digits: String = message.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(2)
}
