//! The forms of B in the OpenAPI document.

use serde_json::{Value, json};

use crate::http::routes::forms::form;

fn text() -> Value {
    json!({"type": "string"})
}

fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

fn whole() -> Value {
    json!({"type": "integer"})
}

fn yes_no() -> Value {
    json!({"type": "boolean"})
}

fn page(of: &Value) -> Value {
    json!({"type": "object", "properties": {"entities": {"type": "array", "items": of}, "pageSize": whole(),
        "after": text(), "nextUri": text(), "selfUri": text()}})
}

fn settings() -> Value {
    json!({"type": "object", "required": ["name"], "properties": {"id": text(), "name": text(),
        "matchingCriteria": {"type": "array", "items": {"type": "string", "enum": ["Email", "Phone"]}},
        "mergeContacts": yes_no(), "externalSourceId": text(),
        "importFields": {"type": "array", "items": {"type": "object", "required": ["name"],
            "properties": {"name": text(), "included": yes_no()}}},
        "dateCreated": text(), "dateModified": text(), "selfUri": text()}})
}

fn csv_settings() -> Value {
    json!({"type": "object", "required": ["externalSettingsId"], "properties": {"id": text(),
        "externalSettingsId": text(),
        "mappings": {"type": "array", "items": {"type": "object", "required": ["sourceField", "targetField"],
            "properties": {"sourceField": text(), "targetField": text()}}},
        "dateCreated": text(), "dateModified": text(), "selfUri": text()}})
}

fn source() -> Value {
    json!({"type": "object", "required": ["name"], "properties": {"id": text(), "name": text(), "version": whole(),
        "active": yes_no(), "linkConfiguration": {"type": "object"}, "dateCreated": text(), "dateModified": text(),
        "selfUri": text()}})
}

fn job() -> Value {
    let metadata = json!({"type": "object", "properties": {"fileName": text(), "dryRunFailedCount": whole(),
        "dryRunSuccessCount": whole(), "dryRunReportDownloadUrl": text(), "importFailedCount": whole(),
        "importSuccessCount": whole(), "importReportDownloadUrl": text()}});
    json!({"type": "object", "properties": {"id": text(),
        "status": {"type": "string", "enum": ["Created", "Running", "Completed", "Failed", "Cancelled"]},
        "executionStep": {"type": "string", "enum": ["Validating", "Validated", "Importing"]},
        "metadata": metadata, "settings": settings(), "division": {}, "statusDetails": text(), "dateCreated": text(),
        "selfUri": text()}})
}

form! {
    /// Announces a file.
    ExternalContactsUpload = json!({"type": "object", "required": ["fileName"],
        "properties": {"fileName": text(), "fileSize": whole()}})
}

form! {
    /// Where a file goes.
    ExternalContactsUploadAnswer = json!({"type": "object", "properties": {"uploadId": text(), "uploadUrl": text(),
        "uploadHeaders": {"type": "array", "items": {"type": "object",
            "properties": {"name": text(), "value": text()}}}}})
}

form! {
    /// What is to be said about a file.
    ExternalContactsDetails = json!({"type": "object", "properties": {"uploadId": text(), "fileName": text(),
        "validationResult": {"type": "object", "properties": {"separatorValid": yes_no(),
            "fileEncodingValid": yes_no(), "errors": {"type": "array", "items": {"type": "object",
                "properties": {"lineNumber": whole(), "message": text()}}}}}}})
}

form! {
    /// The first rows of a file.
    ExternalContactsPreview = json!({"type": "object", "properties": {"uploadId": text(), "headers": texts(),
        "entries": {"type": "array", "items": texts()}}})
}

form! {
    /// Settings of an import.
    ExternalContactsSettings = settings()
}

form! {
    /// Settings, a page of them.
    ExternalContactsSettingsPage = page(&settings())
}

form! {
    /// Where columns go.
    ExternalContactsCsvSettings = csv_settings()
}

form! {
    /// Csv settings, a page of them.
    ExternalContactsCsvSettingsPage = page(&csv_settings())
}

form! {
    /// An external source.
    ExternalContactsSource = source()
}

form! {
    /// External sources, a page of them.
    ExternalContactsSourcePage = page(&source())
}

form! {
    /// Asks for a job.
    ExternalContactsNewJob = json!({"type": "object", "required": ["settingsId"], "properties": {"uploadId": text(),
        "settingsId": text(), "division": {}}})
}

form! {
    /// A job that was made.
    ExternalContactsImport = json!({"type": "object", "properties": {"job": {"type": "object",
        "properties": {"id": text(), "selfUri": text()}}}})
}

form! {
    /// A job.
    ExternalContactsJob = job()
}

form! {
    /// Jobs, a page of them.
    ExternalContactsJobPage = page(&job())
}

form! {
    /// Moves a job on.
    ExternalContactsJobChange = json!({"type": "object", "required": ["status"], "properties": {"jobId": text(),
        "status": {"type": "string", "enum": ["Continue", "Cancel", "Retry"]}, "selfUri": text()}})
}

form! {
    /// An error.
    ExternalContactsError = json!({"type": "object", "properties": {"message": text(), "code": text(), "status": whole(),
        "messageWithParams": text(), "messageParams": {"type": "object", "additionalProperties": text()},
        "contextId": text(), "details": {"type": "array", "items": {"type": "object", "properties": {
            "errorCode": text(), "fieldName": text(), "entityId": text(), "entityName": text()}}},
        "errors": {"type": "array", "items": {"type": "object"}},
        "limit": {"type": "object", "properties": {"key": text(), "value": whole()}}}})
}
