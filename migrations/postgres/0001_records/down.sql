DROP TABLE idempotency_keys;
DROP TABLE audit_events;
DROP FUNCTION audit_events_refuse();
DROP TABLE search_texts;
DROP TABLE record_codes;
