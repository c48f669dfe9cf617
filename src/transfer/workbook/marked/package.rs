//! The parts of a workbook and their relations (ECMA-376, part 2).

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

use super::tabs;
use crate::error::{Error, Result};
use crate::model::text::Language;
use crate::transfer::guide;

const TYPES: &str = "[Content_Types].xml";
const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const SHEET_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
const COMMENTS_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml";

/// A relation from one part to another.
#[derive(Clone, Debug)]
pub struct Relation {
    pub id: String,
    /// Last segment of its type: `comments`.
    pub kind: String,
    /// Name of the target in the ZIP archive.
    pub part: String,
}

/// The locations of the parts of a workbook.
pub struct Package {
    workbook: String,
    /// Names and parts of the sheets.
    sheets: Vec<(String, String)>,
    greatest_id: u32,
    pub styles: Option<String>,
}

/// The sheet of faults: its part, and whether it is new.
pub struct ListSheet {
    name: &'static str,
    pub part: String,
    is_new: bool,
}

pub fn xml_error(error: impl std::fmt::Display) -> Error {
    Error::unexpected(format!("a workbook cannot be marked: {error}"))
}

/// The text of a part; empty if it does not exist.
pub fn text<F: Read + Seek>(archive: &mut ZipArchive<F>, part: &str) -> Result<String> {
    let Ok(mut entry) = archive.by_name(part) else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(xml_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of an attribute by local name.
pub fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|one| one.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// The start tags of a part that have one of the local names.
pub fn elements(xml: &str, names: &[&str]) -> Result<Vec<BytesStart<'static>>> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().map_err(xml_error)? {
            Event::Start(element) | Event::Empty(element) if names.contains(&element.local_name().as_ref()) => {
                found.push(element.into_owned());
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The name of the part with the relations of a part.
pub fn relations_part(part: &str) -> String {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    if folder.is_empty() { format!("_rels/{name}.rels") } else { format!("{folder}/_rels/{name}.rels") }
}

/// The relations of a part to other parts of the package.
pub fn relations<F: Read + Seek>(archive: &mut ZipArchive<F>, part: &str) -> Result<Vec<Relation>> {
    let xml = text(archive, &relations_part(part))?;
    let mut relations = Vec::new();
    for element in elements(&xml, &["Relationship"])? {
        let (Some(id), Some(kind), Some(target)) =
            (attribute(&element, "Id"), attribute(&element, "Type"), attribute(&element, "Target"))
        else {
            continue;
        };
        if attribute(&element, "TargetMode").is_some_and(|mode| mode == "External") {
            continue;
        }
        let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
        relations.push(Relation { id, kind, part: resolved(part, &target) });
    }
    Ok(relations)
}

/// The part of a target, which is absolute or relative to the part with the relation.
fn resolved(part: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut segments: Vec<&str> = part.split('/').collect();
    segments.pop();
    for segment in target.split('/') {
        match segment {
            ".." => {
                segments.pop();
            }
            "." | "" => {}
            other => segments.push(other),
        }
    }
    segments.join("/")
}

impl Package {
    /// Finds the parts; `None` if the structure is unknown.
    pub fn of<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<Option<Package>> {
        let root = relations(archive, "")?;
        let Some(workbook) = root.into_iter().find(|one| one.kind == "officeDocument").map(|one| one.part) else {
            return Ok(None);
        };
        let named = relations(archive, &workbook)?;
        let xml = text(archive, &workbook)?;
        let (mut sheets, mut greatest_id) = (Vec::new(), 0);
        for element in elements(&xml, &["sheet"])? {
            let (Some(name), Some(id)) = (attribute(&element, "name"), attribute(&element, "id")) else { continue };
            let number = attribute(&element, "sheetId").and_then(|id| id.parse().ok()).unwrap_or_default();
            greatest_id = greatest_id.max(number);
            if let Some(found) = named.iter().find(|one| one.id == id) {
                sheets.push((name, found.part.clone()));
            }
        }
        let styles = named.iter().find(|one| one.kind == "styles").map(|one| one.part.clone());
        Ok(Some(Package { workbook, sheets, greatest_id, styles }))
    }

    pub fn sheet(&self, name: &str) -> Option<&str> {
        self.sheets.iter().find(|(other, _)| other == name).map(|(_, part)| part.as_str())
    }

    /// The position of a sheet, from 0.
    pub fn sheet_number(&self, name: &str) -> Option<usize> {
        self.sheets.iter().position(|(other, _)| other == name)
    }

    /// The sheets that are marked as selected.
    pub fn selected<F: Read + Seek>(&self, archive: &mut ZipArchive<F>) -> Result<Vec<&str>> {
        let mut found = Vec::new();
        for (_, part) in &self.sheets {
            if let Ok(entry) = archive.by_name(part)
                && tabs::is_selected(entry)?
            {
                found.push(part.as_str());
            }
        }
        Ok(found)
    }

    /// The sheet of faults, which replaces an existing one.
    pub fn list_sheet(&self, language: Language) -> ListSheet {
        let name = guide::name(guide::FAULTS, language);
        match self.sheet(name) {
            Some(part) => ListSheet { name, part: part.to_owned(), is_new: false },
            None => ListSheet { name, part: "xl/worksheets/sheetFaults.xml".to_owned(), is_new: true },
        }
    }

    /// Adds the sheet of faults to the workbook as the first sheet, if it is new, and selects it.
    pub fn add_list<F: Read + Seek>(
        &self,
        archive: &mut ZipArchive<F>,
        list: &ListSheet,
        replaced: &mut BTreeMap<String, Vec<u8>>,
        types: &mut Additions,
    ) -> Result<()> {
        let xml = text(archive, &self.workbook)?;
        if !list.is_new {
            let number = self.sheet_number(list.name).unwrap_or_default();
            replaced.insert(self.workbook.clone(), tabs::opened(&xml, number, None)?);
            return Ok(());
        }
        let id = "rIdFaults";
        add_relations(archive, &self.workbook, &[(id, "worksheet", &list.part)], replaced)?;
        types.add(&list.part, SHEET_TYPE);
        let (name, number) = (escape(list.name), self.greatest_id + 1);
        let prefix = prefix(&xml, "sheets");
        let sheet =
            format!("<{prefix}sheet xmlns:rf=\"{RELATION}\" name=\"{name}\" sheetId=\"{number}\" rf:id=\"{id}\"/>");
        replaced.insert(self.workbook.clone(), tabs::opened(&xml, 0, Some(&sheet))?);
        Ok(())
    }
}

/// The namespace prefix of an element, including the colon.
pub fn prefix(xml: &str, name: &str) -> String {
    let start = xml.match_indices('<').map(|(at, _)| &xml[at + 1..]).find_map(|rest| {
        let end = rest.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/'))?;
        let (prefix, local) = rest[..end].split_once(':').unwrap_or(("", &rest[..end]));
        (local == name).then(|| prefix.to_owned())
    });
    start.filter(|prefix| !prefix.is_empty()).map_or(String::new(), |prefix| format!("{prefix}:"))
}

/// Inserts XML at the end of an element of a part.
pub fn before_end(xml: &str, name: &str, more: &str) -> Result<String> {
    let prefix = prefix(xml, name);
    let end = format!("</{prefix}{name}>");
    if let Some(at) = xml.rfind(&end) {
        return Ok(format!("{}{more}{}", &xml[..at], &xml[at..]));
    }
    let open = format!("<{prefix}{name}");
    let (at, close) = xml
        .rfind(&open)
        .and_then(|at| Some((at, at + xml[at..].find("/>")?)))
        .ok_or_else(|| xml_error(format!("no {name}")))?;
    Ok(format!("{}{}>{more}{end}{}", &xml[..at], &xml[at..close], &xml[close + 2..]))
}

/// Adds relations to a part.
pub fn add_relations<F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    part: &str,
    more: &[(&str, &str, &str)],
    replaced: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let name = relations_part(part);
    let mut xml = text(archive, &name)?;
    if xml.is_empty() {
        xml = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships \
               xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"></Relationships>"
            .to_owned();
    }
    let prefix = prefix(&xml, "Relationships");
    let more: String = more
        .iter()
        .map(|(id, kind, target)| {
            format!("<{prefix}Relationship Id=\"{id}\" Type=\"{RELATION}/{kind}\" Target=\"/{target}\"/>")
        })
        .collect();
    replaced.insert(name, before_end(&xml, "Relationships", &more)?.into_bytes());
    Ok(())
}

/// The new parts of a workbook, for its content types.
#[derive(Default)]
pub struct Additions {
    overrides: Vec<(String, &'static str)>,
    has_drawing: bool,
}

impl Additions {
    fn add(&mut self, part: &str, kind: &'static str) {
        self.overrides.push((part.to_owned(), kind));
    }

    pub fn add_comments(&mut self, part: &str) {
        self.add(part, COMMENTS_TYPE);
    }

    pub fn add_drawing(&mut self) {
        self.has_drawing = true;
    }

    /// Adds their content types to the package.
    pub fn apply<F: Read + Seek>(
        &self,
        archive: &mut ZipArchive<F>,
        replaced: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<()> {
        let xml = text(archive, TYPES)?;
        let prefix = prefix(&xml, "Types");
        let mut more = String::new();
        let has_vml = elements(&xml, &["Default"])?
            .iter()
            .any(|one| attribute(one, "Extension").is_some_and(|extension| extension.eq_ignore_ascii_case("vml")));
        let mut xml = xml;
        if self.has_drawing && !has_vml {
            let kind = "application/vnd.openxmlformats-officedocument.vmlDrawing";
            more += &format!("<{prefix}Default Extension=\"vml\" ContentType=\"{kind}\"/>");
        }
        for (part, kind) in &self.overrides {
            more += &format!("<{prefix}Override PartName=\"/{part}\" ContentType=\"{kind}\"/>");
        }
        xml = before_end(&xml, "Types", &more)?;
        replaced.insert(TYPES.to_owned(), xml.into_bytes());
        Ok(())
    }
}
