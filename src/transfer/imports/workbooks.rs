//! The operations for workbooks of imports: the template to fill in, and the uploaded file with its faults marked.

use std::fs::File;
use std::io::Seek;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::web::Path;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{plans, store};
use crate::access::Visibility;
use crate::access::redaction::Hidden;
use crate::db::page::PageRequest;
use crate::db::reference::Kind;
use crate::db::{Conn, surrogate_code};
use crate::error::{Error, Faults, Problem, Result};
use crate::http::export::{self, Body};
use crate::http::format::Format as FileFormat;
use crate::http::{Call, guarded_body, peer, typed};
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::msg;
use crate::record::ReadContext;
use crate::resources::{self, pairings};
use crate::spool::Spool;
use crate::transfer::columns;
use crate::transfer::export::bundle::name_references;
use crate::transfer::fault::ImportFault;
use crate::transfer::format::Format;
use crate::transfer::workbook::{self, Named, OFFERED, plain};

/// Query parameters of the template.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TemplateFilter {
    /// Pairing whose records the template contains. Default: none, the template is empty.
    pub pairing: Option<Ref>,
    /// Resource that the template has sheets for. Default: all resources.
    #[param(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
}

/// Returns the template.
#[utoipa::path(
    get, path = "/imports/template.xlsx", operation_id = "getImportTemplate", tag = "exports",
    summary = "Download the import template · 下载导入模板",
    description = "Returns a workbook with a sheet for each resource, drop-down lists of values and of existing records, and a first sheet \
        that explains how to fill it in, in Chinese or English by `Accept-Language`. With `pairing` it contains the records of that pairing, \
        to be changed and imported again. Personal data that the caller may not see is left out. 导入模板；指定 pairing 时预填该结对的记录。",
    params(TemplateFilter),
    responses((status = 200, description = "The workbook.", body = String,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))
)]
pub async fn template(call: Call) -> Result<HttpResponse> {
    call.validate_headers()?;
    let TemplateFilter { pairing, resource } = typed(&call.query("getImportTemplate")?)?;
    let is_head = call.is_head();
    let place = call.state.limits.enter_file(peer::of(&call.request))?;
    let (catalog, visibility, language) = (call.state.catalog.clone(), call.visibility(), call.language());
    let view = ReadContext { as_of: call.today() };
    let client = call.client();
    let file = call.state.store.snapshot(&client, move |conn| {
        let mut faults = Faults::default();
        let pairing = pairings::KIND.resolve_optional(conn, &mut faults, "/query/pairing", pairing.as_ref())?;
        if let Some(name) = resource.as_ref().filter(|name| resources::component(name).is_none()) {
            let message = msg!("没有资源 {name}。", "there is no resource \"{name}\"");
            faults.push("/query/resource", "unknown_resource", message);
        }
        // A fault of the query is a malformed request (400), as for every operation.
        faults.refuse().map_err(|error| Problem::malformed(error.problem().faults))?;
        if is_head {
            return Ok(None);
        }
        let is_wanted = |path: &str| resource.as_ref().is_none_or(|name| name == path);
        let mut tables = Vec::new();
        for form in resources::forms().iter().filter(|form| is_wanted(form.kind.path)) {
            let mut of_form = columns::tables(&catalog.contract, form)?;
            columns::remove_private(&mut of_form, form.kind, &visibility);
            tables.extend(of_form);
        }
        let mut file = temporary()?;
        // Both closures read over the same connection, one after the other.
        let conn = std::cell::RefCell::new(conn);
        workbook::template(
            &tables,
            language,
            |kind| named(&mut conn.borrow_mut(), kind, language),
            |path, visit| {
                let Some(form) = resources::forms().into_iter().find(|form| form.kind.path == path) else {
                    return Err(Error::unexpected(format!("no resource {path}")));
                };
                if let Some(pairing) = pairing {
                    let visit = &mut |conn: &mut Conn, record: Value| {
                        let mut record = [record];
                        name_references(conn, &form, &mut record)?;
                        let [mut record] = record;
                        surrogate_code::name(form.kind, &mut record);
                        visibility.redact(form.kind, &mut record, Hidden::Marked(language));
                        visit(&record)
                    };
                    let resource = resources::by_path(path)?;
                    resource.each_of_pairing(&mut conn.borrow_mut(), &catalog.contract, pairing, view, visit)?;
                }
                Ok(())
            },
            &mut file,
        )?;
        Ok(Some(file))
    });
    let body = file.await?.map_or_else(|| Ok(Body::unmade()), Body::of_file)?;
    Ok(export::attachment(&call, FileFormat::Xlsx, "template", guarded_body::with_guard(BoxBody::new(body), place)))
}

