//! What links tell: sessions, acknowledgements, user events, and the state of campaigns.

use bytes::Bytes;

use super::core::Core;
use super::{GatewayEvent, raw};
use crate::engine::ChangedBy;
use crate::engine::PairState;
use crate::message::{AppDbid, CommDnMessage, GetCampaignStatus, Message, Target};
use crate::net::client::LinkEvent;
use crate::protocol::link::Tag;
use crate::protocol::requester::{Input, LinkId, RequestId, SendId, Standing as Heard, Submission};
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
                self.ask_states(link);
                self.wishes_link_up(link);
                self.publish_link(link);
            }
            LinkEvent::Lost(_) => {
                self.up.remove(&link);
                self.give(Input::LinkDown { link });
                self.publish_link(link);
            }
            LinkEvent::SwitchDown | LinkEvent::Registered(_) | LinkEvent::NotRegistered(..) => self.publish_link(link),
            LinkEvent::LoggedIn(_)
            | LinkEvent::Unregistered(_)
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
            self.raw.heard(&message);
            self.give(Input::Event { link, dn: dn.into(), message, user_data });
        }
    }

    /// After a link came up, the state of every pair of its OCSs is asked: what happened meanwhile was not heard.
    fn ask_states(&mut self, link: LinkId) {
        let known = self.mirror.iter().map(|state| (state.pair, state.ocs));
        let pairs = self.shared.router.pairs().chain(known);
        let mut pairs: Vec<_> = pairs.filter(|(_, ocs)| self.link_of(*ocs) == Some(link)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (pair, ocs) in pairs {
            let body = Message::from(GetCampaignStatus::new(pair));
            // Nobody asked, so the journal has no row: the answer changes the mirror and that is all.
            let id = RequestId(self.next_number().0);
            let target = Target::One(ocs);
            self.give(Input::Submit(Submission { id, target, body, deadline: None, durable: false }));
        }
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
        let ocs = self.shared.router.ocs_of_member(message.origin);
        let at = Self::utc();
        if let Some(state) = self.mirror.apply(at, ocs, &message.body, by) {
            let state: PairState = state.clone();
            self.stage.write(None, Write::State(Box::new(state.clone())));
            self.shared.events.publish(GatewayEvent::State(state));
        }
        let heard = message.body.pair().and_then(|pair| self.mirror.pair(ocs, pair));
        if let Some((pair, Some(status))) = heard.filter(|state| state.observed_at == at).map(|it| (it.pair, it.status))
        {
            self.wish_heard(ocs, pair, status);
        }
    }

    fn publish_link(&self, link: LinkId) {
        if let Some(line) = self.lines.get(&link) {
            self.shared.events.publish(GatewayEvent::Link(line.handle.name().to_owned()));
        }
    }
}
