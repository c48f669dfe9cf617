CREATE TABLE sectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT,
    vocabulary TEXT,
    parent_id BIGINT REFERENCES sectors (id),
    description_zh TEXT,
    description_en TEXT,
    CONSTRAINT sectors_code_key UNIQUE (code),
    CHECK (parent_id <> id)
);
CREATE INDEX sectors_parent_id ON sectors (parent_id, id);
CREATE INDEX sectors_vocabulary ON sectors (vocabulary, id);
CREATE INDEX sectors_updated_at ON sectors (updated_at, id);
