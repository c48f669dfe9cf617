DROP TABLE import_faults;
DROP TABLE import_lines;
DROP TABLE import_pieces;
DROP TABLE imports;
