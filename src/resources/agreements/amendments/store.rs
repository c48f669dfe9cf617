//! Queries and writes of amendments.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Amendment, NewAmendment};
use crate::audit::Action;
use crate::db::Conn;
use crate::db::page::{KeyValue, PageIds, PageRequest, key_value};
use crate::db::schema::{agreements, amendments};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};
use crate::record::{self, Precondition, Tx};
use crate::resources::agreements::{Agreements, KIND, Status};
use crate::{msg, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = amendments)]
struct Row {
    id: i64,
    number: i64,
    title_zh: String,
    title_en: Option<String>,
    signed_on: Option<NaiveDate>,
    effective_on: Option<NaiveDate>,
    summary_zh: Option<String>,
    summary_en: Option<String>,
    created_at: Instant,
    created_by: String,
}

impl From<Row> for Amendment {
    fn from(row: Row) -> Amendment {
        let Row {
            id,
            number,
            title_zh,
            title_en,
            signed_on,
            effective_on,
            summary_zh,
            summary_en,
            created_at,
            created_by,
        } = row;
        Amendment {
            id,
            number,
            title: Text { zh: title_zh, en: title_en },
            signed_on,
            effective_on,
            summary: Text::optional(summary_zh, summary_en),
            created_at,
            created_by,
        }
    }
}

/// A page of an agreement's amendments, by number.
pub fn page(conn: &mut Conn, reference: &Ref, page: &PageRequest) -> Result<(Vec<Amendment>, PageIds)> {
    let agreement = KIND.find(conn, reference)?.ok_or_else(|| Problem::not_found(KIND.name, &reference.0))?;
    let of_agreement = amendments::table.filter(amendments::agreement_id.eq(agreement));
    let total = if page.count { Some(of_agreement.count().get_result(conn)?) } else { None };
    let after = page.after.as_ref().map(key_value::<i64>).transpose()?.unwrap_or(0);
    let rows: Vec<Row> = of_agreement
        .filter(amendments::number.gt(after))
        .order(amendments::number)
        .limit(page.limit + 1)
        .select(Row::as_select())
        .load(conn)?;
    let keys = rows.iter().map(|row| (row.id, KeyValue::to_key(&row.number))).collect();
    let page = PageIds::cut(keys, page.limit, total);
    Ok((rows.into_iter().take(page.ids.len()).map(Amendment::from).collect(), page))
}

/// Adds an agreement's next amendment; gives the agreement's id and new version, too.
pub fn add(tx: &mut Tx<'_>, reference: &Ref, new: NewAmendment) -> Result<(i64, i64, Amendment)> {
    let (id, agreement) = record::lock::<Agreements>(tx, reference, &Precondition::Any)?;
    let NewAmendment { title, signed_on, effective_on, summary } = new;
    let mut faults = Faults::default();
    rules::not_in_future(&mut faults, "/signed_on", signed_on, tx.today);
    faults.refuse()?;
    if agreement.status == Status::Draft {
        return Err(Problem::conflict(
            "not_signed",
            msg!("草案不能变更，请直接修改。", "A draft is changed, not amended."),
        )
        .into());
    }
    let last: Option<i64> = amendments::table
        .filter(amendments::agreement_id.eq(id))
        .select(diesel::dsl::max(amendments::number))
        .first(tx.conn)?;
    let (summary_zh, summary_en) = Text::columns(summary.as_ref());
    let row_id: i64 = diesel::insert_into(amendments::table)
        .values((
            amendments::agreement_id.eq(id),
            amendments::number.eq(last.unwrap_or(0) + 1),
            amendments::title_zh.eq(title.zh),
            amendments::title_en.eq(title.en),
            amendments::signed_on.eq(signed_on),
            amendments::effective_on.eq(effective_on),
            amendments::summary_zh.eq(summary_zh),
            amendments::summary_en.eq(summary_en),
            amendments::created_at.eq(tx.now),
            amendments::created_by.eq(&tx.actor.name),
        ))
        .returning(amendments::id)
        .get_result(tx.conn)?;
    let version: i64 = diesel::update(agreements::table.find(id))
        .set((agreements::version.eq(agreements::version + 1), agreements::updated_at.eq(tx.now)))
        .returning(agreements::version)
        .get_result(tx.conn)?;
    let row: Row = amendments::table.find(row_id).select(Row::as_select()).first(tx.conn)?;
    let amendment = Amendment::from(row);
    let mut after = serde_json::to_value(&amendment)?;
    let code = serde_json::to_value(&agreement.code)?;
    after
        .as_object_mut()
        .ok_or_else(|| Error::unexpected("an amendment is no object"))?
        .insert("code".to_owned(), code);
    record::record_event(tx, &KIND, id, Action::Amend, None, None, Some(&after));
    Ok((id, version, amendment))
}
