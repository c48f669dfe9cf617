//! Checks of a workbook before it is opened: a few kilobytes of ZIP can expand to gigabytes. Every part is decompressed once,
//! counted and discarded, in constant memory.

use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::result::ZipError;

use super::scan::{Hostile, Scanner};
use crate::error::{Error, Result};
use crate::msg;
use crate::transfer::fault::ImportFault;
use crate::transfer::format::OLE;

const ENTRIES: usize = 2_000;
/// The most bytes of all parts, of the shared strings, and of the styles; the highest compression ratio of a part, and the size
/// from which it is checked.
const ALL: u64 = 512 << 20;
const STRINGS: u64 = 64 << 20;
const STYLES: u64 = 8 << 20;
const RATIO: u64 = 300;
const RATIO_FROM: u64 = 32 << 20;
/// The most shared strings, cell formats (Excel allows 65,490), merged ranges, and elements of parts that the parser keeps in
/// memory.
const MOST_STRINGS: usize = 2_000_000;
const MOST_FORMATS: usize = 66_000;
const MOST_MERGES: usize = 200_000;
const MOST_ELEMENTS: usize = 500_000;

/// Facts about a workbook that are known before it is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    pub has_formulas: bool,
    pub has_merges: bool,
    /// Whether the results of its formulas may be placeholders that a spreadsheet computes on opening.
    pub is_uncomputed: bool,
}

/// The facts about a workbook, or the fault of one that cannot or must not be opened.
pub fn check<F: Read + Seek>(file: &mut F) -> Result<std::result::Result<Facts, ImportFault>> {
    let mut start = [0; 8];
    let read = read_some(file, &mut start)?;
    if start[..read] == OLE {
        return Ok(Err(ImportFault::of_file(
            "old_workbook",
            &msg!(
                "这是 .xls 或加密的工作簿：请在 Excel 或 WPS 中取消密码，另存为 .xlsx，再导入。",
                "is an .xls file or has a password; save it as .xlsx without a password and import that"
            ),
        )));
    }
    if count_entries(file)? > ENTRIES {
        return Ok(Err(hostile("too_many_parts")));
    }
    file.rewind().map_err(Error::unexpected)?;
    match look(file) {
        Ok(looked) => Ok(looked),
        // The disk was read without an error above, so that this one is due to the content of the file.
        Err(_) => Ok(Err(ImportFault::of_file(
            "unreadable",
            &msg!(
                "无法读取：不是完整的 .xlsx 工作簿。请在 Excel 或 WPS 中打开并另存为 .xlsx。",
                "cannot be read: it is not a complete .xlsx workbook; open it in Excel or WPS and save it as .xlsx"
            ),
        ))),
    }
}

fn read_some<F: Read>(file: &mut F, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]).map_err(Error::unexpected)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// An upper bound of the entries in the ZIP directory, which the library would read into memory as a whole.
fn count_entries<F: Read + Seek>(file: &mut F) -> Result<usize> {
    const MARK: &[u8] = b"PK\x01\x02";
    file.seek(SeekFrom::Start(0)).map_err(Error::unexpected)?;
    let mut buffer = vec![0; 64 << 10];
    let (mut kept, mut count) = (0, 0);
    loop {
        let read = read_some(file, &mut buffer[kept..])?;
        let filled = kept + read;
        count += memchr::memmem::find_iter(&buffer[..filled], MARK).count();
        if read == 0 || count > ENTRIES {
            return Ok(count);
        }
        // A mark may span two pieces.
        kept = filled.min(MARK.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

fn look<F: Read + Seek>(file: &mut F) -> Result<std::result::Result<Facts, ImportFault>, ZipError> {
    let mut archive = ZipArchive::new(file)?;
    let (mut all, mut is_workbook, mut facts) = (0, false, Facts::default());
    let mut buffer = vec![0; 64 << 10];
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.to_ascii_lowercase();
        if entry.encrypted() || entry.enclosed_name().is_none() {
            return Ok(Err(hostile("unsafe_part")));
        }
        if let Some(fault) = other_format(&name) {
            return Ok(Err(fault));
        }
        is_workbook = is_workbook || name.ends_with("workbook.xml");
        let is_xml = [".xml", ".rels"].iter().any(|end| name.ends_with(end));
        let most = match name.rsplit('/').next() {
            Some("sharedstrings.xml") => STRINGS,
            Some(last)
                if (is_xml || last.ends_with(".vml")) && !(name.contains("worksheets/") && last.ends_with(".xml")) =>
            {
                STYLES
            }
            _ => ALL,
        };
        let compressed = entry.compressed_size();
        let (mut scanner, mut size) = (Scanner::new(), 0);
        loop {
            let read = entry.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            size += read as u64;
            all += read as u64;
            if size > most || all > ALL || (size > RATIO_FROM && size / compressed.max(1) > RATIO) {
                return Ok(Err(hostile("too_large")));
            }
            if is_xml && let Err(found) = scanner.feed(&buffer[..read]) {
                return Ok(Err(hostile(code(found))));
            }
            let counts = &scanner.counts;
            let is_kept_whole = most == STYLES && counts.elements > MOST_ELEMENTS;
            let is_over = counts.formats > MOST_FORMATS || counts.merges > MOST_MERGES;
            if counts.strings.max(counts.declared) > MOST_STRINGS || is_over || is_kept_whole {
                return Ok(Err(hostile(code(Hostile::Many))));
            }
        }
        facts.has_formulas = facts.has_formulas || scanner.counts.formulas > 0;
        facts.has_merges = facts.has_merges || scanner.counts.merges > 0;
        facts.is_uncomputed = facts.is_uncomputed || scanner.counts.is_uncomputed;
    }
    Ok(if is_workbook { Ok(facts) } else { Err(hostile("no_workbook")) })
}

/// The fault of another format in a ZIP archive that can be saved as `.xlsx`.
fn other_format(name: &str) -> Option<ImportFault> {
    if name.ends_with("vbaproject.bin") {
        return Some(ImportFault::of_file(
            "macros",
            &msg!(
                "工作簿含有宏（.xlsm）：请另存为不含宏的 .xlsx，再导入。",
                "has macros (.xlsm); save it as .xlsx without macros and import that"
            ),
        ));
    }
    if name.ends_with("workbook.bin") || name == "content.xml" {
        return Some(ImportFault::of_file(
            "other_format",
            &msg!(
                "这是 .xlsb 或 .ods：请另存为 .xlsx，再导入。",
                "is an .xlsb or .ods file; save it as .xlsx and import that"
            ),
        ));
    }
    None
}

fn code(found: Hostile) -> &'static str {
    match found {
        Hostile::Doctype => "doctype",
        Hostile::LongTag => "long_tag",
        Hostile::LongText => "long_text",
        Hostile::Deep => "too_deep",
        Hostile::Encoding => "encoding",
        Hostile::Many => "too_many_parts",
    }
}

/// The fault of a workbook that neither Excel nor WPS would write.
fn hostile(code: &str) -> ImportFault {
    ImportFault::of_file(
        code,
        &msg!(
            "工作簿的内部结构异常或过大（{code}），已拒绝读取。请把数据复制到新的工作簿，另存为 .xlsx。",
            "has an unusual structure or is too large ({code}), and was not opened; copy the data into a new workbook"
        ),
    )
}
