-- What every record shares: codes that are never reused, the text that `q` searches, the history of every
-- write, and the answers kept for retries.

-- The code stands first in the key, so that many codes are looked up each by its place: with the kind first, PostgreSQL read all
-- of a kind's for it.
CREATE TABLE record_codes (
    entity TEXT NOT NULL CHECK (length(entity) BETWEEN 1 AND 40),
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    record_id BIGINT NOT NULL,
    PRIMARY KEY (code, entity)
);

CREATE VIRTUAL TABLE search_texts USING fts5 (entity, body, record_id UNINDEXED, tokenize = 'unicode61');

-- Events are numbered without a gap by who writes them, one writer at a time; `hash` ties each to the one before it.
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    actor_id TEXT NOT NULL CHECK (length(actor_id) > 0),
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    record_id BIGINT,
    record_code TEXT,
    reason TEXT,
    before_json TEXT,
    after_json TEXT,
    request_id TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    CHECK (before_json IS NOT NULL OR after_json IS NOT NULL),
    -- A refused request is about no record.
    CHECK ((record_id IS NULL) = (entity = 'request'))
);
CREATE INDEX audit_events_record ON audit_events (entity, record_id, id);
CREATE INDEX audit_events_record_at ON audit_events (entity, record_id, at, id);
CREATE INDEX audit_events_entity ON audit_events (entity, at, id);
CREATE INDEX audit_events_at ON audit_events (at, id);
CREATE INDEX audit_events_actor ON audit_events (actor, at, id);
CREATE INDEX audit_events_request ON audit_events (request_id, at, id);
-- For who does not see refused requests: however many there are, no page walks past them.
CREATE INDEX audit_events_record_events_at ON audit_events (at, id) WHERE record_id IS NOT NULL;
CREATE INDEX audit_events_record_events_actor ON audit_events (actor, at, id) WHERE record_id IS NOT NULL;

CREATE TRIGGER audit_events_stay BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit_events are never changed'); END;
CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit_events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_events_are_new BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'audit_events are never changed'); END;

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
