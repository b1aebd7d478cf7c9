//! What profiles may hold: attributes, extensions, identification keys. Names are compared without regard to case.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Fault;

/// Characters of the name of an attribute, extension or key.
pub const NAME_MAX: usize = 26;

/// Most attributes of a profile or extension, extensions, and keys: a bound, not a rule of the document.
const LENGTH_MAX: usize = 256;

/// The source of a key that is about the profile itself.
const PROFILE: &str = "profile";

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    String,
    /// A whole number.
    #[serde(alias = "long", alias = "int")]
    Integer,
    /// A number.
    #[serde(alias = "float", alias = "double")]
    Number,
    /// `true` or `false`.
    Boolean,
    /// A day, or a moment.
    Date,
    /// A moment.
    DateTime,
}

/// An attribute of a profile or of an extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type", default = "AttributeType::string")]
    pub kind: AttributeType,
    /// Characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// It must have a value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mandatory: bool,
    /// Its value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl AttributeType {
    fn string() -> Self {
        Self::String
    }
}

/// How many records of an extension a profile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cardinality {
    /// One.
    SingleValued,
    /// Any number.
    MultiValued,
}

/// Attributes under a name of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// How many records of it a profile has.
    #[serde(rename = "type")]
    pub cardinality: Cardinality,
    /// Attributes that tell the records of one profile apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<String>,
    /// What it holds.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

/// What profiles are found by: attributes of one source, never of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdKey {
    /// Its name.
    pub name: String,
    /// `profile`, or the name of an extension.
    #[serde(default = "IdKey::profile")]
    pub source: String,
    /// All of them must be equal.
    pub attributes: Vec<String>,
    /// No two profiles have the same values.
    #[serde(default)]
    pub unique: bool,
}

impl IdKey {
    fn profile() -> String {
        PROFILE.to_owned()
    }

    /// Its attributes as they are stored: those of an extension have its name in front.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let path = |name: &String| match self.source == PROFILE {
            true => name.clone(),
            false => format!("{}.{name}", self.source),
        };
        self.attributes.iter().map(path).collect()
    }

    /// As the document shows keys: the attributes with their source in front.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({"name": self.name, "attributes": self.paths(), "unique": self.unique})
    }
}

/// The schema of profiles: what the file's header may name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Attributes of the profile itself.
    pub attributes: Vec<Attribute>,
}

/// All that a tenant's segment has defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// `None` = nothing can be imported yet.
    pub schema: Option<Schema>,
    /// In the order of their definition.
    pub extensions: Vec<Extension>,
    /// In the order of their definition.
    pub keys: Vec<IdKey>,
}

impl Metadata {
    /// Defines attributes of the profile: `[attribute, ...]` or `{"attributes": [...]}`. Those that are there keep their
    /// definition unless it is given anew.
    ///
    /// # Errors
    /// [`Fault`] 400
    pub fn define_profile(&mut self, body: &Value) -> Result<&Schema, Fault> {
        let list = body.get("attributes").unwrap_or(body);
        let given: Vec<Attribute> = read(list, "the schema: expected {\"attributes\": [{\"name\", \"type\", ...}]}")?;
        if given.is_empty() {
            return Err(Fault::bad("attributes: expected one or more"));
        }
        check_attributes(&given)?;
        let mut all = self.schema.clone().unwrap_or_default().attributes;
        for attribute in given {
            if let Some(extension) = self.extension(&attribute.name) {
                return Err(Fault::bad(format!("attribute {}: there is an extension of that name", extension.name)));
            }
            match all.iter_mut().find(|known| same(&known.name, &attribute.name)) {
                Some(known) => *known = attribute,
                None => all.push(attribute),
            }
        }
        bound(all.len())?;
        Ok(self.schema.insert(Schema { attributes: all }))
    }

