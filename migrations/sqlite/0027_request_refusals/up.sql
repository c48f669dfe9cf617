-- Requests that were refused for want of a key or of a right, counted by hour. They are not part of the audit log, whose
-- events can never be deleted: these rows are deleted after a time. What is unknown is an empty text, because NULLs would
-- not be equal in the key.
CREATE TABLE request_refusals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hour TIMESTAMP NOT NULL,
    network TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    code TEXT NOT NULL,
    -- Of the first of them.
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER,
    request_id TEXT NOT NULL,
    count BIGINT NOT NULL CHECK (count >= 1),
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    CONSTRAINT request_refusals_hour_network_actor_id_operation_code_key UNIQUE (hour, network, actor_id, operation, code)
);
CREATE INDEX request_refusals_first_at ON request_refusals (first_at, id);
CREATE INDEX request_refusals_actor ON request_refusals (actor, first_at, id);
