//! Lists of references, which stand in tables of their own: one row for each reference, with its position.

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

/// The field of a kind that is the list of references with this name.
pub fn field(kind: &Kind, name: &str) -> Result<&'static Outgoing> {
    fields(kind)
        .find(|field| field.field == name)
        .ok_or_else(|| Error::unexpected(format!("{} has no list {name}", kind.name)))
}

/// The ids of a list for a page of records: pairs of record and other, in order.
pub fn load(conn: &mut Conn, kind: &Kind, field: &Outgoing, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    let Outgoing { table, column, .. } = field;
    let owner = kind.owner;
    let is_one = one_of(conn, owner, 1);
    let sql = format!("SELECT {owner}, {column} FROM {table} WHERE {is_one} ORDER BY {owner}, position");
    let ids = Bind::ids(conn, ids);
    Ok(Statement::<(BigInt, BigInt)>::new(sql, [ids]).rows(conn)?)
}

/// Replaces the ids of a record's list; a list that is the same is left alone.
pub fn replace(conn: &mut Conn, kind: &Kind, field: &Outgoing, id: i64, others: &[i64]) -> Result<()> {
    let existing: Vec<i64> = load(conn, kind, field, &[id])?.into_iter().map(|(_, other)| other).collect();
    if existing == others {
        return Ok(());
    }
    let sql = format!("DELETE FROM {} WHERE {} = $1", field.table, kind.owner);
    Statement::new(sql, [Bind::Id(id)]).run(conn)?;
    insert(conn, kind, field, id, others)
}

/// Inserts the ids of the list of a record that has none yet, by one statement.
pub fn insert(conn: &mut Conn, kind: &Kind, field: &Outgoing, id: i64, others: &[i64]) -> Result<()> {
    if others.is_empty() {
        return Ok(());
    }
    let Outgoing { table, column, .. } = field;
    let list = numbered(conn, 2);
    let sql =
        format!("INSERT INTO {table} ({}, {column}, position) SELECT $1, value, position FROM {list}", kind.owner);
    let others = Bind::ids(conn, others);
    Statement::new(sql, [Bind::Id(id), others]).run(conn)?;
    Ok(())
}
