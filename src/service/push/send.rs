//! Batches: sent in file order, one request in flight; each answered part is written down before the next one goes out.

use std::collections::VecDeque;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::contact::genesys_cloud::{BatchLimits, Batcher, DELETE_IDS, delete_query};
use crate::contact::{Code, Outcome, RecordReport, Remark};
use crate::service::push::error::PushError;
use crate::service::push::remote::{Answer, Call, Remote};
use crate::service::push::report::Reports;
use crate::service::push::run::{Phase, Seen, Watch};
use crate::service::push::state::{Ledger, Stage, State, TaskKind};
use crate::service::push::table::{Entry, Send, Table};

/// Rows that are held at most; more than a batch has, for those that are bad.
const HELD_MAX: usize = 10_000;

/// Sends the rows of a table from where a state stands.
pub(super) struct Sender<'a> {
    pub(super) state: &'a mut State,
    pub(super) ledger: &'a mut dyn Ledger,
    pub(super) watch: &'a dyn Watch,
    pub(super) stop: &'a CancellationToken,
    pub(super) table: Table,
    pub(super) reports: Reports,
    /// Rows in file order whose outcome is not written.
    pub(super) held: VecDeque<Entry>,
    /// So many of them were sent when nobody answered any more.
    pub(super) hand: usize,
}

/// What became of a row that was sent.
struct Verdict {
    outcome: Outcome,
    contact_id: String,
    remark: Option<Remark>,
}

impl Verdict {
    fn failed(code: Code, message: impl Into<String>) -> Self {
        let remark = Some(Remark::error(code, "", message));
        Self { outcome: Outcome::Failed, contact_id: String::new(), remark }
    }
}

/// Where the rows of one request end.
enum Room {
    Contacts(Batcher),
    /// So many ids; the bytes of the address may end it before that.
    Ids(usize),
}

impl Room {
    fn new(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Delete => Self::Ids(0),
            TaskKind::Push | TaskKind::Clear => Self::Contacts(Batcher::new(BatchLimits::default())),
        }
    }

    /// True = the request ends in front of this row, which is the first of the next one.
    fn ends_before(&mut self, send: &Send) -> bool {
        match self {
            Self::Contacts(batch) => batch.add(send.id.as_deref(), send.json.len()),
            Self::Ids(count) => {
                let ends = *count == DELETE_IDS;
                *count = if ends { 1 } else { *count + 1 };
                ends
            }
        }
    }
}

