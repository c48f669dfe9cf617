//! Text files in the encodings that spreadsheets save: UTF-8, UTF-16, GB18030.
//!
//! The whole file decides, in one pass before it is read: a mark at its beginning; zero bytes, which only UTF-16 has; else
//! UTF-8 or GB18030, whichever fits better. One damaged character does not make a UTF-8 file one of GB18030.

use std::io::{Read, Seek};

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::{Error, Result};

/// What the bytes of a file look like.
#[derive(Default)]
struct Survey {
    utf8: Utf8,
    gb: Gb,
    /// Zero bytes at even and at odd places.
    zeros: [u64; 2],
    /// Line ends and tabs as UTF-16 has them, from the low byte and from the high one.
    little: u64,
    big: u64,
    last: u8,
    count: u64,
}

impl Survey {
    fn take(&mut self, bytes: &[u8]) {
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
            self.utf8.take(*byte);
            self.gb.take(*byte);
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
        // Chinese in UTF-8 is sequences of three bytes, of which GB18030 has hardly any by chance.
        if long > 0 && errors <= 1 + long / 4 {
            return UTF_8;
        }
        // Where nothing but errors is left, those of a Chinese text are common characters of GB18030.
        if of_gb * 4 <= common && rare <= common { GB18030 } else { UTF_8 }
    }
}

/// Counts the sequences of UTF-8 of three bytes and more, and what is none.
#[derive(Default)]
struct Utf8 {
    /// Bytes that the sequence still needs, and how many it has.
    left: u8,
    length: u8,
    long: u64,
    errors: u64,
}

impl Utf8 {
    fn take(&mut self, byte: u8) {
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

/// Counts the characters of GB18030 outside of ASCII: the common ones (GB 2312: symbols and characters of level 1), the
/// rare ones, and what is none.
#[derive(Default)]
struct Gb {
    lead: Option<u8>,
    /// Of a sequence of four bytes those that are still to come.
    left: u8,
    common: u64,
    rare: u64,
    errors: u64,
}

impl Gb {
    fn take(&mut self, byte: u8) {
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
        survey.take(&buffer[..read]);
    }
}

/// A file's text, decoded as it is read. What cannot be decoded becomes [`DAMAGED`].
pub struct Text<'f, F> {
    file: &'f mut F,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Bytes of `raw` that are not decoded yet.
    waiting: std::ops::Range<usize>,
    is_over: bool,
    /// Whether anything was no text in the encoding.
    pub had_errors: bool,
}

/// Stands for what could not be decoded, here and wherever the text was before.
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
    fn the_whole_file_decides() {
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
        // Characters of GB 18030 whose bytes are sequences of UTF-8, too, among others.
        let names = "联通移动鏂囦欢协议新会台山恩平开平鹤山江海蓬江";
        assert_eq!(of(&GB18030.encode(names).0), "gb18030");
    }

    #[test]
    fn long_files_are_decided_by_all_of_them() {
        let ascii = "code,note\n".to_owned() + &"m,x\n".repeat(100_000);
        let late = [ascii.as_bytes(), &GB18030.encode("甲,乙县教育局\n").0].concat();
        assert_eq!(of(&late), "gb18030");
        let late = [ascii.as_bytes(), "甲,乙县教育局".as_bytes(), b"\xe5\xb7\n"].concat();
        assert_eq!(of(&late), "UTF-8");
    }
}
