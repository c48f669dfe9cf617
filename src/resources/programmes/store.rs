//! Queries and writes of programmes.

use diesel::prelude::*;

use super::Programmes;
use super::api::{NewProgramme, Programme, ProgrammeFilter};
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::programmes;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset, rules};

impl Resource for Programmes {
    type Filter = ProgrammeFilter;

    fn page(conn: &mut Conn, filter: &ProgrammeFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ProgrammeFilter { q, active_on, updated_since, sort: _ } = filter;
            let faults = Faults::default();
            let mut query = programmes::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, programmes:
                text(q),
                since(updated_since),
            );
            if let Some(day) = active_on {
                query = query.filter(
                    programmes::starts_on
                        .le(*day)
                        .and(programmes::ends_on.ge(*day).or(programmes::ends_on.is_null()))
                        .assume_not_null(),
                );
            }
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort, filtered, programmes)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Programme>> {
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Programme)>, new: NewProgramme) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }

    fn validate(new: &NewProgramme, faults: &mut Faults) {
        rules::period(faults, new.starts_on, new.ends_on, "/ends_on", "starts_on");
    }
}
