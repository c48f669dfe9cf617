//! References by name: people write `恩平市` where programs write `enping`. Names are looked up and replaced by codes; a
//! reference that is not found is reported with the nearest known name.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::columns::{Choice, Column, Shape, Table};
use super::fault::ImportFault;
use super::gather::{Gathered, NAMES_MAX};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::{Fault, Result};
use crate::model::similar;
use crate::model::types::Ref;
use crate::msg;
use crate::normalize::{name_key, spelled};
use crate::validation::escape;

/// How similar two texts must be, from 0 to 1, for one to be suggested for the other.
const ALIKE: f64 = 0.5;
/// Records read per query.
const PAGE: i64 = 1_000;

/// The names and codes of records by kind, each kind loaded on first use.
#[derive(Default)]
pub struct Names(HashMap<&'static str, OfKind>);

#[derive(Default)]
struct OfKind {
    /// Codes by the [`name_key`] of the names.
    by_name: HashMap<String, Vec<String>>,
    names: Vec<String>,
    codes: Vec<String>,
}

impl Names {
    fn of(&mut self, conn: &mut Conn, kind: &'static Kind) -> Result<&OfKind> {
        if !self.0.contains_key(kind.name) {
            let mut found = OfKind::default();
            let mut after = 0;
            while found.names.len() < 2 * NAMES_MAX {
                let ids = kind.ids_after(conn, after, PAGE)?;
                let Some(last) = ids.last() else { break };
                after = *last;
                for reference in kind.references(conn, &ids)? {
                    let key = reference.key().0;
                    for name in crate::model::text::Text::all(Some(&reference.name)) {
                        found.by_name.entry(name_key(name)).or_default().push(key.clone());
                        found.names.push(name.to_owned());
                    }
                    // Surrogate codes are not suggested: people do not write them.
                    found.codes.extend(reference.code);
                }
            }
            self.0.insert(kind.name, found);
        }
        Ok(&self.0[kind.name])
    }

    /// Replaces the names in a record by codes. Returns a fault for each name that no record has, or that several have.
    pub fn resolve(
        &mut self,
        conn: &mut Conn,
        gathered: &Gathered,
        tables: &[Table],
        document: &mut Value,
    ) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        each(tables, document, &mut |pointer, kind, text| {
            if Ref(text.clone()).is_shaped() && !is_number(text) {
                return Ok(());
            }
            match self.codes(conn, gathered, kind, text)?.as_slice() {
                [code] => code.clone_into(text),
                [] if is_number(text) => faults.push(by_number(pointer, kind, text)),
                [] => faults.push(unknown(pointer, kind, text)),
                several => faults.push(ambiguous(pointer, text, several)),
            }
            Ok(())
        })?;
        Ok(faults)
    }

    /// The faults of references that are not found, for a record that is not written because of other faults.
    pub fn unknown_references(
        &self,
        conn: &mut Conn,
        gathered: &Gathered,
        tables: &[Table],
        document: &mut Value,
    ) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        each(tables, document, &mut |pointer, kind, text| {
            let reference = Ref(text.clone());
            let is_known = gathered.has_code(kind.path, text) || kind.find(conn, &reference)?.is_some();
            if reference.is_shaped() && !is_known {
                faults.push(unknown(pointer, kind, text));
            }
            Ok(())
        })?;
        Ok(faults)
    }

    fn codes(&mut self, conn: &mut Conn, gathered: &Gathered, kind: &'static Kind, name: &str) -> Result<Vec<String>> {
        let mut codes: Vec<String> = gathered.named(kind.path, name).to_vec();
        let there = self.of(conn, kind)?.by_name.get(&name_key(name));
        codes.extend(there.into_iter().flatten().cloned());
        codes.sort_unstable();
        codes.dedup();
        Ok(codes)
    }

    /// Adds the most similar known value to a fault, if one is similar enough.
    pub fn suggest(&mut self, conn: &mut Conn, tables: &[Table], fault: &mut ImportFault) -> Result<()> {
        let Some(value) = fault.value.clone() else { return Ok(()) };
        let Some(column) = column_of(tables, &fault.pointer) else { return Ok(()) };
        let (zh, en) = match (&column.shape, fault.code.as_str()) {
            (Shape::Reference(kind) | Shape::References(kind), "unknown_reference") => {
                let known = self.of(conn, kind)?;
                let names = known.names.iter().map(String::as_str);
                let similar = nearest(&value, names.chain(known.codes.iter().map(String::as_str)));
                (similar.clone(), similar)
            }
            (Shape::Choice(choices) | Shape::Choices(choices), "enum") => {
                let words = choices.iter().flat_map(|Choice { value, zh }| [value.as_str(), zh.as_str()]);
                let similar = nearest(&value, words);
                let choice = choices
                    .iter()
                    .find(|one| Some(&one.value) == similar.as_ref() || Some(&one.zh) == similar.as_ref());
                choice.map(|Choice { value, zh }| (zh.clone(), value.clone())).unzip()
            }
            _ => (None, None),
        };
        if let (Some(zh), Some(en)) = (zh, en) {
            fault.message.zh += &format!("是否指“{zh}”？");
            fault.message.en = fault.message.en.take().map(|message| format!("{message}; did you mean \"{en}\"?"));
            fault.suggestion = Some(if value.is_ascii() { en } else { zh });
        }
        Ok(())
    }
}

