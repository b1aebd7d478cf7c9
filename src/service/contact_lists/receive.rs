//! A file that somebody sends, on its way to the disk.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Answer, Refusal};
use crate::contact::genesys_cloud::ErrorCode;
use crate::service::import::{ImportError, ImportService};
use crate::service::own_file;
use crate::store::contacts::StoredUpload;

/// How long the next part of a file may take.
const PART: Duration = Duration::from_secs(30);

/// Where the parts of a file come from, one after the other; `None` = that was all.
pub trait Parts: Send {
    /// The next part, or the words why there is none.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, String>>>;
}

/// Writes the file of an upload, which is taken once; what broke off may be sent again. `most` = its bytes where none were
/// announced.
///
/// # Errors
/// Sent already, of another size, too large, too slow, or broken off.
pub async fn take_file(imports: &ImportService, upload: &StoredUpload, most: u64, parts: &mut dyn Parts) -> Answer<()> {
    let used = || Refusal::new(ErrorCode::NotAuthorized, "the address was used already");
    if upload.bytes.is_some() {
        return Err(used());
    }
    let path = imports.upload_path(&upload.id)?;
    let most = upload.announced.unwrap_or(most);
    let to_open = path.clone();
    let opened = tokio::task::spawn_blocking(move || new_file(&to_open)).await;
    let mut file = match opened.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(used()),
        Err(error) => return Err(ImportError::Io(error.to_string()).into()),
    };
    let mut left = Left(Some(path));
    let (to, mut from) = mpsc::channel::<Bytes>(8);
    let writer = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        while let Some(part) = from.blocking_recv() {
            file.write_all(&part)?;
        }
        file.sync_all()
    });
    let bad = |what: &str| Refusal::new(ErrorCode::BadRequest, what);
    let mut bytes = 0_u64;
    let read = loop {
        match timeout(PART, parts.next()).await {
            Err(_) => break Err(Refusal::ours(408, ErrorCode::BadRequest.word(), "the file did not come in time")),
            Ok(None) => break Ok(()),
            Ok(Some(Err(what))) => break Err(bad(&what)),
            Ok(Some(Ok(part))) => {
                bytes = bytes.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
                if bytes > most {
                    let what = format!("the file has more than {most} bytes");
                    break Err(Refusal::ours(413, ErrorCode::BadRequest.word(), &what));
                }
                if to.send(part).await.is_err() {
                    break Ok(()); // the writer says why
                }
            }
        }
    };
    drop(to);
    let written = writer.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read?;
    written.map_err(|error| ImportError::Io(error.to_string()))?;
    imports.complete_upload(&upload.id).await?;
    left.0 = None;
    Ok(())
}

fn new_file(path: &Path) -> std::io::Result<File> {
    own_file(path, File::options().create_new(true))
}

/// What there is of a file that did not come whole, also when its sender has gone: it is of no use.
struct Left(Option<PathBuf>);

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
