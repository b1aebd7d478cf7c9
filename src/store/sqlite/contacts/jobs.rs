//! Jobs, profiles with a name, uploads.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::store::StoreError;
use crate::store::contacts::{
    Cleared, ImportJob, JobChange, JobKind, JobState, Progress, SavedProfile, StoredUpload, refused,
};
use crate::store::sqlite::value::{failed, json, most, strange};

type Read<T> = Result<T, StoreError>;

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("import_jobs", error)
}

fn job(row: &Row<'_>) -> Read<ImportJob> {
    let read = || -> rusqlite::Result<_> {
        let words: (String, String, String, String) =
            (row.get("kind")?, row.get("state")?, row.get("spec")?, row.get("progress")?);
        let rest: (i64, String, String, i64, Option<String>) =
            (row.get("number")?, row.get("id")?, row.get("owner")?, row.get("created_at")?, row.get("cancelled_by")?);
        Ok((words, rest))
    };
    let ((kind, state, spec, progress), (number, id, owner, created_at, cancelled_by)) =
        read().map_err(|error| sql(&error))?;
    let broken = |what: &str| strange(format_args!("import_jobs: {what} of job {id}"));
    Ok(ImportJob {
        number,
        kind: JobKind::from_slug(&kind).ok_or_else(|| broken("kind"))?,
        state: JobState::from_slug(&state).ok_or_else(|| broken("state"))?,
        owner,
        created_at,
        cancelled_by,
        spec: serde_json::from_str(&spec).map_err(|_| broken("specification"))?,
        progress: serde_json::from_str(&progress).map_err(|_| broken("progress"))?,
        id,
    })
}

/// A key that its owner has used before gives the job that it was used for.
pub(super) fn create(db: &Connection, mut job: ImportJob) -> Read<ImportJob> {
    if let Some((key, _)) = &job.spec.idempotency {
        let text = "SELECT number FROM import_jobs WHERE owner = ?1 AND idempotency_key = ?2";
        let known = db.query_row(text, [&job.owner, key], |row| row.get(0)).optional();
        if let Some(number) = known.map_err(|error| sql(&error))? {
            return by_number(db, number)?.ok_or_else(|| strange("import_jobs: a job that was just found"));
        }
    }
    db.execute(
        "INSERT INTO import_jobs (id, kind, state, list, owner, created_at, cancelled_by, spec, progress, \
         idempotency_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            job.id,
            job.kind.slug(),
            job.state.slug(),
            job.spec.list,
            job.owner,
            job.created_at,
            job.cancelled_by,
            json(&job.spec)?,
            json(&job.progress)?,
            job.spec.idempotency.as_ref().map(|(key, _)| key),
        ],
    )
    .map_err(|error| sql(&error))?;
    job.number = db.last_insert_rowid();
    Ok(job)
}

pub(super) fn one(db: &Connection, id: &str) -> Read<Option<ImportJob>> {
    let mut one = db.prepare_cached("SELECT * FROM import_jobs WHERE id = ?1").map_err(|error| sql(&error))?;
    let mut rows = one.query([id]).map_err(|error| sql(&error))?;
    match rows.next().map_err(|error| sql(&error))? {
        Some(row) => job(row).map(Some),
        None => Ok(None),
    }
}

pub(super) fn by_number(db: &Connection, number: i64) -> Read<Option<ImportJob>> {
    let id: Option<String> = db
        .query_row("SELECT id FROM import_jobs WHERE number = ?1", [number], |row| row.get(0))
        .optional()
        .map_err(|error| sql(&error))?;
    id.map_or(Ok(None), |id| one(db, &id))
}

pub(super) fn newest(db: &Connection, before: Option<i64>, wanted: usize, open_only: bool) -> Read<Vec<ImportJob>> {
    let text = if open_only {
        "SELECT * FROM import_jobs WHERE number < ?1 AND state IN ('created', 'validating', 'validated', 'importing') \
         ORDER BY number DESC LIMIT ?2"
    } else {
        "SELECT * FROM import_jobs WHERE number < ?1 ORDER BY number DESC LIMIT ?2"
    };
    let mut page = db.prepare_cached(text).map_err(|error| sql(&error))?;
    let mut rows = page.query(params![before.unwrap_or(i64::MAX), most(wanted, 100)]).map_err(|error| sql(&error))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql(&error))? {
        jobs.push(job(row)?);
    }
    Ok(jobs)
}

pub(super) fn change(db: &Connection, id: &str, change: JobChange) -> Read<Option<ImportJob>> {
    let Some(mut job) = one(db, id)? else { return Ok(None) };
    if change(&mut job) {
        db.execute(
            "UPDATE import_jobs SET state = ?2, progress = ?3, cancelled_by = ?4, spec = ?5 WHERE number = ?1",
            params![job.number, job.state.slug(), json(&job.progress)?, job.cancelled_by, json(&job.spec)?],
        )
        .map_err(|error| sql(&error))?;
    }
    Ok(Some(job))
}

/// Writes how far a job has come, inside the transaction of what it did.
pub(super) fn keep(db: &Connection, number: i64, list: Option<i64>, progress: &Progress) -> Read<()> {
    let mut put =
        db.prepare_cached("UPDATE import_jobs SET progress = ?2 WHERE number = ?1").map_err(|error| sql(&error))?;
    put.execute(params![number, json(progress)?]).map_err(|error| sql(&error))?;
    if let Some(list) = list {
        let mut last =
            db.prepare_cached("UPDATE calling_lists SET last_job = ?2 WHERE id = ?1").map_err(|error| sql(&error))?;
        last.execute(params![list, number]).map_err(|error| sql(&error))?;
    }
    Ok(())
}

