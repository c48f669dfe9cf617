//! API keys (密钥): who may call the service as what, from when it is made until it expires or is revoked.
//!
//! Only administrators see and write keys; the first is made at the command line, by who holds the database. A key is
//! never deleted, because the history names it: it is revoked. The whole key is shown once, when it is made.

pub mod api;
pub mod marks;
pub mod store;

use chrono::NaiveDate;

use crate::model::types::Instant;
use crate::{kind, text_enum};

/// The resource.
pub struct ApiKeys;

kind!(
    "api_key", "api-keys", 20, api_keys, store::references,
    "The keys that people and programs call with; for administrators. 密钥管理。",
    refers to { "pairing" by api_key_pairings::pairing_id },
    restorable false, confidential true
);

text_enum! {
    /// How a key stands.
    Status as "ApiKeyStatus" {
        /// It is good. 有效.
        Active => "active",
        /// Its last day is past. 已过期.
        Expired => "expired",
        /// It was revoked. 已吊销.
        Revoked => "revoked",
    }
}

impl Status {
    /// How a key stands on a day, by when it was revoked and the last day on which it is good.
    pub fn of(revoked_at: Option<Instant>, expires_on: Option<NaiveDate>, today: NaiveDate) -> Status {
        if revoked_at.is_some() {
            Status::Revoked
        } else if expires_on.is_some_and(|last| last < today) {
            Status::Expired
        } else {
            Status::Active
        }
    }
}
