//! System B: external contacts and organisations of Genesys Cloud, the new flow and the classic one (specification 3.B).

#[cfg(feature = "app")]
pub mod shape;

use super::words::words;
use super::{
    EmptyPolicy, FieldKind, FieldRule, ImportProfile, MatchKey, MatchScope, OnMatch, PhoneColumn, PhonePolicy,
    SourceKind, same_field,
};

words! {
    /// `matchingCriteria`, in the user's order.
    Criterion {
        /// Any mail address of the row.
        Email = "Email",
        /// Any phone of the row.
        Phone = "Phone",
    }
}

/// Phones of a contact: field and kind.
pub const PHONES: [(&str, &str); 4] =
    [("workPhone", "work"), ("cellPhone", "cell"), ("homePhone", "home"), ("otherPhone", "other")];

/// Mail addresses of a contact.
pub const EMAILS: [&str; 3] = ["workEmail", "personalEmail", "otherEmail"];

/// Texts of a contact and their characters [sdk P].
const TEXTS: &[(&str, u32)] = &[
    ("firstName", 1000),
    ("middleName", 1000),
    ("lastName", 1000),
    ("salutation", 1000),
    ("title", 1000),
    ("address.address1", 200),
    ("address.address2", 200),
    ("address.city", 100),
    ("address.state", 50),
    ("address.postalCode", 25),
    ("address.countryCode", 25),
];

/// Texts of an organisation and their characters.
const ORGANISATION_TEXTS: &[(&str, u32)] = &[
    ("name", 1000),
    ("address.address1", 200),
    ("address.address2", 200),
    ("address.city", 100),
    ("address.state", 50),
    ("address.postalCode", 25),
    ("address.countryCode", 25),
];

/// The country in which the national phones of a row are read; one column says it for all of them.
const PHONE_COUNTRY: &str = ".normalizationCountryCode";

/// Address of a contact in another system.
const URL: &str = "externalSystemUrl";

/// Most characters of the name of an external source.
pub const SOURCE_CHARS: u32 = 200;

/// What a user chose for a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(rename_all = "camelCase", default))]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// How contacts are found, besides their external id.
    pub matching_criteria: Vec<Criterion>,
    /// All that match become one.
    pub merge_contacts: bool,
    /// The source of the external ids.
    pub external_source_id: Option<String>,
    /// Fields that are read, or not.
    pub import_fields: Vec<ImportField>,
}

/// Whether a field is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(rename_all = "camelCase", default))]
pub struct ImportField {
    /// Its name, with or without path.
    pub name: String,
    /// It is; so is one of which nothing else is said.
    pub included: bool,
}

impl Default for ImportField {
    fn default() -> Self {
        Self { name: String::new(), included: true }
    }
}

/// Where a header goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "app", serde(rename_all = "camelCase", default))]
pub struct FieldMapping {
    /// The header.
    pub source_field: String,
    /// A path such as `$.contact.workEmail`.
    pub target_field: String,
}

/// A path that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a target such as $.contact.workEmail or $.organization.name, found {0:?}")]
pub struct UnknownTarget(pub String);

/// The target of a mapping for a path; the leading `$.` is optional.
///
/// # Errors
/// [`UnknownTarget`]
pub fn target(path: &str) -> Result<String, UnknownTarget> {
    let unknown = || UnknownTarget(path.to_owned());
    let plain = path.trim();
    let plain = plain.strip_prefix("$.").unwrap_or(plain);
    let (object, field) = plain.split_once('.').ok_or_else(unknown)?;
    if field.is_empty() || field.split('.').any(str::is_empty) {
        return Err(unknown());
    }
    // `externalIds[0].externalId.value`: there is one, in the source that the settings choose.
    let is_id = field == "id" || field.split(['.', '[']).next().is_some_and(is_external_id);
    match object {
        "contact" | "externalContact" if is_id => Ok(EXTERNAL_ID.to_owned()),
        "contact" | "externalContact" if field == "workEmail.address" => Ok("workEmail".to_owned()),
        "contact" | "externalContact" => Ok(field.strip_suffix(".display").unwrap_or(field).to_owned()),
        "organization" | "externalOrganization" | "organisation" if is_id => Ok(format!("organisation.{EXTERNAL_ID}")),
        "organization" | "externalOrganization" | "organisation" => Ok(format!("organisation.{field}")),
        _ => Err(unknown()),
    }
}

