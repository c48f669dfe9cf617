//! Citations: the sources of a record or of one of its fields. Every record has a field with its citations.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Tx;
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::citations;
use crate::db::{Conn, backend};
use crate::error::{Faults, Result};
use crate::insert_all;
use crate::model::types::Ref;

/// A document that is a source of the record.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Citation {
    /// The document.
    pub document: Reference,
    /// Field that the document is the source of; null for the whole record.
    #[schema(example = "signed_on")]
    pub field: Option<String>,
    /// Place in the document: paragraph, page or article.
    #[schema(example = "第10段")]
    pub locator: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
}

/// A citation of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCitation {
    /// Code or identifier of the document.
    pub document: Ref,
    /// Field that the document is the source of; null for the whole record.
    #[serde(default)]
    #[schema(max_length = 100, example = "signed_on")]
    pub field: Option<String>,
    /// Place in the document: paragraph, page or article.
    #[serde(default)]
    #[schema(max_length = 500, example = "第10段")]
    pub locator: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
}

/// A citation whose document is resolved.
pub struct Cited {
    document_id: i64,
    citation: NewCitation,
}

/// Resolves the documents of a record's citations; adds a fault for each unknown one.
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

/// Replaces the citations of a record.
pub fn replace(conn: &mut Conn, kind: &Kind, id: i64, cited: Vec<Cited>) -> Result<()> {
    diesel::delete(citations::table.filter(citations::entity.eq(kind.name).and(citations::record_id.eq(id))))
        .execute(conn)?;
    insert(conn, kind, vec![(id, cited)])
}

/// Inserts the citations of new records.
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

/// A citation as it is stored, without the name of its document.
#[derive(Debug, Deserialize)]
pub struct StoredCitation {
    pub document: i64,
    field: Option<String>,
    locator: Option<String>,
    note: Option<String>,
}

impl StoredCitation {
    pub fn into_citation(self, kind: &Kind, references: &References) -> Citation {
        let StoredCitation { document, field, locator, note } = self;
        Citation { document: references.get(kind.cites, document), field, locator, note }
    }
}

/// The SQL expression of a record's citations for [`parse`]; `id` is the expression of its id.
pub fn of_record(conn: &Conn, kind: &Kind, id: &str) -> String {
    let (array, list) = backend::json_functions(conn);
    format!(
        "(SELECT CAST({list}({array}(c.document_id, c.field, c.locator, c.note) ORDER BY c.position) AS TEXT) \
         FROM citations AS c WHERE c.entity = '{}' AND c.record_id = {id})",
        kind.name
    )
}

/// Parses the value of [`of_record`]: an array for each citation, or null without any.
pub fn parse(json: Option<&str>) -> Result<Vec<StoredCitation>> {
    Ok(json.map(serde_json::from_str).transpose()?.unwrap_or_default())
}

/// Counts the citations that refer to a document.
pub fn count_of_document(conn: &mut Conn, document: i64) -> Result<i64> {
    Ok(citations::table.filter(citations::document_id.eq(document)).count().get_result(conn)?)
}
