//! Reading do-not-call entries, and walking along the chains.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use crate::engine::RequestNumber;
use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::protocol::UtcSeconds;
use crate::store::chain::RowHash;
use crate::store::sqlite::apply::field;
use crate::store::sqlite::value::{
    duration, failed, loose, micros, most, number, read_customer, read_dbids, read_phone, utc,
};
use crate::store::{
    Chain, Delivery, DncEntry, DncEvidence, DncQuery, Fault, FaultKind, Hash, Head, Report, StoreError, hex,
};

type Read<T> = Result<T, StoreError>;

pub(super) fn one(db: &Connection, request: RequestNumber) -> Read<Option<DncEvidence>> {
    let sql = "SELECT * FROM dnc_evidence WHERE event = 'asked' AND request = ?";
    Ok(read(db, sql, &[request.0.cast_signed().into()])?.pop())
}

pub(super) fn entries(db: &Connection, query: &DncQuery) -> Read<Vec<DncEvidence>> {
    // An index serves `event = 'asked' AND request > x`; the others are asked first when a person is named.
    let mut sql = "SELECT * FROM dnc_evidence WHERE event = 'asked'".to_owned();
    let mut values = Vec::new();
    if let Some(wanted) = &query.phone {
        sql += " AND row IN (SELECT row FROM dnc_evidence WHERE phone = ? UNION SELECT row FROM dnc_evidence \
                WHERE raw = ? AND raw IS NOT NULL AND raw IS NOT phone UNION SELECT row FROM dnc_evidence \
                WHERE normalised = ? AND normalised IS NOT NULL AND normalised IS NOT phone)";
        values.extend(std::iter::repeat_n(loose(Some(wanted.reveal())), 3));
    }
    if let Some(wanted) = &query.customer {
        sql += " AND customer = ?";
        values.push(loose(Some(wanted.reveal())));
    }
    if query.unconfirmed {
        sql += " AND request IN (SELECT request FROM dnc_deliveries WHERE confirmed_at IS NULL)";
    }
    if let Some(before) = query.before {
        sql += " AND at < ?";
        values.push(micros(before).into());
    }
    if let Some(since) = query.since {
        sql += " AND at >= ?";
        values.push(micros(since).into());
    }
    if let Some(after) = query.after {
        sql += " AND request > ?";
        values.push(after.0.cast_signed().into());
    }
    sql += " ORDER BY request LIMIT ?";
    values.push(most(query.most, 1_000).into());
    read(db, &sql, &values)
}

fn read(db: &Connection, sql: &str, values: &[ToSqlOutput<'_>]) -> Read<Vec<DncEvidence>> {
    let run = || -> rusqlite::Result<Vec<DncEvidence>> {
        let mut statement = db.prepare_cached(sql)?;
        let mut deliveries = db.prepare_cached("SELECT * FROM dnc_deliveries WHERE request = ? ORDER BY ocs")?;
        let mut found =
            statement.query_map(params_from_iter(values), evidence)?.collect::<rusqlite::Result<Vec<_>>>()?;
        for evidence in &mut found {
            let rows = deliveries.query_map([evidence.entry.request.0.cast_signed()], delivery)?;
            evidence.deliveries = rows.collect::<rusqlite::Result<_>>()?;
        }
        Ok(found)
    };
    run().map_err(|error| failed("dnc_evidence", &error))
}

fn evidence(row: &Row<'_>) -> rusqlite::Result<DncEvidence> {
    let text = |column: &str| row.get::<_, Option<String>>(column);
    Ok(DncEvidence {
        row: row.get::<_, i64>("row")?.cast_unsigned(),
        hash: row.get("hash")?,
        entry: DncEntry {
            request: number(row.get("request")?),
            at: utc(row.get("at")?),
            who: text("who")?.unwrap_or_default(),
            channel: text("channel")?.unwrap_or_default(),
            phone: read_phone(row, "phone")?,
            customer: read_customer(row, "customer")?,
            raw: read_phone(row, "raw")?,
            normalised: read_phone(row, "normalised")?,
            scope: text("scope")?,
            note: text("note")?,
            message: text("message")?,
            tenant: row.get("tenant")?,
            campaign: row.get("campaign")?,
            list: row.get("list")?,
            expires_at: row.get::<_, Option<i64>>("expires_at")?.map(UtcSeconds),
            expected: read_dbids(&text("expected")?.unwrap_or_default()),
        },
        deliveries: Vec::new(),
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        ocs: AppDbid(row.get("ocs")?),
        confirmed_at: row.get::<_, Option<i64>>("confirmed_at")?.map(utc),
        latency: row.get::<_, Option<i64>>("latency")?.map(duration),
        code: row.get::<_, Option<i32>>("code")?.map(ErrorCode),
    })
}

/// How far rows were removed by age, and the hash of the last of them.
pub(super) fn anchor(db: &Connection, chain: Chain) -> Read<(u64, Hash)> {
    db.query_row("SELECT purged_to, purged_hash FROM chain_heads WHERE chain = ?1", [chain.slug()], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
    })
    .map_err(|error| failed("chain_heads", &error))
}

