//! Applies drafts to contacts and chains. The same statements serve the live tables and a dry run's picture of them.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::contact::chain::{self, ChainChange, ChainInput, ChainRecord, DncEffect, DncVerdict};
use crate::contact::{Code, Contact, Counts, Decision, Draft, KeyKind, KeyValue, MatchKey, MatchScope};
use crate::contact::{OnMatch, Organisation, OrganisationDecision, Outcome, RecordReport, Remark, Rules};
use crate::contact::{decide, decide_organisation, keys_of, match_order, no_phone};
use crate::store::contacts::Context;
use crate::store::contacts::refused;
use crate::store::sqlite::contacts::keys::{Kind, kinds};
use crate::store::sqlite::contacts::lists::{self, ListState};
use crate::store::sqlite::contacts::rows;
use crate::store::sqlite::value::{failed, strange};
use crate::store::{StoreError, StoreErrorKind};

/// Contacts that one key may find: more are told as that many.
const HITS_MAX: usize = 100;

/// Which tables the statements meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Those of the store.
    Live,
    /// Views of the same names over them.
    Overlay,
}

/// Everything that one transaction needs, prepared once.
pub(super) struct Applier<'a> {
    db: &'a Connection,
    context: &'a Context,
    place: Place,
    now_ms: i64,
    kinds: Vec<Kind>,
    lists: HashMap<i64, ListState>,
    next_contact: i64,
    /// Records of a picture are numbered on their own.
    next_record: Option<i64>,
    first_contact: Option<i64>,
    images: i64,
    cancellations: u64,
    find_id: CachedStatement<'a>,
    find_key: CachedStatement<'a>,
    load: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    insert_record: CachedStatement<'a>,
    chain: CachedStatement<'a>,
    dnc: Dnc<'a>,
    json: [String; 3],
    /// The contact that came last: its texts are filled again.
    spare: Option<Box<Contact>>,
}

/// Finds who must not be called.
struct Dnc<'a> {
    phone: CachedStatement<'a>,
    spelling: CachedStatement<'a>,
    customer: CachedStatement<'a>,
    /// Whether any phone, other spelling or customer is listed at all: a list that is empty is not searched.
    any: [bool; 3],
    now_s: i64,
}

/// What became of a draft.
pub(super) struct Applied {
    pub(super) outcome: Outcome,
    pub(super) contact: Option<i64>,
}

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("contacts", error)
}

type Done<T = ()> = Result<T, StoreError>;

