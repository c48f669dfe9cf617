//! The tables and columns of a resource, derived from the published schema and the resource's sheet.
//!
//! A bilingual text has two columns, an object one for each of its fields, and a list of references one. A list of objects is
//! a table of its own, whose first column is the code of the record: `pairings.members`. Read-only columns, with the values
//! that only the service writes, come last.

use std::sync::Arc;

use serde_json::Value;

use super::headers;
use crate::access::Visibility;
use crate::db::reference::Kind;
use crate::error::{Error, Result};
use crate::model::sheet::{Field, Sheet};
use crate::resources::{self, Form};
use crate::validation::{Contract, escape};

/// The separator that is written between the values of one cell. [`split`] accepts others as well.
pub const SEPARATOR: &str = "; ";
/// The separator between the name and the code of a record in one cell: `恩平市 | enping`.
pub const NAME_AND_CODE: &str = " | ";

/// A table: the records of a resource, or the items of one of its lists.
#[derive(Debug)]
pub struct Table {
    /// Path of the resource.
    pub path: &'static str,
    /// The list whose items are the rows; `None` if the rows are the records.
    pub list: Option<String>,
    /// `milestones`, `pairings.members`.
    pub en: String,
    /// `里程碑`, `结对·成员`.
    pub zh: String,
    /// The first column is the code of the record.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// JSON pointer of the value within the record or the item of a list: `/title/zh`. Empty for the code of the record in the
    /// table of a list.
    pub pointer: String,
    /// Header in English: `title.zh`.
    pub en: String,
    /// Header in Chinese; the English one if there is none.
    pub zh: String,
    pub shape: Shape,
    /// Whether a new record requires it.
    pub is_required: bool,
    /// Whether the value can be null, so that an empty cell clears it.
    pub is_nullable: bool,
    /// Whether only the service writes the value.
    pub is_read_only: bool,
    /// Description of the field in the schema.
    pub about: String,
    /// Schema of the field with references resolved: limits, pattern, example.
    pub schema: Value,
}

