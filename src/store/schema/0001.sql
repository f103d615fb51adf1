-- The trail. Appended to, never changed. The triggers are hygiene: who owns the file can drop them.
CREATE TABLE entries (
    seq   INTEGER PRIMARY KEY,
    time  INTEGER NOT NULL,                       -- milliseconds since 1970, never less than the entry before
    kind  TEXT NOT NULL,
    call  TEXT,
    bytes BLOB NOT NULL CHECK (length(bytes) > 2) -- RFC 8785 JSON; commitments in place of values
) STRICT;

-- `seq` follows without a gap; this also stops INSERT OR REPLACE, which fires no trigger on delete.
-- FAIL, not ABORT: our statements write one row, and for ABORT each would copy the pages that it changes.
CREATE TRIGGER entries_follow BEFORE INSERT ON entries
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entries)
BEGIN SELECT RAISE(FAIL, 'an entry follows the last one'); END;

CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the trail is not changed'); END;

CREATE TRIGGER entries_remain BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'nothing is removed from the trail'); END;

-- What entries commit to: one row an entry, for each row costs as much as an entry. A row can be erased; the entry stays as
-- it is.
CREATE TABLE entry_values (
    seq       INTEGER PRIMARY KEY,                -- of an entry: the trigger below sees to it
    -- RFC 8785 JSON: {name: {"salt": hex, "value": any}}, without "value" where only the commitment is kept
    committed TEXT NOT NULL CHECK (length(committed) > 2)
) STRICT;

CREATE TRIGGER entry_values_stay BEFORE UPDATE ON entry_values
BEGIN SELECT RAISE(ABORT, 'a committed value is kept or erased, not changed'); END;

-- Stops INSERT OR REPLACE, and values that come after their entry was written by another transaction.
CREATE TRIGGER entry_values_follow BEFORE INSERT ON entry_values
WHEN NEW.seq IS NOT (SELECT max(seq) FROM entries)
    OR EXISTS (SELECT 1 FROM entry_values WHERE seq = NEW.seq)
BEGIN SELECT RAISE(FAIL, 'values come with their entry'); END;

-- Projection: calls with their state. `=` and OR in its checks: for IN, SQLite builds a table of the list for each row.
CREATE TABLE calls (
    ordinal      INTEGER PRIMARY KEY,             -- order of first decision
    id           TEXT NOT NULL UNIQUE,
    time         INTEGER NOT NULL,
    agent        TEXT NOT NULL,
    provider     TEXT NOT NULL,
    operation    TEXT NOT NULL,
    action       TEXT NOT NULL,
    environment  TEXT NOT NULL,
    decision     TEXT NOT NULL CHECK (decision = 'ALLOW' OR decision = 'BLOCK' OR decision = 'REQUIRE_APPROVAL'),
    rules        TEXT NOT NULL CHECK (json_valid(rules)),
    approval     TEXT,
    reason       TEXT,
    outcome      TEXT CHECK (outcome = 'success' OR outcome = 'failure' OR outcome = 'error' OR outcome = 'unknown'
        OR outcome = 'not_sent' OR outcome = 'abandoned'),
    closed       INTEGER,
    status       INTEGER CHECK (status BETWEEN 100 AND 999),
    result_id    TEXT,
    summary      TEXT NOT NULL,
    request_line TEXT NOT NULL,
    target_kind  TEXT NOT NULL,
    target_id    TEXT,
    CHECK ((outcome IS NULL) = (closed IS NULL)),
    -- A block is closed by its decision.
    CHECK (decision <> 'BLOCK' OR coalesce(outcome, '') = 'not_sent'),
    -- Without ALLOW nothing was written upstream, so no provider answered.
    CHECK (decision = 'ALLOW' OR outcome IS NULL
        OR NOT (outcome = 'success' OR outcome = 'failure' OR outcome = 'error')),
    CHECK (status IS NULL OR outcome IS NOT NULL)
) STRICT;

CREATE INDEX calls_open ON calls (ordinal) WHERE outcome IS NULL;

-- Projection: approvals. `row` is the whole of it (JSON); the columns are what is asked for and checked.
CREATE TABLE approvals (
    ordinal       INTEGER PRIMARY KEY,            -- order of asking
    id            TEXT NOT NULL UNIQUE,
    revision      INTEGER NOT NULL CHECK (revision >= 0),
    state         TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'consumed')),
    agent         TEXT NOT NULL,
    fingerprint   BLOB NOT NULL CHECK (length(fingerprint) = 32),
    created       INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    decided       INTEGER,
    grant_expires INTEGER,
    consumed_by   TEXT,
    consumed      INTEGER,
    row           TEXT NOT NULL CHECK (json_valid(row)),
    CHECK ((state = 'pending') = (decided IS NULL)),
    CHECK (state <> 'approved' OR grant_expires IS NOT NULL),
    CHECK ((state = 'consumed') = (consumed_by IS NOT NULL)),
    CHECK ((consumed IS NULL) = (consumed_by IS NULL))
) STRICT;

CREATE INDEX approvals_unfinished ON approvals (ordinal) WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_decided ON approvals (decided) WHERE decided IS NOT NULL;
CREATE INDEX approvals_consumed ON approvals (consumed) WHERE consumed IS NOT NULL;

-- Projection: who may call and who may decide. Keys as SHA-256 (hex).
CREATE TABLE agents (
    name       TEXT PRIMARY KEY,
    roles      TEXT NOT NULL CHECK (json_valid(roles)),
    owner      TEXT,
    key_sha256 TEXT NOT NULL CHECK (length(key_sha256) = 64),
    created    INTEGER NOT NULL,
    disabled   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    name       TEXT PRIMARY KEY,
    groups     TEXT NOT NULL CHECK (json_valid(groups)),
    key_sha256 TEXT NOT NULL CHECK (length(key_sha256) = 64),
    created    INTEGER NOT NULL,
    disabled   INTEGER
) STRICT, WITHOUT ROWID;
