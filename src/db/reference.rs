//! Kinds of records, and references between records.
//!
//! A [`Kind`] is what the rest of the service must know of a resource to refer to it: its names, where its rows are, and
//! what its rows point at. A resource declares it with `kind!`.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Conn, surrogate_code};
use crate::error::{Faults, Result};
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};
use crate::msg;

/// Another record, by all its names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reference {
    /// The record's id.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The record's code; null where its kind needs none.
    #[schema(max_length = 100, example = "xinhui-taishan")]
    pub code: Option<String>,
    /// The record's name or title.
    pub name: Text,
}

impl Reference {
    /// The reference as a request gives it.
    pub fn key(&self) -> Ref {
        Ref(self.code.clone().unwrap_or_else(|| self.id.to_string()))
    }
}

/// A record's id and code, and the instant of its creation.
pub type Made = (i64, Option<String>, Instant);

/// Codes and the ids of their records.
pub type Coded = Vec<(String, i64)>;

/// A kind of record.
#[derive(Debug)]
pub struct Kind {
    /// Singular, as in the history's `entity`.
    pub name: &'static str,
    /// Plural, as in the path.
    pub path: &'static str,
    /// Its number in the text index; never given to another kind.
    pub number: i64,
    /// The ids of those codes that there are.
    pub find_codes: fn(&mut Conn, &[&str]) -> QueryResult<Coded>,
    /// The ids after one, in their order, of at most so many records.
    pub ids_after: fn(&mut Conn, i64, i64) -> QueryResult<Vec<i64>>,
    /// The record with this code as its own; [`Kind::find_code`] finds surrogate codes as well.
    pub own_code: fn(&mut Conn, &str) -> QueryResult<Option<i64>>,
    /// The code of records and the instant of their creation.
    pub made: fn(&mut Conn, &[i64]) -> QueryResult<Vec<Made>>,
    pub exists: fn(&mut Conn, i64) -> QueryResult<bool>,
    pub references: fn(&mut Conn, &[i64]) -> QueryResult<Vec<Reference>>,
    /// The row's version, with the row locked.
    pub lock: fn(&mut Conn, i64) -> QueryResult<Option<i64>>,
    pub delete: fn(&mut Conn, i64) -> QueryResult<usize>,
    pub refers_to: &'static [Outgoing],
    /// What it is, in English and Chinese: the description of its tag in the document.
    pub about: &'static str,
    /// Fields that name other records of this kind, which a bundle therefore brings in first.
    pub after: &'static [&'static str],
    /// Fields with personal data, shown only to keys of the record's pairing.
    pub private: &'static [&'static str],
    /// The kind of the records that citations name: documents.
    pub cites: &'static Kind,
    /// Whether imports bring such records, and a deleted one can be restored.
    pub is_restorable: bool,
    /// Whether only administrators may learn that such records exist.
    pub is_confidential: bool,
}

/// Every kind of record.
pub type Kinds = &'static [&'static Kind];

/// A column of a kind's rows that names a record of another kind.
#[derive(Debug)]
pub struct Outgoing {
    /// The name of the other kind.
    pub to: &'static str,
    /// How many rows name this id.
    pub count: fn(&mut Conn, i64) -> QueryResult<i64>,
}

impl Kind {
    /// Whether citations name records of this kind.
    pub fn is_cited(&self) -> bool {
        self.cites.name == self.name
    }

    /// The kind's name in ids of operations: `ProgressReport`.
    pub fn singular_id(&self) -> String {
        capitalized(self.name.split('_'))
    }

    /// The plural in ids of operations: `ProgressReports`.
    pub fn plural_id(&self) -> String {
        capitalized(self.path.split('-'))
    }

    /// The id behind a code or an id.
    pub fn find(&self, conn: &mut Conn, reference: &Ref) -> QueryResult<Option<i64>> {
        match reference.id() {
            Some(id) => Ok((self.exists)(conn, id)?.then_some(id)),
            None if reference.is_shaped() => self.find_code(conn, &reference.0),
            None => Ok(None),
        }
    }

