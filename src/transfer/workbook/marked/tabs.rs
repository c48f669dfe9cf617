//! The order of a workbook's sheets, and the selected one.

use std::io::{BufReader, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::package::{attribute, xml_error};
use super::sheet::without;
use crate::error::Result;

/// Whether a sheet is marked as selected. Edits in a spreadsheet program apply to all selected sheets, so that only one may be.
pub fn is_selected(entry: impl Read) -> Result<bool> {
    let mut reader = Reader::from_reader(BufReader::new(entry));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(xml_error)? {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "sheetView" if attribute(&element, "tabSelected").is_some() => return Ok(true),
                "sheetData" => return Ok(false),
                _ => {}
            },
            Event::Eof => return Ok(false),
            _ => {}
        }
    }
}

/// Selects a sheet, by position from 0. `first` is a sheet to insert before all others.
pub fn opened(xml: &str, number: usize, first: Option<&str>) -> Result<Vec<u8>> {
    let mut reader = Reader::from_str(xml);
    let mut writer = Writer::new(Vec::new());
    let (mut has_view, mut at) = (false, 0_usize);
    loop {
        let event = reader.read_event().map_err(xml_error)?;
        let (element, is_empty) = match event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::Eof => break,
            other => {
                writer.write_event(other).map_err(xml_error)?;
                continue;
            }
        };
        let name = element.local_name().as_ref().to_owned();
        let element = match name.as_str() {
            "workbookView" => {
                has_view = true;
                let mut changed = without(&element, &["activeTab", "firstSheet"]);
                changed.push_attribute(("activeTab", number.to_string().as_str()));
                changed
            }
            "sheet" => {
                at += 1;
                // A hidden sheet cannot be selected.
                if first.is_none() && at == number + 1 { without(&element, &["state"]) } else { element }
            }
            "definedName" => moved(element, usize::from(first.is_some())),
            _ => element,
        };
        let is_sheets = name == "sheets";
        if is_sheets && !has_view {
            let name = element.name().as_ref().to_owned();
            let prefix = name.strip_suffix("sheets").unwrap_or_default();
            let view = format!("<{prefix}bookViews><{prefix}workbookView activeTab=\"{number}\"/></{prefix}bookViews>");
            writer.get_mut().extend_from_slice(view.as_bytes());
        }
        let event = if is_empty { Event::Empty(element) } else { Event::Start(element) };
        writer.write_event(event).map_err(xml_error)?;
        if is_sheets {
            writer.get_mut().extend_from_slice(first.unwrap_or_default().as_bytes());
        }
    }
    Ok(writer.into_inner())
}

/// Moves the scope of a defined name that is local to one sheet, when a sheet was inserted before it.
fn moved(element: BytesStart<'_>, by: usize) -> BytesStart<'_> {
    let local = attribute(&element, "localSheetId").and_then(|number| number.parse::<usize>().ok());
    let Some(number) = local else { return element };
    let mut changed = without(&element, &["localSheetId"]);
    changed.push_attribute(("localSheetId", (number + by).to_string().as_str()));
    changed
}
