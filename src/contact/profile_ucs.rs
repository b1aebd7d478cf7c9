//! System C: `POST /profiles/import` of UCS (specification 3.C).

use super::words::words;
use super::{
    Code, EmptyPolicy, FieldKind, FieldRule, ImportProfile, MatchKey, MatchScope, OnMatch, Outcome, PhoneColumn,
    PhonePolicy, Ragged, SourceKind,
};

#[cfg(feature = "app")]
mod parameters;

#[cfg(feature = "app")]
pub use parameters::Parameters;

/// What a request is refused with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// HTTP: 400, 401, 403, 404, 405, 415.
    pub status: u16,
    /// For people.
    pub message: String,
}

impl Fault {
    /// One of this status.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// No file, a file outside of the folder, a link: one text for all, so that nobody learns what lies where.
    #[must_use]
    pub fn file() -> Self {
        Self::new(400, "profiles: the file cannot be used")
    }
}

words! {
    /// What the schema says an attribute is.
    AttributeType {
        /// Anything.
        Text = "string",
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "float",
        /// Date and time.
        DateTime = "datetime",
    }
}

/// An attribute of a profile or of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What it is.
    #[cfg_attr(feature = "app", serde(rename = "type"))]
    pub kind: AttributeType,
}

/// A group of attributes beside the profile, one instance a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub attributes: Vec<Attribute>,
}

/// What a profile is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct IdKey {
    /// At most 26 characters.
    pub name: String,
    /// Of the profile, or of one extension.
    pub attributes: Vec<String>,
    /// Two profiles never share it.
    #[cfg_attr(feature = "app", serde(default))]
    pub unique: bool,
}

/// What profiles look like here. Empty = none was defined yet, and nothing can be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(rename_all = "kebab-case", default))]
pub struct Schema {
    /// Of the profile.
    pub attributes: Vec<Attribute>,
    /// Beside it.
    pub extensions: Vec<Extension>,
    /// Identification keys.
    pub id_keys: Vec<IdKey>,
}

/// Longest name of a key or an extension.
const NAME_CHARS: usize = 26;

/// Columns that every file may have.
const STANDARD: [(&str, AttributeType); 2] = [("TenantId", AttributeType::Integer), ("Segment", AttributeType::Text)];

