//! What the operations of a resource do: list, create, get, update, delete, restore, and list the history of a record.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use serde_json::{Value, json};

use super::nested;
use crate::access::redaction::{Hidden, Redaction};
use crate::audit::types::HistoryParams;
use crate::audit::{log, records};
use crate::db::Conn;
use crate::db::page::{KeyValue, PageRequest};
use crate::db::reference::Kind;
use crate::error::{Problem, Result};
use crate::http::idempotency::Posted;
use crate::http::list::{ListCounts, Page};
use crate::http::record_cache::RecordCache;
use crate::http::response::{self, ReadResponse};
use crate::http::{Call, patch, typed};
use crate::model::types::{Instant, Ref};
use crate::record::{self, ReadContext, Resource, Tx, deleted};

const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

pub async fn list<R: Resource>(call: Call) -> Result<HttpResponse> {
    let call = call.reads(R::KIND);
    call.list(&call.operation, |call, query, redaction| {
        let filter: R::Filter = typed(query)?;
        let reading = Reading::<R>::new(call, query, redaction)?;
        let query = query.clone();
        Ok(move |conn: &mut Conn, page: &PageRequest| reading.page(conn, (&filter, &query), page))
    })
    .await
}

/// Lists the records that belong to a record of the `parent` kind. The filter parameter of that name selects them.
pub async fn list_under<R: Resource>(call: Call, parent: &'static Kind, reference: String) -> Result<HttpResponse> {
    let call = call.reads(R::KIND);
    call.list(&call.operation, |call, query, redaction| {
        let reading = Reading::<R>::new(call, query, redaction)?;
        let reference = Ref(reference);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let id = parent.find(conn, &reference)?.ok_or_else(|| Problem::not_found(parent.name, &reference.0))?;
            let query = json!({ parent.name: id.to_string() });
            reading.page(conn, (&typed(&query)?, &query), page)
        })
    })
    .await
}

/// How the pages of a list are read.
struct Reading<R> {
    view: ReadContext,
    redaction: Redaction,
    counts: Arc<ListCounts>,
    /// For pages of records that are the same for every caller.
    cache: Option<Arc<RecordCache>>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Reading<R> {
    fn new(call: &Call, query: &Value, redaction: Redaction) -> Result<Reading<R>> {
        let is_cached = RecordCache::holds(R::KIND) && call.is_json_list()?;
        let cache = is_cached.then(|| call.state.records.clone());
        let counts = call.state.parts.get()?;
        Ok(Reading { view: call.view(query), redaction, counts, cache, resource: PhantomData })
    }

    /// A page of what matches a filter, which is the same in `query`.
    fn page(&self, conn: &mut Conn, (filter, query): (&R::Filter, &Value), page: &PageRequest) -> Result<Page> {
        let total = if page.count { (self.counts.0)(conn, R::KIND, query, self.view)? } else { None };
        let page = page.read_with_total(total, |request| R::page(conn, filter, request, self.view))?;
        if let Some(cache) = &self.cache {
            return Ok(Page::of_rendered(cache.page::<R>(conn, &page, self.view)?, page));
        }
        let records = R::load(conn, &page.ids, self.view)?;
        if R::KIND.private.is_empty() {
            return Ok(Page::new(records, page));
        }
        let items = records.into_iter().map(|record| {
            let mut item = serde_json::to_value(record)?;
            self.redaction.apply(R::KIND, &mut item);
            Ok(item)
        });
        Ok(Page::new(items.collect::<Result<Vec<Value>>>()?, page))
    }
}

pub async fn create<R: Resource>(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let mut body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.normalize(R::NEW, &mut body);
    call.state.catalog.contract.validate(R::NEW, &body)?;
    let new: R::New = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| created::<R>(tx, new)).await
}

/// Creates a record that belongs to the record of the `parent` kind that the path names.
pub async fn create_under<R: Resource>(
    call: Call,
    payload: Payload,
    parent: &'static Kind,
    reference: String,
) -> Result<HttpResponse> {
    let component = nested::component::<R>(parent);
    let actor = call.writer()?;
    let mut body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.normalize(&component, &mut body);
    call.state.catalog.contract.validate(&component, &body)?;
    let mut whole = body.clone();
    call.post(actor, &body, move |tx| {
        let reference = Ref(reference);
        let id = parent.find(tx.conn, &reference)?.ok_or_else(|| Problem::not_found(parent.name, &reference.0))?;
        whole[parent.name] = json!(id.to_string());
        created::<R>(tx, serde_json::from_value(whole)?)
    })
    .await
}

fn created<R: Resource>(tx: &mut Tx<'_>, new: R::New) -> Result<Posted> {
    let read = record::create::<R>(tx, new)?;
    let (id, version) = R::id_and_version(&read);
    Posted::created(format!("/api/v1/{}/{id}", R::KIND.path), version, &read)
}

