//! Start and end dates of activities. The schema requires at least one date, so that an activity without its own date has that of
//! another record, with a narrative that names the source.

use chrono::NaiveDate;

use super::xml::Xml;
use crate::error::Result;
use crate::model::text::Text;

/// The start date of an activity, and its source if it is from another record.
#[derive(Clone, Debug)]
pub struct Start {
    pub on: NaiveDate,
    pub taken_from: Option<Text>,
}

impl Start {
    /// The own date of a record.
    pub fn own(on: NaiveDate) -> Start {
        Start { on, taken_from: None }
    }

    /// The same date for another activity, with its source.
    pub fn taken(&self, zh: &str, en: &str) -> Start {
        Start { on: self.on, taken_from: Some(Text { zh: zh.to_owned(), en: Some(en.to_owned()) }) }
    }
}

/// Writes the period of an activity. Dates up to `as_of` are actual, later ones planned.
pub fn period(xml: &mut Xml, start: Option<&Start>, end: Option<NaiveDate>, as_of: NaiveDate) -> Result<()> {
    if let Some(start) = start {
        let kind = if start.on <= as_of { "2" } else { "1" };
        let on = start.on.to_string();
        let attributes = [("type", kind), ("iso-date", on.as_str())];
        match &start.taken_from {
            Some(text) => xml.narrated("activity-date", &attributes, text)?,
            None => xml.empty("activity-date", &attributes)?,
        }
    }
    match end {
        Some(end) => date(xml, if end <= as_of { "4" } else { "3" }, Some(end)),
        None => Ok(()),
    }
}

/// Writes a date with its type of the codelist ActivityDateType, if there is one.
pub fn date(xml: &mut Xml, kind: &str, on: Option<NaiveDate>) -> Result<()> {
    match on {
        Some(on) => xml.empty("activity-date", &[("type", kind), ("iso-date", on.to_string().as_str())]),
        None => Ok(()),
    }
}
