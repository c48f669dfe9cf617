//! The rows of documents.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Document, DocumentFilter, NewDocument};
use super::{Documents, Kind};
use crate::access::Scope;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::{document_pairings, documents};
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::pairings;
use crate::{filter, links, put_links, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = documents)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    media_type: Option<String>,
    byte_size: Option<i64>,
    sha256: Option<String>,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents, treat_none_as_null = true)]
struct Values {
    code: String,
    title_zh: String,
    title_en: Option<String>,
    kind: Option<Kind>,
    publisher: Option<String>,
    published_on: Option<NaiveDate>,
    url: Option<String>,
    language: Option<String>,
    note: Option<String>,
}

impl Resource for Documents {
    type Read = Document;
    type New = NewDocument;
    type Filter = DocumentFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewDocument";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &DocumentFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let DocumentFilter { q, kind, pairing, published_from, published_to, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = documents::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, documents:
                text(q),
                among(kind => kind),
                linked(pairing => pairings in document_pairings(document_id, pairing_id)),
                from(published_from => published_on),
                to(published_to => published_on),
                since(updated_since),
            );
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, documents)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Document>> {
        let rows: Vec<Row> = documents::table.filter(documents::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let of = links!(conn, document_pairings, document_id in ids, pairing_id);
        let mut references = References::default();
        of.iter().for_each(|(_, pairing)| references.want(&pairings::KIND, *pairing));
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(crate::db::page::in_order(ids, rows, |row| row.id)
            .map(|row| Document {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                title: Text { zh: row.values.title_zh, en: row.values.title_en },
                kind: row.values.kind,
                publisher: row.values.publisher,
                published_on: row.values.published_on,
                url: row.values.url,
                language: row.values.language,
                note: row.values.note,
                media_type: row.media_type,
                byte_size: row.byte_size,
                sha256: row.sha256,
                pairings: references.linked(&pairings::KIND, &of, row.id),
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Document)>, new: NewDocument) -> Result<i64> {
        let NewDocument { code, title, kind, publisher, published_on, url, language, note, citations: _ } = new;
        let values = Values {
            code: code.0,
            title_zh: title.zh,
            title_en: title.en,
            kind,
            publisher,
            published_on,
            url,
            language,
            note,
        };
        let id = put_row!(tx, documents, before.map(|(id, _)| id), values);
        if before.is_none() && tx.restored().is_none() {
            let of = tx.actor.pairings.clone().unwrap_or_default();
            put_links!(tx, document_pairings, document_id = id, pairing_id in of);
        }
        Ok(id)
    }

    /// The pairings are restored; the file is not, because the event of the deletion does not hold it.
    fn restore_own(tx: &mut Tx<'_>, id: i64, state: &Value) -> Result<()> {
        let (mut faults, of) = (Faults::default(), pairings_of(state));
        let of: Vec<Ref> = of.into_iter().map(|id| Ref(id.to_string())).collect();
        let of = pairings::KIND.resolve_all(tx.conn, &mut faults, "/pairings", &of)?;
        faults.refuse()?;
        put_links!(tx, document_pairings, document_id = id, pairing_id in of);
        Ok(())
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

    fn texts(new: &NewDocument) -> Vec<&str> {
        let texts = [Some(&new.title.zh), new.title.en.as_ref(), new.publisher.as_ref(), new.note.as_ref()];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Document, NewDocument, code required);
}

/// The ids of the pairings of a document, as it is read.
fn pairings_of(state: &Value) -> Vec<i64> {
    state["pairings"].as_array().into_iter().flatten().filter_map(|pairing| pairing["id"].as_i64()).collect()
}
