//! Rules across the fields of a request, for `validator`: each names the field that is wrong and says why in both
//! languages.

use std::borrow::Cow;

use chrono::NaiveDate;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::error::Faults;
use crate::model::text::Msg;
use crate::msg;

/// A broken rule at a field.
pub fn broken(pointer: &str, code: &'static str, message: Msg) -> ValidationError {
    let mut error = ValidationError::new(code);
    error.add_param(Cow::Borrowed("pointer"), &pointer);
    error.add_param(Cow::Borrowed("zh"), &message.zh);
    error.add_param(Cow::Borrowed("en"), &message.en);
    error
}

/// A period whose end is not before its beginning; either may be unknown.
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

/// Every rule that a request breaks.
pub fn check(new: &impl Validate) -> Faults {
    let mut faults = Faults::default();
    if let Err(errors) = new.validate() {
        gather(&errors, "", &mut faults);
    }
    faults
}

fn gather(errors: &ValidationErrors, at: &str, faults: &mut Faults) {
    for (field, kind) in errors.errors() {
        match kind {
            ValidationErrorsKind::Struct(inner) => gather(inner, &format!("{at}/{field}"), faults),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    gather(inner, &format!("{at}/{field}/{index}"), faults);
                }
            }
            ValidationErrorsKind::Field(list) => {
                for error in list {
                    let words =
                        |key: &str| error.params.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                    // The code is a literal of this crate; validator keeps it as text that may be owned.
                    let code = match &error.code {
                        Cow::Borrowed(code) => code,
                        Cow::Owned(_) => "invalid",
                    };
                    faults.push(format!("{at}{}", words("pointer")), code, Msg::new(words("zh"), words("en")));
                }
            }
        }
    }
}

/// A date of something done: today or earlier.
pub fn not_in_future(faults: &mut Faults, pointer: &str, date: Option<NaiveDate>, today: NaiveDate) {
    if date.is_some_and(|date| date > today) {
        faults.push(pointer, "in_future", msg!("不得晚于今天（{today}）。", "must not be after today ({today})"));
    }
}

/// The currency of amounts that name none.
pub fn yuan() -> String {
    "CNY".to_owned()
}

/// What a record refers to is of the same pairing as the record; the database holds the same by a composite key.
pub fn same_pairing(faults: &mut Faults, pointer: &str, of_other: i64, pairing: i64) {
    if of_other != pairing {
        faults.push(pointer, "other_pairing", msg!("须属于同一结对关系。", "must belong to the same pairing"));
    }
}

/// A status that may not follow another: refused with those that may.
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

/// The names of statuses, for a refusal that says which are allowed.
pub fn named<S: std::fmt::Display>(statuses: &[S]) -> String {
    if statuses.is_empty() {
        return "–".to_owned();
    }
    statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
