//! What a reversal shares with the entry that it reverses, and how much it may take back.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{KIND, Kind};
use crate::db::schema::transactions;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::model::decimal::Fen;
use crate::msg;

/// What an entry is booked on.
#[derive(Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = transactions)]
pub struct Account {
    pub fund_id: Option<i64>,
    pub pairing_id: Option<i64>,
    pub project_id: Option<i64>,
    pub provider_id: Option<i64>,
    pub receiver_id: Option<i64>,
    pub pass_through: bool,
}

/// What a request says of it.
pub struct Given {
    pub fund: Option<i64>,
    pub pairing: Option<i64>,
    pub project: Option<i64>,
    pub provider: Option<i64>,
    pub receiver: Option<i64>,
    pub pass_through: Option<bool>,
}

/// An entry that is to be reversed.
#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
struct Original {
    kind: Kind,
    amount: Fen,
    currency: String,
    value_on: NaiveDate,
    #[diesel(embed)]
    account: Account,
}

/// Validates the reversal of an entry; returns what it is booked on, and in which currency. Reversals of one entry take turns,
/// because two of them could take back more than there is.
pub fn validate(
    conn: &mut Conn,
    faults: &mut Faults,
    id: i64,
    (amount, currency, value_on): (Fen, Option<&str>, NaiveDate),
    given: Given,
) -> Result<(Account, String)> {
    (KIND.lock)(conn, id)?;
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
        return Ok((original.account, original.currency));
    }
    if currency.is_some_and(|currency| currency != original.currency) {
        let own = &original.currency;
        faults.push("/currency", "other_currency", msg!("须与原流水相同：{own}。", "must be the original's: {own}"));
    }
    if value_on < original.value_on {
        let first = original.value_on;
        faults.push(
            "/value_on",
            "before_start",
            msg!("不得早于原流水的日期（{first}）。", "must not be before that of the original ({first})"),
        );
    }
    let left = Fen(original.amount.0.saturating_sub(reversed(conn, &[id], None)?.get(&id).map_or(0, |sum| sum.0)));
    if amount > left {
        faults.push(
            "/amount",
            "exceeds_rest",
            msg!("超出尚未冲销的金额 {left}。", "is more than what is left to reverse: {left}"),
        );
    }
    let Account { fund_id, pairing_id, project_id, provider_id, receiver_id, pass_through } = original.account;
    for (pointer, given, own) in [
        ("/fund", given.fund, fund_id),
        ("/pairing", given.pairing, pairing_id),
        ("/project", given.project, project_id),
        ("/provider", given.provider, provider_id),
        ("/receiver", given.receiver, receiver_id),
    ] {
        if given.is_some() && given != own {
            differs(faults, pointer);
        }
    }
    if given.pass_through.is_some_and(|given| given != pass_through) {
        differs(faults, "/pass_through");
    }
    Ok((original.account, original.currency))
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
