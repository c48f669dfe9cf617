//! Rewriting of a sheet as a stream: marked cells get another format, and missing ones are inserted.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::package::{attribute, xml_error};
use super::styles::Look;
use super::{Mark, Marks};
use crate::error::Result;
use crate::transfer::read::letters;

/// The elements that follow `legacyDrawing` in a sheet (ECMA-376, part 1, 18.3.1.99).
const AFTER_DRAWING: [&str; 9] = [
    "legacyDrawingHF",
    "drawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
    "worksheet",
];

/// The position of a column by its letters: A is 0.
pub fn position(letters: &str) -> Option<u32> {
    let mut position = 0_u32;
    for letter in letters.bytes() {
        if !letter.is_ascii_uppercase() {
            return None;
        }
        position = position.checked_mul(26)?.checked_add(u32::from(letter - b'A') + 1)?;
    }
    position.checked_sub(1).filter(|position| *position < 16_384)
}

/// An element without some of its attributes.
pub fn without<'a>(element: &BytesStart<'a>, names: &[&str]) -> BytesStart<'a> {
    let mut changed = element.to_owned();
    changed.clear_attributes();
    changed.extend_attributes(element.attributes().flatten().filter(|one| !names.contains(&one.key.as_ref())));
    changed
}

struct Rewriting<'a, W: Write> {
    writer: Writer<W>,
    marks: &'a Marks,
    look: Option<&'a Look>,
    /// Namespace prefix, including the colon.
    prefix: String,
    /// Whether the rows are being read.
    is_data: bool,
    /// The current row, from 1, and the next column, from 0.
    row: u32,
    column: u32,
    /// The marks of the row that are not written yet; `done` is the row up to which all marks are written.
    left: BTreeMap<u32, Mark>,
    done: u32,
}

/// The namespace prefix of `sheetData`, including the colon.
fn data_prefix(element: &BytesStart<'_>) -> String {
    element.name().as_ref().strip_suffix("sheetData").unwrap_or_default().to_owned()
}

/// Writes a sheet with its marks. `drawing` is the relation of a new drawing.
pub fn rewrite(
    entry: impl Read,
    marks: &Marks,
    look: Option<&Look>,
    drawing: Option<&str>,
    out: &mut impl Write,
) -> Result<()> {
    let mut reader = Reader::from_reader(BufReader::new(entry));
    let mut drawing = drawing;
    let mut state = Rewriting {
        writer: Writer::new(out),
        marks,
        look,
        prefix: String::new(),
        is_data: false,
        row: 0,
        column: 0,
        left: BTreeMap::new(),
        done: 0,
    };
    let (mut buffer, mut depth) = (Vec::new(), 0_usize);
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(xml_error)?;
        if matches!(event, Event::Eof) {
            return Ok(());
        }
        let name = match &event {
            Event::Start(element) | Event::Empty(element) => element.local_name().as_ref().to_owned(),
            Event::End(element) => element.local_name().as_ref().to_owned(),
            _ => String::new(),
        };
        let is_end = matches!(event, Event::End(_));
        let is_at_top = depth == 1 && if is_end { name == "worksheet" } else { name != "worksheet" };
        if let Some(id) = drawing
            && is_at_top
            && AFTER_DRAWING.contains(&name.as_str())
        {
            state.drawing(id).map_err(xml_error)?;
            drawing = None;
        }
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        state.event(event, &name).map_err(xml_error)?;
    }
}