/// Returns the uploaded file with its faults marked.
#[utoipa::path(
    get, path = "/imports/{ref}/marked.xlsx", operation_id = "getMarkedImport", tag = "imports",
    summary = "Download the file with its faults marked · 下载标注错误的工作簿",
    description = "Returns the uploaded workbook with its faulty cells coloured (errors red, warnings yellow) and commented, and with a sheet of all faults; \
        everything else is unchanged. A CSV file is converted to a workbook and marked in the same way. Either can be corrected and imported \
        as it is. For other formats the workbook lists the faults alone. In Chinese or English by `Accept-Language`. \
        原工作簿，错误单元格已标色并加批注；CSV 文件转为工作簿后标注。改正后可直接上传。",
    params(("ref" = Ref, Path, description = "Id of the import.")),
    responses((status = 200, description = "The workbook.", body = String,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))
)]
pub async fn marked(call: Call, id: Path<String>) -> Result<HttpResponse> {
    call.validate_headers()?;
    call.query("getMarkedImport")?;
    let actor = super::api::caller(&call)?;
    if call.is_head() {
        let seen = call.state.store.read(move |conn| {
            let row = store::find_visible(conn, &actor, &id)?;
            if store::has_file(conn, row.id)? { Ok(row.id) } else { Err(gone().into()) }
        });
        let name = format!("import-{}-marked", seen.await?);
        return Ok(export::attachment(&call, FileFormat::Xlsx, &name, BoxBody::new(Body::unmade())));
    }
    let place = call.state.limits.enter_file(peer::of(&call.request))?;
    let language = call.language();
    let (name, original, sheet, faults) = call
        .state
        .store
        .read(move |conn| {
            let row = store::find_visible(conn, &actor, &id)?;
            let mut original = temporary()?;
            if !store::write_file(conn, row.id, &mut original)? {
                return Err(gone().into());
            }
            let faults = all_faults(conn, row.id)?;
            let sheet = match row.format {
                Format::Csv => Some(sheet_of(conn, &row, language)?),
                _ => None,
            };
            Ok((format!("import-{}-marked", row.id), original, sheet, faults))
        })
        .await?;
    let marked = tokio::task::spawn_blocking(move || mark(original, sheet, faults, language));
    let file = marked.await.map_err(Error::unexpected)??;
    let body = Body::of_file(file)?;
    Ok(export::attachment(&call, FileFormat::Xlsx, &name, guarded_body::with_guard(BoxBody::new(body), place)))
}

/// Marks the faults of a file. `sheet` is the name of the sheet that a CSV file is converted to; `None` for a workbook.
fn mark(mut original: File, sheet: Option<String>, mut faults: Spool<ImportFault>, language: Language) -> Result<File> {
    original.rewind().map_err(Error::unexpected)?;
    let mut file = temporary()?;
    let mut failed = Ok(());
    if let Some(sheet) = &sheet {
        let mut workbook = temporary()?;
        // If no sheet can hold the rows, the result lists the faults alone.
        if plain::of_csv(&mut original, sheet, &mut workbook)? {
            original = workbook;
        }
        original.rewind().map_err(Error::unexpected)?;
    }
    let stored = faults.read()?.map_while(|fault| fault.map_err(|error| failed = Err(error)).ok());
    let placed = stored.map(|fault| match (&sheet, fault.row) {
        (Some(sheet), Some(_)) => ImportFault { sheet: Some(sheet.clone()), ..fault },
        _ => fault,
    });
    workbook::marked(&mut original, placed, language, &mut file)?;
    failed.map(|()| file)
}

/// The name of the sheet that a CSV file is converted to: that of its table, by which an import of the workbook finds the
/// resource.
fn sheet_of(conn: &mut Conn, row: &store::Row, language: Language) -> Result<String> {
    let page = PageRequest { limit: 1, after: None, count: false, list: String::new() };
    let of_line =
        plans::lines(conn, &Visibility::Nothing, row.id, &[], &page)?.0.into_iter().next().map(|line| line.resource);
    let of_fault = plans::faults(conn, row.id, &[], &page)?.0.into_iter().next().and_then(|fault| fault.resource);
    let stem = row.file_name.as_deref().map(|name| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned());
    let found = row.resource.clone().or(of_line).or(of_fault).or(stem).unwrap_or_default();
    let form = resources::forms().into_iter().find(|form| form.kind.path == found);
    let own = form.filter(|_| language == Language::Zh).map(|form| form.sheet.zh.to_owned());
    Ok(plain::sheet_name(&own.unwrap_or(found)))
}

/// Every fault of an import, spooled to disk.
fn all_faults(conn: &mut Conn, id: i64) -> Result<Spool<ImportFault>> {
    let mut all = Spool::new()?;
    let mut after = None;
    loop {
        let page = PageRequest { limit: 1_000, after, count: false, list: String::new() };
        let (faults, next, _) = plans::faults(conn, id, &[], &page)?;
        for fault in faults {
            all.push(&fault)?;
        }
        after = next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// The records of a kind for a drop-down list, in the order of their names.
fn named(conn: &mut Conn, kind: &'static Kind, language: Language) -> Result<Vec<Named>> {
    let mut named = Vec::new();
    let mut after = 0;
    while named.len() < OFFERED {
        let ids = kind.ids_after(conn, after, 1_000)?;
        let Some(last) = ids.last() else { break };
        after = *last;
        for reference in kind.references(conn, &ids)? {
            let code = reference.key().0;
            let name = match language {
                Language::Zh => reference.name.zh,
                Language::En => reference.name.en.unwrap_or(reference.name.zh),
            };
            named.push(Named { code, name });
        }
    }
    named.sort_by(|a, b| (&a.name, &a.code).cmp(&(&b.name, &b.code)));
    Ok(named)
}

fn temporary() -> Result<File> {
    tempfile::tempfile().map_err(|error| Error::Unavailable(format!("cannot make a temporary file: {error}")))
}

/// The problem of an import whose file is no longer stored.
pub fn gone() -> Problem {
    Problem::conflict(
        "file_is_gone",
        msg!("文件已不再保留，请重新上传。", "The file is no longer stored; upload it again."),
    )
}
