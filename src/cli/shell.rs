//! `completion` and `man`: made from the words of the command line themselves.

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionArgs};
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};

/// Prints the completion script of a shell.
///
/// # Errors
/// stdout cannot be written.
pub(super) fn completion(args: &CompletionArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "commdn", &mut script);
    print("commdn.completion.v1", &script, ctx)
}

/// Prints the manual page: the program, then each verb.
///
/// # Errors
/// stdout cannot be written.
pub(super) fn man(ctx: &Ctx) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page).map_err(|error| CliError::internal(error.to_string()))?;
    print("commdn.man.v1", &page, ctx)
}

fn render(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(page)?;
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        render(child, page)?;
    }
    Ok(())
}

fn print(schema: &str, text: &[u8], ctx: &Ctx) -> Result<Exit, CliError> {
    if ctx.out.json {
        ctx.out.document(&serde_json::json!({ "schema": schema, "text": String::from_utf8_lossy(text) }))?;
    } else {
        ctx.out.bytes(text)?;
    }
    Ok(Exit::Done)
}
