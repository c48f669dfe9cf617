//! The rows of milestones.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Milestone, MilestoneFilter, NewMilestone, Sort};
use super::draft::{self, Draft, Values};
use super::filter::filtered;
use super::{Milestones, Status, revisions};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::milestones;
use crate::db::{Conn, reference};
use crate::error::{Error, Faults, Result};
use crate::figures::lateness;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{agreements, organizations, pairings, projects};
use crate::{keyset, links, put_links, put_row, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = milestones)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

impl Resource for Milestones {
    type Read = Milestone;
    type New = NewMilestone;
    type Filter = MilestoneFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewMilestone";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["overdue", "days_late", "slippage_days"];

    fn page(conn: &mut Conn, filter: &MilestoneFilter, page: &PageRequest, view: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| filtered(conn, filter, view);
        keyset!(conn, page, filter.sort.unwrap_or(Sort::DueOn), filtered, milestones, {
            Sort::DueOn => asc due_on: NaiveDate,
            Sort::DueOnDesc => desc due_on: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Milestone>> {
        let rows: Vec<Row> =
            milestones::table.filter(milestones::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let responsible = links!(conn, milestone_responsible, milestone_id in ids, organization_id);
        let depends_on = links!(conn, milestone_dependencies, milestone_id in ids, depends_on_id);

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&agreements::KIND, row.own_agreement());
            references.want(&projects::KIND, row.values.project_id);
        }
        responsible.iter().for_each(|(_, id)| references.want(&organizations::KIND, *id));
        depends_on.iter().for_each(|(_, id)| references.want(Self::KIND, *id));
        references.load(conn)?;

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Milestone {
                agreement: references.optional(&agreements::KIND, row.own_agreement()),
                project: references.optional(&projects::KIND, row.values.project_id),
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                weight: from_thousandths(row.values.weight_thousandths),
                responsible: references.linked(&organizations::KIND, &responsible, row.id),
                depends_on: references.linked(Self::KIND, &depends_on, row.id),
                citations: cited.remove(&row.id).unwrap_or_default(),
                overdue: lateness::is_overdue(row.values.status, row.values.due_on, view.as_of),
                days_late: lateness::days_late(row.values.status, row.values.due_on, view.as_of),
                slippage_days: lateness::slippage_days(row.values.due_on, row.values.baseline_due_on),
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                title: Text { zh: row.values.title_zh, en: row.values.title_en },
                kind: row.values.kind,
                due_on: row.values.due_on,
                baseline_due_on: row.values.baseline_due_on,
                forecast_on: row.values.forecast_on,
                met_on: row.values.met_on,
                status: row.values.status,
                status_reason: row.values.status_reason,
                progress: row.values.progress,
                note: row.values.note,
                supporter_confirmed_at: row.values.supporter_confirmed_at,
                recipient_confirmed_at: row.values.recipient_confirmed_at,
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Milestone)>, new: NewMilestone) -> Result<i64> {
        let due_on = new.due_on;
        let reason = new.reason.clone();
        let mut faults = Faults::default();
        let prepared = draft::prepare(tx, &mut faults, before, new)?;
        faults.refuse()?;
        let Some(Draft { values, responsible, depends_on }) = prepared else {
            return Err(Error::unexpected("no fault, and no milestone"));
        };
        let id = put_row!(tx, milestones, before.map(|(id, _)| id), values);
        put_links!(tx, milestone_responsible, milestone_id = id, organization_id in responsible);
        put_links!(tx, milestone_dependencies, milestone_id = id, depends_on_id in depends_on);
        if let (Some((_, record)), Some(reason)) = (before, reason)
            && record.due_on != due_on
        {
            revisions::store::revise(tx, id, record.due_on, due_on, &reason)?;
        }
        Ok(id)
    }

    fn save_together(tx: &mut Tx<'_>, news: Vec<NewMilestone>) -> Result<Vec<Option<i64>>> {
        draft::save_together(tx, news)
    }

    fn complete(record: &mut Value) {
        // Without it no milestone is created that was not met.
        if record["status_reason"].is_string() {
            record["reason"] = record["status_reason"].clone();
        }
    }

    fn restore_own(tx: &mut Tx<'_>, id: i64, state: &Value) -> Result<()> {
        let instant = |name: &str| -> Result<Option<Instant>> { Ok(serde_json::from_value(state[name].clone())?) };
        let baseline: NaiveDate = serde_json::from_value(state["baseline_due_on"].clone())?;
        let is_met = milestones::status.eq(Status::Met);
        diesel::update(milestones::table.find(id)).set(milestones::baseline_due_on.eq(baseline)).execute(tx.conn)?;
        // A milestone that is no longer met is no longer confirmed.
        diesel::update(milestones::table.filter(milestones::id.eq(id).and(is_met)))
            .set((
                milestones::supporter_confirmed_at.eq(instant("supporter_confirmed_at")?),
                milestones::recipient_confirmed_at.eq(instant("recipient_confirmed_at")?),
            ))
            .execute(tx.conn)?;
        revisions::store::restore(tx, id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        let pairing: i64 = milestones::table.find(id).select(milestones::pairing_id).first(conn)?;
        Ok(Scope::Pairing(pairing))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewMilestone) -> Result<Option<Scope>> {
        match (&new.agreement, &new.project) {
            (Some(agreement), _) => {
                let id = agreements::KIND.find(conn, agreement)?;
                id.map(|id| agreements::Agreements::scope(conn, id)).transpose()
            }
            (None, Some(project)) => {
                let id = projects::KIND.find(conn, project)?;
                id.map(|id| projects::Projects::scope(conn, id)).transpose()
            }
            (None, None) => Ok(None),
        }
    }

    fn texts(new: &NewMilestone) -> Vec<&str> {
        Text::all(Some(&new.title)).chain(new.note.as_deref()).collect()
    }

    record_parts!(Milestone, NewMilestone, code optional);
}

impl Row {
    /// The agreement that the milestone belongs to itself, not by its project.
    fn own_agreement(&self) -> Option<i64> {
        self.values.agreement_id.filter(|_| self.values.project_id.is_none())
    }
}

/// A weight as it is stored. The schema bounds it, so that the product fits.
pub fn to_thousandths(weight: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 1,000,000 by the schema, rounded")]
    let thousandths = (weight * 1000.0).round() as i64;
    thousandths
}

fn from_thousandths(thousandths: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 1,000,000,000")]
    let weight = thousandths as f64 / 1000.0;
    weight
}
