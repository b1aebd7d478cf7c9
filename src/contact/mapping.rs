//! From cells to drafts: compiled once from header, profile and list, then filled row by row.
//!
//! A column goes to the attribute of its name, or to what the profile maps it to. Besides attributes there are
//! `external_id:SOURCE`, `organisation.external_id`, `organisation.name` and `organisation.ATTRIBUTE`.

use super::csv::{Cells, Header};
use super::phone::{PhoneLibrary, PhoneReader};
use super::{
    CallingList, Code, Draft, ExternalId, FieldKind, FieldRule, ImportProfile, MatchKey, OrganisationDraft, Phone,
    PhoneColumn, PhonePolicy, REJECT_COLUMNS, Remark, SourceKind, formula, policy,
};

/// Most characters of an id.
const ID_CHARS: u32 = 255;

/// Most characters of `contact_info`.
const CONTACT_INFO_CHARS: u32 = 128;

/// Most external ids of a contact.
pub(super) const EXTERNAL_IDS: usize = 10;

/// A header or profile that cannot be used: exit 2, status 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A column that the profile names is not in the header.
    #[error("{role} column {column:?} is not in the header")]
    Missing {
        /// id, callable, phone, ...
        role: &'static str,
        /// Its name.
        column: String,
    },
    /// The list has no such column.
    #[error("column {0:?} is not in the list")]
    NotInList(String),
    /// Two headers go to one attribute.
    #[error("columns {0:?} and {1:?} both go to attribute {2:?}")]
    Twice(String, String, String),
    /// Keys need a column that is not there.
    #[error("match key {0} has no column")]
    NoKey(String),
    /// Nothing has this code.
    #[error("country {0:?} is unknown, expected a code of ISO 3166")]
    Country(String),
}

/// Where a cell goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Id,
    Callable,
    Attribute(usize),
    Phone(usize),
    ExternalId(String),
    OrganisationId,
    OrganisationName,
    OrganisationAttribute(usize),
}

/// How cells become fields of a draft.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Columns of the file that are not read.
    pub ignored: Vec<String>,
    /// Columns of the list that the file lacks.
    pub absent: Vec<String>,
    /// Cell, header, target.
    steps: Vec<(usize, String, Target)>,
    country: Option<usize>,
    default_country: String,
    plusless: bool,
    policy: PhonePolicy,
    trim: bool,
    from_export: bool,
    max_value_chars: Option<u32>,
    /// Some attribute has a rule, or all have a length.
    checks_values: bool,
    attributes: Vec<(String, Option<FieldRule>)>,
    phones: Vec<Phone>,
    organisation_attributes: Vec<(String, Option<FieldRule>)>,
    organisation_name: Option<FieldRule>,
    organisation_source: Option<String>,
    contact_columns: bool,
    callable_column: bool,
    /// Rules of values that must be there, whose column is absent.
    absent_required: Vec<FieldRule>,
    /// Which attribute has which text where none is given.
    defaults: Vec<(usize, String)>,
    keys: Vec<MatchKey>,
    email_columns: Vec<String>,
    customer_column: Option<String>,
    /// A contact must have an external id: the classic flow.
    needs_external_id: bool,
}

