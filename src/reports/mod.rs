//! Read-only reports, which aggregate the figures of [`crate::figures`], over the facts that [`facts`] holds in memory.

pub mod facts;
pub mod funds;
pub mod overdue;
pub mod pace;
pub mod scorecard;
pub mod timeline;

use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;
use crate::http::routes::{ServiceConfig, operation};

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "reports",
    about: "Figures for reports to higher authorities. 报表。",
    read: Access::Readers,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::LongRead,
    personal_data: PersonalData::None,
};

/// Mounts the reports.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(operation!(scorecard::get_scorecard))
        .service(operation!(overdue::list_overdue))
        .service(operation!(pace::get_pace))
        .service(operation!(timeline::get_timeline))
        .service(operation!(funds::get_funds_report));
}
