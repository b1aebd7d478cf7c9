//! The forms of C in the OpenAPI document.

use serde_json::{Value, json};

use crate::http::routes::forms::form;

fn attributes() -> Value {
    json!({"type": "array", "items": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "description": "A letter, then letters, digits, underscores; at most 26"},
        "type": {"type": "string", "enum": ["string", "integer", "number", "boolean", "date", "datetime"]},
        "length": {"type": "integer", "description": "Characters"},
        "mandatory": {"type": "boolean"},
        "default": {"description": "Where no value is given"}}}})
}

fn number(what: &str) -> Value {
    json!({"type": "integer", "description": what})
}

form! {
    /// `description`
    ProfilesImport = json!({"type": "object", "required": ["profiles"],
        "description": "Numbers and booleans may be texts",
        "properties": {
            "format": {"type": "string", "enum": ["CSV"]},
            "profiles": {"type": "string", "description": "The file, below the import folder; C:/profiles.csv is profiles.csv"},
            "id-key": {"type": "string", "description": "Identification key; profiles that exist are skipped"},
            "delimiter": {"type": "string", "description": "One character, or \\t; default ,"},
            "max-errors": number("Errors that are allowed; default: any number"),
            "encoding": {"type": "string", "description": "Default UTF-8"},
            "start-from-index": number("First record to import, from 1"),
            "create-log": {"type": "boolean", "description": "Writes FILE.log"}}})
}

form! {
    /// The same as the first part of a form.
    ProfilesImportForm = json!({"type": "object", "required": ["description"],
        "properties": {"description": {"$ref": "#/components/schemas/ProfilesImport"}}})
}

form! {
    /// What became of an import.
    ProfilesImported = json!({"type": "object", "properties": {
        "imported": number("Profiles that came"), "skipped": number("Profiles that were there"),
        "failed": number("Records with an error"), "not-reached": number("Records behind the stop"),
        "last-index": number("The last record that was looked at"),
        "truncated": {"type": "boolean", "description": "The lists hold no more than 10,000 entries together"},
        "errors": {"type": "array", "items": {"type": "object", "properties": {
            "index": number("Record, from 1"), "line": number("Line of the file"),
            "code": {"type": "string",
                "enum": ["parse", "type", "ragged", "ambiguous", "too-long", "bad-encoding", "nul-byte"]},
            "attribute": {"type": "string"}, "message": {"type": "string"}}}},
        "skipped-records": {"type": "array", "items": {"type": "object", "properties": {
            "index": number("Record, from 1"), "line": number("Line of the file"),
            "customer-id": {"type": "string"}}}}}})
}

form! {
    /// Errors of C.
    ProfilesFault = json!({"type": "object",
        "properties": {"code": number("The status"), "message": {"type": "string"}}})
}

form! {
    /// Attributes of profiles.
    ProfileSchema = json!({"type": "object", "required": ["attributes"], "properties": {"attributes": attributes()}})
}

form! {
    /// An extension.
    ProfileExtension = json!({"type": "object", "required": ["name", "type"], "properties": {
        "name": {"type": "string"}, "type": {"type": "string", "enum": ["single-valued", "multi-valued"]},
        "unique": {"type": "array", "items": {"type": "string"}}, "attributes": attributes()}})
}

form! {
    /// A key.
    IdentificationKey = json!({"type": "object", "required": ["name", "attributes"], "properties": {
        "name": {"type": "string"}, "source": {"type": "string", "description": "profile, or an extension"},
        "attributes": {"type": "array", "items": {"type": "string"}}, "unique": {"type": "boolean"}}})
}

form! {
    /// Profiles as answers show them.
    Profile = json!({"type": "object", "properties": {"customer_id": {"type": "string"}}, "additionalProperties": true})
}
