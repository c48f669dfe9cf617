//! The HTTP operations of imports.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::rt;
use actix_web::web::{Path, Payload};
use serde_json::json;

use super::jobs::{self, Jobs, Task};
use super::store::{self, Upload};
use super::types::{
    Import, ImportFaultFilter, ImportFaultList, ImportFilter, ImportLineFilter, ImportLineList, ImportList, NewImport,
};
use super::upload::{Received, max_wait, receive};
use super::{Status, plans, runs, workbooks};
use crate::access::{Actor, secrets};
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::{Error, Faults, Problem, Result};
use crate::http::idempotency::Posted;
use crate::http::list::{Page, PageParams};
use crate::http::response::ReadResponse;
use crate::http::routes::{ServiceConfig, operation};
use crate::http::{Call, typed};
use crate::model::types::{Instant, Ref};
use crate::msg;
use crate::record::bulk::Mode;
use crate::resources::pairings;
use crate::transfer::format::Format;
use crate::transfer::plan::Outcome;

/// Uploads a file.
#[utoipa::path(
    post, path = "/imports", operation_id = "createImport", tag = "imports",
    summary = "Upload a file and plan it · 上传文件并预检",
    description = "Accepts a workbook (XLSX), a CSV table, a YAML or JSON bundle, or NDJSON of at most 64 MiB, as the body or as the only part of \
        `multipart/form-data`, and plans it: nothing is written yet. The response waits up to 5 seconds for the plan (up to 30 with \
        `Prefer: wait=N`, not at all with `Prefer: respond-async`); after that, poll the import. Records are matched by `code`. The files of the \
        caller's 20 newest imports are stored. 上传后只做预检，不写入；记录按代码匹配。",
    params(NewImport),
    request_body(content = String, content_type = "application/octet-stream",
        description = "Bytes of the file with its media type; `application/octet-stream` if its extension gives the format."),
    responses((status = 201, description = "The import.", body = Import))
)]
async fn create(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let mut params: NewImport = typed(&call.query("createImport")?)?;
    let wait = max_wait(&call);
    let received = receive(&call, payload).await?;
    params.file_name = params.file_name.or_else(|| received.described.file_name.clone());
    let format = Format::of(&received.described.media_type, params.file_name.as_deref(), &received.beginning)
        .ok_or_else(|| {
            Problem::new(415, "unsupported_media_type", msg!("无法识别文件格式", "The file's format is not recognized"))
                .detail(msg!(
                    "支持 .xlsx、.csv、.txt、.yaml、.json、.ndjson；请设置 Content-Type 或 file_name。",
                    "Supported are .xlsx, .csv, .txt, .yaml, .json and .ndjson; set Content-Type or file_name."
                ))
        })?;
    // In its own task: once the import is stored, its run must start even if the client disconnects.
    rt::spawn(create_and_plan(call, actor, params, received, format, wait)).await.map_err(Error::unexpected)?
}

