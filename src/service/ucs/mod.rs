//! C: profiles of UCS on the one store: their definitions, imports of files that lie on this machine, questions.
//!
//! ```text
//! Request -> confined file -> copy (an upload) -> header against Metadata -> job -> outcome file -> Answer, log
//! ```
//!
//! A job works on a copy: what lies in the import folder may be changed by others while it runs.

mod import;
mod report;

use serde_json::Value;

use crate::contact::Contact;
use crate::contact::Draft;
use crate::contact::MatchKey;
use crate::contact::ucs::{Fault, IdKey, Metadata, Origin, match_key};
use crate::service::UcsSection;
use crate::service::import::{ImportError, ImportService};
use crate::store::contacts::SavedProfile;

pub use import::{Interrupted, Prepared};

/// The kind of saved profile that holds definitions.
const KIND: &str = "ucs-metadata";

/// Tries to change definitions that somebody else changes at the same time.
const TRIES: usize = 8;

/// Profiles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ucs {
    imports: ImportService,
    section: UcsSection,
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        let code = match &error {
            ImportError::Io(_) | ImportError::Store(_) => 500,
            ImportError::Busy(_) => 429,
            _ => 400,
        };
        Self::new(code, error.to_string())
    }
}

impl Ucs {
    /// On this store, as the configuration says.
    #[must_use]
    pub fn new(imports: ImportService, section: UcsSection) -> Self {
        Self { imports, section }
    }

    /// Whose profiles a call is about.
    ///
    /// # Errors
    /// [`Fault`] 400 names the header.
    pub fn origin(&self, tenant: Option<&str>, segment: Option<&str>) -> Result<Origin, Fault> {
        Origin::read(tenant, segment, &self.section.origin())
    }

    /// What a tenant has defined.
    ///
    /// # Errors
    /// The store.
    pub async fn metadata(&self, tenant: i64) -> Result<Metadata, Fault> {
        Ok(self.stored(tenant).await?.1)
    }

    async fn stored(&self, tenant: i64) -> Result<(Option<SavedProfile>, Metadata), Fault> {
        let name = name_of(tenant);
        let all = self.imports.profiles().await?;
        let Some(saved) = all.into_iter().find(|saved| saved.kind == KIND && saved.name == name) else {
            return Ok((None, Metadata::default()));
        };
        let metadata = serde_json::from_str(&saved.extra);
        let metadata = metadata.map_err(|error| Fault::new(500, format!("the definitions are damaged: {error}")))?;
        Ok((Some(saved), metadata))
    }

    /// Changes what a tenant has defined.
    ///
    /// # Errors
    /// What `change` refuses, or the store.
    pub async fn define(
        &self,
        who: &str,
        tenant: i64,
        change: impl Fn(&mut Metadata) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        for _ in 0..TRIES {
            let (saved, mut metadata) = self.stored(tenant).await?;
            let shown = change(&mut metadata)?;
            let mut saved = saved.unwrap_or_else(|| SavedProfile {
                id: String::new(),
                name: name_of(tenant),
                kind: KIND.to_owned(),
                owner: who.to_owned(),
                version: 0,
                created_at: 0,
                modified_at: 0,
                profile: crate::contact::ImportProfile::default(),
                extra: String::new(),
            });
            saved.extra = serde_json::to_string(&metadata).map_err(|error| Fault::new(500, error.to_string()))?;
            match self.imports.save_profile(saved).await {
                Ok(_) => return Ok(shown),
                Err(ImportError::Stale { .. } | ImportError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::new(503, "the definitions are being changed, try again"))
    }

    /// Profiles that have these values of a key's attributes, smallest number first. Without a key it is the first one
    /// whose attributes are all given.
    ///
    /// # Errors
    /// [`Fault`] 404: no such key; 400: values that no key has.
    pub async fn find(
        &self,
        origin: &Origin,
        key: Option<&str>,
        values: &[(String, String)],
    ) -> Result<Vec<Contact>, Fault> {
        let metadata = self.metadata(origin.tenant).await?;
        let given = |path: &str| values.iter().find(|(name, _)| name.eq_ignore_ascii_case(path));
        let covered = |key: &&IdKey| key.paths().iter().all(|path| given(path).is_some());
        let key = match key {
            Some(name) => metadata.key(name).ok_or_else(|| no_key(name))?,
            None => {
                let none = || Fault::bad("expected the attributes of an identification key");
                metadata.keys.iter().find(covered).ok_or_else(none)?
            }
        };
        if !covered(&key) {
            return Err(Fault::bad(format!("id_key {} needs {}", key.name, key.paths().join(" and "))));
        }
        let tenant = ("TenantId".to_owned(), origin.tenant.to_string());
        let of_path = |path: &String| (path.clone(), given(path).map_or("", |(_, value)| value).to_owned());
        let attributes = std::iter::once(tenant).chain(key.paths().iter().map(of_path)).collect();
        let mut draft = Draft { attributes, ..Draft::default() };
        let key: MatchKey = match_key(key);
        draft.find_keys(std::slice::from_ref(&key), &[]);
        let Some(value) = draft.keys.first().map(|key| key.value.clone()) else { return Ok(Vec::new()) };
        let found = self.imports.contacts_by_key(None, key, Vec::new(), &value).await?;
        Ok(found.into_iter().map(|stored| stored.contact).collect())
    }
}

fn no_key(name: &str) -> Fault {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Fault::new(404, format!("there is no identification key '{shown}'"))
}

fn name_of(tenant: i64) -> String {
    format!("ucs metadata of tenant {tenant}")
}
