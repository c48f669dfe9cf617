//! The operations that every resource has: list, create, read, change, delete, and its history.
//!
//! [`crud!`] writes the handlers of one resource, with what the document says of them; the work is in the functions
//! here.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Payload;
use serde_json::json;

use super::answer::{self, Answer};
use super::idempotency::Posted;
use super::{Call, typed};
use crate::db::Conn;
use crate::db::types::Ref;
use crate::error::{Problem, Result};
use crate::resources::audit_events::store as audit;
use crate::resources::record::{self, Resource, View};

const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

pub async fn list<R: Resource>(call: Call, operation: &'static str) -> Result<HttpResponse> {
    call.answer(|call| {
        let query = call.query(operation)?;
        let filter: R::Filter = typed(&query)?;
        let listing = call.listing(operation, &query)?;
        let view = call.view(&query);
        Ok(move |conn: &mut Conn| {
            let page = R::page(conn, &filter, &listing.page, view)?;
            let items = R::load(conn, &page.ids, view)?;
            listing.answer(serde_json::to_value(items)?, &page)
        })
    })
    .await
}

pub async fn create<R: Resource>(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.require_writer().await?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.contract.judge(R::NEW, &body)?;
    let new: R::New = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| {
        let read = record::create::<R>(tx, new)?;
        let (id, version) = R::id_and_version(&read);
        Posted::created(format!("/api/v1/{}/{id}", R::KIND.path), version, &read)
    })
    .await
}

pub async fn get<R: Resource>(call: Call, reference: String, operation: &'static str) -> Result<HttpResponse> {
    call.answer(|call| {
        let query = call.query(operation)?;
        let view = call.view(&query);
        Ok(move |conn: &mut Conn| {
            let read = find::<R>(conn, &Ref(reference), view)?;
            let (_, version) = R::id_and_version(&read);
            Answer::record(&read, version)
        })
    })
    .await
}

pub async fn update<R: Resource>(call: Call, payload: Payload, reference: String) -> Result<HttpResponse> {
    let actor = call.require_writer().await?;
    let patch = call.json(payload, MERGE_PATCH).await?;
    let precondition = call.precondition()?;
    call.state.contract.judge(&super::patch::component(R::NEW), &patch)?;
    let read = call.write(actor, move |tx| record::update::<R>(tx, &Ref(reference), &precondition, &patch)).await?;
    let (_, version) = R::id_and_version(&read);
    let body = serde_json::to_vec(&read)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, answer::etag(version, &body)))
        .content_type("application/json")
        .body(body))
}

