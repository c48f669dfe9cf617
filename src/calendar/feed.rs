//! A writer of calendars (RFC 5545).
//!
//! The crate `icalendar` writes components and parameters and escapes text (RFC 5545, 3.3.11). This module corrects where it
//! deviates from the RFC. It folds between characters, but a last line of 75 octets gets an additional space, which makes 76
//! (3.1): lines are folded again ([`folded`]). It leaves control characters, which a value may not contain ([`plain`]). It does
//! not treat `NAME` (RFC 7986) as text and would leave its commas unescaped ([`escaped`]).

use std::io::Write;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use icalendar::{Calendar, Component, Event, EventLike, Property};

use super::Entry;
use crate::error::{Error, Result};

const PRODID: &str = concat!("-//pairing-tracker//", env!("CARGO_PKG_VERSION"), "//ZH");

/// The last line of a calendar.
const END: &str = "END:VCALENDAR\r\n";

/// The most octets of a line.
const OCTETS_MAX: usize = 75;

/// The interval at which programs should refresh the feed.
fn refresh_interval() -> TimeDelta {
    TimeDelta::hours(6)
}

/// A writer of a feed, event by event.
pub struct Feed<'a, W: Write> {
    out: &'a mut W,
    /// Makes the identifiers of events unique across databases.
    database: String,
}

impl<W: Write> Feed<'_, W> {
    /// Begins a feed with this name.
    pub fn begin<'a>(out: &'a mut W, name: &str, database: String) -> Result<Feed<'a, W>> {
        let mut calendar = Calendar::empty();
        calendar
            .append_property(Property::new("VERSION", "2.0"))
            .append_property(Property::new("PRODID", PRODID))
            .append_property(Property::new("CALSCALE", "GREGORIAN"))
            .append_property(Property::new("METHOD", "PUBLISH"))
            .append_property(Property::new("NAME", escaped(&plain(name))))
            .append_property(Property::new("X-WR-CALNAME", plain(name)))
            .ttl(&refresh_interval());
        let mut feed = Feed { out, database };
        let text = calendar.to_string();
        // The events are written before the last line.
        feed.put(text.strip_suffix(END).ok_or_else(|| Error::unexpected("a calendar without an end"))?)?;
        Ok(feed)
    }

    /// Writes the next event.
    pub fn entry(&mut self, entry: Entry) -> Result<()> {
        let text = event(entry, &self.database).try_into_string().map_err(Error::unexpected)?;
        self.put(&text)
    }

    /// Writes the end.
    pub fn end(mut self) -> Result<()> {
        self.put(END)
    }

    fn put(&mut self, text: &str) -> Result<()> {
        let failed = |error: std::io::Error| Error::Unavailable(format!("cannot write a temporary file: {error}"));
        self.out.write_all(folded(text).as_bytes()).map_err(failed)
    }
}

/// Folds each content line so that no line has more than 75 octets without its line break and no character is split (RFC 5545,
/// 3.1). The space at the beginning of a continuation line counts.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 24);
    for content in text.replace("\r\n ", "").split_terminator("\r\n") {
        let mut octets = 0;
        for c in content.chars() {
            if octets + c.len_utf8() > OCTETS_MAX {
                out.push_str("\r\n ");
                octets = 1;
            }
            out.push(c);
            octets += c.len_utf8();
        }
        out.push_str("\r\n");
    }
    out
}

