//! The rows of transactions.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{NewTransaction, Sort, Transaction, TransactionFilter};
use super::filter::filtered;
use super::reversal::{self, Account, Given, reversed};
use super::{Kind, Transactions};
use crate::access::Scope;
use crate::db::Conn;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, Reference, References};
use crate::db::schema::{projects as projects_table, transactions};
use crate::error::{Faults, Problem, Result};
use crate::model::decimal::Fen;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{funds, organizations, pairings, projects};
use crate::{keyset, msg, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = transactions)]
struct Values {
    code: Option<String>,
    kind: Kind,
    amount: Fen,
    currency: String,
    value_on: NaiveDate,
    #[diesel(embed)]
    account: Account,
    reverses_id: Option<i64>,
    note: Option<String>,
}

impl Resource for Transactions {
    type Read = Transaction;
    type New = NewTransaction;
    type Filter = TransactionFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewTransaction";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["reversed"];

    fn page(conn: &mut Conn, filter: &TransactionFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| filtered(conn, filter);
        keyset!(conn, page, filter.sort.unwrap_or(Sort::ValueOn), filtered, transactions, {
            Sort::ValueOn => asc value_on: NaiveDate,
            Sort::ValueOnDesc => desc value_on: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Transaction>> {
        let rows: Vec<Row> =
            transactions::table.filter(transactions::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let reversed = reversed(conn, ids, Some(view.as_of))?;
        let mut references = References::default();
        for row in &rows {
            let Account { fund_id, pairing_id, project_id, provider_id, receiver_id, pass_through: _ } =
                row.values.account;
            references.want(&funds::KIND, fund_id);
            references.want(&pairings::KIND, pairing_id);
            references.want(&projects::KIND, project_id);
            references.want(&organizations::KIND, provider_id);
            references.want(&organizations::KIND, receiver_id);
            references.want(Self::KIND, row.values.reverses_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Transaction {
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                kind: row.values.kind,
                amount: row.values.amount,
                currency: row.values.currency,
                value_on: row.values.value_on,
                fund: references.optional(&funds::KIND, row.values.account.fund_id),
                pairing: references.optional(&pairings::KIND, row.values.account.pairing_id),
                project: references.optional(&projects::KIND, row.values.account.project_id),
                provider: references.optional(&organizations::KIND, row.values.account.provider_id),
                receiver: references.optional(&organizations::KIND, row.values.account.receiver_id),
                reverses: references.optional(Self::KIND, row.values.reverses_id),
                pass_through: row.values.account.pass_through,
                reversed: reversed.get(&row.id).copied().unwrap_or_default(),
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn refuse_change(_: &Transaction, _: &[String]) -> Result<()> {
        Err(Problem::conflict(
            "append_only",
            msg!("流水一经记账不再修改；请冲销后另记。", "A ledger entry is never changed; reverse it."),
        )
        .into())
    }

    fn save(tx: &mut Tx<'_>, _: Option<(i64, &Transaction)>, new: NewTransaction) -> Result<i64> {
        let NewTransaction {
            code,
            kind,
            amount,
            currency,
            value_on,
            fund,
            pairing,
            project,
            provider,
            receiver,
            reverses,
            pass_through,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let given = Given {
            fund: funds::KIND.resolve_optional(tx.conn, &mut faults, "/fund", fund.as_ref())?,
            pairing: pairings::KIND.resolve_optional(tx.conn, &mut faults, "/pairing", pairing.as_ref())?,
            project: projects::KIND.resolve_optional(tx.conn, &mut faults, "/project", project.as_ref())?,
            provider: organizations::KIND.resolve_optional(tx.conn, &mut faults, "/provider", provider.as_ref())?,
            receiver: organizations::KIND.resolve_optional(tx.conn, &mut faults, "/receiver", receiver.as_ref())?,
            pass_through,
        };
        let reverses_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/reverses", reverses.as_ref())?;
        if given.provider.is_some() && given.provider == given.receiver {
            faults.push("/receiver", "same", msg!("不得与付款方相同。", "must not be the provider"));
        }
        let (account, currency) = match reverses_id {
            Some(id) if kind == Kind::Reversal => {
                reversal::validate(tx.conn, &mut faults, id, (amount, currency.as_deref(), value_on), given)?
            }
            _ => (booked_on(tx.conn, &mut faults, given)?, currency.unwrap_or_else(rules::yuan)),
        };
        faults.refuse()?;
        let values =
            Values { code: code.map(|code| code.0), kind, amount, currency, value_on, account, reverses_id, note };
        let at = (transactions::created_at.eq(tx.now), transactions::updated_at.eq(tx.now));
        Ok(diesel::insert_into(transactions::table)
            .values((values, transactions::version.eq(1), at))
            .returning(transactions::id)
            .get_result(tx.conn)?)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        let pairing: Option<i64> = transactions::table.find(id).select(transactions::pairing_id).first(conn)?;
        Ok(pairing.map_or(Scope::Shared, Scope::Pairing))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewTransaction) -> Result<Option<Scope>> {
        if let Some(original) = &new.reverses {
            let id = Self::KIND.find(conn, original)?;
            return id.map(|id| Self::scope(conn, id)).transpose();
        }
        match (&new.pairing, &new.project) {
            (Some(pairing), _) => Ok(pairings::KIND.find(conn, pairing)?.map(Scope::Pairing)),
            (None, Some(project)) => {
                let id = projects::KIND.find(conn, project)?;
                id.map(|id| projects::Projects::scope(conn, id)).transpose()
            }
            (None, None) => Ok(Some(Scope::Shared)),
        }
    }

    fn texts(new: &NewTransaction) -> Vec<&str> {
        new.note.as_deref().into_iter().collect()
    }

    record_parts!(Transaction, NewTransaction, code optional);
}

/// What an entry that is no reversal is booked on: as it was given, and on the pairing of its project.
fn booked_on(conn: &mut Conn, faults: &mut Faults, given: Given) -> Result<Account> {
    let Given { fund, mut pairing, project, provider, receiver, pass_through } = given;
    if let Some(project) = project {
        let of_project: i64 = projects_table::table.find(project).select(projects_table::pairing_id).first(conn)?;
        rules::same_pairing(faults, "/project", of_project, *pairing.get_or_insert(of_project));
    }
    Ok(Account {
        fund_id: fund,
        pairing_id: pairing,
        project_id: project,
        provider_id: provider,
        receiver_id: receiver,
        pass_through: pass_through.unwrap_or(false),
    })
}

/// An entry goes by what it records: 拨付 1200000.00 CNY（2022-05-01）.
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
