//! JSON of dialler contacts.

use serde_json::{Map, Value};

use super::{FIELDS, Kind, PHONES, Refusal, Release};
use crate::contact::chain::ChainRecord;
use crate::contact::phone::PhoneReader;
use crate::contact::policy::{self, DateTime};
use crate::contact::{
    CallingList, Code, Contact, Draft, FollowUp, ImportProfile, Phone, PhonePolicy, Remark, apply_phone, same_field,
};

/// A request that was read; its campaign is still to be looked up.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// `DiallerCampaignsID`.
    pub campaign_id: Option<i64>,
    /// `DiallerCampaignsName`.
    pub campaign_name: Option<String>,
    /// Keys that are no fields, for one warning each.
    pub unknown: Vec<String>,
    /// Field and text of it, empty ones left out.
    values: Vec<(&'static str, String)>,
}

impl Request {
    /// Reads and checks the body of an import.
    ///
    /// # Errors
    /// [`Refusal`], all of them status 400
    pub fn read(body: &Map<String, Value>, release: Release) -> Result<Self, Refusal> {
        let mut values = Vec::new();
        for (field, kind) in FIELDS {
            let value = body.get(*field).unwrap_or(&Value::Null);
            let wrong = |wanted| Err(Refusal::Type { field, wanted });
            let text = match (kind, value) {
                (_, Value::Null) => continue,
                (Kind::Text(older, newer), Value::String(text)) => {
                    check_text(field, text, if release == Release::Older { *older } else { *newer })?;
                    text.clone()
                }
                (Kind::Text(..), _) => return wrong("text"),
                (Kind::Integer, Value::Number(number)) if number.is_i64() => number.to_string(),
                (Kind::Integer, _) => return wrong("a whole number"),
                (Kind::Number, Value::Number(number)) => number.to_string(),
                (Kind::Number, _) => return wrong("a number"),
                (Kind::Time, Value::String(text)) if text.is_empty() || time(text).is_some() => text.clone(),
                (Kind::Time, _) => return wrong("a time such as 2020-01-01T00:00:00"),
            };
            if !text.is_empty() {
                values.push((*field, text));
            }
        }
        let unknown = body.keys().filter(|key| FIELDS.iter().all(|(field, _)| field != key)).cloned().collect();
        let mut request = Self { campaign_id: None, campaign_name: None, unknown, values };
        request.campaign_id = request.value("DiallerCampaignsID").and_then(|id| id.parse().ok());
        request.campaign_name = request.value("DiallerCampaignsName").map(str::to_owned);
        if request.value("Name").is_none() {
            return Err(Refusal::Missing("Name"));
        }
        if request.campaign_id.is_none() && request.campaign_name.is_none() {
            return Err(Refusal::Missing("DiallerCampaignsID or DiallerCampaignsName"));
        }
        if PHONES.iter().all(|phone| request.value(phone).is_none()) {
            return Err(Refusal::Missing("one of PhoneNumber1 to PhoneNumber6"));
        }
        Ok(request)
    }

    fn value(&self, field: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == field).map(|(_, value)| value.as_str())
    }

    /// What it says about a contact. `seconds` gives the instant of a time in the list's zone.
    #[must_use]
    pub fn draft(
        &self,
        list: &CallingList,
        profile: &ImportProfile,
        reader: &PhoneReader<'_>,
        seconds: &dyn Fn(&DateTime) -> Option<i64>,
    ) -> Draft {
        let mut draft = Draft { record: 1, line: 1, has_contact: true, ..Draft::default() };
        let policy: PhonePolicy = list.phone_policy.unwrap_or(profile.phones);
        for (field, text) in &self.values {
            if PHONES.contains(field) {
                let mut phone = Phone { column: (*field).to_owned(), ..Phone::default() };
                apply_phone(&mut phone, text, "", reader, policy, field, &mut draft.remarks);
                draft.phones.push(phone);
            } else if !matches!(*field, "DiallerCampaignsID" | "DiallerCampaignsName") {
                draft.attributes.push(((*field).to_owned(), text.clone()));
            }
        }
        let at = self.value("FollowUpDateTime").and_then(time).and_then(|time| seconds(&time));
        let follower = self.value("FollowUpUsersUID");
        let agent = follower.or_else(|| self.value("ReservedUsersUID")).map(str::to_owned);
        draft.follow_up = FollowUp { at, agent, personal: follower.is_some() };
        draft.customer_id = Some(self.value("UserData").unwrap_or_default().to_owned());
        let ignored = |key: &String| Remark::warning(Code::IgnoredColumn, key, "the key is not read");
        draft.remarks.extend(self.unknown.iter().map(ignored));
        draft.find_keys(&profile.match_keys, &[]);
        draft
    }
}

