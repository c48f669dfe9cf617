//! Content codings of request bodies (RFC 9110, section 8.4).
//!
//! gzip and deflate are decoded while the body arrives; any other coding is rejected with 415 and `Accept-Encoding`.

use std::io::{Error as IoError, Write};

use actix_web::http::header::{self, HeaderMap};
use flate2::write::{MultiGzDecoder, ZlibDecoder};

use crate::error::{Error, Problem, Result};
use crate::msg;

/// The accepted codings, as the value of `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, identity";

/// Compressed bytes decoded at a time. deflate expands at most 1,032 times, so that this bounds the memory of a piece before
/// its size is checked.
const STEP: usize = 1024;

/// Decodes a body piece by piece.
pub enum Decoder {
    Identity,
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

/// Rejects any coding but `identity`, where bodies are not decoded.
pub fn require_identity(headers: &HeaderMap) -> Result<()> {
    match Decoder::of(headers)? {
        Decoder::Identity => Ok(()),
        Decoder::Gzip(_) | Decoder::Deflate(_) => Err(unsupported("identity")),
    }
}

impl Decoder {
    /// The decoder for `Content-Encoding`; 415 for a coding that is not accepted, and for several at once.
    pub fn of(headers: &HeaderMap) -> Result<Decoder> {
        let lines: Vec<&str> =
            headers.get_all(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")).collect();
        let value = lines.join(",");
        let codings: Vec<String> = value
            .split(',')
            .map(|coding| coding.trim().to_ascii_lowercase())
            .filter(|coding| !coding.is_empty())
            .collect();
        let codings: Vec<&str> = codings.iter().map(String::as_str).filter(|coding| *coding != "identity").collect();
        match codings.as_slice() {
            [] => Ok(Decoder::Identity),
            ["gzip" | "x-gzip"] => Ok(Decoder::Gzip(MultiGzDecoder::new(Vec::new()))),
            ["deflate"] => Ok(Decoder::Deflate(ZlibDecoder::new(Vec::new()))),
            _ => Err(unsupported(ACCEPTED)),
        }
    }

    /// Decodes a piece and passes the result to `take`.
    pub fn feed(&mut self, piece: &[u8], mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for step in piece.chunks(STEP) {
            let written = match self {
                Decoder::Identity => return take(piece),
                Decoder::Gzip(decoder) => decoder.write_all(step).map(|()| std::mem::take(decoder.get_mut())),
                Decoder::Deflate(decoder) => decoder.write_all(step).map(|()| std::mem::take(decoder.get_mut())),
            };
            take(&written.map_err(|error| damaged(&error))?)?;
        }
        Ok(())
    }

    /// Passes the rest of the decoded body to `take`; fails when the compressed data is incomplete.
    pub fn finish(self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let rest = match self {
            Decoder::Identity => return Ok(()),
            Decoder::Gzip(decoder) => decoder.finish(),
            Decoder::Deflate(decoder) => decoder.finish(),
        };
        take(&rest.map_err(|error| damaged(&error))?)
    }
}

fn unsupported(accepted: &'static str) -> Error {
    Problem::new(415, "unsupported_content_encoding", msg!("不支持此内容编码", "The content coding is not supported"))
        .detail(msg!("Content-Encoding 可用：{accepted}。", "Content-Encoding may be one of {accepted}."))
        .accept_encoding(accepted)
        .into()
}

fn damaged(_: &IoError) -> Error {
    Problem::new(400, "malformed_request", msg!("无法解压请求内容", "The request body cannot be decompressed"))
        .detail(msg!(
            "内容与 Content-Encoding 不符，或不完整。",
            "The body does not match its Content-Encoding, or is incomplete."
        ))
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::http::header::HeaderValue;
    use flate2::Compression;
    use flate2::read::{GzEncoder, ZlibEncoder};

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        headers
    }

    fn decoded(coding: &str, body: &[u8], piece: usize) -> Result<Vec<u8>> {
        let mut decoder = Decoder::of(&headers(coding))?;
        let mut bytes = Vec::new();
        for piece in body.chunks(piece) {
            decoder.feed(piece, |part| {
                bytes.extend_from_slice(part);
                Ok(())
            })?;
        }
        decoder.finish(|part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        GzEncoder::new(text, Compression::best()).read_to_end(&mut packed).unwrap();
        packed
    }

    #[test]
    fn bodies_are_decoded_in_pieces_of_any_size() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut deflated = Vec::new();
        ZlibEncoder::new(text.as_slice(), Compression::fast()).read_to_end(&mut deflated).unwrap();
        let gzipped = gzip(&text);
        // Two members one after the other are one body (RFC 1952, section 2.2).
        let twice = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
        for (coding, body) in [("gzip", &gzipped), ("X-GZIP", &twice), ("deflate", &deflated), ("identity", &text)] {
            for piece in [7, 1024, usize::MAX] {
                assert!(decoded(coding, body, piece).unwrap() == text, "{coding} {piece}");
            }
        }
    }

    #[test]
    fn decoding_uses_bounded_memory() {
        let packed = gzip(&vec![0; 64 << 20]);
        let mut decoder = Decoder::of(&headers("gzip")).unwrap();
        let mut largest = 0;
        decoder
            .feed(&packed, |part| {
                largest = largest.max(part.len());
                Ok(())
            })
            .unwrap();
        assert!((1..2 << 20).contains(&largest), "{largest}");
    }

    #[test]
    fn damaged_and_incomplete_bodies_are_refused() {
        let whole = gzip(b"{}");
        for body in [&whole[..whole.len() - 1], b"{}", b""] {
            assert_eq!(decoded("gzip", body, 1024).unwrap_err().problem().status, 400, "{body:?}");
        }
        for coding in ["br", "zstd", "gzip, gzip", "compress"] {
            assert_eq!(decoded(coding, &whole, 1024).unwrap_err().problem().status, 415, "{coding}");
        }
    }
}