    /// Defines an extension.
    ///
    /// # Errors
    /// [`Fault`] 400
    pub fn define_extension(&mut self, body: &Value) -> Result<&Extension, Fault> {
        let wanted =
            "the extension: expected {\"name\", \"type\": \"single-valued\" or \"multi-valued\", \"attributes\"}";
        let extension: Extension = read(body, wanted)?;
        check_name("name", &extension.name)?;
        check_attributes(&extension.attributes)?;
        if same(&extension.name, PROFILE) || self.extension(&extension.name).is_some() {
            return Err(Fault::bad(format!("name: the extension {} is there already", extension.name)));
        }
        if self.attribute(&extension.name).is_some() {
            return Err(Fault::bad(format!("name: there is an attribute {}", extension.name)));
        }
        for name in &extension.unique {
            if find(&extension.attributes, name).is_none() {
                return Err(Fault::bad(format!("unique: the extension has no attribute {}", shortened(name))));
            }
        }
        bound(self.extensions.len())?;
        self.extensions.push(extension);
        self.extensions.last().ok_or_else(|| Fault::new(500, "the extension is not kept"))
    }

    /// Defines an identification key. The attributes must be there, and all of them in one source.
    ///
    /// # Errors
    /// [`Fault`] 400
    pub fn define_key(&mut self, body: &Value) -> Result<&IdKey, Fault> {
        let mut key: IdKey = read(body, "the key: expected {\"name\", \"attributes\": [...], \"source\", \"unique\"}")?;
        check_name("name", &key.name)?;
        if self.key(&key.name).is_some() {
            return Err(Fault::bad(format!("name: the key {} is there already", key.name)));
        }
        if key.attributes.is_empty() {
            return Err(Fault::bad("attributes: expected one or more"));
        }
        let attributes = if same(&key.source, PROFILE) {
            key.source = IdKey::profile();
            self.schema.as_ref().map_or(&[][..], |schema| &schema.attributes)
        } else {
            let unknown =
                || Fault::bad(format!("source: expected profile or an extension, found {}", shortened(&key.source)));
            let extension = self.extension(&key.source).ok_or_else(unknown)?;
            key.source.clone_from(&extension.name);
            &extension.attributes
        };
        let mut names: Vec<String> = Vec::new();
        for name in &key.attributes {
            let unknown = || {
                let message = format!("attributes: {} has no attribute {}", key.source, shortened(name));
                Fault::bad(message)
            };
            let known = find(attributes, name).ok_or_else(unknown)?;
            if names.contains(&known.name) {
                return Err(Fault::bad(format!("attributes: {} stands twice", known.name)));
            }
            names.push(known.name.clone());
        }
        key.attributes = names;
        bound(self.keys.len())?;
        self.keys.push(key);
        self.keys.last().ok_or_else(|| Fault::new(500, "the key is not kept"))
    }

    /// An attribute of the profile.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.schema.as_ref()?.attributes, name)
    }

    /// An extension.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| same(&extension.name, name))
    }

    /// An identification key.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&IdKey> {
        self.keys.iter().find(|key| same(&key.name, name))
    }
}

pub(super) fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| same(&attribute.name, name))
}

/// A name as an error shows it: what a client sent may be long, or a phone.
pub(super) fn shortened(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("'{shown}'")
}

fn read<T: serde::de::DeserializeOwned>(body: &Value, wanted: &str) -> Result<T, Fault> {
    serde_json::from_value(body.clone()).map_err(|_| Fault::bad(wanted))
}

/// A letter, then letters, digits and underscores.
fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if begins && plain && name.len() <= NAME_MAX {
        return Ok(());
    }
    let wanted = format!("expected a letter and up to {} letters, digits and underscores", NAME_MAX - 1);
    Err(Fault::bad(format!("{what}: {wanted}, found {}", shortened(name))))
}

fn check_attributes(attributes: &[Attribute]) -> Result<(), Fault> {
    bound(attributes.len())?;
    for (at, attribute) in attributes.iter().enumerate() {
        check_name("attributes", &attribute.name)?;
        if attributes.iter().skip(at.saturating_add(1)).any(|other| same(&other.name, &attribute.name)) {
            return Err(Fault::bad(format!("attributes: {} stands twice", attribute.name)));
        }
    }
    Ok(())
}

