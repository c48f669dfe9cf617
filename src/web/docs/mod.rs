//! The API documentation: Swagger UI, embedded in the program, with an introduction in Chinese and English.
//!
//! The page can send requests to this service with a key. The key is kept in the page's memory only, because offices share
//! computers, and stored keys would be available to the next user of the browser.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::Result;
use crate::web::embedded::{Embedded, embedded};

const PAGE: &str = include_str!("index.html");
const STYLE: &str = include_str!("page.css");
/// Starts Swagger UI. It replaces the default script, which fills every field with an example.
const SCRIPT: &str = include_str!("page.js");

/// Mounts the page and the files of Swagger UI.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .route("/docs", web::get().to(|| async { moved() }))
        .route("/docs/", web::get().to(|| async { part("text/html", PAGE) }))
        .route("/docs/index.html", web::get().to(|| async { moved() }))
        .route("/docs/page.css", web::get().to(|| async { part("text/css", STYLE) }))
        .route("/docs/page.js", web::get().to(|| async { part("text/javascript", SCRIPT) }))
        .route("/docs/swagger-ui-bundle.js", web::get().to(bundle))
        .route("/docs/swagger-ui.css", web::get().to(bundle_style))
        .route("/docs/favicon-32x32.png", web::get().to(icon));
}

async fn bundle(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("text/javascript; charset=utf-8", "swagger-ui-bundle.js");
    FILE.respond(&request)
}

async fn bundle_style(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("text/css; charset=utf-8", "swagger-ui.css");
    FILE.respond(&request)
}

async fn icon(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("image/png", "favicon-32x32.png");
    FILE.respond(&request)
}

fn moved() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

fn part(media_type: &str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(format!("{media_type}; charset=utf-8")).body(text)
}