impl<W: Write> Rewriting<'_, W> {
    /// Writes an event of the sheet with the marks that belong to it. `name` is the local name of its element.
    fn event(&mut self, event: Event<'_>, name: &str) -> std::io::Result<()> {
        match (event, name) {
            (Event::Start(element), "sheetData") => {
                self.is_data = true;
                self.prefix = data_prefix(&element);
                self.writer.write_event(Event::Start(element))
            }
            (Event::Empty(element), "sheetData") => {
                self.prefix = data_prefix(&element);
                self.writer.write_event(Event::Start(element.borrow()))?;
                self.rows_before(u32::MAX)?;
                self.writer.write_event(Event::End(element.to_end()))
            }
            (Event::End(element), "sheetData") => {
                self.is_data = false;
                self.rows_before(u32::MAX)?;
                self.writer.write_event(Event::End(element))
            }
            (Event::Start(element), "row") if self.is_data => self.row(&element, false),
            (Event::Empty(element), "row") if self.is_data => self.row(&element, true),
            (Event::End(element), "row") if self.is_data => {
                self.cells_before(u32::MAX)?;
                self.writer.write_event(Event::End(element))
            }
            (Event::Start(element), "c") if self.is_data => {
                let changed = self.cell(&element)?;
                self.writer.write_event(Event::Start(changed))
            }
            (Event::Empty(element), "c") if self.is_data => {
                let changed = self.cell(&element)?;
                self.writer.write_event(Event::Empty(changed))
            }
            (Event::Start(element), "sheetView") => {
                self.writer.write_event(Event::Start(without(&element, &["tabSelected"])))
            }
            (Event::Empty(element), "sheetView") => {
                self.writer.write_event(Event::Empty(without(&element, &["tabSelected"])))
            }
            (event, _) => self.writer.write_event(event),
        }
    }

    /// Writes the missing rows with marks before a row.
    fn rows_before(&mut self, row: u32) -> std::io::Result<()> {
        let marks = self.marks;
        // Rows out of order or repeated are left unchanged.
        if row <= self.done {
            return Ok(());
        }
        for (missing, cells) in marks.range(self.done.saturating_add(1)..row) {
            let name = format!("{}row", self.prefix);
            let mut element = BytesStart::new(name.as_str());
            element.push_attribute(("r", missing.to_string().as_str()));
            self.writer.write_event(Event::Start(element))?;
            (self.row, self.left) = (*missing, cells.clone());
            self.cells_before(u32::MAX)?;
            self.writer.write_event(Event::End(BytesEnd::new(name.as_str())))?;
        }
        self.done = self.done.max(row);
        Ok(())
    }

    fn row(&mut self, element: &BytesStart<'_>, is_empty: bool) -> std::io::Result<()> {
        let number = attribute(element, "r").and_then(|number| number.parse().ok());
        let number = number.unwrap_or(self.row.saturating_add(1));
        self.rows_before(number)?;
        (self.row, self.column) = (number, 0);
        self.left = self.marks.get(&number).cloned().unwrap_or_default();
        if self.left.is_empty() {
            let same = element.borrow();
            return self.writer.write_event(if is_empty { Event::Empty(same) } else { Event::Start(same) });
        }
        // `spans` is dropped, because the row may have further columns now.
        let mut changed = element.to_owned();
        changed.clear_attributes();
        changed.extend_attributes(element.attributes().flatten().filter(|one| one.key.as_ref() != "spans"));
        let end = changed.to_end().into_owned();
        self.writer.write_event(Event::Start(changed))?;
        if is_empty {
            self.cells_before(u32::MAX)?;
            self.writer.write_event(Event::End(end))?;
        }
        Ok(())
    }

    /// Writes the missing cells with marks before a column of the row.
    fn cells_before(&mut self, column: u32) -> std::io::Result<()> {
        while let Some((at, mark)) = self.left.pop_first() {
            if at >= column {
                self.left.insert(at, mark);
                break;
            }
            let name = format!("{}c", self.prefix);
            let mut element = BytesStart::new(name.as_str());
            element.push_attribute(("r", format!("{}{}", letters(at), self.row).as_str()));
            if let Some(look) = self.look {
                element.push_attribute(("s", look.of(0, mark.is_error).to_string().as_str()));
            }
            self.writer.write_event(Event::Empty(element))?;
        }
        Ok(())
    }

    /// Writes the missing cells before a cell, and returns the cell with its mark.
    fn cell<'c>(&mut self, element: &BytesStart<'c>) -> std::io::Result<BytesStart<'c>> {
        let named = attribute(element, "r")
            .and_then(|place| position(place.trim_end_matches(|letter: char| letter.is_ascii_digit())));
        let column = named.unwrap_or(self.column);
        self.column = column.saturating_add(1);
        self.cells_before(column)?;
        let (Some(mark), Some(look)) = (self.left.remove(&column), self.look) else { return Ok(element.to_owned()) };
        let format = attribute(element, "s").and_then(|format| format.parse().ok()).unwrap_or_default();
        let mut changed = element.to_owned();
        changed.clear_attributes();
        changed.extend_attributes(element.attributes().flatten().filter(|one| one.key.as_ref() != "s"));
        changed.push_attribute(("s", look.of(format, mark.is_error).to_string().as_str()));
        Ok(changed)
    }

    fn drawing(&mut self, id: &str) -> std::io::Result<()> {
        let name = format!("{}legacyDrawing", self.prefix);
        let mut element = BytesStart::new(name.as_str());
        let namespace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        element.push_attribute(("xmlns:rf", namespace));
        element.push_attribute(("rf:id", id));
        self.writer.write_event(Event::Empty(element))
    }
}
