//! Transactions (资金流水): the ledger of what was pledged, committed, disbursed and spent.
//!
//! An entry is never changed and never deleted: a mistake is reversed by another entry, in whole or in part, on what
//! the original was booked on, in its currency, not before it, and never for more than is left of it. An entry of a
//! project is one of the project's pairing, for as long as the entry stands.
//!
//! Money that passes through an organization on its way is booked with `pass_through`, so that it counts once: by the
//! entry that is not a pass-through.

pub mod api;
pub mod booked;
pub mod filter;
mod reversal;
pub mod sheet;
pub mod store;

use crate::kind;
pub use crate::model::transactions::Kind;

/// The resource.
pub struct Transactions;

kind!(
    "transaction", "transactions", 18, transactions, store::references,
    "The ledger of pledges, commitments, disbursements, expenditures and their reversals; append-only. 资金流水，只增不改。",
    refers to {
        "fund" by transactions::fund_id,
        "pairing" by transactions::pairing_id,
        "project" by transactions::project_id,
        "organization" by transactions::provider_id,
        "organization" by transactions::receiver_id,
        "transaction" by transactions::reverses_id,
    },
    after &["reverses"]
);
