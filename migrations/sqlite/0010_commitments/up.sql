CREATE TABLE commitments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    -- Carried from the agreement so that a pairing's lists have an index; the composite key keeps it true.
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    agreement_id BIGINT NOT NULL,
    clause TEXT,
    text_zh TEXT NOT NULL,
    text_en TEXT,
    sector_id BIGINT REFERENCES sectors (id),
    starts_on DATE,
    due_on DATE,
    indicator_name TEXT,
    indicator_unit TEXT,
    -- Quantities in ten-thousandths of the unit.
    indicator_baseline BIGINT,
    indicator_target BIGINT,
    indicator_direction TEXT CHECK (indicator_direction IN ('rising', 'falling')),
    indicator_accumulation TEXT CHECK (indicator_accumulation IN ('cumulative', 'last')),
    note TEXT,
    -- Lists by due date put the undated last, on either backend.
    due_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(due_on, '9999-12-31')) STORED,
    CONSTRAINT commitments_code_key UNIQUE (code),
    CONSTRAINT commitments_id_pairing_key UNIQUE (id, pairing_id),
    FOREIGN KEY (agreement_id, pairing_id) REFERENCES agreements (id, pairing_id) ON UPDATE CASCADE,
    CHECK (due_on >= starts_on),
    CHECK ((indicator_unit IS NULL) = (indicator_direction IS NULL)),
    CHECK ((indicator_unit IS NULL) = (indicator_accumulation IS NULL)),
    CHECK (indicator_unit IS NOT NULL OR (indicator_name IS NULL AND indicator_baseline IS NULL AND indicator_target IS NULL))
);
CREATE INDEX commitments_due ON commitments (due_order, id);
CREATE INDEX commitments_updated_at ON commitments (updated_at, id);
CREATE INDEX commitments_pairing_id ON commitments (pairing_id, id);
CREATE INDEX commitments_pairing_due ON commitments (pairing_id, due_order, id);
CREATE INDEX commitments_pairing_updated ON commitments (pairing_id, updated_at, id);
CREATE INDEX commitments_agreement_id ON commitments (agreement_id, id);
CREATE INDEX commitments_agreement_due ON commitments (agreement_id, due_order, id);
CREATE INDEX commitments_agreement_updated ON commitments (agreement_id, updated_at, id);
CREATE INDEX commitments_sector_id ON commitments (sector_id, id);

CREATE TABLE commitment_responsible (
    commitment_id BIGINT NOT NULL REFERENCES commitments (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (commitment_id, organization_id)
);
CREATE INDEX commitment_responsible_organization_id ON commitment_responsible (organization_id, commitment_id);

CREATE TABLE progress_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    commitment_id BIGINT NOT NULL,
    period_start_on DATE NOT NULL,
    period_end_on DATE NOT NULL,
    -- In ten-thousandths of the indicator's unit.
    value BIGINT,
    narrative TEXT,
    status TEXT NOT NULL CHECK (status IN ('draft', 'submitted', 'approved', 'returned')),
    return_note TEXT,
    supersedes_id BIGINT REFERENCES progress_reports (id),
    submitted_at TIMESTAMP,
    submitted_by TEXT,
    reviewed_at TIMESTAMP,
    reviewed_by TEXT,
    CONSTRAINT progress_reports_code_key UNIQUE (code),
    CONSTRAINT progress_reports_supersedes_key UNIQUE (supersedes_id),
    FOREIGN KEY (commitment_id, pairing_id) REFERENCES commitments (id, pairing_id) ON UPDATE CASCADE,
    CHECK (period_end_on >= period_start_on),
    CHECK (value IS NOT NULL OR narrative IS NOT NULL),
    CHECK (status <> 'returned' OR return_note IS NOT NULL),
    CHECK (supersedes_id <> id)
);
CREATE INDEX progress_reports_period_end ON progress_reports (period_end_on, id);
CREATE INDEX progress_reports_updated_at ON progress_reports (updated_at, id);
CREATE INDEX progress_reports_status_end ON progress_reports (status, period_end_on, id);
CREATE INDEX progress_reports_status_id ON progress_reports (status, id);
CREATE INDEX progress_reports_status_updated ON progress_reports (status, updated_at, id);
CREATE INDEX progress_reports_pairing_id ON progress_reports (pairing_id, id);
CREATE INDEX progress_reports_pairing_end ON progress_reports (pairing_id, period_end_on, id);
CREATE INDEX progress_reports_pairing_updated ON progress_reports (pairing_id, updated_at, id);
CREATE INDEX progress_reports_commitment_id ON progress_reports (commitment_id, id);
CREATE INDEX progress_reports_commitment_end ON progress_reports (commitment_id, period_end_on, id);
CREATE INDEX progress_reports_commitment_updated ON progress_reports (commitment_id, updated_at, id);
