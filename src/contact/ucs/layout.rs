//! What the columns of a file are: the header in the words of C, against what was defined.

use super::schema::{same, shortened};
use serde_json::Value;

use super::{Attribute, AttributeType, Fault, IdKey, Metadata, Origin, Request};
use crate::contact::{
    DncPolicy, EmptyPolicy, FieldKind, FieldRule, ImportProfile, MatchKey, MatchScope, OnMatch, PhoneColumn,
    PhonePolicy, Ragged, SourceKind,
};

/// The attribute whose values are phones.
const PHONE: &str = "PhoneNumber";
/// Column of the tenant, and attribute.
pub(super) const TENANT: &str = "TenantId";
/// Column of the segment, and attribute.
pub(super) const SEGMENT: &str = "Segment";
/// Values of one attribute.
const INDEX_MAX: u32 = 100;

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `TenantId`
    Tenant,
    /// `Segment`
    Segment,
    /// `PhoneNumber[2]`: a value of an attribute of the profile; without a number it is the first.
    Profile {
        /// As the schema writes it.
        attribute: String,
        /// From 1.
        index: u32,
    },
    /// `Address.City`
    Extension {
        /// As the schema writes it.
        extension: String,
        /// As the schema writes it.
        attribute: String,
    },
}

impl Place {
    /// The attribute of a contact that holds it.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Tenant => TENANT.to_owned(),
            Self::Segment => SEGMENT.to_owned(),
            Self::Profile { attribute, index: 1 } if !same(attribute, PHONE) => attribute.clone(),
            Self::Profile { attribute, index } => format!("{attribute}[{index}]"),
            Self::Extension { extension, attribute } => format!("{extension}.{attribute}"),
        }
    }

    /// The values of an attribute, apart from their number: `PhoneNumber[2]` is (`PhoneNumber`, 2).
    #[must_use]
    pub fn split(path: &str) -> (&str, u32) {
        let numbered = path.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        let numbered = numbered.and_then(|(name, index)| Some((name, index.parse().ok().filter(|index| *index > 0)?)));
        numbered.unwrap_or((path, 1))
    }
}

/// A header that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// For each column its name in the file, its place, and what its values must be.
    pub columns: Vec<(String, Place, Option<FieldRule>)>,
}

impl Layout {
    /// Understands a header.
    ///
    /// # Errors
    /// [`Fault`] 400 names the column.
    pub fn read(header: &[String], metadata: &Metadata) -> Result<Self, Fault> {
        let mut columns: Vec<(String, Place, Option<FieldRule>)> = Vec::with_capacity(header.len());
        for name in header {
            let (place, rule) = column(name, metadata)?;
            if columns.iter().any(|(_, known, _)| *known == place) {
                return Err(Fault::bad(format!("header: column {} stands twice", shortened(name))));
            }
            columns.push((name.clone(), place, rule));
        }
        Ok(Self { columns })
    }

    /// True when a column belongs to an extension.
    #[must_use]
    pub fn has_extensions(&self) -> bool {
        self.columns.iter().any(|(_, place, _)| matches!(place, Place::Extension { .. }))
    }

    /// The attribute that holds phones, when the file has values of it. Their order in the chain is that of their numbers.
    #[must_use]
    pub fn phones(&self) -> Option<PhoneColumn> {
        let phone = |place: &Place| match place {
            Place::Profile { attribute, .. } if same(attribute, PHONE) => Some(attribute.clone()),
            _ => None,
        };
        let column = self.columns.iter().find_map(|(_, place, _)| phone(place))?;
        Some(PhoneColumn { column, kind: String::new(), time_zone_column: None })
    }

