//! Detects request heads that actix-http would reject, so that their responses are problems like all others. actix-http itself
//! responds with a bare status and has no hook for such requests.
//!
//! [`Checked`] wraps a connection and parses each head with the same parser, limits and rules as actix-http. Valid heads pass
//! through unchanged. An invalid head is replaced by a substitute request, which names the fault. The usual middleware counts,
//! logs and answers the substitute, in the order of the requests on the connection and in the client's language. Its body has
//! no end, so that the server reads what the client still sends, and then closes the connection.
//!
//! actix-http still parses every byte, so that a difference between the two parsers cannot let an invalid head pass.

mod framing;

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::access::secrets;
use crate::error::Problem;
use crate::msg;
use framing::Framing;

/// The size of a head that is buffered until it is complete, in bytes. It exceeds the limit of the middleware, so that all but
/// the largest heads are rejected with their language and request id known.
const PENDING_MAX: usize = 32 * 1024;

/// Header fields that the substitute request copies: they determine the language of the problem, the address that it counts
/// against, its request id, and whether a page of another origin may read it.
const COPIED: [&str; 4] = ["accept-language", "x-forwarded-for", "x-request-id", "origin"];

/// The header field of a substitute request that names the fault.
static MARK: HeaderName = HeaderName::from_static("x-head-fault");
/// Proves that a substitute request is genuine; clients cannot guess it.
static SECRET: LazyLock<String> = LazyLock::new(secrets::random_hex::<16>);

/// A fault of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The target has bytes that must be percent-encoded.
    Target,
    /// It is not valid HTTP/1.1 or HTTP/1.0.
    Malformed,
    /// There is no `Host`, or more than one.
    Host,
    /// `Content-Length` or `Transfer-Encoding` does not delimit the body.
    Length,
    /// The request line is too long.
    LongTarget,
    /// It has too many bytes or fields.
    Large,
}

impl Fault {
    const ALL: [(Fault, &str); 6] = [
        (Fault::Target, "target"),
        (Fault::Malformed, "malformed"),
        (Fault::Host, "host"),
        (Fault::Length, "length"),
        (Fault::LongTarget, "long-target"),
        (Fault::Large, "large"),
    ];

    fn name(self) -> &'static str {
        Fault::ALL.iter().find(|(fault, _)| *fault == self).map_or("malformed", |(_, name)| name)
    }

    fn problem(self) -> Problem {
        let malformed = Problem::malformed(Vec::new());
        match self {
            Fault::Target => malformed.detail(msg!(
                "请求地址含有须以百分号编码的字节，例如“里”应写作 %E9%87%8C。",
                "The request target has bytes that must be percent-encoded as UTF-8: 里 is written as %E9%87%8C."
            )),
            Fault::Malformed => {
                malformed.detail(msg!("无法解析 HTTP/1.1 请求头。", "The request head is not valid HTTP/1.1."))
            }
            Fault::Host => malformed.detail(msg!("须有且仅有一个 Host 头。", "Exactly one Host header is required.")),
            Fault::Length => malformed.detail(msg!(
                "Content-Length 或 Transfer-Encoding 无效。",
                "Content-Length or Transfer-Encoding is not valid."
            )),
            Fault::LongTarget => long_target(),
            Fault::Large => large(),
        }
    }
}

/// The problem for a path and query that are too long (414).
pub fn long_target() -> Problem {
    Problem::new(414, "uri_too_long", msg!("请求地址过长", "The path and query of the request are too long"))
}

/// The problem for a head that is too large (431).
pub fn large() -> Problem {
    Problem::new(431, "head_too_large", msg!("请求头过大", "The request head is too large"))
}

/// The problem that a substitute request stands for; `None` for a request of a client.
pub fn problem_of(request: &ServiceRequest) -> Option<Problem> {
    let (secret, name) = request.headers().get(&MARK)?.to_str().ok()?.split_once(' ')?;
    let (fault, _) = Fault::ALL.into_iter().find(|(_, known)| *known == name)?;
    secrets::equal(secret, &SECRET).then_some(fault)?;
    Some(fault.problem())
}

