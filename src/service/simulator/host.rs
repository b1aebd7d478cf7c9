//! One simulated OCS with its link and its tables.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::control::OcsState;
use super::shelf::{Landed, Shelf};
use crate::engine::ocs::{Input, Internal, Ocs, Output};
use crate::net::client::{LinkEvent, LinkHandle};
use crate::protocol::link::Tag;
use crate::service::sim_clock::SimClock;
use crate::wire::Text;

/// Outputs that may wait for their rows to be written; with more the OCS hears nothing for a while.
const WAITING_MAX: usize = 16_384;
/// How long the last rows may take when the simulator ends.
const FLUSH: Duration = Duration::from_secs(5);

/// One OCS with its link.
pub(super) struct OcsHost {
    ocs: Ocs,
    handle: LinkHandle,
    clock: SimClock,
    sends: u64,
    up: watch::Sender<bool>,
    shelf: Option<Shelf>,
    /// Outputs in their order, each with the commit that it waits for.
    waiting: VecDeque<(u64, Output)>,
    /// Readings of lists that are not over: until then nothing else is given to the OCS.
    reads: u32,
    commands: mpsc::Receiver<OcsCommand>,
}

/// What somebody who controls the simulator wants of an OCS.
#[derive(Debug)]
pub(super) enum OcsCommand {
    /// Something happens inside.
    Internal(Internal),
    /// How does it stand?
    State(oneshot::Sender<OcsState>),
}

/// Commands that may wait for an OCS; one more waits for its place.
pub(super) const COMMANDS_MAX: usize = 64;

impl OcsHost {
    pub(super) fn new(
        ocs: Ocs,
        handle: LinkHandle,
        clock: SimClock,
        up: watch::Sender<bool>,
        shelf: Option<Shelf>,
        commands: mpsc::Receiver<OcsCommand>,
    ) -> Self {
        Self { ocs, handle, clock, sends: 0, up, shelf, waiting: VecDeque::new(), reads: 0, commands }
    }

    pub(super) async fn run(mut self, mut events: mpsc::Receiver<LinkEvent>) {
        loop {
            let listens = self.reads == 0 && self.waiting.len() < WAITING_MAX;
            let (due, clock) = (self.ocs.next_deadline(), self.clock.clone());
            let timer = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv(), if listens => match event {
                    Some(event) => self.event(event),
                    None => break, // the link has stopped
                },
                () = timer, if self.reads == 0 => self.give(Input::Tick),
                Some(command) = self.commands.recv(), if listens => match command {
                    OcsCommand::Internal(internal) => self.give(Input::Internal(internal)),
                    // Whoever asked may have gone.
                    OcsCommand::State(told) => drop(told.send(OcsState::of(&self.ocs))),
                },
                landed = landed(&mut self.shelf) => match landed {
                    Landed::Written => self.perform_ripe(),
                    Landed::Read(lists) => {
                        self.reads -= 1;
                        self.give(Input::Lists(lists));
                    }
                },
            }
        }
        if let Some(shelf) = &mut self.shelf
            && timeout(FLUSH, shelf.flush()).await.is_err()
        {
            tracing::error!(ocs = self.handle.name(), "the last rows are not written");
        }
    }

    fn event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::UserEvent { dn, user_data, .. } => {
                self.give(Input::UserEvent { dn: &dn.display(), user_data: &user_data });
            }
            LinkEvent::Up(_) => {
                self.up.send_replace(true);
            }
            LinkEvent::Lost(_) | LinkEvent::SwitchDown => {
                self.up.send_replace(false);
            }
            LinkEvent::Failed(_, failure) => tracing::warn!(ocs = self.handle.name(), %failure, "answer not sent"),
            _ => {}
        }
    }

    fn give(&mut self, input: Input<'_>) {
        self.ocs.handle(self.clock.now(), self.clock.utc(), input);
        while let Some(output) = self.ocs.poll() {
            self.reads += u32::from(matches!(output, Output::ReadLists { .. }));
            let kept = self.shelf.as_mut().is_some_and(|shelf| shelf.keep(&output, &self.ocs));
            if !kept {
                let commit = self.shelf.as_ref().map_or(0, Shelf::commit_wanted);
                self.waiting.push_back((commit, output));
            }
        }
        self.perform_ripe();
    }

    /// Success is told after the row is kept.
    fn perform_ripe(&mut self) {
        if let Some(shelf) = &mut self.shelf {
            shelf.kick();
        }
        while let Some((commit, output)) = self.waiting.pop_front() {
            if self.shelf.as_ref().is_some_and(|shelf| !shelf.has_landed(commit)) {
                return self.waiting.push_front((commit, output));
            }
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        let ocs = self.handle.name();
        match output {
            Output::Send { dn, message } => {
                self.sends = self.sends.wrapping_add(1);
                let packed = match message.encode(&self.ocs.config().dialect) {
                    Ok(packed) => packed,
                    Err(error) => return tracing::error!(ocs, %error, "an answer cannot be packed"),
                };
                if let Err(error) = self.handle.distribute(Text::from(dn), packed, Tag(self.sends)) {
                    tracing::warn!(ocs, %error, "answer not sent");
                }
            }
            Output::Trace { number, level, text } => tracing::info!(ocs, number, level, "{text}"),
            Output::Ignored(reason) => tracing::debug!(ocs, ?reason, "user event ignored"),
            Output::Warned { origin, warning } => tracing::info!(ocs, %origin, %warning, "tolerated"),
            Output::ReadLists { lists } => {
                if let Some(shelf) = &mut self.shelf {
                    shelf.read(lists);
                }
            }
            // Nothing is kept without a store.
            Output::DncAdded { .. } | Output::Record(_) => {}
        }
    }
}

async fn landed(shelf: &mut Option<Shelf>) -> Landed {
    match shelf {
        Some(shelf) => shelf.landed().await,
        None => std::future::pending().await,
    }
}