    /// The choices of an import of this file: blanks are data, empty cells carry no value, phones are taken as they are.
    #[must_use]
    pub fn profile(
        &self,
        request: &Request,
        origin: &Origin,
        key: Option<&IdKey>,
        metadata: &Metadata,
    ) -> ImportProfile {
        let rename = |(name, place, _): &(String, Place, Option<FieldRule>)| {
            let path = place.path();
            (*name != path).then(|| (name.clone(), path))
        };
        ImportProfile {
            mapping: self.columns.iter().filter_map(rename).collect(),
            phone_columns: self.phones().into_iter().collect(),
            match_keys: key.map(match_key).into_iter().collect(),
            on_match: if key.is_some() { OnMatch::Skip } else { OnMatch::CreateAlways },
            encoding: request.encoding.clone(),
            delimiter: Some(request.delimiter),
            max_errors: request.max_errors,
            start_from: request.start_from,
            rules: self.columns.iter().filter_map(|(_, _, rule)| rule.clone()).collect(),
            defaults: self.defaults(origin, metadata),
            ..rules()
        }
    }

    /// What stands where a file gives no value: tenant and segment of the call, and the schema's defaults. An extension
    /// that the file does not have is not made of defaults.
    fn defaults(&self, origin: &Origin, metadata: &Metadata) -> Vec<(String, String)> {
        let mut all =
            vec![(Place::Tenant.path(), origin.tenant.to_string()), (Place::Segment.path(), origin.segment.clone())];
        let attributes = metadata.schema.iter().flat_map(|schema| &schema.attributes);
        for attribute in attributes.filter(|attribute| !same(&attribute.name, PHONE)) {
            let place = Place::Profile { attribute: attribute.name.clone(), index: 1 };
            all.extend(default_text(attribute).map(|text| (place.path(), text)));
        }
        for extension in &metadata.extensions {
            let here =
                |place: &Place| matches!(place, Place::Extension { extension: name, .. } if *name == extension.name);
            if !self.columns.iter().any(|(_, place, _)| here(place)) {
                continue;
            }
            for attribute in &extension.attributes {
                let place = Place::Extension { extension: extension.name.clone(), attribute: attribute.name.clone() };
                all.extend(default_text(attribute).map(|text| (place.path(), text)));
            }
        }
        all
    }
}

/// The rules of C for any file: blanks are data, empty cells carry no value, phones are taken as they are.
#[must_use]
pub fn rules() -> ImportProfile {
    ImportProfile {
        source: SourceKind::Ucs,
        scope: MatchScope::Tenant,
        empty: EmptyPolicy::Keep,
        trim: false,
        phones: PhonePolicy::AsIs,
        phone_required: false,
        dnc: DncPolicy::NoCall,
        encoding: "utf-8".to_owned(),
        delimiter: Some(','),
        ragged: Ragged::Error,
        ..ImportProfile::default()
    }
}

/// What profiles are found by: the key of a tenant. Its name in the index tells its attributes, since another tenant may
/// give the same name to others.
#[must_use]
pub fn match_key(key: &IdKey) -> MatchKey {
    let paths = key.paths();
    let name = format!("ucs {}", paths.join(","));
    MatchKey::Attributes { name, attributes: std::iter::once(TENANT.to_owned()).chain(paths).collect() }
}

