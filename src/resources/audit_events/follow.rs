//! The history as it goes on: server-sent events, as the HTML standard has them (section 9.2).
//!
//! Events are numbered in the order in which their writes are committed ([`crate::audit::chain`]), so that who has seen
//! one has seen all before it, and `Last-Event-ID` says all there is to say of how far a client is.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::Instant;

use crate::access::Visibility;
use crate::audit::log;
use crate::audit::sealer::Sealer;
use crate::audit::types::{AuditEvent, AuditEventFilter};
use crate::db::reference::Kinds;
use crate::db::{Class, Client, Conn, Store};
use crate::error::{Error, Fault, Problem, Result};
use crate::http::export::{Body, Part};
use crate::http::limits::StreamOwner;
use crate::http::{Call, guarded_body, peer, typed};
use crate::msg;

/// How long one stream lasts. Who may see what is decided when it begins: a key that is revoked reads no longer than this.
const LASTS: Duration = Duration::from_secs(5 * 60);
/// The interval of comments while there are no events, so that neither side nor a proxy closes the connection.
const KEPT_ALIVE: Duration = Duration::from_secs(15);
/// The pause between two reads of the history: events in between are sent together.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a client waits before it comes again, in milliseconds.
const RETRY: u32 = 1_000;
/// Events that are read at a time.
const TOGETHER: i64 = 200;

/// Parameters that a stream has no use for.
const NOT_FOR_STREAMS: [&str; 6] = ["limit", "cursor", "count", "sort", "at_from", "at_before"];

/// What is followed, and from where.
pub struct Followed {
    filter: AuditEventFilter,
    /// The number of the last event that the client has; `None` begins with what is written next.
    after: Option<i64>,
}

/// What a request wants to follow; `None` where it asks for a page.
pub fn asked(call: &Call) -> Result<Option<Followed>> {
    // The query of a page is validated by the list itself.
    if !call.request.query_string().contains("follow") {
        return Ok(None);
    }
    let query = call.query("listAuditEvents")?;
    if query["follow"] != true {
        return Ok(None);
    }
    let mut faults: Vec<Fault> = NOT_FOR_STREAMS
        .into_iter()
        .filter(|name| !query[*name].is_null())
        .map(|name| Fault {
            pointer: format!("/query/{name}"),
            code: "not_for_streams",
            message: msg!("不能与 follow 同用。", "is not for `follow`"),
        })
        .collect();
    let after = call.request.headers().get("Last-Event-ID").map(|value| {
        let number = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok());
        number.filter(|number| *number >= 0)
    });
    if after == Some(None) {
        let message = msg!("须为事件编号，即非负整数。", "must be the number of an event, or 0");
        faults.push(Fault { pointer: "/header/Last-Event-ID".to_owned(), code: "format", message });
    }
    if !faults.is_empty() {
        return Err(Problem::malformed(faults).into());
    }
    Ok(Some(Followed { filter: typed(&query)?, after: after.flatten() }))
}

