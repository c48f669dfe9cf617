//! Queries and writes of projects.

use diesel::prelude::*;

use super::api::{
    NewProject, NewProjectOrganization, NewSectorShare, Project, ProjectFilter, ProjectOrganization, ProjectParts,
    SectorShare, validate,
};
use super::{Projects, Role};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::{milestones, project_organizations, project_sectors};
use crate::error::{Faults, Result};
use crate::figures::tally;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::{agreements, organizations, sectors};
use crate::{filter, keyset, msg, rules};

impl Resource for Projects {
    type Filter = ProjectFilter;

    fn page(conn: &mut Conn, filter: &ProjectFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, projects, filter => ProjectFilter {
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(agreement => agreements.agreement_id),
                linked(sector => sectors in project_sectors(project_id, sector_id)),
                linked(organization => organizations in project_organizations(project_id, organization_id)),
                reference(location => regions.location_id),
                among(status => status),
                from(planned_start_from => planned_start_on),
                to(planned_start_to => planned_start_on),
                from(planned_end_from => planned_end_on),
                to(planned_end_to => planned_end_on),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort, filtered, projects)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Project>> {
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        let shares = shares(conn, ids)?;
        let involved = involved(conn, ids)?;
        let tallies = tally::by_project(conn, ids, view.as_of)?;
        shares.iter().for_each(|(_, sector, _)| loading.references.want(&sectors::KIND, *sector));
        involved.iter().for_each(|(_, id, _)| loading.references.want(&organizations::KIND, *id));
        loading.finish(conn, |head, _, references| {
            let tally = tallies.get(&head.id).cloned().unwrap_or_default();
            let shares = shares.iter().filter(|(project, ..)| *project == head.id);
            let involved = involved.iter().filter(|(project, ..)| *project == head.id);
            ProjectParts {
                sectors: shares
                    .map(|(_, sector, share)| SectorShare {
                        sector: references.get(&sectors::KIND, *sector),
                        percent: super::percent(*share),
                    })
                    .collect(),
                organizations: involved
                    .map(|(_, id, role)| ProjectOrganization {
                        organization: references.get(&organizations::KIND, *id),
                        role: *role,
                    })
                    .collect(),
                progress: tally.progress(),
                progress_counted: tally.counted(),
                progress_left_out: tally.counts.cancelled,
                overdue: tally.overdue,
            }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Project)>, new: NewProject) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let (row, faults) = (&mut change.row, &mut change.faults);
        if let (Some(agreement), true) = (row.agreement_id, row.pairing_id != 0) {
            let of_agreement = agreements::KIND.pairing(tx.conn, agreement)?;
            rules::same_pairing(faults, "/agreement", of_agreement, row.pairing_id);
        }
        let shares = resolve_shares(tx.conn, faults, &new.sectors)?;
        let involved = resolve_involved(tx.conn, faults, &new.organizations)?;
        rules::not_in_future(faults, "/actual_start_on", new.actual_start_on, tx.today);
        rules::not_in_future(faults, "/actual_end_on", new.actual_end_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(faults, before.status, new.status, before.status.next());
        }
        change.refuse()?;
        let agreement = change.row.agreement_id;
        // The milestones let go of an agreement that may be of the old pairing, follow the project, and take the new one.
        if let Some((id, _)) = before {
            carry_agreement(tx.conn, id, None)?;
        }
        let id = change.write(tx, before)?;
        carry_agreement(tx.conn, id, agreement)?;
        put_shares(tx.conn, id, &shares)?;
        put_involved(tx.conn, id, &involved)?;
        Ok(id)
    }

    fn validate(new: &NewProject, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// The ids of sectors with their shares in hundredths of a percent.
fn resolve_shares(conn: &mut Conn, faults: &mut Faults, sectors: &[NewSectorShare]) -> Result<Vec<(i64, i64)>> {
    let mut shares = Vec::with_capacity(sectors.len());
    for (index, share) in sectors.iter().enumerate() {
        let pointer = format!("/sectors/{index}/sector");
        let sector = sectors::KIND.resolve(conn, faults, &*pointer, &share.sector)?.unwrap_or(0);
        if sector != 0 && shares.iter().any(|(other, _)| *other == sector) {
            faults.push(pointer, "repeated", msg!("领域重复出现。", "is given a second time"));
        }
        shares.push((sector, share.hundredths()));
    }
    Ok(shares)
}

/// The ids of organizations with their roles.
fn resolve_involved(
    conn: &mut Conn,
    faults: &mut Faults,
    organizations: &[NewProjectOrganization],
) -> Result<Vec<(i64, Role)>> {
    let mut involved = Vec::with_capacity(organizations.len());
    for (index, one) in organizations.iter().enumerate() {
        let pointer = format!("/organizations/{index}/organization");
        let id = organizations::KIND.resolve(conn, faults, &*pointer, &one.organization)?.unwrap_or(0);
        if id != 0 && involved.contains(&(id, one.role)) {
            faults.push(pointer, "repeated", msg!("单位在同一角色中重复出现。", "has that role already"));
        }
        involved.push((id, one.role));
    }
    Ok(involved)
}

/// Makes a project's milestones count for an agreement, or for none.
fn carry_agreement(conn: &mut Conn, project: i64, agreement: Option<i64>) -> Result<()> {
    diesel::update(milestones::table.filter(milestones::project_id.eq(project)))
        .set(milestones::agreement_id.eq(agreement))
        .execute(conn)?;
    Ok(())
}

/// The sectors of projects with their shares in hundredths of a percent: project, sector, share.
pub fn shares(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64, i64)>> {
    use project_sectors as s;
    let of_page = s::table.filter(s::project_id.eq_any(ids)).order((s::project_id, s::position));
    Ok(of_page.select((s::project_id, s::sector_id, s::share)).load(conn)?)
}

fn involved(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64, Role)>> {
    use project_organizations as o;
    let of_page = o::table.filter(o::project_id.eq_any(ids)).order((o::project_id, o::position));
    Ok(of_page.select((o::project_id, o::organization_id, o::role)).load(conn)?)
}

fn put_shares(conn: &mut Conn, project: i64, shares: &[(i64, i64)]) -> Result<()> {
    use project_sectors as s;
    diesel::delete(s::table.filter(s::project_id.eq(project))).execute(conn)?;
    for (position, (sector, share)) in (0_i32..).zip(shares) {
        diesel::insert_into(s::table)
            .values((s::project_id.eq(project), s::sector_id.eq(sector), s::position.eq(position), s::share.eq(share)))
            .execute(conn)?;
    }
    Ok(())
}

fn put_involved(conn: &mut Conn, project: i64, involved: &[(i64, Role)]) -> Result<()> {
    use project_organizations as o;
    diesel::delete(o::table.filter(o::project_id.eq(project))).execute(conn)?;
    for (position, (organization, role)) in (0_i32..).zip(involved) {
        diesel::insert_into(o::table)
            .values((
                o::project_id.eq(project),
                o::position.eq(position),
                o::organization_id.eq(organization),
                o::role.eq(role),
            ))
            .execute(conn)?;
    }
    Ok(())
}
