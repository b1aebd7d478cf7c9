//! One number for everything that happened.

use std::fmt;

use crate::engine::ocs::{Held, RecordChange};
use crate::message::AppDbid;
use crate::protocol::Time;
use crate::wire::Text;

/// A running hash over user events and record changes, with their times and in their order. Not for secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceHash(u64);

impl Default for TraceHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl TraceHash {
    /// The number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    /// As FNV-1a, eight bytes at a time and mixed once more.
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_be_bytes(word));
        }
    }

    fn time(&mut self, now: Time) {
        self.word(u64::try_from(now.0.as_millis()).unwrap_or(u64::MAX));
    }

    pub(super) fn user_event(&mut self, now: Time, dn: &Text, user_data: &[u8]) {
        self.word(1);
        self.time(now);
        self.bytes(dn.display().as_bytes());
        self.bytes(user_data);
    }

    pub(super) fn record(&mut self, now: Time, ocs: AppDbid, change: &RecordChange) {
        let int = |n: i32| u64::from(n.cast_unsigned());
        let time = |at: Option<crate::protocol::UtcSeconds>| at.map_or(u64::MAX, |at| at.0.cast_unsigned());
        self.word(2);
        self.time(now);
        self.word(int(ocs.0) << 32 | int(change.record_id));
        self.word(u64::try_from(change.list).unwrap_or(u64::MAX) << 32 | int(change.record_type));
        self.word(int(change.record_status) << 32 | int(change.call_result));
        self.word(int(change.attempt) << 32 | int(change.group_id.map_or(0, |group| group.0)));
        self.word(time(change.dial_sched_time));
        self.word(time(change.call_time));
        let held = match change.held {
            None => 0,
            Some(Held::Call) => 1,
            Some(Held::Desktop) => 2,
        };
        self.word(held << 32 | int(change.campaign_id.map_or(0, |campaign| campaign.0)));
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ocs::Record;

    #[test]
    fn every_column_and_every_byte_counts() {
        let hash = |at, dn: &str, bytes: &[u8]| {
            let mut hash = TraceHash::default();
            hash.user_event(Time::from_millis(at), &dn.into(), bytes);
            hash.to_string()
        };
        let all = [hash(1, "a", b"xy"), hash(2, "a", b"xy"), hash(1, "b", b"xy"), hash(1, "a", b"xy\0")];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != one));
        }
        let mut record = Record::new(1, "5551234");
        let of = |record: &Record| {
            let mut hash = TraceHash::default();
            hash.record(Time::ZERO, AppDbid(301), &RecordChange::of(0, 0, record));
            hash
        };
        let before = of(&record);
        record.held = Some(Held::Call);
        assert_ne!(before, of(&record));
    }
}
