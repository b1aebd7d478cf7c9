//! Sends by a schedule, whatever the answers do, and writes down what each request came to.
//!
//! A thread of its own keeps the time: timers of the runtime are a millisecond wide, and no answer may hold it up. A
//! latency begins where the schedule wanted the request to leave, not where it left, so that what waited behind a slow
//! answer is not left out of the figures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::bench::schedule::Schedule;
use crate::cli::output::Output;

/// A send that leaves so much later than it should, with a place free for it, is the load generator's own delay.
pub(super) const LATE: Duration = Duration::from_millis(1);
/// Time between the start and the first request.
pub(super) const LEAD: Duration = Duration::from_millis(20);
/// How long an interrupted run waits for the answers that are still out.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// The thread that keeps the time looks up so often.
const NAP: Duration = Duration::from_millis(50);
/// Longest latency that is told apart, in microseconds: an hour.
const LATENCY_MAX: u64 = 3_600_000_000;

/// What is asked again and again; the error is a code to count by.
pub(super) trait Work: Send + Sync + 'static {
    fn one(&self, number: usize) -> impl Future<Output = Result<(), String>> + Send;
}

/// Latencies in microseconds, three digits of each.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let Ok(histogram) = Histogram::new_with_bounds(1, LATENCY_MAX, 3) else {
            unreachable!("1 is below the maximum")
        };
        Self(histogram)
    }
}

impl Latencies {
    pub(super) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LATENCY_MAX));
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds; `None` without any.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(percent / 100.0) as f64)
    }

    pub(super) fn min(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.min() as f64)
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean())
    }

    pub(super) fn max(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.max() as f64)
    }
}

/// What the requests of a run came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Of those that were answered.
    pub(super) latency: Latencies,
    /// The same for each phase of the schedule.
    pub(super) phases: Vec<Latencies>,
    /// How many failed, by code.
    pub(super) errors: BTreeMap<String, u64>,
    /// How many were sent.
    pub(super) sent: u64,
    /// How many came to what was wanted.
    pub(super) answered: u64,
    /// How late each was sent.
    pub(super) lag: Latencies,
    /// How many were late though they had a place.
    pub(super) late: u64,
    /// How many waited for a place.
    pub(super) held: u64,
    /// From the first intended send that counts to the last answer, at least the schedule's length.
    pub(super) took: Duration,
    /// Somebody ended the run early.
    pub(super) interrupted: bool,
}

impl Tally {
    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(super) fn fail(&mut self, code: &str, count: u64) {
        if count > 0 {
            *self.errors.entry(code.to_owned()).or_default() += count;
        }
    }
}

/// How far the schedule is, on a terminal.
pub(super) fn bar(out: &Output, schedule: &Schedule) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {eta}");
    out.bar(schedule.times().len()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// One request that is to leave.
struct Departure {
    number: usize,
    intended: Instant,
    phase: Option<usize>,
    held: bool,
}

/// Sends everything, then waits for what is still out.
pub(super) async fn drive<W: Work>(
    schedule: &Arc<Schedule>,
    in_flight: usize,
    work: &Arc<W>,
    bar: &ProgressBar,
    stop: &CancellationToken,
) -> Tally {
    let tally = Tally { phases: vec![Latencies::default(); schedule.phases.len()], ..Tally::default() };
    let tally = Arc::new(Mutex::new(tally));
    let (places, tasks) = (Arc::new(Semaphore::new(in_flight)), TaskTracker::new());
    let start = Instant::now() + LEAD;
    let mut arrivals = keep_time(schedule, start, stop);
    let mut full_until = start;
    while let Some(number) = arrivals.recv().await {
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = tokio::select! {
                    place = Arc::clone(&places).acquire_owned() => place,
                    () = stop.cancelled() => break,
                };
                full_until = Instant::now();
                let Ok(place) = place else { break };
                place
            }
        };
        let time = schedule.times()[number];
        let intended = start + time;
        let departure = Departure { number, intended, phase: schedule.phase_of(time), held: intended < full_until };
        let (work, tally, bar) = (Arc::clone(work), Arc::clone(&tally), bar.clone());
        tasks.spawn(async move {
            send(&departure, &*work, &tally, start).await;
            bar.inc(1);
            drop(place);
        });
    }
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = async { stop.cancelled().await; let _ = timeout(LAST_ANSWERS, tasks.wait()).await; } => {}
    }
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    tally.interrupted = stop.is_cancelled();
    let unanswered = tally.sent - tally.failed() - tally.answered;
    tally.fail("not_waited_for", unanswered);
    tally.took = tally.took.saturating_sub(schedule.counted_from());
    if !tally.interrupted {
        tally.took = tally.took.max(schedule.length());
    }
    tally
}

