//! Loads records by their ids, of the columns that the figures need.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text};

use super::milestones::{Loaded as Milestone, Parent};
use super::state::{Commitment, Exchange, Loaded, Records, Resolution, Transaction, goal};
use super::structure::{Agreement, PairingFact, Party, Project};
use crate::db::Conn;
use crate::db::backend::statement::{Bind, Statement, one_of};
use crate::db::reference::Kind;
use crate::db::schema;
use crate::error::Result;
use crate::figures::members;
use crate::figures::tally::Fact;
use crate::model::commitments::{Accumulation, Direction};
use crate::model::decimal::Quantity;
use crate::model::{exchanges as people, milestones as points, resolutions as decided};
use crate::resources::commitments::approved::approved_reports;
use crate::resources::commitments::store::terms;
use crate::resources::fields::links;
use crate::resources::transactions::booked;
use crate::resources::{
    agreements, commitments, conferences, exchanges, funds, milestones, organizations, pairings, progress_reports,
    projects, regions, resolutions, transactions,
};

/// How the records of a kind are loaded.
pub struct Source {
    pub kind: &'static Kind,
    pub load: fn(&mut Conn, &[i64]) -> Result<Loaded>,
}

/// The kinds that figures are computed from. Progress reports are loaded with their commitments.
pub static SOURCES: &[Source] = &[
    Source { kind: &regions::KIND, load: load_regions },
    Source { kind: &organizations::KIND, load: load_organizations },
    Source { kind: &pairings::KIND, load: load_pairings },
    Source { kind: &agreements::KIND, load: load_agreements },
    Source { kind: &projects::KIND, load: load_projects },
    Source { kind: &conferences::KIND, load: load_conferences },
    Source { kind: &funds::KIND, load: load_funds },
    Source { kind: &commitments::KIND, load: load_commitments },
    Source { kind: &resolutions::KIND, load: load_resolutions },
    Source { kind: &exchanges::KIND, load: load_exchanges },
    Source { kind: &transactions::KIND, load: load_transactions },
    Source { kind: &milestones::KIND, load: load_milestones },
];

/// Whether figures are computed from records of a kind.
pub fn is_source(name: &str) -> bool {
    name == progress_reports::KIND.name || SOURCES.iter().any(|source| source.kind.name == name)
}

/// The commitments that progress reports belong to.
pub fn commitments_of(conn: &mut Conn, reports: &[i64]) -> Result<Vec<i64>> {
    use schema::progress_reports as r;
    Ok(r::table.filter(r::id.eq_any(reports)).select(r::commitment_id).load(conn)?)
}

/// All ids, each with its record if that exists.
fn by_id<T>(ids: &[i64], found: impl IntoIterator<Item = (i64, T)>) -> Records<T> {
    let mut found: HashMap<i64, T> = found.into_iter().collect();
    ids.iter().map(|id| (*id, found.remove(id))).collect()
}

fn load_regions(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::regions as t;
    let rows: Vec<(i64, Option<i64>)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::parent_id)).load(conn)?;
    Ok(Loaded::Regions(by_id(ids, rows)))
}

fn load_organizations(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::organizations as t;
    let rows: Vec<(i64, i64)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::region_id)).load(conn)?;
    Ok(Loaded::Organizations(by_id(ids, rows)))
}

fn load_conferences(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::conferences as t;
    let rows: Vec<(i64, i64)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::pairing_id)).load(conn)?;
    Ok(Loaded::Conferences(by_id(ids, rows)))
}

fn load_funds(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::funds as t;
    let rows: Vec<(i64, i64)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::programme_id)).load(conn)?;
    Ok(Loaded::Funds(by_id(ids, rows)))
}

fn load_pairings(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::pairings as t;
    let rows: Vec<(i64, i64)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::programme_id)).load(conn)?;
    let mut members = members::of_pairings(conn, ids)?;
    let fact = |(id, programme)| (id, PairingFact { programme, members: members.remove(&id).unwrap_or_default() });
    Ok(Loaded::Pairings(by_id(ids, rows.into_iter().map(fact))))
}

fn load_agreements(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::{agreement_parties as p, agreements as t};
    let rows: Vec<(i64, i64)> = t::table.filter(t::id.eq_any(ids)).select((t::id, t::pairing_id)).load(conn)?;
    let terms = terms(conn, ids)?;
    let mut sectors: HashMap<i64, Vec<i64>> = HashMap::new();
    for (agreement, sector) in links::load(conn, &agreements::KIND, "sectors", ids)? {
        sectors.entry(agreement).or_default().push(sector);
    }
    let mut parties: HashMap<i64, Vec<Party>> = HashMap::new();
    let signed: Vec<(i64, Option<i64>, Option<i64>)> = p::table
        .filter(p::agreement_id.eq_any(ids))
        .select((p::agreement_id, p::region_id, p::organization_id))
        .load(conn)?;
    for (agreement, region, organization) in signed {
        parties.entry(agreement).or_default().push(Party { region, organization });
    }
    let agreement = |(id, pairing)| {
        let agreement = Agreement {
            pairing,
            sectors: sectors.remove(&id).unwrap_or_default(),
            parties: parties.remove(&id).unwrap_or_default(),
            term: terms.get(&id).copied().unwrap_or_default(),
        };
        (id, agreement)
    };
    Ok(Loaded::Agreements(by_id(ids, rows.into_iter().map(agreement))))
}

