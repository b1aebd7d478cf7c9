//! A whole site in one process: a T-Server, its OCSs and applications, without sockets and with one clock.
//!
//! The world jumps from one due time to the next. Whoever drives it decides how fast that is: a loop makes hours of it
//! in a second, a host that sleeps between the steps runs it in real or scaled time, and what happens is the same.
//!
//! ```text
//! application --Link--> frames --> TServer --> frames --Link--> Ocs --> dialing --> record changes
//!             <--Link-- frames <-- TServer <-- frames <--Link-- Ocs
//! ```
//!
//! With faults every frame goes through [`Lines`] on its way to and from the T-Server.

mod faults;
mod io;
mod operator;
mod script;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

pub use io::{AppInput, Application, Seen, WorldConfig, WorldError};
pub use operator::Operator;
pub use script::Script;
pub use trace::TraceHash;

use crate::engine::fault::{Client, Lines, Way};
use crate::engine::ocs::dialer::CampaignCounts;
use crate::engine::ocs::{self, Internal, Ocs, Output};
use crate::engine::topology::CommDn;
use crate::engine::tserver::{
    DnConfig, Outgoing, SessionId, TServer, TServerConfig, TServerInput, TServerOutput, Tristate, used_dns,
};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Decoded;
use crate::protocol::link::{Link, LinkConfig, LinkInput, LinkOutput, Tag};
use crate::protocol::{Time, UtcSeconds, UtcTime};
use crate::wire::Dialect;
use crate::wire::Text;
use crate::wire::limits::FRAME_BYTES_MAX;
use crate::wire::{Reading, take_frame};

enum Who {
    Ocs(Box<Ocs>),
    App(Box<dyn Application>),
}

/// Somebody at the T-Server.
struct Peer {
    name: String,
    who: Who,
    link: Link,
    session: SessionId,
    heard: BytesMut,
    /// Bytes for the T-Server that are no whole frame yet; faults can bring that about.
    said: BytesMut,
    sends: u64,
    /// The deadline that stands in the world's table.
    due: Option<Time>,
}

/// The site.
pub struct World {
    tserver: TServer,
    server_due: Option<Time>,
    dn: Text,
    dialect: Dialect,
    peers: Vec<Peer>,
    /// Deadlines; the T-Server's is kept by itself.
    due: BTreeSet<(Time, usize)>,
    /// Those to be looked at before time goes on.
    woken: VecDeque<usize>,
    now: Time,
    start: UtcSeconds,
    trace: TraceHash,
    sessions: u64,
    events: u64,
    heartbeat: Duration,
    lines: Lines,
    lines_due: Option<Time>,
    /// Somebody further out is doing what the lines give.
    performing: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).field("trace", &self.trace).finish_non_exhaustive()
    }
}

/// What a DN of a topology is to the T-Server, with the warning about a word that it does not know.
#[must_use]
pub fn dn_config(dn: &CommDn) -> (DnConfig, Option<String>) {
    let (outbound_contact_server, warning) = Tristate::parse(&dn.outbound_contact_server);
    let config = DnConfig { in_service: dn.in_service, outbound_contact_server, ..DnConfig::new(&dn.name) };
    (config, warning.map(|warning| warning.to_string()))
}

