//! A scanner of XML that finds files which would make a parser take much memory. It keeps counts alone.

/// The most bytes of one tag and of one run of text, and the deepest nesting of elements.
const TAG: usize = 64 << 10;
const TEXT: usize = 1 << 20;
const DEPTH: usize = 100;
/// The most attributes of one element: a row has a dozen.
const ATTRIBUTES: usize = 200;

/// Why an XML file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// A document type, which could declare entities.
    Doctype,
    LongTag,
    LongText,
    Deep,
    /// Zero bytes: an encoding other than UTF-8, in which the scanner would find nothing.
    Encoding,
    /// More elements of one kind than a workbook has.
    Many,
}

/// The position of the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Text,
    /// Within a tag, perhaps within a quoted value.
    Tag(Option<u8>),
    Comment,
    Cdata,
    Instruction,
}

/// Scans one file, piece by piece.
pub struct Scanner {
    at: At,
    run: usize,
    depth: usize,
    attributes: usize,
    /// The beginning of the tag.
    head: Vec<u8>,
    last: [u8; 2],
    pub counts: Counts,
}

/// The number of elements of the kinds that a parser keeps in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Strings that cells share.
    pub strings: usize,
    /// The number of shared strings that the file declares.
    pub declared: usize,
    pub formats: usize,
    pub elements: usize,
    pub merges: usize,
    pub formulas: usize,
    /// Whether a spreadsheet computes the workbook on opening, so that its results may be placeholders.
    pub is_uncomputed: bool,
}

