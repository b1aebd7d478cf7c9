//! Everything that is counted, in the text form of Prometheus. Labels are words of ours or names of the configuration:
//! nothing that a caller or a peer writes, and nobody's number.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::engine::RequestResult;
use crate::message::RequestKind;
use crate::net::registry::LinkSnapshot;
use crate::protocol::requester::Counters;
use crate::service::gateway::Sight;

type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindOutcome {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindOnly {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Standing {
    standing: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkName {
    link: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OcsDbid {
    ocs: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stream {
    stream: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpStatus {
    status: u16,
}

/// The streams that can be subscribed to.
pub const STREAMS: [&str; 2] = ["events", "tap"];

const RESULTS: [RequestResult; 5] = [
    RequestResult::Answered,
    RequestResult::Refused,
    RequestResult::Partial,
    RequestResult::Mixed,
    RequestResult::Unknown,
];

/// The counters of one gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    all: Arc<All>,
}

#[derive(Debug)]
struct All {
    registry: Registry,
    accepted: Family<KindOnly, Counter>,
    ended: Family<KindOutcome, Counter>,
    took: Family<KindOnly, Histogram, fn() -> Histogram>,
    requests: Family<State, Gauge>,
    lanes: Gauge,
    live: Gauge,
    shadows: Gauge,
    own_frames: Gauge,
    answer_life: Family<KindOnly, Seconds>,
    answer_life_bound: Family<KindOnly, Seconds>,
    double_gap: Seconds,
    double_gap_bound: Seconds,
    events: Family<Standing, Counter>,
    late: Counter,
    sends: Counter,
    alarmed: Gauge,
    link_up: Family<LinkName, Gauge>,
    link_dns: Family<LinkName, Gauge>,
    link_silence: Family<LinkName, Seconds>,
    link_logins: Family<LinkName, Counter>,
    link_losses: Family<LinkName, Counter>,
    ocs_events: Family<OcsDbid, Counter>,
    ocs_silence: Family<OcsDbid, Seconds>,
    dnc_overdue: Gauge,
    journal_open: Gauge,
    journal_kept: Gauge,
    journal: JournalMeter,
    ready: Gauge,
    commands: Family<Queue, Gauge>,
    http: Family<HttpStatus, Counter>,
    subscribers: Family<Stream, Gauge>,
    cut: Family<Stream, Counter>,
    turns: Counter,
}

/// What the writer of the journal tells. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalMeter {
    commits: Histogram,
    rows: Counter,
    errors: Counter,
    waiting: Gauge,
}

impl JournalMeter {
    /// A commit of so many rows was on the disk after so long.
    pub fn committed(&self, rows: usize, took: Duration) {
        self.commits.observe(took.as_secs_f64());
        self.rows.inc_by(rows as u64);
    }

    /// A commit failed.
    pub fn failed(&self) {
        self.errors.inc();
    }

    /// So many rows wait for the writer.
    pub fn waiting(&self, rows: usize) {
        self.waiting.set(signed(rows));
    }
}

/// A subscriber of a stream, for as long as it is kept.
#[derive(Debug)]
pub struct Subscriber {
    metrics: Metrics,
    stream: Stream,
}

impl Subscriber {
    /// It was too slow and loses its place.
    pub fn cut(&self) {
        self.metrics.all.cut.get_or_create(&self.stream).inc();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.metrics.all.subscribers.get_or_create(&self.stream).dec();
    }
}

/// What the gateway's settings say about time, shown beside what was seen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// B.
    pub answer_life: Duration,
    /// B of an unload.
    pub unload_life: Duration,
    /// D.
    pub double_gap: Duration,
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// From a millisecond to half an hour: an unload may take its whole drain.
fn took_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

/// From a tenth of a millisecond to a second and a half.
fn commit_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 15))
}

/// Registers a metric and hands it back.
fn with<M>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Counters at zero, for these links and OCSs.
    #[must_use]
    pub fn new(links: &[Arc<str>], ocss: &[i32], bounds: Bounds) -> Self {
        let mut own = Registry::default();
        let r = &mut own;
        let info = [("version", env!("CARGO_PKG_VERSION"))];
        r.register("commdn_build", "What runs", Info::new(info));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "When the process started, in seconds since 1970";
        r.register("process_start_time_seconds", help, ConstGauge::new(started.as_secs_f64()));
        let all = All {
            accepted: with(r, "commdn_requests_accepted", "Requests taken, by kind", Family::default()),
            ended: with(r, "commdn_requests", "Requests that have ended, by kind and outcome", Family::default()),
            took: with(
                r,
                "commdn_request_seconds",
                "From the acceptance of a request to its end, by kind",
                Family::new_with_constructor(took_buckets as fn() -> Histogram),
            ),
            requests: with(r, "commdn_requests_open", "Open requests, by what they wait for", Family::default()),
            lanes: with(r, "commdn_lanes", "Lanes in use", Gauge::default()),
            live: with(r, "commdn_sends_live", "Sends whose answer is expected", Gauge::default()),
            shadows: with(r, "commdn_shadows", "Shadows of ended sends", Gauge::default()),
            own_frames: with(r, "commdn_own_frames", "Own frames remembered to know copies", Gauge::default()),
            answer_life: with(
                r,
                "commdn_answer_life_longest_seconds",
                "Longest time seen from a send to its answer",
                Family::default(),
            ),
            answer_life_bound: with(
                r,
                "commdn_answer_life_bound_seconds",
                "B: the longest time that is allowed for",
                Family::default(),
            ),
            double_gap: with(
                r,
                "commdn_double_gap_longest_seconds",
                "Longest time seen from an answer to its double",
                Seconds::default(),
            ),
            double_gap_bound: with(
                r,
                "commdn_double_gap_bound_seconds",
                "D: the longest gap that is allowed for",
                Seconds::default(),
            ),
            events: with(r, "commdn_events", "Events that came, by what they were taken for", Family::default()),
            late: with(r, "commdn_late_frames", "Answers that came late or twice", Counter::default()),
            sends: with(r, "commdn_sends", "Frames given to a link", Counter::default()),
            alarmed: with(r, "commdn_origins_alarmed", "Own DBIDs that somebody else has used", Gauge::default()),
            link_up: with(r, "commdn_link_up", "1 when requests can be sent", Family::default()),
            link_dns: with(r, "commdn_link_registered_dns", "Registered CommDNs", Family::default()),
            link_silence: with(r, "commdn_link_silence_seconds", "Since bytes came last", Family::default()),
            link_logins: with(r, "commdn_link_logins", "Sessions made, the first included", Family::default()),
            link_losses: with(r, "commdn_link_losses", "Sessions lost", Family::default()),
            ocs_events: with(r, "commdn_ocs_events", "Events of an OCS, whoever they are for", Family::default()),
            ocs_silence: with(r, "commdn_ocs_silence_seconds", "Since an OCS was heard last", Family::default()),
            dnc_overdue: with(r, "commdn_dnc_overdue", "Do-not-calls not confirmed in their time", Gauge::default()),
            journal_open: with(r, "commdn_journal_open", "Requests without an outcome", Gauge::default()),
            journal_kept: with(r, "commdn_journal_kept", "Requests in memory, ended ones included", Gauge::default()),
            journal: JournalMeter {
                commits: with(r, "commdn_journal_commit_seconds", "Until a commit is on the disk", commit_buckets()),
                rows: with(r, "commdn_journal_rows", "Rows committed", Counter::default()),
                errors: with(r, "commdn_journal_errors", "Commits that failed", Counter::default()),
                waiting: with(r, "commdn_journal_waiting", "Rows that wait for the writer", Gauge::default()),
            },
            ready: with(r, "commdn_ready", "1 when requests are taken", Gauge::default()),
            commands: with(r, "commdn_commands_waiting", "Commands of callers that wait", Family::default()),
            http: with(r, "commdn_http_answers", "Answers of the door, by status", Family::default()),
            subscribers: with(r, "commdn_subscribers", "Subscribers of streams", Family::default()),
            cut: with(r, "commdn_subscribers_cut", "Subscribers cut off as too slow", Family::default()),
            turns: with(r, "commdn_core_turns", "Turns of the core task; the watchdog's pulse", Counter::default()),
            registry: own,
        };
        all.name_everything(links, ocss, bounds);
        Self { all: Arc::new(all) }
    }

    /// So many do-not-calls are late.
    pub fn dnc_overdue(&self, late: u64) {
        self.all.dnc_overdue.set(i64::try_from(late).unwrap_or(i64::MAX));
    }

    /// A request was taken.
    pub fn accepted(&self, kind: RequestKind) {
        self.all.accepted.get_or_create(&KindOnly { kind: kind.slug() }).inc();
    }

    /// A request has ended.
    pub fn ended(&self, kind: RequestKind, result: RequestResult, took: Duration) {
        let kind = kind.slug();
        self.all.ended.get_or_create(&KindOutcome { kind, outcome: result.slug() }).inc();
        self.all.took.get_or_create(&KindOnly { kind }).observe(took.as_secs_f64());
    }

    /// A link has a session.
    pub fn link_logged_in(&self, link: &str) {
        self.all.link_logins.get_or_create(&LinkName { link: link.into() }).inc();
    }

    /// A link has lost its session.
    pub fn link_lost(&self, link: &str) {
        self.all.link_losses.get_or_create(&LinkName { link: link.into() }).inc();
    }

    /// The door has answered.
    pub fn http_answered(&self, status: u16) {
        self.all.http.get_or_create(&HttpStatus { status }).inc();
    }

    /// Somebody subscribes to one of [`STREAMS`].
    #[must_use]
    pub fn subscriber(&self, stream: &'static str) -> Subscriber {
        let stream = Stream { stream };
        self.all.subscribers.get_or_create(&stream).inc();
        Subscriber { metrics: self.clone(), stream }
    }

    /// For the writer of the journal.
    #[must_use]
    pub fn journal(&self) -> &JournalMeter {
        &self.all.journal
    }

    /// What is read off rather than counted: from the core task, when it answers.
    pub(crate) fn read_off(&self, sight: &Sight) {
        let all = &self.all;
        let queues = sight.queues;
        let states = [queues.lane, queues.address, queues.link, queues.under_way];
        for (state, count) in STATES.into_iter().zip(states) {
            all.requests.get_or_create(&State { state }).set(signed(count));
        }
        all.lanes.set(signed(sight.sizes.lanes));
        all.live.set(signed(sight.sizes.live));
        all.shadows.set(signed(sight.sizes.shadows));
        all.own_frames.set(signed(sight.sizes.own_frames));
        all.read_counters(&sight.counters);
        all.alarmed.set(signed(sight.alarmed.len()));
        all.journal_open.set(signed(sight.journal_open));
        all.journal_kept.set(signed(sight.journal_kept));
        for ocs in &sight.ocss {
            let name = OcsDbid { ocs: ocs.dbid.0 };
            reach(&all.ocs_events.get_or_create(&name), ocs.events);
            if let Some(silence) = ocs.silence {
                all.ocs_silence.get_or_create(&name).set(silence.as_secs_f64());
            }
        }
    }

    /// What is read off a link.
    pub(crate) fn read_link(&self, name: &Arc<str>, link: Option<&LinkSnapshot>) {
        let name = LinkName { link: Arc::clone(name) };
        let up = link.is_some_and(|link| link.up);
        self.all.link_up.get_or_create(&name).set(i64::from(up));
        self.all.link_dns.get_or_create(&name).set(signed(link.map_or(0, |link| link.registered.len())));
        if let Some(heard) = link.and_then(|link| link.heard_moment) {
            self.all.link_silence.get_or_create(&name).set(heard.elapsed().as_secs_f64());
        }
    }

    /// What is read off the gateway's handle.
    pub(crate) fn read_gateway(&self, ready: bool, turns: u64, urgent: usize, normal: usize) {
        self.all.ready.set(i64::from(ready));
        reach(&self.all.turns, turns);
        for (queue, waiting) in [("urgent", urgent), ("normal", normal)] {
            self.all.commands.get_or_create(&Queue { queue }).set(signed(waiting));
        }
    }

    /// All of it, in the text form of OpenMetrics.
    #[must_use]
    pub fn exposition(&self) -> String {
        let mut out = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut out, &self.all.registry);
        out
    }
}

