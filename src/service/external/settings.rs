//! Settings, and csv settings, which say where columns go.

use serde_json::{Map, Value, json};

use super::{Ask, CLASSIC, External, IMPORT, Listing, Who, kind};
use crate::contact::ImportProfile;
use crate::contact::external::shape::{CsvSettings, SettingsRequest};
use crate::contact::external::{FieldMapping, Settings, profile};
use crate::contact::genesys_cloud::{ErrorCode, write_time};
use crate::service::contact_lists::{Answer, Refusal};
use crate::service::import::ImportError;
use crate::store::contacts::SavedProfile;

/// Settings as they were given.
pub(super) fn settings_of(row: &SavedProfile) -> Settings {
    serde_json::from_str(&row.extra).unwrap_or_default()
}

/// Csv settings as they were given.
pub(super) fn csv_of(row: &SavedProfile) -> CsvSettings {
    serde_json::from_str(&row.extra).unwrap_or_default()
}

/// Whether settings choose this source.
pub(super) fn chooses(row: &SavedProfile, source: &str) -> bool {
    settings_of(row).external_source_id.as_deref() == Some(source)
}

fn of_settings(row: &SavedProfile, id: &str) -> bool {
    csv_of(row).external_settings_id.as_deref() == Some(id)
}

fn with_frame(row: &SavedProfile, given: Value, path: &str) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), row.id.clone().into());
    if let Value::Object(given) = given {
        shown.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
    }
    shown.insert("dateCreated".into(), write_time(row.created_at).into());
    shown.insert("dateModified".into(), write_time(row.modified_at).into());
    shown.insert("selfUri".into(), format!("{IMPORT}/{path}/{}", row.id).into());
    Value::Object(shown)
}

/// Settings as they travel.
pub(super) fn shown(row: &SavedProfile) -> Value {
    with_frame(row, serde_json::to_value(settings_of(row)).unwrap_or_default(), "settings")
}

fn shown_csv(row: &SavedProfile) -> Value {
    with_frame(row, serde_json::to_value(csv_of(row)).unwrap_or_default(), "csv/settings")
}

/// The preset of the old flow, as settings.
pub(super) fn shown_classic() -> Value {
    json!({"id": CLASSIC, "name": CLASSIC, "matchingCriteria": [], "mergeContacts": false, "importFields": [],
        "selfUri": format!("{IMPORT}/settings/{CLASSIC}")})
}

fn new_row(who: &Who, kind: &str, name: String) -> SavedProfile {
    SavedProfile {
        id: String::new(),
        name,
        kind: kind.into(),
        owner: who.subject.clone(),
        version: 0,
        created_at: 0,
        modified_at: 0,
        profile: ImportProfile::default(),
        extra: String::new(),
    }
}

fn checked(body: &SettingsRequest) -> Answer<Settings> {
    let settings = body.checked().map_err(Refusal::of)?;
    if settings.name == CLASSIC {
        return Err(Refusal::new(ErrorCode::DuplicateName, "classic is the name of a preset"));
    }
    Ok(settings)
}

impl External {
    /// The profile that settings mean. With mappings, only these columns are read.
    pub(super) async fn compiled(
        &self,
        settings: &Settings,
        mappings: Option<&[FieldMapping]>,
    ) -> Answer<ImportProfile> {
        let source = self.source_key(settings.external_source_id.as_deref()).await?;
        let profile = profile(settings, mappings, &source);
        let profile = profile.map_err(|error| ImportError::Settings(error.to_string()))?;
        Ok(ImportProfile { default_country: self.0.default_country.clone(), ..profile })
    }

    /// A row that the caller sees.
    pub(super) async fn seen(&self, who: &Who, kind: &str, what: &str, id: &str) -> Answer<SavedProfile> {
        let row = self.one(kind, what, id).await?;
        if who.sees(&row.owner) { Ok(row) } else { Err(Refusal::unknown(what)) }
    }

    /// A page of the settings that the caller sees, by name; `name` = a part of it.
    ///
    /// # Errors
    /// The store.
    pub async fn settings_page(&self, who: &Who, ask: &Ask, name: Option<&str>) -> Answer<Listing> {
        let mut rows = self.saved(kind::SETTINGS).await?;
        let name = name.map(str::to_lowercase);
        rows.retain(|row| {
            who.sees(&row.owner) && name.as_ref().is_none_or(|name| row.name.to_lowercase().contains(name))
        });
        rows.sort_by_key(|row| row.name.to_lowercase());
        if ask.descending == Some(true) {
            rows.reverse();
        }
        ask.of_all(&rows, |row| &row.id, shown)
    }