/// What mappings call the external id.
const EXTERNAL_ID: &str = "external_id";

fn is_external_id(field: &str) -> bool {
    matches!(field, "externalId" | "externalIds")
}

/// Sends the columns of a header to the fields of their names, where nobody has said where they go. Fields that are not
/// included are left out.
#[must_use]
pub fn with_equal_names(mut profile: ImportProfile, header: &[String]) -> ImportProfile {
    for (column, to) in equal_names(header) {
        if profile.ignored.contains(&to) {
            profile.ignored.push(column);
        } else {
            profile.mapping.push((column, to));
        }
    }
    profile
}

/// Columns that are fields, as a path or plainly; case and `_` do not count.
fn equal_names(header: &[String]) -> Vec<(String, String)> {
    let texts = TEXTS.iter().map(|(name, _)| *name);
    let phones = PHONES.iter().map(|(name, _)| *name);
    let known: Vec<&str> = texts.chain(phones).chain(EMAILS).chain([URL]).collect();
    let place = |column: &String| {
        let path = target(column).ok();
        let id = || ["externalId", "externalIds"].iter().any(|name| same_field(name, column));
        let field = || known.iter().find(|name| same_field(name, column)).map(|name| (*name).to_owned());
        let to = path.or_else(|| id().then(|| EXTERNAL_ID.to_owned())).or_else(field)?;
        Some((column.clone(), to))
    };
    header.iter().filter_map(place).collect()
}

/// Rules of the new flow: what is checked, however the columns are called.
fn rules() -> Vec<FieldRule> {
    let texts = TEXTS.iter().map(|(name, chars)| FieldRule::text(name, *chars));
    let emails = EMAILS.iter().map(|name| FieldRule::text(name, 256).of(FieldKind::Email));
    let url = |name| FieldRule::text(name, 1000).of(FieldKind::Url);
    let organisation =
        ORGANISATION_TEXTS.iter().map(|(name, chars)| FieldRule::text(&format!("organisation.{name}"), *chars));
    let urls = [url(URL), url("organisation.externalSystemUrl")];
    texts.chain(emails).chain(organisation).chain(urls).collect()
}

fn base(source: SourceKind, external_source: &str) -> ImportProfile {
    let phone = |(column, kind): &(&str, &str)| PhoneColumn {
        column: (*column).to_owned(),
        kind: (*kind).to_owned(),
        time_zone_column: None,
    };
    ImportProfile {
        source,
        external_source: external_source.to_owned(),
        phone_columns: PHONES.iter().map(phone).collect(),
        email_columns: EMAILS.map(str::to_owned).to_vec(),
        scope: MatchScope::Tenant,
        phones: PhonePolicy::Warn,
        phone_required: false,
        encoding: "utf-8".to_owned(),
        delimiter: Some(','),
        rules: rules(),
        ..ImportProfile::default()
    }
}

