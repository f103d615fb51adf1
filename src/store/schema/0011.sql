-- What was answered, by what it has in common with calls that are alike: whoever is asked is told of these. An index of what
-- people answered alone holds no more of an agent than people had patience for.
CREATE INDEX approvals_alike ON approvals (
    agent,
    json_array(json_extract(row, '$.action.name'), json_extract(row, '$.action.provider'),
        json_extract(row, '$.action.target.kind'), json_extract(row, '$.action.target.id')),
    coalesce(consumed, decided, created)
) WHERE (state = 'denied' OR state = 'consumed');

-- What waits, by the same: however much was answered, a look at what waits reads that alone. In it the order is that of asking.
CREATE INDEX approvals_alike_pending ON approvals (
    agent,
    json_array(json_extract(row, '$.action.name'), json_extract(row, '$.action.provider'),
        json_extract(row, '$.action.target.kind'), json_extract(row, '$.action.target.id'))
) WHERE state = 'pending';

-- The message that this one is an answer to, where a chat shows calls that are alike in one conversation.
ALTER TABLE posts ADD COLUMN thread TEXT CHECK (thread <> '');