/// What a chain's own row says about what was removed by age.
pub(super) fn purge_note(purged_to: u64, hash: &Hash) -> String {
    format!("rows to {purged_to} with hash {}", hex(hash))
}

/// Walks along a chain from the anchor to its end, and compares with the heads that are given.
pub(super) fn verify(db: &Connection, chain: Chain, kept: &[Head]) -> Read<Report> {
    let (purged_to, anchored) = anchor(db, chain)?;
    let walk = walk(db, chain, purged_to, anchored, kept)?;
    let mut fault = walk.fault;
    if fault.is_none() && purged_to > 0 && walk.purge_note.as_deref() != Some(&*purge_note(purged_to, &anchored)) {
        fault = Some(Fault { row: purged_to + 1, kind: FaultKind::Anchor });
    }
    for head in kept.iter().filter(|head| head.chain == chain) {
        if fault.is_none() && walk.head.count < head.count {
            fault = Some(Fault { row: walk.head.count + 1, kind: FaultKind::CutOff });
        }
    }
    if fault.is_none() && chain == Chain::Dnc {
        fault = unlisted(db)?;
    }
    let compared = kept.iter().any(|head| head.chain == chain);
    Ok(Report { chain, rows: walk.rows, purged_to, head: walk.head, compared, fault })
}

struct Walk {
    rows: u64,
    head: Head,
    purge_note: Option<String>,
    fault: Option<Fault>,
}

fn walk(db: &Connection, chain: Chain, purged_to: u64, anchored: Hash, kept: &[Head]) -> Read<Walk> {
    let whole = |error: rusqlite::Error| failed(chain.table(), &error);
    let columns = chain.columns();
    let (purge_column, purged, note_column) = chain.purge_words();
    let sql = format!("SELECT row, hash, {} FROM {} ORDER BY row", columns.join(", "), chain.table());
    let mut statement = db.prepare(&sql).map_err(whole)?;
    let mut rows = statement.query([]).map_err(whole)?;
    let head = Head { chain, count: purged_to, hash: anchored };
    let mut walk = Walk { rows: 0, head, purge_note: None, fault: None };
    while let Some(row) = rows.next().map_err(whole)? {
        let number = row.get::<_, i64>(0).map_err(whole)?.cast_unsigned();
        let next = walk.head.count + 1;
        if number != next {
            // A row at or before the anchor was put there by hand.
            let (row, kind) = if number < next { (number, FaultKind::Changed) } else { (next, FaultKind::Missing) };
            walk.fault = Some(Fault { row, kind });
            return Ok(walk);
        }
        let mut hash = RowHash::new(&walk.head.hash, chain, number);
        for (at, _) in columns.iter().enumerate() {
            hash.field(field(row.get_ref(at + 2).map_err(whole)?)?);
        }
        let hash = hash.finish();
        walk.rows += 1;
        let is_kept = row.get_ref(1).map_err(whole)?.as_blob().is_ok_and(|kept| kept == hash);
        if !is_kept {
            walk.fault = Some(Fault { row: number, kind: FaultKind::Changed });
            return Ok(walk);
        }
        walk.head = Head { chain, count: number, hash };
        if kept.iter().any(|head| head.chain == chain && head.count == number && head.hash != hash) {
            walk.fault = Some(Fault { row: number, kind: FaultKind::Rewritten });
            return Ok(walk);
        }
        if row.get_ref(purge_column).map_err(whole)?.as_str() == Ok(purged) {
            walk.purge_note = row.get::<_, Option<String>>(note_column).map_err(whole)?;
        }
    }
    Ok(walk)
}

/// The first row whose entry is not in the list, or would end there earlier than the row says.
fn unlisted(db: &Connection) -> Read<Option<Fault>> {
    let sql = "SELECT e.row FROM dnc_evidence e WHERE e.event = 'asked' AND NOT EXISTS (\
               SELECT 1 FROM gsw_donotcall_list d WHERE d.ocs = 0 \
               AND ifnull(d.phone, x'') = ifnull(e.phone, x'') \
               AND ifnull(d.customer_id, x'') = ifnull(e.customer, x'') \
               AND ifnull(d.tenant_dbid, 0) = ifnull(e.tenant, 0) \
               AND ifnull(d.campaign_dbid, 0) = ifnull(e.campaign, 0) \
               AND ifnull(d.list_dbid, 0) = ifnull(e.list, 0) \
               AND (d.expires_at IS NULL OR d.expires_at >= e.expires_at)) ORDER BY e.row LIMIT 1";
    let row: Option<i64> =
        db.query_row(sql, [], |row| row.get(0)).optional().map_err(|error| failed("dnc_evidence", &error))?;
    Ok(row.map(|row| Fault { row: row.cast_unsigned(), kind: FaultKind::Entry }))
}
