//! The conditions of a list of milestones.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::KIND;
use super::api::{MilestoneFilter, Sort};
use crate::db::schema::{agreement_sectors, milestone_dependencies, milestone_responsible, milestones, pairings as pairings_table};
use crate::db::types::Instant;
use crate::db::{Conn, MultiBackend, search};
use crate::error::{Faults, Result};
use crate::resources::record::View;
use crate::resources::{agreements, organizations, pairings, programmes, sectors};

/// A query over milestones, narrowed.
pub type Query<'a> = milestones::BoxedQuery<'a, MultiBackend>;

/// All milestones that fit a filter; a reference that names nothing is a fault.
pub fn filtered<'a>(conn: &mut Conn, filter: &'a MilestoneFilter, view: View) -> Result<Query<'a>> {
    let MilestoneFilter {
        q, programme, pairing, agreement, sector, responsible, depends_on, status, kind, overdue, due_from, due_to, met_from,
        met_to, updated_since, sort,
    } = filter;
    let mut faults = Faults::default();
    let mut query = milestones::table.into_boxed::<MultiBackend>();
    if let Some(q) = q {
        query = query.filter(search::matches(conn, "milestones.id", KIND.name, q));
    }
    if let Some(programme) = programme {
        let id = programmes::KIND.resolve(conn, &mut faults, "/query/programme", programme)?.unwrap_or(0);
        let of_programme = pairings_table::table.filter(pairings_table::programme_id.eq(id)).select(pairings_table::id);
        query = query.filter(milestones::pairing_id.eq_any(of_programme));
    }
    if let Some(pairing) = pairing {
        let id = pairings::KIND.resolve(conn, &mut faults, "/query/pairing", pairing)?;
        query = query.filter(milestones::pairing_id.eq(id.unwrap_or(0)));
    }
    if let Some(agreement) = agreement {
        let id = agreements::KIND.resolve(conn, &mut faults, "/query/agreement", agreement)?;
        query = query.filter(milestones::agreement_id.eq(id.unwrap_or(0)));
    }
    if let Some(sector) = sector {
        let id = sectors::KIND.resolve(conn, &mut faults, "/query/sector", sector)?.unwrap_or(0);
        let in_sector = agreement_sectors::table.filter(agreement_sectors::sector_id.eq(id));
        query = query.filter(milestones::agreement_id.eq_any(in_sector.select(agreement_sectors::agreement_id)));
    }
    if let Some(responsible) = responsible {
        let id = organizations::KIND.resolve(conn, &mut faults, "/query/responsible", responsible)?.unwrap_or(0);
        let theirs = milestone_responsible::table.filter(milestone_responsible::organization_id.eq(id));
        query = query.filter(milestones::id.eq_any(theirs.select(milestone_responsible::milestone_id)));
    }
    if let Some(depends_on) = depends_on {
        let id = KIND.resolve(conn, &mut faults, "/query/depends_on", depends_on)?.unwrap_or(0);
        let after = milestone_dependencies::table.filter(milestone_dependencies::depends_on_id.eq(id));
        query = query.filter(milestones::id.eq_any(after.select(milestone_dependencies::milestone_id)));
    }
    faults.refuse()?;
    match (status.as_slice(), sort) {
        ([], _) => {}
        // One status has an index in the order of due dates; over all agreements in that of ids, too.
        ([only], None | Some(Sort::DueOn | Sort::DueOnDesc)) => query = query.filter(milestones::status.eq(*only)),
        ([only], Some(Sort::Id | Sort::IdDesc)) if pairing.is_none() && agreement.is_none() => {
            query = query.filter(milestones::status.eq(*only));
        }
        // In other orders, and for several, it has none. As an expression, which no index knows, the condition leaves
        // the planner to read in the order that is asked for.
        (some, _) => {
            let names: Vec<&str> = some.iter().map(|status| status.as_str()).collect();
            query = query.filter(sql::<Text>("(milestones.status || '')").eq_any(names));
        }
    }
    if let Some(kind) = kind {
        query = query.filter(milestones::kind.eq(kind));
    }
    match overdue {
        // The same rule as `figures::lateness`; a test compares the two.
        Some(true) => query = query.filter(milestones::is_open.eq(true)).filter(milestones::due_on.lt(view.as_of)),
        Some(false) => query = query.filter(milestones::is_open.eq(false).or(milestones::due_on.ge(view.as_of))),
        None => {}
    }
    if let Some(from) = due_from {
        query = query.filter(milestones::due_on.ge(*from));
    }
    if let Some(to) = due_to {
        query = query.filter(milestones::due_on.le(*to));
    }
    if let Some(from) = met_from {
        query = query.filter(milestones::met_on.ge(*from));
    }
    if let Some(to) = met_to {
        query = query.filter(milestones::met_on.le(*to));
    }
    if let Some(since) = updated_since {
        query = query.filter(milestones::updated_at.ge(Instant::from(*since)));
    }
    Ok(query)
}
