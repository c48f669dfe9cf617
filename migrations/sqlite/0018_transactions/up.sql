CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('pledge', 'commitment', 'disbursement', 'expenditure', 'reversal')),
    -- In hundredths of the currency.
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    value_on DATE NOT NULL,
    fund_id BIGINT REFERENCES funds (id),
    pairing_id BIGINT REFERENCES pairings (id),
    project_id BIGINT,
    provider_id BIGINT REFERENCES organizations (id),
    receiver_id BIGINT REFERENCES organizations (id),
    reverses_id BIGINT REFERENCES transactions (id),
    pass_through BOOLEAN NOT NULL,
    note TEXT,
    CONSTRAINT transactions_code_key UNIQUE (code),
    -- Without a cascade: money that is booked pins its project to the pairing.
    FOREIGN KEY (project_id, pairing_id) REFERENCES projects (id, pairing_id),
    CHECK (project_id IS NULL OR pairing_id IS NOT NULL),
    CHECK ((kind = 'reversal') = (reverses_id IS NOT NULL)),
    CHECK (reverses_id <> id),
    CHECK (provider_id <> receiver_id)
);
CREATE INDEX transactions_value_on ON transactions (value_on, id);
CREATE INDEX transactions_updated_at ON transactions (updated_at, id);
CREATE INDEX transactions_fund_id ON transactions (fund_id, id);
CREATE INDEX transactions_fund_value ON transactions (fund_id, value_on, id);
CREATE INDEX transactions_fund_updated ON transactions (fund_id, updated_at, id);
CREATE INDEX transactions_pairing_id ON transactions (pairing_id, id);
CREATE INDEX transactions_pairing_value ON transactions (pairing_id, value_on, id);
CREATE INDEX transactions_pairing_updated ON transactions (pairing_id, updated_at, id);
CREATE INDEX transactions_project_id ON transactions (project_id, id);
CREATE INDEX transactions_project_value ON transactions (project_id, value_on, id);
CREATE INDEX transactions_project_updated ON transactions (project_id, updated_at, id);
CREATE INDEX transactions_provider_id ON transactions (provider_id, id);
CREATE INDEX transactions_receiver_id ON transactions (receiver_id, id);
CREATE INDEX transactions_reverses_id ON transactions (reverses_id, id);
