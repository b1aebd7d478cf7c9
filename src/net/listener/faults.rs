//! Faults on the connections of a port: how they are commanded, and how the port does them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};

use super::task::Port;
use crate::engine::fault::{Client, Given, Lines, Rule, RuleId, TooMany, Way};
use crate::engine::tserver::{SessionId, TServerInput};
use crate::message::AppDbid;
use crate::protocol::Time;
use crate::wire::ServerRole;

/// What the handle asks of the port's task.
pub(super) enum Command {
    Machine(TServerInput),
    /// Something is done with the lines, in their own time.
    Lines(OnLines),
    OnLeap(OnLeap),
}

/// What is done with the lines.
pub(super) type OnLines = Box<dyn FnOnce(Time, &mut Lines) + Send>;
/// Whose clock leaps when a fault says so.
pub(super) type OnLeap = Box<dyn Fn(Duration) + Send>;

impl From<TServerInput> for Command {
    fn from(input: TServerInput) -> Self {
        Self::Machine(input)
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Machine(_) => "Machine",
            Self::Lines(_) => "Lines",
            Self::OnLeap(_) => "OnLeap",
        })
    }
}

/// A fault of a port, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultState {
    /// Its number.
    pub id: RuleId,
    /// What it says.
    pub rule: Rule,
    /// What it was meant for, chance and counts left aside.
    pub matched: u64,
    /// How often it has struck.
    pub struck: u64,
    /// It strikes no more.
    pub is_over: bool,
}

/// Commands the faults of one port. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FaultControl(mpsc::UnboundedSender<Command>);

/// The port has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the T-Server has stopped")]
pub struct Stopped;

impl FaultControl {
    pub(super) fn new(control: mpsc::UnboundedSender<Command>) -> Self {
        Self(control)
    }

    /// One more fault, from now on. Its times count from the start of the port.
    ///
    /// # Errors
    /// [`Stopped`]; within it [`TooMany`].
    pub async fn add(&self, rule: Rule) -> Result<Result<RuleId, TooMany>, Stopped> {
        self.ask(move |now, lines| lines.add(now, rule)).await
    }

    /// One less; false when there is none of this number.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn remove(&self, id: RuleId) -> Result<bool, Stopped> {
        self.ask(move |now, lines| lines.remove(now, id)).await
    }

    /// None any more.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn clear(&self) -> Result<(), Stopped> {
        self.ask(|now, lines| lines.clear(now)).await
    }

    /// All of them with what they have done, and the time of the port.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn list(&self) -> Result<(Time, Vec<FaultState>), Stopped> {
        self.ask(|now, lines| {
            let states = lines.faults().list(now).map(|listed| FaultState {
                id: listed.id,
                rule: listed.rule.clone(),
                matched: listed.matched,
                struck: listed.struck,
                is_over: listed.is_over,
            });
            (now, states.collect())
        })
        .await
    }

    /// An OCS is known by the name under which it logs in.
    pub fn name(&self, name: &str, ocs: AppDbid) {
        let name = name.to_owned();
        let named = Command::Lines(Box::new(move |_, lines| lines.name(name, ocs)));
        // A port that has stopped needs no names.
        let _ = self.0.send(named);
    }

    /// Whose clock leaps when a fault says so; without it none does.
    pub fn on_leap(&self, leap: impl Fn(Duration) + Send + 'static) {
        let _ = self.0.send(Command::OnLeap(Box::new(leap)));
    }

    async fn ask<R: Send + 'static>(
        &self,
        act: impl FnOnce(Time, &mut Lines) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (told, answer) = oneshot::channel();
        let act = move |now: Time, lines: &mut Lines| {
            // Whoever asked may have gone.
            let _ = told.send(act(now, lines));
        };
        self.0.send(Command::Lines(Box::new(act))).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl Port {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Machine(input) => self.give(input),
            Command::OnLeap(leap) => self.on_leap = Some(leap),
            Command::Lines(act) => {
                for id in self.connections.keys() {
                    self.lines.here(Client { session: *id, name: &self.machine.application(*id) });
                }
                act(self.now, &mut self.lines);
                self.perform();
            }
        }
    }

    /// Frames of a client on their way to the machine.
    pub(super) fn go_up(&mut self, id: SessionId, frames: Bytes) {
        if self.lines.is_idle() {
            return self.give(TServerInput::Frames(id, frames));
        }
        let client = Client { session: id, name: &self.machine.application(id) };
        self.lines.frames(self.now, client, Way::Up, frames);
        self.perform();
    }

    /// Does what the lines give. What that brings about is done by the outermost call.
    pub(super) fn perform(&mut self) {
        if self.performing || !self.lines.has_news() {
            return;
        }
        self.performing = true;
        while let Some(given) = self.lines.poll() {
            match given {
                Given::Up(id, bytes) => self.say(id, &bytes),
                Given::Down(id, bytes) => self.push(id, [&bytes, &[]], false, 1),
                Given::Close(id) => self.gone(id, "closed by a fault"),
                Given::Role(primary) => {
                    let role = if primary { ServerRole::PRIMARY } else { ServerRole::BACKUP };
                    self.give(TServerInput::SetRole(role));
                }
                Given::Jump(leap) => {
                    if let Some(on_leap) = &self.on_leap {
                        on_leap(leap);
                    }
                }
                Given::Struck { rule, client, way, message } => {
                    let message = message.map(|message| message.to_string()).unwrap_or_default();
                    tracing::info!(fault = rule.0, client, ?way, message, "fault");
                }
            }
        }
        self.performing = false;
    }

    /// Bytes for the machine that need not be whole frames.
    fn say(&mut self, id: SessionId, bytes: &Bytes) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.said.extend_from_slice(bytes);
        let mut said: BytesMut = connection.said.split();
        let (whole, error) = self.codec.whole(&said, |_| {});
        let frames = said.split_to(whole).freeze();
        connection.said = said;
        if !frames.is_empty() {
            self.give(TServerInput::Frames(id, frames));
        }
        if let Some(error) = error {
            self.give(TServerInput::Broken(id, error));
        }
    }
}
