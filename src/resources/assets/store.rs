//! Queries and writes of assets.

use super::Assets;
use super::api::{Asset, AssetFilter, NewAsset, Sort};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::error::Result;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl Resource for Assets {
    type Filter = AssetFilter;

    fn page(conn: &mut Conn, filter: &AssetFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, assets, filter => AssetFilter {
                text(q),
                reference(region => regions.region_id),
                among(kind => kind),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, assets, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Asset>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Asset)>, new: NewAsset) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }
}
