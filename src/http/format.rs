//! The format of a response: chosen by a suffix of the path (`/api/v1/milestones.csv`) or by `Accept`.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, Header, Quality};
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use super::AppState;
use crate::error::{Problem, Result};
use crate::msg;
use crate::validation::Contract;

/// A format of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
    Csv,
    Xlsx,
    /// One JSON value a line.
    Ndjson,
}

/// The formats of every list; the first is the default.
pub const OF_LISTS: &[Format] = &[Format::Json, Format::Csv, Format::Xlsx, Format::Ndjson];
/// The formats of a bundle; the first is the default.
pub const OF_BUNDLES: &[Format] = &[Format::Json, Format::Yaml, Format::Xlsx];

const ALL: [Format; 5] = [Format::Json, Format::Yaml, Format::Csv, Format::Xlsx, Format::Ndjson];

impl Format {
    /// The media type, without parameters.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            // RFC 9512.
            Format::Yaml => "application/yaml",
            // RFC 4180.
            Format::Csv => "text/csv",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Ndjson => "application/x-ndjson",
        }
    }

    /// The suffix of file names and paths, without the dot.
    pub const fn suffix(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Yaml => "yaml",
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Ndjson => "ndjson",
        }
    }
}

/// The format named by the path's suffix; an extension of the request.
#[derive(Clone, Copy)]
struct BySuffix(Format);

/// Negotiates the format of a response; 406 when the client accepts none of those offered (RFC 9110, section 12.5.1).
///
/// A suffix of the path takes precedence. Otherwise the highest quality in `Accept` decides, and among equal qualities the
/// most specific range. Without a valid `Accept`, the first format offered is used.
pub fn negotiate(request: &HttpRequest, offered: &[Format]) -> Result<Format> {
    if let Some(BySuffix(format)) = request.extensions().get().copied() {
        return Ok(format);
    }
    let first = offered.first().copied().unwrap_or(Format::Json);
    if !request.headers().contains_key(header::ACCEPT) {
        return Ok(first);
    }
    let Ok(accept) = header::Accept::parse(request) else { return Ok(first) };
    if accept.0.is_empty() {
        return Ok(first);
    }
    let ranges = ranges(&accept);
    let mut best: Option<(Format, (Quality, u8))> = None;
    for format in offered {
        let rank = rank(&ranges, format.media_type());
        if rank.0 > Quality::ZERO && best.is_none_or(|(_, so_far)| rank > so_far) {
            best = Some((*format, rank));
        }
    }
    best.map(|(format, _)| format).ok_or_else(|| {
        let offered: Vec<&str> = offered.iter().map(|format| format.media_type()).collect();
        let offered = offered.join(", ");
        Problem::new(406, "not_acceptable", msg!("没有可接受的格式", "No format is acceptable"))
            .detail(msg!("可用格式：{offered}。", "Available formats: {offered}."))
            .into()
    })
}

/// Whether the client prefers HTML to JSON, as browsers do.
pub fn prefers_html(request: &HttpRequest) -> bool {
    let Ok(accept) = header::Accept::parse(request) else { return false };
    let ranges = ranges(&accept);
    rank(&ranges, "text/html") > rank(&ranges, Format::Json.media_type())
}

/// The media ranges of `Accept` in lower case, with their qualities.
fn ranges(accept: &header::Accept) -> Vec<(String, Quality)> {
    accept.0.iter().map(|range| (range.item.essence_str().to_ascii_lowercase(), range.quality)).collect()
}

/// The quality that the most specific matching range gives to a media type, and how specific that range is.
fn rank(ranges: &[(String, Quality)], media_type: &str) -> (Quality, u8) {
    let main = media_type.split('/').next().unwrap_or_default();
    let specificity = |range: &str| match range.split_once('/') {
        Some(_) if range == media_type => 3,
        Some((kind, "*")) if kind == main => 2,
        Some(("*", "*")) => 1,
        _ => 0_u8,
    };
    let found = ranges
        .iter()
        .map(|(range, quality)| (specificity(range), *quality))
        .filter(|(specificity, _)| *specificity > 0)
        .max();
    found.map_or((Quality::ZERO, 0), |(specificity, quality)| (quality, specificity))
}

/// The middleware that removes the suffix of a format from a path and stores the format in the request's extensions.
///
/// It applies only when the rest of the path is a read that offers the format; any other path stays unchanged.
pub async fn by_suffix<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    if let Some((format, uri)) = without_suffix(&request) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
        request.extensions_mut().insert(BySuffix(format));
    }
    next.call(request).await
}

fn without_suffix(request: &ServiceRequest) -> Option<(Format, Uri)> {
    if *request.method() != Method::GET {
        return None;
    }
    let state = request.app_data::<web::Data<AppState>>()?;
    let (path, format) = by_path(&state.catalog.contract, request.path())?;
    let path_and_query = match request.uri().query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path_and_query.ok()?);
    Some((format, Uri::from_parts(parts).ok()?))
}

/// The path of a read without its suffix, and the format that the suffix names; `None` when the read does not offer it.
pub fn by_path<'a>(contract: &Contract, path: &'a str) -> Option<(&'a str, Format)> {
    let (path, suffix) = path.rsplit_once('.')?;
    let format = ALL.into_iter().find(|format| format.suffix() == suffix)?;
    contract.offers(path, format.media_type()).then_some((path, format))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_better_range_decides() {
        for (accept, wanted) in [
            ("", Some(Format::Json)),
            ("*/*", Some(Format::Json)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Format::Json)),
            ("text/csv", Some(Format::Csv)),
            ("TEXT/CSV; charset=utf-8", Some(Format::Csv)),
            ("text/csv, */*", Some(Format::Csv)),
            ("text/*", Some(Format::Csv)),
            ("application/json, text/csv", Some(Format::Json)),
            ("application/json;q=0.5, text/csv;q=0.6", Some(Format::Csv)),
            ("application/json;q=0.501, text/csv;q=0.5", Some(Format::Json)),
            ("*/*, application/json;q=0", Some(Format::Csv)),
            ("application/x-ndjson;q=0.001", Some(Format::Ndjson)),
            ("application/json, application/problem+json", Some(Format::Json)),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Some(Format::Xlsx)),
            ("text/html", None),
            ("text/csv;q=0", None),
            ("application/yaml", None),
        ] {
            let request = TestRequest::default().append_header(("Accept", accept)).to_http_request();
            assert_eq!(negotiate(&request, OF_LISTS).ok(), wanted, "{accept}");
        }
        assert_eq!(negotiate(&TestRequest::default().to_http_request(), OF_LISTS).ok(), Some(Format::Json));
    }
}
