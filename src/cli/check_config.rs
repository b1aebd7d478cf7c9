//! `check-config` and `config schema`: what a file has wrong, with line and column.

use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde::Serialize;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::args::CheckConfigArgs;
use crate::cli::client::Ctx;
use crate::cli::config::{read_text, resolve, unknown_key};
use crate::cli::exit::{CliError, Exit};
use crate::service::{Config, Severity};

/// Prints the JSON Schema.
///
/// # Errors
/// stdout cannot be written.
pub(super) fn schema(ctx: &Ctx) -> Result<Exit, CliError> {
    let schema = Config::json_schema();
    if ctx.out.json {
        ctx.out.document(&schema)?;
    } else {
        ctx.out.line(&serde_json::to_string_pretty(&schema).map_err(|error| CliError::internal(error.to_string()))?)?;
    }
    Ok(Exit::Done)
}

/// Checks a file: grammar, keys, types, then what it means.
///
/// # Errors
/// Exit 2 when the file cannot be used.
pub(super) fn check(args: &CheckConfigArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let text = read_text(&args.file)?;
    let name = args.file.display().to_string();
    let (config, mut findings) = inspect(&text);
    if let Some(config) = config {
        let place = Place::of(&text);
        findings = config.check().into_iter().map(|finding| place.locate(finding)).collect();
    }
    let errors = findings.iter().filter(|finding| finding.severity == "error").count();
    if ctx.out.json {
        ctx.out.document(&serde_json::json!({
            "schema": "commdn.check_config.v1", "file": name, "ok": errors == 0, "findings": findings,
        }))?;
    } else {
        for finding in &findings {
            ctx.out.stderr(&render(finding, &name, &text, ctx));
        }
        let warnings = findings.len() - errors;
        ctx.out.line(&match (errors, warnings) {
            (0, 0) => format!("{name}: ok"),
            (errors, warnings) => format!("{name}: errors {errors}, warnings {warnings}"),
        })?;
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

/// Something wrong in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Located {
    severity: &'static str,
    pub(crate) line: usize,
    pub(crate) column: usize,
    path: Option<String>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    #[serde(skip)]
    span: Range<usize>,
}

/// What a file has wrong in grammar, keys or types; the configuration when there is nothing.
pub(crate) fn inspect(text: &str) -> (Option<Config>, Vec<Located>) {
    let place = Place { text, tree: None };
    let bad = |error: &toml::de::Error| {
        let message = error.message().lines().next().unwrap_or_default();
        vec![place.at("error", error.span().unwrap_or(0..0), None, message.to_owned(), None)]
    };
    let tree = match DeTable::parse(text) {
        Ok(tree) => tree,
        Err(error) => return (None, bad(&error)),
    };
    let schema = Config::json_schema();
    let mut findings = Vec::new();
    against_schema(tree.get_ref(), &schema, &schema, "", &place, &mut findings);
    findings.sort_by_key(|finding| finding.span.start);
    if !findings.is_empty() {
        return (None, findings);
    }
    match toml::from_str(text) {
        Ok(config) => (Some(config), Vec::new()),
        Err(error) => (None, bad(&error)),
    }
}

/// Keys that the schema does not have, values of another kind, keys that are missing: all of them, not the first.
fn against_schema(
    table: &DeTable<'_>,
    schema: &Json,
    root: &Json,
    path: &str,
    place: &Place<'_>,
    findings: &mut Vec<Located>,
) {
    let schema = resolve(schema, root);
    for (key, value) in table {
        let name = key.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let Some(child) = schema.get("properties").and_then(|properties| properties.get(name.as_ref())) else {
            let (message, hint) = unknown_key(name, schema);
            findings.push(place.at("error", key.span(), Some(path), message, hint));
            continue;
        };
        value_against_schema(value, child, root, &path, place, findings);
    }
}

fn value_against_schema(
    value: &Spanned<DeValue<'_>>,
    schema: &Json,
    root: &Json,
    path: &str,
    place: &Place<'_>,
    findings: &mut Vec<Located>,
) {
    let schema = resolve(schema, root);
    if let Some(message) = wrong_kind(value.get_ref(), schema) {
        findings.push(place.at("error", value.span(), Some(path.to_owned()), format!("{path}: {message}"), None));
        return;
    }
    match value.get_ref() {
        DeValue::Table(table) => {
            let known = findings.len();
            against_schema(table, schema, root, path, place, findings);
            if findings.len() > known {
                return; // what is missing may be what is misspelt
            }
            let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
            for key in required.filter_map(Json::as_str).filter(|key| !table.contains_key(*key)) {
                let message = format!("{path}: the key '{key}' is missing");
                findings.push(place.at("error", value.span(), Some(path.to_owned()), message, None));
            }
        }
        DeValue::Array(values) => {
            let items = schema.get("items").unwrap_or(&Json::Null);
            for (at, value) in values.iter().enumerate() {
                value_against_schema(value, items, root, &format!("{path}[{at}]"), place, findings);
            }
        }
        _ => {}
    }
}

/// Why a value is not of the kind that the schema names; kinds that it does not name are left to the reader.
fn wrong_kind(value: &DeValue<'_>, schema: &Json) -> Option<String> {
    let kinds: Vec<&str> = match schema.get("type")? {
        Json::String(kind) => vec![kind],
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).filter(|kind| *kind != "null").collect(),
        _ => return None,
    };
    let found = match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    };
    let fits = kinds.contains(&found) || (found == "integer" && kinds.contains(&"number"));
    if !fits {
        let words = |kind: &str| if kind == "object" { "section".to_owned() } else { kind.to_owned() };
        let wanted = kinds.iter().map(|kind| words(kind)).collect::<Vec<_>>().join(" or ");
        return Some(format!("expected {wanted}, found {}", words(found)));
    }
    let DeValue::Integer(number) = value else { return None };
    let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
    let (low, high) = match schema.get("format").and_then(Json::as_str)? {
        "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        "uint8" => (0, i128::from(u8::MAX)),
        "uint16" => (0, i128::from(u16::MAX)),
        "uint32" => (0, i128::from(u32::MAX)),
        "uint" | "uint64" => (0, i128::from(i64::MAX)), // what TOML can write
        _ => return None,
    };
    (!(low..=high).contains(&number)).then(|| format!("expected {low} to {high}, found {number}"))
}

