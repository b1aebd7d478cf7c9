//! External sources: the systems that external ids come from.
//!
//! A source is kept as a profile that finds contacts by its ids. Contacts carry the name that it had when it was made, as
//! files of the native interface write it (`external_id:crm`); it stays what it is when the source is called otherwise.

use serde_json::{Map, Value};

use super::{Ask, External, Listing, SOURCES, Who, kind};
use crate::contact::external::shape::{SourceBody, checked_name};
use crate::contact::external::{SOURCE_CHARS, Settings, profile};
use crate::contact::genesys_cloud::{ErrorCode, write_time};
use crate::contact::policy;
use crate::contact::preset::EXTERNAL_SOURCE;
use crate::service::contact_lists::{Answer, Refusal};
use crate::service::import::ImportError;
use crate::store::contacts::SavedProfile;

/// What its profile is called.
fn profile_name(name: &str) -> String {
    format!("external source {name}")
}

fn body_of(row: &SavedProfile) -> SourceBody {
    serde_json::from_str(&row.extra).unwrap_or_default()
}

/// A source as it travels.
#[must_use]
fn shown(row: &SavedProfile) -> Value {
    let body = body_of(row);
    let mut shown = Map::new();
    shown.insert("id".into(), row.id.clone().into());
    shown.insert("name".into(), body.name.into());
    shown.insert("version".into(), row.version.into());
    shown.insert("active".into(), body.active.unwrap_or(true).into());
    if let Some(link) = body.link_configuration {
        shown.insert("linkConfiguration".into(), link);
    }
    shown.insert("dateCreated".into(), write_time(row.created_at).into());
    shown.insert("dateModified".into(), write_time(row.modified_at).into());
    shown.insert("selfUri".into(), format!("{SOURCES}/{}", row.id).into());
    Value::Object(shown)
}

impl External {
    /// A page of the sources, by name; `name` = a part of it.
    ///
    /// # Errors
    /// The store.
    pub async fn sources(&self, ask: &Ask, name: Option<&str>, active: Option<bool>) -> Answer<Listing> {
        let mut rows = self.saved(kind::SOURCE).await?;
        let lower = |row: &SavedProfile| body_of(row).name.unwrap_or_default().to_lowercase();
        rows.retain(|row| name.is_none_or(|name| lower(row).contains(&name.to_lowercase())));
        rows.retain(|row| active.is_none_or(|active| body_of(row).active.unwrap_or(true) == active));
        rows.sort_by_key(lower);
        if ask.descending == Some(true) {
            rows.reverse();
        }
        ask.of_all(&rows, |row| &row.id, shown)
    }

    /// One source.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn source(&self, id: &str) -> Answer<Value> {
        Ok(shown(&self.one(kind::SOURCE, "external source", id).await?))
    }

    /// Makes a source.
    ///
    /// # Errors
    /// The name is none, too long, or taken.
    pub async fn create_source(&self, who: &Who, body: SourceBody) -> Answer<Value> {
        let name = source_name(&body)?;
        let settings = Settings { name: profile_name(&name), ..Settings::default() };
        let profile = profile(&settings, None, &name).map_err(|error| ImportError::Settings(error.to_string()))?;
        let row = SavedProfile {
            id: String::new(),
            name: settings.name,
            kind: kind::SOURCE.into(),
            owner: who.subject.clone(),
            version: 0,
            created_at: 0,
            modified_at: 0,
            profile,
            extra: kept(SourceBody { name: Some(name.clone()), version: None, ..body }),
        };
        if self.saved(kind::SOURCE).await?.iter().any(|row| row.profile.external_source == name) {
            return Err(taken());
        }
        Ok(shown(&self.save_source(row).await?))
    }

    /// Changes a source. The ids of contacts stay ids of this source.
    ///
    /// # Errors
    /// Unknown, another version, the name is none, too long, or taken.
    pub async fn change_source(&self, id: &str, body: SourceBody) -> Answer<Value> {
        let mut row = self.one(kind::SOURCE, "external source", id).await?;
        let name = source_name(&body)?;
        if let Some(given) = body.version.filter(|given| *given != row.version) {
            return Err(ImportError::Stale { given, stored: row.version }.into());
        }
        let others = self.saved(kind::SOURCE).await?;
        if others.iter().any(|other| other.id != id && other.profile.external_source == name) {
            return Err(taken());
        }
        row.name = profile_name(&name);
        row.extra = kept(SourceBody { name: Some(name), version: None, ..body });
        Ok(shown(&self.save_source(row).await?))
    }

    /// Removes a source that no settings choose.
    ///
    /// # Errors
    /// Unknown, chosen, or the store.
    pub async fn delete_source(&self, id: &str) -> Answer<()> {
        let row = self.one(kind::SOURCE, "external source", id).await?;
        let chosen = self.saved(kind::SETTINGS).await?.iter().filter(|row| super::settings::chooses(row, id)).count();
        if chosen > 0 {
            return Err(Refusal::new(ErrorCode::InUse, format!("{chosen} settings choose the source")));
        }
        Ok(self.imports().delete_profile(&row.id).await?)
    }

    async fn save_source(&self, row: SavedProfile) -> Answer<SavedProfile> {
        self.imports().save_profile(row).await.map_err(|error| match error {
            ImportError::Taken { .. } => taken(),
            other => other.into(),
        })
    }

    /// What contacts call the source that settings name: by its id, or plainly; without one, the source of the presets.
    pub(super) async fn source_key(&self, id: Option<&str>) -> Answer<String> {
        let Some(id) = id else { return Ok(EXTERNAL_SOURCE.to_owned()) };
        if let Some(row) = self.saved(kind::SOURCE).await?.into_iter().find(|row| row.id == id) {
            return Ok(row.profile.external_source);
        }
        // An id of ours that is gone would make ids of nobody.
        if uuid::Uuid::parse_str(id).is_ok() || policy::longer_than(id, SOURCE_CHARS).is_some() {
            return Err(Refusal::invalid("externalSourceId"));
        }
        Ok(id.to_owned())
    }
}

fn source_name(body: &SourceBody) -> Answer<String> {
    checked_name(body.name.as_deref()).map_err(|detail| Refusal::of(vec![detail]))
}

fn taken() -> Refusal {
    Refusal::new(ErrorCode::DuplicateName, "there is an external source of that name already")
}

fn kept(body: SourceBody) -> String {
    serde_json::to_string(&body).unwrap_or_default()
}
