//! Programmes (计划): the policies that pair regions, each with a period and a lead body.

pub mod api;
pub mod store;

use crate::db::reference::Kind;

/// The resource.
pub struct Programmes;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "programme",
    path: "programmes",
    number: 5,
    table: "programmes",
    owner: "programme_id",
    outgoing: &[api::OUTGOING],
    about: "Policies that pair regions. 计划：结对政策。",
    ..super::defaults()
};
