//! The gateway's one task: it owns correlator, mirror and journal, so that nothing of the protocol needs a lock.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::SelectAll};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::pass::{Followed, Follower, Overhearer};
use super::watch::{Question, Watch};
use super::{
    Accepted, Command, GatewayEvent, Order, OrderError, Prepared, Shared, Site, Standing, TapEvent, outcome, raw,
};
use crate::engine::ChangedBy;
use crate::engine::Journal;
use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::RequestResult;
use crate::engine::StatusMirror;
use crate::engine::Step;
use crate::message::{
    AppDbid, AutoCompletionPlace, CommDnMessage, ErrorCode, GetCampaignStatus, Message, RequestKind, Target,
};
use crate::net::client::{LinkEvent, LinkHandle};
use crate::protocol::Time;
use crate::protocol::UtcTime;
use crate::protocol::link::Tag;
use crate::protocol::requester::{
    Input, LinkId, OcsPeer, Outcome, Output, Progress, RefusedBy, RequestId, RequestPhase, Requester, SendId,
    Standing as Heard, Submission, WaitsFor,
};
use crate::service::metrics::Metrics;
use crate::service::wall;
use crate::wire::Dialect;
use crate::wire::EncodeError;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::logtext;

/// Events of links that are taken before callers have their turn again.
const EVENTS_IN_A_ROW: usize = 256;

/// A task with nothing to do goes round all the same, so that one that hangs is told from it.
const BEAT: Duration = Duration::from_millis(500);

pub(super) type LinkEvents = SelectAll<Pin<Box<dyn Stream<Item = (LinkId, LinkEvent)> + Send>>>;

/// One link with what its messages must look like.
pub(super) struct Line {
    pub(super) handle: LinkHandle,
    pub(super) dialect: Dialect,
    pub(super) list_bytes_max: usize,
}

pub(super) struct Core {
    pub(super) requester: Requester,
    pub(super) mirror: StatusMirror,
    pub(super) journal: Journal,
    pub(super) lines: BTreeMap<LinkId, Line>,
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Vec<AppDbid>,
    pub(super) ocss: Vec<OcsPeer>,
    pub(super) auto_completion_place: AutoCompletionPlace,
    pub(super) answer: Duration,
    pub(super) start: Instant,
    pub(super) last_number: Option<RequestNumber>,
    pub(super) waiting: BTreeMap<RequestNumber, oneshot::Sender<()>>,
    pub(super) accepted: BTreeMap<RequestNumber, Time>,
    pub(super) raw: raw::RawDesk,
    /// Requests whose answers are passed on.
    pub(super) followed: BTreeMap<RequestNumber, Followed>,
    /// Those who hear what answers no such request.
    pub(super) overhearers: Vec<Overhearer>,
    /// The event that is being worked on was passed to a follower.
    pub(super) passed_now: bool,
    pub(super) ears: super::sight::Ears,
    pub(super) watch: Watch,
}

