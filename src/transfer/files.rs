//! Files on disk, several of them as one: the command line's way in.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::fault::ImportFault;
use super::format::Format;
use super::gather::{Gathered, until_full};
use super::read::{ReadOptions, read};
use super::row::{Layout, Row, Sink};
use crate::error::Result;
use crate::validation::Contract;

/// A file to read, and the name to complain of it by.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub file: File,
    pub format: Format,
}

/// The files behind the paths; a directory stands for its own, in the order of their names.
pub fn open(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
            for entry in entries {
                let file = entry.map_err(|e| format!("{}: {e}", path.display()))?.path();
                // Of a directory's texts most are no tables.
                let is_text = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
                if file.is_file() && !is_text && format_of(&file).is_some() {
                    files.push(file);
                }
            }
            files.sort();
            if files.is_empty() {
                return Err(format!("{}: holds no .yaml, .json, .xlsx, .csv or .ndjson file", path.display()));
            }
        } else {
            files.push(path.clone());
        }
        for path in files {
            let format = format_of(&path)
                .ok_or_else(|| format!("{}: is no .yaml, .json, .xlsx, .csv or .ndjson file", path.display()))?;
            let file = File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            sources.push(Source { name: path.display().to_string(), file, format });
        }
    }
    Ok(sources)
}

fn format_of(path: &Path) -> Option<Format> {
    Format::of("", path.file_name()?.to_str(), &[])
}

/// Reads all of them; each place is told with the name of its file.
pub fn gather(sources: &mut [Source], options: ReadOptions<'_>, contract: &Contract) -> Result<Gathered> {
    let mut gathered = Gathered::new()?;
    for Source { name, file, format } in sources {
        let before = u32::try_from(gathered.layouts.len()).unwrap_or(u32::MAX);
        let mut named = Named { name, before, gathered: &mut gathered };
        until_full(read(file, *format, options, contract, &mut named))?;
    }
    Ok(gathered)
}

/// Takes what is read of one file of several.
struct Named<'a> {
    name: &'a str,
    /// How many tables the files before it have.
    before: u32,
    gathered: &'a mut Gathered,
}

impl Named<'_> {
    fn place(&self, sheet: Option<String>) -> Option<String> {
        Some(sheet.map_or_else(|| self.name.to_owned(), |sheet| format!("{}[{sheet}]", self.name)))
    }
}

impl Sink for Named<'_> {
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