/// The profile of saved settings. With mappings, only these columns are read; without, a column goes to the field of its
/// name. `external_source` is the name of the source that the settings choose.
///
/// # Errors
/// [`UnknownTarget`]
pub fn profile(
    settings: &Settings,
    mappings: Option<&[FieldMapping]>,
    external_source: &str,
) -> Result<ImportProfile, UnknownTarget> {
    let key = |criterion: &Criterion| match criterion {
        Criterion::Email => MatchKey::Email,
        Criterion::Phone => MatchKey::Phone,
    };
    let external = MatchKey::ExternalId(external_source.to_owned());
    let name_of = |path: &str| target(path).unwrap_or_else(|_| path.to_owned());
    let excluded: Vec<_> =
        settings.import_fields.iter().filter(|field| !field.included).map(|field| name_of(&field.name)).collect();
    let mut mapping = Vec::new();
    let mut ignored = Vec::new();
    let mut country_column = None;
    for FieldMapping { source_field, target_field } in mappings.unwrap_or_default() {
        let target = target(target_field)?;
        if excluded.contains(&target) {
            ignored.push(source_field.clone());
        } else if target.ends_with(PHONE_COUNTRY) {
            country_column.get_or_insert_with(|| source_field.clone());
        } else {
            mapping.push((source_field.clone(), target));
        }
    }
    if mappings.is_none() {
        ignored = excluded;
    }
    Ok(ImportProfile {
        name: settings.name.clone(),
        mapping,
        ignored,
        only_mapped: mappings.is_some(),
        country_column,
        match_keys: [external].into_iter().chain(settings.matching_criteria.iter().map(key)).collect(),
        on_match: if settings.merge_contacts { OnMatch::MergeAll } else { OnMatch::UpdateFirst },
        ..base(SourceKind::External, external_source)
    })
}

