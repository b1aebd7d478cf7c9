//! A world in which something goes wrong on purpose.

use super::{Seen, World};
use crate::engine::fault::{Client, Faults, Given, Rule, RuleId, TooMany};
use crate::engine::tserver::{SessionId, TServerInput};
use crate::protocol::Time;
use crate::wire::limits::FRAME_BYTES_MAX;
use crate::wire::{Reading, ServerRole, next_frame};

use bytes::Bytes;

impl World {
    /// One more fault, from now on.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn inject(&mut self, rule: Rule) -> Result<RuleId, TooMany> {
        for peer in self.peers.iter().filter(|peer| peer.session != SessionId(0)) {
            self.lines.here(Client { session: peer.session, name: &peer.name });
        }
        let added = self.lines.add(self.now, rule);
        self.lines_due = self.lines.next_deadline();
        added
    }

    /// One fault less; false when there is none of this number.
    pub fn heal(&mut self, id: RuleId) -> bool {
        let healed = self.lines.remove(self.now, id);
        self.lines_due = self.lines.next_deadline();
        healed
    }

    /// Nothing goes wrong any more; what was held back still comes at its time.
    pub fn heal_all(&mut self) {
        self.lines.clear(self.now);
        self.lines_due = self.lines.next_deadline();
    }

    /// The faults, and what they have done.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.lines.faults()
    }

    /// Does what the lines give. What that brings about is done by the outermost call.
    pub(super) fn perform(&mut self, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        if self.performing || !self.lines.has_news() {
            return;
        }
        self.performing = true;
        while let Some(given) = self.lines.poll() {
            match given {
                Given::Up(session, bytes) => self.say(session, &bytes, watch),
                Given::Down(session, bytes) => {
                    if let Some(at) = self.of_session(session) {
                        self.hear(at, &[&bytes]);
                    }
                }
                Given::Close(session) => {
                    self.at_server(TServerInput::Closed(session), watch);
                    self.hang_up(session);
                }
                Given::Role(primary) => {
                    let role = if primary { ServerRole::PRIMARY } else { ServerRole::BACKUP };
                    self.at_server(TServerInput::SetRole(role), watch);
                }
                Given::Jump(leap) => self.now = self.now + leap,
                Given::Struck { rule: id, client, way, message } => {
                    let rule = self.lines.faults().rule(id);
                    watch(self.now, Seen::Fault { id, rule, client: &client, way, message });
                }
            }
        }
        self.performing = false;
        self.lines_due = self.lines.next_deadline();
    }

    /// Bytes come to the T-Server, whole frames or not.
    fn say(&mut self, session: SessionId, bytes: &Bytes, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        let Some(at) = self.of_session(session) else { return };
        let said = &mut self.peers[at].said;
        said.extend_from_slice(bytes);
        let mut rest = &said[..];
        let broken = loop {
            match next_frame(&mut rest, FRAME_BYTES_MAX, Reading::Tolerant) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let whole = said.len() - rest.len();
        let frames = said.split_to(whole).freeze();
        if !frames.is_empty() {
            self.at_server(TServerInput::Frames(session, frames), watch);
            self.at_server(TServerInput::Flushed(session), watch);
        }
        if let Some(error) = broken {
            self.at_server(TServerInput::Broken(session, error), watch);
        }
    }
}