fn load_projects(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::projects as t;
    let columns = (t::id, t::pairing_id, t::agreement_id);
    let rows: Vec<(i64, i64, Option<i64>)> = t::table.filter(t::id.eq_any(ids)).select(columns).load(conn)?;
    let mut shares: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for (project, sector, share) in projects::store::shares(conn, ids)? {
        shares.entry(project).or_default().push((sector, share));
    }
    let project =
        |(id, pairing, agreement)| (id, Project { pairing, agreement, shares: shares.remove(&id).unwrap_or_default() });
    Ok(Loaded::Projects(by_id(ids, rows.into_iter().map(project))))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::commitments)]
struct CommitmentRow {
    id: i64,
    agreement_id: i64,
    sector_id: Option<i64>,
    starts_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    indicator_baseline: Option<Quantity>,
    indicator_target: Option<Quantity>,
    indicator_direction: Option<Direction>,
    indicator_accumulation: Option<Accumulation>,
}

fn load_commitments(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::commitments as t;
    let rows: Vec<CommitmentRow> = t::table.filter(t::id.eq_any(ids)).select(CommitmentRow::as_select()).load(conn)?;
    let mut approved = approved_reports(conn, ids)?;
    let mut responsible: HashMap<i64, Vec<i64>> = HashMap::new();
    for (commitment, organization) in links::load(conn, &commitments::KIND, "responsible", ids)? {
        responsible.entry(commitment).or_default().push(organization);
    }
    let commitment = |row: CommitmentRow| {
        let (reports, periods) = approved.remove(&row.id).unwrap_or_default().into_iter().unzip();
        let commitment = Commitment {
            agreement: row.agreement_id,
            sector: row.sector_id,
            starts_on: row.starts_on,
            due_on: row.due_on,
            goal: goal(
                row.indicator_baseline,
                row.indicator_target,
                row.indicator_direction,
                row.indicator_accumulation,
            ),
            responsible: responsible.remove(&row.id).unwrap_or_default(),
            reports,
            periods,
        };
        (row.id, commitment)
    };
    Ok(Loaded::Commitments(by_id(ids, rows.into_iter().map(commitment))))
}

fn load_resolutions(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::resolutions as t;
    type Row = (i64, i64, Option<NaiveDate>, decided::Status, Option<i64>, Option<i64>);
    let columns = (t::id, t::conference_id, t::due_on, t::status, t::commitment_id, t::milestone_id);
    let rows: Vec<Row> = t::table.filter(t::id.eq_any(ids)).select(columns).load(conn)?;
    let resolution = |(id, conference, due_on, status, commitment, milestone): Row| {
        (id, Resolution { conference, due_on, status, commitment, milestone })
    };
    Ok(Loaded::Resolutions(by_id(ids, rows.into_iter().map(resolution))))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::exchanges)]
struct ExchangeRow {
    id: i64,
    pairing_id: i64,
    profession: people::Profession,
    direction: people::Direction,
    headcount: Option<i64>,
    sending_id: Option<i64>,
    hosting_id: Option<i64>,
    planned_start_on: Option<NaiveDate>,
    actual_start_on: Option<NaiveDate>,
    actual_end_on: Option<NaiveDate>,
    status: people::Status,
}

fn load_exchanges(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    use schema::exchanges as t;
    let rows: Vec<ExchangeRow> = t::table.filter(t::id.eq_any(ids)).select(ExchangeRow::as_select()).load(conn)?;
    let exchange = |row: ExchangeRow| {
        let exchange = Exchange {
            pairing: row.pairing_id,
            profession: row.profession,
            direction: row.direction,
            headcount: row.headcount,
            sending: row.sending_id,
            hosting: row.hosting_id,
            planned_start_on: row.planned_start_on,
            actual_start_on: row.actual_start_on,
            actual_end_on: row.actual_end_on,
            status: row.status,
        };
        (row.id, exchange)
    };
    Ok(Loaded::Exchanges(by_id(ids, rows.into_iter().map(exchange))))
}

fn load_transactions(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    let entries = booked::by_ids(conn, ids)?;
    let entries = entries.into_iter().map(|(id, reverses, booked)| (id, Transaction { booked, reverses }));
    Ok(Loaded::Transactions(by_id(ids, entries)))
}

/// Loads milestones by one statement whose text does not depend on the ids, so that it is prepared once on each connection:
/// most writes are of milestones.
fn load_milestones(conn: &mut Conn, ids: &[i64]) -> Result<Loaded> {
    type Types = (BigInt, Nullable<BigInt>, Nullable<BigInt>, Date, Date, Nullable<Date>, Text, Integer, BigInt);
    type Row = (i64, Option<i64>, Option<i64>, NaiveDate, NaiveDate, Option<NaiveDate>, points::Status, i32, i64);
    let sql = format!(
        "SELECT id, agreement_id, project_id, due_on, baseline_due_on, met_on, status, progress, weight_thousandths \
         FROM milestones WHERE {}",
        one_of(conn, "id", 1)
    );
    let bound = Bind::ids(conn, ids);
    let rows: Vec<Row> = Statement::<Types>::new(sql, [bound]).rows(conn)?;
    let milestone = |(id, agreement, project, due_on, baseline_due_on, met_on, status, progress, weight): Row| {
        let parent = project.map(Parent::Project).or(agreement.map(Parent::Agreement))?;
        let fact = Fact { status, weight, progress: progress.into(), due_on, baseline_due_on, met_on };
        Some((id, Milestone { parent, fact }))
    };
    Ok(Loaded::Milestones(by_id(ids, rows.into_iter().filter_map(milestone))))
}

/// The ids without those that are listed twice.
pub fn distinct(ids: impl IntoIterator<Item = i64>) -> Vec<i64> {
    ids.into_iter().collect::<BTreeSet<i64>>().into_iter().collect()
}
