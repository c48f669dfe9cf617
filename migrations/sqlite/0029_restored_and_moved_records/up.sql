-- An import may restore deleted records, and reports how many it restored; it may leave columns out that are not understood.
ALTER TABLE imports ADD COLUMN restore BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN restores BIGINT CHECK (restores >= 0);
ALTER TABLE imports ADD COLUMN ignore_unknown_columns BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE imports SET restores = 0 WHERE creates IS NOT NULL;

-- SQLite changes a constraint by making the table anew.
CREATE TABLE import_lines_new (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 1),
    resource TEXT NOT NULL,
    code TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('create', 'update', 'unchanged', 'delete', 'restore', 'refused')),
    version BIGINT CHECK (version >= 1),
    -- The fields that change, as JSON; null where there are none.
    changes_json TEXT,
    PRIMARY KEY (import_id, position)
);
INSERT INTO import_lines_new SELECT import_id, position, resource, code, outcome, version, changes_json FROM import_lines;
DROP TABLE import_lines;
ALTER TABLE import_lines_new RENAME TO import_lines;
CREATE INDEX import_lines_outcome ON import_lines (import_id, outcome, position);

-- The events by which a record leaves the calendar of its pairing, other than deletions: it moved to another pairing, or has
-- no day any more.
CREATE INDEX audit_events_departures ON audit_events (entity, at, id) WHERE (action = 'update' AND
    -- An event that is damaged stops no other.
    CASE WHEN json_valid(before_json) AND json_valid(after_json) THEN
    json_extract(before_json, '$.pairing.id') <> json_extract(after_json, '$.pairing.id')
    OR (json_extract(before_json, '$.held_on') IS NOT NULL AND json_extract(after_json, '$.held_on') IS NULL) END);
