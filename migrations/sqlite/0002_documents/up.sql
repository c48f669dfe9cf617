CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    version BIGINT NOT NULL CHECK (version >= 1),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    title_zh TEXT NOT NULL,
    title_en TEXT,
    kind TEXT CHECK (kind IN ('news_report', 'agreement_text', 'minutes', 'photo', 'report', 'other')),
    publisher TEXT,
    published_on DATE,
    url TEXT,
    language TEXT,
    note TEXT,
    media_type TEXT,
    byte_size BIGINT CHECK (byte_size >= 0),
    sha256 TEXT CHECK (length(sha256) = 64),
    CONSTRAINT documents_code_key UNIQUE (code),
    CHECK ((media_type IS NULL) = (sha256 IS NULL)),
    CHECK ((byte_size IS NULL) = (sha256 IS NULL))
);
CREATE INDEX documents_updated_at ON documents (updated_at, id);
CREATE INDEX documents_sha256 ON documents (sha256);

-- Content is set once and never changed; a service that keeps its files in a directory has no row here.
CREATE TABLE document_contents (
    document_id BIGINT PRIMARY KEY NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    content BLOB NOT NULL
);

-- Where a record, or one of its fields, comes from. Any kind of record can cite, so the record is named by
-- kind and id; the rows are removed with it.
CREATE TABLE citations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entity TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    document_id BIGINT NOT NULL REFERENCES documents (id),
    field TEXT,
    locator TEXT,
    note TEXT
);
CREATE INDEX citations_record ON citations (entity, record_id, position);
CREATE INDEX citations_document_id ON citations (document_id);
