-- Whom the service tells of changes. The history is the outbox: `event_cursor` is the number of the last event that was
-- looked at for this webhook. What a message is signed with must be kept as it is.
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description TEXT,
    status TEXT NOT NULL CHECK (status IN ('active', 'paused')),
    -- Lists of words; an empty one stands for all.
    entities_json TEXT NOT NULL,
    actions_json TEXT NOT NULL,
    secret TEXT NOT NULL CHECK (length(secret) >= 38),
    previous_secret TEXT,
    previous_secret_expires_at TIMESTAMP,
    event_cursor BIGINT NOT NULL CHECK (event_cursor >= 0),
    CONSTRAINT webhooks_code_key UNIQUE (code),
    CHECK ((previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
);
CREATE INDEX webhooks_updated_at ON webhooks (updated_at, id);

-- The pairings that a webhook is narrowed to. One that names none is told of all, so a pairing that a webhook names cannot
-- be deleted.
CREATE TABLE webhook_pairings (
    webhook_id BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, pairing_id)
);
CREATE INDEX webhook_pairings_pairing_id ON webhook_pairings (pairing_id, webhook_id);

-- What each webhook was told or is to be told: one row an event, however often it is tried. A test has no event. The event
-- is held by no foreign key, as the history lets none go by itself.
CREATE TABLE webhook_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id BIGINT,
    message_id TEXT NOT NULL CHECK (length(message_id) BETWEEN 1 AND 100),
    event_type TEXT NOT NULL,
    entity TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    created_at TIMESTAMP NOT NULL,
    -- While a process sends it: when another may take it over.
    next_attempt_at TIMESTAMP NOT NULL,
    -- Which attempt holds it.
    claim TEXT,
    last_attempt_at TIMESTAMP,
    last_status_code INTEGER,
    last_failure TEXT,
    ended_at TIMESTAMP,
    CONSTRAINT webhook_deliveries_webhook_id_event_id_key UNIQUE (webhook_id, event_id),
    CHECK ((status = 'pending') = (ended_at IS NULL))
);
CREATE INDEX webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (webhook_id, status, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, status, next_attempt_at, id);
CREATE INDEX webhook_deliveries_record ON webhook_deliveries (webhook_id, status, entity, record_id, event_id);
CREATE INDEX webhook_deliveries_ended_at ON webhook_deliveries (ended_at, id);
