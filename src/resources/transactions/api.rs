//! What clients see of transactions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Kind, Transactions};
use crate::error::Faults;
use crate::http::routes::Routes;
use crate::model::decimal::Fen;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, text_enum};

crate::fields! {
    /// A ledger entry.
    Transaction;
    /// A ledger entry to write. It is never changed; a mistake is reversed by another entry.
    NewTransaction;
    resource Transactions, table transactions, sheet "资金流水", code Option<Code>;

    /// Kind of entry.
    kind: Kind "类别",
    /// Amount as a decimal string, more than 0; the kind gives its sign. The reversals of an entry take back at most its
    /// amount.
    #[new(schema(value_type = String, pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$", max_length = 15, example = "1200000.00"))]
    amount: Fen "金额",
    /// Currency of the amount (ISO 4217).
    #[schema(max_length = 3, example = "CNY")]
    currency: stored String,
    /// Currency of the amount (ISO 4217). Absent: CNY, or for a reversal that of the entry that it reverses.
    #[schema(pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3, example = "CNY")]
    currency: written Option<String> "币种",
    /// Value date. That of a reversal is not before that of the entry that it reverses.
    value_on: NaiveDate "日期",
    /// Fund that the money comes from. A reversal takes over fund, pairing, project, provider, receiver and `pass_through`
    /// of the entry that it reverses; a different value is rejected.
    fund: Option<Ref<funds>> "资金",
    /// Pairing that the money is for; by default, that of the project.
    pairing: Option<Ref<pairings>> "结对",
    /// Project that the money is for, of the same pairing.
    project: Option<Ref<projects>> "项目",
    /// Organization that provides the money.
    provider: Option<Ref<organizations>> "出资方",
    /// Organization that receives the money; differs from the provider.
    receiver: Option<Ref<organizations>> "收款方",
    /// Entry that this one reverses, which is not itself a reversal. Required for reversals and null otherwise.
    reverses: Option<Ref<transactions>> "冲销的流水",
    /// Whether the money only passes through the receiver, and is counted where it is passed on.
    #[schema(example = false)]
    pass_through: stored bool,
    /// Whether the money only passes through the receiver, and is counted where it is passed on. Absent: false, or for a
    /// reversal that of the entry that it reverses.
    #[schema(example = false)]
    pass_through: written Option<bool> "是否转拨",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Amount taken back by reversals with a value date up to `as_of`.
    reversed: computed Fen,
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewTransaction, faults: &mut Faults) {
    amount_is_something(new, faults);
    reversals_alone_reverse(new, faults);
}

fn amount_is_something(new: &NewTransaction, faults: &mut Faults) {
    if new.amount > Fen(0) {
        return;
    }
    faults.push("/amount", "not_positive", msg!("须大于 0。", "must be more than 0"));
}

fn reversals_alone_reverse(new: &NewTransaction, faults: &mut Faults) {
    match (new.kind, &new.reverses) {
        (Kind::Reversal, None) => faults.push(
            "/reverses",
            "required",
            msg!("冲销须指明被冲销的流水。", "is required of a reversal: the entry that it reverses"),
        ),
        (kind, Some(_)) if kind != Kind::Reversal => faults.push(
            "/reverses",
            "not_for_kind",
            msg!("只有冲销才能指明被冲销的流水。", "is for reversals alone, not for a {kind}"),
        ),
        _ => {}
    }
}

text_enum! {
    /// The orders of a list of transactions; ties are ordered by id.
    Sort as "TransactionSort" {
        /// By value date.
        ValueOn => "value_on",
        /// By value date, latest first.
        ValueOnDesc => "-value_on",
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of transactions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TransactionFilter {
    /// Words in the note.
    #[param(max_length = 200, example = "园区")]
    pub q: Option<String>,
    /// Of the pairings or of the funds of this programme.
    pub programme: Option<Ref>,
    /// For this pairing.
    pub pairing: Option<Ref>,
    /// For this project.
    pub project: Option<Ref>,
    /// Of this fund.
    pub fund: Option<Ref>,
    /// Given by this organization.
    pub provider: Option<Ref>,
    /// Got by this organization.
    pub receiver: Option<Ref>,
    /// Reversing this entry.
    pub reverses: Option<Ref>,
    /// Of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// Whether the money only passes through its receiver.
    pub pass_through: Option<bool>,
    /// With a value date on this date or later.
    pub value_from: Option<NaiveDate>,
    /// With a value date on this date or earlier.
    pub value_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Default: `value_on`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Transactions {
    const ROUTES: Routes =
        Routes { label: "资金流水", takes_as_of: true, is_append_only: true, ..Routes::OF_PAIRING };
}
