//! Reading bundles: YAML or JSON files, each a mapping from a resource's path to a list of records in the shape of its
//! POST body. Every fault is told with file, line and field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use crate::contract::{Contract, escape, settle_numbers};
use crate::error::{Problem, Result};
use crate::msg;
use crate::resources::{self, KINDS};
use crate::text::{Language, Msg};

/// A bundle's text and the name to complain of it by.
pub struct Source {
    pub name: String,
    pub text: String,
}

/// One record of a bundle.
pub struct Entry {
    /// The resource's path: `agreements`.
    pub path: &'static str,
    pub code: String,
    pub document: Value,
    file: String,
    line: usize,
    /// The line of each field, by JSON pointer within the record.
    lines: BTreeMap<String, usize>,
}

/// One fault of a bundle.
#[derive(Debug)]
pub struct Complaint {
    pub file: String,
    pub line: usize,
    pub path: &'static str,
    pub code: String,
    /// JSON pointer within the record.
    pub field: String,
    /// Stable and snake_case.
    pub fault: &'static str,
    pub message: Msg,
}

impl Complaint {
    /// The fault as one line: `seed/x.yaml:12: agreements/x-y /due_on: is required`.
    pub fn line(&self, language: Language) -> String {
        let Complaint { file, line, path, code, field, fault: _, message } = self;
        let message = message.get(language);
        let record = if code.is_empty() { (*path).to_owned() } else { format!("{path}/{code}") };
        match (record.is_empty(), field.is_empty()) {
            (true, _) => format!("{file}:{line}: {message}"),
            (false, true) => format!("{file}:{line}: {record}: {message}"),
            (false, false) => format!("{file}:{line}: {record} {field}: {message}"),
        }
    }
}

impl Entry {
    /// The complaints that a refusal stands for.
    pub fn complaints(&self, problem: &Problem) -> Vec<Complaint> {
        let complaint = |field: &str, fault, message: &Msg| Complaint {
            file: self.file.clone(),
            line: self.line_of(field),
            path: self.path,
            code: self.code.clone(),
            field: field.to_owned(),
            fault,
            message: message.clone(),
        };
        if problem.faults.is_empty() {
            return vec![complaint("", problem.code, problem.detail.as_ref().unwrap_or(&problem.title))];
        }
        problem.faults.iter().map(|fault| complaint(&fault.pointer, fault.code, &fault.message)).collect()
    }

    /// Whether a complaint is only the echo of one that is made already: a reference to a record that failed.
    pub fn echoes(&self, complaint: &Complaint, failed: &BTreeSet<(&str, String)>) -> bool {
        let named = self.document.pointer(&complaint.field).and_then(Value::as_str);
        complaint.fault == "unknown_reference" && failed.iter().any(|(_, code)| Some(code.as_str()) == named)
    }

    /// The line of a field, or of the nearest thing around it.
    fn line_of(&self, pointer: &str) -> usize {
        let mut at = pointer;
        loop {
            if let Some(line) = self.lines.get(at) {
                return *line;
            }
            match at.rfind('/') {
                Some(end) => at = &at[..end],
                None => return self.line,
            }
        }
    }
}

/// Every `.yaml`, `.yml` and `.json` file behind the paths; a directory stands for its own, in the order of their names.
pub fn read_files(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
            for entry in entries {
                let file = entry.map_err(|e| format!("{}: {e}", path.display()))?.path();
                if is_bundle(&file) {
                    files.push(file);
                }
            }
            files.sort();
            if files.is_empty() {
                return Err(format!("{}: holds no .yaml or .json file", path.display()));
            }
        } else {
            files.push(path.clone());
        }
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            sources.push(Source { name: file.display().to_string(), text });
        }
    }
    Ok(sources)
}

fn is_bundle(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}

/// Reads bundles into records; complaints about what is no record at all.
pub fn parse(sources: &[Source]) -> (Vec<Entry>, Vec<Complaint>) {
    let mut entries = Vec::new();
    let mut complaints = Vec::new();
    for source in sources {
        parse_one(source, &mut entries, &mut complaints);
    }
    let mut seen: BTreeMap<(&str, &str), (&str, usize)> = BTreeMap::new();
    for entry in &entries {
        let first = *seen.entry((entry.path, &entry.code)).or_insert((&entry.file, entry.line));
        if first != (entry.file.as_str(), entry.line) {
            let (file, line) = first;
            complaints.push(Complaint {
                file: entry.file.clone(),
                line: entry.line,
                path: entry.path,
                code: entry.code.clone(),
                field: "/code".to_owned(),
                fault: "repeated",
                message: msg!("与 {file}:{line} 重复。", "stands in {file}:{line} already"),
            });
        }
    }
    (entries, complaints)
}

