//! Queries and writes of transactions.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{NewTransaction, Sort, Transaction, TransactionFilter, TransactionParts, validate};
use super::filter::filtered;
use super::reversal::{self, reversed};
use super::{Kind, Transactions};
use crate::access::Scope;
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::transactions;
use crate::error::{Faults, Problem, Result};
use crate::model::decimal::Fen;
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::record::{self, ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::{pairings, projects};
use crate::{keyset, msg, rules};

impl Resource for Transactions {
    type Filter = TransactionFilter;

    fn page(conn: &mut Conn, filter: &TransactionFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| filtered(conn, filter);
        // An entry never changes; its version would take a look-up of each row besides the index.
        keyset!(conn, page, filter.sort.unwrap_or(Sort::ValueOn), filtered, unversioned transactions, {
            Sort::ValueOn => asc value_on: NaiveDate,
            Sort::ValueOnDesc => desc value_on: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Transaction>> {
        let loading = Loading::<Self>::begin(conn, ids)?;
        let reversed = reversed(conn, ids, Some(view.as_of))?;
        let of = |id: i64| reversed.get(&id).copied().unwrap_or_default();
        loading.finish(conn, |head, _, _| TransactionParts { reversed: of(head.id) })
    }

    fn refuse_change(_: &Transaction, _: &[String]) -> Result<()> {
        Err(Problem::conflict(
            "append_only",
            msg!("流水一经记账不再修改；请冲销后另记。", "A ledger entry is never changed; reverse it."),
        )
        .into())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Transaction)>, new: NewTransaction) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let (row, faults) = (&mut change.row, &mut change.faults);
        if row.provider_id.is_some() && row.provider_id == row.receiver_id {
            faults.push("/receiver", "same", msg!("不得与付款方相同。", "must not be the provider"));
        }
        match row.reverses_id {
            Some(id) if new.kind == Kind::Reversal => reversal::validate(tx.conn, faults, id, &new, row)?,
            _ => {
                if let Some(project) = row.project_id {
                    let of_project = projects::KIND.pairing(tx.conn, project)?;
                    let pairing = *row.pairing_id.get_or_insert(of_project.unwrap_or(0));
                    rules::same_pairing(faults, "/project", of_project, pairing);
                }
                row.pass_through = new.pass_through.unwrap_or(false);
                row.currency = new.currency.unwrap_or_else(rules::yuan);
            }
        }
        change.write(tx, before)
    }

    fn validate(new: &NewTransaction, faults: &mut Faults) {
        validate(new, faults);
    }

    fn scope_of_new(conn: &mut Conn, new: &NewTransaction) -> Result<Option<Scope>> {
        let owners = [(&super::KIND, &new.reverses), (&pairings::KIND, &new.pairing), (&projects::KIND, &new.project)];
        let owner = owners.into_iter().find_map(|(kind, reference)| Some((kind, reference.as_ref()?)));
        let Some((kind, reference)) = owner else { return Ok(Some(Scope::Shared)) };
        record::scope_of_reference(conn, kind, reference)
    }
}

/// References to entries, named by kind, amount and date: 拨付 1200000.00 CNY（2022-05-01）.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use transactions as t;
    let rows: Vec<(i64, Option<String>, Kind, Fen, String, NaiveDate)> = t::table
        .filter(t::id.eq_any(ids))
        .select((t::id, t::code, t::kind, t::amount, t::currency, t::value_on))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, code, kind, amount, currency, value_on)| {
            let (zh, en) = kind.words();
            let name = Text {
                zh: format!("{zh} {amount} {currency}（{value_on}）"),
                en: Some(format!("{en} of {amount} {currency} on {value_on}")),
            };
            Reference { id, code, name }
        })
        .collect())
}
