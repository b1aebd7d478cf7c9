//! The task of a port: it owns the machine and all its sockets, so that a request is answered without a hop and
//! everything that is ready goes out in one write for each connection.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{broadcast, mpsc},
    time::{Instant, timeout},
};

use super::faults::OnLeap;
use super::{Entrance, Heard, Inbox, Peer};
use crate::engine::fault::{Client, Lines, Way};
use crate::engine::tserver::{
    CloseReason, Outgoing, SessionId, TServer, TServerConfig, TServerInput, TServerOutput, UserEventSeen,
};
use crate::net::codec::{FrameCodec, SendQueue};
use crate::net::ready::{Ready, Slot};
use crate::net::tls::Stream;
use crate::protocol::time::{Time, UtcTime};
use crate::wire::limits::SEND_QUEUE_PROCESS_BYTES_MAX;

/// Bytes read at once; one buffer serves all connections.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 4;
/// A connection with more than this waiting to be written is not read for now.
const QUEUED_BYTES_READ: usize = READ_BYTES;
/// How long a closed connection may take to fetch its last frames.
const LINGER: Duration = Duration::from_secs(1);
/// No more user events than this come out of one read of a connection: each is longer than 32 bytes.
const HEARD_A_READ: usize = READ_BYTES / 32;
/// The entrance stands in the list of what was woken under this number; sessions count from 1.
const ENTRANCE: u64 = 0;
/// For the chance of faults that name no seed.
const FAULT_SEED: u64 = 1;
/// News at the entrance before connections have their turn again.
const NEWS_MAX: usize = 64;

pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    slot: Slot,
    /// The beginning of a frame whose rest has not come.
    partial: BytesMut,
    /// The same behind the faults, which may hold a rest back.
    pub(super) said: BytesMut,
    queue: SendQueue,
    dirty: bool,
    /// TLS has taken bytes that its socket has not.
    unflushed: bool,
}

pub(super) struct Port {
    pub(super) codec: FrameCodec,
    pub(super) machine: TServer,
    pub(super) connections: BTreeMap<SessionId, Connection>,
    ready: Arc<Ready>,
    buffer: BytesMut,
    /// Connections with something new to write.
    dirty: Vec<SessionId>,
    /// Bytes in all send queues together.
    queued_bytes: usize,
    next_session: u64,
    start: Instant,
    pub(super) now: Time,
    utc: UtcTime,
    tap: broadcast::Sender<Arc<UserEventSeen>>,
    inbox: Option<Inbox>,
    /// Connections that are not read until the inbox has room again.
    held: Vec<SessionId>,
    pub(super) lines: Lines,
    /// Somebody further out is doing what the lines give.
    pub(super) performing: bool,
    pub(super) on_leap: Option<OnLeap>,
}

impl Port {
    pub(super) fn new(
        codec: FrameCodec,
        config: TServerConfig,
        tap: broadcast::Sender<Arc<UserEventSeen>>,
        inbox: Option<Inbox>,
    ) -> Self {
        let lines = Lines::new(config.dialect, FAULT_SEED, []);
        Self {
            codec,
            machine: TServer::new(config),
            connections: BTreeMap::new(),
            ready: Arc::new(Ready::default()),
            buffer: BytesMut::new(),
            dirty: Vec::new(),
            queued_bytes: 0,
            next_session: 1,
            start: Instant::now(),
            now: Time::ZERO,
            utc: UtcTime::default(),
            tap,
            inbox,
            held: Vec::new(),
            lines,
            performing: false,
            on_leap: None,
        }
    }

    pub(super) async fn run(mut self, mut entrance: Entrance) {
        let slot = self.ready.slot(ENTRANCE);
        slot.again(); // the first look tells everything there whom to wake
        let mut woken = Vec::new();
        let mut going = true;
        while going {
            poll_fn(|context| self.ready.poll_take(context, &mut woken)).await;
            self.look_at_clocks();
            for number in woken.drain(..) {
                match number {
                    ENTRANCE => going &= self.look_at_entrance(&mut entrance, &slot),
                    number => self.woken(SessionId(number)),
                }
            }
            self.flush();
            if entrance.set_due(self.next_deadline().map(|time| self.start + time.0))
                || (!self.held.is_empty() && !entrance.is_waiting_for_room())
            {
                slot.again();
            }
        }
        drop(entrance);
        self.flush();
        tracing::info!(sessions = self.connections.len(), "t-server port stopped");
    }

