//! Queries and writes of documents.

use diesel::prelude::*;
use serde_json::Value;

use super::api::{Document, DocumentFilter, NewDocument};
use super::{Documents, KIND};
use crate::access::Scope;
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::document_pairings;
use crate::error::{Faults, Result};
use crate::model::types::Ref;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::links;
use crate::resources::fields::{Changeset, Loading};
use crate::resources::pairings;
use crate::{filter, keyset};

impl Resource for Documents {
    type Filter = DocumentFilter;

    fn page(conn: &mut Conn, filter: &DocumentFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, documents, filter => DocumentFilter {
                text(q),
                among(kind => kind),
                linked(pairing => pairings in document_pairings(document_id, pairing_id)),
                from(published_from => published_on),
                to(published_to => published_on),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort, filtered, documents)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Document>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Document)>, new: NewDocument) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        if let Some((_, before)) = before {
            change.row.media_type.clone_from(&before.media_type);
            change.row.byte_size = before.byte_size;
            change.row.sha256.clone_from(&before.sha256);
        }
        let id = change.write(tx, before)?;
        if before.is_none() && tx.restored().is_none() {
            let of = tx.actor.pairings.clone().unwrap_or_default();
            links::insert(tx.conn, &KIND, "pairings", id, &of)?;
        }
        Ok(id)
    }

    /// The pairings are restored; the file is not, because the event of the deletion does not hold it.
    fn restore_own(tx: &mut Tx<'_>, id: i64, state: &Value) -> Result<()> {
        let (mut faults, of) = (Faults::default(), pairings_of(state));
        let of: Vec<Ref> = of.into_iter().map(|id| Ref(id.to_string())).collect();
        let of = pairings::KIND.resolve_all(tx.conn, &mut faults, "/pairings", &of)?;
        faults.refuse()?;
        links::replace(tx.conn, &KIND, "pairings", id, &of)
    }

    fn scope_of_state(state: &Value) -> Scope {
        let of = pairings_of(state);
        if of.is_empty() { Scope::Shared } else { Scope::Pairings(of) }
    }

    /// A document is of the pairings of the key that made it: who cites it gains nothing over it, and who may not write
    /// there cannot change what others rest on.
    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        let of: Vec<i64> = document_pairings::table
            .filter(document_pairings::document_id.eq(id))
            .select(document_pairings::pairing_id)
            .load(conn)?;
        Ok(if of.is_empty() { Scope::Shared } else { Scope::Pairings(of) })
    }

    fn scope_of_new(_: &mut Conn, _: &NewDocument) -> Result<Option<Scope>> {
        Ok(Some(Scope::Anyone))
    }
}

/// The ids of the pairings of a document, as it is read.
fn pairings_of(state: &Value) -> Vec<i64> {
    state["pairings"].as_array().into_iter().flatten().filter_map(|pairing| pairing["id"].as_i64()).collect()
}
