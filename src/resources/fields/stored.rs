//! The statement that reads records: their rows, lists of references and citations, as of one moment.

use std::fmt::Write;
use std::sync::OnceLock;

use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use diesel::{PgConnection, SqliteConnection};

use super::{Head, links};
use crate::db::Conn;
use crate::db::backend::statement::{Bind, Statement, one_of};
use crate::db::reference::Kind;
use crate::error::{Error, Result};
use crate::record::citations::{self, StoredCitation};

/// What is stored of one record.
pub struct Stored<Row> {
    pub head: Head,
    pub row: Row,
    /// The ids in each list of references, in the order of [`links::fields`].
    pub lists: Vec<Vec<i64>>,
    pub citations: Vec<StoredCitation>,
}

/// The SQL types of [`Head`].
type HeadTypes = (BigInt, BigInt, Timestamp, Timestamp);
/// The SQL type of a statement: head, row, lists and citations.
type Types<Columns> = (HeadTypes, Columns, Nullable<Text>, Nullable<Text>);
/// A row of the result.
type Selected<Row> = (Head, Row, Option<String>, Option<String>);

/// Separates the lists of a record.
const BETWEEN_LISTS: char = ';';
/// Separates the ids of a list.
const BETWEEN_IDS: char = ',';

/// The statements for one table: their texts are fixed, so that each connection prepares them once. One statement instead of
/// one for each list is a snapshot by itself; a transaction around several would take two more round trips.
pub struct Statements {
    columns: &'static [&'static str],
    /// For one record and for several, on SQLite and on PostgreSQL.
    texts: [[OnceLock<String>; 2]; 2],
}

impl Statements {
    /// The statements that read these columns.
    pub const fn new(columns: &'static [&'static str]) -> Statements {
        Statements { columns, texts: [const { [const { OnceLock::new() }; 2] }; 2] }
    }

    /// Reads some records, in no order.
    pub fn load<Columns, Row>(
        &'static self,
        conn: &mut Conn,
        kind: &'static Kind,
        ids: &[i64],
    ) -> Result<Vec<Stored<Row>>>
    where
        Statement<Types<Columns>>:
            for<'q> LoadQuery<'q, SqliteConnection, Selected<Row>> + for<'q> LoadQuery<'q, PgConnection, Selected<Row>>,
    {
        let [of_sqlite, of_postgres] = &self.texts;
        let [of_one, of_several] = if conn.is_sqlite() { of_sqlite } else { of_postgres };
        let (text, bind) = match ids {
            [] => return Ok(Vec::new()),
            [id] => (of_one.get_or_init(|| self.text(conn, kind, "r.id = $1")), Bind::Id(*id)),
            ids => {
                let text = of_several.get_or_init(|| self.text(conn, kind, &one_of(conn, "r.id", 1)));
                (text, Bind::ids(conn, ids))
            }
        };
        let rows = Statement::<Types<Columns>>::new(text.as_str(), [bind]).rows::<Selected<Row>>(conn)?;
        rows.into_iter()
            .map(|(head, row, lists, citations)| {
                let lists = lists.as_deref().map(parse_lists).transpose()?.unwrap_or_default();
                Ok(Stored { head, row, lists, citations: citations::parse(citations.as_deref())? })
            })
            .collect()
    }

    fn text(&self, conn: &Conn, kind: &Kind, condition: &str) -> String {
        let mut text = "SELECT r.id, r.version, r.created_at, r.updated_at".to_owned();
        for column in self.columns {
            let _ = write!(text, ", r.{column}");
        }
        let lists: Vec<String> = links::fields(kind)
            .map(|list| {
                let (table, column, owner) = (list.table, list.column, kind.owner);
                format!(
                    "coalesce((SELECT string_agg(CAST(l.{column} AS TEXT), '{BETWEEN_IDS}' ORDER BY l.position) \
                     FROM {table} AS l WHERE l.{owner} = r.id), '')"
                )
            })
            .collect();
        let lists = match lists.as_slice() {
            [] => "CAST(NULL AS TEXT)".to_owned(),
            lists => lists.join(&format!(" || '{BETWEEN_LISTS}' || ")),
        };
        let citations = citations::of_record(conn, kind, "r.id");
        let _ = write!(text, ", {lists}, {citations} FROM {} AS r WHERE {condition}", kind.table);
        text
    }
}

fn parse_lists(text: &str) -> Result<Vec<Vec<i64>>> {
    let ids = |list: &str| -> Result<Vec<i64>> {
        let ids = list.split(BETWEEN_IDS).filter(|id| !id.is_empty());
        ids.map(|id| id.parse().map_err(Error::unexpected)).collect()
    };
    text.split(BETWEEN_LISTS).map(ids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_told_apart() {
        assert_eq!(parse_lists("1,2;;3").unwrap(), [vec![1, 2], vec![], vec![3]]);
        assert_eq!(parse_lists("").unwrap(), [Vec::<i64>::new()]);
        assert!(parse_lists("1,x").is_err());
    }
}
