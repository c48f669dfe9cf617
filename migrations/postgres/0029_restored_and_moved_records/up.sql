-- An import may restore deleted records, and reports how many it restored; it may leave columns out that are not understood.
ALTER TABLE imports ADD COLUMN restore BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN restores BIGINT CHECK (restores >= 0);
ALTER TABLE imports ADD COLUMN ignore_unknown_columns BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE imports SET restores = 0 WHERE creates IS NOT NULL;
ALTER TABLE import_lines DROP CONSTRAINT import_lines_outcome_check;
ALTER TABLE import_lines ADD CONSTRAINT import_lines_outcome_check
    CHECK (outcome IN ('create', 'update', 'unchanged', 'delete', 'restore', 'refused'));

-- The JSON that a text is; null where it is none: an event that is damaged stops no other.
CREATE FUNCTION json_or_null(document TEXT) RETURNS JSON LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN document::json;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- The events by which a record leaves the calendar of its pairing, other than deletions: it moved to another pairing, or has
-- no day any more.
CREATE INDEX audit_events_departures ON audit_events (entity, at, id) WHERE (action = 'update' AND (
    (json_or_null(before_json) -> 'pairing' ->> 'id') <> (json_or_null(after_json) -> 'pairing' ->> 'id')
    OR ((json_or_null(before_json) ->> 'held_on') IS NOT NULL AND (json_or_null(after_json) ->> 'held_on') IS NULL)));