/// What `commdn_requests_open` tells apart.
const STATES: [&str; 4] = ["waits_for_lane", "waits_for_address", "waits_for_link", "under_way"];

/// Brings a counter to what another has counted.
fn reach(counter: &Counter, count: u64) {
    counter.inner().store(count, std::sync::atomic::Ordering::Relaxed);
}

impl All {
    /// A series that is there from the start has a rate from the start.
    fn name_everything(&self, links: &[Arc<str>], ocss: &[i32], bounds: Bounds) {
        for (kind, _, slug) in RequestKind::ALL {
            debug_assert_eq!(kind.slug(), slug);
            let kind = KindOnly { kind: slug };
            drop(self.accepted.get_or_create(&kind));
            drop(self.took.get_or_create(&kind));
            for result in RESULTS {
                drop(self.ended.get_or_create(&KindOutcome { kind: slug, outcome: result.slug() }));
            }
        }
        for link in links {
            let name = LinkName { link: Arc::clone(link) };
            drop(self.link_up.get_or_create(&name));
            drop(self.link_dns.get_or_create(&name));
            drop(self.link_logins.get_or_create(&name));
            drop(self.link_losses.get_or_create(&name));
        }
        for ocs in ocss {
            drop(self.ocs_events.get_or_create(&OcsDbid { ocs: *ocs }));
        }
        for stream in STREAMS {
            drop(self.subscribers.get_or_create(&Stream { stream }));
            drop(self.cut.get_or_create(&Stream { stream }));
        }
        for status in [200, 202, 429, 503] {
            drop(self.http.get_or_create(&HttpStatus { status }));
        }
        for (kind, bound) in [("unload", bounds.unload_life), ("other", bounds.answer_life)] {
            self.answer_life_bound.get_or_create(&KindOnly { kind }).set(bound.as_secs_f64());
        }
        self.double_gap_bound.set(bounds.double_gap.as_secs_f64());
        self.read_counters(&Counters::default());
    }

