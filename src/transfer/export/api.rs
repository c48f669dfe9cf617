//! The HTTP operation for bundles.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::bundle::Bundle;
use super::closure::Closure;
use crate::error::{Error, Result};
use crate::http::format::{self, OF_BUNDLES};
use crate::http::routes::{ServiceConfig, operation};
use crate::http::{Call, export, guarded_body, peer, typed};
use crate::model::types::Ref;
use crate::record::ReadContext;

/// Query parameters of a bundle.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BundleFilter {
    /// Programme whose records the bundle has, with every record that they refer to. Default: every record.
    #[param(example = "jiangmen-east-west")]
    pub programme: Option<Ref>,
}

/// Exports a bundle.
#[utoipa::path(
    get, path = "/exports/bundle", operation_id = "getBundle", tag = "exports",
    summary = "Export a bundle of records · 导出数据包",
    description = "Returns records in the shape that imports read: a mapping from each resource to a list of records in the shape of their \
        POST bodies, as JSON or YAML, or as a workbook with all tables. `Accept` or a suffix of the path (`/api/v1/exports/bundle.yaml`) \
        selects the format. All records are of one moment. With `programme` the bundle has the programme's records, the assets of its \
        regions, and every record that these refer to, including parent regions; without it, every record. A record without a code has a \
        surrogate code: imported into the same database it refers to that record, elsewhere it becomes the record's code. Personal data \
        that the caller may not see is left out, so that importing the bundle does not clear it. The bundle does not contain ids, versions, \
        baselines and revisions of due dates, confirmations, amendments, approvals, the files of documents, or the history. \
        以可重新导入的格式导出记录。",
    params(BundleFilter),
    responses((status = 200, description = "The bundle.", body = String, content_type = "application/json"))
)]
async fn get_bundle(call: Call) -> Result<HttpResponse> {
    let format = format::negotiate(&call.request, OF_BUNDLES)?;
    call.validate_headers()?;
    let BundleFilter { programme } = typed(&call.query("getBundle")?)?;
    let name = programme.as_ref().map_or_else(|| "bundle".to_owned(), |programme| programme.0.clone());
    if call.is_head() {
        if let Some(programme) = programme {
            call.state.store.read(move |conn| Closure::programme(conn, &programme)).await?;
        }
        return Ok(export::attachment(&call, format, &name, BoxBody::new(export::Body::unmade())));
    }
    let place = call.state.limits.enter_file(peer::of(&call.request))?;
    let (catalog, visibility, language) = (call.state.catalog.clone(), call.visibility(), call.language());
    let view = ReadContext { as_of: call.today() };
    let client = call.client();
    let file = call.state.store.snapshot(&client, move |conn| {
        let failed = |error: std::io::Error| Error::Unavailable(format!("cannot make a temporary file: {error}"));
        let mut file = std::io::BufWriter::new(tempfile::tempfile().map_err(failed)?);
        let programme = programme.as_ref();
        let bundle = Bundle { contract: &catalog.contract, visibility: &visibility, programme, format, language, view };
        bundle.write(conn, &mut file)?;
        file.into_inner().map_err(|error| failed(error.into_error()))
    });
    let body = export::Body::of_file(file.await?)?;
    Ok(export::attachment(&call, format, &name, guarded_body::with_guard(BoxBody::new(body), place)))
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(get_bundle));
}
