//! Rules over the fields of a request, for the crate `validator`; each reports a fault with its field and a message in both
//! languages.

use std::borrow::Cow;

use chrono::NaiveDate;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::error::Faults;
use crate::model::text::Msg;
use crate::msg;

/// The error of a broken rule at a field.
pub fn broken(pointer: &str, code: &'static str, message: Msg) -> ValidationError {
    let mut error = ValidationError::new(code);
    error.add_param(Cow::Borrowed("pointer"), &pointer);
    error.add_param(Cow::Borrowed("zh"), &message.zh);
    error.add_param(Cow::Borrowed("en"), &message.en);
    error
}

/// Checks that a period does not end before it starts; either date can be absent.
pub fn period(
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    pointer: &str,
    start_name: &str,
) -> Result<(), ValidationError> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => Err(broken(
            pointer,
            "before_start",
            msg!("不得早于 {start_name}（{start}）。", "must not be before {start_name} ({start})"),
        )),
        _ => Ok(()),
    }
}

/// Validates a request and returns its faults.
pub fn check(new: &impl Validate) -> Faults {
    let mut faults = Faults::default();
    if let Err(errors) = new.validate() {
        collect(&errors, "", &mut faults);
    }
    faults
}

fn collect(errors: &ValidationErrors, at: &str, faults: &mut Faults) {
    for (field, kind) in errors.errors() {
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &format!("{at}/{field}"), faults),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(inner, &format!("{at}/{field}/{index}"), faults);
                }
            }
            ValidationErrorsKind::Field(list) => {
                for error in list {
                    let text =
                        |key: &str| error.params.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                    // Codes are always literals of this crate, but their type in `validator` can be owned.
                    let code = match &error.code {
                        Cow::Borrowed(code) => code,
                        Cow::Owned(_) => "invalid",
                    };
                    faults.push(format!("{at}{}", text("pointer")), code, Msg::new(text("zh"), text("en")));
                }
            }
        }
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
pub fn same_pairing(faults: &mut Faults, pointer: &str, of_other: i64, pairing: i64) {
    if of_other != pairing {
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
