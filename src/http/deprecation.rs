//! Deprecations: one table, which the document and the responses are marked from.
//!
//! The document marks deprecated operations, parameters and fields as `deprecated`, with their dates. Responses to requests
//! that use a deprecated operation or parameter have the headers `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` with
//! `rel="deprecation"`, which refers to more information. Deprecated fields are marked in the document only, because the
//! headers apply to the whole resource (RFC 9745, section 2.2). `docs/compatibility.md` has the rules for users.

use std::collections::HashMap;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use chrono::{Months, NaiveDate, NaiveTime};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::error::{Error, Result};

/// The minimum time between deprecation and sunset.
const MONTHS_MIN: Months = Months::new(6);

static DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
static SUNSET: HeaderName = HeaderName::from_static("sunset");

/// All current deprecations: none.
pub const TABLE: &[Deprecation] = &[];

/// A deprecation.
#[derive(Clone, Copy, Debug)]
pub struct Deprecation {
    pub what: What,
    /// The date of deprecation (YYYY-MM-DD, UTC).
    pub since: &'static str,
    /// The first date on which it may be removed, at least six months after `since`.
    pub sunset: &'static str,
    /// A URL, or a path of this service, that describes what to use instead.
    pub note: &'static str,
}

/// What can be deprecated.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// An operation, by its id.
    Operation(&'static str),
    /// A parameter of an operation's query.
    Parameter { operation: &'static str, name: &'static str },
    /// A field of a schema.
    Field { schema: &'static str, name: &'static str },
}

/// A deprecation with parsed and checked dates.
struct Dated {
    what: What,
    since: NaiveDate,
    sunset: NaiveDate,
    note: &'static str,
}

impl Deprecation {
    fn dated(self) -> Result<Dated> {
        let Deprecation { what, since, sunset, note } = self;
        let day = |text: &str| text.parse::<NaiveDate>();
        match (day(since), day(sunset)) {
            (Ok(since), Ok(sunset)) if since.checked_add_months(MONTHS_MIN).is_some_and(|first| first <= sunset) => {
                Ok(Dated { what, since, sunset, note })
            }
            _ => Err(Error::Unexpected(format!("the dates of a deprecation are not valid: {self:?}"))),
        }
    }
}

/// Marks the deprecations in a document. A row for something that the document does not have is an error, so that rows are
/// removed together with what they describe.
pub fn mark(document: &mut Value, table: &[Deprecation]) -> Result<()> {
    for row in table {
        let Dated { what, since, sunset, note } = row.dated()?;
        let found = find(document, what)
            .ok_or_else(|| Error::Unexpected(format!("the document does not have what is deprecated: {what:?}")))?;
        let about = found["description"].as_str().unwrap_or_default();
        let about = format!(
            "{about}\n\nDeprecated since {since}; may be removed from {sunset} on. See {note}. \
             自 {since} 起弃用，{sunset} 起可能移除。"
        );
        found["description"] = json!(about.trim_start());
        found["deprecated"] = json!(true);
    }
    Ok(())
}

fn find(document: &mut Value, what: What) -> Option<&mut Value> {
    let operation = |document: &mut Value, id: &str| -> Option<(String, String)> {
        let paths = document["paths"].as_object()?.iter();
        let mut all = paths.flat_map(|(path, item)| item.as_object().into_iter().flatten().map(move |it| (path, it)));
        let (path, (method, _)) = all.find(|(_, (_, operation))| operation["operationId"] == id)?;
        Some((path.clone(), method.clone()))
    };
    match what {
        What::Operation(id) => {
            let (path, method) = operation(document, id)?;
            document["paths"].get_mut(path)?.get_mut(method)
        }
        What::Parameter { operation: id, name } => {
            let (path, method) = operation(document, id)?;
            let parameters = document["paths"].get_mut(path)?.get_mut(method)?["parameters"].as_array_mut()?;
            parameters.iter_mut().find(|parameter| parameter["in"] == "query" && parameter["name"] == name)
        }
        What::Field { schema, name } => {
            document["components"]["schemas"].get_mut(schema)?.get_mut("properties")?.get_mut(name)
        }
    }
}

/// The deprecations of operations and parameters, by operation.
#[derive(Default)]
pub struct Deprecations(HashMap<&'static str, Vec<Notice>>);

struct Notice {
    /// The deprecated parameter; `None` when the operation is deprecated.
    parameter: Option<&'static str>,
    sunset: NaiveDate,
    headers: [(HeaderName, HeaderValue); 2],
    link: HeaderValue,
}

impl Deprecations {
    /// Prepares the headers for a table.
    pub fn new(table: &[Deprecation]) -> Result<Deprecations> {
        let mut notices: HashMap<&'static str, Vec<Notice>> = HashMap::new();
        for row in table {
            let Dated { what, since, sunset, note } = row.dated()?;
            let (operation, parameter) = match what {
                What::Operation(id) => (id, None),
                What::Parameter { operation, name } => (operation, Some(name)),
                What::Field { .. } => continue,
            };
            let value = |text: String| HeaderValue::try_from(text).map_err(Error::unexpected);
            let began = since.and_time(NaiveTime::MIN).and_utc().timestamp();
            let headers = [
                (DEPRECATION.clone(), value(format!("@{began}"))?),
                (SUNSET.clone(), value(sunset.format("%a, %d %b %Y 00:00:00 GMT").to_string())?),
            ];
            let link = value(format!("<{note}>; rel=\"deprecation\""))?;
            notices.entry(operation).or_default().push(Notice { parameter, sunset, headers, link });
        }
        Ok(Deprecations(notices))
    }

    /// Adds the headers for the deprecations that apply to a request; of several, with the dates of the earliest sunset.
    pub fn add_headers(&self, operation: &str, query: &str, headers: &mut HeaderMap) {
        let Some(notices) = self.0.get(operation) else { return };
        let is_given = |wanted: &str| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == wanted);
        let applicable: Vec<&Notice> = notices.iter().filter(|notice| notice.parameter.is_none_or(is_given)).collect();
        for notice in &applicable {
            headers.append(LINK, notice.link.clone());
        }
        if let Some(first) = applicable.iter().min_by_key(|notice| notice.sunset) {
            for (name, value) in &first.headers {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
}
