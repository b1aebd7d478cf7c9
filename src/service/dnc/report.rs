//! Finding entries, adding them up, and telling when one is late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::RequestNumber;
use crate::message::AppDbid;
use crate::protocol::UtcTime;
use crate::service::access::now;
use crate::service::dnc::{Deadline, PhoneRules};
use crate::service::metrics::Metrics;
use crate::store::{DncEvidence, DncQuery, Store, StoreError};

/// Entries read at once.
const PAGE: usize = 1_000;
/// Late entries that a report names.
const NAMED_MAX: usize = 100;
/// How often is looked for late entries.
const WATCH_EVERY: Duration = Duration::from_secs(60);

/// Everything that was asked for, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DncReport {
    /// The time of the report.
    pub at: UtcTime,
    /// Entries.
    pub entries: u64,
    /// Those that an OCS has not confirmed.
    pub unconfirmed: u64,
    /// Those of them whose time is over.
    pub overdue: u64,
    /// The oldest of those.
    pub late: Vec<RequestNumber>,
    /// By the way they came.
    pub channels: BTreeMap<String, u64>,
    /// By OCS.
    pub ocss: BTreeMap<AppDbid, OcsTally>,
}

/// How one OCS does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OcsTally {
    /// Entries it has confirmed.
    pub confirmed: u64,
    /// Those it has not.
    pub unconfirmed: u64,
    /// The longest that it took.
    pub slowest: Duration,
}

/// Entries as they were given, as they are sent, or in their one spelling; from the oldest on, none twice.
///
/// # Errors
/// The store's.
pub async fn find(store: &dyn Store, rules: &dyn PhoneRules, query: DncQuery) -> Result<Vec<DncEvidence>, StoreError> {
    let given = query.phone.as_ref().and_then(|phone| phone.reveal().as_str());
    let other = given.and_then(|given| rules.normalise(given)).filter(|other| Some(other) != query.phone.as_ref());
    let mut found = store.dnc_entries(query.clone()).await?;
    if let Some(other) = other {
        let most = if query.most == 0 { PAGE } else { query.most };
        found.extend(store.dnc_entries(DncQuery { phone: Some(other), ..query }).await?);
        found.sort_by_key(|evidence| evidence.entry.request);
        found.dedup_by_key(|evidence| evidence.entry.request);
        found.truncate(most);
    }
    Ok(found)
}

/// One page of entries and where the next begins.
///
/// # Errors
/// The store's.
pub async fn report_page(
    store: &dyn Store,
    query: DncQuery,
) -> Result<(Vec<DncEvidence>, Option<RequestNumber>), StoreError> {
    let most = query.most;
    let mut page = store.dnc_entries(DncQuery { most: most + 1, ..query }).await?;
    let more = page.len() > most;
    page.truncate(most);
    let next = page.last().filter(|_| more).map(|last| last.entry.request);
    Ok((page, next))
}

/// Adds up what was asked for since then.
///
/// # Errors
/// The store's.
pub async fn report(
    store: &dyn Store,
    deadline: Deadline,
    since: Option<UtcTime>,
    at: UtcTime,
) -> Result<DncReport, StoreError> {
    let mut report = DncReport {
        at,
        entries: 0,
        unconfirmed: 0,
        overdue: 0,
        late: Vec::new(),
        channels: BTreeMap::new(),
        ocss: BTreeMap::new(),
    };
    let mut after = None;
    loop {
        let query = DncQuery { since, after, most: PAGE, ..DncQuery::default() };
        let (page, next) = report_page(store, query).await?;
        for evidence in &page {
            report.add(evidence, deadline);
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(report),
        }
    }
}

impl DncReport {
    fn add(&mut self, evidence: &DncEvidence, deadline: Deadline) {
        let entry = &evidence.entry;
        self.entries += 1;
        *self.channels.entry(entry.channel.clone()).or_default() += 1;
        for delivery in &evidence.deliveries {
            let ocs = self.ocss.entry(delivery.ocs).or_default();
            match delivery.confirmed_at {
                Some(_) => ocs.confirmed += 1,
                None => ocs.unconfirmed += 1,
            }
            ocs.slowest =
                ocs.slowest.max(delivery.latency.filter(|_| delivery.confirmed_at.is_some()).unwrap_or_default());
        }
        if evidence.is_confirmed() {
            return;
        }
        self.unconfirmed += 1;
        if deadline.of(entry.at) < self.at && !has_expired(evidence, self.at) {
            self.overdue += 1;
            if self.late.len() < NAMED_MAX {
                self.late.push(entry.request);
            }
        }
    }
}

/// Nobody waits for what does not count any more.
fn has_expired(evidence: &DncEvidence, at: UtcTime) -> bool {
    evidence.entry.expires_at.is_some_and(|end| end <= at.seconds)
}

