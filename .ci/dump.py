"""Prints every row of an SQLite database, so that two states can be compared. Virtual tables appear as their shadow tables."""

import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
for (table,) in database.execute(tables).fetchall():
    for row in sorted(map(repr, database.execute(f'SELECT * FROM "{table}"'))):
        print(table, row)