fn bound(found: usize) -> Result<(), Fault> {
    if found < LENGTH_MAX {
        return Ok(());
    }
    Err(Fault::bad(format!("there are {found} definitions, limit is {LENGTH_MAX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Metadata {
        let mut metadata = Metadata::default();
        let profile = json!([{"name": "FirstName", "type": "string"}, {"name": "PhoneNumber"},
            {"name": "EmailAddress", "length": 256}]);
        metadata.define_profile(&profile).unwrap();
        let address = json!({"name": "Address", "type": "single-valued", "attributes": [
            {"name": "AddressType", "type": "integer", "default": 0}, {"name": "City", "type": "string", "length": 32}]});
        metadata.define_extension(&address).unwrap();
        metadata
    }

    #[test]
    fn what_is_defined_is_found_in_any_case_and_survives_being_kept() {
        let mut metadata = sample();
        let key = metadata.define_key(&json!({"name": "Email", "attributes": ["emailaddress"]})).unwrap();
        assert_eq!(key.paths(), ["EmailAddress"]);
        let key = json!({"name": "idCity", "source": "address", "attributes": ["City"], "unique": true});
        assert_eq!(metadata.define_key(&key).unwrap().paths(), ["Address.City"]);
        assert_eq!(
            metadata.key("IDCITY").unwrap().shown(),
            json!({"name": "idCity", "attributes": ["Address.City"],
            "unique": true})
        );
        assert!(metadata.attribute("firstname").is_some() && metadata.extension("ADDRESS").is_some());
        let kept = serde_json::to_string(&metadata).unwrap();
        assert_eq!(serde_json::from_str::<Metadata>(&kept).unwrap(), metadata);
    }

    #[test]
    fn a_schema_grows_and_changes_by_what_is_given() {
        let mut metadata = sample();
        metadata.define_profile(&json!({"attributes": [{"name": "DOB", "type": "date"}]})).unwrap();
        metadata.define_profile(&json!([{"name": "dob", "type": "datetime"}])).unwrap();
        let all = &metadata.schema.as_ref().unwrap().attributes;
        assert_eq!((all.len(), all.last().unwrap().kind), (4, AttributeType::DateTime));
    }

    #[test]
    fn definitions_that_make_no_sense_are_refused() {
        let long = "a".repeat(27);
        for body in [
            json!(null),
            json!([]),
            json!("FirstName"),
            json!([{"name": "1a"}]),
            json!([{"name": ""}]),
            json!([{"name": "a b"}]),
            json!([{"name": long}]),
            json!([{"name": "a", "type": "blob"}]),
            json!([{"name": "a"}, {"name": "A"}]),
            json!([{"name": "Address"}]),
        ] {
            assert_eq!(sample().define_profile(&body).unwrap_err().code, 400, "{body}");
        }
        for body in [
            json!({"name": "Address", "type": "single-valued"}),
            json!({"name": "profile", "type": "single-valued"}),
            json!({"name": "FirstName", "type": "single-valued"}),
            json!({"name": "x"}),
            json!({"name": "x", "type": "single"}),
            json!({"name": long, "type": "single-valued"}),
            json!({"name": "x", "type": "multi-valued", "unique": ["b"], "attributes": [{"name": "a"}]}),
        ] {
            assert_eq!(sample().define_extension(&body).unwrap_err().code, 400, "{body}");
        }
        let mut metadata = sample();
        metadata.define_key(&json!({"name": "Email", "attributes": ["EmailAddress"]})).unwrap();
        for body in [
            json!({"name": "email", "attributes": ["FirstName"]}),
            json!({"name": "x", "attributes": []}),
            json!({"name": "x", "attributes": ["Nothing"]}),
            json!({"name": "x", "attributes": ["FirstName", "Address.City"]}),
            json!({"name": "x", "source": "Address", "attributes": ["City", "FirstName"]}),
            json!({"name": "x", "source": "Nowhere", "attributes": ["City"]}),
            json!({"name": "x", "attributes": ["FirstName", "firstname"]}),
            json!({"name": long, "attributes": ["FirstName"]}),
            json!({"attributes": ["FirstName"]}),
        ] {
            assert_eq!(metadata.define_key(&body).unwrap_err().code, 400, "{body}");
        }
    }
}
