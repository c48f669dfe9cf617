//! The rows of regions.

use diesel::prelude::*;

use super::api::{NewRegion, Region, RegionFilter};
use super::{Level, Regions};
use crate::access::Scope;
use crate::db::backend::Edges;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::regions;
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{self, ReadContext, Resource, Tx, citations};
use crate::{filter, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = regions)]
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

/// Which record is above which.
const EDGES: Edges = Edges { table: "regions", from: "id", to: "parent_id" };

impl Resource for Regions {
    type Read = Region;
    type New = NewRegion;
    type Filter = RegionFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewRegion";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &RegionFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let RegionFilter { q, parent, level, division_code, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = regions::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, regions:
                text(q),
                reference(parent => regions.parent_id),
                among(level => level),
                since(updated_since),
            );
            if let Some(division_code) = division_code {
                query = query.filter(regions::division_code.eq(division_code));
            }
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, regions)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Region>> {
        let rows: Vec<Row> = regions::table.filter(regions::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(Self::KIND, row.values.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Region {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                division_code: row.values.division_code,
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                level: row.values.level,
                parent: references.optional(Self::KIND, row.values.parent_id),
                latitude: row.values.latitude,
                longitude: row.values.longitude,
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Region)>, new: NewRegion) -> Result<i64> {
        let NewRegion { code, division_code, name, level, parent, latitude, longitude, note, citations: _ } = new;
        let mut faults = Faults::default();
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, before)) = before {
            let had: Vec<i64> = before.parent.iter().map(|parent| parent.id).collect();
            record::no_cycle(tx.conn, &mut faults, Self::KIND, EDGES, "/parent", id, (&had, parent_id.as_slice()))?;
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

    record_parts!(Region, NewRegion, code required);
}
