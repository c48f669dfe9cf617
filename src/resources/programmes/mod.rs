//! Programmes (计划): the policies that pair regions, each with a period and a lead body.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named};

/// The resource.
pub struct Programmes;

kind!(
    "programme", "programmes", 5, programmes, named!(programmes by name_zh, name_en), "Policies that pair regions. 计划：结对政策。",
    refers to {}
);
