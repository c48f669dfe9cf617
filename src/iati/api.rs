//! The HTTP operation for IATI files.

use actix_web::HttpResponse;
use actix_web::web::Path;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Reporter, write};
use crate::db::Conn;
use crate::error::Result;
use crate::http::list::AsOf;
use crate::http::response::ReadResponse;
use crate::http::routes::{ServiceConfig, handlers, operation};
use crate::http::{Call, typed};
use crate::model::types::Ref;
use crate::resources::programmes::Programmes;

const MEDIA_TYPE: &str = "application/xml";

/// The placeholder for the identifier of the reporting organisation; no registered identifier has this form.
const UNREGISTERED: &str = "UNREGISTERED";
/// "Other" in the codelist OrganisationType.
const OTHER: &str = "90";

/// Query parameters with data that the records do not have.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IatiParams {
    /// Registered identifier of the reporting organisation, with which the identifiers of activities begin. Default:
    /// `UNREGISTERED`, for preview only; such a file must not be published.
    #[param(max_length = 100, pattern = "^[^/&|? ]+$", example = "CN-REG-440700")]
    pub reporting_org: Option<String>,
    /// Type of the reporting organisation by IATI's codelist OrganisationType. Default: `90` (other).
    #[param(min_length = 2, max_length = 2, pattern = "^[0-9]{2}$", example = "11")]
    pub reporting_org_type: Option<String>,
    /// Name of the reporting organisation. Default: the programme's lead body, or the programme if it has none.
    #[param(min_length = 1, max_length = 200, example = "江门市人民政府")]
    pub reporting_org_name: Option<String>,
    /// URI of the published list of sector codes. Default: left out.
    #[param(max_length = 2000, pattern = "^https?://[!-~]+$", example = "https://example.org/sectors")]
    pub sector_vocabulary_uri: Option<String>,
}

/// Returns a programme as an IATI file.
#[utoipa::path(
    get, path = "/programmes/{ref}/iati.xml", operation_id = "getProgrammeIati", tag = "programmes",
    summary = "Export a programme as an IATI file · 导出 IATI 文件",
    description = "Returns the programme, its pairings and their projects as activities of the IATI standard 2.03, with participants, dates, \
        places, sectors, budgets, transactions, documents and results. Data that the records do not have is left out, or given by parameters. \
        以 IATI 2.03 活动文件导出计划、结对关系与项目。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the programme."), IatiParams, AsOf),
    responses((status = 200, description = "The file.", content_type = "application/xml", body = String))
)]
async fn iati(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    call.respond(|call, _| {
        let query = call.query("getProgrammeIati")?;
        let IatiParams { reporting_org, reporting_org_type, reporting_org_name, sector_vocabulary_uri } =
            typed(&query)?;
        let view = call.view(&query);
        let reporter = Reporter {
            identifier: reporting_org.unwrap_or_else(|| UNREGISTERED.to_owned()),
            kind: reporting_org_type.unwrap_or_else(|| OTHER.to_owned()),
            name: reporting_org_name,
            sectors_uri: sector_vocabulary_uri,
            as_of: view.as_of,
        };
        Ok(move |conn: &mut Conn| {
            let programme = handlers::find::<Programmes>(conn, &Ref(reference.into_inner()), view)?;
            Ok(ReadResponse::new(write::write(conn, &programme, &reporter)?, MEDIA_TYPE))
        })
    })
    .await
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(iati));
}
