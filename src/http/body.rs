//! Reads request bodies: decodes them, limits their size and time, checks their media type and parses JSON.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::http::header::{ContentLength, Header};
use actix_web::web::Payload;
use futures_core::Stream;
use serde_json::Value;

use super::Call;
use super::coding::Decoder;
use crate::error::{Error, Fault, Problem, Result};
use crate::msg;
use crate::validation::normalize_numbers;

/// The size of a JSON body, in bytes.
pub const JSON_MAX: usize = 256 * 1024;
/// The nesting depth of a JSON body. Valid bodies are nested less than ten deep.
const DEPTH_MAX: usize = 32;
/// The time in which a body, or the next piece of a large one, must arrive.
const DEADLINE: Duration = Duration::from_secs(10);

impl Call {
    /// Reads the body, of at most `limit` bytes after decoding.
    pub async fn bytes(&self, payload: Payload, limit: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.pieces(payload, limit, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        within_deadline(read).await??;
        Ok(bytes)
    }

    /// Reads the body piece by piece, without holding all of it in memory.
    ///
    /// `limit` applies to the bytes before and after decoding. The deadline applies to each piece, not to the whole body.
    pub async fn pieces(
        &self,
        mut payload: Payload,
        limit: usize,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut decoder = Decoder::of(self.request.headers())?;
        let given = ContentLength::parse(&self.request).ok().map(|ContentLength(bytes)| bytes);
        if given.is_some_and(|n| n > limit) {
            return Err(too_large(limit));
        }
        let (mut sent, mut size) = (0, 0);
        let mut count = |part: &[u8]| {
            size += part.len();
            if size > limit { Err(too_large(limit)) } else { take(part) }
        };
        loop {
            let next = poll_fn(|context| Pin::new(&mut payload).poll_next(context));
            let piece = match within_deadline(next).await? {
                None if sent == 0 => return Ok(()),
                None => return decoder.finish(count),
                Some(Err(error)) => return Err(unreadable(&error)),
                Some(Ok(piece)) => piece,
            };
            sent += piece.len();
            if sent > limit {
                return Err(too_large(limit));
            }
            decoder.feed(&piece, &mut count)?;
        }
    }

    /// Reads the body as a JSON object of one of the media types.
    pub async fn json(&self, payload: Payload, media_types: &[&str]) -> Result<Value> {
        let given = self.media_type();
        if !media_types.contains(&given.as_str()) {
            let wanted = media_types.join(", ");
            return Err(Problem::new(
                415,
                "unsupported_media_type",
                msg!("不支持此媒体类型", "The media type is not supported"),
            )
            .detail(msg!("请使用 {wanted}。", "Use {wanted}."))
            .into());
        }
        let bytes = self.bytes(payload, JSON_MAX).await?;
        let text = without_bom(&bytes);
        check_depth(text)?;
        let mut value: Value = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            not_json(msg!(
                "不是有效的 JSON（第 {line} 行第 {column} 列）。",
                "is not valid JSON (line {line}, column {column})"
            ))
        })?;
        if !value.is_object() {
            return Err(not_json(msg!("须为 JSON 对象。", "must be a JSON object")));
        }
        normalize_numbers(&mut value);
        Ok(value)
    }

    /// Rejects a body where an operation takes none; an empty JSON object is accepted.
    pub async fn require_no_body(&self, payload: Payload) -> Result<()> {
        let bytes = self.bytes(payload, JSON_MAX).await?;
        let text = without_bom(&bytes);
        check_depth(text)?;
        if text.is_empty() || serde_json::from_slice::<Value>(text).is_ok_and(|body| body == serde_json::json!({})) {
            return Ok(());
        }
        let message = msg!("此操作没有请求内容。", "must be empty: this operation takes no body");
        Err(Problem::malformed(vec![Fault { pointer: String::new(), code: "unexpected_body", message }]).into())
    }

    /// The body's media type without its parameters, in lower case.
    pub fn media_type(&self) -> String {
        self.request.content_type().to_ascii_lowercase()
    }
}

/// Waits for a body, or for a piece of it; 408 after the deadline.
pub async fn within_deadline<T>(read: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(DEADLINE, read).await.map_err(|_| {
        Problem::new(408, "timeout", msg!("请求内容接收超时", "The request body took too long to arrive")).into()
    })
}

pub fn too_large(limit: usize) -> Error {
    Problem::new(413, "too_large", msg!("请求内容过大", "The request is too large"))
        .detail(msg!("最多 {limit} 字节。", "The limit is {limit} bytes."))
        .into()
}

fn unreadable(error: &impl std::fmt::Display) -> Error {
    let words = error.to_string();
    Problem::new(400, "malformed_request", msg!("无法读取请求内容", "The request body cannot be read"))
        .detail(msg!("{words}", "{words}"))
        .into()
}

fn not_json(message: crate::model::text::Msg) -> Error {
    Problem::malformed(vec![Fault { pointer: String::new(), code: "invalid_json", message }]).into()
}

/// The text without a byte order mark, which some editors write and RFC 8259 (section 8.1) allows parsers to ignore.
fn without_bom(json: &[u8]) -> &[u8] {
    json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json)
}

/// Rejects JSON that is nested too deeply, before it is parsed.
fn check_depth(json: &[u8]) -> Result<()> {
    if depth(json) <= DEPTH_MAX {
        return Ok(());
    }
    Err(Problem::new(400, "too_deep", msg!("请求内容嵌套过深", "The request is nested too deeply"))
        .detail(msg!("最多 {DEPTH_MAX} 层。", "Objects and lists may be nested {DEPTH_MAX} levels deep."))
        .into())
}

/// The nesting depth of a JSON text; brackets in strings do not count.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        for (json, wanted) in [
            ("", 0),
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[{"b":[]}],"c":[]}"#, 4),
            (r#""[[[[""#, 0),
            (r#"["\"[[[", "\\", [0]]"#, 2),
            ("]]]][[", 2),
        ] {
            assert_eq!(depth(json.as_bytes()), wanted, "{json}");
        }
    }
}
