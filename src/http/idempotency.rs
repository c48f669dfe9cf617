//! Idempotent POST: a request with an `Idempotency-Key` is executed once, and a retry returns the first response.
//!
//! The response is stored in the transaction of the write, so that both are committed or neither is.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Call, response};
use crate::access::Actor;
use crate::access::secrets::ShownOnce;
use crate::db::backend;
use crate::db::schema::idempotency_keys;
use crate::error::{Error, Problem, Result};
use crate::model::hex;
use crate::model::types::Instant;
use crate::msg;
use crate::record::Tx;

/// How long a response is stored for retries.
fn retention() -> TimeDelta {
    TimeDelta::hours(24)
}

/// The response to a POST.
#[derive(Debug)]
pub struct Posted {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    body: String,
    /// The body for retries, when it differs from the first one.
    stored: Option<String>,
    replayed: bool,
}

impl Posted {
    /// 201 for a new record.
    pub fn created(location: String, version: i64, value: &impl Serialize) -> Result<Posted> {
        let body = serde_json::to_string(value)?;
        let etag = Some(response::etag(version, body.as_bytes()));
        Ok(Posted { status: 201, location: Some(location), etag, body, stored: None, replayed: false })
    }

    /// 200 for a record that an action changed.
    pub fn done(version: i64, value: &impl Serialize) -> Result<Posted> {
        let body = serde_json::to_string(value)?;
        let etag = Some(response::etag(version, body.as_bytes()));
        Ok(Posted { status: 200, location: None, etag, body, stored: None, replayed: false })
    }

    /// [`Posted::created`] with a secret, which retries do not return.
    pub fn created_once(location: String, version: i64, value: impl ShownOnce) -> Result<Posted> {
        Posted::created(location, version, &value)?.stored_without_secret(value)
    }

    /// [`Posted::done`] with a secret, which retries do not return.
    pub fn done_once(version: i64, value: impl ShownOnce) -> Result<Posted> {
        Posted::done(version, &value)?.stored_without_secret(value)
    }

    fn stored_without_secret(mut self, mut value: impl ShownOnce) -> Result<Posted> {
        value.withhold();
        self.stored = Some(serde_json::to_string(&value)?);
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
    /// Executes a POST, at most once for its `Idempotency-Key`.
    pub async fn post(
        &self,
        actor: Actor,
        body: &Value,
        work: impl FnOnce(&mut Tx<'_>) -> Result<Posted> + Send + 'static,
    ) -> Result<HttpResponse> {
        let Some(key) = self.header("Idempotency-Key").map(str::to_owned) else {
            return Ok(self.write(actor, work).await?.response());
        };
        // The visibility is part of the digest: a caller whose rights were reduced since the first request must not receive
        // its response.
        let (method, uri, visibility) = (self.request.method(), self.request.uri(), actor.visibility());
        let request = hex(&Sha256::digest(format!("{method} {uri} {visibility:?}\n{body}")));
        let posted = self
            .write(actor, move |tx| {
                if !backend::try_lock_key(tx.conn, &format!("{}\n{key}", holder(tx)))? {
                    return Err(Problem::conflict(
                        "request_in_progress",
                        msg!(
                            "使用同一 Idempotency-Key 的请求正在处理。",
                            "A request with the same Idempotency-Key is in progress."
                        ),
                    )
                    .into());
                }
                if let Some(posted) = find(tx, &key, &request)? {
                    return Ok(posted);
                }
                let posted = work(tx)?;
                store(tx, &key, &request, &posted)?;
                Ok(posted)
            })
            .await?;
        Ok(posted.response())
    }
}

/// The owner of an idempotency key: the identity of the caller, which stays the same when the caller is renamed.
fn holder(tx: &Tx<'_>) -> String {
    tx.actor.identity.to_string()
}

fn find(tx: &mut Tx<'_>, key: &str, request: &str) -> Result<Option<Posted>> {
    let oldest = Instant::from(tx.now.utc() - retention());
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
        .detail(msg!("该键首次使用时的请求内容不同。", "The key was first used with a different request."))
        .into());
    }
    let status = u16::try_from(status).map_err(Error::unexpected)?;
    Ok(Some(Posted { status, location, etag, body, stored: None, replayed: true }))
}

fn store(tx: &mut Tx<'_>, key: &str, request: &str, posted: &Posted) -> Result<()> {
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::actor.eq(holder(tx)),
            idempotency_keys::idempotency_key.eq(key),
            idempotency_keys::request_sha256.eq(request),
            idempotency_keys::status.eq(i32::from(posted.status)),
            idempotency_keys::location.eq(&posted.location),
            idempotency_keys::etag.eq(&posted.etag),
            idempotency_keys::body.eq(posted.stored.as_ref().unwrap_or(&posted.body)),
            idempotency_keys::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(())
}
