DROP TABLE idempotency_keys;
DROP TABLE audit_events;
DROP TABLE search_texts;
DROP TABLE record_codes;
