//! What comes from stdin or goes to stdout, on the disk: two passes need the one twice, and the other may be cut.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::contacts::genesys_cloud::job_id;
use crate::cli::exit::CliError;
use crate::service::own_file;

/// A file of ours that goes with us.
pub(super) struct Spooled {
    pub(super) path: PathBuf,
}

impl Spooled {
    /// All of stdin.
    pub(super) fn stdin() -> Result<Self, CliError> {
        let spooled = Self::named()?;
        copy_stdin(&spooled.path)?;
        Ok(spooled)
    }

    /// A name for a file that is not there yet.
    pub(super) fn named() -> Result<Self, CliError> {
        Ok(Self { path: std::env::temp_dir().join(format!("commdn-{}.csv", job_id()?)) })
    }
}

/// Copies stdin into a new file that only its owner reads.
pub(super) fn copy_stdin(path: &Path) -> Result<(), CliError> {
    let wrong = |error: std::io::Error| CliError::internal(format!("{}: {error}", path.display()));
    let mut file = own_file(path, File::options().create_new(true)).map_err(wrong)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(wrong)?;
    file.sync_all().map_err(wrong)
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // What cannot be removed is readable by its owner only.
        let _ = std::fs::remove_file(&self.path);
    }
}
