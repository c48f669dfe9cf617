//! Records that are listed and created under the record that they belong to: `/conferences/{ref}/resolutions`.

use actix_web::web::{Path, Payload};
use utoipa::IntoParams;
use utoipa::openapi::path::HttpMethod;

use super::words::{Words, with_article};
use super::{Operation, Routes, ServiceConfig, handlers};
use crate::db::reference::Kind;
use crate::http::list::{AsOf, ListPage, PageParams};
use crate::http::{Call, patch};
use crate::record::Resource;

/// Registers the operations that list and create records under a record of the `parent` kind. The field of a record that
/// names its parent is called like the parent's kind.
pub fn mount_nested<R>(config: &mut ServiceConfig, routes: &Routes, parent: &'static Kind)
where
    R: Resource<Filter: IntoParams>,
{
    config.service(list::<R>(routes, parent)).service(create::<R>(routes, parent));
}

fn path<R: Resource>(parent: &Kind) -> String {
    format!("/{}/{{ref}}/{}", parent.path, R::KIND.path)
}

fn list<R>(routes: &Routes, parent: &'static Kind) -> Operation
where
    R: Resource<Filter: IntoParams>,
{
    let Words { many, label, many_id, .. } = Words::of(R::KIND, routes);
    let id = format!("list{}{many_id}", parent.singular_id());
    let handler =
        move |call: Call, reference: Path<String>| handlers::list_under::<R>(call, parent, reference.into_inner());
    let (of, tag) = (parent.name, R::KIND.path);
    Operation::new(HttpMethod::Get, &path::<R>(parent), id, tag, handler)
        .summary(format!("List the {many} of {} · {label}列表", with_article(of)))
        .description(format!(
            "Returns a page of the {many} of one {of}. `/{tag}` accepts filter parameters. \
             分页列出所属的{label}；筛选请使用 /{tag}。"
        ))
        .reference(of)
        .query::<PageParams>()
        .query::<AsOf>()
        .response::<ListPage<R::Read>>("200", format!("A page of {many}."))
}

fn create<R: Resource>(routes: &Routes, parent: &'static Kind) -> Operation {
    let Words { one, a, label, .. } = Words::of(R::KIND, routes);
    let component = component::<R>(parent);
    let id = format!("create{}", component.trim_start_matches("New"));
    let handler = move |call: Call, payload: Payload, reference: Path<String>| {
        handlers::create_under::<R>(call, payload, parent, reference.into_inner())
    };
    let (of, tag) = (parent.name, R::KIND.path);
    Operation::new(HttpMethod::Post, &path::<R>(parent), id, tag, handler)
        .summary(format!("Create {a} of {} · 新建{label}", with_article(of)))
        .description(format!(
            "The same as `POST /{tag}`, with the {of} named by the path. 与 POST /{tag} 相同，所属记录由路径指定。"
        ))
        .reference(of)
        .component::<R::New>(component.clone(), move || patch::without::<R::New>(parent.name))
        .body_of(&component, "application/json", format!("The {one} to create."))
        .response::<R::Read>("201", format!("The created {one}."))
}

/// The component of a record to create without its parent, which the path names: `NewConferenceResolution`.
pub fn component<R: Resource>(parent: &Kind) -> String {
    format!("New{}{}", parent.singular_id(), R::NEW.trim_start_matches("New"))
}
