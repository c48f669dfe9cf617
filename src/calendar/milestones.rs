//! Milestones as days of a calendar.

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::Departed;
use crate::model::text::{Language, Msg, Text};
use crate::msg;
use crate::resources::milestones::Status;
use crate::resources::milestones::api::Milestone;

/// What a day of this feed is called, as a category.
fn kind() -> Msg {
    msg!("里程碑", "Milestone")
}

fn words(status: Status) -> Msg {
    match status {
        Status::Scheduled => msg!("未开始", "scheduled"),
        Status::InProgress => msg!("进行中", "in progress"),
        Status::Met => msg!("已完成", "met"),
        Status::PartiallyMet => msg!("部分完成", "partially met"),
        Status::NotMet => msg!("未完成", "not met"),
        Status::Cancelled => msg!("已取消", "cancelled"),
    }
}

/// A milestone on its due date.
pub fn entry(milestone: &Milestone, language: Language) -> Entry {
    let say = |message: Msg| message.get(language).to_owned();
    let status = words(milestone.status);
    let (word_zh, word_en, progress) = (&status.zh, &status.en, milestone.progress);
    let mut description = vec![say(msg!("状态：{word_zh}（{progress}%）", "Status: {word_en} ({progress} %)"))];
    let of = [(&milestone.agreement, msg!("协议：", "Agreement: ")), (&milestone.project, msg!("项目：", "Project: "))];
    for (owner, label) in of {
        if let Some(owner) = owner {
            description.push(format!("{}{}", label.get(language), owner.name.get(language)));
        }
    }
    if !milestone.responsible.is_empty() {
        let names: Vec<&str> = milestone.responsible.iter().map(|other| other.name.get(language)).collect();
        let separator = say(msg!("、", ", "));
        description.push(say(msg!("责任单位：", "Responsible: ")) + &names.join(&separator));
    }
    if milestone.due_on != milestone.baseline_due_on {
        let first = milestone.baseline_due_on;
        description.push(say(msg!("原定到期日：{first}", "First due: {first}")));
    }
    if let Some(day) = milestone.met_on {
        description.push(say(msg!("完成日期：{day}", "Met on: {day}")));
    }
    if milestone.overdue {
        let days = milestone.days_late;
        description.push(say(msg!("已逾期 {days} 天", "Overdue by {days} days")));
    }
    description.extend(milestone.note.clone());
    let mut categories = vec![say(kind()), say(status)];
    if milestone.overdue {
        categories.push(say(msg!("逾期", "overdue")));
    }
    Entry {
        record: format!("milestone-{}", milestone.id),
        on: milestone.due_on,
        status: if milestone.status == Status::Cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed },
        sequence: milestone.version,
        changed_at: milestone.updated_at,
        summary: milestone.title.get(language).to_owned(),
        description,
        location: None,
        categories,
    }
}

/// What the feed shows of a milestone as an audit event holds it.
#[derive(Deserialize)]
struct Kept {
    title: Text,
    due_on: NaiveDate,
    version: i64,
}

/// A milestone that left the feed, as cancelled; `None` where what is stored of it cannot be decoded.
pub fn departed(departed: &Departed, language: Language) -> Option<Entry> {
    let Kept { title, due_on, version } = departed.snapshot()?;
    Some(departed.cancelled("milestone", due_on, version, &title, &kind(), language))
}
