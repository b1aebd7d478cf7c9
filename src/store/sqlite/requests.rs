//! Reading the journal.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::engine::Ended;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::RequestResult;
use crate::engine::Step;
use crate::engine::Which;
use crate::message::AppDbid;
use crate::message::MessageType;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::UtcTime;
use crate::protocol::requester::SendId;
use crate::store::sqlite::value::{
    AnswerRow, duration, failed, micros, most, number, read_dbids, read_json, strange, utc,
};
use crate::store::{Dead, KeyHeld, LastNumbers, Mark, RequestPage, StoreError, StoredRequest};

const COLUMNS: &str = "number, kind, campaign, agent_group, target, asked_by, note, warnings, accepted_at, deadline, \
                       durable, body, draining, attempts, not_before, dead_at, dead_reason, ended_at, took, result, \
                       why, reason, detail, tserver_code, answers";

type Read<T> = Result<T, StoreError>;

pub(super) fn last_numbers(db: &Connection) -> Read<LastNumbers> {
    let max = |sql: &str| -> Read<Option<i64>> {
        db.query_row(sql, [], |row| row.get(0)).map_err(|error| failed("requests", &error))
    };
    Ok(LastNumbers {
        request: max("SELECT max(number) FROM requests")?.map(number),
        send: max("SELECT max(send) FROM marks")?.map(|send| SendId(send.cast_unsigned())),
    })
}

pub(super) fn request(db: &Connection, number: RequestNumber) -> Read<Option<StoredRequest>> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE number = ?1");
    let mut found = read(db, &sql, [number.0.cast_signed()])?;
    let Some(mut request) = found.pop() else { return Ok(None) };
    request.record.steps = steps(db, number).map_err(|error| failed("steps", &error))?;
    request.marks = marks(db, number).map_err(|error| failed("marks", &error))?;
    Ok(Some(request))
}

pub(super) fn requests(db: &Connection, page: RequestPage) -> Read<Vec<RequestRecord>> {
    let only = match page.which {
        Which::All => "",
        Which::Open => "AND ended_at IS NULL",
        Which::Ended => "AND ended_at IS NOT NULL",
    };
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE number < ?1 {only} ORDER BY number DESC LIMIT ?2");
    let end = page.after.map_or(i64::MAX, |after| after.0.cast_signed());
    Ok(read(db, &sql, params![end, most(page.most, 100)])?.into_iter().map(|request| request.record).collect())
}

pub(super) fn dead_letters(db: &Connection, after: Option<RequestNumber>, wanted: usize) -> Read<Vec<StoredRequest>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM requests WHERE number < ?1 AND dead_at IS NOT NULL ORDER BY number DESC LIMIT ?2"
    );
    read(db, &sql, params![after.map_or(i64::MAX, |after| after.0.cast_signed()), most(wanted, 100)])
}

pub(super) fn restored(db: &Connection, marked_since: UtcTime) -> Read<Vec<StoredRequest>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM requests WHERE number IN (SELECT number FROM requests WHERE ended_at IS NULL \
         UNION SELECT request FROM marks WHERE at >= ?1) ORDER BY number"
    );
    let mut found = read(db, &sql, [micros(marked_since)])?;
    for request in &mut found {
        request.marks = marks(db, request.record.number).map_err(|error| failed("marks", &error))?;
    }
    Ok(found)
}

pub(super) fn key_held(db: &Connection, subject: &str, key: &str) -> Read<Option<KeyHeld>> {
    let sql = "SELECT request, body_sha256 FROM idempotency WHERE subject = ?1 AND key = ?2";
    let mut statement = db.prepare_cached(sql).map_err(|error| failed("idempotency", &error))?;
    statement
        .query_row([subject, key], |row| Ok(KeyHeld { number: number(row.get(0)?), body_sha256: row.get(1)? }))
        .optional()
        .map_err(|error| failed("idempotency", &error))
}

fn steps(db: &Connection, number: RequestNumber) -> rusqlite::Result<Vec<Step>> {
    let mut statement = db.prepare_cached("SELECT after, text, dn, frame FROM steps WHERE request = ?1 ORDER BY n")?;
    let steps = statement.query_map([number.0.cast_signed()], |row| {
        let dn: Option<String> = row.get("dn")?;
        let frame: Option<Vec<u8>> = row.get("frame")?;
        Ok(Step { after: duration(row.get("after")?), text: row.get("text")?, frame: dn.zip(frame.map(Bytes::from)) })
    })?;
    steps.collect()
}

