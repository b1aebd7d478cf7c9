//! The log: lines on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::cli::client::Ctx;

/// Starts the log with a filter like `info` or `commdn::net=debug`; `-v` raises it. The first call wins, and a filter
/// that cannot be read counts as `info`.
pub fn start(ctx: &Ctx, filter: &str) {
    let filter = match (filter, ctx.global.verbose) {
        (filter, 0) => filter,
        ("warn", 1) => "commdn=info",
        ("warn", 2) | (_, 1) => "commdn=debug",
        _ => "commdn=trace,info",
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = ctx.out.color && io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(ansi);
    let _ = log.try_init(); // another log is running: keep it
}