/// How many unconfirmed entries are late, and the oldest of them. Whoever asked later is late later, so the first entry
/// that is in time ends the search.
async fn overdue(
    store: &dyn Store,
    deadline: Deadline,
    at: UtcTime,
) -> Result<(u64, Option<RequestNumber>), StoreError> {
    let (mut late, mut oldest, mut after) = (0, None, None);
    loop {
        let query = DncQuery { unconfirmed: true, after, most: PAGE, ..DncQuery::default() };
        let (page, next) = report_page(store, query).await?;
        let found = page.iter().take_while(|evidence| deadline.of(evidence.entry.at) < at).count();
        let mut in_force = page.iter().take(found).filter(|evidence| !has_expired(evidence, at));
        if let Some(first) = in_force.next() {
            oldest.get_or_insert(first.entry.request);
            late += 1 + u64::try_from(in_force.count()).unwrap_or(u64::MAX - 1);
        }
        match next.filter(|_| found == page.len()) {
            Some(next) => after = Some(next),
            None => return Ok((late, oldest)),
        }
    }
}

/// Raises an alarm while entries are late: a gauge, and a warning whenever there are more of them.
pub async fn watch(store: Arc<dyn Store>, deadline: Deadline, metrics: Metrics, stop: CancellationToken) {
    let mut warned = 0;
    loop {
        match overdue(&*store, deadline, now()).await {
            Ok((late, oldest)) => {
                metrics.dnc_overdue(late);
                if let Some(request) = oldest.filter(|_| late > warned) {
                    tracing::warn!(late, oldest = %request, %deadline, "do-not-calls are not confirmed in their time");
                }
                warned = late;
            }
            Err(error) => tracing::error!(%error, "late do-not-calls are not looked for"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Phone;
    use crate::protocol::UtcSeconds;
    use crate::service::dnc::E164Rules;
    use crate::store::sqlite::Options;
    use crate::store::{DncAnswer, DncEntry, SqliteStore, Write};

    fn at(day: i64) -> UtcTime {
        UtcTime { seconds: UtcSeconds(day * 86_400), micros: 0 }
    }

    fn entry(number: u64, day: i64, given: &str) -> DncEntry {
        DncEntry {
            request: RequestNumber(number),
            at: at(day),
            who: "crm".into(),
            channel: "http".into(),
            phone: Some(Phone::from(given)),
            customer: None,
            raw: Some(Phone::from(given)),
            normalised: E164Rules::new("").unwrap().normalise(given),
            scope: None,
            note: None,
            message: None,
            tenant: None,
            campaign: None,
            list: None,
            expires_at: None,
            expected: vec![AppDbid(301)],
        }
    }

    async fn store() -> SqliteStore {
        let store = SqliteStore::in_memory(Options::default()).unwrap();
        let entries = [entry(1, 1, "+420777888777"), entry(2, 2, "00420777888778"), entry(3, 50, "5551234")];
        let mut writes: Vec<Write> = entries.into_iter().map(|entry| Write::Dnc(Box::new(entry))).collect();
        writes.push(Write::DncAnswer(DncAnswer {
            request: RequestNumber(1),
            ocs: AppDbid(301),
            at: at(1),
            latency: Duration::from_millis(12),
            confirmed: true,
            code: None,
        }));
        store.commit(writes).await.unwrap();
        store
    }

    #[tokio::test]
    async fn a_person_is_found_by_every_spelling() {
        let (store, rules) = (store().await, E164Rules::new("CZ").unwrap());
        for (given, wanted) in
            [("777 888 777", vec![1]), ("00420777888777", vec![1]), ("+420777888778", vec![2]), ("5551234", vec![3])]
        {
            let query = DncQuery { phone: Some(Phone::from(given)), ..DncQuery::default() };
            let found = find(&store, &rules, query).await.unwrap();
            assert_eq!(found.iter().map(|it| it.entry.request.0).collect::<Vec<_>>(), wanted, "{given}");
        }
    }

    #[tokio::test]
    async fn what_is_late_is_counted_and_named() {
        let store = store().await;
        let report = report(&store, Deadline::default(), None, at(51)).await.unwrap();
        assert_eq!((report.entries, report.unconfirmed, report.overdue), (3, 2, 1));
        assert_eq!(report.late, [RequestNumber(2)]);
        let tally = OcsTally { confirmed: 1, unconfirmed: 2, slowest: Duration::from_millis(12) };
        assert_eq!(report.ocss, BTreeMap::from([(AppDbid(301), tally)]));
        let found = overdue(&store, Deadline::default(), at(51)).await.unwrap();
        assert_eq!(found, (1, Some(RequestNumber(2))));
        assert_eq!(overdue(&store, Deadline::default(), at(3)).await.unwrap(), (0, None));
    }
}
