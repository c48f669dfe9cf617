CREATE TABLE conferences (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    kind TEXT NOT NULL CHECK (kind IN ('joint_conference', 'matchmaking', 'promotion', 'inspection', 'other')),
    sequence_number BIGINT CHECK (sequence_number >= 1),
    title_zh TEXT,
    title_en TEXT,
    status TEXT NOT NULL CHECK (status IN ('planned', 'held', 'postponed', 'cancelled')),
    held_on DATE,
    host_region_id BIGINT REFERENCES regions (id),
    venue TEXT,
    summary TEXT,
    note TEXT,
    -- Lists by date put the undated last, on either backend.
    held_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(held_on, '9999-12-31')) STORED,
    CONSTRAINT conferences_code_key UNIQUE (code),
    CONSTRAINT conferences_sequence_number_key UNIQUE (pairing_id, kind, sequence_number),
    CONSTRAINT conferences_id_pairing_key UNIQUE (id, pairing_id),
    CHECK (status <> 'held' OR held_on IS NOT NULL)
);
CREATE INDEX conferences_code ON conferences (code, id);
CREATE INDEX conferences_held ON conferences (held_order, id);
CREATE INDEX conferences_updated_at ON conferences (updated_at, id);
CREATE INDEX conferences_pairing_id ON conferences (pairing_id, id);
CREATE INDEX conferences_pairing_held ON conferences (pairing_id, held_order, id);
CREATE INDEX conferences_host_region_id ON conferences (host_region_id, id);

CREATE TABLE conference_participants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conference_id BIGINT NOT NULL REFERENCES conferences (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT,
    title TEXT,
    organization_id BIGINT REFERENCES organizations (id),
    region_id BIGINT REFERENCES regions (id)
);
CREATE INDEX conference_participants_conference_id ON conference_participants (conference_id, position);
CREATE INDEX conference_participants_organization_id ON conference_participants (organization_id, conference_id);
CREATE INDEX conference_participants_region_id ON conference_participants (region_id, conference_id);
