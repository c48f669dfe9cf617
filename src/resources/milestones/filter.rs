//! The conditions of a list of milestones.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::api::{MilestoneFilter, Sort};
use crate::db::schema::{agreement_sectors, milestones, project_sectors};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::figures::lateness;
use crate::filter;
use crate::record::ReadContext;
use crate::resources::sectors;

/// A filtered query over milestones.
pub type Query<'a> = milestones::BoxedQuery<'a, MultiBackend>;

/// All milestones that fit a filter; a reference that names nothing is a fault.
pub fn filtered<'a>(conn: &mut Conn, filter: &'a MilestoneFilter, view: ReadContext) -> Result<Query<'a>> {
    let MilestoneFilter {
        q,
        programme,
        pairing,
        agreement,
        project,
        sector,
        responsible,
        depends_on,
        status,
        kind,
        overdue,
        due_from,
        due_to,
        met_from,
        met_to,
        updated_since,
        sort,
    } = filter;
    let mut faults = Faults::default();
    let mut query = milestones::table.into_boxed::<MultiBackend>();
    filter!(query, conn, faults, milestones:
        text(q),
        programme(programme),
        reference(pairing => pairings.pairing_id),
        reference(agreement => agreements.agreement_id),
        reference(project => projects.project_id),
        linked(responsible => organizations in milestone_responsible(milestone_id, organization_id)),
        linked(depends_on => milestones in milestone_dependencies(milestone_id, depends_on_id)),
        from(due_from => due_on),
        to(due_to => due_on),
        from(met_from => met_on),
        to(met_to => met_on),
        since(updated_since),
    );
    if let Some(sector) = sector {
        let id = sectors::KIND.resolve(conn, &mut faults, "/query/sector", sector)?.unwrap_or(0);
        let of_agreements = agreement_sectors::table.filter(agreement_sectors::sector_id.eq(id));
        let of_projects = project_sectors::table.filter(project_sectors::sector_id.eq(id));
        // The same rule as in a scorecard; a test compares the two.
        let in_none = milestones::project_id
            .ne_all(project_sectors::table.select(project_sectors::project_id.nullable()))
            .or(milestones::project_id.is_null().nullable());
        query = query.filter(
            milestones::project_id.eq_any(of_projects.select(project_sectors::project_id.nullable())).or(
                milestones::agreement_id
                    .eq_any(of_agreements.select(agreement_sectors::agreement_id.nullable()))
                    .and(in_none),
            ),
        );
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
        Some(true) => query = query.filter(lateness::overdue(view.as_of)),
        Some(false) => query = query.filter(lateness::not_overdue(view.as_of)),
        None => {}
    }
    Ok(query)
}
