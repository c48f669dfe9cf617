CREATE TABLE twinnings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    supporter_organization_id BIGINT NOT NULL REFERENCES organizations (id),
    recipient_organization_id BIGINT NOT NULL REFERENCES organizations (id),
    sector_id BIGINT REFERENCES sectors (id),
    from_on DATE,
    to_on DATE,
    note TEXT,
    -- Lists by date put the undated last, on either backend.
    from_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(from_on, '9999-12-31')) STORED,
    CONSTRAINT twinnings_code_key UNIQUE (code),
    CHECK (recipient_organization_id <> supporter_organization_id),
    CHECK (to_on >= from_on)
);
CREATE INDEX twinnings_from ON twinnings (from_order, id);
CREATE INDEX twinnings_updated_at ON twinnings (updated_at, id);
CREATE INDEX twinnings_pairing_id ON twinnings (pairing_id, id);
CREATE INDEX twinnings_pairing_from ON twinnings (pairing_id, from_order, id);
CREATE INDEX twinnings_pairing_updated ON twinnings (pairing_id, updated_at, id);
CREATE INDEX twinnings_supporter_organization_id ON twinnings (supporter_organization_id, id);
CREATE INDEX twinnings_recipient_organization_id ON twinnings (recipient_organization_id, id);
CREATE INDEX twinnings_sector_id ON twinnings (sector_id, id);
