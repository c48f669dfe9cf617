//! The migrations of both backends create the same tables, and every `down` works.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text};
use pairing_tracker::db::{Conn, backend};

use crate::common::databases;

#[derive(QueryableByName, Debug)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    is_nullable: String,
}

#[derive(QueryableByName, Debug)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, c.name AS column_name, \
    CASE WHEN c.\"notnull\" OR c.pk THEN 'NO' ELSE 'YES' END AS is_nullable \
    FROM sqlite_master m, pragma_table_xinfo(m.name) c \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'search_texts%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text, is_nullable::text FROM information_schema.columns \
    WHERE table_schema = 'public' AND table_name <> 'search_texts' AND table_name NOT LIKE '\\_\\_%'";
const SQLITE_INDEXES: &str = "SELECT m.tbl_name || ' ' || m.name || ' ' || \
    (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(m.name) ORDER BY seqno)) AS name FROM sqlite_master m \
    WHERE m.type = 'index' AND m.sql IS NOT NULL";
const POSTGRES_INDEXES: &str = "SELECT t.relname || ' ' || i.relname || ' ' || string_agg(a.attname, ',' ORDER BY k.n) AS name \
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
    JOIN pg_namespace s ON s.oid = t.relnamespace CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(attnum, n) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
    WHERE s.nspname = 'public' AND NOT x.indisunique AND t.relname <> 'search_texts' GROUP BY t.relname, i.relname";
const SQLITE_KEYS: &str = "SELECT m.name || '.' || f.\"from\" || ' -> ' || f.\"table\" || '.' || f.\"to\" AS name \
    FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const POSTGRES_KEYS: &str = "SELECT t.relname || '.' || a.attname || ' -> ' || r.relname || '.' || b.attname AS name \
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid \
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k(f, g) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.f JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = k.g \
    WHERE c.contype = 'f'";

fn load<T: QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + 'static>(
    conn: &mut Conn,
    sqlite: &str,
    postgres: &str,
) -> Vec<T> {
    match conn {
        Conn::Sqlite(conn) => diesel::sql_query(sqlite).load(conn),
        Conn::Postgres(conn) => diesel::sql_query(postgres).load(conn),
    }
    .expect("the catalogue answers")
}

fn columns(conn: &mut Conn) -> BTreeMap<String, String> {
    let rows: Vec<Column> = load(conn, SQLITE_COLUMNS, POSTGRES_COLUMNS);
    rows.into_iter().map(|row| (format!("{}.{}", row.table_name, row.column_name), row.is_nullable)).collect()
}

fn names(conn: &mut Conn, sqlite: &str, postgres: &str) -> Vec<String> {
    let rows: Vec<Name> = load(conn, sqlite, postgres);
    let mut names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    names.sort();
    names
}

#[test]
fn both_backends_have_the_same_tables() {
    let databases = databases(false);
    let [sqlite, postgres] = databases.as_slice() else { return };
    let (mut sqlite, mut postgres) = (sqlite.connect(), postgres.connect());
    assert_eq!(columns(&mut sqlite), columns(&mut postgres));
    for (of_sqlite, of_postgres) in [(SQLITE_INDEXES, POSTGRES_INDEXES), (SQLITE_KEYS, POSTGRES_KEYS)] {
        assert_eq!(names(&mut sqlite, of_sqlite, of_postgres), names(&mut postgres, of_sqlite, of_postgres));
    }
}

#[derive(QueryableByName)]
struct Declared {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    is_required: bool,
    /// From 1 among the columns of the primary key; 0 for the others.
    #[diesel(sql_type = Integer)]
    key: i32,
}

const DECLARED: &str = "SELECT m.name AS table_name, c.name AS column_name, c.type AS kind, c.\"notnull\" AS is_required, c.pk AS key \
    FROM sqlite_master m, pragma_table_xinfo(m.name) c \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'search_texts%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
    ORDER BY m.rowid, c.cid";

/// The Diesel type of a column.
fn diesel_type(column: &Declared, key: &[&str]) -> String {
    let kind = match column.kind.trim_end_matches(" GENERATED ALWAYS") {
        "INTEGER" if key == [column.column_name.as_str()] => "BigInt",
        "BIGINT" => "BigInt",
        "INTEGER" => "Integer",
        "TEXT" => "Text",
        "DATE" => "Date",
        "TIMESTAMP" => "Timestamp",
        "BOOLEAN" => "Bool",
        "DOUBLE PRECISION" | "DOUBLE" | "REAL" => "Double",
        "BLOB" => "Binary",
        other => panic!("{}.{} is {other}, which has no name here", column.table_name, column.column_name),
    };
    if column.is_required || column.key > 0 { kind.to_owned() } else { format!("Nullable<{kind}>") }
}

/// `src/db/schema.rs`, from the tables that the migrations create on SQLite.
fn declarations(conn: &mut Conn) -> String {
    let columns: Vec<Declared> = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(DECLARED).load(conn).expect("the catalogue answers"),
        Conn::Postgres(_) => panic!("the declarations are made from SQLite"),
    };
    let mut text =
        "// The tables of both backends, one for both: see `migrations/`. Written by `UPDATE=1 cargo test schema`.\n"
            .to_owned();
    let mut tables = Vec::new();
    for of_table in columns.chunk_by(|a, b| a.table_name == b.table_name) {
        let table = &of_table[0].table_name;
        let mut key: Vec<&Declared> = of_table.iter().filter(|column| column.key > 0).collect();
        key.sort_by_key(|column| column.key);
        let key: Vec<&str> = key.iter().map(|column| column.column_name.as_str()).collect();
        let lines: String = of_table
            .iter()
            .map(|column| format!("        {} -> {},\n", column.column_name, diesel_type(column, &key)))
            .collect();
        text += &format!("\ndiesel::table! {{\n    {table} ({}) {{\n{lines}    }}\n}}\n", key.join(", "));
        tables.push(format!("    {table},\n"));
    }
    text + &format!("\ndiesel::allow_tables_to_appear_in_same_query!(\n{});\n", tables.concat())
}

#[test]
fn the_declared_tables_match_the_migrations() {
    let made = declarations(&mut databases(false).swap_remove(0).connect());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db/schema.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the declarations are written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "the declarations are not current: UPDATE=1 cargo test schema");
}

#[test]
fn every_down_migration_reverts_its_up() {
    for database in databases(true) {
        let mut conn = database.connect();
        backend::revert_all(&mut conn).expect("every down runs");
        assert!(columns(&mut conn).is_empty(), "{} leaves tables behind", database.name);
        backend::migrate(&mut conn).expect("and up again");
        assert!(backend::pending_migrations(&mut conn).expect("the list").is_empty());
    }
}
