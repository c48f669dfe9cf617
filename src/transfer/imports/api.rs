//! The operations of imports.

use std::time::Duration;

use actix_web::http::header;
use actix_web::rt;
use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, get, post};
use serde_json::json;
use utoipa_actix_web::service_config::ServiceConfig;

use super::jobs::{self, Jobs, Work};
use super::store::{self, Sent};
use super::types::{
    Import, ImportFaultFilter, ImportFaultList, ImportFilter, ImportLineFilter, ImportLineList, ImportList, NewImport,
};
use super::upload::{Received, receive, waits};
use super::workbooks::{marked, template};
use super::{Status, plans, runs};
use crate::access::Actor;
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::{Error, Faults, Problem, Result};
use crate::http::idempotency::Posted;
use crate::http::list::{Page, PageParams};
use crate::http::response::ReadResponse;
use crate::http::{Call, typed};
use crate::model::hex;
use crate::model::types::{Instant, Ref};
use crate::msg;
use crate::record::bulk::Mode;
use crate::resources::pairings;
use crate::transfer::format::Format;
use crate::transfer::plan::Outcome;

/// Sends a file.
#[utoipa::path(
    post, path = "/imports", operation_id = "createImport", tag = "imports",
    summary = "Send a file and plan it · 上传文件并预检",
    description = "Takes a workbook (XLSX), a CSV table, a YAML or JSON bundle or NDJSON of at most 64 MiB as the raw body, or as the one part of `multipart/form-data`, and says what \
        would become of each record; nothing is written yet. The answer waits up to 5 seconds for the plan (`Prefer: wait=N` up to 30, \
        `Prefer: respond-async` not at all); after that, ask for the import again. Records are matched by `code`. A file of this caller \
        that is older than the newest 20 is no longer kept. 上传后只做预检，不写入；记录按代码匹配。",
    params(NewImport),
    request_body(content = String, content_type = "application/octet-stream",
        description = "The file's bytes, with its media type; `application/octet-stream` where the file's name tells the format."),
    responses((status = 201, description = "The file was taken.", body = Import))
)]
#[post("/imports")]
async fn create(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let mut params: NewImport = typed(&call.query("createImport")?)?;
    let waits = waits(&call);
    let received = receive(&call, payload).await?;
    params.file_name = params.file_name.or_else(|| received.described.file_name.clone());
    let format = Format::of(&received.described.media_type, params.file_name.as_deref(), &received.beginning)
        .ok_or_else(|| {
            Problem::new(415, "unsupported_media_type", msg!("无法识别文件格式", "The file's format is not recognized"))
                .detail(msg!(
                    "支持 .xlsx、.csv、.txt、.yaml、.json、.ndjson；请设置 Content-Type 或 file_name。",
                    "Give a .xlsx, .csv, .txt, .yaml, .json or .ndjson file, with its Content-Type or its file_name."
                ))
        })?;
    // Done to its end, also when the client goes away: a run that was promised must begin.
    rt::spawn(taken(call, actor, params, received, format, waits)).await.map_err(Error::unexpected)?
}

async fn taken(
    call: Call,
    actor: Actor,
    params: NewImport,
    received: Received,
    format: Format,
    waits: Duration,
) -> Result<HttpResponse> {
    let run = hex(&rand::random::<[u8; 16]>());
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
                let message = msg!("没有资源 {resource}。", "is no resource: \"{resource}\"");
                faults.push("/query/resource", "unknown_resource", message);
            }
            faults.refuse()?;
            let sent = Sent {
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
            let import = store::create(tx, sent)?;
            Posted::created(format!("/api/v1/imports/{}", import.id), 1, &import)
        })
        .await?;
    let location = answered.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(id) = location.as_ref().and_then(|path| path.rsplit('/').next()?.parse().ok()) else {
        return Err(Error::unexpected("an import without a place"));
    };
    // A retry finds the import at work, or done.
    if !answered.headers().contains_key("Idempotent-Replayed") {
        jobs::start(&call.state, actor.clone(), id, run, Work::Plan)?;
    }
    call.state.parts.get::<Jobs>()?.wait(id, waits).await;
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
    description = "A page of the caller's imports, newest first; administrators see everybody's. 分页列出导入，最新在前。",
    params(ImportFilter, PageParams),
    responses((status = 200, description = "A page of imports.", body = ImportList))
)]
#[get("/imports")]
async fn list(call: Call) -> Result<HttpResponse> {
    let actor = caller(&call)?;
    call.list_own("listImports", |_, query, sight| {
        let filter: ImportFilter = typed(query)?;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let page = store::page(conn, &actor, &filter, page)?;
            Page::new(&store::load(conn, &sight, &page.ids)?, page)
        })
    })
    .await
}

