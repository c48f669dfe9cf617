-- Files that were brought in, or were to be: what was asked for, how it stands, and what would become of each record. They
-- are no records of the programme, and have no history: what they write has.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    actor_id TEXT NOT NULL CHECK (length(actor_id) > 0),
    file_name TEXT,
    format TEXT NOT NULL CHECK (format IN ('xlsx', 'csv', 'yaml', 'json', 'ndjson')),
    resource TEXT,
    byte_size BIGINT NOT NULL CHECK (byte_size >= 0),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    mode TEXT NOT NULL CHECK (mode IN ('upsert', 'create')),
    -- The ids of the pairings to prune, as JSON.
    prune_json TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('planning', 'planned', 'refused', 'applying', 'applied', 'stale', 'cancelled', 'interrupted', 'failed')),
    -- Names the run that may end it; another run, or none, has taken over where it is another.
    run TEXT,
    records BIGINT CHECK (records >= 0),
    done BIGINT NOT NULL CHECK (done >= 0),
    creates BIGINT CHECK (creates >= 0),
    updates BIGINT CHECK (updates >= 0),
    unchanged BIGINT CHECK (unchanged >= 0),
    deletes BIGINT CHECK (deletes >= 0),
    refused BIGINT CHECK (refused >= 0),
    errors BIGINT CHECK (errors >= 0),
    warnings BIGINT CHECK (warnings >= 0),
    state_sha256 TEXT CHECK (length(state_sha256) = 64),
    planned_at TIMESTAMP,
    applied_at TIMESTAMP,
    failure_zh TEXT,
    failure_en TEXT,
    -- What is another than the plan saw, as JSON.
    stale_json TEXT,
    CHECK ((status IN ('planning', 'applying')) = (run IS NOT NULL)),
    CHECK (status <> 'planned' OR state_sha256 IS NOT NULL),
    CHECK ((status = 'applied') = (applied_at IS NOT NULL))
);
CREATE INDEX imports_actor_id ON imports (actor_id, id);
CREATE INDEX imports_status ON imports (status, id);

-- The file, in pieces, until nobody needs it any more.
CREATE TABLE import_pieces (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    bytes BLOB NOT NULL,
    PRIMARY KEY (import_id, position)
);

-- What becomes of each record.
CREATE TABLE import_lines (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 1),
    resource TEXT NOT NULL,
    code TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('create', 'update', 'unchanged', 'delete', 'refused')),
    version BIGINT CHECK (version >= 1),
    -- The fields that change, as JSON; null where there are none.
    changes_json TEXT,
    PRIMARY KEY (import_id, position)
);
CREATE INDEX import_lines_outcome ON import_lines (import_id, outcome, position);

-- What is wrong with the file, each as JSON.
CREATE TABLE import_faults (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 1),
    severity TEXT NOT NULL CHECK (severity IN ('error', 'warning')),
    fault_json TEXT NOT NULL,
    PRIMARY KEY (import_id, position)
);
CREATE INDEX import_faults_severity ON import_faults (import_id, severity, position);
