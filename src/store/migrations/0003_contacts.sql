-- Contacts and imports. Times are milliseconds since 1970 UTC.

-- What an import knows of a list: settings are JSON; version 0 = made by a campaign and never opened by an import.
ALTER TABLE calling_lists ADD COLUMN uid TEXT;
ALTER TABLE calling_lists ADD COLUMN settings TEXT;
ALTER TABLE calling_lists ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calling_lists ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calling_lists ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calling_lists ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calling_lists ADD COLUMN next_record INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calling_lists ADD COLUMN last_job INTEGER;
CREATE UNIQUE INDEX calling_lists_uid ON calling_lists (uid) WHERE uid IS NOT NULL;

-- number is the order of creation, the integer that jtel shows, and the chain_id of the contact's chain; list 0 = none;
-- attributes a JSON object; phones a JSON array of [column, kind, index, raw, e164, extension, callable], e164 true = raw;
-- customer_id NULL = id; job made it, touched changed it last.
CREATE TABLE contacts (
    number INTEGER PRIMARY KEY,
    list INTEGER NOT NULL,
    id TEXT NOT NULL,
    callable INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    phones TEXT,
    external_ids TEXT,
    organisation INTEGER,
    customer_id TEXT,
    version INTEGER NOT NULL,
    job INTEGER,
    touched INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX contacts_id ON contacts (list, id);

-- Match keys other than (list, id), for the kinds that somebody has asked for.
CREATE TABLE indexed_keys (
    kind INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    done_to INTEGER NOT NULL,
    ready INTEGER NOT NULL
) STRICT;
CREATE TABLE contact_keys (
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    list INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, value, list, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE organisations (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    value TEXT NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL,
    job INTEGER,
    updated_at INTEGER NOT NULL,
    UNIQUE (source, value)
) STRICT;

-- The next contact, and the next job.
CREATE TABLE contact_numbers (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_contact INTEGER NOT NULL
) STRICT;
INSERT INTO contact_numbers VALUES (1, 1);

-- spec is what was asked for, progress what has become of it; both JSON.
CREATE TABLE import_jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    list INTEGER,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    cancelled_by TEXT,
    idempotency_key TEXT,
    spec TEXT NOT NULL,
    progress TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX import_jobs_key ON import_jobs (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX import_jobs_open ON import_jobs (number) WHERE state IN ('created', 'validating', 'validated', 'importing');

-- What was there before a job changed or deleted it; kind is changed, deleted (contacts) or organisation.
CREATE TABLE before_images (
    job INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_profiles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    profile TEXT NOT NULL,
    extra TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE import_uploads (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    file_name TEXT NOT NULL,
    announced INTEGER,
    bytes INTEGER,
    sha256 TEXT,
    created_at INTEGER NOT NULL,
    extra TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Found by phone, then by customer, before a record is made dialable.
CREATE INDEX gsw_donotcall_phone ON gsw_donotcall_list (phone) WHERE phone IS NOT NULL;
CREATE INDEX gsw_donotcall_customer ON gsw_donotcall_list (customer_id) WHERE customer_id IS NOT NULL;
