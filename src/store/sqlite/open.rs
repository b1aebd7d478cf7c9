//! Opening: the lock, the file, its pragmas, its tables.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::store::sqlite::value::failed;
use crate::store::{StoreError, StoreErrorKind};

/// "CmDN": tells our files from other programs' databases.
const APPLICATION_ID: i32 = 0x436d_444e;
/// The tables, each step once, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_store.sql"),
    include_str!("../migrations/0002_alarms.sql"),
    include_str!("../migrations/0003_contacts.sql"),
    include_str!("../migrations/0004_sequences.sql"),
];
/// The version of the tables that this program writes.
pub const SCHEMA: u32 = MIGRATIONS.len() as u32;
/// Files up to this size are read through at every start; larger ones by `store check` alone.
const QUICK_CHECK_BYTES_MAX: u64 = 16 << 20;
/// Statements kept ready by one connection.
const STATEMENTS: usize = 160;
/// Pages of the write-ahead log before they go back into the file: what changes often goes back once.
const LOG_PAGES: u32 = 4_000;
/// Pages that the writer keeps: indexes are touched all over.
const CACHE_KIB: i32 = 16 << 10;
/// How long somebody else's look into the file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The files of a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The database.
    pub database: PathBuf,
    /// Where the chains end.
    pub heads: PathBuf,
    /// Held by whoever has the store open.
    pub lock: PathBuf,
}

impl Files {
    /// Of a folder, or of a database file named in full.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let is_file = path.extension().is_some_and(|extension| extension == "sqlite") && !path.is_dir();
        let database = if is_file { path.to_owned() } else { path.join("commdn.sqlite") };
        Self { heads: database.with_extension("heads"), lock: database.with_extension("lock"), database }
    }
}

/// Held as long as the store is open; the system releases it when the process dies, however it dies.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code)] File);

impl Lock {
    pub(super) fn take(files: &Files) -> Result<Self, StoreError> {
        let unable = |error: std::io::Error| {
            StoreError::new(StoreErrorKind::Io, format_args!("lock file {}: {error}", files.lock.display()))
        };
        let mut file = File::options().create(true).read(true).append(true).open(&files.lock).map_err(unable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&files.lock).unwrap_or_default();
                let holder = holder.lines().last().unwrap_or("another process").to_owned();
                let what = format!("the store {} is in use by {holder}", files.database.display());
                return Err(StoreError::new(StoreErrorKind::InUse, what));
            }
            Err(TryLockError::Error(error)) => return Err(unable(error)),
        }
        // For people only: a disk without room for it is told by the first commit.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "process {}", std::process::id()));
        Ok(Self(file))
    }
}

/// Opens the database for writing and brings its tables up to date.
pub(super) fn open_writer(file: &Path, pages_max: Option<u32>) -> Result<Connection, StoreError> {
    let name = file.display().to_string();
    let whole = |error: &rusqlite::Error| failed(&name, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let is_new = fs::metadata(file).map_or(true, |it| it.len() == 0);
    let mut db = Connection::open_with_flags(file, flags).map_err(|error| whole(&error))?;
    db.busy_timeout(BUSY).map_err(|error| whole(&error))?;
    let application: i32 =
        db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(|error| whole(&error))?;
    if !is_new && application != APPLICATION_ID {
        let found = format!("{name}: expected a commdn store, found a database with application id {application}");
        return Err(StoreError::new(StoreErrorKind::Damaged, found));
    }
    let mode: String =
        db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(|error| whole(&error))?;
    if mode != "wal" {
        let what = format!("{name}: expected a file system that takes a write-ahead log, found journal mode {mode}");
        return Err(StoreError::new(StoreErrorKind::Io, what));
    }
    configure(&db, pages_max).map_err(|error| whole(&error))?;
    if !is_new && fs::metadata(file).is_ok_and(|it| it.len() <= QUICK_CHECK_BYTES_MAX) {
        let found = integrity(&db, "quick_check", 1).map_err(|error| whole(&error))?;
        if let Some(found) = found.first() {
            return Err(StoreError::new(StoreErrorKind::Damaged, format_args!("{name} is damaged: {found}")));
        }
    }
    migrate(&mut db, &name)?;
    Ok(db)
}

/// A store that lives in memory.
pub(super) fn open_memory(pages_max: Option<u32>) -> Result<Connection, StoreError> {
    let whole = |error: &rusqlite::Error| failed("store in memory", error);
    let mut db = Connection::open_in_memory().map_err(|error| whole(&error))?;
    configure(&db, pages_max).map_err(|error| whole(&error))?;
    migrate(&mut db, "store in memory")?;
    Ok(db)
}

/// Opens the database beside its writer, for reading only.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(file, flags)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    };
    open().map_err(|error| failed(&file.display().to_string(), &error))
}

/// How a writer's connection is set up, for whoever compares another program with it.
#[must_use]
pub fn pragmas() -> String {
    format!(
        "PRAGMA synchronous = full;\nPRAGMA foreign_keys = on;\nPRAGMA wal_autocheckpoint = {LOG_PAGES};\n\
         PRAGMA temp_store = memory;\nPRAGMA cache_size = -{CACHE_KIB};\n"
    )
}

/// The SQLite that is part of this program.
#[must_use]
pub fn version() -> &'static str {
    rusqlite::version()
}

fn configure(db: &Connection, pages_max: Option<u32>) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A plan that hangs on the values that are bound is made anew with each of them, from the text on.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(&pragmas())?;
    if let Some(pages) = pages_max {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// What `PRAGMA quick_check` or `integrity_check` finds; empty when the file is whole.
pub(super) fn integrity(db: &Connection, how: &str, most: u32) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(&format!("PRAGMA {how}({most})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// The version of the tables in a file.
pub(super) fn schema_of(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(db: &mut Connection, name: &str) -> Result<(), StoreError> {
    let whole = |error: &rusqlite::Error| failed(name, error);
    let found = schema_of(db).map_err(|error| whole(&error))?;
    if found > SCHEMA {
        let what = format!("{name} has tables of version {found}, this program knows versions up to {SCHEMA}");
        return Err(StoreError::new(StoreErrorKind::Newer, what));
    }
    for (version, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        let step = || -> rusqlite::Result<()> {
            let step = db.transaction()?;
            step.execute_batch(sql)?;
            step.pragma_update(None, "application_id", APPLICATION_ID)?;
            step.pragma_update(None, "user_version", version)?;
            step.commit()
        };
        let mut step = step;
        step().map_err(|error| whole(&error))?;
    }
    Ok(())
}
