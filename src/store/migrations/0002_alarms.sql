-- Own DBIDs that somebody else has used. A row whose alarm was cleared is still needed while an answer to the forged
-- request can come.
CREATE TABLE forged_origins (
    origin INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    cleared_at INTEGER
) STRICT;
