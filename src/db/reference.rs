//! Kinds of records, and references between records.
//!
//! A [`Kind`] is data: the names of a resource, where its rows are, and what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryResult;
use diesel::sql_types::{self, BigInt, Nullable, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backend::statement::{Bind, Statement, one_of};
use super::backend::{Edges, lock_clause};
use super::names::{self, Names};
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

/// A kind of record: what the service must know of a resource to refer to its records. It is data; the methods that use it are the
/// same for every kind.
#[derive(Debug)]
pub struct Kind {
    /// Singular, as in an audit event's `entity`.
    pub name: &'static str,
    /// Plural, as in the path.
    pub path: &'static str,
    /// Its number in the text index; never given to another kind.
    pub number: i64,
    /// The table of its rows, with the columns `id`, `code`, `version`, `created_at` and `updated_at`.
    pub table: &'static str,
    /// The column of tables of parts and links that holds the record's id.
    pub owner: &'static str,
    /// How a reference names a record.
    pub naming: Naming,
    /// What a record belongs to.
    pub belongs: Belongs,
    /// The columns that hold references, in lists that are joined.
    pub outgoing: &'static [&'static [Outgoing]],
    /// Fields whose references to other records of this kind must not form a cycle.
    pub acyclic: &'static [&'static str],
    /// Fields with personal data, shown only to keys of the record's pairing.
    pub private: &'static [&'static str],
    /// The description of its tag in the OpenAPI document, in English and Chinese.
    pub about: &'static str,
    /// The kind of the records that citations refer to: documents.
    pub cites: &'static Kind,
    /// The names of the kinds that computed fields are made from, besides those that a record refers to.
    pub computed_from: &'static [&'static str],
    /// Whether responses are cached. Those with data that changes without audit events, such as the last use of a key, are not.
    pub is_cached: bool,
    /// Whether imports contain such records, and a deleted one can be restored.
    pub is_restorable: bool,
    /// Whether only administrators may learn that such records exist.
    pub is_confidential: bool,
}

/// Every kind of record.
pub type Kinds = &'static [&'static Kind];

/// How a reference names a record.
#[derive(Debug)]
pub enum Naming {
    /// By a text in two columns of the record's row, the second of which may be null.
    Columns { zh: &'static str, en: &'static str },
    /// By a function of the ids.
    Function(fn(&mut Conn, &[i64]) -> QueryResult<Vec<Reference>>),
}

/// What the records of a kind belong to, which decides which keys may write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To all pairings.
    Shared,
    /// To the pairing that the column `pairing_id` names; where it is null, to all.
    ToPairing,
    /// To itself: a pairing.
    ToItself,
    /// To the administration: only administrators write it.
    ToAdministration,
}

/// A column that holds the id of a record, in a row of another record or of its parts.
#[derive(Debug)]
pub struct Outgoing {
    /// The field that holds the reference, as clients see it; empty where it is one of a part.
    pub field: &'static str,
    /// The kind that is referred to.
    pub to: &'static Kind,
    pub table: &'static str,
    pub column: &'static str,
}

impl Outgoing {
    /// How many rows refer to a record.
    pub fn count(&self, conn: &mut Conn, id: i64) -> QueryResult<i64> {
        let Outgoing { table, column, .. } = self;
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
        Ok(Statement::<(BigInt,)>::new(sql, [Bind::Id(id)]).row(conn)?.map_or(0, |(count,)| count))
    }
}

/// Queries that are the same for every kind, by [`Statement`]s over its table.
impl Kind {
    /// Those of these codes that exist, with the ids of their records.
    pub fn find_codes(&self, conn: &mut Conn, codes: &[&str]) -> QueryResult<Vec<(String, i64)>> {
        let sql = format!("SELECT code, id FROM {} WHERE {}", self.table, one_of(conn, "code", 1));
        let codes = Bind::texts(conn, codes);
        Statement::<(sql_types::Text, BigInt)>::new(sql, [codes]).rows(conn)
    }

