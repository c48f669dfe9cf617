//! Text files in the encodings that spreadsheets save: UTF-8, UTF-16 with its mark, GB18030.

use std::io::{Read, Seek};

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_8};

use crate::error::{Error, Result};

/// The encoding of a file: what its mark says, else UTF-8 where all of it is UTF-8, else GB18030.
fn encoding<F: Read + Seek>(file: &mut F) -> Result<&'static Encoding> {
    let mut buffer = vec![0; 64 << 10];
    file.rewind().map_err(Error::unexpected)?;
    let (mut decoder, mut decoded) = (UTF_8.new_decoder_without_bom_handling(), String::with_capacity(96 << 10));
    let mut is_first = true;
    loop {
        let read = file.read(&mut buffer).map_err(Error::unexpected)?;
        if is_first && let Some((encoding, _)) = Encoding::for_bom(&buffer[..read]) {
            return Ok(encoding);
        }
        is_first = false;
        decoded.clear();
        let (_, _, had_errors) = decoder.decode_to_string(&buffer[..read], &mut decoded, read == 0);
        if had_errors {
            return Ok(GB18030);
        }
        if read == 0 {
            return Ok(UTF_8);
        }
    }
}

/// A file's text, decoded as it is read.
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
