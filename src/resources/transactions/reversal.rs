//! What a reversal shares with the entry that it reverses, and how much it may take back.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{NewTransaction, TransactionRow};
use super::{KIND, Kind};
use crate::db::schema::transactions;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::model::decimal::Fen;
use crate::msg;

/// An entry that is to be reversed.
#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
struct Original {
    kind: Kind,
    amount: Fen,
    currency: String,
    value_on: NaiveDate,
    fund_id: Option<i64>,
    pairing_id: Option<i64>,
    project_id: Option<i64>,
    provider_id: Option<i64>,
    receiver_id: Option<i64>,
    pass_through: bool,
}

/// Checks the reversal of an entry, and completes its row from that entry. Reversals of one entry take turns, because two of them
/// could take back more than there is.
pub fn validate(
    conn: &mut Conn,
    faults: &mut Faults,
    id: i64,
    new: &NewTransaction,
    row: &mut TransactionRow,
) -> Result<()> {
    KIND.lock(conn, id)?;
    let original: Original = transactions::table.find(id).select(Original::as_select()).first(conn)?;
    if original.kind == Kind::Reversal {
        faults.push(
            "/reverses",
            "not_reversible",
            msg!(
                "冲销不能再被冲销；请另记一笔。",
                "is a reversal itself, which cannot be reversed; book the entry anew"
            ),
        );
        return Ok(());
    }
    if new.currency.as_ref().is_some_and(|currency| *currency != original.currency) {
        let own = &original.currency;
        faults.push("/currency", "other_currency", msg!("须与原流水相同：{own}。", "must be the original's: {own}"));
    }
    if new.value_on < original.value_on {
        let first = original.value_on;
        let message = msg!("不得早于原流水的日期（{first}）。", "must not be before that of the original ({first})");
        faults.push("/value_on", "before_start", message);
    }
    let left = Fen(original.amount.0.saturating_sub(reversed(conn, &[id], None)?.get(&id).map_or(0, |sum| sum.0)));
    if new.amount > left {
        let message = msg!("超出尚未冲销的金额 {left}。", "is more than what is left to reverse: {left}");
        faults.push("/amount", "exceeds_rest", message);
    }
    for (pointer, given, own) in [
        ("/fund", &mut row.fund_id, original.fund_id),
        ("/pairing", &mut row.pairing_id, original.pairing_id),
        ("/project", &mut row.project_id, original.project_id),
        ("/provider", &mut row.provider_id, original.provider_id),
        ("/receiver", &mut row.receiver_id, original.receiver_id),
    ] {
        if given.is_some() && *given != own {
            differs(faults, pointer);
        }
        *given = own;
    }
    if new.pass_through.is_some_and(|given| given != original.pass_through) {
        differs(faults, "/pass_through");
    }
    (row.currency, row.pass_through) = (original.currency, original.pass_through);
    Ok(())
}

fn differs(faults: &mut Faults, pointer: &str) {
    faults.push(pointer, "differs", msg!("须与原流水相同，或不填。", "must be the original's, or be left out"));
}

/// What was taken back of entries: by all of their reversals, or by those with a value date of `as_of` or earlier.
pub fn reversed(conn: &mut Conn, ids: &[i64], as_of: Option<NaiveDate>) -> Result<HashMap<i64, Fen>> {
    use transactions as t;
    let mut query = t::table
        .filter(t::reverses_id.eq_any(ids))
        .select((t::reverses_id.assume_not_null(), t::amount))
        .into_boxed::<MultiBackend>();
    if let Some(as_of) = as_of {
        query = query.filter(t::value_on.le(as_of));
    }
    let rows: Vec<(i64, Fen)> = query.load(conn)?;
    let mut sums: HashMap<i64, Fen> = HashMap::new();
    for (original, amount) in rows {
        // The reversals of an entry take back its amount at most, so that their sum fits.
        let sum = sums.entry(original).or_default();
        sum.0 = sum.0.saturating_add(amount.0);
    }
    Ok(sums)
}