/// The substitute request for a head with a fault.
fn substitute(head: &[u8], fault: Fault) -> Vec<u8> {
    let method = if head.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let mut request = format!(
        "{method} /-/head HTTP/1.1\r\nhost: -\r\nconnection: close\r\ncontent-length: {}\r\n{MARK}: {} {}\r\n",
        i64::MAX,
        *SECRET,
        fault.name()
    );
    let lines = head.split(|byte| *byte == b'\n').take(framing::FIELDS_MAX);
    let is_blank = |line: &&[u8]| line.trim_ascii().is_empty();
    for line in lines.skip_while(is_blank).take_while(|line| !is_blank(line)) {
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else {
            continue;
        };
        let is_plain = value.len() < 1000 && value.trim().bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_plain && COPIED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            request.push_str(&format!("{name}: {}\r\n", value.trim()));
        }
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// A connection whose request heads are checked while they are read.
pub struct Checked<T> {
    io: T,
    framing: Framing,
    /// The beginning of an incomplete head.
    pending: Vec<u8>,
    /// The bytes that the server reads next, and how many of them it has read.
    ready: (Vec<u8>, usize),
    is_rejected: bool,
}

impl<T> Checked<T> {
    pub fn new(io: T) -> Checked<T> {
        Checked { io, framing: Framing::default(), pending: Vec::new(), ready: (Vec::new(), 0), is_rejected: false }
    }

    /// The wrapped connection.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Copies ready bytes to the server's buffer; false when there are none.
    fn copy_ready(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let (bytes, read) = &mut self.ready;
        let part = &bytes[*read..];
        let part = &part[..part.len().min(buffer.remaining())];
        if part.is_empty() {
            return false;
        }
        buffer.put_slice(part);
        *read += part.len();
        true
    }

    /// Checks the bytes of the buffer after the first `before`, and leaves those that the server may read.
    fn check(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let new = &buffer.filled()[before..];
        if self.pending.is_empty() {
            let (valid, fault) = self.framing.advance(new, true);
            match fault {
                Some(fault) => self.reject(substitute(&new[valid..], fault)),
                None => self.pending.extend_from_slice(&new[valid..]),
            }
            buffer.set_filled(before + valid);
            return;
        }
        // Parsing an incomplete head again after every piece would take quadratic time.
        let may_end = memchr::memchr(b'\n', new).is_some();
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(new);
        buffer.set_filled(before);
        let (valid, fault) = self.framing.advance(&pending, may_end);
        match fault {
            Some(fault) => {
                let mut request = substitute(&pending[valid..], fault);
                pending.truncate(valid);
                pending.append(&mut request);
                self.reject(pending);
            }
            None => {
                self.pending = pending.split_off(valid);
                self.ready = (pending, 0);
            }
        }
    }

    fn reject(&mut self, ready: Vec<u8>) {
        self.ready = (ready, 0);
        self.is_rejected = true;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Checked<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.copy_ready(buffer) {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
            // The bytes after a rejected head become the body of the substitute request, which is discarded.
            if this.is_rejected {
                return Poll::Ready(Ok(()));
            }
            let has_ended = buffer.filled().len() == before;
            if has_ended {
                // The connection ended within a head.
                let Some(fault) = framing::fault_of(&this.pending) else { return Poll::Ready(Ok(())) };
                let head = std::mem::take(&mut this.pending);
                this.reject(substitute(&head, fault));
                continue;
            }
            this.check(buffer, before);
            // Returning without bytes would mean the end of the connection.
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Checked<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// The bytes that the server reads when the client sends these pieces.
    async fn read(pieces: &[&[u8]]) -> String {
        let mut io = connection(pieces);
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let rest = piece.split_off(piece.len().min(buffer.remaining()));
                buffer.put_slice(&piece);
                if !rest.is_empty() {
                    self.0.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    fn connection(pieces: &[&[u8]]) -> Checked<Pieces> {
        Checked::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()))
    }

    /// Requests with every framing of a body; some of the bodies look like invalid heads.
    const VALID: &str = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nGET /\u{91cc} HTTP/2.0\
        POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\n\r\n\r\n\r\n0A\r\n\u{91cc}\u{91cc}\u{91cc}!\r\n0\r\nX: y\r\n\r\n\
        GET /c?q=%E9%87%8C HTTP/1.0\r\n\r\nGET http://x/d HTTP/1.1\r\nHost: x\r\nX: \u{91cc}\r\n\r\n";

    #[actix_web::test]
    async fn valid_requests_pass_through_unchanged() {
        let valid = VALID.as_bytes();
        assert_eq!(read(&[valid]).await, VALID);
        for size in [1, 2, 3, 7, 50] {
            let pieces: Vec<&[u8]> = valid.chunks(size).collect();
            assert_eq!(read(&pieces).await, VALID, "{size}");
        }
        for cut in 1..valid.len() {
            assert_eq!(read(&[&valid[..cut], &valid[cut..]]).await, VALID, "{cut}");
        }
    }

    #[actix_web::test]
    async fn an_invalid_head_is_replaced_and_requests_before_it_are_not() {
        let long = "a".repeat(PENDING_MAX);
        let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
        let host = "Host: x\r\nAccept-Language: zh\r\n";
        for (invalid, name) in [
            (format!("GET /\u{91cc} HTTP/1.1\r\n{host}\r\n"), "target"),
            (format!("GET /a?q=\u{91cc} HTTP/1.1\r\n{host}\r\n"), "target"),
            (format!("GET /a b HTTP/1.1\r\n{host}\r\n"), "malformed"),
            (format!("GET /a HTTP/3.0\r\n{host}\r\n"), "malformed"),
            ("\u{16}\u{3}\u{1}".to_owned(), "malformed"),
            ("GET /a HTTP/1.1\r\nAccept-Language: zh\r\n\r\n".to_owned(), "host"),
            (format!("GET /a HTTP/1.1\r\nHost: y\r\n{host}\r\n"), "host"),
            (format!("POST /a HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), "length"),
            (format!("POST /a HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\n"), "length"),
            (format!("POST /a HTTP/1.1\r\n{host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "length"),
            (format!("POST /a HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n"), "length"),
            (format!("GET /{long}"), "long-target"),
            (format!("GET / HTTP/1.1\r\n{host}X: {long}"), "large"),
            (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), "large"),
        ] {
            for size in [usize::MAX, 997] {
                let all = format!("{VALID}{invalid}rest");
                let pieces: Vec<&[u8]> = all.as_bytes().chunks(size).collect();
                let seen = read(&pieces).await;
                let substituted = seen.strip_prefix(VALID).unwrap_or_else(|| panic!("{invalid:.60}: {seen:.300}"));
                let (head, _) = substituted.split_once("\r\n\r\n").unwrap();
                assert!(head.ends_with(" zh") || !invalid.contains("Accept-Language"), "{head}");
                assert!(
                    head.contains(&format!("x-head-fault: {} {name}\r\n", *SECRET)) || head.ends_with(name),
                    "{head}"
                );
            }
        }
    }

    #[test]
    fn a_client_cannot_forge_a_substitute_request() {
        use actix_web::test::TestRequest;
        let with = |value: String| TestRequest::default().insert_header(("x-head-fault", value)).to_srv_request();
        assert_eq!(problem_of(&with(format!("{} large", *SECRET))).map(|problem| problem.status), Some(431));
        for other in ["large".to_owned(), "0123 large".to_owned(), format!("{} other", *SECRET)] {
            assert!(problem_of(&with(other)).is_none());
        }
    }
}
