-- The Merkle tree over the entries (RFC 6962): its hashes as C2SP tlog-tiles, 256 to a tile. The last tile of a level is put
-- again, longer, until it is full. They reach as far as the last checkpoint.
CREATE TABLE tiles (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    n      INTEGER NOT NULL CHECK (n >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    UNIQUE (level, n)
) STRICT;

CREATE TRIGGER tiles_grow BEFORE UPDATE ON tiles
WHEN NEW.level <> OLD.level OR NEW.n <> OLD.n OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes
BEGIN SELECT RAISE(ABORT, 'hashes are added, not changed'); END;

CREATE TRIGGER tiles_remain BEFORE DELETE ON tiles
BEGIN SELECT RAISE(ABORT, 'nothing is removed from the tree'); END;

-- Checkpoints: signed notes (C2SP tlog-checkpoint) over the first `size` entries.
CREATE TABLE checkpoints (
    ordinal INTEGER PRIMARY KEY,
    size    INTEGER NOT NULL CHECK (size >= 0),
    note    TEXT NOT NULL
) STRICT;

CREATE TRIGGER checkpoints_follow BEFORE INSERT ON checkpoints
WHEN NEW.ordinal IS NOT (SELECT coalesce(max(ordinal), 0) + 1 FROM checkpoints)
    OR NEW.size < (SELECT coalesce(max(size), 0) FROM checkpoints WHERE ordinal = NEW.ordinal - 1)
BEGIN SELECT RAISE(FAIL, 'a checkpoint follows the last one'); END;

CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint is not changed'); END;

CREATE TRIGGER checkpoints_remain BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'no checkpoint is removed'); END;
