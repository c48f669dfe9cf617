//! Conferences as days of a calendar. Who takes part is left out: a feed names no persons.

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::Departed;
use crate::model::text::{Language, Msg, Text};
use crate::msg;
use crate::resources::conferences::api::Conference;
use crate::resources::conferences::{Kind, Status};

fn words(status: Status) -> Msg {
    match status {
        Status::Planned => msg!("拟召开", "planned"),
        Status::Held => msg!("已召开", "held"),
        Status::Postponed => msg!("延期", "postponed"),
        Status::Cancelled => msg!("已取消", "cancelled"),
    }
}

fn kind_words(kind: Kind) -> Msg {
    let (zh, en) = kind.words();
    Msg::new(zh, en)
}

/// A conference on its day; `None` where it has none.
pub fn entry(conference: &Conference, language: Language) -> Option<Entry> {
    let on = conference.held_on?;
    let say = |message: Msg| message.get(language).to_owned();
    let status = words(conference.status);
    let (word_zh, word_en) = (&status.zh, &status.en);
    let mut description = vec![say(msg!("状态：{word_zh}", "Status: {word_en}"))];
    if let Some(host) = &conference.host_region {
        description.push(say(msg!("主办：", "Host: ")) + host.name.get(language));
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
        categories: vec![say(kind_words(conference.kind)), say(status)],
    })
}

/// What the feed shows of a conference as an audit event holds it.
#[derive(Deserialize)]
struct Kept {
    kind: Kind,
    sequence_number: Option<i64>,
    title: Option<Text>,
    held_on: Option<NaiveDate>,
    version: i64,
}

/// A conference that left the feed, as cancelled; `None` where it had no day, or where what is stored of it cannot be decoded.
pub fn departed(departed: &Departed, language: Language) -> Option<Entry> {
    let Kept { kind, sequence_number, title, held_on, version } = departed.snapshot()?;
    let name = kind.name_of(title, sequence_number);
    held_on.map(|on| departed.cancelled("conference", on, version, &name, &kind_words(kind), language))
}
