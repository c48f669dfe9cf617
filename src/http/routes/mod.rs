//! The operations that resources share: their routes, and their entries in the published document.
//!
//! [`mount`] registers all of them for one resource. A resource that differs registers some of the functions below by
//! itself, and replaces a text or a handler. Texts and ids follow from the resource's [`Kind`] and its [`Routes`]; what the
//! operations do is in [`handlers`].

mod dispatch;
pub mod handlers;
mod nested;
mod operation;
mod service_config;
mod words;

use actix_web::web::{Path, Payload};
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::list::{AsOf, ListPage, PageParams};
use super::{Call, patch};
use crate::access::policy::{Access, PersonalData, Reach, Tag};
use crate::audit::types::{HistoryParams, RecordHistory};
use crate::db::Class;
use crate::model::text::TextPatch;
use crate::record::Resource;
pub use dispatch::Dispatch;
pub use nested::mount_nested;
pub(crate) use operation::operation;
pub use operation::{Operation, Schemas};
pub use service_config::{ServiceConfig, entries};
use words::Words;

/// How the API offers a resource.
pub struct Routes {
    /// The resource's name in Chinese.
    pub label: &'static str,
    /// Singular and plural in English, where they are not the kind's name and path.
    pub english: Option<(&'static str, &'static str)>,
    /// Whether lists and records accept `as_of`, the date of computed figures.
    pub takes_as_of: bool,
    /// Whether records can be neither changed, deleted nor restored.
    pub is_append_only: bool,
    pub read: Access,
    pub write: Access,
    /// Operations, by id, that other callers may use than `read` and `write` say.
    pub exceptions: &'static [(&'static str, Access)],
}

impl Routes {
    /// Records that belong to no pairing: only editors of all pairings write them.
    pub const SHARED: Routes = Routes {
        label: "",
        english: None,
        takes_as_of: false,
        is_append_only: false,
        read: Access::Readers,
        write: Access::Editors(Reach::AllPairings),
        exceptions: &[],
    };

    /// Records that belong to a pairing: its editors write them.
    pub const OF_PAIRING: Routes = Routes { write: Access::Editors(Reach::RecordPairing), ..Routes::SHARED };

    /// What only administrators read and write.
    pub const OF_ADMINISTRATORS: Routes =
        Routes { read: Access::Administrators, write: Access::Administrators, ..Routes::SHARED };

    /// The tag of the resource's operations.
    pub fn tag<R: Resource>(&self) -> Tag {
        Tag {
            name: R::KIND.path,
            about: R::KIND.about,
            read: self.read,
            write: self.write,
            exceptions: self.exceptions,
            reads: Class::ShortRead,
            personal_data: if R::KIND.private.is_empty() { PersonalData::None } else { PersonalData::EveryRead },
        }
    }

    fn may_write(&self, id: &str) -> Access {
        let exception = self.exceptions.iter().find(|(operation, _)| *operation == id);
        exception.map_or(self.write, |(_, access)| *access)
    }
}

/// Registers the operations of a resource.
pub fn mount<R>(config: &mut ServiceConfig, routes: &Routes)
where
    R: Resource<Filter: IntoParams>,
{
    config
        .service(list::<R>(routes))
        .service(create::<R>(routes))
        .service(get::<R>(routes))
        .service(history::<R>(routes));
    if !routes.is_append_only {
        config.service(update::<R>(routes)).service(delete::<R>(routes)).service(restore::<R>(routes));
    }
}

/// `GET /twinnings`
pub fn list<R>(routes: &Routes) -> Operation
where
    R: Resource<Filter: IntoParams>,
{
    let Words { many, label, many_id, .. } = Words::of(R::KIND, routes);
    let operation = Operation::new(
        HttpMethod::Get,
        &collection::<R>(),
        format!("list{many_id}"),
        R::KIND.path,
        handlers::list::<R>,
    )
    .summary(format!("List {many} · {label}列表"))
    .description(format!(
        "Returns a page of the {many} that match the filter parameters, in the order of `sort`, then of their \
                 identifiers. 分页列出{label}，可筛选、排序与检索。"
    ))
    .query::<R::Filter>()
    .query::<PageParams>()
    .response::<ListPage<R::Read>>("200", format!("A page of {many}."));
    if routes.takes_as_of { operation.query::<AsOf>() } else { operation }
}

/// `POST /twinnings`
pub fn create<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let id = format!("create{one_id}");
    let (role, role_zh) = required_role(routes.may_write(&id));
    Operation::new(HttpMethod::Post, &collection::<R>(), id, R::KIND.path, handlers::create::<R>)
        .summary(format!("Create {a} · 新建{label}"))
        .description(format!("Creates {a}. {role} 新建{label}；{role_zh}。"))
        .body::<R::New>(format!("The {one} to create."))
        .response::<R::Read>("201", format!("The created {one}."))
}

/// `GET /twinnings/{ref}`
pub fn get<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let handler = |call: Call, reference: Path<String>| handlers::get::<R>(call, reference.into_inner());
    let operation = Operation::new(HttpMethod::Get, &item::<R>(), format!("get{one_id}"), R::KIND.path, handler)
        .summary(format!("Get {a} · 读取{label}"))
        .description(format!("Returns one {one} by its code or identifier. 按代码或编号读取一条{label}。"))
        .reference(&one)
        .response::<R::Read>("200", format!("The {one}."));
    if routes.takes_as_of { operation.query::<AsOf>() } else { operation }
}

