//! The accept loop: who may hold a connection, for how long, and with or without TLS.
//!
//! ```text
//! accept -> [slot of peer and of all] -> TLS -> head (5 s) -> request (body 30 s) -> answer -> idle (60 s) -> head ...
//! ```
//!
//! A client that dribbles is cut off by the clock, not by what it sends: a head is due 5 s after its first byte, the
//! first one 5 s after the connection was made; an answer that is not fetched for a minute is given up.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::foreign::straighten;
use crate::net::tls::{Stream, TlsServer};

/// How long a request's head may take.
pub(super) const HEAD: Duration = Duration::from_secs(5);
/// How long a request's body may take.
pub(super) const BODY: Duration = Duration::from_secs(30);
/// How long a connection may rest between requests, and how long an answer may wait to be fetched.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Pause after the system had no socket for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whose connection it is; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// SHA-256 of its certificate, when it showed one.
    pub certificate: Option<[u8; 32]>,
}

impl Default for Peer {
    /// Nobody: an address that is not loopback.
    fn default() -> Self {
        Self { addr: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), certificate: None }
    }
}

/// Connections at the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// Of everybody.
    pub all: usize,
    /// Of one address; loopback is everybody behind a proxy on this machine.
    pub per_peer: usize,
}

/// Serves until the token is cancelled; requests that are open are answered first.
pub(super) async fn run(
    listener: TcpListener,
    tls: Option<TlsServer>,
    app: Router,
    most: Most,
    stop: CancellationToken,
) -> io::Result<()> {
    let (slots, connections) = (Slots::new(most), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(slot) = slots.take(addr.ip()) else {
            tracing::debug!(%addr, "connection refused: too many are open");
            continue;
        };
        let (tls, app, stop) = (tls.clone(), app.clone(), stop.clone());
        connections.spawn(async move {
            let _slot = slot;
            if let Err(error) = connection(stream, addr, tls, app, stop).await {
                tracing::debug!(%addr, %error, "connection ended");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    addr: SocketAddr,
    tls: Option<TlsServer>,
    app: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let since = Instant::now();
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => tokio::select! {
            stream = tokio::time::timeout_at(since + HEAD, tls.accept(stream)) => stream??,
            () = stop.cancelled() => return Ok(()),
        },
    };
    stream.set_nodelay()?;
    let peer = Peer { addr, certificate: certificate(&stream) };
    let phase = Arc::new(Mutex::new(Phase::Head(since)));
    let io = Watched { inner: stream, phase: Arc::clone(&phase), due: None, stalled: None };
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request: Request<Incoming>| {
        set(&phase, Phase::Request);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        straighten(request.uri_mut());
        let (answer, phase) = (app.call(request), Arc::clone(&phase));
        async move {
            let answer = answer.await;
            set(&phase, Phase::Rest);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE).half_close(false).max_buf_size(HEAD_BYTES_MAX * 2);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    Ok(result?)
}

fn certificate(stream: &Stream) -> Option<[u8; 32]> {
    let Stream::Tls(stream) = stream else { return None };
    let first = stream.get_ref().1.peer_certificates()?.first()?;
    Some(Sha256::digest(first.as_ref()).into())
}

/// Where a connection is, for the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A head has begun then.
    Head(Instant),
    /// A request is being answered.
    Request,
    /// The next head has not begun.
    Rest,
}

fn set(phase: &Mutex<Phase>, to: Phase) {
    *phase.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

/// A stream that ends when its peer is too slow.
struct Watched<S> {
    inner: S,
    phase: Arc<Mutex<Phase>>,
    /// When the head that is being read is due.
    due: Option<Pin<Box<Sleep>>>,
    /// When an answer that the peer does not fetch is given up.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when the head is overdue; else the clock will wake us.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Phase::Head(since) = self.phase() else {
            self.due = None;
            return Poll::Pending;
        };
        let at = since + HEAD;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if due.deadline() != at {
            due.as_mut().reset(at);
        }
        due.as_mut().poll(context).map(|()| too_slow("the head of the request"))
    }

    /// Counts the time that nothing can be written.
    fn watch_write<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + IDLE)));
        stalled.as_mut().poll(context).map(|()| Err(too_slow("fetching the answer")))
    }
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the peer is too slow: {what}"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        if into.filled().len() > before && self.phase() == Phase::Rest {
            set(&self.phase, Phase::Head(Instant::now()));
        }
        // Also after a read: who sends a byte now and then would never find us waiting.
        match self.poll_due(context) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch_write(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.watch_write(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = Pin::new(&mut self.inner).poll_flush(context);
        self.watch_write(context, wrote)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watch_write(context, wrote)
    }
}

