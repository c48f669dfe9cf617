//! `export`: records taken out as a bundle or a workbook.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;

use super::keys::explain;
use super::{Outcome, open_existing};
use crate::access::Sight;
use crate::app;
use crate::config::Settings;
use crate::db;
use crate::http::format::Format;
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::record::View;
use crate::transfer::export::bundle::Bundle;

#[derive(Args)]
pub struct ExportArgs {
    /// A programme by its code or id: what belongs to it, and every record that this names [default: every record]
    #[arg(long, value_name = "CODE")]
    programme: Option<String>,
    /// yaml, json or xlsx [default: what the name of --output ends with, otherwise yaml]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// The file, which is written whole or not at all [default: the standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The language of a workbook's headers and words
    #[arg(long, value_enum, default_value_t = Words::En)]
    language: Words,
    /// With personal data: liaisons' contacts and the names of seconded people
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
enum Words {
    En,
    Zh,
}

impl ExportArgs {
    fn format(&self) -> Format {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        match (self.format, ending) {
            (Some(FileFormat::Json), _) | (None, Some("json")) => Format::Json,
            (Some(FileFormat::Xlsx), _) | (None, Some("xlsx")) => Format::Xlsx,
            (Some(FileFormat::Yaml) | None, _) => Format::Yaml,
        }
    }
}

pub fn run(settings: &Settings, args: ExportArgs) -> Outcome {
    let mut conn = open_existing(settings)?;
    let catalog = app::catalog().map_err(|e| e.to_string())?;
    let programme = args.programme.as_ref().map(|code| Ref(code.clone()));
    let bundle = Bundle {
        contract: &catalog.contract,
        sight: if args.personal { &Sight::Everything } else { &Sight::Nothing },
        programme: programme.as_ref(),
        format: args.format(),
        language: match args.language {
            Words::En => Language::En,
            Words::Zh => Language::Zh,
        },
        view: View { as_of: settings.today() },
    };
    let mut write = |file: &mut File| {
        let mut file = BufWriter::new(file);
        db::in_snapshot(&mut conn, |conn| bundle.write(conn, &mut file)).map_err(|error| explain(&error))?;
        file.flush().map_err(|error| format!("cannot write: {error}"))
    };
    match &args.output {
        Some(path) => write_whole(path, write),
        None => {
            let mut file = tempfile::tempfile().map_err(|error| format!("cannot make a temporary file: {error}"))?;
            write(&mut file)?;
            file.rewind().map_err(|error| format!("cannot read a temporary file: {error}"))?;
            match std::io::copy(&mut file, &mut std::io::stdout().lock()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
                _ => Ok(()),
            }
        }
    }
}

/// Writes a file beside its place, and puts it there when it is whole.
fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> Outcome) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).map_err(failed)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
