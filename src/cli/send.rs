//! `send`: one raw request under a DBID that is not the gateway's own.

use std::io::Read;

use reqwest::Method;

use crate::cli::args::SendArgs;
use crate::cli::client::{Asked, Client, Ctx, print_dry_run};
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{SendBody, SendDto};

/// Runs `send`.
///
/// # Errors
/// What the gateway refused, or why it cannot be reached.
pub(super) async fn run(args: SendArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let client = Client::new(&ctx.global)?;
    let mut message = args.message.join(" ");
    if message == "-" {
        message.clear();
        let read = std::io::stdin().read_to_string(&mut message);
        read.map_err(|error| CliError::usage(format!("stdin: {error}")))?;
    }
    let message = message.trim().to_owned();
    let body = SendBody { message, origin: args.origin, target: args.target, dn: args.dn };
    match client.ask::<SendDto>(Method::POST, &["v1", "send"], &body).await? {
        Asked::Dry(dry) => {
            print_dry_run(&ctx.out, &dry)?;
            Ok(Exit::Done)
        }
        Asked::Done(answer) => {
            if ctx.out.json {
                ctx.out.document(&answer)?;
            } else {
                answer.events.iter().try_for_each(|event| ctx.out.line(event))?;
                ctx.out.note(&format!("{} events in {} ms", answer.events.len(), answer.took_ms));
            }
            Ok(exit_of(&answer, ctx))
        }
    }
}

fn exit_of(answer: &SendDto, ctx: &Ctx) -> Exit {
    let errors = answer.events.iter().filter(|event| event.contains("CM_EvError")).count();
    match (answer.events.len(), errors) {
        (0, _) if ctx.global.no_wait => Exit::Done,
        (0, _) => {
            ctx.out.hint("OCS is silent to applications it does not know: check the origin, the target and the DN");
            Exit::Unknown
        }
        (_, 0) => Exit::Done,
        (all, errors) if errors == all => Exit::Refused,
        _ => Exit::Partial,
    }
}
