//! Queries and writes of revisions, and the columns of confirmations.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::Deserialize;

use super::api::{Confirmation, Revision};
use crate::audit::records::decoded;
use crate::audit::{Action, undecodable};
use crate::db::Conn;
use crate::db::page::{Key, KeyValue, PageIds, PageRequest, key_value};
use crate::db::schema::{audit_events, milestone_revisions, milestones};
use crate::error::{Problem, Result};
use crate::model::types::{Instant, Ref};
use crate::msg;
use crate::record::{self, Precondition, Tx};
use crate::resources::milestones::api::Milestone;
use crate::resources::milestones::{KIND, Milestones, Status};
use crate::resources::pairings::Role;

#[derive(Queryable, Selectable)]
#[diesel(table_name = milestone_revisions)]
struct Row {
    id: i64,
    old_due_on: NaiveDate,
    new_due_on: NaiveDate,
    reason: String,
    revised_at: Instant,
    revised_by: String,
}

impl From<Row> for Revision {
    fn from(row: Row) -> Revision {
        let Row { id, old_due_on, new_due_on, reason, revised_at, revised_by } = row;
        Revision { id, old_due_on, new_due_on, reason, revised_at, revised_by }
    }
}

/// Records a move of a due date, in the transaction that moves it.
pub fn revise(tx: &mut Tx<'_>, id: i64, old: NaiveDate, new: NaiveDate, reason: &str) -> Result<()> {
    diesel::insert_into(milestone_revisions::table)
        .values((
            milestone_revisions::milestone_id.eq(id),
            milestone_revisions::old_due_on.eq(old),
            milestone_revisions::new_due_on.eq(new),
            milestone_revisions::reason.eq(reason),
            milestone_revisions::revised_at.eq(tx.now),
            milestone_revisions::revised_by.eq(&tx.actor.name),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Events that are in memory at a time.
const EVENTS_TOGETHER: usize = 100;

/// Writes the revisions of a restored milestone again, from the audit events of its changes: they were deleted with it. What
/// cannot be decoded is left out.
pub fn restore(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    type Change = (i64, Instant, String, Option<String>, Option<String>, Option<String>);
    let changes: Vec<i64> = audit_events::table
        .filter(audit_events::entity.eq(KIND.name).and(audit_events::record_id.eq(id)))
        .filter(audit_events::action.eq(Action::Update))
        .order(audit_events::id)
        .select(audit_events::id)
        .load(tx.conn)?;
    for chunk in changes.chunks(EVENTS_TOGETHER) {
        let mut changes: Vec<Change> = undecodable::skip(tx.conn, chunk, |conn, events| {
            audit_events::table
                .filter(audit_events::id.eq_any(events))
                .select((
                    audit_events::id,
                    audit_events::at,
                    audit_events::actor,
                    audit_events::reason,
                    audit_events::before_json,
                    audit_events::after_json,
                ))
                .load(conn)
        })?;
        changes.sort_unstable_by_key(|(event, ..)| *event);
        for (event, at, actor, reason, before, after) in changes {
            let due_on = |state: Option<String>| decoded::<DueOn>(event, &state?).map(|state| state.due_on);
            let Some((old, new)) = due_on(before).zip(due_on(after)).filter(|(old, new)| old != new) else { continue };
            diesel::insert_into(milestone_revisions::table)
                .values((
                    milestone_revisions::milestone_id.eq(id),
                    milestone_revisions::old_due_on.eq(old),
                    milestone_revisions::new_due_on.eq(new),
                    milestone_revisions::reason.eq(reason.unwrap_or_default()),
                    milestone_revisions::revised_at.eq(at),
                    milestone_revisions::revised_by.eq(actor),
                ))
                .execute(tx.conn)?;
        }
    }
    Ok(())
}

/// What a revision needs of a milestone as an audit event holds it.
#[derive(Deserialize)]
struct DueOn {
    due_on: NaiveDate,
}

/// A page of a milestone's revisions, oldest first.
pub fn revisions(conn: &mut Conn, reference: &Ref, page: &PageRequest) -> Result<(Vec<Revision>, PageIds)> {
    let milestone = find(conn, reference)?;
    let of_milestone = milestone_revisions::table.filter(milestone_revisions::milestone_id.eq(milestone));
    let total = if page.count { Some(of_milestone.count().get_result(conn)?) } else { None };
    let after = page.after.as_ref().map(key_value::<i64>).transpose()?.unwrap_or(0);
    let rows: Vec<Row> = of_milestone
        .filter(milestone_revisions::id.gt(after))
        .order(milestone_revisions::id)
        .limit(page.limit + 1)
        .select(Row::as_select())
        .load(conn)?;
    let page = PageIds::cut(rows.iter().map(|row| (row.id, row.id.to_key())).collect(), page.limit, total);
    Ok((rows.into_iter().take(page.ids.len()).map(Revision::from).collect(), page))
}

/// The confirmations of a milestone: supporters first.
pub fn confirmations(conn: &mut Conn, reference: &Ref, page: &PageRequest) -> Result<(Vec<Confirmation>, PageIds)> {
    let id = find(conn, reference)?;
    let (supporter, recipient): (Option<Instant>, Option<Instant>) = milestones::table
        .find(id)
        .select((milestones::supporter_confirmed_at, milestones::recipient_confirmed_at))
        .first(conn)?;
    let all: Vec<(i64, Confirmation)> = [(1, Role::Supporter, supporter), (2, Role::Recipient, recipient)]
        .into_iter()
        .filter_map(|(key, side, at)| Some((key, Confirmation { side, confirmed_at: at? })))
        .collect();
    let total = page.count.then(|| i64::try_from(all.len()).unwrap_or(i64::MAX));
    let after = page.after.as_ref().map(|key: &Key| key.id).unwrap_or(0);
    let rest: Vec<(i64, Confirmation)> = all.into_iter().filter(|(key, _)| *key > after).collect();
    let ids = PageIds::cut(rest.iter().map(|(key, _)| (*key, key.to_key())).collect(), page.limit, total);
    let items = rest.into_iter().take(ids.ids.len()).map(|(_, confirmation)| confirmation).collect();
    Ok((items, ids))
}

/// Confirms a met milestone for one side.
pub fn confirm(tx: &mut Tx<'_>, reference: &Ref, side: Role) -> Result<Milestone> {
    let (id, before) = record::lock::<Milestones>(tx, reference, &Precondition::Any)?;
    if before.status != Status::Met {
        let status = before.status;
        return Err(Problem::conflict(
            "not_met_yet",
            msg!(
                "状态为 {status}，只有 met 的里程碑可以确认。",
                "It is {status}; only a milestone that is met can be confirmed."
            ),
        )
        .into());
    }
    let confirmed = match side {
        Role::Supporter => before.supporter_confirmed_at,
        Role::Recipient => before.recipient_confirmed_at,
    };
    if confirmed.is_some() {
        return Ok(before);
    }
    let row = milestones::table.find(id);
    let stamp = (milestones::version.eq(milestones::version + 1), milestones::updated_at.eq(tx.now));
    match side {
        Role::Supporter => {
            diesel::update(row).set((milestones::supporter_confirmed_at.eq(Some(tx.now)), stamp)).execute(tx.conn)?
        }
        Role::Recipient => {
            diesel::update(row).set((milestones::recipient_confirmed_at.eq(Some(tx.now)), stamp)).execute(tx.conn)?
        }
    };
    record::changed::<Milestones>(tx, id, Action::Confirm, None, &before)
}

fn find(conn: &mut Conn, reference: &Ref) -> Result<i64> {
    Ok(KIND.find(conn, reference)?.ok_or_else(|| Problem::not_found(KIND.name, &reference.0))?)
}
