//! Milestones as events of a calendar.

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::Departed;
use crate::model::text::{Language, Msg, Text};
use crate::msg;
use crate::resources::milestones::Status;
use crate::resources::milestones::api::Milestone;

/// The category of the events of this feed.
fn kind() -> Msg {
    msg!("里程碑", "Milestone")
}

fn status_label(status: Status) -> Msg {
    match status {
        Status::Scheduled => msg!("未开始", "scheduled"),
        Status::InProgress => msg!("进行中", "in progress"),
        Status::Met => msg!("已完成", "met"),
        Status::PartiallyMet => msg!("部分完成", "partially met"),
        Status::NotMet => msg!("未完成", "not met"),
        Status::Cancelled => msg!("已取消", "cancelled"),
    }
}

/// The event of a milestone, on its due date.
pub fn entry(milestone: &Milestone, language: Language) -> Entry {
    let localized = |message: Msg| message.get(language).to_owned();
    let status = status_label(milestone.status);
    let (word_zh, word_en, progress) = (&status.zh, &status.en, milestone.progress);
    let mut description = vec![localized(msg!("状态：{word_zh}（{progress}%）", "Status: {word_en} ({progress} %)"))];
    let of = [(&milestone.agreement, msg!("协议：", "Agreement: ")), (&milestone.project, msg!("项目：", "Project: "))];
    for (owner, label) in of {
        if let Some(owner) = owner {
            description.push(format!("{}{}", label.get(language), owner.name.get(language)));
        }
    }
    if !milestone.responsible.is_empty() {
        let names: Vec<&str> = milestone.responsible.iter().map(|other| other.name.get(language)).collect();
        let separator = localized(msg!("、", ", "));
        description.push(localized(msg!("责任单位：", "Responsible: ")) + &names.join(&separator));
    }
    if milestone.due_on != milestone.baseline_due_on {
        let first = milestone.baseline_due_on;
        description.push(localized(msg!("原定到期日：{first}", "Originally due: {first}")));
    }
    if let Some(day) = milestone.met_on {
        description.push(localized(msg!("完成日期：{day}", "Met on: {day}")));
    }
    if milestone.overdue {
        let days = milestone.days_late;
        description.push(localized(msg!("已逾期 {days} 天", "Overdue by {days} days")));
    }
    description.extend(milestone.note.clone());
    let mut categories = vec![localized(kind()), localized(status)];
    if milestone.overdue {
        categories.push(localized(msg!("逾期", "overdue")));
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

/// The fields of a milestone in an audit event that a cancellation shows.
#[derive(Deserialize)]
struct AuditedMilestone {
    title: Text,
    due_on: NaiveDate,
    version: i64,
}

/// The cancelled event of a milestone that left the feed; `None` if its audit event cannot be decoded.
pub fn departed(departed: &Departed, language: Language) -> Option<Entry> {
    let AuditedMilestone { title, due_on, version } = departed.snapshot()?;
    Some(departed.cancelled("milestone", due_on, version, &title, &kind(), language))
}
