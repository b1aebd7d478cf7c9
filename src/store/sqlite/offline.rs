//! A store that nobody runs: look through it, copy it, put a copy back.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::sqlite::open::{Files, Lock, SCHEMA, open_reader, schema_of};
use crate::store::sqlite::upkeep;
use crate::store::sqlite::value::failed;
use crate::store::sqlite::{Options, SqliteStore, heads};
use crate::store::{CheckReport, Head, StoreError, StoreErrorKind};

/// What [`restore`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the copy holds.
    pub report: CheckReport,
    /// Where the store that was there before lies now.
    pub before: Option<PathBuf>,
}

/// Reads a store through and changes nothing in it.
///
/// # Errors
/// There is none, or it is in use, newer than this program, or cannot be read at all. What is damaged in a file that
/// can be read stands in the report.
pub fn check_offline(path: &Path) -> Result<CheckReport, StoreError> {
    let files = Files::of(path);
    must_exist(&files.database)?;
    let _lock = Lock::take(&files)?;
    let kept = heads::read(&files.heads).map_err(|error| unable(&files.heads, &error))?;
    let kept: Vec<Head> = kept.map(|(_, heads)| heads.to_vec()).unwrap_or_default();
    upkeep::check(&open_known(&files.database)?, &kept)
}

/// Copies a store into a new file.
///
/// # Errors
/// As [`check_offline`]; the new file is there already.
pub fn backup_offline(path: &Path, to: &Path) -> Result<CheckReport, StoreError> {
    let files = Files::of(path);
    must_exist(&files.database)?;
    let _lock = Lock::take(&files)?;
    upkeep::backup(&open_known(&files.database)?, to)?;
    whole(to)
}

/// Puts a copy in the place of a store. What was there is kept under another name.
///
/// # Errors
/// The copy is not whole; the store is in use; it is there already and `overwrite` was not said.
pub fn restore(copy: &Path, path: &Path, overwrite: bool) -> Result<Restored, StoreError> {
    must_exist(copy)?;
    let files = Files::of(path);
    let is_there = files.database.exists();
    if is_there && !overwrite {
        let what = format_args!("{} is there already", files.database.display());
        return Err(StoreError::new(StoreErrorKind::Refused, what));
    }
    let folder = files.database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| unable(folder, &error))?;
    let lock = Lock::take(&files)?;
    let fresh = beside(&files.database, ".restoring");
    let _ = fs::remove_file(&fresh); // of an attempt that was cut off; the copy says when it cannot be written
    upkeep::backup(&open_known(copy)?, &fresh)?;
    let report = whole(&fresh)?;
    let aside = free_name(&files.database);
    for tail in ["", "-wal", "-shm"] {
        rename_if_there(&beside(&files.database, tail), &beside(&aside, tail))?;
    }
    rename_if_there(&files.heads, &beside(&aside, ".heads"))?;
    fs::rename(&fresh, &files.database).map_err(|error| unable(&files.database, &error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unable(folder, &error))?;
    drop(lock);
    // The heads file of the copy is made now, so that the first start has something to compare with.
    drop(SqliteStore::open(path, Options::default())?);
    Ok(Restored { report, before: is_there.then_some(aside) })
}

/// Reads a copy through that somebody else has made.
///
/// # Errors
/// It is not whole, or cannot be read.
pub fn check_copy(file: &Path) -> Result<CheckReport, StoreError> {
    whole(file)
}

/// A copy that has nothing wrong.
fn whole(file: &Path) -> Result<CheckReport, StoreError> {
    let report = upkeep::check(&open_known(file)?, &[])?;
    let fault = report.chains.iter().find_map(|chain| chain.fault.map(|fault| (chain.chain, fault)));
    let found = match (report.damage.first(), fault) {
        (Some(damage), _) => damage.clone(),
        (None, Some((chain, fault))) => format!("chain {}: {fault}", chain.slug()),
        (None, None) => return Ok(report),
    };
    let what = format!("{} is not whole: {found}", file.display());
    Err(StoreError { kind: StoreErrorKind::Damaged, what, remedy: "take an older backup" })
}

fn open_known(file: &Path) -> Result<Connection, StoreError> {
    let db = open_reader(file)?;
    let name = file.display();
    let schema = schema_of(&db).map_err(|error| failed(&name.to_string(), &error))?;
    if schema > SCHEMA {
        let what = format_args!("{name} has tables of version {schema}, this program knows versions up to {SCHEMA}");
        return Err(StoreError::new(StoreErrorKind::Newer, what));
    }
    if schema < SCHEMA {
        let what = format_args!("{name} has tables of version {schema}, this program reads version {SCHEMA}");
        return Err(StoreError {
            remedy: "start `commdn serve` on it once",
            ..StoreError::new(StoreErrorKind::Damaged, what)
        });
    }
    Ok(db)
}

fn must_exist(file: &Path) -> Result<(), StoreError> {
    if file.is_file() {
        return Ok(());
    }
    let what = format!("there is no store {}", file.display());
    Err(StoreError {
        kind: StoreErrorKind::Missing,
        what,
        remedy: "name the folder that `commdn serve --data` was given",
    })
}

fn beside(file: &Path, tail: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(tail);
    name.into()
}

fn free_name(file: &Path) -> PathBuf {
    let mut n = 0;
    loop {
        n += 1;
        let name = beside(file, &format!(".before-{n}"));
        if !name.exists() {
            return name;
        }
    }
}

fn rename_if_there(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unable(from, &error)),
        _ => Ok(()),
    }
}

fn unable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Io, format_args!("{}: {error}", path.display()))
}
