//! Takes back what a job did: contacts that it made go, and those that it changed are as they were.
//!
//! Newest first. What somebody else has changed, or what was dialed, since then is left as it is, and told. A cancel or a
//! do-not-call that came since then holds.

use rusqlite::{Connection, params};
use serde_json::Value;

use crate::contact::chain::ChainRecord;
use crate::contact::{Contact, ImportProfile};
use crate::engine::ocs::record::{CANCELLED, DO_NOT_CALL, NO_CALL, RETRIEVED};
use crate::store::StoreError;
use crate::store::contacts::{Context, Undone, refused};
use crate::store::sqlite::contacts::apply::{Applier, Place};
use crate::store::sqlite::contacts::jobs;
use crate::store::sqlite::value::{failed, strange};

/// Numbers of contacts that were left, kept with the job.
const KEPT_MAX: usize = 10_000;

type Done<T = ()> = Result<T, StoreError>;

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("undo", error)
}

/// Takes back some of a job; the sums so far.
pub(super) fn some(db: &Connection, number: i64, most: usize, now_ms: i64) -> Done<Undone> {
    let Some(mut job) = jobs::by_number(db, number)? else { return Err(refused("there is no such job")) };
    let mut undone = job.progress.undone.take().unwrap_or_default();
    if !undone.finished {
        let context = Context {
            job: None,
            job_id: None,
            profile: ImportProfile { clear_system_data: false, ..job.spec.profile.clone() },
            list: None,
            delete: false,
            zones: Vec::new(),
        };
        let mut applier = Applier::new(db, &context, Place::Live, now_ms, 0, None)?;
        let range = job.progress.contacts;
        let looked = made(db, &mut applier, number, range, most, &mut undone)?;
        if looked < most {
            let looked = changed(db, &mut applier, number, most - looked, &mut undone)?;
            if looked == 0 {
                let text = "DELETE FROM organisations WHERE job = ?1 \
                            AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.organisation = organisations.number)";
                db.execute(text, [number]).map_err(|error| sql(&error))?;
                undone.finished = true;
            }
        }
        applier.finish()?;
    }
    job.progress.undone = Some(undone.clone());
    jobs::keep(db, number, None, &job.progress)?;
    Ok(undone)
}

fn keep(undone: &mut Undone, number: i64) {
    undone.kept += 1;
    if undone.kept_numbers.len() < KEPT_MAX && !undone.kept_numbers.contains(&number) {
        undone.kept_numbers.push(number);
    }
}

/// Contacts that the job has made; how many were looked at.
fn made(
    db: &Connection,
    applier: &mut Applier<'_>,
    job: i64,
    range: Option<(i64, i64)>,
    most: usize,
    undone: &mut Undone,
) -> Done<usize> {
    let Some((first, last)) = range else { return Ok(0) };
    let from = undone.down_to.unwrap_or(last.saturating_add(1));
    let text = "SELECT number, ifnull(touched, -1) = ?1 FROM contacts WHERE number >= ?2 AND number < ?3 AND job = ?1 \
                ORDER BY number DESC LIMIT ?4";
    let mut next = db.prepare_cached(text).map_err(|error| sql(&error))?;
    let values = params![job, first, from, i64::try_from(most).unwrap_or(i64::MAX)];
    let found = next.query_map(values, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)));
    let found: Vec<(i64, bool)> =
        found.and_then(Iterator::collect::<rusqlite::Result<_>>).map_err(|error| sql(&error))?;
    for (number, is_ours) in &found {
        undone.down_to = Some(*number);
        let Some(contact) = applier.contact(*number)? else { continue };
        let dialed = applier.records(&contact)?.iter().any(|record| was_dialed(record, None));
        if !is_ours || dialed || !applier.remove(*number)? {
            keep(undone, *number);
        } else {
            undone.deleted += 1;
        }
    }
    Ok(found.len())
}