impl Core {
    pub(super) async fn run(
        mut self,
        mut urgent: mpsc::Receiver<Command>,
        mut normal: mpsc::Receiver<Command>,
        mut links: LinkEvents,
        stop: CancellationToken,
    ) {
        let mut beat = tokio::time::interval(BEAT);
        loop {
            self.shared.health.turned();
            let due = self.requester.next_deadline().into_iter().chain(self.watch.next_deadline()).min();
            let due = due.map(|due| self.start + due.0);
            let timer = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((link, event)) = links.next() => {
                    self.link_event(link, event);
                    for _ in 1..EVENTS_IN_A_ROW {
                        let Some(Some((link, event))) = futures_util::FutureExt::now_or_never(links.next()) else { break };
                        self.link_event(link, event);
                    }
                }
                Some(command) = urgent.recv() => self.command(command),
                Some(command) = normal.recv() => self.command(command),
                () = timer => {
                    self.give(Input::Timer);
                    self.ask_due();
                }
                _ = beat.tick() => {} // a turn for the watchdog, when there is nothing else to do
                else => break,
            }
        }
    }

    fn now(&self) -> Time {
        Time(self.start.elapsed())
    }

    fn utc() -> UtcTime {
        UtcTime::from(wall::now())
    }

    fn command(&mut self, command: Command) {
        // A caller that has gone is no error anywhere below.
        match command {
            Command::Submit { order, asked_by, follower, reply } => {
                let _ = reply.send(self.submit(&order, asked_by, follower));
            }
            Command::Overhear { overhearer } => self.overhearers.push(overhearer),
            Command::Observe { ocs, event, reply } => {
                self.observe(ocs, &event, ChangedBy::Notification);
                let state = event.pair().and_then(|pair| self.mirror.pair(ocs, pair).cloned());
                let _ = reply.send(state);
            }
            Command::State { ocs, pair, reply } => {
                let _ = reply.send(self.mirror.pair(ocs, pair).cloned());
            }
            Command::DryRun { order, reply } => {
                let _ = reply.send(self.dry_run(&order));
            }
            Command::Standing { number, reply } => {
                let _ = reply.send(self.standing(number));
            }
            Command::List { which, after, most, reply } => {
                let _ = reply.send(self.journal.list(which, after).take(most).cloned().collect());
            }
            Command::States { reply } => {
                let _ = reply.send(self.mirror.iter().cloned().collect());
            }
            Command::Sight { reply } => {
                let _ = reply.send(self.sight());
            }
            Command::Raw { request, reply } => {
                let result = self.raw.prepare(&request, &self.pool, &self.ocss, &self.lines);
                let _ = reply.send(result.and_then(|prepared| {
                    self.tap(prepared.link, false, &prepared.dn, &prepared.user_data, Some(prepared.message.clone()));
                    self.raw.send(prepared, &self.lines)
                }));
            }
        }
    }

    fn prepare(&self, order: &Order) -> Result<Prepared, OrderError> {
        let origin = self.pool.first().copied().unwrap_or(AppDbid(0));
        let site = Site {
            router: &self.shared.router,
            mirror: &self.mirror,
            auto_completion_place: self.auto_completion_place,
            origin,
        };
        let prepared = order.prepare(site)?;
        let message = CommDnMessage::new(origin, prepared.target, prepared.body.clone());
        for line in self.lines.values() {
            encode(&message, line)?;
        }
        Ok(prepared)
    }

    fn submit(&mut self, order: &Order, asked_by: String, follower: Option<Follower>) -> Result<Accepted, OrderError> {
        let prepared = self.prepare(order)?;
        let (ended, told) = oneshot::channel();
        let number = self.accept(prepared, asked_by, ended, follower);
        Ok(Accepted { number, ended: told })
    }

    /// Takes up a caller's request and gives it to the correlator.
    fn accept(
        &mut self,
        prepared: Prepared,
        asked_by: String,
        waiter: oneshot::Sender<()>,
        follower: Option<Follower>,
    ) -> RequestNumber {
        let Prepared { body, target, advice, note } = prepared;
        let kind = body.request_kind().unwrap_or(RequestKind::Status);
        if let Message::DoNotCall(entry) = &body {
            self.shared.dnc.add(entry);
        }
        let number = self.next_number();
        self.journal.accept(RequestRecord {
            number,
            kind,
            pair: body.pair(),
            target,
            asked_by,
            note,
            warnings: advice.iter().map(ToString::to_string).collect(),
            accepted_at: Self::utc(),
            steps: Vec::new(),
            draining: false,
            ended: None,
        });
        tracing::debug!(request = %number, kind = kind.slug(), %target, "accepted");
        self.shared.metrics.accepted(kind);
        self.accepted.insert(number, self.now());
        self.waiting.insert(number, waiter);
        self.followed.extend(follower.map(|follower| (number, Followed::new(follower))));
        self.publish_request(number);
        // Kept in memory until it is answered, so it outlives a lost link.
        let durable = kind == RequestKind::DoNotCall;
        self.give(Input::Submit(Submission { id: RequestId(number.0), target, body, deadline: None, durable }));
        number
    }

    fn next_number(&mut self) -> RequestNumber {
        let number = RequestNumber::next(Self::utc(), self.last_number);
        self.last_number = Some(number);
        number
    }

    fn dry_run(&self, order: &Order) -> Result<String, OrderError> {
        let prepared = self.prepare(order)?;
        let origin = self.pool.first().copied().unwrap_or(AppDbid(0));
        let message = CommDnMessage::new(origin, prepared.target, prepared.body);
        let ocss = &self.ocss;
        let peer = ocss.iter().find(|peer| prepared.target == Target::One(peer.dbid)).or(ocss.first());
        let Some((line, dn)) = peer.and_then(|peer| Some((self.lines.get(&peer.address.link)?, &peer.address.dn)))
        else {
            return Err(OrderError::Stopping);
        };
        let packed = encode(&message, line)?;
        let tree = crate::wire::TkvList::decode(&packed, &line.dialect, Reading::Tolerant).unwrap_or_default();
        let block = logtext::Block::new(logtext::Head::tserver_request("RequestDistributeUserEvent"))
            .with("CommunicationDN", logtext::AttributeValue::Text(Text::from(&**dn)))
            .with("UserData", logtext::AttributeValue::list(tree));
        let mut text = Vec::new();
        logtext::write_block(&mut text, &block, &line.dialect, logtext::Style::Vendor)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn standing(&self, number: RequestNumber) -> Option<Standing> {
        let record = Arc::new(self.journal.get(number)?.clone());
        if record.ended.is_some() {
            return Some(Standing { record, phase: "ended", waits_for: None, overdue: false, suspect: false });
        }
        let view = self.requester.inspect(RequestId(number.0));
        let (phase, waits_for) = view.as_ref().map_or(("waiting", None), |view| phase_words(view.phase));
        let waited = self.accepted.get(&number).map_or(Duration::ZERO, |since| self.now().saturating_sub(*since));
        let legs = || view.iter().flat_map(|view| &view.legs);
        let expects =
            view.as_ref().is_some_and(|view| matches!(view.phase, RequestPhase::Live | RequestPhase::Settling));
        let silent = expects && legs().all(|leg| leg.answer.is_none());
        let overdue = silent && record.kind != RequestKind::Unload && waited >= self.answer;
        let suspect = legs().any(|leg| leg.suspect);
        Some(Standing { record, phase, waits_for: waits_for.map(str::to_owned), overdue, suspect })
    }

    fn link_event(&mut self, link: LinkId, event: LinkEvent) {
        match event {
            LinkEvent::UserEvent { dn, user_data, own_copy } => self.user_event(link, &dn, user_data, own_copy),
            LinkEvent::Acked(tag) if raw::is_raw(tag) => {}
            LinkEvent::Failed(tag, failure) if raw::is_raw(tag) => self.raw.failed(tag, &failure.to_string()),
            LinkEvent::Acked(Tag(send)) => self.give(Input::Acked { send: SendId(send) }),
            LinkEvent::Failed(Tag(send), failure) => {
                let tserver_code = failure.code().map(|code| code.0);
                self.give(Input::SendFailed { send: SendId(send), tserver_code });
            }
            LinkEvent::Up(_) => {
                // What waits for the link goes first, do-not-call before all; then what we want to know.
                self.give(Input::LinkUp { link });
                self.on_link(link).for_each(|ocs| self.watch.link_up(ocs));
                self.ask_states(link);
                self.publish_link(link);
            }
            LinkEvent::Lost(_) => {
                self.count_link(link, Metrics::link_lost);
                self.on_link(link).for_each(|ocs| self.watch.link_down(ocs));
                self.give(Input::LinkDown { link });
                self.publish_link(link);
            }
            LinkEvent::SwitchDown | LinkEvent::Registered(_) | LinkEvent::NotRegistered(..) => self.publish_link(link),
            LinkEvent::LoggedIn(_) => self.count_link(link, Metrics::link_logged_in),
            LinkEvent::Unregistered(_)
            | LinkEvent::DnOutOfService(_)
            | LinkEvent::DnBackInService(_)
            | LinkEvent::AttemptFailed(..) => {}
        }
    }

    fn user_event(&mut self, link: LinkId, dn: &Text, user_data: Bytes, own_copy: bool) {
        let Some(line) = self.lines.get(&link) else { return };
        let decoded = CommDnMessage::decode(&user_data, &line.dialect, Reading::Tolerant);
        if own_copy {
            return; // it was shown when it went out
        }
        let message = match decoded {
            Ok(decoded) => {
                for warning in &decoded.warnings {
                    tracing::debug!(%warning, origin = %decoded.message.origin, "tolerated");
                }
                Some(decoded.message)
            }
            Err(error) => {
                tracing::warn!(%error, %dn, "user event that is no CommDN message");
                None
            }
        };
        let dn = dn.display().into_owned();
        self.tap(link, true, &dn, &user_data, message.clone());
        if let Some(message) = message {
            self.ears.hear(&message, &self.pool);
            self.raw.heard(&message);
            self.passed_now = false;
            let unasked = (!self.overhearers.is_empty()).then(|| (message.clone(), user_data.clone()));
            let member = message.origin;
            self.give(Input::Event { link, dn: dn.as_str().into(), message, user_data });
            if let Some((message, user_data)) = unasked.filter(|_| !self.passed_now) {
                self.pass_unasked(link, &dn, &message, &user_data);
            }
            self.heard(member);
        }
    }

    /// The OCSs of a link.
    fn on_link(&self, link: LinkId) -> impl Iterator<Item = AppDbid> + use<> {
        let of_link = self.ocss.iter().filter(|peer| peer.address.link == link).map(|peer| peer.dbid);
        of_link.collect::<Vec<_>>().into_iter()
    }

    /// An OCS said something, so it is there: what it did not answer before is asked now.
    fn heard(&mut self, member: AppDbid) {
        let of_pair = |peer: &&OcsPeer| peer.dbid == member || peer.backup == Some(member);
        let Some(ocs) = self.ocss.iter().find(of_pair).map(|peer| peer.dbid) else { return };
        self.shared.heard(member);
        let now = self.now();
        if self.watch.heard(now, ocs, member) {
            tracing::info!(%ocs, %member, "the other member of the OCS pair speaks");
            let pairs = self.known_pairs().into_iter().filter(|(_, of)| *of == ocs).map(|(pair, _)| pair);
            self.watch.takeover(now, ocs, pairs);
        }
        self.ask_due();
    }

    /// After a link came up, the state of every pair of its OCSs is asked: what happened meanwhile was not heard.
    fn ask_states(&mut self, link: LinkId) {
        let ocss: Vec<AppDbid> = self.on_link(link).collect();
        self.known_pairs().into_iter().filter(|(_, ocs)| ocss.contains(ocs)).for_each(|question| self.ask(question));
    }

    /// Every pair that the configuration or an event named, with its OCS.
    fn known_pairs(&self) -> Vec<Question> {
        let known = self.mirror.iter().map(|state| (state.pair, state.ocs));
        let mut pairs: Vec<_> = self.shared.router.pairs().chain(known).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn ask_due(&mut self) {
        self.watch.take_due(self.now()).into_iter().for_each(|question| self.ask(question));
    }

    /// Asks a state for ourselves.
    fn ask(&mut self, question: Question) {
        let (pair, ocs) = question;
        let body = Message::from(GetCampaignStatus::new(pair));
        // Nobody asked, so the journal has no row: the answer changes the mirror and that is all.
        let id = RequestId(self.next_number().0);
        self.watch.asked(self.now(), id, question);
        let target = Target::One(ocs);
        self.give(Input::Submit(Submission { id, target, body, deadline: None, durable: false }));
    }

    /// One input for the correlator, and everything it wants done.
    fn give(&mut self, input: Input) {
        self.requester.handle(self.now(), input);
        while let Some(output) = self.requester.poll() {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            // Requests are kept in memory for now; a store syncs the mark here, before the send that follows.
            Output::Journal(_) => {}
            Output::Send { send, address, message } => self.send(send, address.link, &address.dn, &message),
            Output::Outcome { id, outcome } => self.ended(RequestNumber(id.0), outcome),
            Output::Progress { id, progress } => self.progress(RequestNumber(id.0), progress),
            Output::Mirror { message, standing, .. } => self.mirror(&message, standing),
            Output::Alarm(alarm) => tracing::error!(?alarm, "somebody else sends with our DBID, or a table is full"),
            Output::Echo { ocs, fact, proved } => {
                tracing::info!(%ocs, fact = fact.slug(), proved, "what this OCS echoes");
            }
        }
    }

    fn send(&mut self, send: SendId, link: LinkId, dn: &str, message: &CommDnMessage) {
        let failed = |code| Input::SendFailed { send, tserver_code: code };
        let Some(line) = self.lines.get(&link) else { return };
        match encode(message, line) {
            Ok(packed) => {
                self.tap(link, false, dn, &packed, Some(message.clone()));
                let Some(line) = self.lines.get(&link) else { return };
                if let Err(error) = line.handle.distribute(Text::from(dn), packed, Tag(send.0)) {
                    tracing::warn!(%error, "not sent");
                    self.requester.handle(self.now(), failed(Some(54)));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a checked request cannot be packed");
                self.requester.handle(self.now(), failed(Some(53)));
            }
        }
    }

    fn progress(&mut self, number: RequestNumber, progress: Progress) {
        let (text, frame) = match progress {
            Progress::Sent { send, origin } => (format!("sent as application {origin} (send {})", send.0), None),
            Progress::Answer(answer) => {
                self.pass_answer(number, &answer);
                let frame = self.frame_of(answer.ocs, &answer.frame);
                (outcome::describe(&answer), frame)
            }
            Progress::AcceptedDraining { ocs, frame } => {
                self.pass_frame(number, ocs, &frame);
                self.journal.draining(number);
                (format!("OCS {ocs} accepted the unload; calls are still open"), self.frame_of(ocs, &frame))
            }
            Progress::Checking => ("the link was lost; what became of it is being found out".to_owned(), None),
            Progress::Suspect => ("an event came that could be its answer or another request's".to_owned(), None),
            Progress::Settling => {
                ("no clear answer; the state is being asked, or the request repeated".to_owned(), None)
            }
        };
        self.note(number, text, frame);
    }

    fn ended(&mut self, number: RequestNumber, outcome: Outcome) {
        let answered = matches!(
            outcome,
            Outcome::Answered { .. } | Outcome::Partial { .. } | Outcome::Refused { by: RefusedBy::Ocs { .. }, .. }
        );
        if self.watch.ended(self.now(), RequestId(number.0), answered) {
            return; // our own question
        }
        let Some(since) = self.accepted.get(&number).copied() else { return };
        let took = self.now().saturating_sub(since);
        self.pass_end(number, &outcome);
        for answer in outcome.answers() {
            let frame = self.frame_of(answer.ocs, &answer.frame);
            self.note(number, outcome::describe(answer), frame);
        }
        let ended = outcome::ended(&outcome, Self::utc(), took);
        let good = matches!(ended.result, RequestResult::Answered | RequestResult::Mixed | RequestResult::Partial);
        let (result, why) = (ended.result, ended.why.clone());
        let record = self.journal.end(number, ended);
        let kind = record.map(|record| record.kind);
        let question = record.and_then(|record| match (record.pair, record.target) {
            (Some(pair), Target::One(ocs)) if result == RequestResult::Unknown => Some((pair, ocs)),
            _ => None,
        });
        if let Some(question) = question {
            self.watch.unanswered(self.now(), question);
        }
        if let Some(kind) = kind {
            self.shared.metrics.ended(kind, result, took);
            let (kind, outcome) = (kind.slug(), result.slug());
            let took_ms = took.as_secs_f64() * 1_000.0;
            tracing::info!(request = %number, kind, outcome, why = why.as_deref().unwrap_or("none"), took_ms, "ended");
        }
        self.accepted.remove(&number);
        if let Some(waiter) = self.waiting.remove(&number) {
            let _ = waiter.send(()); // a caller that has gone is no error
        }
        self.publish_request(number);
        if kind == Some(RequestKind::DoNotCall)
            && good
            && let Some(record) = self.journal.get(number)
        {
            self.shared.events.publish(GatewayEvent::Dnc(Arc::new(record.clone())));
        }
    }

    fn note(&mut self, number: RequestNumber, text: String, frame: Option<(String, Bytes)>) {
        let Some(since) = self.accepted.get(&number).copied() else { return };
        let after = self.now().saturating_sub(since);
        let told = |step: &Step| step.text == text; // an answer of one OCS is told when it comes, and again at the end
        if !self.journal.get(number).is_some_and(|record| record.steps.iter().any(told)) {
            self.journal.step(number, Step { after, text, frame });
        }
    }

    /// A frame with the DN of the OCS it came from; copied, since it shares the link's read buffer.
    fn frame_of(&self, ocs: AppDbid, frame: &Bytes) -> Option<(String, Bytes)> {
        let peer = self.ocss.iter().find(|peer| peer.dbid == ocs)?;
        (!frame.is_empty()).then(|| (peer.address.dn.to_string(), Bytes::copy_from_slice(frame)))
    }

    fn mirror(&mut self, message: &CommDnMessage, standing: Heard) {
        let by = match (&message.body, standing) {
            (Message::CampaignStatus(_), Heard::Answer) => ChangedBy::Status,
            (_, Heard::Answer) => ChangedBy::Request,
            _ => ChangedBy::Notification,
        };
        let known = self.ocss.iter().any(|peer| peer.dbid == message.origin || peer.backup == Some(message.origin));
        if !known {
            return; // only OCSs tell states
        }
        if let Message::DoNotCallProcessed(done) = &message.body
            && done.error.is_none_or(|code| code == ErrorCode::NO)
            && let Some(entry) = &done.do_not_call
        {
            self.shared.dnc.add(entry); // whoever asked for it
        }
        let ocs = self.shared.router.ocs_of_member(message.origin);
        self.observe(ocs, &message.body, by);
    }

    /// The mirror takes what is known to be an OCS's word.
    fn observe(&mut self, ocs: AppDbid, event: &Message, by: ChangedBy) {
        if let Some(state) = self.mirror.apply(Self::utc(), ocs, event, by) {
            let state: PairState = state.clone();
            self.shared.events.publish(GatewayEvent::State(state));
        }
    }

    fn publish_request(&self, number: RequestNumber) {
        if let Some(record) = self.journal.get(number) {
            self.shared.events.publish(GatewayEvent::Request(Arc::new(record.clone())));
        }
    }

    fn count_link(&self, link: LinkId, count: impl Fn(&Metrics, &str)) {
        if let Some(line) = self.lines.get(&link) {
            count(&self.shared.metrics, line.handle.name());
        }
    }

    fn publish_link(&self, link: LinkId) {
        if let Some(line) = self.lines.get(&link) {
            self.shared.events.publish(GatewayEvent::Link(line.handle.name().to_owned()));
        }
    }

    fn tap(&self, link: LinkId, incoming: bool, dn: &str, user_data: &Bytes, message: Option<CommDnMessage>) {
        if !self.shared.tap.is_heard() {
            return;
        }
        let Some(line) = self.lines.get(&link) else { return };
        self.shared.tap.publish(TapEvent {
            at: Self::utc(),
            link: line.handle.name().into(),
            incoming,
            dn: dn.to_owned(),
            user_data: user_data.clone(),
            dialect: line.dialect,
            message,
        });
    }
}

/// The name of a phase, and what a waiting request waits for.
fn phase_words(phase: RequestPhase) -> (&'static str, Option<&'static str>) {
    match phase {
        RequestPhase::Waiting(WaitsFor::Lane) => ("waiting", Some("an earlier request about the same subject")),
        RequestPhase::Waiting(WaitsFor::Address) => {
            ("waiting", Some("an application DBID on which it cannot be confused"))
        }
        RequestPhase::Waiting(WaitsFor::Link) => ("waiting", Some("the link to the T-Server")),
        RequestPhase::Live => ("live", None),
        RequestPhase::Checking => ("checking", None),
        RequestPhase::Settling => ("settling", None),
    }
}

/// Packs a message for a link, within what its T-Server takes.
pub(super) fn encode(message: &CommDnMessage, line: &Line) -> Result<Bytes, EncodeError> {
    let packed = message.encode(&line.dialect)?;
    if packed.len() > line.list_bytes_max {
        return Err(EncodeError::ListBytes { bytes: packed.len(), limit: line.list_bytes_max });
    }
    Ok(packed)
}
