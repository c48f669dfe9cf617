//! The rows of regions.

use diesel::prelude::*;

use super::api::{Region, RegionFilter, NewRegion};
use super::{Regions, Level};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::regions;
use crate::db::types::{Code, Instant};
use crate::db::{Conn, MultiBackend, reference, search};
use crate::error::{Faults, Result};
use crate::resources::citations::{self, NewCitation};
use crate::resources::record::{self, Resource, Tx, View};
use crate::text::Text;
use crate::{put_row, record_page};

#[derive(Queryable, Selectable)]
#[diesel(table_name = regions)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    division_code: Option<String>,
    name_zh: String,
    name_en: Option<String>,
    level: Level,
    parent_id: Option<i64>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    note: Option<String>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = regions, treat_none_as_null = true)]
struct Values {
    code: String,
    division_code: Option<String>,
    name_zh: String,
    name_en: Option<String>,
    level: Level,
    parent_id: Option<i64>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    note: Option<String>,
}

impl Resource for Regions {
    type Read = Region;
    type New = NewRegion;
    type Filter = RegionFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewRegion";

    fn page(conn: &mut Conn, filter: &RegionFilter, page: &PageRequest, _: View) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let RegionFilter { q, parent, level, division_code, updated_since, sort: _ } = filter;
            let mut query = regions::table.into_boxed::<MultiBackend>();
            if let Some(q) = q {
                query = query.filter(search::matches(conn, "regions.id", Self::KIND.name, q));
            }
            let mut faults = Faults::default();
            if let Some(parent) = parent {
                let id = Self::KIND.resolve(conn, &mut faults, "/query/parent", parent)?;
                query = query.filter(regions::parent_id.eq(id.unwrap_or(0)));
            }
            if !level.is_empty() {
                query = query.filter(regions::level.eq_any(level));
            }
            if let Some(division_code) = division_code {
                query = query.filter(regions::division_code.eq(division_code));
            }
            faults.refuse()?;
            if let Some(since) = updated_since {
                query = query.filter(regions::updated_at.ge(Instant::from(*since)));
            }
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, regions)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: View) -> Result<Vec<Region>> {
        let rows: Vec<Row> = regions::table.filter(regions::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(Self::KIND, row.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Row { id, code, version, created_at, updated_at, division_code, name_zh, name_en, level, parent_id, latitude, longitude, note } = row;
                Region {
                    id,
                    code: Code(code),
                    version,
                    created_at,
                    updated_at,
                    division_code,
                    name: Text { zh: name_zh, en: name_en },
                    level,
                    parent: references.optional(Self::KIND, parent_id),
                    latitude,
                    longitude,
                    note,
                    citations: cited.remove(&id).unwrap_or_default(),
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Region)>, new: NewRegion) -> Result<i64> {
        let NewRegion { code, division_code, name, level, parent, latitude, longitude, note, citations: _ } = new;
        let mut faults = Faults::default();
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, _)) = before {
            record::no_cycle(tx.conn, &mut faults, Self::KIND, "/parent", id, parent_id, |conn, id| {
                regions::table.find(id).select(regions::parent_id).first(conn)
            })?;
        }
        faults.refuse()?;
        let values = Values {
            code: code.0,
            division_code,
            name_zh: name.zh,
            name_en: name.en,
            level,
            parent_id,
            latitude,
            longitude,
            note,
        };
        Ok(put_row!(tx, regions, before.map(|(id, _)| id), values))
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewRegion) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewRegion) -> Vec<&str> {
        let texts = [Some(&new.name.zh), new.name.en.as_ref(), new.note.as_ref()];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    fn code(new: &NewRegion) -> Option<&Code> {
        Some(&new.code)
    }

    fn citations(new: &NewRegion) -> &[NewCitation] {
        &new.citations
    }

    fn id_and_version(read: &Region) -> (i64, i64) {
        (read.id, read.version)
    }
}
