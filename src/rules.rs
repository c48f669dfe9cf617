//! Rules that several resources share. Each adds a fault with the pointer of the field and a message in both languages.

use chrono::NaiveDate;

use crate::error::Faults;
use crate::msg;

/// Checks that a period does not end before it starts; either date can be absent.
pub fn period(faults: &mut Faults, start: Option<NaiveDate>, end: Option<NaiveDate>, pointer: &str, start_name: &str) {
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        let message = msg!("不得早于 {start_name}（{start}）。", "must not be before {start_name} ({start})");
        faults.push(pointer, "before_start", message);
    }
}

/// Checks that a date is not after today.
pub fn not_in_future(faults: &mut Faults, pointer: &str, date: Option<NaiveDate>, today: NaiveDate) {
    if date.is_some_and(|date| date > today) {
        faults.push(pointer, "in_future", msg!("不得晚于今天（{today}）。", "must not be after today ({today})"));
    }
}

/// The default currency.
pub fn yuan() -> String {
    "CNY".to_owned()
}

/// Checks that a referenced record belongs to the same pairing. A composite foreign key enforces the same in the database.
pub fn same_pairing(faults: &mut Faults, pointer: &str, of_other: Option<i64>, pairing: i64) {
    if of_other != Some(pairing) {
        faults.push(pointer, "other_pairing", msg!("须属于同一结对关系。", "must belong to the same pairing"));
    }
}

/// Checks a status transition; the fault lists the allowed statuses.
pub fn transition<S: Copy + PartialEq + std::fmt::Display>(faults: &mut Faults, from: S, to: S, allowed: &[S]) {
    if from == to || allowed.contains(&to) {
        return;
    }
    let allowed = named(allowed);
    faults.push(
        "/status",
        "transition_not_allowed",
        msg!("不能由 {from} 变为 {to}；可变为：{allowed}。", "cannot go from {from} to {to}; allowed: {allowed}"),
    );
}

/// The names of statuses, for a message.
pub fn named<S: std::fmt::Display>(statuses: &[S]) -> String {
    if statuses.is_empty() {
        return "–".to_owned();
    }
    statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
