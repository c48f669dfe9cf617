//! What clients see of documents.

use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, get, put};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{Documents, Kind, files};
use crate::access::policy::{Access, Reach};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::error::{Error, Problem, Result};
use crate::http::body::within_deadline;
use crate::http::export::Body;
use crate::http::multipart::Described;
use crate::http::routes::{self, Routes};
use crate::http::{Call, guarded_body, peer, response};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::msg;
use crate::record::Resource;
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use utoipa_actix_web::service_config::ServiceConfig;

/// The most bytes of a document's file.
const FILE_MAX: usize = 20 * 1024 * 1024;

/// A file or a web source that records cite.
#[derive(Debug, Serialize, ToSchema)]
pub struct Document {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Unique slug.
    pub code: Code,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// The document's title.
    pub title: Text,
    /// What the document is; null where unknown.
    pub kind: Option<Kind>,
    /// Who published it.
    #[schema(max_length = 500, example = "羊城晚报")]
    pub publisher: Option<String>,
    /// When it was published.
    pub published_on: Option<NaiveDate>,
    /// Where it can be read.
    #[schema(max_length = 2000, example = "https://example.org/report.html")]
    pub url: Option<String>,
    /// Its language (BCP 47).
    #[schema(max_length = 35, example = "zh-CN")]
    pub language: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
    /// The file's media type; null while there is no file.
    #[schema(max_length = 200, example = "application/pdf")]
    pub media_type: Option<String>,
    /// The file's size in bytes.
    #[schema(minimum = 0, example = 48213)]
    pub byte_size: Option<i64>,
    /// The file's SHA-256 in hexadecimal digits.
    #[schema(max_length = 64)]
    pub sha256: Option<String>,
    /// The pairings whose editors may change it: those of the key that made it. None: only keys of all pairings.
    pub pairings: Vec<Reference>,
    /// What the record itself rests on.
    pub citations: Vec<Citation>,
}

/// A document to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewDocument {
    /// Unique slug.
    pub code: Code,
    /// The document's title.
    pub title: Text,
    /// What the document is.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Who published it.
    #[serde(default)]
    #[schema(max_length = 500, example = "羊城晚报")]
    pub publisher: Option<String>,
    /// When it was published.
    #[serde(default)]
    pub published_on: Option<NaiveDate>,
    /// Where it can be read: an http or https address.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = "^https?://[!-~]+$", example = "https://example.org/report.html")]
    pub url: Option<String>,
    /// Its language (BCP 47).
    #[serde(default)]
    #[schema(max_length = 35, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", example = "zh-CN")]
    pub language: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// What the record itself rests on.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

/// Filter parameters of the list of documents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentFilter {
    /// Words in title, publisher and note.
    #[param(max_length = 200, example = "牵手")]
    pub q: Option<String>,
    /// What the documents are; several repeat the parameter.
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

impl ApiResource for Documents {
    const ROUTES: Routes = Routes {
        label: "文件",
        exceptions: &[("createDocument", Access::Editors(Reach::AllRecords))],
        ..Routes::OF_PAIRING
    };

    fn mount(config: &mut ServiceConfig<'_>) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config.service(put_content).service(get_content);
    }
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
#[put("/documents/{ref}/content")]
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
#[get("/documents/{ref}/content")]
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
