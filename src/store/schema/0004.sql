-- The score of a call's risk.
ALTER TABLE calls ADD COLUMN risk INTEGER CHECK (risk BETWEEN 0 AND 100);

-- What is usual of an agent, or of all agents with an action. Learnt from executed calls; written now and then, and whole.
CREATE TABLE habits (
    of_agent INTEGER NOT NULL CHECK (of_agent = 0 OR of_agent = 1),
    name     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (json_valid(state)),
    PRIMARY KEY (of_agent, name)
) STRICT, WITHOUT ROWID;
