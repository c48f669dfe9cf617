//! Conferences as events of a calendar. Participants are left out, because a feed contains no persons.

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::Departed;
use crate::model::text::{Language, Msg, Text};
use crate::msg;
use crate::resources::conferences::api::Conference;
use crate::resources::conferences::{Kind, Status};

fn status_label(status: Status) -> Msg {
    match status {
        Status::Planned => msg!("拟召开", "planned"),
        Status::Held => msg!("已召开", "held"),
        Status::Postponed => msg!("延期", "postponed"),
        Status::Cancelled => msg!("已取消", "cancelled"),
    }
}

fn kind_label(kind: Kind) -> Msg {
    let (zh, en) = kind.words();
    Msg::new(zh, en)
}

/// The event of a conference; `None` if it has no date.
pub fn entry(conference: &Conference, language: Language) -> Option<Entry> {
    let on = conference.held_on?;
    let localized = |message: Msg| message.get(language).to_owned();
    let status = status_label(conference.status);
    let (word_zh, word_en) = (&status.zh, &status.en);
    let mut description = vec![localized(msg!("状态：{word_zh}", "Status: {word_en}"))];
    if let Some(host) = &conference.host_region {
        description.push(localized(msg!("主办：", "Host: ")) + host.name.get(language));
    }
    description.extend(conference.summary.clone());
    description.extend(conference.note.clone());
    Some(Entry {
        record: format!("conference-{}", conference.id),
        on,
        status: match conference.status {
            Status::Cancelled => EventStatus::Cancelled,
            Status::Postponed => EventStatus::Tentative,
            Status::Planned | Status::Held => EventStatus::Confirmed,
        },
        sequence: conference.version,
        changed_at: conference.updated_at,
        summary: {
            let name = conference.kind.name_of(conference.title.clone(), conference.sequence_number);
            name.get(language).to_owned()
        },
        description,
        location: conference.venue.clone(),
        categories: vec![localized(kind_label(conference.kind)), localized(status)],
    })
}

/// The fields of a conference in an audit event that a cancellation shows.
#[derive(Deserialize)]
struct AuditedConference {
    kind: Kind,
    sequence_number: Option<i64>,
    title: Option<Text>,
    held_on: Option<NaiveDate>,
    version: i64,
}

/// The cancelled event of a conference that left the feed; `None` if it had no date, or its audit event cannot be decoded.
pub fn departed(departed: &Departed, language: Language) -> Option<Entry> {
    let AuditedConference { kind, sequence_number, title, held_on, version } = departed.snapshot()?;
    let name = kind.name_of(title, sequence_number);
    held_on.map(|on| departed.cancelled("conference", on, version, &name, &kind_label(kind), language))
}
