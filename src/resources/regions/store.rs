//! Queries and writes of regions.

use super::Regions;
use super::api::{NewRegion, Region, RegionFilter, validate};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::error::{Faults, Result};
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl Resource for Regions {
    type Filter = RegionFilter;

    fn page(conn: &mut Conn, filter: &RegionFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, regions, filter => RegionFilter {
                text(q),
                reference(parent => regions.parent_id),
                among(level => level),
                since(updated_since),
                equal(division_code => division_code),
            })
        };
        keyset!(conn, page, filter.sort, filtered, regions)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Region>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Region)>, new: NewRegion) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }

    fn validate(new: &NewRegion, faults: &mut Faults) {
        validate(new, faults);
    }
}
