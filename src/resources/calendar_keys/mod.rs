//! Keys of calendars (日历密钥): each lets a calendar program read one feed of one pairing, by a key in the feed's URL.
//!
//! Who may write in a pairing makes, sees and revokes the keys of its feeds. A key never changes: it is good until its last
//! day or until it is revoked. The whole of it is shown once, when it is made. What a key opens is [`crate::access::feeds`].

pub mod api;
pub mod store;

pub use crate::access::secrets::validity::Status;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct CalendarKeys;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "calendar_key",
    path: "calendar-keys",
    number: 30,
    table: "calendar_keys",
    owner: "calendar_key_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    // A pairing that is deleted takes its keys along: there is nothing left that they open.
    outgoing: &[],
    about: "The keys that calendar programs read a feed with; for editors of the pairing. 日历订阅密钥。",
    is_restorable: false,
    is_cached: false,
    ..super::defaults()
};
