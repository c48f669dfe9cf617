//! An uploaded workbook with its faults marked: faulty cells are coloured and commented, and a new sheet lists all faults.
//!
//! Everything else stays unchanged: parts without marks are copied byte by byte, the others are rewritten as they stream.

mod comments;
mod fields;
mod list;
mod package;
mod sheet;
mod styles;
mod tabs;

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::error::{Error, Result};
use crate::model::text::Language;
use crate::msg;
use crate::transfer::fault::{ImportFault, Severity};
pub use list::faults_alone;
use package::{ListSheet, Package, xml_error};

/// The most cells that are marked, and the most faults that are listed.
pub const MOST_MARKS: usize = 10_000;
pub const MOST_LISTED: usize = 100_000;
/// The number of characters from which a comment takes no further fault.
const COMMENT: usize = 1_000;

/// The mark of a cell.
#[derive(Clone, Debug)]
struct Mark {
    is_error: bool,
    text: String,
}

/// The marks of a sheet, by row from 1 and column from 0.
type Marks = BTreeMap<u32, BTreeMap<u32, Mark>>;

/// Writes the workbook with its faults marked. If the file is not a workbook or cannot be opened, writes a list of the faults.
pub fn marked<F: Read + Seek>(
    original: &mut F,
    faults: impl Iterator<Item = ImportFault>,
    language: Language,
    out: &mut (impl Write + Seek + Send),
) -> Result<()> {
    let (mut faults, more) = listed(faults);
    if crate::transfer::read::is_refused(original)? {
        return alone(faults, more, language, out);
    }
    original.rewind().map_err(Error::unexpected)?;
    let mut archive = ZipArchive::new(original).map_err(Error::unexpected)?;
    let Some(package) = Package::of(&mut archive)? else {
        return alone(faults, more, language, out);
    };
    in_order(&mut faults, |sheet| package.sheet_number(sheet));
    faults.extend(more);
    let marks = marks(&faults, language);
    write(&mut archive, &package, &marks, &faults, language, out)
}

fn alone(
    mut faults: Vec<ImportFault>,
    more: Option<ImportFault>,
    language: Language,
    out: &mut (impl Write + Seek + Send),
) -> Result<()> {
    in_order(&mut faults, |_| None);
    faults_alone(faults.into_iter().chain(more), language, out)
}

/// Sorts faults by place: those of the file as a whole first, then by sheet, row and column.
fn in_order(faults: &mut [ImportFault], number: impl Fn(&str) -> Option<usize>) {
    faults.sort_by_cached_key(|fault| {
        let sheet = fault.sheet.as_ref().map(|sheet| (number(sheet).unwrap_or(usize::MAX), sheet.clone()));
        (sheet, fault.row, fault.column.as_deref().and_then(sheet::position))
    });
}

/// The first [`MOST_LISTED`] faults, and a further one if there are more.
fn listed(faults: impl Iterator<Item = ImportFault>) -> (Vec<ImportFault>, Option<ImportFault>) {
    let mut faults: Vec<ImportFault> = faults.take(MOST_LISTED + 1).collect();
    if faults.len() <= MOST_LISTED {
        return (faults, None);
    }
    faults.truncate(MOST_LISTED);
    let message =
        msg!("问题更多，这里只列出前 {MOST_LISTED} 条。", "has more faults; only the first {MOST_LISTED} are listed");
    (faults, Some(ImportFault::of_file("more_faults", &message)))
}

fn marks(faults: &[ImportFault], language: Language) -> BTreeMap<String, Marks> {
    let mut marks: BTreeMap<String, Marks> = BTreeMap::new();
    let mut count = 0;
    for fault in faults {
        let (Some(sheet), Some(row)) = (&fault.sheet, fault.row.and_then(|row| u32::try_from(row).ok())) else {
            continue;
        };
        // A fault of a whole row is marked in its first column.
        let column = fault.column.as_deref().and_then(sheet::position).unwrap_or_default();
        let cells = marks.entry(sheet.clone()).or_default().entry(row).or_default();
        if !cells.contains_key(&column) {
            if count == MOST_MARKS {
                continue;
            }
            count += 1;
        }
        let mark = cells.entry(column).or_insert_with(|| Mark { is_error: false, text: String::new() });
        mark.is_error = mark.is_error || fault.severity == Severity::Error;
        if mark.text.chars().count() < COMMENT {
            if !mark.text.is_empty() {
                mark.text.push('\n');
            }
            mark.text.push_str(&words(fault, language));
        }
    }
    marks
}

