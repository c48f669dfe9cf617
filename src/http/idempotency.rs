//! Retries that do no harm: a POST with an `Idempotency-Key` is done once, and a retry gets the first answer again.
//!
//! The answer is kept in the transaction of the write, so there is never one without the other.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Call, answer};
use crate::access::Actor;
use crate::db::backend;
use crate::db::schema::idempotency_keys;
use crate::error::{Error, Problem, Result};
use crate::model::hex;
use crate::model::types::Instant;
use crate::msg;
use crate::record::Tx;

/// How long an answer is kept for retries.
fn kept_for() -> TimeDelta {
    TimeDelta::hours(24)
}

/// The answer to a POST.
#[derive(Debug)]
pub struct Posted {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    body: String,
    /// What a retry is answered with, where that is less than the first answer.
    kept: Option<String>,
    replayed: bool,
}

impl Posted {
    /// 201 for a new record.
    pub fn created(location: String, version: i64, value: &impl Serialize) -> Result<Posted> {
        let body = serde_json::to_string(value)?;
        let etag = Some(answer::etag(version, body.as_bytes()));
        Ok(Posted { status: 201, location: Some(location), etag, body, kept: None, replayed: false })
    }

    /// 200 for a record that an action changed.
    pub fn done(version: i64, value: &impl Serialize) -> Result<Posted> {
        let body = serde_json::to_string(value)?;
        let etag = Some(answer::etag(version, body.as_bytes()));
        Ok(Posted { status: 200, location: None, etag, body, kept: None, replayed: false })
    }

    /// Keeps another body for retries: one without what is shown only once.
    pub fn kept_as(mut self, value: &impl Serialize) -> Result<Posted> {
        self.kept = Some(serde_json::to_string(value)?);
        Ok(self)
    }

    fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag));
        }
        if self.replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        response.content_type("application/json").body(self.body)
    }
}

impl Call {
    /// Does a POST once for its `Idempotency-Key`, or simply once when it has none.
    pub async fn post(
        &self,
        actor: Actor,
        body: &Value,
        work: impl FnOnce(&mut Tx<'_>) -> Result<Posted> + Send + 'static,
    ) -> Result<HttpResponse> {
        let Some(key) = self.header("Idempotency-Key").map(str::to_owned) else {
            return Ok(self.write(actor, work).await?.response());
        };
        // Who sees less than the first time is not told what was told then.
        let (method, uri, sight) = (self.request.method(), self.request.uri(), actor.sight());
        let request = hex(&Sha256::digest(format!("{method} {uri} {sight:?}\n{body}")));
        let posted = self
            .write(actor, move |tx| {
                if !backend::try_lock_key(tx.conn, &format!("{}\n{key}", holder(tx)))? {
                    return Err(Problem::conflict(
                        "request_in_progress",
                        msg!(
                            "使用同一 Idempotency-Key 的请求正在处理。",
                            "A request with the same Idempotency-Key is under way."
                        ),
                    )
                    .into());
                }
                if let Some(posted) = find(tx, &key, &request)? {
                    return Ok(posted);
                }
                let posted = work(tx)?;
                keep(tx, &key, &request, &posted)?;
                Ok(posted)
            })
            .await?;
        Ok(posted.response())
    }
}

/// Whose retries a key of a request is for: a caller's, whatever his name.
fn holder(tx: &Tx<'_>) -> String {
    tx.actor.identity.to_string()
}

fn find(tx: &mut Tx<'_>, key: &str, request: &str) -> Result<Option<Posted>> {
    let oldest = Instant::from(tx.now.utc() - kept_for());
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::created_at.lt(oldest))).execute(tx.conn)?;
    type Row = (String, i32, Option<String>, Option<String>, String);
    let found: Option<Row> = idempotency_keys::table
        .find((holder(tx), key))
        .select((
            idempotency_keys::request_sha256,
            idempotency_keys::status,
            idempotency_keys::location,
            idempotency_keys::etag,
            idempotency_keys::body,
        ))
        .first(tx.conn)
        .optional()?;
    let Some((first, status, location, etag, body)) = found else { return Ok(None) };
    if first != request {
        return Err(Problem::new(
            422,
            "idempotency_key_reused",
            msg!("Idempotency-Key 已用于其他请求", "The Idempotency-Key was used before"),
        )
        .detail(msg!("该键首次使用时的请求内容不同。", "It came with another request the first time."))
        .into());
    }
    let status = u16::try_from(status).map_err(Error::unexpected)?;
    Ok(Some(Posted { status, location, etag, body, kept: None, replayed: true }))
}

fn keep(tx: &mut Tx<'_>, key: &str, request: &str, posted: &Posted) -> Result<()> {
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::actor.eq(holder(tx)),
            idempotency_keys::idempotency_key.eq(key),
            idempotency_keys::request_sha256.eq(request),
            idempotency_keys::status.eq(i32::from(posted.status)),
            idempotency_keys::location.eq(&posted.location),
            idempotency_keys::etag.eq(&posted.etag),
            idempotency_keys::body.eq(posted.kept.as_ref().unwrap_or(&posted.body)),
            idempotency_keys::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(())
}
