//! How far a job is, on stderr: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::args::ProgressWhen;
use crate::cli::output::Output;
use crate::contact::Counts;
use crate::service::push::{Phase, Seen, Watch};

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Updates of a bar in a second.
const UPDATES_PER_SECOND: u8 = 10;

/// Shows how far a job is.
#[derive(Debug)]
pub(super) struct Progress {
    out: Output,
    bar: Option<ProgressBar>,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    started: Instant,
    line: Instant,
    phase: Option<&'static str>,
}

impl Progress {
    pub(super) fn new(when: ProgressWhen, out: Output) -> Self {
        let wanted = match when {
            ProgressWhen::Always => true,
            ProgressWhen::Auto => !out.quiet && !out.json,
            ProgressWhen::Never => false,
        };
        let bar = (wanted && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(UPDATES_PER_SECOND));
            let style = "{prefix} {wide_bar} {percent}% of {binary_total_bytes}, {eta} left\n{wide_msg}";
            bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        let out = Output { quiet: !wanted || bar.is_some(), ..out };
        Self { out, bar, shown: Mutex::new(Shown { started: now, line: now, phase: None }) }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress {
    /// Shows a moment; `counts` gets the seconds of this phase.
    pub(super) fn show(&self, phase: &'static str, bytes: u64, total: u64, counts: impl FnOnce(f64) -> String) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.phase != Some(phase) {
            shown.phase = Some(phase);
            shown.started = Instant::now();
        }
        let seconds = shown.started.elapsed().as_secs_f64();
        if let Some(bar) = &self.bar {
            // Of a file whose size nobody has told yet there is nothing to see.
            if total > 0 {
                bar.set_prefix(phase);
                bar.set_message(counts(seconds));
                bar.set_length(total);
                bar.set_position(bytes);
            }
        } else if shown.line.elapsed() >= LINE_EVERY {
            shown.line = Instant::now();
            let percent = bytes.saturating_mul(100).checked_div(total).unwrap_or(100);
            let left = seconds * total.saturating_sub(bytes) as f64 / bytes.max(1) as f64;
            self.out.note(&format!("{phase} {percent}%, {left:.0} s left: {}", counts(seconds)));
        }
    }

    /// Says something without a hole in the bar.
    pub(super) fn note(&self, out: &Output, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| out.note(text)),
            None => out.note(text),
        }
    }
}

impl Watch for Progress {
    fn seen(&self, seen: &Seen) {
        self.show(phase(seen.phase), seen.bytes, seen.total, |seconds| counts(&seen.sums, seconds));
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Validating => "validating",
        Phase::Sending => "sending",
        Phase::Ending => "ending",
    }
}

fn counts(sums: &Counts, seconds: f64) -> String {
    let rate = if seconds > 0.0 { sums.records() as f64 / seconds } else { 0.0 };
    let mut text = format!("{} records, {rate:.0}/s", sums.records());
    for (count, word) in [
        (sums.created, "created"),
        (sums.updated, "updated"),
        (sums.deleted, "deleted"),
        (sums.failed, "failed"),
        (sums.not_reached, "not reached"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}