    fn read_counters(&self, counters: &Counters) {
        let lives = [("unload", counters.longest_unload_life), ("other", counters.longest_answer_life)];
        for (kind, life) in lives {
            self.answer_life.get_or_create(&KindOnly { kind }).set(life.as_secs_f64());
        }
        self.double_gap.set(counters.longest_double_gap.as_secs_f64());
        for (standing, count) in [
            ("answer", counters.answers),
            ("unasked", counters.unasked),
            ("late", counters.late),
            ("ambiguous", counters.ambiguous),
            ("not_addressed", counters.not_addressed),
            ("foreign", counters.foreign),
            ("own_copy", counters.own_copies),
            ("forged", counters.forged),
        ] {
            reach(&self.events.get_or_create(&Standing { standing }), count);
        }
        reach(&self.late, counters.late);
        reach(&self.sends, counters.sends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        answer_life: Duration::from_secs(30),
        unload_life: Duration::from_secs(330),
        double_gap: Duration::from_secs(2),
    };

    fn metrics() -> Metrics {
        Metrics::new(&["TS_1".into()], &[301, 302], BOUNDS)
    }

    fn line(metrics: &Metrics, start: &str) -> String {
        let text = metrics.exposition();
        let found = text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start}: {text}")).to_owned()
    }

    #[test]
    fn what_ends_is_counted_by_kind_and_outcome() {
        let metrics = metrics();
        metrics.accepted(RequestKind::DoNotCall);
        metrics.ended(RequestKind::DoNotCall, RequestResult::Answered, Duration::from_millis(3));
        let kind = RequestKind::DoNotCall.slug();
        let outcome = format!("commdn_requests_total{{kind=\"{kind}\",outcome=\"answered\"}}");
        assert_eq!(line(&metrics, &outcome), format!("{outcome} 1"));
        let count = format!("commdn_request_seconds_count{{kind=\"{kind}\"}}");
        assert_eq!(line(&metrics, &count), format!("{count} 1"));
        let bucket = format!("commdn_request_seconds_bucket{{le=\"0.004\",kind=\"{kind}\"}}");
        assert_eq!(line(&metrics, &bucket), format!("{bucket} 1"));
    }

