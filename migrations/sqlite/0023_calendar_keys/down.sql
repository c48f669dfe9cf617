DROP INDEX audit_events_deletions;
DROP TABLE calendar_keys;
