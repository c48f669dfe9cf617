CREATE TABLE resolutions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    -- Carried from the conference so that a pairing's lists have an index; the composite key keeps it true.
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    conference_id BIGINT NOT NULL,
    text_zh TEXT NOT NULL,
    text_en TEXT,
    due_on DATE,
    status TEXT NOT NULL CHECK (status IN ('open', 'done', 'dropped')),
    done_on DATE,
    -- What it became; of the same pairing, so that neither leaves it without the other.
    commitment_id BIGINT,
    milestone_id BIGINT,
    note TEXT,
    due_order DATE NOT NULL GENERATED ALWAYS AS (COALESCE(due_on, '9999-12-31')) STORED,
    CONSTRAINT resolutions_code_key UNIQUE (code),
    FOREIGN KEY (conference_id, pairing_id) REFERENCES conferences (id, pairing_id) ON UPDATE CASCADE,
    FOREIGN KEY (commitment_id, pairing_id) REFERENCES commitments (id, pairing_id),
    FOREIGN KEY (milestone_id, pairing_id) REFERENCES milestones (id, pairing_id),
    CHECK (commitment_id IS NULL OR milestone_id IS NULL),
    CHECK (status = 'done' OR done_on IS NULL)
);
CREATE INDEX resolutions_due ON resolutions (due_order, id);
CREATE INDEX resolutions_updated_at ON resolutions (updated_at, id);
CREATE INDEX resolutions_pairing_id ON resolutions (pairing_id, id);
CREATE INDEX resolutions_pairing_due ON resolutions (pairing_id, due_order, id);
CREATE INDEX resolutions_conference_id ON resolutions (conference_id, id);
CREATE INDEX resolutions_commitment_id ON resolutions (commitment_id, id);
CREATE INDEX resolutions_milestone_id ON resolutions (milestone_id, id);

CREATE TABLE resolution_responsible (
    resolution_id BIGINT NOT NULL REFERENCES resolutions (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (resolution_id, organization_id)
);
CREATE INDEX resolution_responsible_organization_id ON resolution_responsible (organization_id, resolution_id);
