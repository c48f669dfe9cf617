//! What a new milestone, or a changed one, comes to: its row and its links, once its references are found and its rules
//! held. Written one by one, or many together.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Milestone, NewMilestone};
use super::store::to_thousandths;
use super::{Milestones, Status};
use crate::db::backend::Edges;
use crate::db::schema::{
    agreements as agreements_table, milestone_dependencies, milestone_responsible, milestones,
    projects as projects_table,
};
use crate::db::{Conn, backend};
use crate::error::{Error, Faults, Result};
use crate::figures::lateness;
use crate::model::types::Instant;
use crate::record::{self, Resource, Tx};
use crate::resources::{agreements, organizations, projects};
use crate::{insert_all, msg, rules};

/// Which milestone waits for which.
const EDGES: Edges = Edges { table: "milestone_dependencies", from: "milestone_id", to: "depends_on_id" };

/// A milestone that can be written.
pub struct Draft {
    pub values: Values,
    /// Ids of organizations.
    pub responsible: Vec<i64>,
    /// Ids of milestones.
    pub depends_on: Vec<i64>,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = milestones, treat_none_as_null = true)]
pub struct Values {
    pub code: Option<String>,
    pub pairing_id: i64,
    pub agreement_id: Option<i64>,
    pub project_id: Option<i64>,
    pub title_zh: String,
    pub title_en: Option<String>,
    pub kind: Option<String>,
    pub due_on: NaiveDate,
    pub baseline_due_on: NaiveDate,
    pub forecast_on: Option<NaiveDate>,
    pub met_on: Option<NaiveDate>,
    pub status: Status,
    pub status_reason: Option<String>,
    pub progress: i32,
    pub weight_thousandths: i64,
    pub note: Option<String>,
    pub supporter_confirmed_at: Option<Instant>,
    pub recipient_confirmed_at: Option<Instant>,
}

/// A whole row, with the id that was reserved for it.
#[derive(Insertable)]
#[diesel(table_name = milestones, treat_none_as_default_value = false)]
struct NewRow {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    code: Option<String>,
    pairing_id: i64,
    agreement_id: Option<i64>,
    project_id: Option<i64>,
    title_zh: String,
    title_en: Option<String>,
    kind: Option<String>,
    due_on: NaiveDate,
    baseline_due_on: NaiveDate,
    forecast_on: Option<NaiveDate>,
    met_on: Option<NaiveDate>,
    status: Status,
    status_reason: Option<String>,
    progress: i32,
    weight_thousandths: i64,
    note: Option<String>,
    supporter_confirmed_at: Option<Instant>,
    recipient_confirmed_at: Option<Instant>,
}

impl NewRow {
    fn new(id: i64, now: Instant, values: Values) -> NewRow {
        // `COPY` takes no row within a row.
        NewRow {
            id,
            version: 1,
            created_at: now,
            updated_at: now,
            code: values.code,
            pairing_id: values.pairing_id,
            agreement_id: values.agreement_id,
            project_id: values.project_id,
            title_zh: values.title_zh,
            title_en: values.title_en,
            kind: values.kind,
            due_on: values.due_on,
            baseline_due_on: values.baseline_due_on,
            forecast_on: values.forecast_on,
            met_on: values.met_on,
            status: values.status,
            status_reason: values.status_reason,
            progress: values.progress,
            weight_thousandths: values.weight_thousandths,
            note: values.note,
            supporter_confirmed_at: values.supporter_confirmed_at,
            recipient_confirmed_at: values.recipient_confirmed_at,
        }
    }
}

/// A milestone whose references are found and whose rules hold. Where it belongs is asked afterwards, of many at once.
struct Validated {
    new: NewMilestone,
    agreement: Option<i64>,
    project: Option<i64>,
    responsible: Vec<i64>,
    depends_on: Vec<i64>,
}

/// What a milestone comes to; `None` where there are faults.
pub fn prepare(
    tx: &mut Tx<'_>,
    faults: &mut Faults,
    before: Option<(i64, &Milestone)>,
    new: NewMilestone,
) -> Result<Option<Draft>> {
    let Some(validated) = validate(tx, faults, before, new)? else { return Ok(None) };
    let parents = ParentLinks::load(tx.conn, [&validated])?;
    validated.draft(before.map(|(_, record)| record), &parents).map(Some)
}

