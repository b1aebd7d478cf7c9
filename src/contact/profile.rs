//! How a file becomes contacts: everything that a user may choose (specification 1 and 1.1).

use super::words::words;

/// All choices of an import. Saved profiles, flags and the settings of the four systems end here.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(default))]
pub struct ImportProfile {
    /// Its name; empty = not saved.
    pub name: String,
    /// Whose rules apply where systems differ.
    pub source: SourceKind,
    /// (header in the file, attribute); headers that are not named keep their name, unless `only_mapped`.
    pub mapping: Vec<(String, String)>,
    /// Headers that are not read.
    pub ignored: Vec<String>,
    /// Columns that are not in `mapping` are not read, and reported once.
    pub only_mapped: bool,
    /// The column of the contact's id.
    pub id_column: Option<String>,
    /// The column of 0 and 1.
    pub callable_column: Option<String>,
    /// (column, kind, zone column)
    pub phone_columns: Vec<super::PhoneColumn>,
    /// Columns of mail addresses.
    pub email_columns: Vec<String>,
    /// The column that names the zone of a contact.
    pub tz_column: Option<String>,
    /// The column that names the country of a contact's national phones.
    pub country_column: Option<String>,
    /// Source of external ids that have no other.
    pub external_source: String,
    /// In order; none = every record is new.
    pub match_keys: Vec<MatchKey>,
    /// What a hit does.
    pub on_match: OnMatch,
    /// Where is looked for hits.
    pub scope: MatchScope,
    /// What an empty cell does to a value that is there.
    pub empty: EmptyPolicy,
    /// What a column that is absent does: whole records are replaced.
    pub replace_whole: bool,
    /// Blanks at both ends go.
    pub trim: bool,
    /// What is done with phones that cannot be read.
    pub phones: PhonePolicy,
    /// ISO 3166; empty = none, national numbers cannot be read.
    pub default_country: String,
    /// Digits without plus are E.164 (jtel).
    pub plusless: bool,
    /// A contact without a phone fails.
    pub phone_required: bool,
    /// What is done with a phone or customer on the do-not-call list.
    pub dnc: DncPolicy,
    /// `auto` or a label of WHATWG.
    pub encoding: String,
    /// `None` = found out.
    pub delimiter: Option<char>,
    /// Records with more or fewer cells than the header.
    pub ragged: Ragged,
    /// Errors that are allowed; `None` = any number.
    pub max_errors: Option<u64>,
    /// Share of errors that is allowed, in hundredths of a percent, looked at every 1,000 records.
    pub max_error_share: Option<u32>,
    /// First record that is read, from 1.
    pub start_from: u64,
    /// The file was exported by us: one leading `'` of a marked cell goes.
    pub from_export: bool,
    /// An update sets attempts, results and times back.
    pub clear_system_data: bool,
    /// Nothing is imported when a record fails.
    pub atomic: bool,
    /// The list, by name.
    pub target_list: Option<String>,
    /// What attributes must be.
    pub rules: Vec<super::FieldRule>,
    /// (attribute, text): its value where the column is absent or the cell is empty.
    pub defaults: Vec<(String, String)>,
    /// Characters of any value; `None` = as the limits of the file say.
    pub max_value_chars: Option<u32>,
}

words! {
    /// A system.
    SourceKind {
        /// Our own interface.
        Native = "native",
        /// A: contact lists of Genesys Cloud.
        GenesysCloud = "genesys_cloud",
        /// B: external contacts, the new flow.
        External = "external",
        /// B: the classic flow.
        Classic = "classic",
        /// C: profiles of UCS.
        Ucs = "ucs",
        /// D: jtel.
        Jtel = "jtel",
    }
}

/// What a contact is found by. An empty value never matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(rename_all = "snake_case"))]
pub enum MatchKey {
    /// Its id.
    Id,
    /// An external id of this source.
    ExternalId(String),
    /// A mail address, letters' case ignored.
    Email,
    /// A phone in E.164.
    Phone,
    /// What requests for a customer name it by: `UserData` of jtel.
    Customer,
    /// Attributes that together are a key, in this order.
    Attributes {
        /// Name of the key.
        name: String,
        /// All of them must have a value and be equal.
        attributes: Vec<String>,
    },
}

