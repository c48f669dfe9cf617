//! The rows of sectors.

use diesel::prelude::*;

use super::api::{Sector, SectorFilter, NewSector};
use super::Sectors;
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::sectors;
use crate::db::types::{Code, Instant};
use crate::db::{Conn, MultiBackend, reference, search};
use crate::error::{Faults, Result};
use crate::resources::citations::{self, NewCitation};
use crate::resources::record::{self, Resource, Tx, View};
use crate::text::Text;
use crate::{put_row, record_page};

#[derive(Queryable, Selectable)]
#[diesel(table_name = sectors)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    name_zh: String,
    name_en: Option<String>,
    vocabulary: Option<String>,
    parent_id: Option<i64>,
    description_zh: Option<String>,
    description_en: Option<String>,
}

#[derive(Insertable, AsChangeset)]
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

impl Resource for Sectors {
    type Read = Sector;
    type New = NewSector;
    type Filter = SectorFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewSector";

    fn page(conn: &mut Conn, filter: &SectorFilter, page: &PageRequest, _: View) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let SectorFilter { q, parent, vocabulary, updated_since, sort: _ } = filter;
            let mut query = sectors::table.into_boxed::<MultiBackend>();
            if let Some(q) = q {
                query = query.filter(search::matches(conn, "sectors.id", Self::KIND.name, q));
            }
            let mut faults = Faults::default();
            if let Some(parent) = parent {
                let id = Self::KIND.resolve(conn, &mut faults, "/query/parent", parent)?;
                query = query.filter(sectors::parent_id.eq(id.unwrap_or(0)));
            }
            if let Some(vocabulary) = vocabulary {
                query = query.filter(sectors::vocabulary.eq(vocabulary));
            }
            faults.refuse()?;
            if let Some(since) = updated_since {
                query = query.filter(sectors::updated_at.ge(Instant::from(*since)));
            }
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, sectors)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: View) -> Result<Vec<Sector>> {
        let rows: Vec<Row> = sectors::table.filter(sectors::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(Self::KIND, row.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Row { id, code, version, created_at, updated_at, name_zh, name_en, vocabulary, parent_id, description_zh, description_en } = row;
                Sector {
                    id,
                    code: Code(code),
                    version,
                    created_at,
                    updated_at,
                    name: Text { zh: name_zh, en: name_en },
                    vocabulary,
                    parent: references.optional(Self::KIND, parent_id),
                    description: Text::optional(description_zh, description_en),
                    citations: cited.remove(&id).unwrap_or_default(),
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Sector)>, new: NewSector) -> Result<i64> {
        let NewSector { code, name, vocabulary, parent, description, citations: _ } = new;
        let mut faults = Faults::default();
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, _)) = before {
            record::no_cycle(tx.conn, &mut faults, Self::KIND, "/parent", id, parent_id, |conn, id| {
                sectors::table.find(id).select(sectors::parent_id).first(conn)
            })?;
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
        let texts = [Some(&new.name.zh), new.name.en.as_ref(), new.description.as_ref().map(|text| &text.zh), new.description.as_ref().and_then(|text| text.en.as_ref())];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    fn code(new: &NewSector) -> Option<&Code> {
        Some(&new.code)
    }

    fn citations(new: &NewSector) -> &[NewCitation] {
        &new.citations
    }

    fn id_and_version(read: &Sector) -> (i64, i64) {
        (read.id, read.version)
    }
}
