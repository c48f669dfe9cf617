//! When activities begin and end. The schema wants one date at least of each, so that an activity without one of its own
//! has that of another record, which is told with it.

use chrono::NaiveDate;

use super::xml::Xml;
use crate::error::Result;
use crate::model::text::Text;

/// A day on which an activity begins, and what it is taken from where it is not its own.
#[derive(Clone, Debug)]
pub struct Start {
    pub on: NaiveDate,
    pub taken_from: Option<Text>,
}

impl Start {
    /// A record's own day.
    pub fn own(on: NaiveDate) -> Start {
        Start { on, taken_from: None }
    }

    /// The same day for another activity.
    pub fn taken(&self, zh: &str, en: &str) -> Start {
        Start { on: self.on, taken_from: Some(Text { zh: zh.to_owned(), en: Some(en.to_owned()) }) }
    }
}

/// Writes the period of an activity: each day as actual where it has come by `as_of`, else as planned.
pub fn period(xml: &mut Xml, start: Option<&Start>, end: Option<NaiveDate>, as_of: NaiveDate) -> Result<()> {
    if let Some(start) = start {
        let kind = if start.on <= as_of { "2" } else { "1" };
        let on = start.on.to_string();
        let attributes = [("type", kind), ("iso-date", on.as_str())];
        match &start.taken_from {
            Some(text) => xml.said("activity-date", &attributes, text)?,
            None => xml.empty("activity-date", &attributes)?,
        }
    }
    match end {
        Some(end) => date(xml, if end <= as_of { "4" } else { "3" }, Some(end)),
        None => Ok(()),
    }
}

/// Writes a day of a type, by the codelist ActivityDateType; nothing where there is none.
pub fn date(xml: &mut Xml, kind: &str, on: Option<NaiveDate>) -> Result<()> {
    match on {
        Some(on) => xml.empty("activity-date", &[("type", kind), ("iso-date", on.to_string().as_str())]),
        None => Ok(()),
    }
}
