//! The ledger's entries as the figures need them: loaded once, summed by whatever they are booked on.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{Entry, split};
use crate::db::Conn;
use crate::db::decimal::Fen;
use crate::db::schema::transactions;
use crate::error::Result;
use crate::resources::projects;
use crate::resources::transactions::Kind;
use crate::resources::transactions::api::TransactionFilter;
use crate::resources::transactions::filter::filtered;

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

/// The entries that fit a filter and have a value date of `as_of` or earlier; of these pairings alone, where some are
/// named.
pub fn load(
    conn: &mut Conn,
    filter: &TransactionFilter,
    pairings: Option<&[i64]>,
    as_of: NaiveDate,
) -> Result<Vec<Booked>> {
    use transactions as t;
    let chunks: Vec<Option<&[i64]>> = match pairings {
        None => vec![None],
        Some(ids) => ids.chunks(10_000).map(Some).collect(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for chunk in chunks {
        let mut query = filtered(conn, filter)?.filter(t::value_on.le(as_of));
        if let Some(ids) = chunk {
            query = query.filter(t::pairing_id.eq_any(ids));
        }
        rows.extend(query.select(Row::as_select()).load(conn)?);
    }
    // What a reversal reverses is among the rows, unless the filter asks for something that the two do not share.
    let mut kinds: HashMap<i64, Kind> = rows.iter().map(|row| (row.id, row.kind)).collect();
    let missing: Vec<i64> =
        rows.iter().filter_map(|row| row.reverses_id).filter(|id| !kinds.contains_key(id)).collect();
    for chunk in missing.chunks(10_000) {
        let more: Vec<(i64, Kind)> = t::table.filter(t::id.eq_any(chunk)).select((t::id, t::kind)).load(conn)?;
        kinds.extend(more);
    }
    let booked = |row: Row| Booked {
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
    };
    Ok(rows.into_iter().map(booked).collect())
}