/// Answers with the stream.
pub async fn answer(call: &Call, followed: Followed) -> Result<HttpResponse> {
    let client = match &call.actor {
        Some(actor) => StreamOwner::Key(actor.identity.to_string()),
        None => StreamOwner::Address(peer::of(&call.request)),
    };
    let place = call.state.limits.enter_stream(client)?;
    let Followed { filter, after } = followed;
    let mut stream = Stream {
        store: call.state.store.clone(),
        client: call.client(),
        kinds: call.state.catalog.kinds,
        filter,
        visibility: call.visibility(),
        after: 0,
    };
    // Errors of the request are returned before the stream begins.
    stream.begin(&call.state.sealer, after).await?;
    let (sender, parts) = channel(1);
    // First of all, so that a stream that is given up at once tells it, too.
    sender.try_send(Part::Bytes(format!("retry: {RETRY}\n\n").into())).map_err(Error::unexpected)?;
    let mut stopping = call.state.stopping.subscribe();
    let request_id = call.request_id.clone();
    let given_up = place.given_up();
    tokio::spawn(async move {
        tokio::select! {
            ended = stream.feed(&sender) => {
                if let Err(error) = ended {
                    tracing::warn!(request_id, %error, "a stream of the history was broken off");
                }
            }
            _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
            () = given_up.notified() => {}
            () = sender.closed() => {}
        }
        // Who has gone away needs no word.
        let _ = sender.send(Part::End).await;
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A compressor keeps bytes back until it has enough of them, and so does a proxy.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .body(guarded_body::with_guard(BoxBody::new(Body::of_parts(parts)), place)))
}

struct Stream {
    store: Store,
    client: Client,
    kinds: Kinds,
    filter: AuditEventFilter,
    visibility: Visibility,
    /// The number of the last event that was looked at.
    after: i64,
}

impl Stream {
    async fn begin(&mut self, sealer: &Sealer, after: Option<i64>) -> Result<()> {
        let kinds = self.kinds;
        let (filter, visibility) = (self.filter.clone(), self.visibility.clone());
        // A new follower begins after everything that was committed before.
        sealer.settle().await;
        let newest = self
            .store
            .read_as(Class::ShortRead, &self.client, move |conn: &mut Conn| {
                let newest = log::newest(conn)?;
                log::between(conn, kinds, &filter, newest, newest, 1, &visibility)?;
                Ok(newest)
            })
            .await?;
        if after.is_some_and(|after| after > newest) {
            // Of another database, or of one that was set back: waiting for it would be waiting for nothing.
            let message = msg!("最新事件为 {newest}。", "is of no event yet; the newest is {newest}");
            let fault = Fault { pointer: "/header/Last-Event-ID".to_owned(), code: "unknown_event", message };
            return Err(Problem::invalid(vec![fault]).into());
        }
        self.after = after.unwrap_or(newest);
        Ok(())
    }

    /// Sends what is written until the time is over.
    async fn feed(&mut self, sender: &Sender<Part>) -> Result<()> {
        let ends = Instant::now() + LASTS;
        let mut changes = self.store.changes().receiver();
        let mut text = String::new();
        loop {
            changes.mark_unchanged();
            let is_more = self.next(&mut text).await?;
            if !text.is_empty() && sender.send(Part::Bytes(std::mem::take(&mut text).into())).await.is_err() {
                return Ok(());
            }
            if Instant::now() >= ends {
                return Ok(());
            }
            if is_more {
                continue;
            }
            tokio::time::sleep(PAUSE).await;
            if tokio::time::timeout(KEPT_ALIVE, changes.changed()).await.is_err() {
                text.push_str(": \n\n");
            }
        }
    }

    /// Appends the events that come next; true where there may be more.
    async fn next(&mut self, text: &mut String) -> Result<bool> {
        let kinds = self.kinds;
        let (filter, visibility, after) = (self.filter.clone(), self.visibility.clone(), self.after);
        let read = self.store.read_as(Class::ShortRead, &self.client, move |conn: &mut Conn| {
            let up_to = log::newest(conn)?;
            log::between(conn, kinds, &filter, after, up_to, TOGETHER, &visibility)
        });
        let log::Following { events, looked_at, is_more } = match read.await {
            // It is asked again with the next change, or the next word.
            Err(Error::Unavailable(cause)) => {
                tracing::warn!(cause, "a stream of the history has to wait");
                return Ok(false);
            }
            read => read?,
        };
        self.after = looked_at;
        for event in events {
            text.push_str(&message(&event)?);
        }
        Ok(is_more)
    }
}

/// An event as it is sent. JSON has no line breaks of its own, so that one `data` line holds it.
fn message(event: &AuditEvent) -> Result<String> {
    Ok(format!("id: {}\ndata: {}\n\n", event.id, serde_json::to_string(event)?))
}
