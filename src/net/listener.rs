//! The T-Server's port: one task owns the machine and all its sockets, so that a request is answered without a hop
//! and everything that is ready goes out in one write for each connection.

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

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::engine::tserver::{
    CloseReason, Outgoing, SessionId, TServer, TServerConfig, TServerInput, TServerOutput, UserEventSeen,
};
use crate::net::codec::{FrameCodec, SendQueue};
use crate::net::ready::{Ready, Slot};
use crate::net::tls::{Stream, TlsServer};
use crate::protocol::time::{Time, UtcTime};
use crate::wire::ServerRole;
use crate::wire::Text;
use crate::wire::limits::SEND_QUEUE_PROCESS_BYTES_MAX;

/// Bytes read at once; one buffer serves all connections.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 4;
/// A connection with more than this waiting to be written is not read for now.
const QUEUED_BYTES_READ: usize = READ_BYTES;
/// User events that a slow tap may be behind before it loses some.
const TAP_EVENTS: usize = 1_024;
/// How long a closed connection may take to fetch its last frames.
const LINGER: Duration = Duration::from_secs(1);
/// TLS handshakes that may be under way; one more connection is closed at once.
const HANDSHAKES_MAX: usize = 1_024;
/// How long no connection is accepted after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A T-Server that runs until its token is cancelled.
#[derive(Debug)]
pub struct TServerHandle {
    local_addr: SocketAddr,
    control: mpsc::UnboundedSender<TServerInput>,
    tap: broadcast::Sender<Arc<UserEventSeen>>,
    task: JoinHandle<()>,
}

/// Starts a T-Server on a socket that listens already.
///
/// # Errors
/// The socket's, when it has no address.
pub fn serve_tserver(
    listener: TcpListener,
    config: TServerConfig,
    frame_bytes_max: usize,
    stop: CancellationToken,
) -> io::Result<TServerHandle> {
    serve_tserver_at(Doors { outer: listener, tls: None, inner: None }, config, frame_bytes_max, stop)
}

/// Where clients of one T-Server come in.
#[derive(Debug)]
pub struct Doors {
    /// The port.
    pub outer: TcpListener,
    /// TLS on it.
    pub tls: Option<TlsServer>,
    /// A second port without TLS, for clients within the process.
    pub inner: Option<TcpListener>,
}

/// As [`serve_tserver`], with TLS or a second port.
///
/// # Errors
/// The socket's, when it has no address.
pub fn serve_tserver_at(
    doors: Doors,
    config: TServerConfig,
    frame_bytes_max: usize,
    stop: CancellationToken,
) -> io::Result<TServerHandle> {
    let local_addr = doors.outer.local_addr()?;
    let (control, commands) = mpsc::unbounded_channel();
    let (tap, _) = broadcast::channel(TAP_EVENTS);
    let port = Port {
        codec: FrameCodec::new(frame_bytes_max, config.reading),
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
        tap: tap.clone(),
    };
    let task = tokio::spawn(port.run(doors, commands, stop));
    Ok(TServerHandle { local_addr, control, tap, task })
}

impl TServerHandle {
    /// Where it listens; tells which port was chosen for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Every user event from now on. A reader that is too slow is told how many it missed.
    #[must_use]
    pub fn tap(&self) -> broadcast::Receiver<Arc<UserEventSeen>> {
        self.tap.subscribe()
    }

    /// Connects or disconnects the switch.
    pub fn set_switch(&self, up: bool) {
        self.tell(TServerInput::SetSwitch(up));
    }

    /// Puts a DN in or out of service.
    pub fn set_in_service(&self, dn: Text, in_service: bool) {
        self.tell(TServerInput::SetInService(dn, in_service));
    }

    /// Makes the server primary or backup.
    pub fn set_role(&self, role: ServerRole) {
        self.tell(TServerInput::SetRole(role));
    }

    /// Whether senders get their own copy.
    pub fn set_echo(&self, echo_to_sender: bool) {
        self.tell(TServerInput::SetEcho(echo_to_sender));
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "t-server task failed");
        }
    }

    fn tell(&self, input: TServerInput) {
        // One that has stopped has nothing left to change.
        let _ = self.control.send(input);
    }
}

struct Connection {
    stream: Stream,
    peer: SocketAddr,
    slot: Slot,
    /// The beginning of a frame whose rest has not come.
    partial: BytesMut,
    queue: SendQueue,
    dirty: bool,
    /// TLS has taken bytes that its socket has not.
    unflushed: bool,
}

struct Port {
    codec: FrameCodec,
    machine: TServer,
    connections: BTreeMap<SessionId, Connection>,
    ready: Arc<Ready>,
    buffer: BytesMut,
    /// Connections with something new to write.
    dirty: Vec<SessionId>,
    /// Bytes in all send queues together.
    queued_bytes: usize,
    next_session: u64,
    start: Instant,
    now: Time,
    utc: UtcTime,
    tap: broadcast::Sender<Arc<UserEventSeen>>,
}