fn validate(
    tx: &mut Tx<'_>,
    faults: &mut Faults,
    before: Option<(i64, &Milestone)>,
    new: NewMilestone,
) -> Result<Option<Validated>> {
    let reason = new.given_reason();
    let before_record = before.map(|(_, record)| record);
    let (due_on, status) = (new.due_on, new.status);

    let agreement = match &new.agreement {
        Some(agreement) => tx.resolve(&agreements::KIND, faults, "/agreement", agreement)?,
        None => None,
    };
    let project = match &new.project {
        Some(project) => tx.resolve(&projects::KIND, faults, "/project", project)?,
        None => None,
    };
    let responsible = tx.resolve_all(&organizations::KIND, faults, "/responsible", &new.responsible)?;
    let depends_on = tx.resolve_all(Milestones::KIND, faults, "/depends_on", &new.depends_on)?;
    let known: Vec<i64> = before_record.iter().flat_map(|record| &record.depends_on).map(|other| other.id).collect();
    for other in depends_on.iter().filter(|other| !known.contains(other)) {
        // What others wait for cannot be deleted any more.
        let scope = Milestones::scope(tx.conn, *other)?;
        tx.actor.require_scope(&scope)?;
    }
    rules::not_in_future(faults, "/met_on", new.met_on, tx.today);
    let moved_from = before_record.map(|record| record.due_on).filter(|old| *old != due_on);
    if moved_from.is_some() && reason.is_none() {
        faults.push("/reason", "required", msg!("调整到期日须说明原因。", "is required to move due_on"));
    }
    if let Some(record) = before_record {
        rules::transition(faults, record.status, status, record.status.next());
    }
    if status == Status::NotMet && is_new(status, before_record) {
        if reason.is_none() {
            faults.push(
                "/reason",
                "required",
                msg!("状态为 not_met 时须说明原因。", "is required when the status becomes not_met"),
            );
        }
        if !lateness::is_over(due_on, tx.today) {
            faults.push(
                "/status",
                "too_early",
                msg!(
                    "到期日（{due_on}）之后才能记为 not_met。",
                    "cannot be not_met before its due date ({due_on}) has passed"
                ),
            );
        }
    }
    if let Some((id, _)) = before {
        record::no_cycle(tx.conn, faults, Milestones::KIND, EDGES, "/depends_on", id, (&known, &depends_on))?;
    }
    Ok(faults.is_empty().then_some(Validated { new, agreement, project, responsible, depends_on }))
}

impl NewMilestone {
    /// Blanks give no reason.
    fn given_reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|reason| !reason.trim().is_empty())
    }
}

fn is_new(status: Status, before: Option<&Milestone>) -> bool {
    before.is_none_or(|record| record.status != status)
}

impl Validated {
    fn draft(self, before: Option<&Milestone>, parents: &ParentLinks) -> Result<Draft> {
        let Validated { new, agreement, project, responsible, depends_on } = self;
        let (pairing_id, agreement_id) = parents.of(agreement, project)?;
        let reason = new.given_reason().map(str::to_owned);
        let NewMilestone { code, title, kind, due_on, forecast_on, met_on, status, progress, weight, note, .. } = new;
        let status_reason = match status {
            Status::NotMet | Status::Cancelled if is_new(status, before) => reason,
            Status::NotMet | Status::Cancelled => before.and_then(|record| record.status_reason.clone()),
            _ => None,
        };
        let confirmed = before.filter(|_| status == Status::Met);
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            agreement_id,
            project_id: project,
            title_zh: title.zh,
            title_en: title.en,
            kind,
            due_on,
            baseline_due_on: before.map_or(due_on, |record| record.baseline_due_on),
            forecast_on,
            met_on,
            status,
            status_reason,
            progress: if status == Status::Met { 100 } else { progress },
            weight_thousandths: to_thousandths(weight),
            note,
            supporter_confirmed_at: confirmed.and_then(|record| record.supporter_confirmed_at),
            recipient_confirmed_at: confirmed.and_then(|record| record.recipient_confirmed_at),
        };
        Ok(Draft { values, responsible, depends_on })
    }
}

