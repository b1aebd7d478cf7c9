//! One task for one link: dials, reads, writes, looks at the clock; the machine decides.

use std::{
    future::{Future, poll_fn},
    hash::{BuildHasher, RandomState},
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::net::client::{COMMANDS_MAX, EVENTS_MAX, LinkEvent, LinkHandle};
use crate::net::codec::{FrameCodec, SendQueue};
use crate::net::registry::{LinkDirectory, LinkSnapshot};
use crate::net::tls::{self, Stream, TlsClient};
use crate::protocol::link::{Endpoint, Jitter, Link, LinkConfig, LinkInput, LinkOutput, LossReason};
use crate::protocol::time::Time;

/// Which heartbeats are traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddpTrace {
    /// None.
    #[default]
    Off,
    /// Polls that we send.
    Local,
    /// Polls of the server that we answer.
    Remote,
    /// Both.
    Both,
}

/// Settings of a link and where its T-Servers are.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// Its name in the directory and in traces.
    pub name: String,
    /// Host and port of the primary.
    pub primary: String,
    /// Host and port of the backup.
    pub backup: Option<String>,
    /// What the machine needs; `has_backup` is set from `backup`.
    pub link: LinkConfig,
    /// Longest frame that is read.
    pub frame_bytes_max: usize,
    /// Which heartbeats are traced.
    pub addp_trace: AddpTrace,
    /// TLS towards the T-Servers.
    pub tls: Option<TlsClient>,
}

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// How exactly the directory knows when bytes came last.
const HEARD_EVERY: Duration = Duration::from_millis(100);

/// Starts a link; it dials at once and until its token is cancelled or its owner drops the events.
#[must_use]
pub fn start_link(
    settings: LinkSettings,
    directory: &LinkDirectory,
    stop: CancellationToken,
) -> (LinkHandle, mpsc::Receiver<LinkEvent>) {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (events, outbox) = mpsc::channel(EVENTS_MAX);
    let handle = LinkHandle { name: Arc::from(settings.name.as_str()), commands };
    let snapshot = LinkSnapshot {
        primary: settings.primary.clone(),
        backup: settings.backup.clone(),
        tls: settings.tls.is_some(),
        heartbeat: settings.link.heartbeat,
        ..LinkSnapshot::default()
    };
    directory.add(&settings.name, handle.clone(), snapshot);
    let mut config = settings.link.clone();
    config.has_backup = settings.backup.is_some();
    let driver = Driver {
        codec: FrameCodec::new(settings.frame_bytes_max, config.reading),
        link: Link::new(config),
        socket: Socket::default(),
        directory: directory.clone(),
        events,
        start: Instant::now(),
        random: RandomState::new().hash_one(0_u8) | 1,
        heard: None,
        trouble: None,
        stopping: false,
        settings,
    };
    tokio::spawn(driver.run(inbox, stop));
    (handle, outbox)
}

type Dialing = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// The connection, or the attempt to make one. Holds no buffer while nothing is on its way.
#[derive(Default)]
struct Socket {
    dialing: Option<Dialing>,
    stream: Option<Stream>,
    input: BytesMut,
    queue: SendQueue,
    /// The stream has taken bytes that it may not have handed on.
    unflushed: bool,
}

struct Driver {
    settings: LinkSettings,
    codec: FrameCodec,
    link: Link,
    socket: Socket,
    directory: LinkDirectory,
    events: mpsc::Sender<LinkEvent>,
    start: Instant,
    random: u64,
    heard: Option<Instant>,
    /// What the socket said last when something went wrong; the machine knows that it did, not why.
    trouble: Option<String>,
    /// The owner may not read any more: nothing waits for it.
    stopping: bool,
}

/// What the task woke up for.
enum Woken {
    Stop,
    Command(Option<LinkInput>),
    Dialed(io::Result<Stream>),
    Read(io::Result<usize>),
    WriteFailed(io::Error),
    Tick,
}

