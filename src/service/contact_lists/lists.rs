//! Lists: made, changed, removed, and shown in pages.

use serde_json::{Map, Value};

use super::{Answer, ContactLists, LISTS, Place, Refusal};
use crate::contact::CallingList;
use crate::contact::genesys_cloud::shape::Page;
use crate::contact::genesys_cloud::{Detail, ErrorCode, ImportStatus, ListBody, write_time};
use crate::store::contacts::ListRow;

/// Which lists are wanted, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Part of the name, whatever its case; a `*` at its ends changes nothing.
    pub name: Option<String>,
    /// One of these; none = any.
    pub ids: Vec<String>,
    /// Of one of these divisions; none = any.
    pub divisions: Vec<String>,
    /// One of these conditions is enough.
    pub any: bool,
    /// `name`, `dateCreated`, `dateModified`, `size`
    pub sort_by: Option<String>,
    /// From the last on.
    pub descending: bool,
    /// A page behind the last is empty, instead of the last.
    pub allow_empty: bool,
    /// Lists are shown with their last import.
    pub with_status: bool,
}

impl ListFilter {
    fn holds(&self, row: &ListRow) -> bool {
        let mut all = Vec::new();
        if let Some(name) = self.name.as_deref().map(|name| name.trim_matches('*').to_lowercase()) {
            all.push(row.list.name.to_lowercase().contains(&name));
        }
        if !self.ids.is_empty() {
            all.push(self.ids.contains(&row.list.id));
        }
        if !self.divisions.is_empty() {
            let given = ListBody::of(&row.list).rest;
            let division = given.get("division").and_then(|division| division.get("id")?.as_str());
            all.push(division.is_some_and(|id| self.divisions.iter().any(|wanted| wanted == id)));
        }
        if self.any { all.is_empty() || all.contains(&true) } else { !all.contains(&false) }
    }

    fn sort(&self, rows: &mut [ListRow]) -> Answer<()> {
        match self.sort_by.as_deref().unwrap_or("name").to_ascii_lowercase().as_str() {
            "name" => rows.sort_by_key(|row| row.list.name.to_lowercase()),
            "datecreated" => rows.sort_by_key(|row| row.created_at),
            "datemodified" => rows.sort_by_key(|row| row.modified_at),
            "size" => rows.sort_by_key(|row| row.size),
            _ => return Err(Refusal::invalid("sortBy")),
        }
        if self.descending {
            rows.reverse();
        }
        Ok(())
    }
}

/// A list as it travels.
#[must_use]
pub fn shown(row: &ListRow, status: Option<&ImportStatus>) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), row.list.id.clone().into());
    if let Ok(Value::Object(given)) = serde_json::to_value(ListBody::of(&row.list)) {
        shown.extend(given);
    }
    shown.insert("size".into(), row.size.into());
    if let Some(status) = status {
        shown.insert("importStatus".into(), serde_json::to_value(status).unwrap_or_default());
    }
    shown.insert("dateCreated".into(), write_time(row.created_at).into());
    shown.insert("dateModified".into(), write_time(row.modified_at).into());
    shown.insert("selfUri".into(), format!("{LISTS}/{}", row.list.id).into());
    Value::Object(shown)
}

impl ContactLists {
    /// The list with this id.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn list(&self, id: &str) -> Answer<ListRow> {
        Ok(self.imports().list_by_id(id).await?)
    }

    /// A page of the lists that the caller may see.
    ///
    /// # Errors
    /// A word that is none, or the store.
    pub async fn page(
        &self,
        filter: &ListFilter,
        mut place: Place,
        address: &str,
        may: impl Fn(&CallingList) -> bool,
    ) -> Answer<Page<Value>> {
        let mut rows = self.imports().lists().await?;
        rows.retain(|row| may(&row.list) && filter.holds(row));
        filter.sort(&mut rows)?;
        let total = rows.len();
        let last = u64::try_from(total).unwrap_or(u64::MAX).div_ceil(place.size).max(1);
        if !filter.allow_empty && place.number > last {
            place.number = last;
        }
        let mut entities = Vec::new();
        for row in rows.iter().skip(place.skip()).take(place.most()) {
            let status = if filter.with_status { Some(self.import_status(row).await?) } else { None };
            entities.push(shown(row, status.as_ref()));
        }
        Ok(place.page(entities, total, address))
    }

    /// A list with its last import.
    ///
    /// # Errors
    /// The store.
    pub async fn shown(&self, row: &ListRow) -> Answer<Value> {
        Ok(shown(row, Some(&self.import_status(row).await?)))
    }

    /// Makes a list.
    ///
    /// # Errors
    /// One detail for each field that cannot be, or the name is taken.
    pub async fn create(&self, body: &ListBody) -> Answer<ListRow> {
        self.check(body)?;
        Ok(self.imports().create_list(body.to_list("")).await?)
    }

    fn check(&self, body: &ListBody) -> Answer<()> {
        let mut wrong = body.check(&self.0.limits);
        let retention = body.rest.get("retentionType").map(|word| word.as_str().unwrap_or_default());
        if retention.is_some_and(|word| !["Never", "Today", "RetentionDays"].contains(&word)) {
            wrong.push(Detail::new(ErrorCode::InvalidValue, "retentionType"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::of(wrong)) }
    }

    /// Changes a list. What the body does not say goes back to what a new list has; columns are fixed.
    ///
    /// # Errors
    /// The version is not the stored one, columns changed, the name is taken, a field cannot be.
    pub async fn change(&self, row: &ListRow, body: &ListBody) -> Answer<ListRow> {
        let Some(version) = body.version else { return Err(Refusal::invalid("version")) };
        if version != row.list.version {
            let what = format!("version {version} is not the stored one, {}", row.list.version);
            return Err(Refusal::new(ErrorCode::VersionMismatch, what));
        }
        let mut body = body.clone();
        if body.column_names.is_empty() {
            body.column_names.clone_from(&row.list.columns);
        }
        if body.column_names != row.list.columns {
            return Err(Refusal::invalid("columnNames"));
        }
        self.check(&body)?;
        let given = body.to_list(&row.list.id);
        let columns = |list: &CallingList| list.phone_columns.iter().map(|it| it.column.clone()).collect::<Vec<_>>();
        if row.size > 0 && columns(&given) != columns(&row.list) {
            // Which records a chain has was decided when its contact came.
            return Err(Refusal::invalid("phoneColumns"));
        }
        let changed = CallingList {
            name: given.name,
            phone_columns: given.phone_columns,
            email_columns: given.email_columns,
            trim: given.trim,
            time_zone: given.time_zone,
            rules: given.rules,
            extra: given.extra,
            ..row.list.clone()
        };
        Ok(self.imports().change_list(changed, version).await?)
    }

    /// Removes a list with its contacts.
    ///
    /// # Errors
    /// Contacts are in use, or the store.
    pub async fn remove(&self, row: &ListRow) -> Answer<()> {
        self.imports().delete_list(row.list.number).await?;
        self.forget(row.list.number);
        Ok(())
    }
}
