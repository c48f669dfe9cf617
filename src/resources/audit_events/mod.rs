//! Audit events: the history of all records, for reading. What writes it is [`crate::audit`].

pub mod api;
mod follow;

use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "audit-events",
    about: "Changes of all records: when, by which key, and the record before and after. 变更历史。",
    read: Access::Readers,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::ShortRead,
    personal_data: PersonalData::EveryRead,
};
