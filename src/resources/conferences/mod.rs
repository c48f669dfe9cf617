//! Conferences (联席会议): joint conferences, matchmaking, promotion and inspection of a pairing, numbered in it by kind.
//!
//! A conference that was held has the day on which it was. What it decided are its resolutions; an agreement may name
//! the conference at which it was signed.

pub mod api;
pub mod store;

use crate::model::text::Text;
use crate::text_enum;

use crate::db::reference::{self, Belongs, Naming};

/// The resource.
pub struct Conferences;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "conference",
    path: "conferences",
    number: 9,
    table: "conferences",
    owner: "conference_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "Joint conferences and other meetings of a pairing. 联席会议。",
    ..super::defaults()
};

text_enum! {
    /// What kind of conference it is.
    Kind as "ConferenceKind" {
        /// 联席会议.
        JointConference => "joint_conference",
        /// 对接会.
        Matchmaking => "matchmaking",
        /// 推介会.
        Promotion => "promotion",
        /// 考察.
        Inspection => "inspection",
        /// 其他.
        Other => "other",
    }
}

text_enum! {
    /// Status of a conference.
    Status as "ConferenceStatus" {
        /// 拟召开.
        Planned => "planned",
        /// 已召开; has the day on which it was held.
        Held => "held",
        /// 延期.
        Postponed => "postponed",
        /// 取消.
        Cancelled => "cancelled",
    }
}

impl Kind {
    /// What such a conference is called where it has no title of its own, in Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::JointConference => ("联席会议", "joint conference"),
            Kind::Matchmaking => ("对接会", "matchmaking meeting"),
            Kind::Promotion => ("推介会", "promotion meeting"),
            Kind::Inspection => ("考察", "inspection"),
            Kind::Other => ("会议", "meeting"),
        }
    }

    /// What a conference of this kind is called: by its title, else by its number and kind.
    pub fn name_of(self, title: Option<Text>, number: Option<i64>) -> Text {
        let (zh, en) = self.words();
        title.unwrap_or_else(|| match number {
            Some(number) => Text { zh: format!("第{number}次{zh}"), en: Some(format!("{en} no. {number}")) },
            None => Text { zh: zh.to_owned(), en: Some(en.to_owned()) },
        })
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Planned => &[Status::Held, Status::Postponed, Status::Cancelled],
            Status::Postponed => &[Status::Planned, Status::Held, Status::Cancelled],
            Status::Cancelled => &[Status::Planned],
            Status::Held => &[],
        }
    }
}