/// Where things stand in a text.
struct Place<'t> {
    text: &'t str,
    tree: Option<Spanned<DeTable<'t>>>,
}

impl<'t> Place<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, tree: DeTable::parse(text).ok() }
    }

    fn at(
        &self,
        severity: &'static str,
        span: Range<usize>,
        path: Option<String>,
        message: String,
        hint: Option<String>,
    ) -> Located {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Located { severity, line, column, path, message, hint, span }
    }

    fn locate(&self, finding: crate::service::Finding) -> Located {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let message = finding.to_string();
        self.at(severity, self.span(&finding.path), Some(finding.path), message, finding.hint)
    }

    /// The span of a path like `pair[0].campaign`, or of the nearest section around it.
    fn span(&self, path: &str) -> Range<usize> {
        let mut span = 0..0;
        let Some(tree) = &self.tree else { return span };
        let mut table = Some(tree.get_ref());
        for word in path.split('.') {
            let (key, index) = word.split_once('[').unwrap_or((word, ""));
            let found = table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
            let Some((name, mut value)) = found else { break };
            span = match value.get_ref() {
                DeValue::Table(_) | DeValue::Array(_) => name.span(),
                _ => value.span(),
            };
            if let Ok(at) = index.trim_end_matches(']').parse::<usize>() {
                let Some(entry) = value.get_ref().get(at) else { break };
                (value, span) = (entry, entry.span());
            }
            table = value.get_ref().as_table();
        }
        span
    }
}