/// Reads an import.
#[utoipa::path(
    get, path = "/imports/{ref}", operation_id = "getImport", tag = "imports",
    summary = "Read one import · 查看导入",
    description = "How an import stands, how far it is, and what would become or became of its records. 查看导入的状态与进度。",
    params(("ref" = Ref, Path, description = "The import's number.")),
    responses((status = 200, description = "The import.", body = Import))
)]
#[get("/imports/{ref}")]
async fn get(call: Call, id: Path<String>) -> Result<HttpResponse> {
    call.validate_headers()?;
    call.query("getImport")?;
    let import = current(&call, caller(&call)?, id.into_inner()).await?;
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// Lists what becomes of each record.
#[utoipa::path(
    get, path = "/imports/{ref}/lines", operation_id = "listImportLines", tag = "imports",
    summary = "List what becomes of each record · 逐条结果",
    description = "Each record of the file as it was last planned: created, updated with each field that changes, unchanged, deleted, or \
        refused. 逐条列出新增、更新（含字段差异）、不变、删除与拒绝。",
    params(("ref" = Ref, Path, description = "The import's number."), ImportLineFilter, PageParams),
    responses((status = 200, description = "A page of lines.", body = ImportLineList))
)]
#[get("/imports/{ref}/lines")]
async fn list_lines(call: Call, id: Path<String>) -> Result<HttpResponse> {
    let (actor, id) = (caller(&call)?, id.into_inner());
    call.list_own("listImportLines", |_, query, sight| {
        let filter: ImportLineFilter = typed(query)?;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let row = store::seen(conn, &actor, &id)?;
            let (items, next, total) = plans::lines(conn, &sight, row.id, &filter.outcome, page)?;
            Page::cut(&items, next, total)
        })
    })
    .await
}

/// Lists what is wrong with a file.
#[utoipa::path(
    get, path = "/imports/{ref}/faults", operation_id = "listImportFaults", tag = "imports",
    summary = "List the faults of a file · 错误清单",
    description = "Every fault of every row, with its sheet, row, column, value and what may have been meant. An error keeps the file from \
        being applied, a warning does not. 列出全部错误与警告及其所在单元格。",
    params(("ref" = Ref, Path, description = "The import's number."), ImportFaultFilter, PageParams),
    responses((status = 200, description = "A page of faults.", body = ImportFaultList))
)]
#[get("/imports/{ref}/faults")]
async fn list_faults(call: Call, id: Path<String>) -> Result<HttpResponse> {
    let (actor, id) = (caller(&call)?, id.into_inner());
    call.list_own("listImportFaults", |_, query, _| {
        let filter: ImportFaultFilter = typed(query)?;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let row = store::seen(conn, &actor, &id)?;
            let (items, next, total) = plans::faults(conn, row.id, &filter.severity, page)?;
            Page::cut(&items, next, total)
        })
    })
    .await
}

/// Plans an import again.
#[utoipa::path(
    post, path = "/imports/{ref}/plan", operation_id = "planImport", tag = "imports",
    summary = "Plan an import again · 重新预检",
    description = "Tries the file on the data as they are now: after a stale plan, an interruption, or a change elsewhere that mends a fault. \
        对当前数据重新预检。",
    params(("ref" = Ref, Path, description = "The import's number.")),
    responses((status = 200, description = "The import as it is now.", body = Import))
)]
#[post("/imports/{ref}/plan")]
async fn plan(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    use Status::{Failed, Interrupted, Planned, Refused, Stale};
    begin(call, payload, id.into_inner(), &[Planned, Refused, Stale, Interrupted, Failed], Work::Plan).await
}

/// Applies an import.
#[utoipa::path(
    post, path = "/imports/{ref}/apply", operation_id = "applyImport", tag = "imports",
    summary = "Apply an import · 应用导入",
    description = "Writes all that was planned in one transaction, or nothing: where the data were changed since the plan, the answer is 409 \
        with what changed, and the import is `stale` until it is planned again. An import that is applied already is left as it is. \
        在一个事务中全部写入；若数据已变则拒绝并说明。",
    params(("ref" = Ref, Path, description = "The import's number.")),
    responses((status = 200, description = "The import as it is now.", body = Import))
)]
#[post("/imports/{ref}/apply")]
async fn apply(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    begin(call, payload, id.into_inner(), &[Status::Planned], Work::Apply).await
}

