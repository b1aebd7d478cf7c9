//! B: external contacts of Genesys Cloud on the one store (specification of contacts, 3.B). What a route of the door
//! needs besides asking who may.
//!
//! Settings, csv settings and external sources are saved profiles, each of its kind, so that the native interface can use
//! them too; what was said in the words of B stands beside the profile. Jobs are jobs of [`crate::service::import`].

mod jobs;
mod page;
mod settings;
mod sources;
mod uploads;
mod verdict;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

pub use jobs::{Plan, ReportStep};
pub use page::{Ask, Listing};

use crate::service::contact_lists::{Answer, Refusal};
use crate::service::import::ImportService;
use crate::service::signed::Signer;
use crate::service::wall;
use crate::store::contacts::SavedProfile;

/// Path in front of the addresses of B's imports.
pub const IMPORT: &str = "/api/v2/externalcontacts/import";
/// Path in front of the addresses of external sources.
pub const SOURCES: &str = "/api/v2/externalcontacts/externalsources";
/// The preset of the old flow: its name, where a job wants settings.
pub const CLASSIC: &str = "classic";

/// What a saved profile of B is.
mod kind {
    pub(super) const SETTINGS: &str = "settings";
    pub(super) const CSV_SETTINGS: &str = "csv-settings";
    pub(super) const SOURCE: &str = "external-source";
}

/// External contacts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct External(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    imports: ImportService,
    default_country: String,
    /// `None` = the operating system gave no random bytes: there are no uploads and no addresses of reports.
    signer: Option<Signer>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// A stable name.
    pub subject: String,
    /// May see what is others'.
    pub sees_all: bool,
}

impl Who {
    fn sees(&self, owner: &str) -> bool {
        self.sees_all || self.subject == owner
    }
}

impl External {
    /// On this store.
    #[must_use]
    pub fn new(imports: ImportService, default_country: &str) -> Self {
        let signer = Signer::new().inspect_err(|error| tracing::error!(%error, "no random bytes: no uploads")).ok();
        Self(Arc::new(Inner { imports, default_country: default_country.to_owned(), signer }))
    }

    fn imports(&self) -> &ImportService {
        &self.0.imports
    }

    /// Saved profiles of a kind, oldest first.
    async fn saved(&self, kind: &str) -> Answer<Vec<SavedProfile>> {
        let mut all = self.imports().profiles().await?;
        all.retain(|row| row.kind == kind);
        all.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
        Ok(all)
    }

    /// The one with this id.
    async fn one(&self, kind: &str, what: &str, id: &str) -> Answer<SavedProfile> {
        let found = self.imports().profiles().await?.into_iter().find(|row| row.kind == kind && row.id == id);
        found.ok_or_else(|| Refusal::unknown(what))
    }
}

/// Milliseconds since 1970 UTC.
fn now_ms() -> i64 {
    let since = wall::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
