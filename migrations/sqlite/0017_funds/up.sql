CREATE TABLE funds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    programme_id BIGINT NOT NULL REFERENCES programmes (id),
    name_zh TEXT NOT NULL,
    name_en TEXT,
    starts_on DATE,
    ends_on DATE,
    note TEXT,
    CONSTRAINT funds_code_key UNIQUE (code),
    CHECK (ends_on >= starts_on)
);
CREATE INDEX funds_code ON funds (code, id);
CREATE INDEX funds_updated_at ON funds (updated_at, id);
CREATE INDEX funds_programme_id ON funds (programme_id, id);

CREATE TABLE fund_sectors (
    fund_id BIGINT NOT NULL REFERENCES funds (id) ON DELETE CASCADE,
    sector_id BIGINT NOT NULL REFERENCES sectors (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (fund_id, sector_id)
);
CREATE INDEX fund_sectors_sector_id ON fund_sectors (sector_id, fund_id);

CREATE TABLE fund_source_kinds (
    fund_id BIGINT NOT NULL REFERENCES funds (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('fiscal', 'state_enterprise', 'social_capital', 'donation')),
    position INTEGER NOT NULL,
    PRIMARY KEY (fund_id, kind)
);
CREATE INDEX fund_source_kinds_kind ON fund_source_kinds (kind, fund_id);