fn event(entry: Entry, database: &str) -> Event {
    let Entry { record, on, status, sequence, changed_at, summary, description, location, categories } = entry;
    let changed_at = basic(changed_at.utc());
    let day = |name: &str, on: chrono::NaiveDate| {
        Property::new(name, on.format("%Y%m%d").to_string()).add_parameter("VALUE", "DATE").done()
    };
    let mut event = Event::new();
    event
        .uid(&format!("{record}@{database}.pairing-tracker"))
        .add_property("DTSTAMP", &changed_at)
        .add_property("LAST-MODIFIED", &changed_at)
        .add_property("SEQUENCE", sequence.to_string())
        .append_property(day("DTSTART", on))
        .status(status)
        .summary(&plain(&summary))
        .description(&description.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n"))
        // A due date does not make anyone busy.
        .add_property("TRANSP", "TRANSPARENT")
        .categories(categories.iter().map(|category| plain(category)));
    // Without an end, an event lasts one day as well; a date after the year 9999 cannot be written (RFC 5545, 3.3.4).
    if let Some(next) = on.succ_opt().filter(|next| next.year() <= 9999) {
        event.append_property(day("DTEND", next));
    }
    if let Some(location) = location {
        event.location(&plain(&location));
    }
    event.done()
}

/// A time in UTC in the basic format of RFC 5545 (3.3.5).
fn basic(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A text with line feeds as line ends and without control characters other than the tab.
fn plain(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// Escapes a text by RFC 5545 (3.3.11).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::types::Instant;
    use icalendar::EventStatus;
    use proptest::prelude::*;

    fn entry(summary: &str) -> Entry {
        Entry {
            record: "milestone-12".to_owned(),
            on: "2022-12-31".parse().expect("a date"),
            status: EventStatus::Confirmed,
            sequence: 3,
            changed_at: Instant::from("2022-04-11T01:30:00Z".parse::<DateTime<Utc>>().expect("an instant")),
            summary: summary.to_owned(),
            description: vec![summary.to_owned(), "第二行".to_owned()],
            location: Some(summary.to_owned()),
            categories: vec![summary.to_owned()],
        }
    }

    /// The unfolded content lines (RFC 5545, 3.1), after a check of the length of each line.
    fn unfolded(feed: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let body = feed.strip_suffix("\r\n").expect("ends with a line");
        for line in body.split("\r\n") {
            assert!(line.len() <= 75, "{} octets: {line}", line.len());
            assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
            match line.strip_prefix(' ') {
                Some(rest) => lines.last_mut().expect("a line before").push_str(rest),
                None => lines.push(line.to_owned()),
            }
        }
        lines
    }

    /// The value of a property, unescaped.
    fn value(lines: &[String], name: &str) -> String {
        let line = lines.iter().find_map(|line| line.strip_prefix(&format!("{name}:"))).expect(name);
        let mut unescaped = String::new();
        let mut rest = line.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some('n' | 'N') => unescaped.push('\n'),
                    Some(escaped) => unescaped.push(escaped),
                    None => panic!("a lone backslash: {line}"),
                },
                ',' | ';' => panic!("unescaped: {line}"),
                plain => unescaped.push(plain),
            }
        }
        unescaped
    }

    fn assert_read_back(text: &str) {
        let mut written = Vec::new();
        let mut feed = Feed::begin(&mut written, text, "0123456789ab".to_owned()).expect("a feed");
        feed.entry(entry(text)).expect("it is written");
        feed.end().expect("it is written");
        let feed = String::from_utf8(written).expect("UTF-8");
        let lines = unfolded(&feed);
        let wanted = plain(text);
        for name in ["NAME", "X-WR-CALNAME", "SUMMARY", "LOCATION", "CATEGORIES"] {
            assert_eq!(value(&lines, name), wanted, "{name}");
        }
        assert_eq!(value(&lines, "DESCRIPTION"), format!("{wanted}\n第二行"));
        for line in [
            "BEGIN:VCALENDAR",
            "UID:milestone-12@0123456789ab.pairing-tracker",
            "DTSTART;VALUE=DATE:20221231",
            "DTEND;VALUE=DATE:20230101",
            "DTSTAMP:20220411T013000Z",
            "LAST-MODIFIED:20220411T013000Z",
            "SEQUENCE:3",
            "STATUS:CONFIRMED",
            "END:VCALENDAR",
        ] {
            assert_eq!(lines.iter().filter(|other| *other == line).count(), 1, "{line} in {feed}");
        }
    }

    #[test]
    fn long_chinese_texts_are_folded_between_characters() {
        for offset in 0..80 {
            assert_read_back(&format!(
                "{}{}",
                "a".repeat(offset),
                "编制对口协作“四张图”，路线图；含、空 格\t和\\反斜线".repeat(9)
            ));
        }
        assert_read_back("第一行\r\n第二行\r第三行\u{7}\u{0}\n,;\\n😀家庭👨‍👩‍👧");
        assert_read_back(&"　 ".repeat(200));
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in ".{0,300}") {
            assert_read_back(&text);
        }
    }
}
