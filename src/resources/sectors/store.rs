//! The rows of sectors.

use diesel::prelude::*;

use super::Sectors;
use super::api::{NewSector, Sector, SectorFilter};
use crate::access::Scope;
use crate::db::backend::Edges;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::sectors;
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{self, ReadContext, Resource, Tx, citations};
use crate::{filter, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = sectors)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sectors, treat_none_as_null = true)]
struct Values {
    code: String,
    name_zh: String,
    name_en: Option<String>,
    vocabulary: Option<String>,
    parent_id: Option<i64>,
    description_zh: Option<String>,
    description_en: Option<String>,
}

/// Which record is above which.
const EDGES: Edges = Edges { table: "sectors", from: "id", to: "parent_id" };

impl Resource for Sectors {
    type Read = Sector;
    type New = NewSector;
    type Filter = SectorFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewSector";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &SectorFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let SectorFilter { q, parent, vocabulary, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = sectors::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, sectors:
                text(q),
                reference(parent => sectors.parent_id),
                since(updated_since),
            );
            if let Some(vocabulary) = vocabulary {
                query = query.filter(sectors::vocabulary.eq(vocabulary));
            }
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, sectors)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Sector>> {
        let rows: Vec<Row> = sectors::table.filter(sectors::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(Self::KIND, row.values.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Sector {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                vocabulary: row.values.vocabulary,
                parent: references.optional(Self::KIND, row.values.parent_id),
                description: Text::optional(row.values.description_zh, row.values.description_en),
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Sector)>, new: NewSector) -> Result<i64> {
        let NewSector { code, name, vocabulary, parent, description, citations: _ } = new;
        let mut faults = Faults::default();
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, before)) = before {
            let had: Vec<i64> = before.parent.iter().map(|parent| parent.id).collect();
            record::no_cycle(tx.conn, &mut faults, Self::KIND, EDGES, "/parent", id, (&had, parent_id.as_slice()))?;
        }
        let (description_zh, description_en) = Text::columns(description.as_ref());
        faults.refuse()?;
        let values = Values {
            code: code.0,
            name_zh: name.zh,
            name_en: name.en,
            vocabulary,
            parent_id,
            description_zh,
            description_en,
        };
        Ok(put_row!(tx, sectors, before.map(|(id, _)| id), values))
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewSector) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewSector) -> Vec<&str> {
        let texts = [
            Some(&new.name.zh),
            new.name.en.as_ref(),
            new.description.as_ref().map(|text| &text.zh),
            new.description.as_ref().and_then(|text| text.en.as_ref()),
        ];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Sector, NewSector, code required);
}
