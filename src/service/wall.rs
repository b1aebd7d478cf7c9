//! The wall clock: what people read. No deadline hangs on it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

static STEP_MS: AtomicI64 = AtomicI64::new(0);

/// What the wall clock says.
#[must_use]
pub fn now() -> SystemTime {
    let step = STEP_MS.load(Ordering::Relaxed);
    let by = Duration::from_millis(step.unsigned_abs());
    let now = SystemTime::now();
    let stepped = if step < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    stepped.unwrap_or(now)
}

/// Sets the wall clock of this process off by so many milliseconds, as an administrator may do to the machine's.
pub fn step(ms: i64) {
    STEP_MS.store(ms, Ordering::Relaxed);
}