/// The type of a column's cells.
#[derive(Clone, Debug)]
pub enum Shape {
    Text,
    /// A record's code.
    Code,
    Integer,
    Number,
    /// A decimal number, which JSON represents as text: money and quantities.
    Decimal,
    /// A date.
    Date,
    /// A date and time with a time zone (RFC 3339).
    Instant,
    Boolean,
    /// One value of an enum.
    Choice(Arc<[Choice]>),
    /// Several values of an enum in one cell.
    Choices(Arc<[Choice]>),
    /// A record, by code or name.
    Reference(&'static Kind),
    /// Several [`Shape::Reference`]s in one cell.
    References(&'static Kind),
    /// A record of any kind, in a read-only column.
    Named,
    /// Several [`Shape::Named`] in one cell.
    NamedAll,
    /// Several texts in one cell.
    Texts,
    /// A nested value, written as JSON.
    Json,
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    /// Chinese label; the value itself if there is none.
    pub zh: String,
}

/// Splits a cell with several values at any separator that people use.
pub fn split(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([';', '；', ',', '，', '、', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// The tables of a resource: the one of its records, then one for each list of objects.
pub fn tables(contract: &Contract, form: &Form) -> Result<Vec<Table>> {
    let mut walk = Walk { contract, path: form.kind.path, records: Vec::new(), lists: Vec::new() };
    walk.written(form)?;
    walk.read_only(form)?;
    let Walk { records, mut lists, .. } = walk;
    let (path, sheet) = (form.kind.path, form.sheet);
    let own = Table { path, list: None, en: path.to_owned(), zh: sheet.zh.to_owned(), columns: records };
    lists.insert(0, own);
    Ok(lists)
}

/// The tables of every resource, in the order of import.
pub fn all_tables(contract: &Contract) -> Result<Vec<Table>> {
    let mut all = Vec::new();
    for form in resources::forms() {
        all.extend(tables(contract, &form)?);
    }
    Ok(all)
}

/// Removes the columns of personal data for a reader who may see none. A reader who may see those of some pairings gets the
/// columns, with a marker in the cells of other pairings.
pub fn remove_private(tables: &mut [Table], kind: &Kind, visibility: &Visibility) {
    if !visibility.sees_any() {
        let is_private = |column: &Column| kind.private.contains(&column.en.as_str());
        tables.iter_mut().for_each(|table| table.columns.retain(|column| !is_private(column)));
    }
}

/// The columns of a read-only component, such as an item of a report.
pub fn of_component(contract: &Contract, component: &str) -> Result<Vec<Column>> {
    let mut walk = Walk { contract, path: "", records: Vec::new(), lists: Vec::new() };
    let reading = Reading { is_read_only: true, labels: Labels::None };
    walk.object(component, "", "", "", &reading, true)?;
    Ok(walk.records)
}

struct Walk<'a> {
    contract: &'a Contract,
    path: &'static str,
    records: Vec<Column>,
    lists: Vec<Table>,
}

/// The source of Chinese headers.
#[derive(Clone, Copy)]
enum Labels {
    Of(&'static [Field]),
    None,
}

#[derive(Clone, Copy)]
struct Reading {
    is_read_only: bool,
    labels: Labels,
}

impl Walk<'_> {
    /// Adds the columns that clients write, in the order of the sheet.
    fn written(&mut self, form: &Form) -> Result<()> {
        let schema = self.component(form.new)?;
        for field in form.sheet.all_fields() {
            let property = &schema["properties"][field.name];
            if property.is_null() {
                return Err(Error::unexpected(format!("{} has no field {}", form.new, field.name)));
            }
            let is_required = is_required(&schema, field.name);
            self.field(form.sheet, field, property, is_required)?;
        }
        Ok(())
    }

    fn field(&mut self, sheet: &Sheet, field: &'static Field, property: &Value, is_required: bool) -> Result<()> {
        let reading = Reading { is_read_only: false, labels: Labels::Of(std::slice::from_ref(field)) };
        let (schema, _) = self.resolved(property);
        if schema["type"] == "array"
            && let Some(item) = component_name(&schema["items"])
            && self.component(item)?["type"] == "object"
        {
            let mut walk = Walk { contract: self.contract, path: self.path, records: Vec::new(), lists: Vec::new() };
            walk.records.push(owner(self.path, sheet));
            let parts = Reading { is_read_only: false, labels: Labels::Of(field.parts) };
            walk.object(item, "", "", "", &parts, true)?;
            self.lists.push(Table {
                path: self.path,
                list: Some(field.name.to_owned()),
                en: format!("{}.{}", self.path, field.name),
                zh: format!("{}·{}", sheet.zh, field.zh),
                columns: walk.records,
            });
            return Ok(());
        }
        let pointer = format!("/{}", escape(field.name));
        self.value(property, &pointer, field.name, field.zh, &reading, is_required)
    }

    /// Adds the read-only columns.
    fn read_only(&mut self, form: &Form) -> Result<()> {
        let (new, read) = (self.component(form.new)?, self.component(&form.read)?);
        let reading = Reading { is_read_only: true, labels: Labels::None };
        for (name, property) in read["properties"].as_object().into_iter().flatten() {
            if new["properties"][name].is_null() {
                let zh = headers::of(name).unwrap_or(name);
                self.value(property, &format!("/{}", escape(name)), name, zh, &reading, false)?;
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        component: &str,
        pointer: &str,
        en: &str,
        zh: &str,
        reading: &Reading,
        is_required: bool,
    ) -> Result<()> {
        let schema = self.component(component)?;
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let part = match reading.labels {
                Labels::Of(fields) => fields.iter().find(|field| field.name == name.as_str()),
                Labels::None => None,
            };
            let labels = part.map_or(Labels::None, |part| Labels::Of(std::slice::from_ref(part)));
            let label = part.map_or_else(|| headers::of(name).unwrap_or(name), |part| part.zh);
            let dotted = if en.is_empty() { name.clone() } else { format!("{en}.{name}") };
            let label = if zh.is_empty() || part.is_some() { label.to_owned() } else { format!("{zh}·{label}") };
            let reading = Reading { labels, ..*reading };
            let is_required = is_required && self::is_required(&schema, name);
            self.value(property, &format!("{pointer}/{}", escape(name)), &dotted, &label, &reading, is_required)?;
        }
        Ok(())
    }

    /// Adds the columns of a value: several for an object, else one.
    fn value(
        &mut self,
        property: &Value,
        pointer: &str,
        en: &str,
        zh: &str,
        reading: &Reading,
        is_required: bool,
    ) -> Result<()> {
        let (schema, is_nullable) = self.resolved(property);
        let component = component_name(property).unwrap_or_default();
        let about = property["description"].as_str().or(schema["description"].as_str()).unwrap_or_default();
        let mut column = Column {
            pointer: pointer.to_owned(),
            en: en.to_owned(),
            zh: zh.to_owned(),
            shape: Shape::Json,
            is_required,
            is_nullable,
            is_read_only: reading.is_read_only,
            about: about.to_owned(),
            schema: schema.clone(),
        };
        if component == "Text" {
            let english = Column {
                pointer: format!("{pointer}/en"),
                en: format!("{en}.en"),
                zh: format!("{zh}（英文）"),
                shape: Shape::Text,
                is_required: false,
                is_nullable: true,
                schema: schema["properties"]["en"].clone(),
                ..column.clone()
            };
            column.pointer += "/zh";
            column.en += ".zh";
            column.shape = Shape::Text;
            column.schema = schema["properties"]["zh"].clone();
            self.records.extend([column, english]);
            return Ok(());
        }
        if schema["type"] == "object" && component != "Reference" && schema["properties"].is_object() {
            let parts = match reading.labels {
                Labels::Of([field]) if !field.parts.is_empty() => Labels::Of(field.parts),
                _ => Labels::None,
            };
            let reading = Reading { labels: parts, ..*reading };
            return self.object(component, pointer, en, zh, &reading, is_required);
        }
        let kind = match reading.labels {
            Labels::Of([Field { names: Some(names), .. }]) => {
                resources::kinds().iter().copied().find(|kind| kind.name == *names)
            }
            _ => None,
        };
        column.shape = self.shape(component, &schema, kind)?;
        self.records.push(column);
        Ok(())
    }

    fn shape(&self, component: &str, schema: &Value, kind: Option<&'static Kind>) -> Result<Shape> {
        let is_decimal = schema["pattern"].as_str().is_some_and(|pattern| pattern.contains(r"(\.[0-9]{1,"));
        let type_name = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
            other => other.as_str(),
        };
        Ok(match (type_name, schema["format"].as_str(), kind) {
            _ if component == "Reference" => Shape::Named,
            _ if component == "Ref" => kind.map_or(Shape::Text, Shape::Reference),
            _ if component == "Code" => Shape::Code,
            _ if schema["enum"].is_array() => Shape::Choice(choices(schema)),
            (Some("array"), _, kind) => {
                let item = component_name(&schema["items"]).unwrap_or_default();
                let (of_item, _) = self.resolved(&schema["items"]);
                match kind {
                    _ if item == "Reference" => Shape::NamedAll,
                    Some(kind) if item == "Ref" => Shape::References(kind),
                    _ if of_item["enum"].is_array() => Shape::Choices(choices(&of_item)),
                    _ if of_item["type"] == "string" => Shape::Texts,
                    _ => Shape::Json,
                }
            }
            (Some("integer"), ..) => Shape::Integer,
            (Some("number"), ..) => Shape::Number,
            (Some("boolean"), ..) => Shape::Boolean,
            (Some("string"), Some("date"), _) => Shape::Date,
            (Some("string"), Some("date-time"), _) => Shape::Instant,
            (Some("string"), ..) if is_decimal => Shape::Decimal,
            (Some("string"), ..) => Shape::Text,
            _ => Shape::Json,
        })
    }

    fn component(&self, name: &str) -> Result<Value> {
        let schema = self.contract.document().schema(name);
        if schema.is_null() { Err(Error::unexpected(format!("no schema {name}"))) } else { Ok(schema.clone()) }
    }

    /// The schema of a property with its reference resolved, and whether it can be null.
    fn resolved(&self, property: &Value) -> (Value, bool) {
        let nullable = property["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"))
            || property["oneOf"].as_array().is_some_and(|options| options.iter().any(|one| one["type"] == "null"));
        let schema = component_name(property).map_or(property, |name| self.contract.document().schema(name));
        (schema.clone(), nullable)
    }
}

/// The first column in the table of a list: the code of the record that has the item.
fn owner(path: &'static str, sheet: &Sheet) -> Column {
    Column {
        pointer: String::new(),
        en: "code".to_owned(),
        zh: sheet.fields.iter().find(|field| field.name == "code").map_or("code", |field| field.zh).to_owned(),
        shape: Shape::Code,
        is_required: true,
        is_nullable: false,
        is_read_only: false,
        about: format!("Code of the record in {path} that the row belongs to."),
        schema: Value::Null,
    }
}

/// The component that a property refers to, directly or within `oneOf` with null.
fn component_name(property: &Value) -> Option<&str> {
    let own = property["$ref"].as_str();
    let option = || property["oneOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str());
    own.or_else(option)?.strip_prefix("#/components/schemas/")
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name))
}

/// The values of an enum with their Chinese labels, which begin each meaning in the table of values in the description.
fn choices(schema: &Value) -> Arc<[Choice]> {
    let about = schema["description"].as_str().unwrap_or_default();
    let values = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let choice = |value: &str| {
        let row = format!("| `{value}` |");
        let meaning = about.lines().find_map(|line| line.strip_prefix(&row)).unwrap_or_default();
        let word = meaning.trim().split([':', ';', '.', '|']).next().unwrap_or_default().trim();
        let zh = if word.is_empty() || word.is_ascii() { value } else { word };
        Choice { value: value.to_owned(), zh: zh.to_owned() }
    };
    values.map(choice).collect()
}

#[cfg(test)]
mod tests;
