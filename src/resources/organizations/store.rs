//! Queries and writes of organizations.

use super::Organizations;
use super::api::{NewOrganization, Organization, OrganizationFilter};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::error::Result;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl Resource for Organizations {
    type Filter = OrganizationFilter;

    fn page(conn: &mut Conn, filter: &OrganizationFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, organizations, filter => OrganizationFilter {
                text(q),
                reference(region => regions.region_id),
                reference(parent => organizations.parent_id),
                among(kind => kind),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort, filtered, organizations)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Organization>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Organization)>, new: NewOrganization) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }
}
