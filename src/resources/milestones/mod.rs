//! Milestones (里程碑): dated, checkable points of an agreement or of a project.
//!
//! A milestone belongs to an agreement or to a project, never to both. One of a project counts for the project's
//! agreement, too, where it has one: its row carries that agreement, and a project that changes its agreement takes its
//! milestones along.
//!
//! The baseline stays: `baseline_due_on` is the first due date, and every move of `due_on` needs a reason and leaves a
//! [revision](moves). `met` and `partially_met` have the day on which that was; `not_met` has a reason, and is refused
//! before the due date. Both sides can confirm that a milestone is met; a milestone that is no longer met is no longer
//! confirmed.

pub mod api;
mod draft;
mod filter;
pub mod revisions;
pub mod sheet;
pub mod store;

pub use crate::model::milestones::Status;
use crate::{kind, named};

/// The resource.
pub struct Milestones;

kind!(
    "milestone", "milestones", 8, milestones, named!(milestones by title_zh, title_en), "Dated, checkable points. 里程碑。",
    refers to {
        "pairing" by milestones::pairing_id,
        "agreement" by milestones::agreement_id,
        "project" by milestones::project_id,
        "organization" by milestone_responsible::organization_id,
        "milestone" by milestone_dependencies::depends_on_id,
    },
    after &["depends_on"]
);
