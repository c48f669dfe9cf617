//! The ledger's entries as the figures need them: loaded once, summed by whatever they are booked on.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Kind;
use super::api::TransactionFilter;
use super::filter::filtered;
use crate::db::Conn;
use crate::db::schema::transactions;
use crate::error::Result;
use crate::figures::money::{Entry, split};
use crate::model::decimal::Fen;
use crate::resources::projects;

/// A ledger entry with what it is booked on.
#[derive(Clone, Debug)]
pub struct Booked {
    pub entry: Entry,
    pub currency: String,
    pub fund_id: Option<i64>,
    pub pairing_id: Option<i64>,
    pub project_id: Option<i64>,
    pub provider_id: Option<i64>,
    pub receiver_id: Option<i64>,
}

/// The sectors of projects, each with its share.
pub type Shares = HashMap<i64, Vec<(i64, i64)>>;

impl Booked {
    /// The entry by the sectors of its project, in their shares; whole and without a sector where there are none.
    pub fn by_sector(&self, shares: &Shares) -> Vec<(Option<i64>, Entry)> {
        let Some(sectors) = self.project_id.and_then(|project| shares.get(&project)) else {
            return vec![(None, self.entry)];
        };
        let of_project: Vec<i64> = sectors.iter().map(|(_, share)| *share).collect();
        let parts = split(self.entry.amount, &of_project);
        sectors.iter().zip(parts).map(|((id, _), amount)| (Some(*id), Entry { amount, ..self.entry })).collect()
    }
}

/// The sectors of the projects of entries.
pub fn shares(conn: &mut Conn, booked: &[Booked]) -> Result<Shares> {
    let mut ids: Vec<i64> = booked.iter().filter_map(|one| one.project_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut shares = Shares::new();
    for chunk in ids.chunks(10_000) {
        for (project, sector, share) in projects::store::shares(conn, chunk)? {
            shares.entry(project).or_default().push((sector, share));
        }
    }
    Ok(shares)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
struct Row {
    id: i64,
    kind: Kind,
    amount: Fen,
    currency: String,
    value_on: NaiveDate,
    fund_id: Option<i64>,
    pairing_id: Option<i64>,
    project_id: Option<i64>,
    provider_id: Option<i64>,
    receiver_id: Option<i64>,
    reverses_id: Option<i64>,
    pass_through: bool,
}

/// Entries that are in memory at a time.
const TOGETHER: i64 = 2_000;

/// Visits the entries that fit a filter and have a value date of `as_of` or earlier, some at a time.
pub fn each(
    conn: &mut Conn,
    filter: &TransactionFilter,
    as_of: NaiveDate,
    mut visit: impl FnMut(&mut Conn, Vec<Booked>) -> Result<()>,
) -> Result<()> {
    use transactions as t;
    let mut after = 0;
    loop {
        let query = filtered(conn, filter)?.filter(t::value_on.le(as_of)).filter(t::id.gt(after));
        let rows: Vec<Row> = query.order(t::id).limit(TOGETHER).select(Row::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        let reversed: Vec<i64> = rows.iter().filter_map(|row| row.reverses_id).collect();
        let kinds: Vec<(i64, Kind)> = t::table.filter(t::id.eq_any(reversed)).select((t::id, t::kind)).load(conn)?;
        let kinds: HashMap<i64, Kind> = kinds.into_iter().collect();
        visit(conn, rows.into_iter().map(|row| booked(row, &kinds)).collect())?;
    }
}

/// Entries by their ids, each with the id of what it reverses, whose kind is not loaded.
pub fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Option<i64>, Booked)>> {
    use transactions as t;
    let rows: Vec<Row> = t::table.filter(t::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    let kinds = HashMap::new();
    Ok(rows.into_iter().map(|row| (row.id, row.reverses_id, booked(row, &kinds))).collect())
}

fn booked(row: Row, kinds: &HashMap<i64, Kind>) -> Booked {
    Booked {
        entry: Entry {
            kind: row.kind,
            reversed_kind: row.reverses_id.and_then(|id| kinds.get(&id).copied()),
            amount: row.amount.0,
            pass_through: row.pass_through,
            value_on: row.value_on,
        },
        currency: row.currency,
        fund_id: row.fund_id,
        pairing_id: row.pairing_id,
        project_id: row.project_id,
        provider_id: row.provider_id,
        receiver_id: row.receiver_id,
    }
}

/// The entries that fit a filter and have a value date of `as_of` or earlier.
pub fn load(conn: &mut Conn, filter: &TransactionFilter, as_of: NaiveDate) -> Result<Vec<Booked>> {
    let mut all = Vec::new();
    each(conn, filter, as_of, |_, booked| {
        all.extend(booked);
        Ok(())
    })?;
    Ok(all)
}