pub async fn delete<R: Resource>(call: Call, reference: String) -> Result<HttpResponse> {
    let actor = call.require_writer().await?;
    let precondition = call.precondition()?;
    call.write(actor, move |tx| record::delete::<R>(tx, &Ref(reference), &precondition)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What was written to one record, oldest first; a deleted record has its history still.
pub async fn history<R: Resource>(call: Call, reference: String, operation: &'static str) -> Result<HttpResponse> {
    call.answer(|call| {
        let query = call.query(operation)?;
        let listing = call.listing(operation, &query)?;
        Ok(move |conn: &mut Conn| {
            let reference = Ref(reference);
            let id = audit::id_of(conn, R::KIND, &reference)?
                .ok_or_else(|| Problem::not_found(R::KIND.name, &reference.0))?;
            let page = audit::history(conn, R::KIND, id, &listing.page)?;
            let items = audit::load(conn, &page.ids)?;
            listing.answer(json!(items), &page)
        })
    })
    .await
}

/// A record by its reference, or 404.
pub fn find<R: Resource>(conn: &mut Conn, reference: &Ref, view: View) -> Result<R::Read> {
    let not_found = || Problem::not_found(R::KIND.name, &reference.0);
    // A record that is not there loads as nothing, so that an id needs no look-up of its own.
    let id = match reference.id() {
        Some(id) => id,
        None => R::KIND.find(conn, reference)?.ok_or_else(not_found)?,
    };
    Ok(R::load(conn, &[id], view)?.pop().ok_or_else(not_found)?)
}

/// Writes the six operations of a resource and the function that mounts them.
///
/// The operation ids are frozen: clients' methods are named after them.
#[macro_export]
macro_rules! crud {
    (
        $resource:ty, tag $tag:literal, one $one:literal, zh $zh:literal,
        paths $list_path:literal, $item_path:literal, $history_path:literal,
        ids $list_id:literal, $create_id:literal, $get_id:literal, $update_id:literal, $delete_id:literal, $history_id:literal,
        schemas $read:ty, $new:ty, $patch:ident, $page:ty, $filter:ty $(, $view:ty)?
        $(; also $($extra:ident),+)?
    ) => {
        // utoipa knows the routing attributes by their bare names alone.
        use actix_web::{delete, get, patch, post};

        $crate::merge_patch!($patch of $new);

        #[doc = concat!("Lists ", $tag, ".")]
        #[utoipa::path(
            get, path = $list_path, operation_id = $list_id, tag = $tag,
            summary = concat!("List ", $tag, " · ", $zh, "列表"),
            description = concat!("A page of the ", $tag, " that fit the filter, in the order of `sort`; ties are ordered by id. 分页列出", $zh, "，可筛选、排序与检索。"),
            params($filter, $crate::http::list::PageParams $(, $view)?),
            responses((status = 200, description = concat!("A page of ", $tag, "."), body = $page))
        )]
        #[get($list_path)]
        async fn list(call: $crate::http::Call) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::list::<$resource>(call, $list_id).await
        }

        #[doc = concat!("Creates one of the ", $tag, ".")]
        #[utoipa::path(
            post, path = $list_path, operation_id = $create_id, tag = $tag,
            summary = concat!("Create a record among ", $tag, " · 新建", $zh),
            description = concat!("Creates one ", $one, ". Needs a key with the role `editor` or `admin`. 新建", $zh, "，需要写入密钥。"),
            request_body(content = $new, description = concat!("The ", $one, " to create.")),
            responses((status = 201, description = concat!("The ", $one, " was created."), body = $read))
        )]
        #[post($list_path)]
        async fn create(
            call: $crate::http::Call,
            payload: actix_web::web::Payload,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::create::<$resource>(call, payload).await
        }

        #[doc = concat!("Reads one of the ", $tag, ".")]
        #[utoipa::path(
            get, path = $item_path, operation_id = $get_id, tag = $tag,
            summary = concat!("Read one record of ", $tag, " · 读取", $zh),
            description = concat!("One ", $one, " by its code or id. 按代码或编号读取一条", $zh, "。"),
            params(("ref" = $crate::db::types::Ref, Path, description = "The record's code, or its id.") $(, $view)?),
            responses((status = 200, description = concat!("The ", $one, "."), body = $read))
        )]
        #[get($item_path)]
        async fn get(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::get::<$resource>(call, reference.into_inner(), $get_id).await
        }

        #[doc = concat!("Changes one of the ", $tag, ".")]
        #[utoipa::path(
            patch, path = $item_path, operation_id = $update_id, tag = $tag,
            summary = concat!("Change one record of ", $tag, " · 修改", $zh),
            description = concat!("Applies a JSON Merge Patch: `null` clears, absent leaves, a list is replaced whole. What changes nothing leaves no trace. 以合并补丁修改", $zh, "；需要 If-Match。"),
            params(("ref" = $crate::db::types::Ref, Path, description = "The record's code, or its id.")),
            request_body(
                content = $patch,
                content_type = "application/merge-patch+json",
                description = "The fields to change; `application/json` is accepted as well.",
            ),
            responses((status = 200, description = concat!("The ", $one, " as it is now."), body = $read))
        )]
        #[patch($item_path)]
        async fn update(
            call: $crate::http::Call,
            payload: actix_web::web::Payload,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::update::<$resource>(call, payload, reference.into_inner()).await
        }

        #[doc = concat!("Deletes one of the ", $tag, ".")]
        #[utoipa::path(
            delete, path = $item_path, operation_id = $delete_id, tag = $tag,
            summary = concat!("Delete one record of ", $tag, " · 删除", $zh),
            description = concat!("Deletes one ", $one, " that no other record refers to; its history stays, and its code is not used again. 删除未被引用的", $zh, "；历史保留。"),
            params(("ref" = $crate::db::types::Ref, Path, description = "The record's code, or its id.")),
            responses((status = 204, description = concat!("The ", $one, " was deleted.")))
        )]
        #[delete($item_path)]
        async fn delete(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::delete::<$resource>(call, reference.into_inner()).await
        }

        #[doc = concat!("Lists what was written to one of the ", $tag, ".")]
        #[utoipa::path(
            get, path = $history_path, operation_id = $history_id, tag = $tag,
            summary = concat!("List the history of a record of ", $tag, " · ", $zh, "的变更历史"),
            description = concat!("Every write to one ", $one, ", oldest first: who, when, what stood before and after. It stays when the record is deleted. 一条", $zh, "的全部写入记录。"),
            params(("ref" = $crate::db::types::Ref, Path, description = "The record's code, or its id."), $crate::http::list::PageParams),
            responses((status = 200, description = "A page of the history.", body = $crate::resources::audit_events::api::AuditEventList))
        )]
        #[get($history_path)]
        async fn history(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::history::<$resource>(call, reference.into_inner(), $history_id).await
        }

        /// Mounts the operations.
        pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            config
                .service(list)
                .service(create)
                .service(get)
                .service(update)
                .service(delete)
                .service(history)
                $($(.service($extra))+)?;
        }
    };
}

/// The page type of a list, concrete so that generated clients get a name for it.
#[macro_export]
macro_rules! page_type {
    ($name:ident of $item:ty) => {
        #[doc = concat!("A page of a list.")]
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            /// The items of this page.
            #[schema(max_items = 1000)]
            pub items: Vec<$item>,
            /// Pass it as `cursor` for the next page; null on the last one.
            pub next_cursor: Option<String>,
            /// How many items the whole list has; only with `count=true`.
            #[schema(minimum = 0)]
            pub total: Option<i64>,
        }
    };
}
