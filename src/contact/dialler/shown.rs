//! A contact as D shows it: fixed fields, filled from the attributes of equal name, and what became of each phone.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::fields::{CAMPAIGN_ID, FIELDS, Kind, PHONES, USER_DATA};
use crate::contact::{Contact, Phone};

/// `call_result` of a number that does not exist: SIT Invalid Number.
const INVALID_NUMBER: i32 = 11;

/// What became of a phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// As in the record.
    pub contact_info: String,
    /// How often it was dialed.
    pub attempt: i32,
    /// How the last attempt ended.
    pub call_result: i32,
    /// Seconds since 1970 UTC.
    pub dial_sched_time: Option<i64>,
}

/// One entry of `records`. Fields without a source are null.
#[must_use]
pub fn record(contact: &Contact, chain: &[Tried], zone: &TimeZone) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    put("DiallerContactsID", contact.number.into());
    put(CAMPAIGN_ID, contact.list.into());
    let phones = phones(contact);
    for (name, kind) in FIELDS {
        let slot = PHONES.iter().position(|phone| *phone == name);
        let value = match slot {
            Some(slot) => text(phones.get(slot).and_then(|phone| phone.map(|phone| phone.raw.as_str()))),
            None => field(contact, name, kind),
        };
        put(name, value);
    }
    for (name, phone) in PHONES.iter().zip(phones) {
        let tried = phone.and_then(|phone| chain.iter().find(|tried| tried.contact_info == phone.contact_info()));
        let dialed = tried.filter(|tried| tried.attempt > 0);
        put(&format!("b{name}Invalid"), dialed.map(|tried| tried.call_result == INVALID_NUMBER).into());
        put(&format!("nTries{name}"), tried.map_or(0, |tried| tried.attempt).into());
        put(&format!("n{name}LastCause"), dialed.map(|tried| tried.call_result).into());
        put(&format!("{name}LastAcdAgentEndReasonsID"), Value::Null);
    }
    let next = chain.iter().filter_map(|tried| tried.dial_sched_time).min();
    let next = next.and_then(|at| Timestamp::from_second(at).ok());
    put("dtNextTry", next.map(|at| zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()).into());
    put("bLastResultMailbox", Value::Null);
    put("LastAcdAgentEndReasonsID", Value::Null);
    Value::Object(shown)
}

fn text(value: Option<&str>) -> Value {
    value.filter(|value| !value.is_empty()).into()
}

/// The attribute of equal name, case and `_` ignored.
fn field(contact: &Contact, name: &str, kind: Kind) -> Value {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let wanted = plain(name);
    let same = |(attribute, _): &&(String, String)| attribute == name;
    let alike = |(attribute, _): &&(String, String)| plain(attribute) == wanted;
    let all = &contact.attributes;
    let found = all.iter().find(same).or_else(|| all.iter().find(alike)).map(|(_, value)| value.as_str());
    let found = found.filter(|value| !value.is_empty());
    match kind {
        Kind::Text(..) if name == USER_DATA => text(Some(found.unwrap_or(&contact.customer_id))),
        Kind::Text(..) | Kind::DateTime => text(found),
        Kind::Integer => found.and_then(|value| value.parse::<i64>().ok()).into(),
        Kind::Number => {
            let number = found.and_then(|value| value.parse::<f64>().ok()).and_then(serde_json::Number::from_f64);
            number.map_or(Value::Null, Value::Number)
        }
    }
}

/// Each phone in the place that its column names; those of other systems fill the places that are left, in order.
fn phones(contact: &Contact) -> [Option<&Phone>; 6] {
    let place = |phone: &Phone| PHONES.iter().position(|name| *name == phone.column);
    let mut places = [None; 6];
    let mut others = Vec::new();
    for phone in contact.phones.iter().filter(|phone| !phone.raw.is_empty()) {
        match place(phone).and_then(|at| places.get_mut(at)) {
            Some(free @ None) => *free = Some(phone),
            Some(Some(_)) | None => others.push(phone),
        }
    }
    let mut others = others.into_iter();
    for free in places.iter_mut().filter(|place| place.is_none()) {
        *free = others.next();
    }
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contact(attributes: &[(&str, &str)], phones: &[(&str, &str)]) -> Contact {
        let phone = |(column, raw): &(&str, &str)| Phone {
            column: (*column).into(),
            raw: (*raw).into(),
            callable: true,
            ..Phone::default()
        };
        Contact {
            number: 7,
            list: Some(538),
            id: "42".into(),
            external_ids: Vec::new(),
            attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            callable: true,
            phones: phones.iter().map(phone).collect(),
            organisation: None,
            customer_id: "42".into(),
            version: 1,
            job: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn a_new_contact_has_tries_of_zero_and_everything_else_null() {
        let shown =
            record(&contact(&[("Name", "N"), ("Amount", "0.0")], &[("PhoneNumber2", "1")]), &[], &TimeZone::UTC);
        assert_eq!((&shown["DiallerContactsID"], &shown["DiallerCampaignsID"]), (&json!(7), &json!(538)));
        assert_eq!((&shown["Name"], &shown["Amount"], &shown["PhoneNumber2"]), (&json!("N"), &json!(0.0), &json!("1")));
        for n in 1..=6 {
            assert_eq!(shown[format!("nTriesPhoneNumber{n}")], 0);
            for name in ["bPhoneNumber#Invalid", "nPhoneNumber#LastCause", "PhoneNumber#LastAcdAgentEndReasonsID"] {
                let name = name.replace('#', &n.to_string());
                assert_eq!(shown.get(&name), Some(&Value::Null), "{name}");
            }
        }
        for name in ["dtNextTry", "bLastResultMailbox", "LastAcdAgentEndReasonsID", "PhoneNumber1", "Email", "Model"] {
            assert_eq!(shown.get(name), Some(&Value::Null), "{name}");
        }
    }

    #[test]
    fn contacts_of_other_systems_fill_the_fields_of_alike_names() {
        let attributes = [("first_name", "john"), ("PHONE_NUMBER", "x"), ("LASTNAME", "y")];
        let shown = record(&contact(&attributes, &[("phone_number", "+420777888777")]), &[], &TimeZone::UTC);
        assert_eq!((&shown["FirstName"], &shown["UserData"]), (&json!("john"), &json!("42")));
        assert_eq!((&shown["PhoneNumber1"], &shown["Name"]), (&json!("+420777888777"), &Value::Null));
    }

    #[test]
    fn what_became_of_each_phone_is_shown_at_its_place() {
        let contact = contact(&[], &[("PhoneNumber6", "6"), ("PhoneNumber1", "1"), ("other", "o")]);
        let tried = |info: &str, attempt, call_result| {
            let dial_sched_time = (attempt == 2).then_some(1_593_604_800);
            Tried { contact_info: info.into(), attempt, call_result, dial_sched_time }
        };
        let chain = [tried("1", 2, INVALID_NUMBER), tried("6", 1, 7), tried("o", 0, 28)];
        let shown = record(&contact, &chain, &TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!((&shown["nTriesPhoneNumber1"], &shown["bPhoneNumber1Invalid"]), (&json!(2), &json!(true)));
        assert_eq!((&shown["nPhoneNumber6LastCause"], &shown["bPhoneNumber6Invalid"]), (&json!(7), &json!(false)));
        assert_eq!((&shown["PhoneNumber2"], &shown["nPhoneNumber2LastCause"]), (&json!("o"), &Value::Null));
        assert_eq!(shown["dtNextTry"], "2020-07-01T14:00:00");
    }
}
