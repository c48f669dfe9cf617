//! What clients see of transactions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Kind, Transactions};
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::decimal::Fen;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

/// A ledger entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transaction {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The record's slug; null where it was given none.
    pub code: Option<Code>,
    /// Version; always 1, because an entry is never changed.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// What the entry records.
    pub kind: Kind,
    /// How much; never negative, a reversal's kind says which way it counts.
    pub amount: Fen,
    /// The currency of the amount (ISO 4217).
    #[schema(max_length = 3, example = "CNY")]
    pub currency: String,
    /// The day from which the entry counts.
    pub value_on: NaiveDate,
    /// The fund that the money is of.
    pub fund: Option<Reference>,
    /// The pairing that the money is for: that of the project, where there is one.
    pub pairing: Option<Reference>,
    /// The project that the money is for.
    pub project: Option<Reference>,
    /// Who gives the money.
    pub provider: Option<Reference>,
    /// Who gets the money.
    pub receiver: Option<Reference>,
    /// The entry that this one reverses; null in all but reversals.
    pub reverses: Option<Reference>,
    /// Whether the money only passes through the receiver, and is counted where it is passed on.
    #[schema(example = false)]
    pub pass_through: bool,
    /// What reversals with a value date of `as_of` or earlier have taken back of it.
    pub reversed: Fen,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A ledger entry to write. It is never changed; a mistake is reversed by another entry.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "amount_is_something"), schema(function = "reversals_alone_reverse"))]
pub struct NewTransaction {
    /// Unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// What the entry records.
    pub kind: Kind,
    /// How much, as a decimal string; more than 0. Reversals of one entry together take back its amount at most.
    #[schema(value_type = String, pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$", max_length = 15, example = "1200000.00")]
    pub amount: Fen,
    /// The currency of the amount (ISO 4217): CNY unless given; a reversal has that of the entry it reverses.
    #[serde(default)]
    #[schema(pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3, example = "CNY")]
    pub currency: Option<String>,
    /// The day from which the entry counts; a reversal's is not before that of the entry it reverses.
    pub value_on: NaiveDate,
    /// The fund that the money is of. A reversal has fund, pairing, project, provider, receiver and `pass_through` of
    /// the entry it reverses: what is left out is taken from there, anything else is refused.
    #[serde(default)]
    pub fund: Option<Ref>,
    /// The pairing that the money is for; that of the project unless given.
    #[serde(default)]
    pub pairing: Option<Ref>,
    /// The project of the same pairing that the money is for.
    #[serde(default)]
    pub project: Option<Ref>,
    /// Who gives the money.
    #[serde(default)]
    pub provider: Option<Ref>,
    /// Who gets the money; another than the provider.
    #[serde(default)]
    pub receiver: Option<Ref>,
    /// The entry to reverse; required of a reversal, and of no other kind. It is not a reversal itself.
    #[serde(default)]
    pub reverses: Option<Ref>,
    /// Whether the money only passes through the receiver, and is counted where it is passed on; false unless given.
    #[serde(default)]
    #[schema(example = false)]
    pub pass_through: Option<bool>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn amount_is_something(new: &NewTransaction) -> Result<(), ValidationError> {
    if new.amount > Fen(0) {
        return Ok(());
    }
    Err(rules::broken("/amount", "not_positive", msg!("须大于 0。", "must be more than 0")))
}

fn reversals_alone_reverse(new: &NewTransaction) -> Result<(), ValidationError> {
    match (new.kind, &new.reverses) {
        (Kind::Reversal, None) => Err(rules::broken(
            "/reverses",
            "required",
            msg!("冲销须指明被冲销的流水。", "is required of a reversal: the entry that it reverses"),
        )),
        (kind, Some(_)) if kind != Kind::Reversal => Err(rules::broken(
            "/reverses",
            "not_for_kind",
            msg!("只有冲销才能指明被冲销的流水。", "is for reversals alone, not for a {kind}"),
        )),
        _ => Ok(()),
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