/// Whether a record refers to another by a number. A file may not refer by id, because the row numbers of a spreadsheet look
/// the same.
pub fn has_number(tables: &[Table], document: &Value) -> bool {
    let is_number = |value: &Value| value.as_str().is_some_and(is_number);
    let has = |column: &Column, holder: &Value| {
        matches!(column.shape, Shape::Reference(_) | Shape::References(_))
            && match holder.pointer(&column.pointer) {
                Some(Value::Array(several)) => several.iter().any(is_number),
                one => one.is_some_and(is_number),
            }
    };
    tables.iter().any(|table| match &table.list {
        None => table.columns.iter().any(|column| has(column, document)),
        Some(list) => {
            let mut items = document[list].as_array().into_iter().flatten();
            items.any(|item| table.columns.iter().any(|column| has(column, item)))
        }
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The known text that is most similar to another, if any is similar enough.
pub fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    similar::nearest(text, known, ALIKE, Cow::Borrowed).map(str::to_owned)
}

/// Visits each reference of a record with its pointer, kind and text.
fn each(
    tables: &[Table],
    document: &mut Value,
    visit: &mut impl FnMut(String, &'static Kind, &mut String) -> Result<()>,
) -> Result<()> {
    for table in tables {
        for column in &table.columns {
            let (Shape::Reference(kind) | Shape::References(kind)) = column.shape else { continue };
            let mut texts = Vec::new();
            match &table.list {
                None => in_place(document, &column.pointer, "", &mut texts),
                Some(list) => {
                    let items = document.get_mut(list).and_then(Value::as_array_mut);
                    for (index, item) in items.into_iter().flatten().enumerate() {
                        in_place(item, &column.pointer, &format!("/{}/{index}", escape(list)), &mut texts);
                    }
                }
            }
            texts.into_iter().try_for_each(|(pointer, text)| visit(pointer, kind, text))?;
        }
    }
    Ok(())
}

/// Collects the texts at a pointer: one, or those of a list.
fn in_place<'a>(value: &'a mut Value, pointer: &str, before: &str, texts: &mut Vec<(String, &'a mut String)>) {
    match value.pointer_mut(pointer) {
        Some(Value::String(text)) => texts.push((format!("{before}{pointer}"), text)),
        Some(Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                if let Value::String(text) = item {
                    texts.push((format!("{before}{pointer}/{index}"), text));
                }
            }
        }
        _ => {}
    }
}

/// The column of the field that a pointer into a record leads to.
pub fn column_of<'a>(tables: &'a [Table], pointer: &str) -> Option<&'a Column> {
    tables.iter().find_map(|table| {
        let within = match &table.list {
            None => pointer,
            Some(list) => {
                let item = pointer.strip_prefix(&format!("/{}/", escape(list)))?;
                &item[item.find('/')?..]
            }
        };
        let fits = |column: &&Column| {
            !column.pointer.is_empty()
                && within
                    .strip_prefix(column.pointer.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        table.columns.iter().find(fits)
    })
}

fn unknown(pointer: String, kind: &Kind, text: &str) -> Fault {
    let (kind, text) = (kind.name, spelled(text));
    let message = msg!("没有 {kind} “{text}”。", "there is no {kind} \"{text}\"");
    Fault { pointer, code: "unknown_reference", message }
}

fn by_number(pointer: String, kind: &Kind, text: &str) -> Fault {
    let kind = kind.name;
    let message = msg!(
        "没有 {kind} “{text}”：文件中引用其他记录须填代码或名称，不能填编号或序号。",
        "there is no {kind} \"{text}\": a file refers to records by code or name, not by number"
    );
    Fault { pointer, code: "reference_by_number", message }
}

fn ambiguous(pointer: String, text: &str, codes: &[String]) -> Fault {
    let text = spelled(text);
    let codes = codes.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = msg!(
        "“{text}”对应多条记录，请改填代码：{codes}。",
        "several records are called \"{text}\"; give the code of one: {codes}"
    );
    Fault { pointer, code: "ambiguous_reference", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested() {
        let names = ["恩平市", "台山市", "开平市", "enping", "taishan"];
        assert_eq!(nearest("恩平县", names.into_iter()).as_deref(), Some("恩平市"));
        assert_eq!(nearest("enpin", names.into_iter()).as_deref(), Some("enping"));
        assert_eq!(nearest("上海", names.into_iter()), None);
    }
}