/// `PATCH /twinnings/{ref}`
pub fn update<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let id = format!("update{one_id}");
    let (role, role_zh) = required_role(routes.may_write(&id));
    let handler = |call: Call, payload: Payload, reference: Path<String>| {
        handlers::update::<R>(call, payload, reference.into_inner())
    };
    let component = patch::component(R::NEW);
    Operation::new(HttpMethod::Patch, &item::<R>(), id, R::KIND.path, handler)
        .summary(format!("Update {a} · 修改{label}"))
        .description(format!(
            "Applies a JSON Merge Patch (RFC 7396): `null` clears a field, an absent field keeps its value, and a list is \
             replaced as a whole. A patch that changes nothing writes nothing. {role} \
             以 JSON 合并补丁修改{label}，须提供 If-Match；{role_zh}。"
        ))
        .reference(&one)
        .component::<R::New>(component.clone(), patch::schema::<R::New>)
        .component::<TextPatch>(TextPatch::name().into_owned(), TextPatch::schema)
        .body_of(
            &component,
            "application/merge-patch+json",
            "The fields to change. `application/json` is accepted as well.".to_owned(),
        )
        .response::<R::Read>("200", format!("The updated {one}."))
}

/// `DELETE /twinnings/{ref}`
pub fn delete<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let id = format!("delete{one_id}");
    let (role, role_zh) = required_role(routes.may_write(&id));
    let handler = |call: Call, reference: Path<String>| handlers::delete::<R>(call, reference.into_inner());
    Operation::new(HttpMethod::Delete, &item::<R>(), id, R::KIND.path, handler)
        .summary(format!("Delete {a} · 删除{label}"))
        .description(format!(
            "Deletes {a} that no other record refers to. Its history is kept, its code is not used again, and it can be \
             restored. {role} 删除未被其他记录引用的{label}；变更历史保留，代码不再使用，可以恢复；{role_zh}。"
        ))
        .reference(&one)
        .empty_response("204", format!("The {one} was deleted."))
}

/// `POST /twinnings/{ref}/restore`
pub fn restore<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let id = format!("restore{one_id}");
    let (role, role_zh) = required_role(routes.may_write(&id));
    let handler = |call: Call, payload: Payload, reference: Path<String>| {
        handlers::restore::<R>(call, payload, reference.into_inner())
    };
    Operation::new(HttpMethod::Post, &format!("{}/restore", item::<R>()), id, R::KIND.path, handler)
        .summary(format!("Restore {a} · 恢复{label}"))
        .description(format!(
            "Restores a deleted {one} as it was when it was deleted, with its identifier, code and history, as the next \
             version. Responds with 409 `not_deleted` if it exists, 409 `already_exists` if another record has one of its \
             unique values, and 422 if a record that it refers to no longer exists. {role} \
             恢复已删除的{label}，编号、代码与变更历史不变，版本号递增；{role_zh}。"
        ))
        .reference(&one)
        .response::<R::Read>("200", format!("The restored {one}."))
}

/// `GET /twinnings/{ref}/history`
pub fn history<R: Resource>(routes: &Routes) -> Operation {
    let Words { one, a, label, one_id, .. } = Words::of(R::KIND, routes);
    let id = format!("list{one_id}History");
    let handler = |call: Call, reference: Path<String>| handlers::history::<R>(call, reference.into_inner());
    Operation::new(HttpMethod::Get, &format!("{}/history", item::<R>()), id, R::KIND.path, handler)
        .summary(format!("List the history of {a} · {label}的变更历史"))
        .description(format!(
            "Returns the audit events of one {one}, oldest first: when, by which key, and the record before and after. The \
             history of a deleted record is kept. With `at`, the response also has the record as of that instant. \
             列出一条{label}的全部变更记录；提供 at 时一并返回该时刻的记录。"
        ))
        .reference(&one)
        .query::<HistoryParams>()
        .query::<PageParams>()
        .response::<RecordHistory>("200", "A page of the history.".to_owned())
}

fn collection<R: Resource>() -> String {
    format!("/{}", R::KIND.path)
}

fn item<R: Resource>() -> String {
    format!("/{}/{{ref}}", R::KIND.path)
}

/// The sentence that states which role a write requires, in English and Chinese.
fn required_role(access: Access) -> (&'static str, &'static str) {
    match access {
        Access::Editors(Reach::RecordPairing | Reach::OwnRecords) => (
            "Requires the role `editor` for the record's pairing or for all pairings, or the role `admin`.",
            "需要对所属结对关系有写入权限的密钥",
        ),
        Access::Editors(Reach::AllPairings) => {
            ("Requires the role `editor` for all pairings, or the role `admin`.", "需要对全部结对关系有写入权限的密钥")
        }
        Access::Administrators => ("Requires the role `admin`.", "需要管理员密钥"),
        _ => ("Requires the role `editor` or `admin`.", "需要写入密钥"),
    }
}
