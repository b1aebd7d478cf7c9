//! What callers can do with a gateway: ask its task, or read what needs no asking.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    Accepted, Asker, Command, Follower, Gateway, GatewayEvent, HeardAt, OcsOnLink, Order, OrderError, Overhearer,
    RawAnswer, RawError, RawRequest, Standing, Tally, TapEvent, errand,
};
use crate::engine::PairState;
use crate::engine::Priority;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::RequestResult;
use crate::engine::Router;
use crate::engine::Which;
use crate::engine::dnc::DncLookup;
use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::Message;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::net::registry::LinkDirectory;
use crate::service::Health;
use crate::service::Hub;
use crate::service::Pseudonyms;
use crate::service::dnc::{Deadline, PhoneRules};
use crate::store::{RequestPage, StopWish, Store, StoreError, StoredRequest};
use crate::wire::Dialect;

impl Gateway {
    /// Takes an order: it is on the disk when this returns. The request lives on when the caller goes. With a key that
    /// the asker has used before, it is the request of that time.
    ///
    /// # Errors
    /// [`OrderError`]; nothing was sent, and nothing is kept.
    pub async fn submit(&self, order: Order, asker: Asker) -> Result<Accepted, OrderError> {
        self.take(order, asker, None).await
    }

    /// Takes an order whose answers are passed on as they come. It is handed over when this returns, behind those of
    /// its priority that came before; the future waits for the disk.
    ///
    /// # Errors
    /// As [`Gateway::submit`].
    pub fn submit_followed(
        &self,
        order: Order,
        asker: Asker,
        follower: Follower,
    ) -> impl Future<Output = Result<Accepted, OrderError>> + Send + use<> {
        self.take(order, asker, Some(follower))
    }

    /// Lets somebody hear what OCSs say unasked, or to others about campaign groups.
    pub async fn overhear(&self, overhearer: Overhearer) {
        // A gateway that has stopped hears nothing any more.
        let _ = self.normal.send(Command::Overhear { overhearer }).await;
    }

    fn take(
        &self,
        order: Order,
        asker: Asker,
        follower: Option<Follower>,
    ) -> impl Future<Output = Result<Accepted, OrderError>> + Send + use<> {
        let queue = if Priority::of(order.kind()) == Priority::Person { &self.urgent } else { &self.normal };
        let (reply, answer) = oneshot::channel();
        let handed = queue.try_send(Command::Submit { order, asker, follower, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OrderError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => OrderError::Stopping,
        });
        async move {
            handed?;
            answer.await.map_err(|_| OrderError::Stopping)?
        }
    }

    /// Tries a do-not-call again that was given up or waits for its next turn; only the OCSs that have not confirmed it
    /// are asked.
    ///
    /// # Errors
    /// [`OrderError::NoSuchRequest`], [`OrderError::NotRepeatable`], [`OrderError::Store`].
    pub async fn retry(&self, number: RequestNumber) -> Result<Accepted, OrderError> {
        let unread = |error: StoreError| OrderError::Store(error.to_string());
        let stored = self.shared.store.request(number).await.map_err(unread)?;
        let stored = stored.ok_or(OrderError::NoSuchRequest(number))?;
        if stored.record.kind != RequestKind::DoNotCall {
            return Err(OrderError::NotRepeatable(number));
        }
        let evidence = self.shared.store.dnc(number).await.map_err(unread)?;
        let confirmed = evidence.map(|evidence| evidence.deliveries).unwrap_or_default();
        let retry = |reply| Command::Retry { stored: Box::new(stored), confirmed, reply };
        self.ask(retry).await.ok_or(OrderError::Stopping)?
    }

    /// The UserEvent that an order would send, as log text.
    ///
    /// # Errors
    /// As [`Gateway::submit`].
    pub async fn dry_run(&self, order: Order) -> Result<String, OrderError> {
        self.ask(|reply| Command::DryRun { order, reply }).await.ok_or(OrderError::Stopping)?
    }

