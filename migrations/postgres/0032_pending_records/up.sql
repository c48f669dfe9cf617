-- The record of each pending event: since all events are appended to the chain after their commit, a restoration may have to find
-- the deletion among them.
ALTER TABLE pending_audit_events ADD COLUMN entity TEXT NOT NULL DEFAULT '';
ALTER TABLE pending_audit_events ADD COLUMN record_id BIGINT;