/// Cancels an import.
#[utoipa::path(
    post, path = "/imports/{ref}/cancel", operation_id = "cancelImport", tag = "imports",
    summary = "Cancel an import · 取消导入",
    description = "Stops what is under way, and nothing of the file is written; what is applied already stays (409). 取消导入，不写入任何内容。",
    params(("ref" = Ref, Path, description = "The import's number.")),
    responses((status = 200, description = "The import as it is now.", body = Import))
)]
#[post("/imports/{ref}/cancel")]
async fn cancel(call: Call, payload: Payload, id: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    let (id, seen_by) = (id.into_inner(), actor.clone());
    let asked = id.clone();
    let number = call.read(move |conn| Ok(store::seen(conn, &seen_by, &asked)?.id)).await?;
    call.state.parts.get::<Jobs>()?.stop(number);
    call.state.store.write_as(&call.client(), move |conn| runs::cancel(conn, number)).await?;
    let import = current(&call, actor, id).await?;
    if import.status == Status::Applied {
        return Err(wrong_status(import.status).into());
    }
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(create)
        .service(list)
        // Before the one import, whose reference could be this name.
        .service(template)
        .service(marked)
        .service(get)
        .service(list_lines)
        .service(list_faults)
        .service(plan)
        .service(apply)
        .service(cancel);
}

/// Hands an import to a run, where it stands so that it can be, and waits a little for its end.
async fn begin(call: Call, payload: Payload, id: String, from: &'static [Status], work: Work) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    // As when it was sent.
    rt::spawn(begun(call, actor, id, from, work)).await.map_err(Error::unexpected)?
}

async fn begun(call: Call, actor: Actor, id: String, from: &'static [Status], work: Work) -> Result<HttpResponse> {
    let waits = waits(&call);
    let run = hex(&rand::random::<[u8; 16]>());
    let (seen_by, named, asked) = (actor.clone(), run.clone(), id.clone());
    let status = if work == Work::Plan { Status::Planning } else { Status::Applying };
    let begun = call
        .state
        .store
        .write(move |conn| {
            let row = store::seen(conn, &seen_by, &asked)?;
            // What is planned for who may see more is not for the sender's eyes.
            if row.actor_id != seen_by.identity.to_string() {
                return Err(Problem::forbidden(msg!(
                    "只有上传者可以预检和应用；管理员可以取消，或自行上传。",
                    "Only who sent it plans and applies it; administrators may cancel it, or send it themselves."
                ))
                .into());
            }
            if row.status == Status::Applied && work == Work::Apply {
                return Ok(None);
            }
            if !runs::begin(conn, row.id, from, status, &named, Instant::now())? {
                return Err(wrong_status(row.status).into());
            }
            Ok(Some(row.id))
        })
        .await?;
    if let Some(number) = begun {
        jobs::start(&call.state, actor.clone(), number, run, work)?;
        call.state.parts.get::<Jobs>()?.wait(number, waits).await;
    }
    let import = current(&call, actor, id).await?;
    if import.status == Status::Stale {
        return Err(stale(&import).into());
    }
    Ok(call.send(&ReadResponse::json(&import)?))
}

/// An import as it is now, with the progress of a run of this process.
async fn current(call: &Call, actor: Actor, id: String) -> Result<Import> {
    let mut import = call
        .read(move |conn| {
            let row = store::seen(conn, &actor, &id)?;
            store::read(conn, &actor.sight(), vec![row])?
                .pop()
                .ok_or_else(|| Error::unexpected("an import that is gone"))
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

/// Who asks.
pub fn caller(call: &Call) -> Result<Actor> {
    // The guard admits nobody without a key.
    call.actor.clone().ok_or_else(|| Error::unexpected("an import of nobody"))
}

fn wrong_status(status: Status) -> Problem {
    let (zh, en) = match status {
        Status::Planning | Status::Applying => ("正在处理，请稍候", "is being worked on; wait until that is done"),
        Status::Planned => ("已通过预检", "is planned"),
        Status::Refused => (
            "有错误；请查看 faults 或下载 marked.xlsx，改好后重新上传",
            "has faults; see its faults or marked.xlsx, and send it again",
        ),
        Status::Applied => ("已写入", "is applied"),
        Status::Stale => ("已过时，请重新预检", "is stale; plan it again"),
        Status::Cancelled => ("已取消", "is cancelled"),
        Status::Interrupted => ("已中断，请重新预检", "was interrupted; plan it again"),
        Status::Failed => ("失败", "failed"),
    };
    Problem::conflict("wrong_status", msg!("该导入{zh}。", "The import {en}."))
}

/// What changed since a plan, as a conflict.
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
            "预检之后数据已变，未写入任何内容；请重新预检。",
            "The data were changed since the plan, and nothing was written; plan the import again."
        ),
    )
    .faults(faults)
}
