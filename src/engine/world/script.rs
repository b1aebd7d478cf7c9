//! An application that sends messages at their times.

use std::collections::VecDeque;

use super::{AppInput, Application};
use crate::message::CommDnMessage;
use crate::protocol::{Time, UtcSeconds};

/// The application.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    steps: VecDeque<(Time, CommDnMessage)>,
    is_up: bool,
    now: Time,
}

impl Script {
    /// Sends these messages; each at its time, or as soon as it is connected.
    #[must_use]
    pub fn new(name: &str, mut steps: Vec<(Time, CommDnMessage)>) -> Self {
        steps.sort_by_key(|(at, _)| *at);
        Self { name: name.to_owned(), steps: steps.into(), is_up: false, now: Time::ZERO }
    }
}

impl Application for Script {
    fn name(&self) -> &str {
        &self.name
    }

    fn handle(&mut self, now: Time, _: UtcSeconds, input: AppInput<'_>) {
        self.now = now;
        match input {
            AppInput::Up => self.is_up = true,
            AppInput::Heard { .. } | AppInput::Tick => {}
        }
    }

    fn poll(&mut self) -> Option<CommDnMessage> {
        let due = self.is_up && self.steps.front().is_some_and(|(at, _)| *at <= self.now);
        if due { self.steps.pop_front().map(|(_, message)| message) } else { None }
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.is_up { self.steps.front().map(|(at, _)| *at) } else { None }
    }
}
