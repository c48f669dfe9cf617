//! `export`: writes records as a bundle or a workbook.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;

use super::database::open_existing;
use super::keys::explain;
use super::{Outcome, references};
use crate::access::Visibility;
use crate::config::{Settings, paths};
use crate::http::format::Format;
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::record::ReadContext;
use crate::resources::programmes;
use crate::transfer::export::bundle::Bundle;
use crate::{app, db};

#[derive(Args)]
pub struct ExportArgs {
    /// A programme, by code or id: its records and those that they refer to [default: all records]
    #[arg(long, value_name = "CODE")]
    programme: Option<String>,
    /// The format [default: by the extension of --output, or else yaml]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// The file to write; an error leaves it unchanged [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The language of a workbook's headers and terms
    #[arg(long, value_enum, default_value_t = WorkbookLanguage::En)]
    language: WorkbookLanguage,
    /// Include personal data: contacts of liaisons and names of seconded people
    #[arg(long)]
    personal: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FileFormat {
    Yaml,
    Json,
    Xlsx,
}

#[derive(Clone, Copy, ValueEnum)]
enum WorkbookLanguage {
    En,
    Zh,
}

impl ExportArgs {
    /// The format of the file: as given, or by its extension.
    fn format(&self) -> Result<Format, String> {
        let Some(path) = self.output.as_ref().filter(|_| self.format.is_none()) else {
            return Ok(match self.format {
                Some(FileFormat::Json) => Format::Json,
                Some(FileFormat::Xlsx) => Format::Xlsx,
                Some(FileFormat::Yaml) | None => Format::Yaml,
            });
        };
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let remedy = match extension.as_deref() {
            None | Some("yaml" | "yml") => return Ok(Format::Yaml),
            Some("json") => return Ok(Format::Json),
            Some("xlsx") => return Ok(Format::Xlsx),
            Some("csv" | "ndjson") => "for one resource see GET /api/v1/milestones.csv",
            Some(_) => "or give --format",
        };
        let extension = extension.unwrap_or_default();
        Err(format!("{}: an export cannot be .{extension}; use .yaml, .json or .xlsx, {remedy}", path.display()))
    }
}

pub fn run(settings: &Settings, args: &ExportArgs) -> Outcome {
    let format = args.format()?;
    let mut conn = open_existing(settings)?;
    if let Some(programme) = &args.programme {
        references::require(&mut conn, &programmes::KIND, "--programme", programme)?;
    }
    let catalog = app::catalog().map_err(|e| e.to_string())?;
    let programme = args.programme.as_ref().map(|code| Ref(code.clone()));
    let bundle = Bundle {
        contract: &catalog.contract,
        visibility: if args.personal { &Visibility::Everything } else { &Visibility::Nothing },
        programme: programme.as_ref(),
        format,
        language: match args.language {
            WorkbookLanguage::En => Language::En,
            WorkbookLanguage::Zh => Language::Zh,
        },
        view: ReadContext { as_of: settings.today() },
    };
    let mut write = |file: &mut File| {
        let mut file = BufWriter::new(file);
        db::in_snapshot(&mut conn, |conn| bundle.write(conn, &mut file)).map_err(|error| explain(&error))?;
        file.flush().map_err(|error| format!("cannot write: {error}"))
    };
    match &args.output {
        Some(path) => write_atomically(path, write),
        None => {
            let mut file = tempfile::tempfile().map_err(|error| format!("cannot create a temporary file: {error}"))?;
            write(&mut file)?;
            file.rewind().map_err(|error| format!("cannot read a temporary file: {error}"))?;
            match std::io::copy(&mut file, &mut std::io::stdout().lock()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
                _ => Ok(()),
            }
        }
    }
}

/// Writes a temporary file beside `path`, and renames it when it is complete.
fn write_atomically(path: &Path, write: impl FnOnce(&mut File) -> Outcome) -> Outcome {
    let failed = |error: std::io::Error| paths::write_failure(path, &error);
    if path.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut file = NamedTempFile::new_in(paths::directory_of(path)).map_err(failed)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