fn was_dialed(record: &ChainRecord, before: Option<&ChainRecord>) -> bool {
    let (attempt, call_time) = before.map_or((0, None), |before| (before.attempt, before.call_time));
    record.record_status == RETRIEVED || record.attempt > attempt || record.call_time > call_time
}

/// What the job has changed or deleted; how many images were looked at.
fn changed(db: &Connection, applier: &mut Applier<'_>, job: i64, most: usize, undone: &mut Undone) -> Done<usize> {
    let text = "SELECT seq, kind, number, image FROM before_images WHERE job = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut next = db.prepare_cached(text).map_err(|error| sql(&error))?;
    let values = params![job, i64::try_from(most).unwrap_or(i64::MAX)];
    let found = next.query_map(values, |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
    });
    let found: Vec<_> = found.and_then(Iterator::collect::<rusqlite::Result<_>>).map_err(|error| sql(&error))?;
    for (seq, kind, number, image) in &found {
        let image: Value = serde_json::from_str(image).map_err(|_| strange("before_images: an image"))?;
        if kind == "organisation" {
            db.execute(
                "UPDATE organisations SET name = ?2, attributes = ?3, updated_at = ?4 WHERE number = ?1",
                params![number, image[0].as_str(), image[1].as_str(), image[2].as_i64()],
            )
            .map_err(|error| sql(&error))?;
        } else {
            let image = Image { number: *number, columns: &image };
            // What the job itself had made is gone, or was left.
            if image.int(9) != Some(job) {
                let restored = if kind == "deleted" {
                    image.bring_back(db, applier)?
                } else {
                    image.put_back(db, applier, job)?
                };
                if restored { undone.restored += 1 } else { keep(undone, *number) }
            }
        }
        db.execute("DELETE FROM before_images WHERE job = ?1 AND seq = ?2", params![job, seq])
            .map_err(|error| sql(&error))?;
    }
    Ok(found.len())
}

/// A contact as it was: list, id, callable, attributes, phones, external ids, organisation, customer id, version, job,
/// created, updated, touched, records.
struct Image<'a> {
    number: i64,
    columns: &'a Value,
}

