//! Compresses the files that the program serves rarely or only to browsers, and rebuilds the crate when files are added to
//! directories that are embedded or read by macros.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::{env, fs};

use flate2::{Compression, GzBuilder};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// The document in each format.
const DOCUMENTS: [&str; 3] = ["openapi.json", "openapi.yaml", "openapi-3.0.json"];
/// The files of Swagger UI that the page loads.
const SWAGGER_UI: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

fn main() -> io::Result<()> {
    for folder in ["migrations", "seed", "tests/api"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    let directory = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    for name in DOCUMENTS {
        let path = Path::new("openapi").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        compress(&fs::read(path)?, Path::new(&directory), name)?;
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let path = file.name()?.into_owned();
        if let Some(name) = SWAGGER_UI.iter().find(|name| path.ends_with(&format!("/dist/{name}"))) {
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            compress(&content, Path::new(&directory), name)?;
        }
    }
    Ok(())
}

/// Writes a file, compressed, as `name.gz`.
fn compress(content: &[u8], directory: &Path, name: &str) -> io::Result<()> {
    let file = File::create(directory.join(format!("{name}.gz")))?;
    let mut encoder = GzBuilder::new().write(file, Compression::best());
    io::copy(&mut &content[..], &mut encoder)?;
    encoder.finish().map(drop)
}
