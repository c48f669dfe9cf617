CREATE TABLE pairings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    programme_id BIGINT NOT NULL REFERENCES programmes (id),
    name_zh TEXT NOT NULL,
    name_en TEXT,
    established_on DATE,
    ended_on DATE,
    supersedes_id BIGINT REFERENCES pairings (id),
    note TEXT,
    CONSTRAINT pairings_code_key UNIQUE (code),
    CHECK (supersedes_id <> id),
    CHECK (ended_on >= established_on)
);
CREATE INDEX pairings_programme_id ON pairings (programme_id, id);
CREATE INDEX pairings_supersedes_id ON pairings (supersedes_id, id);
CREATE INDEX pairings_updated_at ON pairings (updated_at, id);

CREATE TABLE pairing_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    region_id BIGINT NOT NULL REFERENCES regions (id),
    role TEXT NOT NULL CHECK (role IN ('supporter', 'recipient')),
    is_lead BOOLEAN NOT NULL,
    from_on DATE,
    to_on DATE,
    CHECK (to_on >= from_on)
);
CREATE INDEX pairing_members_pairing_id ON pairing_members (pairing_id, position);
CREATE INDEX pairing_members_region_id ON pairing_members (region_id, pairing_id, role);

CREATE TABLE pairing_sectors (
    pairing_id BIGINT NOT NULL REFERENCES pairings (id) ON DELETE CASCADE,
    sector_id BIGINT NOT NULL REFERENCES sectors (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (pairing_id, sector_id)
);
CREATE INDEX pairing_sectors_sector_id ON pairing_sectors (sector_id, pairing_id);
