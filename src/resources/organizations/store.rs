//! The rows of organizations.

use diesel::prelude::*;

use super::api::{Organization, OrganizationFilter, NewOrganization};
use super::{Organizations, Kind};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::organizations;
use crate::db::types::{Code, Instant};
use crate::db::{Conn, MultiBackend, reference, search};
use crate::error::{Error, Faults, Result};
use crate::resources::{regions};
use crate::resources::citations::{self, NewCitation};
use crate::resources::record::{self, Resource, Tx, View};
use crate::text::Text;
use crate::{put_row, record_page};

#[derive(Queryable, Selectable)]
#[diesel(table_name = organizations)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    name_zh: String,
    name_en: Option<String>,
    kind: Kind,
    region_id: i64,
    parent_id: Option<i64>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
struct Values {
    code: String,
    name_zh: String,
    name_en: Option<String>,
    kind: Kind,
    region_id: i64,
    parent_id: Option<i64>,
}

impl Resource for Organizations {
    type Read = Organization;
    type New = NewOrganization;
    type Filter = OrganizationFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewOrganization";

    fn page(conn: &mut Conn, filter: &OrganizationFilter, page: &PageRequest, _: View) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let OrganizationFilter { q, region, parent, kind, updated_since, sort: _ } = filter;
            let mut query = organizations::table.into_boxed::<MultiBackend>();
            if let Some(q) = q {
                query = query.filter(search::matches(conn, "organizations.id", Self::KIND.name, q));
            }
            let mut faults = Faults::default();
            if let Some(region) = region {
                let id = regions::KIND.resolve(conn, &mut faults, "/query/region", region)?;
                query = query.filter(organizations::region_id.eq(id.unwrap_or(0)));
            }
            if let Some(parent) = parent {
                let id = Self::KIND.resolve(conn, &mut faults, "/query/parent", parent)?;
                query = query.filter(organizations::parent_id.eq(id.unwrap_or(0)));
            }
            if !kind.is_empty() {
                query = query.filter(organizations::kind.eq_any(kind));
            }
            faults.refuse()?;
            if let Some(since) = updated_since {
                query = query.filter(organizations::updated_at.ge(Instant::from(*since)));
            }
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, organizations)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: View) -> Result<Vec<Organization>> {
        let rows: Vec<Row> = organizations::table.filter(organizations::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&regions::KIND, row.region_id);
            references.want(Self::KIND, row.parent_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Row { id, code, version, created_at, updated_at, name_zh, name_en, kind, region_id, parent_id } = row;
                Organization {
                    id,
                    code: Code(code),
                    version,
                    created_at,
                    updated_at,
                    name: Text { zh: name_zh, en: name_en },
                    kind,
                    region: references.get(&regions::KIND, region_id),
                    parent: references.optional(Self::KIND, parent_id),
                    citations: cited.remove(&id).unwrap_or_default(),
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Organization)>, new: NewOrganization) -> Result<i64> {
        let NewOrganization { code, name, kind, region, parent, citations: _ } = new;
        let mut faults = Faults::default();
        let region_id = regions::KIND.resolve(tx.conn, &mut faults, "/region", &region)?;
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        if let Some((id, _)) = before {
            record::no_cycle(tx.conn, &mut faults, Self::KIND, "/parent", id, parent_id, |conn, id| {
                organizations::table.find(id).select(organizations::parent_id).first(conn)
            })?;
        }
        faults.refuse()?;
        let Some(region_id) = region_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values {
            code: code.0,
            name_zh: name.zh,
            name_en: name.en,
            kind,
            region_id,
            parent_id,
        };
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

    fn code(new: &NewOrganization) -> Option<&Code> {
        Some(&new.code)
    }

    fn citations(new: &NewOrganization) -> &[NewCitation] {
        &new.citations
    }

    fn id_and_version(read: &Organization) -> (i64, i64) {
        (read.id, read.version)
    }
}
