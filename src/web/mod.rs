//! Web pages, and operations about the service itself.

pub mod catalog;
pub mod docs;
mod embedded;
pub mod guides;
pub mod service;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::access::policy::{Access, PagePolicy};
use crate::db::page::PageRequest;
use crate::db::{Class, Conn};
use crate::error::{Error, Result};
use crate::http::Call;
use crate::model::text::Language;
use crate::record::{ReadContext, Resource};
use crate::reports::facts::FactStore;
use crate::reports::scorecard::{self, Figures};
use crate::resources::pairings::api::{Pairing, PairingFilter};
use crate::resources::pairings::{Pairings, Role};

/// The maximum number of pairings on the home page.
const SHOWN: i64 = 200;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    zh: bool,
    as_of: String,
    pairings: Vec<Row>,
}

struct Row {
    code: String,
    name: String,
    supporters: String,
    recipients: String,
    progress: String,
    milestones: i64,
    overdue: i64,
    /// The number of commitments behind schedule.
    behind: i64,
    /// The number of resolutions past their due date.
    resolutions_overdue: i64,
}

/// The routes of [`mount`], each for `GET`.
pub const PAGES: &[PagePolicy] = &[
    PagePolicy { route: "/", access: Access::Readers, reads: Class::LongRead },
    short("/metrics", Access::Readers),
    short("/docs", Access::Public),
    short("/docs/", Access::Public),
    short("/docs/index.html", Access::Public),
    short("/docs/page.css", Access::Public),
    short("/docs/page.js", Access::Public),
    short("/docs/guides", Access::Public),
    short("/docs/guides/", Access::Public),
    short("/docs/guides.css", Access::Public),
    short("/docs/guides/{guide}", Access::Public),
    short("/docs/swagger-ui-bundle.js", Access::Public),
    short("/docs/swagger-ui.css", Access::Public),
    short("/docs/favicon-32x32.png", Access::Public),
    short("/openapi.json", Access::Public),
    short("/openapi.yaml", Access::Public),
    short("/openapi-3.0.json", Access::Public),
];

const fn short(route: &'static str, access: Access) -> PagePolicy {
    PagePolicy { route, access, reads: Class::ShortRead }
}

/// Mounts the pages, the document and the metrics.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .configure(service::mount_document)
        .service(crate::http::metrics::print)
        .route("/", web::get().to(home))
        .configure(guides::mount)
        .configure(docs::mount);
}

/// The home page: the status of each pairing as of today.
async fn home(call: Call) -> Result<HttpResponse> {
    let language = call.language();
    let view = ReadContext { as_of: call.today() };
    let facts = call.state.parts.get::<FactStore>()?;
    let pairings = call
        .read(move |conn: &mut Conn| {
            let filter: PairingFilter = serde_json::from_value(serde_json::json!({}))?;
            let request = PageRequest { limit: SHOWN, after: None, count: false, list: String::new() };
            let figures = scorecard::of_pairings(conn, &facts, view.as_of)?;
            let page = Pairings::page(conn, &filter, &request, view)?;
            let pairings = Pairings::load(conn, &page.ids, view)?;
            Ok(pairings.into_iter().map(|pairing| (figures.get(&pairing.id).cloned(), pairing)).collect::<Vec<_>>())
        })
        .await?;
    let home = Home {
        zh: language == Language::Zh,
        as_of: view.as_of.to_string(),
        pairings: pairings.into_iter().map(|(figures, pairing)| row(pairing, figures.as_ref(), language)).collect(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_LANGUAGE, language.tag()))
        .content_type("text/html; charset=utf-8")
        .body(home.render().map_err(Error::unexpected)?))
}

fn row(pairing: Pairing, figures: Option<&Figures>, language: Language) -> Row {
    let in_language = |text: &crate::model::text::Text| match (language, &text.en) {
        (Language::En, Some(en)) => en.clone(),
        _ => text.zh.clone(),
    };
    let side = |role: Role| {
        let names =
            pairing.members.iter().filter(|member| member.role == role).map(|member| in_language(&member.region.name));
        names.collect::<Vec<_>>().join(if language == Language::Zh { "、" } else { ", " })
    };
    Row {
        supporters: side(Role::Supporter),
        recipients: side(Role::Recipient),
        name: in_language(&pairing.name),
        progress: pairing.progress.map_or_else(|| "–".to_owned(), |progress| format!("{progress} %")),
        milestones: pairing.progress_counted + pairing.progress_left_out,
        overdue: pairing.overdue,
        behind: figures.map_or(0, |figures| figures.commitments.behind),
        resolutions_overdue: figures.map_or(0, |figures| figures.resolutions.overdue),
        code: pairing.code.0,
    }
}
