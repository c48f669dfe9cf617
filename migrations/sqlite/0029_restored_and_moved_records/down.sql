DROP INDEX audit_events_departures;
DELETE FROM import_lines WHERE outcome = 'restore';
CREATE TABLE import_lines_old (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 1),
    resource TEXT NOT NULL,
    code TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('create', 'update', 'unchanged', 'delete', 'refused')),
    version BIGINT CHECK (version >= 1),
    changes_json TEXT,
    PRIMARY KEY (import_id, position)
);
INSERT INTO import_lines_old SELECT import_id, position, resource, code, outcome, version, changes_json FROM import_lines;
DROP TABLE import_lines;
ALTER TABLE import_lines_old RENAME TO import_lines;
CREATE INDEX import_lines_outcome ON import_lines (import_id, outcome, position);
ALTER TABLE imports DROP COLUMN ignore_unknown_columns;
ALTER TABLE imports DROP COLUMN restores;
ALTER TABLE imports DROP COLUMN restore;
