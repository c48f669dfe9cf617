//! Responses to reads: their body and entity tag, and 304 for a client that already has them.

use std::borrow::Cow;
use std::fs::File;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::web::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::export::Body;
use super::response_cache::Validity;
use super::tags::{self, Tags};
use super::{Call, guarded_body, peer};
use crate::access::Visibility;
use crate::db::Conn;
use crate::db::changes::KindSet;
use crate::error::{Error, Result};
use crate::model::hex;

pub const JSON: &str = "application/json";

/// The response to a read.
#[derive(Clone, Debug)]
pub struct ReadResponse {
    /// Empty when the body is on disk.
    pub body: Bytes,
    /// The body of a large response, which is on disk and not in memory.
    pub file: Option<Arc<File>>,
    /// The entity tag, with its quotes.
    pub etag: String,
    /// `Link`, when there is a next page.
    pub link: Option<String>,
    /// `Content-Type`.
    pub media_type: &'static str,
}

impl ReadResponse {
    /// One record, whose entity tag begins with its version.
    pub fn record(value: &impl Serialize, version: i64) -> Result<ReadResponse> {
        let body = serde_json::to_vec(value)?;
        Ok(ReadResponse { etag: etag(version, &body), body: body.into(), file: None, link: None, media_type: JSON })
    }

    /// A JSON value that has no version, such as a list.
    pub fn json(value: &impl Serialize) -> Result<ReadResponse> {
        Ok(ReadResponse::new(serde_json::to_vec(value)?, JSON))
    }

    /// A JSON body whose entity tag is known.
    pub fn tagged(body: Bytes, etag: String) -> ReadResponse {
        ReadResponse { etag, body, file: None, link: None, media_type: JSON }
    }

    /// A body of any media type.
    pub fn new(body: Vec<u8>, media_type: &'static str) -> ReadResponse {
        ReadResponse { etag: digest_tag(&Sha256::digest(&body)), body: body.into(), file: None, link: None, media_type }
    }
}

/// The entity tag of a body that has no version, from its SHA-256 digest.
pub fn digest_tag(digest: &[u8]) -> String {
    format!("\"{}\"", hex(&digest[..8]))
}

/// A record's entity tag: its version and a digest of the body.
///
/// `If-Match` compares the version alone. The digest changes with computed figures, which can change while the version
/// stays the same.
pub fn etag(version: i64, body: &[u8]) -> String {
    format!("\"{version}-{}\"", hex(&Sha256::digest(body)[..6]))
}

/// 200 with a record after a write.
pub fn updated(version: i64, value: &impl Serialize) -> Result<HttpResponse> {
    let body = serde_json::to_vec(value)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, etag(version, &body)))
        .content_type("application/json")
        .body(body))
}

impl Call {
    /// Responds to a read, from the cache where possible.
    ///
    /// `prepare` validates the request and returns the query to run on the database, for the personal data that the
    /// caller may see. Neither runs when the response is cached.
    pub async fn respond<W>(&self, prepare: impl FnOnce(&Call, Visibility) -> Result<W>) -> Result<HttpResponse>
    where
        W: FnOnce(&mut Conn) -> Result<ReadResponse> + Send + 'static,
    {
        let key = self.request.uri().path_and_query().map(|target| target.as_str()).unwrap_or_default();
        self.respond_keyed(key, prepare).await
    }

    /// Like [`Call::respond`], with a cache key of its own.
    ///
    /// For responses that depend on more or less than the path and query. The caller's visibility and the date need not
    /// be part of the key.
    pub async fn respond_keyed<W>(
        &self,
        key: &str,
        prepare: impl FnOnce(&Call, Visibility) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: FnOnce(&mut Conn) -> Result<ReadResponse> + Send + 'static,
    {
        let visibility = self.visibility();
        self.validate_headers()?;
        let today = self.today();
        // A cached response is sent only to callers who may see the same personal data.
        let key = match &visibility {
            Visibility::Nothing => Cow::Borrowed(key),
            more => Cow::Owned(format!("{key} {more:?}")),
        };
        if self.sources.is_some_and(KindSet::includes_log) {
            self.state.sealer.settle().await;
        }
        let changes = self.state.store.changes();
        let validity = self.sources.and_then(|sources| Validity::now(changes, sources, today));
        let found = validity.and_then(|now| self.state.cache.get(&key, now));
        if self.sources.is_some() {
            let result = match (validity, &found) {
                (None, _) => "off",
                (Some(_), None) => "miss",
                (Some(_), Some(_)) => "hit",
            };
            self.state.metrics.cache.with_label_values(&[result]).inc();
        }
        let response = match found {
            Some(response) => response,
            None => {
                let response = Arc::new(self.read(prepare(self, visibility)?).await?);
                if let Some(validity) = validity {
                    self.state.cache.put(&key, validity, &response);
                }
                response
            }
        };
        match &response.file {
            Some(file) if self.known_as(&response.etag).is_none() => self.send_file(&response, file),
            _ => Ok(self.send(&response)),
        }
    }

    fn send_file(&self, response: &ReadResponse, file: &File) -> Result<HttpResponse> {
        // A slow client keeps the file open, so that the transfer counts against the limit of its address.
        let place = self.state.limits.enter_file(peer::of(&self.request))?;
        let body = Body::of_file(file.try_clone().map_err(Error::unexpected)?)?;
        let mut builder = HttpResponse::Ok();
        builder.insert_header((header::ETAG, response.etag.as_str())).content_type(response.media_type);
        Ok(builder.body(guarded_body::with_guard(BoxBody::new(body), place)))
    }

    /// 200 with the body, or 304 when the client has it already.
    pub fn send(&self, response: &ReadResponse) -> HttpResponse {
        let known = self.known_as(&response.etag);
        let mut builder = if known.is_some() { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        builder.insert_header((header::ETAG, known.as_ref().unwrap_or(&response.etag).as_str()));
        if let Some(link) = &response.link {
            builder.insert_header((header::LINK, link.as_str()));
        }
        if known.is_some() {
            builder.finish()
        } else {
            builder.content_type(response.media_type).body(response.body.clone())
        }
    }

    /// The entity tag in `If-None-Match` that matches this one; `None` when the client has another representation.
    pub fn known_as(&self, etag: &str) -> Option<String> {
        let value = tags::joined(self.request.headers(), &header::IF_NONE_MATCH)?;
        Tags::parse(&value)?.find(etag)
    }
}
