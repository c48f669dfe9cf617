//! Streaming YAML: holds one record in memory at a time, and rejects anchors, aliases, merge keys and tags.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::rc::Rc;

use saphyr::Scalar;
use saphyr_parser::{BufferedInput, Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use super::encoding::Text;
use crate::error::{Error, Result};
use crate::model::text::Msg;
use crate::msg;
use crate::transfer::row::Spot;
use crate::validation::escape;

/// The most characters between two events, comments included; the most bytes of a record; the deepest nesting.
const BETWEEN: usize = 1 << 20;
const RECORD: usize = 256 << 10;
const DEPTH: usize = 32;

/// Why reading stopped before the end of the file.
pub enum Stop {
    /// A fault of the file: line, code, message.
    Fault(usize, &'static str, Msg),
    Failed(Error),
}

/// State that the iterator of characters shares with the reader of events.
#[derive(Default)]
struct Shared {
    since_event: Cell<usize>,
    is_endless: Cell<bool>,
    had_errors: Cell<bool>,
    failed: RefCell<Option<Error>>,
}

/// Iterates over the characters of a file.
struct Letters<'f, F> {
    text: Text<'f, F>,
    piece: Vec<u8>,
    at: usize,
    shared: Rc<Shared>,
}

impl<F: Read + Seek> Iterator for Letters<'_, F> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let count = self.shared.since_event.get() + 1;
        self.shared.since_event.set(count);
        if count > BETWEEN {
            self.shared.is_endless.set(true);
            return None;
        }
        if self.at == self.piece.len() {
            if let Err(error) = self.text.next(&mut self.piece) {
                self.shared.failed.replace(Some(error));
                return None;
            }
            self.shared.had_errors.set(self.text.had_errors);
            self.at = 0;
        }
        let rest = self.piece.get(self.at..)?;
        let length = match rest.first()? {
            0..=0x7F => 1,
            0x80..=0xDF => 2,
            0xE0..=0xEF => 3,
            _ => 4,
        };
        // Pieces end between characters.
        let letter = std::str::from_utf8(rest.get(..length)?).ok()?.chars().next()?;
        self.at += length;
        Some(letter)
    }
}

/// A value with the line of each of its fields, and its faults as YAML.
pub struct Node {
    pub value: Value,
    pub line: usize,
    pub lines: Vec<(String, Spot)>,
    pub faults: Vec<(usize, String, &'static str, Msg)>,
    size: usize,
}

/// The events of a file.
pub struct Events<'f, F: Read + Seek> {
    parser: Parser<'f, BufferedInput<Letters<'f, F>>>,
    shared: Rc<Shared>,
}

impl<'f, F: Read + Seek> Events<'f, F> {
    pub fn new(text: Text<'f, F>) -> Events<'f, F> {
        let shared = Rc::new(Shared::default());
        let letters = Letters { text, piece: Vec::new(), at: 0, shared: shared.clone() };
        Events { parser: Parser::new_from_iter(letters), shared }
    }

    /// The next event with its line; `None` at the end of the stream.
    pub fn next(&mut self) -> Result<Option<(Event<'f>, usize)>, Stop> {
        let event = self.parser.next_event();
        self.shared.since_event.set(0);
        if let Some(error) = self.shared.failed.take() {
            return Err(Stop::Failed(error));
        }
        let line = match &event {
            Some(Ok((_, span))) => span.start.line(),
            Some(Err(error)) => error.marker().line(),
            None => 1,
        };
        if self.shared.is_endless.get() {
            let message = msg!("一个值或注释超过 1 MiB。", "is a value or comment longer than 1 MiB");
            return Err(Stop::Fault(line, "too_long", message));
        }
        if self.shared.had_errors.get() {
            let message = msg!("文字编码有误；请另存为 UTF-8。", "is text in an unknown encoding; save it as UTF-8");
            return Err(Stop::Fault(line, "encoding", message));
        }
        match event {
            None | Some(Ok((Event::StreamEnd, _))) => Ok(None),
            Some(Ok((event, _))) => Ok(Some((event, line))),
            Some(Err(error)) => {
                let words = error.to_string();
                Err(Stop::Fault(line, "syntax", msg!("无法解析：{words}", "cannot be read: {words}")))
            }
        }
    }

    /// The next event; the end of the file is a fault.
    fn inner(&mut self) -> Result<(Event<'f>, usize), Stop> {
        let cut = || Stop::Fault(1, "syntax", msg!("文件不完整。", "is incomplete"));
        self.next()?.ok_or_else(cut)
    }

    /// Skips the value that an event begins.
    pub fn skip(&mut self, begun: &Event<'_>) -> Result<(), Stop> {
        let mut depth = usize::from(is_start(begun));
        while depth > 0 {
            let (event, line) = self.inner()?;
            if is_start(&event) {
                depth += 1;
                if depth > DEPTH {
                    return Err(too_deep(line));
                }
            } else if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
                depth -= 1;
            }
        }
        Ok(())
    }

