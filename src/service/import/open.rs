//! The import service of a gateway, as its configuration says.

use std::sync::Arc;

use uuid::Uuid;

use crate::contact::phone::NumberingPlans;
use crate::service::Config;
use crate::service::import::{ImportService, ImportSettings};
use crate::store::contacts::ContactStore;

/// Contacts and imports on the gateway's store.
#[must_use]
pub fn open_imports(config: &Config, store: Arc<dyn ContactStore>) -> ImportService {
    let folder = config.imports_folder();
    let temporary = folder.is_none();
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join(format!("commdn-imports-{}", Uuid::new_v4())));
    let settings = ImportSettings {
        temporary,
        jobs_at_once: config.import.jobs_at_once,
        jobs_waiting: config.import.jobs_waiting,
        default_country: config.import.default_country.clone(),
        ..ImportSettings::new(folder, Arc::new(NumberingPlans))
    };
    ImportService::new(store, settings)
}