impl Mapping {
    /// Compiles.
    ///
    /// # Errors
    /// [`MappingError`]
    pub fn new(header: &Header, profile: &ImportProfile, list: Option<&CallingList>) -> Result<Self, MappingError> {
        let named = |role, column: &Option<String>| match column {
            None => Ok(None),
            Some(column) => {
                let missing = || MappingError::Missing { role, column: column.clone() };
                header.find(column).map(Some).ok_or_else(missing)
            }
        };
        for (column, _) in &profile.mapping {
            named("mapped", &Some(column.clone()))?;
        }
        let mut mapping = Self {
            ignored: Vec::new(),
            absent: Vec::new(),
            steps: Vec::new(),
            country: named("country", &profile.country_column)?,
            default_country: profile.default_country.clone(),
            plusless: profile.plusless,
            policy: list.and_then(|list| list.phone_policy).unwrap_or(profile.phones),
            trim: profile.trim && !profile.from_export && list.is_none_or(|list| list.trim),
            from_export: profile.from_export,
            max_value_chars: profile.max_value_chars,
            checks_values: profile.max_value_chars.is_some(),
            attributes: Vec::new(),
            phones: Vec::new(),
            organisation_attributes: Vec::new(),
            organisation_name: None,
            organisation_source: None,
            contact_columns: false,
            callable_column: profile.callable_column.is_some(),
            absent_required: Vec::new(),
            defaults: Vec::new(),
            keys: profile.match_keys.clone(),
            email_columns: profile.email_columns.clone(),
            customer_column: list.and_then(|list| list.customer_column.clone()),
            needs_external_id: profile.source == SourceKind::Classic,
        };
        let id = named("id", &profile.id_column)?;
        let callable = named("callable", &profile.callable_column)?;
        named("time zone", &profile.tz_column)?;
        let mut builder = Builder { mapping: &mut mapping, profile, list, taken: Vec::new() };
        for (cell, name) in header.names.iter().enumerate() {
            let plain = if profile.from_export { formula::unmark(name) } else { name.as_str() };
            let mapped = profile.mapping.iter().find(|(from, _)| header.same(from, plain)).map(|(_, to)| to.as_str());
            let is_ignored = profile.ignored.iter().any(|ignored| header.same(ignored, plain));
            let special = id == Some(cell) || callable == Some(cell);
            if id == Some(cell) {
                builder.step(cell, name, Target::Id);
            }
            if callable == Some(cell) {
                builder.step(cell, name, Target::Callable);
            }
            if special && mapped.is_none() && !builder.list_has(plain) {
                continue;
            }
            if REJECT_COLUMNS.contains(&plain) && mapped.is_none() {
                continue;
            }
            if is_ignored || (mapped.is_none() && profile.only_mapped) {
                builder.mapping.ignored.push(name.clone());
                continue;
            }
            let target = builder.canonical(header, mapped.unwrap_or(plain));
            builder.column(cell, name, &target)?;
        }
        mapping.sort_phones(profile, list);
        for (attribute, text) in &profile.defaults {
            let known = mapping.attributes.iter().position(|(name, _)| name == attribute);
            let n = known.unwrap_or(mapping.attributes.len());
            if known.is_none() {
                mapping.attributes.push((attribute.clone(), None));
            }
            mapping.defaults.push((n, text.clone()));
        }
        mapping.check(profile, list)?;
        Ok(mapping)
    }

    /// Phones in the order of the chain: columns as the list has them, values by their index.
    fn sort_phones(&mut self, profile: &ImportProfile, list: Option<&CallingList>) {
        let columns: Vec<_> = phone_columns(profile, list).map(|column| column.column.clone()).collect();
        let place = |phone: &Phone| (columns.iter().position(|column| *column == phone.column), phone.index);
        let mut order: Vec<usize> = (0..self.phones.len()).collect();
        order.sort_by_key(|n| self.phones.get(*n).map(place));
        for (_, _, target) in &mut self.steps {
            if let Target::Phone(n) = target {
                *n = order.iter().position(|old| old == n).unwrap_or(*n);
            }
        }
        self.phones = order.iter().filter_map(|n| self.phones.get(*n).cloned()).collect();
    }

