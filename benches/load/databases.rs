//! The databases that are measured. With `--keep`, a filled database is kept for the next run, and each run measures a copy.

use std::path::{Path, PathBuf};

use chrono::{Datelike, Utc};
use pairing_tracker::config::DatabaseUrl;
use sha2::{Digest, Sha256};

use super::Outcome;
use super::dataset::{self, Facts};
use super::postgres::Server;
use super::service::Program;

/// Where the databases of a backend are.
pub enum Databases {
    Sqlite(PathBuf),
    Postgres(Server),
}

/// A filled database.
pub struct Filled {
    pub program: Program,
    pub facts: Facts,
    /// A key that may write.
    pub key: String,
}

impl Databases {
    pub fn name(&self) -> &'static str {
        match self {
            Databases::Sqlite(_) => "SQLite",
            Databases::Postgres(_) => "PostgreSQL",
        }
    }

    /// A directory from which the database's server can read.
    pub fn directory(&self) -> &Path {
        match self {
            Databases::Sqlite(directory) => directory,
            Databases::Postgres(server) => server.directory(),
        }
    }

    fn url(&self, name: &str) -> Outcome<DatabaseUrl> {
        match self {
            Databases::Sqlite(directory) => Ok(DatabaseUrl::Sqlite(directory.join(format!("{name}.db")))),
            Databases::Postgres(server) => server.url(name),
        }
    }

    /// A new, empty database, in place of one that an earlier run left.
    pub fn create(&self, name: &str) -> Outcome<DatabaseUrl> {
        self.remove(name)?;
        if let Databases::Postgres(server) = self {
            server.execute(&format!("CREATE DATABASE {name}"))?;
        }
        self.url(name)
    }

    /// A database with so many milestones; a copy of a kept one where databases are kept.
    pub fn filled(&self, milestones: i64, is_kept: bool) -> Outcome<Filled> {
        let name = format!("load_{milestones}");
        let url = if is_kept {
            let kept = format!("filled_{milestones}_{}", self.fingerprint()?);
            if !self.exists(&kept)? {
                self.fill("filling", milestones)?;
                self.rename("filling", &kept)?;
            }
            self.copy(&kept, &name)?
        } else {
            self.fill(&name, milestones)?
        };
        let program = Program::new(url.clone());
        let key = program.run(&["key", "create", "--name", "load", "--role", "admin"])?;
        Ok(Filled { program, facts: dataset::facts(&url, milestones)?, key: key.trim().to_owned() })
    }

    fn fill(&self, name: &str, milestones: i64) -> Outcome<DatabaseUrl> {
        let url = self.create(name)?;
        Program::new(url.clone()).run(&["migrate"])?;
        eprintln!("{}: filling a database with {milestones} milestones", self.name());
        dataset::fill(&url, milestones, self.directory())?;
        Ok(url)
    }

    /// Differs when a kept database does not fit any more: by the tables, by the data set, or because its dates, which are
    /// relative to the day on which it was filled, are of another week.
    fn fingerprint(&self) -> Outcome<String> {
        let backend = if matches!(self, Databases::Sqlite(_)) { "sqlite" } else { "postgres" };
        let week = Utc::now().date_naive().iso_week();
        let mut digest = Sha256::new();
        digest.update(format!("{}-{}", week.year(), week.week()));
        digest.update(dataset::SOURCE);
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(backend);
        let failed = |e: std::io::Error| format!("cannot read {}: {e}", migrations.display());
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(&migrations).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            digest.update(std::fs::read(folder.join("up.sql")).map_err(failed)?);
        }
        Ok(digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect())
    }

    fn exists(&self, name: &str) -> Outcome<bool> {
        match self {
            Databases::Sqlite(directory) => Ok(directory.join(format!("{name}.db")).exists()),
            Databases::Postgres(server) => server.exists(name),
        }
    }

    fn remove(&self, name: &str) -> Outcome<()> {
        match self {
            Databases::Sqlite(directory) => {
                for suffix in ["", "-wal", "-shm"] {
                    let file = directory.join(format!("{name}.db{suffix}"));
                    if file.exists() {
                        std::fs::remove_file(&file).map_err(|e| format!("cannot remove {}: {e}", file.display()))?;
                    }
                }
                Ok(())
            }
            Databases::Postgres(server) => server.execute(&format!("DROP DATABASE IF EXISTS {name}")),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Outcome<()> {
        match self {
            Databases::Sqlite(directory) => {
                let [from, to] = [from, to].map(|name| directory.join(format!("{name}.db")));
                std::fs::rename(&from, &to).map_err(|e| format!("cannot rename {}: {e}", from.display()))
            }
            Databases::Postgres(server) => server.execute(&format!("ALTER DATABASE {from} RENAME TO {to}")),
        }
    }

    fn copy(&self, from: &str, to: &str) -> Outcome<DatabaseUrl> {
        eprintln!("{}: copying {from}", self.name());
        self.remove(to)?;
        match self {
            Databases::Sqlite(directory) => {
                let [from, file] = [from, to].map(|name| directory.join(format!("{name}.db")));
                // The copy is on disk before the measurements, whose commits would write it out.
                std::fs::copy(&from, &file)
                    .and_then(|_| std::fs::File::open(&file)?.sync_all())
                    .map_err(|e| format!("cannot copy {}: {e}", from.display()))?;
            }
            Databases::Postgres(server) => {
                server.execute(&format!("CREATE DATABASE {to} TEMPLATE {from}"))?;
                server.execute("CHECKPOINT")?;
            }
        }
        self.url(to)
    }
}
