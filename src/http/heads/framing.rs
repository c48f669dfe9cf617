//! Delimits the requests of a connection (RFC 9112, section 6), by the rules of actix-http 3.

use actix_web::http::Uri;

use super::{Fault, PENDING_MAX};

/// The number of header fields in a head; the limit of actix-http.
pub const FIELDS_MAX: usize = 96;

/// What is expected next on the connection.
#[derive(Debug, Default)]
pub enum Framing {
    #[default]
    Head,
    /// The rest of a body, in bytes.
    Body(u64),
    /// The line with the size of a chunk, as read so far; `is_read` is true after the digits.
    Size { size: u64, is_read: bool },
    /// The rest of a chunk, with its line break, in bytes.
    Chunk(u64),
    /// The trailer after the last chunk, with the length of the current line.
    Trailer(usize),
    /// Unchecked bytes: the protocol was switched, or actix-http will reject the request.
    Opaque,
}

impl Framing {
    /// Advances over bytes that were read.
    ///
    /// Returns how many of them the server may read, and the fault of the head that follows them, if it has one. An incomplete
    /// head at the end is not counted. `may_end` is false when the first head is known to be incomplete.
    pub fn advance(&mut self, bytes: &[u8], may_end: bool) -> (usize, Option<Fault>) {
        let mut read = 0;
        while read < bytes.len() {
            let rest = &bytes[read..];
            match self {
                Framing::Head if !may_end && rest.len() < PENDING_MAX => return (read, None),
                Framing::Head => match head(rest) {
                    Ok(Some((length, next))) => {
                        read += length;
                        *self = next;
                    }
                    Ok(None) => return (read, None),
                    // The problem needs the remaining fields, such as `Accept-Language`.
                    Err(_) if is_begun(rest) => return (read, None),
                    Err(fault) => return (read, Some(fault)),
                },
                Framing::Body(left) => read += take(left, rest),
                Framing::Chunk(left) => read += take(left, rest),
                Framing::Size { size, is_read } => {
                    read += 1;
                    match (rest[0], char::from(rest[0]).to_digit(16)) {
                        (b'\n', _) if *size == 0 => *self = Framing::Trailer(0),
                        (b'\n', _) => *self = Framing::Chunk(*size + 2),
                        (_, Some(digit)) if !*is_read => match size.checked_mul(16) {
                            // The line break is added to the size.
                            Some(shifted) if shifted < u64::MAX - 32 => *size = shifted + u64::from(digit),
                            _ => *self = Framing::Opaque,
                        },
                        _ => *is_read = true,
                    }
                }
                Framing::Trailer(letters) => {
                    read += 1;
                    match rest[0] {
                        b'\n' if *letters == 0 => *self = Framing::Head,
                        b'\n' => *letters = 0,
                        b'\r' => {}
                        _ => *letters += 1,
                    }
                }
                Framing::Opaque => return (bytes.len(), None),
            }
            match self {
                Framing::Body(0) => *self = Framing::Head,
                Framing::Chunk(0) => *self = Framing::Size { size: 0, is_read: false },
                _ => {}
            }
        }
        (read, None)
    }
}

/// Subtracts the bytes from what is left of a body, and returns how many were part of it.
fn take(left: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= taken as u64;
    taken
}

/// The length of the head at the beginning, and what follows it; `None` when it is incomplete.
fn head(bytes: &[u8]) -> Result<Option<(usize, Framing)>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => {
            check_target(request.path.unwrap_or_default())?;
            Ok(Some((length, after(&request)?)))
        }
        Ok(httparse::Status::Partial) if bytes.len() < PENDING_MAX => Ok(None),
        Ok(httparse::Status::Partial) => Err(if bytes.contains(&b'\n') { Fault::Large } else { Fault::LongTarget }),
        Err(httparse::Error::TooManyHeaders) => Err(Fault::Large),
        Err(_) => {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let is_request = line.windows(6).any(|part| part == b" HTTP/");
            Err(if is_request && !line.is_ascii() { Fault::Target } else { Fault::Malformed })
        }
    }
}

/// The fault of a head whose rest will not arrive.
pub fn fault_of(bytes: &[u8]) -> Option<Fault> {
    head(bytes).err()
}

/// Whether the bytes look like the beginning of a request whose fields have not all arrived.
fn is_begun(bytes: &[u8]) -> bool {
    let is_request = bytes.first().is_some_and(u8::is_ascii_uppercase);
    let has_ended = [&b"\r\n\r\n"[..], b"\n\n"].iter().any(|end| memchr::memmem::find(bytes, end).is_some());
    is_request && !has_ended && bytes.len() < PENDING_MAX
}

fn check_target(target: &str) -> Result<(), Fault> {
    if !target.is_ascii() {
        return Err(Fault::Target);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte);
    // Targets of plain characters are always valid, so that they need not be parsed twice.
    if (target.starts_with('/') && target.bytes().all(is_plain)) || target.parse::<Uri>().is_ok() {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

/// What follows a complete head.
fn after(request: &httparse::Request<'_, '_>) -> Result<Framing, Fault> {
    let is_newest = request.version == Some(1);
    let (mut hosts, mut length, mut is_chunked, mut is_upgrade) = (0, None, false, false);
    for httparse::Header { name, value } in request.headers.iter() {
        let value = std::str::from_utf8(value).map(str::trim);
        if name.eq_ignore_ascii_case("host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case("content-length") {
            let digits = value.ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let given = digits.and_then(|digits| digits.parse::<u64>().ok()).ok_or(Fault::Length)?;
            if length.replace(given).is_some() {
                return Err(Fault::Length);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if is_chunked || !is_newest || !value.is_ok_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
                return Err(Fault::Length);
            }
            is_chunked = true;
        } else if name.eq_ignore_ascii_case("upgrade") {
            is_upgrade |= value.is_ok_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
        }
    }
    if hosts > 1 || (is_newest && hosts == 0) {
        return Err(Fault::Host);
    }
    let has_no_end = !is_newest && request.method == Some("POST") && length.is_none();
    if (is_chunked && length.is_some()) || has_no_end {
        return Err(Fault::Length);
    }
    Ok(match length {
        _ if is_chunked => Framing::Size { size: 0, is_read: false },
        _ if is_upgrade || request.method == Some("CONNECT") => Framing::Opaque,
        Some(0) | None => Framing::Head,
        Some(length) => Framing::Body(length),
    })
}