    /// What is left to be checked when all columns have their place.
    fn check(&mut self, profile: &ImportProfile, list: Option<&CallingList>) -> Result<(), MappingError> {
        let has =
            |column: &String| self.has_attribute(column) || self.phones.iter().any(|phone| phone.column == *column);
        for (role, columns) in [
            ("phone", profile.phone_columns.iter().map(|phone| &phone.column).collect::<Vec<_>>()),
            ("email", profile.email_columns.iter().collect()),
        ] {
            // Columns of presets that a file may lack are not in these lists of a user.
            let strict = matches!(profile.source, SourceKind::Native | SourceKind::GenesysCloud);
            if let Some(column) = columns.into_iter().find(|column| strict && !has(column)) {
                return Err(MappingError::Missing { role, column: column.clone() });
            }
        }
        for key in &profile.match_keys {
            let steps = || self.steps.iter().map(|(_, _, target)| target);
            let there = match key {
                MatchKey::Id => profile.id_column.is_some(),
                MatchKey::ExternalId(source) => steps().any(|target| *target == Target::ExternalId(source.clone())),
                MatchKey::Attributes { attributes, .. } => attributes.iter().all(has),
                // These never match where they are absent, and systems name them for all of their files.
                MatchKey::Email | MatchKey::Phone | MatchKey::Customer => true,
            };
            let strict = matches!(profile.source, SourceKind::Native | SourceKind::Ucs);
            if !there && strict {
                return Err(MappingError::NoKey(key.to_string()));
            }
        }
        let columns = list.map(|list| list.columns.as_slice()).unwrap_or_default();
        let is_special = |column: &&String| {
            Some(*column) == profile.id_column.as_ref() || Some(*column) == profile.callable_column.as_ref()
        };
        let absent = columns.iter().filter(|column| !is_special(column) && !has(column)).cloned().collect();
        let required = profile.rules.iter().filter(|rule| rule.required && !has(&rule.attribute)).cloned().collect();
        (self.absent, self.absent_required) = (absent, required);
        self.checks_values |= self.attributes.iter().any(|(_, rule)| rule.is_some());
        Ok(())
    }

    fn has_attribute(&self, column: &str) -> bool {
        self.attributes.iter().any(|(name, _)| name == column)
    }

    /// Attributes that rows may fill, in order.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// Columns of phones that rows may fill, in the order of the chain.
    pub fn phones(&self) -> impl Iterator<Item = &str> {
        self.phones.iter().map(|phone| phone.column.as_str())
    }

    /// Values that must be there and whose column is absent: the classic preset refuses such a header.
    pub fn absent_required(&self) -> impl Iterator<Item = &str> {
        self.absent_required.iter().map(|rule| rule.attribute.as_str())
    }

    /// Says which country the profile names wrongly.
    ///
    /// # Errors
    /// [`MappingError::Country`]
    pub fn check_country(&self, library: &dyn PhoneLibrary) -> Result<(), MappingError> {
        let known = self.default_country.is_empty() || library.knows_country(&self.default_country);
        if known { Ok(()) } else { Err(MappingError::Country(self.default_country.clone())) }
    }