/// Stores the file, starts its run, and waits for the plan.
async fn create_and_plan(
    call: Call,
    actor: Actor,
    params: NewImport,
    received: Received,
    format: Format,
    wait: Duration,
) -> Result<HttpResponse> {
    let run = secrets::random_hex::<16>();
    let NewImport { file_name, resource, mode, restore, prune, ignore_unknown_columns } = params;
    let named = run.clone();
    let request = json!({ "sha256": &received.sha256 });
    let Received { file, byte_size, sha256, described: _, beginning: _ } = received;
    let answered = call
        .post(actor.clone(), &request, move |tx| {
            let mut faults = Faults::default();
            let prune = pairings::KIND.resolve_all(tx.conn, &mut faults, "/query/prune", &prune)?;
            if let Some(resource) = &resource
                && crate::resources::component(resource).is_none()
            {
                let message = msg!("没有资源 {resource}。", "there is no resource \"{resource}\"");
                faults.push("/query/resource", "unknown_resource", message);
            }
            faults.refuse()?;
            let upload = Upload {
                file,
                file_name,
                format,
                resource,
                byte_size,
                sha256,
                mode: mode.unwrap_or(Mode::Upsert),
                restore: restore.unwrap_or_default(),
                prune,
                ignore_unknown_columns: ignore_unknown_columns.unwrap_or_default(),
                run: named,
            };
            let import = store::create(tx, upload)?;
            Posted::created(format!("/api/v1/imports/{}", import.id), 1, &import)
        })
        .await?;
    let location = answered.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(id) = location.as_ref().and_then(|path| path.rsplit('/').next()?.parse().ok()) else {
        return Err(Error::unexpected("an import without a location"));
    };
    // A retried request finds the run of the first request under way or ended.
    if !answered.headers().contains_key("Idempotent-Replayed") {
        jobs::start(&call.state, actor.clone(), id, run, Task::Plan)?;
    }
    call.state.parts.get::<Jobs>()?.wait(id, wait).await;
    let import = current(&call, actor, id.to_string()).await?;
    let mut response = HttpResponse::Created();
    for (name, value) in answered.headers().iter().filter(|(name, _)| **name != header::ETAG) {
        response.insert_header((name.clone(), value.clone()));
    }
    response.insert_header((header::ETAG, ReadResponse::json(&import)?.etag));
    Ok(response.json(import))
}

/// Lists imports.
#[utoipa::path(
    get, path = "/imports", operation_id = "listImports", tag = "imports",
    summary = "List imports · 导入列表",
    description = "Returns a page of the caller's imports, newest first; for administrators, of all imports. 分页列出导入，最新在前。",
    params(ImportFilter, PageParams),
    responses((status = 200, description = "A page of imports.", body = ImportList))
)]
async fn list(call: Call) -> Result<HttpResponse> {
    let actor = caller(&call)?;
    call.uncached()
        .list("listImports", |_, query, visibility| {
            let filter: ImportFilter = typed(query)?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let page = store::page(conn, &actor, &filter, page)?;
                Ok(Page::new(store::load(conn, &visibility, &page.ids)?, page))
            })
        })
        .await
}

/// Returns an import.
#[utoipa::path(
    get, path = "/imports/{ref}", operation_id = "getImport", tag = "imports",
    summary = "Read one import · 查看导入",
    description = "Returns the status, progress and counts of an import. 查看导入的状态、进度与数量。",
    params(("ref" = Ref, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import.", body = Import))
)]
async fn get(call: Call, id: Path<String>) -> Result<HttpResponse> {
    call.validate_headers()?;
    call.query("getImport")?;
    let import = current(&call, caller(&call)?, id.into_inner()).await?;
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// Lists the outcome of each record.
#[utoipa::path(
    get, path = "/imports/{ref}/lines", operation_id = "listImportLines", tag = "imports",
    summary = "List the outcome of each record · 逐条结果",
    description = "Returns a page of the file's records as last planned: created, updated with each field that changes, unchanged, deleted, \
        restored or refused. 逐条列出新增、更新（含字段差异）、不变、删除、恢复与拒绝。",
    params(("ref" = Ref, Path, description = "Id of the import."), ImportLineFilter, PageParams),
    responses((status = 200, description = "A page of lines.", body = ImportLineList))
)]
async fn list_lines(call: Call, id: Path<String>) -> Result<HttpResponse> {
    let (actor, id) = (caller(&call)?, id.into_inner());
    call.uncached()
        .list("listImportLines", |_, query, visibility| {
            let filter: ImportLineFilter = typed(query)?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let row = store::find_visible(conn, &actor, &id)?;
                let (items, next, total) = plans::lines(conn, &visibility, row.id, &filter.outcome, page)?;
                Ok(Page::cut(items, next, total))
            })
        })
        .await
}

