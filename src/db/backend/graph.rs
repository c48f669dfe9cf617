//! Recursive queries over references between records of one kind, which the shared DSL does not support.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::Conn;

/// The table and columns of the references, such as `parent_id` of `regions` or `depends_on_id` of
/// `milestone_dependencies`.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    pub table: &'static str,
    /// Column of the referring record.
    pub from: &'static str,
    /// Column of the referenced record; may be null.
    pub to: &'static str,
}

#[derive(QueryableByName)]
struct Reached {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Returns the ids reachable from `starts`, including these, without duplicates, unordered, at most `most`. `UNION`
/// drops ids that were already reached, so cycles terminate, and `LIMIT` stops the recursion.
pub fn reachable(conn: &mut Conn, edges: Edges, starts: &[i64], most: i64) -> QueryResult<Vec<i64>> {
    let Edges { table, from, to } = edges;
    let reached: Vec<Reached> = match conn {
        // One parameter for any number of ids: SQLite limits the parameters of a statement.
        Conn::Sqlite(conn) => diesel::sql_query(format!(
            "WITH RECURSIVE reached(id) AS (SELECT value FROM json_each(?) UNION SELECT edges.{to} FROM reached \
             JOIN {table} AS edges ON edges.{from} = reached.id WHERE edges.{to} IS NOT NULL) \
             SELECT id FROM reached LIMIT ?"
        ))
        .bind::<Text, _>(serde_json::Value::from(starts).to_string())
        .bind::<BigInt, _>(most)
        .load(conn)?,
        // With a plain join PostgreSQL would scan the whole table at each step; `OFFSET 0` keeps the subquery separate,
        // which uses the index.
        Conn::Postgres(conn) => diesel::sql_query(format!(
            "WITH RECURSIVE reached(id) AS (SELECT unnest($1::bigint[]) UNION SELECT next.id FROM reached \
             CROSS JOIN LATERAL (SELECT edges.{to} AS id FROM {table} AS edges \
             WHERE edges.{from} = reached.id AND edges.{to} IS NOT NULL OFFSET 0) AS next) \
             SELECT id FROM reached LIMIT $2"
        ))
        .bind::<Array<BigInt>, _>(starts)
        .bind::<BigInt, _>(most)
        .load(conn)?,
    };
    Ok(reached.into_iter().map(|row| row.id).collect())
}