    #[test]
    fn the_bounds_stand_beside_the_longest_seen() {
        let metrics = metrics();
        metrics.all.read_counters(&Counters {
            longest_answer_life: Duration::from_millis(1_500),
            longest_double_gap: Duration::from_millis(250),
            late: 3,
            ..Counters::default()
        });
        for (name, value) in [
            ("commdn_answer_life_longest_seconds{kind=\"other\"}", "1.5"),
            ("commdn_answer_life_bound_seconds{kind=\"other\"}", "30.0"),
            ("commdn_answer_life_bound_seconds{kind=\"unload\"}", "330.0"),
            ("commdn_double_gap_longest_seconds", "0.25"),
            ("commdn_double_gap_bound_seconds", "2.0"),
            ("commdn_late_frames_total", "3"),
            ("commdn_events_total{standing=\"late\"}", "3"),
        ] {
            assert_eq!(line(&metrics, name), format!("{name} {value}"));
        }
    }

    #[test]
    fn a_subscriber_counts_as_long_as_it_stays() {
        let metrics = metrics();
        let subscriber = metrics.subscriber("tap");
        assert!(line(&metrics, "commdn_subscribers{stream=\"tap\"}").ends_with(" 1"));
        subscriber.cut();
        drop(subscriber);
        assert!(line(&metrics, "commdn_subscribers{stream=\"tap\"}").ends_with(" 0"));
        assert!(line(&metrics, "commdn_subscribers_cut_total{stream=\"tap\"}").ends_with(" 1"));
    }

    #[test]
    fn the_writer_of_the_journal_is_measured() {
        let metrics = metrics();
        metrics.journal().committed(256, Duration::from_millis(1));
        metrics.journal().failed();
        metrics.journal().waiting(7);
        for (name, value) in [
            ("commdn_journal_rows_total", 256),
            ("commdn_journal_errors_total", 1),
            ("commdn_journal_waiting", 7),
            ("commdn_journal_commit_seconds_count", 1),
        ] {
            assert_eq!(line(&metrics, name), format!("{name} {value}"));
        }
    }
}
