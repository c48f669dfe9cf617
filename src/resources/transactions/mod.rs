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
pub mod store;

pub use crate::model::transactions::Kind;

use crate::db::reference::{self, Belongs, Naming};

/// The resource.
pub struct Transactions;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "transaction",
    path: "transactions",
    number: 18,
    table: "transactions",
    owner: "transaction_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "The ledger of pledges, commitments, disbursements, expenditures and their reversals; append-only. 资金流水，只增不改。",
    computed_from: &["transaction"],
    ..super::defaults()
};
