//! Text files in the encodings that spreadsheets save: UTF-8, UTF-16, GB18030.
//!
//! A pass over the whole file detects the encoding before it is read: by a byte order mark, by zero bytes, which only UTF-16
//! has, else by whether UTF-8 or GB18030 fits better. One damaged character does not turn a UTF-8 file into GB18030.

use std::io::{Read, Seek};

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::{Error, Result};

/// Statistics over the bytes of a file.
#[derive(Default)]
struct Survey {
    utf8: Utf8,
    gb: Gb,
    /// Zero bytes at even and at odd places.
    zeros: [u64; 2],
    /// Line ends, tabs and separators in UTF-16, little-endian and big-endian.
    little: u64,
    big: u64,
    last: u8,
    count: u64,
}

impl Survey {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let place = usize::from(self.count % 2 == 1);
            if *byte == 0 {
                self.zeros[place] += 1;
            }
            if place == 1 {
                match (self.last, *byte) {
                    (b'\n' | b'\r' | b'\t' | b',' | b';', 0) => self.little += 1,
                    (0, b'\n' | b'\r' | b'\t' | b',' | b';') => self.big += 1,
                    _ => {}
                }
            }
            self.utf8.add(*byte);
            self.gb.add(*byte);
            self.last = *byte;
            self.count += 1;
        }
    }

    fn encoding(mut self) -> &'static Encoding {
        if self.zeros != [0, 0] && self.count.is_multiple_of(2) && self.little + self.big > 0 {
            return if self.little >= self.big { UTF_16LE } else { UTF_16BE };
        }
        self.utf8.end();
        self.gb.end();
        let Utf8 { long, errors, .. } = self.utf8;
        let Gb { common, rare, errors: of_gb, .. } = self.gb;
        if errors == 0 {
            return UTF_8;
        }
        // Chinese text in UTF-8 consists of sequences of three bytes, which are rare by chance in GB18030.
        if long > 0 && errors <= 1 + long / 4 {
            return UTF_8;
        }
        // A Chinese text consists mostly of common characters.
        if of_gb * 4 <= common && rare <= common { GB18030 } else { UTF_8 }
    }
}

/// Counts the UTF-8 sequences of three or more bytes, and the invalid ones.
#[derive(Default)]
struct Utf8 {
    /// Bytes that the sequence still needs; `length` is its total.
    left: u8,
    length: u8,
    long: u64,
    errors: u64,
}

impl Utf8 {
    fn add(&mut self, byte: u8) {
        if self.left > 0 {
            if byte & 0xc0 == 0x80 {
                self.left -= 1;
                if self.left == 0 && self.length > 2 {
                    self.long += 1;
                }
                return;
            }
            self.errors += 1;
            self.left = 0;
        }
        self.length = match byte {
            0x00..=0x7f => return,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => {
                self.errors += 1;
                return;
            }
        };
        self.left = self.length - 1;
    }

    fn end(&mut self) {
        if self.left > 0 {
            self.errors += 1;
        }
    }
}

/// Counts the non-ASCII characters of GB18030: common ones (symbols and level 1 characters of GB 2312), rare ones, and invalid
/// sequences.
#[derive(Default)]
struct Gb {
    lead: Option<u8>,
    /// Bytes that a sequence of four still needs.
    left: u8,
    common: u64,
    rare: u64,
    errors: u64,
}

impl Gb {
    fn add(&mut self, byte: u8) {
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        let Some(lead) = self.lead.take() else {
            match byte {
                0x00..=0x7f => {}
                0x81..=0xfe => self.lead = Some(byte),
                _ => self.errors += 1,
            }
            return;
        };
        match (lead, byte) {
            (0xa1..=0xa3 | 0xb0..=0xd7, 0xa1..=0xfe) => self.common += 1,
            (_, 0x30..=0x39) => {
                self.left = 2;
                self.rare += 1;
            }
            (_, 0x40..=0x7e | 0x80..=0xfe) => self.rare += 1,
            _ => self.errors += 1,
        }
    }

    fn end(&mut self) {
        if self.lead.is_some() || self.left > 0 {
            self.errors += 1;
        }
    }
}

fn encoding<F: Read + Seek>(file: &mut F) -> Result<&'static Encoding> {
    let mut buffer = vec![0; 64 << 10];
    file.rewind().map_err(Error::unexpected)?;
    let (mut survey, mut is_first) = (Survey::default(), true);
    loop {
        let read = file.read(&mut buffer).map_err(Error::unexpected)?;
        if is_first && let Some((encoding, _)) = Encoding::for_bom(&buffer[..read]) {
            return Ok(encoding);
        }
        is_first = false;
        if read == 0 {
            return Ok(survey.encoding());
        }
        survey.add(&buffer[..read]);
    }
}

