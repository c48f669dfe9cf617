-- The pairings whose editors may change a document: those of the key that made it. None: only keys of all pairings.
CREATE TABLE document_pairings (
    document_id BIGINT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    pairing_id BIGINT NOT NULL REFERENCES pairings (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (document_id, pairing_id)
);
CREATE INDEX document_pairings_pairing_id ON document_pairings (pairing_id, document_id);