/// Ids of contacts that stayed, kept with the job of a clear.
const IN_USE_KEPT: usize = 100;

/// The same for a piece of a clear: its cursor is the number of the last contact that was looked at.
pub(super) fn keep_cleared(db: &Connection, number: i64, cleared: &Cleared, images: i64) -> Read<()> {
    let Some(ImportJob { mut progress, .. }) = by_number(db, number)? else {
        return Err(refused("there is no such job"));
    };
    let in_use = u64::try_from(cleared.in_use.len()).unwrap_or(u64::MAX);
    progress.counts.deleted = progress.counts.deleted.saturating_add(cleared.deleted);
    progress.counts.failed = progress.counts.failed.saturating_add(in_use);
    progress.cancellations = progress.cancellations.saturating_add(cleared.cancellations);
    progress.cursor.record = cleared.after.cast_unsigned();
    progress.images = images;
    let mut ids: Vec<String> = serde_json::from_str(&progress.extra).unwrap_or_default();
    ids.extend(cleared.in_use.iter().map(|(_, id)| id.clone()));
    ids.truncate(IN_USE_KEPT);
    progress.extra = json(&ids)?;
    keep(db, number, None, &progress)
}

fn saved(row: &Row<'_>) -> rusqlite::Result<(SavedProfile, bool)> {
    let text: String = row.get("profile")?;
    let profile = serde_json::from_str(&text);
    let is_whole = profile.is_ok();
    let Ok(profile) = profile else { return Err(rusqlite::Error::InvalidQuery) };
    Ok((
        SavedProfile {
            id: row.get("id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            owner: row.get("owner")?,
            version: row.get("version")?,
            created_at: row.get("created_at")?,
            modified_at: row.get("modified_at")?,
            profile,
            extra: row.get("extra")?,
        },
        is_whole,
    ))
}

pub(super) fn profiles(db: &Connection) -> Read<Vec<SavedProfile>> {
    let mut all = db
        .prepare_cached("SELECT * FROM import_profiles ORDER BY name")
        .map_err(|error| failed("import_profiles", &error))?;
    let rows = all.query_map([], saved).map_err(|error| failed("import_profiles", &error))?;
    rows.map(|row| row.map(|row| row.0).map_err(|error| failed("import_profiles", &error))).collect()
}

pub(super) fn save_profile(db: &Connection, mut it: SavedProfile) -> Read<Option<SavedProfile>> {
    let whole = |error: rusqlite::Error| failed("import_profiles", &error);
    let known = it.version;
    it.version += 1;
    let profile = json(&it.profile)?;
    let done = if known == 0 {
        db.execute(
            "INSERT INTO import_profiles (id, name, kind, owner, version, created_at, modified_at, profile, extra) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            params![it.id, it.name, it.kind, it.owner, it.version, it.created_at, it.modified_at, profile, it.extra],
        )
    } else {
        db.execute(
            "UPDATE OR IGNORE import_profiles SET name = ?2, version = ?3, modified_at = ?4, profile = ?5, \
             extra = ?6 WHERE id = ?1 AND version = ?7",
            params![it.id, it.name, it.version, it.modified_at, profile, it.extra, known],
        )
    };
    Ok((done.map_err(whole)? > 0).then_some(it))
}

pub(super) fn delete_profile(db: &Connection, id: &str) -> Read<bool> {
    let gone = db.execute("DELETE FROM import_profiles WHERE id = ?1", [id]);
    Ok(gone.map_err(|error| failed("import_profiles", &error))? > 0)
}

fn stored_upload(row: &Row<'_>) -> rusqlite::Result<StoredUpload> {
    let size = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    Ok(StoredUpload {
        id: row.get("id")?,
        owner: row.get("owner")?,
        file_name: row.get("file_name")?,
        announced: size("announced")?,
        bytes: size("bytes")?,
        sha256: row.get("sha256")?,
        created_at: row.get("created_at")?,
        extra: row.get("extra")?,
    })
}

pub(super) fn upload(db: &Connection, id: &str) -> Read<Option<StoredUpload>> {
    db.query_row("SELECT * FROM import_uploads WHERE id = ?1", [id], stored_upload)
        .optional()
        .map_err(|error| failed("import_uploads", &error))
}

pub(super) fn uploads_before(db: &Connection, created_at: i64) -> Read<Vec<StoredUpload>> {
    let mut old = db
        .prepare_cached("SELECT * FROM import_uploads WHERE created_at < ?1")
        .map_err(|error| failed("import_uploads", &error))?;
    let rows = old.query_map([created_at], stored_upload).map_err(|error| failed("import_uploads", &error))?;
    rows.collect::<rusqlite::Result<_>>().map_err(|error| failed("import_uploads", &error))
}

pub(super) fn save_upload(db: &Connection, it: &StoredUpload) -> Read<()> {
    db.execute(
        "INSERT INTO import_uploads (id, owner, file_name, announced, bytes, sha256, created_at, extra) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET file_name = excluded.file_name, \
         announced = excluded.announced, bytes = excluded.bytes, sha256 = excluded.sha256, extra = excluded.extra",
        params![
            it.id,
            it.owner,
            it.file_name,
            it.announced.map(u64::cast_signed),
            it.bytes.map(u64::cast_signed),
            it.sha256,
            it.created_at,
            it.extra
        ],
    )
    .map(|_| ())
    .map_err(|error| failed("import_uploads", &error))
}

pub(super) fn delete_upload(db: &Connection, id: &str) -> Read<bool> {
    let gone = db.execute("DELETE FROM import_uploads WHERE id = ?1", [id]);
    Ok(gone.map_err(|error| failed("import_uploads", &error))? > 0)
}