/// A contact as jtel shows it. Those of other systems fill its fields by name, and its phones by order.
#[must_use]
pub fn answer(contact: &Contact, list: Option<&CallingList>, records: &[ChainRecord]) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("DiallerContactsID".to_owned(), contact.number.into());
    let own = contact.phones.iter().any(|phone| PHONES.contains(&phone.column.as_str()));
    let phone = |n: usize, field: &str| match own {
        true => contact.phones.iter().find(|phone| phone.column == field),
        false => contact.phones.get(n),
    };
    for (field, kind) in FIELDS {
        let stored = contact.attributes.iter().find(|(name, _)| same_field(name, field)).map(|(_, value)| value);
        let value = match *field {
            "DiallerCampaignsID" => contact.list.map_or(Value::Null, Value::from),
            "DiallerCampaignsName" => list.map_or(Value::Null, |list| Value::from(list.name.clone())),
            "UserData" if stored.is_none() => text_or_null(&contact.customer_id),
            _ => match (kind, PHONES.iter().position(|phone| phone == field)) {
                (_, Some(n)) => phone(n, field).map_or(Value::Null, |phone| text_or_null(&phone.raw)),
                (Kind::Integer | Kind::Number, None) => stored
                    .and_then(|text| serde_json::from_str::<serde_json::Number>(text).ok())
                    .map_or(Value::Null, Value::Number),
                (Kind::Text(..) | Kind::Time, None) => stored.map_or(Value::Null, |text| text_or_null(text)),
            },
        };
        out.insert((*field).to_owned(), value);
    }
    for (n, field) in PHONES.iter().enumerate() {
        let number = phone(n, field).map(Phone::contact_info);
        let record = number.and_then(|number| records.iter().find(|record| record.contact_info == number));
        let tries = record.map_or(0, |record| record.attempt);
        let cause = record.filter(|record| record.attempt > 0).map_or(Value::Null, |record| record.call_result.into());
        out.insert(format!("b{field}Invalid"), Value::Null);
        out.insert(format!("nTries{field}"), tries.into());
        out.insert(format!("n{field}LastCause"), cause);
        out.insert(format!("{field}LastAcdAgentEndReasonsID"), Value::Null);
    }
    for field in ["dtNextTry", "bLastResultMailbox", "LastAcdAgentEndReasonsID"] {
        out.insert(field.to_owned(), Value::Null);
    }
    out
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn check_text(field: &'static str, value: &str, limit: Option<u32>) -> Result<(), Refusal> {
    if value.contains('\0') {
        return Err(Refusal::Nul(field));
    }
    match limit.and_then(|limit| Some((limit, policy::longer_than(value, limit)?))) {
        Some((limit, found)) => Err(Refusal::TooLong { field, found, limit }),
        None => Ok(()),
    }
}

