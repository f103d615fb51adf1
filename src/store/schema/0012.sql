-- Retention: the first entries of the trail go, and their rows with them. Their hashes stay in the tiles.
-- One row, once something was pruned: up to where, and the entry that says so, which was the last one then.
CREATE TABLE pruned (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    upto INTEGER NOT NULL CHECK (upto > 0),
    by   INTEGER NOT NULL CHECK (by > upto)
) STRICT;

CREATE TRIGGER pruned_said BEFORE INSERT ON pruned
WHEN (SELECT kind FROM entries ORDER BY seq DESC LIMIT 1) IS NOT 'pruned' OR NEW.by IS NOT (SELECT max(seq) FROM entries)
    OR EXISTS (SELECT 1 FROM pruned)
BEGIN SELECT RAISE(ABORT, 'an entry says what is pruned'); END;

CREATE TRIGGER pruned_further BEFORE UPDATE ON pruned
WHEN (SELECT kind FROM entries ORDER BY seq DESC LIMIT 1) IS NOT 'pruned' OR NEW.by IS NOT (SELECT max(seq) FROM entries)
    OR NEW.upto <= OLD.upto OR NEW.by <= OLD.by
BEGIN SELECT RAISE(ABORT, 'an entry says what is pruned'); END;

CREATE TRIGGER pruned_remains BEFORE DELETE ON pruned
BEGIN SELECT RAISE(ABORT, 'what was pruned stays so'); END;

DROP TRIGGER entries_remain;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries
WHEN NOT EXISTS (SELECT 1 FROM pruned WHERE OLD.seq <= upto AND by = (SELECT max(seq) FROM entries))
BEGIN SELECT RAISE(ABORT, 'nothing is removed from the trail'); END;

DROP TRIGGER grants_remain;
CREATE TRIGGER grants_remain BEFORE DELETE ON grants
WHEN (OLD.ended IS NULL AND OLD.used < OLD.uses)
    OR NOT EXISTS (SELECT 1 FROM pruned WHERE by = (SELECT max(seq) FROM entries))
BEGIN SELECT RAISE(ABORT, 'no grant is removed: its uses would be forgotten'); END;
