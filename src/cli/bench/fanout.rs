//! `bench fanout`: one sends, many hear it, as clients of a T-Server or as readers of the gateway's `/v1/tap`.
//!
//! What is sent is a status request to an application that does not exist: every OCS and every gateway lets it pass. Its
//! campaign is the number of the send, its group is the run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::cli::args::BenchFanoutArgs;
use crate::cli::bench::load::{LATE, LEAD, Latencies, Tally, bar, keep_time};
use crate::cli::bench::own::{COMM_DN, FAN_DN, Own, site};
use crate::cli::bench::report::{Deliveries, Report, Target};
use crate::cli::bench::schedule::Schedule;
use crate::cli::bench::session::{Place, link, meant_for};
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::sse::SseParser;
use crate::message::{AppDbid, CommDnMessage, GetCampaignStatus, Pair};
use crate::net::client::{LinkEvent, LinkHandle};
use crate::protocol::link::Tag;
use crate::wire::{Dialect, Text};

/// The application that every message is for.
const NOBODY: AppDbid = AppDbid(2_147_483_646);
/// How long the last deliveries may take.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);
/// Figures that listeners write into in turns, so that they seldom wait for each other.
const SHARDS: usize = 16;
/// Sockets of the rest of the process.
const SOCKETS_BESIDE: u64 = 128;

/// Runs `bench fanout`.
///
/// # Errors
/// Words that do not fit, or a target that cannot be reached.
pub(super) async fn run(args: &BenchFanoutArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let schedule = Arc::new(Schedule::new(&args.pace)?);
    let listeners = args.listeners.get();
    let links = CancellationToken::new();
    let _links = links.clone().drop_guard();
    let (own, place, url) = target(args, ctx).await?;
    room_for(listeners, own.is_some())?;
    let Some((dn, origin)) = place.sessions.first().cloned() else {
        return Err(CliError::internal("a T-Server without a session"));
    };
    let run = run_number();
    let start = Arc::new(OnceLock::new());
    let hall = Arc::new(Hall::new(Arc::clone(&schedule), run, Arc::clone(&start)));
    let mut global = ctx.global.clone();
    global.url = url;
    match args.sse {
        true => read_taps(&Client::new(&global)?, listeners, &hall, &links).await?,
        false => open_ears(&place, &dn, listeners, &hall, &links).await?,
    }
    let (handle, events) = link(&place.addr, &dn, "bench sender", &links).await?;
    let sender = Sender { handle, dn: Text::from(dn), origin, run };
    let bar = bar(&ctx.out, &schedule);
    let mut tally = sender.send_all(&schedule, &start, events, &bar, stop).await;
    let all = tally.all * listeners as u64;
    hall.wait_for(all, stop).await;
    bar.finish_and_clear();
    let deliveries = hall.close(&mut tally.counted, listeners, &schedule, stop.is_cancelled());
    let target = match args.sse {
        true => Target { via: "sse", address: global.url().to_owned(), own: own.is_some() },
        false => Target { via: "tserver", address: place.addr, own: own.is_some() },
    };
    drop(_links);
    if let Some(own) = own {
        own.end().await;
    }
    let what = ("fanout", format!("one sender to {listeners} listeners"));
    let mut report = Report::new(what, target, &args.pace, &schedule, &tally.counted);
    report.deliver(deliveries);
    report.print(ctx, &tally.counted.latency, &args.fail.fail_if)
}

/// Whose site it is, where its T-Server is, and the URL of its gateway.
async fn target(args: &BenchFanoutArgs, ctx: &Ctx) -> Result<(Option<Own>, Place, Option<String>), CliError> {
    if let Some(Some(addr)) = &args.tserver.tserver {
        let place = Place::given(addr, &args.tserver)?;
        return match (&ctx.global.url, args.sse) {
            (None, true) => Err(CliError::usage("--sse with --tserver ADDR: whose events, --url is missing")),
            (url, _) => Ok((None, place, url.clone())),
        };
    }
    if let (None, Some(url)) = (&args.tserver.tserver, &ctx.global.url) {
        return Err(CliError::usage(format!("{url}: no T-Server to send on, --tserver ADDR is missing"))
            .hint("--tserver without ADDR starts a site of its own"));
    }
    let own = Own::start(site(1, 1)?, ctx).await?;
    let mut place = Place::own(&own, 1);
    // A CommDN that the gateway hears, or one that nobody hears but the listeners.
    for (dn, _) in &mut place.sessions {
        *dn = if args.sse { COMM_DN.into() } else { FAN_DN.into() };
    }
    let url = format!("http://{}", own.at.http);
    Ok((Some(own), place, Some(url)))
}

