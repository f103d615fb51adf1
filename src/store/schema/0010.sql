-- Erasure: a value goes together with its salt, and in its place stands the entry that says so, which is the last one then.
-- Nothing else beside an entry changes.
DROP TRIGGER entry_values_stay;
CREATE TRIGGER entry_values_stay BEFORE UPDATE ON entry_values
WHEN NEW.seq IS NOT OLD.seq
    OR (SELECT kind FROM entries ORDER BY seq DESC LIMIT 1) IS NOT 'erased'
    OR (SELECT count(*) FROM json_each(NEW.committed)) IS NOT (SELECT count(*) FROM json_each(OLD.committed))
    OR EXISTS (
        SELECT 1 FROM json_each(NEW.committed) AS now LEFT JOIN json_each(OLD.committed) AS was ON was.key = now.key
        WHERE was.key IS NULL
            OR (now.value IS NOT was.value AND now.value IS NOT '{"erased":' || (SELECT max(seq) FROM entries) || '}'))
BEGIN SELECT RAISE(ABORT, 'a committed value is kept or erased, not changed'); END;

-- The same of grants: what one says is erased once it has ended or is used up, and nothing else of it changes then.
DROP TRIGGER grants_step;
CREATE TRIGGER grants_step BEFORE UPDATE ON grants
WHEN NEW.id IS NOT OLD.id OR NEW.agent IS NOT OLD.agent OR NEW.person IS NOT OLD.person OR NEW.uses IS NOT OLD.uses
    OR NEW.created IS NOT OLD.created OR NEW.expires IS NOT OLD.expires
    OR (NEW.row IS OLD.row AND (OLD.ended IS NOT NULL OR NEW.used NOT IN (OLD.used, OLD.used + 1)))
    OR (NEW.row IS NOT OLD.row AND (NEW.used IS NOT OLD.used OR NEW.ended IS NOT OLD.ended
        OR NEW.ended_by IS NOT OLD.ended_by OR (OLD.ended IS NULL AND OLD.used < OLD.uses)
        OR (SELECT kind FROM entries ORDER BY seq DESC LIMIT 1) IS NOT 'erased'))
BEGIN SELECT RAISE(FAIL, 'a grant is used or ended, and does not change otherwise'); END;
