//! What clients see of documents.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::web::{Path, Payload};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Documents, Kind, files};
use crate::access::policy::{Access, Reach};
use crate::db::page::RecordSort;
use crate::error::{Error, Problem, Result};
use crate::http::body::within_deadline;
use crate::http::export::Body;
use crate::http::multipart::Described;
use crate::http::routes::{self, Routes, ServiceConfig, operation};
use crate::http::{Call, guarded_body, peer, response};
use crate::model::types::Ref;
use crate::msg;
use crate::record::Record;
use crate::resources::ApiResource;

/// The most bytes of a document's file.
const FILE_MAX: usize = 20 * 1024 * 1024;

crate::fields! {
    /// A file or a web source that records cite.
    Document;
    /// A document to create.
    NewDocument;
    resource Documents, table documents, sheet "文件", code Code;

    /// Title.
    title: Text "标题" searched,
    /// Kind of document; null when unknown.
    kind: Option<Kind> "类别",
    /// Publisher.
    #[schema(max_length = 500, example = "羊城晚报")]
    publisher: Option<String> "发布单位" searched,
    /// Date of publication.
    published_on: Option<NaiveDate> "发布日期",
    /// Address at which the document can be read (http or https).
    #[read(schema(max_length = 2000, example = "https://example.org/report.html"))]
    #[new(schema(max_length = 2000, pattern = "^https?://[!-~]+$", example = "https://example.org/report.html"))]
    url: Option<String> "网址",
    /// Language tag (BCP 47).
    #[read(schema(max_length = 35, example = "zh-CN"))]
    #[new(schema(max_length = 35, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", example = "zh-CN"))]
    language: Option<String> "语言",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Media type of the file; null until a file is attached.
    #[schema(max_length = 200, example = "application/pdf")]
    media_type: stored Option<String>,
    /// Size of the file in bytes; null until a file is attached.
    #[schema(minimum = 0, example = 48213)]
    byte_size: stored Option<i64>,
    /// SHA-256 of the file in hexadecimal digits; null until a file is attached.
    #[schema(max_length = 64)]
    sha256: stored Option<String>,
    /// Pairings whose editors may change the document: those of the key that created it. If empty, only keys of all
    /// pairings may.
    pairings: stored Vec<Ref<pairings>> in document_pairings.pairing_id,
}

/// Filter parameters of the list of documents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentFilter {
    /// Words in title, publisher and note.
    #[param(max_length = 200, example = "牵手")]
    pub q: Option<String>,
    /// Only documents of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// That editors of this pairing may change.
    pub pairing: Option<Ref>,
    /// Published on this date or later.
    pub published_from: Option<NaiveDate>,
    /// Published on this date or earlier.
    pub published_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

/// Attaches the file of a document.
#[utoipa::path(
    put, path = "/documents/{ref}/content", operation_id = "putDocumentContent", tag = "documents",
    summary = "Upload the file of a document · 上传文件内容",
    description = "Sets the file of a document once: the raw body, of at most 20 MiB, with its media type in `Content-Type`, \
        or as the one part of `multipart/form-data`. \
        Uploading the same bytes again has no effect; other bytes conflict (409). 文件内容只能设置一次。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the document.")),
    request_body(content = String, content_type = "application/octet-stream", description = "The file's bytes; any media type."),
    responses((status = 200, description = "The document with its file.", body = Document))
)]
async fn put_content(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    if !is_media_type(call.header(header::CONTENT_TYPE).unwrap_or_default()) {
        return Err(no_media_type());
    }
    let mut bytes = Vec::new();
    let received = call.file(payload, FILE_MAX, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    let Described { media_type, .. } = within_deadline(received).await??;
    if !is_media_type(&media_type) {
        return Err(no_media_type());
    }
    let place = call.state.settings.files.clone();
    let document = call
        .write(actor, move |tx| files::attach(tx, &place, &Ref(reference.into_inner()), &media_type, &bytes))
        .await?;
    let (_, version) = Documents::id_and_version(&document);
    response::updated(version, &document)
}

/// Reads the file of a document.
#[utoipa::path(
    get, path = "/documents/{ref}/content", operation_id = "getDocumentContent", tag = "documents",
    summary = "Download the file of a document · 下载文件内容",
    description = "Returns the bytes of the file with the media type of the upload, always as an attachment. 以附件形式下载文件。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the document.")),
    responses((status = 200, description = "The file's bytes.", body = String, content_type = "application/octet-stream"))
)]
async fn get_content(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    call.validate_headers()?;
    call.query("getDocumentContent")?;
    let sent = call.state.limits.enter_file(peer::of(&call.request))?;
    let place = call.state.settings.files.clone();
    let is_head = call.is_head();
    let (file, body) = call
        .read(move |conn| {
            let file = files::find(conn, &Ref(reference.into_inner()))?;
            let bytes = if is_head { None } else { Some(files::read(conn, &place, &file)?) };
            Ok((file, bytes))
        })
        .await?;
    let etag = format!("\"{}\"", file.sha256);
    let known = call.known_as(&etag);
    let mut response = if known.is_some() { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, known.clone().unwrap_or(etag)));
    if known.is_some() {
        return Ok(response.finish());
    }
    let body = match body {
        Some(bytes) => guarded_body::with_guard(BoxBody::new(bytes), sent),
        None => BoxBody::new(Body::unread(file.byte_size)),
    };
    // A file is somebody else's: it is never shown as a page of this service.
    Ok(response
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.code)))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"))
        .content_type(file.media_type)
        .body(body))
}

fn no_media_type() -> Error {
    let title = msg!("Content-Type 缺失或无效", "Content-Type is absent or not valid");
    Problem::new(415, "unsupported_media_type", title).into()
}

fn is_media_type(text: &str) -> bool {
    let token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.len() <= 200
        && text
            .split(';')
            .next()
            .and_then(|essence| essence.trim().split_once('/'))
            .is_some_and(|(a, b)| token(a) && token(b))
}

impl ApiResource for Documents {
    const ROUTES: Routes = Routes {
        label: "文件",
        exceptions: &[("createDocument", Access::Editors(Reach::AllRecords))],
        ..Routes::OF_PAIRING
    };

    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config.service(operation!(put_content)).service(operation!(get_content));
    }
}
