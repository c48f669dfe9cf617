CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    profession TEXT NOT NULL CHECK (profession IN ('cadre', 'teacher', 'doctor', 'technician', 'other')),
    direction TEXT NOT NULL CHECK (direction IN ('supporter_to_recipient', 'recipient_to_supporter')),
    headcount BIGINT CHECK (headcount BETWEEN 1 AND 1000000),
    sending_id BIGINT REFERENCES organizations (id),
    hosting_id BIGINT REFERENCES organizations (id),
    planned_start_on DATE,
    planned_end_on DATE,
    actual_start_on DATE,
    actual_end_on DATE,
    status TEXT NOT NULL CHECK (status IN ('planned', 'in_progress', 'completed', 'cancelled')),
    note TEXT,
    -- Lists by date put the undated last, on either backend.
    planned_start_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(planned_start_on, '9999-12-31')) STORED,
    actual_start_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(actual_start_on, '9999-12-31')) STORED,
    CONSTRAINT exchanges_code_key UNIQUE (code),
    CHECK (hosting_id <> sending_id),
    CHECK (planned_end_on >= planned_start_on),
    CHECK (actual_end_on >= actual_start_on)
);
CREATE INDEX exchanges_planned_start ON exchanges (planned_start_order, id);
CREATE INDEX exchanges_actual_start ON exchanges (actual_start_order, id);
CREATE INDEX exchanges_updated_at ON exchanges (updated_at, id);
CREATE INDEX exchanges_pairing_id ON exchanges (pairing_id, id);
CREATE INDEX exchanges_pairing_planned_start ON exchanges (pairing_id, planned_start_order, id);
CREATE INDEX exchanges_pairing_actual_start ON exchanges (pairing_id, actual_start_order, id);
CREATE INDEX exchanges_pairing_updated ON exchanges (pairing_id, updated_at, id);
CREATE INDEX exchanges_sending_id ON exchanges (sending_id, id);
CREATE INDEX exchanges_hosting_id ON exchanges (hosting_id, id);

-- Personal data: shown only to keys of the pairing, and never searched.
CREATE TABLE exchange_names (
    exchange_id BIGINT NOT NULL REFERENCES exchanges (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    PRIMARY KEY (exchange_id, position)
);
