//! The page to read and to try out the API: Swagger UI, out of the program itself, with a head in Chinese and English.
//!
//! It sends what is tried out to this service, with the key that was given it. The key is kept in the page's memory alone:
//! offices share computers, and what a browser stores outlives who typed it.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

const PAGE: &str = include_str!("index.html");
const STYLE: &str = include_str!("page.css");
/// Begins Swagger UI in place of the script that comes with it, which fills examples into every field.
const SCRIPT: &str = include_str!("page.js");

/// Mounts the page, and the parts of Swagger UI that it loads.
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
