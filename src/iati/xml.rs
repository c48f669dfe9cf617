//! A writer of XML that closes elements, escapes texts, and replaces characters that XML 1.0 forbids.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::error::{Error, Result};
use crate::model::text::Text;

/// Name and value of an attribute.
pub type Attribute<'a> = (&'a str, &'a str);

/// A writer of a document.
pub struct Xml(Writer<Vec<u8>>);

impl Xml {
    /// Begins a document.
    pub fn new() -> Result<Xml> {
        let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 2));
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(xml)
    }

    /// The bytes of the document.
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = self.0.into_inner();
        bytes.push(b'\n');
        bytes
    }

    /// Writes an element with the content that `inner` writes.
    pub fn element(
        &mut self,
        name: &str,
        attributes: &[Attribute<'_>],
        inner: impl FnOnce(&mut Xml) -> Result<()>,
    ) -> Result<()> {
        self.event(Event::Start(start(name, attributes)))?;
        inner(self)?;
        self.event(Event::End(BytesEnd::new(name)))
    }

    /// Writes an empty element.
    pub fn empty(&mut self, name: &str, attributes: &[Attribute<'_>]) -> Result<()> {
        self.event(Event::Empty(start(name, attributes)))
    }

    /// Writes an element with a text.
    pub fn text(&mut self, name: &str, attributes: &[Attribute<'_>], text: &str) -> Result<()> {
        self.element(name, attributes, |xml| xml.event(Event::Text(BytesText::new(&allowed(text)))))
    }

    /// Writes an element with a narrative in each language of the text.
    pub fn narrated(&mut self, name: &str, attributes: &[Attribute<'_>], text: &Text) -> Result<()> {
        self.element(name, attributes, |xml| xml.narratives(text))
    }

    /// Writes a narrative in each language of the text.
    pub fn narratives(&mut self, text: &Text) -> Result<()> {
        self.text("narrative", &[("xml:lang", "zh")], &text.zh)?;
        match &text.en {
            Some(en) if !en.trim().is_empty() => self.text("narrative", &[("xml:lang", "en")], en),
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<()> {
        self.0.write_event(event).map_err(Error::unexpected)
    }
}

fn start<'a>(name: &'a str, attributes: &[Attribute<'_>]) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, allowed(value).as_str()));
    }
    start
}

/// A text with U+FFFD in place of each character that XML 1.0 forbids (2.2).
fn allowed(text: &str) -> String {
    let is_allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