/// The text of a file, decoded as it is read. Bytes that cannot be decoded become [`DAMAGED`].
pub struct Text<'f, F> {
    file: &'f mut F,
    decoder: Decoder,
    raw: Vec<u8>,
    /// The part of `raw` that is not decoded yet.
    waiting: std::ops::Range<usize>,
    is_over: bool,
    /// Whether any bytes could not be decoded.
    pub had_errors: bool,
}

/// The replacement for bytes that could not be decoded, by this program or by one before it.
pub const DAMAGED: char = char::REPLACEMENT_CHARACTER;

impl<'f, F: Read + Seek> Text<'f, F> {
    pub fn new(file: &'f mut F) -> Result<Text<'f, F>> {
        let encoding = encoding(file)?;
        file.rewind().map_err(Error::unexpected)?;
        let decoder = encoding.new_decoder_with_bom_removal();
        Ok(Text { file, decoder, raw: vec![0; 32 << 10], waiting: 0..0, is_over: false, had_errors: false })
    }

    /// The next piece of text; empty at the end.
    pub fn next(&mut self, piece: &mut Vec<u8>) -> Result<()> {
        piece.clear();
        piece.resize(128 << 10, 0);
        let mut written = 0;
        while written == 0 && !self.is_over {
            if self.waiting.is_empty() {
                let read = self.file.read(&mut self.raw).map_err(Error::unexpected)?;
                self.waiting = 0..read;
            }
            let is_last = self.waiting.is_empty();
            let raw = &self.raw[self.waiting.clone()];
            let (result, read, wrote, had_errors) = self.decoder.decode_to_utf8(raw, piece, is_last);
            self.waiting.start += read;
            self.had_errors = self.had_errors || had_errors;
            written = wrote;
            self.is_over = is_last && result == CoderResult::InputEmpty;
        }
        piece.truncate(written);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(bytes: &[u8]) -> &'static str {
        encoding(&mut Cursor::new(bytes)).unwrap().name()
    }

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_encoding_is_detected_from_the_whole_file() {
        let text = "代码,名称,备注\r\nm-1,编制文旅线路图,新会区教育局牵头\r\n";
        let gb = GB18030.encode(text).0.into_owned();
        let damaged = |bytes: &[u8], at: usize| [&bytes[..at], &bytes[at + 1..]].concat();
        assert_eq!(of(text.as_bytes()), "UTF-8");
        assert_eq!(of(&gb), "gb18030");
        assert_eq!(of(&damaged(text.as_bytes(), 30)), "UTF-8");
        assert_eq!(of(&damaged(&gb, 20)), "gb18030");
        assert_eq!(of(&text.as_bytes()[..text.len() - 4]), "UTF-8");
        assert_eq!(of(&utf_16(text, u16::to_le_bytes)), "UTF-16LE");
        assert_eq!(of(&utf_16(text, u16::to_be_bytes)), "UTF-16BE");
        assert_eq!(of(&[&[0xff, 0xfe][..], &utf_16(text, u16::to_le_bytes)].concat()), "UTF-16LE");
        // Latin text with one character of Windows-1252, and ASCII with one common and one rare pair of bytes.
        assert_eq!(of(b"code,note\na,caf\xe9\n"), "UTF-8");
        assert_eq!(of(b"code,note\na,\xcf\xd8\n"), "gb18030");
        assert_eq!(of(b"code,note\na,\xe5\xb7\n"), "UTF-8");
        // Some of these GB18030 characters are valid UTF-8 sequences as well.
        let names = "联通移动鏂囦欢协议新会台山恩平开平鹤山江海蓬江";
        assert_eq!(of(&GB18030.encode(names).0), "gb18030");
    }

    #[test]
    fn the_end_of_a_long_file_counts_too() {
        let ascii = "code,note\n".to_owned() + &"m,x\n".repeat(100_000);
        let late = [ascii.as_bytes(), &GB18030.encode("甲,乙县教育局\n").0].concat();
        assert_eq!(of(&late), "gb18030");
        let late = [ascii.as_bytes(), "甲,乙县教育局".as_bytes(), b"\xe5\xb7\n"].concat();
        assert_eq!(of(&late), "UTF-8");
    }
}