impl Sender<'_> {
    /// Sends all that is left.
    pub(super) async fn run(&mut self, remote: &Remote) -> Result<(), PushError> {
        self.lost()?;
        let list = self.state.list_id.clone().unwrap_or_default();
        let mut room = Room::new(self.state.task.kind);
        while let Some(entry) = self.table.next()? {
            if entry.send.as_ref().is_some_and(|send| room.ends_before(send)) {
                let sent = self.send_held(remote, &list).await;
                if sent.is_err() {
                    self.held.push_back(entry); // it is to be told of too
                    return sent;
                }
            }
            self.held.push_back(entry);
            if self.held.len() >= HELD_MAX {
                self.send_held(remote, &list).await?;
                room = Room::new(self.state.task.kind);
            }
        }
        self.send_held(remote, &list).await
    }

    /// Writes down what a run would do, and sends nothing.
    pub(super) fn pretend(&mut self) -> Result<(), PushError> {
        while let Some(entry) = self.table.next()? {
            self.held.push_back(entry);
            let taken = |entry: &Entry, state: &State| taken(entry, state, String::new());
            self.settle(1, taken)?;
        }
        Ok(())
    }

    /// A request was under way when we were killed: nobody knows what became of its rows.
    fn lost(&mut self) -> Result<(), PushError> {
        while self.state.place.record < self.state.in_flight {
            let Some(entry) = self.table.next()? else { break };
            let record = entry.record;
            self.held.push_back(entry);
            let unknown = |_: &Entry, _: &State| {
                Verdict::failed(Code::OutcomeUnknown, "the job was killed while the request was under way")
            };
            self.settle(1, unknown)?;
            if record >= self.state.in_flight {
                self.state.in_flight = 0;
                self.commit()?;
            }
        }
        self.state.in_flight = 0;
        Ok(())
    }

    async fn send_held(&mut self, remote: &Remote, list: &str) -> Result<(), PushError> {
        let mut parts = self.parts(remote, list);
        while let Some(count) = parts.pop_front().filter(|count| *count > 0) {
            if self.stop.is_cancelled() {
                return Err(PushError::Interrupted);
            }
            let answer = self.request(remote, list, count).await;
            let splits = count > 1 && !self.state.task.no_split;
            if matches!(answer, Ok(Answer::Refused { .. })) && std::mem::take(&mut self.state.in_flight) > 0 {
                self.save()?; // nothing of it was done
            }
            match answer {
                Ok(Answer::Refused { status: 400 | 413, .. }) if splits => halve(&mut parts, count),
                Ok(Answer::Refused { status: 400 | 413, code, message }) => {
                    let message = format!("{code}: {message}");
                    let message = message.trim_matches([':', ' ']);
                    self.settle_sent(count, |_, _| Verdict::failed(Code::Remote, message))?;
                }
                Ok(Answer::Refused { status, code, message }) => {
                    return Err(PushError::Refused { what: self.what(list), status, code, message });
                }
                Ok(Answer::Taken { not_deleted, .. }) if not_deleted > 0 && self.is_delete() => {
                    let all = not_deleted >= count as u64;
                    if splits && !all {
                        halve(&mut parts, count); // which of them, only smaller requests tell
                    } else {
                        let message = format!("{not_deleted} of {count} contacts of the request are in use");
                        self.settle_sent(count, |_, _| Verdict::failed(Code::InUse, message.clone()))?;
                    }
                }
                Ok(Answer::Taken { body, .. }) => {
                    let mut ids = given_ids(&body, count).into_iter();
                    self.settle_sent(count, |entry, state| taken(entry, state, ids.next().unwrap_or_default()))?;
                }
                Err(PushError::Unknown { what, why }) if self.state.in_flight > 0 => {
                    self.settle_sent(count, |_, _| Verdict::failed(Code::OutcomeUnknown, why.clone()))?;
                    if !self.state.task.continue_unknown {
                        return Err(PushError::Unknown { what, why });
                    }
                }
                Err(error) => {
                    // It was not taken, or may be repeated.
                    if std::mem::take(&mut self.state.in_flight) > 0 {
                        self.save()?;
                    }
                    if matches!(error, PushError::Unknown { .. }) {
                        self.hand = self.index_behind(count);
                    }
                    return Err(error);
                }
            }
        }
        self.settle(self.held.len(), |_, _| Verdict::failed(Code::Remote, String::new()))?;
        self.commit()
    }

    /// How many good rows go into each request.
    fn parts(&self, remote: &Remote, list: &str) -> VecDeque<usize> {
        let ids: Vec<&str> = self.goods().map(|(_, send)| send.id.as_deref().unwrap_or_default()).collect();
        if !self.is_delete() {
            return VecDeque::from([ids.len()]);
        }
        let address = remote.address_bytes(&path(list));
        let (mut parts, mut rest) = (VecDeque::new(), ids.as_slice());
        while !rest.is_empty() {
            let (_, count) = delete_query(address, rest.iter().copied());
            parts.push_back(count);
            rest = rest.get(count..).unwrap_or_default();
        }
        parts
    }

    fn goods(&self) -> impl Iterator<Item = (&Entry, &Send)> {
        self.held.iter().filter_map(|entry| Some((entry, entry.send.as_ref()?)))
    }

    /// Sends the first `count` good rows.
    async fn request(&mut self, remote: &Remote, list: &str, count: usize) -> Result<Answer, PushError> {
        let goods = self.goods().take(count);
        let what = self.what(list);
        let path = path(list);
        if self.is_delete() {
            let ids = goods.map(|(_, send)| send.id.as_deref().unwrap_or_default());
            let (query, _) = delete_query(0, ids);
            let (method, query) = (Method::DELETE, query.as_str());
            return remote.call(&Call { what: &what, method, path: &path, query, body: None, repeatable: true }).await;
        }
        let (mut body, mut repeatable, mut last) = (vec![b'['], true, 0);
        for (n, (entry, send)) in goods.enumerate() {
            if n > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&send.json);
            repeatable &= send.id.is_some();
            last = entry.record;
        }
        body.push(b']');
        if !repeatable {
            self.state.in_flight = last;
            self.save()?;
        }
        let body = Some(Bytes::from(body));
        remote.call(&Call { what: &what, method: Method::POST, path: &path, query: "", body, repeatable }).await
    }

    /// Writes the outcome of the first `count` good rows, of bad ones in front of them, and where we are.
    fn settle_sent(&mut self, count: usize, verdict: impl FnMut(&Entry, &State) -> Verdict) -> Result<(), PushError> {
        self.state.in_flight = 0;
        self.settle(self.index_behind(count), verdict)?;
        self.commit()
    }

    /// Where the first `count` good rows end.
    fn index_behind(&self, count: usize) -> usize {
        let goods = self.held.iter().enumerate().filter(|(_, entry)| entry.send.is_some());
        goods.take(count).last().map_or(0, |(n, _)| n + 1)
    }

    /// Writes the outcome of the first rows that are held.
    fn settle(&mut self, count: usize, mut verdict: impl FnMut(&Entry, &State) -> Verdict) -> Result<(), PushError> {
        for mut entry in self.held.drain(..count) {
            let mut remarks = std::mem::take(&mut entry.remarks);
            let verdict = match &entry.send {
                Some(_) => verdict(&entry, self.state),
                None => Verdict { outcome: Outcome::Failed, contact_id: String::new(), remark: None },
            };
            remarks.extend(verdict.remark);
            self.state.sums.add(verdict.outcome, &remarks);
            let report = RecordReport {
                record: entry.record,
                line: entry.line,
                key: entry.key,
                outcome: verdict.outcome,
                contact_id: verdict.contact_id,
                remarks,
            };
            self.reports.write(&report, entry.raw.as_deref()).map_err(disk)?;
            self.state.place = entry.after;
        }
        Ok(())
    }

    /// Brings the reports to the disk, and behind them the place that they stand for.
    fn commit(&mut self) -> Result<(), PushError> {
        self.count_others();
        (self.state.outcome_len, self.state.reject_len) = self.reports.seal().map_err(disk)?;
        self.save()?;
        self.tell(Phase::Sending);
        Ok(())
    }

    fn save(&mut self) -> Result<(), PushError> {
        self.ledger.save(self.state).map_err(disk)
    }

    /// Rows in front of the first, and blank lines.
    fn count_others(&mut self) {
        self.state.sums.before_start += std::mem::take(&mut self.table.before_start);
        self.state.sums.blank_lines = self.state.place.blank_lines;
    }

    fn tell(&self, phase: Phase) {
        let state = &self.state;
        self.watch.seen(&Seen { phase, bytes: state.place.offset, total: state.size, sums: state.sums });
    }

    /// Writes what became of all that is left when nothing is sent any more. The state that was kept stays behind what
    /// was sent, so that a resumed job cuts these rows off and goes on.
    pub(super) fn end(&mut self, result: Result<(), PushError>) -> Result<(), PushError> {
        let Err(error) = result else {
            self.state.place = self.table.place();
            self.state.stage = Stage::Ended;
            return self.commit();
        };
        let words = error.to_string();
        let hand = std::mem::take(&mut self.hand);
        self.settle(hand, |_, _| Verdict::failed(Code::OutcomeUnknown, words.clone()))?;
        let not_reached =
            |_: &Entry, _: &State| Verdict { outcome: Outcome::NotReached, contact_id: String::new(), remark: None };
        self.settle(self.held.len(), not_reached)?;
        while let Some(entry) = self.table.next()? {
            self.held.push_back(entry);
            self.settle(1, not_reached)?;
        }
        self.state.place = self.table.place();
        self.count_others();
        self.reports.seal().map_err(disk)?;
        self.tell(Phase::Ending);
        Err(error)
    }

    fn is_delete(&self) -> bool {
        self.state.task.kind == TaskKind::Delete
    }

    fn what(&self, list: &str) -> String {
        let verb = if self.is_delete() { "deleting contacts of" } else { "adding contacts to" };
        format!("{verb} list {list}")
    }
}

