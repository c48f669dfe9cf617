-- Audit events of large writes that are committed and not in the chain yet, in the order in which they were written. Always empty on
-- SQLite, whose one writer keeps nobody waiting for the end of the chain.
CREATE TABLE pending_audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_json TEXT NOT NULL
);
