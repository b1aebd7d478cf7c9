//! Between contacts and rows: attributes, phones and external ids are JSON, written without a detour.

use std::fmt;

use rusqlite::Row;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contact::Contact;
use crate::contact::ExternalId;
use crate::contact::Organisation;
use crate::contact::Phone;
use crate::contact::chain::ChainRecord;
use crate::store::sqlite::value::strange;
use crate::store::{StoreError, StoreErrorKind};

/// Columns of a contact, in the order in which [`contact`] reads them.
pub(super) const CONTACT: &str = "number, list, id, callable, attributes, phones, external_ids, organisation, \
                                  customer_id, version, job, created_at, updated_at";

/// Columns of a record, in the order in which [`chain_record`] reads them.
pub(super) const CHAIN: &str = "record_id, chain_n, contact_info, contact_info_type, record_type, record_status, \
                                call_result, attempt, dial_sched_time, call_time, daily_from, daily_till, tz_dbid, \
                                agent_id";

/// An ordered map of texts as a JSON object.
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

struct PairsRef<'a>(&'a [(String, String)]);

impl Serialize for PairsRef<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some(pair) = map.next_entry::<String, String>()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A phone as an array; `true` in place of E.164 = it is the raw text.
#[derive(Serialize, Deserialize)]
struct PhoneRow<'a>(
    #[serde(borrow)] std::borrow::Cow<'a, str>,
    #[serde(borrow)] std::borrow::Cow<'a, str>,
    u32,
    #[serde(borrow)] std::borrow::Cow<'a, str>,
    Spelling<'a>,
    Option<std::borrow::Cow<'a, str>>,
    bool,
);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling<'a> {
    Same(bool),
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
}

fn wrong(error: &serde_json::Error) -> StoreError {
    // The position, never the text: a row holds personal data.
    strange(format_args!("contacts: JSON of a row breaks at column {}", error.column()))
}

/// Appends a value as JSON; the buffer is used again and again.
fn put<T: Serialize>(out: &mut String, value: &T) -> Result<(), StoreError> {
    let mut bytes = std::mem::take(out).into_bytes();
    let written = serde_json::to_writer(&mut bytes, value);
    *out = String::from_utf8(bytes).map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
    written.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))
}

/// Attributes as they are stored.
pub(super) fn put_attributes(out: &mut String, attributes: &[(String, String)]) -> Result<(), StoreError> {
    out.clear();
    put(out, &PairsRef(attributes))
}

/// Phones as they are stored; false = there is none.
pub(super) fn put_phones(out: &mut String, phones: &[Phone]) -> Result<bool, StoreError> {
    out.clear();
    if phones.is_empty() {
        return Ok(false);
    }
    out.push('[');
    for (n, phone) in phones.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        let e164 = match &phone.e164 {
            None => Spelling::Same(false),
            Some(e164) if *e164 == phone.raw => Spelling::Same(true),
            Some(e164) => Spelling::Text(e164.into()),
        };
        let extension = phone.extension.as_deref().map(Into::into);
        let row = PhoneRow(
            (&phone.column).into(),
            (&phone.kind).into(),
            phone.index,
            (&phone.raw).into(),
            e164,
            extension,
            phone.callable,
        );
        put(out, &row)?;
    }
    out.push(']');
    Ok(true)
}

/// External ids as they are stored; false = there is none.
pub(super) fn put_external_ids(out: &mut String, ids: &[ExternalId]) -> Result<bool, StoreError> {
    out.clear();
    if ids.is_empty() {
        return Ok(false);
    }
    let pairs: Vec<(&str, &str)> = ids.iter().map(|id| (id.source.as_str(), id.value.as_str())).collect();
    put(out, &pairs)?;
    Ok(true)
}

pub(super) fn attributes(json: &str) -> Result<Vec<(String, String)>, StoreError> {
    serde_json::from_str::<Pairs>(json).map(|pairs| pairs.0).map_err(|error| wrong(&error))
}

fn phones(json: Option<&str>) -> Result<Vec<Phone>, StoreError> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let rows: Vec<PhoneRow<'_>> = serde_json::from_str(json).map_err(|error| wrong(&error))?;
    let phone = |row: PhoneRow<'_>| {
        let e164 = match row.4 {
            Spelling::Same(false) => None,
            Spelling::Same(true) => Some(row.3.clone().into_owned()),
            Spelling::Text(e164) => Some(e164.into_owned()),
        };
        Phone {
            column: row.0.into_owned(),
            kind: row.1.into_owned(),
            index: row.2,
            raw: row.3.into_owned(),
            e164,
            extension: row.5.map(std::borrow::Cow::into_owned),
            callable: row.6,
        }
    };
    Ok(rows.into_iter().map(phone).collect())
}