/// A header of the classic flow that lacks columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header lacks {}, names are case-sensitive", .0.join(", "))]
pub struct ClassicHeader(pub Vec<&'static str>);

/// The profile of the classic flow for a header: a used id replaces the whole record.
///
/// # Errors
/// [`ClassicHeader`]
pub fn classic_profile(header: &[String], external_source: &str) -> Result<ImportProfile, ClassicHeader> {
    let has = |name: &&str| header.iter().any(|column| column == name);
    let speaks_of = |prefix: &str| header.iter().any(|column| column.starts_with(prefix));
    let mut wanted = Vec::new();
    if speaks_of("Contact ") || !speaks_of("Account ") {
        wanted.extend(["Contact Id", "Contact First Name", "Contact Last Name"]);
    }
    if speaks_of("Account ") {
        wanted.extend(["Account Id", "Account Name"]);
    }
    wanted.retain(|name| !has(name));
    if !wanted.is_empty() {
        return Err(ClassicHeader(wanted));
    }
    let place = |column: &String| {
        let target = match column.as_str() {
            "Contact Id" => "external_id".to_owned(),
            "Account Id" => "organisation.external_id".to_owned(),
            "Account Name" => "organisation.name".to_owned(),
            name => match (name.strip_prefix("Contact "), name.strip_prefix("Account ")) {
                (Some(rest), _) => classic_field(rest),
                (_, Some(rest)) => format!("organisation.{}", classic_field(rest)),
                (None, None) => return None,
            },
        };
        Some((column.clone(), target))
    };
    Ok(ImportProfile {
        mapping: header.iter().filter_map(place).collect(),
        only_mapped: true,
        ..classic(external_source)
    })
}

/// The rules of the classic flow, for any header.
#[must_use]
pub fn classic(external_source: &str) -> ImportProfile {
    ImportProfile {
        match_keys: vec![MatchKey::ExternalId(external_source.to_owned())],
        on_match: OnMatch::Overwrite,
        empty: EmptyPolicy::Clear,
        replace_whole: true,
        default_country: "US".to_owned(),
        ..base(SourceKind::Classic, external_source)
    }
}

/// `First Name` -> `firstName`, `Address City` -> `address.city`.
fn classic_field(words: &str) -> String {
    let mut name = String::new();
    for (n, word) in words.split_whitespace().enumerate() {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        let first = if n == 0 { first.to_lowercase() } else { first.to_uppercase() };
        name.push_str(&first);
        name.push_str(rest);
    }
    match name.as_str() {
        "address1" | "address2" | "city" | "state" | "postalCode" | "countryCode" => format!("address.{name}"),
        "country" | "addressCountry" => "address.countryCode".to_owned(),
        _ => match name.strip_prefix("address").filter(|rest| !rest.is_empty()) {
            Some(rest) => format!(
                "address.{}{}",
                rest.get(..1).unwrap_or_default().to_lowercase(),
                rest.get(1..).unwrap_or_default()
            ),
            None => name,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_fields() {
        for (path, wanted) in [
            ("$.contact.workEmail", "workEmail"),
            ("contact.address.city", "address.city"),
            ("$.contact.workPhone.display", "workPhone"),
            ("$.contact.externalIds", "external_id"),
            ("$.contact.externalIds[0].externalId.value", "external_id"),
            ("$.contact.externalSystemUrl", "externalSystemUrl"),
            ("$.externalOrganization.externalId", "organisation.external_id"),
            ("$.organization.name", "organisation.name"),
        ] {
            assert_eq!(target(path).as_deref(), Ok(wanted), "{path}");
        }
        for wrong in ["", "$.", "workEmail", "$.contact.", "$.contact..x", "$.nobody.x"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn columns_without_a_mapping_go_to_the_field_of_their_name() {
        let header =
            ["FIRST_NAME", "$.contact.workEmail", "externalid", "organization.name", "Note"].map(str::to_owned);
        let found = equal_names(&header);
        let targets: Vec<_> = found.iter().map(|(_, to)| to.as_str()).collect();
        assert_eq!(targets, ["firstName", "workEmail", "external_id", "organisation.name"]);
        let without = ImportProfile { ignored: vec!["firstName".to_owned()], ..ImportProfile::default() };
        let without = with_equal_names(without, &header);
        assert_eq!(without.ignored, ["firstName", "FIRST_NAME"]);
        assert_eq!(without.mapping.len(), 3);
    }

    #[test]
    fn settings_are_a_profile_with_keys_in_the_users_order() {
        let settings = Settings {
            name: "S".to_owned(),
            matching_criteria: vec![Criterion::Phone, Criterion::Email],
            merge_contacts: true,
            import_fields: vec![ImportField { name: "$.contact.title".to_owned(), included: false }],
            ..Settings::default()
        };
        let country = ("Country", "$.contact.workPhone.normalizationCountryCode");
        let mappings = [("Mail", "$.contact.workEmail"), country, ("Title", "$.contact.title")]
            .map(|(from, to)| FieldMapping { source_field: from.to_owned(), target_field: to.to_owned() });
        let found = profile(&settings, Some(&mappings), "crm").unwrap();
        assert_eq!(found.match_keys, [MatchKey::ExternalId("crm".to_owned()), MatchKey::Phone, MatchKey::Email]);
        assert_eq!((found.on_match, found.only_mapped), (OnMatch::MergeAll, true));
        assert_eq!(found.country_column.as_deref(), Some("Country"));
        assert_eq!(
            (found.mapping, found.ignored),
            (vec![("Mail".to_owned(), "workEmail".to_owned())], vec!["Title".to_owned()])
        );
        let plain = profile(&Settings { merge_contacts: false, ..settings }, None, "crm").unwrap();
        assert_eq!((plain.on_match, plain.ignored.as_slice()), (OnMatch::UpdateFirst, &["title".to_owned()][..]));
    }

    #[test]
    fn the_classic_flow_names_what_its_header_lacks() {
        // Example B6.
        let header = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wrong = classic_profile(&header(&["contact id", "contact first name"]), "classic").unwrap_err();
        assert_eq!(wrong.0, ["Contact Id", "Contact First Name", "Contact Last Name"]);
        assert_eq!(classic_profile(&header(&["Account Name"]), "classic").unwrap_err().0, ["Account Id"]);
        let good = classic_profile(
            &header(&[
                "Contact Id",
                "Contact First Name",
                "Contact Last Name",
                "Contact Work Phone",
                "Contact Postal Code",
                "Contact Address City",
                "Note",
            ]),
            "classic",
        );
        let targets: Vec<_> = good.unwrap().mapping.into_iter().map(|(_, to)| to).collect();
        assert_eq!(
            targets,
            ["external_id", "firstName", "lastName", "workPhone", "address.postalCode", "address.city"]
        );
    }
}