    /// One of them; the preset of the old flow is one too.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn settings(&self, who: &Who, id: &str) -> Answer<Value> {
        if id == CLASSIC {
            return Ok(shown_classic());
        }
        Ok(shown(&self.seen(who, kind::SETTINGS, "settings", id).await?))
    }

    /// Saves settings under a new name.
    ///
    /// # Errors
    /// One detail for each field that cannot be, or the name is taken.
    pub async fn create_settings(&self, who: &Who, body: &SettingsRequest) -> Answer<Value> {
        let settings = checked(body)?;
        let row = new_row(who, kind::SETTINGS, settings.name.clone());
        Ok(shown(&self.save_settings(row, settings).await?))
    }

    /// Puts settings in the place of others. Jobs keep what they were made with.
    ///
    /// # Errors
    /// As for new ones; unknown.
    pub async fn change_settings(&self, who: &Who, id: &str, body: &SettingsRequest) -> Answer<Value> {
        let row = self.seen(who, kind::SETTINGS, "settings", id).await?;
        let settings = checked(body)?;
        let saved = self.save_settings(SavedProfile { name: settings.name.clone(), ..row }, settings.clone()).await?;
        for csv in self.saved(kind::CSV_SETTINGS).await?.into_iter().filter(|csv| of_settings(csv, id)) {
            let mappings = csv_of(&csv).mappings;
            let profile = self.compiled(&settings, Some(&mappings)).await?;
            self.imports().save_profile(SavedProfile { profile, ..csv }).await?;
        }
        Ok(shown(&saved))
    }

    async fn save_settings(&self, row: SavedProfile, settings: Settings) -> Answer<SavedProfile> {
        let profile = self.compiled(&settings, None).await?;
        let extra = serde_json::to_string(&settings).unwrap_or_default();
        Ok(self.imports().save_profile(SavedProfile { profile, extra, ..row }).await?)
    }

    /// Removes settings that no csv settings belong to.
    ///
    /// # Errors
    /// Unknown, in use, or the store.
    pub async fn delete_settings(&self, who: &Who, id: &str) -> Answer<()> {
        let row = self.seen(who, kind::SETTINGS, "settings", id).await?;
        let users = self.saved(kind::CSV_SETTINGS).await?.iter().filter(|csv| of_settings(csv, id)).count();
        if users > 0 {
            return Err(Refusal::new(ErrorCode::InUse, format!("{users} csv settings belong to the settings")));
        }
        Ok(self.imports().delete_profile(&row.id).await?)
    }

    /// A page of the csv settings that the caller sees, oldest first; `of` = of these settings only.
    ///
    /// # Errors
    /// The store.
    pub async fn csv_page(&self, who: &Who, ask: &Ask, of: Option<&str>) -> Answer<Listing> {
        let mut rows = self.saved(kind::CSV_SETTINGS).await?;
        rows.retain(|row| who.sees(&row.owner) && of.is_none_or(|id| of_settings(row, id)));
        ask.of_all(&rows, |row| &row.id, shown_csv)
    }

    /// One of them.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn csv_settings(&self, who: &Who, id: &str) -> Answer<Value> {
        Ok(shown_csv(&self.seen(who, kind::CSV_SETTINGS, "csv settings", id).await?))
    }

    /// Saves where columns go.
    ///
    /// # Errors
    /// One detail for each field that cannot be.
    pub async fn create_csv(&self, who: &Who, body: CsvSettings) -> Answer<Value> {
        // A native caller finds them by their id, which is their name too.
        let id = uuid::Uuid::new_v4().to_string();
        let row = SavedProfile { id: id.clone(), ..new_row(who, kind::CSV_SETTINGS, id) };
        Ok(shown_csv(&self.save_csv(who, row, body).await?))
    }

    /// Puts csv settings in the place of others. Jobs keep what they were made with.
    ///
    /// # Errors
    /// As for new ones; unknown.
    pub async fn change_csv(&self, who: &Who, id: &str, mut body: CsvSettings) -> Answer<Value> {
        let row = self.seen(who, kind::CSV_SETTINGS, "csv settings", id).await?;
        body.external_settings_id = body.external_settings_id.or_else(|| csv_of(&row).external_settings_id);
        Ok(shown_csv(&self.save_csv(who, row, body).await?))
    }

    async fn save_csv(&self, who: &Who, row: SavedProfile, body: CsvSettings) -> Answer<SavedProfile> {
        let wrong = body.wrong();
        if !wrong.is_empty() {
            return Err(Refusal::of(wrong));
        }
        let id = body.external_settings_id.as_deref().unwrap_or_default();
        let settings = match self.seen(who, kind::SETTINGS, "settings", id).await {
            Ok(settings) => settings_of(&settings),
            Err(refusal) if refusal.0.status == 404 => return Err(Refusal::invalid("externalSettingsId")),
            Err(refusal) => return Err(refusal),
        };
        let profile = self.compiled(&settings, Some(&body.mappings)).await?;
        let extra = serde_json::to_string(&body).unwrap_or_default();
        Ok(self.imports().save_profile(SavedProfile { profile, extra, ..row }).await?)
    }

    /// Removes csv settings.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn delete_csv(&self, who: &Who, id: &str) -> Answer<()> {
        let row = self.seen(who, kind::CSV_SETTINGS, "csv settings", id).await?;
        Ok(self.imports().delete_profile(&row.id).await?)
    }
}