    /// Takes what waits at the entrance, one of each kind at a time, so that none keeps the others waiting. False once
    /// the port is to stop.
    fn look_at_entrance(&mut self, entrance: &mut Entrance, slot: &Slot) -> bool {
        slot.looked_at();
        let context = &mut slot.context();
        for _ in 0..NEWS_MAX {
            if entrance.poll_stop(context).is_ready() {
                return false;
            }
            let mut more = false;
            if let Poll::Ready((stream, addr)) = entrance.poll_client(context) {
                self.accepted(stream, addr);
                more = true;
            }
            if let Poll::Ready(command) = entrance.poll_command(context) {
                self.command(command);
                more = true;
            }
            if !self.held.is_empty()
                && let Some(inbox) = &self.inbox
                && entrance.poll_room(&inbox.heard, HEARD_A_READ, context).is_ready()
            {
                for id in std::mem::take(&mut self.held) {
                    if let Some(connection) = self.connections.get(&id) {
                        connection.slot.again();
                    }
                }
            }
            if entrance.poll_due(context).is_ready() {
                self.look_at_clocks();
                self.lines.tick(self.now);
                self.perform();
                self.give(TServerInput::Tick);
                more = true;
            }
            if !more {
                return true;
            }
            self.flush();
        }
        slot.again();
        true
    }

    fn next_deadline(&self) -> Option<Time> {
        let machine = self.machine.next_deadline();
        if self.lines.is_idle() { machine } else { machine.into_iter().chain(self.lines.next_deadline()).min() }
    }

    fn look_at_clocks(&mut self) {
        self.now = Time(self.start.elapsed());
        self.utc = SystemTime::now().into();
    }

    fn accepted(&mut self, stream: Stream, addr: SocketAddr) {
        let peer = Peer { addr, certificate: stream.client_certificate() };
        if self.inbox.as_ref().is_some_and(|inbox| !(inbox.admits)(&peer)) {
            return tracing::warn!(peer = %addr, "connection refused: no application is configured for this address");
        }
        if let Err(error) = stream.set_nodelay() {
            tracing::debug!(peer = %addr, %error, "no TCP_NODELAY");
        }
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let slot = self.ready.slot(id.0);
        slot.again(); // the first look tells the socket whom to wake
        let (partial, said, queue) = (BytesMut::new(), BytesMut::new(), SendQueue::default());
        let connection = Connection { stream, peer, slot, partial, said, queue, dirty: false, unflushed: false };
        self.connections.insert(id, connection);
        self.give(TServerInput::Accepted(id));
    }

