//! Reading the records of a page: what is stored of them, and the names of what they refer to.

use std::collections::HashMap;

use super::{Fields, Head, IdColumn, links};
use crate::db::Conn;
use crate::db::reference::{Kind, Outgoing, Reference, References};
use crate::error::Result;
use crate::record::citations::StoredCitation;

/// Records that are being read. Their rows are there from the beginning; what a resource reads besides goes between
/// [`Loading::begin`] and [`Loading::finish`], which reads the names of everything in `references` at once.
pub struct Loading<R: Fields> {
    ids: Vec<i64>,
    pub rows: Vec<(Head, R::Row)>,
    pub references: References,
    fields: Vec<&'static Outgoing>,
    /// The lists of references of each row, in the order of `fields`, and its citations.
    others: Vec<(Vec<Vec<i64>>, Vec<StoredCitation>)>,
}

impl<R: Fields> Loading<R> {
    /// Reads the rows of records with their lists of references and their citations.
    pub fn begin(conn: &mut Conn, ids: &[i64]) -> Result<Loading<R>> {
        let mut references = References::default();
        let fields: Vec<&'static Outgoing> = links::fields(R::KIND).collect();
        let (mut rows, mut others) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        for stored in R::stored(conn, ids)? {
            for (field, list) in fields.iter().zip(&stored.lists) {
                list.iter().for_each(|id| references.want(field.to, *id));
            }
            stored.citations.iter().for_each(|cited| references.want(R::KIND.cites, cited.document));
            rows.push((stored.head, stored.row));
            others.push((stored.lists, stored.citations));
        }
        Ok(Loading { ids: ids.to_vec(), rows, references, fields, others })
    }

    /// The records in the order of their ids; those that are gone are left out. `parts` gives the fields that a row does not hold.
    pub fn finish(
        mut self,
        conn: &mut Conn,
        mut parts: impl FnMut(&Head, &R::Row, &References) -> R::Parts,
    ) -> Result<Vec<R::Read>> {
        for (_, row) in &self.rows {
            R::want(row, &mut self.references);
        }
        self.references.load(conn)?;
        let Loading { ids, rows, references, fields, others } = self;
        let stored = rows.into_iter().zip(others).map(|(row, others)| (row.0.id, (row, others)));
        let mut stored: HashMap<i64, _> = stored.collect();
        let records = ids.iter().filter_map(|id| stored.remove(id)).map(|((head, row), (lists, citations))| {
            let parts = parts(&head, &row, &references);
            let found = Found { references: &references, fields: &fields, lists: &lists };
            let citations = citations.into_iter().map(|cited| cited.into_citation(R::KIND, &references)).collect();
            R::read(head, row, parts, &found, citations)
        });
        Ok(records.collect())
    }
}

/// What the fields of one record that hold references are read from.
pub struct Found<'a> {
    references: &'a References,
    fields: &'a [&'static Outgoing],
    lists: &'a [Vec<i64>],
}

impl Found<'_> {
    /// The record that a column refers to.
    pub fn one<C: IdColumn>(&self, kind: &'static Kind, column: C) -> C::Read {
        column.read(self.references, kind)
    }

    /// The records that a list refers to, in order.
    pub fn list(&self, field: &str, kind: &'static Kind) -> Vec<Reference> {
        let list = self.fields.iter().zip(self.lists).find(|(list, _)| list.field == field);
        let ids = list.map(|(_, ids)| ids.as_slice()).unwrap_or_default();
        ids.iter().map(|id| self.references.get(kind, *id)).collect()
    }
}
