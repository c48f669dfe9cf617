//! Writing a record: its row and its lists of references, once the references are resolved and the rules hold.

use super::{Fields, IdColumn, links};
use crate::error::{Faults, Result};
use crate::record::{self, Given, Tx};

/// The ids of the records that a request refers to, by field. A reference that was not found has none, and a fault.
#[derive(Debug, Default)]
pub struct Ids(Vec<(&'static str, Vec<i64>)>);

impl Ids {
    /// The ids of a field; `None` if requests have no such field, as with lists that only the service writes.
    fn get(&self, field: &str) -> Option<&[i64]> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, ids)| ids.as_slice())
    }

    /// The ids of a list of references.
    pub fn list(&self, field: &str) -> &[i64] {
        self.get(field).unwrap_or_default()
    }

    /// The column of a reference.
    pub fn column<C: IdColumn>(&self, field: &str) -> C {
        C::from_id(self.list(field).first().copied())
    }
}

/// A record that is to be written. The caller checks its rules against `row` and `ids`, adds faults, and sets the columns that
/// clients do not write.
pub struct Changeset<R: Fields> {
    pub row: R::Row,
    pub ids: Ids,
    pub faults: Faults,
}

impl<R: Fields> Changeset<R> {
    /// Resolves the references of a request, and refuses those that would close a cycle.
    pub fn resolve(tx: &mut Tx<'_>, before: Option<(i64, &R::Read)>, new: &R::New) -> Result<Changeset<R>> {
        let mut faults = Faults::default();
        let mut ids = Ids::default();
        for Given { field, kind, refs, is_list } in R::given(new) {
            let pointer = format!("/{field}");
            let found = match refs {
                _ if is_list => tx.resolve_all(kind, &mut faults, &pointer, refs)?,
                [reference, ..] => tx.resolve(kind, &mut faults, &pointer, reference)?.into_iter().collect(),
                [] => Vec::new(),
            };
            ids.0.push((field, found));
        }
        if let Some((id, before)) = before {
            for (field, had) in R::referred(before) {
                let Some(edges) = R::KIND.edges(field) else { continue };
                let pointer = format!("/{field}");
                record::no_cycle(tx.conn, &mut faults, R::KIND, edges, &pointer, id, (&had, ids.list(field)))?;
            }
        }
        Ok(Changeset { row: R::row(new, &ids), ids, faults })
    }

    /// Ends the write here if there are faults.
    pub fn refuse(&mut self) -> Result<()> {
        std::mem::take(&mut self.faults).refuse()
    }

    /// Writes the record, unless it has faults; gives its id.
    pub fn write(self, tx: &mut Tx<'_>, before: Option<(i64, &R::Read)>) -> Result<i64> {
        self.faults.refuse()?;
        let id = R::put(tx, before.map(|(id, _)| id), &self.row)?;
        for name in links::fields(R::KIND).map(|field| field.field) {
            let Some(others) = self.ids.get(name) else { continue };
            match before {
                None => links::insert(tx.conn, R::KIND, name, id, others)?,
                Some(_) => links::replace(tx.conn, R::KIND, name, id, others)?,
            }
        }
        Ok(id)
    }
}
