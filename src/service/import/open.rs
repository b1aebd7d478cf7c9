//! The import service of a gateway, as its configuration says.

use std::sync::Arc;

use crate::contact::phone::NumberingPlans;
use crate::service::Config;
use crate::service::import::{ImportService, ImportSettings};
use crate::store::contacts::ContactStore;

/// Contacts and imports on the gateway's store.
#[must_use]
pub fn open_imports(config: &Config, store: Arc<dyn ContactStore>) -> ImportService {
    let settings = ImportSettings {
        jobs_at_once: config.import.jobs_at_once,
        jobs_waiting: config.import.jobs_waiting,
        ..ImportSettings::new(config.imports_folder(), Arc::new(NumberingPlans))
    };
    ImportService::new(store, settings)
}
