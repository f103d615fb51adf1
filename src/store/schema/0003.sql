-- Projection: who is paused. One row a pause: that of everyone has no agent.
CREATE TABLE pauses (
    agent  TEXT UNIQUE CHECK (agent <> ''),
    by     TEXT NOT NULL,
    reason TEXT,
    since  INTEGER NOT NULL
) STRICT;
-- NULLs are never equal to each other: this keeps the pause of everyone one.
CREATE UNIQUE INDEX pauses_of_everyone ON pauses (agent IS NULL) WHERE agent IS NULL;