impl Driver {
    async fn run(mut self, mut inbox: mpsc::Receiver<LinkInput>, stop: CancellationToken) {
        let timer = sleep_until(self.start);
        let stopped = stop.cancelled();
        tokio::pin!(timer, stopped);
        let mut going = self.give(LinkInput::Start).await;
        while going {
            going = match self.wait(&mut inbox, stopped.as_mut(), timer.as_mut()).await {
                Woken::Stop | Woken::Command(None) => break,
                Woken::Command(Some(command)) => {
                    let mut going = self.give(command).await;
                    // What came meanwhile goes out in the same write.
                    while let Some(command) = inbox.try_recv().ok().filter(|_| going) {
                        going = self.give(command).await;
                    }
                    going
                }
                Woken::Dialed(result) => self.dialed(result).await,
                Woken::Read(result) => self.read(result).await,
                Woken::WriteFailed(error) => self.closed(&error).await,
                Woken::Tick if !self.is_due() => true,
                Woken::Tick => self.give(LinkInput::Tick).await,
            };
            if going && let Err(error) = self.socket.write_now() {
                going = self.closed(&error).await;
            }
        }
        self.stopping = true;
        self.give(LinkInput::Stop).await;
        self.directory.remove(&self.settings.name);
    }

    async fn wait(
        &mut self,
        inbox: &mut mpsc::Receiver<LinkInput>,
        stopped: Pin<&mut impl Future<Output = ()>>,
        mut timer: Pin<&mut Sleep>,
    ) -> Woken {
        let due = self.link.next_deadline().map(|time| self.start + time.0);
        // A timer that comes too early only looks; moving it with every frame would cost more.
        if let Some(due) = due.filter(|due| *due < timer.deadline() || timer.is_elapsed()) {
            timer.as_mut().reset(due);
        }
        tokio::select! {
            () = stopped => Woken::Stop,
            command = inbox.recv() => Woken::Command(command),
            woken = poll_fn(|context| self.socket.poll(context)) => woken,
            () = timer, if due.is_some() => Woken::Tick,
        }
    }

    fn is_due(&self) -> bool {
        self.link.next_deadline().is_some_and(|time| time <= Time(self.start.elapsed()))
    }

    async fn dialed(&mut self, result: io::Result<Stream>) -> bool {
        self.socket.dialing = None;
        match result {
            Ok(stream) => {
                if let Err(error) = stream.set_nodelay() {
                    tracing::debug!(link = %self.settings.name, %error, "no TCP_NODELAY");
                }
                self.socket.stream = Some(stream);
                self.give(LinkInput::Connected).await
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                self.give(LinkInput::DialFailed).await
            }
        }
    }

    async fn read(&mut self, result: io::Result<usize>) -> bool {
        match result {
            Ok(0) => return self.give(LinkInput::Closed).await,
            Ok(_) => {}
            Err(error) => return self.closed(&error).await,
        }
        let now = Instant::now();
        if self.heard.is_none_or(|heard| now.duration_since(heard) >= HEARD_EVERY) {
            self.heard = Some(now);
            self.directory.change(&self.settings.name, |link| {
                (link.last_heard, link.heard_moment) = (Some(SystemTime::now()), Some(now.into_std()));
            });
        }
        let mut going = self.give(LinkInput::Heard).await;
        while going {
            // A session that ends throws the rest of its bytes away, so this ends with it.
            let input = match self.codec.take(&mut self.socket.input) {
                Ok(None) => break,
                Ok(Some(frame)) => LinkInput::Frame(frame),
                Err(error) => LinkInput::Broken(error),
            };
            going = self.give(input).await;
        }
        if self.socket.input.is_empty() {
            self.socket.input = BytesMut::new();
        }
        going
    }

    async fn closed(&mut self, error: &io::Error) -> bool {
        self.trouble = Some(error.to_string());
        self.give(LinkInput::Closed).await
    }