    /// Stops a campaign and then unloads it, whether the caller stays or not. A campaign that is not running is
    /// unloaded at once. The request that is handed back is the unload, or the stop when that failed.
    ///
    /// # Errors
    /// As [`Gateway::submit`].
    pub async fn complete(&self, campaign: &str, group: &str, asker: Asker) -> Result<Accepted, OrderError> {
        if asker.key.is_some() {
            let held = self.ask(|reply| Command::Held { asker: asker.clone(), reply }).await;
            if let Some(held) = held.ok_or(OrderError::Stopping)? {
                return held;
            }
        }
        let order =
            |kind| Order::Campaign { kind, campaign: campaign.into(), group: group.into(), wish: Box::default() };
        let (stop, unload) = (order(RequestKind::Stop), order(RequestKind::Unload));
        let gateway = self.clone();
        let both = tokio::spawn(async move {
            // The key is the unload's: a caller that comes back after a crash in between has both done.
            let stopped = gateway.submit(stop, asker.clone().with_key(None)).await?;
            // A gateway that stops leaves the request as it stands.
            let _ = stopped.ended.await;
            let standing = gateway.standing(stopped.number).await.ok_or(OrderError::Stopping)?;
            let ended = standing.record.ended.as_ref().ok_or(OrderError::Stopping)?;
            let is_stopped = ended.result == RequestResult::Answered
                || ended.answers.iter().any(|answer| answer.code == Some(ErrorCode::CAMPAIGN_NOT_STARTED));
            if is_stopped {
                return gateway.submit(unload, asker).await;
            }
            let (told, ended) = oneshot::channel();
            let _ = told.send(());
            Ok(Accepted { number: stopped.number, ended })
        });
        both.await.map_err(|_| OrderError::Stopping)?
    }

    /// How a request stands; `None` when it is not known, or no longer.
    pub async fn standing(&self, number: RequestNumber) -> Option<Standing> {
        if let Some(standing) = self.ask(|reply| Command::Standing { number, reply }).await.flatten() {
            return Some(standing);
        }
        self.stored(number).await.map(errand::standing_of)
    }

    /// How a request stands, with everything that happened to it in this run and earlier ones.
    pub async fn explain(&self, number: RequestNumber) -> Option<Standing> {
        let standing = self.ask(|reply| Command::Standing { number, reply }).await.flatten();
        let stored = self.stored(number).await;
        match (standing, stored) {
            (None, stored) => stored.map(errand::standing_of),
            (Some(mut standing), Some(stored)) => {
                standing.dead = standing.dead.or(stored.dead);
                standing.attempts = standing.attempts.max(stored.attempts);
                if stored.record.steps.len() > standing.record.steps.len() {
                    let mut record = RequestRecord::clone(&standing.record);
                    record.steps = stored.record.steps;
                    standing.record = Arc::new(record);
                }
                Some(standing)
            }
            (standing, None) => standing,
        }
    }

    async fn stored(&self, number: RequestNumber) -> Option<StoredRequest> {
        let stored = self.shared.store.request(number).await;
        stored.inspect_err(|error| tracing::error!(%error, request = %number, "not read")).ok().flatten()
    }

    /// Requests from the newest on.
    pub async fn requests(&self, which: Which, after: Option<RequestNumber>, most: usize) -> Vec<RequestRecord> {
        let known = self.ask(|reply| Command::List { which, after, most, reply }).await.unwrap_or_default();
        let page = RequestPage { which, after, most };
        let mut all: BTreeMap<RequestNumber, RequestRecord> =
            self.stored_page(page).await.into_iter().map(|record| (record.number, record)).collect();
        // What is in memory is newer; what the store still calls open may have ended.
        for record in known {
            all.insert(record.number, record);
        }
        let fits = |record: &RequestRecord| match which {
            Which::All => true,
            Which::Open => record.ended.is_none(),
            Which::Ended => record.ended.is_some(),
        };
        all.into_values().rev().filter(fits).take(most).collect()
    }

    /// Dead letters from the newest on, each with its reason.
    pub async fn dead_letters(&self, after: Option<RequestNumber>, most: usize) -> Vec<Standing> {
        let stored = self.shared.store.dead_letters(after, most).await;
        let stored = stored.inspect_err(|error| tracing::error!(%error, "dead letters are not read"));
        stored.unwrap_or_default().into_iter().map(errand::standing_of).collect()
    }

