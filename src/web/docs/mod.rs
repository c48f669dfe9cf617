//! The API documentation: Swagger UI, embedded in the program, with an introduction in Chinese and English.
//!
//! The page can send requests to this service with a key. The key is kept in the page's memory only, because offices share
//! computers, and stored keys would be available to the next user of the browser.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

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
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json").validator_url("none")));
}

fn moved() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

fn part(media_type: &str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(format!("{media_type}; charset=utf-8")).body(text)
}
