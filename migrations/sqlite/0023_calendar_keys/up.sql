-- The keys that a calendar program shows in the URL of the one feed that it reads. The code stands in the key itself and
-- finds its row; of the secret part only the hash is kept. A pairing that is gone takes the keys of its feeds along.
CREATE TABLE calendar_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) = 8),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id) ON DELETE CASCADE,
    feed TEXT NOT NULL CHECK (feed IN ('milestones', 'conferences')),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    secret_sha256 TEXT NOT NULL CHECK (length(secret_sha256) = 64),
    expires_on DATE,
    revoked_at TIMESTAMP,
    created_by TEXT NOT NULL,
    CONSTRAINT calendar_keys_code_key UNIQUE (code)
);
CREATE INDEX calendar_keys_pairing_id ON calendar_keys (pairing_id, id);
CREATE INDEX calendar_keys_updated_at ON calendar_keys (updated_at, id);

-- What was deleted lately, for calendars that must be told of it.
CREATE INDEX audit_events_deletions ON audit_events (entity, at, id) WHERE action = 'delete';
