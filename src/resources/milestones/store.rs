//! Queries and writes of milestones.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Milestone, MilestoneFilter, MilestoneParts, NewMilestone, Sort, validate};
use super::changeset::{self, Parents};
use super::filter::filtered;
use super::{Milestones, Status, revisions};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::milestones;
use crate::error::{Faults, Result};
use crate::figures::lateness;
use crate::keyset;
use crate::model::types::Instant;
use crate::record::{Dated, ReadContext, Resource, Tx};
use crate::resources::fields::Loading;

fn parts(status: Status, due_on: NaiveDate, baseline_due_on: NaiveDate, as_of: NaiveDate) -> MilestoneParts {
    MilestoneParts {
        overdue: lateness::is_overdue(status, due_on, as_of),
        days_late: lateness::days_late(status, due_on, as_of),
        slippage_days: lateness::slippage_days(due_on, baseline_due_on),
    }
}

impl Resource for Milestones {
    type Filter = MilestoneFilter;

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
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        // The agreement in the row of a project's milestone is that of the project.
        for (_, row) in loading.rows.iter_mut().filter(|(_, row)| row.project_id.is_some()) {
            row.agreement_id = None;
        }
        loading.finish(conn, |_, row, _| parts(row.status, row.due_on, row.baseline_due_on, view.as_of))
    }

    fn dated(read: &Milestone) -> Option<Dated> {
        let Milestone { status, due_on, baseline_due_on, .. } = *read;
        Some(Dated::new(move |as_of| parts(status, due_on, baseline_due_on, as_of)))
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Milestone)>, new: NewMilestone) -> Result<i64> {
        let mut change = changeset::resolve(tx, before, &new)?;
        change.refuse()?;
        Parents::load(tx.conn, [&change])?.complete(&mut change)?;
        let id = change.write(tx, before)?;
        if let (Some((_, record)), Some(reason)) = (before, new.reason)
            && record.due_on != new.due_on
        {
            revisions::store::revise(tx, id, record.due_on, new.due_on, &reason)?;
        }
        Ok(id)
    }

    fn validate(new: &NewMilestone, faults: &mut Faults) {
        validate(new, faults);
    }

    fn save_together(tx: &mut Tx<'_>, news: Vec<NewMilestone>) -> Result<Vec<Option<i64>>> {
        changeset::save_together(tx, news)
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
}
