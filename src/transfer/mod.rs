//! Bundles: records in files that people read and edit, brought into the database as one transaction.
//!
//! Reading finds every fault of every file ([`bundle`]); applying creates what is not there, changes what differs, and
//! leaves the rest. A plan is the same work with the transaction rolled back, so that it never promises what applying
//! would refuse.

pub mod bundle;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::Connection;
use serde_json::Value;

use crate::access::Actor;
use crate::contract::Contract;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::resources::record::{Outcome, Tx};
use crate::resources::{self, KINDS};
use bundle::{Complaint, Entry};
use std::sync::Arc;

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub path: &'static str,
    pub code: String,
    pub outcome: Outcome,
    /// The fields that differ, where the record is changed.
    pub fields: Vec<String>,
}

/// Why a bundle was not applied.
#[derive(Debug)]
pub enum Refusal {
    /// Every fault of the files, by file and line.
    Complaints(Vec<Complaint>),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Refusal {
        Refusal::Failed(error.into())
    }
}

/// Who brings a bundle in, and when.
pub struct Import<'a> {
    pub actor: &'a Actor,
    pub request_id: &'a str,
    pub contract: &'a Arc<Contract>,
    pub today: NaiveDate,
}

impl Import<'_> {
    /// Says what applying would do, and does nothing.
    pub fn plan(&self, conn: &mut Conn, entries: &[Entry]) -> Result<Vec<Line>, Refusal> {
        let mut lines = Err(Refusal::Failed(Error::unexpected("nothing was planned")));
        let rolled_back = conn.transaction(|conn| {
            lines = self.write_all(conn, entries);
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        match rolled_back {
            Err(diesel::result::Error::RollbackTransaction) | Ok(()) => lines,
            Err(error) => Err(error.into()),
        }
    }

    /// Brings every record in, or none of them.
    pub fn apply(&self, conn: &mut Conn, entries: &[Entry]) -> Result<Vec<Line>, Refusal> {
        conn.transaction(|conn| self.write_all(conn, entries))
    }

    fn write_all(&self, conn: &mut Conn, entries: &[Entry]) -> Result<Vec<Line>, Refusal> {
        Tx::run(conn, self.actor, self.request_id, self.contract, self.today, |tx| self.put_all(tx, entries))
    }

    fn put_all(&self, tx: &mut Tx<'_>, entries: &[Entry]) -> Result<Vec<Line>, Refusal> {
        let mut complaints = bundle::judge(self.contract, entries)?;
        let mut lines = Vec::new();
        // A record whose own fault is known is not tried; what refers to it would only repeat that.
        let mut failed: BTreeSet<(&str, String)> =
            complaints.iter().map(|complaint| (complaint.path, complaint.code.clone())).collect();
        for kind in KINDS {
            let of_kind: Vec<&Entry> = entries.iter().filter(|entry| entry.path == kind.path).collect();
            for entry in in_order(&of_kind, kind.after) {
                if failed.contains(&(entry.path, entry.code.clone())) {
                    continue;
                }
                // Each record in its own savepoint: PostgreSQL goes on after a fault only so.
                let put = tx.savepoint(|tx| resources::put(tx, entry.path, &entry.code, &entry.document));
                match put {
                    Ok((outcome, fields)) => {
                        lines.push(Line { path: kind.path, code: entry.code.clone(), outcome, fields });
                    }
                    Err(Error::Problem(problem)) => {
                        failed.insert((entry.path, entry.code.clone()));
                        let own = entry.complaints(&problem).into_iter();
                        complaints.extend(own.filter(|complaint| !entry.echoes(complaint, &failed)));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if complaints.is_empty() { Ok(lines) } else { Err(Refusal::Complaints(complaints)) }
    }
}

/// The records of one kind with what they refer to first, otherwise as they stand in the files.
fn in_order<'a>(entries: &[&'a Entry], after: &[&str]) -> Vec<&'a Entry> {
    let by_code: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.code.as_str(), *entry)).collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(entries.len());
    for entry in entries {
        visit(entry, after, &by_code, &mut done, &mut ordered);
    }
    ordered
}

fn visit<'a>(
    entry: &'a Entry,
    after: &[&str],
    by_code: &BTreeMap<&str, &'a Entry>,
    done: &mut BTreeSet<&'a str>,
    ordered: &mut Vec<&'a Entry>,
) {
    if !done.insert(&entry.code) {
        return;
    }
    for field in after {
        let named: Vec<&str> = match &entry.document[*field] {
            Value::String(code) => vec![code],
            Value::Array(codes) => codes.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        for code in named {
            if let Some(before) = by_code.get(code) {
                visit(before, after, by_code, done, ordered);
            }
        }
    }
    ordered.push(entry);
}
