//! Projects (项目): work under a pairing, usually under an agreement, in fields of cooperation by their shares.
//!
//! A project has milestones of its own; they count for its agreement, too. A project that changes its agreement or moves
//! with it takes them along.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Projects;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "project",
    path: "projects",
    number: 13,
    table: "projects",
    owner: "project_id",
    naming: Naming::Columns { zh: "title_zh", en: "title_en" },
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "Work under a pairing, usually under an agreement. 项目。",
    computed_from: &["milestone"],
    ..super::defaults()
};

text_enum! {
    /// Status of a project.
    Status as "ProjectStatus" {
        /// 拟议.
        Proposed => "proposed",
        /// 已列入计划.
        Planned => "planned",
        /// 实施中.
        InProgress => "in_progress",
        /// 已完工.
        Completed => "completed",
        /// 暂停.
        Suspended => "suspended",
        /// 取消.
        Cancelled => "cancelled",
    }
}

text_enum! {
    /// Role of an organization in a project.
    Role as "ProjectRole" {
        /// 牵头单位.
        Lead => "lead",
        /// 责任单位.
        Responsible => "responsible",
        /// 参与单位.
        Participant => "participant",
        /// 出资单位.
        Funder => "funder",
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        use Status::{Cancelled, Completed, InProgress, Planned, Proposed, Suspended};
        match self {
            Proposed => &[Planned, InProgress, Cancelled],
            Planned => &[Proposed, InProgress, Suspended, Cancelled],
            InProgress => &[Completed, Suspended, Cancelled],
            Suspended => &[Planned, InProgress, Cancelled],
            Completed => &[InProgress],
            Cancelled => &[Proposed],
        }
    }
}

/// A percentage of 0 to 100 in hundredths of a percent, as it is stored.
pub fn hundredths(percent: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 100 by the schema, rounded")]
    let hundredths = (percent * 100.0).round() as i64;
    hundredths
}

/// Hundredths of a percent in percent.
pub fn percent(hundredths: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
    let percent = hundredths as f64 / 100.0;
    percent
}
