//! Floor 8: the program. Flags, tables, exit codes; every verb but the offline ones is a client of the HTTP door.

mod access;
pub mod args;
pub mod bench;
mod campaign;
mod check_config;
pub mod client;
pub mod config;
mod config_show;
pub mod contacts;
mod decode;
mod dnc;
mod doctor;
pub mod exit;
mod expiry;
mod ladder;
pub mod log;
mod notify;
pub mod output;
mod ping;
mod profiles;
mod record;
mod request;
mod run;
mod send;
mod sequence;
mod shell;
mod sim;
mod sim_fault;
pub mod sse;
mod store;
mod stream;
mod text;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::args::{Cli, SimVerb, Verb};
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::wire::dialect::CLAIM;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let ctx = Ctx { out: Output::new(&cli.global), global: cli.global };
    let exit = run(cli.verb, &ctx).unwrap_or_else(|error| {
        ctx.out.error(&error);
        error.exit
    });
    exit.into()
}

/// Prints help where it was asked for; wrong words end with exit 2.
fn usage(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = write!(std::io::stdout().lock(), "{}", error.render()); // nobody reads: nothing to tell
            return Exit::Done;
        }
        _ => {}
    }
    if std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let hint = lines.collect::<Vec<_>>().join(" ");
        Output { json: true, ..Output::default() }.error(&CliError::usage(message).hint(hint));
    } else {
        let _ = error.print();
    }
    Exit::Usage
}

fn run(verb: Verb, ctx: &Ctx) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::internal(format!("no runtime: {error}")))?;
    match verb {
        // Long-running: they start their log and take Ctrl-C themselves.
        Verb::Demo(args) => runtime.block_on(run::demo(args, ctx)).map(|()| Exit::Done),
        Verb::Serve(args) => runtime.block_on(run::serve(args, ctx)).map(|()| Exit::Done),
        Verb::Sim(SimVerb::Run(args)) => runtime.block_on(run::sim_run(args, ctx)).map(|()| Exit::Done),
        Verb::Sim(SimVerb::Record(args)) => runtime.block_on(sim::record::record(args, ctx)).map(|()| Exit::Done),
        Verb::Sim(SimVerb::Replay(args)) => runtime.block_on(sim::record::replay(args, ctx)).map(|()| Exit::Done),
        Verb::Contacts(verb) => {
            log::start_brief(ctx);
            let exit = runtime.block_on(contacts::run(*verb, ctx));
            runtime.shutdown_background();
            exit
        }
        Verb::Bench(verb) => {
            log::start_brief(ctx);
            let exit = runtime.block_on(bench::run(*verb, ctx));
            runtime.shutdown_background();
            exit
        }
        verb => {
            log::start_brief(ctx);
            let exit = runtime.block_on(async {
                tokio::select! {
                    exit = client_verb(verb, ctx) => exit,
                    _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
                }
            });
            runtime.shutdown_background(); // a blocking read of stdin must not hold us
            exit
        }
    }
}

async fn client_verb(verb: Verb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        Verb::Campaign(verb) => campaign::run(verb, ctx).await,
        Verb::Sequence(verb) => sequence::run(verb, ctx).await,
        Verb::Dnc(verb) => dnc::run(verb, ctx).await,
        Verb::Record(verb) => record::run(verb, ctx).await,
        Verb::Profiles(args::ProfilesVerb::Import(args)) => profiles::import(args, ctx).await,
        Verb::Request(verb) => request::run(verb, ctx).await,
        Verb::Events(args) => stream::events(args, ctx).await,
        Verb::Tap(args) => stream::tap(args, ctx).await,
        Verb::Send(args) => send::run(args, ctx).await,
        Verb::Encode(args) => text::encode(&args, ctx),
        Verb::Decode(args) => decode::run(&args, ctx),
        Verb::Kvcheck(args) => text::kvcheck(&args, ctx),
        Verb::Ladder(args) => ladder::run(&args, ctx),
        Verb::Ping(args) => ping::run(args, ctx).await,
        Verb::Doctor(args) => doctor::run(args, ctx).await,
        Verb::Key(verb) => access::key(verb, ctx).await,
        Verb::Audit(verb) => access::audit(verb, ctx).await,
        Verb::Config(args::ConfigVerb::Schema) => check_config::schema(ctx),
        Verb::Config(args::ConfigVerb::Show(args)) => config_show::run(&args, ctx),
        Verb::Completion(args) => shell::completion(&args, ctx),
        Verb::Man => shell::man(ctx),
        Verb::CheckConfig(args) => check_config::check(&args, ctx),
        Verb::Store(verb) => store::run(verb, ctx).await,
        Verb::Sim(SimVerb::Fault(verb)) => sim_fault::run(verb, ctx).await,
        Verb::Version => version(ctx),
        Verb::Sim(SimVerb::Scenarios(verb)) => sim::scenario::run(verb, ctx),
        Verb::Demo(_) | Verb::Serve(_) | Verb::Sim(_) | Verb::Contacts(_) | Verb::Bench(_) => {
            Err(CliError::internal("no verb of a client"))
        }
    }
}

fn version(ctx: &Ctx) -> Result<Exit, CliError> {
    let version = crate::http::dto::VersionDto {
        schema: "commdn.version.v1".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        framing: crate::wire::Dialect::default().framing.name().into(),
        compatibility: CLAIM.into(),
    };
    ctx.out.either(&version, || {
        format!("commdn {}\nframing {}\n{}", version.version, version.framing, version.compatibility)
    })?;
    Ok(Exit::Done)
}
