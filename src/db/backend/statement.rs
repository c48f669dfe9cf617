//! Statements over a table that is known by name only.
//!
//! Diesel's DSL has a type for each table, so that one function over all kinds of records would be compiled once for each.
//! Diesel prepares its own raw statements (`sql_query`, `sql`) anew each time; a [`Statement`] is cached by its text, like one of
//! the DSL. Its text depends on names that are literals of this crate, never on a value: values are bound, and a list of values is
//! one parameter.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::{ExecuteDsl, LoadQuery};
use diesel::result::Error::QueryBuilderError;
use diesel::sql_types::{Array, BigInt, Text, Timestamp};
use diesel::sqlite::Sqlite;

use super::Conn;
use crate::model::types::Instant;

/// A value of a statement.
pub enum Bind {
    Id(i64),
    Text(String),
    Instant(Instant),
    /// On PostgreSQL only: [`Bind::ids`].
    Ids(Vec<i64>),
    /// On PostgreSQL only: [`Bind::texts`].
    Texts(Vec<String>),
}

impl Bind {
    /// A list of ids, to compare with by [`one_of`].
    pub fn ids(conn: &Conn, ids: &[i64]) -> Bind {
        match conn {
            Conn::Sqlite(_) => Bind::Text(serde_json::Value::from(ids).to_string()),
            Conn::Postgres(_) => Bind::Ids(ids.to_vec()),
        }
    }

    /// A list of texts, to compare with by [`one_of`].
    pub fn texts(conn: &Conn, texts: &[&str]) -> Bind {
        match conn {
            Conn::Sqlite(_) => Bind::Text(serde_json::Value::from(texts).to_string()),
            Conn::Postgres(_) => Bind::Texts(texts.iter().map(ToString::to_string).collect()),
        }
    }
}

/// The condition that a column is one of the list that parameter `number` holds: an array on PostgreSQL, a text of JSON on SQLite.
pub fn one_of(conn: &Conn, column: &str, number: usize) -> String {
    match conn {
        Conn::Sqlite(_) => format!("{column} IN (SELECT value FROM json_each(${number}))"),
        Conn::Postgres(_) => format!("{column} = ANY(${number})"),
    }
}

/// The rows of the list of ids that parameter `number` holds: `value`, and `position` from 0.
pub fn numbered(conn: &Conn, number: usize) -> String {
    match conn {
        Conn::Sqlite(_) => format!("(SELECT value, key AS position FROM json_each(${number})) AS list"),
        Conn::Postgres(_) => {
            format!(
                "(SELECT value, position - 1 AS position FROM unnest(${number}) WITH ORDINALITY AS l(value, position)) AS list"
            )
        }
    }
}

/// A statement with its values; its rows have the SQL type `ST`. Parameters are `$1`, `$2` and so on, each used once and in this
/// order: SQLite numbers them by their first use.
pub struct Statement<ST> {
    sql: Cow<'static, str>,
    binds: Vec<Bind>,
    row: PhantomData<ST>,
}

impl<ST> Statement<ST> {
    pub fn new(sql: impl Into<Cow<'static, str>>, binds: impl Into<Vec<Bind>>) -> Statement<ST> {
        Statement { sql: sql.into(), binds: binds.into(), row: PhantomData }
    }

    /// The rows of a query.
    pub fn rows<U>(self, conn: &mut Conn) -> QueryResult<Vec<U>>
    where
        Statement<ST>: for<'q> LoadQuery<'q, SqliteConnection, U> + for<'q> LoadQuery<'q, PgConnection, U>,
    {
        match conn {
            Conn::Sqlite(conn) => self.load(conn),
            Conn::Postgres(conn) => self.load(conn),
        }
    }

    /// The first row of a query.
    pub fn row<U>(self, conn: &mut Conn) -> QueryResult<Option<U>>
    where
        Statement<ST>: for<'q> LoadQuery<'q, SqliteConnection, U> + for<'q> LoadQuery<'q, PgConnection, U>,
    {
        Ok(self.rows(conn)?.into_iter().next())
    }
}

impl Statement<()> {
    /// Runs a statement that has no rows; gives the count of those that it changed.
    pub fn run(self, conn: &mut Conn) -> QueryResult<usize> {
        match conn {
            Conn::Sqlite(conn) => ExecuteDsl::execute(self, conn),
            Conn::Postgres(conn) => ExecuteDsl::execute(self, conn),
        }
    }
}

impl<ST> QueryId for Statement<ST> {
    type QueryId = ();
    // Diesel caches such a statement by its text and the types of its values.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Statement<ST> {
    type SqlType = ST;
}

impl<ST, C> diesel::RunQueryDsl<C> for Statement<ST> {}

impl<ST> QueryFragment<Sqlite> for Statement<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        push_text(&self.sql, &mut out, self.binds.len(), |out, index| match &self.binds[index] {
            Bind::Id(id) => out.push_bind_param::<BigInt, _>(id),
            Bind::Text(text) => out.push_bind_param::<Text, _>(text),
            Bind::Instant(instant) => out.push_bind_param::<Timestamp, _>(instant),
            Bind::Ids(_) | Bind::Texts(_) => Err(QueryBuilderError("SQLite has no arrays".into())),
        })
    }
}

impl<ST> QueryFragment<Pg> for Statement<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_text(&self.sql, &mut out, self.binds.len(), |out, index| match &self.binds[index] {
            Bind::Id(id) => out.push_bind_param::<BigInt, _>(id),
            Bind::Text(text) => out.push_bind_param::<Text, _>(text),
            Bind::Instant(instant) => out.push_bind_param::<Timestamp, _>(instant),
            Bind::Ids(ids) => out.push_bind_param::<Array<BigInt>, _>(ids),
            Bind::Texts(texts) => out.push_bind_param::<Array<Text>, _>(texts),
        })
    }
}

/// Writes a statement's text: Diesel writes the marks of the parameters itself, where it is given their values.
fn push_text<'a, 'b, DB: diesel::backend::Backend>(
    sql: &'b str,
    out: &mut AstPass<'a, 'b, DB>,
    count: usize,
    mut bind: impl FnMut(&mut AstPass<'a, 'b, DB>, usize) -> QueryResult<()>,
) -> QueryResult<()> {
    let mut rest = sql;
    for index in 0..count {
        let mark = format!("${}", index + 1);
        let Some((before, after)) = rest.split_once(mark.as_str()) else {
            return Err(QueryBuilderError(format!("no parameter {mark} in {sql}").into()));
        };
        out.push_sql(before);
        bind(out, index)?;
        rest = after;
    }
    out.push_sql(rest);
    Ok(())
}