/// `2020-01-01T00:00:00`, without a zone: the list's is meant.
fn time(value: &str) -> Option<DateTime> {
    DateTime::parse(value).filter(|time| time.offset.is_none() && value.len() == 19)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::profile;
    use super::*;
    use crate::contact::chain::{ChainChange, ChainInput, DncVerdict, plan};
    use crate::contact::phone::PlainOnly;
    use crate::contact::{Decision, Rules, decide};

    fn read(body: &Value, release: Release) -> Result<Request, String> {
        Request::read(body.as_object().unwrap(), release).map_err(|refusal| refusal.to_string())
    }

    /// S4's example, with these changes.
    fn example(changes: &Value) -> Value {
        let mut body = Map::new();
        for (field, kind) in FIELDS {
            let value = match kind {
                Kind::Text(..) => json!(field),
                Kind::Integer | Kind::Time => Value::Null,
                Kind::Number => json!(0.0),
            };
            body.insert((*field).to_owned(), value);
        }
        body.remove("ResultCodesExportKey");
        body.insert("DiallerCampaignsID".to_owned(), json!(538));
        body.remove("DiallerCampaignsName");
        body.insert("UserData".to_owned(), json!("testUserData"));
        body.insert("dtBeginDate".to_owned(), json!("2020-01-01T00:00:00"));
        body.insert("ExternalSystemLink".to_owned(), json!("http://test.external.link/"));
        for (key, value) in changes.as_object().unwrap() {
            body.insert(key.clone(), value.clone());
        }
        Value::Object(body)
    }

    fn stored(body: &Value) -> (Contact, Draft) {
        let list = CallingList { number: 538, name: "My Campaign".to_owned(), ..CallingList::default() };
        let profile = profile(true, true, "");
        let reader = PhoneReader { library: &PlainOnly, default_country: "", plusless: true };
        let draft =
            read(body, Release::From319).unwrap().draft(&list, &profile, &reader, &|time| Some(time.as_utc() - 3600));
        let rules = Rules { profile: &profile, list: Some(&list), organisation: None };
        let Decision::Create(contact) = decide(&draft, &[], rules, &mut || "id".to_owned()) else { panic!("not made") };
        (*contact, draft)
    }

    #[test]
    fn the_documents_example_is_stored_and_answered() {
        // Example D2.
        let (contact, draft) = stored(&example(&json!({})));
        assert_eq!(draft.remarks.iter().filter(|remark| remark.code == Code::BadPhone).count(), 6);
        let list = CallingList { number: 538, name: "My Campaign".to_owned(), ..CallingList::default() };
        let dnc = DncVerdict::default();
        let changes = plan(ChainInput {
            records: &[],
            before: None,
            contact: &contact,
            list: &list,
            dnc: &dnc,
            follow_up: &draft.follow_up,
            clear_system_data: false,
            zones: &[],
        });
        let records = changes.into_iter().map(|change| match change {
            ChainChange::Insert(record) => record,
            other => panic!("{other:?}"),
        });
        let records: Vec<_> = records.collect();
        assert_eq!(records.iter().map(|record| record.record_type).collect::<Vec<_>>(), [7; 6]);
        let out = answer(&contact, Some(&list), &records);
        assert_eq!(
            (out["Company"].as_str(), out["Amount"].as_f64(), out["PhoneNumber1"].as_str()),
            (Some("Company"), Some(0.0), Some("PhoneNumber1"))
        );
        assert!(
            PHONES
                .iter()
                .all(|phone| out[&format!("nTries{phone}")] == 0 && out[&format!("b{phone}Invalid")].is_null())
        );
        assert_eq!(
            (out["UserData"].as_str(), out["DiallerCampaignsID"].as_i64(), out["dtEndDate"].as_str()),
            (Some("testUserData"), Some(538), None)
        );
        assert_eq!(contact.customer_id, "testUserData");
    }

    #[test]
    fn what_must_be_there_is_named() {
        // Example D1.
        for (changes, wanted) in [
            (json!({"Name": ""}), "Name is missing"),
            (json!({"Name": null}), "Name is missing"),
            (json!({"DiallerCampaignsID": null}), "DiallerCampaignsID or DiallerCampaignsName is missing"),
            (
                json!({"PhoneNumber1": "", "PhoneNumber2": null, "PhoneNumber3": null, "PhoneNumber4": null, "PhoneNumber5": null, "PhoneNumber6": ""}),
                "one of PhoneNumber1 to PhoneNumber6 is missing",
            ),
            (json!({"Name": 7}), "Name is wrong, expected text"),
            (json!({"Amount": "x"}), "Amount is wrong, expected a number"),
            (json!({"DiallerCampaignsID": 1.5}), "DiallerCampaignsID is wrong, expected a whole number"),
            (json!({"dtEndDate": "tomorrow"}), "dtEndDate is wrong, expected a time such as 2020-01-01T00:00:00"),
            (json!({"Tag": "a\u{0}"}), "Tag holds a NUL"),
        ] {
            assert_eq!(read(&example(&changes), Release::From319).err().as_deref(), Some(wanted));
        }
    }

    #[test]
    fn lengths_count_characters_in_both_releases() {
        // Example D4.
        let name = |count: usize, release| read(&example(&json!({"Name": "ř".repeat(count)})), release).err();
        assert_eq!(name(64, Release::From319), None);
        assert_eq!(name(65, Release::From319).as_deref(), Some("Name has 65 characters, limit is 64"));
        assert_eq!(name(33, Release::Older).as_deref(), Some("Name has 33 characters, limit is 32"));
        assert_eq!(read(&example(&json!({"Website": "w".repeat(5000)})), Release::From319).err(), None);
    }

    #[test]
    fn a_follow_up_has_its_time_in_the_lists_zone_and_its_agent() {
        let (_, draft) = stored(&example(&json!({"FollowUpDateTime": "2020-01-01T01:00:00", "Odd": 1})));
        let wanted = FollowUp { at: Some(1_577_836_800), agent: Some("FollowUpUsersUID".to_owned()), personal: true };
        assert_eq!(draft.follow_up, wanted);
        let (_, reserved) = stored(&example(&json!({"FollowUpUsersUID": null, "Odd": 1})));
        assert_eq!(
            (reserved.follow_up.agent.as_deref(), reserved.follow_up.personal),
            (Some("ReservedUsersUID"), false)
        );
        assert!(reserved.remarks.iter().any(|remark| remark.code == Code::IgnoredColumn && remark.column == "Odd"));
    }

    #[test]
    fn contacts_of_other_systems_fill_fields_by_name_and_phones_by_order() {
        // Example D5.
        let contact = Contact {
            number: 3,
            list: Some(1),
            id: "42".to_owned(),
            external_ids: Vec::new(),
            attributes: vec![("first_name".to_owned(), "john".to_owned())],
            callable: true,
            phones: vec![Phone {
                column: "phone_number".to_owned(),
                raw: "+420777888777".to_owned(),
                ..Phone::default()
            }],
            organisation: None,
            customer_id: "42".to_owned(),
            version: 1,
            job: None,
            created_at: 0,
            updated_at: 0,
        };
        let out = answer(&contact, None, &[]);
        assert_eq!(
            (out["FirstName"].as_str(), out["PhoneNumber1"].as_str(), out["UserData"].as_str()),
            (Some("john"), Some("+420777888777"), Some("42"))
        );
        assert!(out["PhoneNumber2"].is_null() && out["Name"].is_null());
    }

    #[test]
    fn times_are_those_of_the_document() {
        assert_eq!(time("2020-01-01T00:00:00").map(|time| time.as_utc()), Some(1_577_836_800));
        for wrong in ["2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01T00:00", ""] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
