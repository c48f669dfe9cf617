//! The conditions of a list of milestones.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Status;
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

/// Query of the milestones that match a filter; a reference to an unknown record is a fault.
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
        query = query.filter(in_sector(id));
    }
    faults.refuse()?;
    query = with_status(query, status, *sort, pairing.is_none() && agreement.is_none());
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

/// Whether a milestone is in a sector: its project is, or, where its project is in no sector or it has no project, its
/// agreement.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn in_sector(sector: i64) -> _ {
    let with_sectors = project_sectors::table.select(project_sectors::project_id.nullable());
    let of_projects = project_sectors::table
        .filter(project_sectors::sector_id.eq(sector))
        .select(project_sectors::project_id.nullable());
    let of_agreements = agreement_sectors::table
        .filter(agreement_sectors::sector_id.eq(sector))
        .select(agreement_sectors::agreement_id.nullable());
    let by_agreement = milestones::project_id.is_null().nullable().or(milestones::project_id.ne_all(with_sectors));
    milestones::project_id.eq_any(of_projects).or(milestones::agreement_id.eq_any(of_agreements).and(by_agreement))
}

/// Narrows a query to some statuses, in a form that lets the database read in the order of `sort`.
fn with_status<'a>(query: Query<'a>, status: &'a [Status], sort: Option<Sort>, is_of_all: bool) -> Query<'a> {
    match (status, sort) {
        ([], _) => query,
        // One status has an index in the order of due dates; over all agreements in that of ids, too.
        ([only], None | Some(Sort::DueOn | Sort::DueOnDesc)) => query.filter(milestones::status.eq(*only)),
        ([only], Some(Sort::Id | Sort::IdDesc)) if is_of_all => query.filter(milestones::status.eq(*only)),
        // In other orders, and for several, it has none. As an expression, which no index knows, the condition lets
        // the planner read in the requested order.
        (some, _) => {
            let names: Vec<&str> = some.iter().map(|status| status.as_str()).collect();
            query.filter(sql::<Text>("(milestones.status || '')").eq_any(names))
        }
    }
}
