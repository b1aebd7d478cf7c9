//! Files of external contacts: announced, received, looked into.

use super::{External, Who, now_ms, verdict};
use crate::contact::ImportProfile;
use crate::contact::csv::Limits;
use crate::contact::external::shape::{FileVerdict, Header, UploadAnswer, UploadDetails, UploadPreview, UploadRequest};
use crate::contact::external::{Settings, profile};
use crate::service::contact_lists::{Answer, Parts, Refusal, take_file};
use crate::service::import::{ImportError, NewUpload};
use crate::service::signed::Denied;
use crate::store::contacts::StoredUpload;

/// Milliseconds for which an address takes its file.
const SIGNED_MS: i64 = 3_600_000;
/// Rows of a preview.
const PREVIEW_ROWS: usize = 10;
/// Most characters of the name of a file.
const FILE_NAME_CHARS: usize = 255;

/// A new flow's file as it is read before anybody has said where its columns go.
pub(super) fn plain_profile() -> Answer<ImportProfile> {
    profile(&Settings::default(), None, "").map_err(|error| ImportError::Settings(error.to_string()).into())
}

fn to_sign(id: &str) -> String {
    format!("external contacts {id}")
}

impl External {
    /// Announces a file: a path that takes it once, until it expires, if it has the size that was said.
    ///
    /// # Errors
    /// No name, or too large.
    pub async fn announce(&self, who: &str, request: UploadRequest) -> Answer<UploadAnswer> {
        let name = request.file_name.unwrap_or_default();
        let file_name: String = name.chars().filter(|letter| !letter.is_control()).take(FILE_NAME_CHARS).collect();
        if file_name.trim().is_empty() {
            return Err(Refusal::invalid("fileName"));
        }
        if request.file_size.is_some_and(|bytes| bytes > Limits::EXTERNAL.file) {
            return Err(Refusal::invalid("fileSize"));
        }
        let Some(signer) = &self.0.signer else {
            return Err(Refusal::ours(503, "service.unavailable", "there are no uploads"));
        };
        let extra = String::new();
        let new = NewUpload { owner: who.to_owned(), file_name, announced: request.file_size, extra };
        let upload = self.imports().begin_upload(new).await?;
        let query = signer.query(&to_sign(&upload.id), now_ms().saturating_add(SIGNED_MS));
        Ok(UploadAnswer {
            upload_url: format!("/uploads/v2/externalcontacts/{}?{query}", upload.id),
            upload_id: upload.id,
            upload_headers: vec![Header { name: "Content-Type".into(), value: "text/csv".into() }],
        })
    }

    /// Takes the file of a signed path.
    ///
    /// # Errors
    /// Not signed by us, expired, used, of another size, too large, or broken off.
    pub async fn receive(&self, id: &str, expires: &str, signature: &str, parts: &mut dyn Parts) -> Answer<()> {
        let signer = self.0.signer.as_ref().ok_or(Denied::NotOurs)?;
        signer.admit(&to_sign(id), expires, signature, now_ms())?;
        let upload = self.imports().upload(id).await?;
        take_file(self.imports(), &upload, Limits::EXTERNAL.file, parts).await
    }

    /// An upload of one's own.
    pub(super) async fn own_upload(&self, who: &Who, id: &str) -> Answer<StoredUpload> {
        let upload = self.imports().upload(id).await?;
        if upload.owner == who.subject { Ok(upload) } else { Err(Refusal::unknown("upload")) }
    }

    /// What is to be said about a file, once it has come.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn details(&self, who: &Who, id: &str) -> Answer<UploadDetails> {
        let upload = self.own_upload(who, id).await?;
        let validation_result = if upload.bytes.is_some() { Some(self.verdict(&upload).await?) } else { None };
        Ok(UploadDetails { upload_id: upload.id, file_name: upload.file_name, validation_result })
    }

    /// A file is looked through once; what was found stays with its upload.
    async fn verdict(&self, upload: &StoredUpload) -> Answer<FileVerdict> {
        if let Ok(known) = serde_json::from_str(&upload.extra) {
            return Ok(known);
        }
        let path = self.imports().upload_path(&upload.id)?;
        let found = tokio::task::spawn_blocking(move || verdict::of_file(&path)).await;
        let found = found.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let found = found.map_err(|error| ImportError::Io(format!("upload {}: {error}", upload.id)))?;
        let extra = serde_json::to_string(&found).unwrap_or_default();
        let kept = StoredUpload { extra, ..upload.clone() };
        self.imports().store().save_upload(kept).await.map_err(ImportError::from)?;
        Ok(found)
    }

    /// The first ten rows of a file.
    ///
    /// # Errors
    /// Unknown, not there yet, or no CSV.
    pub async fn preview(&self, who: &Who, id: &str) -> Answer<UploadPreview> {
        let upload = self.own_upload(who, id).await?;
        if upload.bytes.is_none() {
            return Err(Refusal::unknown("file: it has not come yet"));
        }
        let path = self.imports().upload_path(&upload.id)?;
        let preview = self.imports().preview(path, plain_profile()?, None, PREVIEW_ROWS).await?;
        Ok(UploadPreview { upload_id: upload.id, headers: preview.header, entries: preview.rows })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::contact::phone::NumberingPlans;
    use crate::service::import::{ImportService, ImportSettings};
    use crate::store::Store;
    use crate::store::sqlite::{Options, SqliteStore};

    struct Once(Option<Bytes>);

    impl Parts for Once {
        fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, String>>> {
            Box::pin(std::future::ready(self.0.take().map(Ok)))
        }
    }

    #[tokio::test]
    async fn an_address_takes_its_file_until_it_expires_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::in_memory(Options::default()).unwrap();
        let settings = ImportSettings::new(folder.path().to_owned(), Arc::new(NumberingPlans));
        let external = External::new(ImportService::new(store.contacts(), settings), "");
        let wish = UploadRequest { file_name: Some("../a.csv".into()), file_size: Some(2) };
        let id = external.announce("somebody", wish).await.unwrap().upload_id;
        let send = async |until: i64, bytes: &'static [u8]| {
            let query = external.0.signer.as_ref().unwrap().query(&to_sign(&id), until);
            let (expires, signature) = query["expires=".len()..].split_once("&signature=").unwrap();
            let mut parts = Once(Some(Bytes::from_static(bytes)));
            external.receive(&id, expires, signature, &mut parts).await.map_err(|refusal| refusal.0.status)
        };
        let (past, future) = (now_ms() - 1, now_ms() + SIGNED_MS);
        assert_eq!(send(past, b"a\n").await, Err(403));
        assert_eq!(send(future, b"a\nb").await, Err(413));
        assert_eq!(send(future, b"a").await, Err(400));
        assert_eq!(send(future, b"a\n").await, Ok(()));
        assert_eq!(send(future, b"a\n").await, Err(403));
        let upload = external.imports().upload(&id).await.unwrap();
        assert_eq!((upload.bytes, upload.file_name.as_str()), (Some(2), "../a.csv"));
    }
}