/// A mark names every journaled request of its frame.
fn marks(db: &Connection, number: RequestNumber) -> rusqlite::Result<Vec<Mark>> {
    let mut statement =
        db.prepare_cached("SELECT send, ocss, link, dn, origin, at FROM marks WHERE request = ?1 ORDER BY send")?;
    let mut others = db.prepare_cached("SELECT request FROM marks WHERE send = ?1 ORDER BY request")?;
    let marks = statement.query_map([number.0.cast_signed()], |row| {
        let send: i64 = row.get("send")?;
        let requests = others.query_map([send], |row| Ok(RequestNumber(row.get::<_, i64>(0)?.cast_unsigned())))?;
        Ok(Mark {
            requests: requests.collect::<rusqlite::Result<_>>()?,
            send: SendId(send.cast_unsigned()),
            ocss: read_dbids(&row.get::<_, String>("ocss")?),
            link: row.get("link")?,
            dn: row.get("dn")?,
            origin: AppDbid(row.get("origin")?),
            at: utc(row.get("at")?),
        })
    })?;
    marks.collect()
}

fn read(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Read<Vec<StoredRequest>> {
    let whole = |error: rusqlite::Error| failed("requests", &error);
    let mut statement = db.prepare_cached(sql).map_err(whole)?;
    let mut rows = statement.query(values).map_err(whole)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(whole)? {
        let texts = Texts::of(row).map_err(whole)?;
        let mut request = plain(row).map_err(whole)?.ok_or_else(|| strange("requests: a row of an unknown kind"))?;
        request.record.warnings = read_json(texts.warnings, "warnings of a request")?;
        if let Some(ended) = &mut request.record.ended {
            let answers: Vec<AnswerRow> = read_json(texts.answers, "answers of a request")?;
            ended.answers = answers.into_iter().map(Into::into).collect();
        }
        found.push(request);
    }
    Ok(found)
}

/// Columns that hold JSON.
struct Texts {
    warnings: Option<String>,
    answers: Option<String>,
}

impl Texts {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { warnings: row.get("warnings")?, answers: row.get("answers")? })
    }
}

/// A row without what stands in it as JSON; `None` for a kind or a result that no version knows.
fn plain(row: &Row<'_>) -> rusqlite::Result<Option<StoredRequest>> {
    let Some(kind) = RequestKind::of(MessageType(row.get("kind")?)) else { return Ok(None) };
    let campaign: Option<i32> = row.get("campaign")?;
    let group: Option<i32> = row.get("agent_group")?;
    let ended = match row.get::<_, Option<i64>>("ended_at")? {
        None => None,
        Some(at) => {
            let Some(result) = RequestResult::from_slug(&row.get::<_, String>("result")?) else { return Ok(None) };
            let word = |column: &str| row.get::<_, Option<String>>(column);
            Some(Ended {
                at: utc(at),
                took: duration(row.get("took")?),
                result,
                why: word("why")?.map(Into::into),
                reason: word("reason")?.map(Into::into),
                detail: word("detail")?,
                tserver_code: row.get("tserver_code")?,
                answers: Vec::new(),
            })
        }
    };
    let dead = match row.get::<_, Option<i64>>("dead_at")? {
        None => None,
        Some(at) => {
            Some(Dead { at: utc(at), reason: row.get::<_, Option<String>>("dead_reason")?.unwrap_or_default() })
        }
    };
    Ok(Some(StoredRequest {
        record: RequestRecord {
            number: number(row.get("number")?),
            kind,
            pair: campaign.zip(group).map(|(campaign, group)| Pair::new(campaign, group)),
            target: Target::from(row.get::<_, i32>("target")?),
            asked_by: row.get("asked_by")?,
            note: row.get("note")?,
            warnings: Vec::new(),
            accepted_at: utc(row.get("accepted_at")?),
            steps: Vec::new(),
            draining: row.get("draining")?,
            ended,
        },
        body: row.get::<_, Vec<u8>>("body")?.into(),
        deadline: row.get::<_, Option<i64>>("deadline")?.map(duration),
        durable: row.get("durable")?,
        attempts: row.get("attempts")?,
        not_before: row.get::<_, Option<i64>>("not_before")?.map(utc),
        dead,
        marks: Vec::new(),
    }))
}
