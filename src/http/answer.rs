//! Answers to reads: computed once, kept while the data stays as it is, and not sent again to who has them.
//!
//! What a read answers depends on the data, on what was asked and on today's date. So answers are kept by the last two
//! at a version of the data ([`crate::db::Store::data_version`]), and dropped when it moves.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::web::Bytes;
use chrono::NaiveDate;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::export::Body;
use super::tags::{self, Tags};
use super::{Call, held, peer};
use crate::access::Sight;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::model::hex;

/// The most bytes of answers that are kept.
const KEPT_MAX: usize = 32 * 1024 * 1024;
/// A larger answer is not kept.
pub const ANSWER_MAX: usize = 512 * 1024;

/// The answer to a read.
#[derive(Clone, Debug)]
pub struct Answer {
    pub body: Bytes,
    /// The body of a large response, which is on disk alone.
    pub file: Option<Arc<File>>,
    /// With its quotes.
    pub etag: String,
    /// `Link`, where there is a next page.
    pub link: Option<String>,
    /// `Content-Type`.
    pub media_type: &'static str,
}

const JSON: &str = "application/json";

impl Answer {
    /// A record at a version.
    pub fn record(value: &impl Serialize, version: i64) -> Result<Answer> {
        let body = serde_json::to_vec(value)?;
        Ok(Answer { etag: etag(version, &body), body: body.into(), file: None, link: None, media_type: JSON })
    }

    /// Anything else that is read.
    pub fn other(value: &impl Serialize) -> Result<Answer> {
        Ok(Answer::file(serde_json::to_vec(value)?, JSON))
    }

    /// What is read in a form of its own.
    pub fn file(body: Vec<u8>, media_type: &'static str) -> Answer {
        Answer { etag: digest_tag(&Sha256::digest(&body)), body: body.into(), file: None, link: None, media_type }
    }
}

/// The tag of a body that has no version, by its SHA-256.
pub fn digest_tag(digest: &[u8]) -> String {
    format!("\"{}\"", hex(&digest[..8]))
}

/// A record's tag: its version, which `If-Match` looks at, and a digest of what was sent, which follows figures that
/// change without it.
pub fn etag(version: i64, body: &[u8]) -> String {
    format!("\"{version}-{}\"", hex(&Sha256::digest(body)[..6]))
}

/// 200 for a record as a write left it.
pub fn written(version: i64, value: &impl Serialize) -> Result<HttpResponse> {
    let body = serde_json::to_vec(value)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, etag(version, &body)))
        .content_type("application/json")
        .body(body))
}

/// The answers of the present version of the data.
#[derive(Default)]
pub struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    version: i64,
    today: Option<NaiveDate>,
    bytes: usize,
    answers: HashMap<String, Arc<Answer>>,
}

impl Kept {
    /// Drops everything when the data or the day is another.
    fn at(&mut self, version: i64, today: NaiveDate) -> bool {
        if version < self.version {
            return false;
        }
        if version > self.version || self.today != Some(today) {
            *self = Kept { version, today: Some(today), bytes: 0, answers: HashMap::new() };
        }
        true
    }
}

impl Answers {
    fn get(&self, version: i64, today: NaiveDate, asked: &str) -> Option<Arc<Answer>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.at(version, today) { kept.answers.get(asked).cloned() } else { None }
    }

    fn put(&self, version: i64, today: NaiveDate, asked: &str, answer: &Arc<Answer>) {
        let size = answer.body.len() + asked.len() + 200;
        if size > ANSWER_MAX || answer.file.is_some() {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.at(version, today) {
            return;
        }
        if kept.bytes + size > KEPT_MAX {
            kept.answers.clear();
            kept.bytes = 0;
        }
        kept.bytes += size;
        kept.answers.insert(asked.to_owned(), answer.clone());
    }
}

impl Call {
    /// Answers a read. `prepare` judges the request, and gives back the work that finds the answer in the database, for
    /// who sees this much; neither runs when the answer is kept.
    pub async fn answer<W>(&self, prepare: impl FnOnce(&Call, Sight) -> Result<W>) -> Result<HttpResponse>
    where
        W: FnOnce(&mut Conn) -> Result<Answer> + Send + 'static,
    {
        let asked = self.request.uri().path_and_query().map(|asked| asked.as_str()).unwrap_or_default();
        self.answer_to(asked, prepare).await
    }

    /// [`Call::answer`], where the answer does not follow from the path and query alone, or not from the whole of them:
    /// `asked` stands for everything that it follows from, besides who asks and when.
    pub async fn answer_to<W>(
        &self,
        asked: &str,
        prepare: impl FnOnce(&Call, Sight) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: FnOnce(&mut Conn) -> Result<Answer> + Send + 'static,
    {
        let sight = self.sight();
        self.judge_headers()?;
        let today = self.today();
        // An answer is kept for those who see as much as who asked for it.
        let asked = match &sight {
            Sight::Nothing => Cow::Borrowed(asked),
            more => Cow::Owned(format!("{asked} {more:?}")),
        };
        let version = self.state.store.data_version();
        let found = version.and_then(|version| self.state.answers.get(version, today, &asked));
        let result = match (version, &found) {
            (None, _) => "off",
            (Some(_), None) => "miss",
            (Some(_), Some(_)) => "hit",
        };
        self.state.metrics.cache.with_label_values(&[result]).inc();
        let answer = match found {
            Some(answer) => answer,
            None => {
                let answer = Arc::new(self.read(prepare(self, sight)?).await?);
                if let Some(version) = version {
                    self.state.answers.put(version, today, &asked, &answer);
                }
                answer
            }
        };
        match &answer.file {
            Some(file) if self.known_as(&answer.etag).is_none() => self.send_file(&answer, file),
            _ => Ok(self.send(&answer)),
        }
    }

    fn send_file(&self, answer: &Answer, file: &File) -> Result<HttpResponse> {
        // It is sent as slowly as the client reads, so that it counts among the files that one address may have at a time.
        let place = self.state.limits.enter_file(peer::of(&self.request))?;
        let body = Body::of_file(file.try_clone().map_err(Error::unexpected)?)?;
        let mut response = HttpResponse::Ok();
        response.insert_header((header::ETAG, answer.etag.as_str())).content_type(answer.media_type);
        Ok(response.body(held::hold(BoxBody::new(body), place)))
    }

    /// The response with a body, or 304 where the client has it.
    pub fn send(&self, answer: &Answer) -> HttpResponse {
        let known = self.known_as(&answer.etag);
        let mut response = if known.is_some() { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((header::ETAG, known.as_ref().unwrap_or(&answer.etag).as_str()));
        if let Some(link) = &answer.link {
            response.insert_header((header::LINK, link.as_str()));
        }
        if known.is_some() {
            response.finish()
        } else {
            response.content_type(answer.media_type).body(answer.body.clone())
        }
    }

    /// The tag under which the client has this representation (`If-None-Match`); `None` where it does not have it.
    pub fn known_as(&self, etag: &str) -> Option<String> {
        let value = tags::joined(self.request.headers(), &header::IF_NONE_MATCH)?;
        Tags::parse(&value)?.find(etag)
    }
}
