//! What is held back, and lets go at its time.

use bytes::Bytes;

use super::Way;
use super::lines::{Given, Lines};
use crate::engine::tserver::SessionId;
use crate::protocol::Time;

/// Most frames that are held back; beyond it they pass at once.
const HELD_MAX: usize = 65_536;
/// Most bytes of them.
const HELD_BYTES_MAX: usize = 64 << 20;

/// One way of one connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What is on its way in order: nothing overtakes it.
    pub(super) busy_until: Time,
    /// Frames that wait for the next one.
    pub(super) behind: Vec<(Time, Bytes)>,
}

#[derive(Debug)]
pub(super) enum Held {
    /// With whether it is what the line is busy with.
    Bytes(SessionId, Way, Bytes, bool),
    Role,
}

impl Lines {
    /// One frame has passed: those that waited for it follow.
    pub(super) fn let_follow(&mut self, now: Time, session: SessionId, way: Way) {
        let Some(line) = self.lines.get_mut(&(session, way)) else { return };
        for (_, frame) in std::mem::take(&mut line.behind) {
            self.emit(now, session, way, frame);
        }
    }

    pub(super) fn emit_at(&mut self, now: Time, due: Time, session: SessionId, way: Way, bytes: Bytes) {
        if due <= now {
            self.emit(now, session, way, bytes);
        } else {
            self.hold(due, Held::Bytes(session, way, bytes, false));
        }
    }

    /// Now, or behind what holds the line.
    pub(super) fn emit(&mut self, now: Time, session: SessionId, way: Way, bytes: Bytes) {
        match self.lines.get(&(session, way)).map(|line| line.busy_until) {
            Some(busy) if busy > now => self.hold(busy, Held::Bytes(session, way, bytes, false)),
            Some(_) | None => self.out.push_back(given(session, way, bytes)),
        }
    }

    pub(super) fn hold(&mut self, at: Time, held: Held) {
        if let Held::Bytes(session, way, bytes, _) = &held {
            if self.held.len() >= HELD_MAX || self.held_bytes + bytes.len() > HELD_BYTES_MAX {
                return self.out.push_back(given(*session, *way, bytes.clone()));
            }
            self.held_bytes += bytes.len();
        }
        self.serial += 1;
        self.held.insert((at, self.serial), held);
    }

    /// What was held back until now.
    pub(super) fn let_go(&mut self, now: Time) {
        while let Some(entry) = self.held.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), held) = entry.remove_entry();
            match held {
                Held::Role => self.out.push_back(Given::Role(true)),
                Held::Bytes(session, way, bytes, owns) => {
                    self.held_bytes -= bytes.len();
                    let is_dead = self.clients.get(&session).is_none_or(|known| known.dead.is_some());
                    let busy = self.lines.get(&(session, way)).map_or(at, |line| line.busy_until);
                    match (is_dead, !owns && busy > now) {
                        (true, _) => {}
                        (false, true) => self.hold(busy, Held::Bytes(session, way, bytes, false)),
                        (false, false) => self.out.push_back(given(session, way, bytes)),
                    }
                }
            }
        }
        let waited = |line: &Line| line.behind.iter().any(|(most, _)| *most <= now);
        let waited: Vec<(SessionId, Way)> =
            self.lines.iter().filter(|(_, line)| waited(line)).map(|(place, _)| *place).collect();
        for (session, way) in waited {
            self.let_follow(now, session, way);
        }
    }

    /// Lines that hold nothing are forgotten; with the last rule the clients are, too.
    pub(super) fn tidy(&mut self, now: Time) {
        self.lines.retain(|_, line| line.busy_until > now || !line.behind.is_empty());
        if self.is_idle() {
            self.clients.clear();
        }
    }
}

fn given(session: SessionId, way: Way, bytes: Bytes) -> Given {
    match way {
        Way::Up => Given::Up(session, bytes),
        Way::Down => Given::Down(session, bytes),
    }
}
