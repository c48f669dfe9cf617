//! The conditions of a list of transactions, and of the figures over them.

use diesel::prelude::*;

use super::api::TransactionFilter;
use crate::db::schema::{funds, pairings, transactions};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::filter;
use crate::resources::programmes;

/// A filtered query over transactions.
pub type Query<'a> = transactions::BoxedQuery<'a, MultiBackend>;

/// Query of the transactions that match a filter; a reference to an unknown record is a fault.
pub fn filtered<'a>(conn: &mut Conn, filter: &'a TransactionFilter) -> Result<Query<'a>> {
    let TransactionFilter {
        q,
        programme,
        pairing,
        project,
        fund,
        provider,
        receiver,
        reverses,
        kind,
        pass_through,
        value_from,
        value_to,
        updated_since,
        sort: _,
    } = filter;
    let mut faults = Faults::default();
    let mut query = transactions::table.into_boxed::<MultiBackend>();
    filter!(query, conn, faults, transactions:
        text(q),
        reference(pairing => pairings.pairing_id),
        reference(project => projects.project_id),
        reference(fund => funds.fund_id),
        reference(provider => organizations.provider_id),
        reference(receiver => organizations.receiver_id),
        reference(reverses => transactions.reverses_id),
        among(kind => kind),
        from(value_from => value_on),
        to(value_to => value_on),
        since(updated_since),
    );
    if let Some(programme) = programme {
        let id = programmes::KIND.resolve(conn, &mut faults, "/query/programme", programme)?.unwrap_or(0);
        let of_pairings = pairings::table.filter(pairings::programme_id.eq(id)).select(pairings::id.nullable());
        let of_funds = funds::table.filter(funds::programme_id.eq(id)).select(funds::id.nullable());
        query = query.filter(transactions::pairing_id.eq_any(of_pairings).or(transactions::fund_id.eq_any(of_funds)));
    }
    faults.refuse()?;
    if let Some(passes) = pass_through {
        query = query.filter(transactions::pass_through.eq(*passes));
    }
    Ok(query)
}
