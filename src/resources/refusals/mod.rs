//! Refusals: requests that were refused for want of a key or of a right, for administrators to read. They are counted in
//! [`crate::audit::refusals`].

pub mod api;
pub mod store;

use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "refusals",
    about: "Requests that were rejected for lack of a valid key or of a right. 被拒绝的请求。",
    read: Access::Administrators,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::ShortRead,
    personal_data: PersonalData::None,
};
