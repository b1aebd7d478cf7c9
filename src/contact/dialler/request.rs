//! The body of an import: checked against the table of fields, then made a draft in the campaign's time zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Refusal;
use super::fields::{CAMPAIGN_ID, CAMPAIGN_NAME, CAMPAIGN_NAME_MAX, FIELDS, Kind, PHONES, Release, USER_DATA};
use crate::contact::phone::PhoneReader;
use crate::contact::policy::longer_than;
use crate::contact::{
    Code, Draft, EmptyPolicy, FollowUp, ImportProfile, MatchKey, MatchScope, OnMatch, Phone, PhonePolicy, Remark,
    SourceKind, apply_phone,
};

/// How a request names its campaign: one of them, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    /// `DiallerCampaignsID`
    pub id: Option<i64>,
    /// `DiallerCampaignsName`
    pub name: Option<String>,
}

/// A request that keeps all rules that need no campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it goes.
    pub campaign: Campaign,
    /// Keys that are not known, in order.
    pub ignored: Vec<String>,
    values: Vec<(&'static str, String)>,
}

impl Submission {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Refusal`] 400 names the field.
    pub fn read(body: &Value, release: Release) -> Result<Self, Refusal> {
        let Value::Object(given) = body else { return Err(Refusal::bad("expected a JSON object")) };
        let campaign = campaign(given)?;
        let mut values = Vec::new();
        for (name, kind) in FIELDS {
            if let Some(value) = given.get(name) {
                values.push((name, text(name, kind, value, release)?));
            }
        }
        let known =
            |key: &str| key == CAMPAIGN_ID || key == CAMPAIGN_NAME || FIELDS.iter().any(|(name, _)| *name == key);
        let ignored = given.keys().filter(|key| !known(key)).cloned().collect();
        let submission = Self { campaign, ignored, values };
        if submission.value("Name").is_empty() {
            return Err(Refusal::bad("Name is missing"));
        }
        if PHONES.iter().all(|phone| submission.value(phone).is_empty()) {
            return Err(Refusal::bad("one of PhoneNumber1 to PhoneNumber6 is missing"));
        }
        Ok(submission)
    }

    /// The value of a field; empty = none was given.
    #[must_use]
    pub fn value(&self, field: &str) -> &str {
        self.values.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value.as_str())
    }

    /// The draft that a campaign in this zone takes.
    ///
    /// # Errors
    /// [`Refusal`] 400: a moment that the calendar of the zone does not have.
    pub fn draft(&self, zone: &TimeZone, phones: PhoneReader<'_>, policy: PhonePolicy) -> Result<Draft, Refusal> {
        let user_data = self.value(USER_DATA);
        let mut draft = Draft {
            record: 1,
            line: 1,
            key: user_data.to_owned(),
            attributes: self.attributes(),
            has_contact: true,
            customer_id: Some(user_data.to_owned()).filter(|data| !data.is_empty()),
            follow_up: self.follow_up(zone)?,
            ..Draft::default()
        };
        for column in PHONES {
            let mut phone = Phone { column: column.to_owned(), ..Phone::default() };
            apply_phone(&mut phone, self.value(column), "", &phones, policy, column, &mut draft.remarks);
            draft.phones.push(phone);
        }
        for key in &self.ignored {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
            draft.remarks.push(Remark::warning(Code::IgnoredColumn, &shown, "no such field"));
        }
        Ok(draft)
    }

    /// Everything but the phones.
    fn attributes(&self) -> Vec<(String, String)> {
        let all = self.values.iter().filter(|(name, _)| !PHONES.contains(name));
        all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn follow_up(&self, zone: &TimeZone) -> Result<FollowUp, Refusal> {
        let at = match self.value("FollowUpDateTime") {
            "" => None,
            text => {
                let wrong = || Refusal::bad("FollowUpDateTime: the calendar does not have this moment");
                let civil: DateTime = text.parse().map_err(|_| wrong())?;
                Some(zone.to_timestamp(civil).map_err(|_| wrong())?.as_second())
            }
        };
        let (follow_up, reserved) = (self.value("FollowUpUsersUID"), self.value("ReservedUsersUID"));
        let agent = if follow_up.is_empty() { reserved } else { follow_up };
        Ok(FollowUp {
            at,
            agent: Some(agent.to_owned()).filter(|agent| !agent.is_empty()),
            personal: !follow_up.is_empty(),
        })
    }
}

/// The choices of an import by D.
#[must_use]
pub fn profile(overwrite: bool, plusless: bool, default_country: &str) -> ImportProfile {
    ImportProfile {
        source: SourceKind::Jtel,
        match_keys: if overwrite { vec![MatchKey::Customer] } else { Vec::new() },
        on_match: if overwrite { OnMatch::Overwrite } else { OnMatch::CreateAlways },
        scope: MatchScope::List,
        empty: EmptyPolicy::Clear,
        replace_whole: true,
        trim: false,
        phones: PhonePolicy::Warn,
        phone_required: true,
        plusless,
        default_country: default_country.to_owned(),
        ..ImportProfile::default()
    }
}

fn campaign(given: &Map<String, Value>) -> Result<Campaign, Refusal> {
    let id = match given.get(CAMPAIGN_ID) {
        None | Some(Value::Null) => None,
        Some(value) => {
            let wrong = || Refusal::bad(format!("{CAMPAIGN_ID}: expected an integer"));
            Some(value.as_i64().ok_or_else(wrong)?)
        }
    };
    let name = match given.get(CAMPAIGN_NAME) {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => {
            check_length(CAMPAIGN_NAME, name, Some(CAMPAIGN_NAME_MAX))?;
            Some(name.clone()).filter(|name| !name.is_empty())
        }
        Some(_) => return Err(Refusal::bad(format!("{CAMPAIGN_NAME}: expected a text"))),
    };
    if id.is_none() && name.is_none() {
        return Err(Refusal::bad(format!("{CAMPAIGN_ID} or {CAMPAIGN_NAME} is missing")));
    }
    Ok(Campaign { id, name })
}

fn text(name: &str, kind: Kind, value: &Value, release: Release) -> Result<String, Refusal> {
    let wrong = |wanted: &str| Err(Refusal::bad(format!("{name}: expected {wanted}")));
    match (kind, value) {
        (_, Value::Null) => Ok(String::new()),
        (Kind::Text(..), Value::String(text)) if text.contains('\0') => wrong("a text without NUL"),
        (Kind::Text(..), Value::String(text)) => {
            check_length(name, text, kind.most(release))?;
            Ok(text.clone())
        }
        (Kind::Text(..), _) => wrong("a text"),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Ok(number.to_string()),
        (Kind::Integer, _) => wrong("an integer or null"),
        (Kind::Number, Value::Number(number)) => Ok(number.to_string()),
        (Kind::Number, _) => wrong("a number"),
        (Kind::DateTime, Value::String(text)) if text.is_empty() || is_moment(text) => Ok(text.clone()),
        (Kind::DateTime, _) => wrong("a moment such as 2020-01-01T00:00:00"),
    }
}

/// The one form of the document: no zone, no fraction.
fn is_moment(text: &str) -> bool {
    text.len() == 19 && text.as_bytes().get(10) == Some(&b'T') && text.parse::<DateTime>().is_ok()
}

fn check_length(name: &str, text: &str, most: Option<u32>) -> Result<(), Refusal> {
    let Some(limit) = most else { return Ok(()) };
    match longer_than(text, limit) {
        None => Ok(()),
        Some(found) => Err(Refusal::bad(format!("{name} has {found} characters, limit is {limit}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::phone::NumberingPlans;

    fn least() -> Value {
        json!({"DiallerCampaignsID": 538, "Name": "Name", "PhoneNumber3": "+49199123456789"})
    }

    fn read(change: &[(&str, Value)]) -> Result<Submission, Refusal> {
        let mut body = least();
        for (name, value) in change {
            body[*name] = value.clone();
        }
        Submission::read(&body, Release::R3_19)
    }

    fn draft(submission: &Submission, zone: &str) -> Draft {
        let reader = PhoneReader { library: &NumberingPlans, default_country: "", plusless: true };
        submission.draft(&TimeZone::get(zone).unwrap(), reader, PhonePolicy::Warn).unwrap()
    }

    fn error(change: &[(&str, Value)]) -> String {
        let refusal = read(change).expect_err(&format!("{change:?}"));
        assert_eq!(refusal.body(), json!({"status": 400, "error": refusal.error}));
        refusal.error
    }

    #[test]
    fn what_is_mandatory_must_have_a_value() {
        for value in [Value::Null, json!("")] {
            assert_eq!(error(&[("Name", value.clone())]), "Name is missing");
            assert_eq!(error(&[("PhoneNumber3", value)]), "one of PhoneNumber1 to PhoneNumber6 is missing");
        }
        let both = [("DiallerCampaignsID", Value::Null), ("DiallerCampaignsName", json!(""))];
        assert_eq!(error(&both), "DiallerCampaignsID or DiallerCampaignsName is missing");
        assert_eq!(Submission::read(&json!([]), Release::R3_19).unwrap_err().status, 400);
        let by_name = read(&[("DiallerCampaignsID", Value::Null), ("DiallerCampaignsName", json!("L"))]).unwrap();
        assert_eq!(by_name.campaign, Campaign { id: None, name: Some("L".into()) });
    }

    #[test]
    fn every_length_is_that_of_its_release() {
        for (name, kind) in FIELDS {
            let Kind::Text(newer, older) = kind else { continue };
            for (release, most) in [(Release::R3_19, newer), (Release::Older, older)] {
                let of = |length: u32| {
                    let mut body = least();
                    body[name] = "ä".repeat(length as usize).into();
                    Submission::read(&body, release)
                };
                let Some(most) = most else {
                    assert!(of(100_000).is_ok(), "{name}");
                    continue;
                };
                assert!(of(most).is_ok(), "{name} {release:?}");
                let wanted = format!("{name} has {} characters, limit is {most}", most + 1);
                assert_eq!(of(most + 1).unwrap_err().error, wanted, "{release:?}");
            }
        }
        let name = error(&[("DiallerCampaignsName", json!("x".repeat(65)))]);
        assert_eq!(name, "DiallerCampaignsName has 65 characters, limit is 64");
    }

    #[test]
    fn types_that_are_wrong_are_named() {
        for (name, value) in [
            ("Name", json!(5)),
            ("Company", json!(["x"])),
            ("Company", json!("a\0b")),
            ("PhoneNumber1", json!(49)),
            ("Amount", json!("0.0")),
            ("RandomSortOrder", json!(1.5)),
            ("RandomSortOrder", json!("1")),
            ("DiallerCampaignsID", json!("538")),
            ("DiallerCampaignsID", json!(1.5)),
            ("DiallerCampaignsName", json!(1)),
            ("FollowUpDateTime", json!(1_577_836_800)),
            ("FollowUpDateTime", json!("2020-01-01")),
            ("FollowUpDateTime", json!("2020-01-01 00:00:00")),
            ("FollowUpDateTime", json!("2020-01-01T00:00:00Z")),
            ("dtBeginDate", json!("2020-02-30T00:00:00")),
            ("dtEndDate", json!("2020-01-01T24:00:00")),
        ] {
            assert!(error(&[(name, value.clone())]).starts_with(&format!("{name}: expected ")), "{name} {value}");
        }
    }

    #[test]
    fn a_draft_has_its_phones_in_order_and_warnings_for_those_that_cannot_be_read() {
        let submission = read(&[
            ("PhoneNumber1", json!("PhoneNumber1")),
            ("PhoneNumber2", json!("49199123456789")),
            ("FaxNumber", json!("+4930123456")),
            ("Amount", json!(0.0)),
            ("UserData", json!("u1")),
            ("Nonsense", json!({})),
        ]);
        let draft = draft(&submission.unwrap(), "UTC");
        let phones: Vec<(&str, Option<&str>, bool)> =
            draft.phones.iter().map(|phone| (phone.raw.as_str(), phone.e164.as_deref(), phone.callable)).collect();
        assert_eq!(phones[0], ("PhoneNumber1", None, false));
        assert_eq!(phones[1], ("49199123456789", Some("+49199123456789"), true));
        assert_eq!(phones[2], ("+49199123456789", Some("+49199123456789"), true));
        assert_eq!((phones.len(), phones[3]), (6, ("", None, true)));
        let remarks: Vec<(Code, &str)> = draft.remarks.iter().map(|r| (r.code, r.column.as_str())).collect();
        assert_eq!(remarks, [(Code::BadPhone, "PhoneNumber1"), (Code::IgnoredColumn, "Nonsense")]);
        assert!(draft.error().is_none() && draft.attributes.contains(&("Amount".into(), "0.0".into())));
        assert_eq!((draft.customer_id.as_deref(), draft.key.as_str()), (Some("u1"), "u1"));
    }

    #[test]
    fn a_follow_up_is_a_moment_in_the_zone_of_the_campaign() {
        let with = |change: &[(&str, Value)], zone| draft(&read(change).unwrap(), zone).follow_up;
        let at = ("FollowUpDateTime", json!("2020-07-01T12:00:00"));
        let noon = 1_593_604_800;
        assert_eq!(with(std::slice::from_ref(&at), "UTC"), FollowUp { at: Some(noon), agent: None, personal: false });
        assert_eq!(with(std::slice::from_ref(&at), "Europe/Berlin").at, Some(noon - 7_200));
        // Half past two does not exist on that night; it is an hour later, as clocks are.
        let gap = ("FollowUpDateTime", json!("2020-03-29T02:30:00"));
        assert_eq!(with(&[gap], "Europe/Berlin").at, Some(1_585_445_400));
        let reserved = ("ReservedUsersUID", json!("r"));
        let wanted = FollowUp { at: None, agent: Some("r".into()), personal: false };
        assert_eq!(with(std::slice::from_ref(&reserved), "UTC"), wanted);
        let wanted = FollowUp { at: Some(noon), agent: Some("f".into()), personal: true };
        assert_eq!(with(&[at, reserved, ("FollowUpUsersUID", json!("f"))], "UTC"), wanted);
    }
}
