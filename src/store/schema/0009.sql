-- Where a chat shows an approval, so that what came of it is shown there. No part of the trail: nothing is decided or proven by it.
CREATE TABLE posts (
    approval TEXT NOT NULL,
    receiver TEXT NOT NULL CHECK (receiver <> ''),
    channel  TEXT NOT NULL CHECK (channel <> ''),
    ts       TEXT NOT NULL CHECK (ts <> ''),
    created  INTEGER NOT NULL,
    PRIMARY KEY (approval, receiver)
) STRICT, WITHOUT ROWID;

-- A message that shows an approval is to show it as it is: also where it is still pending, but asks other people or has one yes of two.
CREATE TRIGGER approvals_changed AFTER UPDATE OF state ON approvals
WHEN NEW.state = 'pending' AND OLD.state = 'pending' AND EXISTS (SELECT 1 FROM receivers WHERE channel = 'slack')
BEGIN
    INSERT INTO deliveries (approval, revision, event, receiver, created)
    SELECT NEW.id, NEW.revision, 'changed', name, CAST(unixepoch('subsec') * 1000 AS INTEGER)
    FROM receivers
    WHERE active AND disabled IS NULL AND channel = 'slack'
        AND EXISTS (
            SELECT 1 FROM deliveries AS told
            WHERE told.approval = NEW.id AND told.receiver = receivers.name AND told.revision < NEW.revision);
END;
