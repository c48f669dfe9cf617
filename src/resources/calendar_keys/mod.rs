//! Keys of calendars (日历密钥): each lets a calendar program read one feed of one pairing, by a key in the feed's URL.
//!
//! Who may write in a pairing makes, sees and revokes the keys of its feeds. A key never changes: it is good until its last
//! day or until it is revoked. The whole of it is shown once, when it is made. What a key opens is [`crate::access::feeds`].

pub mod api;
pub mod store;

use crate::kind;

pub use crate::access::secrets::validity::Status;

/// The resource.
pub struct CalendarKeys;

kind!(
    "calendar_key", "calendar-keys", 30, calendar_keys, store::references,
    "The keys that calendar programs read a feed with; for editors of the pairing. 日历订阅密钥。",
    // A pairing that is deleted takes its keys along: there is nothing left that they open.
    refers to {},
    restorable false
);