pub async fn get<R: Resource>(call: Call, reference: String) -> Result<HttpResponse> {
    let call = call.reads(R::KIND);
    let reference = Ref(reference);
    if RecordCache::holds(R::KIND)
        && let Some(id) = reference.id()
    {
        return get_cached::<R>(&call, id, reference).await;
    }
    call.respond(|call, visibility| {
        let query = call.query(&call.operation)?;
        let view = call.view(&query);
        Ok(move |conn: &mut Conn| {
            let read = find::<R>(conn, &reference, view)?;
            let (_, version) = R::id_and_version(&read);
            if R::KIND.private.is_empty() {
                return ReadResponse::record(&read, version);
            }
            let mut record = serde_json::to_value(&read)?;
            visibility.redact(R::KIND, &mut record, Hidden::Null);
            ReadResponse::record(&record, version)
        })
    })
    .await
}

/// [`get`] of a record that is the same for every caller. The cache of records serves it, so that it is not in the response cache,
/// too.
async fn get_cached<R: Resource>(call: &Call, id: i64, reference: Ref) -> Result<HttpResponse> {
    call.validate_headers()?;
    let query = call.query(&call.operation)?;
    let view = call.view(&query);
    let found = call.state.records.get::<R>(id, view.as_of)?;
    call.state.metrics.cache.with_label_values(&[if found.is_some() { "hit" } else { "miss" }]).inc();
    let rendered = match found {
        Some(rendered) => rendered,
        None => {
            let cache = call.state.records.clone();
            let found = call.read(move |conn| cache.load::<R>(conn, id, view)).await?;
            found.ok_or_else(|| Problem::not_found(R::KIND.name, &reference.0))?
        }
    };
    Ok(call.send(&rendered.into_response()))
}

pub async fn update<R: Resource>(call: Call, payload: Payload, reference: String) -> Result<HttpResponse> {
    update_validated::<R, _>(call, payload, reference, async |_, _| Ok(())).await
}

/// [`update`] with a further validation of the patch, which runs before the transaction.
pub async fn update_validated<R: Resource, V>(
    call: Call,
    payload: Payload,
    reference: String,
    validate: V,
) -> Result<HttpResponse>
where
    V: AsyncFnOnce(&Call, &Value) -> Result<()>,
{
    let actor = call.writer()?;
    let mut patch = call.json(payload, MERGE_PATCH).await?;
    let precondition = call.precondition()?;
    let component = patch::component(R::NEW);
    call.state.catalog.contract.normalize(&component, &mut patch);
    call.state.catalog.contract.validate(&component, &patch)?;
    validate(&call, &patch).await?;
    let read = call.write(actor, move |tx| record::update::<R>(tx, &Ref(reference), &precondition, &patch)).await?;
    let (_, version) = R::id_and_version(&read);
    response::updated(version, &read)
}

pub async fn delete<R: Resource>(call: Call, reference: String) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let precondition = call.precondition()?;
    call.write(actor, move |tx| record::delete::<R>(tx, &Ref(reference), &precondition)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a deleted record.
pub async fn restore<R: Resource>(call: Call, payload: Payload, reference: String) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    call.post(actor, &Value::Null, move |tx| {
        let read = deleted::restore::<R>(tx, &Ref(reference))?;
        let (_, version) = R::id_and_version(&read);
        Posted::done(version, &read)
    })
    .await
}

/// Lists the audit events of one record, deleted or not, oldest first. With `at`: those up to an instant, and the record as
/// of that instant.
pub async fn history<R: Resource>(call: Call, reference: String) -> Result<HttpResponse> {
    let kinds = call.state.catalog.kinds;
    call.list(&call.operation, |_, query, redaction| {
        let HistoryParams { at } = typed(query)?;
        let at = at.map(Instant::from);
        let reference = Ref(reference);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let id = records::id_of(conn, R::KIND, &reference)?
                .ok_or_else(|| Problem::not_found(R::KIND.name, &reference.0))?;
            let page = log::history(conn, R::KIND, id, at, page)?;
            let (items, page) = log::load_page(conn, kinds, page, &redaction, |event| event.id.to_key())?;
            let mut record = match at {
                Some(at) => log::as_it_stood(conn, R::KIND, id, at)?,
                None => None,
            };
            record.iter_mut().for_each(|record| redaction.redact(R::KIND, record, Hidden::Null));
            Ok(Page::new(items, page).beside(json!({ "record": record })))
        })
    })
    .await
}

/// A record by its reference, or 404.
pub fn find<R: Resource>(conn: &mut Conn, reference: &Ref, view: ReadContext) -> Result<R::Read> {
    let not_found = || Problem::not_found(R::KIND.name, &reference.0);
    // A record that is not there loads as nothing, so that an id needs no look-up of its own.
    let id = match reference.id() {
        Some(id) => id,
        None => R::KIND.find(conn, reference)?.ok_or_else(not_found)?,
    };
    Ok(R::load(conn, &[id], view)?.pop().ok_or_else(not_found)?)
}