impl Scanner {
    pub fn new() -> Scanner {
        let (head, counts) = (Vec::with_capacity(128), Counts::default());
        Scanner { at: At::Text, run: 0, depth: 0, attributes: 0, head, last: [0; 2], counts }
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Hostile> {
        if memchr::memchr(0, bytes).is_some() {
            return Err(Hostile::Encoding);
        }
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.at == At::Text {
                // Most bytes are text: skip to the next tag.
                let end = memchr::memchr(b'<', rest).unwrap_or(rest.len());
                self.run += end;
                if self.run > TEXT {
                    return Err(Hostile::LongText);
                }
                if end < rest.len() {
                    (self.at, self.run, self.attributes) = (At::Tag(None), 0, 0);
                    self.head.clear();
                    rest = &rest[end + 1..];
                } else {
                    rest = &[];
                }
                continue;
            }
            self.byte(*first)?;
            rest = &rest[1..];
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Hostile> {
        self.run += 1;
        let most = if self.at == At::Cdata { TEXT } else { TAG };
        if self.run > most {
            return Err(if self.at == At::Cdata { Hostile::LongText } else { Hostile::LongTag });
        }
        match self.at {
            At::Tag(None) => self.tag(byte)?,
            At::Tag(Some(quote)) => {
                self.push_head(byte);
                if byte == quote {
                    self.at = At::Tag(None);
                }
            }
            At::Comment if byte == b'>' && self.last == *b"--" => self.text(),
            At::Cdata if byte == b'>' && self.last == *b"]]" => self.text(),
            At::Instruction if byte == b'>' && self.last[1] == b'?' => self.text(),
            _ => {}
        }
        self.last = [self.last[1], byte];
        Ok(())
    }

    fn push_head(&mut self, byte: u8) {
        if self.head.len() < 128 {
            self.head.push(byte);
        }
    }

    fn tag(&mut self, byte: u8) -> Result<(), Hostile> {
        match byte {
            b'"' | b'\'' => {
                self.attributes += 1;
                if self.attributes > ATTRIBUTES {
                    return Err(Hostile::LongTag);
                }
                self.at = At::Tag(Some(byte));
                self.push_head(byte);
            }
            b'>' => {
                self.element()?;
                self.text();
            }
            _ => {
                self.push_head(byte);
                match self.head.as_slice() {
                    b"?" => self.begin(At::Instruction),
                    b"!--" => self.begin(At::Comment),
                    b"![CDATA[" => self.begin(At::Cdata),
                    head if head.starts_with(b"!D") || head.starts_with(b"!d") || head.starts_with(b"!E") => {
                        return Err(Hostile::Doctype);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, at: At) {
        (self.at, self.run, self.last) = (at, 0, [0; 2]);
    }

    fn text(&mut self) {
        (self.at, self.run) = (At::Text, 0);
    }

    /// Counts the element whose tag has ended.
    fn element(&mut self) -> Result<(), Hostile> {
        self.counts.elements += 1;
        if self.head.starts_with(b"/") {
            self.depth = self.depth.saturating_sub(1);
            return Ok(());
        }
        if self.last[1] != b'/' {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err(Hostile::Deep);
            }
        }
        let end = self.head.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/');
        let name = &self.head[..end.unwrap_or(self.head.len())];
        let name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        match name {
            b"si" => self.counts.strings += 1,
            b"xf" => self.counts.formats += 1,
            b"mergeCell" => self.counts.merges += 1,
            b"f" => self.counts.formulas += 1,
            b"calcPr" => {
                let is = |value: &str| memchr::memmem::find(&self.head, value.as_bytes()).is_some();
                let forms = ["fullCalcOnLoad=\"1\"", "fullCalcOnLoad=\"true\"", "fullCalcOnLoad='1'"];
                self.counts.is_uncomputed = self.counts.is_uncomputed || forms.into_iter().any(is);
            }
            b"sst" => self.counts.declared = self.counts.declared.max(greatest_number(&self.head)),
            _ => {}
        }
        Ok(())
    }
}

/// The greatest number among the attribute values of a tag.
fn greatest_number(head: &[u8]) -> usize {
    let numbers = head.split(|byte| matches!(byte, b'"' | b'\'')).filter_map(|part| std::str::from_utf8(part).ok());
    // A number that does not fit counts as the greatest.
    let all_digits = numbers.filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    all_digits.map(|part| part.parse().unwrap_or(usize::MAX)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(xml: &[u8], piece: usize) -> Result<Counts, Hostile> {
        let mut scanner = Scanner::new();
        xml.chunks(piece).try_for_each(|piece| scanner.feed(piece))?;
        Ok(scanner.counts)
    }

    #[test]
    fn harmful_xml_is_refused_for_any_piece_size() {
        let long = |what: &str, end: &str, length| format!("{what}{}{end}", "x".repeat(length));
        let cases = [
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned(), Hostile::Doctype),
            ("<a><!ENTITY b \"c\"></a>".to_owned(), Hostile::Doctype),
            (long("<a b=\"", "\"/>", TAG), Hostile::LongTag),
            (long("<a><!-- ", " --></a>", TAG), Hostile::LongTag),
            (long("<a>", "</a>", TEXT + 1), Hostile::LongText),
            (long("<a><![CDATA[", "]]></a>", TEXT), Hostile::LongText),
            ("<a>".repeat(DEPTH + 1), Hostile::Deep),
            ("<\0a>".to_owned(), Hostile::Encoding),
            (format!("<a{}/>", " b='c'".repeat(ATTRIBUTES + 1)), Hostile::LongTag),
        ];
        for (xml, hostile) in cases {
            for piece in [1, 7, 4096] {
                assert_eq!(scan(xml.as_bytes(), piece).unwrap_err(), hostile, "{}", &xml[..xml.len().min(40)]);
            }
        }
    }

    #[test]
    fn elements_are_counted() {
        let xml =
            b"<?xml version=\"1.0\"?><x:sst count=\"9\" uniqueCount='7'><!-- <si> --><x:si><t a=\">\">1</t></x:si>\
                    <si/><t><![CDATA[<si>]]></t></x:sst>";
        for piece in [1, 3, 500] {
            let counts = scan(xml, piece).unwrap();
            assert_eq!((counts.strings, counts.declared, counts.formats), (2, 9, 0));
        }
        assert_eq!(scan(b"<sst uniqueCount=\"99999999999999999999999\"/>", 5).unwrap().declared, usize::MAX);
    }
}
