//! Milestones (里程碑): dated, checkable points of an agreement or of a project.
//!
//! A milestone belongs to an agreement or to a project, never to both. One of a project counts for the project's
//! agreement, too, where it has one: its row carries that agreement, and a project that changes its agreement takes its
//! milestones along.
//!
//! The baseline stays: `baseline_due_on` is the first due date, and every move of `due_on` needs a reason and leaves a
//! [revision](revisions). `met` and `partially_met` have the day on which that was; `not_met` has a reason, and is refused
//! before the due date. Both sides can confirm that a milestone is met; a milestone that is no longer met is no longer
//! confirmed.

pub mod api;
mod changeset;
pub mod filter;
pub mod revisions;
pub mod store;

pub use crate::model::milestones::{Status, Weight};

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Milestones;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "milestone",
    path: "milestones",
    number: 8,
    table: "milestones",
    owner: "milestone_id",
    naming: Naming::Columns { zh: "title_zh", en: "title_en" },
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    acyclic: &["depends_on"],
    about: "Dated, checkable points. 里程碑。",
    ..super::defaults()
};
