//! `openapi`: prints the OpenAPI document.

use clap::{Args, ValueEnum};

use super::{Outcome, write_out};
use crate::{app, openapi};

#[derive(Args, Clone)]
pub struct DocumentArgs {
    /// The format to print
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The version of OpenAPI; 3.0 is for generators that do not read 3.1
    #[arg(long, value_enum, default_value_t = SpecVersion::V3_1, value_name = "VERSION")]
    spec_version: SpecVersion,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Clone, Copy, ValueEnum)]
enum SpecVersion {
    #[value(name = "3.1")]
    V3_1,
    #[value(name = "3.0")]
    V3_0,
}

/// Prints the document on standard output.
pub fn print(args: DocumentArgs) -> Outcome {
    let DocumentArgs { format, spec_version } = args;
    let mut document = app::document().map_err(|e| e.to_string())?;
    if matches!(spec_version, SpecVersion::V3_0) {
        document = openapi::v3_0::from_3_1(&document);
    }
    let text = match format {
        Format::Json => openapi::json(&document),
        Format::Yaml => openapi::yaml(&document),
    };
    write_out(&text.map_err(|e| e.to_string())?)
}
