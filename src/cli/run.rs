//! `demo`, `serve` and `sim run`: what runs until it is told to stop.

use crate::cli::args::{DemoArgs, ServeArgs, SimRunArgs};
use crate::cli::client::Ctx;
use crate::cli::exit::CliError;

/// Runs T-Server, OCS and gateway in one process.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn demo(_args: DemoArgs, _ctx: &Ctx) -> Result<(), CliError> {
    Err(CliError::internal("demo is not in this build"))
}

/// Runs the gateway.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn serve(_args: ServeArgs, _ctx: &Ctx) -> Result<(), CliError> {
    Err(CliError::internal("serve is not in this build"))
}

/// Runs the simulator.
///
/// # Errors
/// Configuration that cannot be used, addresses that cannot be had.
pub(super) async fn sim_run(_args: SimRunArgs, _ctx: &Ctx) -> Result<(), CliError> {
    Err(CliError::internal("sim run is not in this build"))
}
