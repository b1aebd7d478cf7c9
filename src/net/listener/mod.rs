//! The T-Server's port: how it is opened, told and heard.

mod entrance;
mod faults;
mod task;

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::engine::tserver::{TServerConfig, TServerInput, UserEventSeen};
use crate::net::codec::FrameCodec;
use crate::net::tls::{ClientCertificate, TlsServer};
use crate::wire::ServerRole;
use crate::wire::Text;
use entrance::Entrance;
use faults::Command;
pub use faults::{FaultControl, FaultState, Stopped};
use task::Port;

/// User events that a slow tap may be behind before it loses some.
const TAP_EVENTS: usize = 1_024;
/// User events that may wait for whoever takes them from a port; clients are not read while more are waiting.
const HEARD_MAX: usize = 8_192;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// Its certificate, on a port that asks for one.
    pub certificate: Option<ClientCertificate>,
}

/// A user event of a client, and who the client is.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The sender.
    pub peer: Peer,
    /// The event; it has been distributed already.
    pub seen: UserEventSeen,
}

/// What makes a T-Server a port of the program itself: who may connect, and who takes what the clients distribute.
pub struct Inbox {
    admits: Box<dyn Fn(&Peer) -> bool + Send>,
    heard: mpsc::Sender<Heard>,
}

impl Inbox {
    /// An inbox for those whom `admits` lets in, and its end. Nothing is dropped: a full inbox stops the reading.
    pub fn new(admits: impl Fn(&Peer) -> bool + Send + 'static) -> (Self, mpsc::Receiver<Heard>) {
        let (heard, receiver) = mpsc::channel(HEARD_MAX);
        (Self { admits: Box::new(admits), heard }, receiver)
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// Sends user events from the T-Server itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Announcer(mpsc::UnboundedSender<Command>);

impl Announcer {
    /// Hands a user event to everybody on a DN.
    pub fn announce(&self, dn: Text, user_data: Bytes) {
        // One that has stopped has nobody left to tell.
        let _ = self.0.send(TServerInput::Announce { dn, user_data }.into());
    }
}

/// A T-Server that runs until its token is cancelled.
#[derive(Debug)]
pub struct TServerHandle {
    local_addr: SocketAddr,
    control: mpsc::UnboundedSender<Command>,
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
    serve(doors, None, config, frame_bytes_max, stop)
}

/// As [`serve_tserver_at`], for those whom an inbox lets in and with it for what they distribute.
///
/// # Errors
/// The socket's, when it has no address.
pub fn serve_port(
    doors: Doors,
    inbox: Inbox,
    config: TServerConfig,
    frame_bytes_max: usize,
    stop: CancellationToken,
) -> io::Result<TServerHandle> {
    serve(doors, Some(inbox), config, frame_bytes_max, stop)
}

fn serve(
    doors: Doors,
    inbox: Option<Inbox>,
    config: TServerConfig,
    frame_bytes_max: usize,
    stop: CancellationToken,
) -> io::Result<TServerHandle> {
    let local_addr = doors.outer.local_addr()?;
    let (control, commands) = mpsc::unbounded_channel();
    let (tap, _) = broadcast::channel(TAP_EVENTS);
    let codec = FrameCodec::new(frame_bytes_max, config.reading);
    let port = Port::new(codec, config, tap.clone(), inbox);
    let task = tokio::spawn(port.run(Entrance::new(doors, commands, stop)));
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

    /// For user events that the server itself has.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        Announcer(self.control.clone())
    }

    /// For faults on its connections.
    #[must_use]
    pub fn faults(&self) -> FaultControl {
        FaultControl::new(self.control.clone())
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
        let _ = self.control.send(input.into());
    }
}
