//! The full-text index, which Diesel's DSL does not cover.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::Conn;
use super::statement::{Bind, Statement};

diesel::table! {
    /// SQLite's full-text table; a DSL query is prepared once.
    search_texts (rowid) {
        rowid -> BigInt,
        entity -> Text,
        body -> Text,
        record_id -> BigInt,
    }
}

/// The name and number of a record's kind, and its id. The number identifies the kind within SQLite's single index, where only
/// access by rowid is fast.
type Of<'a> = (&'a str, i64, i64);

/// Adds the text of a record that is not indexed yet.
pub fn add_search_text(conn: &mut Conn, (kind, number, id): Of<'_>, body: &str) -> QueryResult<()> {
    let (kind, body) = (Bind::Text(kind.to_owned()), Bind::Text(body.to_owned()));
    let statement = if conn.is_sqlite() {
        let sql = "INSERT INTO search_texts (rowid, entity, body, record_id) VALUES ($1, $2, $3, $4)";
        Statement::new(sql, [Bind::Id(search_rowid(number, id)), kind, body, Bind::Id(id)])
    } else {
        let sql = "INSERT INTO search_texts (entity, record_id, body) VALUES ($1, $2, $3)";
        Statement::new(sql, [kind, Bind::Id(id), body])
    };
    statement.run(conn).map(drop)
}

/// Removes the indexed text of a record.
pub fn remove_search_text(conn: &mut Conn, (kind, number, id): Of<'_>) -> QueryResult<()> {
    let statement = if conn.is_sqlite() {
        Statement::new("DELETE FROM search_texts WHERE rowid = $1", [Bind::Id(search_rowid(number, id))])
    } else {
        let sql = "DELETE FROM search_texts WHERE entity = $1 AND record_id = $2";
        Statement::new(sql, [Bind::Text(kind.to_owned()), Bind::Id(id)])
    };
    statement.run(conn).map(drop)
}

/// Replaces the indexed text of a record.
pub fn put_search_text(conn: &mut Conn, of: Of<'_>, body: &str) -> QueryResult<()> {
    remove_search_text(conn, of)?;
    add_search_text(conn, of, body)
}

/// Replaces the indexed texts of records.
pub fn put_search_texts(conn: &mut Conn, kind: &str, number: i64, texts: &[(i64, String)]) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            let rowids = texts.iter().map(|(id, _)| search_rowid(number, *id));
            diesel::delete(search_texts::table.filter(search_texts::rowid.eq_any(rowids))).execute(conn)?;
        }
        Conn::Postgres(conn) => {
            let ids: Vec<i64> = texts.iter().map(|(id, _)| *id).collect();
            diesel::sql_query("DELETE FROM search_texts WHERE entity = $1 AND record_id = ANY ($2)")
                .bind::<Text, _>(kind)
                .bind::<Array<BigInt>, _>(ids)
                .execute(conn)?;
        }
    }
    add_search_texts(conn, kind, number, texts)
}

/// Adds the texts of records that are not indexed yet, with one statement.
pub fn add_search_texts(conn: &mut Conn, kind: &str, number: i64, texts: &[(i64, String)]) -> QueryResult<()> {
    if texts.is_empty() {
        return Ok(());
    }
    match conn {
        Conn::Sqlite(conn) => {
            let rows = vec!["(?, ?, ?, ?)"; texts.len()].join(", ");
            let sql = format!("INSERT INTO search_texts (rowid, entity, body, record_id) VALUES {rows}");
            let mut query = diesel::sql_query(sql).into_boxed();
            for (id, body) in texts {
                query = query
                    .bind::<BigInt, _>(search_rowid(number, *id))
                    .bind::<Text, _>(kind)
                    .bind::<Text, _>(body)
                    .bind::<BigInt, _>(*id);
            }
            query.execute(conn).map(drop)
        }
        Conn::Postgres(conn) => {
            let (ids, bodies): (Vec<i64>, Vec<&str>) = texts.iter().map(|(id, body)| (*id, body.as_str())).unzip();
            diesel::sql_query(
                "INSERT INTO search_texts (entity, record_id, body) SELECT $1, * FROM unnest($2::bigint[], $3::text[])",
            )
            .bind::<Text, _>(kind)
            .bind::<Array<BigInt>, _>(ids)
            .bind::<Array<Text>, _>(bodies)
            .execute(conn)
            .map(drop)
        }
    }
}

/// Re-indexes texts that contain full-width letters and digits, which earlier versions did not fold; returns their
/// number. The folded form is derived from the indexed text.
pub fn fold_search_texts(conn: &mut Conn, fold: impl Fn(&str) -> String) -> QueryResult<usize> {
    #[derive(QueryableByName)]
    struct Indexed {
        #[diesel(sql_type = Text)]
        entity: String,
        #[diesel(sql_type = BigInt)]
        place: i64,
        #[diesel(sql_type = Text)]
        body: String,
    }
    let find = match conn {
        // In a full-text table only access by rowid is fast.
        Conn::Sqlite(_) => {
            "SELECT entity, rowid AS place, body FROM search_texts WHERE body GLOB '*[\u{ff01}-\u{ff5e}]*' LIMIT 1000"
        }
        Conn::Postgres(_) => {
            "SELECT entity, record_id AS place, body FROM search_texts WHERE body ~ '[\u{ff01}-\u{ff5e}]' LIMIT 1000"
        }
    };
    let mut count = 0;
    loop {
        let found: Vec<Indexed> = diesel::sql_query(find).load(conn)?;
        if found.is_empty() {
            return Ok(count);
        }
        count += found.len();
        for Indexed { entity, place, body } in found {
            let folded = fold(&body);
            match conn {
                Conn::Sqlite(conn) => {
                    let row = search_texts::table.find(place);
                    diesel::update(row).set(search_texts::body.eq(folded)).execute(conn)?
                }
                Conn::Postgres(conn) => {
                    diesel::sql_query("UPDATE search_texts SET body = $1 WHERE entity = $2 AND record_id = $3")
                        .bind::<Text, _>(folded)
                        .bind::<Text, _>(entity)
                        .bind::<BigInt, _>(place)
                        .execute(conn)?
                }
            };
        }
    }
}

