//! The handlers of a resource, with what the document says of them, written by macros: [`crud!`](crate::crud),
//! [`nested!`](crate::nested), and the page types of their lists. What the handlers do is in [`super::crud`].

/// Writes the operations of a resource and the function that mounts them: all seven, or with `append only` those that neither
/// change, delete nor restore.
///
/// The operation ids are frozen: clients' methods are named after them.
#[macro_export]
macro_rules! crud {
    (
        $resource:ty, tag $tag:literal, one $one:literal, zh $zh:literal,
        paths $list_path:literal, $item_path:literal, $history_path:literal, $restore_path:literal,
        ids $list_id:literal, $create_id:literal, $get_id:literal, $update_id:literal, $delete_id:literal, $history_id:literal,
            $restore_id:literal,
        schemas $read:ty, $new:ty, $patch:ident, $page:ty, $filter:ty $(, $view:ty)?
        $(; also $($extra:ident),+)?
    ) => {
        // utoipa knows the routing attributes by their bare names alone.
        use actix_web::{delete, get, patch, post};

        $crate::merge_patch!($patch of $new);
        $crate::crud! {
            @read_and_create $resource, $tag, $one, $zh, $list_path, $item_path, $history_path,
            $list_id, $create_id, $get_id, $history_id, $read, $new, $page, $filter $(, $view)?
        }

        #[doc = concat!("Changes one of the ", $tag, ".")]
        #[utoipa::path(
            patch, path = $item_path, operation_id = $update_id, tag = $tag,
            summary = concat!("Change one record of ", $tag, " · 修改", $zh),
            description = concat!("Applies a JSON Merge Patch: `null` clears, absent leaves, a list is replaced whole. What changes nothing leaves no trace. 以合并补丁修改", $zh, "；需要 If-Match。"),
            params(("ref" = $crate::model::types::Ref, Path, description = "The record's code, or its id.")),
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
            description = concat!("Deletes one ", $one, " that no other record refers to; its history stays, and its code is not used again. The record can be restored. 删除未被引用的", $zh, "；历史保留，可以恢复。"),
            params(("ref" = $crate::model::types::Ref, Path, description = "The record's code, or its id.")),
            responses((status = 204, description = concat!("The ", $one, " was deleted.")))
        )]
        #[delete($item_path)]
        async fn delete(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::delete::<$resource>(call, reference.into_inner()).await
        }

        #[doc = concat!("Restores a deleted record of the ", $tag, ".")]
        #[utoipa::path(
            post, path = $restore_path, operation_id = $restore_id, tag = $tag,
            summary = concat!("Restore a deleted record of ", $tag, " · 恢复", $zh),
            description = concat!("Restores one deleted ", $one, " as it was deleted, with its id, its code and its history, as the next version. 409 `not_deleted` if it exists, 409 `already_exists` if another record has a value that must be unique, 422 if a record that it refers to does not exist any more. 恢复已删除的", $zh, "：编号、代码与历史延续，版本递增。"),
            params(("ref" = $crate::model::types::Ref, Path, description = "The record's code, or its id.")),
            responses((status = 200, description = concat!("The ", $one, " was restored."), body = $read))
        )]
        #[post($restore_path)]
        async fn restore(
            call: $crate::http::Call,
            payload: actix_web::web::Payload,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::restore::<$resource>(call, payload, reference.into_inner()).await
        }

        /// Mounts the operations.
        pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            mount_reading_and_creating(config);
            config.service(update).service(delete).service(restore)$($(.service($extra))+)?;
        }
    };
    (
        append only $resource:ty, tag $tag:literal, one $one:literal, zh $zh:literal,
        paths $list_path:literal, $item_path:literal, $history_path:literal,
        ids $list_id:literal, $create_id:literal, $get_id:literal, $history_id:literal,
        schemas $read:ty, $new:ty, $page:ty, $filter:ty $(, $view:ty)?
    ) => {
        use actix_web::{get, post};

        $crate::crud! {
            @read_and_create $resource, $tag, $one, $zh, $list_path, $item_path, $history_path,
            $list_id, $create_id, $get_id, $history_id, $read, $new, $page, $filter $(, $view)?
        }

        /// Mounts the operations.
        pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            mount_reading_and_creating(config);
        }
    };
    (
        @read_and_create $resource:ty, $tag:literal, $one:literal, $zh:literal,
        $list_path:literal, $item_path:literal, $history_path:literal,
        $list_id:literal, $create_id:literal, $get_id:literal, $history_id:literal,
        $read:ty, $new:ty, $page:ty, $filter:ty $(, $view:ty)?
    ) => {
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
            params(("ref" = $crate::model::types::Ref, Path, description = "The record's code, or its id.") $(, $view)?),
            responses((status = 200, description = concat!("The ", $one, "."), body = $read))
        )]
        #[get($item_path)]
        async fn get(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::get::<$resource>(call, reference.into_inner(), $get_id).await
        }

        #[doc = concat!("Lists what was written to one of the ", $tag, ".")]
        #[utoipa::path(
            get, path = $history_path, operation_id = $history_id, tag = $tag,
            summary = concat!("List the history of a record of ", $tag, " · ", $zh, "的变更历史"),
            description = concat!("Every write to one ", $one, ", oldest first: who, when, what stood before and after. It stays when the record is deleted. With `at`, also the record as it stood then. 一条", $zh, "的全部写入记录；给出 at 时并返回当时的记录。"),
            params(
                ("ref" = $crate::model::types::Ref, Path, description = "The record's code, or its id."),
                $crate::audit::types::HistoryParams,
                $crate::http::list::PageParams,
            ),
            responses((status = 200, description = "A page of the history.", body = $crate::audit::types::RecordHistory))
        )]
        #[get($history_path)]
        async fn history(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            $crate::http::crud::history::<$resource>(call, reference.into_inner(), $history_id).await
        }

        fn mount_reading_and_creating(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            config.service(list).service(create).service(get).service(history);
        }
    };
}