    /// A draft with all names filled in, to be used for every row.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let empty = |names: &[(String, Option<FieldRule>)]| {
            names.iter().map(|(name, _)| (name.clone(), String::new())).collect::<Vec<_>>()
        };
        let organisation = self.organisation_source.as_ref().map(|source| OrganisationDraft {
            external_id: ExternalId { source: source.clone(), value: String::new() },
            name: String::new(),
            attributes: empty(&self.organisation_attributes),
        });
        Draft {
            attributes: empty(&self.attributes),
            phones: self.phones.clone(),
            organisation,
            has_contact: true,
            ..Draft::default()
        }
    }

    /// Fills a draft that [`Mapping::draft`] made with the cells of a row. All checks of a row are done here; what
    /// they found is in `remarks`.
    pub fn fill(&self, draft: &mut Draft, record: u64, line: u64, cells: &Cells<'_>, library: &dyn PhoneLibrary) {
        (draft.record, draft.line) = (record, line);
        draft.id.clear();
        draft.external_ids.clear();
        draft.remarks.clear();
        draft.callable = self.callable_column.then_some(true);
        if let (None, Some(_)) = (&draft.organisation, &self.organisation_source) {
            draft.organisation = self.draft().organisation;
        }
        let country = self.country.map_or("", |cell| self.clean(cells.get(cell)));
        let default_country = self.default_country.as_str();
        let reader = PhoneReader { library, default_country, plusless: self.plusless };
        let (mut contact_filled, mut organisation_filled) = (false, false);
        for (cell, column, target) in &self.steps {
            let value = self.clean(cells.get(*cell));
            let filled = !value.is_empty();
            match target {
                Target::Id => {
                    draft.id.push_str(value);
                    check_length(column, value, ID_CHARS, &mut draft.remarks);
                }
                Target::Callable => match policy::callable(value) {
                    Some(callable) => draft.callable = Some(callable),
                    None => draft.remarks.push(Remark::error(Code::BadCallable, column, "expected 0 or 1")),
                },
                Target::Attribute(n) => {
                    if let Some((_, text)) = draft.attributes.get_mut(*n) {
                        set(text, value);
                    }
                    if self.checks_values {
                        let rule = self.attributes.get(*n).and_then(|(_, rule)| rule.as_ref());
                        self.check_value(rule, column, value, &mut draft.remarks);
                    }
                }
                Target::Phone(n) => {
                    if let Some(phone) = draft.phones.get_mut(*n) {
                        apply_phone(phone, value, country, &reader, self.policy, column, &mut draft.remarks);
                    }
                    check_length(column, value, CONTACT_INFO_CHARS, &mut draft.remarks);
                }
                Target::ExternalId(source) if filled => {
                    let id = ExternalId { source: source.clone(), value: value.to_owned() };
                    draft.external_ids.push(id);
                    check_length(column, value, ID_CHARS, &mut draft.remarks);
                }
                Target::ExternalId(_) => {}
                Target::OrganisationId | Target::OrganisationName | Target::OrganisationAttribute(_) => {
                    self.organisation_cell(draft, column, target, value);
                    organisation_filled |= filled;
                    continue;
                }
            }
            contact_filled |= filled;
        }
        for (n, default) in &self.defaults {
            if let Some((_, text)) = draft.attributes.get_mut(*n).filter(|(_, text)| text.is_empty()) {
                set(text, default);
            }
        }
        for rule in self.absent_required.iter().filter(|_| contact_filled || !organisation_filled) {
            draft.remarks.extend(rule.check(&rule.attribute, ""));
        }
        draft.has_contact = contact_filled || (self.contact_columns && !organisation_filled);
        if !draft.has_contact {
            draft.remarks.retain(|remark| remark.code != Code::MissingRequired);
        }
        if self.needs_external_id && draft.has_contact && draft.external_ids.is_empty() {
            let is_id = |(_, _, target): &&(usize, String, Target)| matches!(target, Target::ExternalId(_));
            let column = self.steps.iter().find(is_id).map_or("", |(_, column, _)| column);
            draft.remarks.push(Remark::error(Code::MissingKey, column, "no id, one is required"));
        }
        self.end_organisation(draft, organisation_filled);
        if let Some(column) = &self.customer_column {
            draft.customer_id = Some(draft.value(column).unwrap_or_default().to_owned());
        }
        draft.find_keys(&self.keys, &self.email_columns);
    }

    fn organisation_cell(&self, draft: &mut Draft, column: &str, target: &Target, value: &str) {
        let Some(organisation) = &mut draft.organisation else { return };
        match target {
            Target::OrganisationId => {
                set(&mut organisation.external_id.value, value);
                check_length(column, value, ID_CHARS, &mut draft.remarks);
            }
            Target::OrganisationName => {
                set(&mut organisation.name, value);
                self.check_value(self.organisation_name.as_ref(), column, value, &mut draft.remarks);
            }
            Target::OrganisationAttribute(n) => {
                if let Some((_, text)) = organisation.attributes.get_mut(*n) {
                    set(text, value);
                }
                let rule = self.organisation_attributes.get(*n).and_then(|(_, rule)| rule.as_ref());
                self.check_value(rule, column, value, &mut draft.remarks);
            }
            _ => {}
        }
    }

    /// A row without values of an organisation has none; one without its id is an error.
    fn end_organisation(&self, draft: &mut Draft, filled: bool) {
        let Some(organisation) = &draft.organisation else { return };
        if !filled {
            draft.organisation = None;
        } else if organisation.external_id.value.is_empty() {
            let message = "an organisation without external id, it could not be found again";
            draft.remarks.push(Remark::error(Code::OrgWithoutId, "", message));
        }
    }

    fn check_value(&self, rule: Option<&FieldRule>, column: &str, value: &str, remarks: &mut Vec<Remark>) {
        if let Some(rule) = rule {
            remarks.extend(rule.check(column, value));
        }
        if let Some(limit) = self.max_value_chars {
            check_length(column, value, limit, remarks);
        }
    }

    fn clean<'a>(&self, cell: &'a str) -> &'a str {
        let cell = if self.from_export { formula::unmark(cell) } else { cell };
        // Most cells have nothing to trim, which two bytes tell.
        let has_blank = match cell.as_bytes() {
            [] => false,
            [first, .., last] => !(first.is_ascii_graphic() && last.is_ascii_graphic()),
            [only] => !only.is_ascii_graphic(),
        };
        if self.trim && has_blank { cell.trim() } else { cell }
    }

    /// Warnings that hold for the whole file.
    #[must_use]
    pub fn warnings(&self) -> Vec<Remark> {
        let warn = |column: &String| Remark::warning(Code::IgnoredColumn, column, "the column is not read");
        self.ignored.iter().map(warn).collect()
    }
}

