//! Walks of references between records of one kind, which the shared DSL has no recursion for.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::Conn;

/// Where the references of a kind stand: `parent_id` of `regions`, or `depends_on_id` of `milestone_dependencies`.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    pub table: &'static str,
    /// The column of the record that refers.
    pub from: &'static str,
    /// The column of the record that is referred to; it may be null.
    pub to: &'static str,
}

#[derive(QueryableByName)]
struct Reached {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The ids that can be reached from `starts`, these included, each once and in no order; at most `most` of them. One
/// statement whatever the length of the chains: `UNION` drops what was reached before, so that a cycle ends, and `LIMIT`
/// ends the recursion.
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
        // As a join, PostgreSQL would read the whole table at each step of a chain; `OFFSET 0` keeps the look-up by index
        // apart.
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
