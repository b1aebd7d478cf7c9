//! What a restart does not forget: bulk changes and exports, with the files that they made.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Bulk, ContactLists, Exported, Work};
use crate::service::import::ImportService;
use crate::service::own_file;
use crate::service::wall;

/// How long a file can be fetched.
const FILE_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The note among the files.
const NOTE: &str = "kept.json";
/// Why a change did not come to its end.
const INTERRUPTED: &str = "the server was stopped while it ran: what is done is done, begin it again for the rest";

/// As it stands on the disk.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    bulk: Vec<Bulk>,
    exports: Vec<(i64, Exported)>,
    downloads: Vec<(String, i64)>,
}

/// Reads what an earlier run has left; files that nobody could fetch go.
pub(super) fn read(imports: &ImportService) -> Work {
    let folder = imports.exports_folder();
    let note = std::fs::read(folder.join(NOTE)).ok();
    let kept: Kept = note.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut work = Work {
        bulk: kept.bulk.into(),
        exports: kept.exports.into_iter().filter(|(_, export)| export.ready_at.is_some()).collect(),
        downloads: kept.downloads.into_iter().collect(),
        ..Work::default()
    };
    for bulk in work.bulk.iter_mut().filter(|bulk| bulk.job.state == "InProgress") {
        bulk.job.state = "Failed".to_owned();
        bulk.job.failure_reason = Some(INTERRUPTED.to_owned());
    }
    work.drop_old_files(imports);
    for file in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".csv").unwrap_or(&name);
        if name != NOTE && !work.downloads.contains_key(id) {
            let _ = std::fs::remove_file(file.path()); // of a run that was killed
        }
    }
    work
}

/// Whether a file is there, and young enough.
fn is_fresh(path: &Path) -> bool {
    let changed = std::fs::metadata(path).and_then(|about| about.modified());
    changed.is_ok_and(|at| wall::now().duration_since(at).is_ok_and(|age| age < FILE_KEPT) || at > wall::now())
}

impl Work {
    /// Files that are too old, or gone, cannot be fetched any more.
    fn drop_old_files(&mut self, imports: &ImportService) {
        self.downloads.retain(|id, _| {
            let path = Uuid::parse_str(id).ok().and_then(|id| imports.export_path(id).ok());
            let fresh = path.as_deref().is_some_and(is_fresh);
            if let Some(path) = path.filter(|_| !fresh) {
                let _ = std::fs::remove_file(path); // one that is gone is gone
            }
            fresh
        });
        let there = &self.downloads;
        self.exports.retain(|_, export| export.ready_at.is_none() || there.contains_key(&export.id));
        for bulk in &mut self.bulk {
            bulk.backup = bulk.backup.take().filter(|file| there.contains_key(file));
        }
    }
}

impl ContactLists {
    /// Removes files that are older than a week.
    pub fn sweep(&self) {
        let mut work = self.work();
        work.drop_old_files(self.imports());
        self.keep(&work);
    }

    /// Writes what a restart is to find, before anybody can see it: the lock is held. Without it only a restart forgets
    /// something, so an error is told and no more.
    pub(super) fn keep(&self, work: &Work) {
        let kept = Kept {
            bulk: work.bulk.iter().cloned().collect(),
            exports: work.exports.iter().map(|(list, export)| (*list, export.clone())).collect(),
            downloads: work.downloads.iter().map(|(file, list)| (file.clone(), *list)).collect(),
        };
        if kept.bulk.is_empty() && kept.exports.is_empty() && !self.imports().exports_folder().is_dir() {
            return;
        }
        if let Err(error) = write(&self.imports().exports_folder(), &kept) {
            tracing::warn!(%error, "a restart will not know of bulk changes and exports");
        }
    }
}

fn write(folder: &Path, kept: &Kept) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let beside = folder.join("kept.json.new");
    let mut file = own_file(&beside, std::fs::File::options().create(true).truncate(true))?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_data()?;
    std::fs::rename(beside, folder.join(NOTE))
}