/// Writes the operations that list and create records below the record that they belong to.
#[macro_export]
macro_rules! nested {
    (
        $resource:ty, tag $tag:literal, below $parent:path as $field:literal, zh $zh:literal, path $path:literal,
        ids $list_id:literal, $create_id:literal,
        schemas $read:ty, $new:ty, $nested:ident as $component:literal, $page:ty
    ) => {
        #[doc = concat!("A record to create below the one that it belongs to, which the path names.")]
        pub struct $nested;

        impl utoipa::PartialSchema for $nested {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::http::patch::without::<$new>($field)
            }
        }

        impl utoipa::ToSchema for $nested {
            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
                <$new as utoipa::ToSchema>::schemas(schemas);
            }
        }

        #[doc = concat!("Lists those of the ", $tag, " that belong to one record.")]
        #[utoipa::path(
            get, path = $path, operation_id = $list_id, tag = $tag,
            summary = concat!("List the ", $tag, " of one ", $field, " · ", $zh, "列表"),
            description = concat!("A page of the ", $tag, " of one ", $field, "; `/", $tag, "` has filters. 分页列出所属的", $zh, "。"),
            params(
                ("ref" = $crate::model::types::Ref, Path, description = concat!("The ", $field, "'s code, or its id.")),
                $crate::http::list::PageParams,
                $crate::http::list::AsOf,
            ),
            responses((status = 200, description = concat!("A page of ", $tag, "."), body = $page))
        )]
        #[get($path)]
        async fn list_nested(
            call: $crate::http::Call,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            let reference = reference.into_inner();
            $crate::http::crud::list_under::<$resource>(call, &$parent, $field, reference, $list_id).await
        }

        #[doc = concat!("Creates one of the ", $tag, " below the record that it belongs to.")]
        #[utoipa::path(
            post, path = $path, operation_id = $create_id, tag = $tag,
            summary = concat!("Create one of the ", $tag, " of a ", $field, " · 新建", $zh),
            description = concat!("The same as a POST to `/", $tag, "`, with the ", $field, " named by the path. 在所属记录下新建", $zh, "。"),
            params(("ref" = $crate::model::types::Ref, Path, description = concat!("The ", $field, "'s code, or its id."))),
            request_body(content = $nested, description = "The record to create."),
            responses((status = 201, description = "The record was created.", body = $read))
        )]
        #[post($path)]
        async fn create_nested(
            call: $crate::http::Call,
            payload: actix_web::web::Payload,
            reference: actix_web::web::Path<String>,
        ) -> $crate::error::Result<actix_web::HttpResponse> {
            let reference = reference.into_inner();
            $crate::http::crud::create_under::<$resource>(call, payload, &$parent, $field, reference, $component).await
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
