//! What an import is measured beside: the bare csv crate, and the sqlite3 shell with the same rows in the same tables.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::bench::import::worker::{Began, Spent};
use crate::cli::exit::CliError;
use crate::store::sqlite::pragmas;

/// The version that the lock file names, since the crate itself does not tell.
pub(super) const CSV_VERSION: &str = "1.4.0";
/// Tables that an import writes rows into.
const TABLES: [&str; 5] = ["contacts", "calling_records", "contact_keys", "organisations", "before_images"];

/// The csv crate over every record of a file.
pub(super) fn csv(path: &Path) -> Result<Spent, CliError> {
    let wrong = |error: csv::Error| CliError::internal(format!("{}: {error}", path.display()));
    let began = Began::now();
    let mut reader = csv::Reader::from_path(path).map_err(wrong)?;
    let (mut record, mut cells) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).map_err(wrong)? {
        cells += record.len();
    }
    std::hint::black_box(cells);
    Ok(began.spent())
}

/// The sqlite3 shell.
pub(super) struct Shell {
    program: PathBuf,
    pub(super) version: String,
}

/// The final rows of a job as the shell takes them.
pub(super) struct Rows {
    folder: PathBuf,
    schema: String,
    /// Tables and how many rows go there.
    pub(super) tables: Vec<(&'static str, u64)>,
}

impl Shell {
    /// `None` = there is no such program.
    pub(super) fn find(program: &Path) -> Option<Self> {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().next().filter(|_| output.status.success())?.to_owned();
        Some(Self { program: program.to_owned(), version })
    }

    /// Has the shell do something with a database; its answer.
    fn ask(&self, words: &[&str], database: &Path, script: &str) -> Result<String, CliError> {
        let wrong = |what: String| CliError::internal(format!("{}: {what}", self.program.display()));
        let mut child = Command::new(&self.program)
            .args(["-batch", "-bail"])
            .args(words)
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| wrong(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(script.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        }
        let output = child.wait_with_output().map_err(|error| wrong(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || !said.is_empty() {
            return Err(wrong(said.lines().next().unwrap_or("it failed").to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Takes the rows that a job has left in a store, and the tables they stand in.
    pub(super) fn take(&self, database: &Path, folder: &Path) -> Result<Rows, CliError> {
        fs::create_dir_all(folder).map_err(|error| CliError::internal(format!("{}: {error}", folder.display())))?;
        // An empty cell is a text to `.import`, which the column of a strict table refuses where it stands for NULL.
        let schema = self.ask(&["-readonly"], database, ".schema --nosys\n")?;
        let schema = schema.replace(") STRICT, WITHOUT ROWID", ") WITHOUT ROWID").replace(") STRICT", ")");
        let mut tables = Vec::new();
        for table in TABLES {
            let count = self.ask(&["-readonly"], database, &format!("SELECT count(*) FROM {table};\n"))?;
            let count = count.trim().parse().map_err(|_| CliError::internal(format!("{table}: no count")))?;
            if count > 0 {
                tables.push((table, count));
            }
        }
        // The lists are there before an import begins.
        let mut script = ".mode csv\n".to_owned();
        for table in tables.iter().map(|(table, _)| *table).chain(["calling_lists"]) {
            let file = folder.join(table);
            script.push_str(&format!(".output '{}'\nSELECT * FROM {table};\n", file.display()));
        }
        self.ask(&["-readonly"], database, &script)?;
        Ok(Rows { folder: folder.to_owned(), schema, tables })
    }

    /// `.import` of all of them into a new database.
    pub(super) fn import(&self, rows: &Rows) -> Result<Spent, CliError> {
        let database = rows.folder.join("peer.sqlite");
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(rows.folder.join(format!("peer.sqlite{ending}"))); // of the turn before, if any
        }
        let import = |table: &str| format!(".import --csv '{}' {table}\n", rows.folder.join(table).display());
        let journal = "PRAGMA journal_mode = wal;\n";
        self.ask(&[], &database, &format!("{journal}{}{}", rows.schema, import("calling_lists")))?;
        let mut script = pragmas();
        rows.tables.iter().for_each(|(table, _)| script.push_str(&import(table)));
        let began = Began::now();
        self.ask(&[], &database, &script)?;
        let spent = began.spent();
        for (table, wanted) in &rows.tables {
            let found = self.ask(&["-readonly"], &database, &format!("SELECT count(*) FROM {table};\n"))?;
            if found.trim().parse() != Ok(*wanted) {
                return Err(CliError::internal(format!(
                    "the shell's {table} has {} rows, wanted {wanted}",
                    found.trim()
                )));
            }
        }
        Ok(spent)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_csv_crate_is_the_one_of_the_lock_file() {
        let lock = include_str!("../../../../Cargo.lock");
        let wanted = format!("name = \"csv\"\nversion = \"{}\"", super::CSV_VERSION);
        assert!(lock.contains(&wanted), "the lock file has another version");
    }
}