    fn woken(&mut self, id: SessionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.slot.looked_at();
        if (!connection.queue.is_empty() || connection.unflushed) && !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
        }
        for _ in 0..READS_MAX {
            if self.waiting(id) > QUEUED_BYTES_READ {
                self.write(id);
                // Who does not fetch its answers is asked for no more requests; the socket wakes us when it takes some.
                if self.waiting(id) > QUEUED_BYTES_READ {
                    return;
                }
            }
            if self.inbox.as_ref().is_some_and(|inbox| inbox.heard.capacity() < HEARD_A_READ) {
                self.held.push(id);
                return;
            }
            let Some(connection) = self.connections.get_mut(&id) else { return };
            self.buffer.reserve(READ_BYTES);
            let read = pin!(connection.stream.read_buf(&mut self.buffer)).poll(&mut connection.slot.context());
            match read {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.gone(id, "closed by the client"),
                Poll::Ready(Ok(_)) => self.received(id),
                Poll::Ready(Err(error)) => return self.gone(id, &error),
            }
        }
        if let Some(connection) = self.connections.get(&id) {
            connection.slot.again();
        }
    }

    /// Hands the machine all frames that are whole; what is left of the buffer waits with its connection.
    fn received(&mut self, id: SessionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut input = std::mem::take(&mut connection.partial);
        if input.is_empty() {
            input = self.buffer.split();
        } else {
            input.extend_from_slice(&self.buffer);
            self.buffer.clear();
        }
        if !self.lines.is_dead(id) {
            self.give(TServerInput::Heard(id));
        }
        let (whole, error) = self.codec.whole(&input, |kind| {
            tracing::warn!(session = id.0, kind, "frame of a reserved kind skipped");
        });
        if whole > 0 {
            self.go_up(id, input.split_to(whole).freeze());
        }
        if let Some(error) = error {
            self.give(TServerInput::Broken(id, error));
        }
        if let Some(connection) = self.connections.get_mut(&id).filter(|_| !input.is_empty()) {
            // A copy of its own size: the big buffer belongs to all.
            connection.partial = BytesMut::from(&input[..]);
        }
    }

    pub(super) fn give(&mut self, input: TServerInput) {
        self.machine.handle(self.now, self.utc, input);
        while let Some(output) = self.machine.poll() {
            match output {
                TServerOutput::Send(id, outgoing) => self.send(id, &outgoing),
                TServerOutput::Close(id, reason) => self.close(id, reason),
                TServerOutput::Seen(seen) => {
                    if let (Some(inbox), Some(sender)) = (&self.inbox, self.connections.get(&seen.session)) {
                        let heard = Heard { peer: sender.peer.clone(), seen: seen.clone() };
                        if let Err(error) = inbox.heard.try_send(heard) {
                            tracing::error!(
                                session = seen.session.0,
                                "a user event was not taken: {}",
                                why_not(&error)
                            );
                        }
                    }
                    if self.tap.receiver_count() > 0 {
                        // Nobody listening any more is no fault.
                        let _ = self.tap.send(Arc::new(seen));
                    }
                }
            }
        }
        self.perform();
    }

    fn send(&mut self, id: SessionId, outgoing: &Outgoing) {
        let tail = outgoing.tail.as_ref().map_or(&[][..], |tail| &tail[..]);
        if self.lines.is_idle() {
            return self.push(id, [&outgoing.head, tail], outgoing.urgent, outgoing.frames);
        }
        let client = Client { session: id, name: &self.machine.application(id) };
        self.lines.frames(self.now, client, Way::Down, Bytes::from([&outgoing.head[..], tail].concat()));
    }

    pub(super) fn push(&mut self, id: SessionId, parts: [&[u8]; 2], urgent: bool, frames: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let bytes = parts[0].len() + parts[1].len();
        let mut pushed = connection.queue.push(parts, urgent, frames);
        if pushed.is_err() {
            // Much came at once: the queue is only full when the socket takes nothing either.
            self.write(id);
            let Some(connection) = self.connections.get_mut(&id) else { return };
            pushed = connection.queue.push(parts, urgent, frames);
        }
        if let Err(full) = pushed {
            return self.gone(id, &full);
        }
        self.queued_bytes += bytes;
        if self.queued_bytes > SEND_QUEUE_PROCESS_BYTES_MAX {
            return self.gone(id, "send_queue: too many bytes wait in all queues together");
        }
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.dirty) {
            connection.dirty = true;
            self.dirty.push(id);
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.dirty = false;
                self.write(id);
            }
        }
        self.dirty = dirty;
    }

    /// Bytes that wait for one connection.
    fn waiting(&self, id: SessionId) -> usize {
        self.connections.get(&id).map_or(0, |connection| connection.queue.len())
    }

    /// Writes what waits for one connection, as far as its socket takes it.
    fn write(&mut self, id: SessionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let before = connection.queue.len();
        let result = connection.write();
        let after = connection.queue.len();
        self.queued_bytes -= before - after;
        match result {
            Ok(()) if after == 0 => self.machine.handle(self.now, self.utc, TServerInput::Flushed(id)),
            Ok(()) => {} // the socket wakes us when it takes more
            Err(error) => self.gone(id, &error),
        }
    }

    /// The machine ended a session: its last frames are written and the client gets some time to fetch them.
    fn close(&mut self, id: SessionId, reason: CloseReason) {
        if self.lines.is_dead(id) {
            return; // the client does not hear of it
        }
        self.lines.closed(id);
        let Some(mut connection) = self.connections.remove(&id) else { return };
        tracing::warn!(session = id.0, peer = %connection.peer.addr, %reason, "session closed");
        self.queued_bytes -= connection.queue.len();
        if reason != CloseReason::Sessions && connection.write().is_ok() {
            tokio::spawn(linger(connection.stream));
        }
    }

    /// A session ended without the machine: it is told.
    pub(super) fn gone(&mut self, id: SessionId, reason: &(impl std::fmt::Display + ?Sized)) {
        self.lines.closed(id);
        let Some(connection) = self.connections.remove(&id) else { return };
        tracing::info!(session = id.0, peer = %connection.peer.addr, %reason, "session ended");
        self.queued_bytes -= connection.queue.len();
        self.machine.handle(self.now, self.utc, TServerInput::Closed(id));
    }
}

/// The event itself is not for a log.
fn why_not(error: &mpsc::error::TrySendError<Heard>) -> &'static str {
    match error {
        mpsc::error::TrySendError::Full(_) => "the inbox is full",
        mpsc::error::TrySendError::Closed(_) => "nobody takes them any more",
    }
}

impl Connection {
    /// Writes until nothing waits or the socket takes no more.
    fn write(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            let bytes = self.queue.next();
            match Pin::new(&mut self.stream).poll_write(&mut self.slot.context(), bytes) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.queue.written(written),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if let Stream::Tls(stream) = &mut self.stream {
            let flushed = Pin::new(stream).poll_flush(&mut self.slot.context());
            self.unflushed = flushed.is_pending();
            if let Poll::Ready(Err(error)) = flushed {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Closing a socket with unread bytes in it would take back what was written last.
async fn linger(mut stream: Stream) {
    let mut unread = [0; 1_024];
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    })
    .await; // over either way
}