/// Sockets for so many listeners, and for the site's side of them when it is in this process, too.
fn room_for(listeners: usize, own: bool) -> Result<(), CliError> {
    let wanted = listeners as u64 * if own { 2 } else { 1 } + SOCKETS_BESIDE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let refused = || {
        CliError::usage(format!(
            "--listeners {listeners}: this process may have {} sockets and files",
            current.unwrap_or(0)
        ))
        .hint("raise it with `ulimit -n`")
    };
    if maximum.is_some_and(|maximum| maximum < wanted) {
        return Err(refused());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|_| refused())
}

/// Tells the messages of this run from those of others.
fn run_number() -> i32 {
    let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    i32::try_from(millis % 1_000_000_000).unwrap_or(0) + 1
}

/// Where the deliveries of all listeners come together.
#[derive(Debug)]
struct Hall {
    schedule: Arc<Schedule>,
    run: i32,
    start: Arc<OnceLock<Instant>>,
    shards: Vec<Mutex<Vec<Latencies>>>,
    /// Everything that was heard, warming up or not.
    heard: AtomicU64,
    /// When the last one was heard, in microseconds after the start.
    last: AtomicU64,
}

impl Hall {
    fn new(schedule: Arc<Schedule>, run: i32, start: Arc<OnceLock<Instant>>) -> Self {
        let shard = || Mutex::new(vec![Latencies::default(); schedule.phases.len()]);
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { schedule, run, start, shards, heard: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    /// The number of a send of this run.
    fn number(&self, campaign: i32, group: i32) -> Option<usize> {
        let number = usize::try_from(campaign).ok()?.checked_sub(1)?;
        (group == self.run && number < self.schedule.times().len()).then_some(number)
    }

    /// What one listener has heard just now.
    fn hear(&self, listener: usize, numbers: &[usize]) {
        let Some(start) = self.start.get().filter(|_| !numbers.is_empty()) else { return };
        let since = start.elapsed();
        let shard = &self.shards[listener % SHARDS];
        let mut phases = shard.lock().unwrap_or_else(PoisonError::into_inner);
        for number in numbers {
            let intended = self.schedule.times()[*number];
            if let Some(phase) = self.schedule.phase_of(intended) {
                phases[phase].record(since.saturating_sub(intended));
            }
        }
        drop(phases);
        self.last.fetch_max(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.heard.fetch_add(numbers.len() as u64, Ordering::Relaxed);
    }

    /// Until everything was heard, or it has taken too long.
    async fn wait_for(&self, all: u64, stop: &CancellationToken) {
        let mut look = interval(Duration::from_millis(5));
        let everything = async {
            while self.heard.load(Ordering::Relaxed) < all {
                look.tick().await;
            }
        };
        tokio::select! {
            _ = timeout(LAST_DELIVERIES, everything) => {}
            () = stop.cancelled() => {}
        }
    }

    /// The sums.
    fn close(&self, tally: &mut Tally, listeners: usize, schedule: &Schedule, interrupted: bool) -> Deliveries {
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        let took = last.saturating_sub(schedule.counted_from());
        tally.took = if interrupted { took } else { took.max(schedule.length()) };
        tally.interrupted = interrupted;
        tally.phases = vec![Latencies::default(); schedule.phases.len()];
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (sum, part) in tally.phases.iter_mut().zip(&*shard) {
                sum.add(part);
            }
        }
        for phase in &tally.phases {
            tally.latency.add(phase);
        }
        let (expected, heard) = (tally.answered * listeners as u64, tally.latency.count());
        tally.fail("not_delivered", expected.saturating_sub(heard));
        let seconds = tally.took.as_secs_f64();
        let rate = if seconds > 0.0 { heard as f64 / seconds } else { 0.0 };
        Deliveries { listeners, expected, heard, rate }
    }
}

struct Sender {
    handle: LinkHandle,
    dn: Text,
    origin: AppDbid,
    run: i32,
}

/// What was sent: all of it, and what counts.
struct Sent {
    all: u64,
    counted: Tally,
}

impl Sender {
    async fn send_all(
        self,
        schedule: &Arc<Schedule>,
        start: &OnceLock<Instant>,
        mut events: mpsc::Receiver<LinkEvent>,
        bar: &indicatif::ProgressBar,
        stop: &CancellationToken,
    ) -> Sent {
        // What the T-Server says to each send is not waited for; somebody has to take it.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let begins = *start.get_or_init(|| Instant::now() + LEAD);
        let mut arrivals = keep_time(schedule, begins, stop);
        let mut sent = Sent { all: 0, counted: Tally::default() };
        while let Some(number) = arrivals.recv().await {
            let time = schedule.times()[number];
            let lag = Instant::now().saturating_duration_since(begins + time);
            let went = self.send(number);
            sent.all += u64::from(went);
            bar.inc(1);
            if schedule.phase_of(time).is_some() {
                let tally = &mut sent.counted;
                tally.sent += 1;
                tally.lag.record(lag);
                tally.late += u64::from(lag > LATE);
                tally.answered += u64::from(went);
                tally.fail("not_sent", u64::from(!went));
            }
        }
        sent
    }

    fn send(&self, number: usize) -> bool {
        let pair = Pair::new(i32::try_from(number + 1).unwrap_or(i32::MAX), self.run);
        let message = CommDnMessage::new(self.origin, NOBODY, GetCampaignStatus::new(pair));
        let Ok(user_data) = message.encode(&Dialect::default()) else { return false };
        self.handle.distribute(self.dn.clone(), user_data, Tag(number as u64)).is_ok()
    }
}

/// Clients of the T-Server.
async fn open_ears(
    place: &Place,
    dn: &str,
    listeners: usize,
    hall: &Arc<Hall>,
    links: &CancellationToken,
) -> Result<(), CliError> {
    for listener in 0..listeners {
        let (handle, mut events) = link(&place.addr, dn, &format!("bench ear {listener}"), links).await?;
        let hall = Arc::clone(hall);
        tokio::spawn(async move {
            let _handle = handle; // the link ends with it
            let (mut ready, mut numbers) = (Vec::new(), Vec::new());
            let dialect = Dialect::default();
            while events.recv_many(&mut ready, 64).await > 0 {
                numbers.extend(ready.drain(..).filter_map(|event| {
                    let LinkEvent::UserEvent { user_data, .. } = event else { return None };
                    let pair = meant_for(NOBODY, &user_data, &dialect)?.pair()?;
                    hall.number(pair.campaign.0, pair.group.0)
                }));
                hall.hear(listener, &numbers);
                numbers.clear();
            }
        });
    }
    Ok(())
}

/// What a reader of the tap looks at.
#[derive(Deserialize)]
struct Tapped {
    target: Option<i32>,
    campaign: Option<i32>,
    group: Option<i32>,
}

/// Readers of the gateway's tap.
async fn read_taps(
    client: &Client,
    listeners: usize,
    hall: &Arc<Hall>,
    links: &CancellationToken,
) -> Result<(), CliError> {
    for listener in 0..listeners {
        let mut response = client.stream(&["v1", "tap"], &[], None).await?;
        let (client, hall, links) = (client.clone(), Arc::clone(hall), links.clone());
        tokio::spawn(async move {
            let mut parser = SseParser::default();
            let read = async {
                // A stream that breaks off shows in what was not delivered.
                while let Ok(Some(part)) = client.part(&mut response).await {
                    let Ok(events) = parser.push(&part) else { return };
                    let numbers: Vec<usize> = events
                        .iter()
                        .filter_map(|event| {
                            let tapped: Tapped = serde_json::from_str(&event.data).ok()?;
                            (tapped.target == Some(NOBODY.0)).then(|| hall.number(tapped.campaign?, tapped.group?))?
                        })
                        .collect();
                    hall.hear(listener, &numbers);
                }
            };
            tokio::select! {
                () = read => {}
                () = links.cancelled() => {}
            }
        });
    }
    Ok(())
}
