//! Clock and chance, passed in, so that a test waits for nothing.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;

/// What the client takes from the world besides the file and the wire.
pub trait Outside: Send + Sync + Debug {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;
    /// Resolves when that time has passed.
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()>;
    /// A number below 1000 that nobody knows.
    fn chance(&self) -> u32;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Outside for ThisMachine {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn chance(&self) -> u32 {
        // Without chance the waits are equal, which is no reason to stop.
        getrandom::u32().unwrap_or(0) % 1_000
    }
}