    /// Returns up to `limit` ids after one, in order.
    pub fn ids_after(&self, conn: &mut Conn, id: i64, limit: i64) -> QueryResult<Vec<i64>> {
        let sql = format!("SELECT id FROM {} WHERE id > $1 ORDER BY id LIMIT $2", self.table);
        let ids = Statement::<(BigInt,)>::new(sql, [Bind::Id(id), Bind::Id(limit)]).rows(conn)?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// The record with this code as its own; [`Kind::find_code`] finds surrogate codes, too.
    pub fn own_code(&self, conn: &mut Conn, code: &str) -> QueryResult<Option<i64>> {
        let sql = format!("SELECT id FROM {} WHERE code = $1", self.table);
        Ok(Statement::<(BigInt,)>::new(sql, [Bind::Text(code.to_owned())]).row(conn)?.map(|(id,)| id))
    }

    /// The code of records and the instant of their creation.
    pub fn made(&self, conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Made>> {
        let sql = format!("SELECT id, code, created_at FROM {} WHERE {}", self.table, one_of(conn, "id", 1));
        let ids = Bind::ids(conn, ids);
        Statement::<(BigInt, Nullable<sql_types::Text>, Timestamp)>::new(sql, [ids]).rows(conn)
    }

    /// Whether a record exists.
    pub fn exists(&self, conn: &mut Conn, id: i64) -> QueryResult<bool> {
        let sql = format!("SELECT id FROM {} WHERE id = $1", self.table);
        Ok(Statement::<(BigInt,)>::new(sql, [Bind::Id(id)]).row::<(i64,)>(conn)?.is_some())
    }

    /// References to records, in no order.
    pub fn references(&self, conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
        let (zh, en) = match self.naming {
            Naming::Columns { zh, en } => (zh, en),
            Naming::Function(references) => return references(conn, ids),
        };
        type Named = (BigInt, Nullable<sql_types::Text>, sql_types::Text, Nullable<sql_types::Text>);
        let sql = format!("SELECT id, code, {zh}, {en} FROM {} WHERE {}", self.table, one_of(conn, "id", 1));
        let ids = Bind::ids(conn, ids);
        let rows: Vec<(i64, Option<String>, String, Option<String>)> =
            Statement::<Named>::new(sql, [ids]).rows(conn)?;
        Ok(rows.into_iter().map(|(id, code, zh, en)| Reference { id, code, name: Text { zh, en } }).collect())
    }

    /// The row's version, with the row locked until the transaction ends.
    pub fn lock(&self, conn: &mut Conn, id: i64) -> QueryResult<Option<i64>> {
        let sql = format!("SELECT version FROM {} WHERE id = $1{}", self.table, lock_clause(conn));
        Ok(Statement::<(BigInt,)>::new(sql, [Bind::Id(id)]).row(conn)?.map(|(version,)| version))
    }

    /// Deletes a row; its parts go with it by their foreign keys.
    pub fn delete(&self, conn: &mut Conn, id: i64) -> QueryResult<usize> {
        names::note_written(self);
        Statement::new(format!("DELETE FROM {} WHERE id = $1", self.table), [Bind::Id(id)]).run(conn)
    }

    /// The pairing in a record's row. The record exists.
    pub fn pairing(&self, conn: &mut Conn, id: i64) -> QueryResult<Option<i64>> {
        let sql = format!("SELECT pairing_id FROM {} WHERE id = $1", self.table);
        let found: Option<(Option<i64>,)> = Statement::<(Nullable<BigInt>,)>::new(sql, [Bind::Id(id)]).row(conn)?;
        found.map(|(pairing,)| pairing).ok_or(diesel::result::Error::NotFound)
    }

    /// Every column that holds a reference.
    pub fn references_out(&self) -> impl Iterator<Item = &'static Outgoing> {
        self.outgoing.iter().flat_map(|list| list.iter())
    }

    /// Fields that refer to other records of this kind, which an import therefore writes first.
    pub fn own_references(&self) -> impl Iterator<Item = &'static str> {
        let own = self.references_out().filter(|out| out.to.name == self.name && !out.field.is_empty());
        own.map(|out| out.field)
    }

    /// Where the references of an [acyclic](Kind::acyclic) field are stored, to follow them.
    pub fn edges(&self, field: &str) -> Option<Edges> {
        let out = self.references_out().find(|out| out.field == field && self.acyclic.contains(&field))?;
        Some(Edges { table: out.table, from: self.owner_column(out), to: out.column })
    }

    /// The column of a reference's table that holds the id of the record that refers.
    pub fn owner_column(&self, out: &Outgoing) -> &'static str {
        if out.table == self.table { "id" } else { self.owner }
    }
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
        let names = Names::of(self);
        if let Some(id) = names.as_ref().and_then(|names| names.id(reference)) {
            return Ok(Some(id));
        }
        let found = match reference.id() {
            Some(id) => self.exists(conn, id)?.then_some(id),
            None if reference.is_shaped() => self.find_code(conn, &reference.0)?,
            None => None,
        };
        if let (Some(names), Some(id)) = (names, found) {
            names.keep_id(reference, id);
        }
        Ok(found)
    }

    /// The id behind a code, or behind the code that stands in for one ([`surrogate_code`]).
    pub fn find_code(&self, conn: &mut Conn, code: &str) -> QueryResult<Option<i64>> {
        match self.own_code(conn, code)? {
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

    /// Reads all that were wanted, those that are not cached with one statement for each kind.
    pub fn load(&mut self, conn: &mut Conn) -> Result<()> {
        for (name, (kind, ids)) in std::mem::take(&mut self.kinds) {
            let Some(kind) = kind else { continue };
            let names = Names::of(kind);
            let mut missing = Vec::new();
            for id in ids {
                match names.as_ref().and_then(|names| names.get(id)) {
                    Some(reference) => drop(self.found.insert((name, id), reference)),
                    None => missing.push(id),
                }
            }
            for chunk in missing.chunks(10_000) {
                for reference in kind.references(conn, chunk)? {
                    if let Some(names) = &names {
                        names.keep(&reference);
                    }
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
