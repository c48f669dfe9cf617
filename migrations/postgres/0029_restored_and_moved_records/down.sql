DROP INDEX audit_events_departures;
DROP FUNCTION json_or_null;
DELETE FROM import_lines WHERE outcome = 'restore';
ALTER TABLE import_lines DROP CONSTRAINT import_lines_outcome_check;
ALTER TABLE import_lines ADD CONSTRAINT import_lines_outcome_check
    CHECK (outcome IN ('create', 'update', 'unchanged', 'delete', 'refused'));
ALTER TABLE imports DROP COLUMN ignore_unknown_columns;
ALTER TABLE imports DROP COLUMN restores;
ALTER TABLE imports DROP COLUMN restore;
