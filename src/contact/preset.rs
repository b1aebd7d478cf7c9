//! The rules of each system as an import profile with a name (specification 1.1): what a user's own choices lie over.

use super::external::{self, Criterion, Settings};
use super::{ImportProfile, PhoneColumn, SourceKind, dialler, genesys_cloud, ucs};

/// Source of the external ids of a file that is imported by a preset of B.
pub const EXTERNAL_SOURCE: &str = "external";

/// Names of the presets, and whose rules they are.
pub const PRESETS: [(&str, SourceKind); 5] = [
    ("genesys-cloud", SourceKind::GenesysCloud),
    ("external-contacts", SourceKind::External),
    ("external-contacts-classic", SourceKind::Classic),
    ("ucs", SourceKind::Ucs),
    ("jtel", SourceKind::Jtel),
];

/// The preset of this name.
#[must_use]
pub fn preset(name: &str) -> Option<ImportProfile> {
    let (name, source) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(ImportProfile { name: (*name).to_owned(), ..rules_of(*source) })
}

/// The rules of a system for a file that somebody imports.
#[must_use]
pub fn rules_of(source: SourceKind) -> ImportProfile {
    match source {
        SourceKind::Native => ImportProfile::default(),
        SourceKind::GenesysCloud => genesys_cloud::upload_profile(None),
        SourceKind::External => {
            let settings =
                Settings { matching_criteria: vec![Criterion::Email, Criterion::Phone], ..Settings::default() };
            // Without mappings there is no path that could lead nowhere.
            external::profile(&settings, None, EXTERNAL_SOURCE).unwrap_or_default()
        }
        SourceKind::Classic => external::classic(EXTERNAL_SOURCE),
        SourceKind::Ucs => ImportProfile { phone_columns: vec![column("PhoneNumber".to_owned())], ..ucs::rules() },
        SourceKind::Jtel => {
            let phones = (1..=6).map(|n| column(format!("PhoneNumber{n}")));
            ImportProfile { phone_columns: phones.collect(), ..dialler::profile(false, false, "") }
        }
    }
}

fn column(column: String) -> PhoneColumn {
    PhoneColumn { column, kind: String::new(), time_zone_column: None }
}

#[cfg(test)]
mod tests {
    use super::super::{EmptyPolicy, MatchKey, MatchScope, OnMatch, PhonePolicy};
    use super::*;

    #[test]
    fn each_system_has_the_rules_of_the_table() {
        use EmptyPolicy::{Clear, Keep};
        use PhonePolicy::{AsIs, Require, Warn};
        // trim, empty cell, absent column clears, phones, on-match, scope
        let table = [
            ("genesys-cloud", true, Clear, false, Require, OnMatch::CreateAlways, MatchScope::List),
            ("external-contacts", true, Keep, false, Warn, OnMatch::UpdateFirst, MatchScope::Tenant),
            ("external-contacts-classic", true, Clear, true, Warn, OnMatch::Overwrite, MatchScope::Tenant),
            ("ucs", false, Keep, false, AsIs, OnMatch::CreateAlways, MatchScope::Tenant),
            ("jtel", false, Clear, true, Warn, OnMatch::CreateAlways, MatchScope::List),
        ];
        assert_eq!(table.map(|row| row.0), PRESETS.map(|preset| preset.0));
        for (name, trim, empty, replaces, phones, on_match, scope) in table {
            let found = preset(name).unwrap();
            assert_eq!(
                (found.trim, found.empty, found.replace_whole, found.phones, found.on_match, found.scope),
                (trim, empty, replaces, phones, on_match, scope),
                "{name}"
            );
            assert_eq!(found.name, name);
        }
        let external = |name: &str| preset(name).unwrap().match_keys;
        let id = MatchKey::ExternalId(EXTERNAL_SOURCE.to_owned());
        assert_eq!(external("external-contacts"), [id.clone(), MatchKey::Email, MatchKey::Phone]);
        assert_eq!(external("external-contacts-classic"), [id]);
        assert_eq!(preset("external-contacts-classic").unwrap().default_country, "US");
        assert_eq!(preset("nobody's"), None);
    }
}
