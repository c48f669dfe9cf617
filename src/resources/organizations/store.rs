//! The rows of organizations.

use diesel::prelude::*;

use super::api::{NewOrganization, Organization, OrganizationFilter};
use super::{Kind, Organizations};
use crate::access::Scope;
use crate::db::backend::Edges;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::organizations;
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{self, ReadContext, Resource, Tx, citations};
use crate::resources::regions;
use crate::{filter, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = organizations)]
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
#[diesel(table_name = organizations, treat_none_as_null = true)]
struct Values {
    code: String,
    name_zh: String,
    name_en: Option<String>,
    kind: Kind,
    region_id: i64,
    parent_id: Option<i64>,
}

/// Which record is above which.
const EDGES: Edges = Edges { table: "organizations", from: "id", to: "parent_id" };

impl Resource for Organizations {
    type Read = Organization;
    type New = NewOrganization;
    type Filter = OrganizationFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewOrganization";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &OrganizationFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let OrganizationFilter { q, region, parent, kind, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = organizations::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, organizations:
                text(q),
                reference(region => regions.region_id),
                reference(parent => organizations.parent_id),
                among(kind => kind),
                since(updated_since),
            );
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, organizations)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Organization>> {
        let rows: Vec<Row> =
            organizations::table.filter(organizations::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&regions::KIND, row.values.region_id);
            references.want(Self::KIND, row.values.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Organization {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                kind: row.values.kind,
                region: references.get(&regions::KIND, row.values.region_id),
                parent: references.optional(Self::KIND, row.values.parent_id),
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Organization)>, new: NewOrganization) -> Result<i64> {
        let NewOrganization { code, name, kind, region, parent, citations: _ } = new;
        let mut faults = Faults::default();
        let region_id = regions::KIND.resolve(tx.conn, &mut faults, "/region", &region)?;
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, before)) = before {
            let had: Vec<i64> = before.parent.iter().map(|parent| parent.id).collect();
            record::no_cycle(tx.conn, &mut faults, Self::KIND, EDGES, "/parent", id, (&had, parent_id.as_slice()))?;
        }
        faults.refuse()?;
        let Some(region_id) = region_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values { code: code.0, name_zh: name.zh, name_en: name.en, kind, region_id, parent_id };
        Ok(put_row!(tx, organizations, before.map(|(id, _)| id), values))
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewOrganization) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewOrganization) -> Vec<&str> {
        let texts = [Some(&new.name.zh), new.name.en.as_ref()];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Organization, NewOrganization, code required);
}
