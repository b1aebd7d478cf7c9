//! What a port waits for beside its connections: clients and their handshakes, commands, the clock, room in the inbox.
//!
//! All of it is polled with one waker of its own, so that a request of a client costs no look at any of it.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Command, Doors, Heard};
use crate::net::tls::Stream;

/// TLS handshakes that may be under way; one more connection is closed at once.
const HANDSHAKES_MAX: usize = 1_024;
/// How long no connection is accepted after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Entrance {
    doors: Doors,
    /// They take their time beside the port's task, not within it.
    handshakes: JoinSet<(io::Result<Stream>, SocketAddr)>,
    accept_again: Option<Instant>,
    commands: mpsc::UnboundedReceiver<Command>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    room: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Entrance {
    pub(super) fn new(doors: Doors, commands: mpsc::UnboundedReceiver<Command>, stop: CancellationToken) -> Self {
        Self {
            doors,
            handshakes: JoinSet::new(),
            accept_again: None,
            commands,
            stop: Box::pin(stop.cancelled_owned()),
            due: None,
            timer: None,
            room: None,
        }
    }

    pub(super) fn poll_stop(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.stop.as_mut().poll(context)
    }

    /// One that is through the door, and its handshake.
    pub(super) fn poll_client(&mut self, context: &mut Context<'_>) -> Poll<(Stream, SocketAddr)> {
        loop {
            while let Poll::Ready(Some(done)) = self.handshakes.poll_join_next(context) {
                match done {
                    Ok((Ok(stream), peer)) => return Poll::Ready((stream, peer)),
                    Ok((Err(error), peer)) => tracing::warn!(%peer, %error, "no TLS session"),
                    Err(error) => tracing::error!(%error, "handshake failed"),
                }
            }
            if self.accept_again.is_some_and(|again| again > Instant::now()) {
                return Poll::Pending;
            }
            self.accept_again = None;
            let (accepted, tls) = match (self.doors.outer.poll_accept(context), &self.doors.inner) {
                (Poll::Ready(accepted), _) => (accepted, self.doors.tls.clone()),
                (Poll::Pending, Some(inner)) => (ready!(inner.poll_accept(context)), None),
                (Poll::Pending, None) => return Poll::Pending,
            };
            match (accepted, tls) {
                (Ok((stream, peer)), None) => return Poll::Ready((Stream::Plain(stream), peer)),
                (Ok((_, peer)), Some(_)) if self.handshakes.len() >= HANDSHAKES_MAX => {
                    tracing::warn!(%peer, "connection closed: {HANDSHAKES_MAX} others are in their TLS handshake");
                }
                (Ok((stream, peer)), Some(tls)) => {
                    self.handshakes.spawn(async move { (tls.accept(stream).await, peer) });
                }
                (Err(error), _) => {
                    tracing::warn!(%error, "accept failed, pausing");
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Pending for ever once nobody can command any more.
    pub(super) fn poll_command(&mut self, context: &mut Context<'_>) -> Poll<Command> {
        match ready!(self.commands.poll_recv(context)) {
            Some(command) => Poll::Ready(command),
            None => Poll::Pending,
        }
    }

    /// Ready when so many more fit in. A taker that has gone takes nothing; then there is nothing to hold anybody for.
    pub(super) fn poll_room(
        &mut self,
        inbox: &mpsc::Sender<Heard>,
        most: usize,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let room = self.room.get_or_insert_with(|| {
            let inbox = inbox.clone();
            Box::pin(async move { drop(inbox.reserve_many(most).await) })
        });
        ready!(room.as_mut().poll(context));
        self.room = None;
        Poll::Ready(())
    }

    pub(super) fn is_waiting_for_room(&self) -> bool {
        self.room.is_some()
    }

    /// When [`Entrance::poll_due`] is ready; true when it must be polled for that.
    pub(super) fn set_due(&mut self, due: Option<Instant>) -> bool {
        let due = due.into_iter().chain(self.accept_again).min();
        std::mem::replace(&mut self.due, due) != due
    }

    pub(super) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // No timer is left behind: one that is set costs every wait of the runtime a look at the clock.
        let Some(due) = self.due else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(context));
        (self.due, self.timer) = (None, None);
        Poll::Ready(())
    }
}
