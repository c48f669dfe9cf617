CREATE TABLE agreements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    kind TEXT NOT NULL CHECK (kind IN ('framework_agreement', 'memorandum', 'annual_agreement',
        'strategic_cooperation_agreement', 'project_agreement', 'supplementary_agreement', 'other')),
    title_zh TEXT NOT NULL,
    title_en TEXT,
    number TEXT,
    parent_id BIGINT,
    conference_id BIGINT,
    status TEXT NOT NULL CHECK (status IN ('draft', 'signed', 'suspended', 'terminated')),
    status_on DATE,
    status_reason TEXT,
    signed_on DATE,
    effective_on DATE,
    expires_on DATE,
    summary_zh TEXT,
    summary_en TEXT,
    note TEXT,
    -- Lists by signing date put the undated last, on either backend.
    signed_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(signed_on, '9999-12-31')) STORED,
    CONSTRAINT agreements_code_key UNIQUE (code),
    -- A parent is an agreement of the same pairing, and so is what hangs under it.
    CONSTRAINT agreements_id_pairing_key UNIQUE (id, pairing_id),
    FOREIGN KEY (parent_id, pairing_id) REFERENCES agreements (id, pairing_id),
    FOREIGN KEY (conference_id, pairing_id) REFERENCES conferences (id, pairing_id),
    CHECK (parent_id <> id),
    CHECK (expires_on >= effective_on),
    CHECK (status NOT IN ('suspended', 'terminated') OR (status_on IS NOT NULL AND status_reason IS NOT NULL))
);
CREATE INDEX agreements_code ON agreements (code, id);
CREATE INDEX agreements_pairing_id ON agreements (pairing_id, id);
CREATE INDEX agreements_pairing_signed ON agreements (pairing_id, signed_order, id);
CREATE INDEX agreements_pairing_updated ON agreements (pairing_id, updated_at, id);
CREATE INDEX agreements_parent_id ON agreements (parent_id, pairing_id, id);
CREATE INDEX agreements_conference_id ON agreements (conference_id, pairing_id, id);
CREATE INDEX agreements_pairing_code ON agreements (pairing_id, code, id);
CREATE INDEX agreements_status ON agreements (status, id);
CREATE INDEX agreements_status_code ON agreements (status, code, id);
CREATE INDEX agreements_status_signed ON agreements (status, signed_order, id);
CREATE INDEX agreements_status_updated ON agreements (status, updated_at, id);
CREATE INDEX agreements_kind ON agreements (kind, id);
CREATE INDEX agreements_signed ON agreements (signed_order, id);
CREATE INDEX agreements_expires_on ON agreements (expires_on, id);
CREATE INDEX agreements_updated_at ON agreements (updated_at, id);

CREATE TABLE agreement_parties (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agreement_id BIGINT NOT NULL REFERENCES agreements (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    region_id BIGINT REFERENCES regions (id),
    organization_id BIGINT REFERENCES organizations (id),
    side TEXT NOT NULL CHECK (side IN ('supporter', 'recipient', 'witness')),
    signatory TEXT,
    signatory_title TEXT,
    signed_on DATE,
    CHECK ((region_id IS NULL) <> (organization_id IS NULL))
);
CREATE INDEX agreement_parties_agreement_id ON agreement_parties (agreement_id, position);
CREATE INDEX agreement_parties_region_id ON agreement_parties (region_id, agreement_id);
CREATE INDEX agreement_parties_organization_id ON agreement_parties (organization_id, agreement_id);

CREATE TABLE agreement_sectors (
    agreement_id BIGINT NOT NULL REFERENCES agreements (id) ON DELETE CASCADE,
    sector_id BIGINT NOT NULL REFERENCES sectors (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (agreement_id, sector_id)
);
CREATE INDEX agreement_sectors_sector_id ON agreement_sectors (sector_id, agreement_id);

CREATE TABLE amendments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agreement_id BIGINT NOT NULL REFERENCES agreements (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    title_zh TEXT NOT NULL,
    title_en TEXT,
    signed_on DATE,
    effective_on DATE,
    summary_zh TEXT,
    summary_en TEXT,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT amendments_agreement_number_key UNIQUE (agreement_id, number)
);
