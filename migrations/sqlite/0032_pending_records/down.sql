ALTER TABLE pending_audit_events DROP COLUMN record_id;
ALTER TABLE pending_audit_events DROP COLUMN entity;
