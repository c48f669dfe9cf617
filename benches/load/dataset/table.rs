//! Writes many rows into a table by the fastest way of the backend: PostgreSQL by `COPY` from a file, SQLite by `INSERT`.

use std::fmt::{self, Write as _};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use pairing_tracker::db::Conn;

use crate::Outcome;

/// Rows of one `INSERT`.
const CHUNK: usize = 500;

/// A value of a column.
pub enum Field {
    Null,
    Number(i64),
    Text(String),
}

impl From<i64> for Field {
    fn from(number: i64) -> Field {
        Field::Number(number)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Field {
        Field::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Field {
        Field::Text(text)
    }
}

impl From<NaiveDate> for Field {
    fn from(date: NaiveDate) -> Field {
        Field::Text(date.to_string())
    }
}

impl<T: Into<Field>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Field {
        value.map_or(Field::Null, Into::into)
    }
}

/// As a literal of SQL. The texts of the data set contain no quotes.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Null => f.write_str("NULL"),
            Field::Number(number) => write!(f, "{number}"),
            Field::Text(text) => write!(f, "'{text}'"),
        }
    }
}

pub type Row = Vec<Field>;

/// A row from values of any type that is a [`Field`].
macro_rules! row {
    ($($value:expr),+ $(,)?) => { vec![$($crate::dataset::table::Field::from($value)),+] };
}
pub(super) use row;

/// A connection that fills tables.
pub struct Tables {
    pub conn: Conn,
    /// The file from which PostgreSQL copies.
    file: PathBuf,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    definition: String,
}

fn failed(what: &str) -> impl Fn(diesel::result::Error) -> String {
    move |error| format!("cannot fill {what}: {error}")
}

impl Tables {
    pub fn new(conn: Conn, file: PathBuf) -> Tables {
        Tables { conn, file }
    }

    pub fn is_sqlite(&self) -> bool {
        self.conn.is_sqlite()
    }

    pub fn execute(&mut self, statements: &str) -> Outcome<()> {
        self.conn.batch_execute(statements).map_err(failed(statements))
    }

    /// Inserts rows into the columns of a table ("milestones (id, code)").
    pub fn insert(&mut self, into: &str, rows: impl Iterator<Item = Row>) -> Outcome<()> {
        if self.is_sqlite() { self.insert_chunks(into, rows) } else { self.copy(into, rows) }
    }

    fn insert_chunks(&mut self, into: &str, mut rows: impl Iterator<Item = Row>) -> Outcome<()> {
        loop {
            let mut statement = format!("INSERT INTO {into} VALUES ");
            let mut count = 0;
            for row in rows.by_ref().take(CHUNK) {
                let separator = if count > 0 { ", " } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(statement, "{separator}({})", Joined(&row));
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.conn.batch_execute(&statement).map_err(failed(into))?;
        }
    }

    fn copy(&mut self, into: &str, rows: impl Iterator<Item = Row>) -> Outcome<()> {
        let failed_file = |e: std::io::Error| format!("cannot write {}: {e}", self.file.display());
        let mut file = BufWriter::new(std::fs::File::create(&self.file).map_err(failed_file)?);
        for row in rows {
            for (number, field) in row.iter().enumerate() {
                let separator = if number > 0 { "\t" } else { "" };
                match field {
                    Field::Null => write!(file, "{separator}\\N"),
                    Field::Number(number) => write!(file, "{separator}{number}"),
                    Field::Text(text) => write!(file, "{separator}{text}"),
                }
                .map_err(failed_file)?;
            }
            file.write_all(b"\n").map_err(failed_file)?;
        }
        file.into_inner().map_err(|e| failed_file(e.into_error()))?;
        self.conn.batch_execute(&format!("COPY {into} FROM '{}'", self.file.display())).map_err(failed(into))
    }

    /// Drops the indexes of tables that hold no constraint; returns the statements that create them again. To build an index
    /// of all rows takes a fraction of the time that it takes to add each row.
    pub fn drop_indexes(&mut self, tables: &[&str]) -> Outcome<Vec<String>> {
        let tables: Vec<String> = tables.iter().map(|table| format!("'{table}'")).collect();
        let tables = tables.join(", ");
        let query = if self.is_sqlite() {
            format!(
                "SELECT name, sql AS definition FROM sqlite_master
                 WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
            )
        } else {
            format!(
                "SELECT indexname::text AS name, indexdef AS definition FROM pg_indexes
                 WHERE schemaname = 'public' AND tablename IN ({tables})
                     AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)"
            )
        };
        let indexes: Vec<Index> =
            diesel::sql_query(query).load(&mut self.conn).map_err(failed("the list of indexes"))?;
        for Index { name, .. } in &indexes {
            self.execute(&format!("DROP INDEX {name}"))?;
        }
        Ok(indexes.into_iter().map(|index| index.definition).collect())
    }
}

/// The literals of a row, separated by commas.
struct Joined<'a>(&'a [Field]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, field)| {
            let separator = if number > 0 { ", " } else { "" };
            write!(f, "{separator}{field}")
        })
    }
}
