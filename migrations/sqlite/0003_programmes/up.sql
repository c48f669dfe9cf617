CREATE TABLE programmes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT,
    description_zh TEXT,
    description_en TEXT,
    lead_body TEXT,
    starts_on DATE,
    ends_on DATE,
    principles_zh TEXT,
    principles_en TEXT,
    CONSTRAINT programmes_code_key UNIQUE (code),
    CHECK (ends_on >= starts_on)
);
CREATE INDEX programmes_updated_at ON programmes (updated_at, id);
