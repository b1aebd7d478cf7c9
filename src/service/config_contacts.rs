//! The sections of contact loading: where files lie, and the interfaces of other systems.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contact::csv::Limits;
use crate::contact::dialler::Release;
use crate::contact::genesys_cloud::ListLimits;
use crate::contact::ucs::Origin;
use crate::service::Config;

/// `[import]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImportSection {
    /// Folder of uploads and of the reports of jobs; absent: `imports` in the folder of the store.
    pub folder: Option<String>,
    /// Jobs that run at a time.
    pub jobs_at_once: usize,
    /// Jobs that may wait for their turn; one more is refused with 429.
    pub jobs_waiting: usize,
    /// Country of national phones, ISO 3166; empty: they cannot be read.
    pub default_country: String,
}

impl Default for ImportSection {
    fn default() -> Self {
        Self { folder: None, jobs_at_once: 4, jobs_waiting: 100, default_country: String::new() }
    }
}

/// `[contact_lists]`: the interface of contact lists in the shape of Genesys Cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactListsSection {
    /// Most columns of a list.
    pub columns: usize,
    /// Most of them that hold phones.
    pub phone_columns: usize,
    /// Most characters of a column's name.
    pub name_chars: u32,
    /// Most characters of a value.
    pub value_chars: u32,
    /// Most contacts of one request.
    pub contacts: usize,
}

impl Default for ContactListsSection {
    fn default() -> Self {
        let ListLimits { columns, phone_columns, name_chars, value_chars, contacts } = ListLimits::DOCUMENTED;
        Self { columns, phone_columns, name_chars, value_chars, contacts }
    }
}

impl ContactListsSection {
    /// How large lists and contacts may be.
    #[must_use]
    pub fn limits(&self) -> ListLimits {
        let Self { columns, phone_columns, name_chars, value_chars, contacts } = *self;
        ListLimits { columns, phone_columns, name_chars, value_chars, contacts }
    }
}

/// `[ucs]`: the interface of UCS profiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UcsSection {
    /// Path in front of its addresses.
    pub base: String,
    /// Folder of the files that an import may name; absent: none can be imported.
    pub import_folder: Option<String>,
    /// Folder of the logs; absent: beside the file.
    pub log_dir: Option<String>,
    /// Tenant where neither file nor request names one.
    pub tenant_id: i64,
    /// Segment where neither file nor request names one.
    pub segment: String,
    /// Name of the calling list that profiles go to; `{tenant}` and `{segment}` are filled in.
    pub list: String,
    /// Most bytes of a file.
    pub file_bytes_max: u64,
}

impl Default for UcsSection {
    fn default() -> Self {
        Self {
            base: "/ucs".into(),
            import_folder: None,
            log_dir: None,
            tenant_id: 1,
            segment: "not-applicable".into(),
            list: "ucs-{tenant}-{segment}".into(),
            file_bytes_max: Limits::NATIVE.file,
        }
    }
}

impl UcsSection {
    /// Whose profiles a call is about that says nothing.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { tenant: self.tenant_id, segment: self.segment.clone() }
    }

    /// Name of the calling list of a tenant's segment.
    #[must_use]
    pub fn list_of(&self, origin: &Origin) -> String {
        self.list.replace("{tenant}", &origin.tenant.to_string()).replace("{segment}", &origin.segment)
    }
}

/// `[jtel]`: the interface of dialler contacts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JtelSection {
    /// Path in front of the `ClientsID` of its addresses.
    pub base: String,
    /// The `ClientsID` that is answered.
    pub clients_id: i64,
    /// How long fields may be: `3.19`, or `older`.
    pub limits: String,
    /// Digits without plus are E.164.
    pub plusless: bool,
}

impl Default for JtelSection {
    fn default() -> Self {
        Self { base: "/rest/v1.0".into(), clients_id: 1, limits: "3.19".into(), plusless: false }
    }
}

/// First parts of addresses that are our own.
const OURS: [&str; 9] = ["v1", "api", "oauth", "uploads", "docs", "openapi.json", "metrics", "ocs", "version"];

impl Config {
    /// Folder of uploads and reports of imports; `None` = one that is gone with the process, as the store is.
    #[must_use]
    pub fn imports_folder(&self) -> Option<PathBuf> {
        if let Some(folder) = &self.import.folder {
            return Some(folder.into());
        }
        let beside = |path: &str| match Path::new(path).extension() {
            Some(_) => Path::new(path).with_extension("imports"),
            None => Path::new(path).join("imports"),
        };
        match self.store.path.as_deref() {
            Some(path) if path != ":memory:" => Some(beside(path)),
            _ => None,
        }
    }

    /// What is wrong with the sections of contact loading: (key, what).
    pub(super) fn check_contacts(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (key, base) in [("ucs.base", &self.ucs.base), ("jtel.base", &self.jtel.base)] {
            let plain = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
            };
            let parts: Vec<&str> = base.split('/').skip(1).collect();
            if !base.starts_with('/') || !parts.iter().all(|part| plain(part)) {
                wrong.push((key.to_owned(), format!("expected a path such as /ucs, found '{base}'")));
            } else if OURS.contains(&parts.first().copied().unwrap_or_default()) {
                wrong.push((key.to_owned(), format!("'{base}' is taken by other addresses")));
            }
        }
        let under = |outer: &str, inner: &str| inner == outer || inner.starts_with(&format!("{outer}/"));
        if under(&self.ucs.base, &self.jtel.base) || under(&self.jtel.base, &self.ucs.base) {
            wrong.push(("jtel.base".into(), "stands inside of ucs.base, or around it".into()));
        }
        if Release::from_word(&self.jtel.limits).is_none() {
            wrong.push(("jtel.limits".into(), format!("expected 3.19 or older, found '{}'", self.jtel.limits)));
        }
        if self.ucs.list.trim().is_empty() {
            wrong.push(("ucs.list".into(), "expected the name of a calling list, found none".into()));
        }
        for (key, number) in [("jobs_at_once", self.import.jobs_at_once), ("jobs_waiting", self.import.jobs_waiting)] {
            if number == 0 {
                wrong.push((format!("import.{key}"), "expected a number above 0, found 0".into()));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_that_would_hide_other_addresses_are_refused() {
        let wrong = |ucs: &str, jtel: &str| {
            let mut config = Config::default();
            (config.ucs.base, config.jtel.base) = (ucs.into(), jtel.into());
            config.check_contacts().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert!(Config::default().check_contacts().is_empty());
        assert!(wrong("/cms/v2", "/jtel").is_empty());
        for base in ["", "ucs", "/", "/ucs/", "/a//b", "/{x}", "/a b", "/*x", "/v1", "/v1/ucs", "/docs", "/api/v2"] {
            assert_eq!(wrong(base, "/rest/v1.0").first().map(String::as_str), Some("ucs.base"), "{base}");
        }
        for (ucs, jtel) in [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a")] {
            assert_eq!(wrong(ucs, jtel), ["jtel.base"], "{ucs} {jtel}");
        }
    }

    #[test]
    fn files_of_imports_lie_in_the_folder_of_the_store() {
        let folder = |path: Option<&str>| {
            let mut config = Config::default();
            config.store.path = path.map(str::to_owned);
            config.imports_folder()
        };
        assert_eq!(folder(Some("data")), Some("data/imports".into()));
        assert_eq!(folder(Some("x/y.sqlite")), Some("x/y.imports".into()));
        assert_eq!((folder(Some(":memory:")), folder(None)), (None, None));
    }
}
