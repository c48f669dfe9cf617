//! Queries and writes of a file, spooled to disk by resource until they are written to the database in the order of their references.
//! Memory holds an index of some bytes per record.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use indexmap::IndexMap;
use indexmap::map::Entry as IndexEntry;
use serde_json::Value;

use super::fault::{ImportFault, Severity};
use super::row::{Layout, Row, Sink};
use crate::access::redaction;
use crate::db::reference::Kind;
use crate::error::{Error, Fault, Problem, Result};
use crate::msg;
use crate::normalize::name_key;
use crate::resources::{self, Form};
use crate::spool::{Items, Spool};

/// The most records of a file.
pub const RECORDS_MAX: usize = 1_000_000;
/// The most names of one kind that are indexed; beyond them, records can be referred to by code alone.
pub const NAMES_MAX: usize = 20_000;
/// The most codes that are stored for one name: two make the name ambiguous, and a message lists five at most.
const SAME_NAME_MAX: usize = 5;

/// The most faults that reading reports before it stops.
const FAULTS_READ: usize = 20_001;
const TOO_MANY_FAULTS: &str = "too_many_faults";

/// The hash of a code. Two codes of one file collide once in some billions of files.
pub type CodeHash = u64;

/// All rows and faults of a file.
pub struct Gathered {
    pub layouts: Vec<Layout>,
    pub faults: Spool<ImportFault>,
    records: HashMap<&'static str, Records>,
    forms: HashMap<&'static str, Form>,
    /// Fields whose cells could not be read, by [`field_hash`].
    unread: HashSet<u64>,
    /// How many records the file has, including faulty ones.
    pub count: usize,
}

/// The records of a kind by code, in the order of the file.
type Index = IndexMap<CodeHash, Stored>;

/// The place of a record in the spool and in the file.
#[derive(Clone, Copy, Debug)]
struct Stored {
    place: u64,
    table: u32,
    row: u32,
}

struct Records {
    rows: Spool<Row>,
    index: Index,
    /// References to records of the same kind, by the number of the record that has them.
    before: HashMap<usize, Vec<CodeHash>>,
    /// Chinese and English names with the codes of the records that have them.
    names: HashMap<String, Vec<String>>,
}

impl Gathered {
    pub fn new() -> Result<Gathered> {
        let forms = resources::forms().into_iter().map(|form| (form.kind.path, form)).collect();
        let (layouts, records, unread) = (Vec::new(), HashMap::new(), HashSet::new());
        Ok(Gathered { layouts, faults: Spool::new()?, records, forms, unread, count: 0 })
    }

    /// The codes of the file's records that have a name, compared by [`name_key`].
    pub fn named(&self, path: &str, name: &str) -> &[String] {
        self.records.get(path).and_then(|records| records.names.get(&name_key(name))).map_or(&[], Vec::as_slice)
    }

    /// Whether the cell of a field could not be read, which is reported already.
    pub fn is_unread(&self, path: &str, code: &str, pointer: &str) -> bool {
        self.unread.contains(&field_hash(path, code, pointer))
    }

    /// Whether the file has records of a kind.
    pub fn has(&self, path: &str) -> bool {
        self.records.contains_key(path)
    }

    /// Whether the file has a record.
    pub fn has_code(&self, path: &str, code: &str) -> bool {
        self.records.get(path).is_some_and(|records| records.index.contains_key(&hash_of(code)))
    }

    /// The records of a kind, each after those of the kind that it refers to.
    pub fn in_order(&mut self, path: &str) -> Result<InOrder> {
        let Some(records) = self.records.get_mut(path) else { return Ok(InOrder { items: None, places: None }) };
        let places = (!records.before.is_empty()).then(|| {
            let numbers = sorted(&records.index, &records.before);
            numbers.into_iter().rev().map(|number| records.index[number].place).collect()
        });
        Ok(InOrder { items: Some(records.rows.read()?), places })
    }
}

/// Iterates over the records of a kind.
pub struct InOrder {
    items: Option<Items<Row>>,
    /// Places in reverse order; `None` for the order of the file.
    places: Option<Vec<u64>>,
}

impl Iterator for InOrder {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        let items = self.items.as_mut()?;
        match &mut self.places {
            None => items.next(),
            Some(places) => Some(items.at(places.pop()?)),
        }
    }
}

