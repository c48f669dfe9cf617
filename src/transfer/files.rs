//! Import of several files on disk as one, for the command line.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::fault::ImportFault;
use super::format::Format;
use super::gather::{Gathered, until_full};
use super::read::{ReadOptions, read};
use super::row::{Layout, Row, Sink};
use crate::error::Result;
use crate::validation::Contract;

/// A file to read, with the name that messages show.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub file: File,
    pub format: Format,
}

/// Opens the files at the paths. A directory stands for the files in it, in the order of their names.
pub fn open(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
            for entry in entries {
                let file = entry.map_err(|e| format!("{}: {e}", path.display()))?.path();
                // Most text files of a directory are not tables; one is read only if its path is given.
                let is_text = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
                if file.is_file() && !is_text && format_of(&file).is_some() {
                    files.push(file);
                }
            }
            files.sort();
            if files.is_empty() {
                return Err(format!("{}: contains no .yaml, .json, .xlsx, .csv or .ndjson file", path.display()));
            }
        } else {
            files.push(path.clone());
        }
        for path in files {
            let format = format_of(&path)
                .ok_or_else(|| format!("{}: is not a .yaml, .json, .xlsx, .csv or .ndjson file", path.display()))?;
            let file = File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            sources.push(Source { name: path.display().to_string(), file, format });
        }
    }
    Ok(sources)
}

fn format_of(path: &Path) -> Option<Format> {
    Format::of("", path.file_name()?.to_str(), &[])
}

/// Reads all files. The place of each row and fault begins with the name of its file.
pub fn gather(sources: &mut [Source], options: ReadOptions<'_>, contract: &Contract) -> Result<Gathered> {
    let mut gathered = Gathered::new()?;
    for Source { name, file, format } in sources {
        let before = u32::try_from(gathered.layouts.len()).unwrap_or(u32::MAX);
        let mut of_file = OfFile { name, before, gathered: &mut gathered };
        until_full(read(file, *format, options, contract, &mut of_file))?;
    }
    Ok(gathered)
}

/// Passes the rows of one file on, with its name in their places.
struct OfFile<'a> {
    name: &'a str,
    /// The number of tables in the files before this one.
    before: u32,
    gathered: &'a mut Gathered,
}

impl OfFile<'_> {
    fn place(&self, sheet: Option<String>) -> Option<String> {
        Some(sheet.map_or_else(|| self.name.to_owned(), |sheet| format!("{}[{sheet}]", self.name)))
    }
}

impl Sink for OfFile<'_> {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        let sheet = self.place(layout.sheet);
        self.gathered.layout(Layout { sheet, ..layout })
    }

    fn row(&mut self, mut row: Row) -> Result<()> {
        row.place.table += self.before;
        for (_, spot) in &mut row.place.elsewhere {
            spot.sheet = self.place(spot.sheet.take());
        }
        self.gathered.row(row)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        let sheet = self.place(fault.sheet);
        self.gathered.fault(ImportFault { sheet, ..fault })
    }
}
