//! Which connections of one task have something to do. Each has a waker of its own, so that the task looks at these only.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use tokio::task::coop::poll_proceed;

/// The connections that were woken, by number.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    woken: Mutex<Vec<u64>>,
    task: AtomicWaker,
}

/// Wakes the task for one connection.
#[derive(Debug)]
struct ConnectionWaker {
    number: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

/// A connection's waker and the mark that it stands in the list.
#[derive(Debug)]
pub(crate) struct Slot {
    own: Arc<ConnectionWaker>,
    waker: Waker,
}

impl Ready {
    /// A waker for the connection of this number.
    pub(crate) fn slot(self: &Arc<Self>, number: u64) -> Slot {
        let own = Arc::new(ConnectionWaker { number, queued: AtomicBool::new(false), ready: Arc::clone(self) });
        Slot { waker: Waker::from(Arc::clone(&own)), own }
    }

    /// Waits until a connection is woken, then moves all that are into `into`. Other tasks have their turn in between.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>, into: &mut Vec<u64>) -> Poll<()> {
        let turn = std::task::ready!(poll_proceed(context));
        self.task.register(context.waker());
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.is_empty() {
            return Poll::Pending;
        }
        into.append(&mut woken);
        turn.made_progress();
        Poll::Ready(())
    }
}

impl Slot {
    /// What the connection's socket is polled with.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// The task looks at it now: news from here on must wake it again.
    pub(crate) fn looked_at(&self) {
        self.own.queued.store(false, Ordering::Release);
    }

    /// There is more to do at the next turn.
    pub(crate) fn again(&self) {
        self.waker.wake_by_ref();
    }
}

impl Wake for ConnectionWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
            self.ready.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_stands_in_the_list_once_until_it_is_looked_at() {
        let ready = Arc::new(Ready::default());
        let (one, two) = (ready.slot(1), ready.slot(2));
        let mut context = Context::from_waker(Waker::noop());
        let mut woken = Vec::new();
        assert!(ready.poll_take(&mut context, &mut woken).is_pending());
        one.again();
        two.again();
        one.again();
        assert!(ready.poll_take(&mut context, &mut woken).is_ready());
        assert_eq!(woken, [1, 2]);
        one.again();
        assert!(ready.poll_take(&mut context, &mut woken).is_pending());
        one.looked_at();
        one.again();
        assert!(ready.poll_take(&mut context, &mut woken).is_ready());
        assert_eq!(woken, [1, 2, 1]);
    }
}
