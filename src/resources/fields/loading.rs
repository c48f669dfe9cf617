//! Reading the records of a page: their rows, their lists of references, and the names of what they refer to.

use super::{Fields, Head, IdColumn, links};
use crate::db::Conn;
use crate::db::page::in_order;
use crate::db::reference::{Kind, Outgoing, Reference, References};
use crate::error::Result;
use crate::record::citations;

/// Records that are being read. Their rows are there from the beginning; what a resource reads besides goes between
/// [`Loading::begin`] and [`Loading::finish`], which reads the names of everything in `references` at once.
pub struct Loading<R: Fields> {
    ids: Vec<i64>,
    pub rows: Vec<(Head, R::Row)>,
    pub references: References,
    links: Vec<(&'static Outgoing, Vec<(i64, i64)>)>,
}

impl<R: Fields> Loading<R> {
    /// Reads the rows of records and their lists of references.
    pub fn begin(conn: &mut Conn, ids: &[i64]) -> Result<Loading<R>> {
        let rows = R::rows(conn, ids)?;
        let mut references = References::default();
        let mut lists = Vec::new();
        for field in links::fields(R::KIND) {
            let links = links::load(conn, R::KIND, field.field, ids)?;
            links.iter().for_each(|(_, other)| references.want(field.to, *other));
            lists.push((field, links));
        }
        Ok(Loading { ids: ids.to_vec(), rows, references, links: lists })
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
        let mut cited = citations::load(conn, R::KIND, &self.ids)?;
        let Loading { ids, rows, references, links } = self;
        let records = in_order(&ids, rows, |(head, _)| head.id).map(|(head, row)| {
            let parts = parts(&head, &row, &references);
            let found = Found { references: &references, links: &links, id: head.id };
            R::read(head, row, parts, &found, cited.remove(&head.id).unwrap_or_default())
        });
        Ok(records.collect())
    }
}

/// What the fields of one record that hold references are read from.
pub struct Found<'a> {
    references: &'a References,
    links: &'a [(&'static Outgoing, Vec<(i64, i64)>)],
    id: i64,
}

impl Found<'_> {
    /// The record that a column refers to.
    pub fn one<C: IdColumn>(&self, kind: &'static Kind, column: C) -> C::Read {
        column.read(self.references, kind)
    }

    /// The records that a list refers to, in order.
    pub fn list(&self, field: &str, kind: &'static Kind) -> Vec<Reference> {
        let links = self.links.iter().find(|(link, _)| link.field == field);
        links.map(|(_, links)| self.references.linked(kind, links, self.id)).unwrap_or_default()
    }
}
