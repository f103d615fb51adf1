-- Who is told of approvals, as the configuration has it; written at each start.
CREATE TABLE receivers (
    name     TEXT PRIMARY KEY CHECK (name <> ''),
    channel  TEXT NOT NULL CHECK (channel <> ''),
    place    TEXT NOT NULL,
    -- Those that an approval must ask for the receiver to be told; NULL: any.
    groups   TEXT CHECK (json_valid(groups)),
    events   TEXT NOT NULL CHECK (json_valid(events)),
    -- It is configured.
    active   INTEGER NOT NULL CHECK (active = 0 OR active = 1),
    -- It wants nothing more, since then and for that reason.
    disabled INTEGER,
    why      TEXT,
    CHECK ((disabled IS NULL) = (why IS NULL))
) STRICT, WITHOUT ROWID;

-- What each is to be told, and what came of it.
CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY,
    approval TEXT NOT NULL,
    revision INTEGER NOT NULL,
    event    TEXT NOT NULL CHECK (event <> ''),
    receiver TEXT NOT NULL,
    created  INTEGER NOT NULL,
    state    TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'superseded', 'given_up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    -- 0: at once, whatever the clock says.
    due      INTEGER NOT NULL DEFAULT 0,
    ended    INTEGER,
    error    TEXT,
    -- An event is told once to each.
    UNIQUE (approval, revision, receiver),
    CHECK ((state = 'pending') = (ended IS NULL))
) STRICT;
CREATE INDEX deliveries_due ON deliveries (receiver, due, id) WHERE state = 'pending';
CREATE INDEX deliveries_ended ON deliveries (ended) WHERE ended IS NOT NULL;

-- SECURITY: what happened and who is to be told of it are written by one transaction, whoever writes: kill -9 leaves both or
-- neither. A migration that makes `approvals` anew has to make these triggers anew. Tests: store/tests/outbox.rs.
CREATE TRIGGER approvals_asked AFTER INSERT ON approvals
WHEN NEW.state = 'pending' AND EXISTS (SELECT 1 FROM receivers)
BEGIN
    INSERT INTO deliveries (approval, revision, event, receiver, created)
    SELECT NEW.id, NEW.revision, 'requested', name, CAST(unixepoch('subsec') * 1000 AS INTEGER)
    FROM receivers
    WHERE active AND disabled IS NULL
        AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = 'requested')
        AND (groups IS NULL OR EXISTS (
            SELECT 1 FROM json_each(NEW.row, '$.rules') AS rule, json_each(rule.value, '$.approvers') AS asked,
                json_each(groups) AS own
            WHERE asked.value = own.value));
END;

-- Asked again, or asked of more people than before: those are told who were not.
CREATE TRIGGER approvals_asked_again AFTER UPDATE OF state ON approvals
WHEN NEW.state = 'pending' AND EXISTS (SELECT 1 FROM receivers)
BEGIN
    INSERT INTO deliveries (approval, revision, event, receiver, created)
    SELECT NEW.id, NEW.revision, 'requested', name, CAST(unixepoch('subsec') * 1000 AS INTEGER)
    FROM receivers
    WHERE active AND disabled IS NULL
        AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = 'requested')
        AND (groups IS NULL OR EXISTS (
            SELECT 1 FROM json_each(NEW.row, '$.rules') AS rule, json_each(rule.value, '$.approvers') AS asked,
                json_each(groups) AS own
            WHERE asked.value = own.value))
        AND (OLD.state <> 'pending' OR groups IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM deliveries AS told WHERE told.approval = NEW.id AND told.receiver = receivers.name));
END;

-- What it came to is for those who were asked, and for those who are told everything.
CREATE TRIGGER approvals_moved AFTER UPDATE OF state ON approvals
WHEN NEW.state <> OLD.state AND NEW.state <> 'pending' AND EXISTS (SELECT 1 FROM receivers)
BEGIN
    INSERT INTO deliveries (approval, revision, event, receiver, created)
    SELECT NEW.id, NEW.revision, NEW.state, name, CAST(unixepoch('subsec') * 1000 AS INTEGER)
    FROM receivers
    WHERE active AND disabled IS NULL
        AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = NEW.state)
        AND (groups IS NULL OR EXISTS (
            SELECT 1 FROM deliveries AS told WHERE told.approval = NEW.id AND told.receiver = receivers.name));
END;