/// Lists the faults of a file.
#[utoipa::path(
    get, path = "/imports/{ref}/faults", operation_id = "listImportFaults", tag = "imports",
    summary = "List the faults of a file · 错误清单",
    description = "Returns a page of the faults of all rows, each with its sheet, row, column, value and a suggestion. An error prevents the \
        file from being applied, a warning does not. 列出全部错误与警告及其所在单元格。",
    params(("ref" = Ref, Path, description = "Id of the import."), ImportFaultFilter, PageParams),
    responses((status = 200, description = "A page of faults.", body = ImportFaultList))
)]
async fn list_faults(call: Call, id: Path<String>) -> Result<HttpResponse> {
    let (actor, id) = (caller(&call)?, id.into_inner());
    call.uncached()
        .list("listImportFaults", |_, query, _| {
            let filter: ImportFaultFilter = typed(query)?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let row = store::find_visible(conn, &actor, &id)?;
                let (items, next, total) = plans::faults(conn, row.id, &filter.severity, page)?;
                Ok(Page::cut(items, next, total))
            })
        })
        .await
}

/// Plans an import again.
#[utoipa::path(
    post, path = "/imports/{ref}/plan", operation_id = "planImport", tag = "imports",
    summary = "Plan an import again · 重新预检",
    description = "Plans the file on the current data: after a stale plan, an interruption, or a change of other records that removes a fault. \
        按当前数据重新预检。",
    params(("ref" = Ref, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import.", body = Import))
)]
async fn plan(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    use Status::{Failed, Interrupted, Planned, Refused, Stale};
    begin(call, payload, id.into_inner(), &[Planned, Refused, Stale, Interrupted, Failed], Task::Plan).await
}

/// Applies an import.
#[utoipa::path(
    post, path = "/imports/{ref}/apply", operation_id = "applyImport", tag = "imports",
    summary = "Apply an import · 应用导入",
    description = "Writes all planned records in one transaction, or none: if the data has changed since the plan, the response is 409 with the \
        differences, and the import is `stale` until it is planned again. Applying an applied import has no effect. \
        在一个事务中全部写入；数据已变则拒绝并列出差异。",
    params(("ref" = Ref, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import.", body = Import))
)]
async fn apply(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    begin(call, payload, id.into_inner(), &[Status::Planned], Task::Apply).await
}

/// Cancels an import.
#[utoipa::path(
    post, path = "/imports/{ref}/cancel", operation_id = "cancelImport", tag = "imports",
    summary = "Cancel an import · 取消导入",
    description = "Stops planning or applying; nothing of the file is written. An applied import cannot be cancelled (409). 取消导入，不写入任何内容。",
    params(("ref" = Ref, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import.", body = Import))
)]
async fn cancel(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    let (id, reader) = (id.into_inner(), actor.clone());
    let reference = id.clone();
    let number = call.read(move |conn| Ok(store::find_visible(conn, &reader, &reference)?.id)).await?;
    call.state.parts.get::<Jobs>()?.stop(number);
    call.state.store.write(move |conn| runs::cancel(conn, number)).await?;
    let import = current(&call, actor, id).await?;
    if import.status == Status::Applied {
        return Err(wrong_status(import.status).into());
    }
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(operation!(create))
        .service(operation!(list))
        // Before `/imports/{ref}`, which would match this path as well.
        .service(operation!(workbooks::template))
        .service(operation!(workbooks::marked))
        .service(operation!(get))
        .service(operation!(list_lines))
        .service(operation!(list_faults))
        .service(operation!(plan))
        .service(operation!(apply))
        .service(operation!(cancel));
}

/// Starts a run for an import whose status allows it, and waits for its end.
async fn begin(call: Call, payload: Payload, id: String, from: &'static [Status], task: Task) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    // In its own task, for the same reason as in `create`.
    rt::spawn(start_run(call, actor, id, from, task)).await.map_err(Error::unexpected)?
}

