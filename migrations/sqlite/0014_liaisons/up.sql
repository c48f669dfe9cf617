CREATE TABLE liaisons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    name TEXT,
    title TEXT,
    body TEXT CHECK (body IN ('party_committee', 'peoples_congress', 'government', 'cppcc', 'department')),
    organization_id BIGINT REFERENCES organizations (id),
    from_on DATE,
    to_on DATE,
    -- Personal data: shown only to keys of the pairing, and never searched.
    contact TEXT,
    note TEXT,
    -- Lists by date put the undated last, on either backend.
    from_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(from_on, '9999-12-31')) STORED,
    CONSTRAINT liaisons_code_key UNIQUE (code),
    CHECK (COALESCE(name, title, body) IS NOT NULL OR organization_id IS NOT NULL),
    CHECK (to_on >= from_on)
);
CREATE INDEX liaisons_from ON liaisons (from_order, id);
CREATE INDEX liaisons_updated_at ON liaisons (updated_at, id);
CREATE INDEX liaisons_pairing_id ON liaisons (pairing_id, id);
CREATE INDEX liaisons_pairing_from ON liaisons (pairing_id, from_order, id);
CREATE INDEX liaisons_pairing_updated ON liaisons (pairing_id, updated_at, id);
CREATE INDEX liaisons_organization_id ON liaisons (organization_id, id);