/// Counts connections.
#[derive(Clone, Debug)]
struct Slots(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    most: Most,
    by: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
struct Slot {
    taken: Arc<Taken>,
    ip: IpAddr,
}

impl Slots {
    fn new(most: Most) -> Self {
        Self(Arc::new(Taken { most, by: Mutex::default() }))
    }

    fn take(&self, ip: IpAddr) -> Option<Slot> {
        let ip = ip.to_canonical();
        let mut by = self.0.by.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, peers) = &mut *by;
        let of_peer = peers.get(&ip).copied().unwrap_or(0);
        if *all >= self.0.most.all || (of_peer >= self.0.most.per_peer && !ip.is_loopback()) {
            return None;
        }
        *all += 1;
        peers.insert(ip, of_peer + 1);
        Some(Slot { taken: Arc::clone(&self.0), ip })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by = self.taken.by.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, peers) = &mut *by;
        *all = all.saturating_sub(1);
        if let Some(count) = peers.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const MOST: Most = Most { all: 5, per_peer: 2 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_and_everybody_have_a_cap_and_places_are_given_back() {
        let slots = Slots::new(MOST);
        let first = slots.take(ip("192.0.2.1")).unwrap();
        let second = slots.take(ip("::ffff:192.0.2.1")).unwrap();
        assert!(slots.take(ip("192.0.2.1")).is_none(), "the same peer as IPv4 and mapped");
        let others: Vec<_> = ["127.0.0.1", "127.0.0.1", "127.0.0.1"].map(ip).map(|ip| slots.take(ip).unwrap()).into();
        assert!(slots.take(ip("192.0.2.9")).is_none(), "all places are taken");
        drop((first, others));
        assert!(slots.take(ip("192.0.2.1")).is_some());
        drop(second);
        assert_eq!(*slots.0.by.lock().unwrap(), (0, HashMap::new()));
    }

    fn watched(phase: Phase) -> (Watched<DuplexStream>, DuplexStream, Arc<Mutex<Phase>>) {
        let (inner, peer) = duplex(16);
        let phase = Arc::new(Mutex::new(phase));
        (Watched { inner, phase: Arc::clone(&phase), due: None, stalled: None }, peer, phase)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_due_five_seconds_after_its_first_byte_however_it_dribbles() {
        let begun = Instant::now();
        let (mut ours, mut peer, phase) = watched(Phase::Rest);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            while peer.write_all(b"G").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut byte = [0];
        let error = loop {
            match ours.read_exact(&mut byte).await {
                Ok(_) => assert!(matches!(*phase.lock().unwrap(), Phase::Head(_))),
                Err(error) => break error,
            }
        };
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, Duration::from_secs(12)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_and_a_rest_are_not_cut_by_the_clock_of_the_head() {
        for phase in [Phase::Request, Phase::Rest] {
            let (mut ours, _peer, _) = watched(phase);
            let read = tokio::time::timeout(IDLE * 2, ours.read_u8()).await;
            assert!(read.is_err(), "{phase:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_fetches_is_given_up() {
        let (mut ours, _peer, _) = watched(Phase::Request);
        let begun = Instant::now();
        let error = ours.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_fetched_slowly_but_steadily_is_written() {
        let (mut ours, mut peer, _) = watched(Phase::Request);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
                if peer.read_u8().await.is_err() {
                    return;
                }
            }
        });
        ours.write_all(&[0; 32]).await.unwrap();
    }
}
