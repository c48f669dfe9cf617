-- The keys that people and programs call with. The code stands in the key itself and finds its row; of the secret part
-- only the hash is kept.
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) = 8),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    secret_sha256 TEXT NOT NULL CHECK (length(secret_sha256) = 64),
    expires_on DATE,
    revoked_at TIMESTAMP,
    last_used_at TIMESTAMP,
    note TEXT,
    CONSTRAINT api_keys_code_key UNIQUE (code)
);
CREATE INDEX api_keys_updated_at ON api_keys (updated_at, id);

-- The pairings that a key names. An editor's key that names none is good for all, so a pairing that a key names cannot
-- be deleted.
CREATE TABLE api_key_pairings (
    api_key_id BIGINT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (api_key_id, pairing_id)
);
CREATE INDEX api_key_pairings_pairing_id ON api_key_pairings (pairing_id, api_key_id);