fn render(finding: &Located, name: &str, text: &str, ctx: &Ctx) -> String {
    let severity = if finding.severity == "error" { miette::Severity::Error } else { miette::Severity::Warning };
    let headline = format!("{name}:{}:{}: {}", finding.line, finding.column, finding.message);
    let mut diagnostic = MietteDiagnostic::new(headline).with_severity(severity);
    if let Some(hint) = &finding.hint {
        diagnostic = diagnostic.with_help(hint);
    }
    if finding.span.end <= text.len() {
        diagnostic = diagnostic.with_label(LabeledSpan::at(finding.span.clone(), "here"));
    }
    let report = Report::new(diagnostic).with_source_code(NamedSource::new(name, text.to_owned()));
    let theme = if ctx.out.color { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).without_cause_chain().with_width(110);
    let mut rendered = String::new();
    match handler.with_wrap_lines(false).render_report(&mut rendered, report.as_ref()) {
        Ok(()) => rendered,
        Err(_) => format!("{name}:{}:{}: {}\n", finding.line, finding.column, finding.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_has_its_place_and_the_nearest_known_one() {
        let (config, findings) = inspect("[gateway]\nname = \"x\"\n\n[[tserver]]\nname = \"t\"\n  primray = \"h:1\"\n");
        assert!(config.is_none());
        let found: Vec<_> =
            findings.iter().map(|finding| (finding.line, finding.column, finding.path.as_deref())).collect();
        assert_eq!(found, [(6, 3, Some("tserver[0].primray"))]);
        assert!(findings[0].message.contains("'primary'"), "{}", findings[0].message);
    }

    #[test]
    fn unknown_keys_are_all_told() {
        let (_, findings) = inspect("[htp]\naddr = 1\n[limits]\nanswer = 5\n[zzzzzzzzzz]\n");
        let found: Vec<_> = findings.iter().map(|finding| (finding.line, finding.message.as_str())).collect();
        assert_eq!(found[0], (1, "unknown key 'htp', the nearest known key is 'http'"));
        assert_eq!(found[1].0, 4);
        assert_eq!(found[2], (5, "unknown key 'zzzzzzzzzz'"));
        assert!(findings[2].hint.as_deref().is_some_and(|hint| hint.contains("telemetry")));
    }

    #[test]
    fn grammar_and_types_have_their_place() {
        for (text, line) in [("[http]\naddr = ", 2), ("[origin]\npool = [\"a\"]", 2), ("[[ocs]]\nname = \"A\"\n", 1)] {
            let (config, findings) = inspect(text);
            assert!(config.is_none(), "{text}");
            assert_eq!(findings[0].line, line, "{text}: {findings:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = "[http]\naddr = 8080\n[limits]\nanswer_ms = -1\n[origin]\npool = [201, \"x\"]\n\
            [[ocs]]\ndbid = 99999999999\n[[ocs]]\ndbid = 1\n[htp]\n[gateway]\nsend_reference_id = \"yes\"\n";
        let (config, findings) = inspect(text);
        assert!(config.is_none());
        let found: Vec<_> = findings.iter().map(|it| (it.line, it.column, it.message.as_str())).collect();
        let wanted = [
            (2, 8, "http.addr: expected string, found integer"),
            (4, 13, "limits.answer_ms: expected 0 to 9223372036854775807, found -1"),
            (6, 14, "origin.pool[1]: expected integer, found string"),
            (8, 8, "ocs[0].dbid: expected -2147483648 to 2147483647, found 99999999999"),
            (9, 1, "ocs[1]: the key 'name' is missing"),
            (11, 2, "unknown key 'htp', the nearest known key is 'http'"),
            (13, 21, "gateway.send_reference_id: expected boolean, found string"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_finding_of_meaning_points_at_the_value() {
        let text = "[origin]\npool = [1,2,3,4,5,6,7,8]\n[[campaign]]\ndbid = 101\nname = \"a\"\nocs = 9\n";
        let place = Place::of(text);
        let config: Config = toml::from_str(text).unwrap();
        let found: Vec<_> = config.check().into_iter().map(|finding| place.locate(finding)).collect();
        let unknown = found.iter().find(|finding| finding.path.as_deref() == Some("campaign[0].ocs")).unwrap();
        assert_eq!((unknown.line, unknown.column), (6, 7));
    }
}
