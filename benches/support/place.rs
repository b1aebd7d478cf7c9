//! Servers and clients in threads of their own, each with a tokio runtime: what one of them costs can be told.

use std::{
    future::{Future, pending},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Handle};

use crate::support::thread_cpu;

/// A thread with a runtime that runs until the process ends.
pub(crate) struct Place(Handle);

impl Place {
    pub(crate) fn new() -> Self {
        let (told, handle) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                told.send(Handle::current()).expect("somebody waits");
                pending::<()>().await;
            });
        });
        Self(handle.recv().expect("it started"))
    }

    /// Starts work there and does not wait for it.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(work);
    }

    /// Does work there and waits for what comes of it.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (told, done) = mpsc::channel();
        self.0.spawn(async move {
            let _ = told.send(work.await);
        });
        done.recv().expect("the work ended")
    }

    /// CPU time that the thread has used.
    pub(crate) fn cpu(&self) -> Duration {
        self.run(async { thread_cpu() })
    }
}
