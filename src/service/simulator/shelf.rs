//! Where the simulated OCSs keep their tables: calling lists and do-not-call rows in a store.
//!
//! ```text
//! start:   lists that the store does not have are put there; what it has is read; so are the do-not-call rows
//! running: changed rows and new entries are gathered, one commit at a time; answers wait for theirs
//! load:    the lists of the campaign are read again, so that what an import changed is seen
//! ```

use std::{
    collections::{BTreeSet, VecDeque},
    future::pending,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use crate::engine::ocs::{CallingList, Ocs, Output};
use crate::message::AppDbid;
use crate::protocol::UtcSeconds;
use crate::store::{ListHead, ListedDnc, Store, StoreError, StoreErrorKind, Write};

/// Rows read at once.
const PAGE: usize = 10_000;
/// Pause before a store that refused is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Puts the lists that the store does not have into it, each whole or not at all.
pub(super) async fn seed(store: &dyn Store, lists: &[CallingList]) -> Result<(), StoreError> {
    let known: BTreeSet<String> = store.lists().await?.into_iter().map(|list| list.head.name).collect();
    for list in lists.iter().filter(|list| !known.contains(&list.name)) {
        let head =
            ListHead { name: list.name.clone(), enabled: list.enabled, customer_column: list.customer_column.clone() };
        let records = Write::Records { list: list.name.clone(), records: list.records.clone() };
        store.commit(vec![Write::List(head), records]).await?;
    }
    Ok(())
}

/// The lists of these names that the store has.
pub(super) async fn read_lists(store: &dyn Store, names: &[String]) -> Result<Vec<CallingList>, StoreError> {
    let mut lists = Vec::new();
    for stored in store.lists().await?.into_iter().filter(|list| names.contains(&list.head.name)) {
        let ListHead { name, enabled, customer_column } = stored.head;
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let page = store.records(&name, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.record_id);
            records.extend(page);
        }
        lists.push(CallingList { name, enabled, customer_column, records });
    }
    Ok(lists)
}

/// Gives an OCS its do-not-call rows but for those that have expired, as OCS reads its table at start.
pub(super) async fn read_dnc(store: &dyn Store, ocs: &mut Ocs, now: UtcSeconds) -> Result<(), StoreError> {
    let (dbid, mut after) = (ocs.config().dbid, 0);
    loop {
        let rows = store.dnc_list(Some(dbid), after, PAGE).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (_, row) in rows.iter().filter(|(_, row)| row.expires_at.is_none_or(|at| at > now)) {
            ocs.restore_dnc(row.phone.as_ref(), row.customer.as_ref());
        }
    }
}

/// Writes and reads for one OCS. Nothing here keeps the OCS waiting: its host asks what has come to an end.
pub(super) struct Shelf {
    store: Arc<dyn Store>,
    ocs: AppDbid,
    gathered: Vec<Write>,
    writing: Option<BoxFuture<'static, ()>>,
    /// One after the other.
    reading: VecDeque<BoxFuture<'static, Vec<CallingList>>>,
    /// Commits that were begun, and those that are over.
    begun: u64,
    landed: u64,
}

/// What has come to an end.
pub(super) enum Landed {
    /// A commit.
    Written,
    /// A reading; nothing when the store did not answer.
    Read(Vec<CallingList>),
}

impl Shelf {
    pub(super) fn new(store: Arc<dyn Store>, ocs: AppDbid) -> Self {
        Self { store, ocs, gathered: Vec::new(), writing: None, reading: VecDeque::new(), begun: 0, landed: 0 }
    }

    /// What of an output is to be kept. True = it is nothing but that.
    pub(super) fn keep(&mut self, output: &Output, ocs: &Ocs) -> bool {
        match output {
            Output::DncAdded { phone, customer, at } => self.gathered.push(Write::OcsDnc(ListedDnc {
                ocs: Some(self.ocs),
                phone: phone.clone(),
                customer: customer.clone(),
                message: None,
                tenant: None,
                campaign: None,
                list: None,
                at: *at,
                expires_at: None,
            })),
            Output::Record(change) => {
                let Some(list) = ocs.config().lists.get(change.list) else { return true };
                let Some(record) = list.records.get(change.place) else { return true };
                match self.gathered.last_mut() {
                    Some(Write::RecordStates { list: same, records }) if *same == list.name => {
                        records.push(record.clone());
                    }
                    _ => {
                        let records = vec![record.clone()];
                        self.gathered.push(Write::RecordStates { list: list.name.clone(), records });
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// The commit after which everything that was kept so far is on the disk.
    pub(super) fn commit_wanted(&self) -> u64 {
        self.begun + u64::from(!self.gathered.is_empty())
    }

    /// Whether that commit is over.
    pub(super) fn has_landed(&self, commit: u64) -> bool {
        commit <= self.landed
    }

    /// Begins a commit when there is something to write and none is in flight.
    pub(super) fn kick(&mut self) {
        if self.writing.is_some() || self.gathered.is_empty() {
            return;
        }
        self.begun += 1;
        self.writing = Some(Box::pin(write(Arc::clone(&self.store), self.ocs, std::mem::take(&mut self.gathered))));
    }

    /// Begins to read lists.
    pub(super) fn read(&mut self, names: Vec<String>) {
        let (store, ocs) = (Arc::clone(&self.store), self.ocs);
        self.reading.push_back(Box::pin(async move {
            let lists = read_lists(&*store, &names).await;
            lists
                .inspect_err(|error| tracing::error!(%ocs, %error, "calling lists are not read again"))
                .unwrap_or_default()
        }));
    }

    /// The next thing that comes to an end; forever when nothing is under way.
    pub(super) async fn landed(&mut self) -> Landed {
        tokio::select! {
            () = of(self.writing.as_mut()) => {
                self.writing = None;
                self.landed += 1;
                Landed::Written
            }
            lists = of(self.reading.front_mut()) => {
                self.reading.pop_front();
                Landed::Read(lists)
            }
        }
    }

    /// Writes what is left.
    pub(super) async fn flush(&mut self) {
        self.reading.clear();
        while self.commit_wanted() > self.landed {
            self.kick();
            self.landed().await;
        }
    }
}

async fn of<T>(future: Option<&mut BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Writes until the store takes it; what it would never take is given up.
async fn write(store: Arc<dyn Store>, ocs: AppDbid, writes: Vec<Write>) {
    loop {
        let Err(error) = store.commit(writes.clone()).await else { return };
        tracing::error!(%ocs, %error, rows = writes.len(), "rows of the simulated OCS are not written");
        if error.kind.is_of_the_writes() || error.kind == StoreErrorKind::Closed {
            return;
        }
        sleep(PAUSE).await;
    }
}
