//! Liaisons (挂钩联系): a city leader or a department assigned to a pairing, from a day to a day.
//!
//! A liaison names a person, an office, a body or an organization, at least one of them. How to reach it is personal
//! data: only keys of the pairing see it, and no search finds it.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, text_enum};

/// The resource.
pub struct Liaisons;

kind!(
    "liaison", "liaisons", 14, liaisons, store::references,
    "City leaders and departments assigned to a pairing. 挂钩联系。",
    refers to {
        "pairing" by liaisons::pairing_id,
        "organization" by liaisons::organization_id,
    },
    private &["contact"]
);

text_enum! {
    /// The body that a liaison is of.
    Body as "LiaisonBody" {
        /// 党委.
        PartyCommittee => "party_committee",
        /// 人大.
        PeoplesCongress => "peoples_congress",
        /// 政府.
        Government => "government",
        /// 政协.
        Cppcc => "cppcc",
        /// 部门.
        Department => "department",
    }
}

impl Body {
    /// What a liaison of this body is called where it has neither name nor title, in Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Body::PartyCommittee => ("党委", "party committee"),
            Body::PeoplesCongress => ("人大", "people's congress"),
            Body::Government => ("政府", "government"),
            Body::Cppcc => ("政协", "CPPCC"),
            Body::Department => ("部门", "department"),
        }
    }
}
