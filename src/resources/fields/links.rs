//! Lists of references. Each list has a table of its own: one row for each reference, with its position.

use diesel::sql_types::BigInt;

use crate::db::Conn;
use crate::db::backend::statement::{Bind, Statement, numbered, one_of};
use crate::db::reference::{Kind, Outgoing};
use crate::error::{Error, Result};

/// The fields of a kind that are lists of references.
pub fn fields(kind: &Kind) -> impl Iterator<Item = &'static Outgoing> {
    let own = kind.table;
    kind.references_out().filter(move |out| !out.field.is_empty() && out.table != own)
}

/// The list of references with this name.
fn list(kind: &Kind, name: &str) -> Result<&'static Outgoing> {
    fields(kind)
        .find(|field| field.field == name)
        .ok_or_else(|| Error::unexpected(format!("{} has no list {name}", kind.name)))
}

/// Loads a list of some records: pairs of record and other, in order.
pub fn load(conn: &mut Conn, kind: &Kind, name: &str, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    let Outgoing { table, column, .. } = list(kind, name)?;
    let owner = kind.owner;
    let is_one = one_of(conn, owner, 1);
    let sql = format!("SELECT {owner}, {column} FROM {table} WHERE {is_one} ORDER BY {owner}, position");
    let ids = Bind::ids(conn, ids);
    Ok(Statement::<(BigInt, BigInt)>::new(sql, [ids]).rows(conn)?)
}

/// Replaces a record's list; an equal list is not written.
pub fn replace(conn: &mut Conn, kind: &Kind, name: &str, id: i64, others: &[i64]) -> Result<()> {
    let existing: Vec<i64> = load(conn, kind, name, &[id])?.into_iter().map(|(_, other)| other).collect();
    if existing == others {
        return Ok(());
    }
    let sql = format!("DELETE FROM {} WHERE {} = $1", list(kind, name)?.table, kind.owner);
    Statement::new(sql, [Bind::Id(id)]).run(conn)?;
    insert(conn, kind, name, id, others)
}

/// Inserts the list of a record that has none yet, by one statement.
pub fn insert(conn: &mut Conn, kind: &Kind, name: &str, id: i64, others: &[i64]) -> Result<()> {
    if others.is_empty() {
        return Ok(());
    }
    let Outgoing { table, column, .. } = list(kind, name)?;
    let values = numbered(conn, 2);
    let sql =
        format!("INSERT INTO {table} ({}, {column}, position) SELECT $1, value, position FROM {values}", kind.owner);
    let others = Bind::ids(conn, others);
    Statement::new(sql, [Bind::Id(id), others]).run(conn)?;
    Ok(())
}
