//! What systemd is told: ready, stopping, and that the core task gets on. Without systemd nobody listens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::service::gateway::Gateway;

/// The program listens.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The program was told to stop.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// Tells the watchdog, twice in its time, that the core task has gone round; one that hangs lets the time run out.
/// Ends with the task it is spawned in; returns at once when there is no watchdog.
pub(super) async fn watch(gateway: Gateway) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let pulse = Pulse::default();
    let mut often = interval(half(patience));
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        often.tick().await;
        if pulse.moved(gateway.health().turns()) {
            tell(NotifyState::Watchdog);
        } else {
            tracing::error!("the core task hangs: the watchdog is not told");
        }
    }
}

fn half(patience: Duration) -> Duration {
    (patience / 2).max(Duration::from_millis(1))
}

/// Whether a count has moved since it was last looked at.
#[derive(Debug, Default)]
struct Pulse {
    last: AtomicU64,
}

impl Pulse {
    fn moved(&self, turns: u64) -> bool {
        self.last.swap(turns, Ordering::Relaxed) != turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_that_stands_still_is_no_pulse() {
        let pulse = Pulse::default();
        assert_eq!([1, 2, 2, 2, 3].map(|turns| pulse.moved(turns)), [true, true, false, false, true]);
        assert!(!Pulse::default().moved(0), "a task that never went round");
    }
}
