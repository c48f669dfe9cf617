CREATE TABLE organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('party_body', 'government', 'department', 'company', 'association', 'school',
        'kindergarten', 'hospital', 'park', 'other')),
    region_id BIGINT NOT NULL REFERENCES regions (id),
    parent_id BIGINT REFERENCES organizations (id),
    CONSTRAINT organizations_code_key UNIQUE (code),
    CHECK (parent_id <> id)
);
CREATE INDEX organizations_region_id ON organizations (region_id, id);
CREATE INDEX organizations_parent_id ON organizations (parent_id, id);
CREATE INDEX organizations_kind ON organizations (kind, id);
CREATE INDEX organizations_updated_at ON organizations (updated_at, id);