impl Sink for Gathered {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        self.layouts.push(layout);
        Ok(())
    }

    fn row(&mut self, mut row: Row) -> Result<()> {
        let Some(form) = self.forms.get(row.path.as_str()) else {
            return Err(Error::unexpected(format!("no resource {}", row.path)));
        };
        let kind = form.kind;
        redaction::remove_marked(kind, &mut row.document);
        self.count += 1;
        if self.count > RECORDS_MAX {
            if self.count == RECORDS_MAX + 1 {
                let message = msg!(
                    "最多 {RECORDS_MAX} 条记录，请分批导入。",
                    "has more than {RECORDS_MAX} records; split it into several files"
                );
                self.faults.push(&ImportFault::of_file("too_many_records", &message))?;
            }
            return Ok(());
        }
        let records = match self.records.entry(kind.path) {
            Entry::Occupied(records) => records.into_mut(),
            Entry::Vacant(place) => place.insert(Records {
                rows: Spool::new()?,
                index: Index::new(),
                before: HashMap::new(),
                names: HashMap::new(),
            }),
        };
        let number = records.index.len();
        let new = match records.index.entry(hash_of(&row.code)) {
            IndexEntry::Occupied(first) => {
                let Stored { table, row: first, .. } = *first.get();
                let sheet = self.layouts.get(table as usize).and_then(|layout| layout.sheet.as_deref());
                let first = sheet.map_or_else(|| first.to_string(), |sheet| format!("{sheet}:{first}"));
                let message = msg!("与 {first} 重复。", "repeats the code of {first}");
                let fault = Fault { pointer: "/code".to_owned(), code: "repeated", message };
                self.faults.push(&row.fault(&self.layouts, &fault))?;
                return Ok(());
            }
            IndexEntry::Vacant(new) => new,
        };
        let place = records.rows.push(&row)?;
        new.insert(Stored { place, table: row.place.table, row: row.place.row });
        let before: Vec<CodeHash> = named_by(kind, &row.document).map(hash_of).collect();
        if !before.is_empty() {
            records.before.insert(number, before);
        }
        if records.names.len() < NAMES_MAX {
            for name in names_of(&row.document) {
                let codes = records.names.entry(name_key(name)).or_default();
                // A record with the same name in both languages counts once.
                if codes.len() < SAME_NAME_MAX && codes.last() != Some(&row.code) {
                    codes.push(row.code.clone());
                }
            }
        }
        Ok(())
    }

    fn fault(&mut self, mut fault: ImportFault) -> Result<()> {
        if fault.severity == Severity::Error && fault.code.is_empty() {
            "invalid".clone_into(&mut fault.code);
        }
        // So many faults have one cause, such as a wrong file; reading the rest would not help.
        if self.faults.len() >= FAULTS_READ {
            return Err(Problem::new(422, TOO_MANY_FAULTS, msg!("问题过多", "There are too many faults")).into());
        }
        if let (Severity::Error, Some(path), Some(code)) = (fault.severity, &fault.resource, &fault.record) {
            let field = fault.pointer.get(1..).unwrap_or_default().split('/').next().unwrap_or_default();
            // A text that lacks one language is reported as missing as a whole.
            for pointer in [fault.pointer.as_str(), &format!("/{field}")] {
                self.unread.insert(field_hash(path, code, pointer));
            }
        }
        self.faults.push(&fault)?;
        Ok(())
    }
}

fn field_hash(path: &str, code: &str, pointer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, code, pointer).hash(&mut hasher);
    hasher.finish()
}

/// The result of reading a file; having stopped because of too many faults is not an error.
pub fn until_full(read: Result<()>) -> Result<()> {
    match read {
        Err(Error::Problem(problem)) if problem.code == TOO_MANY_FAULTS => Ok(()),
        read => read,
    }
}

/// The codes of the records of the same kind that a record refers to.
pub fn named_by<'a>(kind: &Kind, document: &'a Value) -> impl Iterator<Item = &'a str> {
    kind.own_references().flat_map(|field| match &document[field] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    })
}

/// The names of a record in each language.
pub fn names_of(document: &Value) -> impl Iterator<Item = &str> {
    ["name", "title", "text"]
        .into_iter()
        .flat_map(move |field| ["zh", "en"].into_iter().filter_map(move |language| document[field][language].as_str()))
}

pub fn hash_of(code: &str) -> CodeHash {
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    hasher.finish()
}

/// The numbers of the records, each after those that it refers to; otherwise in the order of the file. Cycles are cut.
fn sorted(index: &Index, before: &HashMap<usize, Vec<CodeHash>>) -> Vec<usize> {
    let mut is_done = vec![false; index.len()];
    let mut order = Vec::with_capacity(index.len());
    // Iterative: a chain of references may be of any length and would overflow the stack.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for number in 0..index.len() {
        if !is_done[number] {
            is_done[number] = true;
            open.push((number, 0));
        }
        while let Some((current, next)) = open.last_mut() {
            let named = before.get(current).and_then(|named| named.get(*next));
            *next += 1;
            match named.and_then(|hash| index.get_index_of(hash)) {
                Some(other) if !is_done[other] => {
                    is_done[other] = true;
                    open.push((other, 0));
                }
                Some(_) => {}
                None if named.is_some() => {}
                None => {
                    order.push(*current);
                    open.pop();
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transfer::row::Place;

    fn gathered(records: impl IntoIterator<Item = (String, Vec<String>)>) -> Vec<String> {
        let mut gathered = Gathered::new().unwrap();
        for (row, (code, depends_on)) in (1..).zip(records) {
            let document = json!({ "code": code, "depends_on": depends_on });
            let place = Place { row, ..Place::default() };
            gathered.row(Row { path: "milestones".to_owned(), code, document, place }).unwrap();
        }
        gathered.in_order("milestones").unwrap().map(|row| row.unwrap().code).collect()
    }

    fn owned(records: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        records.iter().map(|(code, named)| ((*code).to_owned(), text(named))).collect()
    }

    #[test]
    fn referenced_records_come_first() {
        let records = owned(&[("c", &["b", "x"]), ("a", &[]), ("b", &["a"]), ("d", &["c"])]);
        assert_eq!(gathered(records), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_cycle_is_cut() {
        assert_eq!(gathered(owned(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])])), ["c", "b", "a"]);
    }

    #[test]
    fn a_long_chain_does_not_recurse() {
        let chain = (0..50_000).map(|n| (format!("m{n}"), vec![format!("m{}", n + 1)]));
        let order = gathered(chain);
        assert_eq!((order.len(), order[0].as_str(), order[49_999].as_str()), (50_000, "m49999", "m0"));
    }
}
