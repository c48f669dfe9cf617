//! Queries and writes of sectors.

use super::Sectors;
use super::api::{NewSector, Sector, SectorFilter};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::error::Result;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl Resource for Sectors {
    type Filter = SectorFilter;

    fn page(conn: &mut Conn, filter: &SectorFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, sectors, filter => SectorFilter {
                text(q),
                reference(parent => sectors.parent_id),
                since(updated_since),
                equal(vocabulary => vocabulary),
            })
        };
        keyset!(conn, page, filter.sort, filtered, sectors)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Sector>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Sector)>, new: NewSector) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }
}