/// The text of a comment for a fault.
fn words(fault: &ImportFault, language: Language) -> String {
    let (title, meant) = match (language, fault.severity) {
        (Language::Zh, Severity::Error) => ("错误：", "是否应为："),
        (Language::Zh, Severity::Warning) => ("提醒：", "是否应为："),
        (Language::En, Severity::Error) => ("Error: ", "Did you mean: "),
        (Language::En, Severity::Warning) => ("Warning: ", "Did you mean: "),
    };
    let message = list::message(fault, language);
    match &fault.suggestion {
        // Most messages contain the suggestion.
        Some(suggestion) if !message.contains(suggestion) => format!("{title}{message}\n{meant}{suggestion}"),
        _ => format!("{title}{message}"),
    }
}

fn write<F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    package: &Package,
    marks: &BTreeMap<String, Marks>,
    faults: &[ImportFault],
    language: Language,
    out: &mut (impl Write + Seek),
) -> Result<()> {
    let list = package.list_sheet(language);
    let mut changes = changed_parts(archive, package, &list, marks)?;
    let mut zip = ZipWriter::new(out);
    write_parts(archive, &list, &mut changes, &mut zip)?;
    zip.start_file(&list.part, SimpleFileOptions::default()).map_err(Error::unexpected)?;
    let is_there = |name: &str| package.sheet_number(name).is_some();
    list::part(faults, language, changes.look.as_ref(), is_there, &mut zip).map_err(xml_error)?;
    zip.finish().map_err(Error::unexpected)?;
    Ok(())
}

/// The parts of a workbook that are not copied unchanged.
struct ChangedParts<'a> {
    /// The sheets to rewrite, each with its marks and the relation of its new drawing.
    sheets: BTreeMap<&'a str, (&'a Marks, Option<String>)>,
    /// The other parts that are replaced or added.
    replaced: BTreeMap<String, Vec<u8>>,
    /// The formats of marked cells, if the workbook has styles.
    look: Option<styles::Look>,
}

/// The parts that change because of the marks and the new first sheet.
fn changed_parts<'a, F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    package: &'a Package,
    list: &ListSheet,
    marks: &'a BTreeMap<String, Marks>,
) -> Result<ChangedParts<'a>> {
    static NO_MARKS: Marks = Marks::new();
    let (mut sheets, mut replaced, mut look) = (BTreeMap::new(), BTreeMap::new(), None);
    if let Some(part) = &package.styles {
        let (xml, formats) = styles::rewritten(&package::text(archive, part)?)?;
        replaced.insert(part.clone(), xml);
        look = Some(formats);
    }
    let mut types = package::Additions::default();
    for (number, (name, marks)) in marks.iter().enumerate() {
        let Some(part) = package.sheet(name) else { continue };
        if part == list.part {
            continue;
        }
        let drawing = comments::add(archive, part, number, marks, &mut replaced, &mut types)?;
        sheets.insert(part, (marks, drawing));
    }
    // A selected sheet is rewritten without its selection, which moves to the list.
    for part in package.selected(archive)? {
        sheets.entry(part).or_insert((&NO_MARKS, None));
    }
    package.add_list(archive, list, &mut replaced, &mut types)?;
    types.apply(archive, &mut replaced)?;
    Ok(ChangedParts { sheets, replaced, look })
}

/// Writes all parts except the list of faults, in the order of the original, followed by the added ones.
fn write_parts<F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    list: &ListSheet,
    changes: &mut ChangedParts<'_>,
    zip: &mut ZipWriter<impl Write + Seek>,
) -> Result<()> {
    let options = SimpleFileOptions::default();
    let ChangedParts { sheets, replaced, look } = changes;
    for index in 0..archive.len() {
        let name = {
            let entry = archive.by_index_raw(index).map_err(Error::unexpected)?;
            entry.name().map_err(Error::unexpected)?.into_owned()
        };
        if name == list.part {
            continue;
        }
        if let Some((marks, drawing)) = sheets.get(name.as_str()) {
            zip.start_file(&name, options).map_err(Error::unexpected)?;
            let entry = archive.by_index(index).map_err(Error::unexpected)?;
            sheet::rewrite(entry, marks, look.as_ref(), drawing.as_deref(), zip)?;
        } else if let Some(bytes) = replaced.remove(&name) {
            zip.start_file(&name, options).map_err(Error::unexpected)?;
            zip.write_all(&bytes).map_err(Error::unexpected)?;
        } else {
            let entry = archive.by_index_raw(index).map_err(Error::unexpected)?;
            zip.raw_copy_file(entry).map_err(Error::unexpected)?;
        }
    }
    for (name, bytes) in replaced {
        zip.start_file(name, options).map_err(Error::unexpected)?;
        zip.write_all(bytes).map_err(Error::unexpected)?;
    }
    Ok(())
}