fn set(text: &mut String, value: &str) {
    text.clear();
    text.push_str(value);
}

fn check_length(column: &str, value: &str, limit: u32, remarks: &mut Vec<Remark>) {
    if let Some(found) = policy::longer_than(value, limit) {
        remarks.push(Remark::error(Code::TooLong, column, format!("{found} characters, limit is {limit}")));
    }
}

/// Gives a phone its raw text and what the policy makes of it.
pub fn apply_phone(
    phone: &mut Phone,
    raw: &str,
    country: &str,
    reader: &PhoneReader<'_>,
    policy: PhonePolicy,
    column: &str,
    remarks: &mut Vec<Remark>,
) {
    set(&mut phone.raw, raw);
    phone.callable = true;
    if PhoneReader::is_plain(raw) {
        set(phone.e164.get_or_insert_with(String::new), raw);
        phone.extension = None;
        return;
    }
    let read = if raw.is_empty() { None } else { reader.read(raw, country) };
    (phone.e164, phone.extension) = match read {
        Some(read) => (Some(read.e164), read.extension),
        None => (None, None),
    };
    if raw.is_empty() || phone.e164.is_some() {
        return;
    }
    let message = "expected a phone as +COUNTRY NUMBER, or a country to read it by";
    match policy {
        PhonePolicy::Require => remarks.push(Remark::error(Code::BadPhone, column, message)),
        PhonePolicy::Warn => {
            phone.callable = false;
            remarks.push(Remark::warning(Code::BadPhone, column, message));
        }
        PhonePolicy::AsIs => {}
    }
}

fn phone_columns<'a>(
    profile: &'a ImportProfile,
    list: Option<&'a CallingList>,
) -> impl Iterator<Item = &'a PhoneColumn> {
    list.into_iter().flat_map(|list| &list.phone_columns).chain(&profile.phone_columns)
}

/// Gives columns their places.
struct Builder<'a> {
    mapping: &'a mut Mapping,
    profile: &'a ImportProfile,
    list: Option<&'a CallingList>,
    /// Attribute and the header that goes there.
    taken: Vec<(String, String)>,
}

