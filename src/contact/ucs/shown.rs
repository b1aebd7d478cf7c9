//! A contact as C shows it: attributes with all their values, extensions as objects.

use serde_json::{Map, Value, json};

use super::Place;
use super::schema::same;
use crate::contact::Contact;

/// `{"customer_id": ...}`
#[must_use]
pub fn profile_id(contact: &Contact) -> Value {
    json!({"customer_id": contact.id})
}

/// A profile. An attribute with one value is that value; with several it is a list, the primary one first. Extensions are
/// shown when they are named, or all of them with `*`.
#[must_use]
pub fn profile(contact: &Contact, extensions: &[String]) -> Value {
    let mut shown = Map::new();
    shown.insert("customer_id".into(), contact.id.clone().into());
    let mut values: Vec<(&str, u32, &str)> = Vec::new();
    for phone in contact.phones.iter().filter(|phone| !phone.raw.is_empty()) {
        values.push((&phone.column, phone.index.max(1), &phone.raw));
    }
    for (path, value) in contact.attributes.iter().filter(|(_, value)| !value.is_empty()) {
        match path.split_once('.') {
            None => {
                let (name, index) = Place::split(path);
                values.push((name, index, value));
            }
            Some((extension, name)) => {
                if extensions.iter().any(|wanted| wanted == "*" || same(wanted, extension)) {
                    let entry = shown.entry(extension).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(entry) = entry {
                        entry.insert(name.to_owned(), value.clone().into());
                    }
                }
            }
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _, _) in &values {
        if !names.contains(name) {
            names.push(name);
        }
    }
    for name in names {
        let mut of_name: Vec<(u32, &str)> = Vec::new();
        of_name.extend(values.iter().filter(|(other, _, _)| *other == name).map(|(_, index, value)| (*index, *value)));
        of_name.sort_by_key(|(index, _)| *index);
        let value = match of_name.as_slice() {
            [(_, one)] => Value::from(*one),
            all => all.iter().map(|(_, value)| Value::from(*value)).collect(),
        };
        shown.insert(name.to_owned(), value);
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Phone;

    #[test]
    fn values_come_in_order_of_their_number_and_extensions_when_asked_for() {
        let attributes = [
            ("FirstName", " Anna "),
            ("EmailAddress[2]", "b"),
            ("EmailAddress", "a"),
            ("Address.City", "Lithuania"),
            ("Segment", "s"),
        ];
        let phone =
            |index, raw: &str| Phone { column: "PhoneNumber".into(), index, raw: raw.into(), ..Phone::default() };
        let contact = Contact {
            number: 1,
            list: None,
            id: "c".into(),
            external_ids: Vec::new(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            callable: true,
            phones: vec![phone(3, "3"), phone(2, "2"), phone(1, "")],
            organisation: None,
            customer_id: "c".into(),
            version: 1,
            job: None,
            created_at: 0,
            updated_at: 0,
        };
        assert_eq!(profile_id(&contact), json!({"customer_id": "c"}));
        let wanted = json!({"customer_id": "c", "FirstName": " Anna ", "PhoneNumber": ["2", "3"],
            "EmailAddress": ["a", "b"], "Segment": "s"});
        assert_eq!(profile(&contact, &[]), wanted);
        assert_eq!(profile(&contact, &["address".into()])["Address"], json!({"City": "Lithuania"}));
        assert_eq!(profile(&contact, &["*".into()])["Address"], json!({"City": "Lithuania"}));
    }
}
