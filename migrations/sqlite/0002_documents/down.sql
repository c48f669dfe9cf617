DROP TABLE citations;
DROP TABLE document_contents;
DROP TABLE documents;
