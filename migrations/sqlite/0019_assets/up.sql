CREATE TABLE assets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    region_id BIGINT NOT NULL REFERENCES regions (id),
    name_zh TEXT NOT NULL,
    name_en TEXT,
    kind TEXT CHECK (kind IN ('park', 'laboratory', 'heritage', 'farm_product', 'tourism', 'medical', 'education',
        'ecology', 'other')),
    designation TEXT,
    note TEXT,
    CONSTRAINT assets_code_key UNIQUE (code)
);
CREATE INDEX assets_region_id ON assets (region_id, id);
CREATE INDEX assets_region_updated ON assets (region_id, updated_at, id);
CREATE INDEX assets_kind ON assets (kind, id);
CREATE INDEX assets_updated_at ON assets (updated_at, id);
