//! Enumerations of exchanges (人才交流).

use crate::text_enum;

text_enum! {
    /// The profession of those who go.
    Profession as "ExchangeProfession" {
        /// 党员干部.
        Cadre => "cadre",
        /// 教师.
        Teacher => "teacher",
        /// 医生.
        Doctor => "doctor",
        /// 专业技术人员.
        Technician => "technician",
        /// 其他.
        Other => "other",
    }
}

impl Profession {
    /// The profession in Chinese and English, for an exchange's name.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Profession::Cadre => ("干部", "cadre"),
            Profession::Teacher => ("教师", "teacher"),
            Profession::Doctor => ("医生", "doctor"),
            Profession::Technician => ("技术人员", "technician"),
            Profession::Other => ("人员", "staff"),
        }
    }
}

text_enum! {
    /// From which side of the pairing to which.
    Direction as "ExchangeDirection" {
        /// 支援方派往受援方.
        SupporterToRecipient => "supporter_to_recipient",
        /// 受援方派往支援方.
        RecipientToSupporter => "recipient_to_supporter",
    }
}

impl Direction {
    /// The direction in Chinese and English, for an exchange's name.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Direction::SupporterToRecipient => ("支援方→受援方", "supporter to recipient"),
            Direction::RecipientToSupporter => ("受援方→支援方", "recipient to supporter"),
        }
    }
}

text_enum! {
    /// Status of an exchange.
    Status as "ExchangeStatus" {
        /// 计划中.
        Planned => "planned",
        /// 进行中.
        InProgress => "in_progress",
        /// 已结束.
        Completed => "completed",
        /// 取消.
        Cancelled => "cancelled",
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Planned => &[Status::InProgress, Status::Completed, Status::Cancelled],
            Status::InProgress => &[Status::Planned, Status::Completed, Status::Cancelled],
            Status::Completed => &[Status::InProgress],
            Status::Cancelled => &[Status::Planned],
        }
    }
}

text_enum! {
    /// Where an exchange is on a date.
    Stage as "ExchangeStage" {
        /// 未到岗: not begun yet.
        Planned => "planned",
        /// 在岗: begun and not over.
        Present => "present",
        /// 已结束: begun and over.
        Ended => "ended",
        /// 已取消: cancelled before it began.
        Cancelled => "cancelled",
    }
}
