//! The forms of A in the OpenAPI document.

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

fn phones() -> Value {
    json!({"type": "array", "items": {"type": "object", "required": ["columnName"],
        "properties": {"columnName": text(), "type": text(), "callableTimeColumn": text()}}})
}

fn list() -> Value {
    let spec = json!({"type": "object", "properties": {"columnName": text(),
        "columnDataType": {"type": "string", "enum": ["NUMERIC", "TEXT", "TIMESTAMP", "DATETIME"]},
        "min": {"type": "number"}, "max": {"type": "number"}, "maxLength": whole()}});
    json!({"type": "object", "required": ["name", "columnNames", "phoneColumns"], "properties": {
        "id": text(), "name": text(), "version": whole(), "size": whole(), "columnNames": texts(),
        "phoneColumns": phones(), "emailColumns": phones(), "whatsAppColumns": phones(),
        "previewModeColumnName": text(), "previewModeAcceptedValues": texts(), "attemptLimits": {"type": "object"},
        "automaticTimeZoneMapping": yes_no(), "zipCodeColumnName": text(), "timeZone": text(),
        "columnDataTypeSpecifications": {"type": "array", "items": spec}, "trimWhitespace": yes_no(),
        "retentionType": {"type": "string", "enum": ["Never", "Today", "RetentionDays"]}, "retentionDays": whole(),
        "division": {"type": "object"}, "importStatus": status(), "dateCreated": text(), "dateModified": text(),
        "selfUri": text()}})
}

fn status() -> Value {
    json!({"type": "object", "properties": {"state": {"type": "string", "enum": ["IN_PROGRESS", "COMPLETED", "FAILED"]},
        "totalRecords": whole(), "completedRecords": whole(), "percentComplete": whole(), "failureReason": text(),
        "targetContactListIds": texts()}})
}

fn contact() -> Value {
    let callable = json!({"type": "object", "properties": {"callable": yes_no()}});
    json!({"type": "object", "required": ["data"], "properties": {"id": text(), "contactListId": text(),
        "data": {"type": "object", "additionalProperties": text()}, "callable": yes_no(),
        "phoneNumberStatus": {"type": "object", "additionalProperties": callable}, "dateCreated": text(),
        "selfUri": text()}})
}

fn criteria() -> Value {
    let join = json!({"type": "string", "enum": ["AND", "OR"]});
    let range = json!({"type": "object", "properties": {"min": text(), "max": text(), "minInclusive": yes_no(),
        "maxInclusive": yes_no(), "inSet": texts()}});
    let operators = json!([
        "EQUALS",
        "LESS_THAN",
        "LESS_THAN_EQUALS",
        "GREATER_THAN",
        "GREATER_THAN_EQUALS",
        "CONTAINS",
        "BEGINS_WITH",
        "ENDS_WITH",
        "BEFORE",
        "AFTER",
        "BETWEEN",
        "IN"
    ]);
    let predicate = json!({"type": "object", "properties": {"column": text(),
        "columnType": {"type": "string", "enum": ["numeric", "alphabetic"]},
        "operator": {"type": "string", "enum": operators}, "value": text(), "range": range, "inverted": yes_no()}});
    let predicates = json!({"type": "array", "items": predicate});
    let clause = json!({"type": "object", "properties": {"filterType": join, "predicates": predicates}});
    json!({"type": "object", "properties": {"filterType": join, "clauses": {"type": "array", "items": clause}}})
}

fn page(of: &Value) -> Value {
    json!({"type": "object", "properties": {"entities": {"type": "array", "items": of}, "pageSize": whole(),
        "pageNumber": whole(), "total": whole(), "pageCount": whole(), "contactsCount": whole(), "firstUri": text(),
        "lastUri": text(), "nextUri": text(), "previousUri": text(), "selfUri": text()}})
}

fn job() -> Value {
    json!({"type": "object", "properties": {"id": text(),
        "state": {"type": "string", "enum": ["InProgress", "Complete", "Failed"]},
        "type": {"type": "string", "enum": ["BulkDelete", "BulkEdit"]}, "totalRecords": whole(),
        "completedRecords": whole(), "percentComplete": whole(), "failureReason": text(), "downloadURI": text(),
        "selfUri": text()}})
}

form! {
    /// A list.
    ContactList = list()
}

form! {
    /// Lists.
    ContactListPage = page(&list())
}

form! {
    /// A contact.
    ContactListContact = contact()
}

form! {
    /// Contacts.
    ContactListContacts = json!({"type": "array", "items": contact()})
}

form! {
    /// Contacts that were found.
    ContactListContactPage = page(&contact())
}

form! {
    /// Ids of contacts.
    ContactListIds = texts()
}

form! {
    /// A search.
    ContactListSearch = json!({"type": "object", "properties": {"criteria": criteria(), "pageNumber": whole(),
        "pageSize": whole(), "contactSorts": {"type": "array", "items": {"type": "object", "properties": {
            "fieldName": text(), "direction": {"type": "string", "enum": ["ASC", "DESC"]}, "numeric": yes_no()}}}}})
}

form! {
    /// A bulk change.
    ContactListBulk = json!({"type": "object", "properties": {"criteria": criteria(), "contactIds": texts(),
        "contact": contact(), "generateDownloadURI": yes_no()}})
}

form! {
    /// What became of a bulk change.
    ContactListJob = job()
}

form! {
    /// Bulk changes.
    ContactListJobs = json!({"type": "object", "properties": {"entities": {"type": "array", "items": job()}}})
}

form! {
    /// Asks for an address for a file.
    ContactListUpload = json!({"type": "object", "required": ["id"], "properties": {"id": text(),
        "contactIdName": text(), "contentType": text(), "signedUrlTimeoutSeconds": whole(), "clearSystemData": yes_no(),
        "fileName": text(), "contentLength": whole()}})
}

form! {
    /// Where a file goes.
    ContactListUploadAnswer = json!({"type": "object", "properties": {"url": text(), "uploadKey": text(),
        "headers": {"type": "object", "additionalProperties": text()}}})
}

form! {
    /// A file as a form.
    ContactListForm = json!({"type": "object", "required": ["file", "id"], "properties": {
        "file": {"type": "string", "format": "binary"}, "fileType": {"type": "string", "enum": ["contactlist"]},
        "id": text(), "contact-id-name": text()}})
}

form! {
    /// How far an import is.
    ContactListStatus = status()
}

form! {
    /// Which contacts are exported.
    ContactListExport = json!({"type": "object", "properties": {"criteria": criteria(), "contactIds": texts()}})
}

form! {
    /// An export that has begun.
    ContactListExported = json!({"type": "object", "properties": {"id": text(), "name": text()}})
}

form! {
    /// An export that is ready.
    ContactListExportAnswer = json!({"type": "object", "properties": {"uri": text(), "exportTimestamp": text()}})
}

form! {
    /// A token.
    ContactListsToken = json!({"type": "object", "properties": {"access_token": text(), "token_type": text(),
        "expires_in": whole()}})
}

form! {
    /// No token.
    ContactListsTokenError = json!({"type": "object", "properties": {"error": text()}})
}

form! {
    /// An error.
    ContactListError = json!({"type": "object", "properties": {"message": text(), "code": text(), "status": whole(),
        "messageWithParams": text(), "messageParams": {"type": "object", "additionalProperties": text()},
        "contextId": text(), "details": {"type": "array", "items": {"type": "object", "properties": {
            "errorCode": text(), "fieldName": text(), "entityId": text(), "entityName": text()}}},
        "errors": {"type": "array", "items": {"type": "object"}},
        "limit": {"type": "object", "properties": {"key": text(), "value": whole()}}}})
}
