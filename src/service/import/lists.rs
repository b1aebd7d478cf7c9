//! Calling lists as interfaces see them.

use std::path::Path;

use crate::contact::csv::Header;
use crate::contact::{CallingList, ImportProfile};
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::source;
use crate::service::import::{ImportService, now_ms};
use crate::store::StoreErrorKind;
use crate::store::contacts::{Cleared, ImportJob, ListChange, ListRow, new_list};

/// Which list an import writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListTarget {
    /// None: external contacts, profiles.
    None,
    /// By its number.
    Number(i64),
    /// By its name.
    Named {
        /// Its name.
        name: String,
        /// It is made of the file's columns when it is not there.
        create: bool,
    },
}

impl ImportService {
    /// Every list, by name.
    ///
    /// # Errors
    /// The store.
    pub async fn lists(&self) -> Answer<Vec<ListRow>> {
        Ok(self.inner.store.calling_lists().await?)
    }

    async fn list_where(&self, name: &str, is: impl Fn(&CallingList) -> bool) -> Answer<ListRow> {
        let found = self.lists().await?.into_iter().find(|row| is(&row.list));
        found.ok_or_else(|| ImportError::unknown("list", name))
    }

    /// The list with this id.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn list_by_id(&self, id: &str) -> Answer<ListRow> {
        self.list_where(id, |list| list.id == id).await
    }

    /// The list with this name.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn list_by_name(&self, name: &str) -> Answer<ListRow> {
        self.list_where(name, |list| list.name == name).await
    }

    /// The list with this number.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn list_by_number(&self, number: i64) -> Answer<ListRow> {
        self.list_where(&number.to_string(), |list| list.number == number).await
    }

    /// Makes a list; an empty id is filled in.
    ///
    /// # Errors
    /// A setting is wrong, or the name is taken.
    pub async fn create_list(&self, list: CallingList) -> Answer<ListRow> {
        check(&list)?;
        let name = list.name.clone();
        match self.inner.store.create_list(list, now_ms()).await {
            Err(error) if error.kind == StoreErrorKind::Refused => Err(ImportError::Taken { what: "list", name }),
            other => Ok(other?),
        }
    }

    /// Changes the settings of a list whose version is still `version`. Columns are fixed.
    ///
    /// # Errors
    /// [`ImportError::Stale`], [`ImportError::Taken`], or a setting is wrong.
    pub async fn change_list(&self, list: CallingList, version: i64) -> Answer<ListRow> {
        check(&list)?;
        let stored = self.list_by_number(list.number).await?.list;
        if stored.version == version && stored.version != 0 && stored.columns != list.columns {
            return Err(ImportError::Settings("columns of a list are fixed".into()));
        }
        let name = list.name.clone();
        match self.inner.store.change_list(list, version, now_ms()).await? {
            ListChange::Changed(row) => Ok(*row),
            ListChange::Stale(stored) => Err(ImportError::Stale { given: version, stored }),
            ListChange::NameTaken => Err(ImportError::Taken { what: "list", name }),
            ListChange::Unknown => Err(ImportError::unknown("list", name)),
        }
    }

    /// Removes a list with its contacts.
    ///
    /// # Errors
    /// [`ImportError::InUse`] when a contact is being dialed: then those that are not are gone.
    pub async fn delete_list(&self, number: i64) -> Answer<Cleared> {
        self.list_by_number(number).await?;
        let cleared = self.clear(number, None).await?;
        if !cleared.in_use.is_empty() {
            return Err(ImportError::InUse(format!("{} contacts of the list are in use", cleared.in_use.len())));
        }
        self.inner.store.delete_list(number).await?;
        Ok(cleared)
    }

    /// A list that was made for a dry run goes again, unless somebody has come to it meanwhile.
    pub(super) async fn unmake_list(&self, job: &ImportJob) {
        let (Some(list), Some(_)) = (job.spec.list, &job.spec.made_list) else { return };
        let Ok(open) = self.inner.store.jobs(None, 1_000, true).await else { return };
        if open.iter().all(|other| other.id == job.id || other.spec.list != Some(list)) {
            let _ = self.inner.store.delete_list(list).await; // one with contacts is refused
        }
    }

    /// The list of a new job, made when that is wanted.
    pub(super) async fn target(
        &self,
        target: &ListTarget,
        file: &Path,
        profile: &ImportProfile,
    ) -> Answer<Option<CallingList>> {
        let (name, create) = match target {
            ListTarget::None => return Ok(None),
            ListTarget::Number(number) => return Ok(Some(self.list_by_number(*number).await?.list)),
            ListTarget::Named { name, create } => (name, *create),
        };
        match self.list_by_name(name).await {
            Ok(row) => Ok(Some(row.list)),
            Err(ImportError::Unknown { .. }) if create => {
                let (_, _, _, header, _, _) = source::open(file, profile)?;
                let list = list_of(name, &header, profile);
                crate::contact::Mapping::new(&header, profile, Some(&list))?;
                Ok(Some(self.create_list(list).await?.list))
            }
            Err(error) => Err(error),
        }
    }
}

/// The list that a file's columns make.
fn list_of(name: &str, header: &Header, profile: &ImportProfile) -> CallingList {
    let is = |given: &Option<String>, column: &str| given.as_deref().is_some_and(|given| header.same(given, column));
    let mut columns = Vec::new();
    for column in &header.names {
        let own = is(&profile.id_column, column) || is(&profile.callable_column, column);
        let ignored = profile.ignored.iter().any(|name| header.same(name, column));
        let mapped = profile.mapping.iter().find(|(from, _)| header.same(from, column)).map(|(_, to)| to);
        let rejects = matches!(column.as_str(), "reject_code" | "reject_message");
        if own || ignored || rejects || (profile.only_mapped && mapped.is_none()) {
            continue;
        }
        let target = mapped.unwrap_or(column);
        let apart = ["external_id:", "organisation."].iter().any(|start| target.starts_with(start));
        if target != "external_id" && !apart {
            columns.push(target.clone());
        }
    }
    CallingList {
        columns,
        phone_columns: profile.phone_columns.clone(),
        email_columns: profile.email_columns.clone(),
        ..new_list(name)
    }
}

fn check(list: &CallingList) -> Answer<()> {
    let wrong = |what: String| Err(ImportError::Settings(what));
    if list.name.trim().is_empty() {
        return wrong("expected a name of the list, found none".into());
    }
    if list.daily_from >= list.daily_till || list.daily_from < 0 || list.daily_till > 86_400 {
        return wrong(format!(
            "expected daily_from before daily_till within a day, found {} and {}",
            list.daily_from, list.daily_till
        ));
    }
    let mut seen = std::collections::HashSet::new();
    match list.columns.iter().find(|column| !seen.insert(column.as_str())) {
        Some(column) => wrong(format!("column {column:?} is there twice")),
        None => Ok(()),
    }
}