/// A default of the schema as text.
fn default_text(attribute: &Attribute) -> Option<String> {
    match attribute.default.as_ref()? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn column(name: &str, metadata: &Metadata) -> Result<(Place, Option<FieldRule>), Fault> {
    let unknown = |what: &str| Fault::bad(format!("header: column {}: there is no such {what}", shortened(name)));
    if name.is_empty() {
        return Err(Fault::bad("header: a column has no name"));
    }
    if let Some((extension, attribute)) = name.split_once('.') {
        let extension = metadata.extension(extension).ok_or_else(|| unknown("extension"))?;
        let attributes = &extension.attributes;
        let known = attributes.iter().find(|known| same(&known.name, attribute)).ok_or_else(|| unknown("attribute"))?;
        let place = Place::Extension { extension: extension.name.clone(), attribute: known.name.clone() };
        let rule = rule(known, &place);
        return Ok((place, rule));
    }
    if same(name, TENANT) {
        let any = FieldRule { max_chars: None, ..FieldRule::text(TENANT, 0) };
        return Ok((Place::Tenant, Some(any.of(FieldKind::Integer))));
    }
    if same(name, SEGMENT) {
        return Ok((Place::Segment, None));
    }
    let (attribute, index) = match name.split_once('[') {
        None => (name, 1),
        Some((attribute, rest)) => {
            let digits = rest.strip_suffix(']').filter(|digits| !digits.starts_with(['0', '+']));
            let index = digits.and_then(|digits| digits.parse().ok()).filter(|index| *index <= INDEX_MAX);
            let wrong = || {
                let wanted = format!("expected a number from 1 to {INDEX_MAX} in the brackets");
                Fault::bad(format!("header: column {}: {wanted}", shortened(name)))
            };
            (attribute, index.ok_or_else(wrong)?)
        }
    };
    let known = metadata.attribute(attribute).ok_or_else(|| unknown("attribute"))?;
    let place = Place::Profile { attribute: known.name.clone(), index };
    let rule = rule(known, &place);
    Ok((place, rule))
}

/// What the schema demands of a value; `None` = nothing.
fn rule(attribute: &Attribute, place: &Place) -> Option<FieldRule> {
    let kind = match attribute.kind {
        AttributeType::String => FieldKind::Text,
        AttributeType::Integer => FieldKind::Integer,
        AttributeType::Number => FieldKind::Number,
        AttributeType::Boolean => FieldKind::Boolean,
        AttributeType::Date | AttributeType::DateTime => FieldKind::DateTime,
    };
    let first = matches!(place, Place::Profile { index: 1, .. } | Place::Extension { .. });
    let required = attribute.mandatory && attribute.default.is_none() && first;
    if kind == FieldKind::Text && attribute.length.is_none() && !required {
        return None;
    }
    let rule = FieldRule { max_chars: attribute.length, required, ..FieldRule::text(&place.path(), 0) };
    Some(rule.of(kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Metadata {
        let mut metadata = Metadata::default();
        let profile = json!([{"name": "FirstName"}, {"name": "LastName", "mandatory": true, "length": 64},
            {"name": "PhoneNumber"}, {"name": "EmailAddress"}, {"name": "Age", "type": "integer"},
            {"name": "Title", "default": "none"}]);
        metadata.define_profile(&profile).unwrap();
        let attributes = ["PostCode", "Address", "County", "City", "Country"].map(|name| json!({"name": name}));
        let mut attributes = attributes.to_vec();
        attributes.push(json!({"name": "AddressType", "type": "integer", "default": 0}));
        let address = json!({"name": "Address", "type": "single-valued", "attributes": attributes});
        metadata.define_extension(&address).unwrap();
        metadata.define_key(&json!({"name": "Email", "attributes": ["EmailAddress"]})).unwrap();
        metadata
    }

    fn read(header: &str) -> Result<Layout, Fault> {
        Layout::read(&header.split(',').map(str::to_owned).collect::<Vec<_>>(), &metadata())
    }

    fn request() -> Request {
        Request::read(&json!({"profiles": "a.csv", "max-errors": "3", "start-from-index": 4})).unwrap()
    }

    const SAMPLE: &str = "TenantId,Segment,FirstName,LastName,PhoneNumber[2],PhoneNumber[1],EmailAddress,Address.AddressType,\
        Address.PostCode,Address.Address,Address.County,Address.City,Address.Country";

    #[test]
    fn the_header_of_the_sample_is_understood() {
        let layout = read(SAMPLE).unwrap();
        let paths: Vec<String> = layout.columns.iter().map(|(_, place, _)| place.path()).collect();
        assert_eq!(paths[4..6], ["PhoneNumber[2]", "PhoneNumber[1]"]);
        assert_eq!(paths[11], "Address.City");
        assert!(layout.has_extensions() && !read("FirstName").unwrap().has_extensions());
        assert_eq!(layout.phones().unwrap().column, "PhoneNumber");
        assert_eq!(read("FirstName").unwrap().phones(), None);
    }

    #[test]
    fn the_choices_are_those_of_c() {
        let layout = read("PhoneNumber[7],PhoneNumber,emailaddress[1],LastName,TenantId,Age").unwrap();
        let origin = Origin { tenant: 101, segment: "vip".into() };
        let profile = layout.profile(&request(), &origin, metadata().key("email"), &metadata());
        assert!(!profile.trim && profile.empty == EmptyPolicy::Keep && profile.phones == PhonePolicy::AsIs);
        assert_eq!((profile.on_match, profile.max_errors, profile.start_from), (OnMatch::Skip, Some(3), 4));
        let attributes = ["TenantId", "EmailAddress"].map(str::to_owned).to_vec();
        let email = MatchKey::Attributes { name: "ucs EmailAddress".into(), attributes };
        assert_eq!(profile.match_keys, [email]);
        let renamed = [("PhoneNumber", "PhoneNumber[1]"), ("emailaddress[1]", "EmailAddress")];
        assert_eq!(profile.mapping, renamed.map(|(from, to)| (from.to_owned(), to.to_owned())));
        let rules: Vec<&str> = profile.rules.iter().map(|rule| rule.attribute.as_str()).collect();
        assert_eq!(rules, ["LastName", "TenantId", "Age"]);
        assert!(profile.rules[0].required && profile.rules[0].max_chars == Some(64));
        assert_eq!((profile.rules[1].kind, profile.rules[1].max_chars), (FieldKind::Integer, None));
        let defaults = [("TenantId", "101"), ("Segment", "vip"), ("Title", "none")];
        assert_eq!(profile.defaults, defaults.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let with = read("Address.City").unwrap().profile(&request(), &origin, None, &metadata());
        assert_eq!(with.defaults.last().unwrap(), &("Address.AddressType".to_owned(), "0".to_owned()));
        let without = layout.profile(&request(), &origin, None, &metadata());
        assert_eq!((without.on_match, without.match_keys), (OnMatch::CreateAlways, vec![]));
    }

    #[test]
    fn a_header_that_cannot_be_used_is_named() {
        for (header, named) in [
            ("FirstName,Nothing", "'Nothing'"),
            ("FirstName,FirstName", "'FirstName'"),
            ("FirstName,firstname", "'firstname'"),
            ("PhoneNumber,PhoneNumber[1]", "'PhoneNumber[1]'"),
            ("Nowhere.City", "'Nowhere.City'"),
            ("Address.Nothing", "'Address.Nothing'"),
            ("Address.City.x", "'Address.City.x'"),
            ("PhoneNumber[0]", "'PhoneNumber[0]'"),
            ("PhoneNumber[-1]", "'PhoneNumber[-1]'"),
            ("PhoneNumber[+1]", "'PhoneNumber[+1]'"),
            ("PhoneNumber[01]", "'PhoneNumber[01]'"),
            ("PhoneNumber[101]", "'PhoneNumber[101]'"),
            ("PhoneNumber[]", "'PhoneNumber[]'"),
            ("PhoneNumber[1", "'PhoneNumber[1'"),
            ("PhoneNumber[1]x", "'PhoneNumber[1]x'"),
            ("Nothing[1]", "'Nothing[1]'"),
            (" FirstName", "' FirstName'"),
            ("FirstName,", "no name"),
        ] {
            let fault = read(header).expect_err(header);
            assert!(fault.code == 400 && fault.message.contains(named), "{header}: {fault}");
        }
    }

    #[test]
    fn numbers_of_values_come_off_again() {
        for (path, split) in
            [("A", ("A", 1)), ("A[2]", ("A", 2)), ("A.B", ("A.B", 1)), ("A[x]", ("A[x]", 1)), ("]", ("]", 1))]
        {
            assert_eq!(Place::split(path), split);
        }
    }
}
