//! Parameters of flags and of a configuration file in the loader's words. No error repeats a value of the file: a secret
//! may stand in it.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::cli::args::OtherSystemArgs;
use crate::cli::client::Ctx;
use crate::cli::exit::CliError;
use crate::contact::genesys_cloud::Parameters;
use crate::service::push::Account;

/// Where the secret may stand besides a file.
const SECRET_VARIABLE: &str = "COMMDN_GC_CLIENT_SECRET";

/// Flags over the file that `--config` names.
pub(super) fn read(other: &OtherSystemArgs, flags: Parameters, ctx: &Ctx) -> Result<Parameters, CliError> {
    let flags = Parameters {
        region: other.region.clone(),
        client_id: other.client_id.clone(),
        client_secret_file: other.client_secret_file.clone(),
        contact_list_id: other.list_id.clone(),
        ..flags
    };
    let file = other.config.as_deref().map(|file| config(file, ctx)).transpose()?.unwrap_or_default();
    Ok(flags.over(file).without_empty())
}

/// Reads a configuration file: JSON when it begins like it, else TOML.
pub(super) fn config(file: &Path, ctx: &Ctx) -> Result<Parameters, CliError> {
    let wrong = |why: String| CliError::usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let parameters: Parameters = if text.trim_start().starts_with('{') {
        let place = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
        serde_json::from_str(&text)
            .map_err(|error| wrong(format!("{}: {}", place(&error), words(&error.to_string()))))?
    } else {
        let line = |error: &toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            before.matches('\n').count() + 1
        };
        toml::from_str(&text).map_err(|error| wrong(format!("line {}: {}", line(&error), words(error.message()))))?
    };
    if parameters.client_secret.is_some() && is_open(file) {
        ctx.out.hint(&format!("{} holds a secret and others may read it: chmod 600", file.display()));
    }
    Ok(parameters)
}

/// What a parser says, unless it may repeat a value.
fn words(error: &str) -> &str {
    let error = error.split(" at line ").next().unwrap_or_default();
    if error.starts_with("unknown field") || error.starts_with("missing field") {
        return error;
    }
    "a value or a form that does not fit its key"
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_file: &Path) -> bool {
    false
}

/// Who we are: the secret comes from its file, else the environment, else the configuration file.
pub(super) fn account(parameters: &Parameters) -> Result<Account, CliError> {
    let required = |name: &str, flag: &str| CliError::usage(format!("{name} is required")).hint(flag.to_owned());
    let client_id = parameters.client_id.clone().ok_or_else(|| required("client_id", "give it with --client-id"))?;
    let of_environment = || std::env::var(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty());
    let secret = match &parameters.client_secret_file {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| CliError::usage(format!("{}: {error}", file.display())))?;
            Some(SecretString::from(text.trim()))
        }
        None => of_environment().map(SecretString::from).or_else(|| parameters.client_secret.clone()),
    };
    let secret = secret.filter(|secret| !secret.expose_secret().is_empty());
    let hint = "name a file with --client-secret-file, or set COMMDN_GC_CLIENT_SECRET";
    Ok(Account { client_id, secret: secret.ok_or_else(|| required("a client secret", hint))? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::output::Output;

    #[test]
    fn no_error_of_a_configuration_file_repeats_a_value() {
        let global = <Cli as clap::Parser>::try_parse_from(["commdn", "version"]).unwrap().global;
        let ctx = Ctx { global, out: Output { quiet: true, ..Output::default() } };
        let folder = tempfile::tempdir().unwrap();
        for (name, text, wanted) in [
            ("a.json", r#"{"client_secret": ["s3cret"]}"#, "line 1"),
            ("b.toml", "region = \"x\"\nclient_secret = [\"s3cret\"]\n", "line 2"),
            ("c.toml", "client_secret = s3cret\n", "line 1"),
            ("d.json", r#"{"colum_names": ["s3cret"]}"#, "colum_names"),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            let error = config(&file, &ctx).unwrap_err().message;
            assert!(!error.contains("s3cret") && error.contains(wanted), "{error}");
        }
        let file = folder.path().join("good.toml");
        std::fs::write(&file, "region = \"eu-west-1\"\nphone_columns = [{ column = \"p\", type = \"cell\" }]\n")
            .unwrap();
        assert_eq!(config(&file, &ctx).unwrap().phone_columns.unwrap()[0].kind, "cell");
    }
}
