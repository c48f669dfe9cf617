-- One row that the readiness check updates, to see that the database can be written to. No record, and not in the audit log.
CREATE TABLE service_checks (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    checked_at TIMESTAMP
);
INSERT INTO service_checks (id) VALUES (1);
