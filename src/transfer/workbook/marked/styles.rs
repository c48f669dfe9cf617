//! Adds a red and a yellow copy of each cell format to the styles of a workbook.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::package::{attribute, before_end, elements, prefix, xml_error};
use crate::error::Result;

/// The most formats of a workbook; Excel allows 65,490.
const MOST: usize = 65_000;
const RED: &str = "FFFFC7CE";
const YELLOW: &str = "FFFFEB9C";

/// The indexes of the added formats.
pub struct Look {
    /// The number of original formats.
    count: usize,
    /// Whether each format was copied; otherwise there is one format per colour.
    is_each: bool,
}

impl Look {
    /// The marked copy of a format.
    pub fn of(&self, format: usize, is_error: bool) -> usize {
        let colour = usize::from(!is_error);
        if self.is_each && format < self.count { self.count + 2 * format + colour } else { self.count + colour }
    }

    /// The format of a header.
    pub fn header(&self) -> usize {
        self.count + if self.is_each { 2 * self.count } else { 2 }
    }

    /// The format of texts, which may be long.
    pub fn body(&self) -> usize {
        self.header() + 1
    }

    /// The format of links.
    pub fn link(&self) -> usize {
        self.header() + 2
    }
}

/// Adds the formats to the part.
pub fn rewritten(xml: &str) -> Result<(Vec<u8>, Look)> {
    let formats = formats(xml)?;
    let count = formats.len();
    let (fills, fonts) = (count_of(xml, "fills", "fill")?, count_of(xml, "fonts", "font")?);
    let is_each = count * 3 < MOST;
    let prefix = prefix(xml, "cellXfs");
    let plain = vec![format!("<{prefix}xf numFmtId=\"0\" fontId=\"0\" borderId=\"0\" xfId=\"0\"/>")];
    let copied = if is_each && count > 0 { &formats } else { &plain };
    let mut more = String::new();
    for format in copied {
        for colour in 0..2 {
            more += &filled(format, fills + colour)?;
        }
    }
    let plain = |font: usize, alignment: &str| {
        format!(
            "<{prefix}xf numFmtId=\"0\" fontId=\"{font}\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\" \
             applyAlignment=\"1\"><{prefix}alignment vertical=\"top\"{alignment}/></{prefix}xf>"
        )
    };
    more += &(plain(fonts, "") + &plain(0, " wrapText=\"1\"") + &plain(fonts + 1, ""));
    let fill = |colour: &str| {
        format!(
            "<{prefix}fill><{prefix}patternFill patternType=\"solid\"><{prefix}fgColor rgb=\"{colour}\"/>\
             <{prefix}bgColor indexed=\"64\"/></{prefix}patternFill></{prefix}fill>"
        )
    };
    let font = |more: &str, colour: &str| {
        format!(
            "<{prefix}font><{prefix}{more}/><{prefix}sz val=\"11\"/>{colour}\
             <{prefix}name val=\"Calibri\"/></{prefix}font>"
        )
    };
    let blue = format!("<{prefix}color rgb=\"FF0563C1\"/>");
    let mut xml = before_end(xml, "cellXfs", &more)?;
    xml = before_end(&xml, "fills", &(fill(RED) + &fill(YELLOW)))?;
    xml = before_end(&xml, "fonts", &(font("b", "") + &font("u", &blue)))?;
    let all = count + if is_each { 2 * count.max(1) } else { 2 } + 3;
    for (name, count) in [("cellXfs", all), ("fills", fills + 2), ("fonts", fonts + 2)] {
        xml = counted(&xml, name, count);
    }
    Ok((xml.into_bytes(), Look { count, is_each: is_each && count > 0 }))
}

/// The cell formats of the part as XML.
fn formats(xml: &str) -> Result<Vec<String>> {
    let mut reader = Reader::from_str(xml);
    let (mut formats, mut is_inside, mut begun) = (Vec::new(), false, None);
    loop {
        let before = usize::try_from(reader.buffer_position()).map_err(xml_error)?;
        let event = reader.read_event().map_err(xml_error)?;
        let after = usize::try_from(reader.buffer_position()).map_err(xml_error)?;
        match event {
            Event::Start(element) if element.local_name().as_ref() == "cellXfs" => is_inside = true,
            Event::End(element) if element.local_name().as_ref() == "cellXfs" => return Ok(formats),
            Event::Empty(element) if is_inside && element.local_name().as_ref() == "xf" => {
                formats.extend(xml.get(before..after).map(str::to_owned));
            }
            Event::Start(element) if is_inside && element.local_name().as_ref() == "xf" => begun = Some(before),
            Event::End(element) if is_inside && element.local_name().as_ref() == "xf" => {
                formats.extend(begun.take().and_then(|start| xml.get(start..after)).map(str::to_owned));
            }
            Event::Eof => return Ok(formats),
            _ => {}
        }
    }
}

/// Replaces the fill of a format.
fn filled(format: &str, fill: usize) -> Result<String> {
    let mut reader = Reader::from_str(format);
    let (element, is_empty) = match reader.read_event().map_err(xml_error)? {
        Event::Start(element) => (element, false),
        Event::Empty(element) => (element, true),
        _ => return Err(xml_error("no format")),
    };
    let rest = usize::try_from(reader.buffer_position()).map_err(xml_error)?;
    let mut changed = element.to_owned();
    changed.clear_attributes();
    for one in element.attributes().flatten() {
        if !matches!(one.key.as_ref(), "fillId" | "applyFill") {
            changed.push_attribute(one);
        }
    }
    changed.push_attribute(("fillId", fill.to_string().as_str()));
    changed.push_attribute(("applyFill", "1"));
    let end = if is_empty { "/" } else { "" };
    let content: &str = &changed;
    Ok(format!("<{content}{end}>{}", format.get(rest..).unwrap_or_default()))
}

fn count_of(xml: &str, container: &str, name: &str) -> Result<usize> {
    let prefix = prefix(xml, container);
    let start = xml.find(&format!("<{prefix}{container}")).unwrap_or_default();
    let end = xml.find(&format!("</{prefix}{container}>")).unwrap_or(xml.len()).max(start);
    Ok(elements(&xml[start..end], &[name])?.len())
}

/// Sets the attribute `count` of an element.
fn counted(xml: &str, name: &str, count: usize) -> String {
    let open = format!("<{}{name}", prefix(xml, name));
    let Some(start) = xml.find(&open) else { return xml.to_owned() };
    let Some(end) = xml[start..].find('>').map(|end| start + end) else { return xml.to_owned() };
    let Ok(found) = elements(&xml[start..=end], &[name]) else { return xml.to_owned() };
    match found.first().and_then(|element| attribute(element, "count")) {
        Some(old) => {
            let head = xml[start..end].replacen(&format!("count=\"{old}\""), &format!("count=\"{count}\""), 1);
            format!("{}{head}{}", &xml[..start], &xml[end..])
        }
        None => xml.to_owned(),
    }
}
