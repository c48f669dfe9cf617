CREATE TABLE regions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    division_code TEXT,
    name_zh TEXT NOT NULL,
    name_en TEXT,
    level TEXT NOT NULL CHECK (level IN ('province', 'prefecture', 'county', 'township', 'village', 'functional_zone')),
    parent_id BIGINT REFERENCES regions (id),
    latitude DOUBLE PRECISION CHECK (latitude BETWEEN -90 AND 90),
    longitude DOUBLE PRECISION CHECK (longitude BETWEEN -180 AND 180),
    note TEXT,
    CONSTRAINT regions_code_key UNIQUE (code),
    CONSTRAINT regions_division_code_key UNIQUE (division_code),
    CHECK (parent_id <> id),
    CHECK ((latitude IS NULL) = (longitude IS NULL))
);
CREATE INDEX regions_parent_id ON regions (parent_id, id);
CREATE INDEX regions_level ON regions (level, id);
CREATE INDEX regions_updated_at ON regions (updated_at, id);
