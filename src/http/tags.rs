//! Entity tags (RFC 9110, section 8.8.3): the lists in `If-Match` and `If-None-Match`, and the tags of compressed responses.
//!
//! A compressed response is a different representation from the plain one, so that both must not share a strong tag. The
//! compressed one has the name of its coding appended: `"12-5f0c2a9be1d4"` becomes `"12-5f0c2a9be1d4-gzip"`. Requests are
//! accepted with either: both name the same version of the same record.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

/// Codings that responses are compressed with.
const CODINGS: [&str; 2] = ["gzip", "deflate"];

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub is_weak: bool,
    /// What stands between the quotes.
    pub opaque: String,
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    List(Vec<Tag>),
}

/// All lines of a header as one list (RFC 9110, section 5.3), each byte as the character of that number; `None` where the
/// request has no such header.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<String> =
        headers.get_all(name).map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

impl Tags {
    /// Parses a value; `None` where it is neither `*` nor a list of tags. Empty elements of a list are skipped (RFC 9110,
    /// section 5.6.1), and a comma inside quotes is part of its tag.
    pub fn parse(value: &str) -> Option<Tags> {
        if value.trim() == "*" {
            return Some(Tags::Any);
        }
        let mut tags = Vec::new();
        let mut rest = value;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Tags::List(tags));
            }
            let unprefixed = rest.strip_prefix("W/");
            let (opaque, after) = unprefixed.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            if !opaque.chars().all(|letter| matches!(letter, '!'..='~' | '\u{80}'..='\u{ff}')) {
                return None;
            }
            tags.push(Tag { is_weak: unprefixed.is_some(), opaque: opaque.to_owned() });
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    /// The tag, with its quotes, under which the client has the representation with this strong tag; compared weakly, as
    /// `If-None-Match` is.
    pub fn find(&self, etag: &str) -> Option<String> {
        match self {
            Tags::Any => Some(etag.to_owned()),
            Tags::List(tags) => {
                let wanted = etag.trim_matches('"');
                let found = tags.iter().find(|tag| without_coding(&tag.opaque) == wanted)?;
                Some(format!("\"{}\"", found.opaque))
            }
        }
    }
}

fn without_coding(opaque: &str) -> &str {
    match opaque.rsplit_once('-') {
        Some((plain, coding)) if CODINGS.contains(&coding) => plain,
        _ => opaque,
    }
}

/// The middleware around the one that compresses: gives a compressed response its own tag.
pub async fn of_compressed<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    match coding.and_then(|coding| CODINGS.into_iter().find(|known| *known == coding)) {
        Some(coding) => {
            let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()?.strip_suffix('"').map(str::to_owned));
            if let Some(value) = tag.and_then(|tag| HeaderValue::from_str(&format!("{tag}-{coding}\"")).ok()) {
                headers.insert(header::ETAG, value);
            }
        }
        // Keeps the compressor off a response; the name itself has no place in the header (RFC 9110, section 8.4.1).
        None if coding == Some("identity") => drop(headers.remove(header::CONTENT_ENCODING)),
        None => {}
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tags: &[(bool, &str)]) -> Option<Tags> {
        let tag = |(is_weak, opaque): &(bool, &str)| Tag { is_weak: *is_weak, opaque: (*opaque).to_owned() };
        Some(Tags::List(tags.iter().map(tag).collect()))
    }

    #[test]
    fn lists_are_parsed_as_the_grammar_has_them() {
        for (value, wanted) in [
            ("*", Some(Tags::Any)),
            (" * ", Some(Tags::Any)),
            ("", list(&[])),
            (" ,\t, ", list(&[])),
            ("\"a\"", list(&[(false, "a")])),
            (", \"a\",,\tW/\"b\" ,", list(&[(false, "a"), (true, "b")])),
            ("\"a,b\", \"\"", list(&[(false, "a,b"), (false, "")])),
            ("\"\u{e9}\"", list(&[(false, "\u{e9}")])),
            ("a", None),
            ("\"a", None),
            ("\"a\" \"b\"", None),
            ("\"a b\"", None),
            ("w/\"a\"", None),
            ("W/ \"a\"", None),
            ("*, \"a\"", None),
        ] {
            assert_eq!(Tags::parse(value), wanted, "{value:?}");
        }
    }

    #[test]
    fn a_representation_is_found_under_its_plain_and_its_compressed_tag() {
        for (value, found) in [
            ("\"1-a\"", Some("\"1-a\"")),
            ("\"2-a\", W/\"1-a\"", Some("\"1-a\"")),
            ("\"1-a-gzip\"", Some("\"1-a-gzip\"")),
            ("\"1-a-deflate\"", Some("\"1-a-deflate\"")),
            ("*", Some("\"1-a\"")),
            ("\"1-a-br\"", None),
            ("\"1\"", None),
        ] {
            assert_eq!(Tags::parse(value).and_then(|tags| tags.find("\"1-a\"")).as_deref(), found, "{value}");
        }
    }
}