    /// Gives the machine an input and does what it says; false when the owner is gone.
    async fn give(&mut self, input: LinkInput) -> bool {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let jitter = Jitter::from_random(self.next_random());
            self.link.set_jitter(jitter);
            self.link.handle(Time(self.start.elapsed()), input);
            while let Some(output) = self.link.poll() {
                let Some(event) = self.perform(output, &mut next) else { continue };
                self.note(&event);
                if self.stopping {
                    let _ = self.events.try_send(event);
                } else if self.events.send(event).await.is_err() {
                    return false;
                }
            }
        }
        true
    }

    /// Does what needs no owner, and gives what the owner must hear.
    fn perform(&mut self, output: LinkOutput, next: &mut Option<LinkInput>) -> Option<LinkEvent> {
        let name = &self.settings.name;
        Some(match output {
            LinkOutput::Dial(endpoint) => {
                let address = self.address(endpoint).to_owned();
                self.socket.dialing = Some(Box::pin(tls::dial(address, self.settings.tls.clone())));
                return None;
            }
            LinkOutput::Send { bytes, urgent } => {
                if let Err(full) = self.socket.queue.push([&bytes, &[]], urgent, 1) {
                    // The server does not read: as good as gone.
                    tracing::warn!(link = %name, %full, "link closed");
                    *next = Some(LinkInput::Closed);
                }
                return None;
            }
            LinkOutput::Close => {
                // What was written last, such as a farewell, is on its way already.
                self.socket = Socket::default();
                return None;
            }
            LinkOutput::RestUntil(until) => {
                tracing::debug!(link = %name, rest = ?until.saturating_sub(Time(self.start.elapsed())), "resting");
                return None;
            }
            LinkOutput::PollSent(serial) => {
                if matches!(self.settings.addp_trace, AddpTrace::Local | AddpTrace::Both) {
                    tracing::info!(link = %name, serial, "poll sent");
                }
                return None;
            }
            LinkOutput::PollAnswered(serial) => {
                if matches!(self.settings.addp_trace, AddpTrace::Remote | AddpTrace::Both) {
                    tracing::info!(link = %name, serial, "poll answered");
                }
                return None;
            }
            LinkOutput::Ignored(what) => {
                tracing::warn!(link = %name, %what, "ignored");
                return None;
            }
            LinkOutput::AttemptFailed(endpoint, reason) => LinkEvent::AttemptFailed(endpoint, reason),
            LinkOutput::LoggedIn(endpoint) => LinkEvent::LoggedIn(endpoint),
            LinkOutput::Registered(dn) => LinkEvent::Registered(dn),
            LinkOutput::NotRegistered(dn, failure) => LinkEvent::NotRegistered(dn, failure),
            LinkOutput::Unregistered(dn) => LinkEvent::Unregistered(dn),
            LinkOutput::Up(dns) => LinkEvent::Up(dns),
            LinkOutput::SwitchDown => LinkEvent::SwitchDown,
            LinkOutput::DnOutOfService(dn) => LinkEvent::DnOutOfService(dn),
            LinkOutput::DnBackInService(dn) => LinkEvent::DnBackInService(dn),
            LinkOutput::Acked(tag) => LinkEvent::Acked(tag),
            LinkOutput::Failed(tag, failure) => LinkEvent::Failed(tag, failure),
            LinkOutput::UserEvent { dn, user_data, own_copy } => LinkEvent::UserEvent { dn, user_data, own_copy },
            LinkOutput::Lost(reason) => LinkEvent::Lost(reason),
        })
    }

    /// Keeps directory and trace up to date.
    fn note(&mut self, event: &LinkEvent) {
        let trouble = match event {
            LinkEvent::Lost(_) | LinkEvent::AttemptFailed(..) => self.trouble.take(),
            _ => None,
        };
        let name = &self.settings.name;
        let change = |change: &dyn Fn(&mut LinkSnapshot)| self.directory.change(name, change);
        let told = |reason: &LossReason| match &trouble {
            Some(trouble) => format!("{reason} ({trouble})"),
            None => reason.to_string(),
        };
        match event {
            LinkEvent::LoggedIn(endpoint) => {
                tracing::info!(link = %name, peer = self.address(*endpoint), "logged in");
                change(&|link| {
                    link.logged_in = true;
                    link.endpoint = Some(*endpoint);
                    link.peer = Some(self.address(*endpoint).to_owned());
                    link.since = Some(SystemTime::now());
                });
            }
            LinkEvent::Up(_) => {
                tracing::info!(link = %name, "up");
                change(&|link| link.up = true);
            }
            LinkEvent::SwitchDown => {
                tracing::warn!(link = %name, "the T-Server has no connection to its switch");
                change(&|link| link.up = false);
            }
            LinkEvent::Registered(dn) => change(&|link| {
                link.refused.retain(|(name, _)| *name != dn.to_string());
                link.registered.push(dn.to_string());
                link.registered.sort();
                link.registered.dedup();
            }),
            LinkEvent::NotRegistered(dn, failure) => {
                tracing::warn!(link = %name, %dn, %failure, "not registered");
                change(&|link| {
                    link.registered.retain(|name| *name != dn.to_string());
                    link.refused.retain(|(name, _)| *name != dn.to_string());
                    link.refused.push((dn.to_string(), failure.to_string()));
                });
            }
            LinkEvent::Unregistered(dn) => change(&|link| link.registered.retain(|name| *name != dn.to_string())),
            LinkEvent::Lost(reason) => {
                match reason {
                    LossReason::Stopped => tracing::info!(link = %name, "stopped"),
                    _ => tracing::warn!(link = %name, reason = told(reason), "link lost"),
                }
                change(&|link| {
                    (link.up, link.logged_in, link.since) = (false, false, Some(SystemTime::now()));
                    link.registered.clear();
                    link.refused.clear();
                    link.failures = link.failures.saturating_add(1);
                    link.last_loss = Some(told(reason));
                });
            }
            LinkEvent::AttemptFailed(endpoint, reason) => {
                let reason = told(reason);
                tracing::warn!(link = %name, peer = self.address(*endpoint), reason, "no session");
                change(&|link| {
                    link.failures = link.failures.saturating_add(1);
                    link.last_loss = Some(reason.clone());
                });
            }
            LinkEvent::DnOutOfService(dn) => tracing::warn!(link = %name, %dn, "DN out of service"),
            LinkEvent::DnBackInService(dn) => tracing::info!(link = %name, %dn, "DN back in service"),
            LinkEvent::Acked(_) | LinkEvent::Failed(..) | LinkEvent::UserEvent { .. } => {}
        }
    }

    fn address(&self, endpoint: Endpoint) -> &str {
        match (endpoint, &self.settings.backup) {
            (Endpoint::Backup, Some(backup)) => backup,
            (Endpoint::Backup, None) | (Endpoint::Primary, _) => &self.settings.primary,
        }
    }

    /// Enough to keep many clients from dialing in step; nothing else hangs on it.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Socket {
    /// What happens next on the connection, or to the attempt to make one.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Woken> {
        if let Some(dialing) = &mut self.dialing {
            return dialing.as_mut().poll(context).map(Woken::Dialed);
        }
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Woken::WriteFailed(error));
        }
        self.poll_read(context).map(Woken::Read)
    }

    /// Reads beside the buffer first, so that there is none while nothing comes.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut bytes);
        let result = std::task::ready!(Pin::new(stream).poll_read(context, &mut read));
        self.input.extend_from_slice(read.filled());
        Poll::Ready(result.map(|()| read.filled().len()))
    }

    /// Most of the time the stream takes everything at once; what it leaves waits for [`Socket::poll`].
    fn write_now(&mut self) -> io::Result<()> {
        match self.poll_write(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes what waits, as far as the stream takes it.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        let mut stream = Pin::new(stream);
        while !self.queue.is_empty() {
            match std::task::ready!(stream.as_mut().poll_write(context, self.queue.next()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.queue.written(bytes),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            std::task::ready!(stream.poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
