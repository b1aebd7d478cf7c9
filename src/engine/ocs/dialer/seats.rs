//! Agents of a group, or the ports of its IVR: who is there, who is free, who waits for them.

use std::collections::{BTreeSet, VecDeque};

use super::calls::CallId;
use crate::message::Pair;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeatState {
    /// Not logged in.
    Out,
    Idle,
    /// Reserved, previewing, talking or wrapping up.
    Engaged,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    state: SeatState,
    /// Goes as soon as it is free.
    leaving: bool,
    since_ms: u64,
}

/// The seats of one kind of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    seats: Vec<Seat>,
    /// The one that is free for longest first.
    idle: BTreeSet<(u64, usize)>,
    /// Answered calls without a seat, in their order; some may have ended meanwhile.
    pub(super) waiting: VecDeque<CallId>,
    /// Campaigns that dial for it, in turn.
    pub(super) pairs: Vec<Pair>,
    /// Calls that are under way for its seats.
    pub(super) calls: usize,
    /// Calls without a seat, of whatever campaign: being dialed or ringing, and answered.
    pub(super) ringing: u64,
    pub(super) answered: u64,
    /// Somebody works here; a new number at every change, so that older logins and logouts mean nothing.
    pub(super) staffed: bool,
    pub(super) epoch: u32,
    present: u64,
    /// Talking or wrapping up.
    busy: u64,
    /// Sums of time, for the busy factor.
    busy_ms: u64,
    present_ms: u64,
    counted_to_ms: u64,
    /// Talk and wrap-up, a moving mean.
    pub(super) handle_ms: u64,
}

impl Pool {
    pub(super) fn new(seats: u32, handle_ms: u64) -> Self {
        let seat = Seat { state: SeatState::Out, leaving: false, since_ms: 0 };
        Self { seats: (0..seats).map(|_| seat).collect(), handle_ms, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn state(&self, seat: usize) -> SeatState {
        self.seats.get(seat).map_or(SeatState::Out, |seat| seat.state)
    }

    pub(super) fn idle(&self) -> u64 {
        u64::try_from(self.idle.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn busy(&self) -> u64 {
        self.busy
    }

    pub(super) fn present(&self) -> u64 {
        self.present
    }

    /// Time with a customer or after one, and time in all, since it was asked for last.
    pub(super) fn take_times(&mut self, now: u64) -> (u64, u64) {
        self.count_time(now);
        (std::mem::take(&mut self.busy_ms), std::mem::take(&mut self.present_ms))
    }

    fn count_time(&mut self, now: u64) {
        let passed = now.saturating_sub(self.counted_to_ms);
        self.counted_to_ms = now;
        self.busy_ms += self.busy * passed;
        self.present_ms += self.present * passed;
    }

    /// A login, or a return to work. False for a seat that is there already.
    pub(super) fn login(&mut self, now: u64, seat: usize) -> bool {
        self.count_time(now);
        let Some(known) = self.seats.get_mut(seat).filter(|seat| seat.state == SeatState::Out) else { return false };
        *known = Seat { state: SeatState::Idle, leaving: false, since_ms: now };
        self.idle.insert((now, seat));
        self.present += 1;
        true
    }

    /// A logout; true when it happens now and not after the call.
    pub(super) fn logout(&mut self, now: u64, seat: usize) -> bool {
        self.count_time(now);
        let Some(known) = self.seats.get_mut(seat) else { return false };
        match known.state {
            SeatState::Out => false,
            SeatState::Engaged => {
                known.leaving = true;
                false
            }
            SeatState::Idle => {
                self.idle.remove(&(known.since_ms, seat));
                known.state = SeatState::Out;
                self.present -= 1;
                true
            }
        }
    }

    /// Takes the seat that is free for longest, with the time for which it was free.
    pub(super) fn engage(&mut self, now: u64) -> Option<(usize, u64)> {
        let (since, seat) = self.idle.pop_first()?;
        if let Some(known) = self.seats.get_mut(seat) {
            (known.state, known.since_ms) = (SeatState::Engaged, since);
        }
        Some((seat, now.saturating_sub(since)))
    }

    /// For how long an engaged seat was, or is, without a customer.
    pub(super) fn waited(&self, now: u64, seat: usize) -> u64 {
        self.seats.get(seat).map_or(0, |seat| now.saturating_sub(seat.since_ms))
    }

    /// An engaged seat begins to talk.
    pub(super) fn talk(&mut self, now: u64) {
        self.count_time(now);
        self.busy += 1;
    }

    /// It has talked and wrapped up, for so long.
    pub(super) fn talked(&mut self, now: u64, took: u64) {
        self.count_time(now);
        self.busy = self.busy.saturating_sub(1);
        self.handle_ms = (self.handle_ms * 31 + took) / 32;
    }

    /// An engaged seat is free again, or gone. True when it is free.
    pub(super) fn release(&mut self, now: u64, seat: usize, keep_place: bool) -> bool {
        self.count_time(now);
        let staffed = self.staffed;
        let Some(known) = self.seats.get_mut(seat).filter(|seat| seat.state == SeatState::Engaged) else {
            return false;
        };
        if known.leaving || !staffed {
            (known.state, known.leaving) = (SeatState::Out, false);
            self.present -= 1;
            return false;
        }
        let since = if keep_place { known.since_ms } else { now };
        (known.state, known.since_ms) = (SeatState::Idle, since);
        self.idle.insert((since, seat));
        true
    }

    /// Everybody who is free goes; the others after their calls.
    pub(super) fn dismiss(&mut self, now: u64) {
        self.count_time(now);
        self.staffed = false;
        self.epoch += 1;
        for (_, seat) in std::mem::take(&mut self.idle) {
            if let Some(known) = self.seats.get_mut(seat) {
                known.state = SeatState::Out;
                self.present -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(seats: u32) -> Pool {
        let mut pool = Pool::new(seats, 100);
        pool.staffed = true;
        pool
    }

    #[test]
    fn the_seat_that_is_free_for_longest_is_taken_first() {
        let mut pool = pool(3);
        assert!(pool.login(5, 1) && pool.login(7, 0) && !pool.login(8, 1));
        assert_eq!((pool.engage(10), pool.engage(10), pool.engage(10)), (Some((1, 5)), Some((0, 3)), None));
        assert!(pool.release(20, 1, false) && pool.release(21, 0, true));
        assert_eq!(pool.engage(30), Some((0, 23)), "it keeps its place when nothing came of it");
    }

    #[test]
    fn who_is_in_a_call_leaves_after_it() {
        let mut pool = pool(2);
        pool.login(0, 0);
        pool.login(0, 1);
        let (seat, _) = pool.engage(1).unwrap();
        assert!(!pool.logout(2, seat) && pool.logout(2, 1 - seat));
        assert_eq!((pool.present(), pool.idle()), (1, 0));
        assert!(!pool.release(3, seat, false));
        assert_eq!((pool.present(), pool.state(seat)), (0, SeatState::Out));
    }

    #[test]
    fn time_is_summed_over_seats() {
        let mut pool = pool(2);
        pool.login(0, 0);
        pool.login(0, 1);
        pool.engage(100);
        pool.talk(100);
        pool.talked(400, 300);
        assert_eq!(pool.take_times(1_000), (300, 2_000));
        assert_eq!(pool.take_times(1_000), (0, 0));
    }
}
