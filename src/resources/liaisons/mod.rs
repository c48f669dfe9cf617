//! Liaisons (挂钩联系): a city leader or a department assigned to a pairing, from a day to a day.
//!
//! A liaison names a person, an office, a body or an organization, at least one of them. How to reach it is personal
//! data: only keys of the pairing see it, and no search finds it.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Liaisons;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "liaison",
    path: "liaisons",
    number: 14,
    table: "liaisons",
    owner: "liaison_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    private: &["contact"],
    about: "City leaders and departments assigned to a pairing. 挂钩联系。",
    ..super::defaults()
};

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