    /// The id behind a code, or behind the code that stands in for one ([`surrogate_code`]).
    pub fn find_code(&self, conn: &mut Conn, code: &str) -> QueryResult<Option<i64>> {
        match (self.own_code)(conn, code)? {
            Some(id) => Ok(Some(id)),
            None => surrogate_code::find(conn, self, code),
        }
    }

    /// The id behind a reference of a request, or a fault at its field.
    pub fn resolve(
        &self,
        conn: &mut Conn,
        faults: &mut Faults,
        pointer: impl Into<String>,
        reference: &Ref,
    ) -> Result<Option<i64>> {
        let found = self.find(conn, reference)?;
        if found.is_none() {
            let kind = self.name;
            faults.push(
                pointer,
                "unknown_reference",
                msg!("没有 {kind} “{reference}”。", "names no {kind}: \"{reference}\""),
            );
        }
        Ok(found)
    }

    /// [`Kind::resolve`] for a reference that may be absent.
    pub fn resolve_optional(
        &self,
        conn: &mut Conn,
        faults: &mut Faults,
        pointer: impl Into<String>,
        reference: Option<&Ref>,
    ) -> Result<Option<i64>> {
        match reference {
            Some(reference) => self.resolve(conn, faults, pointer, reference),
            None => Ok(None),
        }
    }

    /// [`Kind::resolve`] for a list in which nothing may stand twice.
    pub fn resolve_all(
        &self,
        conn: &mut Conn,
        faults: &mut Faults,
        pointer: &str,
        references: &[Ref],
    ) -> Result<Vec<i64>> {
        let mut ids = Vec::with_capacity(references.len());
        for (index, reference) in references.iter().enumerate() {
            let Some(id) = self.resolve(conn, faults, format!("{pointer}/{index}"), reference)? else { continue };
            if ids.contains(&id) {
                faults.push(
                    format!("{pointer}/{index}"),
                    "repeated",
                    msg!("“{reference}”重复出现。", "names \"{reference}\" a second time"),
                );
            } else {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// Words joined into one, each with a capital.
fn capitalized<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}

/// References that a page of records embeds: gathered first, then read with one query a kind.
#[derive(Default)]
pub struct References {
    kinds: BTreeMap<&'static str, (Option<&'static Kind>, BTreeSet<i64>)>,
    found: BTreeMap<(&'static str, i64), Reference>,
}

impl References {
    /// Notes that a record will be named.
    pub fn want(&mut self, kind: &'static Kind, id: impl Into<Option<i64>>) {
        if let Some(id) = id.into() {
            let entry = self.kinds.entry(kind.name).or_default();
            entry.0 = Some(kind);
            entry.1.insert(id);
        }
    }

    /// Reads all that were wanted.
    pub fn load(&mut self, conn: &mut Conn) -> Result<()> {
        for (name, (kind, ids)) in std::mem::take(&mut self.kinds) {
            let Some(kind) = kind else { continue };
            let ids: Vec<i64> = ids.into_iter().collect();
            for chunk in ids.chunks(10_000) {
                for reference in (kind.references)(conn, chunk)? {
                    self.found.insert((name, reference.id), reference);
                }
            }
        }
        Ok(())
    }

    /// The reference to a record that was wanted; a record that was deleted meanwhile is named by its id alone.
    pub fn get(&self, kind: &'static Kind, id: i64) -> Reference {
        self.found.get(&(kind.name, id)).cloned().unwrap_or_else(|| Reference {
            id,
            code: None,
            name: Text { zh: format!("#{id}"), en: None },
        })
    }

    /// The references that a list of links gives to one owner, in order.
    pub fn linked(&self, kind: &'static Kind, links: &[(i64, i64)], owner: i64) -> Vec<Reference> {
        links.iter().filter(|(from, _)| *from == owner).map(|(_, to)| self.get(kind, *to)).collect()
    }

    /// [`References::get`] for a column that may be null.
    pub fn optional(&self, kind: &'static Kind, id: Option<i64>) -> Option<Reference> {
        id.map(|id| self.get(kind, id))
    }
}
