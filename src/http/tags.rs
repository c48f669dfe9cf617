//! Entity tags (RFC 9110, section 8.8.3): the lists in `If-Match` and `If-None-Match`, and the tags of compressed responses.
//!
//! A compressed response is a different representation than the uncompressed one, so that they must not share a strong tag.
//! The name of the coding is appended to the tag of the compressed one: `"12-5f0c2a9be1d4"` becomes
//! `"12-5f0c2a9be1d4-gzip"`. Requests may use either tag, because both identify the same version of the record.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, EntityTag, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

/// The codings of compressed responses.
const CODINGS: [&str; 2] = ["gzip", "deflate"];

/// The value of `If-Match` or `If-None-Match`.
///
/// Each tag is an [`EntityTag`] of actix-web, but the list is split here: `header::IfMatch` and `header::IfNoneMatch` split
/// it at the commas inside quotes too, and skip malformed tags, which this API refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    List(Vec<EntityTag>),
}

/// All lines of a header joined to one list (RFC 9110, section 5.3), decoded as Latin-1; `None` when the header is missing.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<String> =
        headers.get_all(name).map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

impl Tags {
    /// Parses a value; `None` when it is neither `*` nor a list of tags.
    ///
    /// Empty elements of a list are skipped (RFC 9110, section 5.6.1), and a comma inside quotes is part of its tag.
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
            // The tag ends with its second quote.
            let (end, _) = rest.match_indices('"').nth(1)?;
            let (tag, after) = rest.split_at(end + 1);
            tags.push(tag.parse().ok()?);
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    /// The tag of the list, with its quotes, that matches a strong tag by weak comparison, as for `If-None-Match`.
    pub fn find(&self, etag: &str) -> Option<String> {
        match self {
            Tags::Any => Some(etag.to_owned()),
            Tags::List(tags) => {
                let wanted = etag.trim_matches('"');
                let found = tags.iter().find(|tag| without_coding(tag.tag()) == wanted)?;
                Some(format!("\"{}\"", found.tag()))
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

/// The middleware around compression, which appends the coding to the tag of a compressed response.
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
        // Handlers set `identity` to prevent compression. The header must not contain it (RFC 9110, section 8.4.1).
        None if coding == Some("identity") => drop(headers.remove(header::CONTENT_ENCODING)),
        None => {}
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tags: &[(bool, &str)]) -> Option<Tags> {
        let tag = |(is_weak, opaque): &(bool, &str)| EntityTag::new(*is_weak, (*opaque).to_owned());
        Some(Tags::List(tags.iter().map(tag).collect()))
    }

    #[test]
    fn lists_are_parsed_by_the_grammar() {
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
    fn plain_and_compressed_tags_match() {
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
