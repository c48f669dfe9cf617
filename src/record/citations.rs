//! Citations: where a record, or one of its fields, comes from. Any record has them, as a field of its own.

use std::collections::HashMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Tx;
use crate::db::Conn;
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::citations;
use crate::error::{Faults, Result};
use crate::insert_all;
use crate::model::types::Ref;

/// A document that says what the record says.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Citation {
    /// The document.
    pub document: Reference,
    /// The field that it is the source of; null: of the whole record.
    #[schema(example = "signed_on")]
    pub field: Option<String>,
    /// Where in the document: a paragraph, a page, an article.
    #[schema(example = "第10段")]
    pub locator: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
}

/// A citation, as it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCitation {
    /// The document, by code or id.
    pub document: Ref,
    /// The field that it is the source of; absent: of the whole record.
    #[serde(default)]
    #[schema(max_length = 100, example = "signed_on")]
    pub field: Option<String>,
    /// Where in the document: a paragraph, a page, an article.
    #[serde(default)]
    #[schema(max_length = 500, example = "第10段")]
    pub locator: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
}

/// A citation whose document was found.
pub struct Cited {
    document_id: i64,
    citation: NewCitation,
}

/// Finds the documents of a record's citations; a fault for each that is unknown.
pub fn resolve(
    tx: &mut Tx<'_>,
    documents: &'static Kind,
    faults: &mut Faults,
    citations: &[NewCitation],
) -> Result<Vec<Cited>> {
    let mut cited = Vec::with_capacity(citations.len());
    for (index, citation) in citations.iter().enumerate() {
        let pointer = format!("/citations/{index}/document");
        if let Some(document_id) = tx.resolve(documents, faults, &pointer, &citation.document)? {
            cited.push(Cited { document_id, citation: citation.clone() });
        }
    }
    Ok(cited)
}

/// Puts a record's citations in place of those that are there.
pub fn replace(conn: &mut Conn, kind: &Kind, id: i64, cited: Vec<Cited>) -> Result<()> {
    diesel::delete(citations::table.filter(citations::entity.eq(kind.name).and(citations::record_id.eq(id))))
        .execute(conn)?;
    insert(conn, kind, vec![(id, cited)])
}

/// Adds the citations of records that have none.
pub fn insert(conn: &mut Conn, kind: &Kind, cited: Vec<(i64, Vec<Cited>)>) -> Result<()> {
    let of_record = |(id, cited): (i64, Vec<Cited>)| {
        (0_i32..).zip(cited).map(move |(position, Cited { document_id, citation })| {
            let NewCitation { document: _, field, locator, note } = citation;
            (
                citations::entity.eq(kind.name),
                citations::record_id.eq(id),
                citations::position.eq(position),
                citations::document_id.eq(document_id),
                citations::field.eq(field),
                citations::locator.eq(locator),
                citations::note.eq(note),
            )
        })
    };
    let rows: Vec<_> = cited.into_iter().flat_map(of_record).collect();
    insert_all!(conn, citations::table, &rows)?;
    Ok(())
}

/// The citations of a page of records, by record.
pub fn load(conn: &mut Conn, kind: &Kind, ids: &[i64]) -> Result<HashMap<i64, Vec<Citation>>> {
    type Row = (i64, i64, Option<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = citations::table
        .filter(citations::entity.eq(kind.name).and(citations::record_id.eq_any(ids)))
        .order((citations::record_id, citations::position))
        .select((citations::record_id, citations::document_id, citations::field, citations::locator, citations::note))
        .load(conn)?;
    let mut documents = References::default();
    rows.iter().for_each(|row| documents.want(kind.cites, row.1));
    documents.load(conn)?;
    let mut by_record: HashMap<i64, Vec<Citation>> = HashMap::new();
    for (record, document, field, locator, note) in rows {
        let document = documents.get(kind.cites, document);
        by_record.entry(record).or_default().push(Citation { document, field, locator, note });
    }
    Ok(by_record)
}

/// How many citations name a document.
pub fn count_of_document(conn: &mut Conn, document: i64) -> Result<i64> {
    Ok(citations::table.filter(citations::document_id.eq(document)).count().get_result(conn)?)
}
