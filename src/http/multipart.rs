//! Receives a file: as the request body, or as the only part of `multipart/form-data` (RFC 7578), which HTML forms and
//! `curl -F` send.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
use futures_core::Stream;

use super::body::{too_large, within_deadline};
use super::{Call, coding};
use crate::error::{Error, Fault, Problem, Result};
use crate::model::text::Msg;
use crate::msg;

/// The allowance for boundaries and part headers besides the file, in bytes.
const FRAMING_MAX: usize = 64 * 1024;
/// The length to which file names are truncated, in characters.
const NAME_MAX: usize = 200;
/// The media type of an unknown file.
const UNKNOWN: &str = "application/octet-stream";

/// The metadata of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The media type with its parameters, as received; empty when there was none.
    pub media_type: String,
    /// The file name without directories.
    pub file_name: Option<String>,
}

impl Call {
    /// Receives a file piece by piece, of at most `limit` bytes.
    pub async fn file(
        &self,
        payload: Payload,
        limit: usize,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Described> {
        if self.media_type() != "multipart/form-data" {
            self.pieces(payload, limit, take).await?;
            let media_type = self.header(header::CONTENT_TYPE).unwrap_or_default().to_owned();
            return Ok(Described { media_type, file_name: None });
        }
        coding::require_identity(self.request.headers())?;
        let capped = Capped { payload, left: limit.saturating_add(FRAMING_MAX) };
        let mut parts = Multipart::new(self.request.headers(), capped);
        let mut found = None;
        while let Some(part) = next(&mut parts, limit).await? {
            if found.is_some() {
                return Err(malformed(
                    "several_parts",
                    msg!("只能有一个部分，即文件。", "must have one part, the file"),
                ));
            }
            found = Some(receive(part, limit, &mut take).await?);
        }
        found.ok_or_else(|| malformed("no_file", msg!("没有文件。", "has no file")))
    }
}

/// Receives the bytes of a part.
async fn receive(mut part: Field, limit: usize, take: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<Described> {
    let described = describe(&part).ok_or_else(|| {
        let message = msg!("该部分没有文件名，须作为文件上传。", "has a part without a file name; send it as a file");
        malformed("no_file_name", message)
    })?;
    let mut size = 0;
    while let Some(piece) = next(&mut part, limit).await? {
        size += piece.len();
        if size > limit {
            return Err(too_large(limit));
        }
        take(&piece)?;
    }
    Ok(described)
}

/// The metadata of a part; `None` without a file name, as form fields that are not files have none.
fn describe(part: &Field) -> Option<Described> {
    let given = part.content_disposition()?.get_filename()?;
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect();
    let media_type = part.content_type().map(ToString::to_string).filter(|given| given != UNKNOWN);
    let media_type =
        media_type.unwrap_or_else(|| mime_guess::from_path(&name).first_raw().unwrap_or(UNKNOWN).to_owned());
    Some(Described { media_type, file_name: (!name.is_empty()).then_some(name) })
}

/// The next piece of a body or a part; `None` at its end.
async fn next<T>(
    stream: &mut (impl Stream<Item = Result<T, MultipartError>> + Unpin),
    limit: usize,
) -> Result<Option<T>> {
    let next = within_deadline(poll_fn(|context| Pin::new(&mut *stream).poll_next(context))).await?;
    next.transpose().map_err(|error| match error {
        MultipartError::Payload(PayloadError::Overflow) => too_large(limit),
        MultipartError::BoundaryMissing | MultipartError::ContentTypeParse => {
            malformed("no_boundary", msg!("Content-Type 没有 boundary。", "has no boundary in its Content-Type"))
        }
        MultipartError::Incomplete | MultipartError::Payload(PayloadError::Incomplete(_)) => {
            malformed("incomplete", msg!("不完整。", "is incomplete: the closing boundary is missing"))
        }
        MultipartError::ContentDispositionMissing | MultipartError::ContentDispositionNameMissing => malformed(
            "no_content_disposition",
            msg!("有部分没有 Content-Disposition: form-data。", "has a part without Content-Disposition: form-data"),
        ),
        _ => {
            malformed("invalid_multipart", msg!("不是有效的 multipart/form-data。", "is not valid multipart/form-data"))
        }
    })
}

fn malformed(code: &'static str, message: Msg) -> Error {
    Problem::malformed(vec![Fault { pointer: String::new(), code, message }]).into()
}

/// A body that fails after a number of bytes, including boundaries and part headers.
struct Capped {
    payload: Payload,
    left: usize,
}

impl Stream for Capped {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        Pin::new(&mut this.payload).poll_next(context).map(|piece| match piece {
            Some(Ok(piece)) => match this.left.checked_sub(piece.len()) {
                Some(left) => {
                    this.left = left;
                    Some(Ok(piece))
                }
                None => Some(Err(PayloadError::Overflow)),
            },
            other => other,
        })
    }
}