    /// Reads the record that an event begins.
    pub fn node(&mut self, begun: Event<'f>, line: usize) -> Result<Node, Stop> {
        let mut node = Node { value: Value::Null, line, lines: Vec::new(), faults: Vec::new(), size: 0 };
        node.value = self.value(begun, line, String::new(), &mut node, 0)?;
        Ok(node)
    }

    fn value(
        &mut self,
        begun: Event<'f>,
        line: usize,
        pointer: String,
        node: &mut Node,
        depth: usize,
    ) -> Result<Value, Stop> {
        if depth > DEPTH {
            return Err(too_deep(line));
        }
        // An estimate of the memory that a value takes besides its text.
        node.grow(64 + pointer.len(), line)?;
        if let Some((code, message)) = unsupported(&begun) {
            node.faults.push((line, pointer.clone(), code, message));
        }
        let spot = Spot { row: u32::try_from(line).unwrap_or(u32::MAX), ..Spot::default() };
        node.lines.push((pointer.clone(), spot));
        Ok(match begun {
            Event::Scalar(text, style, ..) => {
                node.grow(text.len(), line)?;
                scalar(text, style)
            }
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.inner()? {
                        (Event::SequenceEnd, _) => break Value::Array(items),
                        (event, line) => {
                            let at = format!("{pointer}/{}", items.len());
                            items.push(self.value(event, line, at, node, depth + 1)?);
                        }
                    }
                }
            }
            Event::MappingStart(..) => self.mapping(&pointer, node, depth)?,
            _ => Value::Null,
        })
    }

    fn mapping(&mut self, pointer: &str, node: &mut Node, depth: usize) -> Result<Value, Stop> {
        let (mut fields, mut seen) = (Map::new(), BTreeSet::new());
        loop {
            let (key, line) = match self.inner()? {
                (Event::MappingEnd, _) => return Ok(Value::Object(fields)),
                other => other,
            };
            let fault = unsupported(&key);
            let name = name(&key);
            self.skip(&key)?;
            node.grow(name.len(), line)?;
            let at = format!("{pointer}/{}", escape(&name));
            if let Some((code, message)) = fault.or_else(|| (name == "<<").then(|| not_supported("alias"))) {
                node.faults.push((line, at.clone(), code, message));
            }
            if !seen.insert(name.clone()) {
                let message = msg!("字段重复出现。", "is repeated");
                node.faults.push((line, at.clone(), "repeated", message));
            }
            let (event, value_line) = self.inner()?;
            let begun = node.lines.len();
            let value = self.value(event, value_line, at, node, depth + 1)?;
            // The place of a field is that of its name.
            if let Some((_, spot)) = node.lines.get_mut(begun) {
                spot.row = u32::try_from(line).unwrap_or(u32::MAX);
            }
            fields.insert(name, value);
        }
    }
}

impl Node {
    fn grow(&mut self, by: usize, line: usize) -> Result<(), Stop> {
        self.size += by;
        if self.size <= RECORD {
            return Ok(());
        }
        let message = msg!("一条记录超过 256 KiB。", "is a record larger than 256 KiB");
        Err(Stop::Fault(line, "too_long", message))
    }
}

fn is_start(event: &Event<'_>) -> bool {
    matches!(event, Event::SequenceStart(..) | Event::MappingStart(..))
}

fn too_deep(line: usize) -> Stop {
    Stop::Fault(line, "too_deep", msg!("嵌套超过 {DEPTH} 层。", "is nested more than {DEPTH} levels deep"))
}

/// The fault of an event with an anchor, alias or tag.
pub fn unsupported(event: &Event<'_>) -> Option<(&'static str, Msg)> {
    let (anchor, tag) = match event {
        Event::Alias(_) => (1, None),
        Event::Scalar(_, _, anchor, tag) => (*anchor, tag.as_ref()),
        Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.as_ref()),
        _ => (0, None),
    };
    let tag = || tag.map(|_| not_supported("tag"));
    if anchor == 0 { tag() } else { Some(not_supported("alias")) }
}

fn not_supported(code: &'static str) -> (&'static str, Msg) {
    let message = msg!(
        "不支持锚点（&）、别名（*）、合并键（<<）和标签（!）；请直接写出内容。",
        "has an anchor (&), alias (*), merge key (<<) or tag (!), which are not supported; write the value out"
    );
    (code, message)
}

/// The text of a key.
pub fn name(key: &Event<'_>) -> String {
    match key {
        Event::Scalar(text, ..) => text.to_string(),
        _ => String::new(),
    }
}

/// Converts a scalar to JSON; plain ones by the core schema (YAML 1.2.2, 10.3).
fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.into_owned());
    }
    if text.is_empty() {
        return Value::Null;
    }
    match Scalar::parse_from_cow(text) {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(value) => Value::from(value),
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number),
        Scalar::String(text) => Value::String(text.into_owned()),
    }
}
