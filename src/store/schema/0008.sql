-- How people ask the record: for calls by time, by agent, by what was not simply allowed and by what people were asked, and
-- for the entries of a call. Calls and entries come in order of time, so that each index grows at its end.
CREATE INDEX calls_by_time ON calls (time);
CREATE INDEX calls_by_agent ON calls (agent, time);
CREATE INDEX calls_not_allowed ON calls (decision, time) WHERE decision <> 'ALLOW';
CREATE INDEX calls_by_approval ON calls (approval) WHERE approval IS NOT NULL;
CREATE INDEX entries_by_call ON entries (call) WHERE call IS NOT NULL;
