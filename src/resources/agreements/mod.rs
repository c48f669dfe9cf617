//! Agreements (协议): what the sides of a pairing signed.
//!
//! A draft becomes signed; a signed agreement may be suspended, resumed, or terminated, each with a reason and a date.
//! `signed` needs two parties or more, and each side of the pairing among them: as a region, or as the region of an
//! organization, or as a region around it. What an agreement *is* on a date ([`State`]) follows from its status and dates and
//! is never stored.

pub mod amendments;
pub mod api;
pub mod parties;
pub mod store;

use chrono::NaiveDate;

use crate::text_enum;

use crate::db::reference::{self, Belongs, Naming, Outgoing};

/// The resource.
pub struct Agreements;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "agreement",
    path: "agreements",
    number: 7,
    table: "agreements",
    owner: "agreement_id",
    naming: Naming::Columns { zh: "title_zh", en: "title_en" },
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING, &[Outgoing { field: "", to: &KIND, table: "amendments", column: "agreement_id" }]],
    acyclic: &["parent"],
    about: "What the sides signed, and its amendments. 协议及其变更。",
    computed_from: &["milestone", "project"],
    ..super::defaults()
};

text_enum! {
    /// What kind of agreement it is.
    Kind as "AgreementKind" {
        /// 框架协议.
        FrameworkAgreement => "framework_agreement",
        /// 备忘录.
        Memorandum => "memorandum",
        /// 年度协议.
        AnnualAgreement => "annual_agreement",
        /// 战略合作协议.
        StrategicCooperationAgreement => "strategic_cooperation_agreement",
        /// 项目合作协议.
        ProjectAgreement => "project_agreement",
        /// 补充协议.
        SupplementaryAgreement => "supplementary_agreement",
        /// 其他.
        Other => "other",
    }
}

text_enum! {
    /// Status of an agreement: the last decision about it.
    Status as "AgreementStatus" {
        /// 草案: not signed yet.
        Draft => "draft",
        /// 已签署.
        Signed => "signed",
        /// 中止: set aside for a time; needs a reason and a date.
        Suspended => "suspended",
        /// 终止: ended before its time; needs a reason and a date.
        Terminated => "terminated",
    }
}

text_enum! {
    /// State of an agreement on a date.
    State as "AgreementState" {
        /// Not signed yet.
        Draft => "draft",
        /// Signed, and not in force yet.
        Signed => "signed",
        /// In force.
        InForce => "in_force",
        /// Past its last day.
        Expired => "expired",
        /// Set aside.
        Suspended => "suspended",
        /// Ended before its time.
        Terminated => "terminated",
    }
}

text_enum! {
    /// The side that a party signs for.
    Side as "PartySide" {
        /// 支援方.
        Supporter => "supporter",
        /// 受援方.
        Recipient => "recipient",
        /// 见证方.
        Witness => "witness",
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Draft => &[Status::Signed],
            Status::Signed => &[Status::Suspended, Status::Terminated],
            Status::Suspended => &[Status::Signed, Status::Terminated],
            Status::Terminated => &[],
        }
    }

    /// Whether the status needs a reason and a date.
    pub fn needs_reason(self) -> bool {
        matches!(self, Status::Suspended | Status::Terminated)
    }
}

/// The state on a date. A suspension or termination holds from its own date on.
pub fn state(
    status: Status,
    status_on: Option<NaiveDate>,
    effective_on: Option<NaiveDate>,
    expires_on: Option<NaiveDate>,
    as_of: NaiveDate,
) -> State {
    let holds = status_on.is_none_or(|on| on <= as_of);
    match status {
        Status::Draft => State::Draft,
        Status::Terminated if holds => State::Terminated,
        Status::Suspended if holds => State::Suspended,
        _ if effective_on.is_some_and(|on| as_of < on) => State::Signed,
        _ if expires_on.is_some_and(|on| as_of > on) => State::Expired,
        _ => State::InForce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_status_and_dates() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let (from, to) = (Some(day("2022-04-01")), Some(day("2026-12-31")));
        for (status, status_on, as_of, wanted) in [
            (Status::Draft, None, "2023-01-01", State::Draft),
            (Status::Signed, None, "2022-03-31", State::Signed),
            (Status::Signed, None, "2022-04-01", State::InForce),
            (Status::Signed, None, "2026-12-31", State::InForce),
            (Status::Signed, None, "2027-01-01", State::Expired),
            (Status::Suspended, Some("2023-06-01"), "2023-05-31", State::InForce),
            (Status::Suspended, Some("2023-06-01"), "2023-06-01", State::Suspended),
            (Status::Terminated, Some("2023-06-01"), "2030-01-01", State::Terminated),
        ] {
            assert_eq!(state(status, status_on.map(day), from, to, day(as_of)), wanted, "{status} on {as_of}");
        }
    }
}
