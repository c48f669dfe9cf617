//! The format of a backup, a tar file. Its first member is `manifest.json`, which describes the backup and lists every other
//! member with its size and SHA-256: `database.sqlite` or `database.pgdump` (pg_dump's custom format), and `files/SHA256`
//! for each file that is stored in a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::at;
use crate::config::paths;
use crate::model::hex;

/// The version of the format. Later versions are refused.
pub const FORMAT: u64 = 1;
const MANIFEST: &str = "manifest.json";
/// The size limit of a manifest, which is read into memory.
const MANIFEST_MAX: u64 = 256 << 20;
/// The directory with the files of documents in the archive.
pub const FILES: &str = "files/";

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The member with the database.
    pub fn member(self) -> &'static str {
        match self {
            Backend::Sqlite => "database.sqlite",
            Backend::Postgres => "database.pgdump",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        }
    }
}

/// The description of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u64,
    /// The program's name and version.
    pub program: String,
    pub version: String,
    /// The instant of the data, in RFC 3339.
    pub created_at: String,
    pub backend: Backend,
    /// The major version of pg_dump.
    pub pg_dump: Option<i64>,
    /// The last migration of the database, and all of them.
    pub schema_version: String,
    pub migrations: Vec<String>,
    /// The head of the audit log as `audit verify` prints it; `None` if the log is not intact, or its schema is not this
    /// program's.
    pub audit_head: Option<String>,
    /// The rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// Names of the checks that failed when the backup was created.
    pub failed_checks: Vec<String>,
    /// Every other member of the archive, in order.
    pub members: Vec<Member>,
}

impl Manifest {
    /// The number of documents' files.
    pub fn files(&self) -> usize {
        self.members.iter().filter(|member| member.path.starts_with(FILES)).count()
    }
}

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

impl Member {
    /// Reads a file to describe it as a member.
    pub fn of(path: String, file: &Path) -> Result<Member, String> {
        let mut reader = BufReader::new(File::open(file).map_err(at(file))?);
        let (size, sha256) = copy(&mut reader, &mut std::io::sink()).map_err(at(file))?;
        Ok(Member { path, size, sha256 })
    }
}

/// Copies everything; returns the size and the SHA-256.
pub fn copy(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut digest, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((size, hex(&digest.finalize()))),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        size += count as u64;
    }
}

/// Writes an archive; `file_of` gives the path of each member's contents.
pub fn write<'a>(to: &mut File, manifest: &Manifest, file_of: impl Fn(&Member) -> &'a Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot write the archive: {e}");
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 16, to));
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|e| e.to_string())?;
    text.push(b'\n');
    let mut header = header(text.len() as u64);
    archive.append_data(&mut header, MANIFEST, text.as_slice()).map_err(failed)?;
    for member in &manifest.members {
        let path = file_of(member);
        let file = File::open(path).map_err(at(path))?;
        // If the file has grown meanwhile, the verification of the archive detects it.
        archive.append_data(&mut self::header(member.size), &member.path, file.take(member.size)).map_err(failed)?;
    }
    archive.into_inner().and_then(|mut writer| writer.flush()).map_err(failed)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(size);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    header.set_mtime(now.map_or(0, |since| since.as_secs()));
    header
}

/// Reads the whole archive and compares each member with the manifest, which is returned.
pub fn verify(archive: &Path) -> Result<Manifest, String> {
    read(archive, &mut |_| Ok(Box::new(std::io::sink())))
}

/// Opens the writer for a member.
pub type Open<'a> = dyn FnMut(&Member) -> Result<Box<dyn Write>, String> + 'a;

/// Copies each member to its own writer, and compares it with the manifest.
pub fn read(archive: &Path, to: &mut Open<'_>) -> Result<Manifest, String> {
    let damaged = |what: &str| format!("{} is damaged: {what}", archive.display());
    let no_backup = || {
        format!("{} is not a backup of pairing-tracker; name a file that the command backup wrote", archive.display())
    };
    let failed = |error: std::io::Error| paths::read_failure(archive, &error);
    if archive.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let file = File::open(archive).map_err(failed)?;
    let mut reader = tar::Archive::new(BufReader::with_capacity(1 << 16, file));
    let mut entries = reader.entries().map_err(|_| no_backup())?;
    let mut first = entries.next().ok_or_else(no_backup)?.map_err(|_| no_backup())?;
    if first.path().ok().as_deref() != Some(Path::new(MANIFEST)) {
        return Err(no_backup());
    }
    let mut text = Vec::new();
    let declared = first.size();
    (&mut first).take(MANIFEST_MAX).read_to_end(&mut text).map_err(|_| damaged("its manifest ends early"))?;
    if text.len() as u64 != declared {
        return Err(damaged("its manifest ends early"));
    }
    let manifest = parse(&text).map_err(|error| match error {
        Some(newer) => newer,
        None => damaged("its manifest cannot be read"),
    })?;
    let mut members = manifest.members.iter();
    for entry in entries {
        let mut entry = entry.map_err(|_| damaged("it ends early"))?;
        let member = members.next().ok_or_else(|| damaged("it has members that its manifest does not list"))?;
        let is_expected = entry.header().entry_type().is_file()
            && entry.path().is_ok_and(|path| *path == *Path::new(&member.path))
            && entry.size() == member.size;
        if !is_expected {
            return Err(damaged(&format!("{} is not in the order of its manifest", member.path)));
        }
        let mut target = to(member)?;
        let mut failing = Failing { target: &mut target, error: None };
        let copied = copy(&mut entry, &mut failing);
        if let Some(error) = failing.error {
            return Err(format!("cannot write {}: {error}", member.path));
        }
        let (size, sha256) = copied.map_err(|_| damaged("it ends early"))?;
        if size < member.size {
            return Err(damaged("it ends early"));
        }
        if sha256 != member.sha256 {
            return Err(damaged(&format!("{} does not match its manifest", member.path)));
        }
        target.flush().map_err(|e| format!("cannot write {}: {e}", member.path))?;
    }
    match members.next() {
        Some(member) => Err(damaged(&format!("{} is missing", member.path))),
        None => Ok(manifest),
    }
}

/// Records errors of the target, to distinguish them from a damaged archive.
struct Failing<'a> {
    target: &'a mut dyn Write,
    error: Option<String>,
}

impl Write for Failing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.target.write(bytes).inspect_err(|error| self.error = Some(error.to_string()))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.target.flush()
    }
}

/// Parses a manifest. The error is `Some` if the format is newer than this program, `None` if it is not a manifest.
fn parse(text: &[u8]) -> Result<Manifest, Option<String>> {
    let value: Value = serde_json::from_slice(text).map_err(|_| None)?;
    let format = value["format"].as_u64().ok_or(None)?;
    if format > FORMAT {
        let version = value["version"].as_str().unwrap_or("of a later version");
        return Err(Some(format!(
            "the backup was made by pairing-tracker {version} in a format that is newer than this program; restore it with that version"
        )));
    }
    serde_json::from_value(value).map_err(|_| None)
}
