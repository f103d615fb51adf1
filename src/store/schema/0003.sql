-- Projection: who is paused. One row a pause: that of everyone has no agent.
CREATE TABLE pauses (
    agent  TEXT UNIQUE CHECK (agent <> ''),
    by     TEXT NOT NULL,
    reason TEXT,
    since  INTEGER NOT NULL
) STRICT;
-- NULLs are never equal to each other: this keeps the pause of everyone one.
CREATE UNIQUE INDEX pauses_of_everyone ON pauses (agent IS NULL) WHERE agent IS NULL;

-- What would have been decided of a call that is only observed.
ALTER TABLE calls ADD COLUMN would TEXT
    CHECK (would IS NULL OR decision = 'ALLOW' AND (would = 'BLOCK' OR would = 'REQUIRE_APPROVAL'));