fn external_ids(json: Option<&str>) -> Result<Vec<ExternalId>, StoreError> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let rows: Vec<(String, String)> = serde_json::from_str(json).map_err(|error| wrong(&error))?;
    Ok(rows.into_iter().map(|(source, value)| ExternalId { source, value }).collect())
}

fn sql(error: &rusqlite::Error) -> StoreError {
    crate::store::sqlite::value::failed("contacts", error)
}

/// Reads a row of [`CONTACT`].
pub(super) fn contact(row: &Row<'_>) -> Result<Contact, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let list: i64 = row.get(1)?;
        let id: String = row.get(2)?;
        let customer = row.get::<_, Option<String>>(8)?.unwrap_or_else(|| id.clone());
        Ok(Contact {
            number: row.get(0)?,
            list: (list != 0).then_some(list),
            id,
            external_ids: Vec::new(),
            attributes: Vec::new(),
            callable: row.get(3)?,
            phones: Vec::new(),
            organisation: row.get(7)?,
            customer_id: customer,
            version: row.get(9)?,
            job: row.get::<_, Option<i64>>(10)?.map(|job| job.to_string()),
            created_at: row.get(11)?,
            updated_at: row.get(12)?,
        })
    };
    let mut contact = read().map_err(|error| sql(&error))?;
    let text = |column: usize| -> Result<Option<&str>, StoreError> {
        let value = row.get_ref(column).map_err(|error| sql(&error))?;
        value.as_str_or_null().map_err(|error| sql(&error.into()))
    };
    contact.attributes = attributes(text(4)?.unwrap_or("{}"))?;
    contact.phones = phones(text(5)?)?;
    contact.external_ids = external_ids(text(6)?)?;
    Ok(contact)
}

/// Reads a row of [`CHAIN`].
pub(super) fn chain_record(row: &Row<'_>) -> rusqlite::Result<ChainRecord> {
    Ok(ChainRecord {
        record_id: row.get(0)?,
        chain_n: row.get(1)?,
        contact_info: row.get(2)?,
        contact_info_type: row.get(3)?,
        record_type: row.get(4)?,
        record_status: row.get(5)?,
        call_result: row.get(6)?,
        attempt: row.get(7)?,
        dial_sched_time: row.get(8)?,
        call_time: row.get(9)?,
        daily_from: row.get(10)?,
        daily_till: row.get(11)?,
        tz_dbid: row.get(12)?,
        agent_id: row.get(13)?,
    })
}

/// Columns of an organisation, in the order in which [`organisation`] reads them.
pub(super) const ORGANISATION: &str = "number, source, value, name, attributes";

/// Reads a row of [`ORGANISATION`].
pub(super) fn organisation(row: &Row<'_>) -> Result<Organisation, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let external_id = ExternalId { source: row.get(1)?, value: row.get(2)? };
        Ok((row.get(0)?, external_id, row.get(3)?, row.get::<_, String>(4)?))
    };
    let (number, external_id, name, json) = read().map_err(|error| sql(&error))?;
    Ok(Organisation { number, external_id, name, attributes: attributes(&json)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_keep_order_and_every_character() {
        let given: Vec<(String, String)> =
            [("z", "1"), ("a", "quote \" and \\ and \n"), ("ä", "😀\u{1}")].map(|(n, v)| (n.into(), v.into())).into();
        let mut json = "left over".to_owned();
        put_attributes(&mut json, &given).unwrap();
        assert_eq!(attributes(&json).unwrap(), given);
    }

    #[test]
    fn phones_come_back_with_their_spelling() {
        let phone = |raw: &str, e164: Option<&str>| Phone {
            column: "p".into(),
            kind: "cell".into(),
            index: 2,
            raw: raw.into(),
            e164: e164.map(Into::into),
            extension: Some("12".into()),
            callable: true,
        };
        let given = [phone("+49123", Some("+49123")), phone("0049 123", Some("+49123")), phone("a\"b", None)];
        let mut json = String::new();
        assert!(put_phones(&mut json, &given).unwrap());
        assert_eq!(phones(Some(&json)).unwrap(), given);
        assert!(!put_phones(&mut json, &[]).unwrap());
    }
}
