-- Times are microseconds since 1970 UTC unless a comment says seconds; durations are microseconds.
-- Columns of type ANY hold text, or bytes that are no UTF-8, exactly as they were given.

CREATE TABLE requests (
    number INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    campaign INTEGER,
    agent_group INTEGER,
    target INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    note TEXT,
    warnings TEXT,
    accepted_at INTEGER NOT NULL,
    deadline INTEGER,
    durable INTEGER NOT NULL,
    body BLOB NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    dead_at INTEGER,
    dead_reason TEXT,
    ended_at INTEGER,
    took INTEGER,
    result TEXT,
    why TEXT,
    reason TEXT,
    detail TEXT,
    tserver_code INTEGER,
    answers TEXT
) STRICT;
CREATE INDEX requests_open ON requests (number) WHERE ended_at IS NULL;
CREATE INDEX requests_dead ON requests (number) WHERE dead_at IS NOT NULL;

CREATE TABLE marks (
    send INTEGER NOT NULL,
    request INTEGER NOT NULL REFERENCES requests (number) ON DELETE CASCADE,
    ocss TEXT NOT NULL,
    link TEXT NOT NULL,
    dn TEXT NOT NULL,
    origin INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (request, send)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_at ON marks (at);
CREATE INDEX marks_send ON marks (send);

CREATE TABLE steps (
    request INTEGER NOT NULL REFERENCES requests (number) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    after INTEGER NOT NULL,
    text TEXT NOT NULL,
    dn TEXT,
    frame BLOB,
    PRIMARY KEY (request, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    body_sha256 BLOB NOT NULL,
    request INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE stop_wishes (
    ocs INTEGER NOT NULL,
    campaign INTEGER NOT NULL,
    agent_group INTEGER NOT NULL,
    request INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (ocs, campaign, agent_group)
) STRICT, WITHOUT ROWID;

CREATE TABLE echoes (
    ocs INTEGER NOT NULL,
    fact TEXT NOT NULL,
    proved INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (ocs, fact)
) STRICT, WITHOUT ROWID;

CREATE TABLE states (
    ocs INTEGER NOT NULL,
    campaign INTEGER NOT NULL,
    agent_group INTEGER NOT NULL,
    status INTEGER,
    mode INTEGER,
    optimize_by INTEGER,
    goal INTEGER,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    observed_by INTEGER NOT NULL,
    PRIMARY KEY (ocs, campaign, agent_group)
) STRICT, WITHOUT ROWID;

-- gsw_donotcall_list of the gateway (ocs 0) and of each simulated OCS; time_stamp and expires_at are seconds.
CREATE TABLE gsw_donotcall_list (
    row INTEGER PRIMARY KEY,
    ocs INTEGER NOT NULL,
    phone ANY,
    customer_id ANY,
    dnc_message TEXT,
    tenant_dbid INTEGER,
    campaign_dbid INTEGER,
    list_dbid INTEGER,
    is_internal INTEGER,
    time_stamp INTEGER,
    expires_at INTEGER
) STRICT;
CREATE UNIQUE INDEX gsw_donotcall_values ON gsw_donotcall_list (
    ocs, ifnull(phone, x''), ifnull(customer_id, x''),
    ifnull(tenant_dbid, 0), ifnull(campaign_dbid, 0), ifnull(list_dbid, 0)
);
CREATE INDEX gsw_donotcall_expiry ON gsw_donotcall_list (expires_at) WHERE expires_at IS NOT NULL;

-- Chained; event is asked, confirmed, refused or purged.
CREATE TABLE dnc_evidence (
    row INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    request INTEGER NOT NULL,
    who TEXT,
    channel TEXT,
    phone ANY,
    customer ANY,
    raw ANY,
    normalised ANY,
    scope TEXT,
    note TEXT,
    message TEXT,
    tenant INTEGER,
    campaign INTEGER,
    list INTEGER,
    expires_at INTEGER,
    expected TEXT,
    ocs INTEGER,
    latency INTEGER,
    code INTEGER,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX dnc_evidence_asked ON dnc_evidence (request) WHERE event = 'asked';
CREATE INDEX dnc_evidence_phone ON dnc_evidence (phone) WHERE phone IS NOT NULL;
CREATE INDEX dnc_evidence_raw ON dnc_evidence (raw) WHERE raw IS NOT NULL AND raw IS NOT phone;
CREATE INDEX dnc_evidence_normalised ON dnc_evidence (normalised)
    WHERE normalised IS NOT NULL AND normalised IS NOT phone;
CREATE INDEX dnc_evidence_customer ON dnc_evidence (customer) WHERE customer IS NOT NULL;

-- How far each entry has come with each OCS.
CREATE TABLE dnc_deliveries (
    request INTEGER NOT NULL,
    ocs INTEGER NOT NULL,
    confirmed_at INTEGER,
    latency INTEGER,
    code INTEGER,
    PRIMARY KEY (request, ocs)
) STRICT, WITHOUT ROWID;
CREATE INDEX dnc_unconfirmed ON dnc_deliveries (request) WHERE confirmed_at IS NULL;

-- Chained.
CREATE TABLE audit (
    row INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    request INTEGER,
    subject TEXT NOT NULL,
    client TEXT,
    object TEXT,
    outcome TEXT NOT NULL,
    detail TEXT,
    hash BLOB NOT NULL
) STRICT;

-- The last row of each chain, and the last that was removed by age.
CREATE TABLE chain_heads (
    chain TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    hash BLOB NOT NULL,
    purged_to INTEGER NOT NULL,
    purged_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO chain_heads VALUES ('dnc', 0, zeroblob(32), 0, zeroblob(32)), ('audit', 0, zeroblob(32), 0, zeroblob(32));

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE calling_lists (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    customer_column TEXT NOT NULL
) STRICT;

-- Columns of a calling list; dial_sched_time and call_time are seconds, user_columns a JSON array of [name, value].
CREATE TABLE calling_records (
    list INTEGER NOT NULL REFERENCES calling_lists (id) ON DELETE CASCADE,
    record_id INTEGER NOT NULL,
    contact_info TEXT NOT NULL,
    contact_info_type INTEGER NOT NULL,
    record_type INTEGER NOT NULL,
    record_status INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    dial_sched_time INTEGER,
    call_time INTEGER,
    daily_from INTEGER NOT NULL,
    daily_till INTEGER NOT NULL,
    tz_dbid INTEGER NOT NULL,
    campaign_id INTEGER,
    agent_id TEXT,
    chain_id INTEGER NOT NULL,
    chain_n INTEGER NOT NULL,
    group_id INTEGER,
    app_id INTEGER,
    media_ref INTEGER,
    email_template_id INTEGER,
    switch_id INTEGER,
    treatments TEXT,
    email_subject TEXT,
    user_columns TEXT,
    PRIMARY KEY (list, record_id),
    UNIQUE (list, chain_id, chain_n)
) STRICT, WITHOUT ROWID;
CREATE INDEX calling_records_phone ON calling_records (contact_info);

CREATE TABLE probes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO probes VALUES (1, 0);