/// Inserts the new milestones that have no fault; see [`Resource::save_together`].
pub fn save_together(tx: &mut Tx<'_>, news: Vec<NewMilestone>) -> Result<Vec<Option<i64>>> {
    let mut validated = Vec::with_capacity(news.len());
    for new in news {
        validated.push(validate(tx, &mut Faults::default(), None, new)?);
    }
    let parents = ParentLinks::load(tx.conn, validated.iter().flatten())?;
    let mut reserved = backend::reserve_ids(tx.conn, "milestones", validated.iter().flatten().count())?.into_iter();
    let (mut rows, mut responsible, mut depends_on) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = Vec::with_capacity(validated.len());
    for validated in validated {
        let id = if validated.is_some() { reserved.next() } else { None };
        if let (Some(validated), Some(id)) = (validated, id) {
            let Draft { values, responsible: organizations, depends_on: before } = validated.draft(None, &parents)?;
            responsible.extend((0_i32..).zip(organizations).map(|(position, other)| {
                (
                    milestone_responsible::milestone_id.eq(id),
                    milestone_responsible::organization_id.eq(other),
                    milestone_responsible::position.eq(position),
                )
            }));
            depends_on.extend((0_i32..).zip(before).map(|(position, other)| {
                (
                    milestone_dependencies::milestone_id.eq(id),
                    milestone_dependencies::depends_on_id.eq(other),
                    milestone_dependencies::position.eq(position),
                )
            }));
            rows.push(NewRow::new(id, tx.now, values));
        }
        ids.push(id);
    }
    insert_all!(tx.conn, milestones::table, &rows)?;
    insert_all!(tx.conn, milestone_responsible::table, &responsible)?;
    insert_all!(tx.conn, milestone_dependencies::table, &depends_on)?;
    Ok(ids)
}

/// What agreements and projects belong to.
struct ParentLinks {
    /// The pairing of each agreement.
    agreements: HashMap<i64, i64>,
    /// The pairing and the agreement of each project.
    projects: HashMap<i64, (i64, Option<i64>)>,
}

impl ParentLinks {
    /// Those of the milestones' agreements and projects.
    fn load<'a>(conn: &mut Conn, validated: impl IntoIterator<Item = &'a Validated>) -> Result<ParentLinks> {
        let (mut of_agreements, mut of_projects): (BTreeSet<i64>, BTreeSet<i64>) = Default::default();
        for Validated { agreement, project, .. } in validated {
            of_agreements.extend(agreement);
            of_projects.extend(project);
        }
        let (mut agreements, mut projects): (HashMap<i64, i64>, HashMap<_, _>) = Default::default();
        if let (Some(id), 1) = (of_agreements.first(), of_agreements.len()) {
            // A statement that is prepared once, unlike one with a list.
            let found = agreements_table::table.find(id).select(agreements_table::pairing_id).first(conn).optional()?;
            agreements.extend(found.map(|pairing: i64| (*id, pairing)));
        } else if !of_agreements.is_empty() {
            let found: Vec<(i64, i64)> = agreements_table::table
                .filter(agreements_table::id.eq_any(of_agreements))
                .select((agreements_table::id, agreements_table::pairing_id))
                .load(conn)?;
            agreements.extend(found);
        }
        if !of_projects.is_empty() {
            let found: Vec<(i64, i64, Option<i64>)> = projects_table::table
                .filter(projects_table::id.eq_any(of_projects))
                .select((projects_table::id, projects_table::pairing_id, projects_table::agreement_id))
                .load(conn)?;
            projects.extend(found.into_iter().map(|(id, pairing, agreement)| (id, (pairing, agreement))));
        }
        Ok(ParentLinks { agreements, projects })
    }

    /// The pairing of what a milestone belongs to, and the agreement that it counts for.
    fn of(&self, agreement: Option<i64>, project: Option<i64>) -> Result<(i64, Option<i64>)> {
        let home = match (agreement, project) {
            (Some(id), _) => self.agreements.get(&id).map(|pairing| (*pairing, Some(id))),
            (None, Some(id)) => self.projects.get(&id).copied(),
            (None, None) => None,
        };
        home.ok_or_else(|| Error::unexpected("a reference was lost"))
    }
}
