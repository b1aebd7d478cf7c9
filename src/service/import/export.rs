//! A list as CSV, row by row: memory does not grow with it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::contact::formula;
use crate::contact::{CallingList, Contact};
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::{ImportService, Search};
use crate::service::own_file;
use crate::store::contacts::StoredContact;

/// Contacts that are read at once.
const PAGE: usize = 1_000;

/// How a list is exported.
#[derive(Clone, Debug)]
pub struct Export {
    /// The list.
    pub list: CallingList,
    /// Name of the column in front that holds the id.
    pub id_column: String,
    /// Name of the last column, which says 1 or 0.
    pub callable_column: String,
    /// Cells that a spreadsheet would run are marked.
    pub marked: bool,
    /// Only contacts that match.
    pub only: Search,
    /// Only contacts with these ids.
    pub ids: Option<BTreeSet<String>>,
    after: i64,
    began: bool,
}

/// Rows of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// Lines of CSV with their ends.
    pub bytes: Vec<u8>,
    /// Contacts in them.
    pub contacts: usize,
}

impl Export {
    /// In the form that A gives (specification 3.A).
    #[must_use]
    pub fn new(list: CallingList, marked: bool) -> Self {
        Self {
            list,
            id_column: "inin-outbound-id".into(),
            callable_column: "ContactCallable".into(),
            marked,
            only: Search::default(),
            ids: None,
            after: 0,
            began: false,
        }
    }

    fn header(&self, out: &mut Vec<u8>) {
        let columns = self.list.columns.iter().map(String::as_str);
        let all = std::iter::once(self.id_column.as_str()).chain(columns).chain([self.callable_column.as_str()]);
        formula::write_row(out, all, self.marked);
    }

    fn has(&self, contact: &Contact) -> bool {
        self.only.matches(contact) && self.ids.as_ref().is_none_or(|ids| ids.contains(&contact.id))
    }

    /// One contact as a row.
    pub fn row(&self, out: &mut Vec<u8>, contact: &Contact) {
        let value = |column: &String| contact.value(column).unwrap_or_default();
        let cells = std::iter::once(contact.id.as_str())
            .chain(self.list.columns.iter().map(value))
            .chain([if contact.callable { "1" } else { "0" }]);
        formula::write_row(out, cells, self.marked);
    }
}

impl ImportService {
    /// Where an export that is to be fetched lies; its folder is there.
    ///
    /// # Errors
    /// The folder.
    pub fn export_path(&self, id: Uuid) -> Answer<PathBuf> {
        let folder = self.exports_folder();
        std::fs::create_dir_all(&folder).map_err(|error| ImportError::Io(format!("{}: {error}", folder.display())))?;
        Ok(folder.join(format!("{id}.csv")))
    }

    /// The folder of files that are fetched later; often there never was one.
    #[must_use]
    pub fn exports_folder(&self) -> PathBuf {
        self.inner.settings.folder.join("exports")
    }

    /// The next rows of an export, the header in front of the first; `None` = that was all.
    ///
    /// # Errors
    /// The store.
    pub async fn export_some(&self, export: &mut Export) -> Answer<Option<ExportRow>> {
        let page = self.contacts_page(Some(Some(export.list.number)), export.after, PAGE).await?;
        let mut bytes = Vec::new();
        if !export.began {
            export.header(&mut bytes);
        } else if page.is_empty() {
            return Ok(None);
        }
        export.began = true;
        let mut contacts = 0;
        for stored in &page {
            export.after = stored.contact.number;
            if export.has(&stored.contact) {
                export.row(&mut bytes, &stored.contact);
                contacts += 1;
            }
        }
        Ok(Some(ExportRow { bytes, contacts }))
    }

    /// Writes a whole list into a new file that only its owner reads; on the disk when this returns. How many contacts.
    ///
    /// # Errors
    /// The file is there already, the disk, or the store.
    pub async fn export_to(&self, mut export: Export, path: &Path) -> Answer<usize> {
        let wrong = |error: std::io::Error| ImportError::Io(format!("{}: {error}", path.display()));
        let mut file = own_file(path, std::fs::File::options().create_new(true)).map_err(wrong)?;
        let mut contacts = 0;
        while let Some(row) = self.export_some(&mut export).await? {
            file.write_all(&row.bytes).map_err(wrong)?;
            contacts += row.contacts;
        }
        file.sync_all().map_err(wrong)?;
        Ok(contacts)
    }

    /// Contacts with a greater number, oldest first. `list` = `Some(None)` outside of lists, `None` everywhere.
    ///
    /// # Errors
    /// The store.
    pub async fn contacts_page(
        &self,
        list: Option<Option<i64>>,
        after: i64,
        most: usize,
    ) -> Answer<Vec<StoredContact>> {
        Ok(self.inner.store.contacts_after(list, after, most).await?)
    }
}
