//! The rows of projects.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{NewProject, Project, ProjectFilter, ProjectOrganization, SectorShare};
use super::{Projects, Role, Status};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, References};
use crate::db::schema::{agreements as agreements_table, milestones, project_organizations, project_sectors, projects};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::figures::tally;
use crate::model::decimal::Fen;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{agreements, organizations, pairings, regions, sectors};
use crate::{filter, msg, put_row, record_page, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = projects)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = projects, treat_none_as_null = true)]
struct Values {
    code: String,
    pairing_id: i64,
    agreement_id: Option<i64>,
    title_zh: String,
    title_en: Option<String>,
    description_zh: Option<String>,
    description_en: Option<String>,
    location_id: Option<i64>,
    status: Status,
    planned_start_on: Option<NaiveDate>,
    planned_end_on: Option<NaiveDate>,
    actual_start_on: Option<NaiveDate>,
    actual_end_on: Option<NaiveDate>,
    investment: Option<Fen>,
    currency: String,
    note: Option<String>,
}

impl Resource for Projects {
    type Read = Project;
    type New = NewProject;
    type Filter = ProjectFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewProject";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["progress", "progress_counted", "progress_left_out", "overdue"];

    fn page(conn: &mut Conn, filter: &ProjectFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ProjectFilter {
                q,
                programme,
                pairing,
                agreement,
                sector,
                organization,
                location,
                status,
                planned_start_from,
                planned_start_to,
                planned_end_from,
                planned_end_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = projects::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, projects:
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
            );
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, projects)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Project>> {
        let rows: Vec<Row> = projects::table.filter(projects::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let shares = shares(conn, ids)?;
        let involved = involved(conn, ids)?;
        let tallies = tally::by_project(conn, ids, view.as_of)?;

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&agreements::KIND, row.values.agreement_id);
            references.want(&regions::KIND, row.values.location_id);
        }
        shares.iter().for_each(|(_, sector, _)| references.want(&sectors::KIND, *sector));
        involved.iter().for_each(|(_, organization, _)| references.want(&organizations::KIND, *organization));
        references.load(conn)?;

        let mut sectors_of: HashMap<i64, Vec<SectorShare>> = HashMap::new();
        for (project, sector, share) in shares {
            let sector = references.get(&sectors::KIND, sector);
            sectors_of.entry(project).or_default().push(SectorShare { sector, percent: super::percent(share) });
        }
        let mut organizations_of: HashMap<i64, Vec<ProjectOrganization>> = HashMap::new();
        for (project, organization, role) in involved {
            let organization = references.get(&organizations::KIND, organization);
            organizations_of.entry(project).or_default().push(ProjectOrganization { organization, role });
        }
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let tally = tallies.get(&row.id).cloned().unwrap_or_default();
                Project {
                    id: row.id,
                    code: Code(row.values.code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    pairing: references.get(&pairings::KIND, row.values.pairing_id),
                    agreement: references.optional(&agreements::KIND, row.values.agreement_id),
                    title: Text { zh: row.values.title_zh, en: row.values.title_en },
                    description: Text::optional(row.values.description_zh, row.values.description_en),
                    sectors: sectors_of.remove(&row.id).unwrap_or_default(),
                    organizations: organizations_of.remove(&row.id).unwrap_or_default(),
                    location: references.optional(&regions::KIND, row.values.location_id),
                    status: row.values.status,
                    planned_start_on: row.values.planned_start_on,
                    planned_end_on: row.values.planned_end_on,
                    actual_start_on: row.values.actual_start_on,
                    actual_end_on: row.values.actual_end_on,
                    investment: row.values.investment,
                    currency: row.values.currency,
                    note: row.values.note,
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    progress: tally.progress(),
                    progress_counted: tally.counted(),
                    progress_left_out: tally.counts.cancelled,
                    overdue: tally.overdue,
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Project)>, new: NewProject) -> Result<i64> {
        let NewProject {
            code,
            pairing,
            agreement,
            title,
            description,
            sectors,
            organizations,
            location,
            status,
            planned_start_on,
            planned_end_on,
            actual_start_on,
            actual_end_on,
            investment,
            currency,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let agreement_id = agreements::KIND.resolve_optional(tx.conn, &mut faults, "/agreement", agreement.as_ref())?;
        let location_id = regions::KIND.resolve_optional(tx.conn, &mut faults, "/location", location.as_ref())?;
        if let (Some(agreement), Some(pairing)) = (agreement_id, pairing_id) {
            let of_agreement =
                agreements_table::table.find(agreement).select(agreements_table::pairing_id).first(tx.conn)?;
            rules::same_pairing(&mut faults, "/agreement", of_agreement, pairing);
        }
        let mut shares = Vec::with_capacity(sectors.len());
        for (index, share) in sectors.iter().enumerate() {
            let pointer = format!("/sectors/{index}/sector");
            let sector = sectors::KIND.resolve(tx.conn, &mut faults, &*pointer, &share.sector)?.unwrap_or(0);
            if sector != 0 && shares.iter().any(|(other, _)| *other == sector) {
                faults.push(pointer, "repeated", msg!("领域重复出现。", "is given a second time"));
            }
            shares.push((sector, share.hundredths()));
        }
        let mut involved = Vec::with_capacity(organizations.len());
        for (index, one) in organizations.iter().enumerate() {
            let pointer = format!("/organizations/{index}/organization");
            let id = organizations::KIND.resolve(tx.conn, &mut faults, &*pointer, &one.organization)?.unwrap_or(0);
            if id != 0 && involved.contains(&(id, one.role)) {
                faults.push(pointer, "repeated", msg!("单位在同一角色中重复出现。", "has that role already"));
            }
            involved.push((id, one.role));
        }
        rules::not_in_future(&mut faults, "/actual_start_on", actual_start_on, tx.today);
        rules::not_in_future(&mut faults, "/actual_end_on", actual_end_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
        }
        faults.refuse()?;
        let Some(pairing_id) = pairing_id else { return Err(Error::unexpected("a reference was lost")) };
        let (description_zh, description_en) = Text::columns(description.as_ref());
        let values = Values {
            code: code.0,
            pairing_id,
            agreement_id,
            title_zh: title.zh,
            title_en: title.en,
            description_zh,
            description_en,
            location_id,
            status,
            planned_start_on,
            planned_end_on,
            actual_start_on,
            actual_end_on,
            investment,
            currency,
            note,
        };
        // The milestones let go of an agreement that may be of the old pairing, follow the project, and take the new one.
        if let Some((id, _)) = before {
            carry_agreement(tx.conn, id, None)?;
        }
        let id = put_row!(tx, projects, before.map(|(id, _)| id), values);
        carry_agreement(tx.conn, id, agreement_id)?;
        put_shares(tx.conn, id, &shares)?;
        put_involved(tx.conn, id, &involved)?;
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(projects::table.find(id).select(projects::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewProject) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    fn texts(new: &NewProject) -> Vec<&str> {
        let note = new.note.iter().map(String::as_str);
        Text::all(Some(&new.title)).chain(Text::all(new.description.as_ref())).chain(note).collect()
    }

    record_parts!(Project, NewProject, code required);
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
