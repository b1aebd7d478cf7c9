//! From writes to SQL. Runs inside the writer's transaction.

use std::cell::RefCell;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, params, params_from_iter};

use crate::engine::Ended;
use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::STEPS_MAX;
use crate::engine::Step;
use crate::engine::ocs::Record;
use crate::message::{CustomerId, Phone};
use crate::store::chain::{Field, RowHash};
use crate::store::sqlite::value::{AnswerRow, Loose, dbids, failed, json, loose, micros, span, strange};
use crate::store::{
    Accept, ApiKey, AuditRow, Chain, DncAnswer, DncEntry, Hash, Head, ListedDnc, Mark, StoreError, StoreErrorKind,
    Write,
};

/// The connection that writes, and where the chains end.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) db: Connection,
    pub(super) heads: [Head; 2],
    /// The disk has failed to sync: what it holds is known again only after a new start.
    pub(super) unsynced: std::cell::Cell<bool>,
}

/// Writes rows into the transaction that is open. Statements stay at hand as long as it lives.
pub(super) struct Rows<'l> {
    db: &'l Connection,
    pub(super) heads: &'l mut [Head; 2],
    /// By where their text lies, which for a literal says which it is.
    kept: RefCell<Vec<(&'static str, CachedStatement<'l>)>>,
}

type Done = Result<(), StoreError>;

impl Ledger {
    /// Takes over a database whose tables are there.
    pub(super) fn new(db: Connection) -> Result<Self, StoreError> {
        let heads = read_heads(&db)?;
        Ok(Self { db, heads, unsynced: false.into() })
    }

    pub(super) fn rows(&mut self) -> Rows<'_> {
        Rows::new(&self.db, &mut self.heads)
    }
}

impl<'l> Rows<'l> {
    pub(super) fn new(db: &'l Connection, heads: &'l mut [Head; 2]) -> Self {
        Self { db, heads, kept: RefCell::default() }
    }

    pub(super) fn apply(&mut self, write: &Write) -> Done {
        match write {
            Write::Accept(accept) => self.accept(accept),
            Write::Mark(mark) => self.mark(mark),
            Write::Step(number, step) => self.step(*number, step),
            Write::Draining(number) => self.run(
                "requests",
                "UPDATE requests SET draining = 1 WHERE number = ?1",
                params![number.0.cast_signed()],
            ),
            Write::End(number, ended) => self.end(*number, ended),
            Write::Again { number, attempts, not_before } => self.run(
                "requests",
                "UPDATE requests SET attempts = ?2, not_before = ?3 WHERE number = ?1 AND ended_at IS NULL",
                params![number.0.cast_signed(), attempts, micros(*not_before)],
            ),
            Write::Dead { number, at, reason } => self.run(
                "requests",
                "UPDATE requests SET dead_at = ?2, dead_reason = ?3 WHERE number = ?1",
                params![number.0.cast_signed(), micros(*at), reason],
            ),
            Write::Retry(number) => self.run(
                "requests",
                "UPDATE requests SET dead_at = NULL, dead_reason = NULL, attempts = 0, not_before = NULL, \
                 draining = 0, ended_at = NULL, took = NULL, result = NULL, why = NULL, reason = NULL, detail = NULL, \
                 tserver_code = NULL, answers = NULL WHERE number = ?1",
                params![number.0.cast_signed()],
            ),
            Write::StopWished(wish) => self.run(
                "stop_wishes",
                "INSERT INTO stop_wishes VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO UPDATE SET request = excluded.request, at = excluded.at",
                params![
                    wish.ocs.0,
                    wish.pair.campaign.0,
                    wish.pair.group.0,
                    wish.request.0.cast_signed(),
                    micros(wish.at)
                ],
            ),
            Write::StopDone { ocs, pair } => self.run(
                "stop_wishes",
                "DELETE FROM stop_wishes WHERE ocs = ?1 AND campaign = ?2 AND agent_group = ?3",
                params![ocs.0, pair.campaign.0, pair.group.0],
            ),
            Write::Echo { ocs, fact, proved, at } => self.run(
                "echoes",
                "INSERT INTO echoes VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET proved = excluded.proved, \
                 at = excluded.at WHERE proved",
                params![ocs.0, fact.slug(), proved, micros(*at)],
            ),
            Write::Alarmed { origin, at } => self.run(
                "forged_origins",
                "INSERT INTO forged_origins (origin, at) VALUES (?1, ?2) \
                 ON CONFLICT DO UPDATE SET at = excluded.at, cleared_at = NULL",
                params![origin.0, micros(*at)],
            ),
            Write::AlarmCleared { origin, at } => self.run(
                "forged_origins",
                "UPDATE forged_origins SET cleared_at = ?2 WHERE origin = ?1 AND cleared_at IS NULL",
                params![origin.0, micros(*at)],
            ),
            Write::State(state) => self.state(state),
            Write::Dnc(entry) => self.dnc(entry),
            Write::DncAnswer(answer) => self.dnc_answer(answer),
            Write::OcsDnc(listed) => self.listed(listed),
            Write::Audit(row) => self.audit(row),
            Write::KeyCreated(key) => self.key(key),
            Write::KeyRevoked { id, at } => self.run(
                "api_keys",
                "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, micros(*at)],
            ),
            Write::KeyUsed { id, at } => self.run(
                "api_keys",
                "UPDATE api_keys SET used_at = max(ifnull(used_at, 0), ?2) WHERE id = ?1",
                params![id, micros(*at)],
            ),
            Write::List(head) => self.run(
                "calling_lists",
                "INSERT INTO calling_lists (name, enabled, customer_column, created_at, modified_at) \
                 VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER), \
                 CAST(unixepoch('subsec') * 1000 AS INTEGER)) ON CONFLICT (name) \
                 DO UPDATE SET enabled = excluded.enabled, customer_column = excluded.customer_column",
                params![head.name, head.enabled, head.customer_column],
            ),
            Write::RecordStates { list, records } => self.record_states(list, records),
            Write::Records { list, records } => self.records(list, records),
        }
    }

