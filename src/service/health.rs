//! Whether the gateway may be given work, and whether it gets on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The state of one gateway, read by readiness, the watchdog and those who stop it.
#[derive(Debug, Default)]
pub struct Health {
    draining: AtomicBool,
    turns: AtomicU64,
    journal_fault: Mutex<Option<String>>,
}

impl Health {
    /// Requests are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.journal_fault().is_none()
    }

    /// From now on no new request is taken; there is no way back.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the gateway is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The journal cannot be written, and why; told by whoever writes it.
    pub fn journal_failed(&self, why: impl Into<String>) {
        *self.journal_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.into());
    }

    /// The journal can be written (again).
    pub fn journal_works(&self) {
        *self.journal_fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the journal cannot be written, `None` when it can.
    #[must_use]
    pub fn journal_fault(&self) -> Option<String> {
        self.journal_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The core task has gone round once more.
    pub(crate) fn turned(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the core task has gone round: a number that stands still is a task that hangs.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_ready_while_its_journal_works_and_nobody_stops_it() {
        let health = Health::default();
        assert!(health.is_ready());
        health.journal_failed("disk full");
        assert_eq!((health.is_ready(), health.journal_fault().as_deref()), (false, Some("disk full")));
        health.journal_works();
        assert!(health.is_ready());
        health.drain();
        assert!(!health.is_ready());
    }
}