/// Whether a name of a key or an extension may be given: it starts with a letter and has at most 26 characters.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= NAME_CHARS
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A header of C: `PhoneNumber[2]`, `Address.City`, `LastName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// In front of the point.
    pub extension: Option<&'a str>,
    /// The attribute.
    pub attribute: &'a str,
    /// In brackets, from 1.
    pub index: Option<u32>,
}

impl<'a> Column<'a> {
    /// Reads a header; `None` = it cannot be one.
    #[must_use]
    pub fn read(header: &'a str) -> Option<Self> {
        let (name, index) = match header.strip_suffix(']') {
            Some(rest) => {
                let (name, index) = rest.split_once('[')?;
                let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                (name, Some(index.parse().ok().filter(|index| digits && *index >= 1)?))
            }
            None => (header, None),
        };
        let (extension, attribute) = match name.split_once('.') {
            Some((extension, attribute)) => (Some(extension), attribute),
            None => (None, name),
        };
        let full = !attribute.is_empty() && extension != Some("") && !name.contains(['[', ']']);
        full.then_some(Self { extension, attribute, index })
    }
}

impl Schema {
    /// True when nothing was defined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    fn kind(&self, column: Column<'_>) -> Option<AttributeType> {
        let of = |attributes: &[Attribute]| {
            attributes.iter().find(|attribute| attribute.name == column.attribute).map(|attribute| attribute.kind)
        };
        match column.extension {
            Some(name) => of(&self.extensions.iter().find(|extension| extension.name == name)?.attributes),
            None => of(&self.attributes)
                .or_else(|| STANDARD.iter().find(|(name, _)| *name == column.attribute).map(|(_, kind)| *kind)),
        }
    }

    /// Checks a header against the schema: every column must be known.
    ///
    /// # Errors
    /// 400, naming the column
    pub fn check_header(&self, names: &[String]) -> Result<(), Fault> {
        for name in names {
            if Column::read(name).and_then(|column| self.kind(column)).is_none() {
                return Err(Fault::new(400, format!("header: attribute {name} is not in the schema")));
            }
        }
        Ok(())
    }

    /// True when a header has columns of extensions, which want a role of their own.
    #[must_use]
    pub fn has_extensions(names: &[String]) -> bool {
        names.iter().any(|name| Column::read(name).is_some_and(|column| column.extension.is_some()))
    }

    /// Checks a key that is to be defined: known attributes of one source.
    ///
    /// # Errors
    /// 400
    pub fn check_key(&self, key: &IdKey) -> Result<(), Fault> {
        let wrong = |message: String| Err(Fault::new(400, message));
        if !is_name(&key.name) {
            return wrong(format!("name: expected a letter and at most {NAME_CHARS} characters"));
        }
        let columns: Option<Vec<_>> = key.attributes.iter().map(|name| Column::read(name)).collect();
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            return wrong("attributes: expected at least one attribute".to_owned());
        };
        if let Some(column) = columns.iter().find(|column| self.kind(**column).is_none()) {
            return wrong(format!("attributes: {} is not in the schema", column.attribute));
        }
        let first = columns.first().and_then(|column| column.extension);
        if columns.iter().any(|column| column.extension != first) {
            return wrong("attributes: expected attributes of one source".to_owned());
        }
        Ok(())
    }

    /// The rules of an import under this schema. `phones` are the attributes that hold phones.
    ///
    /// # Errors
    /// 404 for an unknown `id-key`, 403 when the schema is empty
    pub fn profile(&self, id_key: Option<&str>, phones: &[String]) -> Result<ImportProfile, Fault> {
        if self.is_empty() {
            return Err(Fault::new(403, "no profile schema is defined yet"));
        }
        let key = match id_key {
            None => None,
            Some(name) => {
                let found = self.id_keys.iter().find(|key| key.name == name);
                Some(found.ok_or_else(|| Fault::new(404, "id-key: no such identification key"))?)
            }
        };
        let own = self.attributes.iter().map(|attribute| (attribute.name.clone(), attribute.kind));
        let others = self.extensions.iter().flat_map(|extension| {
            let name = |attribute: &Attribute| format!("{}.{}", extension.name, attribute.name);
            extension.attributes.iter().map(move |attribute| (name(attribute), attribute.kind))
        });
        let standard = STANDARD.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
        let phone =
            |column: &String| PhoneColumn { column: column.clone(), kind: String::new(), time_zone_column: None };
        Ok(ImportProfile {
            source: SourceKind::Ucs,
            phone_columns: phones.iter().map(phone).collect(),
            match_keys: key.map(match_key).into_iter().collect(),
            on_match: if key.is_some() { OnMatch::Skip } else { OnMatch::CreateAlways },
            scope: MatchScope::Tenant,
            empty: EmptyPolicy::Keep,
            trim: false,
            phones: PhonePolicy::AsIs,
            phone_required: false,
            ragged: Ragged::Error,
            encoding: "utf-8".to_owned(),
            delimiter: Some(','),
            rules: own.chain(others).chain(standard).map(|(name, kind)| rule(&name, kind)).collect(),
            ..ImportProfile::default()
        })
    }
}

fn match_key(key: &IdKey) -> MatchKey {
    MatchKey::Attributes { name: key.name.clone(), attributes: key.attributes.clone() }
}

fn rule(attribute: &str, kind: AttributeType) -> FieldRule {
    let kind = match kind {
        AttributeType::Text => FieldKind::Text,
        AttributeType::Integer => FieldKind::Integer,
        AttributeType::Number => FieldKind::Number,
        AttributeType::DateTime => FieldKind::Timestamp,
    };
    FieldRule { max_chars: None, ..FieldRule::text(attribute, 0).of(kind) }
}

/// `code` of an error list: one of `parse`, `type`, `ragged`, `ambiguous`, `too-long`, `bad-encoding`, `nul-byte`.
#[must_use]
pub fn code_word(code: Code) -> &'static str {
    match code {
        Code::Ragged | Code::Ambiguous | Code::TooLong | Code::BadEncoding | Code::NulByte => code.word(),
        Code::FieldTooLong | Code::RecordTooLong => "too-long",
        Code::Type | Code::BadNumber | Code::BadDate | Code::BadCallable | Code::BadEmail | Code::BadUrl => "type",
        _ => "parse",
    }
}

/// One line of a log, without cell values; `time` is RFC 3339.
#[must_use]
pub fn log_line(time: &str, record: u64, line: u64, outcome: Outcome, error: Option<(Code, &str, &str)>) -> String {
    let plain = |text: &str| text.replace(['\t', '\r', '\n'], " ");
    let (code, attribute, message) =
        error.map_or_else(Default::default, |(code, column, message)| (code_word(code), plain(column), plain(message)));
    format!("{time}\t{record}\t{line}\t{outcome}\t{code}\t{attribute}\t{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::csv::{Framer, Header, HeaderRules, Item, Limits, find_format};
    use crate::contact::phone::PlainOnly;
    use crate::contact::{Draft, Mapping};

    fn attribute(name: &str, kind: AttributeType) -> Attribute {
        Attribute { name: name.to_owned(), kind }
    }

    fn schema() -> Schema {
        let texts = |names: &[&str]| names.iter().map(|name| attribute(name, AttributeType::Text)).collect::<Vec<_>>();
        Schema {
            attributes: texts(&["FirstName", "LastName", "PhoneNumber", "EmailAddress"]),
            extensions: vec![Extension {
                name: "Address".to_owned(),
                attributes: [
                    texts(&["PostCode", "Address", "County", "City", "Country"]),
                    vec![attribute("AddressType", AttributeType::Integer)],
                ]
                .concat(),
            }],
            id_keys: vec![IdKey {
                name: "Email".to_owned(),
                attributes: vec!["EmailAddress".to_owned()],
                unique: true,
            }],
        }
    }

    /// S2's example of a file.
    const SAMPLE: &str = "TenantId,Segment,FirstName,LastName,PhoneNumber[2],PhoneNumber[1],EmailAddress,\
        Address.AddressType,Address.PostCode,Address.Address,Address.County,Address.City,Address.Country\n\
        101,not-applicable,elintakiev,baschambrissi,01-357-296-3696,11-213-036-1987,selinta@ebaschambrissi.net,0,6910,\
        qwe,Tucson,Lithuania,Ocala\n";

    fn drafts(text: &str, id_key: Option<&str>) -> Vec<Draft> {
        let mut framer = Framer::new(find_format(text.as_bytes(), true, "utf-8", Some(',')).unwrap(), Limits::NATIVE);
        framer.push(text.as_bytes());
        framer.finish();
        let rules = HeaderRules { trim: false, ignore_case: false };
        let header = Header::take(&mut framer, rules, &Limits::NATIVE).unwrap().unwrap();
        schema().check_header(&header.names).unwrap();
        framer.expect(header.names.len(), Ragged::Error);
        let profile = schema().profile(id_key, &["PhoneNumber".to_owned()]).unwrap();
        let mapping = Mapping::new(&header, &profile, None).unwrap();
        let (mut draft, mut all) = (mapping.draft(), Vec::new());
        while let Item::Row(row) = framer.next() {
            mapping.fill(&mut draft, row.record, row.line, &row.cells.unwrap(), &PlainOnly);
            all.push(draft.clone());
        }
        all
    }

    #[test]
    fn the_documents_sample_row_loads() {
        // Example C1.
        let draft = &drafts(SAMPLE, Some("Email"))[0];
        assert!(draft.remarks.is_empty(), "{:?}", draft.remarks);
        let phones: Vec<_> =
            draft.phones.iter().map(|phone| (phone.index, phone.raw.as_str(), phone.callable)).collect();
        assert_eq!(phones, [(1, "11-213-036-1987", true), (2, "01-357-296-3696", true)]);
        assert_eq!(draft.value("Address.City"), Some("Lithuania"));
        assert_eq!(draft.keys[0].value, "selinta@ebaschambrissi.net");
    }

    #[test]
    fn types_are_those_of_the_schema_and_fail_as_type() {
        let text = SAMPLE.replacen("101,", "abc,", 1);
        let draft = &drafts(&text, None)[0];
        assert_eq!(
            draft.error().map(|error| (code_word(error.code), error.column.as_str())),
            Some(("type", "TenantId"))
        );
    }

    #[test]
    fn headers_have_a_grammar_and_unknown_ones_are_named() {
        let read = |text| Column::read(text).map(|column| (column.extension, column.attribute, column.index));
        assert_eq!(read("PhoneNumber[12]"), Some((None, "PhoneNumber", Some(12))));
        assert_eq!(read("Address.City"), Some((Some("Address"), "City", None)));
        for wrong in ["", "A[0]", "A[]", "A[+1]", "A[x]", "A]", "[1]", ".City", "Address.", "A[1", "A[99999999999]"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let error = schema().check_header(&["FirstName".to_owned(), "Address.Planet".to_owned()]).unwrap_err();
        assert_eq!(
            (error.status, error.message.as_str()),
            (400, "header: attribute Address.Planet is not in the schema")
        );
        assert!(Schema::has_extensions(&["Address.City".to_owned()]) && !Schema::has_extensions(&["City".to_owned()]));
    }

    #[test]
    fn keys_are_of_one_source() {
        let key = |attributes: &[&str]| IdKey {
            name: "K".to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            unique: false,
        };
        assert_eq!(schema().check_key(&key(&["FirstName", "LastName"])), Ok(()));
        for wrong in [&["FirstName", "Address.City"][..], &[], &["Nobody"]] {
            assert_eq!(schema().check_key(&key(wrong)).unwrap_err().status, 400);
        }
        assert!(is_name("Address") && !is_name("1st") && !is_name(&"x".repeat(27)));
    }

    #[test]
    fn without_schema_or_key_there_is_a_fault() {
        // Example C7.
        let status = |schema: &Schema, key| schema.profile(key, &[]).unwrap_err().status;
        assert_eq!((status(&Schema::default(), None), status(&schema(), Some("Nobody"))), (403, 404));
    }

    #[test]
    fn a_line_of_the_log_has_no_line_end_within() {
        let line = log_line("t", 4, 6, Outcome::Failed, Some((Code::Ambiguous, "Email", "2 profiles\tmatch\n")));
        assert_eq!(line, "t\t4\t6\tfailed\tambiguous\tEmail\t2 profiles match \n");
        assert_eq!(log_line("t", 1, 2, Outcome::Created, None), "t\t1\t2\tcreated\t\t\t\n");
    }
}
