//! The forms of D in the OpenAPI document, made of the one table of fields.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::contact::dialler::{Release, schema};

/// A contact as requests give it.
pub(super) struct DiallerContact;

/// Contacts as answers show them.
pub(super) struct DiallerContacts;

/// Errors of D.
pub(super) struct DiallerError;

fn parsed(schema: Value) -> RefOr<Schema> {
    RefOr::T(serde_json::from_value(schema).unwrap_or_default())
}

fn fields() -> Map<String, Value> {
    schema(Release::R3_19).into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

impl PartialSchema for DiallerContact {
    fn schema() -> RefOr<Schema> {
        let what = "Name, a campaign by number or name, and one of the phones must be there";
        parsed(json!({"type": "object", "required": ["Name"], "description": what, "properties": fields()}))
    }
}

impl ToSchema for DiallerContact {
    fn name() -> Cow<'static, str> {
        "DiallerContact".into()
    }
}

impl PartialSchema for DiallerContacts {
    fn schema() -> RefOr<Schema> {
        let mut properties = fields();
        properties.insert("DiallerContactsID".into(), json!({"type": "integer"}));
        let record = json!({"type": "object", "properties": properties, "additionalProperties": true});
        parsed(json!({"type": "object", "properties": {
            "records": {"type": "array", "items": record},
            "count": {"type": "integer"}, "status": {"type": "integer"}}}))
    }
}

impl ToSchema for DiallerContacts {
    fn name() -> Cow<'static, str> {
        "DiallerContacts".into()
    }
}

impl PartialSchema for DiallerError {
    fn schema() -> RefOr<Schema> {
        parsed(json!({"type": "object", "properties": {"status": {"type": "integer"}, "error": {"type": "string"}}}))
    }
}

impl ToSchema for DiallerError {
    fn name() -> Cow<'static, str> {
        "DiallerError".into()
    }
}
