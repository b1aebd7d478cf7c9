//! The log: lines on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::cli::client::Ctx;
use crate::service::TelemetrySection;

/// Starts the log of a verb that runs until it is stopped.
pub fn start(ctx: &Ctx, telemetry: &TelemetrySection) {
    init(ctx, &telemetry.log, telemetry.format == "json");
}

/// Starts the log of a verb that asks and ends: warnings, more with `-v`.
pub fn start_brief(ctx: &Ctx) {
    init(ctx, "warn", false);
}

/// A filter like `info` or `commdn::net=debug`; `-v` raises it. The first call wins, and a filter that cannot be read
/// counts as `info`.
fn init(ctx: &Ctx, filter: &str, json: bool) {
    let filter = match (filter, ctx.global.verbose) {
        (filter, 0) => filter,
        ("warn", 1) => "commdn=info",
        ("warn", 2) | (_, 1) => "commdn=debug",
        _ => "commdn=trace,info",
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = ctx.out.color && io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(ansi);
    // Another log is running: keep it.
    let _ = if json { log.json().flatten_event(true).with_current_span(true).try_init() } else { log.try_init() };
}