async fn send<W: Work>(departure: &Departure, work: &W, tally: &Mutex<Tally>, start: Instant) {
    let lag = Instant::now().saturating_duration_since(departure.intended);
    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    if departure.phase.is_some() {
        let mut tally = lock();
        tally.sent += 1;
        tally.lag.record(lag);
        match departure.held {
            true => tally.held += 1,
            false => tally.late += u64::from(lag > LATE),
        }
    }
    let came = work.one(departure.number).await;
    let Some(phase) = departure.phase else { return };
    let now = Instant::now();
    let took = now.saturating_duration_since(departure.intended);
    let mut tally = lock();
    tally.took = tally.took.max(now.saturating_duration_since(start));
    match came {
        Ok(()) => {
            tally.answered += 1;
            tally.latency.record(took);
            tally.phases[phase].record(took);
        }
        Err(code) => tally.fail(&code, 1),
    }
}

/// The numbers of the requests, each at its time.
pub(super) fn keep_time(
    schedule: &Arc<Schedule>,
    start: Instant,
    stop: &CancellationToken,
) -> mpsc::UnboundedReceiver<usize> {
    // No longer than the schedule.
    let (sender, arrivals) = mpsc::unbounded_channel();
    let (schedule, stop) = (Arc::clone(schedule), stop.clone());
    thread::spawn(move || {
        for (number, time) in schedule.times().iter().enumerate() {
            let due = start + *time;
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if stop.is_cancelled() || sender.is_closed() {
                    return;
                }
                if left.is_zero() {
                    break;
                }
                thread::sleep(left.min(NAP));
            }
            if sender.send(number).is_err() {
                return;
            }
        }
    });
    arrivals
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use clap::Parser;

    use super::*;
    use crate::cli::args::PaceArgs;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        pace: PaceArgs,
    }

    fn schedule(words: &str) -> Arc<Schedule> {
        let words = ["bench"].into_iter().chain(words.split_whitespace());
        Arc::new(Schedule::new(&Words::try_parse_from(words).unwrap().pace).unwrap())
    }

    struct EveryThirdFails(AtomicUsize);

    impl Work for EveryThirdFails {
        async fn one(&self, number: usize) -> Result<(), String> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if number % 3 == 2 { Err("third".into()) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn every_request_is_asked_once_and_counted_by_what_it_came_to() {
        let schedule = schedule("--rate 10000 --for 30ms --warm-up 6ms");
        let work = Arc::new(EveryThirdFails(AtomicUsize::new(0)));
        let tally = drive(&schedule, 4, &work, &ProgressBar::hidden(), &CancellationToken::new()).await;
        assert_eq!(work.0.load(Ordering::Relaxed), 360);
        assert_eq!((tally.sent, tally.failed(), tally.latency.count()), (300, 100, 200));
        assert_eq!(tally.errors["third"], 100);
        assert!(tally.took >= Duration::from_millis(30) && !tally.interrupted);
    }

    /// Answers the first request after so long, the others at once.
    struct SlowAtFirst(Duration);

    impl Work for SlowAtFirst {
        async fn one(&self, number: usize) -> Result<(), String> {
            let begun = Instant::now();
            while number == 0 && begun.elapsed() < self.0 {
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_waits_for_a_place_is_held_and_its_wait_is_in_its_latency() {
        let schedule = schedule("--rate 1000 --for 4ms --warm-up 0");
        let work = Arc::new(SlowAtFirst(Duration::from_millis(10)));
        let tally = drive(&schedule, 1, &work, &ProgressBar::hidden(), &CancellationToken::new()).await;
        assert_eq!((tally.sent, tally.held, tally.latency.count()), (4, 3, 4));
        assert!(tally.latency.min().unwrap() >= 6_900.0, "the last one was due 3 ms after the start");
    }

    struct Silent(CancellationToken);

    impl Work for Silent {
        async fn one(&self, _: usize) -> Result<(), String> {
            self.0.cancel();
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_run_counts_what_it_did_not_wait_for() {
        let schedule = schedule("--rate 1000 --for 1s --warm-up 0");
        let stop = CancellationToken::new();
        let tally = drive(&schedule, 1, &Arc::new(Silent(stop.clone())), &ProgressBar::hidden(), &stop).await;
        assert!(tally.interrupted);
        assert_eq!((tally.sent, tally.latency.count(), tally.errors["not_waited_for"]), (1, 0, 1));
    }

    #[test]
    fn latencies_are_told_in_microseconds() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(99.0), None);
        for millis in 1..=100 {
            latencies.record(Duration::from_millis(millis));
        }
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() / wanted - 1.0).abs() < 0.002;
        assert!(near(latencies.percentile(50.0), 50_000.0) && near(latencies.percentile(99.0), 99_000.0));
        assert!(near(latencies.max(), 100_000.0) && near(latencies.min(), 1_000.0) && near(latencies.mean(), 50_500.0));
    }
}
