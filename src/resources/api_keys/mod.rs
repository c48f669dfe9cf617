//! API keys (密钥): who may call the service as what, from when it is made until it expires or is revoked.
//!
//! Only administrators see and write keys; the first is made at the command line, by who holds the database. A key is
//! never deleted, because the history names it: it is revoked. The whole key is shown once, when it is made.

pub mod api;
pub mod marks;
pub mod store;

pub use crate::access::secrets::validity::Status;
use crate::db::reference::{Belongs, Kind, Naming, Outgoing};
use crate::resources::pairings;

/// The resource.
pub struct ApiKeys;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "api_key",
    path: "api-keys",
    number: 20,
    table: "api_keys",
    owner: "api_key_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToAdministration,
    outgoing: &[&[Outgoing {
        field: "pairings",
        to: &pairings::KIND,
        table: "api_key_pairings",
        column: "pairing_id",
    }]],
    about: "The keys that people and programs call with; for administrators. 密钥管理。",
    is_restorable: false,
    is_confidential: true,
    is_cached: false,
    ..super::defaults()
};