fn parse_one(source: &Source, entries: &mut Vec<Entry>, complaints: &mut Vec<Complaint>) {
    let complain = |line: usize, path: &'static str, field: &str, fault, message| Complaint {
        file: source.name.clone(),
        line,
        path,
        code: String::new(),
        field: field.to_owned(),
        fault,
        message,
    };
    let documents = match MarkedYaml::load_from_str(&source.text) {
        Ok(documents) => documents,
        Err(error) => {
            let words = error.to_string();
            complaints.push(complain(
                error.marker().line(),
                "",
                "",
                "syntax",
                msg!("无法解析：{words}", "cannot be read: {words}"),
            ));
            return;
        }
    };
    for document in &documents {
        let line = document.span.start.line();
        let YamlData::Mapping(kinds) = &document.data else {
            let message =
                msg!("须为从资源名到记录列表的映射。", "must be a mapping from resources to lists of records");
            complaints.push(complain(line, "", "", "type", message));
            continue;
        };
        for (key, records) in kinds {
            let name = scalar_text(key);
            let Some(kind) = KINDS.iter().find(|kind| kind.path == name) else {
                let known = KINDS.iter().map(|kind| kind.path).collect::<Vec<_>>().join(", ");
                let message = msg!("没有资源 {name}；可用：{known}。", "\"{name}\" is no resource; there are: {known}");
                complaints.push(complain(key.span.start.line(), "", "", "unknown_field", message));
                continue;
            };
            let YamlData::Sequence(records) = &records.data else {
                let message = msg!("须为记录列表。", "must be a list of records");
                complaints.push(complain(key.span.start.line(), kind.path, "", "type", message));
                continue;
            };
            for record in records {
                let mut lines = BTreeMap::new();
                let mut document = to_json(record, String::new(), &mut lines);
                settle_numbers(&mut document);
                let line = record.span.start.line();
                match document["code"].as_str() {
                    Some(code) => entries.push(Entry {
                        path: kind.path,
                        code: code.to_owned(),
                        document,
                        file: source.name.clone(),
                        line,
                        lines,
                    }),
                    None => {
                        let message =
                            msg!("批量导入的记录须有代码。", "is required in a bundle: it tells which record is meant");
                        complaints.push(complain(line, kind.path, "/code", "required", message));
                    }
                }
            }
        }
    }
}

/// What the published schemas say of the records.
pub fn judge(contract: &Contract, entries: &[Entry]) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for entry in entries {
        let Some(component) = resources::component(entry.path) else { continue };
        let faults = contract.faults(component, &entry.document)?;
        if !faults.is_empty() {
            complaints.extend(entry.complaints(&Problem::invalid(faults)));
        }
    }
    Ok(complaints)
}

fn scalar_text(node: &MarkedYaml<'_>) -> String {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => text.to_string(),
        YamlData::Value(Scalar::Integer(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A node as JSON, with the line of each of its fields.
fn to_json(node: &MarkedYaml<'_>, pointer: String, lines: &mut BTreeMap<String, usize>) -> Value {
    lines.insert(pointer.clone(), node.span.start.line());
    match &node.data {
        YamlData::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        YamlData::Value(Scalar::Integer(value)) => Value::from(*value),
        YamlData::Value(Scalar::FloatingPoint(value)) => {
            Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number)
        }
        YamlData::Value(Scalar::String(text)) => Value::String(text.to_string()),
        YamlData::Sequence(items) => Value::Array(
            items.iter().enumerate().map(|(index, item)| to_json(item, format!("{pointer}/{index}"), lines)).collect(),
        ),
        YamlData::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                let name = scalar_text(key);
                let at = format!("{pointer}/{}", escape(&name));
                let value = to_json(value, at.clone(), lines);
                lines.insert(at, key.span.start.line());
                object.insert(name, value);
            }
            Value::Object(object)
        }
        _ => Value::Null,
    }
}
