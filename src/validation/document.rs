//! The published document, whose parts are parsed on first use.
//!
//! Opening it only finds where its operations and components are. Parsed as a whole, it would take several times the memory
//! of its text, and most processes use few of its parts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Result;
use crate::model::path_tree::PathTree;

static NULL: Value = Value::Null;

/// An OpenAPI document.
#[derive(Default)]
pub struct Document {
    text: Cow<'static, str>,
    operations: Vec<Operation>,
    /// The places of the operations of each path.
    paths: PathTree<Range<usize>>,
    /// Components by group (`schemas`) and name.
    components: HashMap<String, HashMap<String, Part>>,
}

/// An operation of the document.
pub struct Operation {
    /// The template of its path.
    pub path: String,
    /// In upper case.
    pub method: String,
    pub id: String,
    /// The first of its tags.
    pub tag: String,
    parameters: Part,
    responses: Part,
}

/// A part of the document: its place in the text, and its value once it is used.
#[derive(Default)]
struct Part {
    place: Range<usize>,
    value: OnceLock<Value>,
}

/// What is parsed when the document is opened.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    paths: BTreeMap<String, BTreeMap<String, OperationOutline<'a>>>,
    #[serde(borrow, default)]
    components: HashMap<String, HashMap<String, &'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationOutline<'a> {
    #[serde(default)]
    operation_id: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    responses: Option<&'a RawValue>,
}

impl Document {
    /// Opens a document in JSON.
    pub fn open(text: impl Into<Cow<'static, str>>) -> Result<Document> {
        let text = text.into();
        let Outline { paths, components } = serde_json::from_str(&text)?;
        let part = |raw: &RawValue| Part::at(&text, raw);
        let (mut operations, mut places) = (Vec::new(), PathTree::default());
        for (path, item) in paths {
            *places.entry(&path) = Some(operations.len()..operations.len() + item.len());
            for (method, OperationOutline { operation_id, tags, parameters, responses }) in item {
                operations.push(Operation {
                    path: path.clone(),
                    method: method.to_ascii_uppercase(),
                    id: operation_id,
                    tag: tags.into_iter().next().unwrap_or_default(),
                    parameters: parameters.map(part).unwrap_or_default(),
                    responses: responses.map(part).unwrap_or_default(),
                });
            }
        }
        let group =
            |group: HashMap<String, &RawValue>| group.into_iter().map(|(name, raw)| (name, part(raw))).collect();
        let components = components.into_iter().map(|(name, items)| (name, group(items))).collect();
        Ok(Document { text, operations, paths: places, components })
    }

    /// All operations, in the order of their paths.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of a method, in upper case, and the template of a path.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method && operation.path == path)
    }

    /// The operation with an id.
    pub fn operation_by_id(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// The operations of a path.
    pub fn operations_of(&self, path: &str) -> &[Operation] {
        self.paths.find(path).map_or(&[], |places| &self.operations[places.clone()])
    }

    /// A component of a group; null if there is none.
    pub fn component(&self, group: &str, name: &str) -> &Value {
        self.components.get(group).and_then(|group| group.get(name)).map_or(&NULL, |part| part.value(&self.text))
    }

    /// The schema of a component; null if there is none.
    pub fn schema(&self, component: &str) -> &Value {
        self.component("schemas", component)
    }

    /// The parameters of an operation; null if it has none.
    pub fn parameters<'a>(&'a self, operation: &'a Operation) -> &'a Value {
        operation.parameters.value(&self.text)
    }

    /// The responses of an operation by status.
    pub fn responses<'a>(&'a self, operation: &'a Operation) -> &'a Value {
        operation.responses.value(&self.text)
    }

    /// A value inside of a component, by its JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        let mut names = pointer.strip_prefix("/components/")?.splitn(3, '/');
        let component = self.component(names.next()?, names.next()?);
        let rest = names.next().map(|rest| format!("/{rest}")).unwrap_or_default();
        if component.is_null() { None } else { component.pointer(&rest) }
    }

    /// The target of a schema that is a reference to a component; any other schema itself.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str();
        reference.and_then(|reference| self.pointer(reference.trim_start_matches('#'))).unwrap_or(schema)
    }
}

impl Part {
    /// A part that `raw` borrows from `text`.
    fn at(text: &str, raw: &RawValue) -> Part {
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        Part { place: start..start + raw.get().len(), value: OnceLock::new() }
    }

    fn value(&self, text: &str) -> &Value {
        // Opening the document has checked the syntax of the text; only an absent part has none.
        self.value.get_or_init(|| serde_json::from_str(&text[self.place.clone()]).unwrap_or_default())
    }
}