/// Segments of the contacts of a list.
pub(super) fn path(list: &str) -> [&str; 6] {
    ["api", "v2", "outbound", "contactlists", list, "contacts"]
}

/// Two halves in front of what else is to be sent.
fn halve(parts: &mut VecDeque<usize>, count: usize) {
    parts.push_front(count - count / 2);
    parts.push_front(count / 2);
}

/// A row that the other side took. With an id it came or changed, which is not said; what goes into a list that this job
/// made or emptied has come.
fn taken(entry: &Entry, state: &State, given: String) -> Verdict {
    let id = entry.send.as_ref().and_then(|send| send.id.clone());
    let outcome = match (state.task.kind, &id) {
        (TaskKind::Delete, _) => Outcome::Deleted,
        (_, Some(_)) if !state.fresh => Outcome::Updated,
        _ => Outcome::Created,
    };
    let contact_id = if given.is_empty() { id.unwrap_or_default() } else { given };
    Verdict { outcome, contact_id, remark: None }
}

/// Ids of an answer, in the order of the request; none when they are not as many.
fn given_ids(body: &[u8], count: usize) -> Vec<String> {
    #[derive(Deserialize)]
    struct Given {
        #[serde(default)]
        id: Option<String>,
    }
    let given: Vec<Given> = serde_json::from_slice(body).unwrap_or_default();
    if given.len() != count {
        return Vec::new();
    }
    given.into_iter().map(|given| given.id.unwrap_or_default()).collect()
}

fn disk(error: std::io::Error) -> PushError {
    PushError::Disk(format!("outcome, reject or job file: {error}"))
}
