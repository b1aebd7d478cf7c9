//! Heartbeat of one direction: who hears nothing for a while asks, and who then hears nothing gives up.

use std::time::Duration;

use crate::protocol::time::Time;

/// Longest idle time that poll settings may ask for.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(3_600);

/// ```text
/// Idle --nothing heard for T--> Waiting, poll sent      Idle, Waiting --anything heard--> Idle
/// Waiting --nothing heard for T--> lost                 T = 0: Off
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    Idle { heard: Time },
    Waiting { deadline: Time },
}

/// Watches one peer. A dead one is found two idle times after its last byte.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    idle: Duration,
    serial: u32,
    state: State,
}

/// What a tick asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing yet.
    Quiet,
    /// Send a poll with this serial.
    Poll(u32),
    /// The peer is gone.
    Lost,
}

impl Heartbeat {
    /// Watches from now on; an idle time of zero never polls, one above [`HEARTBEAT_MAX`] counts as that.
    #[must_use]
    pub fn new(now: Time, idle: Duration) -> Self {
        let mut heartbeat = Self { idle: Duration::ZERO, serial: 0, state: State::Off };
        heartbeat.set_idle(now, idle);
        heartbeat
    }

    /// Uses another idle time from now on, as poll settings ask.
    pub fn set_idle(&mut self, now: Time, idle: Duration) {
        self.idle = idle.min(HEARTBEAT_MAX);
        self.state = if self.idle.is_zero() { State::Off } else { State::Idle { heard: now } };
    }

    /// Any byte came.
    pub fn heard(&mut self, now: Time) {
        match self.state {
            State::Off => {}
            State::Idle { .. } | State::Waiting { .. } => self.state = State::Idle { heard: now },
        }
    }

    /// Looks at the time.
    pub fn tick(&mut self, now: Time) -> Beat {
        match self.state {
            State::Idle { heard } if heard.saturating_add(self.idle) <= now => {
                self.serial = self.serial.wrapping_add(1);
                self.state = State::Waiting { deadline: now.saturating_add(self.idle) };
                Beat::Poll(self.serial)
            }
            State::Waiting { deadline } if deadline <= now => {
                self.state = State::Off;
                Beat::Lost
            }
            State::Off | State::Idle { .. } | State::Waiting { .. } => Beat::Quiet,
        }
    }

    /// When the next tick would find something.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        match self.state {
            State::Off => None,
            State::Idle { heard } => Some(heard.saturating_add(self.idle)),
            State::Waiting { deadline } => Some(deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(10);

    #[test]
    fn a_silent_peer_is_polled_after_the_idle_time_and_lost_after_twice_that() {
        let mut heartbeat = Heartbeat::new(Time::ZERO, T);
        heartbeat.heard(Time::from_secs(3));
        assert_eq!(heartbeat.tick(Time::from_millis(12_999)), Beat::Quiet);
        assert_eq!(heartbeat.next_deadline(), Some(Time::from_secs(13)));
        assert_eq!(heartbeat.tick(Time::from_secs(13)), Beat::Poll(1));
        assert_eq!(heartbeat.tick(Time::from_millis(22_999)), Beat::Quiet);
        assert_eq!(heartbeat.tick(Time::from_secs(23)), Beat::Lost);
        assert_eq!(heartbeat.next_deadline(), None);
    }

    #[test]
    fn any_byte_while_waiting_is_life() {
        let mut heartbeat = Heartbeat::new(Time::ZERO, T);
        assert_eq!(heartbeat.tick(Time::from_secs(10)), Beat::Poll(1));
        heartbeat.heard(Time::from_secs(19));
        assert_eq!(heartbeat.tick(Time::from_secs(20)), Beat::Quiet);
        assert_eq!(heartbeat.tick(Time::from_secs(29)), Beat::Poll(2));
    }

    #[test]
    fn an_idle_time_of_zero_never_polls_and_a_huge_one_is_capped() {
        let mut heartbeat = Heartbeat::new(Time::ZERO, Duration::ZERO);
        heartbeat.heard(Time::ZERO);
        assert_eq!((heartbeat.tick(Time::from_secs(9_999)), heartbeat.next_deadline()), (Beat::Quiet, None));
        heartbeat.set_idle(Time::ZERO, Duration::from_millis(u64::from(u32::MAX)));
        assert_eq!(heartbeat.next_deadline(), Some(Time::from_secs(3_600)));
    }
}
