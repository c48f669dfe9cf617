DROP TABLE document_pairings;