impl Port {
    async fn run(mut self, doors: Doors, mut commands: mpsc::UnboundedReceiver<TServerInput>, stop: CancellationToken) {
        let Doors { outer, tls, inner } = doors;
        // Handshakes take their time beside this task, not within it.
        let mut handshakes = JoinSet::new();
        let mut woken = Vec::new();
        let mut accept_again: Option<Instant> = None;
        let timer = sleep_until(self.start);
        let stopped = stop.cancelled();
        tokio::pin!(timer, stopped);
        loop {
            let due = self.machine.next_deadline().map(|time| self.start + time.0);
            let due = due.into_iter().chain(accept_again).min();
            if let Some(due) = due.filter(|due| timer.deadline() != *due) {
                timer.as_mut().reset(due);
            }
            let ready = Arc::clone(&self.ready);
            tokio::select! {
                () = &mut stopped => break,
                () = poll_fn(|context| ready.poll_take(context, &mut woken)) => {
                    self.look_at_clocks();
                    for number in woken.drain(..) {
                        self.woken(SessionId(number));
                    }
                }
                (accepted, tls) = next_client(&outer, &inner, &tls), if accept_again.is_none() => match (accepted, tls) {
                    (Ok((stream, peer)), None) => {
                        self.look_at_clocks();
                        self.accepted(Stream::Plain(stream), peer);
                    }
                    (Ok((_, peer)), Some(_)) if handshakes.len() >= HANDSHAKES_MAX => {
                        tracing::warn!(%peer, "connection closed: {HANDSHAKES_MAX} others are in their TLS handshake");
                    }
                    (Ok((stream, peer)), Some(tls)) => {
                        handshakes.spawn(async move { (tls.accept(stream).await, peer) });
                    }
                    (Err(error), _) => {
                        tracing::warn!(%error, "accept failed, pausing");
                        accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    }
                },
                Some(done) = handshakes.join_next() => match done {
                    Ok((Ok(stream), peer)) => {
                        self.look_at_clocks();
                        self.accepted(stream, peer);
                    }
                    Ok((Err(error), peer)) => tracing::warn!(%peer, %error, "no TLS session"),
                    Err(error) => tracing::error!(%error, "handshake failed"),
                },
                Some(command) = commands.recv() => {
                    self.look_at_clocks();
                    self.give(command);
                }
                () = &mut timer, if due.is_some() => {
                    self.look_at_clocks();
                    accept_again = accept_again.filter(|again| *again > Instant::now());
                    self.give(TServerInput::Tick);
                }
            }
            self.flush();
        }
        drop((outer, inner));
        self.flush();
        tracing::info!(sessions = self.connections.len(), "t-server port stopped");
    }

    fn look_at_clocks(&mut self) {
        self.now = Time(self.start.elapsed());
        self.utc = SystemTime::now().into();
    }

    fn accepted(&mut self, stream: Stream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay() {
            tracing::debug!(%peer, %error, "no TCP_NODELAY");
        }
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let slot = self.ready.slot(id.0);
        slot.again(); // the first look tells the socket whom to wake
        let (partial, queue) = (BytesMut::new(), SendQueue::default());
        let connection = Connection { stream, peer, slot, partial, queue, dirty: false, unflushed: false };
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
        self.give(TServerInput::Heard(id));
        let (whole, error) = self.codec.whole(&input, |kind| {
            tracing::warn!(session = id.0, kind, "frame of a reserved kind skipped");
        });
        if whole > 0 {
            self.give(TServerInput::Frames(id, input.split_to(whole).freeze()));
        }
        if let Some(error) = error {
            self.give(TServerInput::Broken(id, error));
        }
        if let Some(connection) = self.connections.get_mut(&id).filter(|_| !input.is_empty()) {
            // A copy of its own size: the big buffer belongs to all.
            connection.partial = BytesMut::from(&input[..]);
        }
    }

    fn give(&mut self, input: TServerInput) {
        self.machine.handle(self.now, self.utc, input);
        while let Some(output) = self.machine.poll() {
            match output {
                TServerOutput::Send(id, outgoing) => self.send(id, &outgoing),
                TServerOutput::Close(id, reason) => self.close(id, reason),
                TServerOutput::Seen(seen) => {
                    if self.tap.receiver_count() > 0 {
                        // Nobody listening any more is no fault.
                        let _ = self.tap.send(Arc::new(seen));
                    }
                }
            }
        }
    }

    fn send(&mut self, id: SessionId, outgoing: &Outgoing) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let tail = outgoing.tail.as_ref().map_or(&[][..], |tail| &tail[..]);
        let bytes = outgoing.head.len() + tail.len();
        let mut pushed = connection.queue.push([&outgoing.head, tail], outgoing.urgent, outgoing.frames);
        if pushed.is_err() {
            // Much came at once: the queue is only full when the socket takes nothing either.
            self.write(id);
            let Some(connection) = self.connections.get_mut(&id) else { return };
            pushed = connection.queue.push([&outgoing.head, tail], outgoing.urgent, outgoing.frames);
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
        let Some(mut connection) = self.connections.remove(&id) else { return };
        tracing::warn!(session = id.0, peer = %connection.peer, %reason, "session closed");
        self.queued_bytes -= connection.queue.len();
        if reason != CloseReason::Sessions && connection.write().is_ok() {
            tokio::spawn(linger(connection.stream));
        }
    }

    /// A session ended without the machine: it is told.
    fn gone(&mut self, id: SessionId, reason: &(impl std::fmt::Display + ?Sized)) {
        let Some(connection) = self.connections.remove(&id) else { return };
        tracing::info!(session = id.0, peer = %connection.peer, %reason, "session ended");
        self.queued_bytes -= connection.queue.len();
        self.machine.handle(self.now, self.utc, TServerInput::Closed(id));
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

/// The next client at either door, with the TLS of that door.
async fn next_client(
    outer: &TcpListener,
    inner: &Option<TcpListener>,
    tls: &Option<TlsServer>,
) -> (io::Result<(TcpStream, SocketAddr)>, Option<TlsServer>) {
    let within = async {
        match inner {
            Some(inner) => inner.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = outer.accept() => (accepted, tls.clone()),
        accepted = within => (accepted, None),
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
