-- Approvals anew: states `returned` (its call was not sent, the grant counts on) and `cancelled`. A table's checks cannot be
-- changed otherwise.
CREATE TABLE approvals_next (
    ordinal       INTEGER PRIMARY KEY,            -- order of asking
    id            TEXT NOT NULL UNIQUE,
    revision      INTEGER NOT NULL CHECK (revision >= 0),
    state         TEXT NOT NULL
        CHECK (state IN ('pending', 'approved', 'returned', 'denied', 'expired', 'cancelled', 'consumed')),
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
    CHECK (state NOT IN ('approved', 'returned', 'consumed') OR grant_expires IS NOT NULL),
    CHECK (state NOT IN ('pending', 'denied', 'cancelled') OR grant_expires IS NULL),
    CHECK ((state = 'consumed') = (consumed_by IS NOT NULL)),
    CHECK ((consumed IS NULL) = (consumed_by IS NULL))
) STRICT;
INSERT INTO approvals_next SELECT * FROM approvals;
DROP TABLE approvals;
ALTER TABLE approvals_next RENAME TO approvals;
CREATE INDEX approvals_unfinished ON approvals (ordinal) WHERE state IN ('pending', 'approved', 'returned');
CREATE INDEX approvals_decided ON approvals (decided) WHERE decided IS NOT NULL;
CREATE INDEX approvals_consumed ON approvals (consumed) WHERE consumed IS NOT NULL;

-- The steps there are; `State::may_become` is the same table.
CREATE TRIGGER approvals_step BEFORE UPDATE OF state ON approvals
WHEN NOT (OLD.state = 'pending' AND NEW.state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')
    OR OLD.state IN ('approved', 'returned') AND NEW.state IN ('consumed', 'expired', 'denied', 'pending')
    OR OLD.state = 'consumed' AND NEW.state = 'returned')
BEGIN SELECT RAISE(FAIL, 'an approval does not take this step'); END;

-- What is finished stays, and no step is taken twice.
CREATE TRIGGER approvals_forward BEFORE UPDATE ON approvals
WHEN NEW.revision IS NOT OLD.revision + 1 OR NEW.id IS NOT OLD.id OR NEW.fingerprint IS NOT OLD.fingerprint
BEGIN SELECT RAISE(FAIL, 'an approval goes one revision on, and stays about the same call'); END;

-- Projection: what people consented to beforehand. `row` is the whole of it (JSON) but for what changes.
CREATE TABLE grants (
    ordinal  INTEGER PRIMARY KEY,                 -- order of giving
    id       TEXT NOT NULL UNIQUE,
    agent    TEXT NOT NULL,
    person   TEXT NOT NULL,
    uses     INTEGER NOT NULL CHECK (uses BETWEEN 1 AND 100),
    used     INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL CHECK (expires > created AND expires - created <= 86400000),
    ended    INTEGER,
    ended_by TEXT,                                -- NULL: its time was over
    row      TEXT NOT NULL CHECK (json_valid(row)),
    CHECK (ended_by IS NULL OR ended IS NOT NULL)
) STRICT;

CREATE INDEX grants_open ON grants (ordinal) WHERE ended IS NULL AND used < uses;

-- A grant is used one by one, or ended, and nothing else of it changes.
CREATE TRIGGER grants_step BEFORE UPDATE ON grants
WHEN OLD.ended IS NOT NULL OR NEW.used NOT IN (OLD.used, OLD.used + 1) OR NEW.id IS NOT OLD.id OR NEW.agent IS NOT OLD.agent
    OR NEW.person IS NOT OLD.person OR NEW.uses IS NOT OLD.uses OR NEW.created IS NOT OLD.created
    OR NEW.expires IS NOT OLD.expires OR NEW.row IS NOT OLD.row
BEGIN SELECT RAISE(FAIL, 'a grant is used or ended, and does not change otherwise'); END;

CREATE TRIGGER grants_remain BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'no grant is removed: its uses would be forgotten'); END;

-- Stops INSERT OR REPLACE, which fires no trigger on delete.
CREATE TRIGGER grants_new BEFORE INSERT ON grants
WHEN NEW.used <> 0 OR NEW.ended IS NOT NULL OR EXISTS (SELECT 1 FROM grants WHERE id = NEW.id OR ordinal = NEW.ordinal)
BEGIN SELECT RAISE(FAIL, 'a grant is given once, unused'); END;
