-- The record of each pending event, as on PostgreSQL. The table stays empty on SQLite.
ALTER TABLE pending_audit_events ADD COLUMN entity TEXT NOT NULL DEFAULT '';
ALTER TABLE pending_audit_events ADD COLUMN record_id BIGINT;
