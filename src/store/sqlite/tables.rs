//! Reading everything but journal and evidence.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::engine::ChangedBy;
use crate::engine::PairState;
use crate::engine::ocs::Record;
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::MessageType;
use crate::message::OptimizeBy;
use crate::message::Pair;
use crate::protocol::UtcSeconds;
use crate::protocol::requester::{EchoFact, EchoKnowledge, Proof};
use crate::store::sqlite::contacts::user_columns;
use crate::store::sqlite::value::{failed, most, number, read_customer, read_json, read_phone, strange, utc};
use crate::store::{
    ApiKey, AuditQuery, AuditRow, Audited, Counts, Hash, ListHead, ListedDnc, StopWish, StoreError, StoredAlarm,
    StoredList,
};

type Read<T> = Result<T, StoreError>;

fn all<T>(
    db: &Connection,
    table: &str,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Read<Vec<T>> {
    let mut statement = db.prepare_cached(sql).map_err(|error| failed(table, &error))?;
    let rows = statement.query_map(values, read).map_err(|error| failed(table, &error))?;
    rows.collect::<rusqlite::Result<_>>().map_err(|error| failed(table, &error))
}

fn pair(row: &Row<'_>) -> rusqlite::Result<Pair> {
    Ok(Pair::new(row.get("campaign")?, row.get("agent_group")?))
}

pub(super) fn stop_wishes(db: &Connection) -> Read<Vec<StopWish>> {
    all(db, "stop_wishes", "SELECT * FROM stop_wishes ORDER BY at", [], |row| {
        Ok(StopWish {
            ocs: AppDbid(row.get("ocs")?),
            pair: pair(row)?,
            request: number(row.get("request")?),
            at: utc(row.get("at")?),
        })
    })
}

pub(super) fn alarms(db: &Connection) -> Read<Vec<StoredAlarm>> {
    all(db, "forged_origins", "SELECT * FROM forged_origins ORDER BY origin", [], |row| {
        Ok(StoredAlarm {
            origin: AppDbid(row.get("origin")?),
            at: utc(row.get("at")?),
            cleared_at: row.get::<_, Option<i64>>("cleared_at")?.map(utc),
        })
    })
}

pub(super) fn echoes(db: &Connection) -> Read<Vec<(AppDbid, EchoKnowledge)>> {
    let rows = all(db, "echoes", "SELECT ocs, fact, proved FROM echoes ORDER BY ocs", [], |row| {
        Ok((AppDbid(row.get(0)?), row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    })?;
    let mut known: Vec<(AppDbid, EchoKnowledge)> = Vec::new();
    for (ocs, fact, proved) in rows {
        if known.last().is_none_or(|(last, _)| *last != ocs) {
            known.push((ocs, EchoKnowledge::default()));
        }
        let Some((_, echo)) = known.last_mut() else { continue };
        let proof = if proved { Proof::Proved } else { Proof::Withdrawn };
        // A fact of a later version is none of ours.
        let Some(fact) = EchoFact::ALL.into_iter().find(|known| known.slug() == fact) else { continue };
        match fact {
            EchoFact::DoNotCall => echo.do_not_call = proof,
            EchoFact::Cancel => echo.cancel = proof,
            EchoFact::ErrorIds => echo.error_ids = proof,
            EchoFact::ErrorSubject => echo.error_subject = proof,
            EchoFact::Reference => echo.reference = proof,
        }
    }
    Ok(known)
}

pub(super) fn states(db: &Connection) -> Read<Vec<PairState>> {
    let sql = "SELECT * FROM states ORDER BY ocs, campaign, agent_group";
    let rows = all(db, "states", sql, [], |row| {
        let Some(changed_by) = ChangedBy::from_slug(&row.get::<_, String>("changed_by")?) else { return Ok(None) };
        Ok(Some(PairState {
            ocs: AppDbid(row.get("ocs")?),
            pair: pair(row)?,
            status: row.get::<_, Option<i32>>("status")?.map(GroupCampStatus),
            dialing: Dialing {
                mode: row.get::<_, Option<i32>>("mode")?.map(DialMode),
                optimize_by: row.get::<_, Option<i32>>("optimize_by")?.map(OptimizeBy),
                goal: row.get("goal")?,
            },
            changed_at: utc(row.get("changed_at")?),
            changed_by,
            observed_at: utc(row.get("observed_at")?),
            observed_by: MessageType(row.get("observed_by")?),
        }))
    })?;
    rows.into_iter().map(|row| row.ok_or_else(|| strange("states: a row with an unknown changed_by"))).collect()
}

pub(super) fn counts(db: &Connection) -> Read<Counts> {
    let count = |table: &str, sql: &str| -> Read<u64> {
        let mut statement = db.prepare_cached(sql).map_err(|error| failed(table, &error))?;
        let rows: i64 = statement.query_row([], |row| row.get(0)).map_err(|error| failed(table, &error))?;
        Ok(rows.cast_unsigned())
    };
    Ok(Counts {
        open: count("requests", "SELECT count(*) FROM requests WHERE ended_at IS NULL")?,
        unsent: count(
            "requests",
            "SELECT count(*) FROM requests r WHERE ended_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM marks WHERE request = r.number)",
        )?,
        dead: count("requests", "SELECT count(*) FROM requests WHERE dead_at IS NOT NULL")?,
        requests: count("requests", "SELECT count(*) FROM requests")?,
        dnc: count("dnc_evidence", "SELECT count(*) FROM dnc_evidence WHERE event = 'asked'")?,
        dnc_unconfirmed: count(
            "dnc_deliveries",
            "SELECT count(DISTINCT request) FROM dnc_deliveries WHERE confirmed_at IS NULL",
        )?,
        audit: count("audit", "SELECT count(*) FROM audit")?,
    })
}

pub(super) fn dnc_list(
    db: &Connection,
    ocs: Option<AppDbid>,
    after: u64,
    wanted: usize,
) -> Read<Vec<(u64, ListedDnc)>> {
    let sql = "SELECT * FROM gsw_donotcall_list WHERE ocs = ?1 AND row > ?2 ORDER BY row LIMIT ?3";
    let values = params![ocs.map_or(0, |ocs| ocs.0), after.cast_signed(), most(wanted, 1_000)];
    all(db, "gsw_donotcall_list", sql, values, |row| {
        let listed = ListedDnc {
            ocs,
            phone: read_phone(row, "phone")?,
            customer: read_customer(row, "customer_id")?,
            message: row.get("dnc_message")?,
            tenant: row.get("tenant_dbid")?,
            campaign: row.get("campaign_dbid")?,
            list: row.get("list_dbid")?,
            at: UtcSeconds(row.get::<_, Option<i64>>("time_stamp")?.unwrap_or(0)),
            expires_at: row.get::<_, Option<i64>>("expires_at")?.map(UtcSeconds),
        };
        Ok((row.get::<_, i64>("row")?.cast_unsigned(), listed))
    })
}

pub(super) fn audit(db: &Connection, query: &AuditQuery) -> Read<Vec<Audited>> {
    let sql = "SELECT * FROM audit WHERE row < ?1 AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR action = ?3) \
               ORDER BY row DESC LIMIT ?4";
    let before = query.after.map_or(i64::MAX, u64::cast_signed);
    all(db, "audit", sql, params![before, query.subject, query.action, most(query.most, 100)], |row| {
        Ok(Audited {
            row: row.get::<_, i64>("row")?.cast_unsigned(),
            hash: row.get("hash")?,
            audit: AuditRow {
                at: utc(row.get("at")?),
                subject: row.get("subject")?,
                client: row.get("client")?,
                action: row.get("action")?,
                object: row.get("object")?,
                outcome: row.get("outcome")?,
                detail: row.get("detail")?,
                request: row.get::<_, Option<i64>>("request")?.map(number),
            },
        })
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let time = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(utc));
    let scopes: String = row.get("scopes")?;
    Ok(ApiKey {
        id: row.get("id")?,
        sha256: row.get("sha256")?,
        subject: row.get("subject")?,
        scopes: scopes.lines().map(str::to_owned).collect(),
        created_at: utc(row.get("created_at")?),
        created_by: row.get("created_by")?,
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
        used_at: time("used_at")?,
    })
}

pub(super) fn api_key(db: &Connection, sha256: &Hash) -> Read<Option<ApiKey>> {
    let sql = "SELECT * FROM api_keys WHERE sha256 = ?1";
    let mut statement = db.prepare_cached(sql).map_err(|error| failed("api_keys", &error))?;
    statement.query_row([sha256], key).optional().map_err(|error| failed("api_keys", &error))
}

pub(super) fn api_keys(db: &Connection) -> Read<Vec<ApiKey>> {
    all(db, "api_keys", "SELECT * FROM api_keys ORDER BY created_at, id", [], key)
}

pub(super) fn lists(db: &Connection) -> Read<Vec<StoredList>> {
    let sql = "SELECT *, (SELECT count(*) FROM calling_records WHERE list = l.id) AS records FROM calling_lists l \
               ORDER BY name";
    all(db, "calling_lists", sql, [], |row| {
        Ok(StoredList {
            head: ListHead {
                name: row.get("name")?,
                enabled: row.get("enabled")?,
                customer_column: row.get("customer_column")?,
            },
            records: row.get::<_, i64>("records")?.cast_unsigned(),
        })
    })
}

pub(super) fn records(db: &Connection, list: &str, after: Option<i32>, wanted: usize) -> Read<Vec<Record>> {
    let after = after.map_or(i64::MIN, i64::from);
    let rest = "WHERE l.name = ?1 AND r.record_id > ?2 ORDER BY r.record_id LIMIT ?3";
    joined(db, rest, params![list, after, most(wanted, 1_000)])
}

/// Records of one contact.
pub(super) fn chain(db: &Connection, list: i64, contact: i64) -> Read<Vec<Record>> {
    joined(db, "WHERE r.list = ?1 AND r.chain_id = ?2 ORDER BY r.chain_n", params![list, contact])
}

/// Records with their user columns: those of their contact, when an import has brought it.
fn joined(db: &Connection, rest: &str, values: impl rusqlite::Params) -> Read<Vec<Record>> {
    let sql = format!(
        "SELECT r.*, l.customer_column AS customer_column, c.attributes AS contact_attributes, \
         ifnull(c.customer_id, c.id) AS contact_customer FROM calling_records r JOIN calling_lists l ON l.id = r.list \
         LEFT JOIN contacts c ON c.number = r.chain_id AND c.list = r.list {rest}"
    );
    let rows = all(db, "calling_records", &sql, values, |row| {
        let text = |column: &str| row.get::<_, Option<String>>(column);
        let contact = (text("customer_column")?, text("contact_attributes")?, text("contact_customer")?);
        Ok((record(row)?, text("user_columns")?, contact))
    })?;
    let mut records = Vec::with_capacity(rows.len());
    for (record, user, contact) in rows {
        let user = match contact {
            (Some(column), Some(attributes), Some(customer)) => user_columns(&attributes, &column, &customer)?,
            _ => read_json(user, "user columns of a record")?,
        };
        records.push(Record { user, ..record });
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        record_id: row.get("record_id")?,
        contact_info: row.get("contact_info")?,
        contact_info_type: row.get("contact_info_type")?,
        record_type: row.get("record_type")?,
        record_status: row.get("record_status")?,
        call_result: row.get("call_result")?,
        attempt: row.get("attempt")?,
        dial_sched_time: row.get::<_, Option<i64>>("dial_sched_time")?.map(UtcSeconds),
        call_time: row.get::<_, Option<i64>>("call_time")?.map(UtcSeconds),
        daily_from: row.get("daily_from")?,
        daily_till: row.get("daily_till")?,
        tz_dbid: row.get("tz_dbid")?,
        campaign_id: row.get::<_, Option<i32>>("campaign_id")?.map(CampaignDbid),
        agent_id: row.get("agent_id")?,
        chain_id: row.get("chain_id")?,
        chain_n: row.get("chain_n")?,
        group_id: row.get::<_, Option<i32>>("group_id")?.map(GroupDbid),
        app_id: row.get("app_id")?,
        media_ref: row.get("media_ref")?,
        email_template_id: row.get("email_template_id")?,
        switch_id: row.get("switch_id")?,
        treatments: row.get("treatments")?,
        email_subject: row.get("email_subject")?,
        user: Vec::new(),
        held: None,
        do_not_call_pending: false,
    })
}
