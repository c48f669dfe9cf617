-- What every record shares: codes that are never reused, the text that `q` searches, the history of every
-- write, and the answers kept for retries.

CREATE TABLE record_codes (
    entity TEXT NOT NULL CHECK (length(entity) BETWEEN 1 AND 40),
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    record_id BIGINT NOT NULL,
    PRIMARY KEY (entity, code)
);

CREATE VIRTUAL TABLE search_texts USING fts5 (entity, body, record_id UNINDEXED, tokenize = 'unicode61');

CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    record_code TEXT,
    reason TEXT,
    before_json TEXT,
    after_json TEXT,
    request_id TEXT NOT NULL,
    CHECK (before_json IS NOT NULL OR after_json IS NOT NULL)
);
CREATE INDEX audit_events_record ON audit_events (entity, record_id, id);
CREATE INDEX audit_events_record_at ON audit_events (entity, record_id, at, id);
CREATE INDEX audit_events_entity ON audit_events (entity, at, id);
CREATE INDEX audit_events_at ON audit_events (at, id);
CREATE INDEX audit_events_actor ON audit_events (actor, at, id);

CREATE TABLE idempotency_keys (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    request_sha256 TEXT NOT NULL,
    status INTEGER NOT NULL CHECK (status BETWEEN 200 AND 299),
    location TEXT,
    etag TEXT,
    body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
