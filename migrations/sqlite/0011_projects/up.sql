CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    agreement_id BIGINT,
    title_zh TEXT NOT NULL,
    title_en TEXT,
    description_zh TEXT,
    description_en TEXT,
    location_id BIGINT REFERENCES regions (id),
    status TEXT NOT NULL CHECK (status IN ('proposed', 'planned', 'in_progress', 'completed', 'suspended', 'cancelled')),
    planned_start_on DATE,
    planned_end_on DATE,
    actual_start_on DATE,
    actual_end_on DATE,
    -- In hundredths of the currency.
    investment BIGINT CHECK (investment >= 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    note TEXT,
    CONSTRAINT projects_code_key UNIQUE (code),
    CONSTRAINT projects_id_pairing_key UNIQUE (id, pairing_id),
    -- An agreement that moves to another pairing takes its projects along.
    FOREIGN KEY (agreement_id, pairing_id) REFERENCES agreements (id, pairing_id) ON UPDATE CASCADE,
    CHECK (planned_end_on >= planned_start_on),
    CHECK (actual_end_on >= actual_start_on)
);
CREATE INDEX projects_code ON projects (code, id);
CREATE INDEX projects_updated_at ON projects (updated_at, id);
CREATE INDEX projects_pairing_id ON projects (pairing_id, id);
CREATE INDEX projects_pairing_code ON projects (pairing_id, code, id);
CREATE INDEX projects_pairing_updated ON projects (pairing_id, updated_at, id);
CREATE INDEX projects_agreement_id ON projects (agreement_id, id);
CREATE INDEX projects_location_id ON projects (location_id, id);

CREATE TABLE project_sectors (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    sector_id BIGINT NOT NULL REFERENCES sectors (id),
    position INTEGER NOT NULL,
    -- In hundredths of a percent.
    share BIGINT NOT NULL CHECK (share BETWEEN 1 AND 10000),
    PRIMARY KEY (project_id, sector_id)
);
CREATE INDEX project_sectors_sector_id ON project_sectors (sector_id, project_id);

CREATE TABLE project_organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    role TEXT NOT NULL CHECK (role IN ('lead', 'responsible', 'participant', 'funder'))
);
CREATE INDEX project_organizations_project_id ON project_organizations (project_id, position);
CREATE INDEX project_organizations_organization_id ON project_organizations (organization_id, project_id);
