//! The configuration of a run: file, environment, flags.

use std::io::Read;
use std::path::Path;

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::cli::args::{GatewayArgs, RunArgs, SimArgs, origin_list};
use crate::cli::check_config::inspect;
use crate::cli::exit::CliError;
use crate::service::{Config, TserverSection};

/// The configuration of a long-running verb: `base`, then the file, then `COMMDN_SECTION__KEY`. Flags come after it,
/// by the `apply` functions; [`Config::check`] is for the caller.
///
/// # Errors
/// Exit 2 with file, line and column, or the name of the variable.
pub fn load(base: &Config, file: Option<&Path>) -> Result<Config, CliError> {
    let internal = |error: toml::ser::Error| CliError::internal(error.to_string());
    let mut table = Table::try_from(base).map_err(internal)?;
    if let Some(file) = file {
        let text = read_text(file)?;
        if let Some(first) = inspect(&text).1.first() {
            let message = format!("{}:{}:{}: {}", file.display(), first.line, first.column, first.message);
            let hint = first.hint.clone().unwrap_or_else(|| format!("see `commdn check-config {}`", file.display()));
            return Err(CliError::usage(message).hint(hint));
        }
        let read: Table = toml::from_str(&text).map_err(|error| CliError::usage(error.message().to_owned()))?;
        merge(&mut table, read);
    }
    let mut variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("COMMDN_") && name.contains("__"))
        .collect();
    variables.sort();
    let schema = Config::json_schema();
    for (name, value) in &variables {
        set_from_environment(&mut table, &schema, name, value)
            .map_err(|why| CliError::usage(format!("{name}: {why}")))?;
    }
    Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        CliError::usage(format!("the configuration cannot be used: {}", error.message()))
    })
}

impl RunArgs {
    /// Flags win.
    pub fn apply(&self, config: &mut Config) {
        if let Some(log) = &self.log {
            config.telemetry.log.clone_from(log);
        }
        if let Some(bytes) = self.list_bytes_max {
            config.sim.list_bytes_max = bytes;
            for tserver in &mut config.tserver {
                tserver.list_bytes_max = bytes;
            }
        }
    }
}

impl GatewayArgs {
    /// Flags win.
    pub fn apply(&self, config: &mut Config) {
        if let Some(http) = &self.http {
            config.http.addr.clone_from(http);
        }
        if let Some(addr) = &self.listen_tserver {
            config.gateway.listen_tserver = Some(addr.clone());
        }
        config.http.insecure_plaintext |= self.insecure_plaintext;
        if let Some(origin) = &self.origin {
            config.origin.pool.clone_from(&origin.0);
        }
        if let Some(data) = &self.data {
            config.store.path = Some(data.clone());
        }
    }
}

impl SimArgs {
    /// Flags win.
    pub fn apply(&self, config: &mut Config) {
        if let Some(topology) = &self.topology {
            config.sim.topology = Some(topology.display().to_string());
        }
        if let Some(profile) = &self.profile {
            config.sim.profile = Some(profile.clone());
        }
        if self.no_echo {
            config.sim.echo_to_sender = false;
        }
    }
}

/// `--tserver` of `serve`: the address to dial, in place of the first T-Server's primary and backup.
pub fn dial(config: &mut Config, address: &str) {
    match config.tserver.first_mut() {
        Some(first) => {
            address.clone_into(&mut first.primary);
            first.backup = None;
        }
        None => {
            let name = config.dn.first().map_or_else(|| "tserver".to_owned(), |dn| dn.tserver.clone());
            config.tserver.push(TserverSection::new(&name, address));
        }
    }
}

/// A whole text file; `-` is stdin.
pub(crate) fn read_text(file: &Path) -> Result<String, CliError> {
    let bytes = read_bytes(file)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::usage(format!("{}: expected UTF-8, found another byte at offset {at}", file.display()))
    })
}

/// A whole file; `-` is stdin.
pub(crate) fn read_bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(file).map(|found| bytes = found)
    };
    let name = if file.as_os_str() == "-" { "stdin".into() } else { file.display().to_string() };
    read.map_err(|error| CliError::usage(format!("{name} cannot be read: {error}")))?;
    Ok(bytes)
}