impl World {
    /// A site at its first moment: everybody logs in with the first step.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn new(config: WorldConfig) -> Result<Self, WorldError> {
        let WorldConfig { topology, profile, seed, start, dialect, heartbeat } = config;
        let named = topology.ocs.iter().map(|entry| (entry.name.clone(), entry.dbid));
        let dns: Vec<DnConfig> = topology.comm_dns.iter().map(|dn| dn_config(dn).0).collect();
        let used: Vec<String> = used_dns(&dns).into_iter().map(|dn| dn.name.to_string()).collect();
        let tserver = TServer::new(TServerConfig { dialect, ..TServerConfig::new(dns) });
        let mut world = Self {
            tserver,
            server_due: None,
            dn: used.first().map_or("", String::as_str).into(),
            dialect,
            peers: Vec::new(),
            due: BTreeSet::new(),
            woken: VecDeque::new(),
            now: Time::ZERO,
            start,
            trace: TraceHash::default(),
            sessions: 0,
            events: 0,
            heartbeat,
            lines: Lines::new(dialect, seed.unwrap_or(0), named),
            lines_due: None,
            performing: false,
        };
        for entry in &topology.ocs {
            let config = topology.ocs_config(entry.dbid, dialect, profile.clone());
            let mut config = config.ok_or(WorldError::Profile(entry.dbid))?;
            config.seed ^= seed.unwrap_or(0).rotate_left(16);
            if let Some(dialing) = &mut config.dialing {
                dialing.seed = seed.unwrap_or(dialing.seed);
            }
            let names: Vec<&str> = used.iter().map(String::as_str).collect();
            let link = LinkConfig::new(&entry.name, &names);
            world.join(Who::Ocs(Box::new(Ocs::new(config, used.clone()))), link);
        }
        Ok(world)
    }

    /// An application joins.
    pub fn add(&mut self, application: Box<dyn Application>) {
        let dn = self.dn.to_string();
        let link = LinkConfig::new(application.name(), &[&dn]);
        self.join(Who::App(application), link);
    }

    fn join(&mut self, who: Who, config: LinkConfig) {
        let (heartbeat, dialect) = (self.heartbeat, self.dialect);
        let config = LinkConfig { heartbeat, remote_heartbeat: heartbeat, dialect, ..config };
        let peer = self.peers.len();
        let (name, link) = (config.application_name.to_string(), Link::new(config));
        let (heard, said) = (BytesMut::new(), BytesMut::new());
        self.peers.push(Peer { name, who, link, session: SessionId(0), heard, said, sends: 0, due: None });
        self.peers[peer].link.handle(self.now, LinkInput::Start);
        self.woken.push_back(peer);
    }

    /// The time of the world.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The calendar of the world.
    #[must_use]
    pub fn utc(&self) -> UtcSeconds {
        UtcSeconds(self.start.0.saturating_add(i64::try_from(self.now.0.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The hash over every user event and every record change so far: equal hashes, equal runs.
    #[must_use]
    pub fn trace(&self) -> TraceHash {
        self.trace
    }

    /// How often somebody was at work so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The OCSs.
    pub fn ocss(&self) -> impl Iterator<Item = &Ocs> {
        self.peers.iter().filter_map(|peer| match &peer.who {
            Who::Ocs(ocs) => Some(ocs.as_ref()),
            Who::App(_) => None,
        })
    }

    /// One OCS.
    #[must_use]
    pub fn ocs(&self, dbid: AppDbid) -> Option<&Ocs> {
        self.ocss().find(|ocs| ocs.config().dbid == dbid)
    }

    /// Counts of all campaigns, OCS by OCS.
    #[must_use]
    pub fn counts(&self) -> Vec<(AppDbid, CampaignCounts)> {
        let of = |ocs: &Ocs| {
            let dbid = ocs.config().dbid;
            ocs.counts().into_iter().map(move |counts| (dbid, counts)).collect::<Vec<_>>()
        };
        self.ocss().flat_map(of).collect()
    }

    /// When something is to be done next; `None` when nothing is left to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        if !self.woken.is_empty() || self.lines.has_news() {
            return Some(self.now);
        }
        self.due.first().map(|(at, _)| *at).into_iter().chain(self.server_due).chain(self.lines_due).min()
    }

    /// Does everything that is due until this moment, and ends there.
    pub fn run_until(&mut self, until: Time) {
        self.watch_until(until, &mut |_, _| {});
    }

    /// The same, with somebody who looks on.
    pub fn watch_until(&mut self, until: Time, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.step(due, watch);
        }
        self.now = self.now.max(until);
    }

    /// Does what is due at one moment, which becomes the present.
    pub fn step(&mut self, due: Time, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        self.now = self.now.max(due);
        self.perform(watch);
        while let Some(peer) = self.woken.pop_front() {
            self.work(peer, watch);
        }
        if self.lines_due.is_some_and(|at| at <= self.now) {
            self.lines.tick(self.now);
            self.perform(watch);
        }
        if self.server_due.is_some_and(|at| at <= self.now) {
            self.at_server(TServerInput::Tick, watch);
        }
        while let Some((at, peer)) = self.due.first().copied().filter(|(at, _)| *at <= self.now) {
            self.due.remove(&(at, peer));
            self.peers[peer].due = None;
            self.tick(peer);
            self.work(peer, watch);
            while let Some(peer) = self.woken.pop_front() {
                self.work(peer, watch);
            }
        }
    }

    /// Something happens inside an OCS.
    pub fn inside(&mut self, ocs: AppDbid, internal: Internal) {
        let (now, utc) = (self.now, self.utc());
        let found = self.peers.iter_mut().enumerate().find_map(|(at, peer)| match &mut peer.who {
            Who::Ocs(known) if known.config().dbid == ocs => Some((at, known)),
            _ => None,
        });
        if let Some((at, ocs)) = found {
            ocs.handle(now, utc, ocs::Input::Internal(internal));
            self.woken.push_back(at);
        }
    }

    /// Somebody outside has given this application something to send.
    pub fn wake(&mut self, application: &str) {
        let is_it = |peer: &Peer| matches!(&peer.who, Who::App(app) if app.name() == application);
        self.woken.extend(self.peers.iter().position(is_it));
    }

    fn tick(&mut self, peer: usize) {
        let (now, utc) = (self.now, self.utc());
        let Peer { who, link, .. } = &mut self.peers[peer];
        if link.next_deadline().is_some_and(|at| at <= now) {
            link.handle(now, LinkInput::Tick);
        }
        match who {
            Who::Ocs(ocs) => ocs.handle(now, utc, ocs::Input::Tick),
            Who::App(app) => {
                if app.next_deadline().is_some_and(|at| at <= now) {
                    app.handle(now, utc, AppInput::Tick);
                }
            }
        }
    }

    /// Works off what a peer and its link give out, until nothing is left.
    fn work(&mut self, at: usize, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        self.events += 1;
        loop {
            if let Some(output) = self.peers[at].link.poll() {
                self.link_output(at, output, watch);
            } else if !self.speak(at, watch) {
                break;
            }
        }
        let peer = &mut self.peers[at];
        let own = match &peer.who {
            Who::Ocs(ocs) => ocs.next_deadline(),
            Who::App(app) => app.next_deadline(),
        };
        let due = own.into_iter().chain(peer.link.next_deadline()).min();
        if peer.due != due {
            if let Some(before) = std::mem::replace(&mut peer.due, due) {
                self.due.remove(&(before, at));
            }
            self.due.extend(due.map(|due| (due, at)));
        }
    }

    /// The next thing that a peer has to say; false when there is none.
    fn speak(&mut self, at: usize, watch: &mut dyn FnMut(Time, Seen<'_>)) -> bool {
        let now = self.now;
        let (peer, trace) = (&mut self.peers[at], &mut self.trace);
        let (dn, message) = match &mut peer.who {
            Who::App(app) => match app.poll() {
                Some(message) => (self.dn.clone(), message),
                None => return false,
            },
            Who::Ocs(ocs) => match ocs.poll() {
                None => return false,
                Some(Output::Send { dn, message }) => (Text::from(dn), *message),
                Some(Output::Record(change)) => {
                    let ocs = ocs.config().dbid;
                    trace.record(now, ocs, &change);
                    watch(now, Seen::Record { ocs, change: &change });
                    return true;
                }
                Some(Output::Trace { number, text, .. }) => {
                    watch(now, Seen::Trace { ocs: ocs.config().dbid, number, text: &text });
                    return true;
                }
                // Nothing is kept beyond the end of the world.
                Some(
                    Output::DncAdded { .. } | Output::ReadLists { .. } | Output::Ignored(_) | Output::Warned { .. },
                ) => return true,
            },
        };
        // What cannot be packed is not sent; that is the application's mistake.
        if let Ok(user_data) = message.encode(&self.dialect) {
            peer.sends += 1;
            peer.link.handle(now, LinkInput::Distribute { dn, user_data, tag: Tag(peer.sends) });
        }
        true
    }

    fn link_output(&mut self, at: usize, output: LinkOutput, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        let (now, utc) = (self.now, self.utc());
        match output {
            LinkOutput::Dial(_) => {
                self.sessions += 1;
                self.peers[at].session = SessionId(self.sessions);
                self.at_server(TServerInput::Accepted(SessionId(self.sessions)), watch);
                self.peers[at].link.handle(now, LinkInput::Connected);
            }
            LinkOutput::Send { bytes, .. } => {
                let session = self.peers[at].session;
                if self.lines.is_idle() {
                    self.at_server(TServerInput::Frames(session, bytes), watch);
                    self.at_server(TServerInput::Flushed(session), watch);
                } else {
                    let client = Client { session, name: &self.peers[at].name };
                    self.lines.frames(now, client, Way::Up, bytes);
                    self.perform(watch);
                }
            }
            LinkOutput::Close => {
                let session = self.peers[at].session;
                // Of a connection that is open at one end only the other end hears nothing.
                if !self.lines.is_dead(session) {
                    self.lines.closed(session);
                    self.at_server(TServerInput::Closed(session), watch);
                }
                self.peers[at].session = SessionId(0);
                self.peers[at].heard.clear();
                self.peers[at].said.clear();
            }
            LinkOutput::Up(_) => {
                if let Who::App(app) = &mut self.peers[at].who {
                    app.handle(now, utc, AppInput::Up);
                }
            }
            LinkOutput::UserEvent { dn, user_data, own_copy } => match &mut self.peers[at].who {
                Who::Ocs(ocs) => {
                    ocs.handle(now, utc, ocs::Input::UserEvent { dn: &dn.display(), user_data: &user_data });
                }
                Who::App(app) if !own_copy => {
                    if let Ok(Decoded { message, .. }) =
                        CommDnMessage::decode(&user_data, &self.dialect, Reading::Tolerant)
                    {
                        app.handle(now, utc, AppInput::Heard { dn: &dn.display(), message: &message });
                    }
                }
                Who::App(_) => {}
            },
            _ => {}
        }
    }

    fn at_server(&mut self, input: TServerInput, watch: &mut dyn FnMut(Time, Seen<'_>)) {
        let (now, utc) = (self.now, self.utc());
        self.tserver.handle(now, UtcTime { seconds: utc, micros: now.0.subsec_micros() }, input);
        while let Some(output) = self.tserver.poll() {
            match output {
                TServerOutput::Send(session, outgoing) => self.deliver(session, &outgoing),
                TServerOutput::Close(session, _) => {
                    if !self.lines.is_dead(session) {
                        self.lines.closed(session);
                        self.hang_up(session);
                    }
                }
                TServerOutput::Seen(seen) => {
                    self.trace.user_event(now, &seen.dn, &seen.user_data);
                    watch(now, Seen::UserEvent { dn: &seen.dn, user_data: &seen.user_data });
                }
            }
        }
        self.server_due = self.tserver.next_deadline();
        self.perform(watch);
    }

    fn deliver(&mut self, session: SessionId, outgoing: &Outgoing) {
        let Some(at) = self.of_session(session) else { return };
        let tail = outgoing.tail.as_ref().map_or(&[][..], |tail| &tail[..]);
        if self.lines.is_idle() {
            return self.hear(at, &[&outgoing.head, tail]);
        }
        let frames = Bytes::from([&outgoing.head[..], tail].concat());
        let client = Client { session, name: &self.peers[at].name };
        self.lines.frames(self.now, client, Way::Down, frames);
    }

    fn of_session(&self, session: SessionId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.session == session)
    }

    /// Bytes come to a client.
    fn hear(&mut self, at: usize, parts: &[&[u8]]) {
        let peer = &mut self.peers[at];
        parts.iter().for_each(|part| peer.heard.extend_from_slice(part));
        loop {
            match take_frame(&mut peer.heard, FRAME_BYTES_MAX, Reading::Tolerant) {
                Ok(Some(frame)) => peer.link.handle(self.now, LinkInput::Frame(frame)),
                Ok(None) => break,
                Err(error) => {
                    peer.link.handle(self.now, LinkInput::Broken(error));
                    break;
                }
            }
        }
        self.woken.push_back(at);
    }

    /// A client is told that its connection has ended.
    fn hang_up(&mut self, session: SessionId) {
        let Some(at) = self.of_session(session) else { return };
        self.peers[at].link.handle(self.now, LinkInput::Closed);
        self.woken.push_back(at);
    }
}