    async fn stored_page(&self, page: RequestPage) -> Vec<RequestRecord> {
        let stored = self.shared.store.requests(page).await;
        stored.inspect_err(|error| tracing::error!(%error, "requests are not read")).unwrap_or_default()
    }

    /// Pairs that are to stand still and are not known to.
    pub async fn stop_wishes(&self) -> Vec<StopWish> {
        self.ask(|reply| Command::Wishes { reply }).await.unwrap_or_default()
    }

    /// Somebody has looked after one of our DBIDs that somebody else had sent with: it is used again. False = there is no
    /// such alarm; `None` = the gateway stops.
    pub async fn clear_alarm(&self, origin: AppDbid) -> Option<bool> {
        self.ask(|reply| Command::ClearAlarm { origin, reply }).await
    }

    /// Where everything is kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// What has happened since the start.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// One campaign group, if it was heard of.
    pub async fn state(&self, ocs: AppDbid, pair: Pair) -> Option<PairState> {
        self.ask(|reply| Command::State { ocs, pair, reply }).await.flatten()
    }

    /// Takes an event that an OCS told by another way than a CommDN; the state as it is then.
    pub async fn observe(&self, ocs: AppDbid, event: Message) -> Option<PairState> {
        self.ask(|reply| Command::Observe { ocs, event: Box::new(event), reply }).await.flatten()
    }

    /// Who tells whether a call is forbidden.
    #[must_use]
    pub fn dnc(&self) -> &dyn DncLookup {
        &self.shared.dnc
    }

    /// Every campaign group that was heard of.
    pub async fn states(&self) -> Vec<PairState> {
        self.ask(|reply| Command::States { reply }).await.unwrap_or_default()
    }

    /// Sends one request under a DBID that is not the gateway's own, and hands back what comes to that DBID.
    ///
    /// # Errors
    /// [`RawError`]; nothing was sent.
    pub async fn send_raw(&self, request: RawRequest) -> Result<mpsc::Receiver<RawAnswer>, RawError> {
        self.ask(|reply| Command::Raw { request: Box::new(request), reply }).await.ok_or(RawError::Stopping)?
    }

    /// What the configuration knows.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.shared.router
    }

    /// The links.
    #[must_use]
    pub fn links(&self) -> &LinkDirectory {
        &self.shared.links
    }

    /// The configured OCSs and their links.
    #[must_use]
    pub fn ocss(&self) -> &[OcsOnLink] {
        &self.shared.ocss
    }

    /// When an OCS, a member of a pair for itself, said something last.
    #[must_use]
    pub fn ocs_heard(&self, member: AppDbid) -> Option<HeardAt> {
        self.shared.last_heard(member)
    }

    /// Names of the configured links, in order.
    #[must_use]
    pub fn link_names(&self) -> &[Arc<str>] {
        &self.shared.link_names
    }

    /// Layout of bytes on a link.
    #[must_use]
    pub fn dialect(&self, link: &str) -> Dialect {
        self.shared.link_dialects.get(link).copied().unwrap_or_default()
    }

    /// State changes, requests, links.
    #[must_use]
    pub fn events(&self) -> &Hub<GatewayEvent> {
        &self.shared.events
    }

    /// Every UserEvent that passes.
    #[must_use]
    pub fn tap(&self) -> &Hub<TapEvent> {
        &self.shared.tap
    }

    /// Whether it may be given work, and whether it gets on.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.shared.health
    }

    /// Our own application DBIDs.
    #[must_use]
    pub fn origins(&self) -> &[AppDbid] {
        &self.shared.origins
    }

    /// What is shown instead of people.
    #[must_use]
    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.shared.pseudonyms
    }

    /// How phones are read.
    #[must_use]
    pub fn phones(&self) -> &dyn PhoneRules {
        &*self.shared.phones
    }

    /// The time a do-not-call may take.
    #[must_use]
    pub fn dnc_deadline(&self) -> Deadline {
        self.shared.deadline
    }

    /// How long a caller waits who says nothing else.
    #[must_use]
    pub fn default_wait(&self) -> Duration {
        self.shared.wait
    }

    pub(super) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.normal.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}