impl Image<'_> {
    fn int(&self, column: usize) -> Option<i64> {
        self.columns[column].as_i64()
    }

    fn text(&self, column: usize) -> Option<&str> {
        self.columns[column].as_str()
    }

    fn records(&self) -> Done<Vec<ChainRecord>> {
        let narrow = |value: &Value| value.as_i64().and_then(|it| i32::try_from(it).ok()).unwrap_or(0);
        let rows = self.columns[13].as_array().ok_or_else(|| strange("before_images: records of a contact"))?;
        let record = |row: &Value| ChainRecord {
            record_id: row[0].as_i64().unwrap_or(0),
            chain_n: narrow(&row[1]),
            contact_info: row[2].as_str().unwrap_or_default().to_owned(),
            contact_info_type: narrow(&row[3]),
            record_type: narrow(&row[4]),
            record_status: narrow(&row[5]),
            call_result: narrow(&row[6]),
            attempt: narrow(&row[7]),
            dial_sched_time: row[8].as_i64(),
            call_time: row[9].as_i64(),
            daily_from: narrow(&row[10]),
            daily_till: narrow(&row[11]),
            tz_dbid: narrow(&row[12]),
            agent_id: row[13].as_str().map(str::to_owned),
        };
        Ok(rows.iter().map(record).collect())
    }

    /// A contact that the job has deleted or merged into another.
    fn bring_back(&self, db: &Connection, applier: &mut Applier<'_>) -> Done<bool> {
        let list = self.int(0).unwrap_or(0);
        let id = self.text(1).unwrap_or_default();
        if applier.number_of(list, id)?.is_some() || applier.contact(self.number)?.is_some() {
            return Ok(false);
        }
        let text = "INSERT INTO contacts (number, list, id, callable, attributes, phones, external_ids, organisation, \
                    customer_id, version, job, touched, created_at, updated_at) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        db.execute(text, rusqlite::params_from_iter(self.values())).map_err(|error| sql(&error))?;
        let Some(contact) = applier.contact(self.number)? else { return Ok(false) };
        applier.put_keys(None, Some(&contact))?;
        if let Some(list) = contact.list {
            applier.list_state(list)?.size += 1;
        }
        self.put_records(db, applier, &contact, true)?;
        Ok(true)
    }

    /// A contact that the job has changed.
    fn put_back(&self, db: &Connection, applier: &mut Applier<'_>, job: i64) -> Done<bool> {
        let Some(now) = applier.contact(self.number)? else { return Ok(false) };
        let touched: Option<i64> = db
            .query_row("SELECT touched FROM contacts WHERE number = ?1", [self.number], |row| row.get(0))
            .map_err(|error| sql(&error))?;
        let before = self.records()?;
        let dialed = applier
            .records(&now)?
            .iter()
            .any(|record| was_dialed(record, before.iter().find(|before| before.record_id == record.record_id)));
        if touched != Some(job) || dialed {
            return Ok(false);
        }
        let text = "UPDATE contacts SET list = ?2, id = ?3, callable = ?4, attributes = ?5, phones = ?6, \
                    external_ids = ?7, organisation = ?8, customer_id = ?9, version = ?10, job = ?11, touched = ?12, \
                    created_at = ?13, updated_at = ?14 WHERE number = ?1";
        db.execute(text, rusqlite::params_from_iter(self.values())).map_err(|error| sql(&error))?;
        let contact = applier.contact(self.number)?;
        applier.put_keys(Some(&now), contact.as_ref())?;
        if let Some(contact) = &contact {
            self.put_records(db, applier, contact, false)?;
        }
        Ok(true)
    }

    fn values(&self) -> Vec<Box<dyn rusqlite::ToSql + '_>> {
        let mut values: Vec<Box<dyn rusqlite::ToSql + '_>> = vec![Box::new(self.number)];
        for column in 0..13 {
            // In the image `touched` stands behind the times, in the table in front of them.
            let column = match column {
                10 => 12,
                11 | 12 => column - 1,
                other => other,
            };
            match &self.columns[column] {
                Value::String(text) => values.push(Box::new(text.as_str())),
                Value::Number(number) => values.push(Box::new(number.as_i64())),
                _ => values.push(Box::new(rusqlite::types::Null)),
            }
        }
        values
    }

    fn put_records(&self, db: &Connection, applier: &mut Applier<'_>, contact: &Contact, all: bool) -> Done {
        let Some(list) = contact.list else { return Ok(()) };
        let (now, before) = (applier.records(contact)?, self.records()?);
        let verdict = applier.verdict(contact)?;
        let listed = |info: &str| {
            let mut phones = contact.phones.iter().zip(&verdict.phones);
            verdict.customer || phones.any(|(phone, listed)| *listed && phone.contact_info() == info)
        };
        db.execute("DELETE FROM calling_records WHERE list = ?1 AND chain_id = ?2", params![list, contact.number])
            .map_err(|error| sql(&error))?;
        for mut record in before {
            let current = now.iter().find(|current| current.record_id == record.record_id);
            if let Some(current) = current {
                let forbidden = current.record_type == NO_CALL && current.call_result == DO_NOT_CALL;
                // A merge cancels too: that is what is taken back when `all` of the contact comes back.
                if forbidden || (current.record_status == CANCELLED && !all) {
                    (record.record_type, record.record_status, record.call_result) =
                        (current.record_type, current.record_status, current.call_result);
                }
            }
            if listed(&record.contact_info) {
                (record.record_type, record.call_result) = (NO_CALL, DO_NOT_CALL);
            }
            let text = "INSERT INTO calling_records (list, record_id, chain_n, contact_info, contact_info_type, \
                        record_type, record_status, call_result, attempt, dial_sched_time, call_time, daily_from, \
                        daily_till, tz_dbid, agent_id, chain_id) \
                        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
            applier.run(
                text,
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
                    contact.number,
                ],
            )?;
        }
        Ok(())
    }
}
