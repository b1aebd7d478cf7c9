//! Profiles with a name, and uploads.

use std::collections::BTreeSet;
use std::path::PathBuf;

use uuid::Uuid;

use crate::contact::preset::{PRESETS, preset};
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::source::sha256_of;
use crate::service::import::{ImportService, now_ms};
use crate::store::contacts::{SavedProfile, StoredUpload};

/// How long an upload lies there.
const UPLOAD_KEPT_MS: i64 = 8 * 24 * 3_600_000;

/// An upload that is about to come.
#[derive(Clone, Debug, Default)]
pub struct NewUpload {
    /// Who sends it.
    pub owner: String,
    /// A label, never a path.
    pub file_name: String,
    /// Bytes that it will have; others are refused.
    pub announced: Option<u64>,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}

/// A preset as if it were saved: its name is its id.
fn preset_of(name: &str) -> Option<SavedProfile> {
    Some(SavedProfile {
        id: name.to_owned(),
        name: name.to_owned(),
        kind: "preset".to_owned(),
        owner: String::new(),
        version: 0,
        created_at: 0,
        modified_at: 0,
        profile: preset(name)?,
        extra: String::new(),
    })
}

impl ImportService {
    /// Every saved profile by name, and behind them the presets, which nobody changes.
    ///
    /// # Errors
    /// The store.
    pub async fn profiles(&self) -> Answer<Vec<SavedProfile>> {
        let mut all = self.inner.store.profiles().await?;
        all.extend(PRESETS.iter().filter_map(|(name, _)| preset_of(name)));
        Ok(all)
    }

    /// The profile with this name or id.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn profile(&self, name: &str) -> Answer<SavedProfile> {
        let found = self.profiles().await?.into_iter().find(|it| it.name == name || it.id == name);
        found.ok_or_else(|| ImportError::unknown("profile", name))
    }

    /// Makes a profile (version 0), or changes the one with this id and version. An empty id is filled in.
    ///
    /// # Errors
    /// [`ImportError::Taken`] for a name that is taken, [`ImportError::Stale`].
    pub async fn save_profile(&self, mut profile: SavedProfile) -> Answer<SavedProfile> {
        if profile.name.trim().is_empty() {
            return Err(ImportError::Settings("expected a name of the profile, found none".into()));
        }
        if preset(&profile.name).is_some() || preset(&profile.id).is_some() {
            return Err(ImportError::Taken { what: "preset", name: profile.name });
        }
        if profile.id.is_empty() {
            profile.id = Uuid::new_v4().to_string();
        }
        profile.profile.name.clone_from(&profile.name);
        profile.modified_at = now_ms();
        if profile.version == 0 {
            profile.created_at = profile.modified_at;
        }
        let (name, id, given) = (profile.name.clone(), profile.id.clone(), profile.version);
        if let Some(saved) = self.inner.store.save_profile(profile).await? {
            return Ok(saved);
        }
        let stored = self.profiles().await?;
        if stored.iter().any(|it| it.name == name && it.id != id) {
            return Err(ImportError::Taken { what: "profile", name });
        }
        match stored.into_iter().find(|it| it.id == id) {
            Some(it) => Err(ImportError::Stale { given, stored: it.version }),
            None => Err(ImportError::unknown("profile", id)),
        }
    }

    /// Removes a profile by id.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn delete_profile(&self, id: &str) -> Answer<()> {
        if preset(id).is_some() {
            return Err(ImportError::InUse(format!("{id} is a preset, it stays")));
        }
        if self.inner.store.delete_profile(id).await? { Ok(()) } else { Err(ImportError::unknown("profile", id)) }
    }

    /// Announces an upload. Its file is written to [`Self::upload_path`], then [`Self::complete_upload`].
    ///
    /// # Errors
    /// The folder, or the store.
    pub async fn begin_upload(&self, new: NewUpload) -> Answer<StoredUpload> {
        let upload = StoredUpload {
            id: Uuid::new_v4().to_string(),
            owner: new.owner,
            file_name: new.file_name,
            announced: new.announced,
            bytes: None,
            sha256: None,
            created_at: now_ms(),
            extra: new.extra,
        };
        let path = self.upload_path(&upload.id)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| ImportError::Io(format!("{}: {error}", folder.display())))?;
        }
        self.inner.store.save_upload(upload.clone()).await?;
        Ok(upload)
    }

    /// Where the file of an upload lies.
    ///
    /// # Errors
    /// The id is none of ours.
    pub fn upload_path(&self, id: &str) -> Answer<PathBuf> {
        let id = Uuid::parse_str(id).map_err(|_| ImportError::unknown("upload", id))?;
        Ok(self.inner.settings.folder.join("uploads").join(id.to_string()))
    }

    /// Says that all bytes of an upload are there; they are measured and hashed.
    ///
    /// # Errors
    /// Unknown, complete already, or not of the size that was announced.
    pub async fn complete_upload(&self, id: &str) -> Answer<StoredUpload> {
        let mut upload = self.upload(id).await?;
        if upload.bytes.is_some() {
            return Err(ImportError::Taken { what: "complete upload", name: id.to_owned() });
        }
        let path = self.upload_path(id)?;
        let measure = move || Ok((std::fs::metadata(&path)?.len(), sha256_of(&path)?));
        let measured = tokio::task::spawn_blocking(measure).await;
        let measured: std::io::Result<(u64, String)> = measured.map_err(|error| ImportError::Io(error.to_string()))?;
        let (bytes, sha256) = measured.map_err(|error| ImportError::Io(format!("upload {id}: {error}")))?;
        if let Some(announced) = upload.announced.filter(|announced| *announced != bytes) {
            return Err(ImportError::Settings(format!("expected {announced} bytes, found {bytes}")));
        }
        (upload.bytes, upload.sha256) = (Some(bytes), Some(sha256));
        self.inner.store.save_upload(upload.clone()).await?;
        Ok(upload)
    }

    /// One upload.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn upload(&self, id: &str) -> Answer<StoredUpload> {
        self.inner.store.upload(id).await?.ok_or_else(|| ImportError::unknown("upload", id))
    }

    /// Removes uploads that have lain for eight days, a day longer than an address for one may count, and that no job
    /// still reads; how many.
    ///
    /// # Errors
    /// The store, or the folder.
    pub async fn sweep_uploads(&self) -> Answer<usize> {
        let old = self.inner.store.uploads_before(now_ms().saturating_sub(UPLOAD_KEPT_MS)).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut read = BTreeSet::new();
        let mut before = None;
        loop {
            let open = self.inner.store.jobs(before, 100, true).await?;
            let Some(last) = open.last() else { break };
            before = Some(last.number);
            read.extend(open.into_iter().filter_map(|job| job.spec.upload));
        }
        let mut gone = 0;
        for upload in old.iter().filter(|upload| !read.contains(&upload.id)) {
            self.delete_upload(&upload.id).await?;
            gone += 1;
        }
        Ok(gone)
    }

    /// Removes an upload and its file.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn delete_upload(&self, id: &str) -> Answer<()> {
        let path = self.upload_path(id)?;
        if !self.inner.store.delete_upload(id).await? {
            return Err(ImportError::unknown("upload", id));
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ImportError::Io(error.to_string())),
            _ => Ok(()),
        }
    }
}
