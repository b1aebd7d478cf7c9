//! What links tell: sessions, acknowledgements, user events, and the state of campaigns.

use bytes::Bytes;

use super::core::Core;
use super::watch::Question;
use super::{GatewayEvent, raw};
use crate::engine::ChangedBy;
use crate::engine::PairState;
use crate::message::{AppDbid, CommDnMessage, ErrorCode, GetCampaignStatus, Message, Target};
use crate::net::client::LinkEvent;
use crate::protocol::link::Tag;
use crate::protocol::requester::{Input, LinkId, OcsPeer, RequestId, SendId, Standing as Heard, Submission};
use crate::service::metrics::Metrics;
use crate::store::Write;
use crate::wire::Reading;
use crate::wire::Text;

impl Core {
    pub(super) fn link_event(&mut self, link: LinkId, event: LinkEvent) {
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
                self.up.insert(link);
                self.give(Input::LinkUp { link });
                self.errands_link_up(link);
                self.on_link(link).for_each(|ocs| self.watch.link_up(ocs));
                self.ask_states(link);
                self.wishes_link_up(link);
                self.publish_link(link);
            }
            LinkEvent::Lost(_) => {
                self.up.remove(&link);
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

    pub(super) fn ask_due(&mut self) {
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

    /// The link on which an OCS is reached.
    pub(super) fn link_of(&self, ocs: AppDbid) -> Option<LinkId> {
        self.ocss.iter().find(|peer| peer.dbid == ocs).map(|peer| peer.address.link)
    }

    pub(super) fn mirror(&mut self, message: &CommDnMessage, standing: Heard) {
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
            && !self.pool.iter().any(|ours| message.target == Target::One(*ours))
        {
            // Asked for by somebody else. Our own stand there since they were accepted, perhaps with an end.
            self.shared.dnc.add(entry, None);
        }
        let ocs = self.shared.router.ocs_of_member(message.origin);
        self.observe(ocs, &message.body, by);
    }

    /// The mirror takes what is known to be an OCS's word.
    pub(super) fn observe(&mut self, ocs: AppDbid, event: &Message, by: ChangedBy) {
        let at = Self::utc();
        if let Some(state) = self.mirror.apply(at, ocs, event, by) {
            let state: PairState = state.clone();
            self.stage.write(None, Write::State(Box::new(state.clone())));
            self.shared.events.publish(GatewayEvent::State(state));
        }
        let heard = event.pair().and_then(|pair| self.mirror.pair(ocs, pair));
        if let Some((pair, Some(status))) = heard.filter(|state| state.observed_at == at).map(|it| (it.pair, it.status))
        {
            self.wish_heard(ocs, pair, status);
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
}
