//! Numbered events for many subscribers: each may come back and go on where it was.

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use tokio::sync::broadcast;

/// An event with its number.
pub type Numbered<T> = (u64, Arc<Told<T>>);

/// An event, and its text once somebody has read it: written once, however many read it.
#[derive(Debug)]
pub struct Told<T> {
    event: T,
    text: OnceLock<Bytes>,
}

impl<T> Told<T> {
    /// The text of the event as everybody reads it; only the first caller writes it.
    pub fn text(&self, write: impl FnOnce(&T) -> Bytes) -> Bytes {
        self.text.get_or_init(|| write(&self.event)).clone()
    }
}

impl<T> Deref for Told<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.event
    }
}

/// Events waiting for one subscriber; one that is slower loses its place and is told so.
const SUBSCRIBER_EVENTS_MAX: usize = 1_024;

/// Hands events to subscribers and keeps the last ones.
#[derive(Debug)]
pub struct Hub<T> {
    kept: Mutex<Kept<T>>,
    sender: broadcast::Sender<Numbered<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    last: u64,
    events: VecDeque<Numbered<T>>,
    most: usize,
}

/// What a new subscriber gets.
#[derive(Debug)]
pub struct Subscription<T> {
    /// Number of the last event before the live ones.
    pub last: u64,
    /// Events after the number that was asked for; `None` when they are no longer kept.
    pub missed: Option<Vec<Numbered<T>>>,
    /// The live ones.
    pub live: broadcast::Receiver<Numbered<T>>,
}

impl<T> Hub<T> {
    /// Keeps at most so many events; numbers go on behind `last`.
    #[must_use]
    pub fn new(most: usize, last: u64) -> Self {
        let (sender, _) = broadcast::channel(SUBSCRIBER_EVENTS_MAX);
        Self { kept: Mutex::new(Kept { last, events: VecDeque::new(), most }), sender }
    }

    /// Numbers an event and hands it out.
    pub fn publish(&self, event: T) -> u64 {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last = kept.last.saturating_add(1);
        let numbered = (kept.last, Arc::new(Told { event, text: OnceLock::new() }));
        kept.events.push_back(numbered.clone());
        while kept.events.len() > kept.most {
            kept.events.pop_front();
        }
        // Sent under the lock, so that numbers arrive in order. Nobody listening is no error.
        let _ = self.sender.send(numbered);
        kept.last
    }

    /// Subscribes, with the events after the number `after`.
    pub fn subscribe(&self, after: Option<u64>) -> Subscription<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = kept.events.front().map_or(kept.last.saturating_add(1), |(number, _)| *number);
        let missed = match after {
            None => Some(Vec::new()),
            Some(after) if after.saturating_add(1) < oldest || after > kept.last => None,
            Some(after) => Some(kept.events.iter().filter(|(number, _)| *number > after).cloned().collect()),
        };
        Subscription { last: kept.last, missed, live: self.sender.subscribe() }
    }

    /// Whether anybody listens, so that work for subscribers can be spared.
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_that_comes_back_gets_what_it_missed() {
        let hub = Hub::new(3, 0);
        for event in 1..=4 {
            hub.publish(event);
        }
        let missed = |after| {
            let missed = hub.subscribe(after).missed?;
            Some(missed.iter().map(|(number, _)| *number).collect::<Vec<_>>())
        };
        assert_eq!(missed(Some(2)), Some(vec![3, 4]));
        assert_eq!(missed(Some(1)), Some(vec![2, 3, 4]));
        assert_eq!(missed(Some(4)), Some(vec![]));
        assert_eq!(missed(Some(0)), None, "event 1 is no longer kept");
        assert_eq!(missed(Some(9)), None, "a number of another life");
        assert_eq!(missed(None), Some(vec![]));
    }

    #[test]
    fn live_events_follow_the_missed_ones() {
        let hub = Hub::new(3, 10);
        let mut subscription = hub.subscribe(None);
        assert_eq!(subscription.last, 10);
        assert_eq!(hub.publish("a"), 11);
        assert_eq!(subscription.live.try_recv().unwrap().0, 11);
    }

    #[test]
    fn a_text_is_written_once_for_all() {
        let hub = Hub::new(3, 0);
        let (mut one, mut other) = (hub.subscribe(None).live, hub.subscribe(None).live);
        hub.publish("a");
        let ((_, one), (_, other)) = (one.try_recv().unwrap(), other.try_recv().unwrap());
        assert_eq!(one.text(|event| Bytes::from_static(event.as_bytes())), "a");
        assert_eq!(other.text(|_| Bytes::from_static(b"again")), "a");
    }
}
