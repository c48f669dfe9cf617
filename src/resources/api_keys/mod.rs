//! API keys (密钥): who may call the service as what, from when it is made until it expires or is revoked.
//!
//! Only administrators see and write keys; the first is made at the command line, by who holds the database. A key is
//! never deleted, because the history names it: it is revoked. The whole key is shown once, when it is made.

pub mod api;
pub mod marks;
pub mod store;

use crate::kind;

pub use crate::access::secrets::validity::Status;

/// The resource.
pub struct ApiKeys;

kind!(
    "api_key", "api-keys", 20, api_keys, store::references,
    "The keys that people and programs call with; for administrators. 密钥管理。",
    refers to { "pairing" by api_key_pairings::pairing_id },
    restorable false, confidential true
);
