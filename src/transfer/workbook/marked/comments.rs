//! Comments on marked cells: their texts, and the boxes that show them (in VML, which Excel and WPS require).

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use quick_xml::escape::escape;
use quick_xml::events::Event;
use quick_xml::{Reader, Writer};
use zip::ZipArchive;

use super::package::{Additions, add_relations, attribute, before_end, elements, prefix, relations, text, xml_error};
use super::{Mark, Marks};
use crate::error::Result;
use crate::transfer::read::letters;

const AUTHOR: &str = "pairing-tracker";
/// The namespace declarations of a shape, which the existing drawing may lack or have under other prefixes.
const PREFIXES: &str = "xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\" \
                        xmlns:x=\"urn:schemas-microsoft-com:office:excel\"";

/// Adds the comments of a sheet. Returns the relation of its drawing, if it had none before.
pub fn add<F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    sheet: &str,
    number: usize,
    marks: &Marks,
    replaced: &mut BTreeMap<String, Vec<u8>>,
    types: &mut Additions,
) -> Result<Option<String>> {
    let named = relations(archive, sheet)?;
    let part_of = |kind: &str| named.iter().find(|one| one.kind == kind).map(|one| one.part.clone());
    let (old_comments, old_drawing) = (part_of("comments"), part_of("vmlDrawing"));
    let mut cells: BTreeMap<String, (u32, u32, &Mark)> = BTreeMap::new();
    for (row, of_row) in marks {
        for (column, mark) in of_row {
            cells.insert(format!("{}{row}", letters(*column)), (*row, *column, mark));
        }
    }
    let (comments_part, drawing_part) = (
        old_comments.clone().unwrap_or_else(|| format!("xl/commentsFaults{number}.xml")),
        old_drawing.clone().unwrap_or_else(|| format!("xl/drawings/vmlDrawingFaults{number}.vml")),
    );
    let old = old_comments.as_ref().map(|part| text(archive, part)).transpose()?.filter(|xml| !xml.is_empty());
    let (xml, known) = comments(&old.unwrap_or_else(empty), &cells)?;
    replaced.insert(comments_part.clone(), xml.into_bytes());
    let boxes: Vec<(u32, u32)> =
        cells.iter().filter(|(place, _)| !known.contains(place)).map(|(_, (row, column, _))| (*row, *column)).collect();
    let old = old_drawing.as_ref().map(|part| text(archive, part)).transpose()?.filter(|xml| !xml.is_empty());
    replaced.insert(drawing_part.clone(), drawing(old, number, &boxes)?.into_bytes());
    let mut more = Vec::new();
    if old_comments.is_none() {
        types.add_comments(&comments_part);
        more.push(("rIdFaultComments", "comments", comments_part.as_str()));
    }
    if old_drawing.is_none() {
        types.add_drawing();
        more.push(("rIdFaultDrawing", "vmlDrawing", drawing_part.as_str()));
    }
    if !more.is_empty() {
        add_relations(archive, sheet, &more, replaced)?;
    }
    Ok(old_drawing.is_none().then(|| "rIdFaultDrawing".to_owned()))
}

fn empty() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<comments \
     xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><authors></authors><commentList></commentList>\
     </comments>"
        .to_owned()
}