fn search_rowid(number: i64, id: i64) -> i64 {
    id * 64 + number
}

/// A row of the text index.
#[derive(Clone)]
pub struct SearchRow {
    /// SQLite's rowid; 0 on PostgreSQL.
    rowid: i64,
    pub entity: String,
    pub record_id: i64,
}

impl SearchRow {
    /// Whether the row has the rowid that [`put_search_text`] assigns to this record.
    pub fn is_in_place(&self, conn: &Conn, number: i64) -> bool {
        !conn.is_sqlite() || self.rowid == search_rowid(number, self.record_id)
    }

    /// Removes the row.
    pub fn remove(&self, conn: &mut Conn) -> QueryResult<()> {
        match conn {
            Conn::Sqlite(conn) => diesel::sql_query("DELETE FROM search_texts WHERE rowid = ?")
                .bind::<BigInt, _>(self.rowid)
                .execute(conn)
                .map(drop),
            Conn::Postgres(_) => remove_search_text(conn, (&self.entity, 0, self.record_id)),
        }
    }
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    entity: String,
    #[diesel(sql_type = BigInt)]
    record_id: i64,
}

/// Returns the rows of the text index after a given one, in index order.
pub fn search_rows_after(conn: &mut Conn, after: Option<&SearchRow>, limit: i64) -> QueryResult<Vec<SearchRow>> {
    let (rowid, entity, id) =
        after.map_or((i64::MIN, "", i64::MIN), |row| (row.rowid, row.entity.as_str(), row.record_id));
    let rows: Vec<FoundRow> = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(
            "SELECT rowid AS place, entity, record_id FROM search_texts WHERE rowid > ? ORDER BY rowid LIMIT ?",
        )
        .bind::<BigInt, _>(rowid)
        .bind::<BigInt, _>(limit)
        .load(conn)?,
        Conn::Postgres(conn) => diesel::sql_query(
            "SELECT 0::bigint AS place, entity, record_id FROM search_texts WHERE (entity, record_id) > ($1, $2) \
             ORDER BY entity, record_id LIMIT $3",
        )
        .bind::<Text, _>(entity)
        .bind::<BigInt, _>(id)
        .bind::<BigInt, _>(limit)
        .load(conn)?,
    };
    Ok(rows
        .into_iter()
        .map(|row| SearchRow { rowid: row.place, entity: row.entity, record_id: row.record_id })
        .collect())
}

#[derive(QueryableByName)]
struct FoundText {
    #[diesel(sql_type = BigInt)]
    record_id: i64,
    #[diesel(sql_type = Text)]
    body: String,
}

/// Returns the indexed texts of records.
pub fn search_texts(conn: &mut Conn, kind: &str, number: i64, ids: &[i64]) -> QueryResult<Vec<(i64, String)>> {
    let rows: Vec<FoundText> = match conn {
        Conn::Sqlite(conn) => {
            let rowids: Vec<String> = ids.iter().map(|id| search_rowid(number, *id).to_string()).collect();
            diesel::sql_query(
                "SELECT record_id, body FROM search_texts \
                 WHERE rowid IN (SELECT value FROM json_each(?)) AND entity = ?",
            )
            .bind::<Text, _>(format!("[{}]", rowids.join(",")))
            .bind::<Text, _>(kind)
            .load(conn)?
        }
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT record_id, body FROM search_texts WHERE entity = $1 AND record_id = ANY($2)")
                .bind::<Text, _>(kind)
                .bind::<Array<BigInt>, _>(ids)
                .load(conn)?
        }
    };
    Ok(rows.into_iter().map(|row| (row.record_id, row.body)).collect())
}

/// A full-text condition: three pieces of SQL around two bind parameters, the query and the kind.
pub struct SearchSql {
    pub pieces: [&'static str; 3],
    pub query: String,
}

/// Returns the condition that a record's text contains every phrase, for `id IN (…)`.
///
/// `MATERIALIZED` makes PostgreSQL plan the match separately, so that it uses the text index.
pub fn search_sql(conn: &Conn, kind: &str, phrases: &[String]) -> SearchSql {
    match conn {
        Conn::Sqlite(_) => {
            let body: Vec<String> = phrases.iter().map(|phrase| format!("body : \"{phrase}\" *")).collect();
            SearchSql {
                pieces: ["(SELECT record_id FROM search_texts WHERE search_texts MATCH ", " AND entity = ", ")"],
                query: format!("entity : \"{kind}\" AND {}", body.join(" AND ")),
            }
        }
        Conn::Postgres(_) => {
            let query: Vec<String> = phrases.iter().map(|phrase| prefix_query(phrase)).collect();
            SearchSql {
                pieces: [
                    "(WITH m AS MATERIALIZED (SELECT entity, record_id FROM search_texts \
                     WHERE to_tsvector('simple', body) @@ to_tsquery('simple', ",
                    ")) SELECT record_id FROM m WHERE entity = ",
                    ")",
                ],
                query: query.join(" & "),
            }
        }
    }
}

/// Converts a phrase to a tsquery whose last word is a prefix: `文 旅` becomes `'文' <-> '旅':*`.
fn prefix_query(phrase: &str) -> String {
    let words: Vec<String> = phrase.split(' ').map(|word| format!("'{word}'")).collect();
    format!("({}:*)", words.join(" <-> "))
}
