//! Programmes (计划): the policies that pair regions, each with a period and a lead body.

pub mod api;
pub mod store;

use crate::kind;

/// The resource.
pub struct Programmes;

kind!("programme", "programmes", 5, programmes(name_zh, name_en), refers to {});