impl<'a> Applier<'a> {
    /// Prepares. `images` = before-images that the job has written so far.
    pub(super) fn new(
        db: &'a Connection,
        context: &'a Context,
        place: Place,
        now_ms: i64,
        images: i64,
        start: Option<Start>,
    ) -> Done<Self> {
        let prepare = |text: &str| db.prepare_cached(text).map_err(|error| sql(&error));
        let table = match place {
            Place::Live => "contacts",
            Place::Overlay => "over_contacts",
        };
        let next_contact = match start {
            Some(start) => start.contact,
            None => lists::next_contact(db)?,
        };
        let mut applier = Self {
            context,
            place,
            now_ms,
            kinds: kinds(db)?,
            lists: HashMap::new(),
            next_contact,
            next_record: start.map(|start| start.record),
            first_contact: None,
            images,
            cancellations: 0,
            find_id: prepare("SELECT number FROM contacts WHERE list = ?1 AND id = ?2")?,
            find_key: prepare(
                "SELECT number FROM contact_keys WHERE kind = ?1 AND value = ?2 AND (?3 IS NULL OR list = ?3) \
                 ORDER BY number LIMIT ?4",
            )?,
            load: prepare(&format!("SELECT {} FROM contacts WHERE number = ?1", rows::CONTACT))?,
            insert: prepare(&format!(
                "INSERT INTO {table} (number, list, id, callable, attributes, phones, external_ids, organisation, \
                 customer_id, version, job, touched, created_at, updated_at) VALUES \
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)"
            ))?,
            insert_record: prepare(
                "INSERT INTO calling_records (list, record_id, contact_info, contact_info_type, record_type, \
                 record_status, call_result, attempt, dial_sched_time, call_time, daily_from, daily_till, tz_dbid, \
                 agent_id, chain_id, chain_n) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
                 ?15, ?16)",
            )?,
            chain: prepare(&format!(
                "SELECT {} FROM calling_records WHERE list = ?1 AND chain_id = ?2 ORDER BY chain_n",
                rows::CHAIN
            ))?,
            dnc: Dnc {
                phone: prepare(
                    "SELECT 1 FROM gsw_donotcall_list WHERE phone = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
                )?,
                spelling: prepare(
                    "SELECT 1 FROM dnc_evidence WHERE normalised = ?1 AND normalised IS NOT NULL \
                     AND normalised IS NOT phone AND event = 'asked' AND (expires_at IS NULL OR expires_at > ?2)",
                )?,
                customer: prepare(
                    "SELECT 1 FROM gsw_donotcall_list WHERE customer_id = ?1 \
                     AND (expires_at IS NULL OR expires_at > ?2)",
                )?,
                any: listed_at_all(db)?,
                now_s: now_ms.div_euclid(1_000),
            },
            json: Default::default(),
            spare: None,
            db,
        };
        if let Some(list) = &context.list {
            applier.list_state(list.number)?;
        }
        Ok(applier)
    }

    /// Writes what goes on from here: numbers and sizes.
    pub(super) fn finish(self) -> Done<Finished> {
        if self.place == Place::Live {
            lists::keep(self.db, self.next_contact, self.lists.values())?;
        }
        Ok(Finished {
            next: Start { contact: self.next_contact, record: self.next_record.unwrap_or(0) },
            contacts: self.first_contact.map(|first| (first, self.next_contact - 1)),
            images: self.images,
            cancellations: self.cancellations,
        })
    }

    /// Applies one draft. `report` is filled; nothing is written when the outcome is Failed or Skipped.
    pub(super) fn one(&mut self, draft: &Draft, report: &mut RecordReport, counts: &mut Counts) -> Done<Applied> {
        report.record = draft.record;
        report.line = draft.line;
        report.key.clone_from(&draft.key);
        report.contact_id.clear();
        report.remarks.clone_from(&draft.remarks);
        let applied = if draft.error().is_some() {
            Applied { outcome: Outcome::Failed, contact: None }
        } else if self.context.delete {
            self.delete(draft, report)?
        } else {
            self.store(draft, report, counts)?
        };
        report.outcome = applied.outcome;
        counts.add(report.outcome, &report.remarks);
        Ok(applied)
    }

    fn store(&mut self, draft: &Draft, report: &mut RecordReport, counts: &mut Counts) -> Done<Applied> {
        let profile = &self.context.profile;
        let organisation = self.organisation_of(draft)?;
        let number = match &organisation {
            Some(OrganisationDecision::Create(_)) => Some(self.next_organisation()?),
            Some(OrganisationDecision::Update(organisation)) => Some(organisation.number),
            Some(OrganisationDecision::Unchanged(number)) => Some(*number),
            None => None,
        };
        if !draft.has_contact {
            let outcome = match &organisation {
                Some(OrganisationDecision::Create(_)) => Outcome::Created,
                Some(OrganisationDecision::Update(_)) => Outcome::Updated,
                Some(OrganisationDecision::Unchanged(_)) | None => Outcome::Unchanged,
            };
            self.put_organisation(organisation, number)?;
            return Ok(Applied { outcome, contact: None });
        }
        let hits = self.hits(draft)?;
        let context = self.context;
        let list = context.list.as_ref();
        let rules = Rules { profile, list, organisation: number };
        let new_id = &mut || new_id(context, draft.record);
        let decision = decide(draft, &hits, rules, new_id, self.spare.take());
        if let Decision::Create(contact) | Decision::Update(contact) | Decision::Merge { into: contact, .. } = &decision
        {
            report.remarks.extend(no_phone(contact, rules));
        }
        match decision {
            Decision::Fail(remark) => {
                report.remarks.push(remark);
                Ok(Applied { outcome: Outcome::Failed, contact: None })
            }
            Decision::Skip(number) => {
                found(&hits, number, report);
                Ok(Applied { outcome: Outcome::Skipped, contact: Some(number) })
            }
            Decision::Unchanged(number) => {
                found(&hits, number, report);
                let changed =
                    matches!(organisation, Some(OrganisationDecision::Create(_) | OrganisationDecision::Update(_)));
                self.put_organisation(organisation, Some(number))?;
                let hit = hits.iter().find(|hit| hit.number == number);
                let asks = profile.clear_system_data || draft.follow_up != Default::default();
                let rewritten = match hit {
                    Some(hit) if asks => {
                        let verdict = self.verdict(hit)?;
                        self.rewrite_chain(draft, Some(hit), hit, &verdict)?
                    }
                    _ => false,
                };
                let outcome = if changed || rewritten { Outcome::Updated } else { Outcome::Unchanged };
                Ok(Applied { outcome, contact: Some(number) })
            }
            Decision::Create(mut contact) => {
                if self.is_taken(&contact, draft)? {
                    report.remarks.push(Remark::error(Code::Ambiguous, "", "another contact of the list has this id"));
                    return Ok(Applied { outcome: Outcome::Failed, contact: None });
                }
                report.contact_id.push_str(&contact.id);
                let verdict = self.verdict(&contact)?;
                if let Some(outcome) = self.forbidden(&verdict, &contact, report, counts) {
                    report.contact_id.clear();
                    return Ok(Applied { outcome, contact: None });
                }
                self.put_organisation(organisation, number)?;
                contact.number = self.next_contact;
                contact.version = 1;
                (contact.created_at, contact.updated_at) = (self.now_ms, self.now_ms);
                self.next_contact += 1;
                self.first_contact.get_or_insert(contact.number);
                self.put_contact(&contact)?;
                self.rewrite_chain(draft, None, &contact, &verdict)?;
                let number = contact.number;
                self.spare = Some(contact);
                Ok(Applied { outcome: Outcome::Created, contact: Some(number) })
            }
            Decision::Update(contact) => {
                self.update(draft, &hits, *contact, &[], (organisation, number), report, counts)
            }
            Decision::Merge { into, away } => {
                self.update(draft, &hits, *into, &away, (organisation, number), report, counts)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `store`, which has all of them")]
    fn update(
        &mut self,
        draft: &Draft,
        hits: &[Contact],
        mut contact: Contact,
        away: &[i64],
        organisation: (Option<OrganisationDecision>, Option<i64>),
        report: &mut RecordReport,
        counts: &mut Counts,
    ) -> Done<Applied> {
        let before = hits.iter().find(|hit| hit.number == contact.number);
        let before = before.ok_or_else(|| StoreError::new(StoreErrorKind::Internal, "an update of no hit"))?;
        report.contact_id.push_str(&contact.id);
        let away: Vec<&Contact> = hits.iter().filter(|hit| away.contains(&hit.number)).collect();
        self.inherit_customer(&away, &mut contact)?;
        let mut verdict = self.verdict(&contact)?;
        if let Some(outcome) = self.forbidden(&verdict, &contact, report, counts) {
            return Ok(Applied { outcome, contact: Some(contact.number) });
        }
        self.inherit_phones(&away, &contact, &mut verdict)?;
        self.put_organisation(organisation.0, organisation.1)?;
        for contact in away {
            self.take_away(contact)?;
            counts.merged_away = counts.merged_away.saturating_add(1);
        }
        self.image("changed", contact.number)?;
        contact.version = before.version + 1;
        contact.updated_at = self.now_ms;
        self.change_contact(before, &contact)?;
        self.rewrite_chain(draft, Some(before), &contact, &verdict)?;
        Ok(Applied { outcome: Outcome::Updated, contact: Some(contact.number) })
    }

    /// Who said do-not-call as a customer has said so for all that they become: the survivor takes that name.
    fn inherit_customer(&mut self, away: &[&Contact], contact: &mut Contact) -> Done {
        if away.is_empty() || self.dnc.has_customer(&contact.customer_id)? {
            return Ok(());
        }
        for other in away {
            if !other.customer_id.is_empty() && self.dnc.has_customer(&other.customer_id)? {
                contact.customer_id.clone_from(&other.customer_id);
                break;
            }
        }
        Ok(())
    }

    /// A phone that was taken out of dialing for do-not-call stays so in another's chain.
    fn inherit_phones(&mut self, away: &[&Contact], contact: &Contact, verdict: &mut DncVerdict) -> Done {
        for other in away {
            let records = self.records(other)?;
            for (phone, listed) in contact.phones.iter().zip(&mut verdict.phones) {
                *listed |= records.iter().any(|record| record.is_out_for(phone.contact_info()));
            }
        }
        Ok(())
    }

    /// A contact that was named to be deleted.
    fn delete(&mut self, draft: &Draft, report: &mut RecordReport) -> Done<Applied> {
        let failed = |report: &mut RecordReport, code, message: &str| {
            report.remarks.push(Remark::error(code, "", message));
            Ok(Applied { outcome: Outcome::Failed, contact: None })
        };
        if draft.id.is_empty() {
            return failed(report, Code::MissingKey, "expected the id of a contact, found none");
        }
        let list = self.context.list.as_ref().map_or(0, |list| list.number);
        let Some(number) = self.number_of(list, &draft.id)? else {
            return failed(report, Code::UnknownId, "no contact of the list has this id");
        };
        report.contact_id.push_str(&draft.id);
        if !self.remove(number)? {
            return failed(report, Code::InUse, "a record of the contact is retrieved");
        }
        Ok(Applied { outcome: Outcome::Deleted, contact: None })
    }

    /// Removes a contact with its chain; false = it is in use and stays.
    pub(super) fn remove(&mut self, number: i64) -> Done<bool> {
        let Some(contact) = self.contact(number)? else { return Ok(true) };
        let records = self.records(&contact)?;
        if chain::in_use(&records) {
            return Ok(false);
        }
        let cancelled = records.iter().filter(|record| chain::is_cancelled(record)).count();
        self.cancellations += cancelled as u64;
        self.image("deleted", number)?;
        self.forget(&contact)?;
        if self.place == Place::Live
            && let Some(list) = contact.list
        {
            self.run("DELETE FROM calling_records WHERE list = ?1 AND chain_id = ?2", params![list, number])?;
        }
        Ok(true)
    }

    /// A contact that has become part of another: its chain stays, and nobody dials it.
    fn take_away(&mut self, contact: &Contact) -> Done {
        self.image("deleted", contact.number)?;
        let records = self.records(contact)?;
        self.change_chain(contact, chain::merged_away(&records))?;
        self.forget(contact)
    }

    pub(super) fn forget(&mut self, contact: &Contact) -> Done {
        self.put_keys(Some(contact), None)?;
        self.run("DELETE FROM contacts WHERE number = ?1", params![contact.number])?;
        if let Some(list) = contact.list {
            self.list_state(list)?.size -= 1;
        }
        Ok(())
    }

    fn organisation_of(&mut self, draft: &Draft) -> Done<Option<OrganisationDecision>> {
        let Some(wanted) = &draft.organisation else { return Ok(None) };
        let text = format!("SELECT {} FROM organisations WHERE source = ?1 AND value = ?2", rows::ORGANISATION);
        let mut find = self.db.prepare_cached(&text).map_err(|error| sql(&error))?;
        let id = &wanted.external_id;
        let mut found = find.query(params![id.source, id.value]).map_err(|error| sql(&error))?;
        let hit = match found.next().map_err(|error| sql(&error))? {
            Some(row) => Some(rows::organisation(row)?),
            None => None,
        };
        Ok(decide_organisation(draft, hit.as_ref(), &self.context.profile))
    }

    fn next_organisation(&self) -> Done<i64> {
        let text = "SELECT ifnull(max(number), 0) + 1 FROM organisations";
        let mut next = self.db.prepare_cached(text).map_err(|error| sql(&error))?;
        next.query_row([], |row| row.get(0)).map_err(|error| sql(&error))
    }

    fn put_organisation(&mut self, decision: Option<OrganisationDecision>, number: Option<i64>) -> Done {
        let json = |organisation: &Organisation| -> Done<String> {
            let mut json = String::new();
            rows::put_attributes(&mut json, &organisation.attributes)?;
            Ok(json)
        };
        match decision {
            None | Some(OrganisationDecision::Unchanged(_)) => Ok(()),
            Some(OrganisationDecision::Create(it)) => {
                let attributes = json(&it)?;
                self.run(
                    "INSERT INTO organisations (number, source, value, name, attributes, job, updated_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        number,
                        it.external_id.source,
                        it.external_id.value,
                        it.name,
                        attributes,
                        self.context.job,
                        self.now_ms
                    ],
                )
            }
            Some(OrganisationDecision::Update(it)) => {
                let attributes = json(&it)?;
                self.organisation_image(it.number)?;
                self.run(
                    "UPDATE organisations SET name = ?2, attributes = ?3, updated_at = ?4 WHERE number = ?1",
                    params![it.number, it.name, attributes, self.now_ms],
                )
            }
        }
    }

    /// The contacts that a draft meets, in match order. Only a merge looks further than the first key that finds some.
    fn hits(&mut self, draft: &Draft) -> Done<Vec<Contact>> {
        let profile = &self.context.profile;
        if profile.on_match == OnMatch::CreateAlways {
            return Ok(Vec::new());
        }
        let mut found: Vec<(usize, Contact)> = Vec::new();
        for (order, key) in draft.keys.iter().enumerate() {
            for number in self.numbers(key)? {
                if let Some(contact) = self.contact(number)? {
                    found.push((order, contact));
                }
            }
            if !found.is_empty() && profile.on_match != OnMatch::MergeAll {
                break;
            }
        }
        if found.len() <= 1 {
            return Ok(found.into_iter().map(|(_, contact)| contact).collect());
        }
        Ok(match_order(found))
    }

    fn numbers(&mut self, key: &KeyValue) -> Done<Vec<i64>> {
        let list = self.context.list.as_ref().map_or(0, |list| list.number);
        let in_list = self.context.profile.scope == MatchScope::List;
        if key.kind == KeyKind::Id && in_list {
            return Ok(self.number_of(list, &key.value)?.into_iter().collect());
        }
        let kind = self.kinds.iter().find(|kind| kind.is_of(key, self.context)).map(|kind| kind.number);
        let Some(kind) = kind else {
            return Err(StoreError::new(
                StoreErrorKind::Internal,
                format_args!("match key {} is not indexed", key.kind.word()),
            ));
        };
        let list = in_list.then_some(list);
        let values = params![kind, key.value, list, HITS_MAX as i64];
        let found = self.find_key.query_map(values, |row| row.get(0)).map_err(|error| sql(&error))?;
        found.collect::<rusqlite::Result<_>>().map_err(|error| sql(&error))
    }

    pub(super) fn number_of(&mut self, list: i64, id: &str) -> Done<Option<i64>> {
        self.find_id.query_row(params![list, id], |row| row.get(0)).optional().map_err(|error| sql(&error))
    }

    /// Whether the id of a new contact is somebody else's: only ids that were not looked for can be.
    fn is_taken(&mut self, contact: &Contact, draft: &Draft) -> Done<bool> {
        let looked_for = self.context.profile.on_match != OnMatch::CreateAlways
            && self.context.profile.scope == MatchScope::List
            && draft.keys.iter().any(|key| key.kind == KeyKind::Id && key.value == contact.id);
        if looked_for || draft.id.is_empty() {
            return Ok(false);
        }
        Ok(self.number_of(contact.list.unwrap_or(0), &contact.id)?.is_some())
    }

    pub(super) fn contact(&mut self, number: i64) -> Done<Option<Contact>> {
        let mut found = self.load.query([number]).map_err(|error| sql(&error))?;
        match found.next().map_err(|error| sql(&error))? {
            Some(row) => rows::contact(row).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn records(&mut self, contact: &Contact) -> Done<Vec<ChainRecord>> {
        let Some(list) = contact.list else { return Ok(Vec::new()) };
        let found = self.chain.query_map(params![list, contact.number], rows::chain_record);
        let found = found.map_err(|error| sql(&error))?;
        found.collect::<rusqlite::Result<_>>().map_err(|error| failed("calling_records", &error))
    }

    /// Phones first, then the customer.
    pub(super) fn verdict(&mut self, contact: &Contact) -> Done<DncVerdict> {
        let mut verdict = DncVerdict::default();
        for phone in &contact.phones {
            let mut listed = self.dnc.has_phone(phone.contact_info())?;
            if !listed && phone.raw != phone.contact_info() {
                listed = self.dnc.has_phone(&phone.raw)?;
            }
            verdict.phones.push(listed);
        }
        verdict.customer = !contact.customer_id.is_empty() && self.dnc.has_customer(&contact.customer_id)?;
        Ok(verdict)
    }

    /// Says who must not be called; an outcome when the profile wants nothing of them stored.
    fn forbidden(
        &self,
        verdict: &DncVerdict,
        contact: &Contact,
        report: &mut RecordReport,
        counts: &mut Counts,
    ) -> Option<Outcome> {
        if !verdict.customer && !verdict.phones.contains(&true) {
            return None;
        }
        counts.dnc_hits = counts.dnc_hits.saturating_add(1);
        match chain::dnc_effect(self.context.profile.dnc, contact, verdict) {
            DncEffect::Store(remarks) => {
                report.remarks.extend(remarks);
                None
            }
            DncEffect::Skip(remark) => {
                report.remarks.push(remark);
                Some(Outcome::Skipped)
            }
            DncEffect::Fail(remark) => {
                report.remarks.push(remark);
                Some(Outcome::Failed)
            }
        }
    }

    fn put_contact(&mut self, contact: &Contact) -> Done {
        let [attributes, phones, ids] = &mut self.json;
        rows::put_attributes(attributes, &contact.attributes)?;
        let has_phones = rows::put_phones(phones, &contact.phones)?;
        let has_ids = rows::put_external_ids(ids, &contact.external_ids)?;
        let values = params![
            contact.number,
            contact.list.unwrap_or(0),
            contact.id,
            contact.callable,
            &*attributes,
            has_phones.then_some(&*phones),
            has_ids.then_some(&*ids),
            contact.organisation,
            (contact.customer_id != contact.id).then_some(&contact.customer_id),
            contact.version,
            self.context.job,
            contact.created_at,
            contact.updated_at,
        ];
        self.insert.execute(values).map_err(|error| sql(&error))?;
        if let Some(list) = contact.list {
            self.list_state(list)?.size += 1;
        }
        if self.kinds.is_empty() { Ok(()) } else { self.put_keys(None, Some(contact)) }
    }

    pub(super) fn change_contact(&mut self, before: &Contact, contact: &Contact) -> Done {
        let [attributes, phones, ids] = &mut self.json;
        rows::put_attributes(attributes, &contact.attributes)?;
        let has_phones = rows::put_phones(phones, &contact.phones)?;
        let has_ids = rows::put_external_ids(ids, &contact.external_ids)?;
        let text = "UPDATE contacts SET id = ?2, callable = ?3, attributes = ?4, phones = ?5, external_ids = ?6, \
                    organisation = ?7, customer_id = ?8, version = ?9, touched = ?10, updated_at = ?11 \
                    WHERE number = ?1";
        let mut change = self.db.prepare_cached(text).map_err(|error| sql(&error))?;
        let values = params![
            contact.number,
            contact.id,
            contact.callable,
            &*attributes,
            has_phones.then_some(&*phones),
            has_ids.then_some(&*ids),
            contact.organisation,
            (contact.customer_id != contact.id).then_some(&contact.customer_id),
            contact.version,
            self.context.job,
            contact.updated_at,
        ];
        change.execute(values).map_err(|error| sql(&error))?;
        if self.kinds.is_empty() { Ok(()) } else { self.put_keys(Some(before), Some(contact)) }
    }

    /// Keeps the index of keys: what `before` had and `after` has not goes.
    pub(super) fn put_keys(&mut self, before: Option<&Contact>, after: Option<&Contact>) -> Done {
        for kind in &self.kinds {
            let values = |contact: Option<&Contact>| -> Vec<KeyValue> {
                contact.map(|contact| kind.values(contact)).unwrap_or_default()
            };
            let (old, new) = (values(before), values(after));
            for (from, contact, text, other) in [
                (
                    &old,
                    before,
                    "DELETE FROM contact_keys WHERE kind = ?1 AND value = ?2 AND list = ?3 AND number = ?4",
                    &new,
                ),
                (&new, after, "INSERT INTO contact_keys (kind, value, list, number) VALUES (?1, ?2, ?3, ?4)", &old),
            ] {
                let Some(contact) = contact else { continue };
                for (n, key) in from.iter().enumerate() {
                    if other.contains(key) || from.iter().take(n).any(|earlier| earlier == key) {
                        continue;
                    }
                    self.run(text, params![kind.number, key.value, contact.list.unwrap_or(0), contact.number])?;
                }
            }
        }
        Ok(())
    }

    /// True when a record came, changed or went.
    pub(super) fn rewrite_chain(
        &mut self,
        draft: &Draft,
        before: Option<&Contact>,
        contact: &Contact,
        dnc: &DncVerdict,
    ) -> Done<bool> {
        let Some(list) = contact.list else { return Ok(false) };
        if self.place == Place::Overlay && !self.context.profile.clear_system_data {
            return Ok(false); // no verdict hangs on it
        }
        let records = if before.is_some() { self.records(contact)? } else { Vec::new() };
        let context = self.context;
        let state = self.list_state(list)?;
        let changes = chain::plan(ChainInput {
            records: &records,
            before,
            contact,
            list: &state.list,
            dnc,
            follow_up: &draft.follow_up,
            clear_system_data: context.profile.clear_system_data,
            zones: &context.zones,
        });
        let changed = !changes.is_empty();
        self.change_chain(contact, changes)?;
        Ok(changed)
    }

    pub(super) fn change_chain(&mut self, contact: &Contact, changes: Vec<ChainChange>) -> Done {
        let Some(list) = contact.list else { return Ok(()) };
        // Deletes first: a place in the chain may be taken again.
        for change in &changes {
            if let ChainChange::Delete(record) = change {
                self.run("DELETE FROM calling_records WHERE list = ?1 AND record_id = ?2", params![list, record])?;
            }
        }
        for change in changes {
            match change {
                ChainChange::Delete(_) => {}
                ChainChange::Insert(record) => {
                    let number = self.record_number(list, contact.number)?;
                    self.insert_record
                        .execute(params![
                            list,
                            number,
                            record.contact_info,
                            record.contact_info_type,
                            record.record_type,
                            record.record_status,
                            record.call_result,
                            record.attempt,
                            record.dial_sched_time,
                            record.call_time,
                            record.daily_from,
                            record.daily_till,
                            record.tz_dbid,
                            record.agent_id,
                            contact.number,
                            record.chain_n,
                        ])
                        .map_err(|error| failed("calling_records", &error))?;
                }
                ChainChange::Change(record) => self.run(
                    "UPDATE calling_records SET chain_n = ?3, contact_info = ?4, contact_info_type = ?5, \
                     record_type = ?6, record_status = ?7, call_result = ?8, attempt = ?9, dial_sched_time = ?10, \
                     call_time = ?11, daily_from = ?12, daily_till = ?13, tz_dbid = ?14, agent_id = ?15 \
                     WHERE list = ?1 AND record_id = ?2",
                    params![
                        list,
                        record.record_id,
                        record.chain_n,
                        record.contact_info,
                        record.contact_info_type,
                        record.record_type,
                        record.record_status,
                        record.call_result,
                        record.attempt,
                        record.dial_sched_time,
                        record.call_time,
                        record.daily_from,
                        record.daily_till,
                        record.tz_dbid,
                        record.agent_id,
                    ],
                )?,
            }
        }
        Ok(())
    }

    fn record_number(&mut self, list: i64, chain: i64) -> Done<i64> {
        if let Some(next) = &mut self.next_record {
            *next += 1;
            return Ok(*next);
        }
        let state = self.list_state(list)?;
        let number = state.next_record;
        state.next_record += 1;
        // The columns are 32 bits wide in the vendor's tables.
        if i32::try_from(number).is_err() || i32::try_from(chain).is_err() {
            return Err(refused("the numbers of records are used up"));
        }
        Ok(number)
    }

    /// Keeps a contact as it is, with its chain, for an undo.
    /// `what` is `changed` or `deleted`.
    fn image(&mut self, what: &str, number: i64) -> Done {
        let (Place::Live, Some(job)) = (self.place, self.context.job) else { return Ok(()) };
        self.images += 1;
        let text = format!(
            "INSERT INTO before_images (job, seq, kind, number, image) \
             SELECT ?1, ?2, ?4, number, json_array(list, id, callable, attributes, phones, external_ids, \
             organisation, customer_id, version, job, created_at, updated_at, touched, \
             json((SELECT json_group_array(json_array({})) FROM calling_records r \
             WHERE r.list = c.list AND r.chain_id = c.number))) FROM contacts c WHERE number = ?3",
            rows::CHAIN
        );
        self.run(&text, params![job, self.images, number, what])
    }

    fn organisation_image(&mut self, number: i64) -> Done {
        let (Place::Live, Some(job)) = (self.place, self.context.job) else { return Ok(()) };
        self.images += 1;
        let text = "INSERT INTO before_images (job, seq, kind, number, image) SELECT ?1, ?2, 'organisation', number, \
                    json_array(name, attributes, updated_at) FROM organisations WHERE number = ?3";
        self.run(text, params![job, self.images, number])
    }

    pub(super) fn list_state(&mut self, list: i64) -> Done<&mut ListState> {
        if !self.lists.contains_key(&list) {
            let state = match &self.context.list {
                Some(known) if known.number == list => ListState::read(self.db, list, Some(known))?,
                _ => ListState::read(self.db, list, None)?,
            };
            self.next_contact = self.next_contact.max(state.next_chain);
            self.lists.insert(list, state);
        }
        self.lists.get_mut(&list).ok_or_else(|| strange("a list that was just read"))
    }

    pub(super) fn run(&self, text: &str, values: impl rusqlite::Params) -> Done {
        let mut statement = self.db.prepare_cached(text).map_err(|error| sql(&error))?;
        statement.execute(values).map(|_| ()).map_err(|error| sql(&error))
    }
}

/// Where numbers go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) contact: i64,
    pub(super) record: i64,
}

/// What goes on behind a transaction.
pub(super) struct Finished {
    pub(super) next: Start,
    pub(super) contacts: Option<(i64, i64)>,
    pub(super) images: i64,
    pub(super) cancellations: u64,
}

impl Dnc<'_> {
    fn has_phone(&mut self, phone: &str) -> Done<bool> {
        let (now, [phones, spellings, _]) = (self.now_s, self.any);
        let list = |error| failed("gsw_donotcall_list", &error);
        Ok((phones && self.phone.exists(params![phone, now]).map_err(list)?)
            || (spellings
                && self.spelling.exists(params![phone, now]).map_err(|error| failed("dnc_evidence", &error))?))
    }

    fn has_customer(&mut self, customer: &str) -> Done<bool> {
        let (now, [.., customers]) = (self.now_s, self.any);
        let list = |error| failed("gsw_donotcall_list", &error);
        Ok(customers && self.customer.exists(params![customer, now]).map_err(list)?)
    }
}

/// Nothing of it changes within a transaction.
fn listed_at_all(db: &Connection) -> Done<[bool; 3]> {
    let text = "SELECT EXISTS (SELECT 1 FROM gsw_donotcall_list WHERE phone IS NOT NULL), \
                EXISTS (SELECT 1 FROM dnc_evidence WHERE normalised IS NOT NULL), \
                EXISTS (SELECT 1 FROM gsw_donotcall_list WHERE customer_id IS NOT NULL)";
    let mut any = db.prepare_cached(text).map_err(|error| sql(&error))?;
    any.query_row([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).map_err(|error| sql(&error))
}

fn found(hits: &[Contact], number: i64, report: &mut RecordReport) {
    if let Some(hit) = hits.iter().find(|hit| hit.number == number) {
        report.contact_id.push_str(&hit.id);
    }
}

/// The id of a contact that came without one: in a file job the same whenever the record is applied again.
fn new_id(context: &Context, record: u64) -> String {
    let job = context.job_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
    match job {
        Some(job) => Uuid::new_v5(&job, record.to_string().as_bytes()).to_string(),
        None => Uuid::new_v4().to_string(),
    }
}

impl Kind {
    /// Whether a draft's value is looked up here.
    fn is_of(&self, key: &KeyValue, context: &Context) -> bool {
        let same = match (&self.key, key.kind) {
            (MatchKey::Id, KeyKind::Id)
            | (MatchKey::Phone, KeyKind::Phone)
            | (MatchKey::Customer, KeyKind::Customer) => true,
            (MatchKey::Email, KeyKind::Email) => self.emails == emails_of(context),
            (MatchKey::ExternalId(source), KeyKind::ExternalId) => *source == key.name,
            (MatchKey::Attributes { name, .. }, KeyKind::Attributes) => *name == key.name,
            _ => false,
        };
        same && context.profile.match_keys.contains(&self.key)
    }

    /// The values that find a contact here.
    pub(super) fn values(&self, contact: &Contact) -> Vec<KeyValue> {
        keys_of(contact, std::slice::from_ref(&self.key), &self.emails)
    }
}

/// The columns of mail addresses that count for an import.
pub(super) fn emails_of(context: &Context) -> Vec<String> {
    let mut emails = context.profile.email_columns.clone();
    for column in context.list.iter().flat_map(|list| &list.email_columns) {
        if !emails.contains(column) {
            emails.push(column.clone());
        }
    }
    emails.sort();
    emails
}
