-- Sequences that the gateway runs. Times are milliseconds since 1970 UTC.

-- A lease has one holder at a time; epoch goes up with every new one. expires_at is by the clock of the database.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- plan is JSON: steps with DBIDs and moments, names looked up; source is the file as it was given. run_by is gateway or ocs.
CREATE TABLE sequences (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    run_by TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    plan TEXT NOT NULL,
    source TEXT NOT NULL,
    idempotency_key TEXT,
    body_sha256 BLOB,
    stop_asked_at INTEGER,
    stop_asked_by TEXT,
    ended_at INTEGER,
    result TEXT
) STRICT;
CREATE UNIQUE INDEX sequences_key ON sequences (asked_by, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX sequences_open ON sequences (number) WHERE ended_at IS NULL;

-- What happened, in order: intents before they are sent, outcomes, ends of steps. epoch is that of the lease which wrote it.
CREATE TABLE sequence_log (
    sequence INTEGER NOT NULL REFERENCES sequences (number) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    step INTEGER NOT NULL,
    what TEXT NOT NULL,
    act TEXT,
    attempt INTEGER,
    result TEXT,
    code INTEGER,
    request INTEGER,
    detail TEXT,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (sequence, n)
) STRICT, WITHOUT ROWID;