/// Adds comments to the part; a cell that has a comment gets the text appended to it. Returns the part and those cells.
fn comments(xml: &str, cells: &BTreeMap<String, (u32, u32, &Mark)>) -> Result<(String, Vec<String>)> {
    let prefix = prefix(xml, "commentList");
    let author = elements(xml, &["author"])?.len();
    let run = |text: &str| {
        let text = escape(text);
        format!("<{prefix}r><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}r>")
    };
    let mut reader = Reader::from_str(xml);
    let mut writer = Writer::new(Vec::new());
    let (mut known, mut inside, mut is_skipping): (Vec<String>, Option<&Mark>, bool) = (Vec::new(), None, false);
    let (own, mut existing) = (own_authors(xml)?, String::new());
    loop {
        let event = reader.read_event().map_err(xml_error)?;
        match &event {
            Event::Start(element) if element.local_name().as_ref() == "comment" => {
                let place = attribute(element, "ref").unwrap_or_default();
                inside = cells.get(&place).map(|(_, _, mark)| *mark);
                // A comment of an earlier import is replaced.
                let is_own = attribute(element, "authorId").is_some_and(|id| own.contains(&id));
                is_skipping = inside.is_some() && is_own;
                known.push(place);
                existing.clear();
            }
            Event::End(element) if element.local_name().as_ref() == "text" => {
                // A comment by another author may contain the text from an earlier import.
                if let Some(mark) = inside.take()
                    && (is_skipping || !existing.contains(&*escape(mark.text.as_str())))
                {
                    let gap = if is_skipping { "" } else { "\n\n" };
                    is_skipping = false;
                    let text = run(&format!("{gap}{}", mark.text));
                    std::io::Write::write_all(writer.get_mut(), text.as_bytes()).map_err(xml_error)?;
                }
            }
            Event::Text(text) if inside.is_some() => existing.push_str(text),
            Event::GeneralRef(name) if inside.is_some() => {
                existing.extend(["&", &**name, ";"]);
            }
            Event::Eof => break,
            _ => {}
        }
        let is_text =
            matches!(&event, Event::Start(element) if matches!(element.local_name().as_ref(), "comment" | "text"));
        if !is_skipping || is_text {
            writer.write_event(event).map_err(xml_error)?;
        }
    }
    let xml = String::from_utf8(writer.into_inner()).map_err(xml_error)?;
    let mut more = String::new();
    for (place, (_, _, mark)) in cells.iter().filter(|(place, _)| !known.contains(place)) {
        let run = run(&mark.text);
        more += &format!(
            "<{prefix}comment ref=\"{place}\" authorId=\"{author}\"><{prefix}text>{run}</{prefix}text></{prefix}comment>"
        );
    }
    let xml = before_end(&xml, "commentList", &more)?;
    let xml = before_end(&xml, "authors", &format!("<{prefix}author>{AUTHOR}</{prefix}author>"))?;
    Ok((xml, known))
}

/// The indexes of the authors that are this service.
fn own_authors(xml: &str) -> Result<Vec<String>> {
    let mut reader = Reader::from_str(xml);
    let (mut number, mut own, mut is_author) = (0_usize, Vec::new(), false);
    loop {
        match reader.read_event().map_err(xml_error)? {
            Event::Start(element) if element.local_name().as_ref() == "author" => is_author = true,
            Event::Empty(element) if element.local_name().as_ref() == "author" => number += 1,
            Event::Text(text) if is_author && text.xml10_content() == AUTHOR => own.push(number.to_string()),
            Event::End(element) if element.local_name().as_ref() == "author" => {
                (is_author, number) = (false, number + 1);
            }
            Event::End(element) if element.local_name().as_ref() == "authors" => return Ok(own),
            Event::Eof => return Ok(own),
            _ => {}
        }
    }
}

/// Adds a hidden box for each cell to a drawing.
fn drawing(old: Option<String>, number: usize, cells: &[(u32, u32)]) -> Result<String> {
    let xml = old.unwrap_or_else(|| "<xml></xml>".to_owned());
    let mut more = String::new();
    if !xml.contains("id=\"_x0000_t202\"") {
        more += &format!(
            "<v:shapetype {PREFIXES} id=\"_x0000_t202\" coordsize=\"21600,21600\" o:spt=\"202\" \
             path=\"m,l,21600r21600,l21600,xe\"><v:stroke joinstyle=\"miter\"/>\
             <v:path gradientshapeok=\"t\" o:connecttype=\"rect\"/></v:shapetype>"
        );
    }
    for (index, (row, column)) in cells.iter().enumerate() {
        // Ids of shapes must be unique in the workbook; those of spreadsheet programs are lower.
        let id = 1_000_000 + number * 20_000 + index;
        let (row, left, right, bottom) = (row.saturating_sub(1), column + 1, column + 5, row + 4);
        more += &format!(
            "<v:shape {PREFIXES} id=\"_x0000_s{id}\" type=\"#_x0000_t202\" \
             style=\"position:absolute;width:240pt;height:80pt;\
             z-index:{};visibility:hidden\" fillcolor=\"#ffffe1\" o:insetmode=\"auto\"><v:fill color2=\"#ffffe1\"/>\
             <v:path o:connecttype=\"none\"/><v:textbox style=\"mso-direction-alt:auto\"/><x:ClientData \
             ObjectType=\"Note\"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{left}, 15, {row}, 2, {right}, 15, \
             {bottom}, 4</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column>\
             </x:ClientData></v:shape>",
            index + 1
        );
    }
    before_end(&xml, "xml", &more)
}
