//! A copy of the store while the gateway works, as a file that nobody else sees.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::store::{Store, StoreError, StoreErrorKind, hex, unhex};

const PREFIX: &str = "backup-";

/// A folder that only we may look into; gone with this value.
struct Private(PathBuf);

impl Private {
    fn within(folder: &Path) -> Result<Self, StoreError> {
        let unable = |error: &dyn std::fmt::Display| {
            StoreError::new(StoreErrorKind::Io, format_args!("a folder for the copy in {}: {error}", folder.display()))
        };
        let mut name = [0; 32];
        getrandom::fill(&mut name).map_err(|error| unable(&error))?;
        let path = folder.join(format!("{PREFIX}{}", hex(&name)));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| unable(&error))?;
        Ok(Self(path))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "not removed");
        }
    }
}

/// Removes what a crash in the middle of a copy has left behind. Only in the folder of a store that we hold.
pub fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_ours = |name: &str| name.strip_prefix(PREFIX).is_some_and(|rest| unhex(rest).is_some());
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_ours)) {
        drop(Private(entry.path()));
    }
}

/// Copies the store; the copy has no name any more when this returns, and is gone when the file is closed. `folder` needs
/// room for it.
///
/// # Errors
/// The store's; no room.
pub async fn copy(store: &dyn Store, folder: &Path) -> Result<File, StoreError> {
    let private = Private::within(folder)?;
    let path = private.0.join("copy.sqlite");
    store.backup(path.clone()).await?;
    File::open(&path).map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("the copy: {error}")))
}