    /// The row that a probe writes.
    pub(super) fn probe(&self) -> Done {
        self.run("probes", "UPDATE probes SET n = n + 1", [])
    }

    fn run(&self, table: &str, sql: &'static str, values: impl rusqlite::Params) -> Done {
        self.changed(table, sql, values).map(|_| ())
    }

    fn changed(&self, table: &str, sql: &'static str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        let mut kept = self.kept.borrow_mut();
        let place = match kept.iter().position(|(text, _)| std::ptr::eq(*text, sql)) {
            Some(place) => place,
            None => {
                let statement = self.db.prepare_cached(sql).map_err(|error| failed(table, &error))?;
                kept.push((sql, statement));
                kept.len() - 1
            }
        };
        kept[place].1.execute(values).map_err(|error| failed(table, &error))
    }

    fn accept(&self, accept: &Accept) -> Done {
        let Accept { record, body, deadline, durable, key } = accept;
        let warnings = if record.warnings.is_empty() { None } else { Some(json(&record.warnings)?) };
        self.run(
            "requests",
            "INSERT INTO requests (number, kind, campaign, agent_group, target, asked_by, note, warnings, accepted_at, \
             deadline, durable, body, draining) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                record.number.0.cast_signed(),
                record.kind.message_type().0,
                record.pair.map(|pair| pair.campaign.0),
                record.pair.map(|pair| pair.group.0),
                record.target.dbid(),
                record.asked_by,
                record.note,
                warnings,
                micros(record.accepted_at),
                deadline.map(span),
                durable,
                &body[..],
                record.draining,
            ],
        )?;
        if let Some(key) = key {
            let used = self.changed(
                "idempotency",
                "INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                params![
                    key.subject,
                    key.key,
                    key.body_sha256,
                    record.number.0.cast_signed(),
                    micros(record.accepted_at)
                ],
            )?;
            if used == 0 {
                let what = "the subject has used this idempotency key before";
                return Err(StoreError::new(StoreErrorKind::KeyUsed, what));
            }
        }
        record.steps.iter().try_for_each(|step| self.step(record.number, step))
    }

    fn mark(&self, mark: &Mark) -> Done {
        for request in &mark.requests {
            self.run(
                "marks",
                "INSERT INTO marks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    mark.send.0.cast_signed(),
                    request.0.cast_signed(),
                    dbids(&mark.ocss),
                    mark.link,
                    mark.dn,
                    mark.origin.0,
                    micros(mark.at)
                ],
            )?;
        }
        Ok(())
    }

    fn step(&self, number: RequestNumber, step: &Step) -> Done {
        let frame = step.frame.as_ref();
        self.run(
            "steps",
            "INSERT INTO steps SELECT ?1, ifnull(max(n), 0) + 1, ?2, ?3, ?4, ?5 FROM steps WHERE request = ?1 \
             HAVING ifnull(max(n), 0) < ?6 AND EXISTS (SELECT 1 FROM requests WHERE number = ?1)",
            params![
                number.0.cast_signed(),
                span(step.after),
                step.text,
                frame.map(|(dn, _)| dn),
                frame.map(|(_, bytes)| &bytes[..]),
                i64::try_from(STEPS_MAX).unwrap_or(i64::MAX),
            ],
        )
    }

    fn end(&self, number: RequestNumber, ended: &Ended) -> Done {
        let answers = if ended.answers.is_empty() {
            None
        } else {
            Some(json(&ended.answers.iter().map(AnswerRow::from).collect::<Vec<_>>())?)
        };
        self.run(
            "requests",
            "UPDATE requests SET ended_at = ?2, took = ?3, result = ?4, why = ?5, reason = ?6, detail = ?7, \
             tserver_code = ?8, answers = ?9, not_before = NULL WHERE number = ?1 AND ended_at IS NULL",
            params![
                number.0.cast_signed(),
                micros(ended.at),
                span(ended.took),
                ended.result.slug(),
                ended.why.as_deref(),
                ended.reason.as_deref(),
                ended.detail,
                ended.tserver_code,
                answers,
            ],
        )
    }

    fn state(&self, state: &PairState) -> Done {
        self.run(
            "states",
            "INSERT OR REPLACE INTO states VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                state.ocs.0,
                state.pair.campaign.0,
                state.pair.group.0,
                state.status.map(|status| status.0),
                state.dialing.mode.map(|mode| mode.0),
                state.dialing.optimize_by.map(|by| by.0),
                state.dialing.goal,
                micros(state.changed_at),
                state.changed_by.slug(),
                micros(state.observed_at),
                state.observed_by.0,
            ],
        )
    }

    fn dnc(&mut self, entry: &DncEntry) -> Done {
        let asked = Evidence { entry: Some(entry), ..Evidence::new("asked", micros(entry.at), entry.request) };
        self.chained(Chain::Dnc, &asked.values())?;
        for ocs in &entry.expected {
            self.run(
                "dnc_deliveries",
                "INSERT INTO dnc_deliveries (request, ocs) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![entry.request.0.cast_signed(), ocs.0],
            )?;
        }
        self.listed(&ListedDnc {
            ocs: None,
            phone: entry.phone.clone(),
            customer: entry.customer.clone(),
            message: entry.message.clone(),
            tenant: entry.tenant,
            campaign: entry.campaign,
            list: entry.list,
            at: entry.at.seconds,
            expires_at: entry.expires_at,
        })
    }

    fn dnc_answer(&mut self, answer: &DncAnswer) -> Done {
        let number = answer.request.0.cast_signed();
        let known = "SELECT 1 FROM dnc_evidence WHERE request = ?1 AND event = 'asked'";
        let mut statement = self.db.prepare_cached(known).map_err(|error| failed("dnc_evidence", &error))?;
        if !statement.exists([number]).map_err(|error| failed("dnc_evidence", &error))? {
            let what = format_args!("there is no do-not-call entry {}", answer.request);
            return Err(StoreError::new(StoreErrorKind::Refused, what));
        }
        drop(statement);
        let event = if answer.confirmed { "confirmed" } else { "refused" };
        let evidence = Evidence { answer: Some(answer), ..Evidence::new(event, micros(answer.at), answer.request) };
        self.chained(Chain::Dnc, &evidence.values())?;
        self.run(
            "dnc_deliveries",
            "INSERT INTO dnc_deliveries (request, ocs, confirmed_at, latency, code) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET confirmed_at = excluded.confirmed_at, latency = excluded.latency, \
             code = excluded.code WHERE confirmed_at IS NULL",
            params![
                number,
                answer.ocs.0,
                answer.confirmed.then(|| micros(answer.at)),
                answer.confirmed.then(|| span(answer.latency)),
                answer.code.map(|code| code.0),
            ],
        )
    }

    /// An entry that is there already is never weakened: of two expiries the later one holds, and none at all wins.
    fn listed(&self, listed: &ListedDnc) -> Done {
        self.run(
            "gsw_donotcall_list",
            "INSERT INTO gsw_donotcall_list (ocs, phone, customer_id, dnc_message, tenant_dbid, campaign_dbid, \
             list_dbid, is_internal, time_stamp, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9) \
             ON CONFLICT DO UPDATE SET expires_at = iif(expires_at IS NULL OR excluded.expires_at IS NULL, NULL, \
             max(expires_at, excluded.expires_at))",
            params![
                listed.ocs.map_or(0, |ocs| ocs.0),
                listed.phone.as_ref().map(|phone| Loose(phone.reveal())),
                listed.customer.as_ref().map(|customer| Loose(customer.reveal())),
                listed.message,
                listed.tenant,
                listed.campaign,
                listed.list,
                listed.at.0,
                listed.expires_at.map(|at| at.0),
            ],
        )
    }

    fn audit(&mut self, row: &AuditRow) -> Done {
        self.chained(
            Chain::Audit,
            &[
                int(Some(micros(row.at))),
                text(Some(&row.action)),
                int(row.request.map(|number| number.0.cast_signed())),
                text(Some(&row.subject)),
                text(row.client.as_deref()),
                text(row.object.as_deref()),
                text(Some(&row.outcome)),
                text(row.detail.as_deref()),
            ],
        )
    }

    fn key(&self, key: &ApiKey) -> Done {
        self.run(
            "api_keys",
            "INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                key.id,
                key.sha256,
                key.subject,
                key.scopes.join("\n"),
                micros(key.created_at),
                key.created_by,
                key.expires_at.map(micros),
                key.revoked_at.map(micros),
                key.used_at.map(micros),
            ],
        )
    }

    fn records(&self, list: &str, records: &[Record]) -> Done {
        let find = "SELECT id FROM calling_lists WHERE name = ?1";
        let mut statement = self.db.prepare_cached(find).map_err(|error| failed("calling_lists", &error))?;
        let list: i64 = statement.query_row([list], |row| row.get(0)).map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                StoreError::new(StoreErrorKind::Refused, format_args!("there is no calling list {list}"))
            }
            other => failed("calling_lists", &other),
        })?;
        for record in records {
            let user = if record.user.is_empty() { None } else { Some(json(&record.user)?) };
            self.run(
                "calling_records",
                "INSERT INTO calling_records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
                 ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) ON CONFLICT (list, record_id) DO UPDATE SET \
                 contact_info = excluded.contact_info, contact_info_type = excluded.contact_info_type, \
                 record_type = excluded.record_type, record_status = excluded.record_status, \
                 call_result = excluded.call_result, attempt = excluded.attempt, \
                 dial_sched_time = excluded.dial_sched_time, call_time = excluded.call_time, \
                 daily_from = excluded.daily_from, daily_till = excluded.daily_till, tz_dbid = excluded.tz_dbid, \
                 campaign_id = excluded.campaign_id, agent_id = excluded.agent_id, chain_id = excluded.chain_id, \
                 chain_n = excluded.chain_n, group_id = excluded.group_id, app_id = excluded.app_id, \
                 media_ref = excluded.media_ref, email_template_id = excluded.email_template_id, \
                 switch_id = excluded.switch_id, treatments = excluded.treatments, \
                 email_subject = excluded.email_subject, user_columns = excluded.user_columns",
                params![
                    list,
                    record.record_id,
                    record.contact_info,
                    record.contact_info_type,
                    record.record_type,
                    record.record_status,
                    record.call_result,
                    record.attempt,
                    record.dial_sched_time.map(|at| at.0),
                    record.call_time.map(|at| at.0),
                    record.daily_from,
                    record.daily_till,
                    record.tz_dbid,
                    record.campaign_id.map(|campaign| campaign.0),
                    record.agent_id,
                    record.chain_id,
                    record.chain_n,
                    record.group_id.map(|group| group.0),
                    record.app_id,
                    record.media_ref,
                    record.email_template_id,
                    record.switch_id,
                    record.treatments,
                    record.email_subject,
                    user,
                ],
            )?;
        }
        Ok(())
    }

    /// Who writes has read its rows a while ago. A row that went stays away, one of another chain that has its number now
    /// is left, and what was taken out of dialing meanwhile (NoCall, a cancel) is not brought back.
    fn record_states(&self, list: &str, records: &[Record]) -> Done {
        records.iter().try_for_each(|record| {
            self.run(
                "calling_records",
                "UPDATE calling_records SET record_type = iif(record_type = 7, 7, ?3), \
                 record_status = iif(record_status = 5 AND ?4 IN (0, 1, 2, 9), 5, ?4), \
                 call_result = iif(record_type = 7 AND call_result = 51 \
                 OR record_status = 5 AND ?4 IN (0, 1, 2, 9), call_result, ?5), attempt = ?6, \
                 dial_sched_time = ?7, call_time = ?8, campaign_id = ?9, group_id = ?10, agent_id = ?11, app_id = ?12, \
                 switch_id = ?13, treatments = ?14 \
                 WHERE list = (SELECT id FROM calling_lists WHERE name = ?1) AND record_id = ?2 AND chain_id = ?15",
                params![
                    list,
                    record.record_id,
                    record.record_type,
                    record.record_status,
                    record.call_result,
                    record.attempt,
                    record.dial_sched_time.map(|at| at.0),
                    record.call_time.map(|at| at.0),
                    record.campaign_id.map(|campaign| campaign.0),
                    record.group_id.map(|group| group.0),
                    record.agent_id,
                    record.app_id,
                    record.switch_id,
                    record.treatments,
                    record.chain_id,
                ],
            )
        })
    }

    /// Appends a row to a chain: `values` in the order of [`Chain::columns`].
    pub(super) fn chained(&mut self, chain: Chain, values: &[ToSqlOutput<'_>]) -> Done {
        let columns = chain.columns();
        debug_assert_eq!(values.len(), columns.len());
        let head = self.head_mut(chain);
        let row = head.count + 1;
        let mut hash = RowHash::new(&head.hash, chain, row);
        for value in values {
            hash.field(field(of(value))?);
        }
        let hash = hash.finish();
        *head = Head { chain, count: row, hash };
        let sql = match chain {
            Chain::Dnc => {
                "INSERT INTO dnc_evidence (row, at, event, request, who, channel, phone, customer, raw, normalised, \
                 scope, note, message, tenant, campaign, list, expires_at, expected, ocs, latency, code, hash) VALUES \
                 (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            }
            Chain::Audit => {
                "INSERT INTO audit (row, at, action, request, subject, client, object, outcome, detail, hash) VALUES \
                 (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            }
        };
        let (first, last) = (int(Some(row.cast_signed())), ToSqlOutput::Borrowed(ValueRef::Blob(&hash)));
        self.run(chain.table(), sql, params_from_iter(std::iter::once(&first).chain(values).chain([&last])))
    }

    fn head_mut(&mut self, chain: Chain) -> &mut Head {
        match chain {
            Chain::Dnc => &mut self.heads[0],
            Chain::Audit => &mut self.heads[1],
        }
    }

    /// Writes where the chains end, when that has changed since `before`.
    pub(super) fn keep_heads(&self, before: &[Head; 2]) -> Done {
        for (head, before) in self.heads.iter().zip(before) {
            if head != before {
                self.run(
                    "chain_heads",
                    "UPDATE chain_heads SET count = ?2, hash = ?3 WHERE chain = ?1",
                    params![head.chain.slug(), head.count.cast_signed(), head.hash],
                )?;
            }
        }
        Ok(())
    }
}

/// Where the chains end.
pub(super) fn read_heads(db: &Connection) -> Result<[Head; 2], StoreError> {
    let mut heads = Chain::ALL.map(Head::empty);
    for head in &mut heads {
        let (count, hash): (i64, Hash) = db
            .query_row("SELECT count, hash FROM chain_heads WHERE chain = ?1", [head.chain.slug()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(|error| failed("chain_heads", &error))?;
        (head.count, head.hash) = (count.cast_unsigned(), hash);
    }
    Ok(heads)
}

/// A column as the chain hashes it.
pub(super) fn field(value: ValueRef<'_>) -> Result<Field<'_>, StoreError> {
    Ok(match value {
        ValueRef::Null => Field::Null,
        ValueRef::Integer(number) => Field::Int(number),
        ValueRef::Text(bytes) => Field::Text(bytes),
        ValueRef::Blob(bytes) => Field::Bytes(bytes),
        ValueRef::Real(_) => return Err(strange("a chained row holds a real number; no column of ours does")),
    })
}

/// A row of `dnc_evidence` but for its number and hash.
pub(super) struct Evidence<'a> {
    pub(super) event: &'static str,
    pub(super) at: i64,
    pub(super) request: RequestNumber,
    pub(super) entry: Option<&'a DncEntry>,
    pub(super) answer: Option<&'a DncAnswer>,
    pub(super) note: Option<&'a str>,
}

impl Evidence<'_> {
    pub(super) fn new(event: &'static str, at: i64, request: RequestNumber) -> Self {
        Self { event, at, request, entry: None, answer: None, note: None }
    }

    /// In the order of [`Chain::columns`].
    pub(super) fn values(&self) -> [ToSqlOutput<'_>; 20] {
        let entry = self.entry;
        [
            int(Some(self.at)),
            text(Some(self.event)),
            int(Some(self.request.0.cast_signed())),
            text(entry.map(|entry| &*entry.who)),
            text(entry.map(|entry| &*entry.channel)),
            loose(entry.and_then(|entry| entry.phone.as_ref()).map(Phone::reveal)),
            loose(entry.and_then(|entry| entry.customer.as_ref()).map(CustomerId::reveal)),
            loose(entry.and_then(|entry| entry.raw.as_ref()).map(Phone::reveal)),
            loose(entry.and_then(|entry| entry.normalised.as_ref()).map(Phone::reveal)),
            text(entry.and_then(|entry| entry.scope.as_deref())),
            text(entry.and_then(|entry| entry.note.as_deref()).or(self.note)),
            text(entry.and_then(|entry| entry.message.as_deref())),
            int(entry.and_then(|entry| entry.tenant)),
            int(entry.and_then(|entry| entry.campaign)),
            int(entry.and_then(|entry| entry.list)),
            int(entry.and_then(|entry| entry.expires_at).map(|at| at.0)),
            entry.map_or(NULL, |entry| ToSqlOutput::from(dbids(&entry.expected))),
            int(self.answer.map(|answer| i64::from(answer.ocs.0))),
            int(self.answer.map(|answer| span(answer.latency))),
            int(self.answer.and_then(|answer| answer.code).map(|code| i64::from(code.0))),
        ]
    }
}

const NULL: ToSqlOutput<'_> = ToSqlOutput::Borrowed(ValueRef::Null);

pub(super) fn int<'a>(number: Option<i64>) -> ToSqlOutput<'a> {
    number.map_or(NULL, |number| ToSqlOutput::Borrowed(ValueRef::Integer(number)))
}

pub(super) fn text(text: Option<&str>) -> ToSqlOutput<'_> {
    text.map_or(NULL, |text| ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())))
}

/// What is bound, as it is hashed.
fn of<'a>(value: &'a ToSqlOutput<'_>) -> ValueRef<'a> {
    match value {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => value.into(),
        _ => ValueRef::Null, // no other kind is made here
    }
}