impl Builder<'_> {
    fn step(&mut self, cell: usize, name: &str, target: Target) {
        self.mapping.contact_columns |=
            !matches!(target, Target::OrganisationId | Target::OrganisationName | Target::OrganisationAttribute(_));
        self.mapping.steps.push((cell, name.to_owned(), target));
    }

    fn list_has(&self, column: &str) -> bool {
        self.list.is_some_and(|list| list.columns.iter().any(|name| name == column))
    }

    /// The spelling of a name that list, profile and rules use, where headers are compared without case.
    fn canonical(&self, header: &Header, name: &str) -> String {
        let phones = phone_columns(self.profile, self.list).map(|phone| &phone.column);
        let columns = self.list.into_iter().flat_map(|list| &list.columns);
        let rules = self.profile.rules.iter().map(|rule| &rule.attribute);
        let known = columns.chain(phones).chain(&self.profile.email_columns).chain(rules);
        known.into_iter().find(|known| header.same(known, name)).map_or_else(|| name.to_owned(), Clone::clone)
    }

    fn column(&mut self, cell: usize, name: &str, target: &str) -> Result<(), MappingError> {
        if let Some((_, other)) = self.taken.iter().find(|(taken, _)| taken == target) {
            return Err(MappingError::Twice(other.clone(), name.to_owned(), target.to_owned()));
        }
        self.taken.push((target.to_owned(), name.to_owned()));
        if let Some(source) = self.external_source(target) {
            self.step(cell, name, Target::ExternalId(source));
            return Ok(());
        }
        if let Some(part) = target.strip_prefix("organisation.") {
            let source = &self.profile.external_source;
            self.mapping.organisation_source.get_or_insert_with(|| source.clone());
            let n = self.mapping.organisation_attributes.len();
            let place = match part {
                "external_id" => Target::OrganisationId,
                "name" => Target::OrganisationName,
                _ => Target::OrganisationAttribute(n),
            };
            if place == Target::OrganisationName {
                self.mapping.organisation_name = self.rule(target);
            }
            if place == Target::OrganisationAttribute(n) {
                self.mapping.organisation_attributes.push((part.to_owned(), self.rule(target)));
            }
            self.step(cell, name, place);
            return Ok(());
        }
        if let Some(phone) = self.phone(target) {
            let n = self.mapping.phones.len();
            self.mapping.phones.push(phone);
            self.step(cell, name, Target::Phone(n));
            return Ok(());
        }
        // Lists of calls have fixed columns; contacts and profiles of B, C and D take what comes.
        let fixed = self.list.is_some_and(|list| !list.columns.is_empty());
        match self.profile.source {
            SourceKind::GenesysCloud if fixed && !self.list_has(target) => {
                return Err(MappingError::NotInList(name.to_owned()));
            }
            SourceKind::Native if fixed && !self.list_has(target) => {
                self.mapping.ignored.push(name.to_owned());
                return Ok(());
            }
            _ => {}
        }
        let n = self.mapping.attributes.len();
        self.mapping.attributes.push((target.to_owned(), self.rule(target)));
        self.step(cell, name, Target::Attribute(n));
        Ok(())
    }

    fn external_source(&self, target: &str) -> Option<String> {
        match target.strip_prefix("external_id")? {
            "" => Some(self.profile.external_source.clone()),
            rest => rest.strip_prefix(':').map(str::to_owned),
        }
    }

    fn rule(&self, attribute: &str) -> Option<FieldRule> {
        let list = self.list.into_iter().flat_map(|list| &list.rules);
        let rule = self.profile.rules.iter().chain(list).find(|rule| rule.attribute == attribute).cloned();
        let is_email = self.profile.email_columns.iter().any(|column| column == attribute);
        let email = || FieldRule { max_chars: None, ..FieldRule::text(attribute, 0).of(FieldKind::Email) };
        rule.or_else(|| is_email.then(email))
    }

    /// A slot for the phone that a column holds. C writes `PhoneNumber[2]` for a second value.
    fn phone(&self, target: &str) -> Option<Phone> {
        let (base, index) = match target.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((base, index)) if self.profile.source == SourceKind::Ucs => (base, index.parse().ok()?),
            _ => (target, 0),
        };
        let column = phone_columns(self.profile, self.list).find(|column| column.column == base)?;
        let (column, kind) = (column.column.clone(), column.kind.clone());
        Some(Phone { column, kind, index, callable: true, ..Phone::default() })
    }
}

#[cfg(test)]
mod tests;
