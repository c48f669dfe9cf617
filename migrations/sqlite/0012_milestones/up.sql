CREATE TABLE milestones (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    -- Carried from the agreement or project so that a pairing's lists have an index; the composite keys keep it true.
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    -- The agreement that it counts for: its own, or that of its project, which the project's change carries along.
    agreement_id BIGINT,
    project_id BIGINT,
    title_zh TEXT NOT NULL,
    title_en TEXT,
    kind TEXT,
    due_on DATE NOT NULL,
    baseline_due_on DATE NOT NULL,
    forecast_on DATE,
    met_on DATE,
    status TEXT NOT NULL CHECK (status IN ('scheduled', 'in_progress', 'met', 'partially_met', 'not_met', 'cancelled')),
    status_reason TEXT,
    progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100),
    weight_thousandths BIGINT NOT NULL CHECK (weight_thousandths >= 0),
    note TEXT,
    supporter_confirmed_at TIMESTAMP,
    recipient_confirmed_at TIMESTAMP,
    -- What can be overdue: the work is not done. Which of it is depends on the date asked for.
    is_open BOOLEAN NOT NULL GENERATED ALWAYS AS (status IN ('scheduled', 'in_progress', 'not_met')) STORED,
    CONSTRAINT milestones_code_key UNIQUE (code),
    CONSTRAINT milestones_id_pairing_key UNIQUE (id, pairing_id),
    FOREIGN KEY (agreement_id, pairing_id) REFERENCES agreements (id, pairing_id) ON UPDATE CASCADE,
    FOREIGN KEY (project_id, pairing_id) REFERENCES projects (id, pairing_id) ON UPDATE CASCADE,
    CHECK (agreement_id IS NOT NULL OR project_id IS NOT NULL),
    CHECK ((status IN ('met', 'partially_met')) = (met_on IS NOT NULL)),
    CHECK (status = 'met' OR (supporter_confirmed_at IS NULL AND recipient_confirmed_at IS NULL)),
    CHECK (status <> 'not_met' OR status_reason IS NOT NULL),
    CHECK (status <> 'met' OR progress = 100)
);
CREATE INDEX milestones_due_on ON milestones (due_on, id);
CREATE INDEX milestones_updated_at ON milestones (updated_at, id);
CREATE INDEX milestones_pairing_id ON milestones (pairing_id, id);
CREATE INDEX milestones_pairing_due ON milestones (pairing_id, due_on, id);
CREATE INDEX milestones_pairing_open_due ON milestones (pairing_id, is_open, due_on, id);
CREATE INDEX milestones_pairing_status_due ON milestones (pairing_id, status, due_on, id);
CREATE INDEX milestones_pairing_updated ON milestones (pairing_id, updated_at, id);
CREATE INDEX milestones_agreement_due ON milestones (agreement_id, due_on, id);
CREATE INDEX milestones_agreement_id ON milestones (agreement_id, id);
CREATE INDEX milestones_agreement_updated ON milestones (agreement_id, updated_at, id);
CREATE INDEX milestones_project_due ON milestones (project_id, due_on, id);
CREATE INDEX milestones_project_id ON milestones (project_id, id);
CREATE INDEX milestones_project_updated ON milestones (project_id, updated_at, id);
-- All that figures sum, in the order in which they are grouped: no row of the table is read for them.
CREATE INDEX milestones_tally ON milestones (pairing_id, agreement_id, project_id, status, is_open, due_on,
    baseline_due_on, met_on, weight_thousandths, progress);
CREATE INDEX milestones_open_due ON milestones (is_open, due_on, id);
CREATE INDEX milestones_status_due ON milestones (status, due_on, id);
CREATE INDEX milestones_status_id ON milestones (status, id);

CREATE TABLE milestone_responsible (
    milestone_id BIGINT NOT NULL REFERENCES milestones (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (milestone_id, organization_id)
);
CREATE INDEX milestone_responsible_organization_id ON milestone_responsible (organization_id, milestone_id);

CREATE TABLE milestone_dependencies (
    milestone_id BIGINT NOT NULL REFERENCES milestones (id) ON DELETE CASCADE,
    depends_on_id BIGINT NOT NULL REFERENCES milestones (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (milestone_id, depends_on_id),
    CHECK (milestone_id <> depends_on_id)
);
CREATE INDEX milestone_dependencies_depends_on_id ON milestone_dependencies (depends_on_id, milestone_id);

CREATE TABLE milestone_revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    milestone_id BIGINT NOT NULL REFERENCES milestones (id) ON DELETE CASCADE,
    old_due_on DATE NOT NULL,
    new_due_on DATE NOT NULL,
    reason TEXT NOT NULL,
    revised_at TIMESTAMP NOT NULL,
    revised_by TEXT NOT NULL,
    CHECK (old_due_on <> new_due_on)
);
CREATE INDEX milestone_revisions_milestone_id ON milestone_revisions (milestone_id, id);
