//! `config show`: what a gateway would run with, secrets left out.

use serde_json::Value;

use crate::cli::args::ConfigShowArgs;
use crate::cli::client::Ctx;
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::engine::topology::Topology;
use crate::service::{Config, config_of_site};

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

/// Prints defaults, file and environment as one configuration.
///
/// # Errors
/// Exit 2 for a configuration that cannot be read.
pub(super) fn run(args: &ConfigShowArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    // As `serve` does it.
    let base = match args.config {
        Some(_) => Config::default(),
        None => config_of_site(&Topology::demo(), crate::cli::run::SIM_ADDR),
    };
    let settings = config::load(&base, args.config.as_deref())?;
    let internal = |error: &dyn std::fmt::Display| CliError::internal(error.to_string());
    let mut shown = serde_json::to_value(&settings).map_err(|error| internal(&error))?;
    hide("", &mut shown);
    if ctx.out.json {
        shown["schema"] = "commdn.config.v1".into();
        ctx.out.document(&shown)?;
    } else {
        without_nulls(&mut shown);
        let text = toml::to_string_pretty(&shown).map_err(|error| internal(&error))?;
        ctx.out.line(text.trim_end())?;
    }
    Ok(Exit::Done)
}

/// TOML has no word for what is absent.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Secrets by the name of their key, and passwords inside addresses. A file's name is no secret.
fn hide(key: &str, value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(key, member)| hide(key, member)),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| hide(key, entry)),
        Value::String(text) if is_secret(key) => HIDDEN.clone_into(text),
        Value::String(text) => {
            if let Some((scheme, rest)) = text.split_once("://")
                && let Some((before, host)) = rest.split_once('@')
                && let Some((user, _)) = before.split_once(':')
            {
                *text = format!("{scheme}://{user}:{HIDDEN}@{host}");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_secret(key: &str) -> bool {
    let names_a_file = key.ends_with("_file") || key.ends_with("_files");
    let words = ["password", "secret", "token", "passphrase", "private_key", "api_key"];
    !names_a_file && words.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_by_name_and_in_addresses() {
        let mut value = json!({
            "tserver": [{"password_file": "/etc/x", "password": "1234", "primary": "h:1"}],
            "store": {"url": "postgres://commdn:1234@db/commdn", "path": "/var/lib/x"},
            "auth": {"tokens": ["1234", "5678"], "jwks_url": "https://id/keys"},
        });
        hide("", &mut value);
        let wanted = json!({
            "tserver": [{"password_file": "/etc/x", "password": HIDDEN, "primary": "h:1"}],
            "store": {"url": format!("postgres://commdn:{HIDDEN}@db/commdn"), "path": "/var/lib/x"},
            "auth": {"tokens": [HIDDEN, HIDDEN], "jwks_url": "https://id/keys"},
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_configuration() {
        let config = config_of_site(&Topology::demo(), "127.0.0.1:7000");
        let mut value = serde_json::to_value(&config).unwrap();
        hide("", &mut value);
        without_nulls(&mut value);
        let text = toml::to_string_pretty(&value).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }
}
