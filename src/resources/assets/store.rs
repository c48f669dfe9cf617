//! The rows of assets.

use diesel::prelude::*;

use super::api::{Asset, AssetFilter, NewAsset, Sort};
use super::{Assets, Kind};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, References};
use crate::db::schema::assets;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::regions;
use crate::{filter, keyset, put_row, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = assets)]
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
#[diesel(table_name = assets, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    region_id: i64,
    name_zh: String,
    name_en: Option<String>,
    kind: Option<Kind>,
    designation: Option<String>,
    note: Option<String>,
}

impl Resource for Assets {
    type Read = Asset;
    type New = NewAsset;
    type Filter = AssetFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewAsset";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &AssetFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let AssetFilter { q, region, kind, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = assets::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, assets:
                text(q),
                reference(region => regions.region_id),
                among(kind => kind),
                since(updated_since),
            );
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, assets, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Asset>> {
        let rows: Vec<Row> = assets::table.filter(assets::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        rows.iter().for_each(|row| references.want(&regions::KIND, row.values.region_id));
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Asset {
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                region: references.get(&regions::KIND, row.values.region_id),
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                kind: row.values.kind,
                designation: row.values.designation,
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Asset)>, new: NewAsset) -> Result<i64> {
        let NewAsset { code, region, name, kind, designation, note, citations: _ } = new;
        let mut faults = Faults::default();
        let region_id = regions::KIND.resolve(tx.conn, &mut faults, "/region", &region)?;
        faults.refuse()?;
        let Some(region_id) = region_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values {
            code: code.map(|code| code.0),
            region_id,
            name_zh: name.zh,
            name_en: name.en,
            kind,
            designation,
            note,
        };
        Ok(put_row!(tx, assets, before.map(|(id, _)| id), values))
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewAsset) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewAsset) -> Vec<&str> {
        let rest = [&new.designation, &new.note].into_iter().flatten().map(String::as_str);
        Text::all(Some(&new.name)).chain(rest).collect()
    }

    record_parts!(Asset, NewAsset, code optional);
}