async fn start_run(call: Call, actor: Actor, id: String, from: &'static [Status], task: Task) -> Result<HttpResponse> {
    let wait = max_wait(&call);
    let run = secrets::random_hex::<16>();
    let (reader, run_id, reference) = (actor.clone(), run.clone(), id.clone());
    let status = if task == Task::Plan { Status::Planning } else { Status::Applying };
    let begun = call
        .state
        .store
        .write(move |conn| {
            let row = store::find_visible(conn, &reader, &reference)?;
            // The lines of a plan would show the sender what only an administrator may see.
            if row.actor_id != reader.identity.to_string() {
                return Err(Problem::forbidden(msg!(
                    "只有上传者可以预检和应用；管理员可以取消，或自行上传。",
                    "Only the sender may plan and apply it; administrators may cancel it, or upload the file themselves."
                ))
                .into());
            }
            if row.status == Status::Applied && task == Task::Apply {
                return Ok(None);
            }
            if !runs::begin(conn, row.id, from, status, &run_id, Instant::now())? {
                return Err(wrong_status(row.status).into());
            }
            Ok(Some(row.id))
        })
        .await?;
    if let Some(number) = begun {
        jobs::start(&call.state, actor.clone(), number, run, task)?;
        call.state.parts.get::<Jobs>()?.wait(number, wait).await;
    }
    let import = current(&call, actor, id).await?;
    if import.status == Status::Stale {
        return Err(stale(&import).into());
    }
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// The current state of an import, with the progress of a run of this process.
async fn current(call: &Call, actor: Actor, id: String) -> Result<Import> {
    let mut import = call
        .read(move |conn| {
            let row = store::find_visible(conn, &actor, &id)?;
            store::read(conn, &actor.visibility(), vec![row])?
                .pop()
                .ok_or_else(|| Error::unexpected("an import was not found"))
        })
        .await?;
    if import.status.is_running()
        && let Some((records, done)) = call.state.parts.get::<Jobs>()?.progress(import.id)
    {
        import.records = Some(records);
        import.done = done;
    }
    Ok(import)
}

/// The actor of the request.
pub fn caller(call: &Call) -> Result<Actor> {
    // Authorization rejects requests without a key before they get here.
    call.actor.clone().ok_or_else(|| Error::unexpected("an import without an actor"))
}

fn wrong_status(status: Status) -> Problem {
    let (zh, en) = match status {
        Status::Planning | Status::Applying => ("正在处理，请稍候", "is being processed; wait until that has ended"),
        Status::Planned => ("已通过预检", "is planned"),
        Status::Refused => (
            "有错误；请查看 faults 或下载 marked.xlsx，改正后重新上传",
            "has faults; see its faults or marked.xlsx, correct the file and upload it again",
        ),
        Status::Applied => ("已写入", "is applied already"),
        Status::Stale => ("已过时，请重新预检", "is stale; plan it again"),
        Status::Cancelled => ("已取消", "is cancelled"),
        Status::Interrupted => ("已中断，请重新预检", "was interrupted; plan it again"),
        Status::Failed => ("失败", "failed"),
    };
    Problem::conflict("wrong_status", msg!("该导入{zh}。", "The import {en}."))
}

/// The problem of a stale plan, with the records that differ.
fn stale(import: &Import) -> Problem {
    let mut faults = Faults::default();
    for line in &import.stale {
        let code = line.code.as_deref().unwrap_or_default();
        let word = |outcome: Option<Outcome>| outcome.map_or("-", Outcome::as_str);
        let (planned, now) = (word(line.planned), word(line.now));
        let version = |version: Option<i64>| version.map(|version| format!(" v{version}")).unwrap_or_default();
        let (planned_version, now_version) = (version(line.planned_version), version(line.now_version));
        let fields: Vec<&str> = line.changes.iter().map(|change| change.field.as_str()).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        faults.push(
            format!("/{}/{code}", line.resource),
            "changed",
            msg!(
                "预检时为 {planned}{planned_version}，现在为 {now}{now_version}{fields}。",
                "was {planned}{planned_version} when it was planned and is {now}{now_version} now{fields}"
            ),
        );
    }
    let faults = faults.refuse().err().map(|error| error.problem().faults).unwrap_or_default();
    Problem::conflict(
        "plan_is_stale",
        msg!(
            "预检之后数据已变，未写入任何内容，请重新预检。",
            "The data has changed since the plan, and nothing was written; plan the import again."
        ),
    )
    .faults(faults)
}