/// As `--match` takes it.
impl std::fmt::Display for MatchKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id => out.write_str("id"),
            Self::ExternalId(source) => write!(out, "external_id:{source}"),
            Self::Email => out.write_str("email"),
            Self::Phone => out.write_str("phone"),
            Self::Customer => out.write_str("customer"),
            Self::Attributes { name, attributes } => write!(out, "key:{name}={}", attributes.join("+")),
        }
    }
}

/// A key that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected id, external_id:SOURCE, email, phone, customer or key:NAME=ATTRIBUTE+ATTRIBUTE, found {0:?}")]
pub struct WrongKey(pub String);

impl std::str::FromStr for MatchKey {
    type Err = WrongKey;

    fn from_str(text: &str) -> Result<Self, WrongKey> {
        let wrong = || WrongKey(text.to_owned());
        match text.split_once(':') {
            None => match text {
                "id" => Ok(Self::Id),
                "email" => Ok(Self::Email),
                "phone" => Ok(Self::Phone),
                "customer" => Ok(Self::Customer),
                _ => Err(wrong()),
            },
            Some(("external_id", source)) if !source.is_empty() => Ok(Self::ExternalId(source.to_owned())),
            Some(("key", rest)) => {
                let (name, attributes) = rest.split_once('=').unwrap_or((rest, rest));
                let attributes: Vec<_> = attributes.split('+').map(str::to_owned).collect();
                let full = !name.is_empty() && attributes.iter().all(|attribute| !attribute.is_empty());
                full.then(|| Self::Attributes { name: name.to_owned(), attributes }).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }
}

words! {
    /// What a hit does (specification 1.1).
    OnMatch {
        /// Nothing is looked for.
        CreateAlways = "create_always",
        /// The record is passed over; several hits are an error.
        Skip = "skip",
        /// The contact takes the record's values; several hits are an error.
        Overwrite = "overwrite",
        /// The first hit takes the record's values.
        UpdateFirst = "update_first",
        /// All hits become one contact.
        MergeAll = "merge_all",
    }
}

words! {
    /// Where is looked for hits.
    MatchScope {
        /// In the list.
        List = "list",
        /// In all lists and outside of them.
        Tenant = "tenant",
    }
}

words! {
    /// What an empty cell does on an update.
    EmptyPolicy {
        /// The value stays.
        Keep = "keep",
        /// The value goes.
        Clear = "clear",
    }
}

words! {
    /// What is done with a phone that cannot be made E.164.
    PhonePolicy {
        /// The record fails.
        Require = "require",
        /// It is kept, and not dialed.
        Warn = "warn",
        /// It is kept, and dialed as it is.
        AsIs = "asis",
    }
}

words! {
    /// What is done with who must not be called.
    DncPolicy {
        /// Stored, and never dialed.
        NoCall = "nocall",
        /// Passed over.
        Skip = "skip",
        /// The record fails.
        Error = "error",
    }
}

words! {
    /// Records whose cells are not as many as the header's.
    Ragged {
        /// The record fails.
        Error = "error",
        /// Short ones are filled with empty cells; empty cells too many are dropped.
        Pad = "pad",
    }
}

impl Default for ImportProfile {
    /// Our own interface, without keys.
    fn default() -> Self {
        Self {
            name: String::new(),
            source: SourceKind::Native,
            mapping: Vec::new(),
            ignored: Vec::new(),
            only_mapped: false,
            id_column: None,
            callable_column: None,
            phone_columns: Vec::new(),
            email_columns: Vec::new(),
            tz_column: None,
            country_column: None,
            external_source: String::new(),
            match_keys: Vec::new(),
            on_match: OnMatch::CreateAlways,
            scope: MatchScope::List,
            empty: EmptyPolicy::Keep,
            replace_whole: false,
            trim: true,
            phones: PhonePolicy::Require,
            default_country: String::new(),
            plusless: false,
            phone_required: true,
            dnc: DncPolicy::NoCall,
            encoding: "auto".to_owned(),
            delimiter: None,
            ragged: Ragged::Error,
            max_errors: None,
            max_error_share: None,
            start_from: 1,
            from_export: false,
            clear_system_data: false,
            atomic: false,
            target_list: None,
            rules: Vec::new(),
            defaults: Vec::new(),
            max_value_chars: None,
        }
    }
}