fn merge(table: &mut Table, from: Table) {
    for (key, value) in from {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// What a key that the schema does not have may have meant.
pub(crate) fn unknown_key(found: &str, schema: &Json) -> (String, Option<String>) {
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Json::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let nearest = known.iter().map(|known| (distance(found, known), *known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 1 + found.chars().count() / 3 => (
            format!("unknown key '{found}', the nearest known key is '{nearest}'"),
            Some(format!("did you mean {nearest}?")),
        ),
        _ => (format!("unknown key '{found}'"), (!known.is_empty()).then(|| format!("known are {}", known.join(", ")))),
    }
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (n, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[n + 1];
            row[n + 1] = changed.min(row[n] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// Follows references to where the schema is written down.
pub(crate) fn resolve<'s>(schema: &'s Json, root: &'s Json) -> &'s Json {
    let inner = ["allOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.get(0)).unwrap_or(schema);
    let target = inner.get("$ref").and_then(Json::as_str).and_then(|path| root.pointer(path.trim_start_matches('#')));
    target.unwrap_or(inner)
}

/// Puts one variable into the tree, as the kind of value that the schema asks for.
fn set_from_environment(table: &mut Table, root: &Json, name: &str, text: &str) -> Result<(), String> {
    let path = name.trim_start_matches("COMMDN_").to_ascii_lowercase();
    let mut words = path.split("__").peekable();
    let (mut schema, mut into) = (resolve(root, root), table);
    loop {
        let key = words.next().unwrap_or_default();
        let Some(child) = schema.get("properties").and_then(|properties| properties.get(key)) else {
            let (message, hint) = unknown_key(key, schema);
            return Err(hint.map_or(message.clone(), |hint| format!("{message} ({hint})")));
        };
        schema = resolve(child, root);
        if words.peek().is_none() {
            into.insert(key.to_owned(), typed(schema, key, text)?);
            return Ok(());
        }
        let items = schema.get("items");
        let entry = into.entry(key).or_insert_with(|| match items {
            Some(_) => Value::Array(Vec::new()),
            None => Value::Table(Table::new()),
        });
        let Some(items) = items else {
            into = entry.as_table_mut().ok_or(format!("expected a value, not a section, at {key}"))?;
            continue;
        };
        {
            let entries = entry.as_array_mut().ok_or(format!("expected entries at {key}"))?;
            let at = words.next().and_then(|word| word.parse::<usize>().ok()).filter(|at| *at <= entries.len());
            let at = at.ok_or(format!("expected the number of an entry, 0 to {}, behind {key}__", entries.len()))?;
            if at == entries.len() {
                entries.push(Value::Table(Table::new()));
            }
            schema = resolve(items, root);
            into = entries[at].as_table_mut().ok_or("expected a section")?;
        }
        if words.peek().is_none() {
            return Err("expected a key behind the section".into());
        }
    }
}

fn typed(schema: &Json, key: &str, text: &str) -> Result<Value, String> {
    let kind = schema.get("type");
    let is = |wanted: &str| match kind {
        Some(Json::String(word)) => word == wanted,
        Some(Json::Array(words)) => words.iter().any(|word| word == wanted),
        _ => false,
    };
    if is("string") {
        return Ok(Value::String(text.to_owned()));
    }
    if key == "pool" && !text.trim_start().starts_with('[') {
        let pool = origin_list(text)?.0;
        return Ok(Value::Array(pool.into_iter().map(|dbid| Value::Integer(dbid.into())).collect()));
    }
    let wanted = ["integer", "boolean", "array"].into_iter().find(|word| is(word)).unwrap_or("value");
    let value = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    let fits = |value: &Value| match wanted {
        "integer" => value.is_integer(),
        "boolean" => value.is_bool(),
        "array" => value.is_array(),
        _ => true,
    };
    value.filter(fits).ok_or_else(|| format!("expected {wanted}, found '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (from, to, wanted) in
            [("", "", 0), ("a", "", 1), ("primray", "primary", 2), ("htp", "http", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(from, to), distance(to, from)), (wanted, wanted), "{from} {to}");
        }
    }

    #[test]
    fn variables_have_the_kind_of_their_key() {
        let schema = Config::json_schema();
        let mut table = Table::new();
        for (name, value) in [
            ("COMMDN_HTTP__ADDR", "127.0.0.1:0"),
            ("COMMDN_GATEWAY__NAME", "123"),
            ("COMMDN_GATEWAY__SEND_REFERENCE_ID", "true"),
            ("COMMDN_LIMITS__ANSWER_MS", "500"),
            ("COMMDN_ORIGIN__POOL", "201-203"),
            ("COMMDN_TSERVER__0__NAME", "ts"),
            ("COMMDN_TSERVER__0__PRIMARY", "h:1"),
            ("COMMDN_TSERVER__0__DIALECT__CHARSET", "gbk"),
            ("COMMDN_SIM__PROFILE", "strict"),
        ] {
            set_from_environment(&mut table, &schema, name, value).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        let config: Config = Value::Table(table).try_into().unwrap();
        assert_eq!(config.http.addr, "127.0.0.1:0");
        assert_eq!(config.gateway.name, "123");
        assert!(config.gateway.send_reference_id);
        assert_eq!(config.limits.answer_ms, 500);
        assert_eq!(config.origin.pool, [201, 202, 203]);
        assert_eq!((config.tserver[0].primary.as_str(), config.tserver[0].dialect.charset.as_str()), ("h:1", "gbk"));
        assert_eq!(config.sim.profile.as_deref(), Some("strict"));
    }

    #[test]
    fn variables_that_fit_nothing_are_refused() {
        let schema = Config::json_schema();
        for (name, value) in [
            ("COMMDN_HTPP__ADDR", "x"),
            ("COMMDN_HTTP__ADR", "x"),
            ("COMMDN_LIMITS__ANSWER_MS", "soon"),
            ("COMMDN_TSERVER__7__NAME", "ts"),
            ("COMMDN_TSERVER__0", "ts"),
            ("COMMDN_HTTP__ADDR__MORE", "x"),
        ] {
            assert!(set_from_environment(&mut Table::new(), &schema, name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn layers_are_merged_key_by_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[http]\nallowed_hosts = [\"gw\"]\n[limits]\nanswer_ms = 7\n").unwrap();
        let mut base = Config::default();
        base.http.addr = "127.0.0.1:1".into();
        base.origin.pool = vec![201];
        let mut config = load(&base, Some(file.path())).unwrap();
        assert_eq!((config.http.addr.as_str(), config.limits.answer_ms), ("127.0.0.1:1", 7));
        assert_eq!((config.origin.pool.as_slice(), config.http.allowed_hosts.len()), (&[201][..], 1));
        let flags = GatewayArgs {
            http: Some("127.0.0.1:2".into()),
            origin: Some(origin_list("299").unwrap()),
            ..GatewayArgs::default()
        };
        flags.apply(&mut config);
        dial(&mut config, "127.0.0.1:7000");
        assert_eq!((config.http.addr.as_str(), config.origin.pool.as_slice()), ("127.0.0.1:2", &[299][..]));
        assert_eq!(config.tserver[0].primary, "127.0.0.1:7000");
    }
}
